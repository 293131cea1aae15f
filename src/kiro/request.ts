/** A conversation to the body of GenerateAssistantResponse. The only place that knows its shape. */

import type { Conversation, Model, Tool } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import { isRecord, jsonExcess } from '../core/reader.js';
import { estimateTokens, IMAGE_TOKENS } from '../core/tokens.js';
import type { Reading, TagHandling } from './answer-text.js';
import { toEntries, type AssistantEntry, type Entry, type Reasoning, type UserEntry } from './history.js';
import { type KiroTools, toKiroTools, uuidOf } from './tools.js';
import { mediaWithinLimits, toKiroDocuments, toKiroImage } from './media.js';
import type { JsonObject } from './schema.js';
import { asksForTags, tagInstruction, type TagWish, toolsToOffer, wishesInWords } from './wishes.js';
import { isUnwanted, toRequestFields } from './thinking.js';
import { withCutNotices } from './truncation.js';

export type KiroRequest = {
  /** JSON text, made once. */
  readonly body: string;
  readonly estimatedInputTokens: number;
  readonly restoreToolName: (name: string) => string;
  /** How the answer is to be read. */
  readonly reading: Reading;
  /** What did not travel as asked, for the client. */
  readonly notices: readonly string[];
};

/** What the body says besides the conversation. */
export type RequestContext = {
  readonly model: Model;
  readonly profileArn: string | undefined;
  /** Random, new for every request. */
  readonly continuationId: string;
  readonly toolDescriptionLimit: number;
  /** Reasoning in tags, and what becomes of it. */
  readonly tags: TagWish & { readonly handling: TagHandling };
  /** True when calls that the model writes as text are calls. */
  readonly readsWrittenCalls: boolean;
  /** Whether a call's input was cut off in an earlier answer; undefined: the model is not told. */
  readonly wasCut: ((callId: string) => boolean) | undefined;
  /** Marks what Kiro may cache, with a model that supports it. */
  readonly promptCache: boolean;
};

export function toKiroRequest(conversation: Conversation, context: RequestContext): KiroRequest {
  const { wasCut } = context;
  const messages = wasCut === undefined ? conversation.messages : withCutNotices(conversation.messages, wasCut);
  const offered = toolsToOffer(conversation);
  const tools = toKiroTools(offered, messages, context.toolDescriptionLimit);
  const wishes = wishesInWords(conversation, tools.nameFor);
  const inTags = tagInstruction(conversation.reasoning, context.model, context.tags);
  // A client that asks for tags itself is not told twice.
  const head = inTags === undefined || asksForTags(conversation.system) ? [] : [inTags];
  const said = [...conversation.system, ...tools.instructions, ...wishes].filter((text) => text.trim() !== '');
  const system = [...head, ...said].join('\n\n');
  const media = mediaWithinLimits(messages, context.model);
  // Instructions alone are what the person asks.
  const isAsking = messages.length === 0 && said.length > 0;
  const entries = isAsking ? [saying(system)] : withSystem(system, toEntries(messages, media.kept));
  const current = entries.at(-1);
  if (current?.role !== 'user') throw new GatewayError('internal', 'The history passes lost the last user message.');
  const origin = context.profileArn === undefined ? 'KIRO_CLI' : 'AI_EDITOR';
  const write = { modelId: context.model.id, origin, tools, documentNames: new Set<string>() };
  // After the tools, after the instructions, and after all that the next turn will repeat.
  const mark = marksCache(context) ? { cachePoint: { type: 'default' } } : undefined;

  const history = entries.slice(0, -1).map((entry, index) => writeEntry(entry, write, index === 0 ? mark : undefined));
  const fields = toRequestFields(conversation.reasoning, context.model, conversation.limits);
  const body = withoutLoneSurrogates(
    JSON.stringify({
      conversationState: {
        conversationId: conversationIdOf(conversation, context.profileArn),
        ...(history.length > 0 && { history }),
        currentMessage: { userInputMessage: writeUser(current, write, { tools: tools.specifications, mark }) },
        chatTriggerType: 'MANUAL',
        agentContinuationId: context.continuationId,
        agentTaskType: 'vibe',
      },
      ...(context.profileArn !== undefined && { profileArn: context.profileArn }),
      ...(fields !== undefined && { additionalModelRequestFields: fields }),
    }),
  );
  const notices = [...tools.notices, ...(media.leftOut > 0 ? [`media-left-out=${media.leftOut}`] : [])];
  const reading = {
    tags: inTags === undefined ? undefined : context.tags.handling,
    writtenCalls: context.readsWrittenCalls ? toWrittenCalls(offered, tools, context.continuationId) : undefined,
    hidesReasoning: isUnwanted(conversation.reasoning),
  };
  const estimatedInputTokens = estimateInput(body, entries);
  return { body, estimatedInputTokens, restoreToolName: tools.restoreName, reading, notices };
}

/** Tools that are only in the history cannot be called, in words as little as otherwise. */
function toWrittenCalls(offered: readonly Tool[], tools: KiroTools, continuationId: string): Reading['writtenCalls'] {
  const names = new Set(offered.map((tool) => tools.nameFor(tool.name)));
  const schemas = tools.specifications
    .filter(({ toolSpecification: { name } }) => names.has(name))
    .map(({ toolSpecification: { name, inputSchema } }): [string, JsonObject] => [name, inputSchema.json]);
  return schemas.length === 0 ? undefined : { offered: new Map(schemas), idPrefix: `tooluse_${continuationId}` };
}

