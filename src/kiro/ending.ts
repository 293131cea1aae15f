/** How a turn ended and what it cost: from what Kiro stated, else from what it said. */

import type { Block } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import { rounded, type Completion, type FinishReason, type Usage } from '../core/stream.js';
import { estimateBlocks, type TokenRates } from '../core/tokens.js';
import type { KiroTokenUsage } from './events.js';
import { isWhole } from './history.js';

/** What tokens are counted by where Kiro states none. */
export type Measures = {
  readonly estimatedInputTokens: number;
  readonly rates?: TokenRates | undefined;
  readonly windowTokens: number;
};

/** All that is known of a turn when it is over. */
type Ending = Measures & {
  readonly blocks: readonly Block[];
  /** Reasoning that is not among the blocks, because the client wants to see none; it counts, because it was paid for. */
  readonly hidden: string;
  /** Bedrock's word for it, in capitals; older streams state none. */
  readonly stopReason: string | undefined;
  readonly tokenUsage: KiroTokenUsage | undefined;
  /** 0 to 100, of the model's window, counted after the answer. */
  readonly contextPercentage: number | undefined;
  readonly credits: number | undefined;
};

/** @throws GatewayError when nothing was said and no reason was given for it, or when an announced call is missing. */
export function toCompletion(ending: Ending): Completion {
  const { blocks, credits } = ending;
  return {
    blocks,
    finishReason: toFinishReason(ending),
    usage: toUsage(ending),
    credits: credits === undefined ? undefined : rounded(credits),
  };
}

function toFinishReason(ending: Ending): FinishReason {
  const { blocks, hidden, stopReason } = ending;
  const calls = blocks.filter((block) => block.type === 'tool-call');
  // A client must not run a call whose input was cut; `length` makes it ask again.
  if (calls.some((call) => !isWhole(call.input))) return 'length';
  if (calls.length > 0) return 'tool-calls';
  const reason = FINISH_REASONS.get(stopReason ?? '') ?? assumedReason(ending);
  if (blocks.length === 0 && hidden === '' && reason !== 'length' && reason !== 'content-filter') {
    if (reason === 'context-full') throw new GatewayError('context-overflow', FULL);
    throw new GatewayError('upstream-unavailable', 'Kiro answered with nothing; try again.');
  }
  // A client would take what was said for the end and wait for the person; an error makes it ask again.
  if (stopReason === 'TOOL_USE') throw new GatewayError('upstream-protocol', NO_CALL);
  return reason;
}

function assumedReason({ blocks, hidden, contextPercentage = 0 }: Ending): FinishReason {
  if (contextPercentage >= 100) return 'context-full';
  // A model that only reasoned had no room left for its answer.
  const onlyReasoned = blocks.every(({ type }) => type === 'reasoning' || type === 'redacted-reasoning');
  return onlyReasoned && (blocks.length > 0 || hidden !== '') ? 'length' : 'stop';
}

const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map(
  Object.entries({
    END_TURN: 'stop',
    TOOL_USE: 'stop',
    STOP_SEQUENCE: 'stop-sequence',
    MAX_TOKENS: 'length',
    MODEL_CONTEXT_WINDOW_EXCEEDED: 'context-full',
    CONTENT_FILTERED: 'content-filter',
    GUARDRAIL_INTERVENED: 'content-filter',
    // Kiro left out what it could not read; the rest is an answer.
    MALFORMED_TOOL_USE: 'stop',
    MALFORMED_MODEL_OUTPUT: 'stop',
  } as const),
);

const FULL = 'The conversation fills the whole context window of the model.';
const NO_CALL = 'Kiro announced a tool call and sent none; try again.';

function toUsage({ blocks, hidden, rates, tokenUsage, ...ending }: Ending): Usage {
  const estimate = estimateBlocks([...blocks, { type: 'reasoning', text: hidden, signature: '' }], rates);
  // Some streams state the tokens of the answer alone.
  const { uncachedInputTokens = 0, cacheReadTokens = 0, cacheWriteTokens = 0 } = tokenUsage ?? {};
  const outputTokens = tokenUsage?.outputTokens || estimate.outputTokens;
  const reasoningTokens = Math.min(estimate.reasoningTokens, outputTokens);
  const stated = uncachedInputTokens + cacheReadTokens + cacheWriteTokens;
  const cached = { cacheReadTokens, cacheWriteTokens };
  if (stated > 0) return { inputTokens: stated, outputTokens, ...cached, reasoningTokens, source: 'upstream' };
  const inContext = Math.round(((ending.contextPercentage ?? 0) / 100) * ending.windowTokens);
  const isKnown = inContext > outputTokens;
  return {
    inputTokens: isKnown ? inContext - outputTokens : ending.estimatedInputTokens,
    outputTokens,
    reasoningTokens,
    ...cached,
    source: isKnown ? 'context-percentage' : 'estimate',
  };
}
