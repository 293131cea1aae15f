/** A turn as the server-sent events of Anthropic's Messages API. */

import type { Block } from '../core/conversation.js';
import type { Completion, GrowingBlock, StreamEvent } from '../core/stream.js';
import { creditField } from './credits.js';
import { writeBlockHead, writeSignature } from './anthropic-messages-blocks.js';
import { writeErrorEvent } from './anthropic-messages-errors.js';
import { STOP_REASONS, writeDeltaUsage, writeMessageStart } from './anthropic-messages-response.js';
import type { Reply } from './dialect.js';
import { writeData } from './event-data.js';

/** Our block edges are Anthropic's block edges, so this writer has nothing to remember. */
export function createMessagesWriter(reply: Reply): (event: StreamEvent) => string {
  return (event) => {
    switch (event.type) {
      case 'start':
        return writeEvent('message_start', { message: writeMessageStart(event.inputTokens, reply) });
      case 'block-start':
        return writeEvent('content_block_start', { index: event.index, content_block: writeBlockHead(event.block) });
      case 'block-delta':
        return writeDelta(event.index, event.block, event.delta);
      case 'block-end':
        return writeBlockEnd(event.index, event.block);
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

/** Deltas are nearly all that is written, so only the text itself is made into JSON. */
function writeDelta(index: number, block: GrowingBlock | 'signature', delta: string): string {
  const head = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":`;
  return `${head}${DELTA_HEADS[block]}${writeData(delta)}}}\n\n`;
}

function writeBlockEnd(index: number, block: Block): string {
  const signature = block.type === 'reasoning' ? writeDelta(index, 'signature', writeSignature(block.signature)) : '';
  return signature + writeEvent('content_block_stop', { index });
}

function writeFinish(completion: Completion): string {
  const { finishReason, stopSequence } = completion;
  const delta = {
    stop_reason: STOP_REASONS[finishReason],
    stop_sequence: stopSequence ?? null,
    stop_details: null,
    container: null,
  };
  return (
    writeEvent('message_delta', {
      delta,
      usage: { ...writeDeltaUsage(completion.usage), ...creditField(completion) },
    }) + writeEvent('message_stop', {})
  );
}

const DELTA_HEADS = {
  text: '{"type":"text_delta","text":',
  reasoning: '{"type":"thinking_delta","thinking":',
  'tool-call': '{"type":"input_json_delta","partial_json":',
  signature: '{"type":"signature_delta","signature":',
} as const satisfies Record<GrowingBlock | 'signature', string>;
