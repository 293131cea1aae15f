/** Reading a Responses request: its parameters, what is refused, and what the client is told about the rest. */

import { expect, test } from '@jest/globals';
import { Reader } from '../../src/core/reader.js';
import { openaiResponses } from '../../src/dialects/openai-responses.js';
import { factsOf, read } from './support.js';

const facts = factsOf(openaiResponses);

/** All facts are about a request that says hi, and these fields besides. */
const conversation = (title: string, fields: object, expected: object, headers = {}) =>
  facts.conversation(title, { input: 'hi', ...fields }, expected, headers);
const notices = (title: string, fields: object, expected: readonly string[]) =>
  facts.notices(title, { input: 'hi', ...fields }, expected);
const refused = (title: string, fields: object, message: string, param: string) =>
  facts.refused(title, { model: 'm', input: 'hi', ...fields }, message, param);

const HI = { role: 'user', parts: [{ type: 'text', text: 'hi' }] };

conversation('a text is a message of the user', {}, { model: 'm', system: [], messages: [HI], tools: [] });
conversation(
  'instructions come before all others',
  {
    instructions: 'One.',
    input: [
      { role: 'developer', content: 'Two.' },
      { role: 'user', content: 'hi' },
    ],
  },
  { system: ['One.', 'Two.'], messages: [HI] },
);
conversation(
  'instructions may be parts',
  { instructions: [{ type: 'input_text', text: 'One.' }] },
  { system: ['One.'] },
);

conversation('an effort is a wish', { reasoning: { effort: 'xhigh' } }, { reasoning: { effort: 'xhigh' } });
conversation(
  'the effort none turns reasoning off',
  { reasoning: { effort: 'none' } },
  { reasoning: { mode: 'off', effort: 'none' } },
);
conversation('a summary alone is no wish', { reasoning: { summary: 'auto' } }, { reasoning: {} });
notices('an effort without a word of ours is told', { reasoning: { effort: 'huge' } }, ['ignored=reasoning.effort']);

const UPDATES = [
  { role: 'user', content: 'hi' },
  { type: 'configuration_update', reasoning: { effort: 'high' }, text: { format: { type: 'json_object' } } },
  { type: 'configuration_update', reasoning: { effort: 'low' } },
];
conversation(
  'the latest update of the configuration holds',
  { input: UPDATES, reasoning: { effort: 'medium' } },
  { messages: [HI], reasoning: { effort: 'low' }, answerFormat: { schema: undefined } },
);
notices('an update of the configuration is no unknown item', { input: UPDATES }, []);

conversation('a longest answer is a limit', { max_output_tokens: 9 }, { limits: { maxTokens: 9, stopSequences: [] } });
conversation('no longest answer is none', {}, { limits: undefined });
conversation('one call at a time', { parallel_tool_calls: false }, { parallelToolCalls: false });
conversation(
  'many calls at a time are nothing special',
  { parallel_tool_calls: true },
  { parallelToolCalls: undefined },
);

const format = (title: string, given: object | undefined, expected: object | undefined) =>
  conversation(title, { text: { format: given } }, { answerFormat: expected });
format('free text is no format', { type: 'text' }, undefined);
format('no format is none', undefined, undefined);
format('a JSON object', { type: 'json_object' }, { schema: undefined });
format('a schema', { type: 'json_schema', name: 'a', schema: { type: 'object' } }, { schema: { type: 'object' } });
format(
  'what is said twice reaches the model once',
  { type: 'json_schema', name: 'a', description: 'Be fair.', schema: { type: 'object', description: 'Be fair.' } },
  { schema: { type: 'object', description: 'Be fair.' } },
);
format(
  'what is said about it comes before what its schema says',
  { type: 'json_schema', name: 'a', description: 'A verdict.', schema: { type: 'object', description: 'Be fair.' } },
  { schema: { type: 'object', description: 'A verdict.\nBe fair.' } },
);
notices('an unknown format is told', { text: { format: { type: 'haiku' } } }, ['ignored=text.format']);

const TOOLS = ['look', 'stop'].map((name) => ({ type: 'function', name }));
const choice = (title: string, given: unknown, expected: object | undefined, names = ['look', 'stop']) =>
  test(title, () => {
    const found = read(openaiResponses, { model: 'm', input: 'hi', tools: TOOLS, tool_choice: given }).conversation;
    expect([found.toolChoice, found.tools.map(({ name }) => name)]).toEqual([expected, names]);
  });
choice('auto leaves it to the model', 'auto', undefined);
choice('none', 'none', { mode: 'none' });
choice('required', 'required', { mode: 'required' });
choice('a function by name', { type: 'function', name: 'look' }, { mode: 'named', names: ['look'] });
choice('a custom tool by name', { type: 'custom', name: 'stop' }, { mode: 'named', names: ['stop'] });
choice(
  'allowed tools are the only ones on offer',
  { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'look' }] },
  undefined,
  ['look'],
);
choice(
  'one of the allowed tools is required',
  { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'look' }] },
  { mode: 'named', names: ['look'] },
);
conversation(
  'a tool without a name of its own is chosen by its type',
  { tools: [{ type: 'shell' }], tool_choice: { type: 'shell' } },
  { toolChoice: { mode: 'named', names: ['shell'] } },
);
test.each(['web_search', 'web_search_preview', 'web_search_2025_08_26'])('%s is chosen by its type', (type) => {
  const body = { model: 'm', input: 'hi', tools: [{ type: 'web_search' }], tool_choice: { type } };
  const { conversation: read } = openaiResponses.readRequest(new Reader(body), {}, { searchesWeb: true });
  expect(read.toolChoice).toEqual({ mode: 'named', names: ['web_search'] });
});
notices('a choice of what is not on offer is told', { tools: TOOLS, tool_choice: { type: 'web_search_preview' } }, [
  'ignored=tool_choice',
]);

