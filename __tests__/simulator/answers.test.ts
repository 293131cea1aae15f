/** The ordinary answers: what a newcomer meets. */
import { expect, test } from '@jest/globals';
import { listModels } from '../../src/simulator/control.js';
import { findTopic } from '../../src/simulator/script.js';
import { checkChatRequest } from '../support/rules.js';
import type { BodyOptions } from './support.js';
import {
  answered,
  asked,
  body,
  called,
  GIF,
  image,
  last,
  PNG,
  resulted,
  simulate,
  tell,
  textOf,
  tool,
} from './support.js';

const DISCLOSURE = 'This answer comes from the kiro-gateway simulator, not from a model.';

const TEXTS: readonly (readonly [string, string])[] = [
  ['What is 2+2?', '2+2 = 4.'],
  ['what is 7 × 6', '7 × 6 = 42.'],
  ['0.1 + 0.2.', '0.1 + 0.2 = 0.3.'],
  ['1/0', 'You said: "1/0". Understood.'],
  ['1 + 2 * 3', 'You said: "1 + 2 * 3". Understood.'],
  ['Nothing on 2026-01-31', 'You said: "Nothing on 2026-01-31". Understood.'],
  ['Hello there', 'Hello! Nice to meet you. What shall we try?'],
  ['How do trees drink?', 'You asked: "How do trees drink?" A model would answer that here.'],
  ['Trees are tall.', 'You said: "Trees are tall". Understood.'],
  ['<system-reminder>\nObey.\n</system-reminder>\n\nHello', 'Hello! Nice to meet you. What shall we try?'],
  ['Hi [[scenario:nonsense]]', 'There is no scenario "nonsense".'],
];

test.each(TEXTS)('%j is answered', async (prompt, text) => {
  const said = textOf(await tell(await simulate(), body(prompt)));
  expect(said.replace(`\n\n${DISCLOSURE}`, '')).toBe(text);
});

test('the simulator says once in a conversation that it is no model', async () => {
  const simulator = await simulate();
  const first = textOf(await tell(simulator, body('Hello')));
  expect(first.split(DISCLOSURE)).toHaveLength(2);
  const second = textOf(await tell(simulator, body('And now?', { history: [asked('Hello'), answered(first)] })));
  expect(second).not.toContain(DISCLOSURE);
});

test('an answer begins with the conversation and ends with numbers and the stop reason', async () => {
  const lines = await tell(await simulate(), body('Hello'));
  expect(lines[0]?.name).toBe('messageMetadataEvent');
  expect(lines.slice(-3)).toEqual([
    { name: 'contextUsageEvent', payload: { contextUsagePercentage: expect.any(Number) } },
    { name: 'meteringEvent', payload: { usage: expect.any(Number), unit: 'credit', unitPlural: 'credits' } },
    {
      name: 'metadataEvent',
      payload: {
        tokenUsage: {
          uncachedInputTokens: expect.any(Number),
          outputTokens: expect.any(Number),
          totalTokens: expect.any(Number),
          cacheReadInputTokens: 0,
        },
        stopReason: 'END_TURN',
      },
    },
  ]);
});

test('images are described by their format and size, documents by their name', async () => {
  const user = {
    images: [image(PNG), image(GIF, 'gif')],
    documents: [{ name: 'plan', format: 'md', source: { bytes: 'IyBQbGFu' } }],
  };
  expect(textOf(await tell(await simulate(), body('What do you see?', { user })))).toContain(
    'I see a PNG image of 1 × 1 pixels. I see a GIF image of 1 × 1 pixels. I have the MD document "plan".',
  );
});

const weather = tool('get_weather', {
  type: 'object',
  properties: {
    city: { type: 'string' },
    unit: { enum: ['celsius', 'kelvin'] },
    days: { type: 'integer', minimum: 2 },
  },
  required: ['city', 'unit', 'days'],
});
const shell = tool('Bash', { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] });
const write = tool('Write', { type: 'object', properties: { file_path: { type: 'string' } }, required: ['file_path'] });

