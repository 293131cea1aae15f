/** What a turn makes of tags and of calls in words, for each way to read them. */

import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Block } from '../../src/core/conversation.js';
import { READ_AS_IS, TAG_HANDLINGS, type Reading, type TagHandling } from '../../src/kiro/answer-text.js';
import type { SceneLine } from '../../src/simulator/frames.js';
import { cutAt } from '../support/bytes.js';
import {
  anyScene,
  bytesOf,
  call,
  hear,
  percentage,
  redact,
  say,
  sign,
  stopFor,
  think,
  turnOf,
} from '../support/turns.js';

const text = (it: string): Block => ({ type: 'text', text: it });
const thought = (it: string, signature = ''): Block => ({ type: 'reasoning', text: it, signature });
const toolCall = (id: string, input = '{}'): Block => ({ type: 'tool-call', id, name: 'f', input });

const tags = (handling: TagHandling): Reading => ({ ...READ_AS_IS, tags: handling });
const asReasoning = tags('as_reasoning_content');
const hiding: Reading = { ...READ_AS_IS, hidesReasoning: true };
const offered = new Map([['f', { type: 'object', properties: {} }]]);
const inWords: Reading = { ...READ_AS_IS, writtenCalls: { offered, idPrefix: 'turn' } };

/** A scene, read in this way: the blocks and the finish reason of its turn. */
function check(
  title: string,
  reading: Reading,
  lines: readonly SceneLine[],
  expected: readonly Block[],
  reason = 'stop',
): void {
  test(title, async () => {
    const { events, thrown } = await hear(turnOf([bytesOf(lines)], { reading }));
    const last = events.at(-1);
    if (last?.type !== 'finish') expect(thrown).toBe('a finish');
    else expect([last.completion.blocks, last.completion.finishReason]).toEqual([expected, reason]);
  });
}

// --- tags

const tagged = [say(' <thin'), say('king>h'), say('m</thi'), say('nking>\n\n'), say('yes')];
check('tags that nobody asked for are text', READ_AS_IS, tagged, [text(' <thinking>hm</thinking>\n\nyes')]);
check('tags as reasoning, without a signature', asReasoning, tagged, [thought('hm'), text('yes')]);
check('tags removed', tags('remove'), tagged, [text('yes')]);
check('tags passed', tags('pass'), tagged, [text(' <thinking>hm</thinking>\n\nyes')]);
check('tags stripped', tags('strip_tags'), tagged, [text(' hm\n\nyes')]);
check(
  'tags after a native thought are text',
  asReasoning,
  [think('a'), sign('s'), say('<think>b')],
  [thought('a', 's'), text('<think>b')],
);
check(
  'a native thought ends the one in tags',
  asReasoning,
  [say('<think>a'), think('b'), sign('s'), say('</think>c')],
  [thought('a'), thought('b', 's'), text('</think>c')],
);
check(
  'a signature alone is not that of a thought in tags',
  asReasoning,
  [say('<think>a</think>b'), sign('s')],
  [thought('a'), text('b'), thought('', 's')],
);
check(
  'a call ends what is held back',
  asReasoning,
  [say('<thi'), call('t1', { stop: true }), say('<think>')],
  [text('<thi'), toolCall('t1'), text('<think>')],
  'tool-calls',
);
check(
  'a thought in tags before a call',
  asReasoning,
  [say('<think>a</think>\n'), call('t1', { stop: true })],
  [thought('a'), toolCall('t1')],
  'tool-calls',
);
check('a thought in tags alone had no room for more', asReasoning, [say('<think>a')], [thought('a')], 'length');
check('a removed thought alone had no room for more', tags('remove'), [say('<think>a')], [], 'length');
check('a removed thought alone is no empty answer', tags('remove'), [say('<think>a'), stopFor('END_TURN')], []);
check(
  'an empty native event changes nothing',
  asReasoning,
  [think(''), say('<think>a</think>b')],
  [thought('a'), text('b')],
);

test('what is held back has begun the turn', async () => {
  const batches: string[][] = [];
  const lines = [say(' <thi'), say('nk>a</think>')];
  const chunks = cutAt(bytesOf(lines), [bytesOf(lines.slice(0, 1)).length]);
  for await (const batch of turnOf(chunks, { reading: asReasoning })) batches.push(batch.map(({ type }) => type));
  expect(batches).toEqual([['start'], ['block-start', 'block-delta'], ['block-end', 'finish']]);
});

// --- reasoning that nobody wants to see

check('unwanted reasoning is left out', hiding, [think('a'), sign('s'), say('b'), redact('QQ==')], [text('b')]);
check('text around unwanted reasoning is one text', hiding, [say('a'), think('b'), say('c')], [text('ac')]);
check('unwanted reasoning alone had no room for more', hiding, [think('a')], [], 'length');

