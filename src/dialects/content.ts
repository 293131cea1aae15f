/**
 * Content in the words of every vendor, because clients mix them: a string, or a list of typed parts of which some will
 * always be unknown, with images and documents, and a word to the model about those that are left out.
 */

import type { DocumentFormat, ImageFormat, RemoteMedia, Text, ToolResultPart, UserPart } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { imageFormatOf } from '../core/signatures.js';
import { note, type Notices } from './dialect.js';

/** A string as one text part, a list part by part; some clients put bare strings into the list. */
export function readParts<Part>(content: Reader | undefined, readPart: (part: Reader) => Part[]): (Part | Text)[] {
  if (content === undefined) return [];
  if (content.isString()) return textParts(content.string());
  if (!content.isArray()) content.fail('must be a string or a list of parts');
  return content.array().flatMap<Part | Text>((it) => (it.isString() ? textParts(it.string()) : readPart(it)));
}

/** Content that can only be text, such as instructions: one entry per text. */
export function readTexts(content: Reader | undefined, notices: Notices): string[] {
  return readParts(content, (part) => readTextPart(part) ?? unknownPart(part, notices)).map(({ text }) => text);
}

/** What a user message holds. */
export function readUserParts(content: Reader | undefined, notices: Notices): UserPart[] {
  return readParts<UserPart>(content, (part) => {
    if (part.get('type').value !== 'tool_result') return readPart(part, notices);
    const id = part.get('tool_use_id').nonEmptyString();
    const isError = part.optional('is_error')?.boolean() ?? false;
    return [{ type: 'tool-result', id, content: readContent(part.optional('content'), notices), isError }];
  });
}

/** What a tool has given back. */
export function readContent(content: Reader | undefined, notices: Notices): ToolResultPart[] {
  return readParts(content, (it) => readPart(it, notices));
}

/** A part that may stand in a user message as well as in a tool result. */
function readPart(part: Reader, notices: Notices): ToolResultPart[] {
  const type = part.get('type').string();
  if (part.optional('citations')?.optional('enabled')?.value === true) note(notices, 'ignored', 'citations');
  switch (type) {
    case 'image':
      return readSource('image', part.get('source'), '', notices);
    case 'document': {
      const name = part.optional('title')?.string() ?? '';
      const context = textParts(part.optional('context')?.string() ?? '');
      return [...context, ...readSource('document', part.get('source'), name, notices)];
    }
    case 'image_url':
    case 'input_image': {
      if (!part.has('image_url') && part.has('file_id')) return [fileById('image', part, notices)];
      // An object with a `url`, or the bare string: each of OpenAI's APIs has one, and some clients write the other's.
      const image = part.get('image_url');
      return [readUrl('image', image.isString() ? image : image.get('url'), '', notices)];
    }
    case 'file':
    case 'input_file':
      return [readFile(type === 'file' ? part.get('file') : part, notices)];
    case 'input_audio':
      return part.fail('Kiro does not listen to audio; send text.');
    case 'search_result': {
      const heading = `${part.get('title').string()}\n${part.get('source').string()}`;
      return textParts(`${heading}\n${textWithin(part.get('content'))}`.trim());
    }
    case 'container_upload':
      return [leftOut('document', type, part.get('file_id').string(), notices)];
    case 'browser_state': {
      const { type: _, cache_control: __, ...state } = part.object();
      return textParts(JSON.stringify(state));
    }
    case 'tool_reference':
      return textParts(`Tool ${part.get('tool_name').nonEmptyString()} is available.`);
    default:
      return readTextPart(part) ?? unknownPart(part, notices);
  }
}

/** Undefined for a part that is no text. */
export function readTextPart(part: Reader): Text[] | undefined {
  switch (part.get('type').value) {
    case 'text':
    case 'input_text':
    case 'output_text':
      return textParts(part.get('text').string());
    case 'refusal':
      return textParts(part.get('refusal').string());
    case 'tool_addition': // Instructions may change the tools, and say nothing.
    case 'tool_removal':
      return [];
    default:
      return undefined;
  }
}

/** No part for an empty text: Kiro and both vendors refuse empty ones. */
export function textParts(text: string): Text[] {
  return text === '' ? [] : [{ type: 'text', text }];
}

/** A part of a type we do not know keeps what text it carries. New types appear with every client release. */
export function unknownPart(part: Reader, notices: Notices): Text[] {
  note(notices, 'unknown-block', part.get('type').string());
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
  // The data of a source may be megabytes of base64, or a text.
  const keys = value.textIfAny('type') === 'text' ? [...TEXT_KEYS, 'data'] : TEXT_KEYS;
  return keys.flatMap((key) => (value.has(key) ? collectTexts(value.get(key), depth - 1) : []));
}

// --- images and documents

type Kind = RemoteMedia['kind'];

