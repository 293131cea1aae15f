/** The judge of chat requests: whether the service would take a body, and with which words it would refuse it. */
import type { CatalogueModel } from './catalogue.js';
import type { Violation } from './failures.js';
import type { AssistantMessage, ChatRequest } from './request.js';
import type { Turn } from './turns.js';
import { listModels } from './catalogue.js';
import { FAILURES, improper } from './failures.js';
import { findFieldFault } from './model-fields.js';
import { CHAT_REQUEST } from './request.js';
import { checkDocuments, checkImages } from './rules-media.js';
import { checkToolSpecifications, checkToolTraffic } from './rules-tools.js';
import { findMisfit } from './shape.js';
import { isRedactedByUs, isSignatureOf } from './signatures.js';
import { listTools, listTurns } from './turns.js';

export type RuleOptions = {
  /** The models of the account; the ordinary catalogue unless told otherwise. */
  readonly models?: readonly CatalogueModel[];
  /** True for everyone but the bearer of an API key. */
  readonly isProfileRequired?: boolean;
};

export type Verdict = { readonly request: ChatRequest } | { readonly violation: Violation };

/** The first rule that the body breaks; nothing when the service would take it. */
export function checkChatRequest(body: unknown, options: RuleOptions = {}): Violation | undefined {
  const verdict = judgeChatRequest(body, options);
  return 'violation' in verdict ? verdict.violation : undefined;
}

/** The same, and the body with its type when it is legal. */
export function judgeChatRequest(body: unknown, options: RuleOptions = {}): Verdict {
  const misfit = findMisfit(body, CHAT_REQUEST, 'body');
  if (!isFit(body, misfit)) return { violation: improper(String(misfit)) };
  const violation =
    checkProfile(body, options) ?? checkWeight(body) ?? checkModel(body, options) ?? checkConversation(body, options);
  return violation === undefined ? { request: body } : { violation };
}

/** What the shape has proved, said to the compiler. */
function isFit(body: unknown, misfit: string | undefined): body is ChatRequest {
  return body !== undefined && misfit === undefined;
}

function checkConversation(request: ChatRequest, options: RuleOptions): Violation | undefined {
  const turns = listTurns(request);
  const tools = listTools(request);
  const model = findModel(request, options);
  const users = turns.flatMap(({ user }) => user ?? []);
  return (
    checkOrder(turns) ??
    checkContents(turns) ??
    checkToolSpecifications(tools) ??
    checkToolTraffic(turns, new Set(tools.map((tool) => tool.name))) ??
    checkStrayTools(turns) ??
    checkMedia(users, model) ??
    checkFields(request, model) ??
    checkReasoning(turns)
  );
}

function checkProfile({ profileArn }: ChatRequest, { isProfileRequired = false }: RuleOptions): Violation | undefined {
  if (profileArn === undefined) {
    return isProfileRequired ? { ...FAILURES.profileMissing, detail: 'body.profileArn is missing' } : undefined;
  }
  return PROFILE_ARN.test(profileArn) ? undefined : improper('body.profileArn is no ARN of a profile');
}

/** One for an ASCII character, eight for any other; the bytes of media are limited elsewhere. */
function checkWeight(request: ChatRequest): Violation | undefined {
  const text = JSON.stringify(request, (name, value: unknown) => (name === 'bytes' ? '' : value));
  if (text.length * 8 <= LARGEST_WEIGHT) return undefined;
  const foreign = text.length - text.replaceAll(NON_ASCII, '').length;
  const weight = text.length + 7 * foreign;
  if (weight <= LARGEST_WEIGHT) return undefined;
  const { message, reason } = FAILURES.overflow;
  return { message, reason, detail: `the request weighs ${weight}, the limit is ${LARGEST_WEIGHT}` };
}

function checkModel(request: ChatRequest, options: RuleOptions): Violation | undefined {
  const { conversationId } = request.conversationState;
  if (conversationId !== undefined && !CONVERSATION_ID.test(conversationId)) {
    return {
      message: 'Invalid conversationId.',
      reason: 'INVALID_CONVERSATION_ID',
      detail: 'conversationId is illegal',
    };
  }
  if (findModel(request, options) !== undefined) return undefined;
  return {
    message: 'Invalid model. Please select a different model to continue.',
    reason: 'INVALID_MODEL_ID',
    detail: `the catalogue has no ${modelIdOf(request)}`,
  };
}

