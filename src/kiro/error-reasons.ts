/** What each of Kiro's failures means, with a row for every reason that AWS's own client knows. */

import type { ErrorKind } from '../core/errors.js';

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

export type Row = {
  readonly kind: ErrorKind;
  /** The sentence when Kiro said nothing. */
  readonly says: string;
  /** What to do, behind either sentence. */
  readonly adds?: string | undefined;
  /** Kiro's sentence would mislead whoever reads it alone, so ours comes first. */
  readonly isOursFirst?: boolean;
  readonly retryAfterSeconds?: number;
};

/** True when only the access token is at fault, so that one refresh and one repetition make sense. */
export function isDeadToken(failure: KiroFailure): boolean {
  const { status, type, message, reason } = failure;
  if (status === undefined || reason === 'TEMPORARILY_SUSPENDED') return false;
  // Services of AWS say so with 400, too.
  return status === 401 || DEAD_TOKENS.has(plainName(type)) || (status === 403 && DEAD_TOKEN_TEXT.test(message));
}

/** True when the host does not know the operation, so that the older host deserves one try. */
export function isUnknownOperation(failure: KiroFailure): boolean {
  if (failure.status === 404 || failure.status === 405) return failure.reason === '';
  return failure.type === 'UnknownOperationException' || UNKNOWN_TEXT.test(failure.message);
}

/** The row for a failure: by its reason, else by its words, its exception type, its status. */
export function findRow(failure: KiroFailure): Row {
  const { reason, message, type, status } = failure;
  return (
    BY_REASON.get(reason) ??
    BY_TEXT.find(([pattern]) => pattern.test(message))?.[1] ??
    (isDeadToken(failure) ? LOGIN_EXPIRED : undefined) ??
    BY_TYPE.get(plainName(type)) ??
    byStatus(status)
  );
}

/** Without the ending, which is `Exception` on the wire and `Error` in the model; in lower case. */
function plainName(type: string): string {
  return type.replace(/(Exception|Error)$/i, '').toLowerCase();
}

function byStatus(status: number | undefined): Row {
  if (status === undefined) return BROKEN_STREAM;
  // Kiro answers with 200 or with a failure.
  if (status < 400) return STRANGER;
  return BY_STATUS[status] ?? (status >= 500 ? SERVER_FAULT : REFUSED);
}

function row(kind: ErrorKind, says: string, adds?: string): Row {
  return { kind, says, adds };
}

const OVERFLOW = row('context-overflow', 'The conversation is too long for the model.');
const QUOTA = row(
  'quota-exhausted',
  'The credits of this Kiro plan are spent.',
  'The credits of the plan come back at its next reset; `kiro-gateway usage` tells the day.',
);
const THROTTLED = row('rate-limited', 'Kiro asks for a pause: too many requests.');
const CAPACITY: Row = {
  ...row('overloaded', 'The model has no free capacity at Kiro; try again shortly.'),
  retryAfterSeconds: 5,
};
const AWAY = row('upstream-unavailable', 'Kiro is not available at the moment; try again.');
const REFUSED = row('invalid-request', 'Kiro refused the request without giving a reason.');
const SUSPENDED = row('forbidden', 'This Kiro account is suspended.', 'Only Kiro support can lift that.');

const KEY_ADVICE = "An administrator of the organisation has to repair the Kiro profile's encryption key in AWS KMS.";
const PLAN_ADVICE = 'The Kiro plan or profile has to include it.';
const PROFILE_ADVICE = 'Ask the administrator of the Kiro profile.';
const REPORT = 'Please report this; a new conversation may help meanwhile.';
const START_ANEW = 'Start a new conversation.';

