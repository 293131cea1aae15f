/** The judge of chat requests: whether the service would take a body, and with which words it would refuse it. */

import { isRecord } from '../core/reader.js';
import type { CatalogueModel } from './control.js';
import { FAILURES, improper, Refusal } from './exchange.js';
import {
  type ChatRequest,
  type DocumentBlock,
  type ImageBlock,
  listTools,
  listTurns,
  readChatRequest,
  readImageHeader,
  type ToolSpecification,
  type ToolUse,
  type Turn,
} from './request.js';
import { findFieldFault, findSchemaFault } from './schema.js';
import { isRedactedByUs, signReasoning } from './script.js';
import { type Caller, isProfileArn } from './sign-in.js';

/** A body that is legal, and the model that it asks for. @throws Refusal when it breaks a rule. */
export function judgeChatRequest(
  body: unknown,
  models: readonly CatalogueModel[],
  { usesApiKey }: Caller,
): { readonly request: ChatRequest; readonly model: CatalogueModel } {
  const request = readChatRequest(body);
  const { profileArn, conversationState, additionalModelRequestFields: fields = {} } = request;
  const turns = listTurns(request);
  const tools = listTools(request);
  const images = turns.flatMap(({ user }) => user?.images ?? []);
  const documents = turns.flatMap(({ user }) => user?.documents ?? []);
  if (!usesApiKey && profileArn === undefined) throw new Refusal(FAILURES.profileMissing);
  if (profileArn !== undefined && !isProfileArn(profileArn)) throw improper('body.profileArn is no ARN of a profile');
  checkWeight(request, [...images, ...documents]);
  const { conversationId = '-', currentMessage } = conversationState;
  if (!CONVERSATION_ID.test(conversationId)) throw broken('INVALID_CONVERSATION_ID', 'conversationId is illegal');
  // A request without a model gets the default one.
  const modelId = currentMessage.userInputMessage.modelId ?? 'auto';
  const model = models.find((it) => it.modelId === modelId);
  if (model === undefined) throw broken('INVALID_MODEL_ID', `the catalogue has no ${modelId}`);
  checkOrder(turns);
  checkToolSpecifications(tools);
  checkToolTraffic(turns, new Set(tools.map(({ name }) => name)));
  checkCachePoints(request, model);
  checkImages(images, model);
  checkDocuments(documents, model);
  const fault = findFieldFault(fields, model.additionalModelRequestFieldsSchema);
  if (fault !== undefined) {
    throw broken('REQUEST_BODY_INVALID', fault, `Invalid additionalModelRequestFields: ${fault}`);
  }
  checkReasoning(turns);
  return { request, model };
}

/** One for an ASCII character, eight for any other; the bytes of media are limited elsewhere. */
function checkWeight(request: ChatRequest, media: readonly ImageBlock[]): void {
  const text = JSON.stringify(request);
  const length = media.reduce((rest, { source }) => rest - source.bytes.length, text.length);
  if (length * 8 <= LARGEST_WEIGHT) return;
  const foreign = text.length - text.replaceAll(/[^\p{ASCII}]/gu, '').length;
  const weight = length + 7 * foreign;
  if (weight <= LARGEST_WEIGHT) return;
  throw new Refusal(FAILURES.overflow, `the request weighs ${weight}, the limit is ${LARGEST_WEIGHT}`);
}

/**
 * History starts with the user, ends with the assistant, and nobody speaks twice in a row.
 * Content may be empty only beside tool data; white space alone counts as empty everywhere else.
 */
function checkOrder(turns: readonly Turn[]): void {
  for (const [index, { place, user, assistant }] of turns.entries()) {
    const isUsersTurn = index % 2 === 0;
    if (isUsersTurn === (user === undefined)) throw improper(`${place} breaks the alternation of roles`);
    const content = user?.content ?? assistant?.content ?? '';
    const toolData = user?.userInputMessageContext?.toolResults ?? assistant?.toolUses;
    if (content.trim() === '' && toolData === undefined) throw improper(`${place} has no content`);
    const offersTools = user?.userInputMessageContext?.tools !== undefined;
    if (offersTools && place !== 'currentMessage') throw improper(`${place} has tools; they belong to currentMessage`);
  }
}

