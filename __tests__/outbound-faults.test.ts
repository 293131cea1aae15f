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
