/** Finds tool calls that a model has written as text, in two forms. Pure; any cutting of the text gives the same. */

import type { JsonObject } from '../core/conversation.js';
import { isRecord, parseJson } from '../core/reader.js';

/** `input` is JSON text. */
export type WrittenCall = { readonly name: string; readonly input: string };

/** The schemas of the inputs of the tools on offer, by name. */
export type OfferedTools = ReadonlyMap<string, JsonObject>;

/**
 * `[Called name with args: {…}]` and `<function_calls><invoke name="…"><parameter name="…">…`. A form that names a
 * tool which is not offered is text, and so is one in a code fence or right behind a quote or a backtick. From the
 * first opening on all is held back, for a real call would make text of it.
 */
export function createCallReader(offered: OfferedTools) {
  const openings = [XML_OPENING, ...[...offered.keys()].map((name) => `[Called ${name} with args: `)];
  const code = createCodeWatch();
  let held = '';
  let isHolding = false;

  function release(length: number): string {
    const text = held.slice(0, length);
    code.see(text);
    held = held.slice(length);
    return text;
  }

  /** Up to the next place where a form may begin; with `isLast` what has not begun there is text. */
  function releaseText({ isLast }: { readonly isLast: boolean }): string {
    let text = '';
    for (;;) {
      const at = held.search(/[[<]/);
      text += release(at === -1 ? held.length : at);
      if (held === '') return text;
      if (!code.isInFence() && code.quote() === undefined) {
        isHolding = openings.some((it) => held.startsWith(it));
        if (isHolding || (!isLast && openings.some((it) => it.startsWith(held)))) return text;
      }
      text += release(1);
    }
  }

  return {
    /** What of the text is text. */
    push(text: string): string {
      held += text;
      return isHolding ? '' : releaseText({ isLast: false });
    },
    /** What was held back: texts, and calls. */
    end(): readonly (string | WrittenCall)[] {
      const found: (string | WrittenCall)[] = [];
      let text = '';
      for (let failures = 0; held !== '' && failures < MOST_FAILURES;) {
        text += releaseText({ isLast: true });
        const form = readForm(held, offered);
        if (form === undefined) {
          failures++;
          text += release(1);
        } else {
          found.push(text, ...form.calls);
          text = '';
          held = held.slice(form.length);
        }
      }
      text += release(held.length);
      isHolding = false;
      return [...found, text].filter((it) => it !== '');
    },
    /** What was held back, as the text that it was. */
    giveUp(): string {
      isHolding = false;
      return release(held.length);
    },
  };
}

/** The calls that the text begins with, and the length of their form; undefined when it is not what it promised. */
function readForm(text: string, offered: OfferedTools) {
  const [opening, name = ''] = JSON_OPENING.exec(text) ?? [];
  if (opening !== undefined) {
    const end = endOfJson(text, opening.length);
    const input = text.slice(opening.length, end);
    const [closing] = /^\s*\]/.exec(text.slice(end)) ?? [];
    return closing === undefined || !isRecord(parseJson(input))
      ? undefined
      : { calls: [{ name, input }], length: end + closing.length };
  }
  const calls: WrittenCall[] = [];
  let at = XML_OPENING.length;
  for (const [element, tool = '', inner = ''] of elementsOf(text.slice(at), 'invoke')) {
    const schema = offered.get(tool);
    if (schema === undefined) return undefined;
    calls.push({ name: tool, input: readInput(inner, schema) });
    at += element.length;
  }
  const [ending] = /^\s*<\/function_calls>/.exec(text.slice(at)) ?? [];
  return calls.length === 0 || ending === undefined ? undefined : { calls, length: at + ending.length };
}

/** `<tag name="…">…</tag>`, one after the other from the beginning on, with nothing but white space between them. */
function elementsOf(text: string, tag: string) {
  return text.matchAll(new RegExp(`\\s*<${tag} name="([^"]*)">([^]*?)</${tag}>`, 'gy'));
}

/** Where the object or list that begins here ends; the text's end when it does not. */
function endOfJson(text: string, from: number): number {
  let depth = 0;
  let isText = false;
  for (let at = from; at < text.length; at++) {
    const character = text.charAt(at);
    if (isText && character === '\\') at++;
    else if (character === '"') isText = !isText;
    else if (isText) continue;
    else if (character === '{' || character === '[') depth++;
    else if ((character === '}' || character === ']') && --depth <= 0) return at + 1;
  }
  return text.length;
}

/** A parameter that is to be a text, or may be one, stays one: `42` is then not a number. */
function readInput(parameters: string, { properties }: JsonObject): string {
  const entries = [...elementsOf(parameters, 'parameter')].map(([, name = '', text = '']): [string, unknown] => {
    const property = isRecord(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
    const isText = !isRecord(property) || [property['type']].flat().includes('string');
    return [name, isText ? text : (parseJson(text) ?? text)];
  });
  return JSON.stringify(Object.fromEntries(entries));
}

/** After so many failed attempts the rest is text: each attempt may read to the end of the answer. */
const MOST_FAILURES = 100;
const XML_OPENING = '<function_calls>';
const JSON_OPENING = /^\[Called ([^\s]+) with args: /;

/** Whether what comes next in a text stands in a code fence, or right behind a quote. */
export function createCodeWatch() {
  let fence: string | undefined;
  /** The beginning of the line, as far as it may be a fence. */
  let head = '';
  let last = '';
  return {
    see(text: string): void {
      const [rest = '', ...lines] = text.split('\n');
      head = (head + rest).slice(0, FENCE_LENGTH);
      for (const line of lines) {
        fence = fenceAfter(fence, head);
        head = line.slice(0, FENCE_LENGTH);
      }
      last = text.at(-1) ?? last;
    },
    isInFence: () => fenceAfter(fence, head) !== undefined,
    quote: () => (QUOTES.has(last) ? last : undefined),
  };
}

function fenceAfter(fence: string | undefined, line: string): string | undefined {
  const [, mark] = /^ {0,3}(```|~~~)/.exec(line) ?? [];
  if (mark === undefined || (fence !== undefined && fence !== mark)) return fence;
  return fence === undefined ? mark : undefined;
}

/** Characters of a fence, with the spaces that may stand before it. */
const FENCE_LENGTH = 6;
const QUOTES: ReadonlySet<string> = new Set(['`', '"', "'"]);
