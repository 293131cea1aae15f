/** Each named scenario and the fact it stands for. */
import { expect, test } from '@jest/globals';
import {
  BROKEN_TEXT,
  ERROR_FRAME,
  EXCEPTION_FIRST,
  EXCEPTION_LATER,
  listScenarios,
  LOOKALIKE_TEXT,
  SCENE_TEXT,
  THOUGHT,
  TORN_TEXT,
} from '../../src/simulator/scenarios.js';
import { redactReasoning, signReasoning } from '../../src/simulator/script.js';
import type { BodyOptions, Line } from './support.js';
import {
  answered,
  ask,
  asked,
  body,
  called,
  decode,
  last,
  resulted,
  simulate,
  tell,
  textOf,
  tool,
  until,
} from './support.js';

const TOOLS = [tool('get_weather'), tool('get_time'), tool('third'), tool('fourth')];
const CITY = '{"city":"Oslo"}';

const TEXTS: Readonly<Record<string, string>> = {
  text: SCENE_TEXT,
  'repeated-deltas': 'ha'.repeat(20),
  'protocol-lookalike': LOOKALIKE_TEXT,
  'torn-characters': TORN_TEXT,
  'tool-call': 'I will look that up.',
  'tool-call-parallel': '',
  'tool-call-without-input': '',
  'tool-call-cut': 'I will write it down.',
  'reasoning-signed': SCENE_TEXT,
  'reasoning-redacted': SCENE_TEXT,
  'reasoning-tags': `<thinking>${THOUGHT}</thinking>\n\n${SCENE_TEXT}`,
  interleaved: 'Before the call.After the call.',
  'slow-first-byte': 'Sorry to keep you waiting.',
  'unknown-events': 'Text goes on between the events that nobody knows.',
  'metadata-only': '',
  long: counted(2000),
  glued: counted(200),
  clients: 'STUB-FINAL-7391',
};

test.each(Object.entries(TEXTS))('%s says its text and ends with its numbers', async (name, text) => {
  const lines = await play(name);
  expect(textOf(lines)).toBe(text);
  expect(lines.slice(-3).map((line) => line.name)).toEqual(['contextUsageEvent', 'meteringEvent', 'metadataEvent']);
});

const CALLS: Readonly<Record<string, readonly (readonly [string, string, boolean])[]>> = {
  'tool-call': [['get_weather', CITY, true]],
  'tool-call-parallel': [
    ['get_weather', CITY, true],
    ['get_time', CITY, true],
    ['third', CITY, true],
  ],
  'tool-call-without-input': [['get_weather', '', true]],
  'tool-call-cut': [['get_weather', '{"text":"It was a dark and stormy ni', false]],
  interleaved: [['get_weather', CITY, true]],
};

test.each(Object.entries(CALLS))('%s calls the first tools on offer', async (name, calls) => {
  const lines = await play(name);
  expect(readCalls(lines)).toEqual(calls);
  const isCut = name === 'tool-call-cut';
  expect(last(lines, 'metadataEvent')?.['stopReason']).toBe(isCut ? 'MAX_TOKENS' : 'TOOL_USE');
});

test.each(Object.keys(CALLS))(
  '%s says so when there is no tool, and retells a result when there is one',
  async (name) => {
    const simulator = await simulate({ scenario: name });
    expect(textOf(await tell(simulator, body('Hi')))).toBe('This scenario calls a tool, but the request offers none.');
    const round: BodyOptions = {
      history: [asked('Weather?'), answered('', { toolUses: [called('t1')] })],
      context: { tools: TOOLS, toolResults: [resulted('t1')] },
    };
    expect(textOf(await tell(simulator, body('', round)))).toBe('The tool `get_weather` answered: Sunny.');
  },
);

test('reasoning-signed thinks first, and signs in two fragments', async () => {
  const lines = await play('reasoning-signed');
  const events = lines.filter(({ name }) => name === 'reasoningContentEvent').map(({ payload }) => payload);
  expect(events.map((event) => event['text'] ?? '').join('')).toBe(THOUGHT);
  expect(events.map((event) => event['signature'] ?? '').join('')).toBe(signReasoning(THOUGHT));
  expect(events.slice(-2).every((event) => 'signature' in event)).toBe(true);
});

test('reasoning-redacted ends with reasoning that nobody can read', async () => {
  const lines = await play('reasoning-redacted');
  expect(lines.at(-4)).toEqual({
    name: 'reasoningContentEvent',
    payload: { redactedContent: redactReasoning(THOUGHT) },
  });
});

test('interleaved thinks, speaks, calls and speaks again', async () => {
  const names = (await play('interleaved')).map(({ name }) => name);
  expect(names.filter((name, index) => name !== names[index - 1])).toEqual([
    'messageMetadataEvent',
    'reasoningContentEvent',
    'assistantResponseEvent',
    'toolUseEvent',
    'assistantResponseEvent',
    'contextUsageEvent',
    'meteringEvent',
    'metadataEvent',
  ]);
});

test('exception-first is an exception and nothing else', async () => {
  expect(await play('exception-first')).toEqual([
    { name: EXCEPTION_FIRST.exception, payload: EXCEPTION_FIRST.payload },
  ]);
});

