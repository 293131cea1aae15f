/**
 * Content as both vendors write it: a string, or a list of typed parts of which some will always be unknown, with
 * images and documents, and a word to the model about those that are left out.
 */

import type { Document, DocumentFormat, Image, ImageFormat, Message, Text } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { note, type Notices } from './dialect.js';

/** The messages of a request body; a conversation has at least one. */
export function messageList(body: Reader): readonly Reader[] {
  const messages = body.get('messages');
  const list = messages.array();
  return list.length > 0 ? list : messages.fail('must not be empty');
}

/** A string as one text part, a list part by part; some clients put bare strings into the list. */
export function readParts<Part>(content: Reader | undefined, readPart: (part: Reader) => Part[]): (Part | Text)[] {
  if (content === undefined) return [];
  if (content.isString()) return textParts(content.string());
  if (!content.isArray()) content.fail('must be a string or a list of parts');
  return content.array().flatMap<Part | Text>((it) => (it.isString() ? textParts(it.string()) : readPart(it)));
}

/** Content that can only be text, such as instructions: one entry per text. */
export function readTexts(content: Reader | undefined, notices: Notices): string[] {
  const readText = (part: Reader): Text[] => {
    const type = part.get('type').string();
    return type === 'text' ? textParts(part.get('text').string()) : unknownPart(part, type, notices);
  };
  return readParts(content, readText).map((it) => it.text);
}

/** No part for an empty text: Kiro and both vendors refuse empty ones. */
export function textParts(text: string): Text[] {
  return text === '' ? [] : [{ type: 'text', text }];
}

/** A part of a type we do not know keeps what text it carries. New types appear with every client release. */
export function unknownPart(part: Reader, type: string, notices: Notices): Text[] {
  note(notices, 'unknown-block', type);
  return textParts(textWithin(part));
}

/** All readable text of a part, a line per piece. */
export function textWithin(part: Reader): string {
  return collectTexts(part, MAX_DEPTH).join('\n');
}

function collectTexts(value: Reader, depth: number): string[] {
  if (depth === 0) return [];
  if (value.isString()) return value.string() === '' ? [] : [value.string()];
  if (value.isArray()) return value.array().flatMap((it) => collectTexts(it, depth - 1));
  return TEXT_KEYS.flatMap((key) => (value.has(key) ? collectTexts(value.get(key), depth - 1) : []));
}

// --- messages

/** Instructions of the client as a message of their own, at their place; none when they are empty. */
export function instructionMessages(texts: readonly string[]): Message[] {
  return texts.length === 0 ? [] : [{ role: 'user', parts: texts.map((text) => ({ type: 'system', text })) }];
}

/** Parts the instructions that come before any other message from the rest. */
export function splitLeadingInstructions(messages: readonly Message[]) {
  const first = messages.findIndex((it) => !holdsOnly('system', it));
  const end = first === -1 ? messages.length : first;
  const parts = messages.slice(0, end).flatMap((it) => (it.role === 'user' ? it.parts : []));
  return { leading: parts.flatMap((it) => (it.type === 'system' ? [it.text] : [])), messages: messages.slice(end) };
}

/** OpenAI's clients write one message per tool result, and more; neighbours that `joins` allows become one. */
export function joinMessages(messages: readonly Message[], joins: (message: Message) => boolean): Message[] {
  const runs: Message[][] = [];
  for (const message of messages) {
    const run = runs.at(-1);
    if (run?.[0]?.role === message.role && joins(run[0]) && joins(message)) run.push(message);
    else runs.push([message]);
  }
  return runs.flatMap((run): Message[] => {
    if (run.length === 1) return run;
    if (run[0]?.role === 'user') return [{ role: 'user', parts: run.flatMap((it) => ('parts' in it ? it.parts : [])) }];
    return [{ role: 'assistant', blocks: run.flatMap((it) => ('blocks' in it ? it.blocks : [])) }];
  });
}

export function holdsOnly(type: 'system' | 'tool-result', message: Message): boolean {
  return message.role === 'user' && message.parts.length > 0 && message.parts.every((it) => it.type === type);
}

// --- images and documents

/** `data` is base64. The name is that of a file, or its title; empty when it has none. */
type Media = { readonly mediaType: string; readonly data: string; readonly name: string };

/** An image of OpenAI's, in a `data:` URL or elsewhere. */
export function readImageUrl(url: Reader, notices: Notices): Image | Text {
  const media = readDataUrl(url, '');
  return media === undefined ? atUrl('image', url.string(), '', notices) : toImage(media, notices);
}

/** A file of OpenAI's, as a `data:` URL or bare: an image or a document by its media type, or else by its name. */
export function readFile(data: Reader, name: string, notices: Notices): Image | Document | Text {
  const media = readDataUrl(data, name) ?? { mediaType: '', data: checkedBase64(data), name };
  return bareType(media.mediaType).startsWith('image/') ? toImage(media, notices) : toDocument(media, notices);
}

