/** Reasoning in tags, asked for in words: the fallback for models without a control of their own (protocol 10.1). */

import type { Model, ReasoningWish } from '../core/conversation.js';
import { hasOwnControl, isUnwanted } from './thinking.js';

/** When models without a control of their own are asked to reason in tags, and how long. */
export type TagWish = {
  /** True: when the client asks for reasoning. Even `always` respects a client that wants none. */
  readonly when: boolean | 'always';
  /** Unless the client names a budget. */
  readonly maxTokens: number;
};

/**
 * The words that ask for reasoning in tags (protocol 10.1); undefined where the model has a control of its own or nobody
 * wants any. They are the same in all turns of a conversation, so that these share their beginning.
 */
export function tagInstruction(wish: ReasoningWish, model: Model, tags: TagWish): string | undefined {
  if (tags.when === false || hasOwnControl(model) || isUnwanted(wish)) return undefined;
  if (tags.when === true && wish.mode !== 'on' && wish.effort === undefined) return undefined;
  return tagWords(wish.budget ?? tags.maxTokens);
}

/** True when the system text already asks for it, in the words that all gateways use. */
export function asksForTags(system: readonly string[]): boolean {
  return system.some((text) => text.includes('<thinking_mode>'));
}

function tagWords(maxTokens: number): string {
  return `<thinking_mode>enabled</thinking_mode><max_thinking_length>${maxTokens}</max_thinking_length>
Begin each answer with your reasoning between <thinking> and </thinking>, in at most ${maxTokens} tokens: take the \
question apart, weigh what speaks against your first idea, and plan your next step. Write nothing before <thinking>, and \
use these tags nowhere else. After </thinking> comes the answer itself, in the language of the person.`;
}
