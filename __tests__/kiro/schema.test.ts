/** Schemas as clients write them, and as Kiro takes them (protocol rules 17 and 18). */

import { expect, test } from '@jest/globals';
import { cleanSchema } from '../../src/kiro/tools.js';
import { findSchemaFault } from '../../src/simulator/schema.js';

type Schema = Readonly<Record<string, unknown>>;

/** A whole schema and what becomes of it. */
function root(title: string, given: Schema | undefined, expected: Schema): void {
  test(title, () => {
    const cleaned = cleanSchema(given);
    expect(cleaned).toEqual(expected);
    expect(findSchemaFault(cleaned, 'schema')).toBe(undefined);
    expect(cleanSchema(cleaned)).toEqual(cleaned);
  });
}

/** One property of an object and what becomes of it. */
function property(title: string, given: unknown, expected: Schema): void {
  root(title, { type: 'object', properties: { p: given } }, { type: 'object', properties: { p: expected } });
}

const object = (properties: Schema, rest: Schema = {}): Schema => ({ type: 'object', properties, ...rest });
const string = { type: 'string' };
const number = { type: 'number' };

// --- the root

root('no schema is an object of nothing', undefined, object({}));
root('an empty schema is an object of nothing', {}, object({}));
root(
  'an ordinary schema stays as it is',
  object({ a: string }, { required: ['a'] }),
  object({ a: string }, { required: ['a'] }),
);
root('a root without a type becomes an object', { properties: { a: string } }, object({ a: string }));
root('a root that may be null is an object', { type: ['object', 'null'], properties: {} }, object({}));
root('a root of an unknown type is an object', { type: 'OBJECT', properties: { a: string } }, object({ a: string }));
root(
  'a root of another type goes inside',
  { type: 'string', description: 'd' },
  object({ input: { type: 'string', description: 'd' } }, { required: ['input'] }),
);
root(
  'a root that is a list goes inside',
  { type: 'array', items: string },
  object({ input: { type: 'array', items: string } }, { required: ['input'] }),
);
root(
  'a root of another type with properties is an object',
  { type: 'string', properties: { a: string } },
  object({ a: string }),
);

// --- alternatives at the root

root(
  'alternatives become one object that requires nothing of them',
  { anyOf: [object({ a: string }, { required: ['a'] }), object({ b: number })] },
  object({ a: string, b: number }),
);
root(
  'oneOf is an alternative too',
  { oneOf: [object({ a: string })], description: 'd' },
  object({ a: string }, { description: 'd' }),
);
root(
  'what allOf requires stays required',
  {
    allOf: [object({ a: string }, { required: ['a'] }), object({ b: number }, { required: ['b', 'a'] })],
    required: ['c'],
    properties: { c: string },
  },
  object({ a: string, b: number, c: string }, { required: ['a', 'b', 'c'] }),
);
root(
  'alternatives inside alternatives are found',
  {
    allOf: [
      { allOf: [object({ a: string }, { required: ['a'] })] },
      { anyOf: [object({ b: number }, { required: ['b'] })] },
    ],
  },
  object({ a: string, b: number }, { required: ['a'] }),
);
root(
  'a property that the alternatives describe differently may be any of them',
  { anyOf: [object({ kind: { const: 'a' }, x: string }), object({ kind: { const: 'b' }, x: string })] },
  object({ kind: { anyOf: [{ enum: ['a'] }, { enum: ['b'] }] }, x: string }),
);
root('alternatives that are no schemas are nothing', { anyOf: [true, null, 'a'] }, object({}));
root(
  'alternatives that are referred to are found',
  { anyOf: [{ $ref: '#/$defs/a' }], $defs: { a: object({ a: string }) } },
  object({ a: string }),
);

// --- keywords

