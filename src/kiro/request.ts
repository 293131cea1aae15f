/** A conversation to the body of GenerateAssistantResponse. The only place that knows its shape. */

import type { Conversation, JsonObject, Model, Reasoning, Tool } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import {
  ASCII_CHARACTERS_PER_TOKEN,
  estimatePages,
  estimateTokens,
  IMAGE_TOKENS,
  ratesFor,
  type TokenRates,
} from '../core/tokens.js';
import type { Reading, TagHandling } from './answer-text.js';
import { originOf } from './calls.js';
import { type Entry, saying, toEntries } from './history.js';
import { isText, type Media, mediaWithinLimits, toKiroDocument, toKiroImage } from './media.js';
import { type KiroTools, some, toKiroTools, uuidOf } from './tools.js';
import {
  asksForTags,
  isUnwanted,
  tagInstruction,
  type TagWish,
  toolsToOffer,
  toRequestFields,
  wishesInWords,
} from './wishes.js';

export type KiroRequest = ReturnType<typeof toKiroRequest>;

/** What the body says besides the conversation. */
export type RequestContext = {
  readonly model: Model;
  readonly profileArn: string | undefined;
  /** Tells this account from others where the profile does not. */
  readonly account?: string | undefined;
  /** Random, new for every request. */
  readonly continuationId: string;
  readonly toolDescriptionLimit: number;
  /** Reasoning in tags, and what becomes of it. */
  readonly tags: TagWish & { readonly handling: TagHandling };
  /** True when calls that the model writes as text are calls. */
  readonly readsWrittenCalls: boolean;
  /** Whether a call's input was cut off in an earlier answer; undefined: the model is not told. */
  readonly wasCut: ((callId: string) => boolean) | undefined;
  /** Whether Kiro is told what it may cache. */
  readonly marksCache: boolean;
};

/**
 * @returns `body`, JSON text that is made once; an estimate of its tokens; the way back from Kiro's names of tools; how
 * the answer is to be read; and what the client is to be told.
 */
export function toKiroRequest(conversation: Conversation, context: RequestContext) {
  const { messages } = conversation;
  const { model, profileArn, continuationId, wasCut } = context;
  const offered = toolsToOffer(conversation);
  const tools = toKiroTools(offered, messages, context.toolDescriptionLimit);
  const wishes = wishesInWords(conversation, tools.nameFor);
  const inTags = tagInstruction(conversation.reasoning, model, context.tags);
  // A client that asks for tags itself is not told twice.
  const head = inTags === undefined || asksForTags(conversation.system) ? [] : [inTags];
  const said = [...conversation.system, ...tools.instructions, ...wishes].filter((text) => text.trim() !== '');
  const system = [...head, ...said].join('\n\n');
  const media = mediaWithinLimits(messages, model);
  // Where there are only instructions, they are the question.
  const isAsking = messages.length === 0 && said.length > 0;
  const entries = isAsking ? [saying('user', system)] : withSystem(system, toEntries(messages, media.kept, wasCut));
  const history = [...entries];
  const current = history.pop();
  if (current?.role !== 'user') throw new GatewayError('internal', 'The history passes lost the last user message.');
  const write: Write = { modelId: model.id, origin: originOf(profileArn), tools, documentNames: new Set() };
  // Marks stand after the tools, after the instructions, and after all that the next turn will repeat.
  const mark = context.marksCache ? { cachePoint: { type: 'default' } } : undefined;
  const written = history.map((entry, index) => writeEntry(entry, write, index === 0 ? mark : undefined));
  const fields = toRequestFields(conversation.reasoning, model, conversation.limits);
  const body = withoutLoneSurrogates(
    JSON.stringify({
      conversationState: {
        conversationId: conversationIdOf(conversation, context.account ?? profileArn),
        history: some(written),
        currentMessage: { userInputMessage: writeUser(current, write, mark, tools.specifications) },
        chatTriggerType: 'MANUAL',
        agentContinuationId: continuationId,
        agentTaskType: 'vibe',
      },
      profileArn,
      additionalModelRequestFields: fields,
    }),
  );
  const reading: Reading = {
    tags: inTags === undefined ? undefined : context.tags.handling,
    writtenCalls: context.readsWrittenCalls ? toWrittenCalls(offered, tools, continuationId) : undefined,
    hidesReasoning: isUnwanted(conversation.reasoning),
  };
  return {
    body,
    estimatedInputTokens: estimateInput(body, entries, ratesFor(model.id)),
    restoreToolName: tools.restoreName,
    reading,
    /** What did not travel as asked, for the client. */
    notices: [...tools.notices, ...(media.leftOut > 0 ? [`media-left-out=${media.leftOut}`] : [])],
  };
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
  // A conversation that the assistant opens answers the system prompt itself.
  if (entries[0]?.role === 'assistant') return [saying('user', system || BEGINNING), ...entries];
  if (system === '') return entries;
  return [saying('user', system), saying('assistant', ACKNOWLEDGEMENT), ...entries];
}

