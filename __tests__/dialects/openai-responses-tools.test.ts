/** The tools of a Responses request: what the model is told of each, and how a call of it goes back to the client. */

import { expect, test } from '@jest/globals';
import { openaiResponses } from '../../src/dialects/openai-responses.js';
import { completionOf, eventsOf, read, reply, writeStream } from './support.js';
import { readResponsesStream } from '../support/responses-automaton.js';
import { GatewayError } from '../../src/core/errors.js';

type Call = { readonly name: string; readonly input: string };

/** The items that calls become in the answer to a request with these tools, which are the same in a stream. */
function itemsOf(request: object, calls: readonly Call[]): unknown {
  const { replyContext } = read(openaiResponses, { model: 'm', input: 'hi', ...request });
  const blocks = calls.map((it, index) => ({ type: 'tool-call' as const, id: `c${index}`, ...it }));
  const completion = completionOf(blocks, 'tool-calls');
  const whole = JSON.parse(JSON.stringify(openaiResponses.writeResponse(completion, { ...reply, replyContext })));
  const streamed = writeStream(openaiResponses, eventsOf(completion), { ...reply, replyContext });
  expect(readResponsesStream(streamed).response).toEqual(whole);
  return whole.output;
}

const toolsOf = (tools: readonly object[]) =>
  read(openaiResponses, { model: 'm', input: 'hi', tools }).conversation.tools;

const offers = (title: string, tools: readonly object[], expected: readonly object[]) =>
  test(title, () => expect(toolsOf(tools)).toEqual(expected));
const comesBack = (title: string, tools: readonly object[], call: Call, item: object) =>
  test(title, () => expect(itemsOf({ tools }, [call])).toEqual([{ call_id: 'c0', status: 'completed', ...item }]));

// --- functions

const LOOK = { type: 'function', name: 'look', description: 'Looks.', parameters: { type: 'object' }, strict: true };
offers(
  'a function with a schema, and one with nothing but a name',
  [LOOK, { type: 'function', name: 'stop', parameters: null }],
  [
    { name: 'look', description: 'Looks.', inputSchema: { type: 'object' } },
    { name: 'stop', description: '', inputSchema: undefined },
  ],
);
comesBack(
  'a function is called',
  [LOOK],
  { name: 'look', input: '{"at":1}' },
  {
    type: 'function_call',
    id: 'fc_abc123_0',
    name: 'look',
    arguments: '{"at":1}',
  },
);
comesBack(
  'so is one that was not offered',
  [],
  { name: 'other', input: '{}' },
  {
    type: 'function_call',
    id: 'fc_abc123_0',
    name: 'other',
    arguments: '{}',
  },
);

// --- custom tools

const EXEC = {
  type: 'custom',
  name: 'exec',
  description: 'Runs.',
  format: { type: 'grammar', syntax: 'lark', definition: 'start: /.+/' },
};
const INPUT = { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] };
offers(
  'a custom tool takes one text, and its grammar is told in words',
  [EXEC, { type: 'custom', name: 'say', format: { type: 'text' } }],
  [
    {
      name: 'exec',
      description: 'Runs.\n\nThe input follows this grammar:\nstart: /.+/',
      inputSchema: INPUT,
    },
    { name: 'say', description: '', inputSchema: INPUT },
  ],
);
const custom = (title: string, input: string, expected: string) =>
  comesBack(
    title,
    [EXEC],
    { name: 'exec', input },
    {
      type: 'custom_tool_call',
      id: 'ctc_abc123_0',
      name: 'exec',
      input: expected,
    },
  );
custom('its text goes back as it is', '{"input":"a \\"b\\"\\n\\u00fc"}', 'a "b"\nü');
custom('an empty text is a text', '{"input":""}', '');
custom('what the model wrote beside its schema goes back as it wrote it', '{"patch":"x"}', '{"patch":"x"}');
custom('a text without the field around it is the text', '"ls\\n"', 'ls\n');
custom('a list goes back as the model wrote it, too', '["ls"]', '["ls"]');

// --- namespaces

const AGENTS = {
  type: 'namespace',
  name: 'agents',
  description: 'All about agents.',
  tools: [
    { type: 'function', name: 'wait' },
    { type: 'custom', name: 'tell' },
  ],
};
offers(
  'the tools of a namespace have its name in front, and its description with the first',
  [AGENTS],
  [
    { name: 'agents__wait', description: 'All about agents.', inputSchema: undefined },
    { name: 'agents__tell', description: '', inputSchema: INPUT },
  ],
);
comesBack(
  'a function of a namespace names both',
  [AGENTS],
  { name: 'agents__wait', input: '{}' },
  {
    type: 'function_call',
    id: 'fc_abc123_0',
    name: 'wait',
    namespace: 'agents',
    arguments: '{}',
  },
);
comesBack(
  'a custom tool of a namespace, too',
  [AGENTS],
  { name: 'agents__tell', input: '{"input":"x"}' },
  {
    type: 'custom_tool_call',
    id: 'ctc_abc123_0',
    name: 'tell',
    namespace: 'agents',
    input: 'x',
  },
);
comesBack(
  'the namespace of the model’s own functions is none',
  [{ type: 'namespace', name: 'functions', tools: [EXEC] }],
  { name: 'exec', input: '{"input":"x"}' },
  { type: 'custom_tool_call', id: 'ctc_abc123_0', name: 'exec', input: 'x' },
);

// --- tools that OpenAI's models know by heart

