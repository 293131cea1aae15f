/** The judge of chat requests: whether the service would take a body, and with which words it would refuse it. */

import { type CatalogueModel, listModels } from './control.js';
import { FAILURES, improper, violate, type Violation } from './exchange.js';
import { checkDocuments, checkImages } from './media.js';
import {
  type AssistantMessage,
  type ChatRequest,
  firstOf,
  listTools,
  listTurns,
  readChatRequest,
  type ToolSpecification,
  type ToolUse,
  type Turn,
  type UserMessage,
} from './request.js';
import { findFieldFault, findSchemaFault } from './schema.js';
import { isRedactedByUs, signReasoning } from './script.js';

type RuleOptions = {
  /** The models of the account; the ordinary catalogue unless told otherwise. */
  readonly models?: readonly CatalogueModel[];
  /** True for everyone but the bearer of an API key. */
  readonly isProfileRequired?: boolean;
};

/** The first rule that the body breaks; nothing when the service would take it. */
export function checkChatRequest(body: unknown, options: RuleOptions = {}): Violation | undefined {
  const verdict = judgeChatRequest(body, options);
  return 'violation' in verdict ? verdict.violation : undefined;
}

/** The same, and the body with its type when it is legal. */
export function judgeChatRequest(
  body: unknown,
  { models = listModels(), isProfileRequired = false }: RuleOptions = {},
): { readonly request: ChatRequest } | { readonly violation: Violation } {
  const request = readChatRequest(body);
  if (typeof request === 'string') return { violation: improper(request) };
  // A request without a model gets the default one.
  const modelId = request.conversationState.currentMessage.userInputMessage?.modelId ?? 'auto';
  const model = models.find((it) => it.modelId === modelId);
  const violation =
    checkProfile(request, isProfileRequired) ??
    checkWeight(request) ??
    checkConversationId(request) ??
    (model === undefined ? unknownModel(modelId) : checkConversation(request, model));
  return violation === undefined ? { request } : { violation };
}

function checkConversation(request: ChatRequest, model: CatalogueModel): Violation | undefined {
  const turns = listTurns(request);
  const tools = listTools(request);
  const users = turns.flatMap(({ user }) => user ?? []);
  const images = users.flatMap((user) => user.images ?? []);
  const documents = users.flatMap((user) => user.documents ?? []);
  return (
    checkOrder(turns) ??
    checkContents(turns) ??
    checkToolSpecifications(tools) ??
    checkToolTraffic(turns, new Set(tools.map((tool) => tool.name))) ??
    checkStrayTools(turns) ??
    checkImages(images, model) ??
    checkDocuments(documents, model) ??
    checkFields(request, model) ??
    checkReasoning(turns)
  );
}

