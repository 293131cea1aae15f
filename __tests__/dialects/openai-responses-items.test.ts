/** Reading the items of a Responses input: each type of A.2, and what happens to all others. */

import { expect, test } from '@jest/globals';
import type { Block, Message, ToolResultPart, UserPart } from '../../src/core/conversation.js';
import { openaiResponses } from '../../src/dialects/openai-responses.js';
import { factsOf, read } from './support.js';

const PNG = 'data:image/png;base64,aGk=';

const check = (
  title: string,
  input: readonly object[],
  expected: readonly Message[],
  notices: readonly string[] = [],
) =>
  test(title, () => {
    const found = read(openaiResponses, { model: 'm', input });
    expect([found.conversation.messages, found.notices]).toEqual([expected, notices]);
  });

const user = (...parts: readonly UserPart[]): Message => ({ role: 'user', parts });
const assistant = (...blocks: readonly Block[]): Message => ({ role: 'assistant', blocks });
const text = (it: string) => ({ type: 'text' as const, text: it });
const call = (name: string, input: object | string, id = 'c1'): Block => ({
  type: 'tool-call',
  id,
  name,
  input: typeof input === 'string' ? input : JSON.stringify(input),
});
const result = (content: readonly ToolResultPart[], id = 'c1', isError = false): UserPart => ({
  type: 'tool-result',
  id,
  content,
  isError,
});

// --- messages

check('a message of the short form', [{ role: 'user', content: 'hi' }], [user(text('hi'))]);
check(
  'a message with a client’s own id and fields',
  [{ type: 'message', id: 'msg_1', role: 'user', content: [{ type: 'input_text', text: 'hi' }], phase: null, x: {} }],
  [user(text('hi'))],
);
check(
  'all kinds of parts',
  [
    {
      role: 'user',
      content: [
        { type: 'input_text', text: 'a' },
        { type: 'input_image', image_url: PNG, detail: 'high' },
        { type: 'input_image', image_url: { url: PNG } },
        { type: 'input_file', filename: 'a.md', file_data: 'data:text/markdown;base64,aGk=' },
        { type: 'input_file', filename: 'b.csv', file_data: 'aGk=' },
        { type: 'refusal', refusal: 'No.' },
        { type: 'text', text: 'b' },
      ],
    },
  ],
  [
    user(
      text('a'),
      { type: 'image', format: 'png', data: 'aGk=' },
      { type: 'image', format: 'png', data: 'aGk=' },
      { type: 'document', name: 'a.md', format: 'md', data: 'aGk=' },
      { type: 'document', name: 'b.csv', format: 'csv', data: 'aGk=' },
      text('No.'),
      text('b'),
    ),
  ],
);
check(
  'what lies elsewhere is left out, and both sides are told',
  [
    {
      role: 'user',
      content: [
        { type: 'input_image', image_url: 'https://a.example/b.png' },
        { type: 'input_image', file_id: 'file-1' },
        { type: 'input_file', file_url: 'https://a.example/b.pdf' },
        { type: 'input_file', file_id: 'file-2' },
      ],
    },
  ],
  [
    user(
      text('[image left out: https://a.example/b.png]'),
      text('[image left out: file-1]'),
      text('[document left out: https://a.example/b.pdf]'),
      text('[document left out: file-2]'),
    ),
  ],
  ['images-left-out=url,file', 'documents-left-out=url,file'],
);
check(
  'a part of an unknown type keeps its text',
  [{ role: 'user', content: [{ type: 'input_smell', text: 'roses' }] }],
  [user(text('roses'))],
  ['unknown-block=input_smell'],
);
check(
  'what the assistant said: a string, parts, a refusal, and something new',
  [
    { role: 'assistant', content: 'a' },
    {
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [
        { type: 'output_text', text: 'b', annotations: [], logprobs: [] },
        { type: 'refusal', refusal: 'No.' },
        { type: 'output_smell', text: 'roses' },
      ],
    },
  ],
  [assistant(text('a'), text('b'), text('No.'), text('roses'))],
  ['unknown-block=output_smell'],
);
check(
  'instructions in mid-conversation keep their place',
  [
    { role: 'user', content: 'hi' },
    { role: 'system', content: 'Be brief.' },
    { role: 'developer', content: [{ type: 'input_text', text: 'Hurry.' }] },
  ],
  [user(text('hi')), user({ type: 'system', text: 'Be brief.' }), user({ type: 'system', text: 'Hurry.' })],
);