conversation('the cache key names the session', { prompt_cache_key: 'k' }, { sessionId: 'k' });
conversation('an empty cache key names none', { prompt_cache_key: '' }, { sessionId: undefined });
conversation(
  'the session’s header goes before the key',
  { prompt_cache_key: 'k' },
  { sessionId: 's' },
  { 'session-id': 's' },
);
conversation(
  'a thread goes before its session',
  { prompt_cache_key: 'k' },
  { sessionId: 't' },
  { 'session-id': 's', 'thread-id': 't' },
);

notices(
  'parameters that Kiro has no place for are told',
  { temperature: 0.5, top_p: 0.1, top_logprobs: 3, max_tool_calls: 2, truncation: 'auto', service_tier: 'flex' },
  ['ignored=temperature,top_p,top_logprobs,max_tool_calls,truncation,service_tier'],
);
notices('a verbosity is told', { text: { verbosity: 'low' } }, ['ignored=text.verbosity']);
notices('a mode of reasoning is told', { reasoning: { mode: 'pro' } }, ['ignored=reasoning.mode']);
notices('so is reasoning of earlier turns, which Kiro is not told', { reasoning: { context: 'all_turns' } }, [
  'ignored=reasoning.context',
]);
notices('but not what happens anyway', { reasoning: { context: 'current_turn', mode: 'standard' } }, []);
notices(
  'that arguments match a schema is not promised',
  {
    tools: [
      { type: 'function', name: 'a', strict: true },
      { type: 'function', name: 'b', strict: true },
    ],
  },
  ['ignored=tools.strict'],
);
notices('and needs no word where nobody asks for it', { tools: [{ type: 'function', name: 'a', strict: false }] }, []);
test('of a search the place, the size and that it goes out are told', () => {
  const search = (fields: object) => ({ model: 'm', input: 'hi', tools: [{ type: 'web_search', ...fields }] });
  const told = (fields: object) =>
    openaiResponses.readRequest(new Reader(search(fields)), {}, { searchesWeb: true }).notices;
  expect(told({ user_location: { type: 'approximate' }, search_context_size: 'high' })).toEqual([
    'ignored=tools.user_location,tools.search_context_size',
  ]);
  expect(told({ external_web_access: false })).toEqual(['ignored=tools.external_web_access']);
  expect(told({ search_context_size: 'medium', external_web_access: true })).toEqual([]);
});
notices('a mode of reasoning that holds anyway is not', { reasoning: { mode: 'standard' } }, []);
notices('programs and compression of OpenAI are told', { image: {}, access_programs: {} }, [
  'ignored=image,access_programs',
]);
notices('what would be included is told', { include: ['message.output_text.logprobs'] }, ['ignored=include']);
notices(
  'what asks for nothing is not told',
  {
    temperature: 1,
    top_p: 1,
    truncation: 'disabled',
    service_tier: 'auto',
    store: true,
    include: ['reasoning.encrypted_content', 'web_search_call.action.sources'],
    metadata: { a: 'b' },
    client_metadata: { a: 'b' },
    user: 'me',
    text: { verbosity: 'medium' },
    stream_options: { include_obfuscation: false },
    background: false,
    previous_response_id: null,
  },
  [],
);

refused('no input', { input: undefined }, 'input: must be a string or a list of items', 'input');
refused('an empty input', { input: [] }, 'input: must not be empty', 'input');
refused(
  'an earlier response',
  { previous_response_id: 'resp_1' },
  'previous_response_id: Previous response not found: the gateway keeps the latest only; send the whole conversation, or set `store: false`.',
  'previous_response_id',
);
refused(
  'a conversation',
  { conversation: 'conv_1' },
  'conversation: this gateway keeps no conversations; send the whole one as input.',
  'conversation',
);
refused(
  'an answer in the background',
  { background: true },
  'background: this gateway keeps no answers to fetch later; stream it instead.',
  'background',
);
refused(
  'a template',
  { prompt: { id: 'pmpt_1' } },
  'prompt: templates are kept by OpenAI; send the text itself as instructions and input.',
  'prompt',
);
refused(
  'half a token',
  { max_output_tokens: 0.5 },
  'max_output_tokens: must be a whole number, 0 or more',
  'max_output_tokens',
);

test('the refusals have the codes that SDKs look for', () => {
  const codeOf = (fields: object): unknown => {
    try {
      return read(openaiResponses, { model: 'm', input: 'hi', ...fields });
    } catch (thrown) {
      return Object(thrown).facts.details;
    }
  };
  expect([{ previous_response_id: 'resp_1' }, { conversation: 'c' }].map(codeOf)).toEqual([
    { error_code: 'previous_response_not_found' },
    { error_code: 'unsupported_parameter' },
  ]);
});
