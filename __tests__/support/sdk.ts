/** The official SDKs as clients of the gateway, and what they understood, in words that both share. */

import { Anthropic } from '@anthropic-ai/sdk';
import { OpenAI } from 'openai';
import type { RunningGateway } from './gateway.js';

export function clientsOf({ url, key }: RunningGateway): { openai: OpenAI; anthropic: Anthropic } {
  return {
    openai: new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 }),
    anthropic: new Anthropic({ apiKey: key, baseURL: url, maxRetries: 0 }),
  };
}

export type Understood = {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly { readonly id: string; readonly name: string; readonly input: unknown }[];
  readonly finish: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
};

export function ofMessage({ content, stop_reason, usage }: Anthropic.Message): Understood {
  const { input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens } = usage;
  return {
    text: content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join(''),
    reasoning: content.flatMap((block) => (block.type === 'thinking' ? [block.thinking] : [])).join(''),
    calls: content.flatMap((block) =>
      block.type === 'tool_use' ? [{ id: block.id, name: block.name, input: block.input }] : [],
    ),
    finish: STOP_REASONS.get(stop_reason ?? '') ?? String(stop_reason),
    inputTokens: input_tokens + (cache_read_input_tokens ?? 0) + (cache_creation_input_tokens ?? 0),
    outputTokens: output_tokens,
  };
}

export function ofCompletion({ choices, usage }: OpenAI.ChatCompletion): Understood {
  const [choice] = choices;
  if (choice === undefined || usage === undefined) throw new Error('The completion has no choice or no usage.');
  const { message, finish_reason } = choice;
  return {
    text: message.content ?? '',
    reasoning: 'reasoning_content' in message ? String(message.reasoning_content) : '',
    calls: (message.tool_calls ?? []).flatMap((call) =>
      call.type === 'function'
        ? [{ id: call.id, name: call.function.name, input: JSON.parse(call.function.arguments) as unknown }]
        : [],
    ),
    finish: finish_reason,
    inputTokens: usage.prompt_tokens,
    outputTokens: usage.completion_tokens,
  };
}

/** Anthropic's words for OpenAI's. */
const STOP_REASONS: ReadonlyMap<string, string> = new Map([
  ['end_turn', 'stop'],
  ['max_tokens', 'length'],
  ['tool_use', 'tool_calls'],
  ['refusal', 'content_filter'],
]);
