/** Writes the events of an answer: text, reasoning, tool calls and the numbers at the end. */
import type { SceneLine } from './frames.js';
import type { Prompt } from './prompt.js';
import type { FramePart, StreamReply } from './reply.js';
import { redactReasoning, signReasoning } from './signatures.js';

export type Part = SceneLine;

export type StopReason = 'END_TURN' | 'TOOL_USE' | 'MAX_TOKENS';

/** A whole answer: the opening, the parts at a human pace, and the closing numbers. */
export function compose(
  prompt: Prompt,
  parts: readonly Part[],
  stopReason: StopReason = stopReasonOf(parts),
): StreamReply {
  const lines = [...opening(prompt), ...parts, ...closing(prompt, parts, stopReason)];
  return { frames: paced(lines) };
}

export function paced(lines: readonly FramePart[], pauseMs = WORD_PAUSE_MS): readonly FramePart[] {
  return lines.flatMap((line, index) => [{ pauseMs: index === 0 ? FIRST_PAUSE_MS : pauseMs }, line]);
}

export function opening({ conversationId }: Prompt): readonly Part[] {
  return [{ event: 'messageMetadataEvent', payload: { conversationId, utteranceId: `utterance-${conversationId}` } }];
}

/** Text in groups of a few words, as a model gives it out. */
export function say(prompt: Prompt, text: string): readonly Part[] {
  return cutWords(text).map((content) => delta(prompt, content));
}

export function delta({ model }: Prompt, content: string): Part {
  // The concrete model is named even when the service was left to choose.
  const modelId = model.modelId === 'auto' ? 'claude-sonnet-4.6' : model.modelId;
  return { event: 'assistantResponseEvent', payload: { content, modelId } };
}

/** Signed reasoning; the signature arrives in two fragments. */
export function think(text: string): readonly Part[] {
  const signature = signReasoning(text);
  const middle = Math.floor(signature.length / 2);
  return [
    ...cutWords(text).map((words) => reasoning({ text: words })),
    reasoning({ signature: signature.slice(0, middle) }),
    reasoning({ signature: signature.slice(middle) }),
  ];
}

export function redact(text: string): Part {
  return reasoning({ redactedContent: redactReasoning(text) });
}

/** Start, fragments of the input, stop. */
export function callTool(call: { readonly toolUseId: string; readonly name: string }, input: object): readonly Part[] {
  const fragments = cutCharacters(JSON.stringify(input));
  return [startTool(call), ...fragments.map((fragment) => growTool(call, fragment)), stopTool(call)];
}

export function startTool({ toolUseId, name }: { toolUseId: string; name: string }): Part {
  return { event: 'toolUseEvent', payload: { toolUseId, name } };
}

/** The name is repeated in every fragment, as the service does. */
export function growTool({ toolUseId, name }: { toolUseId: string; name: string }, input: string): Part {
  return { event: 'toolUseEvent', payload: { toolUseId, name, input } };
}

export function stopTool({ toolUseId, name }: { toolUseId: string; name: string }): Part {
  return { event: 'toolUseEvent', payload: { toolUseId, name, stop: true } };
}

/** Context use, credits, token counts and the stop reason, in this order. */
export function closing(prompt: Prompt, parts: readonly Part[], stopReason: StopReason): readonly Part[] {
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

/** Whole characters, seven at a time. */
function cutCharacters(text: string): readonly string[] {
  return text.match(/.{1,7}/gsu) ?? [];
}

function reasoning(payload: object): Part {
  return { event: 'reasoningContentEvent', payload };
}

function stopReasonOf(parts: readonly Part[]): StopReason {
  return parts.some((part) => 'event' in part && part.event === 'toolUseEvent') ? 'TOOL_USE' : 'END_TURN';
}

function countCharacters(parts: readonly Part[]): number {
  const texts = parts.flatMap((part) => ('payload' in part ? Object.entries(part.payload) : []));
  const counted = texts.filter(([name]) => ['content', 'text', 'input'].includes(name));
  return counted.reduce((sum, [, value]) => sum + String(value).length, 0);
}

function round(value: number): number {
  return Number(value.toFixed(4));
}

const FIRST_PAUSE_MS = 250;
const WORD_PAUSE_MS = 25;
const CHARACTERS_PER_TOKEN = 4;
