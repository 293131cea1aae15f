/** What broke a real client when a stub did it (contracts A.0 and B.3): in no scene does our output do any of it. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type Anthropic from '@anthropic-ai/sdk';
import { describe, expect, test } from '@jest/globals';
import type OpenAI from 'openai';
import { ANSWERS, GOLDEN, readUpstream } from '../support/scenes.js';
import { parseEvents } from '../support/sse.js';

/** Scenes whose answer has begun; only exceptions end them early. */
const SCENES = ANSWERS.filter((scene) => scene !== 'exception-first');
const WHOLE = SCENES.filter((scene) => readUpstream(scene).every((line) => 'event' in line));

function dataOf(scene: string, dialect: string): readonly unknown[] {
  const text = readFileSync(join(GOLDEN, scene, `${dialect}.sse`), 'utf8');
  return parseEvents(text).flatMap((event) => (event.type === 'event' ? [event.data] : []));
}

describe.each(SCENES)('Anthropic’s words of %s', (scene) => {
  // The cast says what the SDK's types say; what follows checks it.
  const events = dataOf(scene, 'anthropic-messages') as readonly Anthropic.RawMessageStreamEvent[];
  const starts = events.flatMap((event) => (event.type === 'content_block_start' ? [event] : []));

  test('there is one message_start, and it is first, with numbers', () => {
    const [first, ...others] = events.flatMap((event, at) => (event.type === 'message_start' ? [{ at, event }] : []));
    expect([first?.at, others]).toEqual([0, []]);
    const { input_tokens, output_tokens } = first?.event.message.usage ?? {};
    expect([typeof input_tokens, typeof output_tokens]).toEqual(['number', 'number']);
  });

  test('blocks are numbered from 0 without gaps, and one is open at a time', () => {
    expect(starts.map(({ index }) => index)).toEqual(starts.map((_, index) => index));
    let open: number | undefined;
    for (const event of events) {
      if (event.type === 'content_block_start') {
        expect(open).toBe(undefined);
        open = event.index;
      } else if (event.type === 'content_block_delta') {
        expect(event.index).toBe(open);
      } else if (event.type === 'content_block_stop') {
        expect(event.index).toBe(open);
        open = undefined;
      }
    }
  });

  test('a thinking block has a place for its signature, and a call for its input', () => {
    const heads = starts.map(({ content_block: block }) => {
      if (block.type === 'thinking') return block.signature;
      return block.type === 'tool_use' ? JSON.stringify(block.input) + String(block.id !== '') : '';
    });
    expect(heads.filter((it) => !['', '{}true'].includes(it))).toEqual([]);
  });
});

describe.each(WHOLE)('Anthropic’s words of %s, to their end', (scene) => {
  const events = dataOf(scene, 'anthropic-messages') as readonly Anthropic.RawMessageStreamEvent[];

  test('message_delta tells why it ended, and numbers; message_stop is last', () => {
    const [beforeLast, last] = events.slice(-2);
    if (beforeLast?.type !== 'message_delta') throw new Error('There is no message_delta before the end.');
    const { input_tokens, output_tokens, cache_creation_input_tokens, cache_read_input_tokens } = beforeLast.usage;
    const numbers = [input_tokens, output_tokens, cache_creation_input_tokens, cache_read_input_tokens];
    expect([numbers.map((it) => typeof it), last?.type]).toEqual([numbers.map(() => 'number'), 'message_stop']);
    const calls = events.filter(
      (event) => event.type === 'content_block_start' && event.content_block.type === 'tool_use',
    );
    expect(beforeLast.delta.stop_reason).toBe(reasonOf(scene, calls.length > 0 ? 'tool_use' : 'end_turn'));
  });

  test('the deltas of a call are one JSON object, unless the call was cut', () => {
    const inputs = new Map<number, string>();
    for (const event of events) {
      if (event.type !== 'content_block_delta' || event.delta.type !== 'input_json_delta') continue;
      inputs.set(event.index, (inputs.get(event.index) ?? '') + event.delta.partial_json);
    }
    const broken = [...inputs.values()].filter((input) => !isObject(input));
    expect(broken.length).toBe(scene.startsWith('tool-call-cut') ? 1 : 0);
  });
});

describe.each(SCENES)('OpenAI’s words of %s', (scene) => {
  const chunks = dataOf(scene, 'openai-chat').filter(
    (it) => !('error' in Object(it)),
  ) as readonly OpenAI.ChatCompletionChunk[];

  test('the role comes first, there is one choice with index 0, and choices are always there', () => {
    expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant');
    const choices = chunks.map((chunk) => chunk.choices.map(({ index }) => index));
    const usage = WHOLE.includes(scene) ? [[]] : [];
    expect(choices).toEqual([...chunks.slice(usage.length).map(() => [0]), ...usage]);
  });

  test('all chunks are of one completion', () => {
    const heads = chunks.map(({ id, created, model, object }) => [id, created, model, object].join(' '));
    expect(new Set(heads).size).toBe(1);
  });

  test('each call begins with its number, its id, its type and its name', () => {
    const begun = chunks
      .flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? [])
      .filter(({ id }) => id !== undefined);
    expect(begun.map(({ index, type }) => [index, type])).toEqual(begun.map((_, index) => [index, 'function']));
    expect(begun.filter(({ id, function: words }) => id === '' || !words?.name)).toEqual([]);
  });

  test('one finish reason, on the last choice, and it says when there are calls', () => {
    const reasons = chunks.flatMap(({ choices }) => choices.map(({ finish_reason: reason }) => reason));
    const hasCalls = chunks.some(({ choices }) => choices[0]?.delta.tool_calls !== undefined);
    const last = WHOLE.includes(scene) ? [FINISH[reasonOf(scene, hasCalls ? 'tool_use' : 'end_turn')]] : [];
    expect(reasons.filter((it) => it !== null)).toEqual(last);
    expect(reasons.at(-1) ?? undefined).toBe(last[0]);
  });
});

/** Some scenes are about another end than the one that their blocks have. */
function reasonOf(scene: string, byBlocks: 'tool_use' | 'end_turn'): keyof typeof FINISH {
  if (scene === 'content-filtered') return 'refusal';
  return /^(?:cut-by-length|tool-call-cut)/.test(scene) ? 'max_tokens' : byBlocks;
}

function isObject(text: string): boolean {
  try {
    return text.startsWith('{') && JSON.parse(text) !== null;
  } catch {
    return false;
  }
}

const FINISH = { end_turn: 'stop', tool_use: 'tool_calls', max_tokens: 'length', refusal: 'content_filter' } as const;
