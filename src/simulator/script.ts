/** What the answering side reads of a legal chat request, and the events of an answer that it writes. */

import { createHash } from 'node:crypto';

import { isRecord } from '../core/reader.js';
import type { CatalogueModel } from './control.js';
import type { SceneLine, StreamReply } from './frames.js';
import { type ChatRequest, listTools, listTurns } from './request.js';

export type Prompt = ReturnType<typeof readPrompt>;

/** @param about.text The same request as it arrived. */
export function readPrompt(
  request: ChatRequest,
  about: { readonly text: string; readonly conversationId: string; readonly model: CatalogueModel },
) {
  const { text: body, conversationId, model } = about;
  const turns = listTurns(request);
  const message = request.conversationState.currentMessage.userInputMessage;
  const [head = [], ...rest] = turns.slice(0, -1).flatMap(({ user }) => (user === undefined ? [] : [user.content]));
  const orders = [message.content, head].flat();
  const calls = turns.flatMap(({ assistant }) => assistant?.toolUses ?? []);
  return {
    message,
    /** The last paragraph: clients put long reminders in front of what the person wrote. */
    topic: findTopic(message.content),
    /** Where orders stand: the current message and the head of the history. */
    orders,
    /** Where schemas may stand: the rest of the history too, newest first. */
    instructions: [...orders, ...rest.toReversed()],
    /** What the assistant has said so far. */
    said: turns.flatMap(({ assistant }) => assistant?.content ?? []),
    tools: listTools(request),
    toolResults: (message.userInputMessageContext?.toolResults ?? []).map(({ toolUseId, content, status }) => ({
      name: calls.find((call) => call.toolUseId === toolUseId)?.name ?? 'unknown',
      text: content.map(({ text, json }) => text ?? JSON.stringify(json)).join('\n'),
      isError: status === 'error',
    })),
    model,
    thinking: findThinking(request.additionalModelRequestFields ?? {}, model, orders),
    /** The length of everything sent, for plausible numbers. */
    inputCharacters: body.length,
    conversationId,
    /** A fresh id for the nth tool call of this turn: the same request always gets the same ones. */
    toolUseId: (index: number) =>
      `tooluse_${createHash('sha256').update(`${turns.length} ${index} ${body}`).digest('hex').slice(0, 22)}`,
  };
}

/** The last line that is neither blank nor part of a tagged reminder nor a scenario marker alone. */
export function findTopic(content: string): string {
  const end = content.slice(-TOPIC_WINDOW);
  const bare = end.replaceAll(/<([a-z][\w-]*)>[\s\S]*?<\/\1>/gi, '\n').replaceAll(SCENARIO_MARKER, '');
  const line = lastLine(bare) ?? lastLine(end.replaceAll(SCENARIO_MARKER, '')) ?? '';
  return line.slice(0, LONGEST_TOPIC);
}

/** The name in a `[[scenario:NAME]]` marker anywhere in the current message. */
export function findMarker({ message: { content } }: Prompt): string | undefined {
  return [...content.matchAll(SCENARIO_MARKER)].at(-1)?.[1];
}

function lastLine(text: string): string | undefined {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.findLast((line) => line !== '');
}

/** Newer models show their thinking only when a display is asked for; the GPT family never shows it. */
function findThinking(
  fields: Readonly<Record<string, unknown>>,
  model: CatalogueModel,
  orders: readonly string[],
): 'shown' | 'redacted' | 'tags' | 'none' {
  const { thinking, reasoning } = fields;
  if (isRecord(thinking) && thinking['type'] === 'adaptive') {
    const hasDisplay = JSON.stringify(model.additionalModelRequestFieldsSchema).includes('"display"');
    return thinking['display'] === 'summarized' || !hasDisplay ? 'shown' : 'none';
  }
  if (isRecord(reasoning)) return reasoning['effort'] === 'none' ? 'none' : 'redacted';
  // The order of a gateway that asks for thinking in words.
  const hasTags = orders.some((text) => /<thinking_mode>(enabled|adaptive)</.test(text));
  return hasTags ? 'tags' : 'none';
}

const SCENARIO_MARKER = /\[\[scenario:([\w-]+)\]\]/g;
const LONGEST_TOPIC = 500;
/** The topic stands at the end; a whole file in front of it need not be searched. */
const TOPIC_WINDOW = 20_000;

type StopReason = 'END_TURN' | 'TOOL_USE' | 'MAX_TOKENS';

/** A whole answer: the opening, the parts at a human pace, and the closing numbers. */
export function compose(prompt: Prompt, parts: readonly SceneLine[], stopReason?: StopReason): StreamReply {
  const callsTool = parts.some((part) => 'event' in part && part.event === 'toolUseEvent');
  const reason = stopReason ?? (callsTool ? 'TOOL_USE' : 'END_TURN');
  return paced([...opening(prompt), ...parts, ...closing(prompt, parts, reason)]);
}

