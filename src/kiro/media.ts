/** Images and documents to Kiro's blocks, the newest within what one request may carry. */

import type { Document, DocumentFormat, Image, ImageFormat, Message, Model } from '../core/conversation.js';

export type KiroImage = { readonly format: ImageFormat; readonly source: { readonly bytes: string } };
export type KiroDocument = {
  readonly name: string;
  readonly format: DocumentFormat;
  readonly source: { readonly bytes: string };
};

export function toKiroImage(image: Image): KiroImage {
  return { format: image.format, source: { bytes: padded(image.data) } };
}

/** Kiro wants names without odd characters, and each name once in a request; `taken` holds those it has already. */
export function toKiroDocuments(documents: readonly Document[], taken: Set<string>): readonly KiroDocument[] {
  return documents.map((document) => {
    const base = document.name.replace(/[^A-Za-z0-9 ()[\]-]+/g, '-').trim() || 'document';
    let name = base;
    for (let count = 2; taken.has(name); count++) name = `${base} (${count})`;
    taken.add(name);
    return { name, format: document.format, source: { bytes: padded(document.data) } };
  });
}

/** Clients may leave the padding out; Kiro wants it. */
function padded(base64: string): string {
  return base64.padEnd(Math.ceil(base64.length / 4) * 4, '=');
}

export type Media = Image | Document;

/**
 * Which images and documents of a conversation travel. The newest win, because earlier ones have been talked about;
 * for the rest the caller writes `noteFor`. A model that sees no images is given neither: Kiro refuses both.
 */
export function mediaWithinLimits(
  messages: readonly Message[],
  model: Model,
): { kept: ReadonlySet<Media>; leftOut: number } {
  const all = messages.flatMap(mediaOf);
  const kept = new Set<Media>();
  if (!model.inputs.includes('image')) return { kept, leftOut: all.length };
  let images = 0;
  let documents = 0;
  for (const media of all.toReversed()) {
    if (media.data.length > MAX_BASE64_LENGTHS[media.type]) continue;
    if (media.type === 'image' && images++ < MAX_MEDIA.image) kept.add(media);
    if (media.type === 'document' && documents++ < MAX_MEDIA.document) kept.add(media);
  }
  return { kept, leftOut: all.length - kept.size };
}

/** What the model reads in place of something that could not travel. */
export function noteFor(media: Media): string {
  const what = media.type === 'image' ? `an image (${media.format})` : `the document ${JSON.stringify(media.name)}`;
  return `[The gateway left out ${what}: it is beyond what one request to this model may carry.]`;
}

function mediaOf(message: Message): readonly Media[] {
  const found: Media[] = [];
  for (const part of message.role === 'user' ? message.parts : []) {
    for (const it of part.type === 'tool-result' ? part.content : [part]) {
      if (it.type === 'image' || it.type === 'document') found.push(it);
    }
  }
  return found;
}

/** The service documents no limits; these are qcli's for images and Bedrock's for documents. */
export const MAX_MEDIA = { image: 10, document: 5 } as const satisfies Record<Media['type'], number>;
export const MAX_MEDIA_BYTES = { image: 10_000_000, document: 4_500_000 } as const satisfies Record<
  Media['type'],
  number
>;
const MAX_BASE64_LENGTHS = {
  image: Math.ceil((MAX_MEDIA_BYTES.image * 4) / 3),
  document: Math.ceil((MAX_MEDIA_BYTES.document * 4) / 3),
} as const satisfies Record<Media['type'], number>;
