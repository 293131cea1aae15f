/** Which proxy a URL is reached through. */

import { expect, test } from '@jest/globals';
import { proxyFor, readProxyUrl } from '../src/proxy.js';

test.each([
  ['http://host:3128', 'http', 'http://host:3128', 'host:3128'],
  ['host:3128', 'http', 'http://host:3128', 'host:3128'],
  ['host', 'http', 'http://host:80', 'host:80'],
  [' HTTP://Host:3128/ ', 'http', 'http://host:3128', 'host:3128'],
  ['https://host', 'https', 'https://host:443', 'host:443'],
  ['socks5://host', 'socks5', 'socks5://host:1080', 'host:1080'],
  ['socks5h://host:9050', 'socks5h', 'socks5h://host:9050', 'host:9050'],
  ['socks://host', 'socks5h', 'socks5h://host:1080', 'host:1080'],
  ['http://[::1]:8080', 'http', 'http://[::1]:8080', '[::1]:8080'],
  ['user:p%40ss@host:3128', 'http', 'http://user:p%40ss@host:3128', 'host:3128'],
  ['socks5://user@host', 'socks5', 'socks5://user@host:1080', 'host:1080'],
])('%s is a proxy', (text, scheme, url, address) => {
  expect(readProxyUrl(text)).toEqual({ scheme, url, host: address.replace(/:\d+$/, ''), address });
});

test.each(['', 'ftp://host', 'http://', 'http://host:99999', 'http://host/path', 'http://host?a', 'http://host#a'])(
  '%j is no proxy',
  (text) => {
    expect(readProxyUrl(text)).toBeUndefined();
  },
);

test('a password that cannot be decoded is refused when it is read, not when it is needed', () => {
  expect(readProxyUrl('http://user:%zz@host:1')).toBeUndefined();
});

const KIRO = 'https://runtime.us-east-1.kiro.dev/generateAssistantResponse';

const addressFor = (url: string, setting: string | undefined, env: Record<string, string>) => {
  const found = proxyFor(url, setting, env);
  return found !== undefined && 'address' in found ? found.address : found;
};

test.each<[string, string | undefined, Record<string, string>, string | object | undefined]>([
  [KIRO, undefined, {}, undefined],
  [KIRO, 'set:1', {}, 'set:1'],
  [KIRO, 'set:1', { HTTPS_PROXY: 'env:2' }, 'set:1'],
  [KIRO, undefined, { HTTPS_PROXY: 'env:2' }, 'env:2'],
  [KIRO, undefined, { https_proxy: 'env:2' }, 'env:2'],
  [KIRO, undefined, { https_proxy: 'lower:2', HTTPS_PROXY: 'upper:2' }, 'lower:2'],
  [KIRO, undefined, { HTTP_PROXY: 'env:2' }, undefined],
  [KIRO, undefined, { ALL_PROXY: 'env:2' }, 'env:2'],
  [KIRO, undefined, { all_proxy: 'env:2' }, 'env:2'],
  [KIRO, undefined, { ALL_PROXY: 'all:2', HTTPS_PROXY: 'env:2' }, 'env:2'],
  [KIRO, undefined, { HTTPS_PROXY: ' ' }, undefined],
  [KIRO, undefined, { HTTPS_PROXY: 'ftp://a' }, { invalid: 'HTTPS_PROXY' }],
  ['http://kiro.test/', undefined, { HTTP_PROXY: 'env:2', HTTPS_PROXY: 'other:3' }, 'env:2'],
  // what is excepted
  [KIRO, 'set:1', { NO_PROXY: '*' }, undefined],
  [KIRO, 'set:1', { no_proxy: 'kiro.dev' }, undefined],
  [KIRO, 'set:1', { NO_PROXY: 'a.b, .kiro.dev' }, undefined],
  [KIRO, 'set:1', { NO_PROXY: '*.kiro.dev' }, undefined],
  [KIRO, 'set:1', { NO_PROXY: 'Runtime.US-east-1.kiro.dev' }, undefined],
  [KIRO, 'set:1', { NO_PROXY: 'kiro.dev:443' }, undefined],
  [KIRO, 'set:1', { NO_PROXY: 'kiro.dev:8443' }, 'set:1'],
  [KIRO, 'set:1', { NO_PROXY: 'iro.dev,dev.kiro' }, 'set:1'],
  ['https://[2001:db8::1]/', 'set:1', { NO_PROXY: '[2001:db8::1]' }, undefined],
  ['https://[2001:db8::1]/', 'set:1', { NO_PROXY: '2001:db8::1' }, undefined],
  ['https://[2001:db8::1]:8443/', 'set:1', { NO_PROXY: '[2001:db8::1]:8443' }, undefined],
  // this machine
  ['http://127.0.0.1:9/', 'set:1', {}, 'set:1'],
  ['http://127.0.0.1:9/', 'set:1', { NO_PROXY: '127.0.0.1' }, undefined],
  ['http://127.0.0.1:9/', undefined, { HTTP_PROXY: 'env:2' }, undefined],
  ['http://127.9.9.9:9/', undefined, { HTTP_PROXY: 'env:2' }, undefined],
  ['http://localhost:9/', undefined, { ALL_PROXY: 'env:2' }, undefined],
  ['http://sim.localhost:9/', undefined, { HTTP_PROXY: 'env:2' }, undefined],
  ['http://[::1]:9/', undefined, { HTTP_PROXY: 'env:2' }, undefined],
  ['http://[::1]:9/', 'set:1', {}, 'set:1'],
  ['https://localhost.evil.example/', undefined, { HTTPS_PROXY: 'env:2' }, 'env:2'],
])('%s with the setting %s and %j is reached through %s', (url, setting, env, expected) => {
  expect(addressFor(url, setting, env)).toEqual(expected);
});
