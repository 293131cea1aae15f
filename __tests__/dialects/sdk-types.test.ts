/**
 * What the gateway answers is what the vendors' SDKs declare: TypeScript reads our answers as literals of their types,
 * so that a required field which is missing, a field that nobody declares, or a wrong value does not compile.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Block, Model } from '../../src/core/conversation.js';
import { GatewayError, type ErrorKind } from '../../src/core/errors.js';
import { Reader } from '../../src/core/reader.js';
import type { StreamEvent } from '../../src/core/stream.js';
import { anthropicMessages } from '../../src/dialects/anthropic-messages.js';
import type { Dialect } from '../../src/dialects/dialect.js';
import { writeModel, writeModelList } from '../../src/dialects/index.js';
import { openaiChat } from '../../src/dialects/openai-chat.js';
import { openaiResponses } from '../../src/dialects/openai-responses.js';
import { ANSWERS, playScene } from '../support/scenes.js';
import { parseEvents } from '../support/sse.js';
import { completionOf, eventsOf, read, reply, writeStream } from './support.js';

const ROOT = join(import.meta.dirname, '..', '..');

/** One of every kind of block, and of every form of call. */
const CALLS: readonly (readonly [string, string])[] = [
  ['look', '{"at":1}'],
  ['exec', '{"input":"x"}'],
  ['agents__wait', '{}'],
  ['local_shell', '{"command":["ls"],"working_directory":"/a","timeout_ms":5}'],
  ['shell', '{"commands":["ls"]}'],
  ['apply_patch', '{"type":"update_file","path":"a","diff":"@@"}'],
  ['apply_patch', '{"type":"delete_file","path":"a"}'],
  ['apply_patch', '{"type":"eat"}'],
  ['tool_search', '{"query":"mail"}'],
];
const FOUND = { title: 'A', url: 'https://a.example', snippet: 'a', publishedAt: 1_700_000_000_000 };
const BLOCKS: readonly Block[] = [
  { type: 'reasoning', text: 'Hm.', signature: 'c2ln' },
  { type: 'reasoning', text: 'Hm.', signature: '' },
  { type: 'redacted-reasoning', data: 'ZGF0YQ==' },
  { type: 'web-search', id: 's1', query: 'a', results: [FOUND, { ...FOUND, publishedAt: undefined }] },
  { type: 'web-search', id: 's2', query: 'b', results: [], failure: 'max_uses_exceeded' },
  { type: 'text', text: 'Hello' },
  ...CALLS.map(([name, input], at): Block => ({ type: 'tool-call', id: `c${at}`, name, input })),
];
const TOOLS = [
  { type: 'function', name: 'look', parameters: {}, strict: null },
  { type: 'custom', name: 'exec' },
  { type: 'namespace', name: 'agents', description: '', tools: [{ type: 'function', name: 'wait' }] },
  { type: 'local_shell' },
  { type: 'shell', environment: { type: 'local' } },
  { type: 'apply_patch' },
  { type: 'tool_search', execution: 'client' },
];
const { replyContext } = read(openaiResponses, { model: 'm', input: 'hi', tools: TOOLS });
const asked = { ...reply, replyContext };

const FAILURE = new GatewayError('overloaded', 'Too much.');
const CUT: Block = { type: 'tool-call', id: 'c1', name: 'look', input: '{"a' };
const whole = { ...completionOf(BLOCKS, 'tool-calls'), credits: 0.5 };
const turns: readonly (readonly StreamEvent[])[] = [
  eventsOf(whole),
  eventsOf(completionOf([CUT], 'length')),
  eventsOf({ ...completionOf([{ type: 'text', text: '' }], 'stop-sequence'), stopSequence: 'x' }),
  [...eventsOf(whole).slice(0, 4), { type: 'error', error: FAILURE }],
  ...(await Promise.all(ANSWERS.map(async (scene) => (await playScene(scene)).events))).filter((it) => it.length > 0),
];

const answersOf = (dialect: Dialect): readonly object[] =>
  turns.flatMap((events) => {
    const last = events.at(-1);
    return last?.type === 'finish' ? [dialect.writeResponse(last.completion, asked)] : [];
  });
const eventsIn = (dialect: Dialect): readonly object[] =>
  turns.flatMap((events) => parseEvents(writeStream(dialect, events, asked)).flatMap((it) => dataOf(it)));
