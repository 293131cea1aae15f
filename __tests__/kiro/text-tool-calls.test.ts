/** Tool calls that a model has written as text: what is found in a text, wherever it is cut. */

import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { createCallReader, type OfferedTools } from '../../src/kiro/text-tool-calls.js';

const OFFERED: OfferedTools = new Map([
  ['look', { type: 'object', properties: {} }],
  [
    'write',
    { properties: { text: { type: 'string' }, lines: { type: 'number' }, all: {}, odd: { type: ['string'] } } },
  ],
]);

/** Text as it is; a call as its name and its input. */
type Short = readonly (string | readonly [string, string])[];

function readAll(chunks: readonly string[]): Short {
  const reader = createCallReader(OFFERED);
  const short: (string | readonly [string, string])[] = [];
  for (const piece of [...chunks.map((chunk) => reader.push(chunk)), ...reader.end()]) {
    const last = short.at(-1);
    if (typeof piece !== 'string') short.push([piece.name, piece.input]);
    else if (typeof last === 'string') short.splice(-1, 1, last + piece);
    else if (piece !== '') short.push(piece);
  }
  return short;
}

/** The text as one, and cut in two at every place. */
function check(title: string, text: string, expected: Short): void {
  test(title, () => {
    const cuts = Array.from({ length: text.length + 1 }, (_, at) => [text.slice(0, at), text.slice(at)]);
    expect([[text], ...cuts].map(readAll)).toEqual([expected, ...cuts.map(() => expected)]);
  });
}

const invoke = (name: string, parameters = '') => `<invoke name="${name}">${parameters}</invoke>`;
const parameter = (name: string, value: string) => `<parameter name="${name}">${value}</parameter>`;
const calls = (...invokes: string[]) => `<function_calls>${invokes.join('\n')}</function_calls>`;

check('a text without calls is text', 'I [would] call <b>look</b>.', ['I [would] call <b>look</b>.']);
check('nothing is nothing', '', []);

// --- the form in brackets

check('a call in brackets', 'So: [Called look with args: {"at":[1,{"b":"]}"}]}] done', [
  'So: ',
  ['look', '{"at":[1,{"b":"]}"}]}'],
  ' done',
]);
check('escaped quotes are in the text', '[Called look with args: {"a":"\\"]}\\\\"}]', [['look', '{"a":"\\"]}\\\\"}']]);
check('white space before the bracket', '[Called look with args: {} \n]', [['look', '{}']]);
check('two calls, one behind the other', '[Called look with args: {}]\n[Called write with args: {"a":1}]', [
  ['look', '{}'],
  '\n',
  ['write', '{"a":1}'],
]);
check('a call of a tool that is not offered is text', '[Called rm with args: {}]', ['[Called rm with args: {}]']);
check('a call whose input is no object is text', '[Called look with args: [1]]', ['[Called look with args: [1]]']);
check('a call whose input is no JSON is text', '[Called look with args: {a}]', ['[Called look with args: {a}]']);
check('a call that goes on behind its input is text', '[Called look with args: {} now]', [
  '[Called look with args: {} now]',
]);
check('a call that was cut off is text', '[Called look with args: {"a":', ['[Called look with args: {"a":']);
check('a call in a text that looked like one', '[Called look with args: {[Called look with args: {}]', [
  '[Called look with args: {',
  ['look', '{}'],
]);

// --- the form in tags

