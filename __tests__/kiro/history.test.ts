/** Each rule of protocol 4.5 about the history, as messages and the entries they become. */

import { expect, test } from '@jest/globals';
import type { Block, Message } from '../../src/core/conversation.js';
import { obeyRules, toEntries, type Entry } from '../../src/kiro/history.js';
import { mediaWithinLimits } from '../../src/kiro/media.js';
import { assistant, call, failed, modelNamed, paper, png, result, user } from '../support/requests.js';

/** Entries in short: only what is not empty. */
type Short = { u?: string; a?: string; results?: string[]; calls?: string[]; thoughts?: string[]; media?: string[] };

function check(title: string, messages: readonly Message[], expected: readonly Short[], model = 'auto'): void {
  test(title, () => {
    const entries = toEntries(messages, mediaWithinLimits(messages, modelNamed(model)).kept);
    expect(entries.map(shorten)).toEqual(expected);
    expect(obeyRules(entries)).toEqual(entries);
  });
}

/** `id=text|text`, with `!` in place of `=` for a failure; `id:name:input`. */
function shorten(entry: Entry): Short {
  if (entry.role === 'assistant') {
    const calls = entry.calls.map(({ id, name, input }) => `${id}:${name}:${JSON.stringify(input)}`);
    const thoughts = entry.reasonings.map((it) => (it.type === 'reasoning' ? `${it.text}/${it.signature}` : it.data));
    return { a: entry.text, ...(calls.length > 0 && { calls }), ...(thoughts.length > 0 && { thoughts }) };
  }
  const results = entry.results.map(({ id, texts, isError }) => `${id}${isError ? '!' : '='}${texts.join('|')}`);
  const media = entry.media.map((it) => (it.type === 'image' ? it.format : it.name));
  return { u: entry.text, ...(results.length > 0 && { results }), ...(media.length > 0 && { media }) };
}

const CANCELLED = 'The tool call was cancelled; it has no result.';
const GO_ON = 'Go on exactly where your last message ends.';
const thought = (text: string, signature = 's'): Block => ({ type: 'reasoning', text, signature });

// --- roles (rules 1, 3, 4)

check(
  'an ordinary conversation stays as it is',
  [user('a'), assistant('b'), user('c')],
  [{ u: 'a' }, { a: 'b' }, { u: 'c' }],
);
check('no messages at all are one without text', [], [{ u: '[no text]' }]);
check('an assistant at the beginning stays first', [assistant('a'), user('b')], [{ a: 'a' }, { u: 'b' }]);
check(
  'a prefill goes into the history, and a short word follows',
  [user('a'), assistant('{')],
  [{ u: 'a' }, { a: '{' }, { u: GO_ON }],
);
check('two users in a row become one', [user('a'), user('b', 'c')], [{ u: 'a\n\nb\n\nc' }]);
check(
  'two assistants in a row become one',
  [user('a'), assistant('b'), assistant('c', 'd'), user('e')],
  [{ u: 'a' }, { a: 'b\n\nc\n\nd' }, { u: 'e' }],
);
check(
  'calls and results of neighbours come together',
  [assistant(call('t1')), assistant(call('t2')), user(result('t1', 'r')), user(result('t2', 's'), 'and?')],
  [
    { a: '', calls: ['t1:f:{}', 't2:f:{}'] },
    { u: 'and?', results: ['t1=r', 't2=s'] },
  ],
);

// --- emptiness (rules 6, 6b, 21)

check(
  'an empty user goes, and its neighbours come together',
  [user('a'), assistant('b'), user(' '), assistant('c')],
  [{ u: 'a' }, { a: 'b\n\nc' }, { u: GO_ON }],
);
check(
  'an empty assistant goes, and its neighbours come together',
  [user('a'), assistant(''), user('b')],
  [{ u: 'a\n\nb' }],
);
check('messages without parts go', [user(), assistant(), user('a')], [{ u: 'a' }]);
check('nothing but white space is no text', [user(' \n')], [{ u: '[no text]' }]);
check('blank parts leave no blank lines', [user('a', ' ', 'b', '')], [{ u: 'a\n\nb' }]);
check('white space inside a text stays', [user('  a\n\n')], [{ u: '  a\n\n' }]);
check(
  'an assistant that only calls says nothing',
  [user('a'), assistant(call('t1')), user(result('t1', 'r'))],
  [{ u: 'a' }, { a: '', calls: ['t1:f:{}'] }, { u: '', results: ['t1=r'] }],
);
check('an image alone gets a word', [user(png)], [{ u: '[image attached]', media: ['png'] }]);
check('a document alone gets a word', [user(paper('p'))], [{ u: '[document attached]', media: ['p'] }]);
check(
  'an empty result gets a word',
  [assistant(call('t1'), call('t2')), user(result('t1'), result('t2', ' ', ''))],
  [
    { a: '', calls: ['t1:f:{}', 't2:f:{}'] },
    { u: '', results: ['t1=[empty result]', 't2=[empty result]'] },
  ],
);

