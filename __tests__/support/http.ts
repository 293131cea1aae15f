/** HTTP without an SDK: a request as it is, and the answer as it came, whole or broken off. */

import { once } from 'node:events';
import { request as send, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { RunningGateway } from './gateway.js';

/** Where a gateway listens and what opens it; it may be a process of its own. */
export type Door = Pick<RunningGateway, 'url' | 'key'>;

export type Answer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** False when the connection broke before the answer's proper end. */
  readonly isComplete: boolean;
};

export type Asking = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object goes out as JSON. */
  readonly body?: object | string;
};

/** Presents the gateway key unless the headers say otherwise. */
export async function ask(gateway: Door, path: string, asking: Asking = {}): Promise<Answer> {
  const { response } = await open(gateway, path, asking);
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(response, 'close');
  const { statusCode = 0, headers, complete } = response;
  return { status: statusCode, headers, text: Buffer.concat(chunks).toString(), isComplete: complete };
}

/** An answer that has begun, for a client that may leave. */
export async function open(
  gateway: Door,
  path: string,
  asking: Asking,
): Promise<{ readonly request: ClientRequest; readonly response: IncomingMessage }> {
  const request = start(gateway, path, asking);
  const [response] = await once(request, 'response');
  if (!isResponse(response)) throw new Error('The gateway gave no answer.');
  response.on('error', () => undefined);
  return { request, response };
}

/** A request that has gone out; nobody waits for its answer yet. */
export function start(gateway: Door, path: string, { method, headers, body }: Asking): ClientRequest {
  const text = typeof body === 'object' ? JSON.stringify(body) : body;
  const request = send(gateway.url + path, {
    method: method ?? (text === undefined ? 'GET' : 'POST'),
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json', ...headers },
    agent: false,
  });
  request.on('error', () => undefined);
  request.end(text);
  return request;
}

/** The routes of the dialects, and the smallest body that all take. */
export const ROUTES = {
  'openai-chat': '/v1/chat/completions',
  'openai-responses': '/v1/responses',
  'anthropic-messages': '/v1/messages',
} as const;

export type DialectName = keyof typeof ROUTES;

export const DIALECTS: readonly DialectName[] = ['openai-chat', 'openai-responses', 'anthropic-messages'];

export function question(text: string, more: object = {}): object {
  const messages = [{ role: 'user', content: text }];
  return { model: 'claude-sonnet-4.5', max_tokens: 1000, messages, input: text, ...more };
}

function isResponse(value: unknown): value is IncomingMessage {
  return typeof value === 'object' && value !== null && 'statusCode' in value;
}
