/** Whether a question that failed before its answer began is asked again, and after what pause. Pure. */

import type { ErrorKind, GatewayError } from '../core/errors.js';

export type RetryPolicy = {
  /** Of one question, the first included. */
  readonly maxAttempts: number;
  /** The pause after the first failure, in milliseconds; it doubles with every further one. */
  readonly baseDelayMs: number;
  /** How often a question is repeated because nothing came in time. Such an attempt may have cost credits. */
  readonly maxSlowRepeats: number;
};

export type FailedAttempt = {
  readonly error: GatewayError;
  /** 1 for the first. */
  readonly attempt: number;
  /** How many attempts so far have brought nothing in time; undefined when this one failed in another way. */
  readonly slowAttempts?: number | undefined;
  /** A random number from 0 to 1, which spreads the repetitions of many. */
  readonly chance: number;
};

/** Milliseconds to wait before the next attempt; undefined when another one would not help or is not allowed. */
export function pauseBeforeRepeat(failed: FailedAttempt, policy: RetryPolicy): number | undefined {
  const { error, attempt, slowAttempts } = failed;
  if (attempt >= policy.maxAttempts || !PASSING.has(error.kind)) return undefined;
  if (slowAttempts !== undefined) return slowAttempts > policy.maxSlowRepeats ? undefined : 0;
  const askedForMs = (error.facts.retryAfterSeconds ?? 0) * 1000;
  // Whoever is sent away for longer than that knows better what to do meanwhile.
  return askedForMs > LONGEST_PAUSE_MS ? undefined : Math.max(askedForMs, backoffMs(failed, policy));
}

/** How long nobody asks Kiro after it has asked for a pause, in milliseconds: bounded, for nothing is sure of it. */
export function coolDownMs(failed: FailedAttempt, policy: RetryPolicy): number {
  const askedForMs = (failed.error.facts.retryAfterSeconds ?? 0) * 1000;
  return Math.min(LONGEST_PAUSE_MS, Math.max(askedForMs, backoffMs(failed, policy)));
}

/** Doubles with every attempt, a quarter more or less. */
function backoffMs({ attempt, chance }: FailedAttempt, { baseDelayMs }: RetryPolicy): number {
  return Math.round(Math.min(LONGEST_BACKOFF_MS, baseDelayMs * 2 ** (attempt - 1)) * (0.75 + chance / 2));
}

/** What may be gone a moment later. Everything else fails again in the same way. */
const PASSING: ReadonlySet<ErrorKind> = new Set(['rate-limited', 'overloaded', 'upstream-unavailable']);

const LONGEST_PAUSE_MS = 60_000;
const LONGEST_BACKOFF_MS = 30_000;
