/** The client protocols the gateway speaks, and the list of models in one shape that the SDKs of both vendors read. */

import type Anthropic from '@anthropic-ai/sdk';
import type OpenAI from 'openai';
import type { Model } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { anthropicMessages } from './anthropic-messages.js';
import type { Dialect } from './dialect.js';
import { openaiChat } from './openai-chat.js';
import { openaiResponses } from './openai-responses.js';

export const dialects: readonly Dialect[] = [openaiChat, openaiResponses, anthropicMessages];

/**
 * The list, or the part of it that the query asks for: Anthropic's clients ask page by page, OpenAI's never do. OpenAI
 * reads `object`, `created` and `owned_by`; Anthropic `type`, `created_at`, `display_name` and the page fields.
 * @throws GatewayError `invalid-request` for a limit that is none.
 */
export function writeModelList(models: readonly Model[], query: Reader): object {
  const asked = query.optional('limit');
  if (asked !== undefined && !/^[1-9]\d{0,5}$/.test(asked.string())) asked.fail('must be a whole number above 0');
  const limit = Number(asked?.string() ?? models.length);
  const afterId = query.optional('after_id')?.string();
  const beforeId = query.optional('before_id')?.string();
  const placeOf = (id: string): number => models.findIndex((model) => model.id === id);
  // Nothing comes before or after a model that is not there: whoever pages must come to an end.
  const from = afterId === undefined ? 0 : placeOf(afterId) + 1 || models.length;
  const to = beforeId === undefined ? models.length : Math.max(0, placeOf(beforeId));
  const rest = models.slice(from, to);
  const page = beforeId === undefined ? rest.slice(0, limit) : rest.slice(-limit);
  return {
    object: 'list',
    data: page.map(writeModel),
    has_more: page.length < rest.length,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
    // Codex, which tells its version, wants a prompt of its own for each model; without an entry it takes its usual one.
    ...(query.has('client_version') && { models: [] }),
  } satisfies Anthropic.PageResponse<object> & Record<string, unknown>;
}

/** One model in the same shape as in the list. */
export function writeModel(model: Model): object {
  return {
    id: model.id,
    object: 'model',
    type: 'model',
    // Kiro tells no dates; a fixed one keeps the list the same from call to call.
    created: 1_735_689_600,
    created_at: '2025-01-01T00:00:00Z',
    owned_by: 'kiro',
    display_name: model.name,
    description: model.description ?? null,
    max_input_tokens: model.maxInputTokens,
    max_tokens: model.maxOutputTokens,
    context_length: model.maxInputTokens,
    max_output_tokens: model.maxOutputTokens,
    supports_images: model.inputs.includes('image'),
    supports_tools: true,
    reasoning_efforts: model.efforts,
    credit_rate: model.creditRate ?? null,
    // Anthropic's, of which Kiro says nothing but that it offers the model.
    capabilities: null,
    lifecycle: 'active',
    allowed_fallback_models: [],
    line: null,
    deprecated_at: null,
    retires_at: null,
  } satisfies OpenAI.Model & Anthropic.ModelInfo & Record<string, unknown>;
}
