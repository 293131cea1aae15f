/** What can be left out of a conversation when Kiro refuses it before its answer began: each kind of refusal once. */

import type { Conversation, Document, Message, UserPart } from './core/conversation.js';
import { GatewayError } from './core/errors.js';
import { noteFor } from './kiro/media.js';

export type Repair = {
  /** Kiro's machine-readable reason. */
  readonly reason: string;
  /** Where the reason alone says too little. */
  readonly says?: RegExp;
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
};

/** The repair for a refusal, if there is one. */
export function repairFor(thrown: unknown): Repair | undefined {
  if (!(thrown instanceof GatewayError)) return undefined;
  return REPAIRS.find(({ reason, says }) => reason === thrown.facts.reason && (says?.test(thrown.message) ?? true));
}

/** A signature is bound to account and conversation; once one is refused, none of the others helps. */
function withoutReasoning(conversation: Conversation): Repaired {
  const messages = conversation.messages.map((message): Message => {
    if (message.role === 'user') return message;
    return { role: 'assistant', blocks: message.blocks.filter((block) => !REASONING.has(block.type)) };
  });
  return { conversation: { ...conversation, messages }, notices: [] };
}

/** Documents that are text stand in the message itself; of the others the model learns that they are not there. */
export function withoutDocuments(conversation: Conversation): Repaired {
  const leftOut = new Set<string>();
  const replace = <Part extends { readonly type: string }>(part: Part | Document): Part | TextPart => {
    if (!isDocument(part)) return part;
    if (TEXT_FORMATS.has(part.format)) return { type: 'text', text: inlined(part) };
    leftOut.add(part.format);
    return { type: 'text', text: noteFor(part) };
  };
  const messages = conversation.messages.map((message): Message => {
    if (message.role === 'assistant') return message;
    const parts = message.parts.map((part): UserPart => {
      if (part.type === 'tool-result') return { ...part, content: part.content.map((it) => replace(it)) };
      return replace(part);
    });
    return { role: 'user', parts };
  });
  const notices = leftOut.size > 0 ? [`documents-left-out=${[...leftOut].join(',')}`] : [];
  return { conversation: { ...conversation, messages }, notices };
}

type TextPart = { readonly type: 'text'; readonly text: string };

function isDocument(part: { readonly type: string }): part is Document {
  return part.type === 'document';
}

function inlined({ name, data }: Document): string {
  return `<document name=${JSON.stringify(name)}>\n${Buffer.from(data, 'base64').toString('utf8')}\n</document>`;
}

const REASONING: ReadonlySet<string> = new Set(['reasoning', 'redacted-reasoning']);
const TEXT_FORMATS: ReadonlySet<string> = new Set(['csv', 'html', 'txt', 'md']);

const REPAIRS: readonly Repair[] = [
  {
    reason: 'THINKING_SIGNATURE_INVALID',
    told: 'Kiro refused the reasoning in the history; asking once more without it.',
    apply: withoutReasoning,
  },
  {
    reason: 'REQUEST_BODY_INVALID',
    says: /additionalModelRequestFields/,
    told: 'Kiro does not know the fields that its own schema names; asking once more without them.',
    apply: (conversation) => ({ conversation, notices: [], withoutFields: true }),
  },
  {
    reason: 'DOCUMENT_MODEL_NOT_SUPPORTED',
    told: 'The model reads no documents; asking once more with their texts in the message.',
    apply: withoutDocuments,
  },
];
