/** One request and its answer over HTTP: what arrived, what goes out whole, and how the service refuses. */

import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

import { parseJson } from '../core/reader.js';

/** What arrived, kept for tests to count and inspect. */
export type ReceivedRequest = {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: IncomingHttpHeaders;
  /** Parsed when it was JSON or a form, otherwise the text. */
  readonly body: unknown;
  /** True once the client has closed the connection before the answer was complete. */
  readonly aborted: boolean;
  /** Which rule of the service the request broke, with its place; the service itself never says. */
  readonly violation?: string;
};

export type Exchange = Awaited<ReturnType<typeof readExchange>>;

type AnsweringSide = {
  readonly response: ServerResponse;
  /** Aborted when the client leaves or the simulator closes. */
  readonly signal: AbortSignal;
  /** Closes the connection at once, which then does not count as the client's leaving. */
  readonly hangUp: () => void;
};

/** @throws Refusal when the body is longer than the service takes. */
export async function readExchange(request: IncomingMessage, side: AnsweringSide) {
  const { method = 'GET', url: path = '/', headers } = request;
  const text = await readBody(request, side.response);
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
  const parsed: unknown = isForm ? Object.fromEntries(new URLSearchParams(text)) : parseJson(text);
  const origin = `http://${headers.host ?? ''}`;
  // The host only completes the URL; a strange one must not break it.
  const url = new URL(path.replace(/^\/*/, '/'), URL.canParse(origin) ? origin : 'http://localhost');
  const isJson = !isForm && parsed !== undefined;
  return { ...side, method, url, headers, text, body: parsed === undefined ? text : parsed, isForm, isJson };
}

async function readBody(request: IncomingMessage, response: ServerResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // The connection must outlive a body that is refused, or its sender would never read why.
  const reader: AsyncIterable<Uint8Array> = request.iterator({ destroyOnReturn: false });
  for await (const chunk of reader) {
    length += chunk.length;
    if (length > LARGEST_BODY_BYTES) {
      response.shouldKeepAlive = false;
      request.resume();
      throw new Refusal(FAILURES.bodyTooLarge);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const LARGEST_BODY_BYTES = 64 * 1024 * 1024;

/** An answer that is no stream: an object goes out as JSON, a string as it is. */
export type HttpReply = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | object;
};

export function answerJson(body: object): HttpReply {
  return { status: 200, body };
}

export function send(response: ServerResponse, { status, headers = {}, body }: HttpReply): void {
  const isText = typeof body === 'string';
  const bytes = Buffer.from(isText ? body : JSON.stringify(body));
  response.writeHead(status, {
    'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json',
    'content-length': bytes.length,
    'x-amzn-requestid': randomUUID(),
    ...headers,
  });
  response.end(bytes);
}

/** The words of the service, and in a header of our own what really was wrong. */
export function refuse({ status, type, message, reason }: Failure, detail?: string): HttpReply {
  return {
    status,
    headers: {
      'x-amzn-errortype': type,
      ...(detail !== undefined && { 'x-simulator-detail': detail.slice(0, 500).replaceAll(/[^ -~]/g, '?') }),
    },
    body: type === FAILURES.unknownOperation.type ? { message, __type: type } : { message, reason },
  };
}

/** Thrown where the fault is found. */
export class Refusal extends Error {
  readonly failure: Failure;
  /** For the person who has to find the fault: the service itself never says. */
  readonly detail: string | undefined;

  constructor(failure: Failure, detail?: string) {
    super(failure.message);
    this.failure = failure;
    this.detail = detail;
  }
}

/** What the service says to most faults of shape. */
export function improper(detail: string): Refusal {
  return new Refusal(FAILURES.improper, detail);
}

export type Failure = ReturnType<typeof failure>;

/** A refusal: status, exception name, words and reason. */
function failure(status: number, type: string, message: string, reason: string | null = null) {
  return { status, type, message, reason };
}

const IMPROPER = 'Improperly formed request.';
const BUSY = 'I am experiencing high traffic, please try again shortly.';
const SUSPENDED = 'Your User ID temporarily is suspended. Contact support to restore your access.';
const UNEXPECTED = 'Encountered an unexpected error when processing the request, please try again.';
const UNSUPPORTED = 'The content type of the request is not supported.';
const UNKNOWN = 'The requested operation is not recognized by the service.';

export const FAILURES = {
  bearerInvalid: failure(403, 'AccessDeniedException', 'The bearer token included in the request is invalid.'),
  profileMissing: failure(400, 'ValidationException', 'profileArn is required for this request.'),
  profileInvalid: failure(400, 'ValidationException', 'Invalid profileArn.'),
  improper: failure(400, 'ValidationException', IMPROPER, 'REQUEST_BODY_INVALID'),
  notJson: failure(400, 'ValidationException', IMPROPER, 'REQUEST_BODY_INVALID_JSON'),
  overflow: failure(400, 'ValidationException', 'Input is too long.', 'CONTENT_LENGTH_EXCEEDS_THRESHOLD'),
  bodyTooLarge: failure(413, 'RequestEntityTooLargeException', 'Payload too large.'),
  unsupportedMediaType: failure(415, 'UnsupportedMediaTypeException', UNSUPPORTED),
  unknownOperation: failure(404, 'UnknownOperationException', UNKNOWN),
  throttled: failure(429, 'ThrottlingException', 'Too many requests, please wait before trying again.'),
  capacity: failure(429, 'ThrottlingException', BUSY, 'INSUFFICIENT_MODEL_CAPACITY'),
  quota: failure(402, 'ServiceQuotaExceededException', 'You have reached the limit.', 'MONTHLY_REQUEST_COUNT'),
  suspended: failure(403, 'AccessDeniedException', SUSPENDED, 'TEMPORARILY_SUSPENDED'),
  serverError: failure(500, 'InternalServerException', UNEXPECTED),
  unavailable: failure(503, 'ServiceUnavailableException', 'Service is temporarily unavailable.'),
} as const;