type Write = {
  readonly modelId: string;
  readonly origin: string;
  readonly tools: KiroTools;
  /** Given so far, in the order of the conversation. */
  readonly documentNames: Set<string>;
};

type Mark = object | undefined;

function writeEntry(entry: Entry, write: Write, mark: Mark): object {
  if (entry.role === 'user') return { userInputMessage: writeUser(entry, write, mark) };
  return { assistantResponseMessage: writeAssistant(entry, write.tools) };
}

/** Tools stand with the current message only. */
function writeUser(entry: Entry, write: Write, mark: Mark, tools: KiroTools['specifications'] = []): object {
  const { text: content, media, results } = entry;
  const { modelId, origin, documentNames } = write;
  const images = media.filter((it) => it.type === 'image').map(toKiroImage);
  const documents = media.filter((it) => it.type === 'document').map((it) => toKiroDocument(it, documentNames));
  const toolResults = results.map(({ id, texts, isError }) => ({
    toolUseId: id,
    content: texts.map((text) => ({ text })),
    status: isError ? 'error' : 'success',
  }));
  const hasContext = tools.length + results.length > 0;
  const context = { tools: some(tools.length > 0 && mark ? [...tools, mark] : tools), toolResults: some(toolResults) };
  return {
    content,
    modelId,
    origin,
    images: some(images),
    documents: some(documents),
    userInputMessageContext: hasContext ? context : undefined,
    ...mark,
  };
}

function writeAssistant({ text: content, calls, reasonings: [reasoning] }: Entry, { nameFor }: KiroTools): object {
  const toolUses = calls.map(({ id, name, input }) => ({ toolUseId: id, name: nameFor(name), input }));
  return { content, reasoningContent: reasoning && writeReasoning(reasoning), toolUses: some(toolUses) };
}

function writeReasoning(reasoning: Reasoning): object {
  switch (reasoning.type) {
    case 'reasoning':
      return { reasoningText: { text: reasoning.text, signature: reasoning.signature } };
    case 'redacted-reasoning':
      return { redactedContent: reasoning.data };
  }
}

/** The same for all turns of one conversation, different for every account. */
function conversationIdOf(conversation: Conversation, account = ''): string {
  if (conversation.sessionId !== undefined) return uuidOf(`${account}\n${conversation.sessionId}`);
  const first = conversation.messages.find((message) => message.role === 'user');
  const firstText = first?.parts.find((part) => part.type === 'text')?.text ?? '';
  const beginning = [...conversation.system, firstText].map((text) => text.slice(0, 1000));
  return uuidOf([account, conversation.model, ...beginning].join('\n'));
}

/**
 * Half a character, as a client leaves it when it cuts a text, is refused by Kiro. JSON writes it as `\ud83d`; behind an
 * even number of backslashes that is a text of its own.
 */
function withoutLoneSurrogates(json: string): string {
  // Nearly no body has one, and looking for these three characters takes half the time of looking for all of it.
  if (!json.includes('\\ud')) return json;
  return json.replace(/\\ud[89a-f][0-9a-f]{2}(?<=[^\\](?:\\\\)*\\ud...)/g, '\\ufffd');
}

/** From the length of the body; base64 would count far too much: media count by their usual cost, texts as such. */
function estimateInput(body: string, entries: readonly Entry[], rates: TokenRates): number {
  const media = entries.flatMap((entry) => entry.media);
  if (media.length === 0) return estimateTokens(body, rates);
  // What was said may be in any script, and base64 would hide that; what else is in the body is ASCII, but for little.
  let tokens = 0;
  let others = body.length;
  for (const text of entries.flatMap((entry) => [entry.text, ...entry.results.flatMap((it) => it.texts)])) {
    tokens += estimateTokens(text, rates);
    others -= text.length;
  }
  for (const it of media) {
    tokens += estimateMedia(it, rates);
    others -= it.data.length;
  }
  return tokens + Math.round(others / ASCII_CHARACTERS_PER_TOKEN);
}

function estimateMedia(media: Media, rates: TokenRates): number {
  if (media.type === 'image') return IMAGE_TOKENS;
  if (!isText(media)) return estimatePages(Buffer.byteLength(media.data, 'base64'));
  return estimateTokens(Buffer.from(media.data, 'base64').toString('utf8'), rates);
}

const ACKNOWLEDGEMENT = 'I will follow these instructions.';
const BEGINNING = '[The conversation begins with the assistant.]';
