/** Proxies that are none, or do not answer: what is told, and what is left of the request. */

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { Secret } from '../src/core/secret.js';
import { createOutboundFetch } from '../src/outbound.js';
import { told } from './support/bytes.js';
import { listenForTest } from './support/upstream.js';

const KIRO = 'http://kiro.test/path';

async function get(proxyUrl: string, signal?: AbortSignal): Promise<unknown> {
  const fetch = await createOutboundFetch({ proxyUrl: new Secret(proxyUrl), env: {} });
  return fetch(KIRO, { method: 'GET', headers: {}, signal }).catch(told);
}

const LOST = 'did not reach Kiro; try again, or ask whoever runs it.';

test.each([
  ['http', 'in no HTTP', 'what\r\n\r\n', LOST],
  ['http', 'that it has failed', 'HTTP/1.1 503 Away\r\n\r\n', LOST],
  ['http', 'nothing', '', LOST],
  ['https', 'without TLS', 'HTTP/1.1 400 What\r\n\r\n', 'cannot be reached (EPROTO); check its address, or start it.'],
  // Nothing may be left that fails later: it would end the process.
  ['https', 'nothing', '', LOST],
  ['socks5h', 'in HTTP', 'HTTP/1.1 400 What\r\n\r\n', LOST],
  ['socks5h', 'nothing', '', LOST],
])('a proxy that is asked in %s and answers %s is told to be at fault', async (scheme, _, said, words) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => socket.end(said));
  });
  const address = await listenForTest(server);
  expect(await get(`${scheme}://${address}`)).toBe(`upstream-unavailable: The proxy ${address} ${words}`);
});

test.each(['http', 'https'])('a %s proxy that never answers is let go of together with the request', async (scheme) => {
  const server = createServer();
  const leaving = new AbortController();
  const asking = get(`${scheme}://${await listenForTest(server)}`, leaving.signal);
  // The cast is the one thing that a server says of a connection.
  const [socket] = (await once(server, 'connection')) as [Socket];
  socket.resume().on('error', () => undefined);
  leaving.abort();
  expect(await asking).toMatchObject({ name: 'AbortError' });
  await once(socket, 'close');
});

test.each(['HTTP/1.1 407 Who\r\n\r\n', 'HTTP/1.1 503 Away\r\ncontent-length: 9999\r\n\r\nbecause '])(
  'a proxy that refuses and does not hang up is left: %j',
  async (said) => {
    const server = createServer((socket) => socket.on('error', () => undefined).once('data', () => socket.write(said)));
    const asking = get(`http://${await listenForTest(server)}`);
    // The cast is the one thing that a server says of a connection.
    const [socket] = (await once(server, 'connection')) as [Socket];
    expect(await asking).toMatch(/^upstream-(protocol|unavailable): The proxy/);
    await once(socket, 'close');
  },
);

// --- answers of Kiro's that nobody reads to their end

test.each([
  ['a redirect', '302 Found\r\nlocation: /elsewhere', { redirect: 'error' }],
  ['a redirect without a place', '307 Away\r\nlocation: http://', { redirect: 'follow' }],
  ['one that is followed', '303 There\r\nlocation: http://127.0.0.1:1/', { redirect: 'follow' }],
] as const)('the connection of %s is closed, whatever else comes on it', async (_, head, init) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => socket.write(`HTTP/1.1 ${head}\r\n\r\nand so`));
  });
  const url = `http://${await listenForTest(server)}`;
  const fetch = await createOutboundFetch({ proxyUrl: undefined, env: {} });
  const asking = fetch(url, { method: 'GET', headers: {}, ...init }).catch(told);
  const [socket] = (await once(server, 'connection')) as [Socket];
  expect(await asking).toMatchObject({ name: 'FetchError' });
  await once(socket, 'close');
});
