/** A whole turn as one message of Anthropic's, and its parts that the stream shares. */

import type Anthropic from '@anthropic-ai/sdk';
import type { Completion, FinishReason, Usage } from '../core/stream.js';
import { creditField } from './credits.js';
import { writeBlock, type WireBlock } from './anthropic-messages-blocks.js';
import type { Reply } from './dialect.js';

/** The answer of a request that is not streamed. */
export function writeMessage(completion: Completion, reply: Reply): WireMessage {
  const content = completion.blocks.flatMap(writeBlock);
  // A cut tool call has no place in this form; `max_tokens` tells the client that something is missing.
  const isCut = content.length < completion.blocks.length;
  return {
    ...emptyMessage(reply),
    content,
    stop_reason: isCut ? 'max_tokens' : STOP_REASONS[completion.finishReason],
    stop_sequence: completion.stopSequence ?? null,
    usage: { ...writeMessageUsage(completion.usage), ...creditField(completion) },
  };
}

/** The message of `message_start`: everything but what the turn will bring. */
export function writeMessageStart(inputTokens: number, reply: Reply): WireMessage {
  return {
    ...emptyMessage(reply),
    content: [],
    stop_reason: null,
    usage: writeMessageUsage({ ...NO_USAGE, inputTokens }),
  };
}

/** Anthropic counts the cache beside the input; we count it as a part of it. */
export function writeDeltaUsage(usage: Usage): Anthropic.MessageDeltaUsage & { readonly input_tokens: number } {
  return {
    input_tokens: Math.max(0, usage.inputTokens - usage.cacheReadTokens - usage.cacheWriteTokens),
    output_tokens: usage.outputTokens,
    cache_creation_input_tokens: usage.cacheWriteTokens,
    cache_read_input_tokens: usage.cacheReadTokens,
    output_tokens_details: { thinking_tokens: usage.reasoningTokens },
    server_tool_use: null,
  };
}

export const STOP_REASONS = {
  stop: 'end_turn',
  length: 'max_tokens',
  'context-full': 'model_context_window_exceeded',
  'tool-calls': 'tool_use',
  'stop-sequence': 'stop_sequence',
  'content-filter': 'refusal',
} as const satisfies Record<FinishReason, Anthropic.StopReason>;

type WireUsage = Omit<Anthropic.Usage, 'inference_geo' | 'speed'>;

type WireMessage = Omit<Anthropic.Message, 'content' | 'diagnostics' | 'usage'> & {
  readonly content: readonly WireBlock[];
  readonly usage: WireUsage;
};

function emptyMessage(reply: Reply): Omit<WireMessage, 'content' | 'stop_reason' | 'usage'> {
  return {
    id: `msg_${reply.id}`,
    type: 'message',
    role: 'assistant',
    model: reply.model,
    stop_sequence: null,
    stop_details: null,
    container: null,
  };
}

function writeMessageUsage(usage: Usage): WireUsage {
  return {
    ...writeDeltaUsage(usage),
    cache_creation: { ephemeral_5m_input_tokens: usage.cacheWriteTokens, ephemeral_1h_input_tokens: 0 },
    service_tier: 'standard',
  };
}

const NO_USAGE: Omit<Usage, 'inputTokens'> = {
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
  source: 'estimate',
};
