/** Reading requests of Anthropic's Messages API: one line per form that clients send. */

import { expect, test } from '@jest/globals';
import { anthropicMessages } from '../../src/dialects/anthropic-messages.js';
import { factsOf, read, request } from './support.js';

const { conversation, messages, notices, refused } = factsOf(anthropicMessages);

const text = (it: string) => ({ type: 'text', text: it }) as const;

test('a whole request is read into a whole conversation', () => {
  const body = {
    model: 'claude-sonnet-4.5',
    max_tokens: 1000,
    stream: true,
    system: 'Be brief.',
    messages: [{ role: 'user', content: 'hi' }],
    tools: [{ name: 'look', description: 'Looks.', input_schema: { type: 'object' }, cache_control: {} }],
    thinking: { type: 'enabled', budget_tokens: 2000 },
    metadata: { user_id: 'user_1_account__session_5f3a-11' },
  };
  const { replyContext: _, ...found } = read(anthropicMessages, body);
  expect(found).toEqual({
    conversation: {
      model: 'claude-sonnet-4.5',
      system: ['Be brief.'],
      messages: [{ role: 'user', parts: [text('hi')] }],
      tools: [{ name: 'look', description: 'Looks.', inputSchema: { type: 'object' } }],
      reasoning: { mode: 'on', effort: undefined, budget: 2000 },
      limits: { maxTokens: 1000, stopSequences: [] },
      sessionId: '5f3a-11',
    },
    stream: true,
    includeUsage: true,
    notices: [],
  });
});

// System
const BILLING = 'x-anthropic-billing-header: cc_version=2.1.330.dbe; cc_entrypoint=cli;';
conversation('system may be text blocks', { system: [text('a'), text('b')] }, { system: ['a', 'b'] });
conversation('the billing block is dropped', { system: [text(BILLING), text('b')] }, { system: ['b'] });
conversation('the billing line of a string is dropped', { system: `${BILLING}\n\nrest` }, { system: ['rest'] });
conversation('an empty system is none', { system: '' }, { system: [] });
conversation(
  'system messages before any other join the system',
  {
    system: 'a',
    messages: [
      { role: 'system', content: 'b' },
      { role: 'user', content: 'hi' },
    ],
  },
  { system: ['a', 'b'], messages: [{ role: 'user', parts: [text('hi')] }] },
);
messages(
  'a later system message keeps its place',
  [
    { role: 'user', content: 'hi' },
    { role: 'system', content: [{ ...text('now'), cache_control: { type: 'ephemeral' } }] },
    { role: 'assistant', content: 'ok' },
  ],
  [
    { role: 'user', parts: [text('hi')] },
    { role: 'user', parts: [{ type: 'system', text: 'now' }] },
    { role: 'assistant', blocks: [text('ok')] },
  ],
);
messages(
  'an empty system message is passed over',
  [
    { role: 'user', content: 'hi' },
    { role: 'system', content: '' },
  ],
  [{ role: 'user', parts: [text('hi')] }],
);

messages(
  'a system message may only set the effort',
  [
    { role: 'user', content: 'hi' },
    { role: 'system', output_config: { effort: 'low' } },
  ],
  [{ role: 'user', parts: [text('hi')] }],
);
messages(
  'a system message for one turn is gone after it',
  [
    { role: 'user', content: 'hi' },
    { role: 'system', content: 'once', clear_at: 'next_user_message' },
    { role: 'assistant', content: 'ok' },
    { role: 'user', content: 'and?' },
    { role: 'system', content: 'now', clear_at: 'next_user_message' },
    { role: 'system', content: 'always', clear_at: 'never' },
  ],
  [
    { role: 'user', parts: [text('hi')] },
    { role: 'assistant', blocks: [text('ok')] },
    { role: 'user', parts: [text('and?')] },
    { role: 'user', parts: [{ type: 'system', text: 'now' }] },
    { role: 'user', parts: [{ type: 'system', text: 'always' }] },
  ],
);

// Tools
const SCHEMA = { type: 'object', properties: {} };
conversation(
  'custom tools may say their type, and need no description or schema',
  { tools: [{ type: 'custom', name: 'a', input_schema: SCHEMA, defer_loading: true }, { name: 'b' }] },
  {
    tools: [
      { name: 'a', description: '', inputSchema: SCHEMA },
      { name: 'b', description: '', inputSchema: undefined },
    ],
  },
);
// Reasoning
const reasoning = (title: string, fields: object, expected: object) =>
  conversation(title, fields, { reasoning: expected });
