/** Messages to entries that obey Kiro's rules (protocol 4.5): a list of passes, each over the whole list. */

import type { Block, Document, Image, Message, ToolResult, ToolResultPart, UserPart } from '../core/conversation.js';
import { legalIdentifier } from './identifiers.js';
import { noteFor, type Media } from './media.js';

export type Entry = UserEntry | AssistantEntry;

export type UserEntry = {
  readonly role: 'user';
  readonly text: string;
  readonly images: readonly Image[];
  readonly documents: readonly Document[];
  readonly results: readonly Result[];
};

export type AssistantEntry = {
  readonly role: 'assistant';
  readonly text: string;
  readonly calls: readonly Call[];
  /** At most one; Kiro takes one reasoning per entry. */
  readonly reasoning: Reasoning | undefined;
};

export type Result = { readonly id: string; readonly texts: readonly string[]; readonly isError: boolean };
export type Call = { readonly id: string; readonly name: string; readonly input: string };
export type Reasoning = Extract<Block, { type: 'reasoning' | 'redacted-reasoning' }>;

/** Entries as Kiro wants them: alternating, never empty, ending with the user, every call with its result. */
export function toEntries(messages: readonly Message[], kept: ReadonlySet<Media>): readonly Entry[] {
  return obeyRules(messages.map((message) => toEntry(message, kept)));
}

/** The passes. Applied to their own result they change nothing. */
export function obeyRules(entries: readonly Entry[]): readonly Entry[] {
  return PASSES.reduce((list, pass) => pass(list), entries);
}

// --- from messages

function toEntry(message: Message, kept: ReadonlySet<Media>): Entry {
  if (message.role === 'assistant') return toAssistantEntry(message.blocks);
  const texts: string[] = [];
  const media: Media[] = [];
  const results: Result[] = [];
  for (const part of message.parts) readPart(part);
  const images = media.filter((it) => it.type === 'image');
  const documents = media.filter((it) => it.type === 'document');
  return { role: 'user', text: joinTexts(texts), images, documents, results };

  function readPart(part: UserPart): void {
    switch (part.type) {
      case 'text':
        texts.push(part.text);
        return;
      case 'system':
        // Kiro has no system role; the mark keeps the instruction at its place and apart from what the person said.
        texts.push(`<system-message>\n${part.text}\n</system-message>`);
        return;
      case 'image':
      case 'document':
        if (kept.has(part)) media.push(part);
        else texts.push(noteFor(part));
        return;
      case 'tool-result':
        results.push(toResult(part));
        return;
    }
  }

  function toResult(part: ToolResult): Result {
    const content = part.content.map(toText).filter((text) => text.trim() !== '');
    return { id: part.id, texts: content, isError: part.isError };
  }

  /** Kiro's results hold text only: an image goes beside them, and a mark stays where it was. */
  function toText(part: ToolResultPart): string {
    if (part.type === 'text') return part.text;
    if (!kept.has(part)) return noteFor(part);
    media.push(part);
    return part.type === 'image' ? '[image attached]' : `[document attached: ${part.name}]`;
  }
}

function toAssistantEntry(blocks: readonly Block[]): AssistantEntry {
  const texts = blocks.filter((block) => block.type === 'text').map((block) => block.text);
  const calls = blocks.filter((block) => block.type === 'tool-call');
  // Unsigned reasoning is refused; and of several thoughts one cannot be kept without the others.
  const reasonings = blocks.filter(isReplayable);
  return {
    role: 'assistant',
    text: joinTexts(texts),
    calls: calls.map(({ id, name, input }) => ({ id, name, input })),
    reasoning: reasonings.length === 1 ? reasonings[0] : undefined,
  };
}

function isReplayable(block: Block): block is Reasoning {
  return block.type === 'redacted-reasoning' || (block.type === 'reasoning' && block.signature !== '');
}

// --- the passes

type Pass = (entries: readonly Entry[]) => readonly Entry[];

/** Reasoning counts only for the tool round in flight: the entries after the last thing the person said. */
const keepReasoningInFlight: Pass = (entries) => {
  const lastSaid = entries.findLastIndex((entry) => entry.role === 'user' && entry.results.length === 0);
  return entries.map((entry, index) => {
    if (entry.role === 'user' || entry.reasoning === undefined) return entry;
    return index > lastSaid && entry.calls.length > 0 ? entry : { ...entry, reasoning: undefined };
  });
};

/** Nothing is padded that can be left out: padding taught models to answer with it. */
const dropEmpty: Pass = (entries) =>
  entries.filter((entry) => {
    if (entry.text.trim() !== '') return true;
    if (entry.role === 'assistant') return entry.calls.length > 0;
    return entry.results.length + entry.images.length + entry.documents.length > 0;
  });

