/** Reading requests of OpenAI's Chat Completions API: one line per form that clients send. */

import { expect, test } from '@jest/globals';
import { Reader } from '../../src/core/reader.js';
import { openaiChat } from '../../src/dialects/openai-chat.js';
import { factsOf, read, request } from './support.js';

const { conversation, messages, notices, refused } = factsOf(openaiChat);

const text = (it: string) => ({ type: 'text', text: it }) as const;

test('a whole request is read into a whole conversation', () => {
  const body = {
    model: 'claude-sonnet-4.5',
    max_completion_tokens: 1000,
    stream: true,
    stream_options: { include_usage: true },
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'hi' },
    ],
    tools: [{ type: 'function', function: { name: 'look', description: 'Looks.', parameters: { type: 'object' } } }],
    reasoning_effort: 'low',
    prompt_cache_key: 'k1',
  };
  const { replyContext: _, ...found } = read(openaiChat, body);
  expect(found).toEqual({
    conversation: {
      model: 'claude-sonnet-4.5',
      system: ['Be brief.'],
      messages: [{ role: 'user', parts: [text('hi')] }],
      tools: [{ name: 'look', description: 'Looks.', inputSchema: { type: 'object' } }],
      reasoning: { mode: undefined, effort: 'low' },
      limits: { maxTokens: 1000, stopSequences: [] },
      sessionId: 'k1',
    },
    stream: true,
    includeUsage: true,
    notices: [],
  });
});

test('nothing is streamed and no usage told unless asked for', () => {
  const { stream, includeUsage } = read(openaiChat, request({}));
  expect([stream, includeUsage]).toEqual([false, false]);
});

// Instructions
conversation(
  'leading system and developer messages are the system',
  {
    messages: [
      { role: 'system', content: 'a' },
      { role: 'developer', content: [text('b'), text('c')] },
      { role: 'user', content: 'hi' },
    ],
  },
  { system: ['a', 'b', 'c'], messages: [{ role: 'user', parts: [text('hi')] }] },
);
conversation(
  'a conversation may consist of instructions alone',
  { messages: [{ role: 'system', content: 'a' }] },
  { system: ['a'], messages: [] },
);
conversation(
  'instructions may stand where Anthropic has them',
  { system: 'a', messages: [{ role: 'system', content: 'b' }] },
  { system: ['a', 'b'], messages: [] },
);
messages(
  'a later system message keeps its place',
  [
    { role: 'user', content: 'hi' },
    { role: 'developer', content: 'now' },
  ],
  [
    { role: 'user', parts: [text('hi')] },
    { role: 'user', parts: [{ type: 'system', text: 'now' }] },
  ],
);

// Tools
const SCHEMA = { type: 'object', properties: {} };
const tools = (title: string, fields: object, expected: readonly object[]) =>
  test(title, () => expect(read(openaiChat, request(fields)).conversation.tools).toEqual(expected));
const LOOK = { name: 'look', description: '', inputSchema: SCHEMA };
tools('a function may have no parameters', { tools: [{ type: 'function', function: { name: 'look' } }] }, [
  { ...LOOK, inputSchema: undefined },
]);
tools('a function may be flat', { tools: [{ type: 'function', name: 'look', parameters: SCHEMA }] }, [LOOK]);
tools('a tool may be in Anthropic form', { tools: [{ name: 'look', input_schema: SCHEMA }] }, [LOOK]);
tools('the older functions are tools', { functions: [{ name: 'look', parameters: SCHEMA }] }, [LOOK]);
tools(
  'a custom tool has one field, and its grammar in the description',
  {
    tools: [
      {
        type: 'custom',
        custom: {
          name: 'patch',
          description: 'Patches.',
          format: { type: 'grammar', grammar: { syntax: 'lark', definition: 'start: "a"' } },
        },
      },
    ],
  },
  [
    {
      name: 'patch',
      description: 'Patches.\n\nThe input follows this grammar:\nstart: "a"',
      inputSchema: { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] },
    },
  ],
);
tools(
  'a custom tool may be flat, too',
  { tools: [{ type: 'custom', name: 'patch', format: { type: 'grammar', syntax: 'lark', definition: 'start: "a"' } }] },
  [
    {
      name: 'patch',
      description: 'The input follows this grammar:\nstart: "a"',
      inputSchema: { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] },
    },
  ],
);
tools(
  'of what Anthropic calls custom the schema is the one it has',
  { tools: [{ type: 'custom', name: 'look', input_schema: SCHEMA }] },
  [LOOK],
);
test('built-in tools of all vendors are offered here, too', () => {
  const body = request({ tools: [{ type: 'web_search' }, { type: 'bash_20250124' }, { type: 'local_shell' }] });
  const { conversation: found, notices: told } = openaiChat.readRequest(new Reader(body), {}, { searchesWeb: true });
  expect([found.tools.map(({ name }) => name), told]).toEqual([['web_search', 'bash', 'local_shell'], []]);
});
notices('other tools are left out and named', { tools: [{ type: 'web_search' }, { type: 'mcp', name: 'a' }] }, [
  'tools-left-out=web_search,mcp',
]);

