/** Tool calls that were cut off: how they are remembered, and what the model is told of them. */

import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Message } from '../../src/core/conversation.js';
import { createCutCalls, obeyRules, toEntries } from '../../src/kiro/history.js';
import { anyMessages, assistant, bodyFor, call, failed, png, result, user } from '../support/requests.js';

const NOTICE =
  '[Notice of the gateway: the output limit cut this tool call off, so that its input arrived incomplete; an error ' +
  'below may follow from that. The same call would be cut off again: split the work into several smaller calls.]';

/** The ids of the results that got a notice in front, for calls whose ids begin with `cut`. */
function noticed(messages: readonly Message[]): readonly string[] {
  const results = toEntries(messages, new Set(), (id) => id.startsWith('cut')).flatMap((entry) => entry.results);
  return results.filter(({ texts }) => texts[0] === NOTICE).map(({ id }) => id);
}

function check(title: string, messages: readonly Message[], expected: readonly string[]): void {
  test(title, () => {
    expect(noticed(messages)).toEqual(expected);
  });
}

check('a call that is remembered', [assistant(call('cut1')), user(failed('cut1', 'No.'))], ['cut1']);
check('a whole call', [assistant(call('t1')), user(failed('t1', 'No.'))], []);
check('an input that is no JSON', [assistant(call('t1', '{"a":"b')), user(result('t1', 'r'))], ['t1']);
check(
  'an input as a client keeps it that could not read it',
  [assistant(call('t1', '{"__unparsedToolInput":"{\\"a"}')), user(result('t1', 'r'))],
  ['t1'],
);
check('no input at all is no cut', [assistant(call('t1', '')), user(result('t1', 'r'))], []);
check('one of two', [assistant(call('t1'), call('cut1')), user(result('t1', 'r'), result('cut1', 'r'))], ['cut1']);
check(
  'calls and results in several messages',
  [assistant(call('cut1')), assistant(call('cut2')), user(result('cut1', 'r')), user('and', result('cut2', 'r'))],
  ['cut1', 'cut2'],
);
check(
  'a result that is not right behind its call',
  [assistant(call('cut1')), user('a'), assistant('b'), user(result('cut1', 'r'))],
  [],
);
check(
  'of two results of one call the first',
  [assistant(call('cut1')), user(result('cut1', 'r'), result('cut1', 's'))],
  ['cut1'],
);
check('a result without its call', [user(result('cut1', 'r'))], []);
check(
  'a cut in an earlier round',
  [assistant(call('cut1')), user(result('cut1', 'r')), assistant(call('t2')), user(result('t2', 'r'))],
  ['cut1'],
);

test('the notice stands in front of the result, once, and everything else stays', () => {
  const entries = toEntries(
    [user('a'), assistant('b', call('cut1')), user('c', failed('cut1', 'No.'), png)],
    new Set([png]),
    () => true,
  );
  expect(entries.at(-1)).toEqual({
    role: 'user',
    text: 'c',
    media: [png],
    results: [{ id: 'cut1', texts: [NOTICE, 'No.'], isError: true }],
    calls: [],
    reasonings: [],
  });
  expect(obeyRules(entries)).toEqual(entries);
});

test('calls of one turn that share an id have their notices both', () => {
  const [, results] = toEntries(
    [assistant(call('cut1'), call('cut1')), user(result('cut1', 'r'), result('cut1', 's'))],
    new Set(),
    () => true,
  );
  expect(results?.results.map(({ texts }) => texts)).toEqual([
    [NOTICE, 'r'],
    [NOTICE, 's'],
  ]);
});

test('in the body it is a text of the result, and without recovery there is none', () => {
  const messages = [assistant(call('t1', '{"a')), user(failed('t1', 'No.'))];
  const current = (wasCut: (() => boolean) | undefined) =>
    bodyFor({ messages }, { wasCut }).conversationState.currentMessage.userInputMessage.userInputMessageContext;
  const results = (...texts: string[]) => ({
    toolResults: [{ toolUseId: 't1', content: texts.map((text) => ({ text })), status: 'error' }],
  });
  expect(current(() => false)).toMatchObject(results(NOTICE, 'No.'));
  expect(current(undefined)).toMatchObject(results('No.'));
});

test('messages in which nothing was cut become the same entries', () => {
  fc.assert(
    fc.property(anyMessages, (messages) => {
      const whole = messages.filter((it) => it.role === 'user' || it.blocks.every(({ type }) => type !== 'tool-call'));
      expect(toEntries(whole, new Set(), () => true)).toEqual(toEntries(whole, new Set()));
    }),
  );
});

// --- the memory

test('the ids of cut calls are kept, and those of whole ones are not', () => {
  const cutCalls = createCutCalls();
  cutCalls.remember([{ type: 'text', text: 'a' }, call('t1', '{}'), call('t2', '{"a')]);
  expect(['t1', 't2'].map((id) => cutCalls.has(id))).toEqual([false, true]);
});

test('a whole call with the id of a cut one is not taken for it', () => {
  const cutCalls = createCutCalls();
  cutCalls.remember([call('t1', '{"a')]);
  cutCalls.remember([call('t1', '{}')]);
  expect(cutCalls.has('t1')).toBe(false);
});

test('the memory holds the last thousand', () => {
  const cutCalls = createCutCalls();
  for (let count = 0; count < 1000; count++) cutCalls.remember([call(`t${count}`, '{"a')]);
  cutCalls.remember([call('t0', '{"a')]);
  cutCalls.remember([call('new', '{"a')]);
  expect(['t0', 't1', 't2', 'new'].map((id) => cutCalls.has(id))).toEqual([true, false, true, true]);
});
