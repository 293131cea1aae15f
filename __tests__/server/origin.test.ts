/** Which Host and Origin come in, and what a web page that was let in is told. */

import { expect, test } from '@jest/globals';

import { GatewayError } from '../../src/core/errors.js';
import { createOriginCheck, type OriginRules } from '../../src/server/origin.js';

const LOCAL: OriginRules = { bind: '127.0.0.1', allowedHosts: [], corsOrigins: [] };
const PUBLIC: OriginRules = { ...LOCAL, bind: '0.0.0.0' };

function outcome(rules: OriginRules, headers: Record<string, string>): unknown {
  try {
    return createOriginCheck(rules)(headers);
  } catch (thrown) {
    return thrown instanceof GatewayError ? thrown.kind : thrown;
  }
}

const hosts: readonly (readonly [string, OriginRules, string, boolean])[] = [
  ['127.0.0.1:8000', LOCAL, '127.0.0.1:8000', true],
  ['any port', LOCAL, 'localhost:1', true],
  ['no port', LOCAL, 'localhost', true],
  ['capitals', LOCAL, 'LocalHost:8000', true],
  ['a trailing dot', LOCAL, 'localhost.:8000', true],
  ['IPv6', LOCAL, '[::1]:8000', true],
  ['another loopback address', LOCAL, '127.1.2.3:8000', true],
  ['a rebound name', LOCAL, 'evil.example:8000', false],
  ['a name that begins like loopback', LOCAL, '127.0.0.1.evil.example', false],
  ['a name that ends like loopback', LOCAL, 'evil-localhost', false],
  ['localhost as a subdomain', LOCAL, 'localhost.evil.example', false],
  ['no host at all', LOCAL, '', false],
  ['an odd IPv4 spelling', LOCAL, '0x7f.1', false],
  ['an allowed name', { ...LOCAL, allowedHosts: ['My.Box'] }, 'my.box:8000', true],
  ['another name beside an allowed one', { ...LOCAL, allowedHosts: ['my.box'] }, 'your.box', false],
  ['any name on a public address without a list', PUBLIC, 'anything.example', true],
  ['a name not in the list on a public address', { ...PUBLIC, allowedHosts: ['my.box'] }, 'other.box', false],
  ['loopback beside the list on a public address', { ...PUBLIC, allowedHosts: ['my.box'] }, 'localhost', true],
];

for (const [what, rules, host, passes] of hosts) {
  test(`host: ${what} ${passes ? 'passes' : 'is refused'}`, () => {
    expect(outcome(rules, { host })).toEqual(passes ? {} : 'forbidden');
  });
}

const origins: readonly (readonly [string, string, boolean])[] = [
  ['a foreign page', 'https://evil.example', false],
  ['a page on another local port', 'http://localhost:3000', false],
  ['the gateway itself', 'http://localhost:8000', true],
  ['an extension', 'vscode-webview://abc', true],
  ['a file', 'null', true],
  ['an app', 'app://obsidian.md', true],
];

for (const [what, origin, passes] of origins) {
  test(`origin: ${what} ${passes ? 'passes without CORS headers' : 'is refused'}`, () => {
    expect(outcome(LOCAL, { host: 'localhost:8000', origin })).toEqual(passes ? {} : 'forbidden');
  });
}

test('an origin that was opted in gets its CORS headers', () => {
  const rules = { ...LOCAL, corsOrigins: ['https://App.example/'] };
  expect(outcome(rules, { host: 'localhost:8000', origin: 'https://app.example' })).toEqual({
    'access-control-allow-origin': 'https://app.example',
    vary: 'Origin',
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': '*, authorization',
    'access-control-expose-headers':
      'x-request-id, request-id, x-kiro-gateway-notice, x-kiro-gateway-credits, retry-after',
    'access-control-max-age': '600',
  });
});
