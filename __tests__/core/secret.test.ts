/** A secret is said only when it is asked for by name. */

import { expect, test } from '@jest/globals';
import { format, inspect } from 'node:util';
import { Secret } from '../../src/core/secret.js';

const VALUE = 'aoa-very-secret';
const secret = new Secret(VALUE);

test('a secret reveals what it was given', () => {
  expect(secret.reveal()).toBe(VALUE);
});

test.each<[string, unknown]>([
  ['as a text', String(secret)],
  // A slip that the compiler lets through and the linter stops.
  // oxlint-disable-next-line typescript/restrict-template-expressions
  ['in a template', `${secret}`],
  ['in a list that is joined', [secret].join()],
  ['as JSON', JSON.stringify(secret)],
  ['inside JSON', JSON.stringify({ secret: [secret] })],
  ['as the key of an object', JSON.stringify({ [String(secret)]: 1 })],
  ['when inspected', inspect(secret)],
  ['when inspected deep inside', inspect({ a: { b: [secret] } }, { depth: 9, showHidden: true })],
  ['when inspected without its own words', inspect(secret, { customInspect: false, showHidden: true })],
  ['when formatted', format('%s %j %o %O %d', secret, secret, secret, secret, secret)],
  ['by its keys', Object.keys(secret).join()],
  ['by all its own names', Reflect.ownKeys(secret).map(String).join()],
  ['by its entries', JSON.stringify(Object.entries(secret))],
  ['when copied', inspect(Object.assign({}, secret))],
  ['when cloned', inspect(structuredClone(secret))],
  ['in the message of an error', new Error(String(secret)).stack],
  ['as the cause of an error', inspect(new Error('a', { cause: secret }))],
])('a secret does not show %s', (_, shown) => {
  expect(String(shown)).not.toContain(VALUE);
});

test('a secret says that it is one', () => {
  expect([String(secret), JSON.stringify({ secret }), inspect(secret), inspect([secret])]).toEqual([
    '[secret]',
    '{"secret":"[secret]"}',
    '[secret]',
    '[ [secret] ]',
  ]);
});
