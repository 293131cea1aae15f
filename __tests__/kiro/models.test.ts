/** Names that clients use, and the ids that Kiro knows (protocol 7.4); and Kiro's catalogue. */

import { expect, test } from '@jest/globals';
import type { Model } from '../../src/core/conversation.js';
import { GatewayError } from '../../src/core/errors.js';
import { modelNotFound, normalizeModelName, readModelPage, resolveModel } from '../../src/kiro/models.js';
import { told } from '../support/bytes.js';
import { modelNamed, models } from '../support/requests.js';

test.each([
  ['claude-sonnet-4-5-20250929', 'claude-sonnet-4.5'],
  ['claude-sonnet-4-5', 'claude-sonnet-4.5'],
  ['claude-sonnet-4.5', 'claude-sonnet-4.5'],
  ['claude-sonnet-4.5-20250929', 'claude-sonnet-4.5'],
  ['claude-sonnet-4-5-latest', 'claude-sonnet-4.5'],
  ['claude-sonnet-4-5-2', 'claude-sonnet-4.5'],
  ['claude-sonnet-4-20250514', 'claude-sonnet-4'],
  ['claude-sonnet-4-latest', 'claude-sonnet-4'],
  ['claude-sonnet-4', 'claude-sonnet-4'],
  ['claude-sonnet-4-0', 'claude-sonnet-4'],
  ['claude-sonnet-4.0', 'claude-sonnet-4'],
  ['claude-opus-4-5-20251101', 'claude-opus-4.5'],
  ['claude-haiku-4-5-20251001', 'claude-haiku-4.5'],
  ['claude-opus-4-8[1m]', 'claude-opus-4.8'],
  ['claude-sonnet-4-6[1m]', 'claude-sonnet-4.6'],
  ['claude-sonnet-4-6[200k]', 'claude-sonnet-4.6'],
  ['claude-sonnet-4.6-1m', 'claude-sonnet-4.6-1m'],
  ['claude-sonnet-5', 'claude-sonnet-5'],
  ['claude-fable-5', 'claude-fable-5'],
  ['claude-3-7-sonnet-20250219', 'claude-3.7-sonnet'],
  ['claude-3-7-sonnet-latest', 'claude-3.7-sonnet'],
  ['claude-3.7-sonnet', 'claude-3.7-sonnet'],
  ['claude-3-5-haiku-20241022', 'claude-3.5-haiku'],
  ['claude-4.5-opus-high', 'claude-opus-4.5'],
  ['claude-4-5-opus', 'claude-opus-4.5'],
  ['auto', 'auto'],
  ['kiro-auto', 'auto'],
  ['kiro/auto', 'auto'],
  ['deepseek-3-2', 'deepseek-3.2'],
  ['minimax-m2-5', 'minimax-m2.5'],
  ['qwen3-coder', 'qwen3-coder-next'],
  ['anthropic/claude-sonnet-4-5', 'claude-sonnet-4.5'],
  ['openai/gpt-5.6-sol', 'gpt-5.6-sol'],
  [' Claude-Sonnet-4-5 ', 'claude-sonnet-4.5'],
  ['gpt-5.6-sol', 'gpt-5.6-sol'],
  ['gpt-5-6', 'gpt-5-6'],
  ['qwen3-coder-next', 'qwen3-coder-next'],
  ['claude-3-haiku-20240307', 'claude-3-haiku-20240307'],
  ['CLAUDE_3_7_SONNET_20250219_V1_0', 'CLAUDE_3_7_SONNET_20250219_V1_0'],
  ['My-Model', 'My-Model'],
  ['', ''],
  ['a [b] c', 'a [b] c'],
  [']', ']'],
])('%j is %j', (name, id) => {
  expect(normalizeModelName(name)).toBe(id);
});

test.each([
  ['claude-sonnet-4-5-20250929', 'claude-sonnet-4.5'],
  ['CLAUDE-OPUS-4.8', 'claude-opus-4.8'],
  ['GPT-5.6-Sol', 'gpt-5.6-sol'],
  ['auto', 'auto'],
])('%s is found in the catalogue as %s', (name, id) => {
  expect(resolveModel(name, models)).toBe(modelNamed(id));
});

test('an id of the catalogue is taken as it is, whatever the spelling rules say', () => {
  const odd: Model = { ...modelNamed('auto'), id: 'claude-sonnet-4-5' };
  expect(resolveModel('Claude-Sonnet-4-5', [...models, odd])).toBe(odd);
});

test('a name with [1m] is the variant with a large window, when there is one', () => {
  const large: Model = { ...modelNamed('claude-sonnet-4.5'), id: 'claude-sonnet-4.5-1m' };
  expect([
    resolveModel('claude-sonnet-4-5[1m]', [...models, large]),
    resolveModel('claude-sonnet-4-5[1m]', models),
  ]).toEqual([large, modelNamed('claude-sonnet-4.5')]);
});

const unlisted = (id: string): Model => ({
  id,
  name: id,
  description: undefined,
  maxInputTokens: 200_000,
  maxOutputTokens: 64_000,
  inputs: ['text', 'image'],
  efforts: [],
  creditRate: undefined,
  isDefault: false,
  supportsPromptCache: false,
  requestFieldsSchema: undefined,
});

