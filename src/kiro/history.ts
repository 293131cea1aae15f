/** Messages to entries that obey Kiro's rules (protocol 4.5): a list of passes, each over the whole list. */

import type { Block, JsonObject, Message, Reasoning, ToolCall, ToolResultPart } from '../core/conversation.js';
import { isRecord, jsonExcess, parseJson } from '../core/reader.js';
import { runsOf } from '../core/runs.js';
import { createShelf } from '../core/shelf.js';
import { describeSearch } from '../core/web-search.js';
import { legalIdentifier } from './tools.js';
import { noteFor, type Media } from './media.js';

/** One message as Kiro takes it. Media and results are a user's, calls and reasoning an assistant's. */
export type Entry = {
  readonly role: Message['role'];
  readonly text: string;
  readonly media: readonly Media[];
  readonly results: readonly Result[];
  readonly calls: readonly Call[];
  /** None or one after the passes; Kiro takes one reasoning per entry. */
  readonly reasonings: readonly Reasoning[];
};

export type Result = { readonly id: string; readonly texts: readonly string[]; readonly isError: boolean };
/** `isCut`: the output limit cut it off, and the model is to be told. */
export type Call = { readonly id: string; readonly name: string; readonly input: JsonObject; readonly isCut: boolean };

/** Whether a call's input was cut off in an earlier answer; undefined: the model is not told of any. */
type WasCut = ((callId: string) => boolean) | undefined;

/**
 * Entries as Kiro wants them: alternating, never empty, ending with the user, every call with its result.
 * @param kept The images and documents that travel.
 */
export function toEntries(messages: readonly Message[], kept: ReadonlySet<Media>, wasCut?: WasCut): readonly Entry[] {
  return obeyRules(messages.map((message) => toEntry(message, kept, wasCut)));
}

/** The passes. Applied to their own result they change nothing. */
export function obeyRules(entries: readonly Entry[]): readonly Entry[] {
  return PASSES.reduce((list, pass) => pass(list), entries);
}

/** An entry that only says something. */
export function saying(role: Entry['role'], text: string): Entry {
  return { role, text, media: [], results: [], calls: [], reasonings: [] };
}

// --- from messages

function toEntry(message: Message, kept: ReadonlySet<Media>, wasCut: WasCut): Entry {
  const texts: string[] = [];
  const media: Media[] = [];
  if (message.role === 'assistant') {
    for (const block of message.blocks) {
      if (block.type === 'text') texts.push(block.text);
      if (block.type === 'web-search') texts.push(describeSearch(block));
    }
    const calls = message.blocks.filter((block) => block.type === 'tool-call').map((block) => toCall(block, wasCut));
    const reasonings = message.blocks.filter(isReplayable);
    return { ...saying('assistant', joinTexts(texts)), calls, reasonings };
  }
  const results: Result[] = [];
  for (const part of message.parts) {
    switch (part.type) {
      case 'text':
        texts.push(part.text);
        break;
      case 'system':
        // Kiro has no system role; the mark keeps the instruction at its place and apart from what the person said.
        if (part.text.trim() !== '') texts.push(`<system-message>\n${part.text}\n</system-message>`);
        break;
      case 'image':
      case 'document':
        if (kept.has(part)) media.push(part);
        else texts.push(noteFor(part));
        break;
      case 'tool-result': {
        const { id, isError, content } = part;
        results.push({ id, texts: content.map(toText).filter((text) => text.trim() !== ''), isError });
      }
    }
  }
  return { ...saying('user', joinTexts(texts)), media, results };

  /** Kiro's results hold text only: an image goes beside them, and a mark stays where it was. */
  function toText(part: ToolResultPart): string {
    if (part.type === 'text') return part.text;
    if (!kept.has(part)) return noteFor(part);
    media.push(part);
    return part.type === 'image' ? '[image attached]' : `[document attached: ${part.name}]`;
  }
}

/** Unsigned reasoning is refused. */
function isReplayable(block: Block): block is Reasoning {
  return block.type === 'redacted-reasoning' || (block.type === 'reasoning' && block.signature !== '');
}

/** Kiro wants an object. An input that was cut off, or is no sane JSON, is kept as the text that it was. */
function toCall({ id, name, input: text }: ToolCall, wasCut: WasCut): Call {
  const isSane = jsonExcess(text) === undefined;
  const reviver = isSane && /""\s*:/.test(text) ? withoutEmptyKey : undefined;
  const parsed = text.trim() === '' ? {} : parseJson(text, reviver);
  const input = isRecord(parsed) ? parsed : { input: parsed };
  // Some clients send back what they could not read as it was, others as the value of a key of their own.
  const isCut = wasCut !== undefined && (parsed === undefined || UNPARSED_KEY in input || wasCut(id));
  return { id, name, input: parsed !== undefined && isSane ? input : { unparsedInput: text }, isCut };
}

/** Kiro refuses an empty key anywhere in an input (protocol rule 25). */
function withoutEmptyKey(_: string, value: unknown): unknown {
  return isRecord(value) ? Object.fromEntries(Object.entries(value).filter(([key]) => key !== '')) : value;
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
  return entries.map((entry, index) =>
    entry.reasonings.length === 0 || (isComplete && index > lastSaid) ? entry : { ...entry, reasonings: [] },
  );
};

/** Nothing is padded that can be left out: padding taught models to answer with it. */
const dropEmpty: Pass = (entries) =>
  entries.filter(({ text, media, results, calls }) => {
    return text.trim() !== '' || media.length + results.length + calls.length > 0;
  });

