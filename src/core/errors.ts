/** The one error of the house: a closed set of kinds, named by what the person can do about it. */

import type { JsonObject } from './conversation.js';

export type ErrorKind =
  /** The request is wrong; the client has to change it. */
  | 'invalid-request'
  /** The gateway key is missing or wrong. */
  | 'unauthorized'
  /** No Kiro login is known on this machine. */
  | 'not-logged-in'
  /** The Kiro login no longer works and has to be renewed by the person. */
  | 'login-expired'
  /** The account may not do this (plan, feature, suspension). */
  | 'forbidden'
  | 'model-not-found'
  /** The conversation is longer than the model can read; clients answer with compaction. */
  | 'context-overflow'
  /** Too many requests for now; the same request works later. */
  | 'rate-limited'
  /** The plan's credits are spent; repeating is useless until the reset. */
  | 'quota-exhausted'
  /** The model has no capacity at the moment. */
  | 'overloaded'
  /** Kiro did not answer, or answered with a fault of its own. */
  | 'upstream-unavailable'
  /** Kiro answered with something that is not its protocol. */
  | 'upstream-protocol'
  /** The client left, or the person pressed Ctrl-C. */
  | 'cancelled'
  /** A bug of the gateway. */
  | 'internal';

/** What a `GatewayError` may carry besides its kind and its sentence. Everything here may be shown to a client. */
export type ErrorFacts = {
  /** The field that is wrong, as a path: `messages[2].content[0].type`. */
  readonly param?: string | undefined;
  /** Machine-readable details that one dialect defines (Anthropic's `error.details`). */
  readonly details?: JsonObject | undefined;
  /** Seconds after which a repetition makes sense. */
  readonly retryAfterSeconds?: number | undefined;
  /** HTTP status, where the transport itself refuses (404 route, 405, 413, 415). Otherwise the dialect decides. */
  readonly status?: number | undefined;
  /** Kiro's `x-amzn-requestid`. */
  readonly upstreamRequestId?: string | undefined;
  /** Kiro's machine-readable reason, e.g. `MONTHLY_REQUEST_COUNT`. */
  readonly reason?: string | undefined;
  /** For `context-overflow`: the estimate of what was asked and what the model can read, in tokens. */
  readonly overflow?: { readonly tokens: number; readonly limit: number } | undefined;
  /** Whoever throws it has already tried again, so that nobody else has to. */
  readonly hasBeenRepeated?: boolean | undefined;
  /** Kept for the log, never sent. */
  readonly cause?: unknown;
};

export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly kind: ErrorKind;
  readonly facts: ErrorFacts;

  /** @param message One sentence for a person: what happened, and what to do. */
  constructor(kind: ErrorKind, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.kind = kind;
    this.facts = facts;
  }
}

/** Anything thrown, as our error. Foreign errors are bugs here: their doors translate what can be expected. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError('internal', 'The gateway failed on this request; this is a bug, please report it.', {
    cause: thrown,
  });
}

/** What somebody said, who may have left the full stop out, and a sentence behind it. */
export function withSentence(said: string, sentence: string): string {
  return `${said}${/[.!?]\)?$/.test(said) ? '' : '.'} ${sentence}`;
}

/** The `code` of an error of the system or of a connection: `ENOENT`, `ECONNREFUSED`, …; empty for anything else. */
export function codeOf(thrown: unknown): string {
  const hasCode = typeof thrown === 'object' && thrown !== null && 'code' in thrown;
  return hasCode && typeof thrown.code === 'string' ? thrown.code : '';
}
