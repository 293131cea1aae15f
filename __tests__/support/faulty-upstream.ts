/** A Kiro on a bad day, on a raw socket: it says what a simulator says, and then one of many things goes wrong. */

import { createServer, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import type { Chance } from '../fuzz/chance.js';
import { encodeEvent, encodeSceneLine } from '../../src/simulator/frames.js';
import { listen } from './sockets.js';

export const FAULTS = {
  none: 'the true answer',
  torn: 'the true answer in pieces of a few bytes',
  flooded: 'the true answer among thousands of events that say nothing',
  chatty: 'the true answer, then more bytes after its end',
  'reset at once': 'the connection is cut before any byte',
  reset: 'the connection is cut inside the body',
  closed: 'the body ends early, with a proper end of HTTP',
  'stall at once': 'no byte ever comes',
  'stall after headers': 'the body never begins',
  stall: 'the body stops in the middle',
  corrupt: 'one byte of the body is another one',
  'long frame': 'a frame says that it is as long as the largest, and is not',
  'wrong length': 'content-length promises more than comes',
  'wrong chunk': 'the length of a chunk is no number',
  'not HTTP': 'bytes that are no HTTP',
  'huge headers': 'a header of a megabyte',
  redirect: 'another host is named',
  'not a stream': '200 with a page of HTML',
  'server error': '500 with a body that is cut',
  throttled: '429',
  exception: 'an exception after some text',
} as const;

export type Fault = keyof typeof FAULTS;

/** Those after which the whole answer has to arrive. */
export const HARMLESS: readonly Fault[] = ['none', 'torn', 'flooded'];

export type FaultyUpstream = {
  readonly url: string;
  /** Requests whose sockets are still open. */
  readonly open: () => number;
  readonly close: () => void;
};

export type Plan = { readonly fault: Fault; readonly deltas: readonly string[]; readonly chance: Chance };

/** @param planFor What is to happen to the request with this body. */
export async function startFaultyUpstream(planFor: (body: string) => Plan): Promise<FaultyUpstream> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      const body = wholeBody(Buffer.concat(chunks));
      if (body !== undefined) void misbehave(socket, planFor(body));
    });
  });
  return {
    url: `http://${await listen(server)}`,
    open: () => sockets.size,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function wholeBody(bytes: Buffer): string | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(bytes.toString('latin1', 0, end))?.[1] ?? 0);
  return bytes.length < end + 4 + length ? undefined : bytes.toString('utf8', end + 4);
}

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\nconnection: close\r\n';

async function misbehave(socket: Socket, { fault, deltas, chance }: Plan): Promise<void> {
  const frames = deltas.map((content) => encodeEvent('assistantResponseEvent', { content }));
  const body = Buffer.concat([...frames, encodeEvent('metadataEvent', { stopReason: 'END_TURN' })]);
  const place = 1 + chance.below(body.length - 1);
  const send = (bytes: Uint8Array | string): boolean => socket.write(bytes);
  const chunk = (bytes: Uint8Array): boolean =>
    send(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]));
  /** The body in chunks, and nothing after it. */
  const chunked = (bytes: Uint8Array): void => {
    send(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
    const middle = chance.below(bytes.length);
    for (const part of [bytes.subarray(0, middle), bytes.subarray(middle)]) if (part.length > 0) chunk(part);
  };
  const end = (): void => void socket.end('0\r\n\r\n');
  const refuse = (status: string, text: string, more = ''): void =>
    void socket.end(
      `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\nconnection: close\r\n${more}content-length: ${text.length}\r\n\r\n${text}`,
    );

  switch (fault) {
    case 'none':
      chunked(body);
      return end();
    case 'torn':
      send(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
      for (let at = 0; at < body.length;) {
        const size = 1 + chance.below(200);
        chunk(body.subarray(at, at + size));
        at += size;
        if (chance.is(0.1)) await new Promise(setImmediate);
      }
      return end();
    case 'flooded': {
      const noise = encodeEvent('somethingNewEvent', { content: 'x'.repeat(1000) });
      chunked(Buffer.concat([...Array.from({ length: 2000 }, () => noise), body]));
      return end();
    }
    case 'chatty':
      send(`${HEAD}content-length: ${body.length}\r\n\r\n`);
      return void socket.end(Buffer.concat([body, body]));
    case 'reset at once':
      return void socket.resetAndDestroy();
    case 'reset':
      chunked(body.subarray(0, place));
      return void setImmediate(() => socket.resetAndDestroy());
    case 'closed':
      chunked(body.subarray(0, place));
      return end();
    case 'stall at once':
      return;
    case 'stall after headers':
      return void send(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
    case 'stall':
      return chunked(body.subarray(0, place));
    case 'corrupt':
      body[place] = (body[place] ?? 0) ^ (1 + chance.below(255));
      chunked(body);
      return end();
    case 'long frame': {
      const first = frames.slice(0, chance.below(frames.length));
      chunked(Buffer.concat([...first, preludeOf(chance.pick([16 * 1024 * 1024, 0xffff_ffff, 4, 0])), body]));
      return end();
    }
    case 'wrong length':
      send(`${HEAD}content-length: ${body.length + 1 + chance.below(1000)}\r\n\r\n`);
      return void socket.end(body.subarray(0, place));
    case 'wrong chunk':
      chunked(body.subarray(0, place));
      return void socket.end('nonsense\r\n\r\n');
    case 'not HTTP':
      return void socket.end(body);
    case 'huge headers':
      return void socket.end(`${HEAD}x-large: ${'x'.repeat(1_000_000)}\r\n\r\n`);
    case 'redirect':
      return refuse('307 Temporary Redirect', '', 'location: http://127.0.0.1:9/elsewhere\r\n');
    case 'not a stream':
      return refuse('200 OK', '<html><body>Sign in to the network first.</body></html>');
    case 'server error':
      return void socket.end('HTTP/1.1 500 Oh\r\ncontent-length: 90\r\nconnection: close\r\n\r\n{"message":"cut');
    case 'throttled':
      return refuse('429 Slow', '{"message":"Too many requests","__type":"ThrottlingException"}');
    case 'exception': {
      const some = frames.slice(0, chance.below(frames.length));
      chunked(
        Buffer.concat([
          ...some,
          encodeSceneLine({ exception: 'InternalServerException', payload: { message: 'It failed.' } }),
        ]),
      );
      return end();
    }
  }
}

/** The beginning of a frame, with a right checksum and a length that is made up. */
function preludeOf(length: number): Buffer {
  const prelude = Buffer.alloc(12);
  prelude.writeUInt32BE(length, 0);
  prelude.writeUInt32BE(0, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  return prelude;
}
