/** The laws of every turn, whatever Kiro sends: chunks, grammar, sums, early and late. */

import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Block } from '../../src/core/conversation.js';
import { begin, collect, type BlockHead, type StreamEvent } from '../../src/core/stream.js';
import { cutAt, somePlaces, told } from '../support/bytes.js';
import { anyScene, bytesOf, hear, turnOf } from '../support/turns.js';

/** A scene, and how many of its last bytes never come. */
const anyBytes = fc
  .tuple(anyScene, fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(60) }))
  .map(([lines, lost]) => bytesOf(lines).subarray(0, lost === 0 ? undefined : -lost));

test('chunks: any cutting of the bytes gives the same events and the same end', async () => {
  await fc.assert(
    fc.asyncProperty(anyBytes, somePlaces, async (bytes, places) => {
      expect(await hear(turnOf(cutAt(bytes, places)))).toEqual(await hear(turnOf([bytes])));
    }),
    { numRuns: 80 },
  );
});

test('grammar: a turn is a start, whole blocks in order, and a finish; only an error leaves a block open', async () => {
  await fc.assert(
    fc.asyncProperty(anyBytes, async (bytes) => {
      const { events, thrown } = await hear(turnOf([bytes]));
      expect(shapeOf(events)).toMatch(
        thrown === undefined ? /^start (block )*finish $/ : /^(start (block )*(open )?)?$/,
      );
    }),
    { numRuns: 80 },
  );
});

test('sums: deltas add up to their block, and blocks to the completion', async () => {
  await fc.assert(
    fc.asyncProperty(anyBytes, async (bytes) => {
      const { events } = await hear(turnOf([bytes]));
      const ends = events.flatMap((event) => (event.type === 'block-end' ? [event.block] : []));
      const sums = ends.map((_, index) => sumOf(events, index));
      expect(sums).toEqual(ends.map((block, index) => grownText(block, sums[index] ?? '')));
      for (const event of events) if (event.type === 'finish') expect(event.completion.blocks).toEqual(ends);
    }),
    { numRuns: 80 },
  );
});

test('collecting a turn gives the completion of its finish, or throws what ended it', async () => {
  await fc.assert(
    fc.asyncProperty(anyBytes, async (bytes) => {
      const { events, thrown } = await hear(turnOf([bytes]));
      const last = events.at(-1);
      const expected = last?.type === 'finish' ? last.completion : thrown;
      expect(await collect(turnOf([bytes])).catch(told)).toEqual(expected);
    }),
    { numRuns: 40 },
  );
});

test('early and late: a failure before the start is thrown, after it there is one error event and then silence', async () => {
  await fc.assert(
    fc.asyncProperty(anyBytes, somePlaces, async (bytes, places) => {
      const direct = await hear(turnOf([bytes]));
      const begun = await begin(turnOf(cutAt(bytes, places))).catch(told);
      if (typeof begun === 'string' || begun === undefined || !isTurn(begun)) {
        expect({ events: [], thrown: begun }).toEqual(direct);
        return;
      }
      const { events, thrown } = await hear(begun);
      expect(thrown).toBe(undefined);
      const last = events.at(-1);
      if (last?.type !== 'error') expect(events).toEqual(direct.events);
      else expect({ events: events.slice(0, -1), thrown: told(last.error) }).toEqual(direct);
      expect(events.slice(0, -1).filter(({ type }) => type === 'error' || type === 'finish')).toEqual([]);
    }),
    { numRuns: 80 },
  );
});

function isTurn(value: unknown): value is AsyncIterable<readonly StreamEvent[]> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** One word per part of the grammar; a block whose events are not in order fails the test. */
function shapeOf(events: readonly StreamEvent[]): string {
  let shape = '';
  let open: BlockHead | undefined;
  let blocks = 0;
  for (const event of events) {
    switch (event.type) {
      case 'block-start':
        expect([open, event.index]).toEqual([undefined, blocks]);
        open = event.block;
        break;
      case 'block-delta':
        expect([event.index, event.block, event.delta === '']).toEqual([blocks, open?.type, false]);
        break;
      case 'block-end':
        expect([event.index, headOf(event.block)]).toEqual([blocks, open]);
        open = undefined;
        blocks++;
        shape += 'block ';
        break;
      case 'start':
      case 'finish':
      case 'error':
        expect(open).toBe(undefined);
        shape += `${event.type} `;
    }
  }
  return open === undefined ? shape : `${shape}open `;
}

function headOf(block: Block): BlockHead {
  switch (block.type) {
    case 'text':
    case 'reasoning':
      return { type: block.type };
    case 'redacted-reasoning':
      return block;
    case 'tool-call':
      return { type: block.type, id: block.id, name: block.name };
    case 'web-search':
      return { type: block.type, id: block.id, query: block.query };
  }
}

function sumOf(events: readonly StreamEvent[], index: number): string {
  return events.map((event) => (event.type === 'block-delta' && event.index === index ? event.delta : '')).join('');
}

/** What grew; a call that was stopped without input reads as an empty object, without a delta that says so. */
function grownText(block: Block, sum: string): string {
  switch (block.type) {
    case 'text':
    case 'reasoning':
      return block.text;
    case 'redacted-reasoning':
    case 'web-search':
      return '';
    case 'tool-call':
      return sum === '' && block.input === '{}' ? '' : block.input;
  }
}
