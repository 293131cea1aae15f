/** Watches a text go by and knows whether it is inside code: a Markdown fence, or right behind a quote or backtick. */

export type CodeWatch = {
  /** The next character of the text. */
  see(character: string): void;
  isInside(): boolean;
};

export function createCodeWatch(): CodeWatch {
  let fence: string | undefined;
  /** The beginning of the line, as long as it may be a fence. */
  let head: string | undefined = '';
  let last = '';
  return {
    see(character) {
      last = character;
      if (character === '\n') {
        head = '';
        return;
      }
      if (head === undefined) return;
      head += character;
      const [, mark] = FENCE.exec(head) ?? [];
      if (mark !== undefined && (fence === undefined || fence === mark)) {
        fence = fence === undefined ? mark : undefined;
        head = undefined;
      } else if (!FENCE_BEGINS.test(head)) {
        head = undefined;
      }
    },
    isInside: () => fence !== undefined || QUOTES.has(last),
  };
}

const FENCE = /^ {0,3}(```|~~~)$/;
const FENCE_BEGINS = /^ {0,3}(?:`{0,2}|~{0,2})$/;
const QUOTES: ReadonlySet<string> = new Set(['`', '"', "'"]);
