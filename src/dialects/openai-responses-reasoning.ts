/** Reasoning on OpenAI's wire: `encrypted_content` is where Kiro's signature travels to the client and back. */

import type { Responses } from 'openai/resources/responses/responses';
import type { Block } from '../core/conversation.js';
import { Reader } from '../core/reader.js';
import { textWithin } from './content.js';

export type Reasoning = Extract<Block, { type: 'reasoning' | 'redacted-reasoning' }>;

/** Signed or redacted reasoning as it was; of anything else the words, for reading only. */
export function readReasoning(item: Reader): Block[] {
  const envelope = item.optional('encrypted_content');
  const sealed = envelope?.isString() ? openEnvelope(envelope.string()) : undefined;
  if (sealed !== undefined) return [sealed];
  const text = ['summary', 'content'].flatMap((key) => item.optional(key) ?? []).map(textWithin);
  const words = text.filter((it) => it !== '').join('\n');
  return words === '' ? [] : [{ type: 'reasoning', text: words, signature: '' }];
}

export function writeReasoning(block: Reasoning, id: string): Responses.ResponseReasoningItem {
  const summary = block.type === 'reasoning' && block.text !== '' ? [writeSummary(block.text)] : [];
  const isSealed = block.type === 'redacted-reasoning' || block.signature !== '';
  return { type: 'reasoning', id, summary, ...(isSealed && { encrypted_content: seal(block) }) };
}

export function writeSummary(text: string): Responses.ResponseReasoningItem.Summary {
  return { type: 'summary_text', text };
}

function seal(block: Reasoning): string {
  return ENVELOPE + Buffer.from(JSON.stringify(block)).toString('base64url');
}

/** What OpenAI or another gateway has sealed says nothing here. */
function openEnvelope(text: string): Reasoning | undefined {
  if (!text.startsWith(ENVELOPE)) return undefined;
  try {
    const sealed = new Reader(JSON.parse(Buffer.from(text.slice(ENVELOPE.length), 'base64url').toString()));
    if (sealed.has('data')) return { type: 'redacted-reasoning', data: sealed.get('data').nonEmptyString() };
    return { type: 'reasoning', text: sealed.get('text').string(), signature: sealed.get('signature').string() };
  } catch {
    // Whoever changed it has made it foreign.
    return undefined;
  }
}

/** Names the maker and the version of what follows. */
const ENVELOPE = 'kiro-gateway.1.';
