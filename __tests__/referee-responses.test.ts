/** OpenAI's SDK judges the Responses dialect over real sockets: every scene, tools of all kinds, reasoning, schemas. */

import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { OpenAI } from 'openai';
import type { Response, ResponseCreateParamsNonStreaming, ResponseInput } from 'openai/resources/responses/responses';
import type { SceneLine } from '../src/simulator/frames.js';
import { redactReasoning, signReasoning } from '../src/simulator/script.js';
import { startGateway } from './support/gateway.js';
import { PNG } from './support/images.js';
import { ask, question, ROUTES } from './support/http.js';
import { readResponsesStream } from './support/responses-automaton.js';
import { ANSWERS, readUpstream } from './support/scenes.js';
import { clientsOf } from './support/sdk.js';

const gateway = await startGateway();
const { openai } = clientsOf(gateway);
afterEach(() => gateway.simulator.reset());
afterAll(() => gateway.close());

type Params = Omit<ResponseCreateParamsNonStreaming, 'stream'>;

const MODEL = 'claude-sonnet-4.5';
const whole = (params: Params): Promise<Response> => openai.responses.create({ model: MODEL, ...params });
const streamed = (params: Params): Promise<Response> =>
  openai.responses.stream({ model: MODEL, ...params }).finalResponse();
const BOTH = [
  ['whole', whole],
  ['streamed', streamed],
] as const;

describe('streamed and not, the SDK understands the same', () => {
  const ending = ANSWERS.filter((scene) => readUpstream(scene).every((line) => 'event' in line));

  test.each(ending)('of %s', async (scene) => {
    gateway.simulator.enqueue(...[1, 2].map(() => ({ frames: readUpstream(scene) })));
    const [one, other] = [factsOf(await whole({ input: 'Go.' })), factsOf(await streamed({ input: 'Go.' }))];
    expect(other).toEqual(one);
  });

  /** Without what names the answer itself. */
  function factsOf({ id, status, output, usage, incomplete_details, output_text }: Response): unknown {
    const bare = id.replace('resp_', '');
    const text = JSON.stringify({ status, output, usage, incomplete_details, output_text }, (key, value: unknown) =>
      key === 'parsed' || key === 'parsed_arguments' ? undefined : value,
    );
    return JSON.parse(text.replaceAll(bare, 'id'));
  }
});

describe('a stream obeys its grammar on the wire', () => {
  test.each(ANSWERS)('with %s', async (scene) => {
    gateway.simulator.enqueue({ frames: readUpstream(scene), chunking: [7, 300, 1] });
    const { status, isComplete, text } = await ask(gateway, ROUTES['openai-responses'], {
      body: question('Go.', { stream: true }),
    });
    expect(isComplete).toBe(true);
    if (scene === 'exception-first') return expect(status).toBe(429);
    expect(readResponsesStream(text).error === undefined).toBe(scene !== 'exception-later');
  });
});

const PARAMETERS = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const TOOLS: Params['tools'] = ['get_weather', 'mcp.files/read file'].map((name) => ({
  type: 'function',
  name,
  description: `Does ${name}.`,
  parameters: PARAMETERS,
  strict: false,
}));

describe('a tool round trip: call, result, final answer', () => {
  test.each([
    ['whole', 'tool-call', whole],
    ['streamed', 'tool-call', streamed],
    ['whole, in parallel', 'tool-call-parallel', whole],
    ['streamed, in parallel', 'tool-call-parallel', streamed],
  ] as const)('%s', async (_, scenario, respond) => {
    const asked: ResponseInput = [{ role: 'user', content: `[[scenario:${scenario}]]` }];
    const { output } = await respond({ input: asked, tools: TOOLS ?? [] });
    const calls = output.filter((item) => item.type === 'function_call');
    expect(calls.map(({ name }) => name)).toEqual(NAMES[scenario]);
    const results: ResponseInput = calls.map(({ call_id }) => ({
      type: 'function_call_output',
      call_id,
      output: 'Sunny.',
    }));
    const final = await respond({ input: [...asked, ...(output as ResponseInput), ...results], tools: TOOLS ?? [] });
    expect(final.output_text).toMatch(/answered: Sunny\./);
    expect(resultsAsked()).toEqual(
      calls.map(({ call_id }) => ({ toolUseId: call_id, content: [{ text: 'Sunny.' }], status: 'success' })),
    );
  });
});

describe('a custom tool takes a text and gives one back', () => {
  const PATCH = '*** Begin Patch\n*** Add File: "p.txt"\n+ü\n*** End Patch';

  test.each(BOTH)('%s', async (_, respond) => {
    gateway.simulator.enqueue({ frames: callOf('apply_patch', JSON.stringify({ input: PATCH })) });
    const asked: ResponseInput = [{ role: 'user', content: 'Patch it.' }];
    const tools: Params['tools'] = [{ type: 'custom', name: 'apply_patch', description: 'Patches.' }];
    const { output } = await respond({ input: asked, tools });
    expect(output).toMatchObject([
      { type: 'custom_tool_call', name: 'apply_patch', call_id: 'tooluse_T1', input: PATCH, status: 'completed' },
    ]);
    const result = { type: 'custom_tool_call_output' as const, call_id: 'tooluse_T1', output: 'Done.' };
    await respond({ input: [...asked, ...(output as ResponseInput), result], tools });
    const request = gateway.asked().at(-1);
    expect([request?.violation, JSON.stringify(request?.body)]).toEqual([
      undefined,
      expect.stringContaining(
        JSON.stringify({ toolUseId: 'tooluse_T1', name: 'apply_patch', input: { input: PATCH } }),
      ),
    ]);
  });
});