/** Anthropic's: the data itself, a text, blocks, or where it lies. */
function readSource(kind: Kind, source: Reader, name: string, notices: Notices): ToolResultPart[] {
  const type = source.get('type').string();
  if (type === 'base64') {
    const mediaType = source.get('media_type').string();
    return [toMedia(kind, { mediaType, data: checkedBase64(source.get('data')), name }, notices)];
  }
  if (type === 'text') {
    const data = Buffer.from(source.get('data').string()).toString('base64');
    return data === '' ? [] : [{ type: 'document', name: name || 'document', format: 'txt', data }];
  }
  if (type === 'content') return [...textParts(name), ...readContent(source.get('content'), notices)];
  if (type === 'url' && source.has('url')) return [readUrl(kind, source.get('url'), name, notices)];
  return [leftOut(kind, type, source.optional('file_id')?.string() ?? type, notices)];
}

/** A file of OpenAI's: a `data:` URL or bare base64, a URL, or an id. */
function readFile(file: Reader, notices: Notices): ToolResultPart {
  const name = file.optional('filename')?.string() ?? '';
  const data = file.optional('file_data');
  if (data !== undefined) {
    const media = readDataUrl(data, name) ?? { mediaType: '', data: checkedBase64(data), name };
    return toMedia('document', media, notices);
  }
  return file.optional('file_url')?.string()
    ? readUrl('document', file.get('file_url'), name, notices)
    : fileById('document', file, notices);
}

/** A file that a vendor keeps is out of reach. */
function fileById(kind: Kind, file: Reader, notices: Notices): Text {
  return leftOut(kind, 'file', (file.optional('file_id') ?? file.optional('filename'))?.string() ?? '', notices);
}

/** A URL that holds the data itself, or points at it: that is left out, unless the gateway fetches such things. */
function readUrl(kind: Kind, given: Reader, name: string, notices: Notices): ToolResultPart {
  const media = readDataUrl(given, name);
  if (media !== undefined) return toMedia(kind, media, notices);
  const url = given.string();
  const isFetched = notices.options.fetchesUrls === true && /^https?:/i.test(url);
  return isFetched ? { ...noteAbout(kind, url), remote: { kind, url, name } } : leftOut(kind, 'url', url, notices);
}

/** `data` is base64. The name is that of a file, or its title; empty when it has none. */
type Media = { readonly mediaType: string; readonly data: string; readonly name: string };

/** The media type decides, or else the ending of the name; which image format it is, the first bytes know better. */
function toMedia(kind: Kind, { mediaType, data, name }: Media, notices: Notices): ToolResultPart {
  const type = bareType(mediaType);
  const isImage = type.startsWith('image/');
  const ending = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  const image = IMAGE_FORMATS.get(isImage ? type : `image/${ending}`);
  const document = documentFormatOf(mediaType) ?? ENDINGS.find((it) => !isImage && it === ending);
  if (document !== undefined) return { type: 'document', name: name || 'document', format: document, data };
  if (image !== undefined)
    return { type: 'image', format: imageFormatOf(Buffer.from(data.slice(0, 16), 'base64')) ?? image, data };
  const known = mediaType || ending || 'unknown';
  return leftOut(isImage ? 'image' : kind, known, `${known} is not supported`, notices);
}

/** What the model and the client are told when an image or a document does not go along. */
function leftOut(kind: Kind, reason: string, detail: string, notices: Notices): Text {
  note(notices, `${kind}s-left-out`, reason);
  return noteAbout(kind, detail);
}

function noteAbout(kind: Kind, detail: string): Text {
  return { type: 'text', text: `[${kind} left out: ${detail.slice(0, MAX_DETAIL_LENGTH)}]` };
}

/** Kiro's format for a media type; kinds of text that it does not know become plain text. */
export function documentFormatOf(mediaType: string): DocumentFormat | undefined {
  const type = bareType(mediaType);
  return DOCUMENT_FORMATS.get(type) ?? (OTHER_TEXTS.test(type) ? 'txt' : undefined);
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
  return options.at(-1) === 'base64' ? { mediaType, data: checkedBase64(url, comma + 1), name } : undefined;
}

/**
 * Letters, length and padding are checked; decoding megabytes only to throw the bytes away is not worth it.
 * @throws GatewayError `invalid-request` when the text cannot be base64.
 */
function checkedBase64(text: Reader, start = 0): string {
  const given = text.string().slice(start);
  const data = given.includes('\n') ? given.replaceAll(/\r?\n/g, '') : given;
  const padding = data.endsWith('==') ? 2 : data.endsWith('=') ? 1 : 0;
  const length = data.length - padding;
  const isPossible = length > 0 && length % 4 !== 1 && (padding === 0 || data.length % 4 === 0);
  return isPossible && !/[^A-Za-z0-9+/]/.test(data.slice(0, length)) ? data : text.fail('must hold base64 data');
}

/** `Text/Plain; charset=utf-8` → `text/plain`. */
function bareType(mediaType: string): string {
  return mediaType.replace(/;.*/s, '').trim().toLowerCase();
}

// The keys under which the vendors' block types keep what a model can read, in reading order.
const TEXT_KEYS = (
  'name title url filename arguments queries text content source lines code output outputs logs results stdout stderr ' +
  'error error_code error_message message reason tool_name tool_references'
).split(' ');
const MAX_DEPTH = 8;
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

const OTHER_TEXTS = /^text\/|^application\/(?:\S*[+-])?(?:json|xml|yaml|javascript)$/;
const ENDINGS = [...DOCUMENT_FORMATS.values()];
