/** From a question to a turn that has begun: waits for a place, repeats what failed too early to be seen, sets limits. */

import { abortError, GatewayError, toGatewayError } from '../core/errors.js';
import { begin, type Turn } from '../core/stream.js';
import type { Access, KiroClient } from './client.js';
import { createPlaces } from './places.js';
import { coolDownMs, pauseBeforeRepeat, type RetryPolicy } from './retry.js';
import { toTurn, type Asked } from './stream.js';

export type Asker = {
  /**
   * Waits for the turn's first event. Until then failures that may pass are repeated and nobody sees them; after it
   * nothing is. Stop iterating the turn, or abort the signal, and the upstream connection is closed.
   * @throws GatewayError of the last failure.
   */
  ask(question: Question, signal: AbortSignal): Promise<Turn>;
};

export type Question = {
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
  /** Is told, in a sentence, what is repeated. */
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

export function createAsker(dependencies: AskerDependencies): Asker {
  const { client, now, sleep, chance, startTimer, note, retry, silenceMs } = dependencies;
  const places = createPlaces(dependencies.maxConcurrent);
  let coolUntil = 0;

  return {
    async ask(question, signal) {
      const tooLong = new AbortController();
      const wait = startTimer(WHOLE_WAIT_MS, () => tooLong.abort(late('did not begin to answer', WHOLE_WAIT_MS)));
      const waiting = AbortSignal.any([signal, tooLong.signal]);
      try {
        const giveBack = await takePlace(waiting, signal);
        try {
          const { turn, over } = await askUntilBegun(question, waiting);
          // A client that leaves may never look at the turn again.
          signal.addEventListener('abort', giveBack, { once: true });
          void over.then(giveBack);
          return turn;
        } catch (thrown) {
          giveBack();
          throw thrown;
        }
      } finally {
        wait.stop();
      }
    },
  };

  async function takePlace(waiting: AbortSignal, client: AbortSignal): Promise<() => void> {
    try {
      return await places.take(waiting);
    } catch (thrown) {
      if (client.aborted) throw thrown;
      const message = `The gateway has as many answers under way as MAX_CONCURRENT_REQUESTS allows; try again later.`;
      throw new GatewayError('overloaded', message, { cause: thrown });
    }
  }

  async function askUntilBegun(question: Question, signal: AbortSignal): Promise<Begun> {
    const firstEventMs = dependencies.firstEventMs * (question.thinksLong ? 2 : 1);
    let slow = 0;
    for (let attempt = 1; ; attempt++) {
      await coolDown(signal);
      const tooSlow = late('sent nothing', firstEventMs);
      try {
        return await askOnce(question, { firstEventMs, tooSlow }, signal);
      } catch (thrown) {
        if (signal.aborted) throw abortError(signal, thrown);
        const error = toGatewayError(thrown);
        if (error === tooSlow) slow++;
        const slowAttempts = error === tooSlow ? slow : undefined;
        const failed = { error, attempt, slowAttempts, chance: chance() };
        if (error.kind === 'rate-limited') coolUntil = Math.max(coolUntil, now() + coolDownMs(failed, retry));
        const pauseMs = pauseBeforeRepeat(failed, retry);
        if (pauseMs === undefined) throw error;
        note(`Attempt ${attempt} of ${retry.maxAttempts} failed: ${error.message} Next in ${pauseMs} ms.`);
        if (error.kind !== 'rate-limited') await pause(pauseMs, signal);
      }
    }
  }

  /** One attempt, up to the first event of the answer. */
  async function askOnce(
    { body, access, asked }: Question,
    limit: { readonly firstEventMs: number; readonly tooSlow: GatewayError },
    outer: AbortSignal,
  ): Promise<Begun> {
    const stop = new AbortController();
    const signal = AbortSignal.any([outer, stop.signal]);
    const firstEvent = startTimer(limit.firstEventMs, () => stop.abort(limit.tooSlow));
    try {
      const { bytes, over } = watched(await client.generate(body, access, signal), stop);
      return { turn: await begin(toTurn(bytes, asked, signal)), over };
    } catch (thrown) {
      throw signal.aborted ? abortError(signal, thrown) : thrown;
    } finally {
      firstEvent.stop();
    }
  }

  /** The same bytes; too long a silence between them ends the request. */
  function watched(bytes: AsyncIterable<Uint8Array>, stop: AbortController) {
    let end: (() => void) | undefined;
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    async function* watch(): AsyncGenerator<Uint8Array> {
      // A reader that takes its time is not Kiro's silence.
      let isReading = true;
      const silence = startTimer(silenceMs, () => {
        if (isReading) stop.abort(late('stopped in the middle of its answer and sent nothing', silenceMs));
      });
      try {
        for await (const chunk of bytes) {
          isReading = false;
          yield chunk;
          isReading = true;
          silence.refresh();
        }
      } finally {
        silence.stop();
        end?.();
      }
    }
    return { bytes: watch(), over };
  }

  /** After a 429 nobody asks for a while: everyone would be refused, and each refusal makes the pause longer. */
  async function coolDown(signal: AbortSignal): Promise<void> {
    for (let leftMs = coolUntil - now(); leftMs > 0; leftMs = coolUntil - now()) {
      // Not all at once when it is over.
      await pause(leftMs + Math.round(chance() * retry.baseDelayMs), signal);
    }
  }

  async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    try {
      if (milliseconds > 0) await sleep(milliseconds, signal);
    } catch (thrown) {
      throw signal.aborted ? abortError(signal, thrown) : thrown;
    }
  }
}

/** A turn that has begun, and when its bytes are over, whoever ended them. */
type Begun = { readonly turn: Turn; readonly over: Promise<void> };

function late(what: string, milliseconds: number): GatewayError {
  return new GatewayError('upstream-unavailable', `Kiro ${what} for ${milliseconds / 1000} s; try again.`);
}

/** Everything before the first event, queue and pauses included: Claude Code asks again after five minutes. */
const WHOLE_WAIT_MS = 270_000;
