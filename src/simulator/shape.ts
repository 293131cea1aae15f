/** A tiny description of JSON shapes, and the check that says where a value does not fit one. */

export type Shape =
  | { readonly kind: 'text'; readonly oneOf?: readonly string[]; readonly pattern?: RegExp }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integer' }
  /** Any JSON object: its inside belongs to somebody else. */
  | { readonly kind: 'document' }
  /** Lists are never empty on this wire: an empty one must be left out. */
  | { readonly kind: 'list'; readonly of: Shape }
  | { readonly kind: 'record'; readonly required: Fields; readonly optional: Fields }
  /** Exactly one of the members. */
  | { readonly kind: 'union'; readonly members: Fields };

export type Fields = Readonly<Record<string, Shape>>;

/** The first thing that does not fit, as a sentence that names its path. */
export function findMisfit(value: unknown, shape: Shape, path: string): string | undefined {
  switch (shape.kind) {
    case 'text':
      return findTextMisfit(value, shape, path);
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `${path} is not a boolean`;
    case 'integer':
      return Number.isInteger(value) ? undefined : `${path} is not an integer`;
    case 'document':
      return isRecord(value) ? undefined : `${path} is not an object`;
    case 'list':
      return findListMisfit(value, shape.of, path);
    case 'record':
      return findRecordMisfit(value, shape.required, shape.optional, path);
    case 'union':
      return findUnionMisfit(value, shape.members, path);
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function findTextMisfit(value: unknown, shape: Shape & { kind: 'text' }, path: string): string | undefined {
  if (typeof value !== 'string') return `${path} is not a string`;
  // With the flag `u` this class matches only halves that lost their partner.
  if (/\p{Surrogate}/u.test(value)) return `${path} holds an unpaired surrogate`;
  if (shape.oneOf !== undefined && !shape.oneOf.includes(value)) return `${path} has an unknown value`;
  if (shape.pattern !== undefined && !shape.pattern.test(value)) return `${path} has an illegal form`;
  return undefined;
}

function findListMisfit(value: unknown, of: Shape, path: string): string | undefined {
  if (!Array.isArray(value)) return `${path} is not a list`;
  if (value.length === 0) return `${path} is an empty list`;
  for (const [index, item] of value.entries()) {
    const misfit = findMisfit(item, of, `${path}[${index}]`);
    if (misfit !== undefined) return misfit;
  }
  return undefined;
}

function findRecordMisfit(value: unknown, required: Fields, optional: Fields, path: string): string | undefined {
  if (!isRecord(value)) return `${path} is not an object`;
  for (const name of Object.keys(required)) {
    if (value[name] === undefined) return `${path}.${name} is missing`;
  }
  for (const [name, item] of Object.entries(value)) {
    if (item === undefined) continue; // JSON leaves it out
    const shape = Object.hasOwn(required, name)
      ? required[name]
      : Object.hasOwn(optional, name)
        ? optional[name]
        : undefined;
    if (shape === undefined) return `${path}.${name} is not a known field`;
    const misfit = findMisfit(item, shape, `${path}.${name}`);
    if (misfit !== undefined) return misfit;
  }
  return undefined;
}

function findUnionMisfit(value: unknown, members: Fields, path: string): string | undefined {
  if (!isRecord(value)) return `${path} is not an object`;
  const names = Object.keys(value).filter((name) => value[name] !== undefined);
  if (names.length !== 1) return `${path} holds ${names.length} union members, not one`;
  return findRecordMisfit(value, {}, members, path);
}
