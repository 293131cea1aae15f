/** A request body of Anthropic's Messages API, read into a conversation. */

import type { AnswerFormat, Effort, Message, ReasoningWish } from '../core/conversation.js';
import { Reader } from '../core/reader.js';
import { readAssistantBlock } from './anthropic-messages-blocks.js';
import { readUserBlock } from './anthropic-messages-content.js';
import { MESSAGES_PARAMETERS } from './anthropic-messages-parameters.js';
import { readMessagesTool } from './anthropic-messages-tools.js';
import { instructionMessages, messageList, readParts, readTexts, splitLeadingInstructions } from './content.js';
import type { ClientRequest, ReadOptions, RequestHeaders } from './dialect.js';
import { createNotices, note, writeNotices, type Notices } from './notices.js';
import { noteIgnoredParameters, readEffort, readLimits, refuseParameters, sessionFromHeaders } from './parameters.js';
import { readToolChoice } from './tool-choice.js';

/** @throws GatewayError `invalid-request`, naming the field. */
export function readMessagesRequest(body: Reader, headers: RequestHeaders, options?: ReadOptions): ClientRequest {
  refuseParameters(body, MESSAGES_PARAMETERS);
  const notices = createNotices(options);
  const model = body.get('model').nonEmptyString();
  const list = messageList(body);
  const { system, messages } = splitLeadingInstructions(list.flatMap((it) => readMessage(it, notices)));
  const tools = (body.optional('tools')?.array() ?? []).flatMap((it) => readMessagesTool(it, notices));
  const choice = body.optional('tool_choice');
  const stops = (body.optional('stop_sequences')?.array() ?? []).map((it) => it.string());
  const conversation = {
    model,
    system: [...readSystem(body, notices), ...system],
    messages,
    ...readToolChoice(choice, tools, notices),
    parallelToolCalls: choice?.optional('disable_parallel_tool_use')?.boolean() === true ? false : undefined,
    reasoning: readReasoning(body, list, notices),
    limits: readLimits(body.optional('max_tokens'), stops),
    answerFormat: readAnswerFormat(body, notices),
    sessionId: readSessionId(body) ?? sessionFromHeaders(headers),
  };
  noteIgnoredParameters(body, MESSAGES_PARAMETERS, notices);
  const stream = body.optional('stream')?.boolean() ?? false;
  return { conversation, stream, includeUsage: true, notices: writeNotices(notices) };
}

/** The instructions beside the messages, without Claude Code's billing line: it differs in every session. */
function readSystem(body: Reader, notices: Notices): string[] {
  const system = body.optional('system');
  if (system === undefined) return [];
  return readTexts(system, notices)
    .map((it) => it.replace(BILLING_LINE, ''))
    .filter((it) => it !== '');
}

function readMessage(message: Reader, notices: Notices): Message[] {
  const role = message.get('role').oneOf(ROLES);
  const content = message.get('content');
  switch (role) {
    case 'user':
      return [{ role, parts: readParts(content, (it) => readUserBlock(it, notices)) }];
    case 'assistant':
      return [{ role, blocks: readParts(content, (it) => readAssistantBlock(it, notices)) }];
    case 'system':
      return instructionMessages(readTexts(content, notices));
  }
}

/** In `output_config`, or where the beta had it. */
function readAnswerFormat(body: Reader, notices: Notices): AnswerFormat | undefined {
  const format = body.optional('output_config')?.optional('format') ?? body.optional('output_format');
  if (format === undefined) return undefined;
  if (format.get('type').string() === 'json_schema') return { type: 'json', schema: format.get('schema').object() };
  note(notices, 'ignored', format.path);
  return undefined;
}

function readReasoning(body: Reader, messages: readonly Reader[], notices: Notices): ReasoningWish {
  const thinking = body.optional('thinking');
  const effort = readLatestEffort([body, ...messages], notices);
  if (thinking === undefined) return { effort };
  switch (thinking.get('type').string()) {
    case 'enabled':
      return { mode: 'on', effort, budget: readBudget(thinking) };
    case 'adaptive':
      return { mode: 'on', effort };
    case 'disabled':
    case 'between_tools': // Anthropic turns it off where a model does not know it.
      return { mode: 'off', effort };
    default:
      note(notices, 'ignored', thinking.path);
      return { effort };
  }
}

/** opencode sends -1 to say that it wants no budget. */
function readBudget(thinking: Reader): number | undefined {
  const budget = thinking.optional('budget_tokens')?.number();
  return budget !== undefined && Number.isSafeInteger(budget) && budget > 0 ? budget : undefined;
}

/** Claude Code changes the effort in mid-conversation by a system message: the latest one holds. */
function readLatestEffort(places: readonly Reader[], notices: Notices): Effort | undefined {
  const latest = places.flatMap((it) => it.optional('output_config')?.optional('effort') ?? []).at(-1);
  return latest === undefined ? undefined : readEffort(latest, notices);
}

/** Claude Code writes JSON with a `session_id` into the user id; its older versions a text ending in `_session_…`. */
function readSessionId(body: Reader): string | undefined {
  const userId = body.optional('metadata')?.optional('user_id')?.string() ?? '';
  if (!userId.startsWith('{')) return userId.split('_session_')[1] || undefined;
  const session = parseJson(userId).optional('session_id');
  return session?.isString() ? session.string() || undefined : undefined;
}

function parseJson(text: string): Reader {
  try {
    return new Reader(JSON.parse(text));
  } catch {
    return new Reader(undefined);
  }
}

const ROLES = ['user', 'assistant', 'system'] as const;
const BILLING_LINE = /^x-anthropic-billing-header:[^\n]*\n*/;
