/** Answers as application/vnd.amazon.eventstream: the encoder, apart from the gateway's decoder, and the writer. */

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import type { HttpReply } from './exchange.js';

/** What the chat endpoint can be told to answer, by a test or by a scenario. */
export type Reply = HttpReply | StreamReply | { readonly destroy: true };

export type StreamReply = {
  readonly frames: Iterable<FramePart>;
  /** How the bytes are cut into writes; one write per frame unless told otherwise. */
  readonly chunking?: Chunking;
  /** What comes after the last frame; a proper end unless told otherwise. */
  readonly thenDestroy?: boolean;
  /** Waits for ever, with the connection open. */
  readonly thenStall?: boolean;
  /** Waited before the status line, whatever the pace. */
  readonly delayMs?: number;
};

/** Bytes go out as they are; a pause is kept only at a human pace. */
export type FramePart = Uint8Array | SceneLine | Pause;

type Pause = { readonly pauseMs: number };

/** One write for everything, or writes of these sizes, over and over. */
type Chunking = 'frame' | 'glued' | readonly number[];

export type Pace = 'human' | 'none';

/** One line of a scene: what a frame says, in a form that reads well in a file. */
export type SceneLine =
  | { readonly event: string; readonly payload: object }
  | { readonly exception: string; readonly payload: object }
  | { readonly error: string; readonly message: string };

type FrameInput = { readonly headers: Readonly<Record<string, string>>; readonly payload: Uint8Array };

export function encodeFrame({ headers, payload }: FrameInput): Uint8Array {
  const headerBytes = Buffer.concat(Object.entries(headers).map(([name, value]) => encodeHeader(name, value)));
  const totalLength = PRELUDE_BYTES + headerBytes.length + payload.length + CHECKSUM_BYTES;
  const frame = Buffer.alloc(totalLength);
  frame.writeUInt32BE(totalLength, 0);
  frame.writeUInt32BE(headerBytes.length, 4);
  frame.writeUInt32BE(crc32(frame.subarray(0, 8)), 8);
  frame.set(headerBytes, PRELUDE_BYTES);
  frame.set(payload, PRELUDE_BYTES + headerBytes.length);
  frame.writeUInt32BE(crc32(frame.subarray(0, totalLength - CHECKSUM_BYTES)), totalLength - CHECKSUM_BYTES);
  return frame;
}

function encodeHeader(name: string, value: string): Uint8Array {
  const nameBytes = Buffer.from(name);
  const valueBytes = Buffer.from(value);
  const valueHead = Buffer.from([STRING_TYPE, valueBytes.length >> 8, valueBytes.length & 0xff]);
  return Buffer.concat([Buffer.from([nameBytes.length]), nameBytes, valueHead, valueBytes]);
}

export function encodeEvent(eventType: string, payload: object): Uint8Array {
  return encodeJson({ ':event-type': eventType, ':message-type': 'event' }, payload);
}

export function encodeException(exceptionType: string, payload: object): Uint8Array {
  return encodeJson({ ':exception-type': exceptionType, ':message-type': 'exception' }, payload);
}

/** An error frame says everything in its headers; its payload is empty. */
export function encodeError(code: string, message: string): Uint8Array {
  const headers = { ':error-code': code, ':error-message': message, ':message-type': 'error' };
  return encodeFrame({ headers, payload: new Uint8Array() });
}

export function encodeSceneLine(line: SceneLine): Uint8Array {
  if ('event' in line) return encodeEvent(line.event, line.payload);
  if ('exception' in line) return encodeException(line.exception, line.payload);
  return encodeError(line.error, line.message);
}

function encodeJson(headers: Readonly<Record<string, string>>, payload: object): Uint8Array {
  const whole = { ...headers, ':content-type': 'application/json' };
  return encodeFrame({ headers: whole, payload: Buffer.from(JSON.stringify(payload)) });
}

type StreamContext = {
  readonly pace: Pace;
  /** Aborted when the client leaves or the simulator closes. */
  readonly signal: AbortSignal;
  /** Closes the connection in the middle of the answer. */
  readonly hangUp: () => void;
  readonly headers: Readonly<Record<string, string>>;
};

/** Cut as asked, at its pace, no faster than the client reads. */
export async function writeStream(reply: StreamReply, response: ServerResponse, context: StreamContext): Promise<void> {
  const { signal, pace } = context;
  if (reply.delayMs !== undefined) await wait(reply.delayMs, undefined, { signal });
  response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream', ...context.headers });
  response.flushHeaders();
  for (const part of cutParts(reply)) {
    if (signal.aborted) return;
    if (!('pauseMs' in part)) {
      if (!response.write(part)) await once(response, 'drain', { signal });
    } else if (pace === 'human') await wait(part.pauseMs, undefined, { signal });
  }
  if (reply.thenStall === true) {
    if (!signal.aborted) await once(signal, 'abort');
  } else if (reply.thenDestroy === true) {
    // A client must get what is written so far before its connection is cut.
    await new Promise<void>((resolve) => response.write('', () => resolve()));
    context.hangUp();
  } else response.end();
}

/** Frames as the writes that the reply asks for; cutting across frames leaves no place for pauses. */
function* cutParts({ frames, chunking = 'frame' }: StreamReply): Generator<Uint8Array | Pause> {
  if (chunking === 'frame') {
    for (const part of frames) yield 'pauseMs' in part ? part : toBytes(part);
    return;
  }
  const bytes = Buffer.concat([...frames].flatMap((part) => ('pauseMs' in part ? [] : [toBytes(part)])));
  const sizes = chunking === 'glued' ? [bytes.length] : chunking;
  for (let from = 0, turn = 0; from < bytes.length; turn += 1) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? bytes.length);
    yield bytes.subarray(from, from + size);
    from += size;
  }
}

function toBytes(part: Uint8Array | SceneLine): Uint8Array {
  return part instanceof Uint8Array ? part : encodeSceneLine(part);
}

/** Total length, headers length and the checksum of these two. */
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
const STRING_TYPE = 7;
