/** The latest answers of the Responses API, in memory alone, for clients that refer to them instead of repeating them. */

import type { KeptAnswers, ToKeep } from '../dialects/dialect.js';

/** Of an answer, what a later request may refer to. */
export type KeptAnswer = { readonly id: string; readonly output: readonly { readonly id: string }[] };

export type AnswerStore = KeptAnswers & {
  keep(answer: KeptAnswer, given: ToKeep): void;
};

/** @param most Characters that all conversations may have together, and all items. */
export function createAnswerStore(most = { conversations: 24 * 2 ** 20, items: 8 * 2 ** 20 }): AnswerStore {
  /** New items and answer as JSON text: as values they would take several times the memory. */
  const turns = createShelf<{ readonly previousId: string | undefined; readonly text: string }>(most.conversations);
  // Apart from those: who refers to items needs all of a conversation, but none of what was asked.
  const items = createShelf<object>(most.items);

  return {
    keep({ id, output }, { previousId, input }) {
      const text = JSON.stringify([...input, ...output]);
      turns.put(id, { previousId, text }, text.length);
      for (const item of output) items.put(item.id, item, JSON.stringify(item).length);
    },

    item: (id) => items.get(id),

    conversation(id) {
      const found: unknown[][] = [];
      for (let next: string | undefined = id; next !== undefined;) {
        const turn: { previousId: string | undefined; text: string } | undefined = turns.get(next);
        if (turn === undefined) return undefined;
        // The cast is `keep`, which has written a list.
        found.unshift(JSON.parse(turn.text) as unknown[]);
        next = turn.previousId;
      }
      return found.flat();
    },
  };
}

/** The values that were put or asked for last, up to so many characters. */
function createShelf<Value>(mostCharacters: number) {
  const shelf = new Map<string, { readonly value: Value; readonly length: number }>();
  let total = 0;
  return {
    get(id: string): Value | undefined {
      const found = shelf.get(id);
      if (found === undefined) return undefined;
      shelf.delete(id);
      shelf.set(id, found);
      return found.value;
    },
    put(id: string, value: Value, length: number): void {
      shelf.set(id, { value, length });
      total += length;
      for (const [oldest, it] of shelf) {
        if (total <= mostCharacters) break;
        shelf.delete(oldest);
        total -= it.length;
      }
    },
  };
}
