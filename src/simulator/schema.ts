/** JSON schemas: those that the service refuses, what does not fit one, and plausible values that do. */

import { firstOf, isRecord } from './request.js';

type Schema = Readonly<Record<string, unknown>>;

/** The first fault of a tool's input schema, as a sentence that names its path. */
export function findSchemaFault(schema: Schema, path: string): string | undefined {
  if (schema['type'] !== 'object') return `${path}.type must be "object"`;
  const composition = ['oneOf', 'anyOf', 'allOf'].find((keyword) => Object.hasOwn(schema, keyword));
  if (composition !== undefined) return `${path} has ${composition} at its root`;
  return findKeywordFault(schema, { root: schema, path, depth: 1 });
}

type Place = { readonly root: Schema; readonly path: string; readonly depth: number };

function findKeywordFault(schema: unknown, place: Place): string | undefined {
  if (typeof schema === 'boolean') return undefined;
  if (!isRecord(schema)) return `${place.path} is not a schema`;
  if (place.depth > DEEPEST_SCHEMA) return `${place.path} is nested too deeply`;
  return firstOf(Object.entries(schema), ([keyword, value]) => {
    const path = `${place.path}.${keyword}`;
    const isLegal = KEYWORDS.get(keyword);
    if (isLegal === undefined && value === null && !VALUE_KEYWORDS.has(keyword)) return `${path} is null`;
    if (isLegal !== undefined && !isLegal(value)) return `${path} has an illegal value`;
    if (keyword === '$ref' && targetOf(value, place.root) === undefined) return `${path} points at nothing`;
    return findFaultBelow(keyword, value, { ...place, path, depth: place.depth + 1 });
  });
}

/** Steps into subschemas; names under `properties` are names and never keywords. */
function findFaultBelow(keyword: string, value: unknown, place: Place): string | undefined {
  if (!KEYWORDS_OF_SCHEMAS.has(keyword) || typeof value !== 'object' || value === null) return undefined;
  if (isRecord(value) && KEYWORDS.get(keyword) === isSchemaOrList) return findKeywordFault(value, place);
  return firstOf(Object.entries(value), ([name, schema]) =>
    findKeywordFault(schema, { ...place, path: `${place.path}.${name}` }),
  );
}

/** Undefined when there is nothing. Only local references can be followed; the empty path is the root itself. */
function targetOf(reference: unknown, root: Schema): unknown {
  if (typeof reference !== 'string' || !reference.startsWith('#')) return undefined;
  let target: unknown = root;
  for (const step of reference.split('/').slice(1)) {
    if (!isRecord(target) && !Array.isArray(target)) return undefined;
    target = new Map<string, unknown>(Object.entries(target)).get(decodeStep(step));
  }
  return target;
}

/** A step of a JSON pointer inside a URL; what is no legal escape stands for itself. */
function decodeStep(step: string): string {
  const isEscaped = /^(?:[^%]|%[0-7][0-9a-f])*$/i.test(step);
  return (isEscaped ? decodeURIComponent(step) : step).replaceAll('~1', '/').replaceAll('~0', '~');
}

const isText = (value: unknown) => typeof value === 'string';
const isNumber = (value: unknown) => typeof value === 'number';
const isFlag = (value: unknown) => typeof value === 'boolean';
const isTextList = (value: unknown) => Array.isArray(value) && value.every(isText);
const isFilledList = (value: unknown) => Array.isArray(value) && value.length > 0;
const isSchemaOrList = (value: unknown) => isRecord(value) || isFlag(value) || isFilledList(value);
const isTypeName = (value: unknown) =>
  'object array string number integer boolean null'.split(' ').some((it) => it === value);
const isType = (value: unknown) =>
  Array.isArray(value) ? isFilledList(value) && value.every(isTypeName) : isTypeName(value);

