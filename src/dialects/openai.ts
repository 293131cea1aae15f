/** What both OpenAI dialects share: the shape of an error, and what each of our errors is called in it. */

import type OpenAI from 'openai';
import type { ErrorKind, GatewayError } from '../core/errors.js';
import type { ErrorResponse } from './dialect.js';
import { retryHeaders } from './retry.js';

/** An error before the answer began. */
export function writeOpenAIError(error: GatewayError, requestId: string): ErrorResponse {
  return {
    status: error.facts.status ?? ANSWERS[error.kind].status,
    headers: { 'x-request-id': requestId, ...retryHeaders(error) },
    body: writeErrorBody(error),
  };
}

/** OpenAI's SDKs show the message only in exactly this shape, with all four keys. */
export function writeErrorBody(error: GatewayError): { readonly error: OpenAI.ErrorObject } {
  const { type, code, param } = ANSWERS[error.kind];
  const ownCode = error.facts.details?.['error_code'];
  return {
    error: {
      message: messageOf(error),
      type,
      param: error.facts.param ?? param ?? null,
      code: typeof ownCode === 'string' ? ownCode : code,
    },
  };
}

/** OpenAI's familiar sentence, which some clients look for besides the code. */
function messageOf(error: GatewayError): string {
  const { overflow } = error.facts;
  if (overflow === undefined) return error.message;
  return (
    `This model's maximum context length is ${overflow.limit} tokens. However, your messages resulted in ` +
    `${overflow.tokens} tokens. Please reduce the length of the messages.`
  );
}

type Answer = {
  readonly status: number;
  readonly type: string;
  readonly code: string | null;
  readonly param?: string;
};

// OpenAI has no status of its own for a model without capacity: a 429 with `retry-after` makes its clients wait.
const ANSWERS: Readonly<Record<ErrorKind, Answer>> = {
  'invalid-request': { status: 400, type: 'invalid_request_error', code: null },
  unauthorized: { status: 401, type: 'authentication_error', code: 'invalid_api_key' },
  'not-logged-in': { status: 403, type: 'permission_error', code: 'not_logged_in' },
  'login-expired': { status: 403, type: 'permission_error', code: 'login_expired' },
  forbidden: { status: 403, type: 'permission_error', code: null },
  'model-not-found': { status: 404, type: 'invalid_request_error', code: 'model_not_found', param: 'model' },
  'context-overflow': {
    status: 400,
    type: 'invalid_request_error',
    code: 'context_length_exceeded',
    param: 'messages',
  },
  'rate-limited': { status: 429, type: 'rate_limit_error', code: 'rate_limit_exceeded' },
  'quota-exhausted': { status: 429, type: 'rate_limit_error', code: 'insufficient_quota' },
  overloaded: { status: 429, type: 'rate_limit_error', code: 'server_is_overloaded' },
  'upstream-unavailable': { status: 502, type: 'server_error', code: null },
  'upstream-protocol': { status: 502, type: 'server_error', code: null },
  cancelled: { status: 499, type: 'server_error', code: null },
  internal: { status: 500, type: 'server_error', code: null },
};
