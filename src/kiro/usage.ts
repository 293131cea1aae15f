/** What a turn cost, from the best numbers that came: Kiro's own, else the context percentage, else estimates. */

import type { Block } from '../core/conversation.js';
import type { Usage } from '../core/stream.js';
import { estimateTokens } from '../core/tokens.js';
import type { KiroTokenUsage } from './events.js';

export function toUsage(seen: {
  readonly tokenUsage: KiroTokenUsage | undefined;
  /** 0 to 100, of the model's window, counted after the answer. */
  readonly contextPercentage: number | undefined;
  readonly windowTokens: number;
  readonly estimatedInputTokens: number;
  readonly blocks: readonly Block[];
}): Usage {
  const estimate = estimateOutput(seen.blocks);
  const { tokenUsage } = seen;
  if (tokenUsage !== undefined) {
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

function estimateOutput(blocks: readonly Block[]): { outputTokens: number; reasoningTokens: number } {
  let outputTokens = 0;
  let reasoningTokens = 0;
  for (const block of blocks) {
    const tokens = estimateBlock(block);
    outputTokens += tokens;
    if (block.type === 'reasoning' || block.type === 'redacted-reasoning') reasoningTokens += tokens;
  }
  return { outputTokens, reasoningTokens };
}

function estimateBlock(block: Block): number {
  switch (block.type) {
    case 'text':
    case 'reasoning':
      return estimateTokens(block.text);
    case 'redacted-reasoning':
      return estimateTokens(block.data);
    case 'tool-call':
      return estimateTokens(block.name) + estimateTokens(block.input);
  }
}
