/** Our errors in the words of the Responses API, before the answer and at its end; Codex decides by them. */

import type { ErrorKind, GatewayError } from '../core/errors.js';
import type { ErrorResponse } from './dialect.js';
import { writeErrorBody, writeOpenAIError } from './openai.js';

/** An error before the answer began. */
export function writeResponsesError(error: GatewayError, requestId: string): ErrorResponse {
  const answer = writeOpenAIError(error, requestId);
  const { status, type } = OWN_ANSWERS.get(error.kind) ?? {};
  const { error: told } = writeErrorBody(error);
  const param = told.param === 'messages' ? 'input' : told.param;
  // Codex repeats a 413 six times, but understands that a conversation is too long.
  const isTooLarge = answer.status === 413;
  return {
    ...answer,
    status: isTooLarge ? 400 : (error.facts.status ?? status ?? answer.status),
    body: { error: { ...told, param, ...(type && { type }), ...(isTooLarge && { code: TOO_LONG }) } },
  };
}

/** What `response.failed` says. */
export function writeFailure(error: GatewayError): { readonly code: string; readonly message: string } {
  const code = FAILURE_CODES[error.kind];
  const { message } = writeErrorBody(error).error;
  if (code !== 'rate_limit_exceeded') return { code, message };
  // Codex waits exactly as long as the sentence says.
  return { code, message: `${message} Please try again in ${Math.ceil(error.facts.retryAfterSeconds ?? 5)}s.` };
}

type OwnAnswer = { readonly status?: number; readonly type?: string };

// Where this API's clients need another answer than chat's: Codex repeats a 403 six times and a 429 as long as it may,
// unless the type says that the plan is spent.
const OWN_ANSWERS: ReadonlyMap<ErrorKind, OwnAnswer> = new Map<ErrorKind, OwnAnswer>([
  ['not-logged-in', { status: 400 }],
  ['login-expired', { status: 400 }],
  ['quota-exhausted', { type: 'usage_limit_reached' }],
]);

const TOO_LONG = 'context_length_exceeded';

// Codex repeats every code it does not know; `invalid_prompt` is the one that it shows and leaves alone.
const FAILURE_CODES = {
  'invalid-request': 'invalid_prompt',
  unauthorized: 'invalid_prompt',
  'not-logged-in': 'invalid_prompt',
  'login-expired': 'invalid_prompt',
  forbidden: 'invalid_prompt',
  'model-not-found': 'invalid_prompt',
  'context-overflow': TOO_LONG,
  'rate-limited': 'rate_limit_exceeded',
  'quota-exhausted': 'insufficient_quota',
  overloaded: 'server_is_overloaded',
  'upstream-unavailable': 'server_error',
  'upstream-protocol': 'server_error',
  cancelled: 'server_error',
  internal: 'server_error',
} as const satisfies Record<ErrorKind, string>;
