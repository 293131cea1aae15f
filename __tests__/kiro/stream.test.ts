/** Turns as dialogues: what Kiro sends, and what it becomes. */

import { expect, test } from '@jest/globals';
import type { Block } from '../../src/core/conversation.js';
import { GatewayError } from '../../src/core/errors.js';
import { begin, type Completion, type StreamEvent, type Usage } from '../../src/core/stream.js';
import { toTurn } from '../../src/kiro/stream.js';
import type { SceneLine } from '../../src/simulator/frames.js';
import { LOOKALIKE_TEXT } from '../../src/simulator/scenarios.js';
import { cutAt, told } from '../support/bytes.js';
import {
  asked,
  bytesOf,
  call,
  errorFrame,
  exception,
  hear,
  metadata,
  metering,
  percentage,
  redact,
  say,
  sign,
  stopFor,
  think,
  turnOf,
} from '../support/turns.js';

/** A scene, and the blocks and the finish reason of its turn; or the error that it throws before anything comes. */
function check(title: string, lines: readonly SceneLine[], expected: Block[] | string, reason: string = 'stop'): void {
  test(title, async () => {
    const { events, thrown } = await hear(turnOf([bytesOf(lines)]));
    const last = events.at(-1);
    if (typeof expected === 'string') expect([events, thrown]).toEqual([[], expected]);
    else if (last?.type !== 'finish') expect(thrown).toBe('a finish');
    else expect([last.completion.blocks, last.completion.finishReason]).toEqual([expected, reason]);
  });
}

const text = (it: string): Block => ({ type: 'text', text: it });
const thought = (it: string, signature = ''): Block => ({ type: 'reasoning', text: it, signature });
const hidden = (data: string): Block => ({ type: 'redacted-reasoning', data });
const toolCall = (id: string, input: string): Block => ({ type: 'tool-call', id, name: 'f', input });
const estimated: Usage = {
  inputTokens: 100,
  outputTokens: 1,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
  source: 'estimate',
};

// --- the events, whole

test('a turn with all kinds of blocks, event by event', async () => {
  const lines = [
    { event: 'messageMetadataEvent', payload: { conversationId: 'c' } },
    think('h'),
    think('m'),
    sign('s'),
    redact('QQ=='),
    say('hi'),
    call('t1'),
    call('t1', { input: '{}' }),
    call('t1', { stop: true }),
    stopFor('TOOL_USE'),
    metering(0.5),
  ];
  const blocks = [thought('hm', 's'), hidden('QQ=='), text('hi'), toolCall('t1', '{}')] as const;
  const [first, second, third, fourth] = blocks;
  const usage = { ...estimated, outputTokens: 5, reasoningTokens: 2 };
  const events: StreamEvent[] = [
    { type: 'start', inputTokens: 100 },
    { type: 'block-start', index: 0, block: { type: 'reasoning' } },
    { type: 'block-delta', index: 0, block: 'reasoning', delta: 'h' },
    { type: 'block-delta', index: 0, block: 'reasoning', delta: 'm' },
    { type: 'block-end', index: 0, block: first },
    { type: 'block-start', index: 1, block: { type: 'redacted-reasoning', data: 'QQ==' } },
    { type: 'block-end', index: 1, block: second },
    { type: 'block-start', index: 2, block: { type: 'text' } },
    { type: 'block-delta', index: 2, block: 'text', delta: 'hi' },
    { type: 'block-end', index: 2, block: third },
    { type: 'block-start', index: 3, block: { type: 'tool-call', id: 't1', name: 'f' } },
    { type: 'block-delta', index: 3, block: 'tool-call', delta: '{}' },
    { type: 'block-end', index: 3, block: fourth },
    { type: 'finish', completion: { blocks, finishReason: 'tool-calls', usage, credits: 0.5 } },
  ];
  expect(await hear(turnOf([bytesOf(lines)]))).toEqual({ events, thrown: undefined });
});

