/** What the text of an answer really is: text, reasoning in tags, tool calls in words. Only what was asked for is found. */

import { wholeLength } from '../core/tokens.js';
import { createCallReader, createCodeWatch, type OfferedTools, type WrittenCall } from './text-tool-calls.js';

/** What becomes of reasoning in tags: reasoning; nothing; text, tags and all; text without the tags. */
export const TAG_HANDLINGS = ['as_reasoning_content', 'remove', 'pass', 'strip_tags'] as const;
export type TagHandling = (typeof TAG_HANDLINGS)[number];

/** How an answer is to be read; it depends on how it was asked for. */
export type Reading = {
  /** Undefined: no tags were asked for, so a tag is text. */
  readonly tags: TagHandling | undefined;
  /** The tools that may be called in words, by Kiro's names, and what the ids of such calls begin with, in no other turn. */
  readonly writtenCalls: { readonly offered: OfferedTools; readonly idPrefix: string } | undefined;
  /** True when the client wants to see no reasoning, which the model cannot always leave. */
  readonly hidesReasoning: boolean;
};

export const READ_AS_IS: Reading = { tags: undefined, writtenCalls: undefined, hidesReasoning: false };

export type Piece =
  /** `hidden` is reasoning that nobody will see, and that was paid for all the same. */
  | { readonly type: 'text' | 'reasoning' | 'hidden'; readonly text: string }
  | ({ readonly type: 'tool-call'; readonly id: string } & WrittenCall);

/** Each of its functions returns what has become known of the text since the last call. */
export function createAnswerText({ tags: handling, writtenCalls }: Reading) {
  const tags = handling === undefined ? undefined : createTagReader();
  const calls = writtenCalls === undefined ? undefined : createCallReader(writtenCalls.offered);
  const becomes = FATES[handling ?? 'pass'];
  let hasRealCall = false;
  let count = 0;

  function readTagPieces(pieces: readonly TagPiece[]): readonly Piece[] {
    return pieces.flatMap(({ kind, text }): readonly Piece[] => {
      const fate = becomes[kind];
      if (fate === 'nothing') return [];
      return fate === 'text' && kind === 'text' ? readText(text) : [{ type: fate, text }];
    });
  }

  function readText(text: string): readonly Piece[] {
    return toText(calls === undefined || hasRealCall ? text : calls.push(text));
  }

  function settle(): readonly Piece[] {
    const rest = readTagPieces(tags?.end() ?? []);
    const found = calls?.end() ?? [];
    // White space around calls is no part of the answer.
    const said = found.filter((it) => typeof it !== 'string' || found.length === 1 || it.trim() !== '');
    return [
      ...rest,
      ...said.flatMap((it): readonly Piece[] => {
        if (typeof it === 'string') return toText(it);
        count++;
        return [{ type: 'tool-call', id: `${writtenCalls?.idPrefix}_${count}`, ...it }];
      }),
    ];
  }

  return {
    push: (text: string): readonly Piece[] => (tags === undefined ? readText(text) : readTagPieces(tags.push(text))),
    /** A model that reasons by Kiro's own events uses no tags. */
    beforeReasoning: settle,
    /** Once a real call comes, calls that were written as text are only text. */
    beforeCall(): readonly Piece[] {
      const rest = readTagPieces(tags?.end() ?? []);
      hasRealCall = true;
      return [...rest, ...toText(calls?.giveUp() ?? '')];
    },
    end: settle,
  };
}

function toText(text: string): readonly Piece[] {
  return text === '' ? [] : [{ type: 'text', text }];
}

const FATES = {
  as_reasoning_content: { text: 'text', reasoning: 'reasoning', tag: 'nothing', gap: 'nothing' },
  remove: { text: 'text', reasoning: 'hidden', tag: 'nothing', gap: 'nothing' },
  pass: { text: 'text', reasoning: 'text', tag: 'text', gap: 'text' },
  strip_tags: { text: 'text', reasoning: 'text', tag: 'nothing', gap: 'text' },
} as const satisfies Record<TagHandling, Record<TagPiece['kind'], 'text' | 'reasoning' | 'hidden' | 'nothing'>>;

