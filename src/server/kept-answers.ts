/** The latest answers of the Responses API, in memory alone, for clients that refer to them instead of repeating them. */

import type { KeptAnswers, ToKeep } from '../dialects/dialect.js';

/** Of an answer, what a later request may refer to. */
export type KeptAnswer = { readonly id: string; readonly output: readonly { readonly id: string }[] };

export type AnswerStore = KeptAnswers & {
  /** Forgets the oldest answers where there are too many. */
  keep(answer: KeptAnswer, given: ToKeep): void;
};

type Kept = {
  readonly previousId: string | undefined;
  /** JSON text: as values it would take several times the memory. */
  readonly input: string;
  readonly output: KeptAnswer['output'];
  readonly length: number;
};

/** @param mostCharacters What all answers and what they answer may have together. */
export function createAnswerStore(mostCharacters = MOST_CHARACTERS): AnswerStore {
  const answers = new Map<string, Kept>();
  const items = new Map<string, object>();
  let length = 0;

  function forget(id: string, kept: Kept): void {
    answers.delete(id);
    for (const item of kept.output) items.delete(item.id);
    length -= kept.length;
  }

  return {
    keep({ id, output }, { previousId, input }) {
      const text = JSON.stringify(input);
      const kept = { previousId, input: text, output, length: text.length + JSON.stringify(output).length };
      answers.set(id, kept);
      for (const item of output) items.set(item.id, item);
      length += kept.length;
      for (const [oldId, old] of answers) {
        if (length <= mostCharacters) break;
        forget(oldId, old);
      }
    },

    item: (id) => items.get(id),

    conversation(id) {
      const turns: unknown[][] = [];
      for (let next: string | undefined = id; next !== undefined;) {
        const kept: Kept | undefined = answers.get(next);
        if (kept === undefined) return undefined;
        // What is referred to is not among the oldest.
        answers.delete(next);
        answers.set(next, kept);
        const input: unknown = JSON.parse(kept.input);
        turns.unshift([...(Array.isArray(input) ? input : []), ...kept.output]);
        next = kept.previousId;
      }
      return turns.flat();
    },
  };
}

const MOST_CHARACTERS = 32 * 1024 * 1024;
