/** What becomes of each parameter of a client protocol, and what the readers of all requests do alike. */

import type { AnswerFormat, Conversation, JsonObject, Limits, Message, ReasoningWish } from '../core/conversation.js';
import { EFFORTS } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import type { Reader } from '../core/reader.js';
import { createNotices, note, writeNotices } from './dialect.js';
import type { Dialect, Notices, ReplyContext } from './dialect.js';
import { holdsOnly } from './messages.js';
import { formsOf, readToolChoice, type OfferedTool } from './tools.js';

/**
 * What becomes of each parameter of a dialect; the names of those that are no rows are words of one text. A field of a
 * parameter that works otherwise has a dot in its name.
 * `docs/compatibility.md` says the same, and a test compares them.
 */
export type ParameterTable = {
  /** Carried to Kiro, or about the form of the answer. */
  readonly works: string;
  /** The gateway does it itself. */
  readonly emulated: string;
  /** It asks for nothing that could show in an answer. */
  readonly accepted: string;
  /** The client is told, unless the value is one of `HARMLESS`. */
  readonly ignored: string;
  /** No other answer would do, unless the value is one of `HARMLESS`. */
  readonly refused: Readonly<Record<string, { why: string; details?: JsonObject }>>;
};

/** What is a dialect's own in a request, and where it has what is read alike in all. */
type OwnFields = Pick<Conversation, 'system' | 'messages' | 'sessionId'> & {
  readonly offered: readonly OfferedTool[];
  readonly replyContext?: Omit<ReplyContext, 'forms'>;
  readonly effort: Reader | undefined;
  /** As Anthropic has it. */
  readonly thinking?: Reader | undefined;
  readonly format: Reader | undefined;
  readonly maxTokens: Reader | undefined;
  readonly stops?: Reader | undefined;
};

/** What the readers of all dialects do; the messages that the dialect has read may begin with instructions. */
export function requestReader(
  table: ParameterTable,
  readOwn: (body: Reader, notices: Notices) => OwnFields,
): Dialect['readRequest'] {
  // Once, and not for every request.
  const ignored = table.ignored.split(' ').map(toParameter);
  const refused = Object.entries(table.refused).map(([name, refusal]) => ({ ...toParameter(name), ...refusal }));
  return (body, headers, options) => {
    for (const it of refused) {
      if (!makesDifference(body, it)) continue;
      const { name: param, why, details = { error_code: 'unsupported_parameter' } } = it;
      throw new GatewayError('invalid-request', `${param}: ${why}`, { param, details });
    }
    const notices = createNotices(options);
    const model = body.get('model').nonEmptyString();
    const own = readOwn(body, notices);
    const end = own.messages.findIndex((it) => !holdsOnly('system', it));
    const leading = own.messages.slice(0, end === -1 ? own.messages.length : end);
    const tools = own.offered.map(({ tool }) => tool);
    const conversation: Conversation = {
      model,
      system: [...own.system, ...leading.flatMap(textsOf)],
      messages: own.messages.slice(leading.length),
      ...readToolChoice(body, tools, notices),
      reasoning: readReasoning(own.thinking, own.effort, notices),
      limits: readLimits(own.maxTokens, own.stops),
      answerFormat: readFormat(own.format, notices),
      sessionId:
        own.sessionId ??
        SESSION_HEADERS.flatMap((name) => headers[name] ?? []).find((it) => it !== '') ??
        (body.optional('prompt_cache_key')?.string() || undefined),
    };
    for (const it of ignored) if (makesDifference(body, it)) note(notices, 'ignored', it.name);
    return {
      conversation,
      stream: body.optional('stream')?.boolean() ?? false,
      includeUsage: true,
      notices: writeNotices(notices),
      replyContext: { forms: formsOf(own.offered), ...own.replyContext },
    };
  };
}

function textsOf(message: Message): string[] {
  return message.role === 'user' ? message.parts.flatMap((it) => (it.type === 'system' ? [it.text] : [])) : [];
}

type Parameter = { readonly name: string; readonly path: readonly string[] };

function toParameter(name: string): Parameter {
  return { name, path: name.split('.') };
}

function makesDifference(body: Reader, { name, path }: Parameter): boolean {
  const value = path.reduce<Reader | undefined>((holder, key) => holder?.optional(key), body);
  if (value === undefined) return false;
  const harmless = HARMLESS[name] ?? [];
  if (typeof harmless === 'function') return !harmless(value);
  const [standard] = harmless;
  if (typeof standard === 'number') value.number();
  if (typeof standard === 'string') value.string();
  if (typeof standard === 'boolean') value.boolean();
  return !harmless.some((it) => JSON.stringify(it) === JSON.stringify(value.value));
}

