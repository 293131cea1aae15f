/** Every parameter of the client protocols, what becomes of it, and how those are read that all vendors have. */

import type { AnswerFormat, Conversation, Effort, Limits, ReasoningWish, Tool } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import type { Reader } from '../core/reader.js';
import { webSearchTool } from '../core/web-search.js';
import { splitLeadingInstructions } from './content.js';
import { createNotices, note, writeNotices, type Dialect, type Notices, type RequestHeaders } from './dialect.js';

/** What becomes of each parameter of a dialect. `docs/compatibility.md` says the same, and a test compares them. */
export type ParameterTable = Readonly<Record<string, Fate>>;

type Fate =
  /** It is carried to Kiro, or the gateway does it itself, or it asks for nothing that could show in an answer. */
  | { readonly fate: 'works' | 'emulated' | 'accepted' }
  /** The client is told when its value would have changed the answer. */
  | { readonly fate: 'ignored'; readonly matters: Test }
  /** When this is asked for, no other answer would do. */
  | { readonly fate: 'refused'; readonly isAsked: Test; readonly why: string; readonly details?: Details };

type Test = (value: Reader) => boolean;
type Details = Readonly<Record<string, unknown>>;

export const CHAT_PARAMETERS: ParameterTable = {
  ...named('works', 'model', 'messages', 'stream', 'stream_options', 'tools', 'functions', 'reasoning_effort'),
  ...named('works', 'prompt_cache_key'),
  ...named('emulated', 'max_tokens', 'max_completion_tokens', 'stop', 'tool_choice', 'function_call'),
  ...named('emulated', 'parallel_tool_calls', 'response_format'),
  ...named('accepted', 'user', 'metadata'),
  ...ignored(otherThan(1), 'temperature', 'top_p'),
  ...ignored(otherThan(0), 'presence_penalty', 'frequency_penalty'),
  ...ignored(always, 'seed'),
  ...ignored((it) => Object.keys(it.object()).length > 0, 'logit_bias'),
  ...ignored((it) => it.boolean(), 'store'),
  ...ignored(wordOtherThan('auto', 'default'), 'service_tier'),
  ...ignored(wordOtherThan('medium'), 'verbosity'),
  ...ignored(always, 'safety_identifier', 'prompt_cache_options', 'prompt_cache_retention', 'prediction'),
  ...ignored(always, 'moderation', 'web_search_options'),
  ...ignored((it) => it.optional('mode')?.value !== 'off', 'search_parameters'),
  n: refused((it) => it.number() > 1, 'Kiro gives one answer at a time; leave it out or set it to 1.'),
  logprobs: refused((it) => it.boolean(), 'Kiro gives no probabilities; leave it out.'),
  top_logprobs: refused((it) => it.number() > 0, 'Kiro gives no probabilities; leave it out.'),
  modalities: refused(
    (it) => it.array().some((word) => word.string() === 'audio'),
    'Kiro speaks text only; leave out "audio".',
  ),
  audio: refused(always, 'Kiro speaks text only; leave it out.'),
};

export const RESPONSES_PARAMETERS: ParameterTable = {
  ...named('works', 'model', 'input', 'instructions', 'stream'),
  ...named('accepted', 'stream_options'),
  ...named('works', 'tools', 'reasoning', 'prompt_cache_key'),
  ...named('emulated', 'max_output_tokens', 'tool_choice', 'parallel_tool_calls', 'text'),
  // OpenAI keeps answers unless it is told not to: to note `store` would be to note every request.
  ...named('accepted', 'metadata', 'client_metadata', 'user', 'store'),
  ...ignored((it) => it.array().some((what) => what.value !== 'reasoning.encrypted_content'), 'include'),
  ...ignored(otherThan(1), 'temperature', 'top_p'),
  ...ignored(otherThan(0), 'top_logprobs'),
  ...ignored(always, 'max_tool_calls'),
  ...ignored(wordOtherThan('disabled'), 'truncation'),
  ...ignored(wordOtherThan('auto', 'default'), 'service_tier'),
  ...ignored(always, 'safety_identifier', 'prompt_cache_options', 'prompt_cache_retention'),
  ...ignored(isFilledList, 'context_management'),
  ...ignored(always, 'moderation'),
  previous_response_id: refused(always, 'this gateway keeps no answers; send the whole conversation as input.', {
    error_code: 'previous_response_not_found',
  }),
  conversation: refused(always, 'this gateway keeps no conversations; send the whole one as input.'),
  background: refused((it) => it.boolean(), 'this gateway keeps no answers to fetch later; stream it instead.'),
  prompt: refused(always, 'templates are kept by OpenAI; send the text itself as instructions and input.'),
};

