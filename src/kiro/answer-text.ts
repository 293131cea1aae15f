/** What the text of an answer really is: text, reasoning in tags, tool calls in words. Only what was asked for is found. */

import { createCallReader, type CallPiece, type OfferedTools, type WrittenCall } from './text-tool-calls.js';
import { createTagReader, type TagPiece } from './thinking-tags.js';

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
    return pieces.flatMap(({ kind, text }): readonly Piece[] => {
      const fate = becomes[kind];
      if (fate === 'nothing') return [];
      return fate === 'text' && kind === 'text' ? readText(text) : [{ type: fate, text }];
    });
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
