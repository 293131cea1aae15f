/** Images and documents: Kiro's blocks of them, the newest within what one request may carry, and where they stand. */

import type { Document, Image, Message, Model, ToolResultPart, UserPart } from '../core/conversation.js';
import { imageFormatOf } from '../core/signatures.js';

export type Media = Image | Document;

export function toKiroImage({ format, data }: Image) {
  return { format, source: { bytes: padded(data) } };
}

/** Kiro wants short names of plain characters, and each once in a request; `taken` holds those it has already. */
export function toKiroDocument({ name: given, format, data }: Document, taken: Set<string>) {
  const plain = given.replace(/[^A-Za-z0-9 ()[\]-]+/g, '-').replace(/ +/g, ' ');
  // Bedrock behind it takes 200 characters; there may have to be a number, too.
  const base = plain.trim().slice(0, 190) || 'document';
  let name = base;
  for (let count = 2; taken.has(name); count++) name = `${base} (${count})`;
  taken.add(name);
  return { name, format, source: { bytes: padded(data) } };
}

/** Clients may leave the padding out; Kiro wants it. */
function padded(base64: string): string {
  return base64.padEnd(Math.ceil(base64.length / 4) * 4, '=');
}

/**
 * Which images and documents of a conversation travel, and how many are lost. The newest win, because earlier ones have
 * been talked about; for the rest the caller writes `noteFor`. A model that sees no images is given neither: Kiro refuses both.
 */
export function mediaWithinLimits(
  messages: readonly Message[],
  model: Model,
): { kept: ReadonlySet<Media>; leftOut: number } {
  const all = messages.flatMap(mediaOf);
  const kept = new Set<Media>();
  const room: Record<Media['type'], number> = { ...(model.inputs.includes('image') ? MAX_MEDIA : NO_MEDIA) };
  for (const media of all.toReversed()) {
    const isTooLarge = media.data.length > Math.ceil((MAX_MEDIA_BYTES[media.type] * 4) / 3);
    if (!isTooLarge && room[media.type]-- > 0) kept.add(media);
  }
  return { kept, leftOut: all.filter((it) => !kept.has(it) && !isText(it)).length };
}

/** What the model reads in place of something that could not travel: the text itself, where it is one. */
export function noteFor(media: Media): string {
  if (media.type === 'document' && isText(media)) {
    const { name, data } = media;
    return `<document name=${JSON.stringify(name)}>\n${Buffer.from(data, 'base64').toString('utf8')}\n</document>`;
  }
  const what = media.type === 'image' ? `an image (${media.format})` : `the document ${JSON.stringify(media.name)}`;
  return `[The gateway left out ${what}: it is beyond what one request to this model may carry.]`;
}

/**
 * Which of the images and documents that travelled one of Kiro's reasons is about, for people: `It is image 2 of 3, a
 * PNG of 4.1 MB in message 5.` Kiro names none, so it is the likeliest; where nothing hints at one, they are counted.
 * @returns undefined when the reason is about something else.
 */
export function nameOffender(reason: string, messages: readonly Message[], model: Model): string | undefined {
  const type = /^(IMAGE|DOCUMENT)_/.exec(reason)?.[1]?.toLowerCase();
  const { kept } = mediaWithinLimits(messages, model);
  const placed = messages
    .flatMap((message, at) => mediaOf(message).map((media) => ({ media, message: at + 1 })))
    .filter(({ media }) => media.type === type && kept.has(media));
  if (placed.length === 0) return undefined;
  const offender = placed.length === 1 ? placed[0] : suspectOf(reason, placed);
  if (offender === undefined) return `There are ${placed.length} ${type}s in the conversation.`;
  const { media, message } = offender;
  const kind = media.type === 'image' ? `a ${media.format.toUpperCase()}` : JSON.stringify(media.name);
  const megabytes = ((media.data.length * 3) / 4 / 1e6).toFixed(1);
  const number = placed.indexOf(offender) + 1;
  return `It is ${type} ${number} of ${placed.length}, ${kind} of ${megabytes} MB in message ${message}.`;
}

/** The largest where it is about size; the one that is something else where it is about the format. */
function suspectOf<Placed extends { readonly media: Media }>(reason: string, placed: readonly Placed[]) {
  if (/_(?:SIZE|DIMENSION|MAXIMUM_PAGES)_/.test(reason)) {
    return placed.toSorted((one, other) => other.media.data.length - one.media.data.length)[0];
  }
  if (!/_(?:FORMAT|MIME)_/.test(reason)) return undefined;
  return placed.find(({ media: it }) => imageFormatOf(Buffer.from(it.data.slice(0, 32), 'base64')) !== it.format);
}

function mediaOf(message: Message): readonly Media[] {
  return partsOf(message).filter((part) => part.type === 'image' || part.type === 'document');
}

/** All that a user's message holds, in its order, with what is inside its tool results; nothing of an assistant's. */
export function partsOf(message: Message): readonly UserPart[] {
  if (message.role === 'assistant') return [];
  return message.parts.flatMap((part): readonly UserPart[] => (part.type === 'tool-result' ? part.content : [part]));
}

/**
 * The messages with some parts replaced, also those inside tool results.
 * @param replace Gives what takes the part's place; undefined for a part that stays.
 */
export function replaceParts(
  messages: readonly Message[],
  replace: (part: UserPart) => ToolResultPart | undefined,
): readonly Message[] {
  return messages.map((message) => {
    if (message.role === 'assistant') return message;
    const parts = message.parts.map((part): UserPart => {
      if (part.type !== 'tool-result') return replace(part) ?? part;
      return { ...part, content: part.content.map((it) => replace(it) ?? it) };
    });
    return { role: 'user', parts };
  });
}

/** True for documents that can be read here. */
export function isText(media: Media): boolean {
  return TEXT_FORMATS.has(media.format);
}

const TEXT_FORMATS: ReadonlySet<string> = new Set(['csv', 'html', 'txt', 'md']);

/** The service documents no limits; these are qcli's for images and Bedrock's for documents. */
export const MAX_MEDIA = { image: 10, document: 5 } as const;
const NO_MEDIA = { image: 0, document: 0 };
export const MAX_MEDIA_BYTES = { image: 10_000_000, document: 4_500_000 } as const;
