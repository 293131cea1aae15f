/** Messages to entries that obey Kiro's rules (protocol 4.5): a list of passes, each over the whole list. */

import type { Block, Document, Image, Message, ToolResult, ToolResultPart, UserPart } from '../core/conversation.js';
import { describeSearch } from '../core/web-search.js';
import { legalIdentifier } from './tools.js';
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
  /** None or one after the passes; Kiro takes one reasoning per entry. */
  readonly reasonings: readonly Reasoning[];
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
        if (part.text.trim() === '') return;
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
  const texts = blocks.flatMap((block) => {
    if (block.type === 'web-search') return describeSearch(block);
    return block.type === 'text' ? block.text : [];
  });
  const calls = blocks.filter((block) => block.type === 'tool-call');
  return {
    role: 'assistant',
    text: joinTexts(texts),
    calls: calls.map(({ id, name, input }) => ({ id, name, input })),
    reasonings: blocks.filter(isReplayable),
  };
}

/** Unsigned reasoning is refused. */
function isReplayable(block: Block): block is Reasoning {
  return block.type === 'redacted-reasoning' || (block.type === 'reasoning' && block.signature !== '');
}

// --- the passes

type Pass = (entries: readonly Entry[]) => readonly Entry[];

/**
 * Reasoning counts only for the tool rounds in flight: the entries after the last thing the person said. It is bound to
 * what stands before it, so it is replayed for all rounds or for none: one that lost its thought, or has more of them
 * than an entry has room for, makes the others worthless.
 */
const keepReasoningInFlight: Pass = (entries) => {
  const lastSaid = entries.findLastIndex((entry) => entry.role === 'user' && entry.results.length === 0);
  const inFlight = entries.slice(lastSaid + 1).filter((entry) => entry.role === 'assistant');
  const isComplete = inFlight.every((entry) => entry.reasonings.length === 1);
  return entries.map((entry, index) => {
    if (entry.role === 'user' || entry.reasonings.length === 0) return entry;
    return isComplete && index > lastSaid ? entry : { ...entry, reasonings: [] };
  });
};

/** Nothing is padded that can be left out: padding taught models to answer with it. */
const dropEmpty: Pass = (entries) =>
  entries.filter((entry) => {
    if (entry.text.trim() !== '') return true;
    if (entry.role === 'assistant') return entry.calls.length > 0;
    return entry.results.length + entry.images.length + entry.documents.length > 0;
  });

/** Kiro refuses two entries of one role in a row. Whole runs are joined at once: one by one would be quadratic. */
const mergeNeighbours: Pass = (entries) => {
  const runs: Entry[][] = [];
  for (const entry of entries) {
    const run = runs.at(-1);
    if (run?.[0]?.role === entry.role) run.push(entry);
    else runs.push([entry]);
  }
  return runs.map(mergeRun);
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
  /** The new ids of the calls just before, by the old one: several when calls shared it. */
  let renamed = new Map<string, string[]>();
  return entries.map((entry) => {
    if (entry.role === 'user') {
      return { ...entry, results: entry.results.map((it) => ({ ...it, id: idOfResult(it.id, renamed) })) };
    }
    renamed = new Map();
    const calls = entry.calls.map((call) => {
      const id = freeId(legalIdentifier(call.id), taken);
      taken.add(id);
      renamed.set(call.id, [...(renamed.get(call.id) ?? []), id]);
      return { ...call, id };
    });
    return { ...entry, calls };
  });
};

function freeId(legal: string, taken: ReadonlySet<string>): string {
  let id = legal;
  for (let count = 2; taken.has(id); count++) id = `${legal.slice(0, 59)}_${count}`;
  return id;
}

/** Results of calls that shared an id answer them in order. */
function idOfResult(id: string, renamed: ReadonlyMap<string, string[]>): string {
  const ids = renamed.get(id) ?? [legalIdentifier(id)];
  return (ids.length > 1 ? ids.shift() : ids[0]) ?? id;
}

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

function mergeRun(run: readonly Entry[]): Entry {
  const [first] = run;
  if (run.length === 1 && first !== undefined) return first;
  const text = joinTexts(run.map((entry) => entry.text));
  const assistants = run.filter((entry) => entry.role === 'assistant');
  if (assistants.length > 0) {
    const calls = assistants.flatMap((entry) => entry.calls);
    return { role: 'assistant', text, calls, reasonings: assistants.flatMap((entry) => entry.reasonings) };
  }
  const users = run.filter((entry) => entry.role === 'user');
  return {
    role: 'user',
    text,
    images: users.flatMap((entry) => entry.images),
    documents: users.flatMap((entry) => entry.documents),
    results: users.flatMap((entry) => entry.results),
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
  // First, so that a thought that came in a message of its own is not dropped before its call has joined it.
  mergeNeighbours,
  dropEmpty,
  mergeNeighbours,
  endWithUser,
  uniqueIds,
  pairToolTraffic,
  keepReasoningInFlight,
  fillEmpty,
];