/** What to do, by Kiro's reason: the request is at fault, the account may not do it, or something is spent. */
const ADVICE = {
  'invalid-request': {
    IMAGE_COUNT_EXCEEDED: 'Send fewer images in one conversation.',
    IMAGE_DIMENSION_EXCEEDED: 'Make the image smaller: at most 8000 pixels on a side.',
    IMAGE_FORMAT_UNSUPPORTED: 'Send the image as PNG, JPEG, GIF or WebP.',
    IMAGE_MIME_MISMATCH: 'Send the image with the media type that it really has.',
    IMAGE_SIZE_EXCEEDED: 'Send a smaller image, or one that is compressed more.',
    DOCUMENT_COUNT_EXCEEDED: 'Send fewer documents in one conversation.',
    DOCUMENT_DUPLICATE_NAME: 'Give each document a name of its own.',
    DOCUMENT_MAXIMUM_PAGES_EXCEEDED: 'Send the document in parts.',
    DOCUMENT_MODEL_NOT_SUPPORTED: 'Choose another model, or send the document as text.',
    DOCUMENT_PASSWORD_PROTECTED: 'Send the document without its password.',
    DOCUMENT_SIZE_EXCEEDED: 'Send a smaller document, or send it in parts.',
    TOOL_CONFIG_MISSING: 'Offer the tools that the conversation has used.',
    TOOL_DUPLICATE: 'Give each tool a name of its own.',
    TOOL_SCHEMA_INVALID: 'Simplify the input schema of the newest tool, or leave the tool out.',
    TOOL_USE_RESULT_MISMATCH: 'Answer each tool call with one result, in the message after it.',
    THINKING_SIGNATURE_INVALID: 'Start a new conversation, or leave earlier thinking out.',
    INVALID_CONVERSATION_ID: START_ANEW,
    INVALID_CONVERSATION_STATE: START_ANEW,
    STALE_CONVERSATION: START_ANEW,
    INVALID_TASK_ASSIST_PLAN: START_ANEW,
    REQUEST_BODY_INVALID: REPORT,
    REQUEST_BODY_INVALID_JSON: REPORT,
  },
  forbidden: {
    FEATURE_NOT_SUPPORTED: PLAN_ADVICE,
    UNAUTHORIZED_CUSTOMIZATION_RESOURCE_ACCESS: PROFILE_ADVICE,
    UNAUTHORIZED_WORKSPACE_CONTEXT_FEATURE_ACCESS: PROFILE_ADVICE,
    CUSTOMER_KMS_KEY_DISABLED: KEY_ADVICE,
    CUSTOMER_KMS_KEY_INVALID_KEY_POLICY: KEY_ADVICE,
    MISMATCHED_KMS_KEY: KEY_ADVICE,
    INVALID_KMS_GRANT: KEY_ADVICE,
  },
  'quota-exhausted': {
    DAILY_REQUEST_COUNT: 'The requests of the day come back tomorrow.',
    OVERAGE_REQUEST_LIMIT_EXCEEDED: "Raise the overage limit in Kiro's settings, or wait for the plan's next reset.",
    CONVERSATION_LIMIT_EXCEEDED: 'The limit of the plan is lifted at its next reset.',
  },
} as const satisfies Partial<Record<ErrorKind, Readonly<Record<string, string>>>>;

function rowsOf(kind: keyof typeof ADVICE): readonly (readonly [string, Row])[] {
  return Object.entries(ADVICE[kind]).map(([reason, adds]) => [
    reason,
    row(kind, `Kiro refused the request (${reason}).`, adds),
  ]);
}

const BY_REASON: ReadonlyMap<string, Row> = new Map([
  ...rowsOf('invalid-request'),
  ...rowsOf('forbidden'),
  ...rowsOf('quota-exhausted'),
  ['CONTENT_LENGTH_EXCEEDS_THRESHOLD', OVERFLOW],
  ['PROMPT_TOO_LONG', OVERFLOW],
  ['MONTHLY_REQUEST_COUNT', QUOTA],
  ['USER_REQUEST_RATE_EXCEEDED', THROTTLED],
  ['INSUFFICIENT_MODEL_CAPACITY', CAPACITY],
  ['MODEL_TEMPORARILY_UNAVAILABLE', AWAY],
  ['TEMPORARILY_SUSPENDED', SUSPENDED],
  [
    'INVALID_MODEL_ID',
    row('model-not-found', 'Kiro does not know this model, or this plan or region does not have it.'),
  ],
]);