/** Kiro refuses two entries of one role in a row. */
const mergeNeighbours: Pass = (entries) => {
  const merged: Entry[] = [];
  for (const entry of entries) {
    const last = merged.at(-1);
    if (last?.role === 'user' && entry.role === 'user') merged[merged.length - 1] = mergeUsers(last, entry);
    else if (last?.role === 'assistant' && entry.role === 'assistant') {
      merged[merged.length - 1] = mergeAssistants(last, entry);
    } else merged.push(entry);
  }
  return merged;
};

/** An assistant at the end is a beginning that the model is to go on with; Kiro wants the last word to be the user's. */
const endWithUser: Pass = (entries) => {
  if (entries.at(-1)?.role === 'user') return entries;
  const text = entries.length === 0 ? NO_TEXT : GO_ON;
  return [...entries, { role: 'user', text, images: [], documents: [], results: [] }];
};

/** Ids are legal and used once; a call and its result change together. */
const uniqueIds: Pass = (entries) => {
  const taken = new Set<string>();
  let renamed = new Map<string, string>();
  return entries.map((entry) => {
    if (entry.role === 'user') {
      return {
        ...entry,
        results: entry.results.map((it) => ({ ...it, id: renamed.get(it.id) ?? legalIdentifier(it.id) })),
      };
    }
    renamed = new Map();
    const calls = entry.calls.map((call) => {
      const legal = legalIdentifier(call.id);
      let id = legal;
      for (let count = 2; taken.has(id); count++) id = `${legal.slice(0, 59)}_${count}`;
      taken.add(id);
      renamed.set(call.id, id);
      return { ...call, id };
    });
    return { ...entry, calls };
  });
};

/** Each call is answered right after it, in its order; a result without its call stays as text. */
const pairToolTraffic: Pass = (entries) =>
  entries.map((entry, index) => {
    if (entry.role === 'assistant') return entry;
    const before = entries[index - 1];
    const calls = before?.role === 'assistant' ? before.calls : [];
    const orphans = entry.results.filter((result) => !calls.some((call) => call.id === result.id));
    const text = joinTexts([...orphans.map(toOrphanText), entry.text]);
    return { ...entry, text, results: calls.map((call) => resultOf(call, entry.results)) };
  });

function resultOf(call: Call, results: readonly Result[]): Result {
  const found = results.filter((result) => result.id === call.id);
  if (found.length === 0) return { id: call.id, texts: [CANCELLED], isError: true };
  const texts = found.flatMap((result) => result.texts);
  const isError = found.some((result) => result.isError);
  return { id: call.id, texts: texts.length > 0 ? texts : [EMPTY_RESULT], isError };
}

function toOrphanText(result: Result): string {
  return `[Result of an earlier tool call${result.isError ? ', which failed' : ''}]\n${result.texts.join('\n') || EMPTY_RESULT}`;
}

/** A user's text may be empty only beside tool results, an assistant's only beside calls. */
const fillEmpty: Pass = (entries) =>
  entries.map((entry) => {
    if (entry.text.trim() !== '') return entry;
    if (entry.role === 'assistant' || entry.results.length > 0)
      return entry.text === '' ? entry : { ...entry, text: '' };
    return {
      ...entry,
      text: entry.images.length > 0 ? '[image attached]' : entry.documents.length > 0 ? '[document attached]' : NO_TEXT,
    };
  });

function mergeUsers(first: UserEntry, second: UserEntry): UserEntry {
  return {
    role: 'user',
    text: joinTexts([first.text, second.text]),
    images: [...first.images, ...second.images],
    documents: [...first.documents, ...second.documents],
    results: [...first.results, ...second.results],
  };
}

/** Two thoughts cannot stay together in one entry, so they go together. */
function mergeAssistants(first: AssistantEntry, second: AssistantEntry): AssistantEntry {
  const both = first.reasoning !== undefined && second.reasoning !== undefined;
  return {
    role: 'assistant',
    text: joinTexts([first.text, second.text]),
    calls: [...first.calls, ...second.calls],
    reasoning: both ? undefined : (first.reasoning ?? second.reasoning),
  };
}

function joinTexts(texts: readonly string[]): string {
  return texts.filter((text) => text.trim() !== '').join('\n\n');
}

const NO_TEXT = '[no text]';
const GO_ON = 'Go on exactly where your last message ends.';
const CANCELLED = 'The tool call was cancelled; it has no result.';
const EMPTY_RESULT = '[empty result]';

const PASSES: readonly Pass[] = [
  dropEmpty,
  mergeNeighbours,
  endWithUser,
  uniqueIds,
  pairToolTraffic,
  keepReasoningInFlight,
  fillEmpty,
];
