/** One streamed answer on its socket: headers late enough to tell the truth, keep-alives, and patience with readers. */

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

import { type GatewayError, toGatewayError } from '../core/errors.js';
import { grows, type Completion, type GrowingBlock, type StreamEvent, type Turn } from '../core/stream.js';
import type { Answer } from '../gateway.js';

export type StreamPlan = {
  /** The turn's beginning, already under way. */
  readonly answering: Promise<Answer>;
  readonly write: (event: StreamEvent) => string;
  readonly keepAlive: string;
  readonly headersFor: (notices: readonly string[]) => Readonly<Record<string, string>>;
  /** Aborted when the client has gone, or the turn has to end. */
  readonly signal: AbortSignal;
} & Readonly<typeof PATIENCE>;

/** Clients give up on headers after 300 s, and on a silent connection after 30 to 60 s. */
export const PATIENCE = {
  /** How long the headers wait for the turn's first event. */
  headersAfterMs: 10_000,
  /** The longest silence. */
  keepAliveMs: 15_000,
  /** After this long without a word of Kiro's inside a block, an empty delta shows that it goes on. */
  emptyDeltaMs: 60_000,
};

/** How a streamed answer went, for the log. */
export type StreamOutcome = { readonly completion?: Completion; readonly error?: GatewayError };

/**
 * Waits for the turn's first event, but no longer than the plan says: then the headers go out with keep-alives.
 * @throws GatewayError as long as no header went out; later the error is the stream's last event.
 */
export async function streamAnswer(response: ServerResponse, plan: StreamPlan): Promise<StreamOutcome> {
  const early = await inTime(plan.answering, plan.headersAfterMs);
  response.writeHead(200, { ...SSE_HEADERS, ...plan.headersFor(early?.notices ?? []) });
  const silence = createSilence(response, plan);
  try {
    if (early === undefined) response.write(plan.keepAlive);
    const { turn } = early ?? (await plan.answering);
    return await pump(response, turn, plan, silence);
  } catch (thrown) {
    const error = toGatewayError(thrown);
    if (!response.closed) response.write(plan.write({ type: 'error', error }));
    return { error };
  } finally {
    silence.end();
    response.end();
  }
}

/** One write per batch; when the client does not read, the upstream waits, until the server loses its patience. */
async function pump(response: ServerResponse, turn: Turn, plan: StreamPlan, silence: Silence): Promise<StreamOutcome> {
  let outcome: StreamOutcome = {};
  for await (const batch of turn) {
    let text = '';
    for (const event of batch) {
      text += plan.write(event);
      silence.hear(event);
    }
    const last = batch.at(-1);
    if (last?.type === 'finish') outcome = { completion: last.completion };
    if (last?.type === 'error') outcome = { error: last.error };
    // Some events write nothing: a call that is sent as a whole does not show as it grows.
    if (text !== '' && !response.closed) {
      silence.breakOff();
      // Until the client reads, leaves, or is told the end.
      if (!response.write(text)) await once(response, 'drain', { signal: plan.signal }).catch(() => undefined);
    }
    if (response.closed) break;
  }
  return outcome;
}

/** What goes out while Kiro says nothing. */
type Silence = ReturnType<typeof createSilence>;

/** Keep-alives hold the connection, but Claude Code gives up after 300 s without an event that counts as progress. */
function createSilence(response: ServerResponse, plan: StreamPlan) {
  let open: { readonly index: number; readonly block: GrowingBlock } | undefined;
  const whenIdle = (milliseconds: number, write: () => string): NodeJS.Timeout =>
    setInterval(() => {
      // A reader that is behind has enough to read.
      const text = response.writableLength === 0 ? write() : '';
      if (text !== '') response.write(text);
    }, milliseconds);
  const emptyDelta = (): string => (open === undefined ? '' : plan.write({ type: 'block-delta', ...open, delta: '' }));
  const timers = [whenIdle(plan.keepAliveMs, () => plan.keepAlive), whenIdle(plan.emptyDeltaMs, emptyDelta)];
  return {
    /** Keeps in mind which block is open. */
    hear(event: StreamEvent): void {
      if (event.type === 'block-end' || event.type === 'error') open = undefined;
      if (event.type !== 'block-start' || !grows(event.block)) return;
      open = { index: event.index, block: event.block.type };
    },
    breakOff: () => timers.forEach((timer) => timer.refresh()),
    end: () => timers.forEach((timer) => clearInterval(timer)),
  };
}

/** The value of a promise, or undefined when it takes longer. A failure in time is thrown. */
export async function inTime<T>(promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const SSE_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};