/** The values of parameters that make no difference in any dialect, all of one type, or how to tell them. */
const HARMLESS: Readonly<Record<string, readonly unknown[] | ((value: Reader) => boolean)>> = {
  temperature: [1],
  top_p: [1],
  presence_penalty: [0],
  frequency_penalty: [0],
  logit_bias: [{}],
  store: [false],
  service_tier: ['auto', 'default', 'standard_only'],
  speed: ['standard'],
  verbosity: ['medium'],
  'text.verbosity': ['medium'],
  'reasoning.mode': ['standard'],
  // Of earlier turns Kiro is told no reasoning.
  'reasoning.context': ['auto', 'current_turn'],
  'thinking.display': ['summarized'],
  truncation: ['disabled'],
  mcp_servers: [[]],
  background: [false],
  logprobs: [false],
  top_logprobs: [0],
  n: (it) => it.number() <= 1,
  modalities: (it) => it.array().every((word) => word.string() !== 'audio'),
  search_parameters: (it) => it.textIfAny('mode') === 'off',
  include: (it) => it.array().every(({ value }) => value === SEALED_REASONING || value === SEARCH_SOURCES),
  // Kiro keeps no thinking of earlier turns, which is what Anthropic's usual edit asks for.
  context_management: (it) =>
    (it.isArray() ? it.array() : it.list('edits')).every((edit) =>
      edit.textIfAny('type')?.startsWith('clear_thinking'),
    ),
};
// What answers of the Responses API always include.
const SEALED_REASONING = 'reasoning.encrypted_content';
const SEARCH_SOURCES = 'web_search_call.action.sources';

/** The messages of a request body; a conversation has at least one. */
export function messageList(body: Reader): readonly Reader[] {
  const messages = body.get('messages');
  const list = messages.array();
  return list.length > 0 ? list : messages.fail('must not be empty');
}

/** Where the answer has to end; undefined when nothing says so. `stops` is one text or a list. */
function readLimits(maxTokens: Reader | undefined, stops: Reader | undefined): Limits | undefined {
  const texts = stops?.isString() ? [stops] : (stops?.array() ?? []);
  const stopSequences = texts.map((it) => it.string()).filter((it) => it !== '');
  const limit = maxTokens?.number();
  if (limit === undefined && stopSequences.length === 0) return undefined;
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 0))
    maxTokens?.fail('must be a whole number, 0 or more');
  return { maxTokens: limit, stopSequences };
}

/** The value that holds in the end: some can be changed in mid-conversation. */
export function latest(places: readonly Reader[], field: string, key: string): Reader | undefined {
  return places.flatMap((it) => it.optional(field)?.optional(key) ?? []).at(-1);
}

function readReasoning(thinking: Reader | undefined, given: Reader | undefined, notices: Notices): ReasoningWish {
  const effort = EFFORTS.find((it) => it === given?.string());
  // New words come with new models.
  if (given !== undefined && effort === undefined) note(notices, 'ignored', given.path);
  const alone = { mode: effort === 'none' ? 'off' : undefined, effort } as const;
  if (thinking === undefined) return alone;
  switch (thinking.get('type').string()) {
    case 'enabled': {
      // opencode sends -1 to say that it wants no budget.
      const budget = thinking.optional('budget_tokens')?.number() ?? -1;
      return { mode: 'on', effort, budget: Number.isSafeInteger(budget) && budget > 0 ? budget : undefined };
    }
    case 'adaptive':
      return { mode: 'on', effort };
    case 'disabled':
    case 'between_tools': // Anthropic turns it off where a model does not know it.
      return { mode: 'off', effort };
    default:
      note(notices, 'ignored', thinking.path);
      return alone;
  }
}

/** The form of the answer; OpenAI's two APIs and Anthropic keep the schema at different places. */
function readFormat(format: Reader | undefined, notices: Notices): AnswerFormat | undefined {
  const type = format?.get('type').string();
  if (format === undefined || type === 'text') return undefined;
  if (type === 'json_object') return { schema: undefined };
  const holder = format.optional('json_schema') ?? format;
  const schema = holder.optional('schema');
  if (type === 'json_schema') {
    // OpenAI's APIs say what the answer is for beside the schema; a schema has a place for it, too.
    const said = [holder, schema].flatMap((it) => it?.textIfAny('description') || []);
    const description = [...new Set(said)].join('\n');
    return { schema: schema && { ...schema.object(), ...(description !== '' && { description }) } };
  }
  note(notices, 'ignored', format.path);
  return undefined;
}

// Claude Code, opencode, Kilo and Codex name the session in one of these. A session of Codex has threads, one for each of
// its agents; each is a conversation of its own.
const SESSION_HEADERS = ['x-claude-code-session-id', 'x-session-id', 'x-session-affinity', 'thread-id', 'session-id'];
