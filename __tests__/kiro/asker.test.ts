/** Questions on real sockets, on a clock that only moves when somebody sleeps: repeated, limited, in order. */

import { getEventListeners } from 'node:events';
import { expect, test } from '@jest/globals';
import { Secret } from '../../src/core/secret.js';
import { collect, type Turn } from '../../src/core/stream.js';
import { createAsker, type AskerDependencies, type Question } from '../../src/kiro/asker.js';
import { createKiroClient } from '../../src/kiro/client.js';
import { encodeSceneLine, type SceneLine } from '../../src/simulator/frames.js';
import { told } from '../support/bytes.js';
import { PROFILE } from '../support/requests.js';
import { realFetch } from '../support/token-server.js';
import {
  answer,
  beginAnswer,
  FRAMES,
  hang,
  hangUp,
  startUpstream,
  type Answer,
  type Upstream,
} from '../support/upstream.js';

const access = {
  token: new Secret('token'),
  profileArn: PROFILE,
  loginRegion: undefined,
  apiRegion: undefined,
  tokenTypeHeader: undefined,
};

const question: Question = {
  id: 'id-of-the-question',
  body: '{}',
  access,
  asked: { estimatedInputTokens: 1, windowTokens: 1000, restoreToolName: (name) => name },
  thinksLong: false,
};

type Timer = { readonly milliseconds: number; readonly ring: () => void; isRunning: boolean; refreshed: number };

/** An asker in front of Kiro, and everything it did with the clock. */
function askerOf(kiro: Upstream, about: Partial<AskerDependencies> = {}) {
  const pauses: number[] = [];
  const notes: string[] = [];
  const timers: Timer[] = [];
  let time = 0;
  const session = { accessToken: () => Promise.resolve(access), forceRefresh: () => Promise.reject(new Error('no')) };
  const client = createKiroClient({
    session,
    fetch: realFetch(),
    overrides: { api: kiro.url },
    apiRegion: undefined,
    userAgent: 'test',
    optOut: true,
    randomId: () => 'id',
  });
  const asker = createAsker({
    client,
    now: () => time,
    sleep: (milliseconds) => {
      pauses.push(milliseconds);
      time += milliseconds;
      return Promise.resolve();
    },
    chance: () => 0.5,
    startTimer: (milliseconds, ring) => {
      const timer: Timer = { milliseconds, ring, isRunning: true, refreshed: 0 };
      timers.push(timer);
      return {
        refresh: () => void timer.refreshed++,
        stop: () => {
          timer.isRunning = false;
        },
      };
    },
    note: (sentence) => void notes.push(sentence),
    retry: { maxAttempts: 3, baseDelayMs: 1000, maxSlowRepeats: 1 },
    maxConcurrent: 0,
    firstEventMs: 90_000,
    silenceMs: 300_000,
    ...about,
  });
  return { asker, pauses, notes, timers, running: () => timers.filter(({ isRunning }) => isRunning) };
}

const never = new AbortController().signal;

const frames = (...lines: readonly SceneLine[]) => Buffer.concat(lines.map(encodeSceneLine));
const say = (content: string): SceneLine => ({ event: 'assistantResponseEvent', payload: { content } });
const hello = answer(200, frames(say('Hello')));
const busy = (retryAfter?: string): Answer =>
  answer(429, { message: 'Slow.' }, retryAfter === undefined ? {} : { 'retry-after': retryAfter });
const away = answer(503, { message: 'Away.' });

async function textOf(turn: Turn): Promise<string> {
  const { blocks } = await collect(turn);
  return blocks.map((block) => (block.type === 'text' ? block.text : block.type)).join('');
}

