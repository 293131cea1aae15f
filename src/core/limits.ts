/** Ends a turn where the client asked for it: at a stop sequence, or at a number of tokens. Events to events. */

import type { Block, Limits } from './conversation.js';
import { grows } from './stream.js';
import type { Completion, GrowingBlock, GrowingHead, Stage, StreamEvent } from './stream.js';
import { createTokenBudget, estimateBlocks } from './tokens.js';

/**
 * Lets the turn through, or its beginning. Where it is cut depends on what was said, never on how it was cut into deltas.
 * @returns undefined when there is nothing to limit.
 */
export function limitStage(limits: Limits): Stage | undefined {
  const stopSequences = limits.stopSequences.filter((it) => it !== '');
  if (limits.maxTokens === undefined && stopSequences.length === 0) return undefined;
  const cutter = createCutter({ ...limits, stopSequences });
  return (batch) => {
    const kept: StreamEvent[] = [];
    for (const event of batch) {
      kept.push(...cutter.accept(event));
      if (cutter.isDone()) break;
    }
    return kept;
  };
}

/** The block that is open, as far as it was let through. */
type OpenBlock = {
  readonly index: number;
  readonly head: GrowingHead;
  text: string;
};

function createCutter({ maxTokens, stopSequences }: Limits) {
  const takeWithinBudget = createTokenBudget(maxTokens ?? Infinity);
  const blocks: Block[] = [];
  let open: OpenBlock | undefined;
  /** The end of the text so far, as long as it may become a stop sequence. */
  let held = '';
  let inputTokens = 0;
  let isDone = false;

  function accept(event: StreamEvent): readonly StreamEvent[] {
    switch (event.type) {
      case 'start':
        inputTokens = event.inputTokens;
        return [event];
      case 'block-start':
        if (grows(event.block)) open = { index: event.index, head: event.block, text: '' };
        return [event];
      case 'block-delta':
        return grow(event.block, event.delta);
      case 'block-end':
        return endBlock(event);
      case 'finish':
      case 'error':
        isDone = true;
        return [event];
    }
  }

  function grow(block: GrowingBlock, delta: string): readonly StreamEvent[] {
    if (block !== 'text' || stopSequences.length === 0) return letThrough(delta);
    const text = held + delta;
    const stop = firstStop(text, stopSequences);
    if (stop === undefined) {
      const free = text.length - heldLength(text, stopSequences);
      held = text.slice(free);
      return letThrough(text.slice(0, free));
    }
    held = '';
    const events = letThrough(text.slice(0, stop.at));
    return isDone ? events : [...events, ...cut({ finishReason: 'stop-sequence', stopSequence: stop.sequence })];
  }

  function letThrough(delta: string): readonly StreamEvent[] {
    if (open === undefined) return [];
    const kept = takeWithinBudget(delta);
    open.text += kept;
    const { index, head } = open;
    const grown: readonly StreamEvent[] =
      kept === '' ? [] : [{ type: 'block-delta', index, block: head.type, delta: kept }];
    return kept.length === delta.length ? grown : [...grown, ...cut({ finishReason: 'length' })];
  }

  function endBlock(event: Extract<StreamEvent, { type: 'block-end' }>): readonly StreamEvent[] {
    const rest = held === '' ? [] : letThrough(held);
    held = '';
    if (isDone) return rest;
    open = undefined;
    blocks.push(event.block);
    return [...rest, event];
  }

  /** The end of the turn, here and now. What Kiro would have counted is not known, so it is estimated. */
  function cut(end: Pick<Completion, 'finishReason' | 'stopSequence'>): readonly StreamEvent[] {
    isDone = true;
    const events: StreamEvent[] = [];
    if (open !== undefined) {
      const block = toBlock(open);
      blocks.push(block);
      events.push({ type: 'block-end', index: open.index, block });
    }
    const completion: Completion = { blocks, ...end, usage: estimatedUsage(inputTokens, blocks), credits: undefined };
    return [...events, { type: 'finish', completion }];
  }

  return { accept, isDone: () => isDone };
}

function toBlock({ head, text }: OpenBlock): Block {
  switch (head.type) {
    case 'text':
      return { type: 'text', text };
    case 'reasoning':
      return { type: 'reasoning', text, signature: '' };
    case 'tool-call':
      return { type: 'tool-call', id: head.id, name: head.name, input: text };
  }
}

/** The sequence that is complete first. Of two that are complete at once, the longer. */
function firstStop(text: string, sequences: readonly string[]): { at: number; sequence: string } | undefined {
  let first: { at: number; sequence: string } | undefined;
  for (const sequence of sequences) {
    const at = text.indexOf(sequence);
    if (at === -1) continue;
    const end = at + sequence.length;
    const best = first === undefined ? Infinity : first.at + first.sequence.length;
    if (end < best || (end === best && at < (first?.at ?? 0))) first = { at, sequence };
  }
  return first;
}

/** How much of the end of a text is the beginning of a stop sequence. */
function heldLength(text: string, sequences: readonly string[]): number {
  const longest = Math.max(...sequences.map((it) => it.length)) - 1;
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(text.length - length);
    if (sequences.some((sequence) => sequence.startsWith(end))) return length;
  }
  return 0;
}

function estimatedUsage(inputTokens: number, blocks: readonly Block[]): Completion['usage'] {
  return { inputTokens, ...estimateBlocks(blocks), cacheReadTokens: 0, cacheWriteTokens: 0, source: 'estimate' };
}
