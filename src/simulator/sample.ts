/** Makes plausible values out of a JSON schema: arguments for tool calls and structured answers. */
import { isRecord } from './shape.js';

type Schema = Readonly<Record<string, unknown>>;

export type SampleOptions = {
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
  const schema = resolve(value, context.root);
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

function resolve(value: unknown, root: Schema): Schema {
  if (!isRecord(value)) return {};
  const reference = value['$ref'];
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return value;
  let target: unknown = root;
  for (const step of reference.slice(2).split('/')) target = isRecord(target) ? target[step] : undefined;
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
