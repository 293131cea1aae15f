/** A turn as Anthropic's Messages API tells it, whole or as server-sent events. */

import type Anthropic from '@anthropic-ai/sdk';
import type { Block } from '../core/conversation.js';
import type { BlockHead, Completion, FinishReason, GrowingBlock, StreamEvent } from '../core/stream.js';
import { NO_SIGNATURE, writeBlock, writeFindings, writeHead, type WireBlock } from './anthropic-messages-content.js';
import { creditField, writeData, type Reply } from './dialect.js';
import { writeErrorEvent } from './errors.js';

/** The answer of a request that is not streamed. */
export function writeMessage(completion: Completion, reply: Reply): WireMessage {
  const written = completion.blocks.map(writeBlock);
  // A cut tool call has no place in this form; `max_tokens` tells the client that something is missing.
  const isCut = written.some((blocks) => blocks.length === 0);
  return {
    id: `msg_${reply.id}`,
    type: 'message',
    role: 'assistant',
    model: reply.model,
    stop_sequence: completion.stopSequence ?? null,
    stop_details: null,
    container: null,
    content: written.flat(),
    stop_reason: isCut ? 'max_tokens' : STOP_REASONS[completion.finishReason],
    usage: {
      ...writeUsage(completion),
      cache_creation: { ephemeral_5m_input_tokens: completion.usage.cacheWriteTokens, ephemeral_1h_input_tokens: 0 },
      service_tier: 'standard',
      ...creditField(completion),
    },
  };
}

/** Our block edges are Anthropic's, but for a search, which is two blocks there: they are all this writer remembers. */
export function createMessagesWriter(reply: Reply): (event: StreamEvent) => string {
  let searches = 0;
  return (event) => {
    switch (event.type) {
      case 'start':
        return writeMessageStart(event.inputTokens, reply);
      case 'block-start':
        return writeBlockStart(event.index + searches, event.block);
      case 'block-delta':
        return writeDelta(event.index + searches, event.block, event.delta);
      case 'block-end':
        if (event.block.type === 'web-search') searches++;
        return writeBlockEnd(event.index + searches, event.block);
      case 'finish':
        return writeFinish(event.completion);
      case 'error':
        return writeEvent('error', writeErrorEvent(event.error));
    }
  };
}

function writeEvent(type: string, fields: object): string {
  return `event: ${type}\ndata: ${writeData({ type, ...fields })}\n\n`;
}

/** Everything of the message but what the turn will bring. */
function writeMessageStart(inputTokens: number, reply: Reply): string {
  const usage = { ...NO_TOKENS, inputTokens, source: 'estimate' as const };
  const nothing = { blocks: [], finishReason: 'stop' as const, usage, credits: undefined };
  return writeEvent('message_start', { message: { ...writeMessage(nothing, reply), stop_reason: null } });
}

/** Deltas are nearly all that is written, so only the text itself is made into JSON. */
function writeDelta(index: number, block: GrowingBlock | 'signature', delta: string): string {
  const head = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":`;
  return `${head}${DELTA_HEADS[block]}${writeData(delta)}}}\n\n`;
}

/** The client learns of a search when it begins, and is shown the result as a block of its own. */
function writeBlockStart(index: number, block: BlockHead): string {
  const start = writeEvent('content_block_start', { index, content_block: writeHead(block) });
  if (block.type !== 'web-search') return start;
  return start + writeDelta(index, 'tool-call', writeData({ query: block.query })) + writeBlockStop(index);
}

function writeBlockEnd(index: number, block: Block): string {
  let rest = '';
  if (block.type === 'web-search')
    rest = writeEvent('content_block_start', { index, content_block: writeFindings(block) });
  if (block.type === 'reasoning') rest = writeDelta(index, 'signature', block.signature || NO_SIGNATURE);
  return rest + writeBlockStop(index);
}

function writeBlockStop(index: number): string {
  return writeEvent('content_block_stop', { index });
}

function writeFinish(completion: Completion): string {
  const stop_reason = STOP_REASONS[completion.finishReason];
  const stop_sequence = completion.stopSequence ?? null;
  const delta = { stop_reason, stop_sequence, stop_details: null, container: null };
  const usage = { ...writeUsage(completion), ...creditField(completion) };
  return writeEvent('message_delta', { delta, usage }) + writeEvent('message_stop', {});
}

type WireMessage = Omit<Anthropic.Message, 'content' | 'diagnostics' | 'usage'> & {
  readonly content: readonly WireBlock[];
  readonly usage: Omit<Anthropic.Usage, 'inference_geo' | 'speed'>;
};

/** Anthropic counts the cache beside the input; we count it as a part of it. */
function writeUsage({ blocks, usage }: Completion): Anthropic.MessageDeltaUsage & { readonly input_tokens: number } {
  const searches = blocks.filter(({ type }) => type === 'web-search').length;
  return {
    input_tokens: Math.max(0, usage.inputTokens - usage.cacheReadTokens - usage.cacheWriteTokens),
    output_tokens: usage.outputTokens,
    cache_creation_input_tokens: usage.cacheWriteTokens,
    cache_read_input_tokens: usage.cacheReadTokens,
    output_tokens_details: { thinking_tokens: usage.reasoningTokens },
    server_tool_use: searches === 0 ? null : { web_search_requests: searches, web_fetch_requests: 0 },
  };
}

const STOP_REASONS = {
  stop: 'end_turn',
  length: 'max_tokens',
  'context-full': 'model_context_window_exceeded',
  'tool-calls': 'tool_use',
  'stop-sequence': 'stop_sequence',
  'content-filter': 'refusal',
} as const satisfies Record<FinishReason, Anthropic.StopReason>;

const DELTA_HEADS = {
  text: '{"type":"text_delta","text":',
  reasoning: '{"type":"thinking_delta","thinking":',
  'tool-call': '{"type":"input_json_delta","partial_json":',
  signature: '{"type":"signature_delta","signature":',
} as const satisfies Record<GrowingBlock | 'signature', string>;

const NO_TOKENS = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
