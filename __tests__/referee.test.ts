/** The official SDKs judge the gateway over real sockets: every scene, both dialects, streamed and not. */

import { Anthropic } from '@anthropic-ai/sdk';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { OpenAI } from 'openai';
import type { SceneLine } from '../src/simulator/frames.js';
import { signReasoning } from '../src/simulator/script.js';
import { readChatStream } from './support/chat-automaton.js';
import { startGateway } from './support/gateway.js';
import { PNG } from './support/images.js';
import { ask, question, ROUTES } from './support/http.js';
import { readMessagesStream } from './support/messages-automaton.js';
import { ANSWERS, readUpstream } from './support/scenes.js';
import { clientsOf, ofCompletion, ofMessage, type Understood } from './support/sdk.js';

const gateway = await startGateway();
const { openai, anthropic } = clientsOf(gateway);
afterEach(() => gateway.simulator.reset());
afterAll(() => gateway.close());

type ChatParams = Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, 'model' | 'stream'>;
type MessageParams = Omit<Anthropic.MessageCreateParamsNonStreaming, 'model' | 'max_tokens' | 'stream'>;

const MODEL = 'claude-sonnet-4.5';

/** The completion, streamed with every event consumed. */
async function chatStreamed(params: ChatParams, model = MODEL): Promise<OpenAI.ChatCompletion> {
  const stream = openai.chat.completions.stream({ model, stream_options: { include_usage: true }, ...params });
  // The helper's own accumulator knows no reasoning: it is added up from the chunks.
  let reasoning = '';
  for await (const chunk of stream) reasoning += String(Object(chunk.choices[0]?.delta)['reasoning_content'] ?? '');
  const completion = await stream.finalChatCompletion();
  const [choice] = completion.choices;
  if (reasoning !== '') Object.assign(choice?.message ?? {}, { reasoning_content: reasoning });
  return completion;
}

async function messageStreamed(params: MessageParams, model = MODEL): Promise<Anthropic.Message> {
  const stream = anthropic.messages.stream({ model, max_tokens: 1000, ...params });
  const names: string[] = [];
  for await (const event of stream) names.push(event.type);
  expect([names[0], names.at(-1)]).toEqual(['message_start', 'message_stop']);
  return stream.finalMessage();
}

const chatWhole = (params: ChatParams, model = MODEL) => openai.chat.completions.create({ model, ...params });
const messageWhole = (params: MessageParams, model = MODEL) =>
  anthropic.messages.create({ model, max_tokens: 1000, ...params });

/** Kiro says the same in all four ways of asking; what the SDKs understood. */
async function understoodOf(lines: readonly SceneLine[]): Promise<readonly Understood[]> {
  gateway.simulator.enqueue(...[1, 2, 3, 4].map(() => ({ frames: lines })));
  const params = { messages: [{ role: 'user' as const, content: 'Go.' }] };
  return [
    ofCompletion(await chatWhole(params)),
    ofCompletion(await chatStreamed(params)),
    ofMessage(await messageWhole(params)),
    ofMessage(await messageStreamed(params)),
  ];
}

describe('both SDKs, streamed and not, understand the same', () => {
  const ending = ANSWERS.filter((scene) => readUpstream(scene).every((line) => 'event' in line));
  const whole = ending.filter((scene) => !scene.startsWith('tool-call-cut'));

  test.each(whole)('of %s', async (scene) => {
    const [first, ...others] = await understoodOf(readUpstream(scene));
    expect(others).toEqual([first, first, first]);
  });

  test('a call that was cut: nobody may run it', async () => {
    gateway.simulator.enqueue(...[1, 2, 3].map(() => ({ frames: readUpstream('tool-call-cut') })));
    const params = { messages: [{ role: 'user' as const, content: 'Go.' }] };
    const { choices } = await chatWhole(params);
    expect([choices[0]?.finish_reason, choices[0]?.message.tool_calls]).toEqual([
      'length',
      [{ id: 'tooluse_A1', type: 'function', function: { name: 'write_file', arguments: CUT } }],
    ]);
    const message = await messageWhole(params);
    expect([message.stop_reason, message.content]).toEqual([
      'max_tokens',
      [{ type: 'text', text: 'I will write it.' }],
    ]);
    expect((await messageStreamed(params)).stop_reason).toBe('max_tokens');
  });
});