/** The text of the answer, or the failure. */
async function ask({ asker }: ReturnType<typeof askerOf>, about: Partial<Question> = {}, signal = never) {
  try {
    return await textOf(await asker.ask({ ...question, ...about }, signal));
  } catch (thrown) {
    return told(thrown);
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await settled();
}

// --- what is repeated

const emptyAnswer = answer(200, '');
const cutAtOnce: Answer = (response) => void response.writeHead(200, FRAMES).write('half', () => response.destroy());
const exception = (name: string, payload: object = {}) => answer(200, frames({ exception: name, payload }));

test.each<[string, Answer[], number[]]>([
  ['429, 429', [busy(), busy()], [1500, 2500]],
  ['429 with 7 seconds to wait', [busy('7')], [7500]],
  ['503', [away], [1000]],
  ['503, 500', [away, answer(500, {})], [1000, 2000]],
  ['a model without capacity', [answer(429, { reason: 'INSUFFICIENT_MODEL_CAPACITY' })], [5000]],
  ['a connection that is hung up', [hangUp], [1000]],
  ['an answer cut before its first event', [cutAtOnce], [1000]],
  ['an answer that says nothing', [emptyAnswer], [1000]],
  ['an exception of the service before the first event', [exception('InternalServerException')], [1000]],
  ['a throttling exception before the first event', [exception('ThrottlingException')], [1500]],
])('%s is repeated, and nobody sees it', async (_, failures, pauses) => {
  const kiro = await startUpstream(...failures, hello);
  const at = askerOf(kiro);
  expect(await ask(at)).toBe('Hello');
  expect([kiro.requests.length, at.pauses, at.notes.length]).toEqual([failures.length + 1, pauses, failures.length]);
  const ids = new Set(kiro.requests.map(({ headers }) => headers['amz-sdk-invocation-id']));
  expect([...ids]).toEqual(['id-of-the-question']);
});

test.each<[string, Answer, string]>([
  [
    'a spent quota',
    answer(402, { message: 'You have reached the limit.', reason: 'MONTHLY_REQUEST_COUNT' }),
    'quota-exhausted: You have reached the limit. The credits of the plan come back at its next reset; `kiro-gateway usage` tells the day.',
  ],
  [
    'a spent quota that looks like a rate limit',
    answer(429, { __type: 'ThrottlingException', message: 'No.', reason: 'MONTHLY_REQUEST_COUNT' }),
    'quota-exhausted: No. The credits of the plan come back at its next reset; `kiro-gateway usage` tells the day.',
  ],
  [
    'a wrong request',
    answer(400, { message: 'Improperly formed request.' }),
    'invalid-request: Improperly formed request. Please report this; a new conversation may help meanwhile.',
  ],
  ['an overflow', answer(400, { message: 'Input is too long.' }), 'context-overflow: Input is too long.'],
  ['a rate limit of an hour', busy('3600'), 'rate-limited: Slow.'],
])('%s is asked once', async (_, failure, expected) => {
  const kiro = await startUpstream(failure, hello);
  const at = askerOf(kiro);
  expect([await ask(at), kiro.requests.length, at.running()]).toEqual([expected, 1, []]);
});

test('an unknown address is asked once in each form', async () => {
  const kiro = await startUpstream(answer(404, ''), answer(404, ''), hello);
  const expected =
    'upstream-protocol: Kiro does not know this operation at this address. Check KIRO_API_URL, or try again later.';
  expect([await ask(askerOf(kiro)), kiro.requests.length]).toEqual([expected, 2]);
});

test('the last failure is told when the attempts are used up', async () => {
  const kiro = await startUpstream(busy(), away);
  expect([await ask(askerOf(kiro)), kiro.requests.length]).toEqual(['upstream-unavailable: Away.', 3]);
});

test('nothing is repeated after the first event', async () => {
  const kiro = await startUpstream(
    (response) => void response.writeHead(200).write(frames(say('Hel')), () => setImmediate(() => response.destroy())),
    hello,
  );
  expect([await ask(askerOf(kiro)), kiro.requests.length]).toEqual([
    'upstream-unavailable: The connection to Kiro broke in the middle of an answer; try again.',
    1,
  ]);
});

test('leaving during a pause ends the asking', async () => {
  const kiro = await startUpstream(away);
  const leave = new AbortController();
  const at = askerOf(kiro, {
    sleep: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
        leave.abort();
      }),
  });
  expect([await ask(at, {}, leave.signal), kiro.requests.length]).toEqual(['cancelled: The request was cancelled.', 1]);
});

// --- the cool-down

test('after a 429 everybody waits, not only who met it', async () => {
  const kiro = await startUpstream(busy('20'), hello);
  const at = askerOf(kiro, { retry: { maxAttempts: 1, baseDelayMs: 1000, maxSlowRepeats: 0 } });
  expect([await ask(at), at.pauses]).toEqual(['rate-limited: Slow.', []]);
  expect([await ask(at), at.pauses]).toEqual(['Hello', [20_500]]);
  expect([await ask(at), at.pauses]).toEqual(['Hello', [20_500]]);
});

