/** A client that stops reading under a flood: it costs the gateway a bounded sum, stops the flood, and loses nothing. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startGateway, until, type RunningGateway } from '../support/gateway.js';
import { DIALECTS, question, ROUTES } from '../support/http.js';
import { dial } from '../support/raw.js';

// Much more than all buffers of the kernel on both connections.
const DELTAS = 1500;
const DELTA = '~'.repeat(10_000);
const MEGABYTE = 1_048_576;

let gateway: RunningGateway;
/** The gateway's side of each answer, as its own process sees it. */
const responses: ServerResponse[] = [];
const remember = (message: unknown): void => {
  const { request, response } = message as { request: { url: string }; response: ServerResponse };
  if (Object.values<string>(ROUTES).includes(request.url)) responses.push(response);
};

beforeAll(async () => {
  gateway = await startGateway();
  subscribe('http.server.request.start', remember);
});
afterAll(async () => {
  unsubscribe('http.server.request.start', remember);
  await gateway.close();
});

for (const name of DIALECTS) {
  test(`${name}: the upstream waits for a client that does not read, and at last it has every byte`, async () => {
    let sent = 0;
    gateway.simulator.enqueue({
      frames: (function* () {
        for (; sent < DELTAS; sent++) yield { event: 'assistantResponseEvent', payload: { content: DELTA } };
      })(),
    });
    const client = await ask(name);
    client.pause();
    const stoppedAt = await atRest(() => sent);
    const answer = responses.at(-1);
    expect(stoppedAt).toBeLessThan(DELTAS);
    expect(answer?.writableLength).toBeLessThan(MEGABYTE);

    let count = 0;
    for await (const chunk of client.resume()) count += countTildes(chunk as Buffer);
    // Only the Responses API says the whole text again, in four events at the end.
    expect(count).toBe(DELTAS * DELTA.length * (name === 'openai-responses' ? 5 : 1));
  });
}

test('a client that leaves in the middle of the flood ends it', async () => {
  let isOver = false;
  let sent = 0;
  gateway.simulator.enqueue({
    frames: (function* () {
      try {
        for (; ; sent++) yield { event: 'assistantResponseEvent', payload: { content: DELTA } };
      } finally {
        isOver = true;
      }
    })(),
  });
  const client = await ask('openai-chat');
  client.pause();
  await atRest(() => sent);
  client.destroy();
  await until(() => isOver);
});

async function ask(name: (typeof DIALECTS)[number]) {
  const body = JSON.stringify(question('Go.', { stream: true, max_tokens: 100_000_000 }));
  const socket = await dial(gateway.url);
  const lines = [
    `POST ${ROUTES[name]} HTTP/1.1`,
    `Host: ${new URL(gateway.url).host}`,
    `x-api-key: ${gateway.key}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
  return socket;
}

/** The number, once the gateway waits for its client and it grows no more. */
async function atRest(read: () => number): Promise<number> {
  let before = -1;
  while (responses.at(-1)?.writableNeedDrain !== true || before !== read()) {
    before = read();
    await sleep(100);
  }
  return before;
}

function countTildes(chunk: Buffer): number {
  let count = 0;
  for (const byte of chunk) if (byte === 0x7e) count++;
  return count;
}
