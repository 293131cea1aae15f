/** A client's JSON schema to one that Kiro accepts (protocol rules 17 and 18): gently, without touching property names. */

import { isRecord } from '../core/reader.js';

export type JsonObject = Readonly<Record<string, unknown>>;

/** The cleaned schema; its root is always `type: object` without alternatives. */
export function cleanSchema(schema: JsonObject | undefined): JsonObject {
  if (schema === undefined) return { type: 'object', properties: {} };
  const root = cleanNode(schema, { root: schema, depth: 0, following: [], left: { nodes: MAX_NODES } });
  const merged = ALTERNATIVES.some((key) => key in root) ? mergeAlternatives(root) : root;
  if (merged['type'] !== undefined && merged['type'] !== 'object' && !('properties' in merged)) {
    return { type: 'object', properties: { input: merged }, required: ['input'] };
  }
  return { ...merged, type: 'object', properties: merged['properties'] ?? {} };
}

/** Where a walk through a schema stands. A schema may refer to itself, so depth, references and nodes are bounded. */
type Walk = {
  readonly root: JsonObject;
  readonly depth: number;
  /** The references on the way here. */
  readonly following: readonly string[];
  readonly left: { nodes: number };
};

/** One schema; keywords that Kiro refuses, or that only validate, are left out, and local references are followed. */
function cleanNode(node: JsonObject, walk: Walk): JsonObject {
  if (walk.depth > MAX_DEPTH || walk.left.nodes-- <= 0) return {};
  const { $ref: reference, ...rest } = node;
  if (typeof reference === 'string') {
    const target = walk.following.includes(reference) ? undefined : resolve(reference, walk.root);
    return cleanNode({ ...target, ...rest }, { ...walk, following: [...walk.following, reference] });
  }
  const inside = { ...walk, depth: walk.depth + 1 };
  const cleaned: Record<string, unknown> = {};
  for (const [keyword, value] of Object.entries(node)) {
    const clean = KEYWORDS.get(keyword)?.(value, inside);
    if (clean !== undefined) cleaned[keyword] = clean;
  }
  if ('const' in node && node['const'] !== null) cleaned['enum'] = [node['const']];
  return cleaned;
}

/** The cleaned value of one keyword, or undefined to leave the keyword out. */
type Clean = (value: unknown, walk: Walk) => unknown;

const cleanChild: Clean = (value, walk) => (isRecord(value) ? cleanNode(value, walk) : undefined);

const cleanList: Clean = (value, walk) => {
  if (!Array.isArray(value)) return undefined;
  const items = value.filter(isRecord).map((item) => cleanNode(item, walk));
  return items.length > 0 ? items : undefined;
};

const cleanProperties: Clean = (value, walk) => {
  if (!isRecord(value)) return {};
  // The names here are the client's own: a property called `format` or `pattern` stays.
  return Object.fromEntries(
    Object.entries(value).map(([name, schema]) => [name, isRecord(schema) ? cleanNode(schema, walk) : {}]),
  );
};

const cleanStrings: Clean = (value) => {
  if (!Array.isArray(value)) return undefined;
  const strings = [...new Set(value.filter((it) => typeof it === 'string'))];
  return strings.length > 0 ? strings : undefined;
};

const cleanText: Clean = (value) => (typeof value === 'string' && value !== '' ? value : undefined);

/** A type name, or a list of them; `[X, "null"]` is `X`, because every property may be left out anyway. */
const cleanType: Clean = (value, walk) => {
  if (!Array.isArray(value)) return cleanText(value, walk);
  const names = value.filter((it) => typeof it === 'string' && it !== 'null');
  return names.length > 1 ? names : names[0];
};

const cleanEnum: Clean = (value) => {
  if (!Array.isArray(value)) return undefined;
  const values = value.filter((it) => it !== null && it !== undefined);
  return values.length > 0 ? values : undefined;
};

/** Everything that passes. `additionalProperties`, `$schema` and the validating keywords are absent on purpose. */
const KEYWORDS: ReadonlyMap<string, Clean> = new Map(
  Object.entries({
    type: cleanType,
    title: cleanText,
    description: cleanText,
    enum: cleanEnum,
    properties: cleanProperties,
    required: cleanStrings,
    items: (value, walk) => cleanChild(Array.isArray(value) ? value[0] : value, walk),
    anyOf: cleanList,
    oneOf: cleanList,
    allOf: cleanList,
  }),
);

const ALTERNATIVES = ['anyOf', 'oneOf', 'allOf'] as const;

/** Root alternatives become one object with the properties of all; only `allOf` can require something. */
function mergeAlternatives(root: JsonObject): JsonObject {
  const { anyOf, oneOf, allOf, ...rest } = root;
  const properties: Record<string, unknown> = {};
  const required: unknown[] = [];
  for (const branch of [anyOf, oneOf, allOf].flatMap((list) => (Array.isArray(list) ? list.filter(isRecord) : []))) {
    Object.assign(properties, branch['properties']);
  }
  if (Array.isArray(allOf)) required.push(...allOf.filter(isRecord).flatMap((branch) => branch['required'] ?? []));
  Object.assign(properties, rest['properties']);
  if (Array.isArray(rest['required'])) required.push(...rest['required']);
  const merged = { ...rest, type: 'object', properties };
  return required.length > 0 ? { ...merged, required: [...new Set(required)] } : merged;
}

/** `#/$defs/name` and the like; anything not local is unknown here. */
function resolve(reference: string, root: JsonObject): JsonObject | undefined {
  if (!reference.startsWith('#/')) return undefined;
  let found: unknown = root;
  for (const step of reference.slice(2).split('/')) {
    if (!isRecord(found)) return undefined;
    found = found[step.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return isRecord(found) ? found : undefined;
}

/** More than real tools need; a schema that refers to itself ends here. */
const MAX_DEPTH = 32;
const MAX_NODES = 5000;
