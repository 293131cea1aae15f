/** Each rule of the service, broken once. */
import { describe, expect, test } from '@jest/globals';
import { listClientModels } from '../../src/simulator/control.js';
import { checkChatRequest } from '../support/rules.js';
import { redactReasoning, signReasoning } from '../../src/simulator/script.js';
import type { BodyOptions } from './support.js';
import { answered, asked, body, called, CITY_SCHEMA, GIF, image, PNG, resulted, tool } from './support.js';

const tools = [tool('get_weather')];
const round = [asked('Weather?'), answered('', { toolUses: [called('t1')] })];

function deepSchema(depth: number): object {
  return depth === 0 ? { type: 'string' } : { type: 'object', properties: { inner: deepSchema(depth - 1) } };
}

function withSchema(json: object): object {
  return body('Hi', { context: { tools: [tool('f', json)] } });
}

function withImages(images: readonly object[], modelId = 'claude-sonnet-4.5'): object {
  return body('Look', { user: { images, modelId } });
}

function withDocuments(documents: readonly object[], modelId = 'claude-sonnet-4.5'): object {
  return body('Read', { user: { documents, modelId } });
}

function paper(name: string, format = 'pdf'): object {
  return { name, format, source: { bytes: 'JVBERi0=' } };
}

function withFields(modelId: string, fields: object): object {
  return body('Hi', { user: { modelId }, top: { additionalModelRequestFields: fields } });
}

function withReasoning(reasoningContent: object): object {
  return body('And?', { history: [asked('Hi'), answered('Hello', { reasoningContent })] });
}

function withResults(toolResults: readonly object[], rest: BodyOptions = {}): object {
  return body('', { history: round, context: { tools, toolResults }, ...rest });
}

const LEGAL: Readonly<Record<string, object>> = {
  'the smallest body': { conversationState: { chatTriggerType: 'MANUAL', currentMessage: asked('Hi') } },
  'an ordinary body': body('Hi'),
  'a history that alternates': body('And?', { history: [asked('Hi'), answered('Hello')] }),
  'a tool result beside an empty content': withResults([resulted('t1')]),
  'a failed tool result': withResults([resulted('t1', 'No.', 'error')]),
  'a JSON tool result': withResults([{ toolUseId: 't1', content: [{ json: { a: null } }] }]),
  'a tool result that is a JSON list': withResults([{ toolUseId: 't1', content: [{ json: [1, 'two', null] }] }]),
  'a cache point among the tools': body('Hi', { context: { tools: [...tools, { cachePoint: { type: 'default' } }] } }),
  'a tool without a description': withSchema({ ...CITY_SCHEMA }),
  'properties that are named like keywords': withSchema({
    type: 'object',
    properties: { type: { type: 'string' }, required: { type: 'boolean' }, enum: { type: 'array', items: {} } },
    required: [],
  }),
  'a schema with a local reference': withSchema({
    type: 'object',
    properties: { a: { $ref: '#/$defs/a' } },
    $defs: { a: { type: ['string', 'null'], default: null, enum: ['x', null] } },
  }),
  'keywords that objects have by themselves': withSchema({
    ...CITY_SCHEMA,
    hasOwnProperty: 1,
    properties: { a: { $ref: '#/$defs/a%20b' }, constructor: { type: 'string' } },
    $defs: { 'a b': {} },
  }),
  'an image': withImages([image(PNG), image(GIF, 'gif')]),
  documents: withDocuments([paper('one'), paper('two', 'md')]),
  'fields that the schema allows': withFields('claude-opus-4.8', {
    thinking: { type: 'adaptive', display: 'summarized' },
    output_config: { effort: 'xhigh' },
    max_tokens: 2048,
  }),
  'reasoning that the simulator has signed': withReasoning({
    reasoningText: { text: 'Hm.', signature: signReasoning('Hm.') },
  }),
  'reasoning that the simulator has redacted': withReasoning({ redactedContent: redactReasoning('Hm.') }),
  'an environment': body('Hi', { context: { envState: { operatingSystem: 'linux', timezoneOffset: -60 } } }),
};

test.each(Object.entries(LEGAL))('%s is taken', (_, legal) => {
  expect(checkChatRequest(legal)).toBeUndefined();
});

