/** Small pieces of HTTP that every endpoint needs: reading bodies, answering JSON, refusing. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Failure } from './failures.js';
import type { HttpReply } from './reply.js';

/** The whole body as text, or nothing when it is longer than the service takes. */
export async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // The connection must outlive a body that is refused, or its sender would never read why.
  const reader: AsyncIterable<Uint8Array> = request.iterator({ destroyOnReturn: false });
  for await (const chunk of reader) {
    length += chunk.length;
    if (length > LARGEST_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export function refuse({ status, type, message, reason }: Failure): HttpReply {
  return { status, headers: { 'x-amzn-errortype': type }, body: { message, reason } };
}

export function answerJson(body: object): HttpReply {
  return { status: 200, body };
}

export function send(response: ServerResponse, { status, headers = {}, body }: HttpReply): void {
  const isText = typeof body === 'string';
  const bytes = Buffer.from(isText ? body : JSON.stringify(body));
  response.writeHead(status, {
    'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json',
    'content-length': bytes.length,
    'x-amzn-requestid': randomUUID(),
    ...headers,
  });
  response.end(bytes);
}

const LARGEST_BODY_BYTES = 64 * 1024 * 1024;