const dataOf = (event: ReturnType<typeof parseEvents>[number]) => (event.type === 'event' ? [event.data] : []);
const KINDS: Readonly<Record<ErrorKind, true>> = {
  'invalid-request': true,
  unauthorized: true,
  'not-logged-in': true,
  'login-expired': true,
  forbidden: true,
  'model-not-found': true,
  'context-overflow': true,
  'rate-limited': true,
  'quota-exhausted': true,
  overloaded: true,
  'upstream-unavailable': true,
  'upstream-protocol': true,
  cancelled: true,
  internal: true,
};
const failures = (dialect: Dialect) =>
  Object.keys(KINDS).map((kind) => dialect.writeError(new GatewayError(kind as ErrorKind, 'So.'), 'req_1').body);

const MODEL: Model = {
  id: 'm',
  name: 'M',
  description: undefined,
  maxInputTokens: 1,
  maxOutputTokens: 1,
  inputs: ['text'],
  efforts: [],
  creditRate: undefined,
  isDefault: true,
  supportsPromptCache: false,
  requestFieldsSchema: undefined,
};

type Json = Readonly<Record<string, unknown>>;

/** As the SDKs declare it: without what is ours besides, and with what stays away for a reason. */
function declared(_: string, value: Json): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { kiro_credits: _credits, reasoning_content: _reasoning, ...told } = value;
  // AI SDK's schemas know no null here.
  if (told['type'] === 'text' && 'text' in told) return { citations: null, ...told };
  if (told['object'] === 'response') {
    const { store: _store, ...response } = told;
    // The SDK computes it.
    return { ...response, output_text: '' };
  }
  if (told['type'] === 'custom_tool_call') {
    // OpenAI sends it, although its types do not say so.
    const { status: _status, ...call } = told;
    return call;
  }
  // Codex decides by codes that the types do not name.
  if (told['code'] === 'server_is_overloaded' && !('param' in told)) return { ...told, code: 'server_error' };
  return told;
}

const isFailure = (event: object) => 'error' in event;
const chunks = eventsIn(openaiChat);
const list = writeModelList([MODEL], new Reader({}));

test('TypeScript finds nothing missing and nothing strange in any answer', () => {
  const answers: Readonly<Record<string, readonly object[]>> = {
    'OpenAI.ChatCompletion': answersOf(openaiChat),
    'OpenAI.ChatCompletionChunk': chunks.filter((it) => !isFailure(it)),
    '{ error: OpenAI.ErrorObject }': [
      ...chunks.filter(isFailure),
      ...failures(openaiChat),
      ...failures(openaiResponses),
    ],
    'Responses.Response': answersOf(openaiResponses),
    'Responses.ResponseStreamEvent': eventsIn(openaiResponses),
    'OpenAI.Responses.InputTokenCountResponse': [openaiResponses.counting?.writeCount(1) ?? {}],
    'Anthropic.Message': answersOf(anthropicMessages),
    'Anthropic.MessageStreamEvent | Anthropic.ErrorResponse': eventsIn(anthropicMessages),
    'Anthropic.ErrorResponse': failures(anthropicMessages),
    'Anthropic.MessageTokensCount': [anthropicMessages.counting?.writeCount(1) ?? {}],
  };
  expect(Object.values(answers).filter((it) => it.length === 0)).toEqual([]);
  const lines = Object.entries(answers).flatMap(([type, values], number) =>
    values.map((value, at) => `export const answer${number}_${at}: ${type} = ${JSON.stringify(value, declared)};`),
  );
  // Both vendors' fields stand in one object here, so only what is missing can be asked for.
  const models = `const model = ${JSON.stringify(writeModel(MODEL))} as const;
    const list = ${JSON.stringify(list)} as const;
    export const types: readonly [OpenAI.Model, Anthropic.ModelInfo] = [model, model];
    export const page: { data: readonly Anthropic.ModelInfo[]; has_more: boolean; first_id: string; last_id: string } = list;`;
  expect(complaints([...IMPORTS, ...lines, models, MISSING].join('\n'))).toBe('');
});

const IMPORTS = [
  "import type Anthropic from '@anthropic-ai/sdk';",
  "import type OpenAI from 'openai';",
  "import type { Responses } from 'openai/resources/responses/responses';",
];

/** It would be a complaint if the compiler had none about this line. */
const MISSING = '// @ts-expect-error\nexport const missing: Anthropic.MessageTokensCount = {};';

function complaints(source: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'sdk-types-'));
  try {
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'answers.ts'), source);
    const options = '--noEmit --strict --skipLibCheck --module esnext --moduleResolution bundler --target es2023';
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const { stdout, stderr } = spawnSync(process.execPath, [compiler, ...options.split(' '), 'answers.ts'], {
      cwd: folder,
      encoding: 'utf8',
    });
    // The same complaint at many places is one.
    const found = [...new Set((stdout + stderr).split('\n').map((line) => line.replace(/^answers.*?: error /, '')))];
    return found.slice(0, 20).join('\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