reasoning('nothing said is nothing wished', {}, { effort: undefined });
reasoning('adaptive thinking is on', { thinking: { type: 'adaptive', display: 'omitted' } }, { mode: 'on' });
notices('that thinking comes whatever its display is told', { thinking: { type: 'adaptive', display: 'omitted' } }, [
  'ignored=thinking.display',
]);
notices('unless it should', { thinking: { type: 'adaptive', display: 'summarized' } }, []);
reasoning('disabled thinking is off', { thinking: { type: 'disabled' } }, { mode: 'off' });
reasoning('thinking between tools is off', { thinking: { type: 'between_tools' } }, { mode: 'off' });
reasoning(
  'a negative budget is no budget',
  { thinking: { type: 'enabled', budget_tokens: -1 } },
  { mode: 'on', budget: undefined },
);
reasoning(
  'half a token is no budget',
  { thinking: { type: 'enabled', budget_tokens: 0.5 } },
  { mode: 'on', budget: undefined },
);
reasoning('effort is read', { output_config: { effort: 'xhigh' } }, { effort: 'xhigh' });
reasoning(
  'the effort of the latest message wins',
  {
    output_config: { effort: 'low' },
    messages: [
      { role: 'user', content: 'hi' },
      { role: 'system', content: 'a', output_config: { effort: 'high' } },
      { role: 'system', content: 'b', output_config: { effort: 'medium' } },
    ],
  },
  { effort: 'medium' },
);
notices('an unknown effort is ignored', { output_config: { effort: 'heroic' } }, ['ignored=output_config.effort']);
notices('an unknown kind of thinking is ignored', { thinking: { type: 'sideways' } }, ['ignored=thinking']);

// Session
const session = (title: string, fields: object, headers: Record<string, string>, sessionId: string | undefined) =>
  conversation(title, fields, { sessionId }, headers);
const CLAUDE_CODE = { 'x-claude-code-session-id': 'h1' };
session(
  'the session is in the JSON of the user id',
  { metadata: { user_id: '{"device_id":"d","session_id":"s1"}' } },
  CLAUDE_CODE,
  's1',
);
session('or in a header', { metadata: { user_id: 'someone' } }, CLAUDE_CODE, 'h1');
session('broken JSON in the user id is passed over', { metadata: { user_id: '{"session_id"' } }, CLAUDE_CODE, 'h1');
session('opencode names its session in another header', {}, { 'x-session-id': 'ses_1' }, 'ses_1');
session('no name is none', { metadata: {} }, {}, undefined);

// Parameters
notices(
  'what is not carried is told',
  {
    temperature: 0,
    top_p: 0.5,
    top_k: 40,
    context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] },
    compaction: {},
    container: 'c',
    mcp_servers: [{ type: 'url' }],
    service_tier: 'priority',
    speed: 'fast',
    inference_geo: 'eu',
    fallbacks: [],
    output_config: { task_budget: { type: 'tokens', total: 64000 } },
  },
  [
    'ignored=output_config.task_budget,temperature,top_p,top_k,context_management,compaction,container,mcp_servers,service_tier,speed,' +
      'inference_geo,fallbacks',
  ],
);
notices(
  'defaults, metadata and cache hints are not told',
  {
    max_tokens: 5,
    temperature: 1,
    stop_sequences: [],
    tool_choice: { type: 'auto', disable_parallel_tool_use: false },
    context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
    mcp_servers: [],
    service_tier: 'standard_only',
    speed: 'standard',
    diagnostics: {},
    cache_control: { type: 'ephemeral' },
    betas: ['x'],
    something_new: true,
  },
  [],
);
// Complaints
const wrong = (path: string, complaint: string, fields: object) =>
  refused(`${path} ${complaint}`, request(fields), `${path}: ${complaint}`, path);

refused('the body has to be an object', [], 'body: must be an object, not a list', 'body');
wrong('model', 'is required and must be a string', { model: undefined });
wrong('model', 'must not be empty', { model: '' });
wrong('messages', 'is required and must be a list', { messages: undefined });
wrong('messages', 'must not be empty', { messages: [] });
wrong('messages', 'must be a list, not "hi"', { messages: 'hi' });
wrong('messages[0]', 'must be an object, not null', { messages: [null] });
wrong('messages[0].role', 'must be one of system, developer, user, assistant, tool, function, not "robot"', {
  messages: [{ role: 'robot' }],
});
wrong('messages[0].content', 'must be a string or a list of parts', { messages: [{ role: 'user', content: 5 }] });
wrong('messages[0].content', 'must be a string or a list of parts', { messages: [{ role: 'user' }] });
wrong('system[0].text', 'is required and must be a string', { system: [{ type: 'text' }] });
wrong('system', 'must be a string or a list of parts', { system: 5 });
wrong('tools', 'must be a list, not an object', { tools: {} });
wrong('tools[0].name', 'must not be empty', { tools: [{ name: '' }] });
wrong('tools[0].input_schema', 'must be an object, not "x"', { tools: [{ name: 'a', input_schema: 'x' }] });
wrong('thinking', 'must be an object, not "on"', { thinking: 'on' });
wrong('thinking.budget_tokens', 'must be a number, not "1"', { thinking: { type: 'enabled', budget_tokens: '1' } });
wrong('output_config.effort', 'must be a string, not 3', { output_config: { effort: 3 } });
wrong('metadata.user_id', 'must be a string, not 3', { metadata: { user_id: 3 } });
wrong('max_tokens', 'must be a number, not "many"', { max_tokens: 'many' });
wrong('temperature', 'must be a number, not "hot"', { temperature: 'hot' });
wrong('stop_sequences[0]', 'must be a string, not 1', { stop_sequences: [1] });
wrong('stream', 'must be true or false, not "yes"', { stream: 'yes' });

test('a thread is refused in the words that make the SDK send the whole history', () => {
  expect(() => read(anthropicMessages, request({ thread: { type: 'create' } }))).toThrow(
    expect.objectContaining({
      kind: 'invalid-request',
      facts: { param: 'thread', details: { error_code: 'thread_unsupported_request', unsupported: ['thread'] } },
    }),
  );
});
