/** What a client wishes of reasoning, in the terms of each family of models (protocol 10.3). */

import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Conversation, ReasoningWish } from '../../src/core/conversation.js';
import { READ_AS_IS, type Reading } from '../../src/kiro/answer-text.js';
import { resolveModel } from '../../src/kiro/models.js';
import type { RequestContext } from '../../src/kiro/request.js';
import { tagInstruction, toRequestFields } from '../../src/kiro/wishes.js';
import { listModels } from '../../src/simulator/control.js';
import { findFieldFault } from '../../src/simulator/schema.js';
import {
  anyConversation,
  anyModel,
  assistant,
  bodyFor,
  call,
  modelNamed,
  requestFor,
  result,
  user,
} from '../support/requests.js';

const EMPTY_SCHEMA = { type: 'object', properties: {} };
const tool = (name: string) => ({ name, description: 'd', inputSchema: undefined });

const effort = (it: string) => ({ output_config: { effort: it } });
const shown = { thinking: { type: 'adaptive', display: 'summarized' } };
const adaptive = { thinking: { type: 'adaptive' } };
const none = { reasoning: { effort: 'none' } };
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
  ['GPT without thinking is its lowest whatever the effort', 'gpt-5.6-sol', { mode: 'off', effort: 'max' }, none],
  ['the least effort is none where there is none less', 'gpt-5.6-sol', { effort: 'minimal' }, none],
  ['an effort of none is no thinking', 'claude-opus-4.8', { effort: 'none' }, { ...effort('low'), ...disabled }],
  ['GPT that thinks without an effort is sent nothing', 'gpt-5.6-sol', { mode: 'on' }, undefined],
])('%s', (_, model, wish, expected) => {
  expect(toRequestFields(wish, modelNamed(model))).toEqual(expected);
});

test.each<[string, string, number | undefined, unknown]>([
  ['the limit of the client', 'claude-opus-4.8', 5000, { max_tokens: 5000 }],
  ['a limit below the range is its lower end', 'claude-opus-4.8', 1, { max_tokens: 1024 }],
  ['a limit above the range is its upper end', 'claude-opus-4.8', 9_999_999, { max_tokens: 128_000 }],
  ['a model without such a field is sent none', 'claude-opus-4.6', 5000, undefined],
  ['no limit is none', 'claude-opus-4.8', undefined, undefined],
])('%s', (_, model, maxTokens, expected) => {
  expect(toRequestFields({}, modelNamed(model), { maxTokens, stopSequences: [] })).toEqual(expected);
});

test('what is sent of any wish to any model is what the schema allows', () => {
  fc.assert(
    fc.property(anyConversation, anyModel, fc.nat(300_000), ({ reasoning }, model, maxTokens) => {
      const fields = toRequestFields(reasoning, model, { maxTokens, stopSequences: [] }) ?? {};
      const schema = listModels().find(({ modelId }) => modelId === model.id)?.additionalModelRequestFieldsSchema;
      expect(findFieldFault(fields, schema ?? null)).toBe(undefined);
    }),
  );
});

test('a model whose thinking cannot be turned off thinks as little as it can', () => {
  const properties = {
    thinking: { properties: { type: { enum: ['adaptive'] } } },
    output_config: { properties: { effort: { enum: ['low', 'max'] } } },
  };
  const model = { ...modelNamed('auto'), requestFieldsSchema: { properties } };
  expect(toRequestFields({ mode: 'off', effort: 'max' }, model)).toEqual(effort('low'));
});

// --- in tags

const INSTRUCTION = /^<thinking_mode>enabled<\/thinking_mode><max_thinking_length>(\d+)<\/max_thinking_length>\n/;

/** How many tokens the model is told it may reason in; undefined when it is not told to. */
test.each<[string, string, boolean | 'always', ReasoningWish, string | undefined]>([
  ['thinking that is asked for', 'claude-sonnet-4.5', true, { mode: 'on' }, '4000'],
  ['an effort asks for it too', 'claude-sonnet-4.5', true, { effort: 'low' }, '4000'],
  ['the client’s own budget', 'claude-sonnet-4.5', true, { mode: 'on', budget: 1234 }, '1234'],
  ['nothing asked for', 'claude-sonnet-4.5', true, {}, undefined],
  ['a budget alone is no wish', 'claude-sonnet-4.5', true, { budget: 1234 }, undefined],
  ['thinking that is not wanted', 'claude-sonnet-4.5', true, { mode: 'off' }, undefined],
  ['an effort of none', 'claude-sonnet-4.5', true, { effort: 'none' }, undefined],
  ['always, without a wish', 'claude-sonnet-4.5', 'always', {}, '4000'],
  ['always, but not wanted', 'claude-sonnet-4.5', 'always', { mode: 'off', effort: 'high' }, undefined],
  ['never', 'claude-sonnet-4.5', false, { mode: 'on' }, undefined],
  ['a model with its own control', 'claude-opus-4.8', 'always', { mode: 'on' }, undefined],
  ['a model with its own control and no wish', 'gpt-5.6-sol', 'always', {}, undefined],
])('in tags: %s', (_, model, when, wish, tokens) => {
  const words = tagInstruction(wish, modelNamed(model), { when, maxTokens: 4000 });
  expect(words && INSTRUCTION.exec(words)?.[1]).toBe(tokens);
});

