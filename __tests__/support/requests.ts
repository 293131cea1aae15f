/** What the tests of Kiro's request share: conversations, small or arbitrary, and their bodies. */

import * as fc from 'fast-check';
import type { Block, Conversation, Message, Model, ToolResultPart, UserPart } from '../../src/core/conversation.js';
import { readModelPage } from '../../src/kiro/models.js';
import { toKiroRequest, type KiroRequest, type RequestContext } from '../../src/kiro/request.js';
import { listModels } from '../../src/simulator/control.js';
import { redactReasoning, signReasoning } from '../../src/simulator/script.js';
import { GIF, PNG } from './images.js';
import { anyCharacter } from './random.js';

export { PNG } from './images.js';

export const PROFILE = 'arn:aws:codewhisperer:us-east-1:111122223333:profile/EXAMPLE12345';

/** The simulator's catalogue, read like Kiro's. */
export const models: readonly Model[] = readModelPage({ models: listModels() }).items;

export function modelNamed(id: string): Model {
  const model = models.find((it) => it.id === id);
  if (model === undefined) throw new Error(`the catalogue has no ${id}`);
  return model;
}

const context: RequestContext = {
  model: modelNamed('claude-sonnet-4.5'),
  profileArn: PROFILE,
  continuationId: 'continuation',
  toolDescriptionLimit: 10_000,
  tags: { when: true, maxTokens: 4000, handling: 'as_reasoning_content' },
  readsWrittenCalls: false,
  wasCut: () => false,
  marksCache: false,
};

export function conversation(fields: Partial<Conversation>): Conversation {
  return { model: 'm', system: [], messages: [], tools: [], reasoning: {}, ...fields };
}

export function requestFor(fields: Partial<Conversation>, about: Partial<RequestContext> = {}): KiroRequest {
  return toKiroRequest(conversation(fields), { ...context, ...about });
}

/** What the tests look at in a body; everything else is `unknown`. */
export type Body = {
  readonly conversationState: {
    readonly conversationId: string;
    readonly history?: readonly object[];
    readonly currentMessage: { readonly userInputMessage: { readonly userInputMessageContext?: { tools?: unknown } } };
  };
  readonly profileArn?: string;
  readonly additionalModelRequestFields?: unknown;
};

export function bodyFor(fields: Partial<Conversation>, about: Partial<RequestContext> = {}): Body {
  return JSON.parse(requestFor(fields, about).body);
}

export const user = (...parts: (UserPart | string)[]): Message => ({
  role: 'user',
  parts: parts.map((part) => (typeof part === 'string' ? { type: 'text', text: part } : part)),
});

export const assistant = (...blocks: (Block | string)[]): Message => ({
  role: 'assistant',
  blocks: blocks.map((block) => (typeof block === 'string' ? { type: 'text', text: block } : block)),
});

export const call = (id: string, input = '{}', name = 'f'): Block => ({ type: 'tool-call', id, name, input });

export const result = (id: string, ...content: (ToolResultPart | string)[]): UserPart => ({
  type: 'tool-result',
  id,
  content: content.map((part) => (typeof part === 'string' ? { type: 'text', text: part } : part)),
  isError: false,
});

export const failed = (id: string, text: string): UserPart => ({
  type: 'tool-result',
  id,
  content: [{ type: 'text', text }],
  isError: true,
});

export const png = { type: 'image', format: 'png', data: PNG } as const;
export const paper = (name: string) => ({ type: 'document', format: 'pdf', name, data: 'JVBERi0=' }) as const;

// --- anything at all

const oddText = fc.oneof(
  fc.constantFrom('', ' ', '\n\t', 'hi', 'Continue', '\ud83d', 'a\ude00b', '\\', '\\ud83d', '"', '\u0000', '漢👍'),
  fc.array(fc.constantFrom('\ud83d', '\ude00', '\\', '"', '\n', 'a', 'ud83d')).map((it) => it.join('')),
  fc.string({ unit: anyCharacter, maxLength: 20 }),
);

const oddId = fc.constantFrom(
  't1',
  't2',
  't3',
  '',
  'a b',
  'a_b',
  'é',
  'x'.repeat(64),
  'x'.repeat(65),
  't1_2',
  '__proto__',
);

const oddName = fc.oneof(
  fc.constantFrom('f', 'F', 'get_weather', 'mcp__srv__tool.name', 'mcp__srv__tool/name', '1st', '', ' ', 'ünï', '_'),
  fc.constantFrom('\ud83d', 'constructor', '__proto__', 'toString', 'x'.repeat(64), 'x'.repeat(65), 'x'.repeat(66)),
);

const oddInput = fc.oneof(
  fc.constantFrom('{}', '', ' ', '{"a":1}', '{"a', '[1]', '"x"', 'null', '7', '{"a":"\\ud83d"}', '{"\\ud83d":1}'),
  fc.constantFrom(
    '{"":1}',
    '{"a":{"":[{"":2,"b":3}]}}',
    '[{"":1}]',
    '{"__proto__":{"a":1}}',
    '{"\\"":1}',
    '{"a":"\\"\\":"}',
  ),
  fc.json({ maxDepth: 4 }),
);