test('exception-later and error-frame fail after their text', async () => {
  const [later, error] = [await play('exception-later'), await play('error-frame')];
  expect([textOf(later), textOf(error)]).toEqual([BROKEN_TEXT, BROKEN_TEXT]);
  expect(later.at(-1)).toEqual({ name: EXCEPTION_LATER.exception, payload: EXCEPTION_LATER.payload });
  expect(error.at(-1)).toEqual({ name: ERROR_FRAME.error, payload: {} });
});

const REFUSALS: readonly (readonly [string, number, string | null, string])[] = [
  ['throttled', 429, null, 'Too many requests, please wait before trying again.'],
  ['capacity', 429, 'INSUFFICIENT_MODEL_CAPACITY', 'I am experiencing high traffic, please try again shortly.'],
  ['quota', 402, 'MONTHLY_REQUEST_COUNT', 'You have reached the limit.'],
  ['overflow', 400, 'CONTENT_LENGTH_EXCEEDS_THRESHOLD', 'Input is too long.'],
  [
    ...(['suspended', 403, 'TEMPORARILY_SUSPENDED'] as const),
    'Your User ID temporarily is suspended. Contact support to restore your access.',
  ],
  [
    ...(['server-error', 500, null] as const),
    'Encountered an unexpected error when processing the request, please try again.',
  ],
  ['unavailable', 503, null, 'Service is temporarily unavailable.'],
  ['token-expired', 403, null, 'The bearer token included in the request is invalid.'],
  ['improper', 400, 'REQUEST_BODY_INVALID', 'Improperly formed request.'],
];

test.each(REFUSALS)('%s answers %i', async (name, status, reason, message) => {
  const simulator = await simulate({ scenario: name });
  for (const _ of [1, 2]) {
    const answer = await ask(simulator, body('Hi'));
    expect([answer.status, await answer.json()]).toEqual([status, { message, reason }]);
  }
});

test('empty is 200 and not a byte', async () => {
  const answer = await ask(await simulate(), body('[[scenario:empty]]'));
  expect([answer.status, await answer.text()]).toEqual([200, '']);
});

test('metadata-only has nothing but numbers', async () => {
  expect((await play('metadata-only')).map(({ name }) => name)).toEqual([
    'contextUsageEvent',
    'meteringEvent',
    'metadataEvent',
  ]);
});

test('unknown-events has strangers between its deltas', async () => {
  const names = new Set((await play('unknown-events')).map(({ name }) => name));
  expect([...names]).toEqual(
    expect.arrayContaining(['somethingNewEvent', 'followupPromptEvent', 'codeReferenceEvent', 'anotherNewEvent']),
  );
});

test('damaged carries a frame that the oracle refuses', async () => {
  const answer = await ask(await simulate(), body('[[scenario:damaged]]'));
  await expect(decode(new Uint8Array(await answer.arrayBuffer()))).rejects.toThrow(/checksum/);
});

test('cut breaks the connection inside a frame', async () => {
  const simulator = await simulate();
  const answer = await ask(simulator, body('[[scenario:cut]]'));
  expect(answer.status).toBe(200);
  await expect(answer.arrayBuffer()).rejects.toThrow();
  expect(simulator.requests.at(-1)).toMatchObject({ aborted: false });
});

test('stall sends its text, then nothing until the client leaves', async () => {
  const simulator = await simulate();
  const leaving = new AbortController();
  const answer = await ask(simulator, body('[[scenario:stall]]'), leaving.signal);
  let received = '';
  for await (const chunk of answer.body ?? []) {
    received += Buffer.from(chunk).toString('latin1');
    if (received.includes('wrong.')) break;
  }
  leaving.abort();
  await until(() => simulator.requests.at(-1)?.aborted === true);
});

test('the marker in a prompt wins over the scenario of the run', async () => {
  const simulator = await simulate({ scenario: 'quota' });
  expect(textOf(await tell(simulator, body('Hi [[scenario:repeated-deltas]] there')))).toBe('ha'.repeat(20));
});

test('a scenario that does not exist cannot be started', async () => {
  await expect(simulate({ scenario: 'nonsense' })).rejects.toThrow('There is no scenario "nonsense".');
});

test('every scenario has a description that is one sentence', () => {
  for (const { description } of listScenarios()) expect(description).toMatch(/^[A-Z0-9].+\.$/);
});

async function play(name: string): Promise<Line[]> {
  return tell(await simulate(), body(`[[scenario:${name}]]`, { context: { tools: TOOLS } }));
}

/** Name, joined input and whether it was stopped, of each call. */
function readCalls(lines: readonly Line[]): unknown[] {
  const events = lines.filter(({ name }) => name === 'toolUseEvent').map(({ payload }) => payload);
  const ids = [...new Set(events.map((event) => event['toolUseId']))];
  return ids.map((id) => {
    const own = events.filter((event) => event['toolUseId'] === id);
    return [own[0]?.['name'], own.map((event) => event['input'] ?? '').join(''), own.at(-1)?.['stop'] === true];
  });
}

function counted(count: number): string {
  return Array.from({ length: count }, (_, index) => `${index + 1} `).join('');
}