test('a model that Kiro does not list is asked for all the same', () => {
  expect([resolveModel('claude-opus-9-1', models), resolveModel('constructor', [])]).toEqual([
    unlisted('claude-opus-9.1'),
    unlisted('constructor'),
  ]);
});

test('a model that Kiro hides is asked for by its hidden id', () => {
  expect(resolveModel('claude-3-7-sonnet-20250219', models)).toEqual(unlisted('CLAUDE_3_7_SONNET_20250219_V1_0'));
});

// --- the catalogue

const schema = {
  type: 'object',
  properties: { output_config: { properties: { effort: { enum: ['low', 'high', 5] } } } },
};

test('a page of models, whole', () => {
  const answer = {
    models: [
      {
        modelId: 'a',
        modelName: 'A',
        description: 'The A.',
        rateMultiplier: 1.3,
        rateUnit: 'Credit',
        tokenLimits: { maxInputTokens: 1000, maxOutputTokens: 100 },
        supportedInputTypes: ['TEXT', 'IMAGE'],
        promptCaching: null,
        additionalModelRequestFieldsSchema: schema,
      },
      { modelId: 'b', tokenLimits: null, supportedInputTypes: ['TEXT'], additionalModelRequestFieldsSchema: null },
    ],
    defaultModel: { modelId: 'b' },
    nextToken: 'n',
  };
  expect(readModelPage(answer)).toEqual({
    items: [
      {
        id: 'a',
        name: 'A',
        description: 'The A.',
        maxInputTokens: 1000,
        maxOutputTokens: 100,
        inputs: ['text', 'image'],
        efforts: ['low', 'high'],
        creditRate: 1.3,
        isDefault: false,
        supportsPromptCache: false,
        requestFieldsSchema: schema,
      },
      { ...unlisted('b'), inputs: ['text'], isDefault: true },
    ],
    nextToken: 'n',
  });
});

test.each<[string, object, boolean]>([
  ['says so', { promptCaching: { supportsPromptCaching: true } }, true],
  ['says so in the older way', { supportsPromptCache: true }, true],
  ['takes it back', { promptCaching: { supportsPromptCaching: false }, supportsPromptCache: true }, false],
])('a model has a cache when the catalogue %s', (_, said, expected) => {
  const [model] = readModelPage({ models: [{ modelId: 'a', ...said }] }).items;
  expect(model?.supportsPromptCache).toBe(expected);
});

test('the efforts of GPT come from its own field', () => {
  expect(modelNamed('gpt-5.6-sol').efforts).toEqual(['none', 'low', 'medium', 'high', 'xhigh', 'max']);
});

test('an empty or missing next token ends the list', () => {
  expect([readModelPage({ models: [], nextToken: '' }), readModelPage({ models: [], nextToken: null })]).toEqual([
    { items: [], nextToken: undefined },
    { items: [], nextToken: undefined },
  ]);
});

test.each([null, [], {}, { models: null }, { models: { a: 1 } }, { models: [{}] }])(
  'no list of models is refused: %j',
  (answer) => {
    expect(() => readModelPage(answer)).toThrow(
      expect.objectContaining({ kind: 'upstream-protocol', message: 'Kiro listed no models; try again.', facts: {} }),
    );
  },
);

test('what is odd about one model costs neither the others nor the rest of it', () => {
  const odd = {
    modelId: 'a',
    modelName: 5,
    description: ['x'],
    tokenLimits: { maxInputTokens: '1', maxOutputTokens: -5 },
    supportedInputTypes: 'IMAGE',
    rateMultiplier: '1.3',
    additionalModelRequestFieldsSchema: 'none',
    promptCaching: 'yes',
  };
  expect(readModelPage({ models: [odd, {}, null, { modelId: 7 }, { modelId: 'b' }], nextToken: 5 })).toEqual({
    items: [unlisted('a'), unlisted('b')],
    nextToken: undefined,
  });
});

// --- wrong names

test('a model that is not known is answered with near names', () => {
  const refused = new GatewayError('model-not-found', 'No.', { reason: 'INVALID_MODEL_ID', upstreamRequestId: 'r' });
  const error = modelNotFound('claude-opus-4-9', models, refused);
  expect([told(error), error.facts]).toEqual([
    'model-not-found: model: claude-opus-4-9 is not known to Kiro, or not part of this plan or region. Did you mean claude-opus-4.5, claude-opus-4.6, claude-opus-4.7?',
    { reason: 'INVALID_MODEL_ID', upstreamRequestId: 'r', param: 'model', cause: refused },
  ]);
});

test('a model that the catalogue lists and Kiro refuses is not offered again', () => {
  const refused = new GatewayError('model-not-found', 'No.');
  expect(modelNotFound('claude-haiku-4-5', models, refused).message).not.toContain('claude-haiku-4.5');
});

test('a model without near names is answered without them', () => {
  const refused = new GatewayError('model-not-found', 'No.');
  expect(modelNotFound('llama', models, refused).message).toBe(
    'model: llama is not known to Kiro, or not part of this plan or region.',
  );
});