test('a clock that was set back makes nobody wait until it is as late again', async () => {
  const kiro = await startUpstream(busy('20'), hello);
  let time = 3_600_000;
  const sleep = (milliseconds: number) => Promise.resolve(void (time += milliseconds));
  const retry = { maxAttempts: 1, baseDelayMs: 1000, maxSlowRepeats: 0 };
  const at = askerOf(kiro, { retry, sleep, now: () => time });
  await ask(at);
  time = 0;
  expect([await ask(at), time]).toEqual(['Hello', 0]);
});

test.each<[string | undefined, number]>([
  [undefined, 1],
  ['3600', 3600],
])('a client is told when asking again makes sense, after a retry-after of %s', async (retryAfter, seconds) => {
  const kiro = await startUpstream(busy(retryAfter));
  const { asker } = askerOf(kiro, { retry: { maxAttempts: 1, baseDelayMs: 1000, maxSlowRepeats: 0 } });
  await expect(asker.ask(question, never)).rejects.toMatchObject({ facts: { retryAfterSeconds: seconds } });
});

test('a spent quota cools nobody down', async () => {
  const kiro = await startUpstream(answer(429, { reason: 'MONTHLY_REQUEST_COUNT' }, { 'retry-after': '20' }), hello);
  const at = askerOf(kiro);
  await ask(at);
  expect([await ask(at), at.pauses]).toEqual(['Hello', []]);
});

// --- places

test('no more answers are under way than allowed, until the last byte of each', async () => {
  const kiro = await startUpstream(beginAnswer(200, frames(say('Hel'))));
  const { asker } = askerOf(kiro, { maxConcurrent: 2 });
  const leaving = new AbortController();
  await asker.ask(question, leaving.signal);
  const second = await asker.ask(question, never);
  const third = asker.ask(question, never);
  await settled();
  expect(kiro.requests.length).toBe(2);
  for await (const _ of second) break;
  const fourth = asker.ask(question, never);
  for await (const _ of await third) break;
  for await (const _ of await fourth) break;
  expect(kiro.requests.length).toBe(4);
  // Who never looks at an answer gives its place back by leaving.
  leaving.abort();
  const last = [await asker.ask(question, never), await asker.ask(question, never)];
  for (const turn of last) for await (const _ of turn) break;
});

test('a failure gives its place back', async () => {
  const kiro = await startUpstream(answer(400, {}), hello);
  const at = askerOf(kiro, { maxConcurrent: 1 });
  expect([await ask(at), await ask(at)]).toEqual([expect.stringMatching(/^invalid-request/), 'Hello']);
});

test('whoever leaves the queue is not asked for', async () => {
  const kiro = await startUpstream(hang);
  const { asker } = askerOf(kiro, { maxConcurrent: 1 });
  const [one, two] = [new AbortController(), new AbortController()];
  const asking = [one, two].map(({ signal }) => asker.ask(question, signal).catch(told));
  await until(() => kiro.requests.length === 1);
  two.abort();
  expect(await asking[1]).toBe('cancelled: The request was cancelled.');
  one.abort();
  expect([await asking[0], kiro.requests.length]).toEqual(['cancelled: The request was cancelled.', 1]);
});

test('a queue that does not move is told as what it is', async () => {
  const kiro = await startUpstream(hang);
  const at = askerOf(kiro, { maxConcurrent: 1 });
  const leave = new AbortController();
  const first = ask(at, {}, leave.signal);
  const second = ask(at);
  await settled();
  at.timers.findLast(({ milliseconds }) => milliseconds === 270_000)?.ring();
  expect(await second).toBe(
    'overloaded: The gateway has as many answers under way as MAX_CONCURRENT_REQUESTS allows; try again later.',
  );
  leave.abort();
  await first;
});

