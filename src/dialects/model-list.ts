/** The list of models, in one shape that the SDKs of both vendors read. */

import type { Model } from '../core/conversation.js';

/** OpenAI reads `object`, `created` and `owned_by`; Anthropic `type`, `created_at`, `display_name` and the page fields. */
export function writeModelList(models: readonly Model[]): object {
  return {
    object: 'list',
    data: models.map(writeModel),
    has_more: false,
    first_id: models[0]?.id ?? null,
    last_id: models.at(-1)?.id ?? null,
  };
}

function writeModel(model: Model): object {
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
    reasoning_efforts: model.efforts,
    credit_rate: model.creditRate ?? null,
  };
}