/** Kiro refuses two entries of one role in a row. Whole runs are joined at once: one by one would be quadratic. */
const mergeNeighbours: Pass = (entries) =>
  runsOf(entries, ({ role }, first) => role === first.role).map((run) => {
    if (run.length === 1) return run[0];
    return {
      role: run[0].role,
      text: joinTexts(run.map(({ text }) => text)),
      media: run.flatMap(({ media }) => media),
      results: run.flatMap(({ results }) => results),
      calls: run.flatMap(({ calls }) => calls),
      reasonings: run.flatMap(({ reasonings }) => reasonings),
    };
  });

/** An assistant at the end is a beginning that the model is to go on with; Kiro wants the last word to be the user's. */
const endWithUser: Pass = (entries) => {
  if (entries.at(-1)?.role === 'user') return entries;
  return [...entries, saying('user', entries.length === 0 ? NO_TEXT : GO_ON)];
};

/** Ids are legal and used once; a call and its result change together. */
const uniqueIds: Pass = (entries) => {
  const taken = new Set<string>();
  /** How many calls so far wanted an id. */
  const wanted = new Map<string, number>();
  /** The new ids of the calls just before, by the old one: several when calls shared it, the first one last. */
  let renamed = new Map<string, string[]>();
  return entries.map((entry) => {
    if (entry.role === 'user') {
      return { ...entry, results: entry.results.map((it) => ({ ...it, id: idOfResult(it.id, renamed) })) };
    }
    renamed = new Map();
    const calls = entry.calls.map((call) => {
      const id = freeId(legalIdentifier(call.id));
      const ids = renamed.get(call.id);
      if (ids === undefined) renamed.set(call.id, [id]);
      else ids.push(id);
      return { ...call, id };
    });
    // Taking from the front would move all others each time.
    for (const ids of renamed.values()) ids.reverse();
    return { ...entry, calls };
  });

  function freeId(legal: string): string {
    for (let count = wanted.get(legal) ?? 1; ; count++) {
      const id = count === 1 ? legal : `${legal.slice(0, 57)}_${count}`;
      if (taken.has(id)) continue;
      taken.add(id);
      wanted.set(legal, count + 1);
      return id;
    }
  }
};

/** Results of calls that shared an id answer them in order. */
function idOfResult(id: string, renamed: ReadonlyMap<string, string[]>): string {
  const ids = renamed.get(id) ?? [legalIdentifier(id)];
  return (ids.length > 1 ? ids.pop() : ids[0]) ?? id;
}

/** Each call is answered right after it, in its order; a result without its call stays as text. */
const pairToolTraffic: Pass = (entries) =>
  entries.map((entry, index) => {
    if (entry.role === 'assistant') return entry;
    const answers = new Map(
      (entries[index - 1]?.calls ?? []).map((call) => [call.id, { call, results: [] as Result[] }]),
    );
    const orphans: Result[] = [];
    for (const result of entry.results) (answers.get(result.id)?.results ?? orphans).push(result);
    const text = joinTexts([...orphans.map(toOrphanText), entry.text]);
    return { ...entry, text, results: [...answers.values()].map(({ call, results }) => resultOf(call, results)) };
  });

function resultOf({ id, isCut }: Call, found: readonly Result[]): Result {
  if (found.length === 0) return { id, texts: [CANCELLED], isError: true };
  const texts = found.flatMap((result) => result.texts);
  if (isCut && texts[0] !== CUT_NOTICE && texts[0] !== CANCELLED) texts.unshift(CUT_NOTICE);
  return { id, texts: texts.length > 0 ? texts : [EMPTY_RESULT], isError: found.some(({ isError }) => isError) };
}

function toOrphanText({ texts, isError }: Result): string {
  const head = `[Result of an earlier tool call${isError ? ', which failed' : ''}]`;
  return `${head}\n${texts.join('\n') || EMPTY_RESULT}`;
}

/** A user's text may be empty only beside tool results, an assistant's only beside calls. */
const fillEmpty: Pass = (entries) =>
  entries.map((entry) => {
    if (entry.text.trim() !== '') return entry;
    if (entry.role === 'assistant' || entry.results.length > 0) return { ...entry, text: '' };
    const kind = (['image', 'document'] as const).find((it) => entry.media.some(({ type }) => type === it));
    return { ...entry, text: kind === undefined ? NO_TEXT : `[${kind} attached]` };
  });

function joinTexts(texts: readonly string[]): string {
  return texts.filter((text) => text.trim() !== '').join('\n\n');
}

const NO_TEXT = '[no text]';
const GO_ON = 'Go on exactly where your last message ends.';
const CANCELLED = 'The tool call was cancelled; it has no result.';
const EMPTY_RESULT = '[empty result]';
const CUT_NOTICE =
  '[Notice of the gateway: the output limit cut this tool call off, so that its input arrived incomplete; an error ' +
  'below may follow from that. The same call would be cut off again: split the work into several smaller calls.]';
const UNPARSED_KEY = '__unparsedToolInput';

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

/**
 * The ids of calls that went out cut off (protocol 11): the last thousand. None is forgotten when its result has come
 * back: the client sends that again in every later request, and a history that changes makes its signatures worthless.
 */
export function createCutCalls() {
  const ids = createShelf<boolean>(MOST_REMEMBERED);
  return {
    /** Keeps the ids of a turn's cut calls, until a whole call has the same one. */
    remember(blocks: readonly Block[]): void {
      for (const block of blocks) {
        if (block.type !== 'tool-call') continue;
        const isCut = !isWhole(block.input);
        if (isCut || ids.get(block.id) === true) ids.put(block.id, isCut);
      }
    },
    has: (id: string): boolean => ids.get(id) === true,
  };
}

/** False for a call's input that was cut off: JSON that has no end. */
export function isWhole(input: string): boolean {
  return parseJson(input) !== undefined;
}

const MOST_REMEMBERED = 1000;
