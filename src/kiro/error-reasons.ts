/** What each of Kiro's machine-readable reasons means: one row for every reason that AWS's own client knows. */

import type { ErrorKind } from '../core/errors.js';

export type Row = {
  readonly kind: ErrorKind;
  /** The sentence when Kiro said nothing. */
  readonly says: string;
  /** What to do, behind either sentence. */
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

const NO_MODEL: Row = {
  kind: 'model-not-found',
  says: 'Kiro does not know this model, or this plan or region does not have it.',
};

const KEY_ADVICE = 'An administrator of the organisation has to mend that in AWS KMS.';
const PROFILE_ADVICE = 'Ask the administrator of the Kiro profile.';
const REPORT = 'Please report this; a new conversation may help meanwhile.';
const START_ANEW = 'Start a new conversation.';

/** What happened, and what to do. */
type Sentences = readonly [says: string, adds: string];

/** The request is at fault. */
const WRONG: Readonly<Record<string, Sentences>> = {
  IMAGE_COUNT_EXCEEDED: ['There are too many images.', 'Send fewer images in one conversation.'],
  IMAGE_DIMENSION_EXCEEDED: ['An image has too many pixels.', 'Make the image smaller: at most 8000 pixels on a side.'],
  IMAGE_FORMAT_UNSUPPORTED: [
    'An image has a format that Kiro cannot read.',
    'Send the image as PNG, JPEG, GIF or WebP.',
  ],
  IMAGE_MIME_MISMATCH: [
    'An image is not of the type that it claims to be.',
    'Send the image with the media type that it really has.',
  ],
  IMAGE_SIZE_EXCEEDED: ['An image is too large.', 'Send a smaller image, or one that is compressed more.'],
  DOCUMENT_COUNT_EXCEEDED: ['There are too many documents.', 'Send fewer documents in one conversation.'],
  DOCUMENT_DUPLICATE_NAME: ['Two documents have the same name.', 'Give each document a name of its own.'],
  DOCUMENT_MAXIMUM_PAGES_EXCEEDED: ['A document has too many pages.', 'Send the document in parts.'],
  DOCUMENT_MODEL_NOT_SUPPORTED: [
    'The model reads no documents.',
    'Choose another model, or send the document as text.',
  ],
  DOCUMENT_PASSWORD_PROTECTED: ['A document is protected by a password.', 'Send the document without its password.'],
  DOCUMENT_SIZE_EXCEEDED: ['A document is too large.', 'Send a smaller document, or send it in parts.'],
  TOOL_CONFIG_MISSING: [
    'The conversation holds tool calls, but no tools are offered.',
    'Offer the tools that the conversation has used.',
  ],
  TOOL_DUPLICATE: ['Two tools have the same name.', 'Give each tool a name of its own.'],
  TOOL_SCHEMA_INVALID: [
    'The schema of a tool is not one that Kiro takes.',
    'Simplify the input schema of the newest tool, or leave the tool out.',
  ],
  TOOL_USE_RESULT_MISMATCH: [
    'Tool calls and tool results do not belong together.',
    'Answer each tool call with one result, in the message after it.',
  ],
  THINKING_SIGNATURE_INVALID: [
    'Kiro refused the reasoning in the history.',
    'Start a new conversation, or leave earlier thinking out.',
  ],
  INVALID_CONVERSATION_ID: ['Kiro refused the name of the conversation.', START_ANEW],
  INVALID_CONVERSATION_STATE: ['Kiro cannot go on with this conversation.', START_ANEW],
  STALE_CONVERSATION: ['Kiro no longer knows this conversation.', START_ANEW],
  INVALID_TASK_ASSIST_PLAN: ['Kiro refused the plan of a task.', START_ANEW],
  REQUEST_BODY_INVALID: ['Kiro refused the form of the request.', REPORT],
  REQUEST_BODY_INVALID_JSON: ['Kiro could not read the request.', REPORT],
};

/** The account may not do it. */
const DENIED: Readonly<Record<string, Sentences>> = {
  FEATURE_NOT_SUPPORTED: ['This is not part of the Kiro plan.', 'The Kiro plan or profile has to include it.'],
  UNAUTHORIZED_CUSTOMIZATION_RESOURCE_ACCESS: ['This account may not use the customization.', PROFILE_ADVICE],
  UNAUTHORIZED_WORKSPACE_CONTEXT_FEATURE_ACCESS: ['This account may not use workspace context.', PROFILE_ADVICE],
  CUSTOMER_KMS_KEY_DISABLED: ['The encryption key of this Kiro profile is disabled.', KEY_ADVICE],
  CUSTOMER_KMS_KEY_INVALID_KEY_POLICY: [
    'The encryption key of this Kiro profile does not let Kiro use it.',
    KEY_ADVICE,
  ],
  MISMATCHED_KMS_KEY: ['The encryption key of this Kiro profile is another one than before.', KEY_ADVICE],
  INVALID_KMS_GRANT: ['Kiro has no grant for the encryption key of this Kiro profile.', KEY_ADVICE],
};

/** Something is spent. */
const SPENT: Readonly<Record<string, Sentences>> = {
  DAILY_REQUEST_COUNT: ['The requests of this day are spent.', 'They come back tomorrow.'],
  OVERAGE_REQUEST_LIMIT_EXCEEDED: [
    'The credits of this Kiro plan and its overage are spent.',
    'Raise the overage in the settings of Kiro, or wait for the next reset of the plan.',
  ],
  CONVERSATION_LIMIT_EXCEEDED: [
    'This Kiro plan allows no more conversations.',
    'The limit of the plan is lifted at its next reset.',
  ],
};

function rows(kind: ErrorKind, table: Readonly<Record<string, Sentences>>): readonly (readonly [string, Row])[] {
  return Object.entries(table).map(([reason, [says, adds]]) => [reason, { kind, says, adds }]);
}

export const BY_REASON: ReadonlyMap<string, Row> = new Map([
  ...rows('invalid-request', WRONG),
  ...rows('forbidden', DENIED),
  ...rows('quota-exhausted', SPENT),
  ['CONTENT_LENGTH_EXCEEDS_THRESHOLD', OVERFLOW],
  ['PROMPT_TOO_LONG', OVERFLOW],
  ['MONTHLY_REQUEST_COUNT', QUOTA],
  ['USER_REQUEST_RATE_EXCEEDED', THROTTLED],
  ['INSUFFICIENT_MODEL_CAPACITY', CAPACITY],
  ['MODEL_TEMPORARILY_UNAVAILABLE', AWAY],
  ['TEMPORARILY_SUSPENDED', SUSPENDED],
  ['INVALID_MODEL_ID', NO_MODEL],
]);
