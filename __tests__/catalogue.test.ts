/** The list of models: who waits for it, and what happens when it does not come. */

import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from '@jest/globals';

import { createCatalogue, createCatalogueStore } from '../src/catalogue.js';
import type { Model } from '../src/core/conversation.js';
import { GatewayError } from '../src/core/errors.js';
import { untilAborted } from '../src/core/signals.js';
import { createLogger } from '../src/logger.js';
import { models } from './support/requests.js';

const MODEL = { id: 'auto' } as Model;
const AWAY = new GatewayError('upstream-unavailable', 'Away.');
const LATE = 'Kiro has not listed its models after 0.02 s; the conversation goes on without known limits.';
const UNWATCHED = new AbortController().signal;

/** A catalogue whose answers are scripted: a list, a failure, or a promise of either. */
function scripted(answers: (readonly Model[] | GatewayError | Promise<readonly Model[]>)[]) {
  const clock = { now: 0 };
  let asked = 0;
  const warned: string[] = [];
  const log = {
    ...createLogger({ level: 'ERROR', write() {}, now: () => 0 }),
    warn: (message: string) => void warned.push(message),
  };
  const closing = new AbortController();
  async function listModels(signal: AbortSignal): Promise<readonly Model[]> {
    const answer = answers[asked++];
    if (answer === undefined || answer instanceof GatewayError) throw answer ?? AWAY;
    return answer instanceof Promise ? untilAborted(answer, signal) : answer;
  }
  const catalogue = createCatalogue({
    client: { listModels },
    log,
    now: () => clock.now,
    modelCacheTtlSeconds: 60,
    longestWaitMs: 20,
    closing: closing.signal,
  });
  return { catalogue, clock, closing, warned, asked: () => asked };
}

test('a list is asked for once and kept for its time', async () => {
  const { catalogue, clock, asked } = scripted([[MODEL], [MODEL, MODEL]]);
  const both = await Promise.all([catalogue.models(UNWATCHED), catalogue.models(UNWATCHED)]);
  clock.now = 59_999;
  await catalogue.models(UNWATCHED);
  const before = asked();
  clock.now = 60_000;
  expect([both, before, await catalogue.models(UNWATCHED)]).toEqual([[[MODEL], [MODEL]], 1, [MODEL, MODEL]]);
});

test('a conversation never waits for a list to be renewed', async () => {
  const { catalogue, clock } = scripted([[MODEL], new Promise(() => undefined)]);
  await catalogue.models(UNWATCHED);
  clock.now = 60_000;
  expect(await catalogue.modelsIfKnown(UNWATCHED)).toEqual([MODEL]);
});

test('a conversation does not wait long for the first list, and has it when it has come', async () => {
  let tell: (list: readonly Model[]) => void = () => undefined;
  const { catalogue, asked, warned } = scripted([new Promise((resolve) => (tell = resolve))]);
  const early = await catalogue.modelsIfKnown(UNWATCHED);
  tell([MODEL]);
  expect([early, await catalogue.modelsIfKnown(UNWATCHED), asked(), warned]).toEqual([[], [MODEL], 1, [LATE]]);
});

test('a list that nobody waits for any more is given up without a word', async () => {
  const { catalogue, clock, closing, warned } = scripted([[MODEL], new Promise(() => undefined)]);
  await catalogue.models(UNWATCHED);
  clock.now = 60_000;
  const renewed = catalogue.models(UNWATCHED);
  closing.abort();
  expect([await renewed, warned]).toEqual([[MODEL], []]);
});

test('a list that fails is not asked for again by every conversation', async () => {
  const { catalogue, clock, asked, warned } = scripted([AWAY, [MODEL]]);
  const lists = [await catalogue.modelsIfKnown(UNWATCHED), await catalogue.modelsIfKnown(UNWATCHED)];
  const before = asked();
  clock.now = 30_000;
  expect([lists, before, await catalogue.modelsIfKnown(UNWATCHED), warned.length]).toEqual([[[], []], 1, [MODEL], 1]);
});

test('a clock that was set back keeps no list from being asked for', async () => {
  const { catalogue, clock } = scripted([AWAY, [MODEL]]);
  clock.now = 3_600_000;
  const first = await catalogue.modelsIfKnown(UNWATCHED);
  clock.now = 0;
  expect([first, await catalogue.modelsIfKnown(UNWATCHED)]).toEqual([[], [MODEL]]);
});

test('a stale list is better than none, and a failure without one is thrown', async () => {
  const { catalogue, clock } = scripted([AWAY, [MODEL], AWAY]);
  await expect(catalogue.models(UNWATCHED)).rejects.toBe(AWAY);
  await catalogue.models(UNWATCHED);
  clock.now = 60_000;
  expect(await catalogue.models(UNWATCHED)).toEqual([MODEL]);
});

test('a list that is kept is not called lost because something among the old ones cannot be cleared away', async () => {
  const stateFolder = await mkdtemp(join(tmpdir(), 'catalogue-'));
  const folder = join(stateFolder, 'models');
  await mkdir(folder);
  for (let count = 0; count < 11; count++) await symlink('nowhere', join(folder, `${count}.json`));
  const told: string[] = [];
  const store = createCatalogueStore(stateFolder, 'account', (sentence) => void told.push(sentence));
  await store.write({ models, listedAt: 1 });
  expect([told, await store.read()]).toEqual([[], { models, listedAt: 1 }]);
  await rm(stateFolder, { recursive: true });
});
