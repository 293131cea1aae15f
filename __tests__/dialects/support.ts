/** What the dialect tests share: reading a body, a turn made of its blocks, and SDKs that are fed a fixed answer. */

import { expect, test } from '@jest/globals';
import type { Block, Conversation, Message } from '../../src/core/conversation.js';
import { GatewayError } from '../../src/core/errors.js';
import { Reader } from '../../src/core/reader.js';
import type { BlockHead, Completion, StreamEvent, Usage } from '../../src/core/stream.js';
import type { ClientRequest, Dialect, Reply, RequestHeaders } from '../../src/dialects/dialect.js';

export const reply: Reply = {
  id: 'abc123',
  createdAt: 1_700_000_000,
  model: 'claude-sonnet-4.5',
  includeUsage: true,
  replyContext: { forms: new Map() },
};

export const usage: Usage = {
  inputTokens: 100,
  outputTokens: 20,
  cacheReadTokens: 30,
  cacheWriteTokens: 0,
  reasoningTokens: 5,
  source: 'upstream',
};

export function completionOf(blocks: readonly Block[], finishReason: Completion['finishReason'] = 'stop'): Completion {
  return { blocks, finishReason, usage, credits: undefined };
}

/** The events of a turn, every block cut into deltas of three characters; a call with input `{}` has no deltas. */
export function eventsOf(completion: Completion): StreamEvent[] {
  return [
    { type: 'start', inputTokens: 90 },
    ...completion.blocks.flatMap((block, index) => blockEvents(block, index)),
    { type: 'finish', completion },
  ];
}

export function writeStream(dialect: Dialect, events: readonly StreamEvent[], to: Reply = reply): string {
  return events.map(dialect.createStreamWriter(to)).join('');
}

/** A `fetch` that gives SDKs one answer, whatever they ask. */
export function answering(body: string | object, status = 200, headers: Readonly<Record<string, string>> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' ? 'text/event-stream' : 'application/json';
  return () => Promise.resolve(new Response(text, { status, headers: { 'content-type': type, ...headers } }));
}

export function read(dialect: Dialect, body: unknown, headers: RequestHeaders = {}): ClientRequest {
  return dialect.readRequest(new Reader(body), headers);
}

/** The smallest request of both dialects, with these fields instead of or besides its own. */
export const request = (fields: object) => ({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...fields });

/** The facts of a dialect's reader, one line each. */
export function factsOf(dialect: Dialect) {
  return {
    notices: (title: string, fields: object, expected: readonly string[]) =>
      test(title, () => expect(read(dialect, request(fields)).notices).toEqual(expected)),
    /** A request with these fields gives a conversation with those; others are not looked at. */
    conversation: (title: string, fields: object, expected: Partial<Conversation>, headers: RequestHeaders = {}) =>
      test(title, () => {
        const found: Readonly<Record<string, unknown>> = read(dialect, request(fields), headers).conversation;
        expect(Object.fromEntries(Object.keys(expected).map((key) => [key, found[key]]))).toEqual(expected);
      }),
    messages: (title: string, given: readonly object[], expected: readonly Message[], notes: readonly string[] = []) =>
      test(title, () => {
        const found = read(dialect, request({ messages: given }));
        expect([found.conversation.messages, found.notices]).toEqual([expected, notes]);
      }),
    refused: (title: string, body: unknown, message: string, param: string) =>
      test(title, () => expect(failure(() => read(dialect, body))).toEqual(['invalid-request', message, param])),
  };
}

function failure(run: () => unknown): unknown {
  try {
    return run();
  } catch (thrown) {
    return thrown instanceof GatewayError ? [thrown.kind, thrown.message, thrown.facts.param] : thrown;
  }
}

function blockEvents(block: Block, index: number): StreamEvent[] {
  return [
    { type: 'block-start', index, block: headOf(block) },
    ...deltaEvents(block, index),
    { type: 'block-end', index, block },
  ];
}

function headOf(block: Block): BlockHead {
  switch (block.type) {
    case 'text':
    case 'reasoning':
      return { type: block.type };
    case 'redacted-reasoning':
      return block;
    case 'tool-call':
      return { type: 'tool-call', id: block.id, name: block.name };
    case 'web-search':
      return { type: 'web-search', id: block.id, query: block.query };
  }
}

function deltaEvents(block: Block, index: number): StreamEvent[] {
  if (block.type === 'redacted-reasoning' || block.type === 'web-search') return [];
  const whole = block.type === 'tool-call' ? block.input.replace(/^\{\}$/, '') : block.text;
  const deltas = whole.match(/.{1,3}/gsu) ?? [];
  return deltas.map((delta) => ({ type: 'block-delta', index, block: block.type, delta }));
}
