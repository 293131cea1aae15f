/** What Kiro does not do for a client: end an answer at its limits, and leave out the fence around JSON. */

import type { Block, Limits } from './conversation.js';
import { parseJson } from './reader.js';
import { CUT_INPUT, grows } from './stream.js';
import type { Completion, GrowingHead, Stage, StreamEvent } from './stream.js';
import { createTokenBudget, estimateBlocks, type TokenRates } from './tokens.js';

/**
 * Lets the turn through up to a stop sequence or a number of tokens. Where it is cut depends on what was said, never on
 * how it was cut into deltas.
 */
export function limitStage({ maxTokens, stopSequences }: Limits, rates?: TokenRates): Stage {
  const takeWithinBudget = createTokenBudget(maxTokens ?? Infinity, rates);
  const blocks: Block[] = [];
  let kept: StreamEvent[] = [];
  /** The block that is open, with the text that has been let through so far. */
  let open: { readonly index: number; readonly head: GrowingHead; text: string } | undefined;
  /** The end of the text, held back while it may still become a stop sequence. */
  let held = '';
  let inputTokens = 0;
  let isCut = false;

  return (batch) => {
    kept = [];
    for (const event of batch) if (!isCut) accept(event);
    return kept;
  };

  function accept(event: StreamEvent): void {
    if (event.type === 'block-delta') {
      if (event.block === 'text' && stopSequences.length > 0) growText(held + event.delta);
      else letThrough(event.delta);
      return;
    }
    if (event.type === 'start') inputTokens = event.inputTokens;
    if (event.type === 'block-start' && grows(event.block)) open = { index: event.index, head: event.block, text: '' };
    if (event.type === 'block-end') {
      letThrough(held);
      if (isCut) return;
      held = '';
      open = undefined;
      blocks.push(event.block);
    }
    kept.push(event);
  }

  function growText(text: string): void {
    const stop = firstStop(text, stopSequences);
    const end = stop?.at ?? text.length - heldLength(text, stopSequences);
    held = text.slice(end);
    letThrough(text.slice(0, end));
    if (stop !== undefined && !isCut) cut({ finishReason: 'stop-sequence', stopSequence: stop.sequence });
  }

  function letThrough(delta: string): void {
    const text = takeWithinBudget(delta);
    if (open === undefined) return;
    open.text += text;
    const { index, head } = open;
    if (text !== '') kept.push({ type: 'block-delta', index, block: head.type, delta: text });
    if (text.length < delta.length) cut({ finishReason: 'length' });
  }

  /** Ends the turn here. Kiro's own count will never come, so the usage is an estimate. */
  function cut(reached: Reached): void {
    isCut = true;
    const isInCall = open?.head.type === 'tool-call';
    const end = isInCall ? reached : endAfter(blocks, reached);
    if (open !== undefined) {
      if (isInCall && open.text === '') {
        open.text = CUT_INPUT;
        kept.push({ type: 'block-delta', index: open.index, block: 'tool-call', delta: CUT_INPUT });
      }
      const block = toBlock(open.head, open.text);
      blocks.push(block);
      kept.push({ type: 'block-end', index: open.index, block });
    }
    const estimate = estimateBlocks(blocks, rates);
    // The names of calls count, and each block is rounded up: no client is to read that its limit was exceeded.
    const most = Math.floor(maxTokens ?? Infinity);
    const outputTokens = Math.min(estimate.outputTokens, most);
    const reasoningTokens = Math.min(estimate.reasoningTokens, most);
    const usage = { inputTokens, outputTokens, reasoningTokens, ...NOTHING_CACHED };
    kept.push({ type: 'finish', completion: { blocks, ...end, usage, credits: undefined } });
  }
}

type Reached = Pick<Completion, 'finishReason' | 'stopSequence'>;

/** A client runs whole calls, whatever was said after them; of one that Kiro has cut it has to learn that. */
function endAfter(blocks: readonly Block[], reached: Reached): Reached {
  const calls = blocks.filter((it) => it.type === 'tool-call');
  if (calls.length === 0) return reached;
  return { finishReason: calls.every(({ input }) => parseJson(input) !== undefined) ? 'tool-calls' : 'length' };
}

const NOTHING_CACHED = { cacheReadTokens: 0, cacheWriteTokens: 0, source: 'estimate' } as const;

function toBlock(head: GrowingHead, text: string): Block {
  switch (head.type) {
    case 'text':
      return { type: 'text', text };
    case 'reasoning':
      return { type: 'reasoning', text, signature: '' };
    case 'tool-call':
      return { ...head, input: text };
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

// --- JSON that models put into a Markdown fence

/** Leaves out the fence around each text; a text without one passes as it is. */
export function unfenceStage(): Stage {
  let unfence = createUnfencer();
  const unfenced = (event: StreamEvent): StreamEvent[] => {
    if (event.type === 'block-start') unfence = createUnfencer();
    if (event.type === 'block-delta' && event.block === 'text') return withDelta(event, unfence.push(event.delta));
    if (event.type === 'finish') {
      const blocks = event.completion.blocks.map(unfenceBlock);
      return [{ ...event, completion: { ...event.completion, blocks } }];
    }
    if (event.type !== 'block-end' || event.block.type !== 'text') return [event];
    const rest = { type: 'block-delta', index: event.index, block: 'text', delta: '' } as const;
    return [...withDelta(rest, unfence.end()), { ...event, block: unfenceBlock(event.block) }];
  };
  return (batch) => batch.flatMap(unfenced);
}

function withDelta(event: Extract<StreamEvent, { type: 'block-delta' }>, delta: string): StreamEvent[] {
  return delta === '' ? [] : [{ ...event, delta }];
}

/** True when the whole text of an answer is one JSON value. */
export function isJsonAnswer(blocks: readonly Block[]): boolean {
  return parseJson(blocks.map((block) => (block.type === 'text' ? block.text : '')).join('')) !== undefined;
}

function unfenceBlock(block: Block): Block {
  if (block.type !== 'text') return block;
  const unfence = createUnfencer();
  return { type: 'text', text: unfence.push(block.text) + unfence.end() };
}

/** Holds back the first line while it may be a fence, and the last while it may be the fence's end. */
function createUnfencer() {
  let isFenced: boolean | undefined;
  let held = '';
  const push = (delta: string): string => {
    held += delta;
    if (isFenced === undefined) {
      const head = held.slice(0, LONGEST_FENCE);
      if (head.length < LONGEST_FENCE && OPENING_BEGINS.test(head)) return '';
      const opening = OPENING.exec(head)?.[0];
      isFenced = opening !== undefined;
      held = held.slice(opening?.length ?? 0);
    }
    const from = Math.max(0, held.length - LONGEST_FENCE);
    const end = isFenced ? from + held.slice(from).search(CLOSING_BEGINS) : held.length;
    const free = held.slice(0, end);
    held = held.slice(end);
    return free;
  };
  return { push, end: () => (isFenced ? held.replace(CLOSING, '') : held) };
}

/** With the white space around it; bounded, because a model that loops may write spaces for ever. */
const LONGEST_FENCE = 40;
const OPENING = /^\s*```[ \t]*(?:json)?[ \t]*\r?\n/i;
/** A text that is not an opening yet but may become one. */
const OPENING_BEGINS = /^\s*(?:`{0,2}|```[ \t]*(?:j|js|jso|json)?[ \t]*\r?)$/i;
const CLOSING = /\s*```\s*$/;
/** Everything at the end that may belong to a closing fence; always matches, if only at the very end. */
const CLOSING_BEGINS = /\s*`{0,3}\s*$/;
