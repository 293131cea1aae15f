/** Tools to Kiro's specifications: legal unique names, clean schemas, descriptions of bearable length. */

import { hash } from 'node:crypto';

import type { JsonObject, Message, Tool } from '../core/conversation.js';
import { isRecord, recordOf } from '../core/reader.js';

export type KiroTools = ReturnType<typeof toKiroTools>;

/** @param descriptionLimit In characters; a longer description moves to the system prompt whole. */
export function toKiroTools(tools: readonly Tool[], messages: readonly Message[], descriptionLimit: number) {
  const offered = new Map<string, Tool>();
  const duplicates = new Set<string>();
  for (const tool of tools) {
    if (offered.has(tool.name)) duplicates.add(legalIdentifier(tool.name));
    else offered.set(tool.name, tool);
  }
  // Kiro refuses tool traffic in the history without a specification of that name (protocol rule 12).
  for (const block of messages.flatMap((message) => (message.role === 'assistant' ? message.blocks : []))) {
    if (block.type !== 'tool-call' || offered.has(block.name)) continue;
    offered.set(block.name, { name: block.name, description: FORMER, inputSchema: undefined });
  }
  const aliases = aliasesFor([...offered.keys()]);
  const nameFor = (name: string): string => aliases.get(name) ?? name;
  const originals = new Map([...aliases].map(([original, alias]) => [alias, original]));
  const notices = duplicates.size > 0 ? [`duplicate-tool=${[...duplicates].slice(0, MOST_TOLD).join(',')}`] : [];
  const instructions: string[] = [];
  const specifications = [...offered.values()].map((tool) => {
    const name = nameFor(tool.name);
    const isLong = tool.description.length > descriptionLimit;
    if (isLong) instructions.push(`## Tool: ${name}\n\n${tool.description}`);
    const short = tool.description.trim() === '' ? `Tool: ${name}` : tool.description;
    const description = isLong ? `See "## Tool: ${name}" in the system prompt for the full description.` : short;
    return { toolSpecification: { name, description, inputSchema: { json: cleanSchema(tool.inputSchema) } } };
  });
  return {
    specifications,
    /** The client's name to Kiro's. Every name that the conversation uses has one. */
    nameFor,
    /** Kiro's name back to the client's. */
    restoreName: (name: string): string => originals.get(name) ?? name,
    /** Descriptions too long for a specification, as text for the system prompt. */
    instructions,
    notices,
  };
}

const FORMER = 'No longer offered; it appears only in the history.';

/** One legal name each. A legal name keeps itself; others get a hash, and a number if two still meet. */
function aliasesFor(names: readonly string[]): ReadonlyMap<string, string> {
  const legal = new Map(names.map((name) => [name, legalIdentifier(name, { startsWithLetter: true })]));
  const taken = new Set(names.filter((name) => legal.get(name) === name));
  for (const [name, alias] of legal) {
    if (alias === name) continue;
    let free = alias;
    for (let count = 2; taken.has(free); count++) free = `${alias.slice(0, 60)}_${count}`;
    taken.add(free);
    legal.set(name, free);
  }
  return legal;
}

