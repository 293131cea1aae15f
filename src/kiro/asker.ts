/** From a question to a turn that has begun: waits for a place, repeats what failed too early to be seen, sets limits. */

import { type ErrorKind, GatewayError, toGatewayError } from '../core/errors.js';
import { abortError, follow, type Following } from '../core/signals.js';
import { begin, type Turn } from '../core/stream.js';
import type { Access, KiroClient } from './client.js';
import { type Asked, toTurn, type Watch } from './stream.js';

export type Asker = ReturnType<typeof createAsker>;

export type Question = {
  /** Random, the same for all repetitions. */
  readonly id: string;
  /** JSON text of the request. */
  readonly body: string;
  readonly access: Access;
  readonly asked: Asked;
  /** True when the model is to think long: its first event may take twice as long. */
  readonly thinksLong: boolean;
};

export type AskerDependencies = {
  readonly client: Pick<KiroClient, 'generate'>;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Rejects when the signal is aborted. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** From 0 to 1. */
  readonly chance: () => number;
  readonly startTimer: StartTimer;
  /** Called with a sentence about each repetition. */
  readonly note: (sentence: string) => void;
  readonly retry: RetryPolicy;
  /** Turns that are under way at the same time; 0 for no limit. */
  readonly maxConcurrent: number;
  /** To the turn's first event. */
  readonly firstEventMs: number;
  /** Between two chunks. */
  readonly silenceMs: number;
};

/** Calls `ring` once after the time, until it is stopped. `refresh` begins the time anew, also after it rang. */
export type StartTimer = (
  milliseconds: number,
  ring: () => void,
) => { readonly refresh: () => void; readonly stop: () => void };

export function createAsker(dependencies: AskerDependencies) {
  const { client, now, sleep, chance, startTimer, note, retry, silenceMs } = dependencies;
  const lastWaitMs = Math.min(LAST_WAIT_MS, silenceMs);
  const places = createPlaces(dependencies.maxConcurrent);
  let coolUntil = 0;

  return {
    /**
     * Waits for the turn's first event. Until then failures that may pass are repeated and nobody sees them; after it
     * nothing is. Stop iterating the turn, or abort the signal, and the upstream connection is closed.
     * @throws GatewayError of the last failure.
     */
    async ask(question: Question, signal: AbortSignal): Promise<Turn> {
      const waiting = follow(signal);
      const wait = startTimer(WHOLE_WAIT_MS, () => waiting.abort(late('did not begin to answer', WHOLE_WAIT_MS)));
      let giveBack: (() => void) | undefined;
      const over = (): void => {
        giveBack?.();
        waiting.end();
      };
      try {
        giveBack = await places.take(waiting.signal).catch((thrown: unknown) => {
          throw signal.aborted ? thrown : new GatewayError('overloaded', NO_PLACE, { cause: thrown });
        });
        const turn = await askUntilBegun(question, waiting.signal, over);
        // A client that leaves may never look at the turn again.
        waiting.signal.addEventListener('abort', giveBack, { once: true });
        return turn;
      } catch (thrown) {
        over();
        throw thrown;
      } finally {
        wait.stop();
      }
    },
  };

  async function askUntilBegun(question: Question, signal: AbortSignal, over: () => void): Promise<Turn> {
    let slow = 0;
    let pauseMs: number | undefined = 0;
    for (let attempt = 1; ; attempt++) {
      try {
        if (pauseMs > 0) await sleep(pauseMs, signal);
        await coolDown(signal);
        return await askOnce(question, signal, over);
      } catch (thrown) {
        if (signal.aborted) throw abortError(signal, thrown);
        const error = toGatewayError(thrown);
        const slowAttempts = error instanceof TooSlow ? ++slow : undefined;
        const failed = { error, attempt, slowAttempts, chance: chance() };
        if (error.kind === 'rate-limited') coolUntil = Math.max(coolUntil, now() + coolDownMs(failed, retry));
        pauseMs = pauseBeforeRepeat(failed, retry);
        if (pauseMs === undefined) throw error.kind === 'rate-limited' ? untilCool(error) : error;
        const next = `attempt ${attempt + 1} of ${retry.maxAttempts}`;
        note(`Asking again in ${Number((pauseMs / 1000).toFixed(1))} s (${next}): ${error.message}`);
        // The cool-down is the pause.
        if (error.kind === 'rate-limited') pauseMs = 0;
      }
    }
  }

  /** A client that asks again before the cool-down ends would only wait here. */
  function untilCool(error: GatewayError): GatewayError {
    const retryAfterSeconds = error.facts.retryAfterSeconds ?? Math.max(1, Math.ceil((coolUntil - now()) / 1000));
    return new GatewayError(error.kind, error.message, { ...error.facts, retryAfterSeconds, cause: error.cause });
  }

  /** One attempt, up to the first event of the answer. @param over Told when a turn that has begun is over. */
  async function askOnce(question: Question, outer: AbortSignal, over: () => void): Promise<Turn> {
    const own = follow(outer);
    const firstEventMs = dependencies.firstEventMs * (question.thinksLong ? 2 : 1);
    const firstEvent = startTimer(firstEventMs, () => own.abort(new TooSlow(firstEventMs)));
    const watch = createWatch(own);
    try {
      const bytes = await client.generate(question.body, question.access, own.signal, question.id);
      const turn = await begin(toTurn(bytes, question.asked, own.signal, watch));
      watch.whenEnded(over);
      return turn;
    } catch (thrown) {
      watch.end();
      throw own.signal.aborted ? abortError(own.signal, thrown) : thrown;
    } finally {
      firstEvent.stop();
    }
  }

  /** Ends the request when Kiro is silent for too long, and tells when its bytes are over, whoever ended them. */
  function createWatch(own: Following): Watch & { whenEnded(told: () => void): void } {
    // While a slow reader is waited for, the silence is not Kiro's.
    let isWaiting = false;
    let isEnded = false;
    let tell: (() => void) | undefined;
    // Starts with the first wait for bytes; until then the limit for the first event applies.
    let silence: ReturnType<StartTimer> | undefined;
    const ring = (): void => {
      if (isWaiting) own.abort(late('stopped in the middle of its answer and sent nothing', silenceMs));
    };
    return {
      hears() {
        isWaiting = false;
      },
      waits(isSaid) {
        isWaiting = true;
        if (isSaid) silence?.stop();
        if (isSaid || silence === undefined) silence = startTimer(isSaid ? lastWaitMs : silenceMs, ring);
        else silence.refresh();
      },
      end() {
        isEnded = true;
        silence?.stop();
        own.end();
        tell?.();
      },
      whenEnded(told) {
        if (isEnded) told();
        else tell = told;
      },
    };
  }

  /** After a 429 nobody asks for a while: everyone would be refused, and each refusal makes the pause longer. */
  async function coolDown(signal: AbortSignal): Promise<void> {
    // It is longer only where the clock was set back meanwhile.
    if (coolUntil - now() > LONGEST_PAUSE_MS) coolUntil = 0;
    for (let leftMs = coolUntil - now(); leftMs > 0; leftMs = coolUntil - now()) {
      // Spread out, so that not all ask at once when it is over.
      await sleep(leftMs + Math.round(chance() * retry.baseDelayMs), signal);
    }
  }
}

