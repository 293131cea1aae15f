/** What the text of an answer really is: text, reasoning in tags, tool calls in words. Only what was asked for is found. */

import { type CallPiece, createCallReader, type OfferedTools, type WrittenCall } from './text-tool-calls.js';

/** What becomes of reasoning in tags: reasoning; nothing; text, tags and all; text without the tags. */
export const TAG_HANDLINGS = ['as_reasoning_content', 'remove', 'pass', 'strip_tags'] as const;
export type TagHandling = (typeof TAG_HANDLINGS)[number];

/** How an answer is to be read; it depends on how it was asked for. */
export type Reading = {
  /** Undefined: no tags were asked for, so a tag is text. */
  readonly tags: TagHandling | undefined;
  /** Undefined: a call in words is text. */
  readonly writtenCalls: WrittenCalls | undefined;
  /** True when the client wants to see no reasoning, which the model cannot always leave. */
  readonly hidesReasoning: boolean;
};

export type WrittenCalls = {
  /** By Kiro's names. */
  readonly offered: OfferedTools;
  /** What the ids of such calls begin with; no other turn has it. */
  readonly idPrefix: string;
};

export const READ_AS_IS: Reading = { tags: undefined, writtenCalls: undefined, hidesReasoning: false };

export type Piece =
  /** `hidden` is reasoning that nobody will see, and that was paid for all the same. */
  | { readonly type: 'text' | 'reasoning' | 'hidden'; readonly text: string }
  | ({ readonly type: 'tool-call'; readonly id: string } & WrittenCall);

/** Each function gives what the text has turned out to be, now that this is known. */
export type AnswerText = {
  push(text: string): readonly Piece[];
  /** A model that reasons by Kiro's own events uses no tags. */
  beforeReasoning(): readonly Piece[];
  /** Where a real call comes, those in words are only words. */
  beforeCall(): readonly Piece[];
  end(): readonly Piece[];
};

export function createAnswerText({ tags: handling, writtenCalls }: Reading): AnswerText {
  const tags = handling === undefined ? undefined : createTagReader();
  const calls = writtenCalls === undefined ? undefined : createCallReader(writtenCalls.offered);
  const becomes = FATES[handling ?? 'pass'];
  let hasRealCall = false;
  let count = 0;
  /** From the first call in words on: a real one may still come. */
  let kept: CallPiece[] = [];

  function readTagPieces(pieces: readonly TagPiece[]): readonly Piece[] {
    const read: Piece[] = [];
    for (const { kind, text } of pieces) {
      const fate = becomes[kind];
      if (fate === 'text' && kind === 'text') read.push(...readText(text));
      else if (fate !== 'nothing') read.push({ type: fate, text });
    }
    return read;
  }

  function readText(text: string): readonly Piece[] {
    return calls === undefined || hasRealCall ? [{ type: 'text', text }] : keep(calls.push(text));
  }

  function keep(pieces: readonly CallPiece[]): readonly Piece[] {
    const first = kept.length > 0 ? 0 : pieces.findIndex((piece) => piece.type === 'tool-call');
    const free = first === -1 ? pieces.length : first;
    kept.push(...pieces.slice(free));
    return pieces.slice(0, free).map(toText);
  }

  function settle(write: (piece: CallPiece) => readonly Piece[]): readonly Piece[] {
    const rest = readTagPieces(tags?.end() ?? []);
    const pieces = keep(hasRealCall ? [] : (calls?.end() ?? []));
    const settled = kept.flatMap(write);
    kept = [];
    return [...rest, ...pieces, ...settled];
  }

  /** White space around calls is nothing that anybody said. */
  function toPieces(piece: CallPiece): readonly Piece[] {
    if (piece.type === 'text') return piece.raw.trim() === '' ? [] : [toText(piece)];
    count++;
    return [{ type: 'tool-call', id: `${writtenCalls?.idPrefix}_${count}`, name: piece.name, input: piece.input }];
  }

  return {
    push: (text) => (tags === undefined ? readText(text) : readTagPieces(tags.push(text))),
    beforeReasoning: () => settle(toPieces),
    beforeCall() {
      const settled = settle((piece) => (piece.raw === '' ? [] : [toText(piece)]));
      hasRealCall = true;
      return settled;
    },
    end: () => settle(toPieces),
  };
}

function toText({ raw }: CallPiece): Piece {
  return { type: 'text', text: raw };
}

const FATES = {
  as_reasoning_content: { text: 'text', reasoning: 'reasoning', tag: 'nothing', gap: 'nothing' },
  remove: { text: 'text', reasoning: 'hidden', tag: 'nothing', gap: 'nothing' },
  pass: { text: 'text', reasoning: 'text', tag: 'text', gap: 'text' },
  strip_tags: { text: 'text', reasoning: 'text', tag: 'nothing', gap: 'text' },
} as const satisfies Record<TagHandling, Record<TagPiece['kind'], 'text' | 'reasoning' | 'hidden' | 'nothing'>>;

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
