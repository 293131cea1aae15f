/** Images and documents: media types to Kiro's formats, data URLs, and a word to the model about what is left out. */

import type { Document, DocumentFormat, Image, ImageFormat, Text } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import type { TextPart } from './content.js';
import { note, type Notices } from './notices.js';

/** `data` is base64. */
export type Media = { readonly mediaType: string; readonly data: string };

/** The name of a file, or its title, is empty when it has none. */
export type MediaFile = Media & { readonly name: string };

/** An image or a document by its media type, or else by the ending of its name. */
export function toMedia(file: MediaFile, notices: Notices): Image | Document | TextPart {
  return bareType(file.mediaType).startsWith('image/') ? toImage(file, notices) : toDocument(file, notices);
}

export function toImage(file: Media, notices: Notices): Image | TextPart {
  const format = IMAGE_FORMATS.get(bareType(file.mediaType));
  if (format !== undefined) return { type: 'image', format, data: file.data };
  return leftOut('image', { reason: file.mediaType, detail: `${file.mediaType} is not supported` }, notices);
}

export function toDocument(file: MediaFile, notices: Notices): Document | TextPart {
  const ending = file.name.slice(file.name.lastIndexOf('.') + 1).toLowerCase();
  const format = documentFormatOf(file.mediaType) ?? ENDINGS.find((it) => it === ending);
  if (format !== undefined) return { type: 'document', name: file.name || 'document', format, data: file.data };
  const type = file.mediaType || ending || 'unknown';
  return leftOut('document', { reason: type, detail: `${type} is not supported` }, notices);
}

/** A plain text as a document of its own. */
export function toTextDocument(name: string, text: string): Document[] {
  if (text === '') return [];
  return [{ type: 'document', name: name || 'document', format: 'txt', data: Buffer.from(text).toString('base64') }];
}

/** What the model and the client are told when an image or a document does not go along. */
export function leftOut(
  what: 'image' | 'document',
  why: { readonly reason: string; readonly detail: string },
  notices: Notices,
): TextPart {
  note(notices, `${what}s-left-out`, why.reason);
  return noteAbout(what, why.detail);
}

/** What a URL points at: left out, unless the gateway fetches such things. The name is empty when it has none. */
export function atUrl(
  kind: 'image' | 'document',
  { url, name = '' }: { readonly url: string; readonly name?: string },
  notices: Notices,
): Text {
  if (!notices.fetchesUrls || !/^https?:/i.test(url)) return leftOut(kind, { reason: 'url', detail: url }, notices);
  return { ...noteAbout(kind, url), remote: { kind, url, name } };
}

function noteAbout(what: 'image' | 'document', detail: string): TextPart {
  return { type: 'text', text: `[${what} left out: ${detail.slice(0, MAX_DETAIL_LENGTH)}]` };
}

export function documentFormatOf(mediaType: string): DocumentFormat | undefined {
  return DOCUMENT_FORMATS.get(bareType(mediaType));
}

/**
 * The parts of a `data:` URL with base64 data, or undefined for every other URL.
 * It searches for the comma only: a regular expression over megabytes may stall.
 */
export function readDataUrl(url: Reader): Media | undefined {
  const text = url.string();
  const comma = text.indexOf(',');
  if (!text.startsWith('data:') || comma === -1) return undefined;
  const [mediaType = '', ...options] = text.slice('data:'.length, comma).split(';');
  return options.at(-1) === 'base64' ? { mediaType, data: checkedBase64(text.slice(comma + 1), url) } : undefined;
}

/** @throws GatewayError `invalid-request` when the text cannot be base64. */
export function readBase64(data: Reader): string {
  return checkedBase64(data.string(), data);
}

/** Letters, length and padding are checked; decoding megabytes only to throw the bytes away is not worth it. */
function checkedBase64(data: string, where: Reader): string {
  const padding = data.endsWith('==') ? 2 : data.endsWith('=') ? 1 : 0;
  const length = data.length - padding;
  const isPossible = length > 0 && length % 4 !== 1 && (padding === 0 || data.length % 4 === 0);
  return isPossible && !ILLEGAL_IN_BASE64.test(data.slice(0, length)) ? data : where.fail('must hold base64 data');
}

/** `Text/Plain; charset=utf-8` → `text/plain`. */
function bareType(mediaType: string): string {
  const end = mediaType.indexOf(';');
  return (end === -1 ? mediaType : mediaType.slice(0, end)).trim().toLowerCase();
}

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