function checkToolSpecifications(specifications: readonly ToolSpecification[]): void {
  const names = new Set<string>();
  for (const [index, { name, description = '-', inputSchema }] of specifications.entries()) {
    const place = `toolConfig.tools.${index}.toolSpec`;
    if (!TOOL_NAME.test(name)) throw improper(`${place}.name "${name}" is illegal`);
    if (names.has(name)) throw broken('TOOL_DUPLICATE', `${place}.name is not unique`);
    names.add(name);
    if (description.trim() === '' || description.length > LONGEST_DESCRIPTION) {
      throw improper(`${place}.description has ${description.length} characters`);
    }
    const fault = findSchemaFault(inputSchema.json, `${place}.inputSchema.json`);
    if (fault !== undefined) throw broken('TOOL_SCHEMA_INVALID', fault, `The JSON schema is invalid: ${fault}.`);
  }
}

/** The calls of a turn are answered in the very next one, all of them and in their order, and nothing else is. */
function checkToolTraffic(turns: readonly Turn[], offered: ReadonlySet<string>): void {
  const seenIds = new Set<string>();
  let open: readonly ToolUse[] = [];
  for (const { place, user, assistant } of turns) {
    const results = user?.userInputMessageContext?.toolResults ?? [];
    if (results.length > 0 && offered.size === 0) throw broken('TOOL_CONFIG_MISSING', `${place} has results, no tools`);
    for (const [index, { toolUseId, content }] of results.entries()) {
      if (open[index]?.toolUseId !== toolUseId) throw broken(MISMATCH, `${place} answers ${toolUseId}, not the next`);
      if (content.some(({ text }) => text?.trim() === '')) throw improper(`${place} has an empty result`);
    }
    const missing = open[results.length];
    if (missing !== undefined) throw broken(MISMATCH, `${place} does not answer ${missing.toolUseId}`);
    open = assistant?.toolUses ?? [];
    for (const { toolUseId, name, input } of open) {
      if (!TOOL_USE_ID.test(toolUseId)) throw broken(MISMATCH, `${place} has the illegal toolUseId "${toolUseId}"`);
      if (seenIds.has(toolUseId)) throw broken(MISMATCH, `${place} repeats the toolUseId ${toolUseId}`);
      seenIds.add(toolUseId);
      if (!TOOL_NAME.test(name)) {
        throw broken('REQUEST_BODY_INVALID', `${place} calls "${name}"`, 'Invalid tool use format.');
      }
      if (!offered.has(name)) throw broken('TOOL_CONFIG_MISSING', `${place} calls ${name}, which is not offered`);
      if (hasEmptyKey(input)) throw improper(`${place} has an empty key in the input of ${toolUseId}`);
    }
  }
}

function hasEmptyKey(value: unknown): boolean {
  const entries = isRecord(value) || Array.isArray(value) ? Object.entries(value) : [];
  return entries.some(([name, item]) => name === '' || hasEmptyKey(item));
}

/** They stand among the tools and beside messages, at most four, and only where the model has a cache. */
function checkCachePoints(request: ChatRequest, { modelId, promptCaching }: CatalogueModel): void {
  const { userInputMessage } = request.conversationState.currentMessage;
  const tools = userInputMessage.userInputMessageContext?.tools ?? [];
  const messages = listTurns(request).map(({ user, assistant }) => user ?? assistant);
  const count = [...tools, ...messages].filter((it) => it?.cachePoint !== undefined).length;
  const most = promptCaching?.supportsPromptCaching === true ? MOST_CACHE_POINTS : 0;
  if (count > most) throw improper(`${modelId} takes ${most} cache points, not ${count}`);
}

/** Reasoning is taken back only as it was given out: complete, unchanged and signed by this service. */
function checkReasoning(turns: readonly Turn[]): void {
  for (const { place, assistant } of turns) {
    const { redactedContent, reasoningText } = assistant?.reasoningContent ?? {};
    const isForged =
      (redactedContent !== undefined && !isRedactedByUs(redactedContent)) ||
      (reasoningText !== undefined && reasoningText.signature !== signReasoning(reasoningText.text));
    if (isForged) throw broken('THINKING_SIGNATURE_INVALID', `${place} has reasoning of somebody else`);
  }
}

