/** What each of Kiro's machine-readable reasons means: one row for every reason that AWS's own client knows. */

import type { ErrorKind } from '../core/errors.js';

export type Row = {
  readonly kind: ErrorKind;
  /** The sentence when Kiro said nothing. */
  readonly says: string;
  /** What to do, appended to Kiro's own sentence. */
  readonly adds?: string;
  /** Kiro's sentence would mislead whoever reads it alone, so ours comes first. */
  readonly isOursFirst?: boolean;
  readonly retryAfterSeconds?: number;
};

export const OVERFLOW: Row = { kind: 'context-overflow', says: 'The conversation is too long for the model.' };

export const QUOTA: Row = {
  kind: 'quota-exhausted',
  says: 'The credits of this Kiro plan are spent.',
  adds: 'The credits of the plan come back at its next reset.',
};

export const THROTTLED: Row = { kind: 'rate-limited', says: 'Kiro asks for a pause: too many requests.' };

export const CAPACITY: Row = {
  kind: 'overloaded',
  says: 'The model has no free capacity at Kiro; try again shortly.',
  retryAfterSeconds: 5,
};

export const AWAY: Row = { kind: 'upstream-unavailable', says: 'Kiro is not available at the moment; try again.' };

export const REFUSED: Row = { kind: 'invalid-request', says: 'Kiro refused the request without a reason.' };

export const SUSPENDED: Row = {
  kind: 'forbidden',
  says: 'This Kiro account is suspended.',
  adds: 'Only Kiro support can lift that.',
};

/** The request is at fault, and this is what to do about it. */
function wrong(says: string, adds: string): Row {
  return { kind: 'invalid-request', says, adds };
}

function denied(says: string, adds: string): Row {
  return { kind: 'forbidden', says, adds };
}

const KEY_ADVICE = 'An administrator of the organisation has to mend that in AWS KMS.';
const REPORT = 'Please report this; a new conversation may help meanwhile.';
const START_ANEW = 'Start a new conversation.';

