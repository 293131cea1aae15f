/** Requests that real clients sent are accepted, and requests that mean the same meet in one conversation. */

import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { Message } from '../../src/core/conversation.js';
import { anthropicMessages } from '../../src/dialects/anthropic-messages.js';
import type { ClientRequest } from '../../src/dialects/dialect.js';
import { dialects } from '../../src/dialects/index.js';
import { openaiChat } from '../../src/dialects/openai-chat.js';
import { read } from './support.js';

type Recorded = {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
};

const folder = new URL('../fixtures/requests/', import.meta.url);
const looked: string[] = ['claude-code--count-tokens-2']; // Another route, which no dialect has.

function readRecorded(name: string): ClientRequest {
  looked.push(name);
  const recorded: Recorded = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'));
  const { path, headers, body } = recorded;
  const dialect = dialects.find((it) => it.route === path.replace(/\?.*/, ''));
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
  `2 system | user: text | assistant: text | ${THREE} text text text | user: system | 12 tools | on | medium | b38ad997 | stream`,
);
accepted(
  'claude-code--image-1',
  `2 system | ${THREE} image text | user: system | 12 tools | on | medium | 34f0def1 | stream`,
);
accepted('claude-code--plain-1', `2 system | ${THREE} | user: system | 12 tools | on | medium | 38c7f613 | stream`);
accepted(
  'claude-code--read-image-toolresult-2',
  `2 system | ${THREE} | user: system | ${TOOL} | 12 tools | on | medium | d2b86165 | stream`,
);
accepted('claude-code--subagent-3', `2 system | ${THREE} | user: system | 8 tools | on | medium | 3a308054 | stream`);
accepted(
  'claude-code--thinking-roundtrip-2',
  '2 system | user: text text | user: system | assistant: reasoning tool-call | user: tool-result | 12 tools | on | medium | 91678858 | stream',
);
accepted(
  'claude-code--tool-2',
  `2 system | ${THREE} | user: system | ${TOOL} | 12 tools | on | medium | b49d8050 | stream`,
);
accepted(
  'claude-code--tui-1',
  '2 system | user: text | 0 tools | medium | bc10f35f | stream | ignored=output_config.format',
);
accepted('claude-code--tui-2', `2 system | ${THREE} | user: system | 13 tools | on | medium | bc10f35f | stream`);
accepted(
  'claude-code--websearch-toolreference-3',
  '2 system | user: text | 0 tools | medium | f4209409 | stream | tools-left-out=web_search_20250305',
);
accepted(
  'claude-code--websearch-toolreference-4',
  `2 system | ${THREE} | user: system | ${TOOL} text | ${TOOL} | 13 tools | on | medium | f4209409 | stream`,
);
accepted(
  'opencode--chat-image-1',
  `1 system | user: text | ${THREE} text | 0 tools | ses_dfde | stream | images-left-out=url`,
);
accepted('opencode--chat-tool-2', '1 system | user: text | 10 tools | ses_dfde | stream');
accepted('opencode--msg-tool-2', '1 system | user: text | 10 tools | ses_dfde | stream');
accepted('sdk--ai-chat-stream-tools-2', `1 system | user: text | ${TOOL} | 1 tools | stream`);
accepted('sdk--openai-chat-1', '1 system | user: text | 0 tools | low | ignored=temperature,seed');
accepted('sdk--openai-chat-json-1', '0 system | user: text | 0 tools | ignored=response_format');

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

/** Both dialects read these bodies into the same conversation. */
const meet = (title: string, openai: object, anthropic: object) =>
  test(title, () => {
    const fromOpenAI = read(openaiChat, { model: 'm', ...openai }).conversation;
    expect(read(anthropicMessages, { model: 'm', ...anthropic }).conversation).toEqual(fromOpenAI);
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
);
