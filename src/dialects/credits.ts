/** What a turn cost in Kiro's credits: a field of our own beside the tokens, because no client protocol has one. */

import type { Completion } from '../core/stream.js';

/** Absent when Kiro did not say. */
export function creditField({ credits }: Completion): { readonly kiro_credits?: number } {
  return credits === undefined ? {} : { kiro_credits: credits };
}
