/** The server under the app with short limits: slow senders go, slow answers stay, and a stop cuts nothing short. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { createLogger } from '../../src/logger.js';
import { JSON_LIMITS } from '../../src/core/reader.js';
import { GUESSES } from '../../src/server/access.js';
import {
  createHttpServer,
  HTTP_LIMITS,
  MAX_HEADERS,
  MAX_URL_LENGTH,
  type HttpLimits,
  type HttpServer,
} from '../../src/server/http-server.js';
import { until } from '../support/gateway.js';
import { dial, exchange, readAnswers } from '../support/raw.js';

const log = createLogger({ level: 'ERROR', write: () => undefined, now: Date.now });
const QUICK = { headMs: 100, requestMs: 200, checkMs: 20, idleMs: 100, drainMs: 100, lastWordsMs: 100 };
// As node has it: only what is slow for a person shall be cut.
const PATIENT = { ...HTTP_LIMITS, drainMs: 60_000 };

const open: HttpServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) if (server.listening) await server.stop();
});

async function listen(app: RequestListener, limits: Partial<HttpLimits> = QUICK, hurry = (): void => undefined) {
  const server = createHttpServer(app, { hurry, log, limits: { ...HTTP_LIMITS, ...limits } });
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const readAll: RequestListener = (request, response) => {
  request.on('data', () => undefined);
  request.on('end', () => response.end('whole'));
};

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const TOO_SLOW = { status: 408, message: 'The request took too long to come.' };

const slow: readonly (readonly [string, string])[] = [
  ['says nothing', ''],
  ['stops in the request line', 'GET / HT'],
  ['stops in the headers', 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: '],
  ['stops in the body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf'],
  ['stops between chunks', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
];

test('a request behind an answer that closes the connection is not read', async () => {
  const asked: (string | undefined)[] = [];
  const { url } = await listen((request, response) => {
    asked.push(request.url);
    response.setHeader('connection', 'close').end('last');
  });
  const { answers, isClosed } = await exchange(url, GET + GET.replace('/', '/next'), 2);
  expect([answers.length, isClosed, asked]).toEqual([1, true, ['/']]);
});

test.each(slow)('a sender that %s is told so and let go', async (_, bytes) => {
  const { url } = await listen(readAll);
  const { answers, isClosed } = await exchange(url, bytes, 2);
  const told = answers.map(({ status, body }) => ({ status, message: messageIn(body) }));
  expect({ told, isClosed }).toEqual({ told: [TOO_SLOW], isClosed: true });
});

test('a sender that drips is let go all the same', async () => {
  const { url } = await listen(readAll);
  const socket = await dial(url);
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n');
  const drip = setInterval(() => socket.write('x'), 5);
  const { answers } = await readAnswers(socket, 1);
  clearInterval(drip);
  socket.destroy();
  expect(answers.map(({ status }) => status)).toEqual([408]);
});

test('an answer that takes ten times as long as a request may is not cut', async () => {
  const { url } = await listen((_, response) => {
    response.setHeader('content-length', 20);
    let left = 20;
    const timer = setInterval(() => {
      response.write('.');
      if (--left > 0) return;
      clearInterval(timer);
      response.end();
    }, 40);
  });
  const { answers } = await exchange(url, GET);
  expect(answers.map(({ status, body }) => [status, body])).toEqual([[200, '.'.repeat(20)]]);
});

test('a body too slow under an answer that has begun ends the connection without another word', async () => {
  const { url } = await listen((_, response) => void response.write('begun'));
  const { answers, isClosed } = await exchange(url, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n', 2);
  expect([answers.map(({ body }) => body), isClosed]).toEqual([['5\r\nbegun\r\n'], true]);
});

test('an idle connection is closed after its time, one that is used is not', async () => {
  const { url } = await listen(readAll);
  const { answers, isClosed } = await exchange(url, GET + GET, 3);
  expect([answers.length, isClosed]).toEqual([2, true]);
});

test('a client that takes nothing of an answer that is complete is let go', async () => {
  const answer = Buffer.alloc(20_000_000, 'x');
  const { server, url } = await listen((_, response) => void response.end(answer), { ...PATIENT, stalledMs: 100 });
  const asked = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
  const socket = await dial(url);
  socket.pause();
  socket.write(GET);
  const [, response] = await asked;
  await once(response, 'close');
  let received = 0;
  socket.on('data', (chunk: Buffer) => (received += chunk.length)).resume();
  await Promise.race([once(socket, 'end'), once(socket, 'close')]);
  socket.destroy();
  expect(received).toBeLessThan(answer.length);
});

test('an answer that is as long in coming is not cut', async () => {
  const late: RequestListener = (_, response) => void server.once('timeout', () => response.end('late but whole'));
  const { server, url } = await listen(late, { ...PATIENT, stalledMs: 100 });
  expect((await exchange(url, GET)).answers.map(({ body }) => body)).toEqual(['late but whole']);
});

test('a client that ends its side after the request gets its answer', async () => {
  const { url } = await listen(readAll, PATIENT);
  const socket = await dial(url);
  socket.end(GET);
  expect((await readAnswers(socket, 1)).answers.map(({ body }) => body)).toEqual(['whole']);
});

test('more connections than allowed are closed, and a place that is free again is used', async () => {
  const { server, url } = await listen(readAll, { ...PATIENT, connections: 2 });
  let taken = 0;
  server.on('connection', (socket) => {
    taken++;
    socket.once('close', () => taken--);
  });
  const [first, second] = [await dial(url), await dial(url)];
  await until(() => taken === 2);
  expect(await exchange(url, GET)).toEqual({ answers: [], isClosed: true });
  first.destroy();
  await until(() => taken === 1);
  expect((await exchange(url, GET)).answers.map(({ body }) => body)).toEqual(['whole']);
  second.destroy();
});

test('a stop closes the door and idle connections at once, and waits for an answer that is under way', async () => {
  let finish = (): void => undefined;
  const asked = deferred();
  const { server, url } = await listen((_, response) => {
    finish = () => void response.end('late but whole');
    asked.resolve(undefined);
  }, PATIENT);
  const idle = await dial(url);
  const idleIsOver = readAnswers(idle, 1);
  const answering = exchange(url, GET, 2);
  await asked.promise;
  const stopped = server.stop();
  expect([server.listening, await idleIsOver]).toEqual([false, { answers: [], isClosed: true }]);
  finish();
  // The connection says `keep-alive`, as its answer had begun, and ends nevertheless.
  const { answers, isClosed } = await answering;
  expect([answers.map(({ body }) => body), isClosed]).toEqual([['late but whole'], true]);
  await stopped;
});

test('a stop waits for a reader that has not taken all of an answer that is complete', async () => {
  const size = 20_000_000;
  const { server, url } = await listen((_, response) => void response.end(Buffer.alloc(size, 'x')), PATIENT);
  const socket = await dial(url);
  socket.pause();
  socket.write(GET);
  await once(server, 'request');
  const stopped = server.stop();
  let received = 0;
  socket.on('data', (chunk: Buffer) => (received += chunk.length)).resume();
  await once(socket, 'end');
  expect(received).toBeGreaterThan(size);
  socket.destroy();
  await stopped;
});

test('answers that take too long at a stop may say their last words, and those that say none are cut off', async () => {
  const responses: { end: (text: string) => unknown }[] = [];
  const { server, url } = await listen(
    (_, response) => {
      response.write('begun');
      responses.push(response);
    },
    QUICK,
    () => void responses[0]?.end('last words'),
  );
  const [polite, mute] = [exchange(url, GET, 2), exchange(url, GET, 2)];
  await until(() => responses.length === 2);
  await server.stop();
  const bodies = [...(await polite).answers, ...(await mute).answers].map(({ body }) => body);
  expect(bodies.toSorted()).toEqual(['5\r\nbegun\r\n', '5\r\nbegun\r\na\r\nlast words\r\n0\r\n\r\n']);
});

test('a request that comes during the stop, on a connection that is in use, is answered and is the last', async () => {
  let finish = (): void => undefined;
  let count = 0;
  const { server, url } = await listen((_, response) => {
    if (count++ === 0) finish = () => void response.end('first');
    else response.end('second');
  }, PATIENT);
  const socket = await dial(url);
  const reading = readAnswers(socket, 3);
  socket.write(GET);
  await until(() => count === 1);
  const stopped = server.stop();
  socket.write(GET);
  await until(() => count === 2);
  finish();
  const { answers, isClosed } = await reading;
  expect([answers.map(({ body }) => body), isClosed]).toEqual([['first', 'second'], true]);
  expect(answers[1]?.head).toMatch(/^connection: close$/im);
  await stopped;
});

test('SECURITY.md tells the limits as they are', () => {
  const told = readFileSync(join(import.meta.dirname, '..', '..', 'SECURITY.md'), 'utf8').replaceAll(/ +/g, ' ');
  const { headBytes, headMs, requestMs, idleMs, connections, drainMs, stalledMs } = HTTP_LIMITS;
  const rows = [
    `levels of JSON in a body | ${JSON_LIMITS.depth} |`,
    `values of JSON in a body | ${JSON_LIMITS.values} |`,
    `| ${headBytes} bytes, ${MAX_HEADERS} headers, a URL of ${MAX_URL_LENGTH} characters |`,
    `head of a request to come | ${headMs / 1000} s |`,
    `whole request to come | ${requestMs / 1000} s;`,
    `an idle connection | ${idleMs / 1000} s |`,
    `is let go after ${stalledMs / 1000} s |`,
    `connections | ${connections} |`,
    `wrong keys that wait for their answer | ${GUESSES.waiting};`,
    `| ${drainMs / 1000} s to end by themselves`,
    `up to ${GUESSES.longestMs / 1000} s`,
  ];
  expect(rows.filter((row) => !told.includes(row))).toEqual([]);
});

function messageIn(body: string): string {
  return (JSON.parse(body) as { error: { message: string } }).error.message;
}

function deferred() {
  let resolve: (value: unknown) => void = () => undefined;
  const promise = new Promise<unknown>((settle) => (resolve = settle));
  return { promise, resolve };
}