/** Frames at the pace of words. */
export function paced(frames: StreamReply['frames']): StreamReply {
  return { frames, pauseMs: WORD_PAUSE_MS };
}

export function opening({ conversationId }: Prompt): readonly SceneLine[] {
  return [{ event: 'messageMetadataEvent', payload: { conversationId, utteranceId: `utterance-${conversationId}` } }];
}

/** Text in groups of a few words, as a model gives it out. */
export function say(prompt: Prompt, text: string): readonly SceneLine[] {
  return cutWords(text).map((content) => delta(prompt, content));
}

export function delta({ model }: Prompt, content: string): SceneLine {
  // The concrete model is named even when the service was left to choose.
  const modelId = model.modelId === 'auto' ? 'claude-sonnet-4.6' : model.modelId;
  return { event: 'assistantResponseEvent', payload: { content, modelId } };
}

/** Signed reasoning; the signature arrives in two fragments. */
export function think(text: string): readonly SceneLine[] {
  const signature = signReasoning(text);
  const middle = Math.floor(signature.length / 2);
  const fragments = [signature.slice(0, middle), signature.slice(middle)];
  return [
    ...cutWords(text).map((words) => reasoning({ text: words })),
    ...fragments.map((fragment) => reasoning({ signature: fragment })),
  ];
}

export function redact(text: string): SceneLine {
  return reasoning({ redactedContent: redactReasoning(text) });
}

export type ToolCall = { readonly toolUseId: string; readonly name: string; readonly input: object };

/** Start, fragments of the input, stop. */
export function callTool(call: ToolCall): readonly SceneLine[] {
  // Whole characters, seven at a time.
  const fragments = JSON.stringify(call.input).match(/.{1,7}/gsu) ?? [];
  return [
    toolEvent(call),
    ...fragments.map((fragment) => toolEvent(call, { input: fragment })),
    toolEvent(call, { stop: true }),
  ];
}

/** Id and name are repeated in every fragment, as the service does. */
export function toolEvent(
  { toolUseId, name }: ToolCall,
  rest: { readonly input?: string; readonly stop?: true } = {},
): SceneLine {
  return { event: 'toolUseEvent', payload: { toolUseId, name, ...rest } };
}

/** Context use, credits, token counts and the stop reason, in this order. */
export function closing(prompt: Prompt, parts: readonly SceneLine[], stopReason: StopReason): readonly SceneLine[] {
  const { model } = prompt;
  const uncachedInputTokens = Math.ceil(prompt.inputCharacters / CHARACTERS_PER_TOKEN);
  const outputTokens = Math.ceil(countCharacters(parts) / CHARACTERS_PER_TOKEN);
  const totalTokens = uncachedInputTokens + outputTokens;
  const contextUsagePercentage = round((100 * totalTokens) / model.tokenLimits.maxInputTokens);
  const usage = round(model.rateMultiplier * (0.01 + totalTokens / 100_000));
  return [
    { event: 'contextUsageEvent', payload: { contextUsagePercentage } },
    { event: 'meteringEvent', payload: { usage, unit: 'credit', unitPlural: 'credits' } },
    {
      event: 'metadataEvent',
      payload: { tokenUsage: { uncachedInputTokens, outputTokens, totalTokens, cacheReadInputTokens: 0 }, stopReason },
    },
  ];
}

/** One to three words a time, white space kept, so that the pieces add up to the text. */
export function cutWords(text: string): readonly string[] {
  const words = text.match(/\s*\S+|\s+$/g) ?? [];
  const groups: string[] = [];
  for (let from = 0, size = 1; from < words.length; from += size, size = (size % 3) + 1) {
    groups.push(words.slice(from, from + size).join(''));
  }
  return groups;
}

function reasoning(payload: object): SceneLine {
  return { event: 'reasoningContentEvent', payload };
}

function countCharacters(parts: readonly SceneLine[]): number {
  const members = parts.flatMap((part) => ('payload' in part ? Object.entries(part.payload) : []));
  const texts = members.flatMap(([name, value]) => (/^(?:content|text|input)$/.test(name) ? String(value) : []));
  return texts.join('').length;
}

function round(value: number): number {
  return Number(value.toFixed(4));
}

const WORD_PAUSE_MS = 25;
const CHARACTERS_PER_TOKEN = 4;

/** A recognisable prefix and a digest, so that a replayed block can be judged without memory. */
export function signReasoning(text: string): string {
  return SIGNATURE_PREFIX + digest(text);
}

/** A redacted block is opaque to everyone but its maker. */
export function redactReasoning(text: string): string {
  return Buffer.from(REDACTED_PREFIX + digest(text)).toString('base64');
}

export function isRedactedByUs(data: string): boolean {
  return Buffer.from(data, 'base64').toString().startsWith(REDACTED_PREFIX);
}

function digest(text: string): string {
  return createHash('sha512').update(text).digest('base64');
}

const SIGNATURE_PREFIX = 'SimulatorSignature';
const REDACTED_PREFIX = 'simulator-redacted:';
