/** Our errors in Anthropic's words, before the answer and in the middle of it. */

import type Anthropic from '@anthropic-ai/sdk';
import type { ErrorKind, GatewayError } from '../core/errors.js';
import type { ErrorResponse } from './dialect.js';
import { retryHeaders } from './retry.js';

/** An error before the answer began. */
export function writeMessagesError(error: GatewayError, requestId: string): ErrorResponse {
  return {
    status: error.facts.status ?? ANSWERS[error.kind].status,
    headers: { 'request-id': requestId, ...retryHeaders(error) },
    body: { ...writeErrorEvent(error), request_id: requestId },
  };
}

/** The body of an `error` event, which is also the body of an error response but for its request id. */
export function writeErrorEvent(error: GatewayError): { type: 'error'; error: object } {
  const { status, details } = error.facts;
  const type = (status === undefined ? undefined : TYPES_BY_STATUS.get(status)) ?? ANSWERS[error.kind].type;
  return { type: 'error', error: { type, message: messageOf(error), ...(details !== undefined && { details }) } };
}

/** Claude Code compacts the conversation on exactly these words, and reads both numbers. */
function messageOf(error: GatewayError): string {
  const { overflow } = error.facts;
  if (error.kind !== 'context-overflow') return error.message;
  if (overflow === undefined) return `prompt is too long: ${error.message}`;
  return `prompt is too long: ${overflow.tokens} tokens > ${overflow.limit} maximum`;
}

type ErrorType = Anthropic.ErrorType | 'request_too_large';

// A 401 makes Claude Code repeat seven times and blame the gateway key, so a dead Kiro login is a 403.
const ANSWERS = {
  'invalid-request': { status: 400, type: 'invalid_request_error' },
  unauthorized: { status: 401, type: 'authentication_error' },
  'not-logged-in': { status: 403, type: 'permission_error' },
  'login-expired': { status: 403, type: 'permission_error' },
  forbidden: { status: 403, type: 'permission_error' },
  'model-not-found': { status: 404, type: 'not_found_error' },
  'context-overflow': { status: 400, type: 'invalid_request_error' },
  'rate-limited': { status: 429, type: 'rate_limit_error' },
  'quota-exhausted': { status: 429, type: 'rate_limit_error' },
  overloaded: { status: 529, type: 'overloaded_error' },
  'upstream-unavailable': { status: 502, type: 'api_error' },
  'upstream-protocol': { status: 502, type: 'api_error' },
  cancelled: { status: 499, type: 'api_error' },
  internal: { status: 500, type: 'api_error' },
} as const satisfies Record<ErrorKind, { status: number; type: ErrorType }>;

const TYPES_BY_STATUS: ReadonlyMap<number, ErrorType> = new Map<number, ErrorType>([
  [404, 'not_found_error'],
  [405, 'not_found_error'],
  [413, 'request_too_large'],
]);
