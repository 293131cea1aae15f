/** What of a chat request decides how the answer looks: limits, the choice of tools, the form of the text. */

import { openaiChat } from '../../src/dialects/openai-chat.js';
import { factsOf, request } from './support.js';

const { conversation, notices, refused } = factsOf(openaiChat);

const wrong = (path: string, complaint: string, fields: object) =>
  refused(`${path} ${complaint}`, request(fields), `${path}: ${complaint}`, path);

// Limits
const limits = (title: string, fields: object, maxTokens: number | undefined, stopSequences: readonly string[]) =>
  conversation(title, fields, { limits: { maxTokens, stopSequences } });
limits('the older limit counts', { max_tokens: 5 }, 5, []);
limits('the newer limit wins', { max_tokens: 5, max_completion_tokens: 7 }, 7, []);
limits('one stop may be a bare text', { stop: 'END' }, undefined, ['END']);
limits('four stops are allowed', { stop: ['a', 'b', 'c', 'd'] }, undefined, ['a', 'b', 'c', 'd']);
conversation('an empty stop is none', { stop: ['', 'a'] }, { limits: { maxTokens: undefined, stopSequences: ['a'] } });
conversation('no stops and no limit are no limits', { stop: [''], max_tokens: null }, { limits: undefined });
wrong('stop', 'must hold at most 4 texts', { stop: ['a', 'b', 'c', 'd', 'e'] });
wrong('max_tokens', 'must be a whole number, 0 or more', { max_tokens: -1 });
wrong('max_completion_tokens', 'must be a whole number, 0 or more', { max_completion_tokens: 1.5 });

// The choice of tools
const TOOLS = ['look', 'stop'].map((name) => ({ type: 'function', function: { name } }));
const [LOOK, STOP] = ['look', 'stop'].map((name) => ({ name, description: '', inputSchema: undefined }));
const both = [LOOK, STOP].filter((it) => it !== undefined);
const choice = (title: string, fields: object, toolChoice: object | undefined, tools = both) =>
  conversation(title, { tools: TOOLS, ...fields }, { toolChoice, tools } as object);
const named = (...names: string[]) => ({ mode: 'named', names });

choice('auto is no choice', { tool_choice: 'auto' }, undefined);
choice('none', { tool_choice: 'none' }, { mode: 'none' });
choice('required', { tool_choice: 'required' }, { mode: 'required' });
choice('a function by name', { tool_choice: { type: 'function', function: { name: 'look' } } }, named('look'));
choice('a function by name, flat', { tool_choice: { type: 'function', name: 'look' } }, named('look'));
choice('a custom tool by name', { tool_choice: { type: 'custom', custom: { name: 'stop' } } }, named('stop'));
choice('a tool in Anthropic form', { tool_choice: { type: 'tool', name: 'stop' } }, named('stop'));
choice('any tool in Anthropic form', { tool_choice: { type: 'any' } }, { mode: 'required' });
choice('the older choice by name', { function_call: { name: 'look' } }, named('look'));
choice('the older none', { function_call: 'none' }, { mode: 'none' });
choice('the newer choice wins', { tool_choice: 'none', function_call: { name: 'look' } }, { mode: 'none' });

const allowed = (mode: string, ...names: string[]) => ({
  type: 'allowed_tools',
  allowed_tools: { mode, tools: names.map((name) => ({ type: 'function', function: { name } })) },
});
choice('one of the allowed tools has to be called', { tool_choice: allowed('required', 'look') }, named('look'));
choice(
  'of the allowed tools any may be called, the others are not offered',
  { tool_choice: allowed('auto', 'stop', 'fly') },
  undefined,
  both.slice(1),
);
choice(
  'allowed tools may be written flat',
  { tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'stop' }] } },
  named('stop'),
);
choice('a tool that is not there cannot be chosen', { tool_choice: { type: 'function', name: 'fly' } }, undefined);
notices('and the client is told', { tools: TOOLS, tool_choice: { type: 'function', name: 'fly' } }, [
  'ignored=tool_choice',
]);
notices('so it is when a tool is required and there is none', { tool_choice: 'required' }, ['ignored=tool_choice']);
notices('so it is when none of the allowed tools is there', { tools: TOOLS, tool_choice: allowed('auto', 'fly') }, [
  'ignored=tool_choice.allowed_tools',
]);
wrong('tool_choice', 'must be one of auto, none, required, any, not "sometimes"', { tool_choice: 'sometimes' });
wrong('tool_choice.allowed_tools.tools', 'is required and must be a list', {
  tool_choice: { type: 'allowed_tools', allowed_tools: {} },
});

conversation('one call at a time', { parallel_tool_calls: false }, { parallelToolCalls: false });
conversation('calls in parallel are no wish', { parallel_tool_calls: true }, { parallelToolCalls: undefined });

// The form of the answer
const SCHEMA = { type: 'object', properties: { answer: { type: 'string' } } };
const format = (title: string, response_format: object | null, answerFormat: object | undefined) =>
  conversation(title, { response_format }, { answerFormat } as object);
format('text is no form', { type: 'text' }, undefined);
format('null is no form', null, undefined);
format('JSON without a schema', { type: 'json_object' }, { schema: undefined });
format(
  'JSON with a schema',
  { type: 'json_schema', json_schema: { name: 'a', strict: true, schema: SCHEMA } },
  { schema: SCHEMA },
);
format(
  'what is said about the form is said with its schema',
  { type: 'json_schema', json_schema: { name: 'a', description: 'A verdict.', schema: SCHEMA } },
  { schema: { ...SCHEMA, description: 'A verdict.' } },
);
format('a schema may be missing', { type: 'json_schema', json_schema: { name: 'a' } }, { schema: undefined });
notices('an unknown form is ignored', { response_format: { type: 'grammar' } }, ['ignored=response_format']);
wrong('response_format.json_schema.schema', 'must be an object, not "x"', {
  response_format: { type: 'json_schema', json_schema: { schema: 'x' } },
});
