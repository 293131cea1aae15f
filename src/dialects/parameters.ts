/** What becomes of each parameter of a client protocol, and what the readers of all requests do alike. */

import type { AnswerFormat, Conversation, Effort, Limits, Message, ReasoningWish } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import type { Reader } from '../core/reader.js';
import { holdsOnly } from './content.js';
import { createNotices, note, writeNotices, type Dialect, type Notices, type RequestHeaders } from './dialect.js';
import { readToolChoice } from './tools.js';

/** What becomes of each parameter of a dialect. `docs/compatibility.md` says the same, and a test compares them. */
export type ParameterTable = Readonly<Record<string, Fate>>;

type Fate =
  /** It is carried to Kiro, or the gateway does it itself, or it asks for nothing that could show in an answer. */
  | { readonly fate: 'works' | 'emulated' | 'accepted' }
  /** The client is told, unless the value is one that makes no difference. */
  | { readonly fate: 'ignored'; readonly unless: Harmless }
  /** No other answer would do, unless the value is one that makes no difference. */
  | { readonly fate: 'refused'; readonly unless: Harmless; readonly why: string; readonly details?: Details };

/** The values that ask for nothing, all of one type, or how to tell them. */
type Harmless = readonly unknown[] | ((value: Reader) => boolean);
type Details = Readonly<Record<string, unknown>>;

/** What is a dialect's own in a request. Its messages may begin with instructions. */
type OwnFields = Omit<Conversation, 'model' | 'toolChoice' | 'parallelToolCalls'> & { readonly replyContext?: unknown };

/** What the readers of all dialects do around that. */
export function requestReader(
  table: ParameterTable,
  readOwn: (body: Reader, notices: Notices) => OwnFields,
): Dialect['readRequest'] {
  return (body, headers, options) => {
    refuseParameters(body, table);
    const notices = createNotices(options);
    const model = body.get('model').nonEmptyString();
    const { replyContext, system, messages, tools, sessionId, ...rest } = readOwn(body, notices);
    const end = messages.findIndex((it) => !holdsOnly('system', it));
    const leading = messages.slice(0, end === -1 ? messages.length : end);
    const offer = readToolChoice(body, tools, notices);
    noteIgnoredParameters(body, table, notices);
    return {
      conversation: {
        model,
        system: [...system, ...leading.flatMap(textsOf)],
        messages: messages.slice(leading.length),
        ...offer,
        ...rest,
        sessionId:
          sessionId ?? sessionFromHeaders(headers) ?? (body.optional('prompt_cache_key')?.string() || undefined),
      },
      stream: body.optional('stream')?.boolean() ?? false,
      includeUsage: true,
      notices: writeNotices(notices),
      ...(replyContext !== undefined && { replyContext }),
    };
  };
}

function textsOf(message: Message): string[] {
  return message.role === 'user' ? message.parts.flatMap((it) => (it.type === 'system' ? [it.text] : [])) : [];
}

/** @throws GatewayError `invalid-request` for the first parameter that is refused. */
function refuseParameters(body: Reader, table: ParameterTable): void {
  for (const [param, fate] of Object.entries(table)) {
    if (fate.fate !== 'refused' || !makesDifference(body.optional(param), fate.unless)) continue;
    const details = fate.details ?? { error_code: 'unsupported_parameter' };
    throw new GatewayError('invalid-request', `${param}: ${fate.why}`, { param, details });
  }
}

/** Notes the parameters that are ignored and would have mattered. */
function noteIgnoredParameters(body: Reader, table: ParameterTable, notices: Notices): void {
  for (const [param, fate] of Object.entries(table))
    if (fate.fate === 'ignored' && makesDifference(body.optional(param), fate.unless)) note(notices, 'ignored', param);
}

function makesDifference(value: Reader | undefined, harmless: Harmless): boolean {
  if (value === undefined) return false;
  if (typeof harmless === 'function') return !harmless(value);
  const [standard] = harmless;
  if (typeof standard === 'number') value.number();
  if (typeof standard === 'string') value.string();
  if (typeof standard === 'boolean') value.boolean();
  return !harmless.some((it) => JSON.stringify(it) === JSON.stringify(value.value));
}

/** The messages of a request body; a conversation has at least one. */
export function messageList(body: Reader): readonly Reader[] {
  const messages = body.get('messages');
  const list = messages.array();
  return list.length > 0 ? list : messages.fail('must not be empty');
}

/** Where the answer has to end; undefined when nothing says so. `stops` is one text or a list. */
export function readLimits(maxTokens: Reader | undefined, stops?: Reader): Limits | undefined {
  const texts = stops?.isString() ? [stops] : (stops?.array() ?? []);
  const stopSequences = texts.map((it) => it.string()).filter((it) => it !== '');
  const limit = maxTokens?.number();
  if (limit === undefined && stopSequences.length === 0) return undefined;
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 0)) maxTokens?.fail('must be a whole number');
  return { maxTokens: limit, stopSequences };
}

/** The value that holds in the end: some can be changed in mid-conversation. */
export function latest(places: readonly Reader[], field: string, key: string): Reader | undefined {
  return places.flatMap((it) => it.optional(field)?.optional(key) ?? []).at(-1);
}

/** What an effort alone says. One that we have no word for is ignored: new ones come with new models. */
export function readWish(value: Reader | undefined, notices: Notices): ReasoningWish {
  const word = value?.string();
  const effort = EFFORTS.find((it) => it === word);
  if (value !== undefined && effort === undefined) note(notices, 'ignored', value.path);
  return { mode: effort === 'none' ? 'off' : undefined, effort };
}

/** The form of the answer; OpenAI's two APIs and Anthropic keep the schema at different places. */
export function readFormat(format: Reader | undefined, notices: Notices): AnswerFormat | undefined {
  const type = format?.get('type').string();
  if (format === undefined || type === 'text') return undefined;
  if (type === 'json_object') return { type: 'json', schema: undefined };
  const schema = (format.optional('json_schema') ?? format).optional('schema');
  if (type === 'json_schema') return { type: 'json', schema: schema?.object() };
  note(notices, 'ignored', format.path);
  return undefined;
}

/** The session a client names in a header; Claude Code, opencode, Kilo and Codex do. */
function sessionFromHeaders(headers: RequestHeaders): string | undefined {
  return SESSION_HEADERS.flatMap((name) => headers[name] ?? []).find((it) => it !== '');
}

// --- the rows of the tables

/** The names are words of one text. */
export function named(fate: 'works' | 'emulated' | 'accepted', names: string): ParameterTable {
  return Object.fromEntries(names.split(' ').map((name) => [name, { fate }]));
}

export function ignored(rows: Readonly<Record<string, Harmless>>): ParameterTable {
  return Object.fromEntries(Object.entries(rows).map(([name, unless]) => [name, { fate: 'ignored', unless }]));
}

export function refused(unless: Harmless, why: string, details?: Details): Fate {
  return { fate: 'refused', unless, why, ...(details && { details }) };
}

const EFFORTS: readonly Effort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];
// A session of Codex has threads, one for each of its agents; each is a conversation of its own.
const SESSION_HEADERS = ['x-claude-code-session-id', 'x-session-id', 'x-session-affinity', 'thread-id', 'session-id'];
