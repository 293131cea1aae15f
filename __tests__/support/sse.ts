/** Server-sent events, read more strictly than any client does: every line must be exactly as the contracts write it. */

/** One event with its JSON data; `[DONE]` and comments have none. */
export type ServerEvent =
  | { readonly type: 'event'; readonly name: string | undefined; readonly data: Json }
  | { readonly type: 'done' }
  | { readonly type: 'comment' };

export type Json = Readonly<Record<string, unknown>>;

/** @throws Error that names the first event which breaks the form. */
export function parseEvents(text: string): readonly ServerEvent[] {
  if (text !== '' && !text.endsWith('\n\n')) throw new Error(`The stream ends inside an event: ${text.slice(-80)}`);
  return text.split('\n\n').slice(0, -1).map(parseEvent);
}

function parseEvent(text: string): ServerEvent {
  if (/^: [^\n\r]*$/.test(text)) return { type: 'comment' };
  if (text === 'data: [DONE]') return { type: 'done' };
  const found = /^(?:event: ([a-z_.]+)\n)?data: (\{[^\n\r]*\})$/.exec(text);
  if (found?.[2] === undefined) throw new Error(`This is no event: ${text}`);
  return { type: 'event', name: found[1], data: JSON.parse(found[2]) as Json };
}

/** A field that is a JSON object. */
export function objectAt(json: Json, key: string): Json {
  const value = json[key];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${key} is no object`);
  return value as Json;
}

export function textAt(json: Json, key: string): string {
  const value = json[key];
  if (typeof value !== 'string') throw new Error(`${key} is no text, but ${JSON.stringify(value)}`);
  return value;
}

/** @throws Error with both values when they differ. */
export function demand(what: string, found: unknown, expected: unknown): void {
  const [one, other] = [JSON.stringify(found), JSON.stringify(expected)];
  if (one !== other) throw new Error(`${what}: ${one} instead of ${other}`);
}
