/** What is known about one request, while it is served and when it is over, and its line in the log. */

import type { ServerResponse } from 'node:http';

import type { Logger } from '../logger.js';
import type { StreamOutcome } from './sse.js';

/** What is gathered about a request while it is served. Times are Unix times in milliseconds. */
export type RequestFacts = {
  readonly requestId: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly startedAt: number;
  /** When the turn's first event came; pings do not count. */
  firstEventAt?: number;
  /** As the client names it. */
  model?: string;
  isStreamed?: boolean;
  /** What was not done as asked. A client reads its header, and its person, who seldom sees that, the log. */
  notices?: readonly string[];
  outcome?: StreamOutcome;
};

/** A request that is over; what is not known is left out. Its names are those of the log in JSON. */
export type RequestRecord = Pick<Told, 'requestId' | 'method' | 'path' | 'status' | 'totalMs'> & {
  readonly [Name in keyof Told]?: Told[Name] | undefined;
};

type Told = ReturnType<typeof toRecord>;

/** Whoever wants to know what is being served. */
export type RequestWatch = {
  began(request: RequestFacts): void;
  ended(request: RequestFacts, record: RequestRecord): void;
};

/** One line of the log for each request that is over. */
export function logRequests(log: Logger): RequestWatch {
  return {
    began: () => undefined,
    ended(_, record) {
      if (record.error === undefined) log.info(describeRecord(record), record);
      else log.warn(describeRecord(record), undefined, record);
    },
  };
}

export function toRecord(facts: RequestFacts, response: ServerResponse, endedAt: number) {
  const { requestId, method, path, model, isStreamed, startedAt, firstEventAt, notices, outcome } = facts;
  const { completion, error } = outcome ?? {};
  const { usage, credits, finishReason } = completion ?? {};
  const hasLeft = completion === undefined && error === undefined && !response.writableFinished;
  return {
    requestId,
    method,
    path,
    model,
    isStreamed,
    // Nobody was told anything, so not even that it went well.
    status: hasLeft && !response.headersSent ? 499 : response.statusCode,
    firstEventMs: firstEventAt === undefined ? undefined : firstEventAt - startedAt,
    totalMs: endedAt - startedAt,
    inputTokens: usage?.inputTokens,
    outputTokens: usage?.outputTokens,
    tokenSource: usage?.source,
    credits: credits === undefined ? undefined : Number(credits.toFixed(4)),
    finishReason,
    notice: notices?.join('; ') || undefined,
    /** The kind of the failure, its sentence, Kiro's own word for it (or ours), and Kiro's id of the request for its support. */
    error: error?.kind,
    errorMessage: error?.message,
    reason: error?.facts.reason,
    upstreamRequestId: error?.facts.upstreamRequestId,
    /** The client did not wait for the end. */
    clientLeft: hasLeft ? true : undefined,
  };
}

/** `POST /v1/messages claude-sonnet-4.5 streamed 200 812ms first=350ms in=1200 out=80 (upstream) … id=req_…`. */
function describeRecord(record: RequestRecord): string {
  const { firstEventMs, inputTokens, credits, finishReason, error, reason, upstreamRequestId } = record;
  const lost = lostOf(record);
  const words = [
    record.method,
    record.path,
    record.model,
    record.isStreamed === true && 'streamed',
    record.status,
    `${record.totalMs}ms`,
    firstEventMs !== undefined && `first=${firstEventMs}ms`,
    inputTokens !== undefined && `in=${inputTokens} out=${record.outputTokens} (${record.tokenSource})`,
    credits !== undefined && `credits=${credits}`,
    finishReason && `end=${finishReason}`,
    lost !== '' && `notice=${JSON.stringify(lost)}`,
    error && `error=${error} ${JSON.stringify(record.errorMessage)}`,
    reason && `reason=${reason}`,
    upstreamRequestId && `kiro-id=${upstreamRequestId}`,
    record.clientLeft === true && 'client-left',
    `id=${record.requestId}`,
  ];
  return words.filter((word) => word !== undefined && word !== false).join(' ');
}

/** What the model did not get; the parameters that are ignored stand in every request of some clients. */
export function lostOf({ notice = '' }: Pick<RequestRecord, 'notice'>): string {
  const parts = notice.split('; ').filter((it) => !it.startsWith('ignored='));
  return parts.join('; ');
}