/** Kiro has no place for a system prompt but the head of the history, where a first pair holds it. */
function withSystem(system: string, entries: readonly Entry[]): readonly Entry[] {
  const startsWithAssistant = entries[0]?.role === 'assistant';
  if (system === '') return startsWithAssistant ? [saying(BEGINNING), ...entries] : entries;
  // A conversation that the assistant opens answers the system prompt itself.
  if (startsWithAssistant) return [saying(system), ...entries];
  return [saying(system), { role: 'assistant', text: ACKNOWLEDGEMENT, calls: [], reasonings: [] }, ...entries];
}

function saying(text: string): UserEntry {
  return { role: 'user', text, images: [], documents: [], results: [] };
}

type Write = {
  readonly modelId: string;
  readonly origin: string;
  readonly tools: KiroTools;
  /** Given so far, in the order of the conversation. */
  readonly documentNames: Set<string>;
};

/** Whether a request in this situation has marks for Kiro's cache. */
export function marksCache({ promptCache, model }: Pick<RequestContext, 'promptCache' | 'model'>): boolean {
  return promptCache && model.supportsPromptCache;
}

function writeEntry(entry: Entry, write: Write, mark: object | undefined): object {
  if (entry.role === 'user') return { userInputMessage: writeUser(entry, write, { tools: [], mark }) };
  return { assistantResponseMessage: writeAssistant(entry, write) };
}

/** Tools stand with the current message only. */
type Beside = { readonly tools: KiroTools['specifications']; readonly mark: object | undefined };

function writeUser(entry: UserEntry, write: Write, { tools, mark }: Beside): object {
  const toolResults = entry.results.map((result) => ({
    toolUseId: result.id,
    content: result.texts.map((text) => ({ text })),
    status: result.isError ? 'error' : 'success',
  }));
  const marked = mark === undefined ? tools : [...tools, mark];
  const context = { ...(tools.length > 0 && { tools: marked }), ...(toolResults.length > 0 && { toolResults }) };
  return {
    content: entry.text,
    modelId: write.modelId,
    origin: write.origin,
    ...(entry.images.length > 0 && { images: entry.images.map(toKiroImage) }),
    ...(entry.documents.length > 0 && { documents: toKiroDocuments(entry.documents, write.documentNames) }),
    ...(Object.keys(context).length > 0 && { userInputMessageContext: context }),
    ...mark,
  };
}

function writeAssistant(entry: AssistantEntry, write: Write): object {
  const toolUses = entry.calls.map((call) => ({
    toolUseId: call.id,
    name: write.tools.nameFor(call.name),
    input: readInput(call.input),
  }));
  const [reasoning] = entry.reasonings;
  return {
    content: entry.text,
    ...(reasoning !== undefined && { reasoningContent: writeReasoning(reasoning) }),
    ...(toolUses.length > 0 && { toolUses }),
  };
}

function writeReasoning(reasoning: Reasoning): object {
  switch (reasoning.type) {
    case 'reasoning':
      return { reasoningText: { text: reasoning.text, signature: reasoning.signature } };
    case 'redacted-reasoning':
      return { redactedContent: reasoning.data };
  }
}

/** Kiro wants an object. A call that was cut off in an earlier turn, or is no sane JSON, is kept as the text it was. */
function readInput(input: string): object {
  if (input.trim() === '') return {};
  if (jsonExcess(input) !== undefined) return { unparsedInput: input };
  try {
    const value: unknown = JSON.parse(input, /""\s*:/.test(input) ? withoutEmptyKey : undefined);
    return isRecord(value) ? value : { input: value };
  } catch {
    return { unparsedInput: input };
  }
}

/** Kiro refuses an empty key anywhere in an input (protocol rule 25). */
function withoutEmptyKey(_: string, value: unknown): unknown {
  return isRecord(value) ? Object.fromEntries(Object.entries(value).filter(([key]) => key !== '')) : value;
}

/** The same for all turns of one conversation, different for every account. */
function conversationIdOf(conversation: Conversation, account = ''): string {
  if (conversation.sessionId !== undefined) return uuidOf(`${account}\n${conversation.sessionId}`);
  const first = conversation.messages.find((message) => message.role === 'user');
  const firstText = first?.parts.find((part) => part.type === 'text')?.text ?? '';
  const beginning = [...conversation.system, firstText].map((text) => text.slice(0, 1000));
  return uuidOf([account, conversation.model, ...beginning].join('\n'));
}

/** Half a character, as a client leaves it when it cuts a text, is refused by Kiro. */
function withoutLoneSurrogates(json: string): string {
  if (!json.includes('\\ud')) return json;
  return json.replace(/\\\\|\\ud[89a-f][0-9a-f]{2}/g, (found) => (found === '\\\\' ? found : '\\ufffd'));
}

/** From the length of the body; base64 would count far too much, so images count by their usual cost. */
function estimateInput(body: string, entries: readonly Entry[]): number {
  let base64Length = 0;
  let images = 0;
  for (const entry of entries) {
    if (entry.role === 'assistant') continue;
    images += entry.images.length;
    for (const media of [...entry.images, ...entry.documents]) base64Length += media.data.length;
  }
  if (base64Length === 0) return estimateTokens(body);
  // The share of text in the body stands for the text: no second copy of a large body is made.
  const text = body.length - base64Length;
  return Math.round((estimateTokens(body) * text) / body.length) + images * IMAGE_TOKENS;
}

const ACKNOWLEDGEMENT = 'I will follow these instructions.';
const BEGINNING = '[The conversation begins with the assistant.]';
