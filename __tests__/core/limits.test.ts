/** Where a turn is cut: by what was said, never by how it arrived. */

import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import type { Limits } from '../../src/core/conversation.js';
import { limitStage } from '../../src/core/limits.js';
import { collect, through, type Batch, type Completion, type Stage, type StreamEvent } from '../../src/core/stream.js';
import { createTokenBudget, estimateTokens } from '../../src/core/tokens.js';

const USAGE = { inputTokens: 7, cacheReadTokens: 0, cacheWriteTokens: 0, source: 'estimate' } as const;
const UPSTREAM = { ...USAGE, outputTokens: 99, reasoningTokens: 0, source: 'upstream' } as const;

/** A turn that says one text in these deltas. */
function saying(deltas: readonly string[]): Batch[] {
  const text = deltas.join('');
  const finish: Completion = { blocks: [{ type: 'text', text }], finishReason: 'stop', usage: UPSTREAM, credits: 1 };
  return [
    [{ type: 'start', inputTokens: 7 }],
    [{ type: 'block-start', index: 0, block: { type: 'text' } }],
    ...deltas.map((delta): Batch => [{ type: 'block-delta', index: 0, block: 'text', delta }]),
    [{ type: 'block-end', index: 0, block: { type: 'text', text } }],
    [{ type: 'finish', completion: finish }],
  ];
}

async function* turnOf(batches: readonly Batch[]): AsyncGenerator<Batch> {
  yield* batches;
}

function stagesFor(limits: Partial<Limits>): Stage[] {
  return [limitStage({ maxTokens: undefined, stopSequences: [], ...limits })];
}

async function eventsOf(batches: readonly Batch[], limits: Partial<Limits>): Promise<readonly StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const batch of through(turnOf(batches), stagesFor(limits))) events.push(...batch);
  return events;
}

function textOf(events: readonly StreamEvent[]): string {
  return events.map((event) => (event.type === 'block-delta' ? event.delta : '')).join('');
}

/** What is left of a text, and why it ended. */
async function limited(deltas: readonly string[], limits: Partial<Limits>): Promise<readonly unknown[]> {
  const events = await eventsOf(saying(deltas), limits);
  const last = events.at(-1);
  if (last?.type !== 'finish') throw new Error('The turn has no finish.');
  const { blocks, finishReason, stopSequence } = last.completion;
  expect(blocks).toEqual([{ type: 'text', text: textOf(events) }]);
  return [textOf(events), finishReason, stopSequence];
}

const stops: readonly (readonly [string, readonly string[], readonly string[], string, string | undefined])[] = [
  ['a stop sequence inside a delta', ['one STOP two'], ['STOP'], 'one ', 'STOP'],
  ['a stop sequence over three deltas', ['one S', 'TO', 'P two'], ['STOP'], 'one ', 'STOP'],
  ['a stop sequence at the very start', ['STOP two'], ['STOP'], '', 'STOP'],
  ['a stop sequence at the very end', ['one ', 'STOP'], ['STOP'], 'one ', 'STOP'],
  ['a beginning that never becomes one', ['one STO', 'RY'], ['STOP'], 'one STORY', undefined],
  ['a beginning at the end of the text', ['one STO'], ['STOP'], 'one STO', undefined],
  ['a repeated beginning', ['aaa', 'ab!'], ['aab'], 'aa', 'aab'],
  ['of two, the one that is complete first', ['abcdef'], ['cdef', 'bcd'], 'a', 'bcd'],
  ['of two that end together, the longer', ['abc'], ['c', 'bc'], 'a', 'bc'],
  ['newlines', ['a\n', '\nb'], ['\n\n'], 'a', '\n\n'],
];

for (const [what, deltas, stopSequences, text, found] of stops) {
  test(`stop sequences: ${what}`, async () => {
    const reason = found === undefined ? 'stop' : 'stop-sequence';
    expect(await limited(deltas, { stopSequences })).toEqual([text, reason, found]);
  });
}

test('limits that are not reached change nothing', async () => {
  const batches = saying(['one ', 'two']);
  expect(await eventsOf(batches, { maxTokens: 1000 })).toEqual(batches.flat());
});

test('the token limit cuts the text, closes the block and estimates the usage', async () => {
  expect(await eventsOf(saying(['0123456789', '0123456789']), { maxTokens: 3 })).toEqual([
    { type: 'start', inputTokens: 7 },
    { type: 'block-start', index: 0, block: { type: 'text' } },
    { type: 'block-delta', index: 0, block: 'text', delta: '0123456789' },
    { type: 'block-delta', index: 0, block: 'text', delta: '0' },
    { type: 'block-end', index: 0, block: { type: 'text', text: '01234567890' } },
    {
      type: 'finish',
      completion: {
        blocks: [{ type: 'text', text: '01234567890' }],
        finishReason: 'length',
        usage: { ...USAGE, outputTokens: 3, reasoningTokens: 0 },
        credits: undefined,
      },
    },
  ]);
});