const CALLS: readonly (readonly [string, readonly object[], string | undefined])[] = [
  ['Call get_weather for me', [shell, weather], 'get_weather {"city":"Oslo","unit":"celsius","days":2}'],
  ['Use the tool', [weather, shell], 'get_weather {"city":"Oslo","unit":"celsius","days":2}'],
  ['Run something', [weather, shell], 'Bash {"command":"echo hello"}'],
  ['Please use the bash tool', [weather, shell], 'Bash {"command":"echo hello"}'],
  ['Write a poem', [write, shell], undefined],
  ['Try `Write` now', [shell, write], 'Write {"file_path":"README.md"}'],
  ['Hello', [weather], undefined],
];

test.each(CALLS)('%j calls the right tool', async (prompt, tools, call) => {
  const lines = await tell(await simulate(), body(prompt, { context: { tools } }));
  const fragments = lines.filter(({ name }) => name === 'toolUseEvent').map(({ payload }) => payload);
  const input = fragments.map((fragment) => fragment['input'] ?? '').join('');
  expect(fragments.length === 0 ? undefined : `${String(fragments[0]?.['name'])} ${input}`).toBe(call);
  expect(last(lines, 'metadataEvent')?.['stopReason']).toBe(call === undefined ? 'END_TURN' : 'TOOL_USE');
});

const ORDERS: readonly (readonly [string, readonly object[], string | undefined])[] = [
  ['In this turn you must call a tool; do not answer in words alone.', [weather, shell], 'get_weather'],
  ['In this turn you must call the tool `Bash`; do not answer in words alone.', [shell], 'Bash'],
  ['Use the tools when they help.', [weather, shell], undefined],
];

test.each(ORDERS)('%j in the instructions is obeyed', async (order, tools, name) => {
  const history = [asked(`Be brief.\n\n${order}`), answered('OK')];
  const lines = await tell(await simulate(), body('Hello', { history, context: { tools } }));
  expect(last(lines, 'toolUseEvent')?.['name']).toBe(name);
});

test.each([
  ['success', 'The tool `get_weather` answered: Sunny.'],
  ['error', 'The tool `get_weather` failed and said: Sunny.'],
])('a tool result of %s is retold', async (status, text) => {
  const round: BodyOptions = {
    history: [asked('Weather?'), answered('', { toolUses: [called('t1')] })],
    context: { tools: [weather], toolResults: [resulted('t1', 'Sunny.', status)] },
  };
  expect(textOf(await tell(await simulate(), body('', round)))).toBe(text);
});

const THINKING: readonly (readonly [string, string, object | undefined, string])[] = [
  ['adaptive thinking', 'claude-opus-4.6', { thinking: { type: 'adaptive' } }, 'shown first'],
  [
    'thinking to be summarised',
    'claude-opus-4.8',
    { thinking: { type: 'adaptive', display: 'summarized' } },
    'shown first',
  ],
  ['thinking without a display', 'claude-opus-4.8', { thinking: { type: 'adaptive' } }, 'none'],
  ['thinking to be left out', 'claude-opus-4.8', { thinking: { type: 'adaptive', display: 'omitted' } }, 'none'],
  ['an effort alone', 'claude-opus-4.8', { output_config: { effort: 'low' } }, 'none'],
  ['reasoning of GPT', 'gpt-5.6-sol', { reasoning: { effort: 'high' } }, 'redacted last'],
  ['no reasoning of GPT', 'gpt-5.6-sol', { reasoning: { effort: 'none' } }, 'none'],
  ['nothing', 'auto', undefined, 'none'],
];

test.each(THINKING)('%s is respected', async (_, modelId, fields, expected) => {
  const top = fields === undefined ? {} : { additionalModelRequestFields: fields };
  const lines = await tell(await simulate(), body('Hello', { user: { modelId }, top }));
  const at = lines.findIndex(({ name }) => name === 'reasoningContentEvent');
  const firstText = lines.findIndex(({ name }) => name === 'assistantResponseEvent');
  const found = at === -1 ? 'none' : at < firstText ? 'shown first' : 'redacted last';
  expect(found).toBe(expected);
});

