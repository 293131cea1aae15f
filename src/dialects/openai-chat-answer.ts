/** A turn as OpenAI's Chat Completions API tells it, whole or in chunks. */

import type OpenAI from 'openai';
import type { Block } from '../core/conversation.js';
import type { BlockHead, Completion, FinishReason, GrowingBlock, StreamEvent } from '../core/stream.js';
import { creditField, writeData, type Reply } from './dialect.js';
import { writeErrorBody } from './errors.js';

/** The answer of a request that is not streamed. */
export function writeChatCompletion(completion: Completion, reply: Reply): OpenAI.ChatCompletion {
  const finish_reason = FINISH_REASONS[completion.finishReason];
  return {
    id: `chatcmpl-${reply.id}`,
    object: 'chat.completion',
    created: reply.createdAt,
    model: reply.model,
    choices: [{ index: 0, message: writeMessage(completion.blocks), logprobs: null, finish_reason }],
    usage: writeUsage(completion),
  };
}

/** Chunks have no block edges: what has to be remembered is the number of the tool call and whether it has grown. */
export function createChatWriter(reply: Reply): (event: StreamEvent) => string {
  // The part that is the same in every chunk of a turn, made once.
  const constant = { id: `chatcmpl-${reply.id}`, object: CHUNK, created: reply.createdAt, model: reply.model };
  const head = `data: ${writeData(constant).slice(0, -1)},`;
  const deltaHead = `${head}"choices":[{"index":0,"delta":`;
  let toolCalls = 0;
  let hasGrown = false;

  const writeDelta = (delta: string, finishReason: string | null = null) =>
    `${deltaHead}${delta},"logprobs":null,"finish_reason":${JSON.stringify(finishReason)}}]}\n\n`;

  const writeGrowth = (block: GrowingBlock, text: string) => {
    switch (block) {
      case 'text':
        return writeDelta(`{"content":${writeData(text)}}`);
      case 'reasoning':
        return writeDelta(`{"reasoning_content":${writeData(text)}}`);
      case 'tool-call':
        hasGrown ||= text !== '';
        return writeDelta(`{"tool_calls":[{"index":${toolCalls - 1},"function":{"arguments":${writeData(text)}}}]}`);
    }
  };

  const writeBlockStart = (block: BlockHead) => {
    if (block.type !== 'tool-call') return '';
    const call = { index: toolCalls++, id: block.id, type: 'function', function: { name: block.name, arguments: '' } };
    hasGrown = false;
    return writeDelta(writeData({ tool_calls: [call] }));
  };

  const writeFinish = (completion: Completion) => {
    const usage = `${head}"choices":[],"usage":${JSON.stringify(writeUsage(completion))}}\n\n`;
    return `${writeDelta('{}', FINISH_REASONS[completion.finishReason])}${reply.includeUsage ? usage : ''}${DONE}`;
  };

  return (event) => {
    switch (event.type) {
      case 'start':
        return writeDelta('{"role":"assistant","content":""}');
      case 'block-start':
        return writeBlockStart(event.block);
      case 'block-delta':
        return writeGrowth(event.block, event.delta);
      case 'block-end':
        // A call without input has no deltas, yet its arguments have to be the text of an object.
        if (event.block.type !== 'tool-call' || hasGrown) return '';
        return writeGrowth('tool-call', event.block.input);
      case 'finish':
        return writeFinish(event.completion);
      case 'error':
        return `data: ${writeData(writeErrorBody(event.error))}\n\n`;
    }
  };
}

/** `reasoning_content` is no field of OpenAI's, but the one that its clients agree on. */
type WireMessage = OpenAI.ChatCompletionMessage & { readonly reasoning_content?: string };

function writeMessage(blocks: readonly Block[]): WireMessage {
  const texts = blocks.flatMap((it) => (it.type === 'text' ? [it.text] : []));
  const reasoning = blocks.flatMap((it) => (it.type === 'reasoning' ? [it.text] : []));
  const calls = blocks.flatMap((it) => (it.type === 'tool-call' ? [it] : []));
  return {
    role: 'assistant',
    content: texts.length === 0 ? null : texts.join(''),
    refusal: null,
    ...(reasoning.length > 0 && { reasoning_content: reasoning.join('') }),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, name, input }) => ({ id, type: 'function', function: { name, arguments: input } })),
    }),
  };
}

function writeUsage(completion: Completion): OpenAI.CompletionUsage {
  const { inputTokens, outputTokens, cacheReadTokens, reasoningTokens } = completion.usage;
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cacheReadTokens },
    completion_tokens_details: { reasoning_tokens: reasoningTokens },
    ...creditField(completion),
  };
}

const FINISH_REASONS = {
  stop: 'stop',
  length: 'length',
  'context-full': 'length',
  'tool-calls': 'tool_calls',
  'stop-sequence': 'stop',
  'content-filter': 'content_filter',
} as const satisfies Record<FinishReason, OpenAI.ChatCompletion.Choice['finish_reason']>;

const CHUNK = 'chat.completion.chunk';
const DONE = 'data: [DONE]\n\n';
