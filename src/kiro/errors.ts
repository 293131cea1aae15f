/** Kiro's failures to ours: by reason, else by words, by exception type, by status. */

import { codeOf, GatewayError, withSentence } from '../core/errors.js';
import { abortError, untilAborted } from '../core/signals.js';
import { isRecord, jsonExcess, parseJson, recordOf } from '../core/reader.js';
import { findRow, type KiroFailure, type Row, WEB_PAGE } from './error-reasons.js';
import type { FetchResponse } from '../core/fetch.js';

/** The failure with Kiro's own words in front, because clients recognise errors by their wording. */
export function toKiroError(failure: KiroFailure): GatewayError {
  const row = findRow(failure);
  return new GatewayError(row.kind, sentenceFor(row, failure.message.trim()), {
    reason: failure.reason || undefined,
    retryAfterSeconds: failure.retryAfterSeconds ?? row.retryAfterSeconds,
    upstreamRequestId: failure.requestId,
  });
}

/** What the body of a failure says (protocol 6.1). It is a failure in any case, so what cannot be read is empty. */
export function readFailureBody(json: string): Pick<KiroFailure, 'type' | 'message' | 'reason'> {
  return statedFailure(parseJson(json));
}

function statedFailure(value: unknown): Pick<KiroFailure, 'type' | 'message' | 'reason'> {
  const outer = recordOf(value);
  // What stands before Kiro may wrap what it has to say; `Output` is that of AWS.
  const body = { ...outer, ...recordOf(outer['Output']), ...recordOf(outer['error']) };
  const text = (key: string): string => (typeof body[key] === 'string' ? body[key] : '');
  return {
    type: bareType(text('__type') || text('code')),
    message: text('message') || text('Message') || text('errorMessage'),
    reason: text('reason'),
  };
}

