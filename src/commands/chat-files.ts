/** Bytes to what a model can read: text inline, images by their first bytes, documents of the formats Kiro knows. */

import { readFile, stat } from 'node:fs/promises';
import { basename, extname, resolve } from 'node:path';

import { FILE_PROBLEMS, fileProblem } from '../auth/small-file.js';
import type { Document, DocumentFormat, Image } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import { imageFormatOf, isPdf } from '../core/signatures.js';
import { MAX_MEDIA, MAX_MEDIA_BYTES, type Media } from '../kiro/media.js';

export type Attachment = { readonly type: 'text'; readonly name: string; readonly text: string } | Image | Document;

/** @throws GatewayError `invalid-request` for a file that is missing, too large or of another kind. */
export async function readFiles(paths: readonly string[], folder: string): Promise<readonly Attachment[]> {
  const attachments = await Promise.all(
    paths.map(async (path) => toAttachment(path, await readBytes(path, resolve(folder, path)))),
  );
  for (const type of ['image', 'document'] as const) {
    const count = attachments.filter((it) => it.type === type).length;
    if (count > MAX_MEDIA[type]) throw refusal(`${count} ${type}s are too many; one question takes ${MAX_MEDIA[type]}`);
  }
  return attachments;
}

/**
 * @param name What complaints and the model are told.
 * @throws GatewayError `invalid-request` for bytes of another kind.
 */
export function toAttachment(name: string, bytes: Uint8Array): Attachment {
  const image = imageFormatOf(bytes);
  if (image !== undefined) return { type: 'image', format: image, data: base64(name, bytes, 'image') };
  const ending = extname(name).slice(1).toLowerCase();
  const document = binaryDocumentFormat(bytes, ending);
  if (document !== undefined) return toDocument(name, document, bytes);
  const text = decodeText(bytes);
  if (text !== undefined) return { type: 'text', name, text };
  // Spreadsheet programs write tables in older encodings; Kiro may know what to make of them.
  const textual = TEXT_DOCUMENTS.find((format) => format === ending);
  if (textual !== undefined && !bytes.includes(0)) return toDocument(name, textual, bytes);
  throw refusal(`${name} is neither text nor an image or a document that Kiro takes (${KINDS})`);
}

function toDocument(name: string, format: DocumentFormat, bytes: Uint8Array): Document {
  return { type: 'document', name: basename(name), format, data: base64(name, bytes, 'document') };
}

function base64(name: string, bytes: Uint8Array, type: Media['type']): string {
  const most = MAX_MEDIA_BYTES[type];
  if (bytes.length > most) throw refusal(`${name} is too large; Kiro takes ${type}s of at most ${megabytes(most)}`);
  return Buffer.from(bytes).toString('base64');
}

async function readBytes(name: string, path: string): Promise<Uint8Array> {
  try {
    const facts = await stat(path);
    if (facts.isDirectory()) throw refusal(`${name} is a folder; name the files`);
    if (facts.size > MAX_FILE_BYTES)
      throw refusal(`${name} is too large; a file may have ${megabytes(MAX_FILE_BYTES)}`);
    return await readFile(path);
  } catch (thrown) {
    if (thrown instanceof GatewayError) throw thrown;
    throw refusal(`${name} ${FILE_PROBLEMS[fileProblem(thrown)]}`);
  }
}

/** UTF-8, or what its byte order mark says; undefined when it is no text. */
function decodeText(bytes: Uint8Array): string | undefined {
  try {
    const [first, second] = bytes;
    // PowerShell's `>` writes UTF-16.
    if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le', { fatal: true }).decode(bytes);
    if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be', { fatal: true }).decode(bytes);
    return bytes.includes(0) ? undefined : new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The container says little about what is inside; there the ending decides. */
function binaryDocumentFormat(bytes: Uint8Array, ending: string): DocumentFormat | undefined {
  const head = latin1(bytes, 0, 8);
  if (isPdf(bytes)) return 'pdf';
  if (head.startsWith('PK\u0003\u0004')) return (['docx', 'xlsx'] as const).find((format) => format === ending);
  if (head !== '\u00d0\u00cf\u0011\u00e0\u00a1\u00b1\u001a\u00e1') return undefined;
  return (['doc', 'xls'] as const).find((format) => format === ending);
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.subarray(from, to)).toString('latin1');
}

function refusal(complaint: string): GatewayError {
  return new GatewayError('invalid-request', `${complaint}.`);
}

function megabytes(bytes: number): string {
  return `${bytes / 1_000_000} MB`;
}

const MAX_FILE_BYTES = 20_000_000;
const TEXT_DOCUMENTS = ['csv', 'html', 'txt', 'md'] as const;
const KINDS = 'png, jpeg, gif, webp, pdf, csv, doc, docx, xls, xlsx, html, txt, md';
