/** The ordinary answers: what a newcomer meets. */
import { expect, test } from '@jest/globals';
import { listModels } from '../../src/simulator/control.js';
import { findTopic } from '../../src/simulator/script.js';
import { checkChatRequest } from '../../src/simulator/rules.js';
import { findSum } from '../../src/simulator/answers.js';
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
  ['Please work out 12 * (3 + 4).', '12 * (3 + 4) = 84.'],
  ['Hello there', 'Hello! Nice to meet you. What shall we try?'],
  ['Who are you?', 'I am the stand-in that answers while no real account is asked.'],
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

const SUMS: readonly (readonly [string, number | undefined])[] = [
  ['2+2?', 4],
  ['what is 7 × 6', 42],
  ['1 + 2 * 3 - 4 / 2', 5],
  ['(1 + 2) * -3', -9],
  ['0.1 + 0.2', 0.3],
  ['1/0', undefined],
  ['on 2026-01-31', undefined],
  ['(1 + 2', undefined],
  ['two plus two', undefined],
];

test.each(SUMS)('the sum in %j is %j', (text, value) => {
  expect(findSum(text)?.value).toBe(value);
});
