/** Finds tool calls that a model has written as text, in two forms. Pure; any cutting of the text gives the same. */

import { isRecord } from '../core/reader.js';
import type { JsonObject } from './tools.js';

/** `raw` is the text that the piece was made of: all of them together are the text, without a loss. */
export type CallPiece =
  | { readonly type: 'text'; readonly raw: string }
  /** `input` is JSON text. Of several calls in one form the first has all its text. */
  | ({ readonly type: 'tool-call'; readonly raw: string } & WrittenCall);

export type WrittenCall = { readonly name: string; readonly input: string };

export type CallReader = {
  push(text: string): readonly CallPiece[];
  /** What was held back because it might have become a call. */
  end(): readonly CallPiece[];
};

/** The schemas of the inputs of the tools on offer, by name. */
export type OfferedTools = ReadonlyMap<string, JsonObject>;

/**
 * `[Called name with args: {…}]` and `<function_calls><invoke name="…"><parameter name="…">…`. A form that names a
 * tool which is not offered is text, and so is one in a code fence or right behind a quote or a backtick.
 */
export function createCallReader(offered: OfferedTools): CallReader {
  const openings = [XML_OPENING, ...[...offered.keys()].map((name) => `[Called ${name} with args: `)];
  const longest = Math.max(...openings.map((opening) => opening.length));
  const code = createCodeWatch();
  let held = '';
  /** Looks for the end of the form that `held` begins with. */
  let findEnd: FindEnd | undefined;
  let plain = '';
  let pieces: CallPiece[] = [];

  function letGo(length: number): void {
    for (const character of held.slice(0, length)) code.see(character);
    plain += held.slice(0, length);
    held = held.slice(length);
  }

  /** Lets everything go that comes before the next opening, or before what may become one. */
  function findOpening({ isLast }: { readonly isLast: boolean }): void {
    for (let at = held.search(FIRST_CHARACTER); at !== -1; at = held.search(FIRST_CHARACTER)) {
      letGo(at);
      const start = held.slice(0, longest);
      const opening = code.isInside() ? undefined : openings.find((it) => start.startsWith(it));
      if (opening !== undefined) {
        findEnd = opening === XML_OPENING ? findXmlEnd() : findJsonEnd(opening.length);
        return;
      }
      if (!isLast && !code.isInside() && openings.some((it) => it.startsWith(start))) return;
      letGo(1);
    }
    letGo(held.length);
  }

  function read({ isLast }: { readonly isLast: boolean }): readonly CallPiece[] {
    while (held !== '') {
      if (findEnd === undefined) findOpening({ isLast });
      if (findEnd === undefined) break;
      const end = findEnd(held);
      if (end === 'not yet' && !isLast) break;
      findEnd = undefined;
      const raw = typeof end === 'number' ? held.slice(0, end) : '';
      const calls = raw === '' ? [] : readCalls(raw, offered);
      // What is no call loses its first character, and the rest is looked at anew.
      if (calls.length === 0) letGo(1);
      else pushCalls(raw, calls);
    }
    pushPlain();
    const taken = pieces;
    pieces = [];
    return taken;
  }

  function pushCalls(raw: string, calls: readonly WrittenCall[]): void {
    pushPlain();
    for (const [index, call] of calls.entries()) {
      pieces.push({ type: 'tool-call', ...call, raw: index === 0 ? raw : '' });
    }
    held = held.slice(raw.length);
  }

  function pushPlain(): void {
    if (plain !== '') pieces.push({ type: 'text', raw: plain });
    plain = '';
  }

  return {
    push(text) {
      held += text;
      return read({ isLast: false });
    },
    end: () => read({ isLast: true }),
  };
}

/** Where the form ends in everything that is held so far. It remembers how far it has looked. */
type FindEnd = (held: string) => number | 'not yet' | 'no form';

function findXmlEnd(): FindEnd {
  let looked = XML_OPENING.length;
  return (held) => {
    const body = held.slice(XML_OPENING.length, XML_OPENING.length + MOST_SPACE).trimStart();
    if (!body.startsWith(INVOKE) && !INVOKE.startsWith(body)) return 'no form';
    const at = held.indexOf(XML_CLOSING, looked);
    if (at !== -1) return at + XML_CLOSING.length;
    looked = Math.max(XML_OPENING.length, held.length - XML_CLOSING.length + 1);
    return 'not yet';
  };
}

function findJsonEnd(start: number): FindEnd {
  let at = start;
  let depth = 0;
  let isText = false;
  let isEscaped = false;
  return (held) => {
    for (; at < held.length; at++) {
      const character = held.charAt(at);
      if (isEscaped) isEscaped = false;
      else if (isText && character === '\\') isEscaped = true;
      else if (character === '"') isText = !isText;
      else if (isText) continue;
      else if (depth === 0 && at > start) {
        // The object is over: a bracket ends the form.
        if (character === ']') return at + 1;
        if (character.trim() !== '') return 'no form';
      } else if (character === '{' || (depth > 0 && character === '[')) depth++;
      else if (depth === 0) return 'no form';
      else if (character === '}' || character === ']') depth--;
    }
    return 'not yet';
  };
}

/** None when the text is not what its beginning promised. */
function readCalls(raw: string, offered: OfferedTools): readonly WrittenCall[] {
  const json = JSON_FORM.exec(raw);
  if (json !== null) {
    const [, name = '', input = ''] = json;
    return isRecord(parse(input)) ? [{ name, input }] : [];
  }
  const body = raw.slice(XML_OPENING.length, -XML_CLOSING.length);
  if (body.replaceAll(INVOCATION, '').trim() !== '') return [];
  const calls = [...body.matchAll(INVOCATION)].map(([, name = '', parameters = '']) => ({ name, parameters }));
  if (calls.some(({ name }) => !offered.has(name))) return [];
  return calls.map(({ name, parameters }) => ({ name, input: readParameters(parameters, offered.get(name) ?? {}) }));
}

function readParameters(parameters: string, schema: JsonObject): string {
  const properties = isRecord(schema['properties']) ? schema['properties'] : {};
  const entries = [...parameters.matchAll(PARAMETER)].map(([, name = '', text = '']): [string, unknown] => {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return [name, isRecord(property) && !isText(property) ? (parse(text) ?? text) : text];
  });
  return JSON.stringify(Object.fromEntries(entries));
}

/** True when the value is to be a text, or may be one: `42` is then not a number. */
function isText({ type }: JsonObject): boolean {
  return type === 'string' || (Array.isArray(type) && type.includes('string'));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const XML_OPENING = '<function_calls>';
const XML_CLOSING = '</function_calls>';
const INVOKE = '<invoke name="';
const INVOCATION = /<invoke name="([^"]*)">([\s\S]*?)<\/invoke>/g;
const PARAMETER = /<parameter name="([^"]*)">([\s\S]*?)<\/parameter>/g;
const JSON_FORM = /^\[Called ([^\s]+) with args: ([\s\S]*)\]$/;
const FIRST_CHARACTER = /[[<]/;
/** White space between the opening and the first call, and that call's own opening. */
const MOST_SPACE = 64;

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