test('a chunk makes one batch, and a chunk that completes nothing makes none', async () => {
  const bytes = bytesOf([say('a'), say('b'), say('c')]);
  const half = bytesOf([say('a'), say('b')]).length;
  const sizes: number[] = [];
  for await (const batch of turnOf(cutAt(bytes, [half - 3, half, half + 9]))) sizes.push(batch.length);
  // start, block-start, a · b · c · block-end, finish
  expect(sizes).toEqual([3, 1, 1, 2]);
});

// --- text

check('repeated deltas are all kept', [say('ha'), say('ha'), say('ha')], [text('hahaha')]);
check('a delta that begins with the one before is no repetition', [say('a'), say('ab')], [text('aab')]);
check('text that looks like the protocol is text', [say(LOOKALIKE_TEXT)], [text(LOOKALIKE_TEXT)]);
check('white space is text', [say(' '), say('\n')], [text(' \n')]);
check(
  'an unknown event between two texts parts nothing',
  [say('a'), { event: 'x', payload: {} }, say('b')],
  [text('ab')],
);
check('usage between two texts parts nothing', [say('a'), metering(1), percentage(1), say('b')], [text('ab')]);

test('a character that is split over two deltas comes whole, in whatever block', async () => {
  const [high, low] = ['\ud83c', '\udf89'];
  const lines = [
    ...[`a${high}`, `${low}b`].map((it) => think(it)),
    sign('s'),
    ...[high, `${low}${high}`, low].map((it) => say(it)),
    ...[`{"a":"${high}`, `${low}"}`].map((input) => call('t1', { input })),
    call('t1', { stop: true }),
  ];
  const { events } = await hear(turnOf([bytesOf(lines)]));
  const deltas = events.flatMap((it) => (it.type === 'block-delta' ? [it.delta] : []));
  expect(deltas).toEqual(['a', '🎉b', '🎉', '🎉', '{"a":"', '🎉"}']);
});

check('half a character that stays alone is replaced', [say('a\ud83c')], [text('a\ufffd')]);
check('the second half of a character alone, too', [say('a\udf89b')], [text('a\ufffdb')]);

// --- tool calls

check(
  'fragments of a call add up',
  [call('t1'), call('t1', { input: '{"a":' }), call('t1', { input: '1}' }), call('t1', { stop: true })],
  [toolCall('t1', '{"a":1}')],
  'tool-calls',
);
check(
  'a fragment beside the stop is kept',
  [call('t1', { input: '{"a":' }), call('t1', { input: '1}', stop: true })],
  [toolCall('t1', '{"a":1}')],
  'tool-calls',
);
check(
  'an input as an object',
  [call('t1', { input: { a: 1 }, stop: true })],
  [toolCall('t1', '{"a":1}')],
  'tool-calls',
);
check(
  'a start with an empty object, and then fragments',
  [call('t1', { input: {} }), call('t1', { input: '{"a":1}' }), call('t1', { stop: true })],
  [toolCall('t1', '{"a":1}')],
  'tool-calls',
);
check('a call without input', [call('t1'), call('t1', { stop: true })], [toolCall('t1', '{}')], 'tool-calls');
check('a call in one frame without input', [call('t1', { stop: true })], [toolCall('t1', '{}')], 'tool-calls');
check(
  'parallel calls',
  [
    call('t1', { input: '{}', stop: true }),
    call('t2', { input: '{"b"' }),
    call('t2', { input: ':2}' }),
    call('t2', { stop: true }),
  ],
  [toolCall('t1', '{}'), toolCall('t2', '{"b":2}')],
  'tool-calls',
);
check(
  'a new id ends the call before it, stop or not',
  [call('t1', { input: '{"a":1}' }), call('t2', { input: '{}' }), call('t2', { stop: true })],
  [toolCall('t1', '{"a":1}'), toolCall('t2', '{}')],
  'tool-calls',
);
check(
  'text ends a call, stop or not, and text after calls is a block of its own',
  [say('a'), call('t1', { input: '{}' }), say('b')],
  [text('a'), toolCall('t1', '{}'), text('b')],
  'tool-calls',
);
check(
  'a second stop is passed over',
  [call('t1', { input: '{}', stop: true }), call('t1', { stop: true }), say('a')],
  [toolCall('t1', '{}'), text('a')],
  'tool-calls',
);
check(
  'a call that was not stopped but is whole counts',
  [call('t1', { input: '{}' })],
  [toolCall('t1', '{}')],
  'tool-calls',
);
check(
  'a call that was cut off stays byte for byte',
  [say('a'), call('t1'), call('t1', { input: '{"text":"It was a da' })],
  [text('a'), toolCall('t1', '{"text":"It was a da')],
  'length',
);
check(
  'a call that was stopped in the middle of its input stays byte for byte',
  [call('t1', { input: '{"a' }), call('t1', { stop: true })],
  [toolCall('t1', '{"a')],
  'length',
);
check(
  'a call that was cut off before its input is not a call without input',
  [call('t1')],
  [toolCall('t1', '{')],
  'length',
);
check(
  'a call that was cut off before its input by another call is not a call without input',
  [call('t1'), call('t2', { stop: true })],
  [toolCall('t1', '{'), toolCall('t2', '{}')],
  'length',
);
check(
  'one call that was cut off makes the whole turn cut off',
  [call('t1', { stop: true }), call('t2', { input: '[' }), stopFor('TOOL_USE')],
  [toolCall('t1', '{}'), toolCall('t2', '[')],
  'length',
);

