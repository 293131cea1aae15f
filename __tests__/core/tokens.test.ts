/** The token estimate. */

import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { estimateTokens } from '../../src/core/tokens.js';
import { anyCharacter } from '../support/random.js';

test.each([
  ['nothing', '', 0],
  ['one character', 'a', 1],
  ['a blank', ' ', 1],
  ['38 characters of ASCII', 'x'.repeat(38), 10],
  ['10 Chinese characters', '漢'.repeat(10), 11],
  ['20 letters of Russian, which tokenizers join', 'я'.repeat(20), 11],
  ['both', 'x'.repeat(38) + '漢'.repeat(10), 21],
  ['a character of two units', '👍', 2],
  ['the longest text that is counted whole', '漢' + 'x'.repeat(4095), 1079],
  ['a long text of ASCII', 'x'.repeat(3_800_000), 1_000_000],
  ['a long text of Chinese', '漢'.repeat(1_000_000), 1_100_000],
  ['a long text of Russian', 'я'.repeat(1_000_000), 550_000],
])('%s', (_, text, tokens) => {
  expect(estimateTokens(text)).toBe(tokens);
});

test('a long text is only sampled: what lies between the samples does not count, what lies in them counts for more', () => {
  // 64 samples of 64 characters, the first at the very beginning.
  const between = `${'x'.repeat(300)}${'漢'.repeat(300)}${'x'.repeat(999_400)}`;
  const inside = `${'漢'.repeat(64)}${'x'.repeat(999_936)}`;
  expect([estimateTokens(between), estimateTokens(inside)]).toEqual([263_158, 276_234]);
});

test('a longer text never has fewer tokens, and no text has more than 1.1 a character', () => {
  fc.assert(
    fc.property(fc.string({ unit: anyCharacter }), fc.string({ unit: anyCharacter }), (text, more) => {
      const [shorter, longer] = [estimateTokens(text), estimateTokens(text + more)];
      expect(longer).toBeGreaterThanOrEqual(shorter);
      expect(longer).toBeLessThanOrEqual(Math.ceil((text + more).length * 1.1));
    }),
  );
});
