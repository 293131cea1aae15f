/** Our errors in the words of each client protocol: what its clients show, and when they repeat a request. */

import type Anthropic from '@anthropic-ai/sdk';
import type OpenAI from 'openai';
import { type ErrorKind, type GatewayError, withSentence } from '../core/errors.js';
import type { ErrorResponse } from './dialect.js';

/** An error of Chat Completions before the answer began. */
export function writeOpenAIError(error: GatewayError, requestId: string): ErrorResponse {
  return {
    status: error.facts.status ?? ANSWERS[error.kind].status,
    headers: { 'x-request-id': requestId, ...retryHeaders(error) },
    body: writeErrorBody(error),
  };
}

/** OpenAI's SDKs show the message only in exactly this shape, with all four keys. */
export function writeErrorBody(error: GatewayError): { readonly error: OpenAI.ErrorObject } {
  const { status, code = null, param } = ANSWERS[error.kind];
  const { overflow, details } = error.facts;
  const ownCode = details?.['error_code'];
  return {
    error: {
      // OpenAI's familiar sentence, which some clients look for besides the code.
      message:
        overflow === undefined
          ? error.message
          : `This model's maximum context length is ${overflow.limit} tokens. However, your messages resulted in ` +
            `${overflow.tokens} tokens. Please reduce the length of the messages.`,
      // OpenAI calls a missing model an invalid request.
      type: TYPES.get(status === 404 ? 400 : status) ?? 'server_error',
      param: error.facts.param ?? param ?? null,
      code: typeof ownCode === 'string' ? ownCode : code,
    },
  };
}

/** An error of the Responses API before the answer began; Codex decides by it. */
export function writeResponsesError(error: GatewayError, requestId: string): ErrorResponse {
  const answer = writeOpenAIError(error, requestId);
  const { error: told } = writeErrorBody(error);
  const param = told.param === 'messages' ? 'input' : told.param;
  // Codex repeats a 413 six times, but understands that a conversation is too long. It repeats a 403 six times, too,
  // and a 429 as long as it may, unless the type says that the plan is spent.
  const isTooLarge = answer.status === 413;
  const isLogin = error.kind === 'not-logged-in' || error.kind === 'login-expired';
  const type = error.kind === 'quota-exhausted' ? 'usage_limit_reached' : told.type;
  return {
    ...answer,
    status: isTooLarge ? 400 : (error.facts.status ?? (isLogin ? 400 : answer.status)),
    body: { error: { ...told, param, type, ...(isTooLarge && { code: TOO_LONG }) } },
  };
}

/** What `response.failed` says. */
export function writeFailure(error: GatewayError): { readonly code: string; readonly message: string } {
  const code = ANSWERS[error.kind].failure;
  const { message } = writeErrorBody(error).error;
  if (code !== 'rate_limit_exceeded') return { code, message };
  // Codex waits exactly as long as the sentence says.
  const seconds = Math.ceil(error.facts.retryAfterSeconds ?? 5);
  return { code, message: withSentence(message, `Please try again in ${seconds}s.`) };
}

/** An error of Anthropic's Messages API before the answer began. */
export function writeMessagesError(error: GatewayError, requestId: string): ErrorResponse {
  return {
    status: error.facts.status ?? messagesStatus(error),
    headers: { 'request-id': requestId, ...retryHeaders(error) },
    body: writeErrorEvent(error, requestId),
  };
}

/** The body of Anthropic's `error` event, which is also the body of an error response. */
export function writeErrorEvent(
  error: GatewayError,
  requestId: string,
): Record<keyof Anthropic.ErrorResponse, unknown> {
  const { status = 0, details, overflow } = error.facts;
  const type = TYPES.get(status) ?? TYPES.get(messagesStatus(error)) ?? 'api_error';
  // Claude Code compacts the conversation on exactly these words, and reads both numbers.
  const excess = overflow === undefined ? error.message : `${overflow.tokens} tokens > ${overflow.limit} maximum`;
  const message = error.kind === 'context-overflow' ? `prompt is too long: ${excess}` : error.message;
  return { type: 'error', error: { type, message, ...(details !== undefined && { details }) }, request_id: requestId };
}

/** OpenAI has no status of its own for a model without capacity: a 429 with `retry-after` makes its clients wait. */
function messagesStatus({ kind }: GatewayError): number {
  return kind === 'overloaded' ? 529 : ANSWERS[kind].status;
}

/** As far as they say something: without them the SDKs of both vendors repeat 408, 409, 429 and 5xx. */
function retryHeaders(error: GatewayError): Record<string, string> {
  const { repeat, afterSeconds } = ANSWERS[error.kind];
  const seconds = error.facts.retryAfterSeconds ?? afterSeconds;
  return {
    ...(repeat !== undefined && { 'x-should-retry': String(repeat) }),
    ...(seconds !== undefined && { 'retry-after': String(Math.max(0, Math.ceil(seconds))) }),
  };
}

type Answer = {
  readonly status: number;
  readonly code?: string;
  readonly param?: string;
  /** The code in `response.failed`. Codex repeats every code it does not know; `invalid_prompt` it leaves alone. */
  readonly failure: string;
  /** Claude Code repeats a bare 401, 429 or 500 seven times and Codex a 500 thirty times; each may cost credits. */
  readonly repeat?: boolean;
  readonly afterSeconds?: number;
};

const LOST = 'invalid_prompt';
const TOO_LONG = 'context_length_exceeded';

// A 401 makes Claude Code repeat seven times and blame the gateway key, so a dead Kiro login is a 403.
const ANSWERS: Readonly<Record<ErrorKind, Answer>> = {
  'invalid-request': { status: 400, failure: LOST },
  unauthorized: { status: 401, code: 'invalid_api_key', failure: LOST, repeat: false },
  'not-logged-in': { status: 403, code: 'not_logged_in', failure: LOST, repeat: false },
  'login-expired': { status: 403, code: 'login_expired', failure: LOST, repeat: false },
  forbidden: { status: 403, failure: LOST, repeat: false },
  'model-not-found': { status: 404, code: 'model_not_found', param: 'model', failure: LOST, repeat: false },
  'context-overflow': { status: 400, code: TOO_LONG, param: 'messages', failure: TOO_LONG, repeat: false },
  'rate-limited': { status: 429, code: 'rate_limit_exceeded', failure: 'rate_limit_exceeded' },
  'quota-exhausted': { status: 429, code: 'insufficient_quota', failure: 'insufficient_quota', repeat: false },
  overloaded: { status: 429, code: 'server_is_overloaded', failure: 'server_is_overloaded', afterSeconds: 5 },
  'upstream-unavailable': { status: 502, failure: 'server_error', repeat: true, afterSeconds: 5 },
  'upstream-protocol': { status: 502, failure: 'server_error' },
  cancelled: { status: 499, failure: 'server_error', repeat: false },
  internal: { status: 500, failure: 'server_error', repeat: false },
};

/** Error types by HTTP status. The words are Anthropic's; OpenAI uses the same. */
const TYPES = new Map<number, Anthropic.ErrorType | 'request_too_large'>([
  [400, 'invalid_request_error'],
  [401, 'authentication_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [405, 'not_found_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [529, 'overloaded_error'],
]);