/** An exception's name without its namespace in front and the address behind it. */
export function bareType(type: string): string {
  const [name = ''] = type.split(':', 1);
  return name.replace(/^.*#/, '');
}

function sentenceFor({ says, adds, isOursFirst = false }: Row, said: string): string {
  const told = isOursFirst && said !== '' ? `${says} (Kiro said: ${said})` : said || says;
  return adds === undefined ? told : withSentence(told, adds);
}

/** What fetch or a body threw, as ours. Its message may hold an address but never a header. */
export function connectionError(cause: unknown, signal: AbortSignal): GatewayError {
  if (cause instanceof GatewayError) return cause;
  if (signal.aborted) return abortError(signal, cause);
  // node-fetch's word for a redirect that it was told not to follow.
  if (isRecord(cause) && cause['type'] === 'no-redirect')
    return toKiroError({ type: '', message: '', reason: '', status: 302 });
  const code = codeOf(cause);
  if (/CERT|SIGNATURE|ISSUER/.test(code)) {
    const advice = 'for a proxy that signs with one of its own set NODE_EXTRA_CA_CERTS.';
    return new GatewayError('upstream-protocol', `Kiro's certificate is not trusted (${code}); ${advice}`, { cause });
  }
  const message = `Kiro cannot be reached${code && ` (${code})`}; check the network and try again.`;
  return new GatewayError('upstream-unavailable', message, { cause });
}

/** What was asked for, or the failure that came in its place. */
export type Opened<Answer> = { readonly answer: Answer } | { readonly failure: KiroFailure };

/**
 * Frames. A host that sends text instead has refused, whatever its status says. Where the content type does not call them
 * frames, the first byte decides: that of a frame's length, which is 0 for all that are read.
 */
export async function openFrames(
  response: FetchResponse,
  signal: AbortSignal,
): Promise<Opened<AsyncIterable<Uint8Array>>> {
  const { status, headers, body } = response;
  if (status !== 200) return { failure: toFailure(response, await readStart(response)) };
  if (body === null) throw new GatewayError('upstream-protocol', 'Kiro answered without a body; try again.');
  if (headers.get('content-type')?.startsWith(FRAMES) === true) return { answer: body };
  const bytes = body[Symbol.asyncIterator]();
  const first = await bytes.next().catch((cause: unknown) => {
    throw connectionError(cause, signal);
  });
  const whole = startingWith(first, bytes);
  if (first.done === true || first.value[0] === 0) return { answer: whole };
  return { failure: toFailure(response, await readStart({ body: whole })) };
}

const FRAMES = 'application/vnd.amazon.eventstream';

/** All bytes, when the first of them have been taken to look at. No generator: one could not be left while it waits. */
function startingWith(first: IteratorResult<Uint8Array>, rest: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  let seen: typeof first | undefined = first;
  const bytes: AsyncIterator<Uint8Array> = {
    next() {
      const taken = seen;
      seen = undefined;
      return taken === undefined ? rest.next() : Promise.resolve(taken);
    },
    return: () => rest.return?.() ?? Promise.resolve({ done: true, value: undefined }),
  };
  return { [Symbol.asyncIterator]: () => bytes };
}

/**
 * JSON. Some failures come with status 200; those of JSON-RPC are for whoever asked in its form.
 * @throws GatewayError `upstream-protocol` for anything but JSON, `upstream-unavailable` for a body that breaks off.
 */
export async function openJson(response: FetchResponse, signal: AbortSignal): Promise<Opened<unknown>> {
  if (response.status !== 200) return { failure: toFailure(response, await readStart(response)) };
  const text = await response.text().catch((cause: unknown) => {
    throw connectionError(cause, signal);
  });
  if (jsonExcess(text) !== undefined) {
    throw new GatewayError('upstream-protocol', 'Kiro answered with more than the gateway reads; try again.');
  }
  const answer = parseJson(text);
  if (answer === undefined) {
    throw new GatewayError('upstream-protocol', 'Kiro answered with something that is not JSON; try again.');
  }
  const { type, message, reason } = statedFailure(answer);
  const fields = recordOf(answer);
  const isNamed = reason !== '' || /(?:exception|error|fault)$/i.test(type);
  // Answers may have a message and the name of a type, too, but beside a list.
  const isFailure = isNamed || (type + message !== '' && !Object.values(fields).some(Array.isArray));
  return isFailure && !('jsonrpc' in fields) ? { failure: toFailure(response, text) } : { answer };
}

/** A failure from an HTTP answer (protocol 6.1): the type in a header or the body, the rest in the body. */
function toFailure(response: FetchResponse, body: string): KiroFailure {
  const said = readFailureBody(body);
  const stated = response.headers.get('x-amzn-errortype') ?? said.type;
  const isPage = stated === '' && /^\s*</.test(body) && (response.status === 400 || response.status === 403);
  return {
    ...said,
    status: response.status,
    type: isPage ? WEB_PAGE : bareType(stated),
    requestId: response.headers.get('x-amzn-requestid') ?? undefined,
    retryAfterSeconds: readRetryAfter(response.headers),
  };
}

/** Seconds, or a date: by Kiro's clock, for ours may be wrong. */
function readRetryAfter(headers: FetchResponse['headers']): number | undefined {
  const given = headers.get('retry-after') ?? '';
  const date = (Date.parse(given) - Date.parse(headers.get('date') ?? '')) / 1000;
  const seconds = /^-?\d+(?:\.\d+)?$/.test(given.trim()) ? Number(given) : date;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

/** An error's body is small and comes with its status; of one that is huge or slow the beginning is enough. */
export async function readStart({ body }: Pick<FetchResponse, 'body'>): Promise<string> {
  if (body === null) return '';
  const chunks: Uint8Array[] = [];
  const bytes = body[Symbol.asyncIterator]();
  const late = AbortSignal.timeout(LATEST_ERROR_MS);
  try {
    for (let length = 0; length <= MAX_ERROR_BYTES;) {
      const { done, value } = await untilAborted(bytes.next(), late);
      if (done === true) break;
      chunks.push(value);
      length += value.length;
    }
  } catch {
    // The status is known and says enough; a body that breaks off adds nothing.
  }
  // Not waited for: a slow body may be slow to close, too.
  void bytes.return?.().catch(() => undefined);
  return new TextDecoder().decode(Buffer.concat(chunks));
}

const MAX_ERROR_BYTES = 64 * 1024;
const LATEST_ERROR_MS = 2000;
