/** A turn as the chunks of OpenAI's Chat Completions API. */

import type { BlockHead, GrowingBlock, StreamEvent } from '../core/stream.js';
import { creditField } from './credits.js';
import type { Reply } from './dialect.js';
import { writeData } from './event-data.js';
import { FINISH_REASONS, writeUsage } from './openai-chat-response.js';
import { writeErrorBody } from './openai.js';

/** Chunks have no block edges: what has to be remembered is the number of the tool call and whether it has grown. */
export function createChatWriter(reply: Reply): (event: StreamEvent) => string {
  const head = chunkHead(reply);
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
      case 'finish': {
        const { finishReason, usage } = event.completion;
        const cost = { ...writeUsage(usage), ...creditField(event.completion) };
        const usageChunk = `${head}"choices":[],"usage":${JSON.stringify(cost)}}\n\n`;
        return writeDelta('{}', FINISH_REASONS[finishReason]) + (reply.includeUsage ? usageChunk : '') + DONE;
      }
      case 'error':
        return `data: ${writeData(writeErrorBody(event.error))}\n\n`;
    }
  };
}

/** The part that is the same in every chunk of a turn, made once. */
function chunkHead(reply: Reply): string {
  const constant = {
    id: `chatcmpl-${reply.id}`,
    object: 'chat.completion.chunk',
    created: reply.createdAt,
    model: reply.model,
  };
  return `data: ${writeData(constant).slice(0, -1)},`;
}

const DONE = 'data: [DONE]\n\n';