/** History starts with the user, ends with the assistant, and nobody speaks twice in a row. */
function checkOrder(turns: readonly Turn[]): Violation | undefined {
  for (const [index, turn] of turns.entries()) {
    const isUsersTurn = index % 2 === 0;
    if (isUsersTurn === (turn.user === undefined)) return improper(`${turn.place} breaks the alternation of roles`);
  }
  return turns.length % 2 === 1 ? undefined : improper('history does not end with the assistant');
}

/** Content may be empty only beside tool data; white space alone counts as empty everywhere else. */
function checkContents(turns: readonly Turn[]): Violation | undefined {
  for (const { place, user, assistant } of turns) {
    const content = user?.content ?? assistant?.content ?? '';
    const hasToolData = (user?.userInputMessageContext?.toolResults ?? assistant?.toolUses) !== undefined;
    if (content.trim() === '' && !hasToolData) return improper(`${place} has no content`);
  }
  return undefined;
}

function checkStrayTools(turns: readonly Turn[]): Violation | undefined {
  const stray = turns.slice(0, -1).find(({ user }) => user?.userInputMessageContext?.tools !== undefined);
  return stray === undefined
    ? undefined
    : improper(`${stray.place} offers tools, which only the current message may do`);
}

function checkMedia(
  users: readonly NonNullable<Turn['user']>[],
  model: CatalogueModel | undefined,
): Violation | undefined {
  if (model === undefined) return undefined;
  return (
    checkImages(
      users.flatMap((user) => user.images ?? []),
      model,
    ) ??
    checkDocuments(
      users.flatMap((user) => user.documents ?? []),
      model,
    )
  );
}

function checkFields(request: ChatRequest, model: CatalogueModel | undefined): Violation | undefined {
  const fields = request.additionalModelRequestFields;
  if (fields === undefined || model === undefined) return undefined;
  const fault = findFieldFault(fields, model.additionalModelRequestFieldsSchema);
  if (fault === undefined) return undefined;
  return { message: `Invalid additionalModelRequestFields: ${fault}`, reason: 'REQUEST_BODY_INVALID', detail: fault };
}

/** Reasoning is taken back only as it was given out: complete, unchanged and signed by this service. */
function checkReasoning(turns: readonly Turn[]): Violation | undefined {
  const forged = turns.find(({ assistant }) => assistant !== undefined && !isGenuine(assistant));
  if (forged === undefined) return undefined;
  const message = 'Invalid signature in thinking block: it belongs to a different conversation.';
  return { message, reason: 'THINKING_SIGNATURE_INVALID', detail: `${forged.place} has reasoning of somebody else` };
}

function isGenuine({ reasoningContent }: AssistantMessage): boolean {
  if (reasoningContent?.redactedContent !== undefined) return isRedactedByUs(reasoningContent.redactedContent);
  if (reasoningContent?.reasoningText === undefined) return true;
  const { text, signature } = reasoningContent.reasoningText;
  return signature !== undefined && isSignatureOf(text, signature);
}

function findModel(request: ChatRequest, { models = listModels() }: RuleOptions): CatalogueModel | undefined {
  const modelId = modelIdOf(request);
  return models.find((model) => model.modelId === modelId);
}

/** A request without a model gets the default one. */
function modelIdOf({ conversationState }: ChatRequest): string {
  return conversationState.currentMessage.userInputMessage?.modelId ?? 'auto';
}

const PROFILE_ARN = /^arn:aws[a-z-]*:codewhisperer:[a-z0-9-]+:\d{12}:profile\/[A-Za-z0-9._-]+$/;
const CONVERSATION_ID = /^[A-Za-z0-9._:-]{1,256}$/;
const NON_ASCII = /[^\p{ASCII}]/gu;
const LARGEST_WEIGHT = 1_340_000;