describe('native reasoning', () => {
  const THOUGHT = 'The weather service knows. 🤔';
  const signed = [
    reasoning({ text: THOUGHT }),
    reasoning({ signature: signReasoning(THOUGHT) }),
    ...callOf('get_weather', '{"city":"Oslo"}'),
  ];
  const redacted = [
    ...callOf('get_weather', '{"city":"Oslo"}'),
    reasoning({ redactedContent: redactReasoning(THOUGHT) }),
  ];
  const SIGNED = { reasoningText: { text: THOUGHT, signature: signReasoning(THOUGHT) } };

  test.each([
    ['signed, whole', signed, SIGNED, whole],
    ['signed, streamed', signed, SIGNED, streamed],
    ['redacted, whole', redacted, { redactedContent: redactReasoning(THOUGHT) }, whole],
    ['redacted, streamed', redacted, { redactedContent: redactReasoning(THOUGHT) }, streamed],
  ] as const)('comes and goes back unchanged: %s', async (_, frames, kept, respond) => {
    gateway.simulator.enqueue({ frames });
    const asked: ResponseInput = [{ role: 'user', content: 'Weather in Oslo?' }];
    const params = { model: 'claude-sonnet-5', tools: TOOLS ?? [], include: ['reasoning.encrypted_content' as const] };
    const { output } = await respond({ ...params, input: asked });
    expect(output.map(({ type }) => type).toSorted()).toEqual(['function_call', 'reasoning']);
    const result = { type: 'function_call_output' as const, call_id: 'tooluse_T1', output: 'Sunny.' };
    await respond({ ...params, input: [...asked, ...(output as ResponseInput), result] });
    const request = gateway.asked().at(-1);
    expect([request?.violation, JSON.stringify(request?.body)]).toEqual([
      undefined,
      expect.stringContaining(JSON.stringify(kept)),
    ]);
  });
});

test('an answer that follows a schema is parsed by the SDK’s own helper', async () => {
  gateway.simulator.enqueue({
    frames: [{ event: 'assistantResponseEvent', payload: { content: '```json\n{"a":1}\n```' } }],
  });
  const schema = {
    type: 'object',
    properties: { a: { type: 'number' } },
    required: ['a'],
    additionalProperties: false,
  };
  const response = await openai.responses.parse({
    model: MODEL,
    input: 'Go.',
    text: { format: { type: 'json_schema', name: 'a', schema } },
  });
  expect([response.output_text, JSON.parse(response.output_text)]).toEqual(['{"a":1}', { a: 1 }]);
});

test('an image arrives as it was sent', async () => {
  await whole({
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'What is this?' },
          { type: 'input_image', image_url: `data:image/png;base64,${PNG}`, detail: 'auto' },
        ],
      },
    ],
  });
  expect(currentMessage()['images']).toEqual([{ format: 'png', source: { bytes: PNG } }]);
});

describe('errors become the classes of the SDK', () => {
  test.each([
    ['throttled', OpenAI.RateLimitError, 429],
    ['suspended', OpenAI.PermissionDeniedError, 403],
    ['overflow', OpenAI.BadRequestError, 400],
    ['server-error', OpenAI.InternalServerError, 502],
  ] as const)('before the first event: %s', async (scenario, errorClass, status) => {
    const input = `[[scenario:${scenario}]]`;
    const errors = await Promise.all([whole, streamed].map((respond) => respond({ input }).catch((it: unknown) => it)));
    expect(errors.map((it) => [it instanceof errorClass, Object(it).status])).toEqual([
      [true, status],
      [true, status],
    ]);
  });

  test('after it: the words arrive, and the response has failed', async () => {
    const stream = openai.responses.stream({ model: MODEL, input: '[[scenario:exception-later]]' });
    const heard: string[] = [];
    stream.on('response.output_text.delta', ({ delta }) => heard.push(delta));
    const { status, error } = await stream.finalResponse();
    expect([heard.join(''), status, error?.code]).toEqual([
      'These words arrive before something goes wrong.',
      'failed',
      'server_error',
    ]);
  });
});

function reasoning(payload: object): SceneLine {
  return { event: 'reasoningContentEvent', payload };
}

function callOf(name: string, input: string): readonly SceneLine[] {
  const base = { toolUseId: 'tooluse_T1', name };
  return [base, { ...base, input }, { ...base, stop: true }].map((payload) => ({ event: 'toolUseEvent', payload }));
}

/** The current message of what Kiro was asked last. */
function currentMessage(): Record<string, unknown> {
  return Object(gateway.asked().at(-1)?.body).conversationState.currentMessage.userInputMessage;
}

function resultsAsked(): unknown {
  return Object(currentMessage()['userInputMessageContext']).toolResults;
}

const NAMES = { 'tool-call': ['get_weather'], 'tool-call-parallel': ['get_weather', 'mcp.files/read file'] };