test('the words stand at the head of the system text, and only once', () => {
  const system = (texts: readonly string[]) =>
    bodyFor({ system: texts, messages: [user('hi')], reasoning: { mode: 'on' } }).conversationState.history?.[0];
  const content: unknown = expect.stringMatching(/^<thinking_mode>enabled[^]*<\/thinking>[^]*\n\nBe kind\.$/);
  expect(system(['Be kind.'])).toMatchObject({ userInputMessage: { content } });
  const own = '<thinking_mode>adaptive</thinking_mode>';
  expect(system([own])).toMatchObject({ userInputMessage: { content: own } });
});

test('a conversation without instructions gets a head for the words, and one without messages stays a question', () => {
  const wish = { reasoning: { mode: 'on' } } as const;
  const { history, currentMessage } = bodyFor({ messages: [user('hi')], ...wish }).conversationState;
  expect([history?.length, currentMessage.userInputMessage]).toEqual([2, expect.objectContaining({ content: 'hi' })]);
  const alone = bodyFor({ system: ['Sing.'], ...wish }).conversationState;
  const content: unknown = expect.stringMatching(/^<thinking_mode>[^]*\n\nSing\.$/);
  expect([alone.history, alone.currentMessage.userInputMessage]).toEqual([
    undefined,
    expect.objectContaining({ content }),
  ]);
});

test.each<[Partial<Conversation>, Partial<RequestContext>, Partial<Reading>]>([
  [{}, {}, {}],
  [{ reasoning: { mode: 'on' } }, {}, { tags: 'as_reasoning_content' }],
  [{ reasoning: { mode: 'on' } }, { model: modelNamed('claude-opus-4.8') }, {}],
  [{ reasoning: { mode: 'off' } }, {}, { hidesReasoning: true }],
  [{ reasoning: { effort: 'none' } }, {}, { hidesReasoning: true }],
  [{ tools: [tool('a.b')] }, {}, {}],
  [{}, { readsWrittenCalls: true }, {}],
  [
    { tools: [tool('a.b')], messages: [assistant(call('t1', '{}', 'old')), user(result('t1', 'r'))] },
    { readsWrittenCalls: true },
    { writtenCalls: { offered: new Map([['a_b_2e7336dc', EMPTY_SCHEMA]]), idPrefix: 'tooluse_continuation' } },
  ],
  [{ tools: [tool('a')], toolChoice: { mode: 'none' } }, { readsWrittenCalls: true }, {}],
])('how an answer is read follows from the question: %j', (fields, about, expected) => {
  expect(requestFor(fields, about).reading).toEqual({ ...READ_AS_IS, ...expected });
});

// --- families that no catalogue describes

test.each<[string, readonly string[]]>([
  ['claude-opus-4.6', ['low', 'medium', 'high', 'max']],
  ['claude-sonnet-4.6-1m', ['low', 'medium', 'high', 'max']],
  ['claude-opus-4.8', ['low', 'medium', 'high', 'xhigh', 'max']],
  ['claude-sonnet-5', ['low', 'medium', 'high', 'xhigh', 'max']],
  ['gpt-5.6-sol', ['none', 'low', 'medium', 'high', 'xhigh', 'max']],
  ['claude-sonnet-4.5', []],
  ['claude-haiku-4.5', []],
  ['auto', []],
])('without a catalogue %s has the efforts of its family', (id, efforts) => {
  expect(resolveModel(id, []).efforts).toEqual(efforts);
});

test('what is assumed of a family is what the catalogue says of it', () => {
  const wish = { mode: 'on', effort: 'xhigh' } as const;
  for (const id of ['claude-opus-4.6', 'claude-opus-4.8', 'gpt-5.6-sol']) {
    expect(toRequestFields(wish, resolveModel(id, []))).toEqual(toRequestFields(wish, modelNamed(id)));
  }
});

test('a schema of another shape is sent nothing', () => {
  const model = {
    ...modelNamed('claude-opus-4.8'),
    requestFieldsSchema: { properties: { thinking: 5, output_config: null } },
  };
  expect(toRequestFields({ mode: 'on', effort: 'high' }, model)).toBe(undefined);
});
