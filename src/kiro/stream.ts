/** Kiro's flat events to our blocks. The only place that opens and closes a block. */

import type { Block } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import type { Batch, FinishReason, GrowingBlock, StreamEvent } from '../core/stream.js';
import { readEvents, type KiroEvent, type KiroTokenUsage } from './events.js';
import { createFrameDecoder } from './frames.js';
import { toUsage } from './usage.js';

/** What is known about the question when its answer is read. */
export type Asked = {
  readonly estimatedInputTokens: number;
  readonly windowTokens: number;
  /** Kiro's name of a tool to the client's. */
  readonly restoreToolName: (name: string) => string;
};

/**
 * One turn, one batch per chunk. Whoever leaves early closes `body`.
 * @throws GatewayError when the stream breaks; events that came before it have been yielded.
 */
export async function* toTurn(
  body: AsyncIterable<Uint8Array>,
  asked: Asked,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  const decoder = createFrameDecoder();
  const turn = createAssembler(asked);
  try {
    for await (const chunk of body) {
      for (const frame of decoder.push(chunk)) {
        for (const event of readEvents(frame)) turn.accept(event);
      }
      const batch = turn.take();
      if (batch.length > 0) yield batch;
    }
    decoder.end();
    turn.finish();
  } catch (thrown) {
    const before = turn.take();
    if (before.length > 0) yield before;
    if (thrown instanceof GatewayError) throw thrown;
    if (signal.aborted) throw new GatewayError('cancelled', 'The request was cancelled.', { cause: thrown });
    throw new GatewayError('upstream-unavailable', BROKEN, { cause: thrown });
  }
  yield turn.take();
}

/** A block that is still growing. */
type OpenBlock = {
  readonly type: GrowingBlock;
  /** Of a tool call. */
  readonly id: string;
  readonly name: string;
  text: string;
  /** Of reasoning; it comes after the text, possibly in pieces. */
  signature: string;
  /** Of a tool call: Kiro said that it is whole. */
  isStopped: boolean;
};

/** Collects the events of one turn; `take` hands out what has come since the last time. */
function createAssembler(asked: Asked) {
  let batch: StreamEvent[] = [];
  let open: OpenBlock | undefined;
  const blocks: Block[] = [];
  const closedCalls = new Set<string>();
  let stopReason: string | undefined;
  let tokenUsage: KiroTokenUsage | undefined;
  let contextPercentage: number | undefined;
  let credits: number | undefined;
  let begun = false;

  function begin(): void {
    if (!begun) batch.push({ type: 'start', inputTokens: asked.estimatedInputTokens });
    begun = true;
  }

  function openBlock(type: GrowingBlock, id = '', name = ''): OpenBlock {
    close();
    begin();
    open = { type, id, name, text: '', signature: '', isStopped: false };
    const block = type === 'tool-call' ? { type, id, name } : { type };
    batch.push({ type: 'block-start', index: blocks.length, block });
    return open;
  }

  function grow(block: OpenBlock, delta: string): void {
    if (delta === '') return;
    block.text += delta;
    batch.push({ type: 'block-delta', index: blocks.length, block: block.type, delta });
  }

  function close(): void {
    if (open === undefined) return;
    if (open.type === 'tool-call') closedCalls.add(open.id);
    end(toBlock(open));
    open = undefined;
  }

  function end(block: Block): void {
    batch.push({ type: 'block-end', index: blocks.length, block });
    blocks.push(block);
  }

  function acceptReasoning(event: Extract<KiroEvent, { type: 'reasoning' }>): void {
    if (event.text !== '') {
      // Text after a signature is a new thought: a signature belongs to exactly the text before it.
      const growing = open?.type === 'reasoning' && open.signature === '' ? open : undefined;
      grow(growing ?? openBlock('reasoning'), event.text);
    }
    if (event.signature !== '') {
      const block = open?.type === 'reasoning' ? open : openBlock('reasoning');
      block.signature += event.signature;
    }
    if (event.redacted !== '') {
      close();
      begin();
      const block = { type: 'redacted-reasoning', data: event.redacted } as const;
      batch.push({ type: 'block-start', index: blocks.length, block });
      end(block);
    }
  }

  function acceptToolUse(event: Extract<KiroEvent, { type: 'tool-use' }>): void {
    const growing = open?.type === 'tool-call' && open.id === event.id ? open : undefined;
    if (growing === undefined && closedCalls.has(event.id)) {
      if (event.input === '') return;
      throw new GatewayError('upstream-protocol', 'Kiro went on with a tool call that it had ended; try again.');
    }
    const block = growing ?? openCall(event);
    grow(block, event.input);
    block.isStopped = event.stop;
    if (event.stop) close();
  }

  function openCall({ id, name }: { readonly id: string; readonly name: string }): OpenBlock {
    if (name === '') throw new GatewayError('upstream-protocol', 'Kiro sent a tool call without a name; try again.');
    return openBlock('tool-call', id, asked.restoreToolName(name));
  }

  return {
    accept(event: KiroEvent): void {
      switch (event.type) {
        case 'text':
          return grow(open?.type === 'text' ? open : openBlock('text'), event.text);
        case 'reasoning':
          return acceptReasoning(event);
        case 'tool-use':
          return acceptToolUse(event);
        case 'token-usage':
          tokenUsage = event.usage;
          return;
        case 'stop-reason':
          stopReason = event.reason;
          return;
        case 'context-usage':
          contextPercentage = event.percentage;
          return;
        case 'metering':
          credits = (credits ?? 0) + event.credits;
          return;
      }
    },
    take(): Batch {
      const taken = batch;
      batch = [];
      return taken;
    },
    /** @throws GatewayError when nothing was said and no reason was given for it. */
    finish(): void {
      close();
      const finishReason = toFinishReason(blocks, stopReason, contextPercentage);
      if (blocks.length === 0) refuseEmpty(finishReason);
      begin();
      const usage = toUsage({
        tokenUsage,
        contextPercentage,
        windowTokens: asked.windowTokens,
        estimatedInputTokens: asked.estimatedInputTokens,
        blocks,
      });
      batch.push({ type: 'finish', completion: { blocks, finishReason, usage, credits } });
    },
  };
}

