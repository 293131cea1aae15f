/** Aliases and suffixes of model names (protocol 7.4), with Kiro's catalogue and without it. */

import { expect, test } from '@jest/globals';
import type { Model, ReasoningWish } from '../../src/core/conversation.js';
import { readModelName, resolveModel, withWish } from '../../src/kiro/models.js';
import { thinksLong } from '../../src/kiro/wishes.js';
import { modelNamed, models } from '../support/requests.js';

const aliases = new Map([
  ['auto-kiro', 'auto'],
  ['fast', 'claude-haiku-4-5'],
  ['deep', 'claude-opus-4-8-max'],
]);

/** The id that a name leads to, and what it wishes. */
function meaning(name: string, catalogue: readonly Model[]): [string, ReasoningWish] {
  const { name: bare, wish } = readModelName(name, catalogue, aliases);
  return [resolveModel(bare, catalogue).id, wish];
}

test.each<[string, string, ReasoningWish?]>([
  ['claude-sonnet-4-5-20250929', 'claude-sonnet-4.5'],
  ['claude-sonnet-4-5', 'claude-sonnet-4.5'],
  ['claude-sonnet-4.5', 'claude-sonnet-4.5'],
  ['claude-sonnet-4-5-latest', 'claude-sonnet-4.5'],
  ['claude-sonnet-4-20250514', 'claude-sonnet-4'],
  ['claude-sonnet-4', 'claude-sonnet-4'],
  ['claude-opus-4-5-20251101', 'claude-opus-4.5'],
  ['claude-haiku-4-5-20251001', 'claude-haiku-4.5'],
  ['claude-opus-4-8[1m]', 'claude-opus-4.8'],
  ['claude-sonnet-4-6[1m]', 'claude-sonnet-4.6'],
  ['claude-sonnet-5', 'claude-sonnet-5'],
  ['claude-3-7-sonnet-20250219', 'CLAUDE_3_7_SONNET_20250219_V1_0'],
  ['claude-3.7-sonnet', 'CLAUDE_3_7_SONNET_20250219_V1_0'],
  ['claude-4.5-opus-high', 'claude-opus-4.5', { effort: 'high' }],
  ['claude-opus-4-8-thinking', 'claude-opus-4.8', { mode: 'on' }],
  ['gpt-5.6-sol-xhigh', 'gpt-5.6-sol', { effort: 'xhigh' }],
  ['auto', 'auto'],
  ['auto-kiro', 'auto'],
  ['kiro-auto', 'auto'],
  ['deepseek-3-2', 'deepseek-3.2'],
  ['minimax-m2-5', 'minimax-m2.5'],
  ['qwen3-coder', 'qwen3-coder-next'],
  ['anything-else', 'anything-else'],
  // beyond the table
  ['claude-opus-4-8-none', 'claude-opus-4.8', { mode: 'off', effort: 'none' }],
  ['claude-opus-4-8-minimal', 'claude-opus-4.8', { effort: 'minimal' }],
  ['claude-opus-4-8-low', 'claude-opus-4.8', { effort: 'low' }],
  ['claude-opus-4-8-medium', 'claude-opus-4.8', { effort: 'medium' }],
  ['claude-opus-4-8-max', 'claude-opus-4.8', { effort: 'max' }],
  ['Claude-Opus-4-8-MAX', 'claude-opus-4.8', { effort: 'max' }],
  ['claude-opus-4-8-thinking-high', 'claude-opus-4.8', { mode: 'on', effort: 'high' }],
  ['claude-opus-4-8-20260101-thinking', 'claude-opus-4.8', { mode: 'on' }],
  ['claude-opus-4-8-thinking[1m]', 'claude-opus-4.8', { mode: 'on' }],
  ['anthropic/claude-opus-4.8-high', 'claude-opus-4.8', { effort: 'high' }],
  ['claude-4.5-opus-high-thinking', 'claude-opus-4.5', { mode: 'on', effort: 'high' }],
  ['claude-3-7-sonnet-thinking', 'CLAUDE_3_7_SONNET_20250219_V1_0', { mode: 'on' }],
  ['FAST', 'claude-haiku-4.5'],
  ['fast-thinking', 'claude-haiku-4.5', { mode: 'on' }],
  ['deep', 'claude-opus-4.8', { effort: 'max' }],
  ['kimi-k2-thinking', 'kimi-k2-thinking'],
  ['my-model-high', 'my-model-high'],
  ['high', 'high'],
  ['-high', '-high'],
  ['', ''],
])('%j is %s', (name, id, wish = {}) => {
  expect([meaning(name, models), meaning(name, [])]).toEqual([
    [id, wish],
    [id, wish],
  ]);
});

const listed = (id: string): Model => ({ ...modelNamed('auto'), id });

test('a name that Kiro lists is not torn apart', () => {
  const catalogue = [...models, listed('kimi-k2-thinking'), listed('kimi-k2'), listed('gpt-6-max')];
  expect(
    ['Kimi-K2-Thinking', 'kimi-k2-thinking-high', 'kimi-k2-high', 'gpt-6-max'].map((it) => meaning(it, catalogue)),
  ).toEqual([
    ['kimi-k2-thinking', {}],
    ['kimi-k2-thinking', { effort: 'high' }],
    ['kimi-k2', { effort: 'high' }],
    ['gpt-6-max', {}],
  ]);
});

test('a window in brackets is kept for the variant that has it', () => {
  const catalogue = [...models, listed('claude-opus-4.8-1m')];
  expect(meaning('claude-opus-4-8-max[1m]', catalogue)).toEqual(['claude-opus-4.8-1m', { effort: 'max' }]);
});

test('the family of a model is never changed', () => {
  for (const family of ['haiku', 'sonnet', 'opus']) {
    for (const ending of ['', '-high', '-thinking', '-latest', '-20260101', '[1m]']) {
      expect(meaning(`claude-${family}-9-9${ending}`, models)[0]).toBe(`claude-${family}-9.9`);
    }
  }
});

test.each<[ReasoningWish, ReasoningWish, ReasoningWish]>([
  [{ mode: 'on', budget: 1024 }, {}, { mode: 'on', budget: 1024 }],
  [{ mode: 'on', budget: 1024 }, { effort: 'max' }, { mode: 'on', effort: 'max' }],
  [{ effort: 'low' }, { effort: 'max' }, { effort: 'max' }],
  [{ mode: 'off' }, { effort: 'max' }, { effort: 'max' }],
  [{ mode: 'off' }, { mode: 'on' }, { mode: 'on' }],
  [{ effort: 'none' }, { mode: 'on' }, { mode: 'on' }],
  [{ effort: 'low', budget: 5 }, { mode: 'on' }, { mode: 'on', effort: 'low', budget: 5 }],
  [
    { mode: 'on', effort: 'high' },
    { mode: 'off', effort: 'none' },
    { mode: 'off', effort: 'none' },
  ],
])('a request for %j and a name that wishes %j are %j', (asked, named, expected) => {
  expect(withWish(asked, named)).toEqual(expected);
});

test.each<[ReasoningWish, boolean]>([
  [{}, false],
  [{ mode: 'on' }, false],
  [{ effort: 'medium' }, false],
  [{ effort: 'high' }, true],
  [{ effort: 'max' }, true],
  [{ effort: 'max', mode: 'off' }, false],
  [{ budget: 20_000 }, false],
  [{ budget: 20_001 }, true],
])('%j thinks long: %s', (wish, expected) => {
  expect(thinksLong(wish)).toBe(expected);
});
