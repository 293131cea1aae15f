/** The one error of the house. */

import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from '@jest/globals';
import { GatewayError, toGatewayError } from '../../src/core/errors.js';
import { untilAborted } from '../../src/core/signals.js';

test('an error has its kind, its sentence, its facts and its name', () => {
  const facts = { param: 'a', retryAfterSeconds: 5 };
  const error = new GatewayError('rate-limited', 'Slow.', facts);
  expect([error.name, error.kind, error.message, error.facts, 'cause' in error]).toEqual([
    'GatewayError',
    'rate-limited',
    'Slow.',
    facts,
    false,
  ]);
});

test('an error keeps its cause where the log looks for it', () => {
  const cause = new Error('why');
  expect(new GatewayError('internal', 'It failed.', { cause }).cause).toBe(cause);
});

test('an error of ours stays the same one', () => {
  const error = new GatewayError('cancelled', 'Gone.');
  expect(toGatewayError(error)).toBe(error);
});

test.each([[new TypeError('x')], ['a text'], [undefined], [null]])('anything else is a bug of ours: %p', (thrown) => {
  const error = toGatewayError(thrown);
  expect([error.kind, error.message, error.cause]).toEqual([
    'internal',
    'The gateway failed on this request; this is a bug, please report it.',
    thrown,
  ]);
});

test('what fails after its caller has left is no unhandled rejection', async () => {
  const unhandled: unknown[] = [];
  const listen = (thrown: unknown): void => void unhandled.push(thrown);
  process.on('unhandledRejection', listen);
  const shared = sleep(20).then(() => Promise.reject(new Error('late')));
  await expect(untilAborted(shared, AbortSignal.abort())).rejects.toThrow(GatewayError);
  await sleep(60);
  process.off('unhandledRejection', listen);
  expect(unhandled).toEqual([]);
});
