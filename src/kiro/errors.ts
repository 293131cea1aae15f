/** Kiro's failures to ours: by reason, else by words, by exception type, by status. */

import { abortError, GatewayError } from '../core/errors.js';
import { isRecord } from '../core/reader.js';
import {
  AWAY,
  BY_REASON,
  CAPACITY,
  OVERFLOW,
  QUOTA,
  REFUSED,
  type Row,
  SUSPENDED,
  THROTTLED,
} from './error-reasons.js';
import type { FetchResponse } from '../core/fetch.js';

/** A failure as Kiro states it, in an HTTP answer or in an exception frame. Missing texts are empty. */
export type KiroFailure = {
  /** HTTP status; undefined inside a stream. */
  readonly status?: number | undefined;
  /** The exception's name, bare: `ThrottlingException`. */
  readonly type: string;
  readonly message: string;
  /** The machine-readable reason: `MONTHLY_REQUEST_COUNT`. */
  readonly reason: string;
  readonly requestId?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
};

/** The failure with Kiro's own words in front, because clients recognise errors by their wording. */
export function toKiroError(failure: KiroFailure): GatewayError {
  const row = findRow(failure);
  return new GatewayError(row.kind, sentenceFor(row, failure.message.trim()), {
    reason: failure.reason || undefined,
    retryAfterSeconds: failure.retryAfterSeconds ?? row.retryAfterSeconds,
    upstreamRequestId: failure.requestId,
  });
}

/** What the body of a failure says (protocol 6.1). Whatever it is, the failure counts: what cannot be read is empty. */
export function readFailureBody(json: string): Pick<KiroFailure, 'type' | 'message' | 'reason'> {
  const body = parseObject(json);
  const text = (key: string): string => (typeof body[key] === 'string' ? body[key] : '');
  return {
    type: bareType(text('__type') || text('code')),
    message: text('message') || text('Message') || text('errorMessage'),
    reason: text('reason'),
  };
}