const BROKEN: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  REQUEST_BODY_INVALID: {
    'no object': [],
    'no conversation state': {},
    'no trigger type': body('Hi', { state: { chatTriggerType: undefined } }),
    'an unknown trigger type': body('Hi', { state: { chatTriggerType: 'AUTO' } }),
    'an unknown task type': body('Hi', { state: { agentTaskType: 'other' } }),
    'an unknown field': body('Hi', { top: { inferenceConfig: {} } }),
    'a null': body('Hi', { top: { agentMode: null } }),
    'no current message': body('Hi', { state: { currentMessage: undefined } }),
    'a current message of the assistant': body('Hi', { state: { currentMessage: answered('Hi') } }),
    'two union members': body('Hi', { state: { currentMessage: { ...asked('Hi'), ...answered('Hi') } } }),
    'no union member': body('Hi', { state: { currentMessage: {} } }),
    'no content key': body('Hi', { user: { content: undefined } }),
    'an empty content': body(''),
    'a blank content': body(' \n'),
    'a blank content of the assistant': body('Hi', { history: [asked('Hi'), answered(' ')] }),
    'half a character': body('\ud83d'),
    'an unknown origin': body('Hi', { user: { origin: 'KIRO' } }),
    'a model in the assistant message': body('Hi', { history: [asked('Hi'), answered('Hi', { modelId: 'auto' })] }),
    'an empty history': body('Hi', { history: [] }),
    'a history that starts with the assistant': body('Hi', { history: [answered('Hi')] }),
    'a history that ends with the user': body('Hi', { history: [asked('Hi')] }),
    'two answers in a row': body('Hi', { history: [asked('Hi'), answered('a'), answered('b'), asked('c')] }),
    'an empty list of tools': body('Hi', { context: { tools: [] } }),
    'an empty list of tool results': body('Hi', { context: { tools, toolResults: [] } }),
    'an empty list of images': withImages([]),
    'an empty list of tool calls': body('Hi', { history: [asked('Hi'), answered('a', { toolUses: [] })] }),
    'an empty tool result': withResults([resulted('t1', '')]),
    'a tool result without content': withResults([{ toolUseId: 't1', content: [] }]),
    'a cache point for a model that has no cache': body('Hi', {
      user: { modelId: 'gpt-5.6-sol' },
      context: { tools: [...tools, { cachePoint: { type: 'default' } }] },
    }),
    'five cache points': body('Hi', {
      context: { tools: [...tools, ...Array.from({ length: 5 }, () => ({ cachePoint: { type: 'default' } }))] },
    }),
    'an upper-case status': withResults([resulted('t1', 'a', 'SUCCESS')]),
    'an input that is a string': body('Hi', {
      history: [asked('Hi'), answered('', { toolUses: [{ toolUseId: 't1', name: 'get_weather', input: '{}' }] })],
    }),
    'an empty key in an input': withResults([resulted('t1')], {
      history: [asked('Hi'), answered('', { toolUses: [called('t1', 'get_weather', { '': 1 })] })],
    }),
    'a called name that is illegal': withResults([resulted('t1')], {
      history: [asked('Hi'), answered('', { toolUses: [called('t1', 'get weather')] })],
    }),
    'tools in the history': body('Hi', {
      history: [{ userInputMessage: { content: 'Hi', userInputMessageContext: { tools } } }, answered('Hello')],
    }),
    'a tool name with a blank': body('Hi', { context: { tools: [tool('get weather')] } }),
    'a tool name of 65 characters': body('Hi', { context: { tools: [tool('f'.repeat(65))] } }),
    'a tool name that starts with a digit': body('Hi', { context: { tools: [tool('1f')] } }),
    'an empty description': body('Hi', { context: { tools: [tool('f', CITY_SCHEMA, { description: ' ' })] } }),
    'a description of 10,241 characters': body('Hi', {
      context: { tools: [tool('f', CITY_SCHEMA, { description: 'x'.repeat(10_241) })] },
    }),
    'a profile that is no ARN': body('Hi', { top: { profileArn: 'PROFILE' } }),
    'images for a model that sees none': withImages([image(PNG)], 'deepseek-3.2'),
    'a document of an unknown format': withDocuments([paper('a', 'exe')]),
    'a document without a name': withDocuments([paper('')]),
    'fields for a model without a schema': withFields('auto', { output_config: { effort: 'low' } }),
    'a field that the schema does not have': withFields('claude-sonnet-4.6', { reasoning: { effort: 'low' } }),
    'a value that the schema does not have': withFields('claude-sonnet-4.6', { output_config: { effort: 'xhigh' } }),
    'a number out of range': withFields('claude-opus-4.8', { max_tokens: 12 }),
    'flat reasoning': withReasoning({ text: 'Hm.', signature: signReasoning('Hm.') }),
  },
  INVALID_MODEL_ID: { 'an unknown model': body('Hi', { user: { modelId: 'claude-9' } }) },
  INVALID_CONVERSATION_ID: { 'a conversation id with a blank': body('Hi', { state: { conversationId: 'a b' } }) },
  CONTENT_LENGTH_EXCEEDS_THRESHOLD: {
    '1.35 million ASCII characters': body('x'.repeat(1_350_000)),
    '1.35 million characters in an argument that is called bytes': withResults([resulted('t1')], {
      history: [
        asked('Hi'),
        answered('', { toolUses: [called('t1', 'get_weather', { bytes: 'x'.repeat(1_350_000) })] }),
      ],
    }),
    '170,000 Chinese characters': body('漢'.repeat(170_000)),
  },
  TOOL_CONFIG_MISSING: {
    'a call, and no tools': body('', { history: round, context: { toolResults: [resulted('t1')] } }),
    'a call of a tool that is not offered': withResults([resulted('t1')], {
      history: [asked('Hi'), answered('', { toolUses: [called('t1', 'other')] })],
    }),
    'a result, and no tools': body('Hi', { context: { toolResults: [resulted('t1')] } }),
  },
  TOOL_USE_RESULT_MISMATCH: {
    'a result without a call': body('Hi', { context: { tools, toolResults: [resulted('t1')] } }),
    'a call without a result': body('Hi', { history: round, context: { tools } }),
    'a result for another call': withResults([resulted('t2')]),
    'two results for one call': withResults([resulted('t1'), resulted('t1')]),
    'results in another order than their calls': withResults([resulted('t2'), resulted('t1')], {
      history: [asked('Hi'), answered('', { toolUses: [called('t1'), called('t2')] })],
    }),
    'an id used twice': withResults([resulted('t1')], {
      history: [asked('Hi'), answered('', { toolUses: [called('t1'), called('t1')] })],
    }),
    'an id with a colon': withResults([resulted('t:1')], {
      history: [asked('Hi'), answered('', { toolUses: [called('t:1')] })],
    }),
  },
  TOOL_DUPLICATE: { 'two tools of one name': body('Hi', { context: { tools: [...tools, ...tools] } }) },
  TOOL_SCHEMA_INVALID: {
    'no type at the root': withSchema({ properties: {} }),
    'a root that is a list': withSchema({ type: 'array', items: {} }),
    'a composition at the root': withSchema({ ...CITY_SCHEMA, anyOf: [{ required: ['city'] }] }),
    'null for required': withSchema({ type: 'object', properties: {}, required: null }),
    'null for an unknown keyword': withSchema({ type: 'object', properties: {}, other: null }),
    'null for a property': withSchema({ type: 'object', properties: { a: null } }),
    'properties as a list': withSchema({ type: 'object', properties: [] }),
    'required as a flag': withSchema({ type: 'object', properties: { a: { type: 'string', required: true } } }),
    'a list for a single schema': withSchema({ ...CITY_SCHEMA, additionalProperties: [{ type: 'string' }] }),
    'an empty enum': withSchema({ type: 'object', properties: { a: { enum: [] } } }),
    'an unknown type': withSchema({ type: 'object', properties: { a: { type: 'date' } } }),
    'a reference to nothing': withSchema({ type: 'object', properties: { a: { $ref: '#/$defs/a' } } }),
    'a reference that cannot be decoded': withSchema({ type: 'object', properties: { a: { $ref: '#/%zz' } } }),
    'a schema of 65 levels': withSchema(deepSchema(65)),
  },
  IMAGE_FORMAT_UNSUPPORTED: {
    'a BMP': withImages([image(PNG, 'bmp')]),
    'jpg instead of jpeg': withImages([image(PNG, 'jpg')]),
    'a data URL': withImages([image(`data:image/png;base64,${PNG}`)]),
  },
  IMAGE_MIME_MISMATCH: {
    'a GIF that says PNG': withImages([image(GIF)]),
    'bytes that are no image': withImages([image('AAAA')]),
  },
  IMAGE_COUNT_EXCEEDED: { 'eleven images': withImages(Array.from({ length: 11 }, () => image(PNG))) },
  IMAGE_SIZE_EXCEEDED: { 'an image of 11 MB': withImages([image('A'.repeat(16_000_000))]) },
  IMAGE_DIMENSION_EXCEEDED: { 'an image of 9000 pixels': withImages([image(widePng(9000))]) },
  DOCUMENT_COUNT_EXCEEDED: {
    'six documents': withDocuments(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => paper(name))),
  },
  DOCUMENT_DUPLICATE_NAME: { 'two documents of one name': withDocuments([paper('a'), paper('a')]) },
  DOCUMENT_MODEL_NOT_SUPPORTED: { 'a document for a text model': withDocuments([paper('a')], 'glm-5') },
  THINKING_SIGNATURE_INVALID: {
    'unsigned reasoning': withReasoning({ reasoningText: { text: 'Hm.' } }),
    'a foreign signature': withReasoning({ reasoningText: { text: 'Hm.', signature: 'c2ln' } }),
    'changed reasoning': withReasoning({ reasoningText: { text: 'Hm!', signature: signReasoning('Hm.') } }),
    'foreign redacted reasoning': withReasoning({ redactedContent: 'c2ln' }),
  },
};

