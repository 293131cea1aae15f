/** What makes the service refuse the schema of a tool: a root that is no plain object, null or ill-typed keywords. */
import { isRecord } from './shape.js';

/** The first fault of a tool's input schema, as a sentence that names its path. */
export function findSchemaFault(schema: Readonly<Record<string, unknown>>, path: string): string | undefined {
  if (schema['type'] !== 'object') return `${path}.type must be "object"`;
  const composition = ['oneOf', 'anyOf', 'allOf'].find((keyword) => Object.hasOwn(schema, keyword));
  if (composition !== undefined) return `${path} has ${composition} at its root`;
  return findFault(schema, { root: schema, path, depth: 1 });
}

type Place = { readonly root: Readonly<Record<string, unknown>>; readonly path: string; readonly depth: number };

function findFault(schema: unknown, place: Place): string | undefined {
  if (typeof schema === 'boolean') return undefined;
  if (!isRecord(schema)) return `${place.path} is not a schema`;
  if (place.depth > DEEPEST_SCHEMA) return `${place.path} is nested too deeply`;
  for (const [keyword, value] of Object.entries(schema)) {
    const path = `${place.path}.${keyword}`;
    const isLegal = KEYWORDS.get(keyword) ?? (SCHEMA_KEYWORDS.has(keyword) ? isSchemaOrList : undefined);
    if (isLegal === undefined && value === null && !VALUE_KEYWORDS.has(keyword)) return `${path} is null`;
    if (isLegal !== undefined && !isLegal(value)) return `${path} has an illegal value`;
    if (keyword === '$ref' && !hasTarget(value, place.root)) return `${path} points at nothing`;
    const fault = findFaultBelow(keyword, value, { ...place, path, depth: place.depth + 1 });
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** Steps into subschemas; names under `properties` are names and never keywords. */
function findFaultBelow(keyword: string, value: unknown, place: Place): string | undefined {
  const isOne = SCHEMA_KEYWORDS.has(keyword) && !Array.isArray(value);
  if (isOne) return findFault(value, place);
  if (!SCHEMA_KEYWORDS.has(keyword) && !LIST_KEYWORDS.has(keyword) && !MAP_KEYWORDS.has(keyword)) return undefined;
  for (const [name, schema] of Object.entries(Array.isArray(value) || isRecord(value) ? value : {})) {
    const fault = findFault(schema, { ...place, path: `${place.path}.${name}` });
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** Only local references can be followed; the empty path is the root itself. */
function hasTarget(reference: unknown, root: Readonly<Record<string, unknown>>): boolean {
  if (typeof reference !== 'string' || !reference.startsWith('#')) return false;
  const steps = reference.slice(1).split('/').slice(1);
  let target: unknown = root;
  for (const step of steps) {
    const name = decodeStep(step);
    const owner: unknown = target;
    if (!(isRecord(owner) || Array.isArray(owner)) || !Object.hasOwn(owner, name)) return false;
    target = Object.entries(owner).find(([key]) => key === name)?.[1];
  }
  return true;
}

/** A step of a JSON pointer inside a URL; what is no legal escape stands for itself. */
function decodeStep(step: string): string {
  const isEscaped = /^(?:[^%]|%[0-7][0-9a-f])*$/i.test(step);
  return (isEscaped ? decodeURIComponent(step) : step).replaceAll('~1', '/').replaceAll('~0', '~');
}

const isText = (value: unknown) => typeof value === 'string';
const isNumber = (value: unknown) => typeof value === 'number';
const isFlag = (value: unknown) => typeof value === 'boolean';
const isSchema = (value: unknown) => isRecord(value) || typeof value === 'boolean';
const isTextList = (value: unknown) => Array.isArray(value) && value.every(isText);
const isFilledList = (value: unknown) => Array.isArray(value) && value.length > 0;
const isSchemaOrList = (value: unknown) => isSchema(value) || isFilledList(value);
const isType = (value: unknown) =>
  Array.isArray(value) ? value.length > 0 && value.every((item) => TYPES.has(item)) : TYPES.has(value);

const TYPES: ReadonlySet<unknown> = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']);

const KEYWORDS: ReadonlyMap<string, (value: unknown) => boolean> = new Map(
  Object.entries({
    type: isType,
    properties: isRecord,
    required: isTextList,
    enum: isFilledList,
    anyOf: isFilledList,
    oneOf: isFilledList,
    allOf: isFilledList,
    prefixItems: isFilledList,
    patternProperties: isRecord,
    dependentSchemas: isRecord,
    $defs: isRecord,
    definitions: isRecord,
    $ref: isText,
    $schema: isText,
    $id: isText,
    title: isText,
    description: isText,
    format: isText,
    pattern: isText,
    minimum: isNumber,
    maximum: isNumber,
    minLength: isNumber,
    maxLength: isNumber,
    minItems: isNumber,
    maxItems: isNumber,
    minProperties: isNumber,
    maxProperties: isNumber,
    multipleOf: isNumber,
    uniqueItems: isFlag,
    nullable: isFlag,
    examples: (value) => Array.isArray(value),
  }),
);

/** Keywords whose value is data: null is a legal value there. */
const VALUE_KEYWORDS = new Set(['const', 'default', 'example']);
const SCHEMA_KEYWORDS = new Set('items not if then else contains propertyNames additionalProperties'.split(' '));
const LIST_KEYWORDS = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems']);
const MAP_KEYWORDS = new Set(['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions']);

/** No source names the real limit; this one is far above what tools need and far below a stack. */
const DEEPEST_SCHEMA = 64;
