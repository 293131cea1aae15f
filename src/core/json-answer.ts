/** Takes the Markdown fence off an answer that was to be JSON only: models like to put one. Events to events. */

import type { Block } from './conversation.js';
import type { Stage, StreamEvent } from './stream.js';

/** Leaves out the fence around each text; a text without one passes as it is. */
export function unfenceStage(): Stage {
  let unfence = createUnfencer();
  return (batch) => {
    const events: StreamEvent[] = [];
    for (const event of batch) {
      if (event.type === 'block-start') unfence = createUnfencer();
      if (event.type === 'block-delta' && event.block === 'text') {
        const delta = unfence.push(event.delta);
        if (delta !== '') events.push({ ...event, delta });
      } else if (event.type === 'block-end' && event.block.type === 'text') {
        const delta = unfence.end();
        if (delta !== '') events.push({ type: 'block-delta', index: event.index, block: 'text', delta });
        events.push({ ...event, block: unfenceBlock(event.block) });
      } else if (event.type === 'finish') {
        const blocks = event.completion.blocks.map(unfenceBlock);
        events.push({ ...event, completion: { ...event.completion, blocks } });
      } else {
        events.push(event);
      }
    }
    return events;
  };
}

/** True when the answer is what it was to be. */
export function isJsonAnswer(blocks: readonly Block[]): boolean {
  const text = blocks.map((block) => (block.type === 'text' ? block.text : '')).join('');
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function unfenceBlock(block: Block): Block {
  if (block.type !== 'text') return block;
  const unfence = createUnfencer();
  return { type: 'text', text: unfence.push(block.text) + unfence.end() };
}

/** Holds back the first line while it may be a fence, and the last while it may be the fence's end. */
function createUnfencer() {
  let state: 'before' | 'fenced' | 'bare' = 'before';
  let held = '';

  function push(delta: string): string {
    if (state === 'bare') return delta;
    held += delta;
    if (state === 'before') {
      const head = held.slice(0, LONGEST_FENCE);
      if (head.length < LONGEST_FENCE && OPENING_BEGINS.test(head)) return '';
      const opening = OPENING.exec(head);
      state = opening === null ? 'bare' : 'fenced';
      held = held.slice(opening?.[0].length ?? 0);
      if (state === 'bare') return release(held.length);
    }
    const from = Math.max(0, held.length - LONGEST_FENCE);
    return release(from + held.slice(from).search(CLOSING_BEGINS));
  }

  function release(length: number): string {
    const free = held.slice(0, length);
    held = held.slice(length);
    return free;
  }

  return {
    push,
    end: () => (state === 'fenced' ? held.replace(CLOSING, '') : held),
  };
}

/** With the white space around it. A model that has lost its way may write spaces for ever. */
const LONGEST_FENCE = 40;
const OPENING = /^\s*```[ \t]*(?:json)?[ \t]*\r?\n/i;
/** A text that is not an opening yet but may become one. */
const OPENING_BEGINS = /^\s*(?:`{0,2}|```[ \t]*(?:j|js|jso|json)?[ \t]*\r?)$/i;
const CLOSING = /\s*```\s*$/;
/** Everything at the end that may belong to a closing fence; always matches, if only at the very end. */
const CLOSING_BEGINS = /\s*`{0,3}\s*$/;
