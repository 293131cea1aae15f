/** What a turn cost, from the best numbers that came: Kiro's own, else the context percentage, else estimates. */

import type { Block } from '../core/conversation.js';
import type { Usage } from '../core/stream.js';
import { estimateBlocks } from '../core/tokens.js';
import type { KiroTokenUsage } from './events.js';

export function toUsage(seen: {
  readonly tokenUsage: KiroTokenUsage | undefined;
  /** 0 to 100, of the model's window, counted after the answer. */
  readonly contextPercentage: number | undefined;
  readonly windowTokens: number;
  readonly estimatedInputTokens: number;
  readonly blocks: readonly Block[];
}): Usage {
  const estimate = estimateBlocks(seen.blocks);
  const { tokenUsage } = seen;
  // Some streams carry a usage of nothing but zeros.
  if (tokenUsage !== undefined && totalOf(tokenUsage) > 0) {
    const { uncachedInputTokens, cacheReadTokens, cacheWriteTokens } = tokenUsage;
    const outputTokens = tokenUsage.outputTokens || estimate.outputTokens;
    return {
      inputTokens: uncachedInputTokens + cacheReadTokens + cacheWriteTokens,
      outputTokens,
      cacheReadTokens,
      cacheWriteTokens,
      reasoningTokens: Math.min(estimate.reasoningTokens, outputTokens),
      source: 'upstream',
    };
  }
  const inContext = Math.round(((seen.contextPercentage ?? 0) / 100) * seen.windowTokens);
  const isKnown = inContext > estimate.outputTokens;
  return {
    inputTokens: isKnown ? inContext - estimate.outputTokens : seen.estimatedInputTokens,
    ...estimate,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    source: isKnown ? 'context-percentage' : 'estimate',
  };
}

function totalOf(usage: KiroTokenUsage): number {
  return usage.uncachedInputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
}
