/** Requests that real clients sent, sent again as they were: the gateway answers each, and Kiro finds no fault in any. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { readChatStream } from './support/chat-automaton.js';
import { startGateway } from './support/gateway.js';
import { ask, type Answer } from './support/http.js';
import { readMessagesStream } from './support/messages-automaton.js';
import { readResponsesStream } from './support/responses-automaton.js';
import { objectAt, type Json } from './support/sse.js';

const gateway = await startGateway({ scenario: 'clients' });
afterAll(() => gateway.close());

type Recorded = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly stream?: boolean };
};

const FOLDER = join(import.meta.dirname, 'fixtures', 'requests');
/** These have tests of their own. */
const SIGNED_ELSEWHERE = 'claude-code--thinking-roundtrip-2';
const OTHERS = ['claude-code--count-tokens-2', SIGNED_ELSEWHERE, 'sdk--anthropic-beta-runner-2'];
const names = readdirSync(FOLDER).map((file) => file.replace('.json', ''));

const FILLER =
  'jumps bridges jumps hills brown fox a small the bright a above silver quick jumps drift quietly fox past small a ' +
  'hills stars drift and drift jumps quick dog';

/** What the client understands, and what it is told was not done as it asked. */
const ANSWERS: Readonly<Record<string, readonly [string, string?]>> = {
  'claude-code--continue-session-6': ['thinking | STUB-FINAL-7391 | end_turn', 'ignored=thinking.display'],
  'claude-code--image-1': ['thinking | STUB-FINAL-7391 | end_turn', 'ignored=thinking.display'],
  'claude-code--plain-1': ['thinking | STUB-FINAL-7391 | end_turn', 'ignored=thinking.display'],
  'claude-code--read-image-toolresult-2': [
    'thinking | TOOL-OK [image attached] STUB-FINAL-7391 | end_turn',
    'ignored=thinking.display',
  ],
  'claude-code--subagent-3': ['thinking | STUB-FINAL-7391 | end_turn', 'ignored=thinking.display'],
  'claude-code--tool-2': ['thinking | TOOL-OK hi-42 STUB-FINAL-7391 | end_turn', 'ignored=thinking.display'],
  'claude-code--tui-1': ['thinking | {"title":"STUB-FINAL-7391"} | end_turn'],
  'claude-code--tui-2': ['thinking | Bash{"command":"echo hi-$((6*7))"} | tool_use', 'ignored=thinking.display'],
  'claude-code--websearch-toolreference-3': ['thinking | STUB-FINAL-7391 | end_turn'],
  'claude-code--websearch-toolreference-4': [
    `thinking | TOOL-OK ${FILLER} STUB-FINAL-7391 | end_turn`,
    'ignored=thinking.display',
  ],
  'codex--apply-patch-custom-2': [
    'TOOL-OK lazy a drift jumps quick stars drift quietly while a fox dog fox the lazy the watch past STUB-FINAL-7391 | reasoning | completed',
    'ignored=text.verbosity',
  ],
  'codex--image-1': ['STUB-FINAL-7391 | completed', 'images-left-out=url'],
  'codex--namespace-tool-3': ['STUB-FINAL-7391 | completed'],
  'codex--plain-1': ['STUB-FINAL-7391 | completed'],
  'codex--reasoning-roundtrip-2': [
    'TOOL-OK drift jumps watch past hills dog above stone drift stone lazy silver over boats old the drift jumps lazy jum STUB-FINAL-7391 | completed',
  ],
  'codex--schema-1': ['{"answer":"STUB-FINAL-7391"} | completed'],
  'codex--tool-2': [
    'TOOL-OK small the bright seven quick silver drift a bright the bridges and bright and over and above dog while boats STUB-FINAL-7391 | completed',
  ],
  'codex--tool-gpt6-2': [
    'TOOL-OK hi-42\n STUB-FINAL-7391 | reasoning | completed',
    'ignored=reasoning.context,text.verbosity',
  ],
  'opencode--chat-image-1': ['STUB-FINAL-7391 | stop', 'images-left-out=url'],
  'opencode--chat-tool-2': ['bash{"command":"echo hi-$((6*7))"} | tool_calls'],
  'opencode--resp-tool-2': ['bash{"command":"echo hi-$((6*7))"} | reasoning | completed'],
  'opencode--msg-tool-2': ['bash{"command":"echo hi-$((6*7))"} | tool_use'],
  'sdk--ai-chat-stream-tools-2': ['TOOL-OK It is 21C in Oslo STUB-FINAL-7391 | stop'],
  'sdk--openai-chat-1': ['STUB-FINAL-7391 | stop', 'ignored=temperature,seed'],
  'sdk--openai-chat-json-1': ['{"answer":"STUB-FINAL-7391"} | stop'],
};

