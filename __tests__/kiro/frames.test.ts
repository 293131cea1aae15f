/** The frame decoder against AWS's own codec, and against damage. */

import { crc32 } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { EventStreamCodec, getChunkedStream, Int64, type MessageHeaders } from '@smithy/core/event-streams';
import * as fc from 'fast-check';
import { createFrameDecoder } from '../../src/kiro/frames.js';
import { encodeEvent, encodeFrame } from '../../src/simulator/frames.js';
import { cutAt, framesOf, somePlaces } from '../support/bytes.js';
import { stream } from '../support/turns.js';
import { anyCharacter } from '../support/random.js';

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString('utf8'),
  (text) => Buffer.from(text),
);

const header: fc.Arbitrary<MessageHeaders[string]> = fc.oneof(
  fc.record({ type: fc.constant('string' as const), value: fc.string({ unit: anyCharacter }) }),
  fc.record({ type: fc.constant('boolean' as const), value: fc.boolean() }),
  fc.record({ type: fc.constant('byte' as const), value: fc.integer({ min: -128, max: 127 }) }),
  fc.record({ type: fc.constant('short' as const), value: fc.integer({ min: -32_768, max: 32_767 }) }),
  fc.record({ type: fc.constant('integer' as const), value: fc.integer() }),
  fc.record({ type: fc.constant('long' as const), value: fc.maxSafeInteger().map((it) => Int64.fromNumber(it)) }),
  fc.record({ type: fc.constant('binary' as const), value: fc.uint8Array() }),
  fc.record({ type: fc.constant('timestamp' as const), value: fc.integer().map((it) => new Date(it)) }),
  fc.record({ type: fc.constant('uuid' as const), value: fc.uuid() }),
);

const headerName = fc
  .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 })
  .filter((it) => it !== '__proto__');

const message = fc.record({
  headers: fc.dictionary(headerName, header, { maxKeys: 6, noNullPrototype: true }),
  body: fc.uint8Array({ maxLength: 300 }),
});

test('AWS’s own decoder and ours read the same string headers and payloads, however the bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 5 }), somePlaces, async (messages, places) => {
      const chunks = cutAt(Buffer.concat(messages.map((it) => codec.encode(it))), places);
      expect(read(chunks)).toEqual({ frames: await readWithOracle(chunks), thrown: undefined });
    }),
    { numRuns: 200 },
  );
});

test('a frame that arrives byte by byte comes out at its last byte', () => {
  const decoder = createFrameDecoder();
  const bytes = encodeEvent('e', { a: 'é' });
  const counts = cutAt(bytes, [...bytes.keys()]).map((byte) => [...decoder.push(byte)].length);
  expect(counts).toEqual([...Array<number>(bytes.length - 1).fill(0), 1]);
});

test('an empty chunk changes nothing', () => {
  const bytes = encodeEvent('e', {});
  const chunks = [new Uint8Array(), bytes.subarray(0, 9), new Uint8Array(), bytes.subarray(9), new Uint8Array()];
  expect(framesOf(chunks)).toEqual(framesOf([bytes]));
});

const small = encodeFrame({ headers: { ':message-type': 'event', n: 'v' }, payload: Buffer.from('{"content":"x"}') });

test('every flipped bit of a frame is found, and the good frame before it still comes', () => {
  for (let bit = 0; bit < small.length * 8; bit++) {
    const { frames, thrown } = framesOf([Buffer.concat([small, flipped(small, bit)])]);
    expect({ bit, frames: frames.length, thrown }).toEqual({
      bit,
      frames: 1,
      thrown: expect.stringMatching(/^upstream-protocol: Kiro's answer was damaged on its way/),
    });
  }
});

test('bytes that end inside a frame are found at the end, wherever they end', () => {
  for (let length = 1; length < small.length; length++) {
    expect({ length, ...framesOf([small, small.subarray(0, length)]) }).toEqual({
      length,
      frames: framesOf([small]).frames,
      thrown: 'upstream-unavailable: The connection to Kiro broke in the middle of an answer; try again.',
    });
  }
});

test('bytes that end between frames are a whole answer', () => {
  expect(framesOf([]).thrown).toBe(undefined);
  expect(framesOf([small, small]).thrown).toBe(undefined);
});

/** Right checksums around wrong lengths: nobody but the decoder's own checks can refuse them. */
test.each([
  ['a length below the smallest frame', prelude(15, 0), 'an impossible frame length (15)'],
  ['headers longer than the frame', prelude(40, 25), 'an impossible frame length (40)'],
  ['a length of gigabytes', prelude(0xffff_ffff, 0), 'an impossible frame length (4294967295)'],
  ['headers of gigabytes', prelude(40, 0xffff_ffff), 'an impossible frame length (40)'],
  ['a length just over 16 MiB', prelude(2 ** 24 + 1, 0), 'an impossible frame length (16777217)'],
  ['a header name beyond the headers', frameWith([9, 110, 7, 0, 0]), 'a header that leaves its frame'],
  ['a header name without a type', frameWith([1, 110]), 'a header that leaves its frame'],
  ['a value of a type that nobody knows', frameWith([1, 110, 10, 0]), 'a header that leaves its frame'],
  ['a string without a length', frameWith([1, 110, 7]), 'a header that leaves its frame'],
  ['a string with half a length', frameWith([1, 110, 7, 0]), 'a header that leaves its frame'],
  ['a string beyond the headers', frameWith([1, 110, 7, 0, 2, 97]), 'a header that leaves its frame'],
  ['a number beyond the headers', frameWith([1, 110, 5, 0, 0, 0, 0]), 'a header that leaves its frame'],
])('%s is refused at once', (_, bytes, why) => {
  expect(framesOf([bytes]).thrown).toBe(`upstream-protocol: Kiro's answer was damaged on its way (${why}); try again.`);
});

test('the largest frame is waited for', () => {
  expect(framesOf([prelude(2 ** 24, 0)]).thrown).toMatch(/^upstream-unavailable/);
});

type Read = { readonly headers: Readonly<Record<string, string>>; readonly payload: string };

function read(chunks: readonly Uint8Array[]): { frames: Read[]; thrown: unknown } {
  const { frames, thrown } = framesOf(chunks);
  return {
    frames: frames.map((it) => ({ headers: Object.fromEntries(it.headers), payload: it.payload })),
    thrown,
  };
}

async function readWithOracle(chunks: readonly Uint8Array[]): Promise<Read[]> {
  const frames: Read[] = [];
  for await (const bytes of getChunkedStream(stream(chunks))) {
    const { headers, body } = codec.decode(bytes);
    const strings = Object.entries(headers).flatMap(([name, { type, value }]) =>
      type === 'string' ? [[name, value] as const] : [],
    );
    frames.push({ headers: Object.fromEntries(strings), payload: Buffer.from(body).toString('utf8') });
  }
  return frames;
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

function prelude(length: number, headersLength: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(length, 0);
  bytes.writeUInt32BE(headersLength, 4);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8);
  return bytes;
}

function frameWith(headers: readonly number[]): Buffer {
  const before = Buffer.concat([prelude(16 + headers.length, headers.length), Buffer.from(headers)]);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(before));
  return Buffer.concat([before, checksum]);
}
