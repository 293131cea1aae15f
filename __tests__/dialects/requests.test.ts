/** Requests that real clients sent are accepted, and requests that mean the same meet in one conversation. */

import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { Message } from '../../src/core/conversation.js';
import { anthropicMessages } from '../../src/dialects/anthropic-messages.js';
import type { ClientRequest } from '../../src/dialects/dialect.js';
import { dialects } from '../../src/dialects/index.js';
import { openaiChat } from '../../src/dialects/openai-chat.js';
import { openaiResponses } from '../../src/dialects/openai-responses.js';
import { read } from './support.js';

type Recorded = {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
};

const folder = new URL('../fixtures/requests/', import.meta.url);
const looked: string[] = [];

function readRecorded(name: string): ClientRequest {
  looked.push(name);
  const recorded: Recorded = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'));
  const { path, headers, body } = recorded;
  const route = path.replace(/\?.*/, '');
  const dialect = dialects.find((it) => it.route === route || it.counting?.route === route);
  if (dialect === undefined) throw new Error(`No dialect speaks ${path}.`);
  const lowerCase = Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]);
  return read(dialect, body, Object.fromEntries(lowerCase));
}

const kindsOf = (message: Message) =>
  (message.role === 'user' ? message.parts : message.blocks).map((it) => it.type).join(' ');

/** The texts are filler, so what is compared is how the request was cut up. */
const accepted = (name: string, expected: string) =>
  test(`${name} is accepted`, () => {
    const { conversation, stream, notices } = readRecorded(name);
    const { system, messages, tools, reasoning, sessionId } = conversation;
    const found = [
      `${system.length} system`,
      ...messages.map((it) => `${it.role}: ${kindsOf(it)}`),
      `${tools.length} tools`,
      ...[reasoning.mode, reasoning.effort].filter((it) => it !== undefined),
      ...(sessionId === undefined ? [] : [sessionId.slice(0, 8)]),
      ...(stream ? ['stream'] : []),
      ...notices,
    ];
    expect(found.join(' | ')).toBe(expected);
  });

const THREE = 'user: text text text';
const TOOL = 'assistant: tool-call | user: tool-result';
accepted(
  'claude-code--continue-session-6',
  `2 system | user: text | assistant: text | ${THREE} text text text | user: system | 12 tools | on | medium | b38ad997 | stream | ignored=thinking.display`,
);
accepted('claude-code--count-tokens-2', '0 system | user: text | 0 tools | e4c09e64');
accepted(
  'claude-code--image-1',
  `2 system | ${THREE} image text | user: system | 12 tools | on | medium | 34f0def1 | stream | ignored=thinking.display`,
);
accepted(
  'claude-code--plain-1',
  `2 system | ${THREE} | user: system | 12 tools | on | medium | 38c7f613 | stream | ignored=thinking.display`,
);
accepted(
  'claude-code--read-image-toolresult-2',
  `2 system | ${THREE} | user: system | ${TOOL} | 12 tools | on | medium | d2b86165 | stream | ignored=thinking.display`,
);
accepted(
  'claude-code--subagent-3',
  `2 system | ${THREE} | user: system | 8 tools | on | medium | 3a308054 | stream | ignored=thinking.display`,
);
accepted(
  'claude-code--thinking-roundtrip-2',
  '2 system | user: text text | user: system | assistant: reasoning tool-call | user: tool-result | 12 tools | on | medium | 91678858 | stream | ignored=thinking.display',
);
accepted(
  'claude-code--tool-2',
  `2 system | ${THREE} | user: system | ${TOOL} | 12 tools | on | medium | b49d8050 | stream | ignored=thinking.display`,
);
accepted('claude-code--tui-1', '2 system | user: text | 0 tools | medium | bc10f35f | stream');
accepted(
  'claude-code--tui-2',
  `2 system | ${THREE} | user: system | 13 tools | on | medium | bc10f35f | stream | ignored=thinking.display`,
);
accepted(
  'claude-code--websearch-toolreference-3',
  '2 system | user: text | 0 tools | medium | f4209409 | stream | tools-left-out=web_search_20250305',
);
accepted(
  'claude-code--websearch-toolreference-4',
  `2 system | ${THREE} | user: system | ${TOOL} text | ${TOOL} | 13 tools | on | medium | f4209409 | stream | ignored=thinking.display`,
);
const NO_SEARCH = 'tools-left-out=web_search';
accepted(
  'codex--apply-patch-custom-2',
  `4 system | user: text | user: text | ${TOOL} | 9 tools | medium | 01a201fd | stream | ${NO_SEARCH} | ignored=text.verbosity`,
);
accepted(
  'codex--image-1',
  `3 system | user: text | user: text text text text | 12 tools | 01a20211 | stream | images-left-out=url | ${NO_SEARCH}`,
);
accepted('codex--namespace-tool-3', `3 system | user: text | user: text | 7 tools | 01a201fe | stream | ${NO_SEARCH}`);
accepted('codex--plain-1', `3 system | user: text | user: text | 12 tools | 01a20211 | stream | ${NO_SEARCH}`);
accepted(
  'codex--reasoning-roundtrip-2',
  `3 system | user: text | user: text | assistant: reasoning tool-call | user: tool-result | 12 tools | 01a20200 | stream | ${NO_SEARCH}`,
);
accepted('codex--schema-1', `3 system | user: text | user: text | 12 tools | 01a20211 | stream | ${NO_SEARCH}`);
accepted('codex--tool-2', `3 system | user: text | user: text | ${TOOL} | 12 tools | 01a20211 | stream | ${NO_SEARCH}`);
accepted(
  'codex--tool-gpt6-2',
  `6 system | user: text | user: text | ${TOOL} | 11 tools | low | 01a20214 | stream | ignored=reasoning.context,text.verbosity`,
);
accepted('opencode--resp-tool-2', '1 system | user: text | 9 tools | medium | ses_dfde | stream');
accepted(
  'opencode--chat-image-1',
  `1 system | user: text | ${THREE} text | 0 tools | ses_dfde | stream | images-left-out=url`,
);
accepted('opencode--chat-tool-2', '1 system | user: text | 10 tools | ses_dfde | stream');
accepted('opencode--msg-tool-2', '1 system | user: text | 10 tools | ses_dfde | stream');
accepted('sdk--ai-chat-stream-tools-2', `1 system | user: text | ${TOOL} | 1 tools | stream`);
accepted('sdk--openai-chat-1', '1 system | user: text | 0 tools | low | ignored=temperature,seed');
accepted('sdk--openai-chat-json-1', '0 system | user: text | 0 tools');