export const MESSAGES_PARAMETERS: ParameterTable = {
  ...named('works', 'model', 'messages', 'system', 'stream', 'tools', 'thinking', 'output_config', 'metadata'),
  ...named('emulated', 'max_tokens', 'stop_sequences', 'tool_choice', 'output_format'),
  ...named('accepted', 'cache_control', 'betas', 'diagnostics', 'user_profile_id', 'workspace_id', 'billing_policy'),
  ...named('accepted', 'fallback_credit_token'),
  ...ignored(otherThan(1), 'temperature', 'top_p'),
  ...ignored(always, 'top_k'),
  ...ignored(editsMoreThanThinking, 'context_management'),
  ...ignored(always, 'compaction', 'container'),
  ...ignored(isFilledList, 'mcp_servers'),
  ...ignored(wordOtherThan('auto', 'standard_only'), 'service_tier'),
  ...ignored(wordOtherThan('standard'), 'speed'),
  ...ignored(always, 'inference_geo', 'fallbacks'),
  // Anthropic's SDK falls back to sending the whole history only when it is told in exactly these words.
  thread: refused(always, 'this gateway keeps no threads; send the whole conversation.', {
    error_code: 'thread_unsupported_request',
    unsupported: ['thread'],
  }),
};

/** What is a dialect's own in a request. Its messages may begin with instructions. */
type OwnFields = Omit<Conversation, 'model'> & { readonly replyContext?: unknown };

/** What the readers of all dialects do around that; `session` is the one that a header names. */
export function requestReader(
  table: ParameterTable,
  readOwn: (body: Reader, notices: Notices, session: string | undefined) => OwnFields,
): Dialect['readRequest'] {
  return (body, headers, options) => {
    refuseParameters(body, table);
    const notices = createNotices(options);
    const model = body.get('model').nonEmptyString();
    const { replyContext, system, messages: all, ...rest } = readOwn(body, notices, sessionFromHeaders(headers));
    const { leading, messages } = splitLeadingInstructions(all);
    noteIgnoredParameters(body, table, notices);
    return {
      conversation: { model, system: [...system, ...leading], messages, ...rest },
      stream: body.optional('stream')?.boolean() ?? false,
      includeUsage: true,
      notices: writeNotices(notices),
      ...(replyContext !== undefined && { replyContext }),
    };
  };
}

/** @throws GatewayError `invalid-request` for the first parameter that is refused. */
function refuseParameters(body: Reader, table: ParameterTable): void {
  for (const [param, fate] of Object.entries(table)) {
    if (fate.fate !== 'refused') continue;
    const value = body.optional(param);
    if (value === undefined || !fate.isAsked(value)) continue;
    const details = fate.details ?? { error_code: 'unsupported_parameter' };
    throw new GatewayError('invalid-request', `${param}: ${fate.why}`, { param, details });
  }
}

/** Notes the parameters that are ignored and would have mattered. */
function noteIgnoredParameters(body: Reader, table: ParameterTable, notices: Notices): void {
  for (const [param, fate] of Object.entries(table)) {
    if (fate.fate !== 'ignored') continue;
    const value = body.optional(param);
    if (value !== undefined && fate.matters(value)) note(notices, 'ignored', value.path);
  }
}

/** Where the answer has to end; undefined when nothing says so. */
export function readLimits(maxTokens: Reader | undefined, stops: readonly string[]): Limits | undefined {
  const stopSequences = stops.filter((it) => it !== '');
  const limit = maxTokens?.number();
  if (limit === undefined && stopSequences.length === 0) return undefined;
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 0)) maxTokens?.fail('must be a whole number');
  return { maxTokens: limit, stopSequences };
}

/** What an effort alone says. One that we have no word for is ignored: new ones come with new models. */
export function readWish(value: Reader | undefined, notices: Notices): ReasoningWish {
  const word = value?.string();
  const effort = EFFORTS.find((it) => it === word);
  if (value !== undefined && effort === undefined) note(notices, 'ignored', value.path);
  return { mode: effort === 'none' ? 'off' : undefined, effort };
}

/** A format of OpenAI's; its two APIs keep the schema at different places. */
export function readFormat(
  format: Reader | undefined,
  schemaHolder: (format: Reader) => Reader,
  notices: Notices,
): AnswerFormat | undefined {
  const type = format?.get('type').string();
  if (format === undefined || type === 'text') return undefined;
  if (type === 'json_object') return { type: 'json', schema: undefined };
  if (type === 'json_schema') return { type: 'json', schema: schemaHolder(format).optional('schema')?.object() };
  note(notices, 'ignored', format.path);
  return undefined;
}