check(
  'calls that are interleaved come one after the other, whole',
  [
    call('t1', { input: '{"a":' }),
    call('t2', { input: '{"b":' }),
    call('t1', { input: '1}' }),
    call('t3'),
    call('t2', { input: '2}' }),
    call('t1', { stop: true }),
    call('t3', { stop: true }),
    call('t2', { stop: true }),
  ],
  [toolCall('t1', '{"a":1}'), toolCall('t2', '{"b":2}'), toolCall('t3', '{}')],
  'tool-calls',
);
check(
  'what is said in the middle of a call comes after it',
  [call('t1', { input: '{"a":' }), say('a'), think('b'), call('t1', { input: '1}' }), say('c')],
  [toolCall('t1', '{"a":1}'), text('a'), thought('b'), text('c')],
  'tool-calls',
);

test('a call that goes on after its end breaks the turn', async () => {
  const lines = [call('t1', { stop: true }), call('t1', { input: '{}' })];
  expect((await hear(turnOf([bytesOf(lines)]))).thrown).toBe(
    'upstream-protocol: Kiro went on with a tool call that it had ended; try again.',
  );
});

check(
  'a call without a name is refused',
  [call('t1', { name: '' })],
  'upstream-protocol: Kiro sent a tool call without a name; try again.',
);
check(
  'a fragment may leave the name out',
  [call('t1'), call('t1', { name: undefined, input: '{}' })],
  [toolCall('t1', '{}')],
  'tool-calls',
);

test('names of tools are given back as the client knows them', async () => {
  const restoreToolName = (name: string) => `client.${name}`;
  const { events } = await hear(turnOf([bytesOf([call('t1', { stop: true })])], { restoreToolName }));
  expect(events.slice(1, 3)).toEqual([
    { type: 'block-start', index: 0, block: { type: 'tool-call', id: 't1', name: 'client.f' } },
    { type: 'block-end', index: 0, block: { type: 'tool-call', id: 't1', name: 'client.f', input: '{}' } },
  ]);
});

// --- reasoning

