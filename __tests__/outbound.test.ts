/** The way out over real sockets: kept connections that died, proxies of every kind, and certificates of one's own. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, test } from '@jest/globals';
import { Secret } from '../src/core/secret.js';
import { createOutboundFetch } from '../src/outbound.js';
import { told } from './support/bytes.js';
import { startGateway } from './support/gateway.js';
import { ask, question, ROUTES } from './support/http.js';
import { startConnectProxy, startSocksProxy, type ProxyOptions, type ProxyServer } from './support/proxies.js';
import { startScript } from './support/script.js';
import { answer, type Answer, beginAnswer, nobody, startUpstream } from './support/upstream.js';

/** A name that only a proxy can resolve. */
const KIRO = 'http://kiro.test/path';
const PASSWORD = { user: 'me@home', password: 'p@ss:word' };
const WRITTEN = 'me%40home:p%40ss%3Aword';

async function get(
  url: string,
  proxyUrl?: string,
  env: Readonly<Record<string, string>> = {},
  body = 'question',
): Promise<unknown> {
  const fetch = await createOutboundFetch({ proxyUrl: proxyUrl === undefined ? undefined : new Secret(proxyUrl), env });
  try {
    const response = await fetch(url, { method: 'POST', headers: {}, body });
    return `${response.status} ${await response.text()}`;
  } catch (thrown) {
    return told(thrown);
  }
}

const hostOf = (url: string) => new URL(url).host;

type Start = (options: ProxyOptions) => Promise<ProxyServer>;
const PROXIES: readonly (readonly [string, Start, string])[] = [
  ['http', startConnectProxy, 'kiro.test:80'],
  ['socks5h', startSocksProxy, 'kiro.test:80'],
];

// --- through a proxy

test.each(PROXIES)(
  'through %s, with a user name and a password that have to be decoded',
  async (scheme, start, asked) => {
    const kiro = await startUpstream(answer(200, 'hello'));
    const proxy = await start({ target: hostOf(kiro.url), ...PASSWORD });
    expect(await get(KIRO, `${scheme}://${WRITTEN}@${proxy.address}`)).toBe('200 hello');
    expect([proxy.asked, kiro.requests.map(({ url, body }) => [url, body])]).toEqual([
      [asked],
      [['/path', 'question']],
    ]);
  },
);

test.each(PROXIES)('through %s without a password', async (scheme, start) => {
  const kiro = await startUpstream(answer(200, 'hello'));
  const proxy = await start({ target: hostOf(kiro.url) });
  expect(await get(KIRO, `${scheme}://${proxy.address}`)).toBe('200 hello');
});

test('socks5 looks up the name on this machine', async () => {
  const proxy = await startSocksProxy({ target: undefined });
  await get('http://192.0.2.1/', `socks5://${proxy.address}`);
  expect(proxy.asked).toEqual(['192.0.2.1:80']);
  expect(await get('http://nowhere.invalid/', `socks5://${proxy.address}`)).toMatchObject({ name: 'FetchError' });
});

test('without a scheme it is a plain HTTP proxy', async () => {
  const kiro = await startUpstream(answer(200, 'hello'));
  const proxy = await startConnectProxy({ target: hostOf(kiro.url) });
  expect(await get(KIRO, proxy.address)).toBe('200 hello');
});

test('one connection through a proxy serves many requests', async () => {
  const kiro = await startUpstream(answer(200, 'hello'));
  const proxy = await startConnectProxy({ target: hostOf(kiro.url) });
  const fetch = await createOutboundFetch({ proxyUrl: new Secret(proxy.address), env: {} });
  for (let count = 0; count < 3; count++) {
    await (await fetch(KIRO, { method: 'GET', headers: {} })).text();
  }
  expect([proxy.asked.length, kiro.requests.length]).toEqual([1, 3]);
});

test.each(PROXIES)('a wrong password of %s is told as the proxy’s, and Kiro is not asked', async (scheme, start) => {
  const kiro = await startUpstream(answer(200, 'hello'));
  const proxy = await start({ target: hostOf(kiro.url), ...PASSWORD });
  const expected = `upstream-protocol: The proxy ${proxy.address} asks for a user name and password; write them into its URL, as in http://user:password@host:port.`;
  expect(await get(KIRO, `${scheme}://me:wrong@${proxy.address}`)).toBe(expected);
  expect(await get(KIRO, `${scheme}://${proxy.address}`)).toBe(expected);
  expect(kiro.requests.length).toBe(0);
});