function toBlock(open: OpenBlock): Block {
  switch (open.type) {
    case 'text':
      return { type: 'text', text: open.text };
    case 'reasoning':
      return { type: 'reasoning', text: open.text, signature: open.signature };
    case 'tool-call':
      // Only a call that Kiro ended has no input; one that was cut off before its input must not be run with none.
      return { type: 'tool-call', id: open.id, name: open.name, input: open.text || (open.isStopped ? '{}' : '') };
  }
}

function toFinishReason(
  blocks: readonly Block[],
  stopReason: string | undefined,
  contextPercentage: number | undefined,
): FinishReason {
  const calls = blocks.filter((block) => block.type === 'tool-call');
  // A client must not run a call whose input was cut; `length` makes it ask again.
  if (calls.some((call) => !isJson(call.input))) return 'length';
  if (calls.length > 0) return 'tool-calls';
  const stated = stopReason === undefined ? undefined : FINISH_REASONS.get(stopReason);
  if (stated !== undefined) return stated;
  return contextPercentage !== undefined && contextPercentage >= 100 ? 'context-full' : 'stop';
}

function refuseEmpty(finishReason: FinishReason): void {
  if (finishReason === 'length' || finishReason === 'content-filter') return;
  if (finishReason === 'context-full') {
    throw new GatewayError('context-overflow', 'The conversation fills the whole context window of the model.');
  }
  throw new GatewayError('upstream-protocol', 'Kiro answered with nothing; try again.');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Kiro's stop reasons are Bedrock's, in capitals. A tool use without any call is taken as a plain end. */
const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map(
  Object.entries({
    END_TURN: 'stop',
    TOOL_USE: 'stop',
    STOP_SEQUENCE: 'stop-sequence',
    MAX_TOKENS: 'length',
    MODEL_CONTEXT_WINDOW_EXCEEDED: 'context-full',
    CONTENT_FILTERED: 'content-filter',
    GUARDRAIL_INTERVENED: 'content-filter',
  } as const),
);

const BROKEN = 'The connection to Kiro broke in the middle of an answer; try again.';
