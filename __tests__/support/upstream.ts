/** Plays Kiro on a real socket, as a test tells it to, and remembers what it was asked. */

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { afterEach } from '@jest/globals';
import { listen } from './sockets.js';

export type UpstreamRequest = {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Resolves when the connection's answer is over, whoever ended it. */
  readonly closed: Promise<unknown>;
};

export type Upstream = { readonly url: string; readonly requests: readonly UpstreamRequest[] };

/** What to do with one request. */
export type Answer = (response: ServerResponse) => void;

/** Closed after the test. Answers in this order; the last one again and again. */
export async function startUpstream(...answers: readonly Answer[]): Promise<Upstream> {
  const requests: UpstreamRequest[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { url = '', headers } = incoming;
      requests.push({ url, headers, body: Buffer.concat(chunks).toString(), closed: once(response, 'close') });
      answers[Math.min(requests.length, answers.length) - 1]?.(response);
    });
  });
  return { url: `http://${await listenForTest(server)}`, requests };
}

/** A whole answer. An object is sent as JSON, without a content type unless one is given; anything else as frames. */
export function answer(
  status: number,
  body: object | string | Uint8Array,
  headers: Record<string, string> = {},
): Answer {
  const isBytes = typeof body === 'string' || body instanceof Uint8Array;
  const [type, bytes] = isBytes ? [FRAMES, body] : [{}, JSON.stringify(body)];
  return (response) => void response.writeHead(status, { ...type, ...headers }).end(bytes);
}

/** The beginning of an answer that never goes on. */
export function beginAnswer(status: number, bytes: string | Uint8Array): Answer {
  return (response) => void response.writeHead(status, FRAMES).write(bytes);
}

export const FRAMES = { 'content-type': 'application/vnd.amazon.eventstream' };

export const hang: Answer = () => undefined;
export const hangUp: Answer = (response) => void response.socket?.destroy();

/** An address where nobody listens. */
export async function nobody(): Promise<string> {
  const server = createServer();
  const address = await listen(server);
  server.close();
  await once(server, 'close');
  return `http://${address}`;
}

/** Listens on a port of its own, and is closed after the test with all that is connected to it. */
export async function listenForTest(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return listen(server);
}

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});
