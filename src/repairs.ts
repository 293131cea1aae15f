/** What the gateway does about a refusal: asks once more without what can be left out, or explains it. */

import type { Conversation, Message, Model, ToolResultPart, UserPart } from './core/conversation.js';
import { GatewayError } from './core/errors.js';
import { isText, nameOffender, noteFor, replaceParts } from './kiro/media.js';
import { modelNotFound } from './kiro/models.js';

export type Repair = {
  readonly mends: (refused: GatewayError, sent: Sent) => boolean;
  /** For the log. */
  readonly told: string;
  readonly apply: (conversation: Conversation) => Repaired;
};

export type Repaired = {
  readonly conversation: Conversation;
  /** What the client is told about it. */
  readonly notices: readonly string[];
  /** True when the model is asked without the fields of its own schema. */
  readonly withoutFields?: boolean;
  /** True when Kiro is not told what it may cache. */
  readonly withoutMarks?: boolean;
};

/** What the refused request had in it. */
export type Sent = { readonly conversation: Conversation; readonly hasCacheMarks: boolean };

/** The repair for a refusal, if there is one. */
export function repairFor(thrown: unknown, sent: Sent): Repair | undefined {
  return thrown instanceof GatewayError ? REPAIRS.find(({ mends }) => mends(thrown, sent)) : undefined;
}

/** What was asked, as far as it explains a failure. */
export type Asked = {
  readonly conversation: Conversation;
  readonly known: readonly Model[];
  readonly model: Model;
  readonly estimatedInputTokens: number;
  readonly body: string;
};

/** What Kiro did not say: the names near a wrong model, the numbers of an overflow, the image it did not like. */
export function explain(thrown: unknown, asked: Asked): unknown {
  if (!(thrown instanceof GatewayError)) return thrown;
  const { kind, message, facts } = thrown;
  if (kind === 'model-not-found') return modelNotFound(asked.conversation.model, asked.known, thrown);
  if (kind === 'context-overflow' || isTooLarge(thrown, asked.body)) {
    const limit = asked.model.maxInputTokens;
    // Kiro says that it was too much; an estimate below the limit would contradict it.
    const tokens = Math.max(asked.estimatedInputTokens, limit + 1);
    return new GatewayError('context-overflow', message, { ...facts, overflow: { tokens, limit }, cause: thrown });
  }
  const offender = nameOffender(facts.reason ?? '', asked.conversation.messages, asked.model);
  return offender === undefined
    ? thrown
    : new GatewayError(kind, `${message} ${offender}`, { ...facts, cause: thrown });
}

/** Said before it is sent: what comes back may not tell. */
export function largeBody(characters: number): string {
  return `The request is ${Math.round(characters / 1000)} kB long; some of Kiro's hosts refuse more than 600 kB.`;
}

/** Some of Kiro's hosts call a large request improperly formed and not too long (protocol 4.6). */
function isTooLarge({ kind, message }: GatewayError, body: string): boolean {
  const isUnexplained = kind === 'invalid-request' && /improperly formed request/i.test(message);
  return isUnexplained && Buffer.byteLength(body) > LARGE_BODY_BYTES;
}

/** A signature is bound to account and conversation; once one is refused, none of the others helps. */
function withoutReasoning(conversation: Conversation): Repaired {
  const messages = conversation.messages.map((message): Message => {
    if (message.role === 'user') return message;
    return { role: 'assistant', blocks: message.blocks.filter((block) => !REASONING.has(block.type)) };
  });
  return { conversation: { ...conversation, messages }, notices: [] };
}

function hasReasoning(message: Message): boolean {
  return message.role === 'assistant' && message.blocks.some((block) => REASONING.has(block.type));
}

/** Documents that are text stand in the message itself; of the others the model learns that they are not there. */
function withoutDocuments(conversation: Conversation): Repaired {
  const leftOut = new Set<string>();
  const replace = <Part extends UserPart>(part: Part): Part | ToolResultPart => {
    if (part.type !== 'document') return part;
    if (!isText(part)) leftOut.add(part.format);
    return { type: 'text', text: noteFor(part) };
  };
  const messages = replaceParts(conversation.messages, replace);
  const notices = leftOut.size > 0 ? [`documents-left-out=${[...leftOut].join(',')}`] : [];
  return { conversation: { ...conversation, messages }, notices };
}

/** The whole history travels each time, so that any name will do. */
function renamed(conversation: Conversation): Conversation {
  const name = conversation.sessionId ?? JSON.stringify(conversation.messages[0])?.slice(0, 2000);
  return { ...conversation, sessionId: `again ${name}` };
}

export const LARGE_BODY_BYTES = 600_000;
const REASONING: ReadonlySet<string> = new Set(['reasoning', 'redacted-reasoning']);

const LOST_CONVERSATION: ReadonlySet<string> = new Set([
  'INVALID_CONVERSATION_ID',
  'INVALID_CONVERSATION_STATE',
  'STALE_CONVERSATION',
]);

const REPAIRS: readonly Repair[] = [
  {
    mends: ({ facts }, { conversation }) =>
      facts.reason === 'THINKING_SIGNATURE_INVALID' && conversation.messages.some(hasReasoning),
    told: 'Kiro refused the reasoning in the history; asking once more without it.',
    apply: withoutReasoning,
  },
  {
    // With a reason or without one: Kiro names the fields in its words only.
    mends: ({ kind, message }) => kind === 'invalid-request' && message.includes('additionalModelRequestFields'),
    told: 'Kiro does not know the fields that its own schema names; asking once more without them.',
    apply: (conversation) => ({ conversation, notices: [], withoutFields: true }),
  },
  {
    mends: ({ facts }) => facts.reason === 'DOCUMENT_MODEL_NOT_SUPPORTED',
    told: 'The model reads no documents; asking once more with their texts in the message.',
    apply: withoutDocuments,
  },
  {
    mends: ({ facts }) => LOST_CONVERSATION.has(facts.reason ?? ''),
    told: 'Kiro no longer knows the conversation by its name; asking once more by another.',
    apply: (conversation) => ({ conversation: renamed(conversation), notices: [] }),
  },
  {
    // Last, because Kiro does not say that it was the marks: it finds the request improperly formed.
    mends: ({ kind, facts }, { hasCacheMarks }) =>
      hasCacheMarks &&
      kind === 'invalid-request' &&
      (facts.reason ?? 'REQUEST_BODY_INVALID') === 'REQUEST_BODY_INVALID',
    told: 'Kiro refused the request; asking once more without PROMPT_CACHE.',
    apply: (conversation) => ({ conversation, notices: [], withoutMarks: true }),
  },
];