describe.each(Object.entries(BROKEN))('%s answers', (reason, cases) => {
  test.each(Object.entries(cases))('%s', (_, broken) => {
    const violation = checkChatRequest(JSON.parse(JSON.stringify(broken)));
    expect(violation?.reason).toBe(reason);
  });
});

test('the words of the service go with the reasons', () => {
  expect(checkChatRequest(body(''))).toEqual({
    message: 'Improperly formed request.',
    reason: 'REQUEST_BODY_INVALID',
    detail: 'currentMessage has no content',
  });
  expect(checkChatRequest(body('x'.repeat(1_350_000)))?.message).toBe('Input is too long.');
  expect(checkChatRequest(withFields('claude-sonnet-4.6', { reasoning: {} }))?.message).toBe(
    "Invalid additionalModelRequestFields: property 'reasoning' is not defined in the schema",
  );
});

test('a profile is required of everyone but the bearer of an API key', () => {
  const bare = body('Hi', { top: { profileArn: undefined } });
  expect(checkChatRequest(bare)).toBeUndefined();
  expect(checkChatRequest(bare, { isProfileRequired: true })).toMatchObject({
    message: 'profileArn is required for this request.',
    reason: null,
  });
});

test('the bytes of images weigh nothing', () => {
  const png = `${PNG.slice(0, -4)}${'A'.repeat(1_400_000)}`;
  expect(checkChatRequest(withImages([image(png)]))).toBeUndefined();
});

test('1.28 million ASCII characters and 160,000 Chinese ones are taken', () => {
  expect(checkChatRequest(body('x'.repeat(1_280_000)))).toBeUndefined();
  expect(checkChatRequest(body('漢'.repeat(160_000)))).toBeUndefined();
});

test('the models of the driver scripts are known only to the catalogue for clients', () => {
  const stub = body('Hi', { user: { modelId: 'stub-model' } });
  expect(checkChatRequest(stub)?.reason).toBe('INVALID_MODEL_ID');
  expect(checkChatRequest(stub, { models: listClientModels() })).toBeUndefined();
});

/** The head of a PNG is enough for its size. */
function widePng(width: number): string {
  const bytes = Buffer.from(PNG, 'base64');
  bytes.writeUInt32BE(width, 16);
  return bytes.toString('base64');
}