property(
  'a title, a description and an enumeration stay',
  { ...string, title: 't', description: 'd', enum: ['a'] },
  { ...string, title: 't', description: 'd', enum: ['a'] },
);
property(
  'a default stays, whatever it is',
  { ...string, default: { a: [false] } },
  { ...string, default: { a: [false] } },
);
property('a default of nothing goes', { ...string, default: null }, string);
property('alternatives inside stay', { anyOf: [string, { type: 'null' }] }, { anyOf: [string, { type: 'null' }] });
property(
  'what only validates goes',
  {
    ...string,
    format: 'uri',
    pattern: '.',
    minLength: 1,
    maxLength: 2,
    minimum: 1,
    maximum: 2,
    multipleOf: 2,
    uniqueItems: true,
    minItems: 1,
    examples: [],
  },
  string,
);
property(
  'additionalProperties goes, whatever it is',
  object({ a: string }, { additionalProperties: false }),
  object({ a: string }),
);
property(
  '$schema, $id, $defs and definitions go',
  object({}, { $schema: 's', $id: 'i', $defs: { a: string }, definitions: {} }),
  object({}),
);
property('conditions go', { ...string, not: {}, if: {}, else: {}, dependentSchemas: {} }, string);
property('strict and other inventions go', { ...string, strict: true, encrypted: true, 'x-order': 1 }, string);
property('const becomes an enumeration of one', { const: 'a' }, { enum: ['a'] });
property('const of an object stays one value', { const: { a: 1 } }, { enum: [{ a: 1 }] });
property('const of null goes', { const: null }, {});
property('null leaves an enumeration', { enum: ['a', null] }, { enum: ['a'] });
property('an enumeration of nothing but null goes', { enum: [null] }, {});
property('an empty enumeration goes', { enum: [] }, {});
property('an empty required goes', object({}, { required: [] }), object({}));
property(
  'required takes only names, each once',
  object({ a: string }, { required: ['a', 1, null, 'a'] }),
  object({ a: string }, { required: ['a'] }),
);
property('a nullable type is the type', { type: ['string', 'null'] }, string);
property(
  'several types stay several',
  { type: ['string', 'number', 'null', 'string'] },
  { type: ['string', 'number'] },
);
property('a type that is null stays', { type: 'null' }, { type: 'null' });
property('types that JSON schema does not know go', { type: 'any' }, {});
property('types that JSON schema does not know leave a list', { type: ['any', 'string', 1] }, string);
property(
  'null and ill-typed keywords go',
  { type: null, title: null, description: 5, enum: 'a', items: null, anyOf: {}, required: 'a' },
  {},
);
property('properties that are null are none', { type: 'object', properties: null }, object({}));
property('an empty description goes', { ...string, description: '' }, string);
property('a property that is true may be anything', true, {});
property('a property that is null may be anything', null, {});
property('items stay', { type: 'array', items: { ...string, format: 'uri' } }, { type: 'array', items: string });
property(
  'of items in a row the first counts',
  { type: 'array', items: [string, number] },
  { type: 'array', items: string },
);
property('items that are true go', { type: 'array', items: true }, { type: 'array' });

// --- names are no keywords

root(
  'properties named like keywords stay',
  object({
    format: string,
    pattern: string,
    type: string,
    $ref: string,
    additionalProperties: number,
    default: string,
    properties: object({ required: string }),
  }),
  object({
    format: string,
    pattern: string,
    type: string,
    $ref: string,
    additionalProperties: number,
    default: string,
    properties: object({ required: string }),
  }),
);
test('properties and keywords named like parts of every object are only names', () => {
  const given = JSON.parse(
    '{"constructor":1,"toString":{},"__proto__":{"a":1},"properties":{"__proto__":{"type":"string"},"constructor":{"type":"number"},"toString":{}}}',
  );
  expect(JSON.stringify(cleanSchema(given))).toBe(
    '{"properties":{"__proto__":{"type":"string"},"constructor":{"type":"number"},"toString":{}},"type":"object"}',
  );
});
test('an alternative’s property named __proto__ is only a name', () => {
  const given = JSON.parse('{"anyOf":[{"properties":{"__proto__":{"type":"string"}}},{"properties":{"a":{}}}]}');
  expect(JSON.stringify(cleanSchema(given))).toBe(
    '{"type":"object","properties":{"__proto__":{"type":"string"},"a":{}}}',
  );
});

// --- references

