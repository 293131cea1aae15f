/** Kiro's failures to ours: one table by reason, one by exception type, one by status. */

import { GatewayError, type ErrorKind } from '../core/errors.js';
import { isRecord } from '../core/reader.js';

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
  const said = failure.message.trim();
  const message = said === '' ? row.says : row.adds === undefined ? said : `${withStop(said)} ${row.adds}`;
  return new GatewayError(row.kind, message, {
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
    type: text('__type') || text('code'),
    message: text('message') || text('Message') || text('errorMessage'),
    reason: text('reason'),
  };
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
    /unknown operation|unable to determine service/i.test(failure.message)
  );
}

type Row = {
  readonly kind: ErrorKind;
  /** The sentence when Kiro said nothing. */
  readonly says: string;
  /** What to do, appended to Kiro's own sentence. */
  readonly adds?: string;
  readonly retryAfterSeconds?: number;
};

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

function withStop(sentence: string): string {
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}

const OVERFLOW: Row = { kind: 'context-overflow', says: 'The conversation is too long for the model.' };
const LOGIN_EXPIRED: Row = {
  kind: 'login-expired',
  says: 'Kiro no longer accepts this login.',
  adds: 'Sign in to Kiro again and restart the gateway.',
};
const QUOTA: Row = {
  kind: 'quota-exhausted',
  says: 'The credits of this Kiro plan are spent.',
  adds: 'The credits of the plan come back at its next reset.',
};
const THROTTLED: Row = { kind: 'rate-limited', says: 'Kiro asks for a pause: too many requests.' };
const CAPACITY: Row = {
  kind: 'overloaded',
  says: 'The model has no free capacity at Kiro; try again shortly.',
  retryAfterSeconds: 5,
};
const AWAY: Row = { kind: 'upstream-unavailable', says: 'Kiro is not available at the moment; try again.' };
const UNKNOWN_ADDRESS: Row = {
  kind: 'upstream-unavailable',
  says: 'Kiro does not know this operation at this address; check KIRO_API_URL, or try again later.',
};
const SERVER_FAULT: Row = { kind: 'upstream-unavailable', says: 'Kiro failed on this request; try again.' };
const BROKEN_STREAM: Row = { kind: 'upstream-unavailable', says: 'Kiro broke off its answer; try again.' };
const REFUSED: Row = { kind: 'invalid-request', says: 'Kiro refused the request without a reason.' };
const DENIED: Row = { kind: 'forbidden', says: 'This Kiro account may not do that.' };
const SUSPENDED: Row = {
  kind: 'forbidden',
  says: 'This Kiro account is suspended.',
  adds: 'Only Kiro support can lift that.',
};
const UNKNOWN_MODEL: Row = {
  kind: 'model-not-found',
  says: 'Kiro does not know this model, or this plan or region does not have it.',
};
const WRONG_SIGNATURE: Row = {
  kind: 'invalid-request',
  says: 'Kiro refused the reasoning in the history.',
  adds: 'Start a new conversation, or leave earlier thinking out.',
};

const BY_REASON: ReadonlyMap<string, Row> = new Map(
  Object.entries({
    CONTENT_LENGTH_EXCEEDS_THRESHOLD: OVERFLOW,
    PROMPT_TOO_LONG: OVERFLOW,
    INVALID_MODEL_ID: UNKNOWN_MODEL,
    THINKING_SIGNATURE_INVALID: WRONG_SIGNATURE,
    MONTHLY_REQUEST_COUNT: QUOTA,
    DAILY_REQUEST_COUNT: QUOTA,
    OVERAGE_REQUEST_LIMIT_EXCEEDED: QUOTA,
    CONVERSATION_LIMIT_EXCEEDED: QUOTA,
    INSUFFICIENT_MODEL_CAPACITY: CAPACITY,
    MODEL_TEMPORARILY_UNAVAILABLE: AWAY,
    USER_REQUEST_RATE_EXCEEDED: THROTTLED,
    TEMPORARILY_SUSPENDED: SUSPENDED,
    FEATURE_NOT_SUPPORTED: DENIED,
    UNAUTHORIZED_CUSTOMIZATION_RESOURCE_ACCESS: DENIED,
    UNAUTHORIZED_WORKSPACE_CONTEXT_FEATURE_ACCESS: DENIED,
    CUSTOMER_KMS_KEY_DISABLED: DENIED,
    CUSTOMER_KMS_KEY_INVALID_KEY_POLICY: DENIED,
    MISMATCHED_KMS_KEY: DENIED,
    DOCUMENT_COUNT_EXCEEDED: REFUSED,
    DOCUMENT_DUPLICATE_NAME: REFUSED,
    DOCUMENT_MAXIMUM_PAGES_EXCEEDED: REFUSED,
    DOCUMENT_MODEL_NOT_SUPPORTED: REFUSED,
    DOCUMENT_PASSWORD_PROTECTED: REFUSED,
    DOCUMENT_SIZE_EXCEEDED: REFUSED,
    IMAGE_COUNT_EXCEEDED: REFUSED,
    IMAGE_DIMENSION_EXCEEDED: REFUSED,
    IMAGE_FORMAT_UNSUPPORTED: REFUSED,
    IMAGE_MIME_MISMATCH: REFUSED,
    IMAGE_SIZE_EXCEEDED: REFUSED,
    INVALID_CONVERSATION_ID: REFUSED,
    INVALID_KMS_GRANT: REFUSED,
    REQUEST_BODY_INVALID: REFUSED,
    REQUEST_BODY_INVALID_JSON: REFUSED,
    TOOL_CONFIG_MISSING: REFUSED,
    TOOL_DUPLICATE: REFUSED,
    TOOL_SCHEMA_INVALID: REFUSED,
    TOOL_USE_RESULT_MISMATCH: REFUSED,
  }),
);

const BY_TEXT: readonly (readonly [RegExp, Row])[] = [
  [/input is too long|content length exceeds/i, OVERFLOW],
  [/temporarily is suspended/i, SUSPENDED],
  [/maximum request reached for this month|reached the limit/i, QUOTA],
  [/unexpectedly high load/i, CAPACITY],
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
