/** The rules of the service for images and documents. */
import type { CatalogueModel } from './catalogue.js';
import type { Violation } from './failures.js';
import type { DocumentBlock, ImageBlock } from './request.js';
import { improper } from './failures.js';
import { readImageHeader } from './image-header.js';

export function checkImages(images: readonly ImageBlock[], model: CatalogueModel): Violation | undefined {
  if (images.length === 0) return undefined;
  if (!model.supportedInputTypes.includes('IMAGE')) {
    return improper(`${model.modelId} takes no images`);
  }
  if (images.length > MOST_IMAGES)
    return violate('IMAGE_COUNT_EXCEEDED', 'Too many images.', `${images.length} images`);
  return firstOf(images, checkImage);
}

export function checkDocuments(documents: readonly DocumentBlock[], model: CatalogueModel): Violation | undefined {
  if (documents.length === 0) return undefined;
  if (!model.supportedInputTypes.includes('IMAGE')) {
    return violate('DOCUMENT_MODEL_NOT_SUPPORTED', 'The model does not support documents.', model.modelId);
  }
  if (documents.length > MOST_DOCUMENTS) {
    return violate('DOCUMENT_COUNT_EXCEEDED', 'Too many documents.', `${documents.length} documents`);
  }
  const names = new Set(documents.map((document) => document.name));
  if (names.size < documents.length) {
    return violate('DOCUMENT_DUPLICATE_NAME', 'Document names must be unique.', 'two documents share a name');
  }
  return firstOf(documents, checkDocument);
}

function checkImage(image: ImageBlock, index: number): Violation | undefined {
  const place = `image ${index}`;
  if (!IMAGE_FORMATS.has(image.format)) {
    return violate('IMAGE_FORMAT_UNSUPPORTED', 'The image format is not supported.', `${place} is ${image.format}`);
  }
  if (!isBase64(image.source.bytes)) {
    return violate('IMAGE_FORMAT_UNSUPPORTED', 'The image could not be decoded.', `${place} is not base64`);
  }
  if (decodedLength(image.source.bytes) > LARGEST_IMAGE_BYTES) {
    return violate('IMAGE_SIZE_EXCEEDED', 'The image is too large.', `${place} is over ${LARGEST_IMAGE_BYTES} bytes`);
  }
  const header = readImageHeader(Buffer.from(image.source.bytes, 'base64'));
  if (header?.format !== image.format) {
    const found = header?.format ?? 'something else';
    return violate('IMAGE_MIME_MISMATCH', 'The image does not match its format.', `${place} holds ${found}`);
  }
  if (Math.max(header.width, header.height) > LONGEST_IMAGE_SIDE) {
    return violate(
      'IMAGE_DIMENSION_EXCEEDED',
      'The image is too large.',
      `${place} is ${header.width} × ${header.height}`,
    );
  }
  return undefined;
}

function checkDocument(document: DocumentBlock, index: number): Violation | undefined {
  const place = `document ${index}`;
  const isLegal =
    document.name.trim() !== '' && DOCUMENT_FORMATS.has(document.format) && isBase64(document.source.bytes);
  if (!isLegal) {
    return improper(`${place} needs a name, a known format and base64`);
  }
  if (decodedLength(document.source.bytes) > LARGEST_DOCUMENT_BYTES) {
    return violate(
      'DOCUMENT_SIZE_EXCEEDED',
      'The document is too large.',
      `${place} is over ${LARGEST_DOCUMENT_BYTES} bytes`,
    );
  }
  return undefined;
}

function firstOf<Item>(items: readonly Item[], check: (item: Item, index: number) => Violation | undefined) {
  for (const [index, item] of items.entries()) {
    const violation = check(item, index);
    if (violation !== undefined) return violation;
  }
  return undefined;
}

function violate(reason: string, message: string, detail: string): Violation {
  return { reason, message, detail };
}

/** The standard alphabet with its padding: neither a data URL nor the URL-safe alphabet. */
function isBase64(bytes: string): boolean {
  return bytes.length > 0 && bytes.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(bytes);
}

function decodedLength(base64: string): number {
  return Math.floor((base64.length * 3) / 4);
}

const IMAGE_FORMATS = new Set(['png', 'jpeg', 'gif', 'webp']);
const DOCUMENT_FORMATS = new Set(['pdf', 'csv', 'doc', 'docx', 'xls', 'xlsx', 'html', 'txt', 'md']);
const MOST_IMAGES = 10;
const LARGEST_IMAGE_BYTES = 10 * 1024 * 1024;
const LONGEST_IMAGE_SIDE = 8000;
// Bedrock's figures: the service publishes none of its own.
const MOST_DOCUMENTS = 5;
const LARGEST_DOCUMENT_BYTES = 4.5 * 1024 * 1024;