test('thinking that another account signed is left out of a second request, and the answer comes', async () => {
  const before = gateway.asked().length;
  const answer = await sendAgain(readRecorded(SIGNED_ELSEWHERE));
  expect([answer.status, answer.isComplete]).toEqual([200, true]);
  const violations = gateway
    .asked()
    .slice(before)
    .map(({ violation }) => violation);
  expect(violations).toEqual(['history[3] has reasoning of somebody else', undefined]);
});

test.each(names.filter((name) => !OTHERS.includes(name)))('%s is answered', async (name) => {
  const recorded = readRecorded(name);
  const before = gateway.asked().length;
  const answer = await sendAgain(recorded);
  expect([answer.status, answer.isComplete]).toEqual([200, true]);
  const [understood, notice] = ANSWERS[name] ?? [];
  expect([summaryOf(recorded, answer), answer.headers['x-kiro-gateway-notice']]).toEqual([understood, notice]);
  const asked = gateway.asked().slice(before);
  expect(asked.map(({ violation }) => violation)).toEqual([undefined]);
});

test('claude-code--count-tokens-2 is told a number, and Kiro is not asked', async () => {
  const before = gateway.asked().length;
  const { status, text } = await sendAgain(readRecorded('claude-code--count-tokens-2'));
  expect([status, JSON.parse(text)]).toEqual([200, { input_tokens: 609 }]);
  expect(gateway.asked().length).toBe(before);
});

test('sdk--anthropic-beta-runner-2 is told to send the whole history', async () => {
  const before = gateway.asked().length;
  const { status, text } = await sendAgain(readRecorded('sdk--anthropic-beta-runner-2'));
  const { type, error } = JSON.parse(text);
  expect([status, type, error.type]).toEqual([400, 'error', 'invalid_request_error']);
  expect(error.details).toEqual({ error_code: 'thread_unsupported_request', unsupported: ['thread'] });
  expect(gateway.asked().length).toBe(before);
});

function readRecorded(name: string): Recorded {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as Recorded;
}

/** As it is, but for the key and what belongs to the connection. */
async function sendAgain({ method, path, headers, body }: Recorded): Promise<Answer> {
  const entries = Object.entries(headers).map(([name, value]) => {
    const lower = name.toLowerCase();
    if (lower === 'authorization') return [lower, `Bearer ${gateway.key}`];
    return [lower, lower === 'x-api-key' ? gateway.key : value];
  });
  return ask(gateway, path, { method, headers: { authorization: '', ...Object.fromEntries(entries) }, body });
}

/** The text, and each call as `name{input}`, of an answer that obeys its grammar. */
function summaryOf({ path, body }: Recorded, { text }: Answer): string {
  if (path === '/v1/responses') return ofResponse(body.stream === true, text);
  return path.startsWith('/v1/messages') ? ofMessage(body.stream === true, text) : ofChat(body.stream === true, text);
}

function ofResponse(isStreamed: boolean, text: string): string {
  const { output, status } = isStreamed ? readResponsesStream(text).response : (JSON.parse(text) as Json);
  const items = (output as readonly Json[]).map((item) => {
    if (item['type'] === 'function_call') return String(item['name']) + String(item['arguments']);
    if (item['type'] !== 'message') return String(item['type']);
    const [part = {}] = item['content'] as readonly Json[];
    return String(part['text']);
  });
  return [...items, status].join(' | ');
}

function ofMessage(isStreamed: boolean, text: string): string {
  const streamed = isStreamed ? readMessagesStream(text) : undefined;
  const { content, stop_reason: reason } = streamed?.message ?? (JSON.parse(text) as Json);
  let calls = 0;
  const blocks = (content as readonly Json[]).map((block) => {
    if (block['type'] !== 'tool_use') return String(block['text'] ?? block['type']);
    return String(block['name']) + (streamed?.inputs[calls++] ?? JSON.stringify(block['input']));
  });
  return [...blocks, reason].join(' | ');
}

function ofChat(isStreamed: boolean, text: string): string {
  const { choices } = isStreamed ? readChatStream(text).completion : (JSON.parse(text) as Json);
  const [choice = {}] = choices as readonly Json[];
  const message = objectAt(choice, 'message');
  const calls = ((message['tool_calls'] ?? []) as readonly Json[]).map((call) => {
    const words = objectAt(call, 'function');
    return String(words['name']) + String(words['arguments']);
  });
  return [...(message['content'] === null ? [] : [message['content']]), ...calls, choice['finish_reason']].join(' | ');
}
