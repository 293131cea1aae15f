/** A request body of OpenAI's Responses API, read into a conversation. */

import type { AnswerFormat, ReasoningWish } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { splitLeadingInstructions } from './content.js';
import type { ClientRequest, ReadOptions, RequestHeaders } from './dialect.js';
import { createNotices, note, writeNotices, type Notices } from './notices.js';
import { readInstructions } from './openai-responses-content.js';
import { readInput } from './openai-responses-items.js';
import { STANDARD_ECHO, type Echo, type ReplyContext } from './openai-responses-output.js';
import { RESPONSES_PARAMETERS } from './openai-responses-parameters.js';
import { formsOf, readTools } from './openai-responses-tools.js';
import { noteIgnoredParameters, readEffort, readLimits, refuseParameters, sessionFromHeaders } from './parameters.js';
import { readToolChoice } from './tool-choice.js';

/** @throws GatewayError `invalid-request`, naming the field. */
export function readResponsesRequest(body: Reader, headers: RequestHeaders, options?: ReadOptions): ClientRequest {
  refuseParameters(body, RESPONSES_PARAMETERS);
  const notices = createNotices(options);
  const model = body.get('model').nonEmptyString();
  const input = readInput(body.get('input'), notices);
  const { system, messages } = splitLeadingInstructions(input.messages);
  const offered = [...readTools(body.optional('tools'), notices), ...input.tools];
  const tools = offered.map(({ tool }) => tool);
  const conversation = {
    model,
    system: [...readInstructions(body.optional('instructions'), notices), ...system],
    messages,
    ...readToolChoice(body.optional('tool_choice'), tools, notices),
    parallelToolCalls: body.optional('parallel_tool_calls')?.boolean() === false ? false : undefined,
    reasoning: readReasoning(body.optional('reasoning'), notices),
    limits: readLimits(body.optional('max_output_tokens'), []),
    answerFormat: readText(body.optional('text'), notices),
    sessionId: sessionFromHeaders(headers) ?? (body.optional('prompt_cache_key')?.string() || undefined),
  };
  noteIgnoredParameters(body, RESPONSES_PARAMETERS, notices);
  const replyContext: ReplyContext = { forms: formsOf(offered), echo: readEcho(body) };
  const stream = body.optional('stream')?.boolean() ?? false;
  return { conversation, stream, includeUsage: true, notices: writeNotices(notices), replyContext };
}

function readReasoning(reasoning: Reader | undefined, notices: Notices): ReasoningWish {
  const value = reasoning?.optional('effort');
  const effort = value === undefined ? undefined : readEffort(value, notices);
  return { mode: effort === 'none' ? 'off' : undefined, effort };
}

function readText(text: Reader | undefined, notices: Notices): AnswerFormat | undefined {
  const verbosity = text?.optional('verbosity');
  if (verbosity !== undefined && verbosity.string() !== 'medium') note(notices, 'ignored', verbosity.path);
  const format = text?.optional('format');
  switch (format?.get('type').string()) {
    case undefined:
    case 'text':
      return undefined;
    case 'json_object':
      return { type: 'json', schema: undefined };
    case 'json_schema':
      return { type: 'json', schema: format?.optional('schema')?.object() };
    default:
      note(notices, 'ignored', 'text.format');
      return undefined;
  }
}

/** What the client set, as it wrote it; the SDKs' own types say what that is. */
function readEcho(body: Reader): Echo {
  const given = ECHOED.filter((key) => body.has(key)).map((key) => [key, body.get(key).value]);
  return { ...STANDARD_ECHO, ...Object.fromEntries(given) };
}

// Not `store`, because nothing is stored, and not what is refused.
const ECHOED = [
  'instructions',
  'max_output_tokens',
  'metadata',
  'parallel_tool_calls',
  'reasoning',
  'service_tier',
  'temperature',
  'text',
  'tool_choice',
  'tools',
  'top_p',
  'truncation',
] as const satisfies readonly (keyof Echo)[];