// --- calls and their results

check(
  'a call, its result, and the next call',
  [
    { type: 'function_call', id: 'fc_1', call_id: 'c1', name: 'look', arguments: '{"at":1}', status: 'completed' },
    { type: 'function_call_output', id: 'fco_1', call_id: 'c1', output: 'a' },
    { type: 'function_call', call_id: 'c2', name: 'look', arguments: '' },
    { type: 'function_call_output', call_id: 'c2', output: '' },
  ],
  [
    assistant(call('look', { at: 1 })),
    user(result([text('a')])),
    assistant(call('look', '{}', 'c2')),
    user(result([], 'c2')),
  ],
);
check(
  'what the model said in one turn is one message, and so are all results',
  [
    { role: 'assistant', content: 'Looking.' },
    { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{}' },
    { type: 'custom_tool_call', call_id: 'c2', name: 'exec', input: 'a "b"' },
    { type: 'custom_tool_call_output', call_id: 'c2', output: [{ type: 'input_text', text: 'b' }] },
    { type: 'function_call_output', call_id: 'c1', output: 'a' },
  ],
  [
    assistant(text('Looking.'), call('look', '{}'), call('exec', { input: 'a "b"' }, 'c2')),
    user(result([text('b')], 'c2'), result([text('a')])),
  ],
);
check(
  'a call that was cut comes back as it was',
  [{ type: 'function_call', call_id: 'c1', name: 'look', arguments: '{"at', status: 'incomplete' }],
  [assistant(call('look', '{"at'))],
);
check(
  'a call within a namespace has its name',
  [
    { type: 'function_call', call_id: 'c1', name: 'wait', namespace: 'agents', arguments: '{}' },
    { type: 'custom_tool_call', call_id: 'c2', name: 'exec', namespace: 'functions', input: 'x' },
  ],
  [assistant(call('agents__wait', '{}'), call('exec', { input: 'x' }, 'c2'))],
);
check(
  'a result with an image, one with an object, and one with a failure',
  [
    {
      type: 'function_call_output',
      call_id: 'c1',
      output: [
        { type: 'input_text', text: 'a' },
        { type: 'input_image', image_url: PNG },
      ],
    },
    { type: 'function_call_output', call_id: 'c2', output: { content: 'b', success: true } },
    { type: 'function_call_output', call_id: 'c3', output: { ok: 1 } },
    { type: 'apply_patch_call_output', call_id: 'c4', status: 'failed', output: 'No such file.' },
  ],
  [
    user(
      result([text('a'), { type: 'image', format: 'png', data: 'aGk=' }]),
      result([text('b')], 'c2'),
      result([text('{"ok":1}')], 'c3'),
      result([text('No such file.')], 'c4', true),
    ),
  ],
);
check(
  'a local shell, which has its id in one of two places',
  [
    {
      type: 'local_shell_call',
      id: 'lsh_1',
      call_id: 'c1',
      action: { type: 'exec', command: ['ls'], env: { A: '1' }, timeout_ms: 5 },
    },
    { type: 'local_shell_call_output', id: 'c1', output: 'a.txt' },
  ],
  [assistant(call('local_shell', { command: ['ls'], env: { A: '1' }, timeout_ms: 5 })), user(result([text('a.txt')]))],
);
check(
  'the calls of shells as the model made them, without what their forms have set besides',
  [
    { type: 'local_shell_call', call_id: 'c1', action: { type: 'exec', command: ['ls'], env: {} } },
    { type: 'shell_call', call_id: 'c2', action: { commands: ['ls'], timeout_ms: null, max_output_length: null } },
  ],
  [assistant(call('local_shell', { command: ['ls'] }), call('shell', { commands: ['ls'] }, 'c2'))],
);
check(
  'a shell with an outcome for each of its commands',
  [
    { type: 'shell_call', call_id: 'c1', action: { commands: ['ls', 'sleep 9'] } },
    {
      type: 'shell_call_output',
      call_id: 'c1',
      output: [
        { stdout: 'a.txt', stderr: 'warning', outcome: { type: 'exit', exit_code: 0 } },
        { stdout: '', stderr: '', outcome: { type: 'timeout' } },
      ],
    },
  ],
  [
    assistant(call('shell', { commands: ['ls', 'sleep 9'] })),
    user(result([text('a.txt\nwarning\n[exit code 0]'), text('[timeout]')])),
  ],
);
check(
  'a call and its result as chat has them',
  [
    { role: 'assistant', content: null, tool_calls: [{ id: 'c1', function: { name: 'look', arguments: '{"at":1}' } }] },
    { role: 'tool', tool_call_id: 'c1', content: 'a.txt' },
  ],
  [assistant(call('look', { at: 1 })), user(result([text('a.txt')]))],
);
check(
  'the output of a shell as one text',
  [
    { type: 'shell_call', call_id: 'c1', action: { commands: ['ls'] } },
    { type: 'shell_call_output', call_id: 'c1', output: 'a.txt' },
  ],
  [assistant(call('shell', { commands: ['ls'] })), user(result([text('a.txt')]))],
);
check(
  'a patch',
  [
    { type: 'apply_patch_call', call_id: 'c1', operation: { type: 'delete_file', path: 'a' }, status: 'completed' },
    { type: 'apply_patch_call_output', call_id: 'c1', status: 'completed' },
  ],
  [assistant(call('apply_patch', { type: 'delete_file', path: 'a' })), user(result([]))],
);
check(
  'a search for tools that the client carried out',
  [
    { type: 'tool_search_call', call_id: 'c1', execution: 'client', arguments: { query: 'mail' } },
    { type: 'tool_search_output', call_id: 'c1', tools: [{ type: 'function', name: 'send' }] },
    { type: 'tool_search_call', call_id: 'c2', execution: 'client', arguments: '{"query":"fax"}' },
    { type: 'tool_search_output', call_id: 'c2', tools: [] },
    { type: 'tool_search_call', call_id: 'c3', execution: 'client', arguments: ['tax'] },
  ],
  [
    assistant(call('tool_search', { query: 'mail' })),
    user(result([text('These tools are available now: send')])),
    assistant(call('tool_search', { query: 'fax' }, 'c2')),
    user(result([text('No tools were found.')], 'c2')),
    assistant(call('tool_search', ['tax'], 'c3')),
  ],
);
check(
  'a search for tools that OpenAI carried out leaves nothing behind',
  [
    { role: 'user', content: 'hi' },
    { type: 'tool_search_call', id: 'tsc_1', execution: 'server', arguments: {} },
    { type: 'tool_search_output', id: 'tso_1', execution: 'server', tools: [] },
  ],
  [user(text('hi'))],
);

// --- reasoning

const SEALED = `kiro-gateway.1.${Buffer.from('{"type":"reasoning","text":"Hm.","signature":"c2ln"}').toString('base64url')}`;
check(
  'reasoning that we have sealed is what it was, whatever its summary says',
  [{ type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'changed' }], encrypted_content: SEALED }],
  [assistant({ type: 'reasoning', text: 'Hm.', signature: 'c2ln' })],
);
const foreign = (title: string, encrypted: unknown) =>
  check(
    title,
    [
      {
        type: 'reasoning',
        summary: [{ type: 'summary_text', text: 'Hm.' }],
        content: null,
        encrypted_content: encrypted,
      },
    ],
    [assistant({ type: 'reasoning', text: 'Hm.', signature: '' })],
  );
