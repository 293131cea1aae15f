/** A request body of OpenAI's Chat Completions API, read into a conversation. */

import type { AnswerFormat, ReasoningWish } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { splitLeadingInstructions } from './content.js';
import type { ClientRequest, ReadOptions, RequestHeaders } from './dialect.js';
import { createNotices, note, writeNotices, type Notices } from './notices.js';
import { readChatMessages } from './openai-chat-messages.js';
import { CHAT_PARAMETERS } from './openai-chat-parameters.js';
import { readChatTools } from './openai-chat-tools.js';
import { readResponsesRequest } from './openai-responses-request.js';
import { noteIgnoredParameters, readEffort, readLimits, refuseParameters, sessionFromHeaders } from './parameters.js';
import { readToolChoice } from './tool-choice.js';

/** @throws GatewayError `invalid-request`, naming the field. */
export function readChatRequest(body: Reader, headers: RequestHeaders, options?: ReadOptions): ClientRequest {
  const includeUsage = body.optional('stream_options')?.optional('include_usage')?.boolean() ?? false;
  // Cursor sends whole bodies of the Responses API here, and reads the answer as chat.
  if (body.has('input') && !body.has('messages'))
    return { ...readResponsesRequest(body, headers, options), includeUsage };
  refuseParameters(body, CHAT_PARAMETERS);
  const notices = createNotices(options);
  const model = body.get('model').nonEmptyString();
  const { system, messages } = splitLeadingInstructions(readChatMessages(body, notices));
  const tools = readChatTools(body, notices);
  const conversation = {
    model,
    system,
    messages,
    ...readToolChoice(body.optional('tool_choice') ?? body.optional('function_call'), tools, notices),
    parallelToolCalls: body.optional('parallel_tool_calls')?.boolean() === false ? false : undefined,
    reasoning: readReasoning(body, notices),
    limits: readLimits(body.optional('max_completion_tokens') ?? body.optional('max_tokens'), readStops(body)),
    answerFormat: readAnswerFormat(body, notices),
    sessionId: sessionFromHeaders(headers) ?? (body.optional('prompt_cache_key')?.string() || undefined),
  };
  noteIgnoredParameters(body, CHAT_PARAMETERS, notices);
  const stream = body.optional('stream')?.boolean() ?? false;
  return { conversation, stream, includeUsage, notices: writeNotices(notices) };
}

function readReasoning(body: Reader, notices: Notices): ReasoningWish {
  const value = body.optional('reasoning_effort');
  const effort = value === undefined ? undefined : readEffort(value, notices);
  return { mode: effort === 'none' ? 'off' : undefined, effort };
}

function readStops(body: Reader): readonly string[] {
  const stop = body.optional('stop');
  if (stop === undefined) return [];
  if (stop.isString()) return [stop.string()];
  const stops = stop.array().map((it) => it.string());
  return stops.length > MAX_STOPS ? stop.fail(`must hold at most ${MAX_STOPS} texts`) : stops;
}

function readAnswerFormat(body: Reader, notices: Notices): AnswerFormat | undefined {
  const format = body.optional('response_format');
  switch (format?.get('type').string()) {
    case undefined:
    case 'text':
      return undefined;
    case 'json_object':
      return { type: 'json', schema: undefined };
    case 'json_schema':
      return { type: 'json', schema: format?.get('json_schema').optional('schema')?.object() };
    default:
      note(notices, 'ignored', 'response_format');
      return undefined;
  }
}

const MAX_STOPS = 4;
