/** The token estimate. */

import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { createTokenBudget, estimateBlocks, estimateTokens, ratesFor } from '../../src/core/tokens.js';
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

// What o200k, the tokenizer of GPT, counts: the beginning of the Universal Declaration of Human Rights, Article 1.
test.each([
  ['Chinese', '人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。', 37],
  ['Thai', 'มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ', 32],
  ['Greek', 'Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.', 31],
  ['Korean', '모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.', 24],
  ['Hindi', 'सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।', 25],
  ['Japanese', 'すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。', 35],
  ['Arabic', 'يولد جميع الناس أحرارا متساوين في الكرامة والحقوق.', 17],
])('%s is counted for GPT within a third', (_, text, tokens) => {
  const estimated = estimateTokens(text, ratesFor('gpt-5.6-sol'));
  expect(Math.abs(estimated / tokens - 1)).toBeLessThan(1 / 3);
});

test('what the model said, and where its limit lies, go by the same rates', () => {
  const rates = ratesFor('gpt-5.6-sol');
  const text = 'ไทย'.repeat(100);
  const said = estimateBlocks([{ type: 'text', text }], rates);
  expect(said).toEqual({ outputTokens: 120, reasoningTokens: 0 });
  expect([120.1, 60].map((most) => createTokenBudget(most, rates)(text).length)).toEqual([300, 150]);
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
