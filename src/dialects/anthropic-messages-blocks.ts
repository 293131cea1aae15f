/** The assistant's blocks on Anthropic's wire, read and written side by side: what goes out comes back the same. */

import type Anthropic from '@anthropic-ai/sdk';
import type { Block } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import type { BlockHead } from '../core/stream.js';
import { textParts, textWithin, unknownPart } from './content.js';
import type { Notices } from './notices.js';

/** Anthropic's block types that we write, without the nulls that older clients refuse. */
export type WireBlock =
  | Omit<Anthropic.TextBlock, 'citations'>
  | Anthropic.ThinkingBlock
  | Anthropic.RedactedThinkingBlock
  | Omit<Anthropic.ToolUseBlock, 'caller'>;

/**
 * Stands where Anthropic's form demands a signature and Kiro gave none. It reads back as no signature.
 * AI SDKs refuse a thinking block without the field, and Kiro would refuse an invented one.
 */
export const NO_SIGNATURE = 'kiro-gateway:unsigned';

/** A block of an assistant message in history. */
export function readAssistantBlock(block: Reader, notices: Notices): Block[] {
  const type = block.get('type').string();
  switch (type) {
    case 'text':
      return textParts(block.get('text').string());
    case 'thinking':
      return readThinking(block);
    case 'redacted_thinking':
      return [{ type: 'redacted-reasoning', data: block.get('data').nonEmptyString() }];
    case 'tool_use':
      return [readToolUse(block)];
    case 'compaction': // A summary that Anthropic wrote of what came before.
      return textParts(block.optional('content')?.string() ?? '');
    case 'server_tool_use':
    case 'mcp_tool_use':
      return textParts(`[${block.get('name').string()} ${JSON.stringify(block.get('input').value ?? {})}]`);
    default:
      // What a server tool of Anthropic found: Kiro knows no such blocks, but the model should still see it.
      return type.endsWith('_tool_result') ? textParts(textWithin(block)) : unknownPart(block, type, notices);
  }
}

/** A whole block; none for a tool call that was cut, because the form demands its input as an object. */
export function writeBlock(block: Block): WireBlock[] {
  switch (block.type) {
    case 'text':
      return [{ type: 'text', text: block.text }];
    case 'reasoning':
      return [{ type: 'thinking', thinking: block.text, signature: writeSignature(block.signature) }];
    case 'redacted-reasoning':
      return [{ type: 'redacted_thinking', data: block.data }];
    case 'tool-call':
      return parseInput(block.input).map((input) => ({ type: 'tool_use', id: block.id, name: block.name, input }));
  }
}

/** A block as it begins in a stream. */
export function writeBlockHead(block: BlockHead): WireBlock {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: '' };
    case 'reasoning':
      return { type: 'thinking', thinking: '', signature: '' };
    case 'redacted-reasoning':
      return { type: 'redacted_thinking', data: block.data };
    case 'tool-call':
      return { type: 'tool_use', id: block.id, name: block.name, input: {} };
  }
}

export function writeSignature(signature: string): string {
  return signature || NO_SIGNATURE;
}

function readThinking(block: Reader): Block[] {
  const text = block.get('thinking').string();
  const given = block.optional('signature')?.string() ?? '';
  const signature = given === NO_SIGNATURE ? '' : given;
  return text === '' && signature === '' ? [] : [{ type: 'reasoning', text, signature }];
}

function readToolUse(block: Reader): Block {
  const id = block.get('id').nonEmptyString();
  const name = block.get('name').nonEmptyString();
  return { type: 'tool-call', id, name, input: readInput(block.optional('input')) };
}

function readInput(input: Reader | undefined): string {
  if (input === undefined) return '{}';
  // Claude Code replays a call that was cut in this form, with the text as it had received it.
  const unparsed = input.optional('__unparsedToolInput')?.optional('raw');
  return unparsed === undefined ? JSON.stringify(input.object()) : unparsed.string();
}

/** The object a tool call's input spells, if it spells one. */
function parseInput(input: string): object[] {
  try {
    const value: unknown = JSON.parse(input);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? [value] : [];
  } catch {
    return [];
  }
}
