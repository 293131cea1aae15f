/** What is known about one request, while it is served and when it is over, and its line in the log. */

import type { ServerResponse } from 'node:http';

import type { LogFacts, Logger } from '../logger.js';
import type { StreamOutcome } from './sse.js';

/** What is gathered about a request while it is served. Times are Unix times in milliseconds. */
export type RequestFacts = {
  readonly requestId: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly startedAt: number;
  /** Of the turn; pings do not count. */
  firstEventAt?: number;
  /** As the client names it. */
  model?: string;
  isStreamed?: boolean;
  outcome?: StreamOutcome;
};

/** A request that is over; what is not known is left out. Its names are those of the log in JSON. */
export type RequestRecord = {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly model?: string | undefined;
  readonly isStreamed?: boolean | undefined;
  readonly status: number;
  readonly firstEventMs?: number | undefined;
  readonly totalMs: number;
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly tokenSource?: string | undefined;
  readonly credits?: number | undefined;
  readonly finishReason?: string | undefined;
  /** The kind of the failure, and its sentence. */
  readonly error?: string | undefined;
  readonly errorMessage?: string | undefined;
  /** The client did not wait for the end. */
  readonly clientLeft?: true | undefined;
};

/** Whoever wants to know what is being served. */
export type RequestWatch = {
  began(request: RequestFacts): void;
  ended(request: RequestFacts, record: RequestRecord): void;
};

/** One line of the log for each request that is over. */
export function logRequests(log: Logger): RequestWatch {
  return {
    began: () => undefined,
    ended: (_, record) => {
      const facts: LogFacts = record;
      if (record.error === undefined) log.info(describeRecord(record), facts);
      else log.warn(describeRecord(record), undefined, facts);
    },
  };
}

export function toRecord(facts: RequestFacts, response: ServerResponse, endedAt: number): RequestRecord {
  const { requestId, method, path, model, isStreamed, startedAt, firstEventAt, outcome } = facts;
  const { completion, error } = outcome ?? {};
  const hasLeft = completion === undefined && error === undefined && !response.writableFinished;
  return {
    requestId,
    method,
    path,
    model,
    isStreamed,
    status: response.statusCode,
    firstEventMs: firstEventAt === undefined ? undefined : firstEventAt - startedAt,
    totalMs: endedAt - startedAt,
    inputTokens: completion?.usage.inputTokens,
    outputTokens: completion?.usage.outputTokens,
    tokenSource: completion?.usage.source,
    credits: completion?.credits === undefined ? undefined : Number(completion.credits.toFixed(4)),
    finishReason: completion?.finishReason,
    error: error?.kind,
    errorMessage: error?.message,
    clientLeft: hasLeft ? true : undefined,
  };
}

/** `POST /v1/messages claude-sonnet-4.5 streamed 200 812ms first=350ms in=1200 out=80 (upstream) … id=req_…`. */
export function describeRecord(record: RequestRecord): string {
  const { firstEventMs, inputTokens, credits, error } = record;
  const words = [
    record.method,
    record.path,
    record.model,
    record.isStreamed === true ? 'streamed' : undefined,
    record.status,
    `${record.totalMs}ms`,
    firstEventMs === undefined ? undefined : `first=${firstEventMs}ms`,
    inputTokens === undefined ? undefined : `in=${inputTokens} out=${record.outputTokens} (${record.tokenSource})`,
    credits === undefined ? undefined : `credits=${credits}`,
    record.finishReason === undefined ? undefined : `end=${record.finishReason}`,
    error === undefined ? undefined : `error=${error} ${JSON.stringify(record.errorMessage)}`,
    record.clientLeft === true ? 'client-left' : undefined,
    `id=${record.requestId}`,
  ];
  return words.filter((word) => word !== undefined).join(' ');
}