check('a thought and its signature', [think('h'), think('m'), sign('s'), say('a')], [thought('hm', 's'), text('a')]);
check('a signature in pieces', [think('h'), sign('s'), sign('t'), say('a')], [thought('h', 'st'), text('a')]);
check('a thought without a signature', [think('h'), say('a')], [thought('h'), text('a')]);
check('a signature without a thought', [sign('s'), say('a')], [thought('', 's'), text('a')]);
check(
  'a thought after a signature is a new one',
  [think('a'), sign('s'), think('b'), sign('t'), say('c')],
  [thought('a', 's'), thought('b', 't'), text('c')],
);
check('a redacted thought', [redact('QQ=='), say('a')], [hidden('QQ=='), text('a')]);
check(
  'redacted thoughts stay apart',
  [redact('QQ=='), redact('Qg=='), say('a')],
  [hidden('QQ=='), hidden('Qg=='), text('a')],
);
check('a redacted thought at the end', [say('a'), redact('QQ==')], [text('a'), hidden('QQ==')]);
check(
  'a redacted thought parts a thought',
  [think('a'), redact('QQ=='), think('b'), say('c')],
  [thought('a'), hidden('QQ=='), thought('b'), text('c')],
);
check(
  'thoughts, text and calls in turn keep their order',
  [think('a'), sign('s'), call('t1', { stop: true }), think('b'), sign('t'), call('t2', { stop: true }), say('c')],
  [thought('a', 's'), toolCall('t1', '{}'), thought('b', 't'), toolCall('t2', '{}'), text('c')],
  'tool-calls',
);

// --- why it ended

for (const [stated, reason] of [
  ['END_TURN', 'stop'],
  ['STOP_SEQUENCE', 'stop-sequence'],
  ['MAX_TOKENS', 'length'],
  ['MODEL_CONTEXT_WINDOW_EXCEEDED', 'context-full'],
  ['CONTENT_FILTERED', 'content-filter'],
  ['GUARDRAIL_INTERVENED', 'content-filter'],
  ['MALFORMED_TOOL_USE', 'stop'],
  ['MALFORMED_MODEL_OUTPUT', 'stop'],
  ['SOMETHING_NEW', 'stop'],
  ['constructor', 'stop'],
] as const) {
  check(`${stated} is ${reason}`, [say('a'), stopFor(stated)], [text('a')], reason);
}
check(
  'a whole call counts more than what is stated',
  [call('t1', { stop: true }), stopFor('MAX_TOKENS')],
  [toolCall('t1', '{}')],
  'tool-calls',
);
check('a thought alone is a turn that had no room for more', [think('a'), sign('s')], [thought('a', 's')], 'length');
check('a redacted thought alone is the same', [redact('QQ==')], [hidden('QQ==')], 'length');
check('a thought alone that ended as it wanted', [think('a'), stopFor('END_TURN')], [thought('a')]);
check(
  'a malformed call that came in pieces',
  [call('t1'), stopFor('MALFORMED_TOOL_USE')],
  [toolCall('t1', '{')],
  'length',
);
check(
  'a full window counts beside a reason that is not known',
  [say('a'), percentage(100), stopFor('NEW')],
  [text('a')],
  'context-full',
);

test('a tool use without any call breaks the turn', async () => {
  const { events, thrown } = await hear(turnOf([bytesOf([say('a'), stopFor('TOOL_USE')])]));
  expect([events.at(-1)?.type, thrown]).toEqual([
    'block-end',
    'upstream-protocol: Kiro announced a tool call and sent none; try again.',
  ]);
});

check('a full window without a stated reason', [say('a'), percentage(100)], [text('a')], 'context-full');
check('a full window beside a stated reason', [say('a'), percentage(100), stopFor('END_TURN')], [text('a')]);
check('a window that is nearly full', [say('a'), percentage(99.9)], [text('a')]);

// --- nothing

const NOTHING = 'upstream-unavailable: Kiro answered with nothing; try again.';
check('no bytes at all', [], NOTHING);
check('metadata alone', [stopFor('END_TURN'), metering(1), percentage(2)], NOTHING);
check('an empty text', [say('')], NOTHING);
check('a malformed answer of nothing', [stopFor('MALFORMED_MODEL_OUTPUT')], NOTHING);
check('nothing, because of a filter', [stopFor('CONTENT_FILTERED')], [], 'content-filter');
check('nothing, because of the limit', [stopFor('MAX_TOKENS')], [], 'length');
const FULL = 'context-overflow: The conversation fills the whole context window of the model.';
check('nothing, because the window is full', [percentage(100)], FULL);
check('nothing, because the window is said to be full', [stopFor('MODEL_CONTEXT_WINDOW_EXCEEDED')], FULL);

