/** How a turn begins and how it is collected. */

import { expect, test } from '@jest/globals';
import { GatewayError } from '../../src/core/errors.js';
import {
  begin,
  collect,
  through,
  whenFinished,
  type Batch,
  type Completion,
  type StreamEvent,
  type Turn,
} from '../../src/core/stream.js';
import { told } from '../support/bytes.js';

const start: StreamEvent = { type: 'start', inputTokens: 1 };
const head: StreamEvent = { type: 'block-start', index: 0, block: { type: 'text' } };
const usage = {
  inputTokens: 1,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
  source: 'estimate',
} as const;
const completion: Completion = { blocks: [], finishReason: 'stop', usage, credits: undefined };
const finish: StreamEvent = { type: 'finish', completion };
const failure = new GatewayError('rate-limited', 'Slow.');
const error: StreamEvent = { type: 'error', error: failure };

/** A turn of these batches that throws in the place of an error; and what has happened to it. */
function script(...batches: readonly (Batch | Error)[]): { turn: Turn; log: string[] } {
  const log: string[] = [];
  async function* turn(): AsyncGenerator<Batch> {
    try {
      for (const [index, batch] of batches.entries()) {
        log.push(`asked ${index}`);
        if (batch instanceof Error) throw batch;
        yield batch;
      }
    } finally {
      log.push('closed');
    }
  }
  return { turn: turn(), log };
}

async function batchesOf(turn: Turn): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of turn) batches.push(batch);
  return batches;
}

test('a turn that has begun gives everything, the first batch too', async () => {
  expect(await batchesOf(await begin(script([start, head], [finish]).turn))).toEqual([[start, head], [finish]]);
});

test('beginning asks for the first batch and no more', async () => {
  const { turn, log } = script([start], [finish]);
  await begin(turn);
  expect(log).toEqual(['asked 0']);
});

test.each([
  ['a failure of ours', failure],
  ['a failure of others', new TypeError('x is not a function')],
])('before the first batch %s is thrown as it is', async (_, thrown) => {
  const { turn, log } = script(thrown);
  await expect(begin(turn)).rejects.toBe(thrown);
  expect(log).toEqual(['asked 0', 'closed']);
});

test('a turn of nothing is a failure of Kiro', async () => {
  expect(await begin(script().turn).catch(told)).toBe(
    'upstream-protocol: Kiro ended its answer before it began; try again.',
  );
});

test('after the first batch a failure is the last event', async () => {
  expect(await batchesOf(await begin(script([start], failure, [finish]).turn))).toEqual([[start], [error]]);
});

test('after the first batch a foreign failure is a bug of ours, with its cause kept', async () => {
  const thrown = new TypeError('x is not a function');
  const [, last] = await batchesOf(await begin(script([start], thrown).turn));
  const event = last?.[0];
  expect(event?.type === 'error' && [told(event.error), event.error.cause]).toEqual([
    'internal: The gateway failed on this request; this is a bug, please report it.',
    thrown,
  ]);
});

test('leaving early closes the turn', async () => {
  const { turn, log } = script([start], [head], [finish]);
  for await (const batch of await begin(turn)) if (batch[0] === head) break;
  expect(log).toEqual(['asked 0', 'asked 1', 'closed']);
});

test('a reader that throws closes the turn', async () => {
  const { turn, log } = script([start], [finish]);
  const reading = async () => {
    for await (const _ of await begin(turn)) throw failure;
  };
  await expect(reading()).rejects.toBe(failure);
  expect(log).toEqual(['asked 0', 'closed']);
});

test('a turn that ends closes itself', async () => {
  const { turn, log } = script([start], [finish]);
  await batchesOf(await begin(turn));
  expect(log).toEqual(['asked 0', 'asked 1', 'closed']);
});

test('collecting gives the completion, and closes the turn', async () => {
  const { turn, log } = script([start, head], [finish], [start]);
  expect(await collect(turn)).toBe(completion);
  expect(log).toEqual(['asked 0', 'asked 1', 'closed']);
});

test('collecting throws the error that ends a turn, and closes the turn', async () => {
  const { turn, log } = script([start, error], [finish]);
  await expect(collect(turn)).rejects.toBe(failure);
  expect(log).toEqual(['asked 0', 'closed']);
});

test('collecting a turn that has begun throws the failure that ends it', async () => {
  await expect(begin(script([start], failure).turn).then(collect)).rejects.toBe(failure);
});

test('collecting a turn that merely stops throws', async () => {
  expect(await collect(script([start, head]).turn).catch(told)).toBe(
    'upstream-protocol: Kiro stopped in the middle of its answer; try again.',
  );
});

test('stages change what flows by, one after the other; what becomes nothing is passed over', async () => {
  const { turn, log } = script([start], [head], [finish], [start]);
  const heard: Completion[] = [];
  const changed = through(turn, [
    (batch) => batch.filter((event) => event !== head),
    whenFinished((sum) => heard.push(sum)),
  ]);
  expect(await batchesOf(changed)).toEqual([[start], [finish]]);
  expect([heard, log]).toEqual([[completion], ['asked 0', 'asked 1', 'asked 2', 'closed']]);
});

test('a stage that ends the turn closes it', async () => {
  const { turn, log } = script([start], [head], [finish]);
  expect(await batchesOf(through(turn, [(batch) => (batch[0] === head ? [finish] : batch)]))).toEqual([
    [start],
    [finish],
  ]);
  expect(log).toEqual(['asked 0', 'asked 1', 'closed']);
});

test('leaving a turn that has begun before its first batch closes it', async () => {
  const { turn, log } = script([start], [finish]);
  const begun = await begin(turn);
  await begun[Symbol.asyncIterator]().return?.();
  expect([await batchesOf(begun), log]).toEqual([[], ['asked 0', 'closed']]);
});
