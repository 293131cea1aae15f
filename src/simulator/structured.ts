/** Finds a JSON schema that the instructions ask the answer to follow, and writes an answer that does. */
import type { Prompt } from './prompt.js';
import { sampleObject } from './sample.js';
import { isRecord } from './shape.js';

/** A JSON text that satisfies the schema in the instructions, or nothing when they hold none. */
export function answerToSchema(prompt: Prompt, text = 'example'): string | undefined {
  const schema = findSchema(prompt.instructions);
  return schema === undefined ? undefined : JSON.stringify(sampleObject(schema, { text }));
}

/** The first text that speaks of JSON and a schema and holds an object with `properties`. */
function findSchema(instructions: readonly string[]): Readonly<Record<string, unknown>> | undefined {
  for (const text of instructions) {
    const speaksOfSchema = /json/i.test(text) && /schema/i.test(text) && text.includes('"properties"');
    if (!speaksOfSchema) continue;
    // A schema may come bare or wrapped with its name.
    const schema = findObjects(text)
      .flatMap((object) => [object, object['schema']])
      .find((object) => isRecord(object) && isRecord(object['properties']));
    if (isRecord(schema)) return schema;
  }
  return undefined;
}

/** The outermost JSON objects of a text. */
function findObjects(text: string): readonly Record<string, unknown>[] {
  const objects: Record<string, unknown>[] = [];
  let from = text.indexOf('{');
  for (let attempt = 0; from !== -1 && attempt < MOST_ATTEMPTS; attempt += 1) {
    const end = findEnd(text, from);
    const object = end === undefined ? undefined : parseObject(text.slice(from, end));
    if (object !== undefined) objects.push(object);
    from = text.indexOf('{', object === undefined || end === undefined ? from + 1 : end);
  }
  return objects;
}

/** The place after the brace that closes the one at `from`, strings stepped over. */
function findEnd(text: string, from: number): number | undefined {
  // An object starts with a key; anything else is prose or code, and is not worth a walk.
  if (!/^\{\s*"/.test(text.slice(from, from + 80))) return undefined;
  let depth = 0;
  let isInString = false;
  const limit = Math.min(text.length, from + LONGEST_SCHEMA);
  for (let at = from; at < limit; at += 1) {
    const character = text[at];
    if (isInString && character === '\\') at += 1;
    else if (character === '"') isInString = !isInString;
    else if (!isInString && character === '{') depth += 1;
    else if (!isInString && character === '}') depth -= 1;
    if (depth === 0) return at + 1;
  }
  return undefined;
}

export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const MOST_ATTEMPTS = 500;
const LONGEST_SCHEMA = 100_000;
