/** What the model is told of a client's wishes that Kiro has no field for, and which tools it is offered then. */

import { expect, test } from '@jest/globals';
import type { Conversation } from '../../src/core/conversation.js';
import { assistant, call, conversation, requestFor, result, user } from '../support/requests.js';

const TOOLS = ['look', 'mcp.files/read'].map((name) => ({ name, description: 'x', inputSchema: undefined }));
const READ = 'mcp_files_read';

/** What stands after the client's own system text, and the tools on offer, all without the hash of their aliases. */
function told(fields: Partial<Conversation>): readonly [string, readonly string[]] {
  const { body } = requestFor({ system: ['Be brief.'], messages: [user('hi')], tools: TOOLS, ...fields });
  const { history, currentMessage } = JSON.parse(body).conversationState;
  const tools: readonly { toolSpecification: { name: string } }[] =
    currentMessage.userInputMessage.userInputMessageContext?.tools ?? [];
  const text: string = history[0].userInputMessage.content;
  expect(text.startsWith('Be brief.')).toBe(true);
  return [
    withoutHash(text.slice('Be brief.'.length).trimStart()),
    tools.map(({ toolSpecification }) => withoutHash(toolSpecification.name)),
  ];
}

const withoutHash = (text: string) => text.replaceAll(/(mcp_files_read)_[0-9a-f]+/g, '$1');

const says = (title: string, fields: Partial<Conversation>, words: string, tools: readonly string[]) =>
  test(title, () => expect(told(fields)).toEqual([words, tools]));

const BOTH = ['look', READ];
const ONE_CALL = 'Make at most one tool call at a time, and wait for its result before the next.';
const JSON_ONLY = 'Write your final answer as one JSON value and nothing else: no explanation and no Markdown fence.';

says('no wish, no words', {}, '', BOTH);
says(
  'no tool may be called: none is offered',
  { toolChoice: { mode: 'none' } },
  'Answer in words: no tool can be called in this turn.',
  [],
);
says(
  'those that the history names are offered all the same, because Kiro wants it',
  { toolChoice: { mode: 'none' }, messages: [user('hi'), assistant(call('c', '{}', 'look')), user(result('c', 'a'))] },
  'Answer in words: no tool can be called in this turn.',
  ['look'],
);
says(
  'some tool has to be called',
  { toolChoice: { mode: 'required' } },
  'In this turn you must call a tool; do not answer in words alone.',
  BOTH,
);
says(
  'one tool has to be called: it is the only one on offer, by the name that Kiro knows',
  { toolChoice: { mode: 'named', names: ['mcp.files/read'] } },
  `In this turn you must call the tool \`${READ}\`; do not answer in words alone.`,
  [READ],
);
says(
  'one of two tools has to be called',
  { toolChoice: { mode: 'named', names: ['look', 'mcp.files/read'] } },
  `In this turn you must call the tool \`look\` or \`${READ}\`; do not answer in words alone.`,
  BOTH,
);
says('a choice among no tools is none', { tools: [], toolChoice: { mode: 'required' } }, '', []);
says('one call at a time', { parallelToolCalls: false }, ONE_CALL, BOTH);
says('without tools that needs no words', { tools: [], parallelToolCalls: false }, '', []);
says('JSON without a schema', { answerFormat: { schema: undefined } }, JSON_ONLY, BOTH);
says(
  'JSON with a schema, after the other wishes',
  {
    answerFormat: { schema: { type: 'object', properties: { a: {} } } },
    parallelToolCalls: false,
    toolChoice: { mode: 'required' },
  },
  [
    'In this turn you must call a tool; do not answer in words alone.',
    ONE_CALL,
    `${JSON_ONLY} It follows this JSON schema:\n{"type":"object","properties":{"a":{}}}`,
  ].join('\n\n'),
  BOTH,
);

test('wishes without any system text stand alone', () => {
  const { messages } = conversation({ messages: [user('hi')] });
  const { body } = requestFor({ messages, answerFormat: { schema: undefined } });
  expect(JSON.parse(body).conversationState.history[0].userInputMessage.content).toBe(JSON_ONLY);
});
