/** Several turns of Kiro's as one: what the client is told of searches, and what Kiro is asked after them. */

import { describe, expect, test } from '@jest/globals';
import type { Block, Conversation, SearchLimits, Tool } from '../../src/core/conversation.js';
import { GatewayError } from '../../src/core/errors.js';
import type { Batch, Completion, FinishReason, StreamEvent, Turn } from '../../src/core/stream.js';
import { describeSearch, searchingTurn, searchToolOf, webSearchTool } from '../../src/core/web-search.js';
import { readTurn } from '../support/turn-automaton.js';
import { hear } from '../support/turns.js';

const NO_LIMITS: SearchLimits = { maxUses: undefined, allowedDomains: [], blockedDomains: [] };
const CATS = { title: 'Cats', url: 'https://cats.example/a', snippet: 'They purr.', publishedAt: Date.UTC(2026, 0, 2) };
const DOGS = { title: 'Dogs', url: 'https://www.dogs.example/', snippet: '', publishedAt: undefined };
const USAGE = { inputTokens: 10, outputTokens: 2, cacheReadTokens: 1, cacheWriteTokens: 0, reasoningTokens: 0 };

const text = (it: string): Block => ({ type: 'text', text: it });
const call = (id: string, input: object | string, name = 'web_search'): Block => ({
  type: 'tool-call',
  id,
  name,
  input: typeof input === 'string' ? input : JSON.stringify(input),
});

/** A whole turn that says these blocks, each event in a batch of its own. */
async function* turnOf(blocks: readonly Block[], finishReason?: FinishReason): AsyncGenerator<Batch> {
  const hasCall = blocks.some(({ type }) => type === 'tool-call');
  yield [{ type: 'start', inputTokens: 10 }];
  for (const [index, block] of blocks.entries()) {
    if (block.type === 'text') {
      yield [{ type: 'block-start', index, block: { type: 'text' } }];
      yield [{ type: 'block-delta', index, block: 'text', delta: block.text }];
    } else if (block.type === 'tool-call') {
      yield [{ type: 'block-start', index, block: { type: 'tool-call', id: block.id, name: block.name } }];
      yield [{ type: 'block-delta', index, block: 'tool-call', delta: block.input }];
    }
    yield [{ type: 'block-end', index, block }];
  }
  const usage = { ...USAGE, source: 'upstream' } as const;
  const completion: Completion = {
    blocks,
    finishReason: finishReason ?? (hasCall ? 'tool-calls' : 'stop'),
    usage,
    credits: 0.1,
  };
  yield [{ type: 'finish', completion }];
}

type Played = { events: readonly StreamEvent[]; asked: readonly Conversation[]; queries: readonly string[] };

/** The first of the turns, and the others as they are asked for; every search finds cats and dogs. */
async function play(turns: readonly Turn[], limits: Partial<SearchLimits> = {}): Promise<Played> {
  const tool = webSearchTool({ ...NO_LIMITS, ...limits });
  const conversation: Conversation = {
    model: 'auto',
    system: [],
    messages: [{ role: 'user', parts: [{ type: 'text', text: 'Cats?' }] }],
    tools: [tool],
    toolChoice: { mode: 'required' },
    reasoning: {},
  };
  const [first, ...later] = turns;
  const found = searchToolOf(conversation);
  if (first === undefined || found === undefined) throw new Error('Nothing to play.');
  const asked: Conversation[] = [];
  const queries: string[] = [];
  const { events, thrown } = await hear(
    searchingTurn(first, {
      conversation,
      tool: found,
      ask: (next) => {
        const turn = later[asked.push(next) - 1];
        return turn === undefined
          ? Promise.reject(new GatewayError('overloaded', 'Kiro is busy.'))
          : Promise.resolve(turn);
      },
      search: (query) => {
        queries.push(query);
        return Promise.resolve(
          query === 'fail' ? { results: [], failure: 'unavailable' } : { results: [CATS, DOGS], failure: undefined },
        );
      },
      signal: new AbortController().signal,
    }),
  );
  expect(thrown).toBeUndefined();
  return { events, asked, queries };
}

const searched = (id: string, query: string, more: object = {}) => ({
  type: 'web-search',
  id,
  query,
  results: [CATS, DOGS],
  failure: undefined,
  ...more,
});

test('a turn without a search passes as it is', async () => {
  const blocks = [text('Hi.'), call('c1', { a: 1 }, 'look')];
  const whole = await hear(turnOf(blocks));
  expect(await play([turnOf(blocks)])).toEqual({ events: whole.events, asked: [], queries: [] });
});

