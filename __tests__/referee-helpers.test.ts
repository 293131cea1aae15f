/** The SDKs' own helpers run whole loops against the gateway: tool runners, parsed answers, streams that are cut. */

import type { Anthropic } from '@anthropic-ai/sdk';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import type { OpenAI } from 'openai';
import { startGateway } from './support/gateway.js';
import { clientsOf, ofCompletion, ofMessage } from './support/sdk.js';
import { say } from './support/turns.js';

const gateway = await startGateway({ scenario: 'clients' });
const { openai, anthropic } = clientsOf(gateway);
afterEach(() => gateway.simulator.reset());
afterAll(() => gateway.close());

const MODEL = 'claude-sonnet-4.5';
const CITY = { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] };
const ANSWER = { type: 'object' as const, properties: { answer: { type: 'string' } }, required: ['answer'] };
const ASKED = { role: 'user' as const, content: 'TOOLTEST weather in Oslo' };
const FINAL = 'TOOL-OK It is 21C in Oslo STUB-FINAL-7391';

const weather = ({ city }: { city: string }): string => `It is 21C in ${city}`;
const WEATHER = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    description: 'w',
    parameters: CITY,
    parse: (text: string): { city: string } => JSON.parse(text),
    function: weather,
  },
};

describe('a tool runner ends with the final answer', () => {
  test('of OpenAI, whole', async () => {
    const runner = openai.chat.completions.runTools({ model: MODEL, messages: [ASKED], tools: [WEATHER] });
    expect(await runner.finalContent()).toBe(FINAL);
  });

  test('of OpenAI, streamed', async () => {
    const runner = openai.chat.completions.runTools({
      model: MODEL,
      stream: true,
      stream_options: { include_usage: true },
      messages: [ASKED],
      tools: [WEATHER],
    });
    expect(await runner.finalContent()).toBe(FINAL);
    expect((await runner.totalUsage()).total_tokens).toBeGreaterThan(0);
  });

  test.each([false, true])('of Anthropic, which first tries to keep a thread; streamed: %s', async (stream) => {
    const runner = anthropic.beta.messages.toolRunner({
      model: MODEL,
      max_tokens: 500,
      stream,
      messages: [ASKED],
      tools: [
        {
          type: 'custom' as const,
          name: 'get_weather',
          description: 'w',
          input_schema: CITY,
          run: weather,
          parse: (input: unknown): { city: string } => input as { city: string },
        },
      ],
    });
    const { content } = await runner.runUntilDone();
    expect(content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('')).toBe(FINAL);
  });
});

describe('an answer that follows a schema', () => {
  test('is parsed by OpenAI’s helper', async () => {
    const { choices } = await openai.chat.completions.parse({
      model: MODEL,
      messages: [{ role: 'user', content: 'Answer.' }],
      response_format: { type: 'json_schema', json_schema: { name: 'a', strict: true, schema: ANSWER } },
    });
    expect(JSON.parse(choices[0]?.message.content ?? '')).toEqual({ answer: 'STUB-FINAL-7391' });
  });

  test('streams through Anthropic’s helper', async () => {
    const stream = anthropic.messages.stream({
      model: MODEL,
      max_tokens: 500,
      messages: [{ role: 'user', content: 'Answer.' }],
      output_config: { format: { type: 'json_schema', schema: ANSWER } },
    });
    expect(JSON.parse(await stream.finalText())).toEqual({ answer: 'STUB-FINAL-7391' });
  });
});

describe('a tool that has to be called is called', () => {
  const TOOLS = ['get_weather', 'get_time'];

  test('in OpenAI’s words', async () => {
    const completion = await openai.chat.completions.create({
      model: MODEL,
      messages: [{ role: 'user', content: 'Hello.' }],
      tools: TOOLS.map((name) => ({ type: 'function' as const, function: { name, parameters: CITY } })),
      tool_choice: { type: 'function', function: { name: 'get_time' } },
    });
    const { calls, finish } = ofCompletion(completion);
    expect([calls.map(({ name }) => name), finish]).toEqual([['get_time'], 'tool_calls']);
  });

  test('in Anthropic’s words', async () => {
    const message = await anthropic.messages.create({
      model: MODEL,
      max_tokens: 500,
      messages: [{ role: 'user', content: 'Hello.' }],
      tools: TOOLS.map((name) => ({ name, input_schema: CITY })),
      tool_choice: { type: 'tool', name: 'get_time' },
    });
    const { calls, finish } = ofMessage(message);
    expect([calls.map(({ name }) => name), finish]).toEqual([['get_time'], 'tool_calls']);
  });
});

test('a stream that is cut is whole for both helpers', async () => {
  const lines = ['one, t', 'wo, three'].map(say);
  gateway.simulator.enqueue({ frames: lines, thenStall: true }, { frames: lines, thenStall: true });
  const chat = openai.chat.completions.stream({
    model: MODEL,
    messages: [{ role: 'user', content: 'Count.' }],
    stop: 'two',
    stream_options: { include_usage: true },
  });
  const completion: OpenAI.ChatCompletion = await chat.finalChatCompletion();
  const params = { model: MODEL, max_tokens: 500, stop_sequences: ['two'] };
  const stream = anthropic.messages.stream({ ...params, messages: [{ role: 'user', content: 'Count.' }] });
  const message: Anthropic.Message = await stream.finalMessage();
  expect([ofCompletion(completion).text, ofMessage(message).text, message.stop_sequence]).toEqual([
    'one, ',
    'one, ',
    'two',
  ]);
});

test('a body of the Responses API on the chat route is answered as chat', async () => {
  const body = {
    model: MODEL,
    instructions: 'Be brief.',
    input: [{ role: 'user', content: [{ type: 'input_text', text: 'Hello.' }] }],
    tools: [{ type: 'function', name: 'get_weather', parameters: CITY }],
  };
  const completion: OpenAI.ChatCompletion = await openai.post('/chat/completions', { body });
  expect([completion.object, ofCompletion(completion).text]).toEqual(['chat.completion', 'STUB-FINAL-7391']);
});
