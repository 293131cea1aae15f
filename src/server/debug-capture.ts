/** Turns kept for a look afterwards (DEBUG_MODE): what a client asked, what Kiro was sent, and what came back. */

import { AsyncLocalStorage } from 'node:async_hooks';

import { codeOf, toGatewayError } from '../core/errors.js';
import type { Fetch, FetchInit, FetchResponse } from '../core/fetch.js';
import { parseJson } from '../core/reader.js';
import { createFrameDecoder } from '../kiro/frames.js';
import type { Logger } from '../logger.js';
import {
  captureFolder,
  writeCapture,
  type Capture,
  type CapturedAttempt,
  type CapturedEvent,
  type CapturedRequest,
} from './debug-files.js';
import type { StreamOutcome } from './sse.js';

export type DebugCapture = Readonly<ReturnType<typeof createDebugCapture>>;

export type CaptureOptions = {
  readonly mode: 'errors' | 'all';
  readonly stateFolder: string;
  readonly version: string;
  readonly log: Pick<Logger, 'info' | 'warn' | 'redact'>;
  /** Unix time in milliseconds. */
  readonly now: () => number;
};

export function createDebugCapture({ mode, stateFolder, version, log, now }: CaptureOptions) {
  const current = new AsyncLocalStorage<RawAttempt[]>();
  let saving = Promise.resolve();
  let hasComplained = false;
  log.info(`DEBUG_MODE=${mode}: what is said is kept in ${captureFolder(stateFolder)}, for a week at most.`);

  return {
    /** Does the work, and keeps what is asked of Kiro meanwhile as that of this request. Rejects as the work does. */
    async during(client: CapturedRequest, work: () => Promise<StreamOutcome | undefined>): Promise<void> {
      const startedAt = now();
      const attempts: RawAttempt[] = [];
      const keep = (outcome: Capture['outcome']): void => {
        if (mode === 'errors' && outcome.state !== 'failed') return;
        const time = new Date(startedAt).toISOString();
        const raw = { time, milliseconds: now() - startedAt, gateway: version, client, outcome };
        // One after the other, so that counting the files counts them all. The client does not wait for it.
        saving = saving.then(() => save(raw, attempts));
      };
      try {
        keep(toOutcome(await current.run(attempts, work)));
      } catch (thrown) {
        keep(toOutcome({ error: toGatewayError(thrown) }));
        throw thrown;
      }
    },

    /** The same fetch; turns that it asks for are looked at as they pass. */
    watch:
      (fetch: Fetch): Fetch =>
      async (url, init) => {
        const attempts = current.getStore();
        // Whatever else is asked meanwhile, such as a renewal of the login, is none of a turn's business.
        if (attempts === undefined || !isOfTurn(url, init)) return fetch(url, init);
        const attempt: RawAttempt = { url, body: init.body ?? '', chunks: [] };
        attempts.push(attempt);
        try {
          const response = await fetch(url, init);
          attempt.answer = response;
          // Until the end has come.
          attempt.failure = 'the gateway stopped reading before its end';
          return { ...response, body: response.body && watched(response.body, attempt) };
        } catch (thrown) {
          attempt.failure = reasonOf(thrown);
          throw thrown;
        }
      },
  };

  async function save(raw: Omit<Capture, 'attempts'>, attempts: readonly RawAttempt[]): Promise<void> {
    try {
      await writeCapture(stateFolder, { ...raw, attempts: attempts.map(toAttempt) }, { hide: log.redact, now });
    } catch (thrown) {
      if (hasComplained) return;
      hasComplained = true;
      const folder = captureFolder(stateFolder);
      const what = codeOf(thrown) || reasonOf(thrown);
      log.warn(`DEBUG_MODE: ${folder} cannot be written (${what}); the gateway goes on without captures.`);
    }
  }
}

/** What is gathered while a turn is under way: references and chunks, so that it costs little until it is over. */
type RawAttempt = {
  readonly url: string;
  readonly body: string;
  readonly chunks: Uint8Array[];
  answer?: FetchResponse;
  failure?: string | undefined;
};

/** The same bytes; the first megabytes of them are kept. */
async function* watched(body: AsyncIterable<Uint8Array>, attempt: RawAttempt): AsyncGenerator<Uint8Array> {
  let room = MAX_STREAM_BYTES;
  try {
    for await (const chunk of body) {
      if (room > 0) attempt.chunks.push(chunk);
      room -= chunk.length;
      yield chunk;
    }
    attempt.failure = room >= 0 ? undefined : `only the first ${MAX_STREAM_BYTES} bytes were kept`;
  } catch (thrown) {
    attempt.failure = reasonOf(thrown);
    throw thrown;
  }
}

function toAttempt({ url, body, chunks, answer, failure }: RawAttempt): CapturedAttempt {
  const sent = { url, characters: body.length, body: parsed(body) };
  if (answer === undefined) return { ...sent, failure: failure ?? 'given up before an answer came' };
  const head = { status: answer.status, requestId: answer.headers.get('x-amzn-requestid') };
  const ending = failure === undefined ? {} : { failure };
  const isStream = answer.headers.get('content-type')?.includes('eventstream') === true;
  const said = isStream ? decode(chunks) : { text: Buffer.concat(chunks).toString('utf8') };
  return { ...sent, ...head, ...ending, ...said };
}

function decode(chunks: readonly Uint8Array[]): Pick<CapturedAttempt, 'events' | 'failure'> {
  const decoder = createFrameDecoder();
  const events: CapturedEvent[] = [];
  try {
    for (const chunk of chunks) {
      for (const { headers, payload } of decoder.push(chunk)) {
        events.push({ headers: Object.fromEntries(headers), payload: parsed(payload) });
      }
    }
    return { events };
  } catch (thrown) {
    return { events, failure: toGatewayError(thrown).message };
  }
}

function toOutcome({ completion, error }: StreamOutcome = {}): Capture['outcome'] {
  if (error !== undefined && error.kind !== 'cancelled') {
    const { kind, message, facts } = error;
    return { state: 'failed', error: { kind, message, reason: facts.reason } };
  }
  if (completion === undefined) return { state: 'client-left' };
  return { state: 'finished', finishReason: completion.finishReason, credits: completion.credits };
}

function parsed(text: string): unknown {
  return parseJson(text) ?? text;
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : 'unknown';
}

/** Answers, in both of their forms, and the web searches that belong to them. */
function isOfTurn(url: string, { headers }: FetchInit): boolean {
  return /\/(?:generateAssistantResponse|mcp)$/.test(url) || (headers['x-amz-target'] ?? '').endsWith(CHAT_TARGET);
}

const CHAT_TARGET = 'Service.GenerateAssistantResponse';
const MAX_STREAM_BYTES = 4_000_000;
