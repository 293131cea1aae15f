/** Which fences are taken off an answer: by what was said, never by how it arrived. */

import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import type { Block } from '../../src/core/conversation.js';
import { isJsonAnswer, unfenceStage } from '../../src/core/limits.js';
import { through, type Batch, type StreamEvent, type Usage } from '../../src/core/stream.js';

const USAGE: Usage = {
  inputTokens: 1,
  outputTokens: 1,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
  source: 'estimate',
};

async function* turnOf(batches: readonly Batch[]): AsyncGenerator<Batch> {
  yield* batches;
}

async function eventsOf(batches: readonly Batch[]): Promise<readonly StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const batch of through(turnOf(batches), [unfenceStage()])) events.push(...batch);
  return events;
}

function finish(blocks: readonly Block[]): Batch {
  return [{ type: 'finish', completion: { blocks, finishReason: 'stop', usage: USAGE, credits: undefined } }];
}

/** A turn that says one text in these deltas. */
function saying(deltas: readonly string[]): readonly Batch[] {
  const block = { type: 'text', text: deltas.join('') } as const;
  return [
    [{ type: 'block-start', index: 0, block: { type: 'text' } }],
    ...deltas.map((delta): Batch => [{ type: 'block-delta', index: 0, block: 'text', delta }]),
    [{ type: 'block-end', index: 0, block }],
    finish([block]),
  ];
}

/** What is left of a text; its deltas, its block and the sum of the turn agree. */
async function unfenced(deltas: readonly string[]): Promise<string> {
  const events = await eventsOf(saying(deltas));
  const text = events.map((event) => (event.type === 'block-delta' ? event.delta : '')).join('');
  const ends = events.flatMap((event) => {
    if (event.type === 'block-end') return [event.block];
    return event.type === 'finish' ? event.completion.blocks : [];
  });
  expect(ends).toEqual([
    { type: 'text', text },
    { type: 'text', text },
  ]);
  return text;
}

const texts: readonly (readonly [string, string, string])[] = [
  ['a bare object stays', '{"a":1}', '{"a":1}'],
  ['a fence goes', '```json\n{"a":1}\n```', '{"a":1}'],
  ['a fence without a language goes', '```\n[1]\n```', '[1]'],
  ['a fence in capitals with spaces and carriage returns goes', ' \n``` JSON \r\n{}\r\n``` \n', '{}'],
  ['a fence that is never closed goes as far as it is there', '```json\n{"a":1}', '{"a":1}'],
  ['a fence in a string stays', '```json\n{"a":"```\\n"}\n```', '{"a":"```\\n"}'],
  ['a fence of another language stays', '```xml\n<a/>\n```', '```xml\n<a/>\n```'],
  ['words before a fence keep it', 'Here:\n```json\n{}\n```', 'Here:\n```json\n{}\n```'],
  ['white space alone stays', ' \n', ' \n'],
  ['a fence alone is nothing', '```json\n```', ''],
  ['the beginning of a fence stays', '```js', '```js'],
  ['white space before the end of a fence goes', '```\n1\n\n\n```', '1'],
  ['spaces without end stay', `${' '.repeat(50)}\`\`\`json\n{}`, `${' '.repeat(50)}\`\`\`json\n{}`],
  ['nothing stays nothing', '', ''],
];

for (const [what, text, expected] of texts) {
  test(what, async () => {
    expect(await unfenced([text])).toBe(expected);
    expect(await unfenced(text.split(''))).toBe(expected);
  });
}

test('how the text was cut makes no difference', async () => {
  const piece = fc.constantFrom('`', '``', '```', 'json', '\n', '\r\n', ' ', '{"a":', '1}', 'x', ' '.repeat(45));
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (deltas) => {
      expect(await unfenced(deltas)).toBe(await unfenced([deltas.join('')]));
    }),
    { numRuns: 200 },
  );
});

test('each text has a fence of its own, and what is no text passes untouched', async () => {
  const call = { type: 'tool-call', id: 't', name: 'f', input: '```json\n{}\n```' } as const;
  const fenced = { type: 'text', text: '```json\n{}\n```' } as const;
  const events: Batch = [
    { type: 'start', inputTokens: 1 },
    { type: 'block-start', index: 0, block: { type: 'tool-call', id: 't', name: 'f' } },
    { type: 'block-delta', index: 0, block: 'tool-call', delta: call.input },
    { type: 'block-end', index: 0, block: call },
  ];
  const [say] = [1, 2].map((index): Batch => [
    { type: 'block-start', index, block: { type: 'text' } },
    { type: 'block-end', index, block: fenced },
  ]);
  const bare = { type: 'text', text: '{}' } as const;
  expect(await eventsOf([events, say ?? [], finish([call, fenced])])).toEqual([
    ...events,
    { type: 'block-start', index: 1, block: { type: 'text' } },
    { type: 'block-end', index: 1, block: bare },
    ...finish([call, bare]),
  ]);
});

test.each([
  ['{"a":1}', true],
  ['[1, 2]', true],
  ['7', true],
  ['', false],
  ['Sorry.', false],
  ['{"a":1', false],
])('%j is a JSON answer: %s', (text, expected) => {
  expect(
    isJsonAnswer([
      { type: 'reasoning', text: 'Hm.', signature: '' },
      { type: 'text', text },
    ]),
  ).toBe(expected);
});
