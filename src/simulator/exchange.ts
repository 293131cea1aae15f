/** One request and its answer: what arrived, the log of it, the refusals of the service, and small pieces of HTTP. */

import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

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

export type Exchange = {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: unknown;
  readonly isJson: boolean;
  readonly isForm: boolean;
} & AnsweringSide;

type AnsweringSide = {
  readonly response: ServerResponse;
  /** Aborted when the client leaves or the simulator closes. */
  readonly signal: AbortSignal;
  /** Closes the connection at once, which then does not count as the client's leaving. */
  readonly hangUp: () => void;
  readonly noteViolation: (violation: string) => void;
};

export function createExchange(request: IncomingMessage, text: string, side: AnsweringSide): Exchange {
  const { method = 'GET', url: path = '/', headers } = request;
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
  const parsed = isForm ? Object.fromEntries(new URLSearchParams(text)) : parseJson(text);
  return {
    method,
    // The host only completes the URL; a strange one must not break it.
    url: new URL(path.replace(/^\/*/, '/'), `http://${headers.host ?? 'localhost'}`),
    headers,
    text,
    body: parsed === undefined ? text : parsed,
    isJson: !isForm && parsed !== undefined,
    isForm,
    ...side,
  };
}

/** Undefined when it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export type LogEntry = { -readonly [Key in keyof ReceivedRequest]: ReceivedRequest[Key] };

export type RequestLog = ReturnType<typeof createRequestLog>;

/** Forgets its oldest entries, by number and by size. */
export function createRequestLog(mostEntries: number) {
  const entries: LogEntry[] = [];
  const lengths: number[] = [];
  let totalLength = 0;
  return {
    entries,
    add(entry: LogEntry, bodyLength: number): void {
      entries.push(entry);
      lengths.push(bodyLength);
      totalLength += bodyLength;
      while (entries.length > mostEntries || (totalLength > LARGEST_BODY_BYTES && entries.length > 1)) {
        entries.shift();
        totalLength -= lengths.shift() ?? 0;
      }
    },
    clear(): void {
      entries.length = 0;
      lengths.length = 0;
      totalLength = 0;
    },
  };
}

/** The whole body as text, or nothing when it is longer than the service takes. */
export async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // The connection must outlive a body that is refused, or its sender would never read why.
  const reader: AsyncIterable<Uint8Array> = request.iterator({ destroyOnReturn: false });
  for await (const chunk of reader) {
    length += chunk.length;
    if (length > LARGEST_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** An answer that is no stream: an object goes out as JSON, a string as it is. */
export type HttpReply = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | object;
};

export function answerJson(body: object): HttpReply {
  return { status: 200, body };
}

export function refuse({ status, type, message, reason }: Failure): HttpReply {
  return { status, headers: { 'x-amzn-errortype': type }, body: { message, reason } };
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

/** `message` and `reason` are what the service says; `detail` is for the person who has to find the fault. */
export type Violation = { readonly message: string; readonly reason: string | null; readonly detail: string };

export function violate(reason: string, message: string, detail: string): Violation {
  return { reason, message, detail };
}

/** What the service says to most faults of shape. */
export function improper(detail: string): Violation {
  return { message: FAILURES.improper.message, reason: FAILURES.improper.reason, detail };
}

/** A refusal: status, exception name, words and reason. */
export type Failure = {
  readonly status: number;
  readonly type: string;
  readonly message: string;
  readonly reason: string | null;
};

function failure(status: number, type: string, message: string, reason: string | null = null): Failure {
  return { status, type, message, reason };
}

const IMPROPER = 'Improperly formed request.';

export const FAILURES = {
  bearerInvalid: failure(403, 'AccessDeniedException', 'The bearer token included in the request is invalid.'),
  profileMissing: failure(400, 'ValidationException', 'profileArn is required for this request.'),
  profileInvalid: failure(400, 'ValidationException', 'Invalid profileArn.'),
  improper: failure(400, 'ValidationException', IMPROPER, 'REQUEST_BODY_INVALID'),
  notJson: failure(400, 'ValidationException', IMPROPER, 'REQUEST_BODY_INVALID_JSON'),
  overflow: failure(400, 'ValidationException', 'Input is too long.', 'CONTENT_LENGTH_EXCEEDS_THRESHOLD'),
  bodyTooLarge: failure(413, 'RequestEntityTooLargeException', 'Payload too large.'),
  unsupportedMediaType: failure(
    415,
    'UnsupportedMediaTypeException',
    'The content type of the request is not supported.',
  ),
  unknownOperation: failure(
    404,
    'UnknownOperationException',
    'The requested operation is not recognized by the service.',
  ),
  throttled: failure(429, 'ThrottlingException', 'Too many requests, please wait before trying again.'),
  capacity: failure(
    429,
    'ThrottlingException',
    'I am experiencing high traffic, please try again shortly.',
    'INSUFFICIENT_MODEL_CAPACITY',
  ),
  quota: failure(402, 'ServiceQuotaExceededException', 'You have reached the limit.', 'MONTHLY_REQUEST_COUNT'),
  suspended: failure(
    403,
    'AccessDeniedException',
    'Your User ID temporarily is suspended. Contact support to restore your access.',
    'TEMPORARILY_SUSPENDED',
  ),
  serverError: failure(
    500,
    'InternalServerException',
    'Encountered an unexpected error when processing the request, please try again.',
  ),
  unavailable: failure(503, 'ServiceUnavailableException', 'Service is temporarily unavailable.'),
} as const;

const LARGEST_BODY_BYTES = 64 * 1024 * 1024;
