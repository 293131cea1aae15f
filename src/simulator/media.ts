/** The rules of the service for images and documents, and the reader of image headers that they need. */

import type { ImageFormat } from '../core/conversation.js';
import { imageFormatOf } from '../core/signatures.js';
import type { CatalogueModel } from './control.js';
import { improper, violation } from './exchange.js';
import type { DocumentBlock, ImageBlock } from './request.js';

export function checkImages(images: readonly ImageBlock[], { modelId, supportedInputTypes }: CatalogueModel): void {
  if (images.length === 0) return;
  if (!supportedInputTypes.includes('IMAGE')) throw improper(`${modelId} takes no images`);
  if (images.length > MOST_IMAGES) {
    throw violation('IMAGE_COUNT_EXCEEDED', 'Too many images.', `${images.length} images`);
  }
  for (const [index, image] of images.entries()) checkImage(image, `image ${index}`);
}

function checkImage({ format, source: { bytes } }: ImageBlock, place: string): void {
  if (!/^(?:png|jpeg|gif|webp)$/.test(format)) {
    throw violation('IMAGE_FORMAT_UNSUPPORTED', 'The image format is not supported.', `${place} is ${format}`);
  }
  if (!isBase64(bytes)) {
    throw violation('IMAGE_FORMAT_UNSUPPORTED', 'The image could not be decoded.', `${place} is not base64`);
  }
  const message = 'The image is too large.';
  if (decodedLength(bytes) > LARGEST_IMAGE_BYTES) {
    throw violation('IMAGE_SIZE_EXCEEDED', message, `${place} is over ${LARGEST_IMAGE_BYTES} bytes`);
  }
  const header = readImageHeader(Buffer.from(bytes, 'base64'));
  if (header?.format !== format) {
    const found = header?.format ?? 'something else';
    throw violation('IMAGE_MIME_MISMATCH', 'The image does not match its format.', `${place} holds ${found}`);
  }
  const { width, height } = header;
  if (Math.max(width, height) > LONGEST_IMAGE_SIDE) {
    throw violation('IMAGE_DIMENSION_EXCEEDED', message, `${place} is ${width} × ${height}`);
  }
}

export function checkDocuments(documents: readonly DocumentBlock[], model: CatalogueModel): void {
  if (documents.length === 0) return;
  if (!model.supportedInputTypes.includes('IMAGE')) {
    throw violation('DOCUMENT_MODEL_NOT_SUPPORTED', 'The model does not support documents.', model.modelId);
  }
  if (documents.length > MOST_DOCUMENTS) {
    throw violation('DOCUMENT_COUNT_EXCEEDED', 'Too many documents.', `${documents.length} documents`);
  }
  if (new Set(documents.map(({ name }) => name)).size < documents.length) {
    throw violation('DOCUMENT_DUPLICATE_NAME', 'Document names must be unique.', 'two documents share a name');
  }
  for (const [index, { name, format, source }] of documents.entries()) {
    const isKnown = /^(?:pdf|csv|docx?|xlsx?|html|txt|md)$/.test(format);
    if (name.trim() === '' || !isKnown || !isBase64(source.bytes)) {
      throw improper(`document ${index} needs a name, a known format and base64`);
    }
    if (decodedLength(source.bytes) > LARGEST_DOCUMENT_BYTES) {
      const detail = `document ${index} is over ${LARGEST_DOCUMENT_BYTES} bytes`;
      throw violation('DOCUMENT_SIZE_EXCEEDED', 'The document is too large.', detail);
    }
  }
}

/** The standard alphabet with its padding: neither a data URL nor the URL-safe alphabet. */
function isBase64(bytes: string): boolean {
  return bytes.length > 0 && bytes.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(bytes);
}

function decodedLength(base64: string): number {
  return Math.floor((base64.length * 3) / 4);
}

type Size = { readonly width: number; readonly height: number };

/** Format and pixel size, from the first bytes of an image. */
export function readImageHeader(bytes: Buffer): (Size & { readonly format: ImageFormat }) | undefined {
  const format = imageFormatOf(bytes);
  if (format === undefined) return undefined;
  if (format === 'jpeg') return { format, ...jpegSize(bytes) };
  const head = Buffer.concat([bytes.subarray(0, 30), Buffer.alloc(30)]);
  if (format === 'png') return { format, width: head.readUInt32BE(16), height: head.readUInt32BE(20) };
  if (format === 'gif') return { format, width: head.readUInt16LE(6), height: head.readUInt16LE(8) };
  return { format, ...webpSize(head) };
}

/** WebP has three inner forms: lossy (VP8), lossless (VP8L) and extended (VP8X). */
function webpSize(head: Buffer): Size {
  const form = head.toString('latin1', 12, 16);
  if (form === 'VP8X') return { width: 1 + head.readUIntLE(24, 3), height: 1 + head.readUIntLE(27, 3) };
  if (form !== 'VP8L') return { width: head.readUInt16LE(26) & 0x3fff, height: head.readUInt16LE(28) & 0x3fff };
  const packed = head.readUInt32LE(21);
  return { width: 1 + (packed & 0x3fff), height: 1 + ((packed >> 14) & 0x3fff) };
}

/** Walks over the segments up to the start-of-frame one, which holds the size. */
function jpegSize(bytes: Buffer): Size {
  for (let at = 2; at + 9 <= bytes.length && bytes[at] === 0xff; at += 2 + bytes.readUInt16BE(at + 2)) {
    const marker = bytes.readUInt8(at + 1);
    // C0 to CF, without the Huffman table, the JPEG extension and the arithmetic table.
    const isStartOfFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isStartOfFrame) return { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
  }
  return { width: 0, height: 0 };
}

const MOST_IMAGES = 10;
const LARGEST_IMAGE_BYTES = 10 * 1024 * 1024;
const LONGEST_IMAGE_SIDE = 8000;
// Bedrock's figures: the service publishes none of its own.
const MOST_DOCUMENTS = 5;
const LARGEST_DOCUMENT_BYTES = 4.5 * 1024 * 1024;
