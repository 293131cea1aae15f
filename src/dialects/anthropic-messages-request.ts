/** A request body of Anthropic's Messages API, read into a conversation. */

import type { Effort, Message, ReasoningWish, Tool } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import { Reader } from '../core/reader.js';
import { readAssistantBlock } from './anthropic-messages-blocks.js';
import { readUserBlock } from './anthropic-messages-content.js';
import { instructionMessages, messageList, readParts, readTexts, splitLeadingInstructions } from './content.js';
import type { ClientRequest, RequestHeaders } from './dialect.js';
import { createNotices, note, writeNotices, type Notices } from './notices.js';
import {
  hasStrings,
  isFilledList,
  noteIgnored,
  numberOtherThan,
  readEffort,
  sessionFromHeaders,
  type Ignored,
} from './parameters.js';

/** @throws GatewayError `invalid-request`, naming the field. */
export function readMessagesRequest(body: Reader, headers: RequestHeaders): ClientRequest {
  refuseThread(body);
  const notices = createNotices();
  const model = body.get('model').nonEmptyString();
  const list = messageList(body);
  const { system, messages } = splitLeadingInstructions(list.flatMap((it) => readMessage(it, notices)));
  const tools = body.optional('tools')?.array() ?? [];
  const conversation = {
    model,
    system: [...readSystem(body, notices), ...system],
    messages,
    tools: tools.flatMap((it) => readTool(it, notices)),
    reasoning: readReasoning(body, list, notices),
    sessionId: readSessionId(body) ?? sessionFromHeaders(headers),
  };
  body.optional('max_tokens')?.number();
  noteIgnored(body, IGNORED, notices);
  const outputConfig = body.optional('output_config');
  if (outputConfig !== undefined) noteIgnored(outputConfig, IGNORED_OUTPUT, notices);
  const stream = body.optional('stream')?.boolean() ?? false;
  return { conversation, stream, includeUsage: true, notices: writeNotices(notices) };
}

/** Anthropic's SDK falls back to sending the whole history only when it is told in exactly these words. */
function refuseThread(body: Reader): void {
  if (!body.has('thread')) return;
  const details = { error_code: 'thread_unsupported_request', unsupported: ['thread'] };
  const message = 'thread: this gateway keeps no threads; send the whole conversation.';
  throw new GatewayError('invalid-request', message, { param: 'thread', details });
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

/** Built-in tools are Anthropic's own and unknown to Kiro: the client learns that they are not there. */
function readTool(tool: Reader, notices: Notices): Tool[] {
  const type = tool.optional('type')?.string() ?? 'custom';
  if (type !== 'custom') {
    note(notices, 'tools-left-out', type);
    return [];
  }
  return [
    {
      name: tool.get('name').nonEmptyString(),
      description: tool.optional('description')?.string() ?? '',
      inputSchema: tool.optional('input_schema')?.object(),
    },
  ];
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

const IGNORED: Ignored = {
  temperature: numberOtherThan(1),
  top_p: numberOtherThan(1),
  top_k: numberOtherThan(),
  stop_sequences: hasStrings,
  tool_choice: (it) =>
    it.get('type').string() !== 'auto' || it.optional('disable_parallel_tool_use')?.boolean() === true,
  output_format: () => true,
  mcp_servers: isFilledList,
  container: () => true,
};

const IGNORED_OUTPUT: Ignored = { format: () => true };