// --- failures

check('an exception first', [exception], 'rate-limited: Too many requests.');
check('an exception after metadata only', [metering(1), exception], 'rate-limited: Too many requests.');
check('an error frame first', [errorFrame], 'upstream-unavailable: It failed.');

test.each([
  ['an exception', [exception], 'rate-limited: Too many requests.'],
  ['an error frame', [errorFrame], 'upstream-unavailable: It failed.'],
  ['an invalid state', [{ event: 'invalidStateEvent', payload: { message: 'No.' } }], 'invalid-request: No.'],
])('%s after text leaves the text and ends the turn', async (_, lines, thrown) => {
  const events = [
    { type: 'start', inputTokens: 100 },
    { type: 'block-start', index: 0, block: { type: 'text' } },
    { type: 'block-delta', index: 0, block: 'text', delta: 'a' },
  ];
  expect(await hear(turnOf([bytesOf([say('a'), ...lines, say('b')])]))).toEqual({ events, thrown });
});

test('a cut frame after text leaves the text and ends the turn', async () => {
  const { events, thrown } = await hear(turnOf([bytesOf([say('a'), say('b')]).subarray(0, -1)]));
  expect([events.length, thrown]).toEqual([
    3,
    'upstream-unavailable: The connection to Kiro broke in the middle of an answer; try again.',
  ]);
});

test('a half received call is not ended when the turn breaks', async () => {
  const { events } = await hear(turnOf([bytesOf([call('t1', { input: '{}' }), errorFrame])]));
  expect(events.map(({ type }) => type)).toEqual(['start', 'block-start', 'block-delta']);
});

test('a body that breaks is Kiro’s connection, with the reason kept for the log', async () => {
  const reason = new Error('socket hang up');
  async function* breaking(): AsyncGenerator<Uint8Array> {
    yield bytesOf([say('a')]);
    throw reason;
  }
  const turn = await begin(toTurn(breaking(), asked, new AbortController().signal));
  const events: StreamEvent[] = [];
  for await (const batch of turn) events.push(...batch);
  const last = events.at(-1);
  expect(last?.type === 'error' && [told(last.error), last.error.cause]).toEqual([
    'upstream-unavailable: The connection to Kiro broke in the middle of an answer; try again.',
    reason,
  ]);
});

test('a body that breaks after the stop reason has said all', async () => {
  async function* breaking(): AsyncGenerator<Uint8Array> {
    yield bytesOf([say('a'), metering(0.5), stopFor('END_TURN')]);
    throw new Error('socket hang up');
  }
  const turn = await begin(toTurn(breaking(), asked, new AbortController().signal));
  const events: StreamEvent[] = [];
  for await (const batch of turn) events.push(...batch);
  const last = events.at(-1);
  expect(last?.type === 'finish' && [last.completion.blocks, last.completion.finishReason]).toEqual([
    [{ type: 'text', text: 'a' }],
    'stop',
  ]);
});

test('a frame that is cut after the stop reason has cost nothing', async () => {
  const bytes = bytesOf([say('a'), stopFor('END_TURN'), metering(0.5)]).subarray(0, -3);
  const { events, thrown } = await hear(turnOf([bytes]));
  expect([events.at(-1)?.type, thrown]).toEqual(['finish', undefined]);
});

test('a body that stays open in silence after the stop reason has said all', async () => {
  const silence = new AbortController();
  async function* hanging(): AsyncGenerator<Uint8Array> {
    yield bytesOf([say('a'), stopFor('END_TURN')]);
    silence.abort(new GatewayError('upstream-unavailable', 'Kiro sent nothing.'));
    throw new Error('The operation was aborted.');
  }
  const { events, thrown } = await hear(toTurn(hanging(), asked, silence.signal));
  expect([events.at(-1)?.type, thrown]).toEqual(['finish', undefined]);
});