test('an answer leaves nothing behind at the signal of its client, whether it is read or left', async () => {
  const kiro = await startUpstream(beginAnswer(200, frames(say('Hel'))), hello, away, away, away);
  const { asker } = askerOf(kiro);
  const { signal } = new AbortController();
  for await (const _ of await asker.ask(question, signal)) break;
  await textOf(await asker.ask(question, signal));
  await asker.ask(question, signal).catch(() => undefined);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

// --- limits of time

/** Lets the limit of the first event pass whenever a request is there. */
async function ringAtEachRequest(kiro: Upstream, timers: readonly Timer[], milliseconds: number, times: number) {
  for (let asked = 1; asked <= times; asked++) {
    await until(() => kiro.requests.length === asked);
    timers
      .filter((it) => it.milliseconds === milliseconds)
      .at(asked - 1)
      ?.ring();
  }
}

test.each([
  ['90 s', false, 90_000],
  ['180 s when the model is to think long', true, 180_000],
])('an answer that does not begin in %s is asked for once more', async (_, thinksLong, limit) => {
  const kiro = await startUpstream(hang, hello);
  const at = askerOf(kiro);
  const asking = ask(at, { thinksLong });
  await ringAtEachRequest(kiro, at.timers, limit, 1);
  expect([await asking, kiro.requests.length, at.running()]).toEqual(['Hello', 2, []]);
  await kiro.requests[0]?.closed;
});

test('the second time it is over', async () => {
  const kiro = await startUpstream(beginAnswer(200, ''), hang);
  const at = askerOf(kiro);
  const asking = ask(at);
  await ringAtEachRequest(kiro, at.timers, 90_000, 2);
  expect([await asking, kiro.requests.length]).toEqual([
    'upstream-unavailable: Kiro sent nothing for 90 s; try again.',
    2,
  ]);
  for (const { closed } of kiro.requests) await closed;
});

test('the whole wait ends after 270 s, whatever it was for', async () => {
  const kiro = await startUpstream(hang);
  const at = askerOf(kiro);
  const asking = ask(at, { thinksLong: true });
  await until(() => kiro.requests.length === 1);
  at.timers.find(({ milliseconds }) => milliseconds === 270_000)?.ring();
  expect([await asking, kiro.requests.length, at.running()]).toEqual([
    'upstream-unavailable: Kiro did not begin to answer for 270 s; try again.',
    1,
    [],
  ]);
});

test('silence in the middle of an answer ends it with an error, and the connection', async () => {
  const kiro = await startUpstream(beginAnswer(200, frames(say('Hel'))));
  const at = askerOf(kiro);
  const events: unknown[] = [];
  for await (const batch of await at.asker.ask(question, never)) {
    for (const event of batch) events.push(event.type === 'error' ? told(event.error) : event.type);
    setImmediate(() => at.timers.find(({ milliseconds }) => milliseconds === 300_000)?.ring());
  }
  expect(events).toEqual([
    'start',
    'block-start',
    'block-delta',
    'upstream-unavailable: Kiro stopped in the middle of its answer and sent nothing for 300 s; try again.',
  ]);
  await kiro.requests[0]?.closed;
  expect(at.running()).toEqual([]);
});

test('a connection that stays open behind a whole answer is not waited for as long', async () => {
  const stop = { event: 'metadataEvent', payload: { stopReason: 'END_TURN' } };
  const kiro = await startUpstream(beginAnswer(200, frames(say('Hello'), stop)));
  const at = askerOf(kiro);
  const answered = ask(at);
  await until(() => at.timers.some(({ milliseconds }) => milliseconds === 10_000));
  await settled();
  for (const { milliseconds, ring } of at.running()) if (milliseconds === 10_000) ring();
  expect(await answered).toBe('Hello');
  await kiro.requests[0]?.closed;
  expect(at.running()).toEqual([]);
});

test('a reader that takes its time is not taken for Kiro’s silence', async () => {
  const kiro = await startUpstream(hello);
  const at = askerOf(kiro);
  const turn = await at.asker.ask(question, never);
  at.timers.find(({ milliseconds }) => milliseconds === 300_000)?.ring();
  expect(await textOf(turn)).toBe('Hello');
});

test('one timer serves a whole stream', async () => {
  const kiro = await startUpstream((response) => {
    response.writeHead(200);
    void (async () => {
      for (let count = 0; count < 20; count++) {
        response.write(frames(say('a')));
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      response.end();
    })();
  });
  const at = askerOf(kiro);
  expect(await ask(at)).toBe('a'.repeat(20));
  const [silence, ...others] = at.timers.filter(({ milliseconds }) => milliseconds === 300_000);
  expect([others, (silence?.refreshed ?? 0) > 5, at.running()]).toEqual([[], true, []]);
});
