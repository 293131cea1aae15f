/** Reads untrusted JSON. Past a Reader there is no `typeof` and no `?.`; every complaint names its path. */

import { GatewayError, type ErrorKind } from './errors.js';

export class Reader {
  readonly value: unknown;
  readonly #kind: ErrorKind;
  readonly #parent: Reader | undefined;
  readonly #key: string | number;

  /**
   * @param kind The error kind of a complaint: `invalid-request` for clients, `upstream-protocol` for Kiro.
   * @param name What the whole document is called in complaints about itself.
   */
  constructor(
    value: unknown,
    kind: ErrorKind = 'invalid-request',
    name = 'body',
    parent?: Reader,
    key?: string | number,
  ) {
    this.value = value;
    this.#kind = kind;
    this.#parent = parent;
    this.#key = key ?? name;
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
    throw new GatewayError(this.#kind, `${this.path}: ${complaint}`, { param: this.path });
  }

  /** True when the key is there and not null: clients write null for "not set". */
  has(key: string): boolean {
    return isRecord(this.value) && this.value[key] !== undefined && this.value[key] !== null;
  }

  /** The value under a key, present or not; the complaint comes when it is read as something. */
  get(key: string): Reader {
    return new Reader(this.object()[key], this.#kind, '', this, key);
  }

  /** The value under a key, or undefined when it is missing or null. */
  optional(key: string): Reader | undefined {
    return this.has(key) ? this.get(key) : undefined;
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

  object(): Readonly<Record<string, unknown>> {
    return isRecord(this.value) ? this.value : this.#expected('an object');
  }

  array(): readonly Reader[] {
    if (!Array.isArray(this.value)) return this.#expected('a list');
    return this.value.map((item: unknown, index) => new Reader(item, this.#kind, '', this, index));
  }

  oneOf<T extends string>(allowed: readonly T[]): T {
    const found = allowed.find((it) => it === this.value);
    return found ?? this.#expected(`one of ${allowed.join(', ')}`);
  }

  #expected(what: string): never {
    if (this.value === undefined) this.fail(`is required and must be ${what}`);
    this.fail(`must be ${what}, not ${nameOf(this.value)}`);
  }
}

/** True for JSON objects: no lists, no null. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** How a value is called in a complaint; strings are quoted, cut short, so that a person recognises them. */
function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return 'an object';
}