const image = fc.constantFrom(
  { type: 'image', format: 'png', data: PNG } as const,
  {
    type: 'image',
    format: 'gif',
    data: GIF,
  } as const,
);

const document = fc.record({
  type: fc.constant('document' as const),
  name: fc.constantFrom('a.pdf', 'a/pdf', '', ' ', '漢.pdf', 'a'.repeat(300), 'a-pdf (2)', 'b  c'),
  format: fc.constantFrom('pdf' as const, 'md' as const, 'xlsx' as const),
  data: fc.constant('JVBERi0='),
});

const resultPart: fc.Arbitrary<ToolResultPart> = fc.oneof(
  { weight: 3, arbitrary: oddText.map((text) => ({ type: 'text' as const, text })) },
  { weight: 1, arbitrary: image.map((it) => ({ ...it })) },
  { weight: 1, arbitrary: document },
);

const userPart: fc.Arbitrary<UserPart> = fc.oneof(
  { weight: 3, arbitrary: oddText.map((text) => ({ type: 'text' as const, text })) },
  { weight: 1, arbitrary: oddText.map((text) => ({ type: 'system' as const, text })) },
  { weight: 1, arbitrary: image.map((it) => ({ ...it })) },
  { weight: 1, arbitrary: document },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('tool-result' as const),
      id: oddId,
      content: fc.array(resultPart, { maxLength: 3 }),
      isError: fc.boolean(),
    }),
  },
);

/** Signatures are the simulator's own, or none: nobody can make a foreign one good. */
const block: fc.Arbitrary<Block> = fc.oneof(
  { weight: 2, arbitrary: oddText.map((text) => ({ type: 'text' as const, text })) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('', 'hm', 'well')
      .chain((text) =>
        fc.constantFrom('', signReasoning(text)).map((signature) => ({ type: 'reasoning' as const, text, signature })),
      ),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'redacted-reasoning' as const, data: redactReasoning('hm') }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('tool-call' as const), id: oddId, name: oddName, input: oddInput }),
  },
);

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ role: fc.constant('user' as const), parts: fc.array(userPart, { maxLength: 4 }) }),
  fc.record({ role: fc.constant('assistant' as const), blocks: fc.array(block, { maxLength: 4 }) }),
);

export const anyMessages: fc.Arbitrary<readonly Message[]> = fc.array(message, { maxLength: 10 });

const keyword = fc.oneof(
  fc.constantFrom(
    'type',
    'properties',
    'required',
    'items',
    'enum',
    'const',
    'anyOf',
    'oneOf',
    'allOf',
    '$ref',
    '$defs',
  ),
  fc.constantFrom('title', 'description', 'format', 'pattern', 'additionalProperties', '$schema', 'default', 'not'),
  fc.constantFrom('nullable', 'definitions', 'prefixItems', 'constructor', '__proto__', 'toString', '', 'a'),
);

/** JSON that looks like a schema and is wrong in every way. */
export const anySchema: fc.Arbitrary<Readonly<Record<string, unknown>>> = fc.letrec<{
  schema: Readonly<Record<string, unknown>>;
  value: unknown;
}>((tie) => ({
  schema: fc.dictionary(keyword, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom<unknown>(null, true, 0, '', 'object', 'string', 'null', 'any', 'OBJECT', [], ['a'], [null], {}),
    fc.constantFrom<unknown>(
      ['string', 'null'],
      ['null'],
      ['any'],
      '#',
      '#/$defs/a',
      '#/properties/a',
      '#/constructor',
    ),
    tie('schema'),
    fc.array(tie('schema'), { maxLength: 3 }),
  ),
})).schema;

const tool = fc.record({
  name: oddName,
  description: fc.oneof(oddText, fc.constantFrom('x'.repeat(10_000), '👍'.repeat(5001))),
  inputSchema: fc.option(anySchema, { nil: undefined }),
});

const wish = fc.record(
  {
    mode: fc.constantFrom('on' as const, 'off' as const),
    effort: fc.constantFrom('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'),
    budget: fc.constantFrom(0, 1024, 15_000, 25_000, 100_000),
  },
  { requiredKeys: [] },
);

/** Any conversation whatsoever. */
export const anyConversation: fc.Arbitrary<Conversation> = fc.record({
  model: oddText,
  system: fc.array(oddText, { maxLength: 3 }),
  messages: anyMessages,
  tools: fc.array(tool, { maxLength: 4 }),
  reasoning: wish,
  toolChoice: fc.oneof(
    fc.constantFrom(undefined, { mode: 'none' as const }, { mode: 'required' as const }),
    fc.array(oddName, { maxLength: 2 }).map((names) => ({ mode: 'named' as const, names })),
  ),
  parallelToolCalls: fc.constantFrom(undefined, false),
  answerFormat: fc.option(fc.record({ schema: fc.option(anySchema, { nil: undefined }) }), { nil: undefined }),
  sessionId: fc.option(oddText, { nil: undefined }),
});

export const anyModel: fc.Arbitrary<Model> = fc.constantFrom(...models);
