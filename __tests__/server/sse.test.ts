/** One streamed answer on a real socket: when headers go out, what fills a silence, and who waits for whom. */

import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { expect, test } from '@jest/globals';

import { GatewayError } from '../../src/core/errors.js';
import type { Batch, StreamEvent, Turn } from '../../src/core/stream.js';
import type { Answer } from '../../src/gateway.js';
import { until } from '../support/gateway.js';
import { createLogger } from '../../src/logger.js';
import { createHttpServer, HTTP_LIMITS } from '../../src/server/http-server.js';
import { streamAnswer, type StreamOutcome, type StreamPlan } from '../../src/server/sse.js';

const START: StreamEvent = { type: 'start', inputTokens: 1 };
const BLOCK: StreamEvent = { type: 'block-end', index: 0, block: { type: 'text', text: '' } };
const UNTOLD: StreamEvent = { type: 'block-delta', index: 0, block: 'tool-call', delta: '{' };
const BROKEN: StreamEvent = { type: 'error', error: new GatewayError('upstream-unavailable', 'Gone.') };

/** What the client sees of an answer, and how the server says it went. */
async function answer(plan: Partial<StreamPlan>): Promise<{ text: string; outcome: StreamOutcome }> {
  let outcome: StreamOutcome = {};
  const client = await ask(async (response) => {
    outcome = await streamAnswer(response, { ...DEFAULTS, ...plan });
  });
  return { text: await textOf(client), outcome };
}

const DEFAULTS: StreamPlan = {
  answering: answerOf(turnOf([[START]])),
  write: (event) => `<${event.type}>`,
  keepAlive: '<ping>',
  headersFor: (notices) => ({ 'x-notices': notices.join() }),
  signal: new AbortController().signal,
  headersAfterMs: 10_000,
  keepAliveMs: 15_000,
  emptyDeltaMs: 60_000,
};

test('each batch is one write and the end is the end', async () => {
  const turn = turnOf([[START, BLOCK], [BLOCK]]);
  expect(await answer({ answering: answerOf(turn) })).toEqual({
    text: '<start><block-end><block-end>',
    outcome: {},
  });
});

test('an error event is the last thing and the outcome', async () => {
  const turn = turnOf([[START], [BROKEN]]);
  expect(await answer({ answering: answerOf(turn) })).toEqual({
    text: '<start><error>',
    outcome: { error: BROKEN.error },
  });
});

test('a failure before the headers is thrown, so that a status can tell it', async () => {
  const failure = new GatewayError('overloaded', 'Full.');
  const thrown: unknown[] = [];
  const client = await ask(async (response) => {
    await streamAnswer(response, { ...DEFAULTS, answering: Promise.reject(failure) }).catch((it) => thrown.push(it));
    response.writeHead(503).end('told');
  });
  expect({ status: client.statusCode, text: await textOf(client), thrown }).toEqual({
    status: 503,
    text: 'told',
    thrown: [failure],
  });
});

test('a late answer gets its headers and a ping first, and its failure becomes the error event', async () => {
  const failure = new GatewayError('overloaded', 'Full.');
  let fail: () => void = () => undefined;
  const answering = new Promise<never>((_, reject) => {
    fail = () => reject(failure);
  });
  let outcome: StreamOutcome = {};
  const client = await ask(async (response) => {
    outcome = await streamAnswer(response, { ...DEFAULTS, answering, headersAfterMs: 1 });
  });
  const [first] = (await once(client, 'data')) as [Buffer];
  fail();
  expect({ status: client.statusCode, first: first.toString(), rest: await textOf(client), outcome }).toEqual({
    status: 200,
    first: '<ping>',
    rest: '<error>',
    outcome: { error: failure },
  });
});

test('a silence in the middle is filled with pings', async () => {
  const text = await inSilence([START], '<ping><ping>', { keepAliveMs: 1 });
  expect(text).toMatch(/^<start>(?:<ping>){2,}<block-end>$/);
});

test('what Kiro says and the client is not told, such as a call that is told whole, is a silence, too', async () => {
  let seen = '';
  const turn = (async function* () {
    yield [START];
    while (!seen.includes('<ping><ping>')) {
      yield [UNTOLD];
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    yield [BLOCK];
  })();
  const write = (event: StreamEvent) => (event === UNTOLD ? '' : `<${event.type}>`);
  const plan = { ...DEFAULTS, answering: answerOf(turn), write, keepAliveMs: 20 };
  const client = await ask((response) => streamAnswer(response, plan));
  client.on('data', (chunk: Buffer) => (seen += chunk.toString()));
  await once(client, 'end');
  expect(seen).toMatch(/^<start>(?:<ping>){2,}<block-end>$/);
});

/** A turn with a silence after these events; it goes on as soon as the client has seen this. */
async function inSilence(before: Batch, seen: string, plan: Partial<StreamPlan>): Promise<string> {
  let go: () => void = () => undefined;
  const wasSeen = new Promise<void>((resolve) => {
    go = resolve;
  });
  const turn = (async function* () {
    yield before;
    await wasSeen;
    yield [BLOCK];
  })();
  const answering = answerOf(turn);
  const client = await ask((response) => streamAnswer(response, { ...DEFAULTS, answering, ...plan }));
  let text = '';
  client.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (text.includes(seen)) go();
  });
  await once(client, 'end');
  return text;
}