root('a reference is followed', object({ a: { $ref: '#/$defs/a' } }, { $defs: { a: string } }), object({ a: string }));
root(
  'what stands beside a reference counts more',
  object({ a: { $ref: '#/$defs/a', description: 'mine' } }, { $defs: { a: { ...string, description: 'its' } } }),
  object({ a: { ...string, description: 'mine' } }),
);
root(
  'a reference to a reference is followed',
  object({ a: { $ref: '#/$defs/a' } }, { $defs: { a: { $ref: '#/definitions/b' } }, definitions: { b: string } }),
  object({ a: string }),
);
root(
  'escaped names are found',
  object({ a: { $ref: '#/$defs/x~1y~0z' } }, { $defs: { 'x/y~z': string } }),
  object({ a: string }),
);
root(
  'percent signs in a reference are read as in any URL, and stand for themselves where that is a name',
  object(
    { a: { $ref: '#/definitions/List%3Ctext%3E' }, b: { $ref: '#/definitions/100%' } },
    { definitions: { 'List<text>': string, '100%': number } },
  ),
  object({ a: string, b: number }),
);
root(
  'a reference into a list is followed',
  object({ a: { anyOf: [string, number] }, b: { $ref: '#/properties/a/anyOf/1' } }),
  object({ a: { anyOf: [string, number] }, b: number }),
);
root('the root can be a reference', { $ref: '#/$defs/a', $defs: { a: object({ a: string }) } }, object({ a: string }));
for (const reference of [
  '#/$defs/none',
  'https://example.com/schema',
  'other.json#/a',
  '#anchor',
  '#/constructor',
  '#/__proto__',
  '#/properties/a/anyOf/length',
  '',
]) {
  root(
    `a reference to ${JSON.stringify(reference)} may be anything`,
    object({ a: { $ref: reference, description: 'd' } }),
    object({ a: { description: 'd' } }),
  );
}
root(
  'a schema that refers to itself is unfolded once',
  object({ name: string, children: { type: 'array', items: { $ref: '#' } } }),
  object({
    name: string,
    children: { type: 'array', items: object({ name: string, children: { type: 'array', items: {} } }) },
  }),
);
root(
  'references in a circle end',
  object({ a: { $ref: '#/$defs/a' } }, { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } }),
  object({ a: {} }),
);

// --- size

test('a schema nested beyond measure is cut', () => {
  let deep: Schema = string;
  for (let depth = 0; depth < 5000; depth++) deep = object({ a: deep });
  expect(depthOf(cleanSchema(deep))).toBe(33);
});

test('a schema that doubles at every level is cut', () => {
  const levels = Array.from({ length: 60 }, (_, at) => [
    `l${at}`,
    object({ a: { $ref: `#/$defs/l${at + 1}` }, b: { $ref: `#/$defs/l${at + 1}` } }),
  ]);
  const cleaned = cleanSchema({ $ref: '#/$defs/l0', $defs: Object.fromEntries(levels) });
  expect(findSchemaFault(cleaned, 'schema')).toBe(undefined);
  expect(JSON.stringify(cleaned).length).toBeLessThan(300_000);
});

test('a large part that is referred to a thousand times is not repeated a thousand times', () => {
  const words = { enum: Array.from({ length: 10_000 }, (_, at) => `word ${at}`) };
  const properties = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`p${at}`, { $ref: '#/$defs/words' }]));
  const cleaned = cleanSchema(object(properties, { $defs: { words } }));
  expect(cleaned['properties']).toMatchObject({ p0: words, p999: {} });
  expect(JSON.stringify(cleaned).length).toBeLessThan(300_000);
});

test('a part of megabytes that is referred to ten thousand times costs no more than once', () => {
  const properties = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`p${at}`, { $ref: '#/$defs/a' }]));
  const cleaned = cleanSchema(object(properties, { $defs: { a: { description: 'x'.repeat(5_000_000) } } }));
  expect(cleaned['properties']).toMatchObject({ p0: {}, p9999: {} });
});

test('a schema with thousands of parts of its own stays whole', () => {
  const schema = object(Object.fromEntries(Array.from({ length: 6000 }, (_, at) => [`p${at}`, string])));
  expect(cleanSchema(schema)).toEqual(schema);
});

test('a chain of ten thousand references is cut', () => {
  const links = Array.from({ length: 10_000 }, (_, at) => [`l${at}`, { $ref: `#/$defs/l${at + 1}` }]);
  expect(cleanSchema({ $ref: '#/$defs/l0', $defs: Object.fromEntries(links) })).toEqual(object({}));
});

function depthOf(schema: unknown): number {
  if (typeof schema !== 'object' || schema === null || !('properties' in schema)) return 0;
  const { properties } = schema;
  return typeof properties === 'object' && properties !== null
    ? 1 + Math.max(-1, ...Object.values(properties).map(depthOf))
    : 0;
}
