/** What a client wishes of reasoning, in the terms of each family of models (protocol 10.3). */

import { expect, test } from '@jest/globals';
import type { ReasoningWish } from '../../src/core/conversation.js';
import { toRequestFields } from '../../src/kiro/thinking.js';
import { modelNamed } from '../support/requests.js';

const effort = (it: string) => ({ output_config: { effort: it } });
const shown = { thinking: { type: 'adaptive', display: 'summarized' } };
const adaptive = { thinking: { type: 'adaptive' } };
const disabled = { thinking: { type: 'disabled' } };

test.each<[string, string, ReasoningWish, unknown]>([
  ['nothing wished is nothing sent', 'claude-opus-4.8', {}, undefined],
  ['a budget alone is no wish', 'claude-opus-4.8', { budget: 20_000 }, undefined],
  ['a model without a schema is sent nothing', 'claude-sonnet-4.5', { mode: 'on', effort: 'high' }, undefined],
  ['an effort', 'claude-opus-4.8', { effort: 'high' }, { ...effort('high'), ...shown }],
  ['an older model has no display', 'claude-opus-4.6', { effort: 'high' }, { ...effort('high'), ...adaptive }],
  ['thinking without an effort', 'claude-opus-4.8', { mode: 'on' }, shown],
  ['no thinking is the lowest effort', 'claude-opus-4.8', { mode: 'off' }, { ...effort('low'), ...disabled }],
  ['no thinking at an effort', 'claude-opus-4.8', { mode: 'off', effort: 'max' }, { ...effort('max'), ...disabled }],
  [
    'an effort that is not offered is the next higher',
    'claude-opus-4.6',
    { effort: 'xhigh' },
    { ...effort('max'), ...adaptive },
  ],
  ['an effort below all is the lowest', 'claude-opus-4.8', { effort: 'minimal' }, { ...effort('low'), ...shown }],
  ['a small budget is low', 'claude-opus-4.8', { mode: 'on', budget: 10_000 }, { ...effort('low'), ...shown }],
  [
    'a budget over ten thousand is medium',
    'claude-opus-4.8',
    { mode: 'on', budget: 10_001 },
    { ...effort('medium'), ...shown },
  ],
  [
    'a budget over twenty thousand is high',
    'claude-opus-4.8',
    { mode: 'on', budget: 20_001 },
    { ...effort('high'), ...shown },
  ],
  [
    'a budget over twenty-eight thousand is max',
    'claude-opus-4.8',
    { mode: 'on', budget: 28_001 },
    { ...effort('max'), ...shown },
  ],
  [
    'an effort counts more than a budget',
    'claude-opus-4.8',
    { effort: 'low', budget: 99_999 },
    { ...effort('low'), ...shown },
  ],
  ['GPT has its own field', 'gpt-5.6-sol', { effort: 'xhigh' }, { reasoning: { effort: 'xhigh' } }],
  ['GPT can be asked for none', 'gpt-5.6-sol', { effort: 'none' }, { reasoning: { effort: 'none' } }],
  ['GPT without thinking is its lowest', 'gpt-5.6-sol', { mode: 'off' }, { reasoning: { effort: 'none' } }],
  ['GPT that thinks without an effort is sent nothing', 'gpt-5.6-sol', { mode: 'on' }, undefined],
])('%s', (_, model, wish, expected) => {
  expect(toRequestFields(wish, modelNamed(model))).toEqual(expected);
});

test('a schema of another shape is sent nothing', () => {
  const model = {
    ...modelNamed('claude-opus-4.8'),
    requestFieldsSchema: { properties: { thinking: 5, output_config: null } },
  };
  expect(toRequestFields({ mode: 'on', effort: 'high' }, model)).toBe(undefined);
});