describe('a stream obeys its grammar on the wire', () => {
  test.each(ANSWERS)('with %s', async (scene) => {
    gateway.simulator.enqueue(...[1, 2].map(() => ({ frames: readUpstream(scene), chunking: [7, 300, 1] })));
    const body = question('Go.', { stream: true, stream_options: { include_usage: true } });
    const chat = await ask(gateway, ROUTES['openai-chat'], { body });
    const messages = await ask(gateway, ROUTES['anthropic-messages'], { body });
    expect([chat.isComplete, messages.isComplete]).toEqual([true, true]);
    if (scene === 'exception-first') return expect([chat.status, messages.status]).toEqual([429, 429]);
    expect('usage' in readChatStream(chat.text).completion).toBe(scene !== 'exception-later');
    expect(readMessagesStream(messages.text).pings).toBe(0);
    for (const { headers } of [chat, messages]) expect(headers).toMatchObject(SSE_HEADERS);
  });

  test('a failure in mid-stream names the request', async () => {
    const body = question('[[scenario:exception-later]]', { stream: true });
    const { text, headers } = await ask(gateway, ROUTES['anthropic-messages'], { body });
    expect(text).toContain(`"request_id":"${String(headers['request-id'])}"`);
  });

  test('chat tells the usage only when it is asked to', async () => {
    const { text } = await ask(gateway, ROUTES['openai-chat'], { body: question('Go.', { stream: true }) });
    expect('usage' in readChatStream(text).completion).toBe(false);
  });
});

const SCHEMA = { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] };
const CHAT_TOOLS = ['get_weather', 'mcp.files/read file'].map((name) => ({
  type: 'function' as const,
  function: { name, description: `Does ${name}.`, parameters: SCHEMA },
}));
const MESSAGE_TOOLS = ['get_weather', 'mcp.files/read file'].map((name) => ({ name, input_schema: SCHEMA }));

describe('a tool round trip: call, result, final answer', () => {
  const results = () => contextOf(gateway.asked().at(-1)?.body).toolResults;

  test.each([
    ['openai, whole', 'tool-call', chatWhole],
    ['openai, streamed', 'tool-call', chatStreamed],
    ['openai, whole, in parallel', 'tool-call-parallel', chatWhole],
    ['openai, streamed, in parallel', 'tool-call-parallel', chatStreamed],
  ] as const)('%s', async (_, scenario, complete) => {
    const asked = { role: 'user' as const, content: `[[scenario:${scenario}]]` };
    const { choices } = await complete({ messages: [asked], tools: CHAT_TOOLS });
    const message = choices[0]?.message;
    const calls = message?.tool_calls ?? [];
    expect(calls.map((call) => call.type === 'function' && call.function.name)).toEqual(NAMES[scenario]);
    const answers = calls.map(({ id }) => ({ role: 'tool' as const, tool_call_id: id, content: 'Sunny.' }));
    const history = [asked, ...(message === undefined ? [] : [message]), ...answers];
    const final = await complete({ messages: history, tools: CHAT_TOOLS });
    expect(final.choices[0]?.message.content).toMatch(/answered: Sunny\./);
    expect(results()).toEqual(calls.map(({ id }) => toolResult(id, 'success')));
  });

  test.each([
    ['anthropic, whole', 'tool-call', messageWhole],
    ['anthropic, streamed', 'tool-call', messageStreamed],
    ['anthropic, whole, in parallel', 'tool-call-parallel', messageWhole],
    ['anthropic, streamed, in parallel', 'tool-call-parallel', messageStreamed],
  ] as const)('%s', async (_, scenario, complete) => {
    const asked = { role: 'user' as const, content: `[[scenario:${scenario}]]` };
    const { content } = await complete({ messages: [asked], tools: MESSAGE_TOOLS });
    const calls = content.filter((block) => block.type === 'tool_use');
    expect(calls.map(({ name }) => name)).toEqual(NAMES[scenario]);
    const answers = calls.map(({ id }) => ({
      type: 'tool_result' as const,
      tool_use_id: id,
      content: 'Sunny.',
      is_error: true,
    }));
    const history = [asked, { role: 'assistant' as const, content }, { role: 'user' as const, content: answers }];
    const final = await complete({ messages: history, tools: MESSAGE_TOOLS });
    expect(ofMessage(final).text).toMatch(/failed and said: Sunny\./);
    expect(results()).toEqual(calls.map(({ id }) => toolResult(id, 'error')));
  });
});

