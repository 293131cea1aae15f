/** Content as both vendors write it: a string, or a list of typed parts of which some will always be unknown. */

import type { Message } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { note, type Notices } from './notices.js';

export type TextPart = { readonly type: 'text'; readonly text: string };

/** The messages of a request body; a conversation has at least one. */
export function messageList(body: Reader): readonly Reader[] {
  const messages = body.get('messages');
  const list = messages.array();
  return list.length > 0 ? list : messages.fail('must not be empty');
}

/** A string as one text part, a list part by part; some clients put bare strings into the list. */
export function readParts<Part>(content: Reader | undefined, readPart: (part: Reader) => Part[]): (Part | TextPart)[] {
  if (content === undefined) return [];
  if (content.isString()) return textParts(content.string());
  if (!content.isArray()) content.fail('must be a string or a list of parts');
  return content.array().flatMap<Part | TextPart>((it) => (it.isString() ? textParts(it.string()) : readPart(it)));
}

/** Content that can only be text, such as instructions: one entry per text. */
export function readTexts(content: Reader, notices: Notices): string[] {
  const readText = (part: Reader): TextPart[] => {
    const type = part.get('type').string();
    return type === 'text' ? textParts(part.get('text').string()) : unknownPart(part, type, notices);
  };
  return readParts(content, readText).map((it) => it.text);
}

/** No part for an empty text: Kiro and both vendors refuse empty ones. */
export function textParts(text: string): TextPart[] {
  return text === '' ? [] : [{ type: 'text', text }];
}

/** A part of a type we do not know keeps what text it carries. New types appear with every client release. */
export function unknownPart(part: Reader, type: string, notices: Notices): TextPart[] {
  note(notices, 'unknown-block', type);
  return textParts(textWithin(part));
}

/** All readable text of a part, a line per piece. */
export function textWithin(part: Reader): string {
  return collectTexts(part, MAX_DEPTH).join('\n');
}

/** Instructions of the client as a message of their own, at their place; none when they are empty. */
export function instructionMessages(texts: readonly string[]): Message[] {
  return texts.length === 0 ? [] : [{ role: 'user', parts: texts.map((text) => ({ type: 'system', text })) }];
}

/** Parts the instructions that come before any other message from the rest. */
export function splitLeadingInstructions(messages: readonly Message[]): {
  readonly system: readonly string[];
  readonly messages: readonly Message[];
} {
  const leading = messages.findIndex((it) => !isInstruction(it));
  const end = leading === -1 ? messages.length : leading;
  return { system: messages.slice(0, end).flatMap(instructionTexts), messages: messages.slice(end) };
}

function isInstruction(message: Message): boolean {
  return message.role === 'user' && message.parts.length > 0 && message.parts.every((it) => it.type === 'system');
}

function instructionTexts(message: Message): string[] {
  if (message.role === 'assistant') return [];
  return message.parts.flatMap((it) => (it.type === 'system' ? [it.text] : []));
}

function collectTexts(value: Reader, depth: number): string[] {
  if (depth === 0) return [];
  if (value.isString()) return value.string() === '' ? [] : [value.string()];
  if (value.isArray()) return value.array().flatMap((it) => collectTexts(it, depth - 1));
  return TEXT_KEYS.flatMap((key) => (value.has(key) ? collectTexts(value.get(key), depth - 1) : []));
}

// The keys under which the vendors' block types keep what a model can read, in reading order.
const TEXT_KEYS = ['title', 'url', 'text', 'content', 'stdout', 'stderr', 'error_code', 'tool_name', 'tool_references'];
const MAX_DEPTH = 8;