test('unwanted reasoning counts all the same', async () => {
  const usage = async (reading: Reading) => {
    const { events } = await hear(turnOf([bytesOf([think('x'.repeat(38)), say('x'.repeat(19))])], { reading }));
    const last = events.at(-1);
    return last?.type === 'finish' ? last.completion.usage : undefined;
  };
  expect(await usage(hiding)).toMatchObject({ outputTokens: 15, reasoningTokens: 10, source: 'estimate' });
  expect(await usage(hiding)).toEqual(await usage(READ_AS_IS));
});

// --- calls in words

const FORM = '<function_calls><invoke name="f"></invoke><invoke name="f"></invoke></function_calls>';
const written = [say('So. [Called f wi'), say('th args: {"a":1}]\n')];
check('calls in words that nobody wants are text', READ_AS_IS, written, [text('So. [Called f with args: {"a":1}]\n')]);
check('a call in words', inWords, written, [text('So. '), toolCall('turn_1', '{"a":1}')], 'tool-calls');
check(
  'two calls in words',
  inWords,
  [say('[Called f with args: {}]\n[Called f with args: {}] done')],
  [toolCall('turn_1'), toolCall('turn_2'), text(' done')],
  'tool-calls',
);
check(
  'a call in words before a real one is text',
  inWords,
  [...written, call('t1', { stop: true })],
  [text('So. [Called f with args: {"a":1}]\n'), toolCall('t1')],
  'tool-calls',
);
check(
  'a call in words after a real one is text',
  inWords,
  [call('t1', { stop: true }), ...written],
  [toolCall('t1'), text('So. [Called f with args: {"a":1}]\n')],
  'tool-calls',
);
check(
  'several calls in one form before a real one are text',
  inWords,
  [say(FORM), call('t1', { stop: true })],
  [text(FORM), toolCall('t1')],
  'tool-calls',
);
check(
  'a call in words, as announced',
  inWords,
  [...written, stopFor('TOOL_USE')],
  [text('So. '), toolCall('turn_1', '{"a":1}')],
  'tool-calls',
);
check(
  'a call in words after a thought',
  inWords,
  [think('a'), sign('s'), ...written, redact('QQ==')],
  [thought('a', 's'), text('So. '), toolCall('turn_1', '{"a":1}'), { type: 'redacted-reasoning', data: 'QQ==' }],
  'tool-calls',
);
check(
  'a call inside a thought in tags is a thought',
  { ...inWords, tags: 'as_reasoning_content' },
  [say('<think>[Called f with args: {}]</think>[Called f with args: {}]')],
  [thought('[Called f with args: {}]'), toolCall('turn_1')],
  'tool-calls',
);
check(
  'a full window beside half a call in words',
  inWords,
  [say('[Called f'), percentage(100)],
  [text('[Called f')],
  'context-full',
);

// --- laws

const word = fc.constantFrom(
  '<think>',
  '</think>',
  '[Called f with args: ',
  '{"a":1}',
  ']',
  'a',
  '\n',
  '[Called f with',
);
const anyReading: fc.Arbitrary<Reading> = fc.record({
  tags: fc.constantFrom(undefined, ...TAG_HANDLINGS),
  hidesReasoning: fc.boolean(),
  writtenCalls: fc.constantFrom(undefined, inWords.writtenCalls),
});

test('a turn is the same however its bytes and its texts are cut, and its deltas add up to its blocks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(fc.array(word, { maxLength: 8 }), anyScene),
      anyReading,
      fc.array(fc.nat(1500), { maxLength: 12 }),
      async ([words, scene], reading, places) => {
        const bytes = bytesOf([...words.map(say), ...scene]);
        const whole = await hear(turnOf([bytes], { reading }));
        expect(await hear(turnOf(cutAt(bytes, places), { reading }))).toEqual(whole);
        const joined = bytesOf([...(words.length > 0 ? [say(words.join(''))] : []), ...scene]);
        const ends = (events: typeof whole.events) =>
          events.filter(({ type }) => type === 'block-end' || type === 'finish');
        const other = await hear(turnOf([joined], { reading }));
        expect([ends(other.events), other.thrown]).toEqual([ends(whole.events), whole.thrown]);
        for (const event of ends(whole.events)) {
          if (event.type !== 'block-end' || event.block.type === 'redacted-reasoning') continue;
          if (event.block.type === 'web-search') continue;
          const sum = whole.events.map((it) => (it.type === 'block-delta' && it.index === event.index ? it.delta : ''));
          const grown = event.block.type === 'tool-call' ? event.block.input : event.block.text;
          expect([sum.join(''), '{}']).toContain(grown);
        }
      },
    ),
    { numRuns: 120 },
  );
});
