/** What the tests of the simulator share: a running one, a signed-in client, legal bodies and the oracle's decoder. */
import type { Message } from '@smithy/core/event-streams';
import { afterEach } from '@jest/globals';
import { EventStreamCodec, getChunkedStream } from '@smithy/core/event-streams';
import { PROFILE_ARN } from '../../src/simulator/sign-in.js';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/server.js';

export { GIF, PNG } from '../support/images.js';
export { until } from '../support/sockets.js';
export { PROFILE_ARN as PROFILE } from '../../src/simulator/sign-in.js';

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString('utf8'),
  (text) => Buffer.from(text),
);

const running: Simulator[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((simulator) => simulator.close()));
});

/** A simulator that the test need not stop. */
export async function simulate(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator({ pace: 'none', ...options });
  running.push(simulator);
  return simulator;
}

export async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

export async function signIn({ url }: Simulator): Promise<string> {
  const answer = await post(`${url}/refreshToken`, { refreshToken: 'reusable' });
  return readField(await answer.json(), 'accessToken');
}

export function readField(value: unknown, name: string): string {
  return String(Object.entries(Object(value) as object).find(([key]) => key === name)?.[1]);
}

/** Asks the chat endpoint as somebody who has logged in. */
export async function ask(simulator: Simulator, body: object, signal?: AbortSignal): Promise<Response> {
  const token = await signIn(simulator);
  return fetch(`${simulator.url}/generateAssistantResponse`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

export type Line = { readonly name: string; readonly payload: Record<string, unknown> };

/** Asks, and reads the answer with the oracle: the name and payload of each frame. */
export async function tell(simulator: Simulator, body: object): Promise<Line[]> {
  const answer = await ask(simulator, body);
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.headers.get('x-simulator-detail')}`);
  return decode(new Uint8Array(await answer.arrayBuffer()));
}

export async function decode(bytes: Uint8Array): Promise<Line[]> {
  return (await decodeMessages([bytes])).map(({ headers, body }) => ({
    name: String((headers[':event-type'] ?? headers[':exception-type'] ?? headers[':error-code'])?.value),
    payload: body.length === 0 ? {} : JSON.parse(Buffer.from(body).toString()),
  }));
}

export async function decodeMessages(chunks: readonly Uint8Array[]): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const frame of getChunkedStream(toStream(chunks))) messages.push(codec.decode(frame));
  return messages;
}

async function* toStream(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

export function textOf(lines: readonly Line[]): string {
  return lines.flatMap(({ name, payload }) => (name === 'assistantResponseEvent' ? payload['content'] : [])).join('');
}

/** The payload of the last event of a name. */
export function last(lines: readonly Line[], name: string): Record<string, unknown> | undefined {
  return lines.findLast((line) => line.name === name)?.payload;
}

export type BodyOptions = {
  readonly user?: object;
  readonly context?: object;
  readonly history?: readonly object[];
  readonly state?: object;
  readonly top?: object;
};

/** A legal body, with whatever a test wants changed. */
export function body(content: string, { user, context, history, state, top }: BodyOptions = {}): object {
  const userInputMessage = {
    content,
    modelId: 'claude-sonnet-4.5',
    origin: 'AI_EDITOR',
    ...(context === undefined ? {} : { userInputMessageContext: context }),
    ...user,
  };
  return {
    conversationState: {
      conversationId: 'c-1',
      chatTriggerType: 'MANUAL',
      agentTaskType: 'vibe',
      ...(history === undefined ? {} : { history }),
      currentMessage: { userInputMessage },
      ...state,
    },
    profileArn: PROFILE_ARN,
    ...top,
  };
}

export function tool(name: string, json: object = CITY_SCHEMA, rest: object = {}): object {
  return { toolSpecification: { name, description: `Does ${name}.`, inputSchema: { json }, ...rest } };
}

export function asked(content: string): object {
  return { userInputMessage: { content, modelId: 'claude-sonnet-4.5', origin: 'AI_EDITOR' } };
}

export function answered(content: string, rest: object = {}): object {
  return { assistantResponseMessage: { content, ...rest } };
}

export function called(toolUseId: string, name = 'get_weather', input: object = { city: 'Oslo' }): object {
  return { toolUseId, name, input };
}

export function resulted(toolUseId: string, text = 'Sunny.', status = 'success'): object {
  return { toolUseId, content: [{ text }], status };
}

export const CITY_SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };

export function image(bytes: string, format = 'png'): object {
  return { format, source: { bytes } };
}
