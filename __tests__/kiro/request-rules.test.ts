/** The explanation of a refused request: it accuses no body that the gateway makes, and finds each rule that is broken. */

import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { judgeRequest } from '../../src/kiro/request-rules.js';
import { anyConversation, anyModel, bodyFor, modelNamed, PROFILE, user as said } from '../support/requests.js';

test('whatever the gateway makes of any conversation breaks no rule for certain', () => {
  fc.assert(
    fc.property(anyConversation, anyModel, fc.constantFrom(PROFILE, undefined), (conversation, model, profileArn) => {
      const body = bodyFor(conversation, { model, profileArn });
      expect(judgeRequest(body, JSON.stringify(body).length).filter(({ isCertain }) => isCertain)).toEqual([]);
    }),
    { numRuns: 160 },
  );
});

test('marks for the cache are no tools', () => {
  const model = { ...modelNamed('auto'), supportsPromptCache: true };
  const asked = { tools: [{ name: 'look', description: 'Looks.', inputSchema: undefined }], messages: [said('hi')] };
  const body = bodyFor(asked, { model, promptCache: true });
  expect(JSON.stringify(body)).toContain('cachePoint');
  expect(judgeRequest(body, 100)).toEqual([]);
});

const user = (content: string, context: object = {}, more: object = {}) => ({
  userInputMessage: { content, userInputMessageContext: context, ...more },
});
const assistant = (content: string, toolUses: readonly object[] = [], more: object = {}) => ({
  assistantResponseMessage: { content, toolUses, ...more },
});
const call = (toolUseId: string, name = 'look', input: object = {}) => ({ toolUseId, name, input });
const result = (toolUseId: string, content: readonly object[] = [{ text: 'seen' }]) => ({ toolUseId, content });
const tool = (name = 'look', over: object = {}) => {
  const json = { type: 'object', properties: {} };
  return { toolSpecification: { name, description: 'Looks.', inputSchema: { json }, ...over } };
};
const tools = [tool()];
const withHistory = (history: readonly object[], current: object = user('go on', { tools }), more: object = {}) => ({
  conversationState: { history, currentMessage: current },
  ...more,
});

const cases: readonly (readonly [body: object, rule: string, found: string])[] = [
  [withHistory([user('a'), user('b')]), 'alternation', 'history[1] is said by the same side as before'],
  [withHistory([user('a')]), 'alternation', 'currentMessage is said by the same side as before'],
  [withHistory([user(' '), assistant('b')]), 'empty content', 'history[0] has no content'],
  [
    withHistory([user('a'), assistant('', [call('t1')])]),
    'calls and results',
    'currentMessage does not answer exactly the calls before it',
  ],
  [
    withHistory([user('', { toolResults: [result('t1')] }), assistant('b')]),
    'calls and results',
    'history[0] does not answer exactly the calls before it',
  ],
  [
    withHistory([user('a'), assistant('', [call('t 1')])], user('', { tools, toolResults: [result('t 1')] })),
    'call ids',
    'an id of 3 characters is illegal',
  ],
  [
    withHistory([user('a'), assistant('', [call('t1', 'gone')])], user('', { tools, toolResults: [result('t1')] })),
    'tools of the history',
    'history[1] calls a tool that is not offered',
  ],
  [withHistory([user('a', { tools }), assistant('b')]), 'stray tools', 'history[0] offers tools'],
  [withHistory([], user('a', { tools: [tool('1st')] })), 'tool names', 'a name of 3 characters is illegal'],
  [withHistory([], user('a', { tools: [tool(), tool()] })), 'tool names', 'a name is used twice'],
  [withHistory([], user('a', { tools: [tool('a', { description: '' })] })), 'tool descriptions', 'tools[0]'],
  [
    withHistory([], user('a', { tools: [tool('a', { inputSchema: { json: { type: 'string' } } })] })),
    'tool schemas',
    'tools[0]',
  ],
  [
    withHistory([user('a'), assistant('', [call('t1')])], user('', { tools, toolResults: [result('t1', [])] })),
    'tool results',
    'currentMessage has a result that is not text, or empty',
  ],
  [
    withHistory(
      [user('a'), assistant('', [call('t1', 'look', { '': 1 })])],
      user('', { tools, toolResults: [result('t1')] }),
    ),
    'empty keys',
    'history[1] has a call with an empty key in its input',
  ],
  [
    withHistory([], user('a', {}, { images: Array.from({ length: 11 }, () => ({})) })),
    'media',
    '11 images and 0 documents',
  ],
  [
    withHistory([], user('a'), { profileArn: 'arn:aws:iam::1:user/x' }),
    'profile',
    'profileArn does not name a profile',
  ],
];
for (const [body, rule, found] of cases) {
  test(`${rule}: ${found}`, () => {
    const doubts = judgeRequest(body, 100).filter(({ isCertain }) => isCertain);
    expect(doubts.map((it) => ({ rule: it.rule, found: it.found }))).toEqual([{ rule, found }]);
  });
}

const hearsay: readonly (readonly [body: object, characters: number, rule: string, found: unknown])[] = [
  [
    withHistory([], user('a', { tools: Array.from({ length: 49 }, (_, index) => tool(`t${index}`)) })),
    100,
    'number of tools',
    expect.stringMatching(/^49 tools of \d+ characters$/),
  ],
  [withHistory([], user('é')), 600_001, 'size', '600001 characters, 1 of them wide'],
  [
    withHistory([user('a'), assistant('b', [], { reasoningContent: {} })]),
    100,
    'reasoning of the history',
    'history[1] brings reasoning',
  ],
  [withHistory([], user('a'), { additionalModelRequestFields: { effort: 1 } }), 100, 'model fields', 'effort is sent'],
];
for (const [body, characters, rule, found] of hearsay) {
  test(`${rule} is told as a doubt`, () => {
    expect(judgeRequest(body, characters)).toEqual([{ rule, isCertain: false, found, fix: expect.any(String) }]);
  });
}

test('many places are told by the first three, and what is no request at all is judged without a fault', () => {
  const silent = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? user('') : assistant('')));
  const [found] = judgeRequest(withHistory(silent), 100).map((it) => it.found);
  expect(found).toBe('history[0] has no content; history[1] has no content; history[2] has no content and 7 more');
  for (const body of [undefined, null, 5, 'text', [], {}, { conversationState: { history: 5 } }]) {
    expect(judgeRequest(body, 0).map(({ rule }) => rule)).toEqual(['alternation', 'empty content']);
  }
});