foreign('reasoning that others have sealed is for reading only', 'gAAAAABk');
foreign('and so is what somebody has changed', 'kiro-gateway.1.e30');
foreign('or cut', SEALED.slice(0, -9));
foreign('or what a later version has sealed', 'kiro-gateway.2.e30');
foreign('or what nobody has sealed', null);
check(
  'foreign reasoning without words is nothing',
  [
    { role: 'user', content: 'hi' },
    { type: 'reasoning', summary: [], encrypted_content: 'gAAAAABk' },
  ],
  [user(text('hi'))],
);

// --- all others

check(
  'a web search comes back with its sources',
  [
    {
      type: 'web_search_call',
      id: 'ws_1',
      status: 'completed',
      action: { type: 'search', query: 'oslo', sources: [{ type: 'url', url: 'https://a.b' }] },
    },
  ],
  [
    assistant({
      type: 'web-search',
      id: 'ws_1',
      query: 'oslo',
      results: [{ title: 'https://a.b', url: '', snippet: '', publishedAt: undefined }],
    }),
  ],
);
check(
  'and so does one that has failed',
  [{ type: 'web_search_call', id: 'ws_1', status: 'failed', action: { type: 'search', query: 'oslo', sources: [] } }],
  [assistant({ type: 'web-search', id: 'ws_1', query: 'oslo', results: [], failure: 'unavailable' })],
);
check(
  'the summary of a compaction is kept, its seal is not ours',
  [
    { type: 'compaction', encrypted_content: 'gAAAAABk' },
    { type: 'compaction', content: [{ type: 'text', text: 'So far.' }] },
    { type: 'compaction_trigger' },
  ],
  [user(text('So far.'))],
  ['unknown-block=compaction,compaction_trigger'],
);
check(
  'items of unknown types are passed over',
  [
    { role: 'user', content: 'hi' },
    { type: 'hologram', data: 'x' },
    { type: 'mcp_list_tools', tools: [] },
  ],
  [user(text('hi'))],
  ['unknown-block=hologram,mcp_list_tools'],
);