describe('native thinking', () => {
  const THOUGHT = 'The weather service knows. 🤔';
  const thinking = [
    reasoning({ text: THOUGHT.slice(0, 10) }),
    reasoning({ text: THOUGHT.slice(10) }),
    reasoning({ signature: signReasoning(THOUGHT) }),
    { event: 'toolUseEvent', payload: { toolUseId: 'tooluse_T1', name: 'get_weather' } },
    { event: 'toolUseEvent', payload: { toolUseId: 'tooluse_T1', name: 'get_weather', input: '{"city":"Oslo"}' } },
    { event: 'toolUseEvent', payload: { toolUseId: 'tooluse_T1', name: 'get_weather', stop: true } },
  ];

  test.each([
    ['whole', messageWhole],
    ['streamed', messageStreamed],
  ] as const)('comes %s with its signature, and Kiro takes it back unchanged', async (_, complete) => {
    gateway.simulator.enqueue({ frames: thinking });
    const asked = { role: 'user' as const, content: 'Weather in Oslo?' };
    const params = { thinking: { type: 'adaptive' as const }, tools: MESSAGE_TOOLS };
    const { content } = await complete({ ...params, messages: [asked] }, 'claude-sonnet-5');
    const block = { type: 'thinking', thinking: THOUGHT, signature: signReasoning(THOUGHT) };
    expect(content[0]).toEqual(block);
    const answer = { type: 'tool_result' as const, tool_use_id: 'tooluse_T1', content: 'Sunny.' };
    const history = [asked, { role: 'assistant' as const, content }, { role: 'user' as const, content: [answer] }];
    await complete({ ...params, messages: history }, 'claude-sonnet-5');
    const request = gateway.asked().at(-1);
    expect([request?.violation, JSON.stringify(request?.body)]).toEqual([
      undefined,
      expect.stringContaining(JSON.stringify({ reasoningText: { text: THOUGHT, signature: signReasoning(THOUGHT) } })),
    ]);
  });
});

test('an image arrives as it was sent', async () => {
  const image = { type: 'base64' as const, media_type: 'image/png' as const, data: PNG };
  const text = { type: 'text' as const, text: 'What is this?' };
  await chatWhole({
    messages: [
      { role: 'user', content: [text, { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }] },
    ],
  });
  await messageWhole({ messages: [{ role: 'user', content: [text, { type: 'image', source: image }] }] });
  const sent = gateway.asked().map(({ body }) => messageOf(body)['images']);
  expect(sent).toEqual([1, 2].map(() => [{ format: 'png', source: { bytes: PNG } }]));
});

describe('errors become the classes of the SDK', () => {
  const saying = (scenario: string) => ({ messages: [{ role: 'user' as const, content: `[[scenario:${scenario}]]` }] });

  test.each([
    ['throttled', OpenAI.RateLimitError, Anthropic.RateLimitError, 429],
    ['suspended', OpenAI.PermissionDeniedError, Anthropic.PermissionDeniedError, 403],
    ['overflow', OpenAI.BadRequestError, Anthropic.BadRequestError, 400],
    ['server-error', OpenAI.InternalServerError, Anthropic.InternalServerError, 502],
  ] as const)('before the first event: %s', async (scenario, chatClass, messageClass, status) => {
    const tries = [chatWhole, chatStreamed, messageWhole, messageStreamed].map((complete) =>
      complete(saying(scenario)).catch((error: unknown) => error),
    );
    const errors = await Promise.all(tries);
    expect(errors.map((error) => error instanceof chatClass || error instanceof messageClass)).toEqual(ALL_FOUR);
    expect(errors.map((error) => Object(error).status)).toEqual([status, status, status, status]);
  });

  test('after it: the words arrive, then the error', async () => {
    const stream = await openai.chat.completions.create({ model: MODEL, stream: true, ...saying('exception-later') });
    const heard: string[] = [];
    const chat = (async () => {
      for await (const { choices } of stream) heard.push(choices[0]?.delta.content ?? '');
    })();
    await expect(chat).rejects.toThrow(OpenAI.APIError);
    expect(heard.join('')).toBe('These words arrive before something goes wrong.');
    const failed = messageStreamed(saying('exception-later'));
    await expect(failed).rejects.toMatchObject({ constructor: Anthropic.APIError, type: 'api_error' });
  });

  test('a wrong key', async () => {
    const wrong = clientsOf({ ...gateway, key: 'wrong' });
    await expect(wrong.openai.models.list()).rejects.toThrow(OpenAI.AuthenticationError);
    await expect(wrong.anthropic.models.list()).rejects.toThrow(Anthropic.AuthenticationError);
  });
});

test('both SDKs list the same models', async () => {
  const chat: string[] = [];
  for await (const { id, object } of openai.models.list()) chat.push(`${object} ${id}`);
  const messages: string[] = [];
  for await (const { id, type } of anthropic.models.list()) messages.push(`${type} ${id}`);
  expect([chat.length, chat.includes(`model ${MODEL}`), messages]).toEqual([20, true, chat]);
});

function reasoning(payload: object): SceneLine {
  return { event: 'reasoningContentEvent', payload };
}

function toolResult(toolUseId: string, status: string): object {
  return { toolUseId, content: [{ text: 'Sunny.' }], status };
}

/** The current message of what Kiro was asked. */
function messageOf(body: unknown): Record<string, unknown> {
  return Object(body).conversationState.currentMessage.userInputMessage;
}

function contextOf(body: unknown): { readonly toolResults?: unknown } {
  return Object(messageOf(body)['userInputMessageContext']);
}

const ALL_FOUR = [true, true, true, true];
const NAMES = { 'tool-call': ['get_weather'], 'tool-call-parallel': ['get_weather', 'mcp.files/read file'] };
const CUT = '{"text":"It was a dark and stormy ni';
const SSE_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};