const TEXT: StreamEvent = { type: 'block-start', index: 0, block: { type: 'text' } };
const REDACTED: StreamEvent = { type: 'block-start', index: 0, block: { type: 'redacted-reasoning', data: 'ZA==' } };

test('in a long silence inside a block empty deltas of its type show that it goes on', async () => {
  const write = (event: StreamEvent) => JSON.stringify(event);
  const thinking: StreamEvent = { type: 'block-start', index: 3, block: { type: 'reasoning' } };
  const delta = '{"type":"block-delta","index":3,"block":"reasoning","delta":""}';
  const text = await inSilence([thinking], delta + delta, { write, emptyDeltaMs: 1 });
  expect(text.replaceAll(delta, '*').replace(/\*+/, '*')).toBe(`${JSON.stringify(thinking)}*${JSON.stringify(BLOCK)}`);
});

test('pings go on beside them', async () => {
  const text = await inSilence([TEXT], '<ping><block-delta>', { keepAliveMs: 1, emptyDeltaMs: 20 });
  expect(text).toMatch(/^<block-start>(?:<ping>|<block-delta>)+<block-end>$/);
});

test.each([
  ['before a block', [START]],
  ['after a block', [TEXT, BLOCK]],
  ['in a block that is whole at once', [REDACTED]],
])('there is no delta %s', async (_, before) => {
  expect(await inSilence(before, '<ping><ping>', { keepAliveMs: 10, emptyDeltaMs: 1 })).not.toContain('<block-delta>');
});

test('a client that does not read pauses the turn, and one that leaves closes it', async () => {
  const large = 'x'.repeat(1_000_000);
  let pulled = 0;
  let isClosed = false;
  const turn = (async function* (): AsyncGenerator<Batch> {
    try {
      for (;;) {
        pulled++;
        yield [START];
      }
    } finally {
      isClosed = true;
    }
  })();
  const leaving = new AbortController();
  let done: Promise<unknown> = Promise.resolve();
  const client = await ask((response) => {
    response.on('close', () => leaving.abort());
    const answering = answerOf(turn);
    done = streamAnswer(response, { ...DEFAULTS, answering, write: () => large, signal: leaving.signal });
    return done;
  });
  await once(client, 'readable');
  // The kernel's buffers take some megabytes; after that nothing moves until somebody reads.
  let before = -1;
  while (before !== pulled) {
    before = pulled;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(pulled).toBeLessThan(50);
  client.destroy();
  await done;
  expect(isClosed).toBe(true);
});

test('a client that reads nothing for too long is let go by the server, and the turn is closed', async () => {
  let isClosed = false;
  const turn = (async function* (): AsyncGenerator<Batch> {
    try {
      for (;;) yield [START];
    } finally {
      isClosed = true;
    }
  })();
  const log = createLogger({ level: 'ERROR', write: () => undefined, now: Date.now });
  const limits = { ...HTTP_LIMITS, stalledMs: 50 };
  let outcome: StreamOutcome | undefined;
  const respond = async (response: ServerResponse): Promise<void> => {
    const leaving = new AbortController();
    response.once('close', () => leaving.abort());
    const plan = { answering: answerOf(turn), write: () => 'x'.repeat(1_000_000), signal: leaving.signal };
    outcome = await streamAnswer(response, { ...DEFAULTS, ...plan });
  };
  const server = createHttpServer((_, response) => void respond(response), { hurry: () => undefined, log, limits });
  const client = await askOf(server);
  await until(() => isClosed);
  await until(() => outcome !== undefined);
  expect(outcome).toEqual({});
  await expect(textOf(client)).rejects.toThrow('aborted');
  await server.stop();
});

function answerOf(turn: Turn): Promise<Answer> {
  return Promise.resolve({ turn, notices: [], modelId: 'm' });
}

async function* turnOf(batches: readonly Batch[]): AsyncGenerator<Batch> {
  yield* batches;
}

/** A server for one answer, and the client's view of it. */
async function ask(respond: (response: ServerResponse) => Promise<unknown>): Promise<IncomingMessage> {
  const server = createServer((_, response) => void respond(response).finally(() => server.close()));
  return askOf(server);
}

async function askOf(server: Server): Promise<IncomingMessage> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const request = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

async function textOf(client: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of client) text += String(chunk);
  return text;
}