/** No event came in time; the attempt may have cost credits. */
class TooSlow extends GatewayError {
  constructor(milliseconds: number) {
    super('upstream-unavailable', `Kiro sent nothing for ${milliseconds / 1000} s; try again.`);
  }
}

function late(what: string, milliseconds: number): GatewayError {
  return new GatewayError('upstream-unavailable', `Kiro ${what} for ${milliseconds / 1000} s; try again.`);
}

const NO_PLACE = 'The gateway has as many answers under way as MAX_CONCURRENT_REQUESTS allows; try again later.';

/** For the connection to end when all has been said. */
const LAST_WAIT_MS = 10_000;

/** Everything before the first event, queue and pauses included: Claude Code asks again after five minutes. */
const WHOLE_WAIT_MS = 270_000;

type RetryPolicy = {
  /** How often one question is asked at most, the first time included. */
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
  if (attempt >= policy.maxAttempts || !PASSING.has(error.kind) || error.facts.hasBeenRepeated) return undefined;
  if (slowAttempts !== undefined) return slowAttempts > policy.maxSlowRepeats ? undefined : 0;
  const pauseMs = wishedPauseMs(failed, policy);
  // When the wait is longer, the client knows better than the gateway what to do meanwhile.
  return pauseMs > LONGEST_PAUSE_MS ? undefined : pauseMs;
}

/** How long nobody asks Kiro after it asked for a pause, in milliseconds; bounded, because its length is a guess. */
export function coolDownMs(failed: FailedAttempt, policy: RetryPolicy): number {
  return Math.min(LONGEST_PAUSE_MS, wishedPauseMs(failed, policy));
}

/** What Kiro asked for, or a pause that doubles with every attempt, a quarter more or less. */
function wishedPauseMs({ error, attempt, chance }: FailedAttempt, { baseDelayMs }: RetryPolicy): number {
  const backoffMs = Math.min(LONGEST_BACKOFF_MS, baseDelayMs * 2 ** (attempt - 1)) * (0.75 + chance / 2);
  return Math.max((error.facts.retryAfterSeconds ?? 0) * 1000, Math.round(backoffMs));
}

/** Failures that may have passed a moment later. All others would repeat themselves. */
const PASSING: ReadonlySet<ErrorKind> = new Set(['rate-limited', 'overloaded', 'upstream-unavailable']);

const LONGEST_PAUSE_MS = 60_000;
const LONGEST_BACKOFF_MS = 30_000;

/** Places that are taken in turn. @param count 0 for no limit. */
export function createPlaces(count: number) {
  let free = count === 0 ? Infinity : count;
  // A Set keeps the order of arrival, and somebody in the middle can leave it.
  const queue = new Set<() => void>();

  function giveBack(): void {
    const [next] = queue;
    if (next === undefined) free++;
    else next();
  }

  function wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        queue.delete(enter);
        reject(abortError(signal));
      };
      const enter = (): void => {
        queue.delete(enter);
        signal.removeEventListener('abort', leave);
        resolve();
      };
      queue.add(enter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  return {
    /**
     * Waits for a free place.
     * @returns gives the place back; calling it again does nothing.
     * @throws GatewayError when the signal is aborted meanwhile: the waiting caller loses its place in the queue.
     */
    async take(signal: AbortSignal): Promise<() => void> {
      if (signal.aborted) throw abortError(signal);
      if (free > 0) free--;
      else await wait(signal);
      let isMine = true;
      return () => {
        if (isMine) giveBack();
        isMine = false;
      };
    },
  };
}