// --- tool traffic (rules 2, 7, 8, 10)

check(
  'a result without any call stays as text',
  [user(result('t1', 'r', 's'), 'a')],
  [{ u: '[Result of an earlier tool call]\nr\ns\n\na' }],
);
check(
  'a failed result without any call stays as text',
  [user(failed('t1', 'r'))],
  [{ u: '[Result of an earlier tool call, which failed]\nr' }],
);
check(
  'an empty result without any call stays as text',
  [user(result('t1'))],
  [{ u: '[Result of an earlier tool call]\n[empty result]' }],
);
check(
  'a result that comes too late stays as text',
  [assistant(call('t1')), user('wait'), assistant('ok'), user(result('t1', 'r'))],
  [
    { a: '', calls: ['t1:f:{}'] },
    { u: 'wait', results: [`t1!${CANCELLED}`] },
    { a: 'ok' },
    { u: '[Result of an earlier tool call]\nr' },
  ],
);
check(
  'a result that comes before its call stays as text',
  [user(result('t1', 'r')), assistant(call('t1')), user('a')],
  [
    { u: '[Result of an earlier tool call]\nr' },
    { a: '', calls: ['t1:f:{}'] },
    { u: 'a', results: [`t1!${CANCELLED}`] },
  ],
);
check(
  'a call without a result is cancelled',
  [user('a'), assistant('b', call('t1')), user('c')],
  [{ u: 'a' }, { a: 'b', calls: ['t1:f:{}'] }, { u: 'c', results: [`t1!${CANCELLED}`] }],
);
check(
  'a call at the end is cancelled',
  [user('a'), assistant(call('t1'))],
  [{ u: 'a' }, { a: '', calls: ['t1:f:{}'] }, { u: GO_ON, results: [`t1!${CANCELLED}`] }],
);
check(
  'results take the order of their calls',
  [assistant(call('t1'), call('t2')), user(result('t2', 'r2'), failed('t1', 'r1'))],
  [
    { a: '', calls: ['t1:f:{}', 't2:f:{}'] },
    { u: '', results: ['t1!r1', 't2=r2'] },
  ],
);
check(
  'two results of one call become one, failed if one failed',
  [assistant(call('t1')), user(result('t1', 'a'), failed('t1', 'b'))],
  [
    { a: '', calls: ['t1:f:{}'] },
    { u: '', results: ['t1!a|b'] },
  ],
);
check(
  'text beside results stays beside them',
  [assistant(call('t1')), user('a', result('t1', 'r'), 'b')],
  [
    { a: '', calls: ['t1:f:{}'] },
    { u: 'a\n\nb', results: ['t1=r'] },
  ],
);

// --- ids (rule 9)

check(
  'an id that comes again in a later turn is changed, with its result',
  [assistant(call('t1')), user(result('t1', 'r')), assistant(call('t1')), user(result('t1', 's'))],
  [
    { a: '', calls: ['t1:f:{}'] },
    { u: '', results: ['t1=r'] },
    { a: '', calls: ['t1_2:f:{}'] },
    { u: '', results: ['t1_2=s'] },
  ],
);
check(
  'calls of one turn that share an id keep their own results',
  [assistant(call('t1', '{"a":1}'), call('t1', '{"a":2}')), user(result('t1', 'r'), result('t1', 's'))],
  [
    { a: '', calls: ['t1:f:{"a":1}', 't1_2:f:{"a":2}'] },
    { u: '', results: ['t1=r', 't1_2=s'] },
  ],
);
check(
  'a changed id leaves an id that looks like it alone',
  [assistant(call('t1'), call('t1_2'), call('t1')), user(result('t1_2', 'r'))],
  [
    { a: '', calls: ['t1:f:{}', 't1_2:f:{}', 't1_3:f:{}'] },
    { u: '', results: [`t1!${CANCELLED}`, 't1_2=r', `t1_3!${CANCELLED}`] },
  ],
);
check(
  'illegal characters in an id are replaced, in the result too',
  [assistant(call('a:b')), user(result('a:b', 'r'))],
  [
    { a: '', calls: ['a_b_6783a31e:f:{}'] },
    { u: '', results: ['a_b_6783a31e=r'] },
  ],
);
check(
  'an empty id is replaced, in the result too',
  [assistant(call('')), user(result('', 'r'))],
  [
    { a: '', calls: ['_e3b0c442:f:{}'] },
    { u: '', results: ['_e3b0c442=r'] },
  ],
);
check(
  'ids that differ only behind their 64th character stay apart',
  [assistant(call(`${'x'.repeat(64)}1`), call(`${'x'.repeat(64)}2`)), user(result(`${'x'.repeat(64)}2`, 'r'))],
  [
    { a: '', calls: [`${'x'.repeat(55)}_39d1a733:f:{}`, `${'x'.repeat(55)}_964dfbaf:f:{}`] },
    { u: '', results: [`${'x'.repeat(55)}_39d1a733!${CANCELLED}`, `${'x'.repeat(55)}_964dfbaf=r`] },
  ],
);
check(
  'ids named like parts of every object are only ids',
  [assistant(call('__proto__'), call('constructor')), user(result('constructor', 'r'))],
  [
    { a: '', calls: ['__proto__:f:{}', 'constructor:f:{}'] },
    { u: '', results: [`__proto__!${CANCELLED}`, 'constructor=r'] },
  ],
);

