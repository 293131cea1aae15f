/** Takes apart a text that begins with reasoning in tags, `<thinking>…</thinking>`. Pure; any cutting gives the same. */

/**
 * A piece of the text. All pieces together are the text, without a loss: `gap` is the white space around the tags.
 * What becomes of each kind is for others to say.
 */
export type TagPiece = { readonly kind: 'text' | 'reasoning' | 'tag' | 'gap'; readonly text: string };

export type TagReader = {
  push(text: string): readonly TagPiece[];
  /** Everything that was held back. From here on all is text. */
  end(): readonly TagPiece[];
};

/**
 * A tag counts only where an answer starts, white space aside; later in the text it is text, as are tags in code and
 * quotes. No more is held back than what may still become a tag, and never half a character is let go.
 */
export function createTagReader(): TagReader {
  let state: 'before' | 'inside' | 'behind' | 'text' = 'before';
  let held = '';
  let closingTag = '';
  /** The last character that was let go: a quote there may make a closing tag a quotation. */
  let last = '';
  let pieces: TagPiece[] = [];

  function letGo(kind: TagPiece['kind'], length: number): void {
    if (length === 0) return;
    pieces.push({ kind, text: held.slice(0, length) });
    last = held.charAt(length - 1);
    held = held.slice(length);
  }

  /** True when the state has changed, so that what is left has to be looked at again. */
  function step(): boolean {
    switch (state) {
      case 'before':
        return open();
      case 'inside':
        return close();
      case 'behind': {
        const gap = spaceLength(held);
        letGo('gap', gap);
        if (held !== '') state = 'text';
        return held !== '';
      }
      case 'text':
        letGo('text', wholeLength(held, held.length));
        return false;
    }
  }

  function open(): boolean {
    const gap = spaceLength(held);
    const start = held.slice(gap, gap + LONGEST_TAG);
    const tag = TAGS.find((it) => start.startsWith(it));
    if (tag !== undefined) {
      letGo('gap', gap);
      letGo('tag', tag.length);
      closingTag = `</${tag.slice(1)}`;
      state = 'inside';
      return true;
    }
    if (TAGS.some((it) => it.startsWith(start))) return false;
    state = 'text';
    return true;
  }

  function close(): boolean {
    const at = findClosing(held, closingTag, last);
    if (at === -1) {
      letGo('reasoning', wholeLength(held, held.length - tailLength(held, closingTag)));
      return false;
    }
    letGo('reasoning', at);
    // Whether this is a quotation, the next character will tell.
    if (QUOTES.has(last) && held === closingTag) return false;
    letGo('tag', closingTag.length);
    state = 'behind';
    return true;
  }

  function take(): readonly TagPiece[] {
    const taken = pieces;
    pieces = [];
    return taken;
  }

  return {
    push(text) {
      held += text;
      while (step());
      return take();
    },
    end() {
      // A closing tag that only waited for what comes after it is one, when nothing does.
      if (state === 'inside' && held === closingTag) letGo('tag', held.length);
      letGo(state === 'inside' ? 'reasoning' : 'text', held.length);
      state = 'text';
      return take();
    },
  };
}

/** Where the tag closes, -1 for nowhere: one between two quotes of a kind is only spoken of. */
function findClosing(text: string, tag: string, before: string): number {
  for (let at = text.indexOf(tag); at !== -1; at = text.indexOf(tag, at + tag.length)) {
    const left = at === 0 ? before : text.charAt(at - 1);
    if (!QUOTES.has(left) || left !== text.charAt(at + tag.length)) return at;
  }
  return -1;
}

function spaceLength(text: string): number {
  return text.length - text.trimStart().length;
}

/** How much of the end of a text may be the beginning of the tag. */
function tailLength(text: string, tag: string): number {
  const at = text.lastIndexOf('<');
  return at !== -1 && tag.startsWith(text.slice(at)) ? text.length - at : 0;
}

/** The same length, or one less where it would cut a character in two. */
function wholeLength(text: string, length: number): number {
  const code = text.charCodeAt(length - 1);
  return code >= 0xd800 && code <= 0xdbff ? length - 1 : length;
}

const TAGS: readonly string[] = ['<thinking>', '<think>', '<reasoning>', '<thought>'];
const LONGEST_TAG = Math.max(...TAGS.map((tag) => tag.length));
const QUOTES: ReadonlySet<string> = new Set(['`', '"', "'"]);