check('a call in tags', `Now.\n${calls(invoke('look'))}`, ['Now.\n', ['look', '{}']]);
check('several calls in tags', calls('\n', invoke('look'), invoke('write', parameter('text', 'a'))), [
  ['look', '{}'],
  ['write', '{"text":"a"}'],
]);
check(
  'a parameter that is to be a text stays one, others are read as JSON where they are',
  calls(
    invoke(
      'write',
      [
        parameter('text', '42'),
        parameter('lines', '42'),
        parameter('all', '[true]'),
        parameter('odd', '1'),
        parameter('new', '1'),
        parameter('constructor', '1'),
        parameter('lines2', ' a\n'),
      ].join('\n'),
    ),
  ),
  [['write', '{"text":"42","lines":42,"all":[true],"odd":"1","new":"1","constructor":"1","lines2":" a\\n"}']],
);
check('a number that is none stays a text', calls(invoke('write', parameter('lines', 'few'))), [
  ['write', '{"lines":"few"}'],
]);
check('of calls one of which is not offered none counts', calls(invoke('look'), invoke('rm')), [
  calls(invoke('look'), invoke('rm')),
]);
check('tags without a call are text', calls(''), [calls('')]);
check('tags with words between are text', calls('First', invoke('look')), [calls('First', invoke('look'))]);
check('words behind the call are not lost', calls(invoke('look'), 'and'), [calls(invoke('look'), 'and')]);
check('tags that never end are text', `<function_calls>${invoke('look')}`, [`<function_calls>${invoke('look')}`]);

// --- code

check('a call in a code fence is text', '```\n[Called look with args: {}]\n```', [
  '```\n[Called look with args: {}]\n```',
]);
check('a call behind a code fence counts', '~~~ts\n[Called look with args: {}]\n~~~\n[Called look with args: {}]', [
  '~~~ts\n[Called look with args: {}]\n~~~\n',
  ['look', '{}'],
]);
check('a fence of the other kind ends none', '```\n~~~\n[Called look with args: {}]', [
  '```\n~~~\n[Called look with args: {}]',
]);
check('backticks in a line are no fence', 'a ``` b\n[Called look with args: {}]', ['a ``` b\n', ['look', '{}']]);
check('a quoted call is text', '`[Called look with args: {}]`', ['`[Called look with args: {}]`']);

test('what looks like a call for ever is let go soon', () => {
  for (const opening of ['[Called look with args: {', '<function_calls><invoke name="look">']) {
    const text = `${opening.repeat(8000)}</function_calls>`;
    const reader = createCallReader(OFFERED);
    expect([reader.push(text), ...reader.end()].join('')).toBe(text);
  }
});

// --- laws

const scrap = fc.oneof(
  fc.constantFrom(
    '[Called look with args: ',
    '{}',
    ']',
    '{"a":"',
    '"}',
    '[',
    '{',
    '}',
    '\\',
    '```',
    '\n',
    ' ',
    '`',
    '👍',
  ),
  fc.constantFrom('<function_calls>', '</function_calls>', invoke('look'), invoke('write'), '<invoke name="', '<', 'x'),
  fc.constantFrom('[Called look with args: {}]', calls(invoke('look')), calls(invoke('look'), invoke('write'))),
);
const anyText = fc.array(scrap, { maxLength: 10 }).map((scraps) => scraps.join(''));

test('any cutting of the text gives the same', () => {
  fc.assert(
    fc.property(anyText, fc.array(fc.nat(200), { maxLength: 8 }), (text, at) => {
      const edges = [0, ...at.filter((it) => it < text.length).toSorted((one, other) => one - other), text.length];
      const chunks = edges.slice(1).map((end, index) => text.slice(edges[index], end));
      expect(readAll(chunks)).toEqual(readAll([text]));
      expect(readAll(text.split(''))).toEqual(readAll([text]));
    }),
    { numRuns: 200 },
  );
});

test('nothing is lost: what was let go and what is given up are the text', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const reader = createCallReader(OFFERED);
      expect([...text.split('').map((it) => reader.push(it)), reader.giveUp()].join('')).toBe(text);
    }),
    { numRuns: 120 },
  );
});

test('a text is let go at once, up to where a call may begin', () => {
  const reader = createCallReader(OFFERED);
  expect(['[Call', 'ers] <func', 'y>', '[Called rm', ' [Called look wi', 'th args: no'].map(reader.push)).toEqual([
    '',
    '[Callers] ',
    '<funcy>',
    '[Called rm',
    ' ',
    '',
  ]);
});