comesBack(
  'a local shell runs a program',
  [{ type: 'local_shell' }],
  {
    name: 'local_shell',
    input: '{"command":["ls","-l",{"toString":1}],"working_directory":"/a","timeout_ms":5,"env":{"A":1}}',
  },
  {
    type: 'local_shell_call',
    id: 'lsh_abc123_0',
    action: {
      type: 'exec',
      command: ['ls', '-l', '{"toString":1}'],
      working_directory: '/a',
      timeout_ms: 5,
      env: { A: '1' },
    },
  },
);
comesBack(
  'a shell runs commands',
  [{ type: 'shell', environment: { type: 'local' } }],
  { name: 'shell', input: '{"commands":"ls"}' },
  {
    type: 'shell_call',
    id: 'sh_abc123_0',
    action: { commands: ['ls'], timeout_ms: null, max_output_length: null },
    environment: { type: 'local' },
  },
);
for (const operation of [
  { type: 'create_file', path: 'a', diff: '+x' },
  { type: 'update_file', path: 'a', diff: '@@\n-x\n+y' },
  { type: 'delete_file', path: 'a' },
]) {
  comesBack(
    `a patch is one operation: ${operation.type}`,
    [{ type: 'apply_patch' }],
    { name: 'apply_patch', input: JSON.stringify(operation) },
    { type: 'apply_patch_call', id: 'apc_abc123_0', operation },
  );
}
for (const [type, input] of [
  ['apply_patch', '{"type":"eat","path":"a"}'],
  ['apply_patch', '{"path":"a","diff":"+x"}'],
  ['shell', '{"command":"ls"}'],
  ['local_shell', '{"command":{"name":"ls"}}'],
  ['shell', '["ls"]'],
] as const) {
  comesBack(
    `what no form of its own could tell is the call of a function: ${type} ${input}`,
    [{ type }],
    { name: type, input },
    { type: 'function_call', id: 'fc_abc123_0', name: type, arguments: input },
  );
}
comesBack(
  'a search for tools goes to the client that carries it out',
  [{ type: 'tool_search', execution: 'client', description: 'Finds.', parameters: { type: 'object' } }],
  { name: 'tool_search', input: '{"query":"mail"}' },
  { type: 'tool_search_call', id: 'tsc_abc123_0', execution: 'client', arguments: { query: 'mail' } },
);

test('a call that was cut has no item where its form would hide that, and the places close up', () => {
  const calls = [
    { name: 'shell', input: '{"comm' },
    { name: 'exec', input: '{"input":"rm -rf /' },
    { name: 'look', input: '{' },
  ];
  expect(itemsOf({ tools: [{ type: 'shell' }, EXEC, { type: 'apply_patch' }, LOOK] }, calls)).toEqual([
    { type: 'function_call', id: 'fc_abc123_0', call_id: 'c2', name: 'look', arguments: '{', status: 'incomplete' },
  ]);
});

// --- where tools come from, and which stay away

test('tools may come as an item of the input, or from a search', () => {
  const { conversation } = read(openaiResponses, {
    model: 'm',
    input: [
      { type: 'additional_tools', role: 'developer', tools: [AGENTS] },
      { role: 'user', content: 'hi' },
      { type: 'tool_search_call', call_id: 'c1', execution: 'client', arguments: {} },
      { type: 'tool_search_output', call_id: 'c1', execution: 'client', tools: [LOOK] },
    ],
  });
  expect(conversation.tools.map(({ name }) => name)).toEqual(['agents__wait', 'agents__tell', 'look']);
});

test('of two tools with one name the first says how its calls go back', () => {
  const tools = [EXEC, { type: 'function', name: 'exec' }];
  expect(itemsOf({ tools }, [{ name: 'exec', input: '{"input":"x"}' }])).toEqual([
    { type: 'custom_tool_call', id: 'ctc_abc123_0', call_id: 'c0', name: 'exec', input: 'x', status: 'completed' },
  ]);
});

test('tools that OpenAI carries out itself are left out, and the client is told', () => {
  const types = ['web_search', 'web_search_preview', 'file_search', 'computer_use_preview', 'image_generation'];
  const more = ['code_interpreter', 'mcp', 'tool_search', 'something_new'];
  const hosted = { type: 'shell', environment: { type: 'container_auto' } };
  const { conversation, notices } = read(openaiResponses, {
    model: 'm',
    input: 'hi',
    tools: [...[...types, ...more].map((type) => ({ type })), hosted],
  });
  expect([conversation.tools, notices]).toEqual([[], [`tools-left-out=${[...types, ...more, 'shell'].join(',')}`]]);
});

test.each(['shell', 'exec'])('a call of %s that broke off with the answer is never told', (name) => {
  const { replyContext } = read(openaiResponses, { model: 'm', input: 'hi', tools: [{ type: 'shell' }, EXEC] });
  const broken = writeStream(
    openaiResponses,
    [
      { type: 'start', inputTokens: 1 },
      { type: 'block-start', index: 0, block: { type: 'tool-call', id: 'c0', name } },
      { type: 'block-delta', index: 0, block: 'tool-call', delta: '{"commands":["rm ' },
      { type: 'error', error: new GatewayError('upstream-unavailable', 'Gone.') },
    ],
    { ...reply, replyContext },
  );
  expect(broken.match(/^event: .*$/gm)).toEqual([
    'event: response.created',
    'event: response.in_progress',
    'event: response.failed',
  ]);
});
