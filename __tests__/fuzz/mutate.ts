/** Makes wrong inputs out of right ones: changes in JSON values, which share what did not change, and in bytes. */

import type { Chance } from './chance.js';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Words that occur in right inputs: a wrong one is more interesting when it is made of these. */
export type Words = { readonly keys: readonly string[]; readonly texts: readonly string[] };

export function wordsOf(documents: readonly Json[]): Words {
  const keys = new Set<string>();
  const texts = new Set<string>(HOSTILE_TEXTS);
  const collect = (value: Json): void => {
    if (typeof value === 'string' && value.length < 60) texts.add(value);
    if (typeof value !== 'object' || value === null) return;
    for (const [key, item] of Object.entries(value)) {
      if (!Array.isArray(value)) keys.add(key);
      collect(item);
    }
  };
  documents.forEach(collect);
  return { keys: [...keys, '__proto__', 'constructor', 'toString', ''], texts: [...texts] };
}

/** Mostly one change, at times up to four: of many changes the first that is refused hides the others. */
export function mutateJson(document: Json, chance: Chance, words: Words): Json {
  let changed = document;
  for (let left = chance.is(0.7) ? 1 : 1 + chance.below(4); left > 0; left--) {
    changed = mutateOnce(changed, 0, { whole: document, chance, words });
  }
  return changed;
}

type Means = { readonly whole: Json; readonly chance: Chance; readonly words: Words };

function mutateOnce(value: Json, depth: number, means: Means): Json {
  const { whole, chance, words } = means;
  const children = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  if (children.length === 0 || chance.is(depth < 2 ? 0.01 : 0.12)) return changeHere(value, whole, chance, words);
  const key = chance.pick(children);
  if (isList(value)) {
    const index = Number(key);
    return value.map((item, at) => (at === index ? mutateOnce(item, depth + 1, means) : item));
  }
  const record = value as { readonly [key: string]: Json };
  if (chance.is(0.06)) return without(record, key);
  if (chance.is(0.04)) return { ...without(record, key), [chance.pick(words.keys)]: record[key] ?? null };
  return { ...record, [key]: mutateOnce(record[key] ?? null, depth + 1, means) };
}

function changeHere(value: Json, whole: Json, chance: Chance, words: Words): Json {
  const way = chance.below(10);
  if (way < 2) return chance.pick(HOSTILE_VALUES);
  if (way === 2) return randomJson(chance, words, 3);
  if (way === 3) return somewhereIn(whole, chance);
  if (way === 4) return chance.is(0.5) ? [value] : { [chance.pick(words.keys)]: value };
  if (way === 5) return chance.pick(words.texts);
  if (typeof value === 'string') return changeText(value, chance, words);
  if (typeof value === 'number') return chance.pick([value + 1, -value, value * 1e9, value + 0.5, String(value)]);
  if (isList(value)) {
    const place = chance.below(value.length + 1);
    const item = value.length > 0 && chance.is(0.5) ? chance.pick(value) : randomJson(chance, words, 3);
    if (chance.is(0.3)) return value.filter((_, at) => at !== place);
    if (chance.is(0.2)) return value.toReversed();
    return [...value.slice(0, place), item, ...value.slice(place)];
  }
  if (typeof value === 'object' && value !== null) {
    return { ...value, [chance.pick(words.keys)]: randomJson(chance, words, 2) };
  }
  return chance.pick(HOSTILE_VALUES);
}

function changeText(text: string, chance: Chance, words: Words): string {
  const place = chance.below(text.length + 1);
  const [head, tail] = [text.slice(0, place), text.slice(place)];
  switch (chance.below(5)) {
    case 0:
      return head;
    case 1:
      return head + chance.pick(words.texts) + tail;
    case 2:
      return head + String.fromCharCode(chance.below(0x1_0000)) + tail.slice(1);
    case 3:
      return text + text;
    default:
      return tail + head;
  }
}

/** Any JSON, made of words that readers look for. */
export function randomJson(chance: Chance, words: Words, depth: number): Json {
  const way = chance.below(depth > 0 ? 8 : 4);
  if (way === 0) return chance.pick(HOSTILE_VALUES);
  if (way < 4) return chance.pick(words.texts);
  const size = chance.below(5);
  if (way < 6) return Array.from({ length: size }, () => randomJson(chance, words, depth - 1));
  return Object.fromEntries(
    Array.from({ length: size }, () => [chance.pick(words.keys), randomJson(chance, words, depth - 1)]),
  );
}