// --- reasoning in tags

/** All pieces together are the text, without a loss: `gap` is the white space around the tags. */
export type TagPiece = { readonly kind: 'text' | 'reasoning' | 'tag' | 'gap'; readonly text: string };

/**
 * A tag counts only where an answer starts, white space aside; later in the text it is text, as are tags in code and
 * quotes. No more is held back than what may still become a tag, and never half a character is let go. After `end` all
 * is text.
 */
export function createTagReader() {
  let state: 'before' | 'inside' | 'behind' | 'text' = 'before';
  let held = '';
  let closing = '';
  const code = createCodeWatch();
  let pieces: TagPiece[] = [];

  function letGo(kind: TagPiece['kind'], length: number): void {
    const text = held.slice(0, length);
    if (text === '') return;
    if (kind === 'reasoning') code.see(text);
    held = held.slice(length);
    const isMore = kind === 'reasoning' && pieces.at(-1)?.kind === kind;
    const before = isMore ? pieces.pop() : undefined;
    pieces.push({ kind, text: `${before?.text ?? ''}${text}` });
  }

  function read({ isLast }: { readonly isLast: boolean }): void {
    if (state === 'before') {
      const start = held.trimStart();
      const gap = held.length - start.length;
      const tags = gap > LONGEST_GAP ? [] : TAGS;
      const opening = tags.find((it) => start.startsWith(it));
      if (opening === undefined && !isLast && tags.some((it) => it.startsWith(start))) return;
      if (opening === undefined) {
        state = 'text';
      } else {
        letGo('gap', gap);
        letGo('tag', opening.length);
        closing = `</${opening.slice(1)}`;
        state = 'inside';
      }
    }
    while (state === 'inside') {
      const at = held.indexOf(closing);
      letGo('reasoning', at === -1 ? wholeLength(held, held.length - tailLength(held, closing)) : at);
      const isTag = at === -1 ? undefined : isClosed(isLast);
      if (isTag === undefined) return;
      letGo(isTag ? 'tag' : 'reasoning', closing.length);
      if (isTag) state = 'behind';
    }
    if (state === 'behind') {
      letGo('gap', held.length - held.trimStart().length);
      if (held !== '') state = 'text';
    }
    if (state === 'text') letGo('text', wholeLength(held, held.length));
  }

  /**
   * Whether the closing tag that is next closes, undefined while only what follows can tell: between two quotes of a
   * kind it is spoken of, and in a code fence too, unless an empty line says that the fence was forgotten.
   */
  function isClosed(isLast: boolean): boolean | undefined {
    const after = held.slice(closing.length);
    const whenOver = isLast || undefined;
    if (code.isInFence()) return EMPTY_LINE.test(after) || (EMPTY_LINE_BEGINS.test(after) && whenOver);
    const quote = code.quote();
    if (quote === undefined) return true;
    return after === '' ? whenOver : after.charAt(0) !== quote;
  }

  return {
    push(text: string): readonly TagPiece[] {
      held += text;
      pieces = [];
      read({ isLast: false });
      return pieces;
    },
    end(): readonly TagPiece[] {
      pieces = [];
      read({ isLast: true });
      letGo(state === 'inside' ? 'reasoning' : 'text', held.length);
      state = 'text';
      return pieces;
    },
  };
}

/** How much of the end of a text may be the beginning of the tag. */
function tailLength(text: string, tag: string): number {
  const at = text.lastIndexOf('<');
  return at !== -1 && tag.startsWith(text.slice(at)) ? text.length - at : 0;
}

const EMPTY_LINE = /^[ \t]*\r?\n[ \t]*\r?\n/;
const EMPTY_LINE_BEGINS = /^[ \t]*(?:\r?\n[ \t]*)?\r?$/;
/** A model that loops may write spaces for ever. */
const LONGEST_GAP = 1000;
const TAGS: readonly string[] = ['<thinking>', '<think>', '<reasoning>', '<thought>'];
