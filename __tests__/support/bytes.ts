/** What the tests of Kiro's answers share: bytes, cut anywhere, and what is thrown when they are read. */

import * as fc from 'fast-check';
import { GatewayError } from '../../src/core/errors.js';
import { createFrameDecoder, type Frame } from '../../src/kiro/frames.js';

/** The same bytes in pieces, cut at these places; places beyond the end cut nothing. */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const inside = places.filter((place) => place > 0 && place < bytes.length).toSorted((a, b) => a - b);
  return [...inside, bytes.length].map((end, index) => bytes.subarray(inside[index - 1] ?? 0, end));
}

/** Places to cut at: a few, or one behind every byte. */
export const somePlaces: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.array(fc.nat(1500), { maxLength: 12 }),
  fc.constant(Array.from({ length: 4000 }, (_, at) => at)),
);

/** The frames that come out before something is thrown, and what is thrown. */
export function framesOf(chunks: readonly Uint8Array[]): {
  readonly frames: readonly Frame[];
  readonly thrown: unknown;
} {
  const frames: Frame[] = [];
  try {
    const decoder = createFrameDecoder();
    for (const chunk of chunks) for (const frame of decoder.push(chunk)) frames.push(frame);
    decoder.end();
  } catch (thrown) {
    return { frames, thrown: told(thrown) };
  }
  return { frames, thrown: undefined };
}

/** Our error as its kind and sentence; anything else as it is. */
export function told(thrown: unknown): unknown {
  return thrown instanceof GatewayError ? `${thrown.kind}: ${thrown.message}` : thrown;
}
