/** An upgrade to a WebSocket over a raw socket: the answer comes at once, and the connection stays of use. */

import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, expect, test } from '@jest/globals';
import { startGateway } from '../support/gateway.js';

const gateway = await startGateway();
afterAll(() => gateway.close());

/** Sends a request as it stands; the status line, and the body up to the length that the head says. */
async function send(...lines: readonly string[]): Promise<{ readonly status: string; readonly body: string }> {
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  socket.write([...lines, '', ''].join('\r\n'));
  let text = '';
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    text += chunk.toString();
    const [head = '', body] = text.split('\r\n\r\n');
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
    if (body === undefined || Buffer.byteLength(body) < length) continue;
    socket.destroy();
    return { status: head.split('\r\n')[0] ?? '', body };
  }
}

const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: a2V5'];
const HOST = `Host: ${new URL(gateway.url).host}`;

test.each(['/v1/responses', '/responses'])('a WebSocket at %s is a 426, with a key or without', async (path) => {
  const answers = [
    await send(`GET ${path} HTTP/1.1`, HOST, ...UPGRADE),
    await send(`GET ${path} HTTP/1.1`, HOST, `Authorization: Bearer ${gateway.key}`, ...UPGRADE),
  ];
  const body = JSON.stringify({
    error: {
      message: 'There is no WebSocket at /v1/responses; send a POST request, and stream the answer.',
      type: 'invalid_request_error',
      param: null,
      code: null,
    },
  });
  const answer = { status: 'HTTP/1.1 426 Upgrade Required', body };
  expect(answers).toEqual([answer, answer]);
});

test('who offers HTTP/2 with a request, as Java does, is served', async () => {
  const upgrade = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'];
  const { status } = await send('GET /v1/models HTTP/1.1', HOST, `Authorization: Bearer ${gateway.key}`, ...upgrade);
  expect(status).toBe('HTTP/1.1 200 OK');
});

test('without an upgrade there is nothing to get', async () => {
  const { status } = await send('GET /v1/responses HTTP/1.1', HOST, `Authorization: Bearer ${gateway.key}`);
  expect(status).toBe('HTTP/1.1 404 Not Found');
});