test('searches stand between what was said before and after, and costs are summed up', async () => {
  const { events, asked, queries } = await play([
    turnOf([text('Let me look.'), call('t1', { query: 'cats' }), call('t2', { query: 'more cats' })]),
    turnOf([call('t3', { query: 'cats 2026' })]),
    turnOf([text('They purr.')]),
  ]);
  const blocks = [
    text('Let me look.'),
    searched('t1', 'cats'),
    searched('t2', 'more cats'),
    searched('t3', 'cats 2026'),
    text('They purr.'),
  ];
  expect(readTurn(events)).toEqual({
    blocks,
    completion: {
      blocks,
      finishReason: 'stop',
      usage: {
        inputTokens: 30,
        outputTokens: 6,
        cacheReadTokens: 3,
        cacheWriteTokens: 0,
        reasoningTokens: 0,
        source: 'upstream',
      },
      credits: 0.3,
    },
    error: undefined,
  });
  expect(queries).toEqual(['cats', 'more cats', 'cats 2026']);
  const answered = (id: string) => ({
    type: 'tool-result',
    id,
    content: [
      {
        type: 'text',
        text: '1. Cats (2026-01-02)\n   https://cats.example/a\n   They purr.\n2. Dogs\n   https://www.dogs.example/',
      },
    ],
    isError: false,
  });
  expect(asked.map(({ messages, toolChoice }) => [messages.slice(1), toolChoice])).toEqual([
    [
      [
        {
          role: 'assistant',
          blocks: [text('Let me look.'), call('t1', { query: 'cats' }), call('t2', { query: 'more cats' })],
        },
        { role: 'user', parts: [answered('t1'), answered('t2')] },
      ],
      undefined,
    ],
    [
      [
        expect.anything(),
        expect.anything(),
        { role: 'assistant', blocks: [call('t3', { query: 'cats 2026' })] },
        { role: 'user', parts: [answered('t3')] },
      ],
      undefined,
    ],
  ]);
});

test('a call of the client beside a search ends the turn, after the search', async () => {
  const { events, asked } = await play([turnOf([call('t1', { query: 'cats' }), call('c1', { a: 1 }, 'look')])]);
  const { blocks, completion } = readTurn(events);
  expect([blocks, completion?.finishReason, asked]).toEqual([
    [call('c1', { a: 1 }, 'look'), searched('t1', 'cats')],
    'tool-calls',
    [],
  ]);
});

test('a search whose query was cut off is not run', async () => {
  const { events, queries } = await play([turnOf([text('Hm.'), call('t1', '{"que')], 'length')]);
  const { blocks, completion } = readTurn(events);
  expect([blocks, completion?.finishReason, queries]).toEqual([[text('Hm.')], 'length', []]);
});

describe('what a search may do', () => {
  test.each<[string, Partial<SearchLimits>, object]>([
    ['max_uses', { maxUses: 0 }, { results: [], failure: 'max_uses_exceeded' }],
    ['allowed_domains', { allowedDomains: ['Dogs.example'] }, { results: [DOGS] }],
    ['blocked_domains', { blockedDomains: ['dogs.example/path', 'ats.example'] }, { results: [CATS] }],
  ])('%s', async (_, limits, expected) => {
    const { events } = await play([turnOf([call('t1', { query: 'cats' })]), turnOf([text('So.')])], limits);
    expect(readTurn(events).blocks).toEqual([searched('t1', 'cats', expected), text('So.')]);
  });

  test.each([
    ['without a query', '{}', '', 'invalid_tool_input', 'The query is missing.'],
    [
      'that fails',
      '{"query":"fail"}',
      'fail',
      'unavailable',
      'The search failed; it may work later. Answer with what you know, and say that you could not search.',
    ],
  ])('one %s is told to the model', async (_, input, query, failure, words) => {
    const { events, asked } = await play([turnOf([call('t1', input)]), turnOf([text('So.')])]);
    expect(readTurn(events).blocks).toEqual([searched('t1', query, { results: [], failure }), text('So.')]);
    expect(asked[0]?.messages.at(-1)).toEqual({
      role: 'user',
      parts: [{ type: 'tool-result', id: 't1', content: [{ type: 'text', text: words }], isError: true }],
    });
  });
});

test('a model that only searches is stopped after twelve rounds and ten searches', async () => {
  const rounds = Array.from({ length: 13 }, (_, at) => turnOf([call(`t${at}`, { query: 'cats' })]));
  const { events, asked, queries } = await play(rounds);
  const { blocks, completion } = readTurn(events);
  expect([blocks.length, completion?.finishReason, asked.length, queries.length]).toEqual([12, 'stop', 11, 10]);
});

test('a failure after a search is the last event', async () => {
  const { events } = await play([turnOf([call('t1', { query: 'cats' })])]);
  expect(readTurn(events)).toMatchObject({ blocks: [searched('t1', 'cats')], error: { kind: 'overloaded' } });
});

test('the tool that the gateway runs gives way to one of the client with its name', () => {
  const tools = (...list: Tool[]) => searchToolOf({ model: 'a', system: [], messages: [], tools: list, reasoning: {} });
  const ours = webSearchTool(NO_LIMITS);
  const own: Tool = { name: 'web_search', description: '', inputSchema: undefined };
  expect([tools(own), tools(own, ours), tools({ ...own, name: 'look' }, ours)]).toEqual([undefined, undefined, ours]);
});

test('an earlier search in words', () => {
  const earlier = { type: 'web-search', id: 't1', query: 'cats', results: [CATS] } as const;
  expect([earlier, { ...earlier, query: '', results: [] }].map(describeSearch)).toEqual([
    '[A web search for "cats" found:]\n1. Cats (2026-01-02)\n   https://cats.example/a\n   They purr.',
    '[A web search found:]\nNothing was found.',
  ]);
});
