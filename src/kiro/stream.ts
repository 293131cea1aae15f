/** Kiro's flat events to our blocks. The only place that opens and closes a block. */

import type { Block } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import { abortError } from '../core/signals.js';
import { CUT_INPUT, type Batch, type BlockHead, type GrowingBlock, type StreamEvent } from '../core/stream.js';
import { wholeLength } from '../core/tokens.js';
import { createAnswerText, READ_AS_IS, type Piece, type Reading } from './answer-text.js';
import { readEvents, type KiroEvent, type KiroTokenUsage } from './events.js';
import { type Measures, toCompletion } from './ending.js';
import { createFrameDecoder } from './frames.js';

/** What is known about the question when its answer is read. */
export type Asked = Measures & {
  /** The window of the model that Kiro has chosen, where Kiro chooses; undefined when it is not known. */
  readonly windowOf?: ((modelId: string) => number | undefined) | undefined;
  /** Kiro's name of a tool to the client's. */
  readonly restoreToolName: (name: string) => string;
  /** The answer as it is when undefined. */
  readonly reading?: Reading | undefined;
  /** Told the name of each event that the gateway does not know. */
  readonly meetUnknown?: ((name: string) => void) | undefined;
};

/**
 * Called while an answer is read: at each chunk, when the next one is waited for (`isSaid`: only the end of the connection
 * is missing), and at the end, however it comes.
 */
export type Watch = { hears(): void; waits(isSaid: boolean): void; end(): void };

/**
 * One turn, one batch per chunk. Whoever leaves early closes `body`.
 * @throws GatewayError when the stream breaks; events that came before it have been yielded.
 */
export async function* toTurn(
  body: AsyncIterable<Uint8Array>,
  asked: Asked,
  signal: AbortSignal,
  watch?: Watch,
): AsyncGenerator<Batch> {
  const decoder = createFrameDecoder();
  const turn = createAssembler(asked);
  try {
    for await (const chunk of body) {
      watch?.hears();
      for (const frame of decoder.push(chunk)) {
        for (const event of readEvents(frame)) turn.accept(event);
      }
      const batch = turn.take();
      if (batch.length > 0) yield batch;
      watch?.waits(turn.hasStopReason());
    }
    if (!turn.hasStopReason()) decoder.end();
    turn.finish();
  } catch (thrown) {
    const before = turn.take();
    if (before.length > 0) yield before;
    // What a fetch throws when it is given up may be the reason for that.
    if (thrown instanceof GatewayError && thrown !== signal.reason) throw thrown;
    // The stop reason stands in Kiro's last frame: a connection that breaks after it, or stays open, has cost nothing.
    if (!turn.hasStopReason()) {
      if (signal.aborted) throw abortError(signal, thrown);
      throw new GatewayError('upstream-unavailable', BROKEN, { cause: thrown });
    }
    turn.finish();
  } finally {
    watch?.end();
  }
  yield turn.take();
}

/** A block that is still growing. */
type OpenBlock = {
  readonly type: GrowingBlock;
  /** Empty but for a tool call. */
  readonly id: string;
  readonly name: string;
  text: string;
  /** The first half of a character whose second half has not come. */
  half: string;
  /** The signature of reasoning, which comes after the text, possibly in pieces. */
  signature: string;
  /** Whether Kiro said that a tool call is whole. */
  isStopped: boolean;
};