/** A UUID of version 8 ("made as the maker likes") from a text. */
export function uuidOf(text: string): string {
  const hex = hash('sha256', text);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** A text as an identifier Kiro accepts: `[A-Za-z0-9_-]`, at most 64 characters; a hash keeps changed ones apart. */
export function legalIdentifier(text: string, { startsWithLetter } = { startsWithLetter: false }): string {
  let legal = text.replace(/[^A-Za-z0-9_-]/g, '_');
  if (startsWithLetter && !/^[A-Za-z]/.test(legal)) legal = `t_${legal}`;
  if (legal === text && legal.length <= MAX_LENGTH && legal !== '') return legal;
  return `${legal.slice(0, MAX_LENGTH - 9)}_${hash('sha256', text).slice(0, 8)}`;
}

const MAX_LENGTH = 64;
/** They go into a header, which clients refuse when it is long. */
const MOST_TOLD = 20;

// --- schemas (protocol rules 17 and 18): gently, without touching property names

/** The cleaned schema; its root is always `type: object` without alternatives. */
export function cleanSchema(schema: JsonObject | undefined): JsonObject {
  if (schema === undefined) return { type: 'object', properties: {} };
  const walk: Walk = { root: schema, depth: 0, following: [], left: { characters: MAX_REFERRED_CHARACTERS } };
  const root = mergeAlternatives(cleanNode(schema, walk));
  if (root['type'] !== undefined && root['type'] !== 'object' && !('properties' in root)) {
    return { type: 'object', properties: { input: root }, required: ['input'] };
  }
  return { ...root, type: 'object', properties: root['properties'] ?? {} };
}

/** Where a walk through a schema stands. A schema may refer to itself, so depth and references are bounded. */
type Walk = {
  readonly root: JsonObject;
  readonly depth: number;
  /** The references on the way here. */
  readonly following: readonly string[];
  /** What references may still bring: a small schema can refer to a large part of it a thousand times. */
  readonly left: { characters: number };
};

/** One schema; keywords that Kiro refuses, or that only validate, are left out, and local references are followed. */
function cleanNode(node: JsonObject, walk: Walk): JsonObject {
  if (walk.depth > MAX_DEPTH) return {};
  const { $ref: reference } = node;
  if (typeof reference === 'string') {
    const { left, following } = walk;
    const isEnough = left.characters < 0 || following.length >= MAX_DEPTH || following.includes(reference);
    const found = isEnough ? undefined : (resolve(reference, walk.root) ?? resolve(decoded(reference), walk.root));
    if (found !== undefined) left.characters -= JSON.stringify(found).length;
    const target = left.characters < 0 ? undefined : found;
    // What stands beside a reference counts more; the target may be a reference itself.
    const both = { ...target, ...node, $ref: target?.['$ref'] };
    return cleanNode(both, { ...walk, following: [...following, reference] });
  }
  const inside = { ...walk, depth: walk.depth + 1 };
  const cleaned: Record<string, unknown> = {};
  for (const [keyword, value] of Object.entries(node)) {
    const clean = cleanValue(keyword, value, inside);
    if (clean !== undefined) cleaned[keyword] = clean;
  }
  if ('const' in node && node['const'] !== null) cleaned['enum'] = [node['const']];
  return cleaned;
}

/**
 * The cleaned value of one keyword; undefined to leave the keyword out, as all do that are not named here:
 * `additionalProperties`, `$schema` and those that only validate.
 */
function cleanValue(keyword: string, value: unknown, walk: Walk): unknown {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  switch (keyword) {
    case 'type': {
      // `[X, "null"]` is `X`, because every property may be left out anyway.
      const names = [...new Set(items)].filter((it) => TYPES.has(it) && it !== 'null');
      if (Array.isArray(value)) return names.length > 1 ? names : names[0];
      return TYPES.has(value) ? value : undefined;
    }
    case 'title':
    case 'description':
      return typeof value === 'string' && value !== '' ? value : undefined;
    case 'default':
      return value ?? undefined;
    case 'enum':
      return some(items.filter((it) => it !== null));
    case 'required':
      return some([...new Set(items.filter((it) => typeof it === 'string'))]);
    case 'properties': {
      // The names here are the client's own: a property called `format` or `pattern` stays.
      const properties = Object.entries(recordOf(value));
      return Object.fromEntries(properties.map(([name, it]) => [name, isRecord(it) ? cleanNode(it, walk) : {}]));
    }
    case 'items': {
      const item: unknown = Array.isArray(value) ? value[0] : value;
      return isRecord(item) ? cleanNode(item, walk) : undefined;
    }
    case 'anyOf':
    case 'oneOf':
    case 'allOf':
      return some(recordsOf(value).map((item) => cleanNode(item, walk)));
  }
  return undefined;
}

/** JSON leaves out what is undefined, and Kiro wants no empty lists. */
export function some<Item>(list: readonly Item[]): readonly Item[] | undefined {
  return list.length > 0 ? list : undefined;
}

const TYPES: ReadonlySet<unknown> = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']);

/** Root alternatives become one object with the properties of all; only `allOf` can require something. */
function mergeAlternatives(node: JsonObject): JsonObject {
  const { anyOf, oneOf, allOf, ...rest } = node;
  const necessary = recordsOf(allOf).map(mergeAlternatives);
  const branches = [...recordsOf(anyOf), ...recordsOf(oneOf)].map(mergeAlternatives);
  if (necessary.length + branches.length === 0) return node;
  const properties = mergeProperties([...branches, ...necessary, rest]);
  const required = [...necessary, rest].flatMap((it) => it['required'] ?? []);
  return { ...rest, type: 'object', properties, ...(required.length > 0 && { required: [...new Set(required)] }) };
}

/** A property that the schemas describe in several ways may be any of them. */
function mergeProperties(schemas: readonly JsonObject[]): JsonObject {
  const ways = new Map<string, Map<string, unknown>>();
  for (const { properties } of schemas) {
    for (const [name, way] of Object.entries(recordOf(properties))) {
      ways.set(name, (ways.get(name) ?? new Map<string, unknown>()).set(JSON.stringify(way), way));
    }
  }
  return Object.fromEntries(
    [...ways].map(([name, found]) => {
      const [only, ...others] = found.values();
      return [name, others.length === 0 ? only : { anyOf: [only, ...others] }];
    }),
  );
}

function recordsOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/** `#/$defs/name` and the like; anything not local is unknown here. */
function resolve(reference: string, root: JsonObject): JsonObject | undefined {
  if (reference !== '#' && !reference.startsWith('#/')) return undefined;
  let found: unknown = root;
  for (const step of reference.split('/').slice(1)) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(found)) found = found[Number(name)];
    else if (isRecord(found) && Object.hasOwn(found, name)) found = found[name];
    else return undefined;
  }
  return isRecord(found) ? found : undefined;
}

/** References are URLs: some makers of schemas write `List%3Ctext%3E`. */
function decoded(reference: string): string {
  try {
    return decodeURIComponent(reference);
  } catch {
    return reference;
  }
}

/** More than real tools need; a schema that refers to itself ends here. */
const MAX_DEPTH = 32;
const MAX_REFERRED_CHARACTERS = 200_000;