test('a prompt that asks to think gets signed reasoning, which is taken back in the history', async () => {
  const lines = await tell(await simulate(), body('Think about trees'));
  const events = lines.filter(({ name }) => name === 'reasoningContentEvent').map(({ payload }) => payload);
  expect(events.filter((event) => 'signature' in event)).toHaveLength(2);
  const reasoningText = {
    text: events.map((event) => event['text'] ?? '').join(''),
    signature: events.map((event) => event['signature'] ?? '').join(''),
  };
  const history = [asked('Think about trees'), answered('Done.', { reasoningContent: { reasoningText } })];
  expect(checkChatRequest(body('And?', { history }))).toBeUndefined();
});

test('an order for thinking tags is obeyed', async () => {
  const prompt = '<thinking_mode>enabled</thinking_mode>\n\nHello';
  expect(textOf(await tell(await simulate(), body(prompt)))).toMatch(/^<thinking>.+<\/thinking>\n\nHello!/);
});

test('a schema in the instructions is answered with JSON that satisfies it', async () => {
  const schema = { type: 'object', properties: { title: { type: 'string', maxLength: 4 }, score: { type: 'number' } } };
  const order = `Answer with JSON that follows this JSON schema:\n${JSON.stringify(schema, null, 2)}`;
  const lines = await tell(await simulate(), body('Name it', { history: [asked(order), answered('OK')] }));
  expect(JSON.parse(textOf(lines))).toEqual({ title: 'exam', score: 1 });
});

const SHAPES: readonly (readonly [string, object, unknown])[] = [
  [
    'a reference at the root',
    { $ref: '#/$defs/a', $defs: { a: { type: 'object', properties: { n: { type: 'null' } } } } },
    { n: null },
  ],
  [
    'conditions beside its properties',
    { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'], anyOf: [{ required: ['a'] }] },
    { a: 1 },
  ],
  ['a list at the root', { type: 'array', minItems: 2, items: { type: 'integer', minimum: 3 } }, [3, 3]],
];

test.each(SHAPES)('a schema with %s is answered as well', async (_, schema, expected) => {
  const order = `The answer follows this JSON schema:\n${JSON.stringify(schema)}`;
  expect(JSON.parse(textOf(await tell(await simulate(), body(order))))).toEqual(expected);
});

test('an order for JSON without a schema is answered with an object', async () => {
  const order = 'Write your final answer as one JSON value and nothing else.';
  const lines = await tell(await simulate(), body('2+2', { history: [asked(order), answered('OK')] }));
  expect(JSON.parse(textOf(lines))).toEqual({ answer: '2+2 = 4.' });
});

const WIDE = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`p${index}`, { $ref: '#/$defs/wide' }]));

test.each([
  ['leads round in ten circles', { $ref: '#/$defs/wide', $defs: { wide: { type: 'object', properties: WIDE } } }],
  ['wants a list of a billion', { properties: { a: { type: 'array', minItems: 1e9, items: { type: 'string' } } } }],
  ['wants a text of a billion', { properties: { a: { type: 'string', minLength: 1e9 } } }],
])('a schema that %s is answered without a wait', async (_, schema) => {
  const order = `The answer follows this JSON schema:\n${JSON.stringify(schema)}`;
  const text = textOf(await tell(await simulate(), body(order)));
  expect([typeof JSON.parse(text), text.length < 100_000]).toEqual(['object', true]);
});

test('the same request is answered with the same bytes', async () => {
  const simulator = await simulate();
  const request = body('Use the tool', { context: { tools: [weather] } });
  expect(await tell(simulator, request)).toEqual(await tell(simulator, request));
});

test('each model of the catalogue answers, and auto names a concrete one', async () => {
  const simulator = await simulate();
  for (const { modelId } of listModels()) {
    const lines = await tell(simulator, body('Hello', { user: { modelId } }));
    expect(last(lines, 'assistantResponseEvent')?.['modelId']).toBe(modelId === 'auto' ? 'claude-sonnet-4.6' : modelId);
  }
});

const TOPICS: readonly (readonly [string, string])[] = [
  ['one\n\ntwo\n', 'two'],
  ['<a>x</a>\nreal\n<b>\ny\n</b>', 'real'],
  ['<a>only</a>', '<a>only</a>'],
  ['[[scenario:text]] hi', 'hi'],
  ['', ''],
];

test.each(TOPICS)('the topic of %j is %j', (content, topic) => {
  expect(findTopic(content)).toBe(topic);
});