/** Collects the events of one turn; `take` hands out what has come since the last time. */
function createAssembler(asked: Asked) {
  const reading = asked.reading ?? READ_AS_IS;
  const answerText = createAnswerText(reading);
  let batch: StreamEvent[] = [];
  let open: OpenBlock | undefined;
  const blocks: Block[] = [];
  const closedCalls = new Set<string>();
  let speaker: string | undefined;
  let stopReason: string | undefined;
  let tokenUsage: KiroTokenUsage | undefined;
  let contextPercentage: number | undefined;
  let credits: number | undefined;
  let hidden = '';
  let reasonsNatively = false;
  let begun = false;
  /** Events of other blocks that came while a call was open. */
  const waiting: KiroEvent[] = [];

  function begin(): void {
    if (!begun) batch.push({ type: 'start', inputTokens: asked.estimatedInputTokens });
    begun = true;
  }

  function openBlock(type: GrowingBlock, id = '', name = ''): OpenBlock {
    start(type === 'tool-call' ? { type, id, name } : { type });
    open = { type, id, name, text: '', half: '', signature: '', isStopped: false };
    return open;
  }

  function start(block: BlockHead): void {
    close();
    begin();
    batch.push({ type: 'block-start', index: blocks.length, block });
  }

  /** Clients read each delta by itself, and some cannot read half a character: it waits for the other half. */
  function grow(block: OpenBlock, said: string, isLast = false): void {
    const heard = block.half + said;
    const length = isLast ? heard.length : wholeLength(heard, heard.length);
    block.half = heard.slice(length);
    const delta = heard.slice(0, length).toWellFormed();
    if (delta === '') return;
    block.text += delta;
    batch.push({ type: 'block-delta', index: blocks.length, block: block.type, delta });
  }

  function close(): void {
    if (open === undefined) return;
    grow(open, '', true);
    if (open.type === 'tool-call') {
      if (open.text === '' && !open.isStopped) grow(open, CUT_INPUT);
      closedCalls.add(open.id);
    }
    end(toBlock(open));
    open = undefined;
  }

  function end(block: Block): void {
    batch.push({ type: 'block-end', index: blocks.length, block });
    blocks.push(block);
  }

  function acceptPieces(pieces: readonly Piece[]): void {
    for (const piece of pieces) {
      switch (piece.type) {
        case 'text':
        case 'reasoning':
          grow(open?.type === piece.type ? open : openBlock(piece.type), piece.text);
          break;
        case 'hidden':
          hidden += piece.text;
          break;
        case 'tool-call':
          grow(openCall(piece), piece.input);
          close();
      }
    }
  }

  function acceptReasoning(event: Extract<KiroEvent, { type: 'reasoning' }>): void {
    if (event.text + event.signature + event.redacted === '') return;
    acceptPieces(answerText.beforeReasoning());
    if (reading.hidesReasoning) {
      begin();
      hidden += event.text + event.redacted;
      return;
    }
    // A signature of Kiro's is never that of reasoning in tags.
    if (!reasonsNatively) close();
    reasonsNatively = true;
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
      const block = { type: 'redacted-reasoning', data: event.redacted } as const;
      start(block);
      end(block);
    }
  }

  function acceptToolUse(event: Extract<KiroEvent, { type: 'tool-use' }>): void {
    const growing = open?.type === 'tool-call' && open.id === event.id ? open : undefined;
    if (growing === undefined && closedCalls.has(event.id)) {
      if (event.input === '') return;
      throw new GatewayError('upstream-protocol', 'Kiro went on with a tool call that it had ended; try again.');
    }
    if (growing === undefined) acceptPieces(answerText.beforeCall());
    const block = growing ?? openCall(event);
    grow(block, event.input);
    block.isStopped = event.stop;
    if (event.stop) close();
  }

  function openCall({ id, name }: { readonly id: string; readonly name: string }): OpenBlock {
    if (name === '') throw new GatewayError('upstream-protocol', 'Kiro sent a tool call without a name; try again.');
    return openBlock('tool-call', id, asked.restoreToolName(name));
  }

  function accept(event: KiroEvent): void {
    // Blocks never overlap: what is said beside a call that has not ended waits for its end.
    if (open?.type === 'tool-call' && SPOKEN.has(event.type) && !(event.type === 'tool-use' && event.id === open.id)) {
      waiting.push(event);
      return;
    }
    acceptNow(event);
    if (waiting.length > 0 && open === undefined) acceptWaiting();
  }

  function acceptWaiting(): void {
    for (const event of waiting.splice(0)) accept(event);
  }

  function acceptNow(event: KiroEvent): void {
    switch (event.type) {
      case 'text':
        // The turn has begun even if this text is held back.
        begin();
        speaker = event.modelId ?? speaker;
        return acceptPieces(answerText.push(event.text));
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
      case 'unknown':
        return asked.meetUnknown?.(event.name);
    }
  }

  return {
    accept,
    take(): Batch {
      const taken = batch;
      batch = [];
      return taken;
    },
    hasStopReason: (): boolean => stopReason !== undefined,
    /** @throws GatewayError when nothing was said and no reason was given for it, or when an announced call is missing. */
    finish(): void {
      for (; waiting.length > 0; acceptWaiting()) close();
      acceptPieces(answerText.end());
      close();
      const windowTokens = (speaker === undefined ? undefined : asked.windowOf?.(speaker)) ?? asked.windowTokens;
      const seen = { blocks, hidden, stopReason, tokenUsage, contextPercentage, credits };
      const completion = toCompletion({ ...asked, ...seen, windowTokens });
      begin();
      batch.push({ type: 'finish', completion });
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
      // Only a call that Kiro ended has no input: `close` has seen to the others.
      return { type: 'tool-call', id: open.id, name: open.name, input: open.text || '{}' };
  }
}

const SPOKEN: ReadonlySet<KiroEvent['type']> = new Set(['text', 'reasoning', 'tool-use'] as const);
const BROKEN = 'The connection to Kiro broke in the middle of an answer; try again.';
