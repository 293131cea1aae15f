/** The explanation of a refused request: each doubt with its place, and none about a body that is small and plain. */

import { expect, test } from '@jest/globals';
import { judgeRequest } from '../../src/kiro/request-rules.js';
import { bodyFor, user } from '../support/requests.js';

const said = (context: object = {}) => ({ userInputMessage: { content: 'é', userInputMessageContext: context } });
const thought = { assistantResponseMessage: { content: 'b', reasoningContent: {} } };
const bodyOf = (history: readonly object[], current: object = said(), more: object = {}) => ({
  conversationState: { history, currentMessage: current },
  ...more,
});
const tool = (description: string) => ({ toolSpecification: { name: 'look', description } });

test.each<[rule: string, found: unknown, body: object, characters: number]>([
  [
    'number of tools',
    expect.stringMatching(/^49 tools of \d+ characters$/),
    bodyOf([], said({ tools: Array.from({ length: 49 }, () => tool('Looks.')) })),
    100,
  ],
  ['tool descriptions', 'tools[1]', bodyOf([], said({ tools: [tool('a'), tool('b'.repeat(10_005))] })), 100],
  ['size', '600001 characters, 1 of them wide', bodyOf([]), 600_001],
  ['reasoning of the history', 'history[1] brings reasoning', bodyOf([said(), thought]), 100],
  ['model fields', 'effort is sent', bodyOf([], said(), { additionalModelRequestFields: { effort: 1 } }), 100],
])('%s', (rule, found, body, characters) => {
  expect(judgeRequest(body, characters)).toEqual([{ rule, found, fix: expect.any(String) }]);
});

test('many places are told by the first three', () => {
  const [doubt] = judgeRequest(bodyOf(Array.from({ length: 10 }, () => thought)), 100);
  expect(doubt?.found).toMatch(/^history\[0\].*; history\[1\].*; history\[2\].* and 7 more$/);
});

test('a small request raises no doubt, nor does what is no request at all', () => {
  const tools = [{ name: 'look', description: 'Looks.', inputSchema: undefined }];
  const bodies = [bodyFor({ tools, messages: [user('hi')] }), undefined, null, 5, 'text', [], {}];
  for (const body of bodies) expect(judgeRequest(body, 100)).toEqual([]);
});
