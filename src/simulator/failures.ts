/** The refusals of the service: status, exception name, words and reason, each written once. */

export type Failure = {
  readonly status: number;
  readonly type: string;
  readonly message: string;
  readonly reason: string | null;
};

/** `message` and `reason` are what the service says; `detail` is for the person who has to find the fault. */
export type Violation = { readonly message: string; readonly reason: string | null; readonly detail: string };

/** What the service says to most faults of shape. */
export function improper(detail: string): Violation {
  return { message: FAILURES.improper.message, reason: FAILURES.improper.reason, detail };
}

export const FAILURES = {
  bearerInvalid: {
    status: 403,
    type: 'AccessDeniedException',
    message: 'The bearer token included in the request is invalid.',
    reason: null,
  },
  profileMissing: {
    status: 400,
    type: 'ValidationException',
    message: 'profileArn is required for this request.',
    reason: null,
  },
  profileInvalid: { status: 400, type: 'ValidationException', message: 'Invalid profileArn.', reason: null },
  improper: {
    status: 400,
    type: 'ValidationException',
    message: 'Improperly formed request.',
    reason: 'REQUEST_BODY_INVALID',
  },
  notJson: {
    status: 400,
    type: 'ValidationException',
    message: 'Improperly formed request.',
    reason: 'REQUEST_BODY_INVALID_JSON',
  },
  overflow: {
    status: 400,
    type: 'ValidationException',
    message: 'Input is too long.',
    reason: 'CONTENT_LENGTH_EXCEEDS_THRESHOLD',
  },
  bodyTooLarge: { status: 413, type: 'RequestEntityTooLargeException', message: 'Payload too large.', reason: null },
  unsupportedMediaType: {
    status: 415,
    type: 'UnsupportedMediaTypeException',
    message: 'The content type of the request is not supported.',
    reason: null,
  },
  unknownOperation: {
    status: 404,
    type: 'UnknownOperationException',
    message: 'The requested operation is not recognized by the service.',
    reason: null,
  },
  throttled: {
    status: 429,
    type: 'ThrottlingException',
    message: 'Too many requests, please wait before trying again.',
    reason: null,
  },
  capacity: {
    status: 429,
    type: 'ThrottlingException',
    message: 'I am experiencing high traffic, please try again shortly.',
    reason: 'INSUFFICIENT_MODEL_CAPACITY',
  },
  quota: {
    status: 402,
    type: 'ServiceQuotaExceededException',
    message: 'You have reached the limit.',
    reason: 'MONTHLY_REQUEST_COUNT',
  },
  suspended: {
    status: 403,
    type: 'AccessDeniedException',
    message: 'Your User ID temporarily is suspended. Contact support to restore your access.',
    reason: 'TEMPORARILY_SUSPENDED',
  },
  serverError: {
    status: 500,
    type: 'InternalServerException',
    message: 'Encountered an unexpected error when processing the request, please try again.',
    reason: null,
  },
  unavailable: {
    status: 503,
    type: 'ServiceUnavailableException',
    message: 'Service is temporarily unavailable.',
    reason: null,
  },
} as const satisfies Record<string, Failure>;