test('sdk--anthropic-beta-runner-2 is refused, so that it sends the whole history', () => {
  expect(() => readRecorded('sdk--anthropic-beta-runner-2')).toThrow(
    expect.objectContaining({
      kind: 'invalid-request',
      facts: { param: 'thread', details: { error_code: 'thread_unsupported_request', unsupported: ['thread'] } },
    }),
  );
});

test('every recorded request was looked at', () => {
  expect(looked.toSorted()).toEqual(
    readdirSync(folder)
      .map((it) => it.replace('.json', ''))
      .toSorted(),
  );
});

/** All dialects read these bodies into the same conversation; Responses knows no stop sequences. */
const meet = (title: string, openai: object, anthropic: object, responses?: object) =>
  test(title, () => {
    const fromOpenAI = read(openaiChat, { model: 'm', ...openai }).conversation;
    expect(read(anthropicMessages, { model: 'm', ...anthropic }).conversation).toEqual(fromOpenAI);
    if (responses === undefined) return;
    expect(read(openaiResponses, { model: 'm', ...responses }).conversation).toEqual(fromOpenAI);
  });

meet(
  'a question with instructions and an effort',
  {
    reasoning_effort: 'high',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'hi' },
    ],
  },
  { output_config: { effort: 'high' }, system: 'Be brief.', messages: [{ role: 'user', content: 'hi' }] },
  { reasoning: { effort: 'high' }, instructions: 'Be brief.', input: 'hi' },
);
meet(
  'a question with an image and a document',
  {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: 'data:image/webp;base64,aGk=' } },
          { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,aGk=' } },
        ],
      },
    ],
  },
  {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image', source: { type: 'base64', media_type: 'image/webp', data: 'aGk=' } },
          { type: 'document', title: 'a.pdf', source: { type: 'base64', media_type: 'application/pdf', data: 'aGk=' } },
        ],
      },
    ],
  },
  {
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'What is this?' },
          { type: 'input_image', image_url: 'data:image/webp;base64,aGk=', detail: 'auto' },
          { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,aGk=' },
        ],
      },
    ],
  },
);
meet(
  'two calls and their results, with an instruction in between',
  {
    tools: [{ type: 'function', function: { name: 'look', description: 'Looks.', parameters: { type: 'object' } } }],
    messages: [
      { role: 'user', content: 'Look twice.' },
      {
        role: 'assistant',
        reasoning_content: 'Hm.',
        content: 'Looking.',
        tool_calls: [
          { id: 'c1', type: 'function', function: { name: 'look', arguments: '{"at":1}' } },
          { id: 'c2', type: 'function', function: { name: 'look', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'a' },
      { role: 'tool', tool_call_id: 'c2', content: 'b' },
      { role: 'developer', content: 'Hurry.' },
    ],
  },
  {
    tools: [{ name: 'look', description: 'Looks.', input_schema: { type: 'object' } }],
    messages: [
      { role: 'user', content: 'Look twice.' },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm.', signature: 'kiro-gateway:unsigned' },
          { type: 'text', text: 'Looking.' },
          { type: 'tool_use', id: 'c1', name: 'look', input: { at: 1 } },
          { type: 'tool_use', id: 'c2', name: 'look', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'c1', content: 'a' },
          { type: 'tool_result', tool_use_id: 'c2', content: [{ type: 'text', text: 'b' }] },
        ],
      },
      { role: 'system', content: 'Hurry.' },
    ],
  },
  {
    tools: [{ type: 'function', name: 'look', description: 'Looks.', parameters: { type: 'object' }, strict: true }],
    input: [
      { role: 'user', content: 'Look twice.' },
      { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Hm.' }], encrypted_content: 'ZW5j' },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Looking.', annotations: [] }] },
      { type: 'function_call', id: 'fc_1', call_id: 'c1', name: 'look', arguments: '{"at":1}' },
      { type: 'function_call', id: 'fc_2', call_id: 'c2', name: 'look', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c1', output: 'a' },
      { type: 'function_call_output', call_id: 'c2', output: [{ type: 'input_text', text: 'b' }] },
      { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Hurry.' }] },
    ],
  },
);
const TWO_TOOLS = {
  openai: ['look', 'stop'].map((name) => ({ type: 'function', function: { name, parameters: { type: 'object' } } })),
  responses: ['look', 'stop'].map((name) => ({ type: 'function', name, parameters: { type: 'object' } })),
  anthropic: ['look', 'stop'].map((name) => ({ name, input_schema: { type: 'object' } })),
};
const HI = { messages: [{ role: 'user', content: 'hi' }] };
meet(
  'limits',
  { ...HI, max_completion_tokens: 100, stop: ['END', '', '!'] },
  { ...HI, max_tokens: 100, stop_sequences: ['END', '!'] },
);
meet(
  'one tool that has to be called, and nothing beside it',
  {
    ...HI,
    tools: TWO_TOOLS.openai,
    tool_choice: { type: 'function', function: { name: 'look' } },
    parallel_tool_calls: false,
  },
  {
    ...HI,
    tools: TWO_TOOLS.anthropic,
    tool_choice: { type: 'tool', name: 'look', disable_parallel_tool_use: true },
  },
  {
    input: 'hi',
    tools: TWO_TOOLS.responses,
    tool_choice: { type: 'function', name: 'look' },
    parallel_tool_calls: false,
  },
);
meet(
  'any tool that has to be called',
  { ...HI, tools: TWO_TOOLS.openai, tool_choice: 'required' },
  { ...HI, tools: TWO_TOOLS.anthropic, tool_choice: { type: 'any' } },
  { input: 'hi', tools: TWO_TOOLS.responses, tool_choice: 'required' },
);
meet(
  'tools that must not be called',
  { ...HI, tools: TWO_TOOLS.openai, tool_choice: 'none' },
  { ...HI, tools: TWO_TOOLS.anthropic, tool_choice: { type: 'none' } },
  { input: 'hi', tools: TWO_TOOLS.responses, tool_choice: 'none' },
);
const ANSWER = { type: 'object', properties: { answer: { type: 'string' } } };
meet(
  'an answer that follows a schema',
  { ...HI, response_format: { type: 'json_schema', json_schema: { name: 'a', schema: ANSWER } } },
  { ...HI, output_config: { format: { type: 'json_schema', schema: ANSWER } } },
  { input: 'hi', text: { format: { type: 'json_schema', name: 'a', schema: ANSWER } } },
);
meet(
  'a longest answer',
  { ...HI, max_tokens: 100 },
  { ...HI, max_tokens: 100 },
  { input: 'hi', max_output_tokens: 100 },
);