test('a tool call is cut byte for byte and never repaired', async () => {
  const input = '{"path":"a.txt","content":"xxxxxxxxxxxxxxxxxxxxxxxxxxxx"}';
  const block = { type: 'tool-call', id: 't1', name: 'write', input } as const;
  const events = await eventsOf(
    [
      [{ type: 'start', inputTokens: 7 }],
      [{ type: 'block-start', index: 0, block: { type: 'tool-call', id: 't1', name: 'write' } }],
      [{ type: 'block-delta', index: 0, block: 'tool-call', delta: input }],
      [{ type: 'block-end', index: 0, block }],
    ],
    { maxTokens: 4 },
  );
  expect(events.slice(2, 4)).toEqual([
    { type: 'block-delta', index: 0, block: 'tool-call', delta: input.slice(0, 15) },
    { type: 'block-end', index: 0, block: { ...block, input: input.slice(0, 15) } },
  ]);
  expect(events.at(-1)).toMatchObject({ completion: { usage: { outputTokens: 4, reasoningTokens: 0 } } });
});

const CALL = { type: 'tool-call', id: 't1', name: 'write', input: '{"a":1}' } as const;
const calling: readonly Batch[] = [
  [{ type: 'start', inputTokens: 7 }],
  [{ type: 'block-start', index: 0, block: { type: 'tool-call', id: 't1', name: 'write' } }],
  [{ type: 'block-delta', index: 0, block: 'tool-call', delta: CALL.input }],
  [{ type: 'block-end', index: 0, block: CALL }],
];

test('a tool call that is cut before its input is no call without input', async () => {
  expect((await eventsOf(calling, { maxTokens: 0 })).slice(2)).toEqual([
    { type: 'block-delta', index: 0, block: 'tool-call', delta: '{' },
    { type: 'block-end', index: 0, block: { ...CALL, input: '{' } },
    {
      type: 'finish',
      completion: {
        blocks: [{ ...CALL, input: '{' }],
        finishReason: 'length',
        usage: { ...USAGE, outputTokens: expect.any(Number), reasoningTokens: 0 },
        credits: undefined,
      },
    },
  ]);
});

for (const limits of [{ stopSequences: ['STOP'] }, { maxTokens: 10 }])
  test(`a call that is whole is run, whatever limit the text after it reaches: ${JSON.stringify(limits)}`, async () => {
    const text = 'said after the call STOP and more';
    const after: readonly Batch[] = [
      [{ type: 'block-start', index: 1, block: { type: 'text' } }],
      [{ type: 'block-delta', index: 1, block: 'text', delta: text }],
    ];
    const { finishReason, stopSequence, blocks } = await collect(
      through(turnOf([...calling, ...after]), stagesFor(limits)),
    );
    expect({ finishReason, stopSequence, call: blocks[0] }).toEqual({
      finishReason: 'tool-calls',
      stopSequence: undefined,
      call: CALL,
    });
  });

test('a call that was cut is not run, when a stop sequence comes after it', async () => {
  const cut: readonly Batch[] = [
    ...calling.slice(0, 2),
    [{ type: 'block-delta', index: 0, block: 'tool-call', delta: '{"a":' }],
    [{ type: 'block-end', index: 0, block: { ...CALL, input: '{"a":' } }],
    [{ type: 'block-start', index: 1, block: { type: 'text' } }],
    [{ type: 'block-delta', index: 1, block: 'text', delta: 'hello STOP' }],
  ];
  const { finishReason } = await collect(through(turnOf(cut), stagesFor({ stopSequences: ['STOP'] })));
  expect(finishReason).toBe('length');
});

test('reasoning never stops at a stop sequence', async () => {
  const block = { type: 'reasoning', text: 'think STOP think', signature: 's' } as const;
  const batches: Batch[] = [
    [{ type: 'start', inputTokens: 7 }],
    [{ type: 'block-start', index: 0, block: { type: 'reasoning' } }],
    [{ type: 'block-delta', index: 0, block: 'reasoning', delta: block.text }],
    [{ type: 'block-end', index: 0, block }],
    [{ type: 'finish', completion: { blocks: [block], finishReason: 'stop', usage: UPSTREAM, credits: 1 } }],
  ];
  expect(await eventsOf(batches, { stopSequences: ['STOP'] })).toEqual(batches.flat());
});

test('a cut closes the upstream', async () => {
  let isClosed = false;
  const endless = (async function* (): AsyncGenerator<Batch> {
    try {
      yield* saying(['x']).slice(0, 2);
      for (;;) yield [{ type: 'block-delta', index: 0, block: 'text', delta: 'more ' }];
    } finally {
      isClosed = true;
    }
  })();
  const { finishReason } = await collect(through(endless, stagesFor({ maxTokens: 100 })));
  expect({ finishReason, isClosed }).toEqual({ finishReason: 'length', isClosed: true });
});

test('law: the cut does not depend on the deltas', async () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '😀', '\n'), maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(letters, { minLength: 1, maxLength: 6 }),
      fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n'), minLength: 1, maxLength: 3 }), { maxLength: 3 }),
      fc.option(fc.nat({ max: 30 }), { nil: undefined }),
      async (deltas, stopSequences, maxTokens) => {
        const limits = { maxTokens, stopSequences };
        expect(await limited(deltas, limits)).toEqual(await limited([deltas.join('')], limits));
      },
    ),
    { numRuns: 120 },
  );
});

test('law: a budget lets through what the estimate counts', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), fc.nat({ max: 60 }), (text, maxTokens) => {
      const kept = createTokenBudget(maxTokens)(text);
      expect(text.startsWith(kept)).toBe(true);
      expect(kept === '' ? 0 : estimateTokens(kept)).toBeLessThanOrEqual(Math.max(1, maxTokens));
    }),
  );
});