test.each([
  ['http', startConnectProxy, 'upstream-protocol', 'refused the connection to Kiro (403); ask whoever runs it.'],
  ['socks5h', startSocksProxy, 'upstream-unavailable', 'did not reach Kiro; try again, or ask whoever runs it.'],
] as const)('a refusal of %s is not Kiro’s', async (scheme, start, kind, words) => {
  const proxy = await start({ target: undefined });
  expect(await get(KIRO, `${scheme}://${proxy.address}`)).toBe(`${kind}: The proxy ${proxy.address} ${words}`);
});

test.each(['http', 'https', 'socks5h'])('a %s proxy that is down is told by its address', async (scheme) => {
  const address = hostOf(await nobody());
  expect(await get(KIRO, `${scheme}://me:secret@${address}`)).toBe(
    `upstream-unavailable: The proxy ${address} cannot be reached (ECONNREFUSED); check its address, or start it.`,
  );
});

test('a 407 of Kiro itself is handed on', async () => {
  const kiro = await startUpstream(answer(407, 'odd'));
  expect(await get(kiro.url)).toBe('407 odd');
});

test('the environment names a proxy too, and exceptions', async () => {
  const kiro = await startUpstream(answer(200, 'hello'));
  const proxy = await startConnectProxy({ target: hostOf(kiro.url) });
  expect([
    await get(KIRO, undefined, { HTTP_PROXY: proxy.address }),
    await get(KIRO, undefined, { all_proxy: proxy.address }),
    await get(KIRO, undefined, { HTTP_PROXY: proxy.address, NO_PROXY: 'test' }),
    await get(KIRO, undefined, { HTTP_PROXY: 'ftp://x' }),
  ]).toEqual([
    '200 hello',
    '200 hello',
    expect.objectContaining({ code: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/) }),
    'invalid-request: HTTP_PROXY must be the URL of a proxy, such as http://user:password@host:3128 or socks5h://host:1080.',
  ]);
});

test('what is on this machine is reached through the proxy of the setting, and not through those of the environment', async () => {
  const kiro = await startUpstream(answer(200, 'hello'));
  const proxy = await startConnectProxy({ target: hostOf(kiro.url) });
  expect(await get(kiro.url, undefined, { HTTP_PROXY: proxy.address })).toBe('200 hello');
  expect(proxy.asked).toEqual([]);
  expect(await get(kiro.url, proxy.address)).toBe('200 hello');
  expect(proxy.asked).toEqual([hostOf(kiro.url)]);
});

test.each([
  ['Kiro', { KIRO_API_URL: 'https://kiro.test', KIRO_API_KEY: 'ksk_0123456789', REFRESH_TOKEN: '' }],
  ['the login service', { KIRO_AUTH_URL: 'https://kiro.test' }],
])('VPN_PROXY_URL is the way to %s, and its password is in no log', async (_, hosts) => {
  const proxy = await startConnectProxy({ target: undefined, ...PASSWORD });
  const gateway = await startGateway({
    env: { VPN_PROXY_URL: `http://me:hush-hush@${proxy.address}`, ...hosts },
  });
  try {
    const { status, text } = await ask(gateway, ROUTES['anthropic-messages'], { body: question('hi') });
    expect([status, JSON.parse(text).error.message]).toEqual([
      502,
      `The proxy ${proxy.address} asks for a user name and password; write them into its URL, as in http://user:password@host:port.`,
    ]);
    expect(gateway.said() + text).not.toMatch(/hush/);
    expect(proxy.asked).toContain('kiro.test:443');
  } finally {
    await gateway.close();
  }
});

// --- TLS

const TLS = join(import.meta.dirname, 'fixtures', 'tls');

test.each(PROXIES)(
  'an https host behind %s is trusted through NODE_EXTRA_CA_CERTS, and not without',
  async (scheme, start) => {
    const pem = (name: string) => readFileSync(join(TLS, name));
    const server = createTlsServer({ key: pem('key.pem'), cert: pem('certificate.pem') }, (_, response) => {
      response.end('hello');
    });
    const proxy = await start({ target: await listen(server), ...PASSWORD });
    const call = async (env: Readonly<Record<string, string>>) => {
      const args = ['https://kiro.test/', `${scheme}://${WRITTEN}@${proxy.address}`];
      return startScript('outbound-caller.ts', args, { env, stderr: 'ignore' }).line();
    };
    expect(await Promise.all([call({ NODE_EXTRA_CA_CERTS: join(TLS, 'certificate.pem') }), call({})])).toEqual([
      '200 hello',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
    ]);
    expect(proxy.asked).toEqual(['kiro.test:443', 'kiro.test:443']);
  },
);