/** A source of Anthropic's that holds the data itself. */
export function readSourceData(what: 'image' | 'document', source: Reader, name: string, notices: Notices) {
  const media = { mediaType: source.get('media_type').string(), data: checkedBase64(source.get('data')), name };
  return what === 'image' ? toImage(media, notices) : toDocument(media, notices);
}

function toImage({ mediaType, data }: Media, notices: Notices): Image | Text {
  const format = IMAGE_FORMATS.get(bareType(mediaType));
  if (format !== undefined) return { type: 'image', format, data };
  return leftOut('image', mediaType, `${mediaType} is not supported`, notices);
}

function toDocument({ mediaType, data, name }: Media, notices: Notices): Document | Text {
  const ending = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  const format = documentFormatOf(mediaType) ?? ENDINGS.find((it) => it === ending);
  if (format !== undefined) return { type: 'document', name: name || 'document', format, data };
  const type = mediaType || ending || 'unknown';
  return leftOut('document', type, `${type} is not supported`, notices);
}

/** A plain text as a document of its own. */
export function toTextDocument(name: string, text: string): Document[] {
  if (text === '') return [];
  return [{ type: 'document', name: name || 'document', format: 'txt', data: Buffer.from(text).toString('base64') }];
}

/** What the model and the client are told when an image or a document does not go along. */
export function leftOut(what: 'image' | 'document', reason: string, detail: string, notices: Notices): Text {
  note(notices, `${what}s-left-out`, reason);
  return noteAbout(what, detail);
}

/** What a URL points at: left out, unless the gateway fetches such things. The name is empty when it has none. */
export function atUrl(kind: 'image' | 'document', url: string, name: string, notices: Notices): Text {
  const isFetched = notices.options.fetchesUrls === true && /^https?:/i.test(url);
  if (!isFetched) return leftOut(kind, 'url', url, notices);
  return { ...noteAbout(kind, url), remote: { kind, url, name } };
}

function noteAbout(what: 'image' | 'document', detail: string): Text {
  return { type: 'text', text: `[${what} left out: ${detail.slice(0, MAX_DETAIL_LENGTH)}]` };
}

export function documentFormatOf(mediaType: string): DocumentFormat | undefined {
  return DOCUMENT_FORMATS.get(bareType(mediaType));
}

/**
 * The parts of a `data:` URL with base64 data, or undefined for every other URL.
 * It searches for the comma only: a regular expression over megabytes may stall.
 */
function readDataUrl(url: Reader, name: string): Media | undefined {
  const text = url.string();
  const comma = text.indexOf(',');
  if (!text.startsWith('data:') || comma === -1) return undefined;
  const [mediaType = '', ...options] = text.slice('data:'.length, comma).split(';');
  if (options.at(-1) !== 'base64') return undefined;
  return { mediaType, data: checkedBase64(url, comma + 1), name };
}

/**
 * Letters, length and padding are checked; decoding megabytes only to throw the bytes away is not worth it.
 * @throws GatewayError `invalid-request` when the text cannot be base64.
 */
function checkedBase64(text: Reader, start = 0): string {
  const data = text.string().slice(start);
  const padding = data.endsWith('==') ? 2 : data.endsWith('=') ? 1 : 0;
  const length = data.length - padding;
  const isPossible = length > 0 && length % 4 !== 1 && (padding === 0 || data.length % 4 === 0);
  return isPossible && !ILLEGAL_IN_BASE64.test(data.slice(0, length)) ? data : text.fail('must hold base64 data');
}

/** `Text/Plain; charset=utf-8` → `text/plain`. */
function bareType(mediaType: string): string {
  const end = mediaType.indexOf(';');
  return (end === -1 ? mediaType : mediaType.slice(0, end)).trim().toLowerCase();
}

// The keys under which the vendors' block types keep what a model can read, in reading order.
const TEXT_KEYS = ['title', 'url', 'text', 'content', 'stdout', 'stderr', 'error_code', 'tool_name', 'tool_references'];
const MAX_DEPTH = 8;
const ILLEGAL_IN_BASE64 = /[^A-Za-z0-9+/]/;
const MAX_DETAIL_LENGTH = 200;

const IMAGE_FORMATS: ReadonlyMap<string, ImageFormat> = new Map([
  ['image/png', 'png'],
  ['image/jpeg', 'jpeg'],
  ['image/jpg', 'jpeg'],
  ['image/gif', 'gif'],
  ['image/webp', 'webp'],
]);

const DOCUMENT_FORMATS: ReadonlyMap<string, DocumentFormat> = new Map([
  ['application/pdf', 'pdf'],
  ['text/csv', 'csv'],
  ['application/msword', 'doc'],
  ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'docx'],
  ['application/vnd.ms-excel', 'xls'],
  ['application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', 'xlsx'],
  ['text/html', 'html'],
  ['text/plain', 'txt'],
  ['text/markdown', 'md'],
]);

const ENDINGS = [...DOCUMENT_FORMATS.values()];