const LOGIN_EXPIRED: Row = {
  kind: 'login-expired',
  // "The bearer token is invalid" would send people to the key of their client, which is none of Kiro's business.
  says: 'Your Kiro login no longer works; the gateway key is fine.',
  adds: 'Sign in again with `kiro-gateway login`, or where this login came from.',
  isOursFirst: true,
};
/** No repetition will help: this is not a Kiro that we know. */
const UNKNOWN_ADDRESS = row(
  'upstream-protocol',
  'Kiro does not know this operation at this address.',
  'Check KIRO_API_URL, or try again later.',
);
const SERVER_FAULT = row('upstream-unavailable', 'Kiro failed on this request; try again.');
const BROKEN_STREAM = row('upstream-unavailable', 'Kiro broke off its answer; try again.');
/** A proxy's, a firewall's or a guest network's: Kiro itself refuses in JSON. */
const STRANGER = row(
  'upstream-protocol',
  'Something between here and Kiro answered in its place, with a web page, a redirect or the like.',
  'Check the network, its sign-in page, its firewall and VPN_PROXY_URL.',
);
export const WEB_PAGE = 'webpage';
const FORBIDDEN = row('forbidden', 'This Kiro account may not do that.');
const ACCOUNT_LIMITED = row(
  'rate-limited',
  'Kiro limits this account for a while.',
  'Send fewer requests at a time (MAX_CONCURRENT_REQUESTS).',
);
const NO_PROFILE = row(
  'invalid-request',
  'Kiro asks for a profile.',
  'Set PROFILE_ARN to the profile of your Kiro account.',
);
const WRONG_PROFILE = row(
  'invalid-request',
  'Kiro does not know the profile.',
  'Check PROFILE_ARN, or sign in again so that the profile is found anew.',
);

const BY_TEXT: readonly (readonly [RegExp, Row])[] = [
  [/input is too long|content length exceeds/i, OVERFLOW],
  [/temporarily is suspended/i, SUSPENDED],
  [/maximum request reached for this month|reached the limit/i, QUOTA],
  [/unexpectedly high load/i, CAPACITY],
  [/suspicious activity/i, ACCOUNT_LIMITED],
  [/improperly formed request/i, row('invalid-request', 'Kiro refused the request.', REPORT)],
  [/not authorized to access this feature/i, { ...FORBIDDEN, adds: PLAN_ADVICE }],
  [/profileArn is required/i, NO_PROFILE],
  [/invalid profileArn/i, WRONG_PROFILE],
];

const BY_TYPE: ReadonlyMap<string, Row> = new Map(
  Object.entries({
    contentlengthexceeded: OVERFLOW,
    throttling: THROTTLED,
    toomanyrequests: THROTTLED,
    servicequotaexceeded: QUOTA,
    accessdenied: FORBIDDEN,
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
    [WEB_PAGE]: STRANGER,
  }),
);

const BY_STATUS: Readonly<Record<number, Row>> = {
  402: QUOTA,
  403: FORBIDDEN,
  404: UNKNOWN_ADDRESS,
  405: UNKNOWN_ADDRESS,
  408: AWAY,
  413: OVERFLOW,
  423: SUSPENDED,
  429: THROTTLED,
  // What a network says that wants people to sign in first.
  511: STRANGER,
};

const UNKNOWN_TEXT =
  /unknown (?:operation|endpoint)|unable to determine service|missing authentication token|request signature/i;
const DEAD_TOKENS: ReadonlySet<string> = new Set(['expiredtoken', 'unrecognizedclient']);
const DEAD_TOKEN_TEXT =
  /bearer token|security token|token (?:(?:has|is) )?(?:expired|invalid)|(?:expired|invalid) token/i;