test('an https host of an unknown certificate is not told a word without a proxy either', async () => {
  const pem = (name: string) => readFileSync(join(TLS, name));
  let asked = 0;
  const server = createTlsServer({ key: pem('key.pem'), cert: pem('certificate.pem') }, () => void asked++);
  const failure = await get(`https://${await listen(server)}/`);
  expect([failure, asked]).toEqual([expect.objectContaining({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 0]);
});

test('nothing is to be packed, and what is packed all the same is read', async () => {
  const kiro = await startUpstream(answer(200, gzipSync('hello'), { 'content-encoding': 'gzip' }));
  expect([await get(kiro.url), kiro.requests[0]?.headers['accept-encoding']]).toEqual(['200 hello', 'identity']);
});

test('an answer that never ends is given up, packed or not', async () => {
  const block = Buffer.alloc(2 ** 20, ' ');
  const endless: Answer = (response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(block));
    };
    response.on('drain', more);
    more();
  };
  const bomb = answer(200, gzipSync(Buffer.alloc(2 ** 26)), { 'content-encoding': 'gzip' });
  const kiro = await startUpstream(endless, bomb);
  const tooLarge = 'upstream-protocol: The other side answered with more than the gateway reads; try again.';
  expect([await get(kiro.url), await get(kiro.url)]).toEqual([tooLarge, tooLarge]);
});

test.each(['', 'plain', 'Grüße', '\uFEFF漢字 👩‍👧 \0', 'é👍'.repeat(100_000)])('sends %.20s in UTF-8', async (body) => {
  const kiro = await startUpstream(answer(200, 'hello'));
  await get(kiro.url, undefined, {}, body);
  const length = String(Buffer.byteLength(body));
  expect(kiro.requests).toMatchObject([{ body, headers: { 'content-length': length } }]);
});

test.each([301, 302, 303, 307, 308])('a redirect is an error and not followed: %s', async (status) => {
  const elsewhere = await startUpstream(answer(200, 'stolen'));
  const kiro = await startUpstream(answer(status, '', { location: `${elsewhere.url}/` }));
  expect([await get(kiro.url), elsewhere.requests.length]).toEqual([
    expect.objectContaining({ name: 'FetchError', message: expect.stringContaining('redirect') }),
    0,
  ]);
});

// --- kept connections

/** Answers each connection's first request, and resets the connection at the second. */
async function startForgetful(): Promise<{ url: string; arrivals: string[] }> {
  const arrivals: string[] = [];
  const seen = new WeakSet<Socket>();
  const server = createServer((request, response) => {
    const isSecond = seen.has(request.socket);
    seen.add(request.socket);
    arrivals.push(isSecond ? 'reset' : 'answered');
    if (isSecond) request.socket.resetAndDestroy();
    else response.end('hello');
  });
  return { url: `http://${await listen(server)}`, arrivals };
}

test('a kept connection that has died is replaced at once, and nobody sees it', async () => {
  const { url, arrivals } = await startForgetful();
  const fetch = await createOutboundFetch({ proxyUrl: undefined, env: {} });
  const texts: string[] = [];
  for (let count = 0; count < 2; count++) {
    const response = await fetch(url, { method: 'POST', headers: {}, body: 'question' });
    texts.push(await response.text());
  }
  expect([texts, arrivals]).toEqual([
    ['hello', 'hello'],
    ['answered', 'reset', 'answered'],
  ]);
});

test('a new connection that is reset is not repeated', async () => {
  let arrivals = 0;
  const server = createServer((request) => {
    arrivals++;
    request.socket.resetAndDestroy();
  });
  const url = `http://${await listen(server)}`;
  expect([await get(url), arrivals]).toEqual([expect.objectContaining({ code: 'ECONNRESET' }), 1]);
});

test('a signal ends an answer that has begun', async () => {
  const { url, requests } = await startUpstream(beginAnswer(200, 'the beginning'));
  const fetch = await createOutboundFetch({ proxyUrl: undefined, env: {} });
  const leaving = new AbortController();
  const { body } = await fetch(url, { method: 'POST', headers: {}, body: 'question', signal: leaving.signal });
  const reading = (async () => {
    for await (const _ of body ?? []) leaving.abort();
  })();
  await expect(reading).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
  await requests[0]?.closed;
});

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  // A TCP server's address is never a text.
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});
