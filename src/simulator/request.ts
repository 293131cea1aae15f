/** The body of GenerateAssistantResponse: one shape that is both its type and its check, its turns and its images. */

import type { ImageFormat } from '../core/conversation.js';
import { isRecord } from '../core/reader.js';
import { imageFormatOf } from '../core/signatures.js';
import { improper } from './exchange.js';

export type ChatRequest = ReturnType<typeof readChatRequest>;
export type UserMessage = ReturnType<typeof userInputMessage>;
export type AssistantMessage = ReturnType<typeof assistantResponseMessage>;
export type ImageBlock = ReturnType<typeof imageBlock>;
export type DocumentBlock = ReturnType<typeof documentBlock>;
export type ToolSpecification = ReturnType<typeof toolSpecification>;
export type ToolUse = ReturnType<typeof toolUse>;

/** @throws Refusal that names the path of the first thing that does not fit. */
export function readChatRequest(body: unknown) {
  return chatRequest(body, 'body');
}

export type Turn = ReturnType<typeof listTurns>[number];

/** A request as the list of its turns, each with the name of its place. */
export function listTurns({ conversationState: { history = [], currentMessage } }: ChatRequest) {
  const past = history.map(({ userInputMessage: user, assistantResponseMessage: assistant }, index) => {
    return { place: `history[${index}]`, user, assistant };
  });
  return [...past, { place: 'currentMessage', user: currentMessage.userInputMessage, assistant: undefined }];
}

/** Tools sit in the current message only; cache points among them are no tools. */
export function listTools({ conversationState: { currentMessage } }: ChatRequest): readonly ToolSpecification[] {
  const entries = currentMessage.userInputMessage.userInputMessageContext?.tools ?? [];
  return entries.flatMap((entry) => entry.toolSpecification ?? []);
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

// --- kinds of shapes

/** Gives the value back with its type. @throws Refusal that names the path. */
type Shape<Value> = (value: unknown, path: string) => Value;

type Fields = Readonly<Record<string, Shape<unknown>>>;
type Values<Of extends Fields> = { readonly [Name in keyof Of]: ReturnType<Of[Name]> };

function text(value: unknown, path: string): string {
  if (typeof value !== 'string') throw improper(`${path} is not a string`);
  // With the flag `u` this class matches only halves that lost their partner.
  if (/\p{Surrogate}/u.test(value)) throw improper(`${path} holds an unpaired surrogate`);
  return value;
}

function fitting(isFit: (value: unknown) => boolean): Shape<unknown> {
  return (value, path) => {
    if (isFit(value)) return value;
    throw improper(`${path} has an illegal value`);
  };
}

/** One of the words, which blanks part. */
function oneOf(words: string): Shape<unknown> {
  const known: readonly unknown[] = words.split(' ');
  return fitting((value) => known.includes(value));
}

/** Fields that the service knows and nobody here reads: whatever they hold is taken, but for null. */
function unread(names: string): Fields {
  return Object.fromEntries(names.split(' ').map((name) => [name, fitting((value) => value !== null)]));
}

/** Any JSON object: its inside belongs to somebody else. */
function document(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  throw improper(`${path} is not an object`);
}

/** Lists are never empty on this wire: an empty one must be left out. */
function list<Item>(of: Shape<Item>): Shape<readonly Item[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw improper(`${path} is not a list`);
    if (value.length === 0) throw improper(`${path} is an empty list`);
    return value.map((item: unknown, index) => of(item, `${path}[${index}]`));
  };
}

function record<Required extends Fields, Optional extends Fields>(required: Required, optional: Optional) {
  const fields = new Map<string, Shape<unknown>>(Object.entries({ ...required, ...optional }));
  return (value: unknown, path: string) => {
    const given = document(value, path);
    const missing = Object.keys(required).find((name) => given[name] === undefined);
    if (missing !== undefined) throw improper(`${path}.${missing} is missing`);
    for (const [name, item] of Object.entries(given)) {
      const shape = fields.get(name);
      if (shape === undefined) throw improper(`${path}.${name} is not a known field`);
      if (item !== undefined) shape(item, `${path}.${name}`);
    }
    // The cast is what has just been checked.
    return given as Values<Required> & Partial<Values<Optional>>;
  };
}

/** Exactly one of the members. */
function union<Members extends Fields>(members: Members) {
  const fits = record({}, members);
  return (value: unknown, path: string) => {
    const count = Object.keys(document(value, path)).length;
    if (count !== 1) throw improper(`${path} holds ${count} union members, not one`);
    return fits(value, path);
  };
}

// --- the shapes

const cachePoint = record({ type: oneOf('default') }, {});

// The `bytes` and `format` of media are judged by the media rules, which have reasons of their own.
const source = record({ bytes: text }, {});
const imageBlock = record({ format: text, source }, {});
const documentBlock = record({ name: text, format: text, source }, {});

const inputSchema = record({ json: document }, {});
const toolSpecification = record({ name: text, inputSchema }, { description: text });
const toolUse = record({ toolUseId: text, name: text, input: document }, {});
const resultBlock = union({ text, json: fitting(() => true) });
const toolResult = record(
  { toolUseId: text, content: list(resultBlock) },
  { status: oneOf('success error'), toolName: text },
);

const SURROUNDINGS =
  'envState shellState gitState editorState diagnostic consoleState appStudioContext userSettings additionalContext';
const userInputMessageContext = record(
  {},
  { tools: list(union({ toolSpecification, cachePoint })), toolResults: list(toolResult), ...unread(SURROUNDINGS) },
);

const ORIGINS =
  'AI_EDITOR CHATBOT CLI CONSOLE DOCUMENTATION GITLAB IDE INLINE_CHAT KIRO_CLI KIRO_IDE KIRO_WEB MARKETING MD MD_CE ' +
  'MD_IDE MOBILE OPENSEARCH_DASHBOARD Q_DEV_BEXT SAGE_MAKER SERVICE_INTERNAL SM_AI_STUDIO_IDE UNIFIED_SEARCH UNKNOWN';

const userInputMessage = record(
  { content: text },
  {
    modelId: text,
    origin: oneOf(ORIGINS),
    images: list(imageBlock),
    documents: list(documentBlock),
    userInputMessageContext,
    cachePoint,
    ...unread('userIntent clientCacheConfig'),
  },
);

const reasoningText = record({ text }, { signature: text });
const assistantResponseMessage = record(
  { content: text },
  {
    messageId: text,
    toolUses: list(toolUse),
    // Only the nested forms are known: flat reasoning is refused by the service.
    reasoningContent: union({ reasoningText, redactedContent: text }),
    cachePoint,
    ...unread('supplementaryWebLinks references followupPrompt'),
  },
);

const conversationState = record(
  { chatTriggerType: oneOf('MANUAL DIAGNOSTIC INLINE_CHAT'), currentMessage: record({ userInputMessage }, {}) },
  {
    conversationId: text,
    history: list(union({ userInputMessage, assistantResponseMessage })),
    agentContinuationId: text,
    agentTaskType: oneOf('vibe spectask'),
    ...unread('workspaceId customizationArn'),
  },
);

const chatRequest = record(
  { conversationState },
  { profileArn: text, agentMode: text, additionalModelRequestFields: document },
);
