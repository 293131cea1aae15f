/**
 * What comes back, in the words of no protocol: the lower half of the hourglass.
 *
 *     turn  := start block* (finish | error)
 *     block := block-start block-delta* block-end
 *
 * An error may also come inside a block, which then has no end: what is unfinished must not look whole.
 * Blocks are numbered from 0 and never overlap. Sums travel with the parts: `block-end` repeats the block,
 * `finish` the turn. Events flow in batches, one per network chunk, and everything inside a batch is synchronous.
 */

import type { Block } from './conversation.js';
import { GatewayError, toGatewayError } from './errors.js';

export type StreamEvent =
  /** `inputTokens` is an estimate: the true number is known only at the end. */
  | { readonly type: 'start'; readonly inputTokens: number }
  | { readonly type: 'block-start'; readonly index: number; readonly block: BlockHead }
  | { readonly type: 'block-delta'; readonly index: number; readonly block: GrowingBlock; readonly delta: string }
  | { readonly type: 'block-end'; readonly index: number; readonly block: Block }
  | { readonly type: 'finish'; readonly completion: Completion }
  | { readonly type: 'error'; readonly error: GatewayError };

/** What is known when a block begins. Redacted reasoning and searches have no deltas. */
export type BlockHead =
  | { readonly type: 'text' }
  | { readonly type: 'reasoning' }
  | { readonly type: 'redacted-reasoning'; readonly data: string }
  | { readonly type: 'tool-call'; readonly id: string; readonly name: string }
  | { readonly type: 'web-search'; readonly id: string; readonly query: string };

/** The kinds of block that grow by deltas: text, reasoning text, and the JSON text of a tool call's input. */
export type GrowingBlock = 'text' | 'reasoning' | 'tool-call';

export type GrowingHead = Extract<BlockHead, { readonly type: GrowingBlock }>;

export function grows(head: BlockHead): head is GrowingHead {
  return head.type === 'text' || head.type === 'reasoning' || head.type === 'tool-call';
}

/**
 * The input of a tool call that was cut off before any of it came. Clients take nothing for `{}`, and run the tool with
 * that; the beginning of an object they can see is cut off.
 */
export const CUT_INPUT = '{';

export type Batch = readonly StreamEvent[];

/** One turn on its way. Leaving the loop early (`return()`) closes the upstream body. */
export type Turn = AsyncIterable<Batch>;

export type FinishReason =
  | 'stop'
  | 'length'
  /** The model's window is full. */
  | 'context-full'
  | 'tool-calls'
  | 'stop-sequence'
  | 'content-filter';

/** Tokens. `inputTokens` counts everything read, cached or not; the cache numbers are parts of it. */
export type Usage = {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly reasoningTokens: number;
  readonly source: 'upstream' | 'context-percentage' | 'estimate';
};

/** The sum of a turn. */
export type Completion = {
  readonly blocks: readonly Block[];
  readonly finishReason: FinishReason;
  /** The client's stop sequence that ended it, with finish reason `stop-sequence`. */
  readonly stopSequence?: string | undefined;
  readonly usage: Usage;
  /** Kiro credits this turn cost, when Kiro said so. */
  readonly credits: number | undefined;
};

/** Sums of binary fractions have tails like 0.30000000000000004. */
export function rounded(credits: number): number {
  return Math.round(credits * 1e6) / 1e6;
}

/**
 * Waits for the turn's first batch, so that the caller can still answer with an HTTP status.
 * @throws whatever the turn throws before its first event; after that a failure is the last event.
 */
export async function begin(turn: Turn): Promise<Turn> {
  const iterator = turn[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) throw new GatewayError('upstream-protocol', 'Kiro ended its answer before it began; try again.');
  return resume(first.value, iterator);
}

/** An iterator rather than a generator, whose every step costs three promises: each batch of each turn passes here. */
function resume(first: Batch, rest: AsyncIterator<Batch>): AsyncIterableIterator<Batch> {
  let waiting: Batch | undefined = first;
  return {
    next() {
      if (waiting === undefined) return rest.next().catch(lastEvent);
      const value = waiting;
      waiting = undefined;
      return Promise.resolve({ done: false, value });
    },
    async return() {
      waiting = undefined;
      await rest.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function lastEvent(thrown: unknown): IteratorResult<Batch> {
  return { done: false, value: [{ type: 'error', error: toGatewayError(thrown) }] };
}

/** Changes what flows by, synchronously. A batch that ends with `finish` or `error` is the last one. */
export type Stage = (batch: Batch) => Batch;

/** The turn through all stages in one asynchronous step per batch. Leaving closes it, and so does the end. */
export async function* through(turn: Turn, stages: readonly Stage[]): AsyncGenerator<Batch> {
  for await (const batch of turn) {
    let changed = batch;
    for (const stage of stages) changed = stage(changed);
    if (changed.length > 0) yield changed;
    const last = changed.at(-1)?.type;
    if (last === 'finish' || last === 'error') return;
  }
}

/** Reports the sum of a turn before it is passed on: a client may leave as soon as it has it. */
export function whenFinished(told: (completion: Completion) => void): Stage {
  return (batch) => {
    const last = batch.at(-1);
    if (last?.type === 'finish') told(last.completion);
    return batch;
  };
}

/**
 * "Not streaming": waits for `finish`. There is no second path for it.
 * @throws GatewayError when the turn ends with an error.
 */
export async function collect(turn: Turn): Promise<Completion> {
  for await (const batch of turn) {
    for (const event of batch) {
      if (event.type === 'finish') return event.completion;
      if (event.type === 'error') throw event.error;
    }
  }
  throw new GatewayError('upstream-protocol', 'Kiro stopped in the middle of its answer; try again.');
}