function checkProfile({ profileArn }: ChatRequest, isRequired: boolean): Violation | undefined {
  if (profileArn === undefined) {
    return isRequired ? { ...FAILURES.profileMissing, detail: 'body.profileArn is missing' } : undefined;
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

function checkConversationId({ conversationState: { conversationId = '-' } }: ChatRequest): Violation | undefined {
  if (CONVERSATION_ID.test(conversationId)) return undefined;
  return violate('INVALID_CONVERSATION_ID', 'Invalid conversationId.', 'conversationId is illegal');
}

function unknownModel(modelId: string): Violation {
  const message = 'Invalid model. Please select a different model to continue.';
  return violate('INVALID_MODEL_ID', message, `the catalogue has no ${modelId}`);
}

/** History starts with the user, ends with the assistant, and nobody speaks twice in a row. */
function checkOrder(turns: readonly Turn[]): Violation | undefined {
  const stray = turns.find(({ user }, index) => (index % 2 === 0) === (user === undefined));
  if (stray !== undefined) return improper(`${stray.place} breaks the alternation of roles`);
  return turns.length % 2 === 1 ? undefined : improper('history does not end with the assistant');
}

/** Content may be empty only beside tool data; white space alone counts as empty everywhere else. */
function checkContents(turns: readonly Turn[]): Violation | undefined {
  return firstOf(turns, ({ place, user, assistant }) => {
    const content = user?.content ?? assistant?.content ?? '';
    const hasToolData = (user?.userInputMessageContext?.toolResults ?? assistant?.toolUses) !== undefined;
    return content.trim() === '' && !hasToolData ? improper(`${place} has no content`) : undefined;
  });
}

function checkStrayTools(turns: readonly Turn[]): Violation | undefined {
  const stray = turns.slice(0, -1).find(({ user }) => user?.userInputMessageContext?.tools !== undefined);
  return stray && improper(`${stray.place} offers tools, which only the current message may do`);
}

function checkFields(request: ChatRequest, model: CatalogueModel): Violation | undefined {
  const fields = request.additionalModelRequestFields;
  const fault = fields && findFieldFault(fields, model.additionalModelRequestFieldsSchema);
  if (fault === undefined) return undefined;
  return violate('REQUEST_BODY_INVALID', `Invalid additionalModelRequestFields: ${fault}`, fault);
}

/** Reasoning is taken back only as it was given out: complete, unchanged and signed by this service. */
function checkReasoning(turns: readonly Turn[]): Violation | undefined {
  const forged = turns.find(({ assistant }) => assistant !== undefined && !isGenuine(assistant));
  const message = 'Invalid signature in thinking block: it belongs to a different conversation.';
  return forged && violate('THINKING_SIGNATURE_INVALID', message, `${forged.place} has reasoning of somebody else`);
}

function isGenuine({ reasoningContent }: AssistantMessage): boolean {
  if (reasoningContent?.redactedContent !== undefined) return isRedactedByUs(reasoningContent.redactedContent);
  if (reasoningContent?.reasoningText === undefined) return true;
  const { text, signature } = reasoningContent.reasoningText;
  return signature === signReasoning(text);
}

function checkToolSpecifications(specifications: readonly ToolSpecification[]): Violation | undefined {
  const names = new Set<string>();
  return firstOf(specifications.entries(), ([index, { name, description, inputSchema }]) => {
    const place = `toolConfig.tools.${index}.toolSpec`;
    if (!TOOL_NAME.test(name)) return improper(`${place}.name "${name}" is illegal`);
    if (names.has(name)) {
      return violate('TOOL_DUPLICATE', `The tool ${name} is already defined.`, `${place}.name is not unique`);
    }
    names.add(name);
    if (description?.trim() === '') return improper(`${place}.description is empty`);
    if (description !== undefined && description.length > LONGEST_DESCRIPTION) {
      return improper(`${place}.description has ${description.length} characters`);
    }
    const fault = findSchemaFault(inputSchema.json, `${place}.inputSchema.json`);
    if (fault === undefined) return undefined;
    return violate('TOOL_SCHEMA_INVALID', `The JSON schema is invalid: ${fault}.`, fault);
  });
}

/** Each call is answered in the very next user turn, each result answers a call of the turn before. */
function checkToolTraffic(turns: readonly Turn[], offered: ReadonlySet<string>): Violation | undefined {
  const seenIds = new Set<string>();
  let open: readonly ToolUse[] = [];
  return firstOf(turns, ({ place, user, assistant }) => {
    const calls = assistant?.toolUses ?? [];
    const violation =
      user === undefined
        ? checkCalls(calls, place, { offered, seenIds })
        : checkResults(user, place, { open, hasTools: offered.size > 0 });
    open = calls;
    return violation;
  });
}

type CallContext = { readonly offered: ReadonlySet<string>; readonly seenIds: Set<string> };

function checkCalls(calls: readonly ToolUse[], place: string, { offered, seenIds }: CallContext) {
  return firstOf(calls, ({ toolUseId, name, input }) => {
    if (!TOOL_USE_ID.test(toolUseId)) return mismatch(`${place} has the illegal toolUseId "${toolUseId}"`);
    if (seenIds.has(toolUseId)) return mismatch(`${place} repeats the toolUseId ${toolUseId}`);
    seenIds.add(toolUseId);
    if (!TOOL_NAME.test(name)) {
      return violate('REQUEST_BODY_INVALID', 'Invalid tool use format.', `${place} calls "${name}"`);
    }
    if (!offered.has(name)) return missingTools(`${place} calls ${name}, which is not offered`);
    return hasEmptyKey(input) ? improper(`${place} has an empty key in the input of ${toolUseId}`) : undefined;
  });
}

type ResultContext = { readonly open: readonly ToolUse[]; readonly hasTools: boolean };

function checkResults(user: UserMessage, place: string, { open, hasTools }: ResultContext): Violation | undefined {
  const results = user.userInputMessageContext?.toolResults ?? [];
  if (results.length > 0 && !hasTools) return missingTools(`${place} has tool results, but no tools are offered`);
  const unanswered = new Set(open.map((call) => call.toolUseId));
  for (const { toolUseId, content } of results) {
    if (!unanswered.delete(toolUseId)) return mismatch(`${place} answers ${toolUseId}, which is not open`);
    if (content.some((block) => block.text?.trim() === '')) {
      return improper(`${place} has an empty result for ${toolUseId}`);
    }
  }
  const [missing] = unanswered;
  return missing === undefined ? undefined : mismatch(`${place} does not answer ${missing}`);
}

function hasEmptyKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, item]) => name === '' || hasEmptyKey(item));
}

function mismatch(detail: string): Violation {
  const message = 'The toolResult blocks do not match the toolUse blocks of the previous turn.';
  return violate('TOOL_USE_RESULT_MISMATCH', message, detail);
}

function missingTools(detail: string): Violation {
  const message = 'The toolConfig field must be defined when using toolUse and toolResult content blocks.';
  return violate('TOOL_CONFIG_MISSING', message, detail);
}

const PROFILE_ARN = /^arn:aws[a-z-]*:codewhisperer:[a-z0-9-]+:\d{12}:profile\/[A-Za-z0-9._-]+$/;
const CONVERSATION_ID = /^[A-Za-z0-9._:-]{1,256}$/;
const NON_ASCII = /[^\p{ASCII}]/gu;
const LARGEST_WEIGHT = 1_340_000;
const TOOL_NAME = /^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/;
const TOOL_USE_ID = /^[a-zA-Z0-9_-]{1,64}$/;
const LONGEST_DESCRIPTION = 10_240;
