/** Checks additionalModelRequestFields against the schema that the model publishes in the catalogue. */
import { isRecord } from './shape.js';

type Schema = Readonly<Record<string, unknown>>;

/** The first field that the schema does not allow, in the words of the service. */
export function findFieldFault(fields: Schema, schema: Schema | null): string | undefined {
  return findFault(fields, schema ?? NO_FIELDS, '');
}

function findFault(value: unknown, schema: Schema, path: string): string | undefined {
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
  for (const [name, item] of Object.entries(value)) {
    const itemPath = path === '' ? name : `${path}.${name}`;
    const itemSchema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (!isRecord(itemSchema)) return `property '${itemPath}' is not defined in the schema`;
    const fault = findFault(item, itemSchema, itemPath);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function limit(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}

/** A model without a schema takes no fields at all. */
const NO_FIELDS: Schema = { type: 'object', properties: {} };