export const BY_REASON: ReadonlyMap<string, Row> = new Map(
  Object.entries({
    // too long
    CONTENT_LENGTH_EXCEEDS_THRESHOLD: OVERFLOW,
    PROMPT_TOO_LONG: OVERFLOW,

    // too much, or too many at once
    MONTHLY_REQUEST_COUNT: QUOTA,
    DAILY_REQUEST_COUNT: {
      kind: 'quota-exhausted',
      says: 'The requests of this day are spent.',
      adds: 'They come back tomorrow.',
    },
    OVERAGE_REQUEST_LIMIT_EXCEEDED: {
      kind: 'quota-exhausted',
      says: 'The credits of this Kiro plan and its overage are spent.',
      adds: 'Raise the overage in the settings of Kiro, or wait for the next reset of the plan.',
    },
    CONVERSATION_LIMIT_EXCEEDED: {
      kind: 'quota-exhausted',
      says: 'This Kiro plan allows no more conversations.',
      adds: 'The limit of the plan is lifted at its next reset.',
    },
    USER_REQUEST_RATE_EXCEEDED: THROTTLED,
    INSUFFICIENT_MODEL_CAPACITY: CAPACITY,
    MODEL_TEMPORARILY_UNAVAILABLE: AWAY,

    // not allowed
    TEMPORARILY_SUSPENDED: SUSPENDED,
    FEATURE_NOT_SUPPORTED: denied('This is not part of the Kiro plan.', 'The Kiro plan or profile has to include it.'),
    UNAUTHORIZED_CUSTOMIZATION_RESOURCE_ACCESS: denied(
      'This account may not use the customization.',
      'Ask the administrator of the Kiro profile.',
    ),
    UNAUTHORIZED_WORKSPACE_CONTEXT_FEATURE_ACCESS: denied(
      'This account may not use workspace context.',
      'Ask the administrator of the Kiro profile.',
    ),
    CUSTOMER_KMS_KEY_DISABLED: denied('The encryption key of this Kiro profile is disabled.', KEY_ADVICE),
    CUSTOMER_KMS_KEY_INVALID_KEY_POLICY: denied(
      'The encryption key of this Kiro profile does not let Kiro use it.',
      KEY_ADVICE,
    ),
    MISMATCHED_KMS_KEY: denied('The encryption key of this Kiro profile is another one than before.', KEY_ADVICE),
    INVALID_KMS_GRANT: denied('Kiro has no grant for the encryption key of this Kiro profile.', KEY_ADVICE),

    // the model
    INVALID_MODEL_ID: {
      kind: 'model-not-found',
      says: 'Kiro does not know this model, or this plan or region does not have it.',
    },

    // images and documents
    IMAGE_COUNT_EXCEEDED: wrong('There are too many images.', 'Send fewer images in one conversation.'),
    IMAGE_DIMENSION_EXCEEDED: wrong(
      'An image has too many pixels.',
      'Make the image smaller: at most 8000 pixels on a side.',
    ),
    IMAGE_FORMAT_UNSUPPORTED: wrong(
      'An image has a format that Kiro cannot read.',
      'Send the image as PNG, JPEG, GIF or WebP.',
    ),
    IMAGE_MIME_MISMATCH: wrong(
      'An image is not of the type that it claims to be.',
      'Send the image with the media type that it really has.',
    ),
    IMAGE_SIZE_EXCEEDED: wrong('An image is too large.', 'Send a smaller image, or one that is compressed more.'),
    DOCUMENT_COUNT_EXCEEDED: wrong('There are too many documents.', 'Send fewer documents in one conversation.'),
    DOCUMENT_DUPLICATE_NAME: wrong('Two documents have the same name.', 'Give each document a name of its own.'),
    DOCUMENT_MAXIMUM_PAGES_EXCEEDED: wrong('A document has too many pages.', 'Send the document in parts.'),
    DOCUMENT_MODEL_NOT_SUPPORTED: wrong(
      'The model reads no documents.',
      'Choose another model, or send the document as text.',
    ),
    DOCUMENT_PASSWORD_PROTECTED: wrong(
      'A document is protected by a password.',
      'Send the document without its password.',
    ),
    DOCUMENT_SIZE_EXCEEDED: wrong('A document is too large.', 'Send a smaller document, or send it in parts.'),

    // tools
    TOOL_CONFIG_MISSING: wrong(
      'The conversation holds tool calls, but no tools are offered.',
      'Offer the tools that the conversation has used.',
    ),
    TOOL_DUPLICATE: wrong('Two tools have the same name.', 'Give each tool a name of its own.'),
    TOOL_SCHEMA_INVALID: wrong(
      'The schema of a tool is not one that Kiro takes.',
      'Simplify the input schema of the newest tool, or leave the tool out.',
    ),
    TOOL_USE_RESULT_MISMATCH: wrong(
      'Tool calls and tool results do not belong together.',
      'Answer each tool call with one result, in the message after it.',
    ),

    // the conversation as a whole
    THINKING_SIGNATURE_INVALID: wrong(
      'Kiro refused the reasoning in the history.',
      'Start a new conversation, or leave earlier thinking out.',
    ),
    INVALID_CONVERSATION_ID: wrong('Kiro refused the name of the conversation.', START_ANEW),
    INVALID_CONVERSATION_STATE: wrong('Kiro cannot go on with this conversation.', START_ANEW),
    STALE_CONVERSATION: wrong('Kiro no longer knows this conversation.', START_ANEW),
    INVALID_TASK_ASSIST_PLAN: wrong('Kiro refused the plan of a task.', START_ANEW),
    REQUEST_BODY_INVALID: wrong('Kiro refused the form of the request.', REPORT),
    REQUEST_BODY_INVALID_JSON: wrong('Kiro could not read the request.', REPORT),
  }),
);