test('leaving a turn closes its body', async () => {
  let isClosed = false;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield bytesOf([say('a')]);
    } finally {
      isClosed = true;
    }
  }
  for await (const _ of await begin(toTurn(endless(), asked, new AbortController().signal))) break;
  expect(isClosed).toBe(true);
});

// --- usage

function counts(title: string, lines: readonly SceneLine[], expected: Partial<Completion>): void {
  test(title, async () => {
    const { events } = await hear(turnOf([bytesOf(lines)]));
    const last = events.at(-1);
    const { usage, credits } = last?.type === 'finish' ? last.completion : {};
    expect({ usage, credits }).toEqual({ usage: estimated, credits: undefined, ...expected });
  });
}

const tokenUsage = { uncachedInputTokens: 10, outputTokens: 20, totalTokens: 35, cacheReadInputTokens: 3 };
const upstream: Usage = { ...estimated, inputTokens: 13, outputTokens: 20, cacheReadTokens: 3, source: 'upstream' };

counts('without numbers everything is an estimate', [say('hi')], {});
counts('Kiro’s own numbers win', [say('hi'), percentage(50), metadata({ tokenUsage })], { usage: upstream });
counts(
  'a written cache is part of the input',
  [say('hi'), metadata({ tokenUsage: { ...tokenUsage, cacheWriteInputTokens: 2 } })],
  {
    usage: { ...upstream, inputTokens: 15, cacheWriteTokens: 2 },
  },
);
counts(
  'an output of nought is not believed',
  [say('hi'), metadata({ tokenUsage: { ...tokenUsage, outputTokens: 0 } })],
  {
    usage: { ...upstream, outputTokens: 1 },
  },
);
counts('the last token usage wins', [say('hi'), metadata({ tokenUsage: {} }), metadata({ tokenUsage })], {
  usage: upstream,
});
counts('reasoning is estimated, but never more than the output', [think('x'.repeat(380)), metadata({ tokenUsage })], {
  usage: { ...upstream, reasoningTokens: 20 },
});
counts('the percentage is of the window, after the answer', [say('hi'), percentage(50)], {
  usage: { ...estimated, inputTokens: 499, source: 'context-percentage' },
});
counts(
  'a percentage inside the metadata counts too',
  [say('hi'), metadata({ tokenUsage: null, contextUsagePercentage: 50 })],
  {
    usage: { ...estimated, inputTokens: 499, source: 'context-percentage' },
  },
);
counts('a percentage too small for the answer says nothing', [say('x'.repeat(3800)), percentage(0.1)], {
  usage: { ...estimated, outputTokens: 1000 },
});
counts('a percentage of nought says nothing', [say('hi'), percentage(0)], {});
counts(
  'the output is estimated from everything that was said',
  [think('x'.repeat(38)), say('x'.repeat(19)), call('t1', { input: '{"a":123}' })],
  {
    usage: { ...estimated, outputTokens: 18, reasoningTokens: 10 },
  },
);
test.each([
  ['speaks', 199],
  ['nobody knows', 499],
])('where Kiro chooses the model, the percentage is of the one that %s', async (modelId, inputTokens) => {
  const windowOf = (id: string) => (id === 'speaks' ? 400 : undefined);
  const spoken = { event: 'assistantResponseEvent', payload: { content: 'hi', modelId } };
  const { events } = await hear(turnOf([bytesOf([spoken, say('!'), percentage(50)])], { windowOf }));
  expect(events.at(-1)).toMatchObject({ completion: { usage: { inputTokens, source: 'context-percentage' } } });
});
counts('credits add up', [say('hi'), metering(0.1), metering(0), metering(0.2)], { credits: 0.3 });
