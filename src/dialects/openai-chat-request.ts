/** A request body of OpenAI's Chat Completions API, read into a conversation. */

import type { ReasoningWish } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import type { Reader } from '../core/reader.js';
import { splitLeadingInstructions } from './content.js';
import type { ClientRequest, RequestHeaders } from './dialect.js';
import { createNotices, writeNotices, type Notices } from './notices.js';
import { readChatMessages } from './openai-chat-messages.js';
import { readChatTools } from './openai-chat-tools.js';
import {
  hasStrings,
  noteIgnored,
  numberOtherThan,
  readEffort,
  sessionFromHeaders,
  type Ignored,
} from './parameters.js';

/** @throws GatewayError `invalid-request`, naming the field. */
export function readChatRequest(body: Reader, headers: RequestHeaders): ClientRequest {
  refuseUnsupported(body);
  const notices = createNotices();
  const model = body.get('model').nonEmptyString();
  const { system, messages } = splitLeadingInstructions(readChatMessages(body, notices));
  const conversation = {
    model,
    system,
    messages,
    tools: readChatTools(body, notices),
    reasoning: readReasoning(body, notices),
    sessionId: sessionFromHeaders(headers) ?? (body.optional('prompt_cache_key')?.string() || undefined),
  };
  body.optional('max_tokens')?.number();
  body.optional('max_completion_tokens')?.number();
  noteIgnored(body, IGNORED, notices);
  const stream = body.optional('stream')?.boolean() ?? false;
  const includeUsage = body.optional('stream_options')?.optional('include_usage')?.boolean() ?? false;
  return { conversation, stream, includeUsage, notices: writeNotices(notices) };
}

/** What would be another answer than the one asked for is refused, not ignored. */
function refuseUnsupported(body: Reader): void {
  for (const [param, { isAsked, why }] of Object.entries(REFUSED)) {
    const value = body.optional(param);
    if (value === undefined || !isAsked(value)) continue;
    const details = { error_code: 'unsupported_parameter' };
    throw new GatewayError('invalid-request', `${param}: ${why}`, { param, details });
  }
}

function readReasoning(body: Reader, notices: Notices): ReasoningWish {
  const value = body.optional('reasoning_effort');
  const effort = value === undefined ? undefined : readEffort(value, notices);
  return { mode: effort === 'none' ? 'off' : undefined, effort };
}

type Refusal = { readonly isAsked: (value: Reader) => boolean; readonly why: string };

const REFUSED: Readonly<Record<string, Refusal>> = {
  n: { isAsked: (it) => it.number() > 1, why: 'Kiro gives one answer at a time; leave it out or set it to 1.' },
  logprobs: { isAsked: (it) => it.boolean(), why: 'Kiro gives no probabilities; leave it out.' },
  top_logprobs: { isAsked: (it) => it.number() > 0, why: 'Kiro gives no probabilities; leave it out.' },
  modalities: {
    isAsked: (it) => it.array().some((modality) => modality.string() === 'audio'),
    why: 'Kiro speaks text only; leave out "audio".',
  },
  audio: { isAsked: () => true, why: 'Kiro speaks text only; leave it out.' },
};

const IGNORED: Ignored = {
  temperature: numberOtherThan(1),
  top_p: numberOtherThan(1),
  presence_penalty: numberOtherThan(0),
  frequency_penalty: numberOtherThan(0),
  seed: numberOtherThan(),
  logit_bias: (it) => Object.keys(it.object()).length > 0,
  stop: hasStrings,
  tool_choice: (it) => it.isObject() || it.string() !== 'auto',
  function_call: (it) => it.isObject() || it.string() !== 'auto',
  parallel_tool_calls: (it) => !it.boolean(),
  response_format: (it) => it.get('type').string() !== 'text',
  verbosity: (it) => it.string() !== 'medium',
  prediction: () => true,
  web_search_options: () => true,
};