// --- system texts in mid-conversation

check(
  'a system text keeps its place, marked',
  [user('a', { type: 'system', text: 's' }, 'b')],
  [{ u: 'a\n\n<system-message>\ns\n</system-message>\n\nb' }],
);
check('an empty system text is nothing', [user('a', { type: 'system', text: ' ' })], [{ u: 'a' }]);

// --- media

check(
  'images and documents stay with their message',
  [user('a', png, paper('p')), assistant('b'), user('c')],
  [{ u: 'a', media: ['png', 'p'] }, { a: 'b' }, { u: 'c' }],
);
check(
  'an image in a result goes beside it, and a mark stays in its place',
  [assistant(call('t1')), user(result('t1', 'before', png, 'after', paper('p')))],
  [
    { a: '', calls: ['t1:f:{}'] },
    { u: '', results: ['t1=before|[image attached]|after|[document attached: p]'], media: ['png', 'p'] },
  ],
);
check(
  'an image in a result without its call is kept',
  [user(result('t1', png))],
  [{ u: '[Result of an earlier tool call]\n[image attached]', media: ['png'] }],
);
check(
  'of eleven images the oldest is only mentioned',
  [user('a', png), assistant('b'), user(...Array.from({ length: 10 }, () => ({ ...png })))],
  [
    { u: `a\n\n[The gateway left out an image (png): it is beyond what one request to this model may carry.]` },
    { a: 'b' },
    { u: '[image attached]', media: Array<string>(10).fill('png') },
  ],
);
check(
  'of six documents the oldest is only mentioned',
  [user(...['1', '2', '3', '4', '5', '6'].map(paper))],
  [
    {
      u: '[The gateway left out the document "1": it is beyond what one request to this model may carry.]',
      media: ['2', '3', '4', '5', '6'],
    },
  ],
);
const note = (name: string) =>
  ({ ...paper(name), format: 'txt', data: Buffer.from(`«${name}»`).toString('base64') }) as const;
check(
  'of six documents that are text the oldest is read in the message',
  [assistant(call('t1')), user(result('t1', note('0')), ...['1', '2', '3', '4', '5'].map(note))],
  [
    { a: '', calls: ['t1:f:{}'] },
    { u: '', results: ['t1=<document name="0">\n«0»\n</document>'], media: ['1', '2', '3', '4', '5'] },
  ],
);
check(
  'an image too large in a result is only mentioned, in its place',
  [assistant(call('t1')), user(result('t1', 'a', { ...png, data: 'A'.repeat(13_333_340) }))],
  [
    { a: '', calls: ['t1:f:{}'] },
    {
      u: '',
      results: ['t1=a|[The gateway left out an image (png): it is beyond what one request to this model may carry.]'],
    },
  ],
);
check(
  'a document too large is only mentioned',
  [user({ ...paper('p'), data: 'A'.repeat(6_000_004) })],
  [{ u: '[The gateway left out the document "p": it is beyond what one request to this model may carry.]' }],
);
check(
  'a model that sees nothing is told so',
  [user('a', png, paper('p'))],
  [
    {
      u: 'a\n\n[The gateway left out an image (png): it is beyond what one request to this model may carry.]\n\n[The gateway left out the document "p": it is beyond what one request to this model may carry.]',
    },
  ],
  'deepseek-3.2',
);

// --- reasoning (protocol 10.4)

const round = (id: string, ...blocks: Block[]): Message[] => [assistant(...blocks, call(id)), user(result(id, 'r'))];

