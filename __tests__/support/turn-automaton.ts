/** The grammar of a turn and the law of sums, as one automaton over its events. */

import { isDeepStrictEqual } from 'node:util';
import type { Block } from '../../src/core/conversation.js';
import type { GatewayError } from '../../src/core/errors.js';
import type { BlockHead, Completion, StreamEvent } from '../../src/core/stream.js';

export type TurnSum = {
  readonly blocks: readonly Block[];
  readonly completion: Completion | undefined;
  readonly error: GatewayError | undefined;
};

/**
 *     turn  := start block* (finish | error)
 *     block := block-start block-delta* block-end
 *
 * An error may also break a block off. @throws Error that names the first event out of order or sum.
 */
export function readTurn(events: readonly StreamEvent[]): TurnSum {
  const [first, ...rest] = events;
  if (first?.type !== 'start') throw new Error(`The turn begins with ${first?.type}`);
  const blocks: Block[] = [];
  let open: { readonly head: BlockHead; text: string } | undefined;
  let sum: TurnSum | undefined;
  for (const event of rest) {
    if (sum !== undefined) throw new Error(`${event.type} comes after the end`);
    switch (event.type) {
      case 'start':
        throw new Error('A second start');
      case 'block-start':
        if (open !== undefined || event.index !== blocks.length) throw new Error(`Block ${event.index} overlaps`);
        open = { head: event.block, text: '' };
        break;
      case 'block-delta':
        if (open?.head.type !== event.block || event.index !== blocks.length) throw new Error('A delta without block');
        if (event.delta === '') throw new Error('An empty delta');
        open.text += event.delta;
        break;
      case 'block-end':
        if (open === undefined || event.index !== blocks.length) throw new Error('An end without block');
        if (!isSumOf(event.block, open.head, open.text)) throw new Error(`Not the sum: ${JSON.stringify(event.block)}`);
        blocks.push(event.block);
        open = undefined;
        break;
      case 'finish':
        if (open !== undefined) throw new Error('The turn finishes inside a block');
        if (!isDeepStrictEqual(event.completion.blocks, blocks)) throw new Error('The completion is not the sum');
        sum = { blocks, completion: event.completion, error: undefined };
        break;
      case 'error':
        sum = { blocks, completion: undefined, error: event.error };
        break;
    }
  }
  if (sum === undefined) throw new Error('The turn merely stops');
  return sum;
}

/** A signature has no deltas. A call without input has none either; its input is the empty object, or empty if cut. */
function isSumOf(block: Block, head: BlockHead, text: string): boolean {
  switch (block.type) {
    case 'text':
      return head.type === 'text' && block.text === text;
    case 'reasoning':
      return head.type === 'reasoning' && block.text === text;
    case 'redacted-reasoning':
      return isDeepStrictEqual(head, block) && text === '';
    case 'tool-call': {
      const { input, ...rest } = block;
      return isDeepStrictEqual(head, rest) && (input === text || (text === '' && input === '{}'));
    }
    case 'web-search': {
      const { type, id, query } = block;
      return isDeepStrictEqual(head, { type, id, query }) && text === '';
    }
  }
}
