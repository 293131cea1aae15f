/** The latest answers of the Responses API, in memory alone, for clients that refer to them instead of repeating them. */

import { createShelf } from '../core/shelf.js';
import type { ToKeep } from '../dialects/dialect.js';

/** The parts of an answer that a later request may refer to. */
export type KeptAnswer = { readonly id: string; readonly output: readonly { readonly id: string }[] };

/** @param most Characters that all conversations may have together, and all items. */
export function createAnswerStore(most = { conversations: 24 * 2 ** 20, items: 8 * 2 ** 20 }) {
  /** New items and answer as JSON text: as values they would take several times the memory. */
  const turns = createShelf<{ readonly previousId: string | undefined; readonly text: string }>(most.conversations);
  // Apart from those: who refers to items needs all of a conversation, but none of what was asked.
  const items = createShelf<object>(most.items);

  return {
    keep({ id, output }: KeptAnswer, { previousId, input }: ToKeep): void {
      const text = JSON.stringify([...input, ...output]);
      turns.put(id, { previousId, text }, text.length);
      for (const item of output) items.put(item.id, item, JSON.stringify(item).length);
    },

    item: (id: string): object | undefined => items.get(id),

    conversation(id: string): readonly unknown[] | undefined {
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
