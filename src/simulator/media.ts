/** The rules of the service for images and documents, and the reader of image headers that they need. */

import type { CatalogueModel } from './control.js';
import { improper, violate, type Violation } from './exchange.js';
import { type DocumentBlock, firstOf, type ImageBlock } from './request.js';

export function checkImages(images: readonly ImageBlock[], model: CatalogueModel): Violation | undefined {
  if (images.length === 0) return undefined;
  if (!model.supportedInputTypes.includes('IMAGE')) return improper(`${model.modelId} takes no images`);
  if (images.length > MOST_IMAGES) {
    return violate('IMAGE_COUNT_EXCEEDED', 'Too many images.', `${images.length} images`);
  }
  return firstOf(images.entries(), ([index, image]) => checkImage(image, `image ${index}`));
}

export function checkDocuments(documents: readonly DocumentBlock[], model: CatalogueModel): Violation | undefined {
  if (documents.length === 0) return undefined;
  if (!model.supportedInputTypes.includes('IMAGE')) {
    return violate('DOCUMENT_MODEL_NOT_SUPPORTED', 'The model does not support documents.', model.modelId);
  }
  if (documents.length > MOST_DOCUMENTS) {
    return violate('DOCUMENT_COUNT_EXCEEDED', 'Too many documents.', `${documents.length} documents`);
  }
  if (new Set(documents.map(({ name }) => name)).size < documents.length) {
    return violate('DOCUMENT_DUPLICATE_NAME', 'Document names must be unique.', 'two documents share a name');
  }
  return firstOf(documents.entries(), ([index, document]) => checkDocument(document, `document ${index}`));
}

function checkImage({ format, source: { bytes } }: ImageBlock, place: string): Violation | undefined {
  if (!IMAGE_FORMATS.has(format)) {
    return violate('IMAGE_FORMAT_UNSUPPORTED', 'The image format is not supported.', `${place} is ${format}`);
  }
  if (!isBase64(bytes)) {
    return violate('IMAGE_FORMAT_UNSUPPORTED', 'The image could not be decoded.', `${place} is not base64`);
  }
  if (decodedLength(bytes) > LARGEST_IMAGE_BYTES) {
    return violate('IMAGE_SIZE_EXCEEDED', TOO_LARGE, `${place} is over ${LARGEST_IMAGE_BYTES} bytes`);
  }
  const header = readImageHeader(Buffer.from(bytes, 'base64'));
  if (header?.format !== format) {
    const found = header?.format ?? 'something else';
    return violate('IMAGE_MIME_MISMATCH', 'The image does not match its format.', `${place} holds ${found}`);
  }
  const { width, height } = header;
  if (Math.max(width, height) <= LONGEST_IMAGE_SIDE) return undefined;
  return violate('IMAGE_DIMENSION_EXCEEDED', TOO_LARGE, `${place} is ${width} × ${height}`);
}

function checkDocument({ name, format, source: { bytes } }: DocumentBlock, place: string): Violation | undefined {
  if (name.trim() === '' || !DOCUMENT_FORMATS.has(format) || !isBase64(bytes)) {
    return improper(`${place} needs a name, a known format and base64`);
  }
  if (decodedLength(bytes) <= LARGEST_DOCUMENT_BYTES) return undefined;
  const detail = `${place} is over ${LARGEST_DOCUMENT_BYTES} bytes`;
  return violate('DOCUMENT_SIZE_EXCEEDED', 'The document is too large.', detail);
}

/** The standard alphabet with its padding: neither a data URL nor the URL-safe alphabet. */
function isBase64(bytes: string): boolean {
  return bytes.length > 0 && bytes.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(bytes);
}

function decodedLength(base64: string): number {
  return Math.floor((base64.length * 3) / 4);
}

type ImageHeader = {
  readonly format: 'png' | 'jpeg' | 'gif' | 'webp';
  readonly width: number;
  readonly height: number;
};

/** Format and pixel size, from the first bytes of an image. */
export function readImageHeader(bytes: Buffer): ImageHeader | undefined {
  const begin = bytes.toString('latin1', 0, 12);
  if (begin.startsWith('\x89PNG\r\n\x1a\n') && bytes.length >= 24) {
    return { format: 'png', width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  }
  if (/^GIF8[79]a/.test(begin) && bytes.length >= 10) {
    return { format: 'gif', width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
  }
  if (/^RIFF[^]{4}WEBP$/.test(begin) && bytes.length >= 30) return { format: 'webp', ...webpSize(bytes) };
  return bytes.length >= 4 && bytes.readUInt16BE(0) === 0xffd8 ? { format: 'jpeg', ...jpegSize(bytes) } : undefined;
}

type Size = Pick<ImageHeader, 'width' | 'height'>;

/** WebP has three inner forms: lossy (VP8), lossless (VP8L) and extended (VP8X). */
function webpSize(bytes: Buffer): Size {
  const form = bytes.toString('latin1', 12, 16);
  if (form === 'VP8X') return { width: 1 + bytes.readUIntLE(24, 3), height: 1 + bytes.readUIntLE(27, 3) };
  if (form === 'VP8L') {
    const packed = bytes.readUInt32LE(21);
    return { width: 1 + (packed & 0x3fff), height: 1 + ((packed >> 14) & 0x3fff) };
  }
  return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
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

const TOO_LARGE = 'The image is too large.';
const IMAGE_FORMATS = new Set(['png', 'jpeg', 'gif', 'webp']);
const DOCUMENT_FORMATS = new Set(['pdf', 'csv', 'doc', 'docx', 'xls', 'xlsx', 'html', 'txt', 'md']);
const MOST_IMAGES = 10;
const LARGEST_IMAGE_BYTES = 10 * 1024 * 1024;
const LONGEST_IMAGE_SIDE = 8000;
// Bedrock's figures: the service publishes none of its own.
const MOST_DOCUMENTS = 5;
const LARGEST_DOCUMENT_BYTES = 4.5 * 1024 * 1024;
