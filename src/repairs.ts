/** What the gateway does about a refusal: asks once more without what can be left out, or explains it. */

import type { Conversation, Message, Model } from './core/conversation.js';
import { GatewayError, withSentence } from './core/errors.js';
import { isText, nameOffender, noteFor, replaceParts } from './kiro/media.js';
import { modelNotFound } from './kiro/models.js';
import type { KiroRequest } from './kiro/request.js';
import { judgeRequest } from './kiro/request-rules.js';

/** What is asked of Kiro, and how; a repair is another way of asking it. */
export type Asking = {
  readonly conversation: Conversation;
  readonly model: Model;
  /** Whether Kiro is told what it may cache. */
  readonly marksCache: boolean;
  /** What is not asked as the client wanted it. */
  readonly notices: readonly string[];
};

export type Repair = {
  readonly mends: (refused: GatewayError, asking: Asking) => boolean;
  /** For the log. */
  readonly told: string;
  readonly apply: (asking: Asking) => Asking;
};

/** The repair for a refusal, if there is one. */
export function repairFor(thrown: unknown, asking: Asking): Repair | undefined {
  return thrown instanceof GatewayError ? REPAIRS.find(({ mends }) => mends(thrown, asking)) : undefined;
}

/** What Kiro did not say: the names near a wrong model, the numbers of an overflow, what it may not have liked. */
export function explain(
  thrown: unknown,
  { conversation, model }: Asking,
  { body, estimatedInputTokens }: KiroRequest,
  known: readonly Model[],
): unknown {
  if (!(thrown instanceof GatewayError)) return thrown;
  const { kind, message, facts } = thrown;
  if (kind === 'model-not-found') return modelNotFound(conversation.model, known, thrown);
  const isUnexplained = kind === 'invalid-request' && /improperly formed request/i.test(message);
  // Some of Kiro's hosts call a large request so and not too long (protocol 4.6).
  const isTooLarge = isUnexplained && Buffer.byteLength(body) > LARGE_BODY_BYTES;
  if (kind === 'context-overflow' || isTooLarge) {
    const limit = model.maxInputTokens;
    // Kiro says that it was too much; an estimate below the limit would contradict it.
    const tokens = Math.max(estimatedInputTokens, limit + 1);
    return new GatewayError('context-overflow', message, { ...facts, overflow: { tokens, limit }, cause: thrown });
  }
  const doubts = isUnexplained && givesNoReason(facts) ? judgeRequest(JSON.parse(body), body.length) : [];
  const more = [
    nameOffender(facts.reason ?? '', conversation.messages, model),
    ...doubts.map(({ rule, found, fix }) => `Perhaps it is the ${rule} (${found}). ${fix}`),
  ].filter((it) => it !== undefined);
  if (more.length === 0) return thrown;
  return new GatewayError(kind, withSentence(message, more.join(' ')), { ...facts, cause: thrown });
}

/** `REQUEST_BODY_INVALID` says no more than that it is the request. */
function givesNoReason({ reason = 'REQUEST_BODY_INVALID' }: GatewayError['facts']): boolean {
  return reason === 'REQUEST_BODY_INVALID';
}

/** A signature is bound to account and conversation; once one is refused, none of the others helps. */
function withoutReasoning(asking: Asking): Asking {
  const messages = asking.conversation.messages.map((message): Message => {
    if (message.role === 'user') return message;
    return { role: 'assistant', blocks: message.blocks.filter(({ type }) => !REASONING.has(type)) };
  });
  return withMessages(asking, messages);
}

function withMessages(asking: Asking, messages: readonly Message[]): Asking {
  return { ...asking, conversation: { ...asking.conversation, messages } };
}

function hasReasoning(message: Message): boolean {
  return message.role === 'assistant' && message.blocks.some(({ type }) => REASONING.has(type));
}

/** Documents that are text stand in the message itself; of the others the model learns that they are not there. */
function withoutDocuments(asking: Asking): Asking {
  const leftOut = new Set<string>();
  const messages = replaceParts(asking.conversation.messages, (part) => {
    if (part.type !== 'document') return undefined;
    if (!isText(part)) leftOut.add(part.format);
    return { type: 'text', text: noteFor(part) };
  });
  const notices = leftOut.size > 0 ? [`documents-left-out=${[...leftOut].join(',')}`] : [];
  return { ...withMessages(asking, messages), notices: [...asking.notices, ...notices] };
}

/** The whole history travels each time, so that any name will do. */
function underAnotherName(asking: Asking): Asking {
  const { sessionId, messages } = asking.conversation;
  const name = sessionId ?? JSON.stringify(messages[0])?.slice(0, 2000);
  return { ...asking, conversation: { ...asking.conversation, sessionId: `again ${name}` } };
}

export const LARGE_BODY_BYTES = 600_000;
const REASONING: ReadonlySet<string> = new Set(['reasoning', 'redacted-reasoning']);

const UNKNOWN_FIELD = /additionalModelRequestFields|not defined in the schema/i;

const LOST_CONVERSATION: ReadonlySet<string> = new Set([
  'INVALID_CONVERSATION_ID',
  'INVALID_CONVERSATION_STATE',
  'STALE_CONVERSATION',
]);

const REPAIRS: readonly Repair[] = [
  {
    // What stands behind Kiro says it in words, possibly without a reason.
    mends: ({ kind, message, facts }, { conversation }) =>
      (facts.reason === 'THINKING_SIGNATURE_INVALID' ||
        (kind === 'invalid-request' && givesNoReason(facts) && /signature|thinking`? block/i.test(message))) &&
      conversation.messages.some(hasReasoning),
    told: 'Kiro refused the reasoning in the history; asking once more without it.',
    apply: withoutReasoning,
  },
  {
    // With a reason or without one: Kiro names the fields in its words only, all of them or the one that it does not know.
    mends: ({ kind, message }, { model }) =>
      kind === 'invalid-request' && model.requestFieldsSchema !== undefined && UNKNOWN_FIELD.test(message),
    told: 'Kiro does not know the fields that its own schema names; asking once more without them.',
    // As if the schema named nothing.
    apply: (asking) => ({ ...asking, model: { ...asking.model, requestFieldsSchema: undefined } }),
  },
  {
    mends: ({ facts }) => facts.reason === 'DOCUMENT_MODEL_NOT_SUPPORTED',
    told: 'The model reads no documents; asking once more with their texts in the message.',
    apply: withoutDocuments,
  },
  {
    mends: ({ facts }) => LOST_CONVERSATION.has(facts.reason ?? ''),
    told: 'Kiro no longer knows the conversation by its name; asking once more by another.',
    apply: underAnotherName,
  },
  {
    // Last, because Kiro does not say that it was the marks: it finds the request improperly formed.
    mends: ({ kind, facts }, { marksCache }) => marksCache && kind === 'invalid-request' && givesNoReason(facts),
    told: 'Kiro refused the request; asking once more without PROMPT_CACHE.',
    apply: (asking) => ({ ...asking, marksCache: false }),
  },
];
