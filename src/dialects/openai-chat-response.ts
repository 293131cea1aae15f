/** A whole turn as one chat completion, and its parts that the stream shares. */

import type OpenAI from 'openai';
import type { Block } from '../core/conversation.js';
import type { Completion, FinishReason, Usage } from '../core/stream.js';
import { creditField } from './credits.js';
import type { Reply } from './dialect.js';

/** The answer of a request that is not streamed. */
export function writeChatCompletion(completion: Completion, reply: Reply): OpenAI.ChatCompletion {
  const finish_reason = FINISH_REASONS[completion.finishReason];
  return {
    id: `chatcmpl-${reply.id}`,
    object: 'chat.completion',
    created: reply.createdAt,
    model: reply.model,
    choices: [{ index: 0, message: writeMessage(completion.blocks), logprobs: null, finish_reason }],
    usage: { ...writeUsage(completion.usage), ...creditField(completion) },
  };
}

export function writeUsage(usage: Usage): OpenAI.CompletionUsage {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cacheReadTokens },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  };
}

export const FINISH_REASONS = {
  stop: 'stop',
  length: 'length',
  'context-full': 'length',
  'tool-calls': 'tool_calls',
  'stop-sequence': 'stop',
  'content-filter': 'content_filter',
} as const satisfies Record<FinishReason, OpenAI.ChatCompletion.Choice['finish_reason']>;

/** `reasoning_content` is no field of OpenAI's, but the one that its clients agree on. */
type WireMessage = OpenAI.ChatCompletionMessage & { readonly reasoning_content?: string };

function writeMessage(blocks: readonly Block[]): WireMessage {
  const texts = blocks.flatMap((it) => (it.type === 'text' ? [it.text] : []));
  const reasoning = blocks.flatMap((it) => (it.type === 'reasoning' ? [it.text] : []));
  const calls = blocks.flatMap(writeToolCall);
  return {
    role: 'assistant',
    content: texts.length === 0 ? null : texts.join(''),
    refusal: null,
    ...(reasoning.length > 0 && { reasoning_content: reasoning.join('') }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

function writeToolCall(block: Block): OpenAI.ChatCompletionMessageFunctionToolCall[] {
  if (block.type !== 'tool-call') return [];
  return [{ id: block.id, type: 'function', function: { name: block.name, arguments: block.input } }];
}
