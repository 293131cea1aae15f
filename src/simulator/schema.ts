/** JSON schemas: those that the service refuses, what does not fit one, and plausible values that do. */

import { isRecord, recordOf } from '../core/reader.js';

type Schema = Readonly<Record<string, unknown>>;

/** The first fault of a tool's input schema, as a sentence that names its path. */
export function findSchemaFault(schema: Schema, path: string): string | undefined {
  if (schema['type'] !== 'object') return `${path}.type must be "object"`;
  const composition = ['oneOf', 'anyOf', 'allOf'].find((keyword) => Object.hasOwn(schema, keyword));
  if (composition !== undefined) return `${path} has ${composition} at its root`;
  const [fault] = keywordFaults(schema, schema, path, 1);
  return fault;
}

function* keywordFaults(schema: unknown, root: Schema, path: string, depth: number): Generator<string, void, void> {
  if (typeof schema === 'boolean') return;
  if (!isRecord(schema)) return yield `${path} is not a schema`;
  if (depth > DEEPEST_SCHEMA) return yield `${path} is nested too deeply`;
  for (const [keyword, value] of Object.entries(schema)) {
    const place = `${path}.${keyword}`;
    const { isLegal, holds } = KEYWORDS.get(keyword) ?? UNKNOWN_KEYWORD;
    if (!isLegal(value)) yield `${place} has an illegal value`;
    if (keyword === '$ref' && targetOf(value, root) === undefined) yield `${place} points at nothing`;
    // Names under `properties` are names and never keywords.
    if (holds === 'schemas' || (holds === 'schema' && Array.isArray(value))) {
      for (const [name, item] of membersOf(value)) yield* keywordFaults(item, root, `${place}.${name}`, depth + 1);
    } else if (holds === 'schema') yield* keywordFaults(value, root, place, depth + 1);
  }
}

function membersOf(value: unknown): readonly (readonly [name: string, item: unknown])[] {
  return isRecord(value) || Array.isArray(value) ? Object.entries(value) : [];
}

/** Undefined when there is nothing. Only local references can be followed; the empty path is the root itself. */
function targetOf(reference: unknown, root: Schema): unknown {
  if (typeof reference !== 'string' || !reference.startsWith('#')) return undefined;
  let target: unknown = root;
  for (const step of reference.split('/').slice(1)) {
    target = new Map(membersOf(target)).get(decodeStep(step));
  }
  return target;
}

/** A step of a JSON pointer inside a URL; what is no legal escape stands for itself. */
function decodeStep(step: string): string {
  const isEscaped = /^(?:[^%]|%[0-7][0-9a-f])*$/i.test(step);
  return (isEscaped ? decodeURIComponent(step) : step).replaceAll('~1', '/').replaceAll('~0', '~');
}

type IsLegal = (value: unknown) => boolean;

type Keyword = { readonly isLegal: IsLegal; readonly holds?: 'schema' | 'schemas' | undefined };

const isText: IsLegal = (value) => typeof value === 'string';
const isNumber: IsLegal = (value) => typeof value === 'number';
const isFlag: IsLegal = (value) => typeof value === 'boolean';
const isTextList: IsLegal = (value) => Array.isArray(value) && value.every(isText);
const isFilledList: IsLegal = (value) => Array.isArray(value) && value.length > 0;
const isSchema: IsLegal = (value) => isRecord(value) || isFlag(value);
const isType: IsLegal = (value) =>
  isFilledList(value) ? [value].flat().every((it) => TYPES.includes(it)) : TYPES.includes(value);

const TYPES: readonly unknown[] = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'];

const KEYWORDS: ReadonlyMap<string, Keyword> = new Map([
  ...named('not if then else contains propertyNames additionalProperties', isSchema, 'schema'),
  ...named('items', (value) => isSchema(value) || isFilledList(value), 'schema'),
  ...named('anyOf oneOf allOf prefixItems', isFilledList, 'schemas'),
  ...named('properties patternProperties dependentSchemas $defs definitions', isRecord, 'schemas'),
  ...named('enum', isFilledList),
  ...named('$ref $schema $id title description format pattern', isText),
  ...named('minimum maximum multipleOf minLength maxLength minItems maxItems minProperties maxProperties', isNumber),
  ...named('uniqueItems nullable', isFlag),
  ...named('type', isType),
  ...named('required', isTextList),
  ...named('examples', Array.isArray),
  // Their value is data: null is a legal one.
  ...named('const default example', () => true),
]);

const UNKNOWN_KEYWORD: Keyword = { isLegal: (value) => value !== null };

function named(keywords: string, isLegal: IsLegal, holds?: Keyword['holds']) {
  return keywords.split(' ').map((keyword) => [keyword, { isLegal, holds }] as const);
}

/** No source names the real limit; this one is far above what tools need and far below a stack. */
const DEEPEST_SCHEMA = 64;