check(
  'what OpenAI’s own tools have found is kept in words',
  [
    { type: 'mcp_call', id: 'mcp_1', name: 'find', arguments: '{}', server_label: 's', output: 'Found.', error: null },
    { type: 'mcp_call', id: 'mcp_2', name: 'find', arguments: '{"a":1}', error: { type: 'http', message: 'Lost.' } },
    { type: 'mcp_approval_response', approval_request_id: 'a', approve: false, reason: 'Too dear.' },
    { type: 'code_interpreter_call', id: 'ci_1', code: 'print(7)', outputs: [{ type: 'logs', logs: '7' }] },
    { type: 'file_search_call', id: 'fs_1', queries: ['who?'], results: [{ filename: 'a.txt', text: 'Text.' }] },
  ],
  [
    user(text('find\n{}\nFound.')),
    user(text('find\n{"a":1}\nLost.')),
    user(text('Too dear.')),
    user(text('print(7)\n7')),
    user(text('who?\na.txt\nText.')),
  ],
  ['unknown-block=mcp_call,mcp_approval_response,code_interpreter_call,file_search_call'],
);

const { refused } = factsOf(openaiResponses);
refused(
  'a reference to an item',
  { model: 'm', input: [{ type: 'item_reference', id: 'msg_1' }] },
  'input[0]: Item not found: the gateway keeps the latest only; send the whole conversation, or set `store: false`.',
  'input[0]',
);
refused(
  'a reference that says only which item',
  { model: 'm', input: [{ type: null, id: 'msg_1' }] },
  'input[0]: Item not found: the gateway keeps the latest only; send the whole conversation, or set `store: false`.',
  'input[0]',
);
refused(
  'a role that nobody has',
  { model: 'm', input: [{ role: 'robot', content: 'x' }] },
  'input[0].role: must be one of system, developer, user, assistant, tool, function, not "robot"',
  'input[0].role',
);
refused(
  'a result that belongs to no call',
  { model: 'm', input: [{ type: 'function_call_output', output: 'x' }] },
  'input[0].call_id: is required and must be a string',
  'input[0].call_id',
);