const SCHEMA_OR_LIST = 'items not if then else contains propertyNames additionalProperties';
const LISTS = 'anyOf oneOf allOf prefixItems';
const MAPS = 'properties patternProperties dependentSchemas $defs definitions';
const NUMBERS = 'minimum maximum minLength maxLength minItems maxItems minProperties maxProperties multipleOf';

const KEYWORDS: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ...named(isSchemaOrList, SCHEMA_OR_LIST),
  ...named(isFilledList, `${LISTS} enum`),
  ...named(isRecord, MAPS),
  ...named(isText, '$ref $schema $id title description format pattern'),
  ...named(isNumber, NUMBERS),
  ...named(isFlag, 'uniqueItems nullable'),
  ...named(isType, 'type'),
  ...named(isTextList, 'required'),
  ...named(Array.isArray, 'examples'),
]);

function named(isLegal: (value: unknown) => boolean, words: string) {
  return words.split(' ').map((word) => [word, isLegal] as const);
}

const KEYWORDS_OF_SCHEMAS = new Set(`${SCHEMA_OR_LIST} ${LISTS} ${MAPS}`.split(' '));
/** Keywords whose value is data: null is a legal value there. */
const VALUE_KEYWORDS = new Set(['const', 'default', 'example']);

/** No source names the real limit; this one is far above what tools need and far below a stack. */
const DEEPEST_SCHEMA = 64;

/** The first field that the schema does not allow, in the words of the service. */
export function findFieldFault(fields: Schema, schema: Schema | null): string | undefined {
  return findFieldMisfit(fields, schema ?? NO_FIELDS, '');
}

function findFieldMisfit(value: unknown, schema: Schema, path: string): string | undefined {
  if (schema['type'] === 'object') return findObjectFault(value, schema, path);
  if (Array.isArray(schema['enum'])) {
    return schema['enum'].includes(value) ? undefined : `property '${path}' is not one of the allowed values`;
  }
  if (schema['type'] === 'string') return typeof value === 'string' ? undefined : `property '${path}' is not a string`;
  if (schema['type'] !== 'integer') return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value)) return `property '${path}' is not an integer`;
  const isInside = value >= limit(schema['minimum'], -Infinity) && value <= limit(schema['maximum'], Infinity);
  return isInside ? undefined : `property '${path}' is out of range`;
}

function findObjectFault(value: unknown, schema: Schema, path: string): string | undefined {
  if (!isRecord(value)) return `property '${path}' is not an object`;
  const properties = isRecord(schema['properties']) ? schema['properties'] : {};
  return firstOf(Object.entries(value), ([name, item]) => {
    const itemPath = path === '' ? name : `${path}.${name}`;
    const itemSchema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (!isRecord(itemSchema)) return `property '${itemPath}' is not defined in the schema`;
    return findFieldMisfit(item, itemSchema, itemPath);
  });
}

function limit(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}

/** A model without a schema takes no fields at all. */
const NO_FIELDS: Schema = { type: 'object', properties: {} };

type SampleOptions = {
  /** The value of every string that the schema leaves free; without it the name of the property decides. */
  readonly text?: string;
};

/** An object that satisfies the schema: its required properties, or all of them when none is required. */
export function sampleObject(schema: Schema, options: SampleOptions = {}): Record<string, unknown> {
  return sampleProperties(schema, { ...options, root: schema, depth: 0 });
}

/** The arguments of a tool call: only what the tool requires. */
export function sampleArguments(schema: Schema): Record<string, unknown> {
  const hasRequired = Array.isArray(schema['required']) && schema['required'].length > 0;
  return hasRequired ? sampleObject(schema) : {};
}

type Context = SampleOptions & { readonly root: Schema; readonly depth: number };

function sampleProperties(schema: Schema, context: Context): Record<string, unknown> {
  const properties = isRecord(schema['properties']) ? schema['properties'] : {};
  const required: readonly unknown[] = Array.isArray(schema['required']) ? schema['required'] : [];
  const names = required.length > 0 ? required.filter((name) => typeof name === 'string') : Object.keys(properties);
  return Object.fromEntries(names.map((name) => [name, sampleValue(properties[name], name, context)]));
}

