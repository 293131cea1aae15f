/** The models of the simulated account, with the fields that ListAvailableModels answers. */

export type CatalogueModel = {
  readonly modelId: string;
  readonly modelName: string;
  readonly description: string;
  readonly rateMultiplier: number;
  readonly rateUnit: 'Credit';
  readonly tokenLimits: { readonly maxInputTokens: number; readonly maxOutputTokens: number };
  readonly supportedInputTypes: readonly ('TEXT' | 'IMAGE')[];
  readonly promptCaching: PromptCaching | null;
  readonly additionalModelRequestFieldsSchema: Readonly<Record<string, unknown>> | null;
};

type PromptCaching = {
  readonly supportsPromptCaching: boolean;
  readonly maximumCacheCheckpointsPerRequest?: number;
  readonly minimumTokensPerCacheCheckpoint?: number;
};

/** The models of an ordinary account, `auto` first: it is the default. */
export function listModels(): readonly CatalogueModel[] {
  return MODELS;
}

/** The ordinary models and every id that the client driver scripts ask for, in both spellings. */
export function listClientModels(): readonly CatalogueModel[] {
  return [...MODELS, ...CLIENT_MODELS];
}

const STANDARD_EFFORTS = ['low', 'medium', 'high', 'max'];
const EXTENDED_EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'];

/** Sees images and caches prompts; thinks only where a schema of extra fields is given. */
function claude(
  modelId: string,
  input: number,
  output: number,
  rate: number,
  schema: object | null = null,
): CatalogueModel {
  return {
    ...describeModel(modelId, input, output, rate),
    supportedInputTypes: ['TEXT', 'IMAGE'],
    promptCaching: {
      supportsPromptCaching: true,
      maximumCacheCheckpointsPerRequest: 4,
      minimumTokensPerCacheCheckpoint: modelId === 'claude-opus-4.7' ? 4096 : 1024,
    },
    additionalModelRequestFieldsSchema: schema === null ? null : { ...schema },
  };
}

function gpt(modelId: string, rate: number): CatalogueModel {
  return {
    ...describeModel(modelId, 272_000, 128_000, rate),
    supportedInputTypes: ['TEXT', 'IMAGE'],
    promptCaching: { supportsPromptCaching: false },
    additionalModelRequestFieldsSchema: record({
      reasoning: record({ effort: choice(['none', ...EXTENDED_EFFORTS]) }),
    }),
  };
}

function openWeight(modelId: string, input: number, output: number, rate: number): CatalogueModel {
  return {
    ...describeModel(modelId, input, output, rate),
    supportedInputTypes: ['TEXT'],
    promptCaching: null,
    additionalModelRequestFieldsSchema: null,
  };
}

function describeModel(modelId: string, input: number, output: number, rate: number) {
  return {
    modelId,
    modelName: modelId
      .split('-')
      .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
      .join(' '),
    description: modelId === 'auto' ? 'The service chooses the model' : `The ${modelId} model`,
    rateMultiplier: rate,
    rateUnit: 'Credit',
    tokenLimits: { maxInputTokens: input, maxOutputTokens: output },
  } as const;
}

/** The 4.6 generation: adaptive thinking whose text is always shown, so there is no `display`. */
function firstThinkingSchema(): object {
  return record({
    thinking: record({ type: choice(['adaptive', 'disabled']) }),
    output_config: record({ effort: { ...choice(STANDARD_EFFORTS), default: 'high' } }),
  });
}

/** From 4.7 on: thinking is shown only when its display is asked for, and the output limit is settable. */
function thinkingSchema(maximumTokens: number): object {
  return record({
    thinking: record({ type: choice(['adaptive', 'disabled']), display: choice(['summarized', 'omitted']) }),
    output_config: record({ effort: { ...choice(EXTENDED_EFFORTS), default: 'high' } }),
    max_tokens: { type: 'integer', minimum: 1024, maximum: maximumTokens },
  });
}

function record(properties: object) {
  return { type: 'object', properties, additionalProperties: false };
}

function choice(values: readonly string[]) {
  return { type: 'string', enum: values };
}

const MODELS: readonly CatalogueModel[] = [
  claude('auto', 1_000_000, 64_000, 1),
  claude('claude-sonnet-4', 200_000, 64_000, 1.3),
  claude('claude-sonnet-4.5', 200_000, 64_000, 1.3),
  claude('claude-sonnet-4.6', 1_000_000, 64_000, 1.3, firstThinkingSchema()),
  claude('claude-sonnet-5', 1_000_000, 64_000, 1.3, thinkingSchema(64_000)),
  claude('claude-haiku-4.5', 200_000, 64_000, 0.4),
  claude('claude-opus-4.5', 200_000, 64_000, 2.2),
  claude('claude-opus-4.6', 1_000_000, 64_000, 2.2, firstThinkingSchema()),
  claude('claude-opus-4.7', 1_000_000, 128_000, 2.2, thinkingSchema(128_000)),
  claude('claude-opus-4.8', 1_000_000, 128_000, 2.2, thinkingSchema(128_000)),
  claude('claude-opus-5', 1_000_000, 128_000, 2.2, thinkingSchema(128_000)),
  claude('claude-fable-5', 1_000_000, 64_000, 2.2, thinkingSchema(64_000)),
  gpt('gpt-5.6-sol', 2.4),
  gpt('gpt-5.6-terra', 1.2),
  gpt('gpt-5.6-luna', 0.6),
  openWeight('deepseek-3.2', 128_000, 64_000, 0.25),
  openWeight('minimax-m2.5', 200_000, 64_000, 0.25),
  openWeight('minimax-m2.1', 200_000, 64_000, 0.15),
  openWeight('glm-5', 200_000, 64_000, 0.5),
  openWeight('qwen3-coder-next', 256_000, 64_000, 0.05),
];

const CLIENT_MODELS: readonly CatalogueModel[] = [
  claude('stub-model', 200_000, 64_000, 1),
  claude('gpt-4o', 128_000, 16_000, 1),
  gpt('gpt-5', 1),
  gpt('gpt-5.5', 1),
  gpt('gpt-5-5', 1),
  gpt('gpt-6.1-sol', 1),
  gpt('gpt-6-1-sol', 1),
  claude('claude-sonnet-4-5', 200_000, 64_000, 1.3),
  claude('claude-haiku-4-5', 200_000, 64_000, 0.4),
  claude('claude-opus-4-8', 1_000_000, 128_000, 2.2, thinkingSchema(128_000)),
  ...['claude-opus-5.5', 'claude-opus-5-5'].map((id) => claude(id, 1_000_000, 128_000, 2.2, thinkingSchema(128_000))),
  ...['claude-sonnet-5.5', 'claude-sonnet-5-5'].map((id) =>
    claude(id, 1_000_000, 128_000, 1.3, thinkingSchema(128_000)),
  ),
  ...['claude-haiku-5.5', 'claude-haiku-5-5'].map((id) => claude(id, 200_000, 64_000, 0.4, thinkingSchema(64_000))),
];