// Reasoning and session
conversation(
  'effort none turns reasoning off',
  { reasoning_effort: 'none' },
  { reasoning: { mode: 'off', effort: 'none' } },
);
conversation(
  'thinking is also switched in Anthropic’s way',
  { thinking: { type: 'disabled' }, reasoning_effort: 'high' },
  { reasoning: { mode: 'off', effort: 'high' } },
);
conversation(
  'the effort may stand where OpenRouter has it',
  { reasoning: { effort: 'low' } },
  { reasoning: { effort: 'low' } },
);
conversation('or in no way that we know', { thinking: true }, { reasoning: {} });
conversation('nothing said is nothing wished', {}, { reasoning: {} });
notices('an unknown effort is ignored', { reasoning_effort: 'heroic' }, ['ignored=reasoning_effort']);
conversation('the session is in a header', { prompt_cache_key: 'k' }, { sessionId: 'a' }, { 'x-session-id': 'a' });
conversation('or in another', {}, { sessionId: 'b' }, { 'x-session-id': '', 'x-session-affinity': ['b'] });
conversation('no name is none', { prompt_cache_key: '' }, { sessionId: undefined });

// Parameters
notices(
  'what is not carried is told',
  {
    temperature: 0.2,
    top_p: 0.9,
    presence_penalty: 1,
    frequency_penalty: 1,
    seed: 1,
    logit_bias: { 50: 1 },
    store: true,
    service_tier: 'priority',
    verbosity: 'low',
    safety_identifier: 's',
    prompt_cache_options: {},
    prompt_cache_retention: '24h',
    prediction: {},
    moderation: {},
    web_search_options: {},
    search_parameters: { mode: 'auto' },
  },
  [
    'ignored=temperature,top_p,presence_penalty,frequency_penalty,seed,logit_bias,store,service_tier,verbosity,' +
      'safety_identifier,prompt_cache_options,prompt_cache_retention,prediction,moderation,web_search_options,' +
      'search_parameters',
  ],
);
notices(
  'defaults and metadata are not told',
  {
    n: 1,
    logprobs: false,
    top_logprobs: 0,
    modalities: ['text'],
    audio: null,
    temperature: 1,
    presence_penalty: 0,
    stop: null,
    logit_bias: {},
    tool_choice: 'auto',
    parallel_tool_calls: true,
    response_format: { type: 'text' },
    verbosity: 'medium',
    max_tokens: 10,
    user: 'u',
    store: false,
    metadata: { a: 'b' },
    service_tier: 'auto',
    search_parameters: { mode: 'off' },
    something_new: 1,
  },
  [],
);

// Complaints
const wrong = (path: string, complaint: string, fields: object) =>
  refused(`${path} ${complaint}`, request(fields), `${path}: ${complaint}`, path);

refused('the body has to be an object', 'hi', 'body: must be an object, not "hi"', 'body');
wrong('model', 'is required and must be a string', { model: undefined });
wrong('messages', 'is required and must be a list', { messages: undefined });
wrong('messages', 'must not be empty', { messages: [] });
wrong('tools', 'must be a list, not "all"', { tools: 'all' });
wrong('tools[0].name', 'is required and must be a string', { tools: [{ type: 'function' }] });
wrong('tools[0].function.parameters', 'must be an object, not 1', {
  tools: [{ function: { name: 'a', parameters: 1 } }],
});
wrong('functions[0].name', 'is required and must be a string', { functions: [{}] });
wrong('reasoning_effort', 'must be a string, not 3', { reasoning_effort: 3 });
wrong('stream', 'must be true or false, not 1', { stream: 1 });
wrong('stream_options.include_usage', 'must be true or false, not "yes"', { stream_options: { include_usage: 'yes' } });
wrong('max_tokens', 'must be a number, not "many"', { max_tokens: 'many' });
wrong('stop[0]', 'must be a string, not 1', { stop: [1] });
wrong('response_format', 'must be an object, not "json"', { response_format: 'json' });
wrong('prompt_cache_key', 'must be a string, not 1', { prompt_cache_key: 1 });
wrong('n', 'must be a number, not "2"', { n: '2' });

const unsupported = (param: string, value: unknown, why: string) =>
  test(`${param} is refused and not ignored`, () => {
    expect(() => read(openaiChat, request({ [param]: value }))).toThrow(
      expect.objectContaining({
        kind: 'invalid-request',
        message: `${param}: ${why}`,
        facts: { param, details: { error_code: 'unsupported_parameter' } },
      }),
    );
  });
unsupported('n', 2, 'Kiro gives one answer at a time; leave it out or set it to 1.');
unsupported('logprobs', true, 'Kiro gives no probabilities; leave it out.');
unsupported('top_logprobs', 3, 'Kiro gives no probabilities; leave it out.');
unsupported('modalities', ['text', 'audio'], 'Kiro speaks text only; leave out "audio".');
unsupported('audio', { voice: 'ash' }, 'Kiro speaks text only; leave it out.');