function sampleValue(value: unknown, name: string, context: Context): unknown {
  const schema = resolveReference(value, context.root);
  const given = findGiven(schema);
  if (given !== undefined) return given;
  const deeper = { ...context, depth: context.depth + 1 };
  if (deeper.depth > DEEPEST_SAMPLE) return null;
  const branch = [schema['anyOf'], schema['oneOf'], schema['allOf']].find((it) => Array.isArray(it));
  if (branch !== undefined) return sampleValue(firstBranch(branch), name, deeper);
  switch (typeOf(schema)) {
    case 'object':
      return sampleProperties(schema, deeper);
    case 'array':
      return Array.from({ length: Math.max(1, countOf(schema['minItems'])) }, () =>
        sampleValue(schema['items'], name, deeper),
      );
    case 'integer':
    case 'number':
      return sampleNumber(schema);
    case 'boolean':
      return false;
    case 'null':
      return null;
    default:
      return sampleText(schema, name, context);
  }
}

/** A value that the schema itself names. */
function findGiven(schema: Schema): unknown {
  if (schema['const'] !== undefined) return schema['const'];
  const lists = [schema['enum'], schema['examples']].filter((it) => Array.isArray(it));
  return schema['default'] ?? lists.find((list) => list.length > 0)?.[0];
}

function firstBranch(branches: readonly unknown[]): unknown {
  return branches.find((branch) => isRecord(branch) && branch['type'] !== 'null');
}

function typeOf(schema: Schema): unknown {
  const type: unknown = schema['type'];
  if (Array.isArray(type)) return type.find((it) => it !== 'null');
  return type ?? (isRecord(schema['properties']) ? 'object' : 'string');
}

function sampleNumber(schema: Schema): number {
  const least = [schema['minimum'], schema['exclusiveMinimum']].find((it) => typeof it === 'number');
  if (typeof least === 'number') return schema['minimum'] === least ? least : least + 1;
  return typeof schema['maximum'] === 'number' ? Math.min(1, schema['maximum']) : 1;
}

function sampleText(schema: Schema, name: string, { text }: Context): string {
  const format = FORMATS.get(schema['format']);
  const words = format ?? text ?? findText(name);
  const padded = words.padEnd(countOf(schema['minLength']), '.');
  return typeof schema['maxLength'] === 'number' ? padded.slice(0, schema['maxLength']) : padded;
}

function findText(name: string): string {
  const key = name.toLowerCase();
  return TEXTS.find(([part]) => key.includes(part))?.[1] ?? 'example';
}

function countOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function resolveReference(value: unknown, root: Schema): Schema {
  if (!isRecord(value)) return {};
  const reference = value['$ref'];
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return value;
  const target = targetOf(reference, root);
  return isRecord(target) ? target : {};
}

const FORMATS: ReadonlyMap<unknown, string> = new Map(
  Object.entries({
    date: '2026-01-31',
    time: '12:00:00Z',
    'date-time': '2026-01-31T12:00:00Z',
    email: 'someone@example.com',
    uri: 'https://example.com/',
    uuid: '6f1d4f5e-0c1b-4b52-9a55-3c8a4d9b7e10',
  }),
);

/** What a property is probably for, by a part of its name; the first match counts. */
const TEXTS: readonly (readonly [string, string])[] = [
  ['command', 'echo hello'],
  ['cmd', 'echo hello'],
  ['description', 'A short demonstration'],
  ['pattern', '*.md'],
  ['path', 'README.md'],
  ['file', 'README.md'],
  ['url', 'https://example.com/'],
  ['query', 'weather in Oslo'],
  ['city', 'Oslo'],
  ['location', 'Oslo'],
  ['country', 'Norway'],
  ['name', 'example'],
  ['date', '2026-01-31'],
];

const DEEPEST_SAMPLE = 8;