/** The first field that the schema does not allow, in the words of the service; without a schema none is. */
export function findFieldFault(value: unknown, schema: Schema | null, path = ''): string | undefined {
  const { type, enum: allowed, properties, minimum = -Infinity, maximum = Infinity } = schema ?? { type: 'object' };
  if (type === 'object') {
    if (!isRecord(value)) return `property '${path}' is not an object`;
    const known = new Map(membersOf(properties));
    for (const [name, item] of Object.entries(value)) {
      const place = path === '' ? name : `${path}.${name}`;
      const shape = known.get(name);
      const fault = isRecord(shape)
        ? findFieldFault(item, shape, place)
        : `property '${place}' is not defined in the schema`;
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  if (Array.isArray(allowed)) {
    return allowed.includes(value) ? undefined : `property '${path}' is not one of the allowed values`;
  }
  if (!Number.isInteger(value)) return `property '${path}' is not an integer`;
  const isInside = Number(value) >= Number(minimum) && Number(value) <= Number(maximum);
  return isInside ? undefined : `property '${path}' is out of range`;
}

/**
 * A value that satisfies the schema: of its properties the required ones, or all when none is required.
 * @param text The value of every string that the schema leaves free; without it the name of the property decides.
 */
export function sample(root: Schema, text?: string): unknown {
  // References may lead round in circles, and each round may be wider than the one before.
  let left = MOST_VALUES;

  function sampleProperties({ properties, required }: Schema, depth: number): Record<string, unknown> {
    const known = new Map(membersOf(properties));
    const names = isFilledList(required) ? [required].flat().map(String) : [...known.keys()];
    return Object.fromEntries(names.map((name) => [name, sampleValue(known.get(name), name, depth)]));
  }

  function sampleValue(value: unknown, name: string, depth: number): unknown {
    const schema = resolveReference(value, root);
    const { const: only, enum: allowed, default: usual, examples, anyOf, oneOf, allOf, items, minItems } = schema;
    const [given] = [only, usual ?? undefined, firstOf(allowed), firstOf(examples)].filter((it) => it !== undefined);
    if (given !== undefined) return given;
    left -= 1;
    if (depth >= DEEPEST_SAMPLE || left <= 0) return null;
    const branches = [anyOf, oneOf, allOf].find((it) => Array.isArray(it));
    // Beside properties they only say which of these go together.
    if (branches !== undefined && !isRecord(schema['properties'])) {
      const branch: unknown = branches.find((it) => isRecord(it) && it['type'] !== 'null');
      return sampleValue(branch, name, depth + 1);
    }
    switch (typeOf(schema)) {
      case 'object':
        return sampleProperties(schema, depth + 1);
      case 'array': {
        const length = Math.min(Math.max(1, countOf(minItems)), LONGEST_LIST);
        return Array.from({ length }, () => sampleValue(items, name, depth + 1));
      }
      case 'integer':
      case 'number':
        return sampleNumber(schema);
      case 'boolean':
        return false;
      case 'null':
        return null;
      default:
        return sampleText(schema, name, text);
    }
  }

  return sampleValue(root, '', 0);
}

/** The arguments of a tool call: only what the tool requires. */
export function sampleArguments(schema: Schema): Readonly<Record<string, unknown>> {
  return isFilledList(schema['required']) ? recordOf(sample({ ...schema, type: 'object' })) : {};
}

function firstOf(list: unknown): unknown {
  return Array.isArray(list) ? list[0] : undefined;
}

function typeOf({ type, properties }: Schema): unknown {
  if (Array.isArray(type)) return type.find((it) => it !== 'null');
  return type ?? (isRecord(properties) ? 'object' : 'string');
}

function sampleNumber({ minimum, exclusiveMinimum, maximum }: Schema): number {
  if (typeof minimum === 'number') return minimum;
  if (typeof exclusiveMinimum === 'number') return exclusiveMinimum + 1;
  return typeof maximum === 'number' ? Math.min(1, maximum) : 1;
}

function sampleText({ format, minLength, maxLength }: Schema, name: string, text: string | undefined): string {
  const key = name.toLowerCase();
  const words = FORMATS.get(format) ?? text ?? TEXTS.find(([part]) => key.includes(part))?.[1] ?? 'example';
  const padded = words.padEnd(Math.min(countOf(minLength), LONGEST_TEXT), '.');
  return typeof maxLength === 'number' ? padded.slice(0, maxLength) : padded;
}

function countOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function resolveReference(value: unknown, root: Schema): Schema {
  const schema = recordOf(value);
  const { $ref: reference } = schema;
  return reference === undefined ? schema : recordOf(targetOf(reference, root));
}

const FORMATS: ReadonlyMap<unknown, string> = new Map([
  ['date', '2026-01-31'],
  ['time', '12:00:00Z'],
  ['date-time', '2026-01-31T12:00:00Z'],
  ['email', 'someone@example.com'],
  ['uri', 'https://example.com/'],
  ['uuid', '6f1d4f5e-0c1b-4b52-9a55-3c8a4d9b7e10'],
]);

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
  ['date', '2026-01-31'],
];

const DEEPEST_SAMPLE = 8;
const MOST_VALUES = 1000;
const LONGEST_LIST = 100;
const LONGEST_TEXT = 10_000;
