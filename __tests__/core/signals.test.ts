/** A limit of time on top of a signal: it holds even when everything that can be forgotten has been forgotten. */

import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';

import { untilAborted, within } from '../../src/core/signals.js';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Nobody but the waiting itself holds on to the signal, as in a request. */
const waitFor = async (milliseconds: number, signal: AbortSignal) =>
  untilAborted(new Promise(() => undefined), within(signal, milliseconds)).catch((thrown: unknown) => String(thrown));

test('a limit of time survives the collection of garbage', async () => {
  const waiting = waitFor(200, new AbortController().signal);
  for (let round = 0; round < 5; round++) {
    await sleep(20);
    collectGarbage();
  }
  expect(await waiting).toContain('did not answer in time');
});

test('the signal itself still ends the waiting', async () => {
  const leaving = new AbortController();
  const waiting = waitFor(60_000, leaving.signal);
  collectGarbage();
  leaving.abort();
  expect(await waiting).toContain('cancelled');
});
