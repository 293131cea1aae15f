/** When a client may repeat a failed request: the headers that the SDKs of both vendors obey. */

import type { ErrorKind, GatewayError } from '../core/errors.js';

/** `retry-after` and `x-should-retry`, as far as they say something; without them SDKs repeat 408, 409, 429 and 5xx. */
export function retryHeaders(error: GatewayError): Record<string, string> {
  const { shouldRetry, afterSeconds } = RETRY_ADVICE[error.kind];
  const seconds = error.facts.retryAfterSeconds ?? afterSeconds;
  return {
    ...(shouldRetry !== undefined && { 'x-should-retry': String(shouldRetry) }),
    ...(seconds !== undefined && { 'retry-after': String(Math.max(0, Math.ceil(seconds))) }),
  };
}

type RetryAdvice = { readonly shouldRetry?: boolean; readonly afterSeconds?: number };

// Claude Code repeats a bare 401, 429 or 500 seven times and Codex a 500 thirty times; each may cost credits.
const RETRY_ADVICE: Readonly<Record<ErrorKind, RetryAdvice>> = {
  'invalid-request': {},
  unauthorized: { shouldRetry: false },
  'not-logged-in': { shouldRetry: false },
  'login-expired': { shouldRetry: false },
  forbidden: { shouldRetry: false },
  'model-not-found': { shouldRetry: false },
  'context-overflow': { shouldRetry: false },
  'rate-limited': {},
  'quota-exhausted': { shouldRetry: false },
  overloaded: { afterSeconds: 5 },
  'upstream-unavailable': { shouldRetry: true },
  'upstream-protocol': {},
  cancelled: { shouldRetry: false },
  internal: { shouldRetry: false },
};
