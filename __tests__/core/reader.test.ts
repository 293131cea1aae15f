/** The reader of untrusted JSON: what it gives, and how it complains. */

import { expect, test } from '@jest/globals';
import { GatewayError, type ErrorKind } from '../../src/core/errors.js';
import { isRecord, Reader, textOf } from '../../src/core/reader.js';

const given = {
  text: 'a',
  empty: '',
  number: 0,
  flag: false,
  none: null,
  list: [{ deep: [1, 'x'] }],
  inside: { more: { end: 5 } },
};

test.each<[unknown, string]>([
  ['a "b"', 'a "b"'],
  [1.5, '1.5'],
  [null, 'null'],
  [{ toString: 1, valueOf: 1 }, '{"toString":1,"valueOf":1}'],
  [[{ toString: 1 }], '[{"toString":1}]'],
  [undefined, ''],
])('%j stands in a text as %s', (value, text) => {
  expect(textOf(value)).toBe(text);
});

function reads(title: string, read: (reader: Reader) => unknown, expected: unknown): void {
  test(title, () => expect(read(new Reader(given))).toEqual(expected));
}

function complains(
  title: string,
  read: (reader: Reader) => unknown,
  message: string,
  param: string,
  value: unknown = given,
): void {
  test(title, () => expect(complaint(() => read(new Reader(value)))).toEqual(['invalid-request', message, param]));
}

function complaint(run: () => unknown): unknown {
  try {
    return run();
  } catch (thrown) {
    return thrown instanceof GatewayError ? [thrown.kind, thrown.message, thrown.facts.param] : thrown;
  }
}

reads('a string', (it) => it.get('text').string(), 'a');
reads('an empty string', (it) => it.get('empty').string(), '');
reads('a string that must not be empty', (it) => it.get('text').nonEmptyString(), 'a');
reads('a number', (it) => it.get('number').number(), 0);
reads('a boolean', (it) => it.get('flag').boolean(), false);
reads('an object', (it) => it.get('inside').object(), given.inside);
reads(
  'a list, read one by one',
  (it) =>
    it
      .get('list')
      .array()
      .map((item) => item.get('deep').array().length),
  [2],
);
reads('one of several', (it) => it.get('text').oneOf(['b', 'a']), 'a');
reads('what is optional and there', (it) => it.optional('flag')?.boolean(), false);
reads('what is optional and missing', (it) => it.optional('other'), undefined);
reads('what is optional and null', (it) => it.optional('none'), undefined);
reads('what is there', (it) => ['text', 'empty', 'number', 'flag', 'none', 'other'].map((key) => it.has(key)), [
  true,
  true,
  true,
  true,
  false,
  false,
]);
reads('nothing is inside a text', (it) => it.get('text').has('length'), false);
reads(
  'what something is',
  (it) =>
    ['text', 'list', 'inside', 'none'].map((key) => [
      it.get(key).isString(),
      it.get(key).isArray(),
      it.get(key).isObject(),
    ]),
  [
    [true, false, false],
    [false, true, false],
    [false, false, true],
    [false, false, false],
  ],
);
reads('the path of the document', (it) => it.path, 'body');
reads('the path of a key', (it) => it.get('inside').get('more').get('end').path, 'inside.more.end');
reads('the path of an item', (it) => it.get('list').array()[0]?.get('deep').array()[1]?.path, 'list[0].deep[1]');
test('the path of an item of a document that is a list', () => {
  expect(new Reader([1]).array().map((it) => it.path)).toEqual(['body[0]']);
});

complains('a missing key', (it) => it.get('other').string(), 'other: is required and must be a string', 'other');
complains(
  'a key of something missing',
  (it) => it.get('other').get('more'),
  'other: is required and must be an object',
  'other',
);
complains('a text for a number', (it) => it.get('text').number(), 'text: must be a number, not "a"', 'text');
complains('a number for a text', (it) => it.get('number').string(), 'number: must be a string, not 0', 'number');
complains('a boolean for a text', (it) => it.get('flag').string(), 'flag: must be a string, not false', 'flag');
complains('null for a text', (it) => it.get('none').string(), 'none: must be a string, not null', 'none');
complains('a list for an object', (it) => it.get('list').object(), 'list: must be an object, not a list', 'list');
complains('an object for a list', (it) => it.get('inside').array(), 'inside: must be a list, not an object', 'inside');
complains('null for a boolean', (it) => it.get('none').boolean(), 'none: must be true or false, not null', 'none');
complains('an empty text', (it) => it.get('empty').nonEmptyString(), 'empty: must not be empty', 'empty');
complains('none of several', (it) => it.get('text').oneOf(['b', 'c']), 'text: must be one of b, c, not "a"', 'text');
complains(
  'a place deep inside',
  (it) => it.get('list').array()[0]?.get('deep').array()[0]?.string(),
  'list[0].deep[0]: must be a string, not 1',
  'list[0].deep[0]',
);
complains('its own words', (it) => it.get('text').fail('is not what I like'), 'text: is not what I like', 'text');
complains('the document itself', (it) => it.object(), 'body: must be an object, not a list', 'body', []);
complains(
  'a long text, cut',
  (it) => it.number(),
  `body: must be a number, not "${'x'.repeat(40)}…"`,
  'body',
  'x'.repeat(41),
);
complains('a text with quotes', (it) => it.number(), 'body: must be a number, not "\\"\\n"', 'body', '"\n');

test.each<[ErrorKind, string]>([
  ['invalid-request', 'a[0].b: is required and must be a string'],
  ['upstream-protocol', 'a[0].b is required and must be a string'],
])('every complaint of a reader is %s, also deep inside', (kind, words) => {
  const found = complaint(() => new Reader({ a: [{}] }, kind, 'answer').get('a').array()[0]?.get('b').string());
  expect(found).toEqual([kind, words, 'a[0].b']);
});

test('only a client is told its own words: what others send may hold a token', () => {
  const complaints = [new Reader('aor-token'), new Reader('aor-token', 'not-logged-in', 'login')].map((it) =>
    complaint(() => it.number()),
  );
  expect(complaints).toEqual([
    ['invalid-request', 'body: must be a number, not "aor-token"', 'body'],
    ['not-logged-in', 'login must be a number, not a text', 'login'],
  ]);
});

test('a document has its own name', () => {
  expect(complaint(() => new Reader(5, 'upstream-protocol', 'answer').object())).toEqual([
    'upstream-protocol',
    'answer must be an object, not 5',
    'answer',
  ]);
});

test.each([
  [true, {}],
  [true, Object.create(null)],
  [false, []],
  [false, null],
  [false, undefined],
  [false, 'a'],
  [false, () => undefined],
])('%s: it is a record (%#)', (expected, value) => {
  expect(isRecord(value)).toBe(expected);
});