function checkImages(images: readonly ImageBlock[], { modelId, supportedInputTypes }: CatalogueModel): void {
  if (images.length > 0 && !supportedInputTypes.includes('IMAGE')) throw improper(`${modelId} takes no images`);
  if (images.length > MOST_IMAGES) throw broken('IMAGE_COUNT_EXCEEDED', `${images.length} images`);
  for (const [index, { format, source }] of images.entries()) {
    const place = `image ${index}`;
    if (!/^(?:png|jpeg|gif|webp)$/.test(format)) throw broken('IMAGE_FORMAT_UNSUPPORTED', `${place} is ${format}`);
    if (!isBase64(source.bytes)) throw broken('IMAGE_FORMAT_UNSUPPORTED', `${place} is not base64`);
    if (decodedLength(source.bytes) > LARGEST_IMAGE_BYTES) {
      throw broken('IMAGE_SIZE_EXCEEDED', `${place} is over ${LARGEST_IMAGE_BYTES} bytes`);
    }
    const header = readImageHeader(Buffer.from(source.bytes, 'base64'));
    if (header?.format !== format) {
      throw broken('IMAGE_MIME_MISMATCH', `${place} holds ${header?.format ?? 'something else'}`);
    }
    const { width, height } = header;
    if (Math.max(width, height) > LONGEST_IMAGE_SIDE) {
      throw broken('IMAGE_DIMENSION_EXCEEDED', `${place} is ${width} × ${height}`);
    }
  }
}

function checkDocuments(documents: readonly DocumentBlock[], { modelId, supportedInputTypes }: CatalogueModel): void {
  if (documents.length > 0 && !supportedInputTypes.includes('IMAGE')) {
    throw broken('DOCUMENT_MODEL_NOT_SUPPORTED', modelId);
  }
  if (documents.length > MOST_DOCUMENTS) throw broken('DOCUMENT_COUNT_EXCEEDED', `${documents.length} documents`);
  if (new Set(documents.map(({ name }) => name)).size < documents.length) {
    throw broken('DOCUMENT_DUPLICATE_NAME', 'two documents share a name');
  }
  for (const [index, { name, format, source }] of documents.entries()) {
    const isKnown = /^(?:pdf|csv|docx?|xlsx?|html|txt|md)$/.test(format);
    if (name.trim() === '' || !isKnown || !isBase64(source.bytes)) {
      throw improper(`document ${index} needs a name, a known format and base64`);
    }
    if (decodedLength(source.bytes) > LARGEST_DOCUMENT_BYTES) {
      throw broken('DOCUMENT_SIZE_EXCEEDED', `document ${index} is over ${LARGEST_DOCUMENT_BYTES} bytes`);
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

/** A fault for which the service has a reason of its own, and words that go with it. */
function broken(reason: keyof typeof WORDS, detail: string, message = WORDS[reason]): Refusal {
  return new Refusal({ ...FAILURES.improper, reason, message }, detail);
}

const MISMATCH = 'TOOL_USE_RESULT_MISMATCH';

const WORDS = {
  REQUEST_BODY_INVALID: FAILURES.improper.message,
  INVALID_CONVERSATION_ID: 'Invalid conversationId.',
  INVALID_MODEL_ID: 'Invalid model. Please select a different model to continue.',
  TOOL_DUPLICATE: 'Tool names must be unique.',
  TOOL_SCHEMA_INVALID: 'The JSON schema is invalid.',
  TOOL_CONFIG_MISSING: 'The toolConfig field must be defined when using toolUse and toolResult content blocks.',
  [MISMATCH]: 'The toolResult blocks do not match the toolUse blocks of the previous turn.',
  THINKING_SIGNATURE_INVALID: 'Invalid signature in thinking block: it belongs to a different conversation.',
  IMAGE_COUNT_EXCEEDED: 'Too many images.',
  IMAGE_FORMAT_UNSUPPORTED: 'The image format is not supported.',
  IMAGE_SIZE_EXCEEDED: 'The image is too large.',
  IMAGE_DIMENSION_EXCEEDED: 'The image is too large.',
  IMAGE_MIME_MISMATCH: 'The image does not match its format.',
  DOCUMENT_MODEL_NOT_SUPPORTED: 'The model does not support documents.',
  DOCUMENT_COUNT_EXCEEDED: 'Too many documents.',
  DOCUMENT_DUPLICATE_NAME: 'Document names must be unique.',
  DOCUMENT_SIZE_EXCEEDED: 'The document is too large.',
};

const CONVERSATION_ID = /^[A-Za-z0-9._:-]{1,256}$/;
const LARGEST_WEIGHT = 1_340_000;
const TOOL_NAME = /^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/;
const TOOL_USE_ID = /^[a-zA-Z0-9_-]{1,64}$/;
const MOST_CACHE_POINTS = 4;
const LONGEST_DESCRIPTION = 10_240;
const MOST_IMAGES = 10;
const LARGEST_IMAGE_BYTES = 10 * 1024 * 1024;
const LONGEST_IMAGE_SIDE = 8000;
// Bedrock's figures: the service publishes none of its own.
const MOST_DOCUMENTS = 5;
const LARGEST_DOCUMENT_BYTES = 4.5 * 1024 * 1024;
