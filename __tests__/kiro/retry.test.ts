/** When a failed question is asked again, and after what pause. */

import { expect, test } from '@jest/globals';
import { GatewayError, type ErrorKind } from '../../src/core/errors.js';
import { coolDownMs, pauseBeforeRepeat, type FailedAttempt } from '../../src/kiro/asker.js';

const policy = { maxAttempts: 3, baseDelayMs: 1000, maxSlowRepeats: 1 };

function failed(kind: ErrorKind, about: Partial<FailedAttempt> = {}, retryAfterSeconds?: number): FailedAttempt {
  return { error: new GatewayError(kind, 'No.', { retryAfterSeconds }), attempt: 1, chance: 0.5, ...about };
}

test.each<[ErrorKind, number | undefined]>([
  ['rate-limited', 1000],
  ['overloaded', 1000],
  ['upstream-unavailable', 1000],
  ['invalid-request', undefined],
  ['unauthorized', undefined],
  ['not-logged-in', undefined],
  ['login-expired', undefined],
  ['forbidden', undefined],
  ['model-not-found', undefined],
  ['context-overflow', undefined],
  ['quota-exhausted', undefined],
  ['upstream-protocol', undefined],
  ['cancelled', undefined],
  ['internal', undefined],
])('a failure of kind %s is repeated after %s ms', (kind, pause) => {
  expect(pauseBeforeRepeat(failed(kind), policy)).toBe(pause);
});

test('what has been repeated already is not repeated', () => {
  const error = new GatewayError('upstream-unavailable', 'No.', { hasBeenRepeated: true });
  expect(pauseBeforeRepeat({ error, attempt: 1, chance: 0.5 }, policy)).toBeUndefined();
});

test.each([
  [1, 0, 750],
  [1, 0.5, 1000],
  [1, 1, 1250],
  [2, 0.5, 2000],
  [3, 0.5, 4000],
  [9, 0.5, 30_000],
])('after attempt %d, with chance %d, the pause is %d ms', (attempt, chance, pause) => {
  expect(pauseBeforeRepeat(failed('overloaded', { attempt, chance }), { ...policy, maxAttempts: 10 })).toBe(pause);
});

test.each([
  [1, 1000],
  [2, 2000],
  [3, undefined],
  [4, undefined],
])('of three attempts, the %dth is followed by another after %s ms', (attempt, pause) => {
  expect(pauseBeforeRepeat(failed('upstream-unavailable', { attempt }), policy)).toBe(pause);
});

test.each([
  [0, 1000, 1000],
  [7, 7000, 7000],
  [60, 60_000, 60_000],
  [61, undefined, 60_000],
  [86_400, undefined, 60_000],
])('when Kiro asks for %d s, the pause is %s ms and the cool-down %d ms', (seconds, pause, coolDown) => {
  const given = failed('rate-limited', {}, seconds);
  expect([pauseBeforeRepeat(given, policy), coolDownMs(given, policy)]).toEqual([pause, coolDown]);
});

test.each([
  [1, 1, 0],
  [2, 1, undefined],
  [1, 0, undefined],
])('after %d slow attempts, of which %d may be repeated, the pause is %s ms', (slowAttempts, maxSlowRepeats, pause) => {
  const given = failed('upstream-unavailable', { slowAttempts });
  expect(pauseBeforeRepeat(given, { ...policy, maxSlowRepeats })).toBe(pause);
});