check(
  'the thought of the round in flight is replayed',
  [user('a'), ...round('t1', thought('hm'))],
  [{ u: 'a' }, { a: '', calls: ['t1:f:{}'], thoughts: ['hm/s'] }, { u: '', results: ['t1=r'] }],
);
check(
  'all rounds in flight keep their thoughts',
  [user('a'), ...round('t1', thought('hm')), ...round('t2', { type: 'redacted-reasoning', data: 'QQ==' })],
  [
    { u: 'a' },
    { a: '', calls: ['t1:f:{}'], thoughts: ['hm/s'] },
    { u: '', results: ['t1=r'] },
    { a: '', calls: ['t2:f:{}'], thoughts: ['QQ=='] },
    { u: '', results: ['t2=r'] },
  ],
);
check(
  'when one round in flight has lost its thought the others go too',
  [user('a'), ...round('t1', thought('x')), ...round('t2'), ...round('t3', thought('z'))],
  [
    { u: 'a' },
    { a: '', calls: ['t1:f:{}'] },
    { u: '', results: ['t1=r'] },
    { a: '', calls: ['t2:f:{}'] },
    { u: '', results: ['t2=r'] },
    { a: '', calls: ['t3:f:{}'] },
    { u: '', results: ['t3=r'] },
  ],
);
check(
  'a round that lost its thought before the person spoke costs the later ones nothing',
  [user('a'), ...round('t1'), assistant('b'), user('c'), ...round('t2', thought('y'))],
  [
    { u: 'a' },
    { a: '', calls: ['t1:f:{}'] },
    { u: '', results: ['t1=r'] },
    { a: 'b' },
    { u: 'c' },
    { a: '', calls: ['t2:f:{}'], thoughts: ['y/s'] },
    { u: '', results: ['t2=r'] },
  ],
);
check(
  'a thought in a message of its own stays with the call that follows',
  [user('a'), assistant(thought('x')), ...round('t1')],
  [{ u: 'a' }, { a: '', calls: ['t1:f:{}'], thoughts: ['x/s'] }, { u: '', results: ['t1=r'] }],
);
check(
  'thoughts before the last thing that the person said are dropped',
  [user('a'), ...round('t1', thought('hm')), assistant(thought('hm'), 'b'), user('c')],
  [{ u: 'a' }, { a: '', calls: ['t1:f:{}'] }, { u: '', results: ['t1=r'] }, { a: 'b' }, { u: 'c' }],
);
check(
  'words beside the results do not end the round',
  [user('a'), assistant(thought('hm'), call('t1')), user(result('t1', 'r'), 'reminder')],
  [{ u: 'a' }, { a: '', calls: ['t1:f:{}'], thoughts: ['hm/s'] }, { u: 'reminder', results: ['t1=r'] }],
);
check(
  'a thought without a call is dropped',
  [user('a'), assistant(thought('hm'), 'b')],
  [{ u: 'a' }, { a: 'b' }, { u: GO_ON }],
);
check(
  'an unsigned thought is dropped',
  [user('a'), ...round('t1', thought('hm', ''))],
  [{ u: 'a' }, { a: '', calls: ['t1:f:{}'] }, { u: '', results: ['t1=r'] }],
);
check('an assistant that only thought is nothing', [user('a'), assistant(thought('hm')), user('b')], [{ u: 'a\n\nb' }]);
check(
  'of two thoughts in one entry none is kept',
  [user('a'), ...round('t1', thought('x'), thought('y'))],
  [{ u: 'a' }, { a: '', calls: ['t1:f:{}'] }, { u: '', results: ['t1=r'] }],
);
check(
  'of three thoughts that come together none is kept',
  [user('a'), assistant(thought('x'), 'x'), assistant(thought('y'), 'y'), ...round('t1', thought('z'))],
  [{ u: 'a' }, { a: 'x\n\ny', calls: ['t1:f:{}'] }, { u: '', results: ['t1=r'] }],
);

test('ten thousand messages of one role become one', () => {
  const entries = toEntries(
    Array.from({ length: 10_000 }, () => user('a'.repeat(1000))),
    new Set(),
  );
  expect(entries.map((entry) => entry.text.length)).toEqual([10_000 * 1002 - 2]);
});

test('twenty thousand calls are answered at once, of one id or of many', () => {
  const ids = Array.from({ length: 20_000 }, (_, at) => (at % 2 === 0 ? 'same' : `t${at}`));
  const [calls, results] = toEntries(
    [assistant(...ids.map((id) => call(id))), user(...ids.map((id) => result(id, 'r')))],
    new Set(),
  );
  expect(results?.results.map(({ id }) => id)).toEqual(calls?.calls.map(({ id }) => id));
  expect(results?.results.every(({ texts }) => texts[0] === 'r')).toBe(true);
});