/** Something that grows: what costs more than its length shows at once. */
export function hugeJson(chance: Chance, words: Words): Json {
  const size = 2000 + chance.below(20_000);
  switch (chance.below(4)) {
    case 0:
      return Array.from({ length: size }, () => randomJson(chance, words, 0));
    case 1:
      return chance.pick(REPEATED).repeat(size);
    case 2:
      return Object.fromEntries(Array.from({ length: size }, (_, index) => [`key${index}`, null]));
    default: {
      const item = randomJson(chance, words, 2);
      return Array.from({ length: size }, () => item);
    }
  }
}

/** The document with something huge or deep in one of its places. */
export function mutateHugely(document: Json, chance: Chance, words: Words): Json {
  const bomb = chance.is(0.3) ? deepJson(1 + chance.below(400), chance) : hugeJson(chance, words);
  const place = (value: Json): Json => {
    const children = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    if (children.length === 0 || chance.is(0.15)) return bomb;
    const key = chance.pick(children);
    if (isList(value)) return value.map((item, at) => (at === Number(key) ? place(item) : item));
    const record = value as { readonly [key: string]: Json };
    return { ...record, [key]: place(record[key] ?? null) };
  };
  return place(document);
}

function deepJson(levels: number, chance: Chance): Json {
  let value: Json = 'bottom';
  const key = chance.pick(['properties', 'items', 'anyOf', 'content', 'a']);
  for (let level = 0; level < levels; level++) value = chance.is(0.5) ? [value] : { [key]: value };
  return value;
}

/** One to eight changes in bytes: turned bits, cut ends, pieces twice, numbers at their limits. */
export function mutateBytes(bytes: Uint8Array, chance: Chance): Buffer {
  let changed: Buffer = Buffer.from(bytes);
  for (let left = 1 + chance.below(chance.is(0.5) ? 2 : 8); left > 0; left--) changed = changeBytes(changed, chance);
  return changed;
}

function changeBytes(bytes: Buffer, chance: Chance): Buffer {
  // Headers stand at the beginning, so half of all changes happen there.
  const reach = chance.is(0.5) ? Math.min(bytes.length, 120) : bytes.length;
  const at = chance.below(reach + 1);
  const end = Math.min(bytes.length, at + 1 + chance.below(chance.is(0.8) ? 16 : 400));
  switch (chance.below(7)) {
    case 0:
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << chance.below(8));
      return bytes;
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), randomBytes(chance, 1 + chance.below(40)), bytes.subarray(at)]);
    case 5:
      if (at + 4 <= bytes.length) bytes.writeUInt32BE(chance.pick(LIMITS), at);
      return bytes;
    default:
      if (at < bytes.length) bytes[at] = chance.pick([0, 1, 0x7f, 0x80, 0xff, 0x22, 0x5c, 0x7b]);
      return bytes;
  }
}

export function randomBytes(chance: Chance, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => chance.below(256)));
}

export function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function without(record: { readonly [key: string]: Json }, key: string): { readonly [key: string]: Json } {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key));
}

function somewhereIn(value: Json, chance: Chance): Json {
  let place = value;
  while (typeof place === 'object' && place !== null && chance.is(0.85)) {
    const items: readonly Json[] = Object.values(place);
    if (items.length === 0) break;
    place = chance.pick(items);
  }
  return place;
}

const HOSTILE_TEXTS = [
  '',
  ' ',
  '\n',
  '\0',
  '\ud800',
  '\udc00x',
  '\u2028',
  '{}',
  '{"a":',
  '[1]',
  'null',
  '__proto__',
  '../../etc/passwd',
  '</system-message>',
  '<thinking>',
  '<function_calls><invoke name="x">',
  'data:image/png;base64,',
  'data:image/png;base64,////',
  'data:;base64,%%%',
  'data:application/pdf;base64,JVBERi0=',
  'https://example.invalid/a.png',
  'http://127.0.0.1:1/',
  '$ref',
  '#/$defs/a',
  '\u{1f469}\u200d\u{1f469}\u200d\u{1f467}',
  'e\u0301'.repeat(40),
  'x'.repeat(70),
  'x'.repeat(5000),
];
const HOSTILE_VALUES: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  0.5,
  1e308,
  -1e308,
  2 ** 53,
  2 ** 31,
  5e-324,
  [],
  {},
  [[]],
  [null],
  [{}],
  '',
  'x'.repeat(2000),
  { type: null },
  { type: 'text' },
  { type: 'text', text: null },
  { $ref: '#' },
  { properties: null },
];
const REPEATED = ['a', ' ', '<thinking>', '<', '{', '\\', '"', '((((', 'A=', '\n', '漢', '\ud800', 'ab '];
const LIMITS = [0, 1, 11, 12, 15, 16, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x0100_0000, 0x00ff_ffff];
