/** The judge of chat requests: whether the service would take a body, and with which words it would refuse it. */

import { isRecord } from '../core/reader.js';
import { type CatalogueModel, listModels } from './control.js';
import { FAILURES, improper, Refusal, violation } from './exchange.js';
import {
  type AssistantMessage,
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
import { isProfileArn } from './sign-in.js';

type RuleOptions = {
  /** The models of the account; the ordinary catalogue unless told otherwise. */
  readonly models?: readonly CatalogueModel[];
  /** True for everyone but the bearer of an API key. */
  readonly isProfileRequired?: boolean;
};

/** The first rule that the body breaks; nothing when the service would take it. */
export function checkChatRequest(body: unknown, options: RuleOptions = {}) {
  try {
    judgeChatRequest(body, options);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    const { message, reason } = thrown.failure;
    return { message, reason, detail: thrown.detail ?? '' };
  }
}

/** A body that is legal, and the model that it asks for. @throws Refusal when it breaks a rule. */
export function judgeChatRequest(
  body: unknown,
  { models = listModels(), isProfileRequired = false }: RuleOptions = {},
): { readonly request: ChatRequest; readonly model: CatalogueModel } {
  const request = readChatRequest(body);
  const turns = listTurns(request);
  const tools = listTools(request);
  const images = turns.flatMap(({ user }) => user?.images ?? []);
  const documents = turns.flatMap(({ user }) => user?.documents ?? []);
  checkProfile(request, isProfileRequired);
  checkWeight(request, [...images, ...documents]);
  const { conversationId = '-', currentMessage } = request.conversationState;
  if (!CONVERSATION_ID.test(conversationId)) {
    throw violation('INVALID_CONVERSATION_ID', 'Invalid conversationId.', 'conversationId is illegal');
  }
  // A request without a model gets the default one.
  const modelId = currentMessage.userInputMessage.modelId ?? 'auto';
  const model = models.find((it) => it.modelId === modelId);
  if (model === undefined) {
    const message = 'Invalid model. Please select a different model to continue.';
    throw violation('INVALID_MODEL_ID', message, `the catalogue has no ${modelId}`);
  }
  checkOrder(turns);
  checkContents(turns);
  checkToolSpecifications(tools);
  checkToolTraffic(turns, new Set(tools.map(({ name }) => name)));
  checkCachePoints(request, model);
  checkImages(images, model);
  checkDocuments(documents, model);
  const fields = request.additionalModelRequestFields ?? {};
  const fault = findFieldFault(fields, model.additionalModelRequestFieldsSchema);
  if (fault !== undefined) {
    throw violation('REQUEST_BODY_INVALID', `Invalid additionalModelRequestFields: ${fault}`, fault);
  }
  checkReasoning(turns);
  return { request, model };
}

function checkProfile({ profileArn }: ChatRequest, isRequired: boolean): void {
  if (profileArn === undefined) {
    if (isRequired) throw new Refusal(FAILURES.profileMissing, 'body.profileArn is missing');
  } else if (!isProfileArn(profileArn)) throw improper('body.profileArn is no ARN of a profile');
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

/** History starts with the user, ends with the assistant, and nobody speaks twice in a row. */
function checkOrder(turns: readonly Turn[]): void {
  const stray = turns.find(({ user }, index) => (index % 2 === 0) === (user === undefined));
  if (stray !== undefined) throw improper(`${stray.place} breaks the alternation of roles`);
}

/** Content may be empty only beside tool data; white space alone counts as empty everywhere else. */
function checkContents(turns: readonly Turn[]): void {
  for (const { place, user, assistant } of turns) {
    const content = user?.content ?? assistant?.content ?? '';
    const toolData = user?.userInputMessageContext?.toolResults ?? assistant?.toolUses;
    if (content.trim() === '' && toolData === undefined) throw improper(`${place} has no content`);
  }
}

function checkToolSpecifications(specifications: readonly ToolSpecification[]): void {
  const names = new Set<string>();
  for (const [index, { name, description, inputSchema }] of specifications.entries()) {
    const place = `toolConfig.tools.${index}.toolSpec`;
    if (!TOOL_NAME.test(name)) throw improper(`${place}.name "${name}" is illegal`);
    if (names.has(name)) {
      throw violation('TOOL_DUPLICATE', `The tool ${name} is already defined.`, `${place}.name is not unique`);
    }
    names.add(name);
    if (description?.trim() === '') throw improper(`${place}.description is empty`);
    if (description !== undefined && description.length > LONGEST_DESCRIPTION) {
      throw improper(`${place}.description has ${description.length} characters`);
    }
    const fault = findSchemaFault(inputSchema.json, `${place}.inputSchema.json`);
    if (fault !== undefined) throw violation('TOOL_SCHEMA_INVALID', `The JSON schema is invalid: ${fault}.`, fault);
  }
}

/** The calls of a turn are answered in the very next one, all of them and in their order, and nothing else is. */
function checkToolTraffic(turns: readonly Turn[], offered: ReadonlySet<string>): void {
  const seenIds = new Set<string>();
  let open: readonly ToolUse[] = [];
  for (const { place, user, assistant } of turns) {
    const { toolResults = [], tools } = user?.userInputMessageContext ?? {};
    if (toolResults.length > 0 && offered.size === 0) throw missingTools(`${place} has tool results, but no tools`);
    for (const [index, { toolUseId, content }] of toolResults.entries()) {
      if (open[index]?.toolUseId !== toolUseId) throw mismatch(`${place} answers ${toolUseId}, which is not next`);
      if (content.some(({ text }) => text?.trim() === '')) throw improper(`${place} has an empty result`);
    }
    const missing = open[toolResults.length];
    if (missing !== undefined) throw mismatch(`${place} does not answer ${missing.toolUseId}`);
    open = assistant?.toolUses ?? [];
    for (const call of open) checkCall(call, place, offered, seenIds);
    if (tools === undefined || place === 'currentMessage') continue;
    throw improper(`${place} offers tools, which only the current message may do`);
  }
}

function checkCall(
  { toolUseId, name, input }: ToolUse,
  place: string,
  offered: ReadonlySet<string>,
  seenIds: Set<string>,
): void {
  if (!TOOL_USE_ID.test(toolUseId)) throw mismatch(`${place} has the illegal toolUseId "${toolUseId}"`);
  if (seenIds.has(toolUseId)) throw mismatch(`${place} repeats the toolUseId ${toolUseId}`);
  seenIds.add(toolUseId);
  if (!TOOL_NAME.test(name)) {
    throw violation('REQUEST_BODY_INVALID', 'Invalid tool use format.', `${place} calls "${name}"`);
  }
  if (!offered.has(name)) throw missingTools(`${place} calls ${name}, which is not offered`);
  if (hasEmptyKey(input)) throw improper(`${place} has an empty key in the input of ${toolUseId}`);
}

function hasEmptyKey(value: unknown): boolean {
  const entries = isRecord(value) || Array.isArray(value) ? Object.entries(value) : [];
  return entries.some(([name, item]) => name === '' || hasEmptyKey(item));
}

/** They stand among the tools and beside messages, at most four, and only where the model has a cache. */
function checkCachePoints(request: ChatRequest, { modelId, promptCaching }: CatalogueModel): void {
  const { currentMessage } = request.conversationState;
  const tools = currentMessage.userInputMessage.userInputMessageContext?.tools ?? [];
  const messages = listTurns(request).map(({ user, assistant }) => user ?? assistant);
  const count = [...tools, ...messages].filter((it) => it?.cachePoint !== undefined).length;
  const most = promptCaching?.supportsPromptCaching === true ? MOST_CACHE_POINTS : 0;
  if (count > most) throw improper(`${modelId} takes ${most} cache points, not ${count}`);
}

function mismatch(detail: string): Refusal {
  const message = 'The toolResult blocks do not match the toolUse blocks of the previous turn.';
  return violation('TOOL_USE_RESULT_MISMATCH', message, detail);
}

function missingTools(detail: string): Refusal {
  const message = 'The toolConfig field must be defined when using toolUse and toolResult content blocks.';
  return violation('TOOL_CONFIG_MISSING', message, detail);
}

/** Reasoning is taken back only as it was given out: complete, unchanged and signed by this service. */
function checkReasoning(turns: readonly Turn[]): void {
  const forged = turns.find(({ assistant }) => assistant !== undefined && !isGenuine(assistant));
  if (forged === undefined) return;
  const message = 'Invalid signature in thinking block: it belongs to a different conversation.';
  throw violation('THINKING_SIGNATURE_INVALID', message, `${forged.place} has reasoning of somebody else`);
}

function isGenuine({ reasoningContent: { redactedContent, reasoningText } = {} }: AssistantMessage): boolean {
  if (redactedContent !== undefined) return isRedactedByUs(redactedContent);
  return reasoningText === undefined || reasoningText.signature === signReasoning(reasoningText.text);
}

function checkImages(images: readonly ImageBlock[], { modelId, supportedInputTypes }: CatalogueModel): void {
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

function checkDocuments(documents: readonly DocumentBlock[], model: CatalogueModel): void {
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
