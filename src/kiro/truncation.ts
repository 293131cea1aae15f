/** Tool calls whose input was cut off by the output limit, and how the model learns of it (protocol 11). */

import type { Block, Message, ToolResult, UserPart } from '../core/conversation.js';

/** The ids of calls that went out cut off. */
export type CutCalls = {
  /** Of what a turn has said. */
  remember(blocks: readonly Block[]): void;
  has(id: string): boolean;
};

/**
 * Remembers the last thousand. An id is not forgotten when its result has come back: the client sends that again in
 * every later request, and a history that changes makes the signatures in it worthless.
 */
export function createCutCalls(): CutCalls {
  const ids = new Set<string>();
  return {
    remember(blocks) {
      for (const block of blocks) {
        if (block.type !== 'tool-call' || isWhole(block.input)) continue;
        ids.delete(block.id);
        ids.add(block.id);
      }
      for (const oldest of ids) if (ids.size > MOST_REMEMBERED) ids.delete(oldest);
    },
    has: (id) => ids.has(id),
  };
}

/** The messages with one notice in front of the result of each call that was cut off. */
export function withCutNotices(messages: readonly Message[], wasCut: (id: string) => boolean): readonly Message[] {
  /** The cut calls of the assistant's last turn that have no result yet. */
  let open = new Set<string>();
  let isAssistants = false;
  return messages.map((message) => {
    if (message.role === 'assistant') {
      if (!isAssistants) open = new Set();
      isAssistants = true;
      for (const block of message.blocks) if (isCut(block, wasCut)) open.add(block.id);
      return message;
    }
    isAssistants = false;
    if (!message.parts.some((part) => isResultOf(part, open))) return message;
    return { role: 'user', parts: message.parts.map((part) => withNotice(part, open)) };
  });
}

function withNotice(part: UserPart, open: Set<string>): UserPart {
  if (!isResultOf(part, open)) return part;
  open.delete(part.id);
  return { ...part, content: [{ type: 'text', text: CUT_NOTICE }, ...part.content] };
}

function isResultOf(part: UserPart, open: ReadonlySet<string>): part is ToolResult {
  return part.type === 'tool-result' && open.has(part.id);
}

/** Some clients send the text back as it was, others as the value of a key of their own, most something else. */
function isCut(block: Block, wasCut: (id: string) => boolean): block is Extract<Block, { type: 'tool-call' }> {
  if (block.type !== 'tool-call') return false;
  if (wasCut(block.id)) return true;
  // A call without input is written so as well.
  return block.input.trim() !== '' && (!isWhole(block.input) || UNPARSED.test(block.input));
}

/** False for a call's input that was cut off: JSON that has no end. */
export function isWhole(input: string): boolean {
  try {
    JSON.parse(input);
    return true;
  } catch {
    return false;
  }
}

const MOST_REMEMBERED = 1000;
const UNPARSED = /^\s*\{\s*"__unparsedToolInput"\s*:/;
const CUT_NOTICE =
  '[Notice of the gateway: the output limit cut this tool call off, so that its input arrived incomplete; an error ' +
  'below may follow from that. The same call would be cut off again: split the work into several smaller calls.]';
