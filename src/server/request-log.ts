/** One request as one line of the log. */

import type { ServerResponse } from 'node:http';

import type { StreamOutcome } from './sse.js';

/** What is gathered about a request while it is served. */
export type RequestFacts = {
  readonly requestId: string;
  /** Unix time in milliseconds. */
  readonly startedAt: number;
  model?: string;
  isStreamed?: boolean;
  outcome?: StreamOutcome;
};

/** `claude-sonnet-4.5 streamed 200 812ms in=1200 out=80 (upstream) credits=0.021 end=stop id=req_…`. */
export function describeOutcome(facts: RequestFacts, response: ServerResponse, milliseconds: number): string {
  const { model, isStreamed, outcome, requestId } = facts;
  const words = [model, isStreamed ? 'streamed' : undefined, String(response.statusCode), `${milliseconds}ms`];
  if (outcome?.completion !== undefined) {
    const { usage, credits, finishReason } = outcome.completion;
    words.push(`in=${usage.inputTokens}`, `out=${usage.outputTokens}`, `(${usage.source})`);
    if (credits !== undefined) words.push(`credits=${Number(credits.toFixed(4))}`);
    words.push(`end=${finishReason}`);
  } else if (outcome?.error !== undefined) {
    words.push(`error=${outcome.error.kind}`, JSON.stringify(outcome.error.message));
  } else if (!response.writableFinished) {
    words.push('client-left');
  }
  return [...words, `id=${requestId}`].filter((word) => word !== undefined).join(' ');
}
