/** Reads untrusted JSON. Past a Reader there is no `typeof` and no `?.`; every complaint names its path. */

import type { JsonObject } from './conversation.js';
import { GatewayError, type ErrorKind } from './errors.js';

export class Reader {
  readonly value: unknown;
  readonly #kind: ErrorKind;
  readonly #parent: Reader | undefined;
  readonly #key: string | number;

  /**
   * @param kind The error kind of a complaint: `invalid-request` for clients, `upstream-protocol` for Kiro.
   * @param key Where it lies in its parent, or what the whole document is called in complaints about itself.
   */
  constructor(value: unknown, kind: ErrorKind = 'invalid-request', key: string | number = 'body', parent?: Reader) {
    this.value = value;
    this.#kind = kind;
    this.#key = key;
    this.#parent = parent;
  }

  /** `messages[2].content[0].type`; the document's own name at the root. Built only when somebody asks. */
  get path(): string {
    if (this.#parent === undefined) return String(this.#key);
    const prefix = this.#parent.#parent === undefined ? '' : this.#parent.path;
    if (typeof this.#key === 'number') return `${prefix || this.#parent.path}[${this.#key}]`;
    return prefix === '' ? this.#key : `${prefix}.${this.#key}`;
  }

  /** @throws GatewayError of this reader's kind, naming the path. */
  fail(complaint: string): never {
    // What follows `refreshToken:` is taken for a token, and hidden; only what clients send has fields in front of colons.
    const subject = this.#kind === 'invalid-request' ? `${this.path}:` : this.path;
    throw new GatewayError(this.#kind, `${subject} ${complaint}`, { param: this.path });
  }

  /** True when the key is there and not null: clients write null for "not set". */
  has(key: string): boolean {
    return isRecord(this.value) && this.value[key] !== undefined && this.value[key] !== null;
  }

  /** The value under a key, present or not; the complaint comes when it is read as something. */
  get(key: string): Reader {
    return new Reader(this.object()[key], this.#kind, key, this);
  }

  /** The value under a key, or undefined when it is missing or null. */
  optional(key: string): Reader | undefined {
    return this.has(key) ? this.get(key) : undefined;
  }

  /** The list under a key; empty when it is missing or null. */
  list(key: string): readonly Reader[] {
    return this.optional(key)?.array() ?? [];
  }

  /** The text under a key; undefined when it is missing or anything else. */
  textIfAny(key: string): string | undefined {
    const value = this.has(key) ? this.get(key).value : undefined;
    return typeof value === 'string' ? value : undefined;
  }

  isString(): boolean {
    return typeof this.value === 'string';
  }

  isArray(): boolean {
    return Array.isArray(this.value);
  }

  isObject(): boolean {
    return isRecord(this.value);
  }

  string(): string {
    return typeof this.value === 'string' ? this.value : this.#expected('a string');
  }

  nonEmptyString(): string {
    return this.string() || this.fail('must not be empty');
  }

  number(): number {
    return typeof this.value === 'number' ? this.value : this.#expected('a number');
  }

  boolean(): boolean {
    return typeof this.value === 'boolean' ? this.value : this.#expected('true or false');
  }

  object(): JsonObject {
    return isRecord(this.value) ? this.value : this.#expected('an object');
  }

  array(): readonly Reader[] {
    if (!Array.isArray(this.value)) return this.#expected('a list');
    return this.value.map((item: unknown, index) => new Reader(item, this.#kind, index, this));
  }

  oneOf<T extends string>(allowed: readonly T[]): T {
    const found = allowed.find((it) => it === this.value);
    return found ?? this.#expected(`one of ${allowed.join(', ')}`);
  }

  #expected(what: string): never {
    if (this.value === undefined) this.fail(`is required and must be ${what}`);
    // A client may be told its own words; a login or an answer of Kiro's may hold a token where none belongs.
    const isTheirOwn = this.#kind === 'invalid-request' || typeof this.value !== 'string';
    this.fail(`must be ${what}, not ${isTheirOwn ? nameOf(this.value) : 'a text'}`);
  }
}

/** True for JSON objects: no lists, no null. */
export function isRecord(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value itself where it is a JSON object, else one without fields. */
export function recordOf(value: unknown): JsonObject {
  return isRecord(value) ? value : {};
}

/** What stands for a JSON value in a text. `String` would call what a field named `toString` holds. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** What a JSON text says; undefined for a text that is none. */
export function parseJson(text: string, reviver?: (key: string, value: unknown) => unknown): unknown {
  try {
    return JSON.parse(text, reviver);
  } catch {
    return undefined;
  }
}

/** How a value is called in a complaint; strings are quoted, cut short, so that a person recognises them. */
function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return 'an object';
}

/** What a JSON text may hold; deeper nesting overflows the stack of whoever walks it, more values fill the memory. */
export const JSON_LIMITS = { depth: 500, values: 500_000 };

/**
 * Which limit a JSON text exceeds, found without parsing it; undefined when none. For a text that is not JSON the
 * result means nothing, but the parser refuses that anyway.
 */
export function jsonExcess(text: string, limits = JSON_LIMITS): 'depth' | 'values' | undefined {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === COMMA) values++;
    else if (code === OPEN_LIST || code === OPEN_OBJECT) [depth, values] = [depth + 1, values + 1];
    else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--;
    if (depth > limits.depth) return 'depth';
    if (values > limits.values) return 'values';
  }
  return undefined;
}

/** The place of the quote that ends the string; the text's end when none does. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