/** An exception's name without its namespace in front and the address behind it. */
export function bareType(type: string): string {
  return type.replace(/:.*$/, '').replace(/^.*#/, '');
}

/** True when only the access token is at fault, so that one refresh and one repetition make sense. */
export function isDeadToken(failure: KiroFailure): boolean {
  if (failure.status === 401) return true;
  if (failure.status !== 403 || failure.reason === 'TEMPORARILY_SUSPENDED') return false;
  return DEAD_TOKEN_TYPES.has(failure.type) || DEAD_TOKEN_TEXT.test(failure.message);
}

/** True when the host does not know the operation, so that the older host deserves one try. */
export function isUnknownOperation(failure: KiroFailure): boolean {
  if (failure.status === 404 || failure.status === 405) return failure.reason === '';
  return (
    failure.type === 'UnknownOperationException' ||
    /unknown (?:operation|endpoint)|unable to determine service|missing authentication token|request signature/i.test(
      failure.message,
    )
  );
}

function sentenceFor({ says, adds, isOursFirst = false }: Row, said: string): string {
  const told = isOursFirst && said !== '' ? `${says} (Kiro said: ${said})` : said || says;
  if (adds === undefined) return told;
  return `${told}${/[.!?]\)?$/.test(told) ? '' : '.'} ${adds}`;
}

function findRow(failure: KiroFailure): Row {
  const byReason = BY_REASON.get(failure.reason);
  if (byReason !== undefined) return byReason;
  const byText = BY_TEXT.find(([pattern]) => pattern.test(failure.message));
  if (byText !== undefined) return byText[1];
  if (isDeadToken(failure)) return LOGIN_EXPIRED;
  const byType = BY_TYPE.get(failure.type.replace(/(Exception|Error)$/i, '').toLowerCase());
  if (byType !== undefined) return byType;
  const { status } = failure;
  if (status === undefined) return BROKEN_STREAM;
  return BY_STATUS[status] ?? (status >= 500 ? SERVER_FAULT : REFUSED);
}

function parseObject(json: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

const LOGIN_EXPIRED: Row = {
  kind: 'login-expired',
  // "The bearer token is invalid" would send people to the key of their client, which is none of Kiro's business.
  says: 'Your Kiro login no longer works; the gateway key is fine.',
  adds: 'Sign in again with `kiro-gateway login`, or where this login came from.',
  isOursFirst: true,
};
const SUSPICIOUS: Row = {
  kind: 'rate-limited',
  says: 'Kiro limits this account for a while.',
  adds: 'Send fewer requests at a time (MAX_CONCURRENT_REQUESTS).',
};
const PROFILE_MISSING: Row = {
  kind: 'invalid-request',
  says: 'Kiro wants to know a profile.',
  adds: 'Set PROFILE_ARN to the profile of your Kiro account.',
};
const PROFILE_WRONG: Row = {
  kind: 'invalid-request',
  says: 'Kiro does not know the profile.',
  adds: 'Check PROFILE_ARN, or sign in again so that the profile is found anew.',
};
const UNKNOWN_ADDRESS: Row = {
  // No repetition will help: this is not a Kiro that we know.
  kind: 'upstream-protocol',
  says: 'Kiro does not know this operation at this address; check KIRO_API_URL, or try again later.',
};
const SERVER_FAULT: Row = { kind: 'upstream-unavailable', says: 'Kiro failed on this request; try again.' };
const BROKEN_STREAM: Row = { kind: 'upstream-unavailable', says: 'Kiro broke off its answer; try again.' };
/** A proxy's or a firewall's: Kiro itself refuses in JSON. */
const BLOCKED: Row = {
  kind: 'upstream-protocol',
  says: 'A web page came in place of an answer: something between here and Kiro refuses the connection.',
  adds: 'Check the network, its firewall and VPN_PROXY_URL.',
};
const WEB_PAGE = 'webpage';
const DENIED: Row = { kind: 'forbidden', says: 'This Kiro account may not do that.' };

const BY_TEXT: readonly (readonly [RegExp, Row])[] = [
  [/input is too long|content length exceeds/i, OVERFLOW],
  [/temporarily is suspended/i, SUSPENDED],
  [/maximum request reached for this month|reached the limit/i, QUOTA],
  [/unexpectedly high load/i, CAPACITY],
  [/suspicious activity/i, SUSPICIOUS],
  [/profileArn is required/i, PROFILE_MISSING],
  [/invalid profileArn/i, PROFILE_WRONG],
];

/** Without the ending, which is `Exception` on the wire and `Error` in the model; in lower case. */
const BY_TYPE: ReadonlyMap<string, Row> = new Map(
  Object.entries({
    contentlengthexceeded: OVERFLOW,
    throttling: THROTTLED,
    toomanyrequests: THROTTLED,
    servicequotaexceeded: QUOTA,
    accessdenied: DENIED,
    validation: REFUSED,
    resourcenotfound: REFUSED,
    conversationexpired: REFUSED,
    invalidstateevent: REFUSED,
    expiredtoken: LOGIN_EXPIRED,
    unrecognizedclient: LOGIN_EXPIRED,
    serviceunavailable: AWAY,
    internalserver: SERVER_FAULT,
    internalfailure: SERVER_FAULT,
    conflict: REFUSED,
    dryrunoperation: REFUSED,
    [WEB_PAGE]: BLOCKED,
  }),
);

const BY_STATUS: Readonly<Record<number, Row>> = {
  402: QUOTA,
  403: DENIED,
  404: UNKNOWN_ADDRESS,
  405: UNKNOWN_ADDRESS,
  408: AWAY,
  413: OVERFLOW,
  423: SUSPENDED,
  429: THROTTLED,
};

const DEAD_TOKEN_TYPES: ReadonlySet<string> = new Set(['ExpiredTokenException', 'UnrecognizedClientException']);
const DEAD_TOKEN_TEXT = /bearer token|security token|token (?:has )?expired|expired token|invalid token/i;

/** What fetch or a body threw, as ours. Its message may hold an address but never a header. */
export function connectionError(cause: unknown, signal: AbortSignal): GatewayError {
  if (cause instanceof GatewayError) return cause;
  // What `AbortSignal.timeout` gives as its reason.
  if (signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError') {
    return new GatewayError('upstream-unavailable', 'Kiro did not answer in time; try again.', { cause });
  }
  if (signal.aborted) return abortError(signal, cause);
  const code = isRecord(cause) && typeof cause['code'] === 'string' ? ` (${cause['code']})` : '';
  const message = `Kiro cannot be reached${code}; check the network and try again.`;
  return new GatewayError('upstream-unavailable', message, { cause });
}

/** @throws GatewayError `upstream-protocol` for anything but JSON, `upstream-unavailable` for a body that breaks off. */
export async function readJson(response: FetchResponse, signal: AbortSignal): Promise<unknown> {
  const text = await response.text().catch((cause: unknown) => {
    throw connectionError(cause, signal);
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new GatewayError('upstream-protocol', 'Kiro answered with something that is not JSON; try again.', { cause });
  }
}

/** A failure from an HTTP answer (protocol 6.1): the type in a header or the body, the rest in the body. */
export async function readFailure(response: FetchResponse): Promise<KiroFailure> {
  const body = await readStart(response);
  const said = readFailureBody(body);
  const stated = response.headers.get('x-amzn-errortype') ?? said.type;
  const type = stated === '' && response.status === 403 && /^\s*</.test(body) ? WEB_PAGE : stated;
  return {
    ...said,
    status: response.status,
    type: bareType(type),
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

/** An error's body is small; of a flood only the beginning is read. */
async function readStart(response: FetchResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_ERROR_BYTES) break;
    }
  } catch {
    // The status is known and says enough; a body that breaks off adds nothing.
  }
  return Buffer.concat(chunks).toString('utf8');
}

const MAX_ERROR_BYTES = 64 * 1024;