/** The session a client names in a header; Claude Code, opencode, Kilo and Codex do. */
function sessionFromHeaders(headers: RequestHeaders): string | undefined {
  return SESSION_HEADERS.flatMap((name) => headers[name] ?? []).find((it) => it !== '');
}

/** The vendor's own search as a tool that the gateway runs; `filters` holds the lists of domains. */
export function readWebSearch(tool: Reader, filters: Reader | undefined, notices: Notices, maxUses?: number): Tool {
  const place = tool.optional('user_location');
  if (place !== undefined) note(notices, 'ignored', place.path);
  const texts = (key: string) => (filters?.optional(key)?.array() ?? []).map((it) => it.string());
  return webSearchTool({ maxUses, allowedDomains: texts('allowed_domains'), blockedDomains: texts('blocked_domains') });
}

/** The schema of a tool's input. */
export function objectOf(required: readonly string[], properties: Readonly<Record<string, object>>): Details {
  return { type: 'object', properties, ...(required.length > 0 && { required }) };
}

type ToolOffer = Pick<Conversation, 'tools' | 'toolChoice'>;

/** @throws GatewayError `invalid-request` when the choice is none of the forms that clients of both vendors write. */
export function readToolChoice(choice: Reader | undefined, tools: readonly Tool[], notices: Notices): ToolOffer {
  if (choice === undefined) return { tools, toolChoice: undefined };
  if (choice.isString()) return { tools, toolChoice: MODES[choice.oneOf(MODE_NAMES)] };
  // The older `function_call` is an object without a type.
  const type = choice.optional('type')?.string() ?? 'function';
  const mode = MODE_NAMES.find((it) => it === type);
  if (mode !== undefined) return { tools, toolChoice: MODES[mode] };
  const allowed = type === 'allowed_tools' ? (choice.optional(type) ?? choice) : undefined;
  const names = offeredNames(allowed?.get('tools').array() ?? [choice], tools);
  const isRequired = allowed === undefined || allowed.optional('mode')?.oneOf(['auto', 'required']) === 'required';
  if (names.length > 0 && isRequired) return { tools, toolChoice: { mode: 'named', names } };
  if (names.length > 0) return { tools: tools.filter((tool) => names.includes(tool.name)), toolChoice: undefined };
  note(notices, 'ignored', (allowed ?? choice).path);
  return { tools, toolChoice: undefined };
}

/** Names of tools that are on offer: some built-in ones are left out, and nobody can be made to call those. */
function offeredNames(choices: readonly Reader[], tools: readonly Tool[]): string[] {
  const names = choices.flatMap((choice) => {
    const holder = choice.optional('function') ?? choice.optional('custom') ?? choice;
    // The Responses API chooses tools without a name of their own, such as `shell`, by their type.
    const type = holder.optional('type')?.string();
    // All versions of the vendor's search are one tool here.
    return holder.optional('name')?.string() ?? type?.replace(/^web_search_.*$/, 'web_search') ?? [];
  });
  return names.filter((name) => tools.some((tool) => tool.name === name));
}

// --- the rows of the tables

function named(fate: 'works' | 'emulated' | 'accepted', ...names: readonly string[]): ParameterTable {
  return Object.fromEntries(names.map((name) => [name, { fate }]));
}

function ignored(matters: Test, ...names: readonly string[]): ParameterTable {
  return Object.fromEntries(names.map((name) => [name, { fate: 'ignored', matters }]));
}

function refused(isAsked: Test, why: string, details?: Details): Fate {
  return { fate: 'refused', isAsked, why, ...(details && { details }) };
}

function always(): boolean {
  return true;
}

/** Any number but the one that is the standard anyway. */
function otherThan(standard: number): Test {
  return (value) => value.number() !== standard;
}

/** Any word but those that ask for nothing. */
function wordOtherThan(...standard: readonly string[]): Test {
  return (value) => !standard.includes(value.string());
}

function isFilledList(value: Reader): boolean {
  return value.array().length > 0;
}

/** Kiro keeps no thinking of earlier turns, which is what the usual edit asks for. */
function editsMoreThanThinking(value: Reader): boolean {
  return (value.optional('edits')?.array() ?? []).some((it) => !it.get('type').string().startsWith('clear_thinking'));
}

const EFFORTS: readonly Effort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];
// A session of Codex has threads, one for each of its agents; each is a conversation of its own.
const SESSION_HEADERS = ['x-claude-code-session-id', 'x-session-id', 'x-session-affinity', 'thread-id', 'session-id'];
const REQUIRED = { mode: 'required' } as const;
const MODES = { auto: undefined, none: { mode: 'none' }, required: REQUIRED, any: REQUIRED } as const;
const MODE_NAMES = ['auto', 'none', 'required', 'any'] as const;
