/** Answers as application/vnd.amazon.eventstream: the encoder, apart from the gateway's decoder, and the writer. */

import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { crc32 } from 'node:zlib';

import type { Exchange, HttpReply } from './exchange.js';

/** What the chat endpoint can be told to answer, by a test or by a scenario. */
export type Reply = HttpReply | StreamReply | { readonly destroy: true };

export type StreamReply = {
  readonly frames: Iterable<FramePart>;
  /** Between two frames, at a human pace; none unless told otherwise, or when they are cut into other writes. */
  readonly pauseMs?: number;
  /** One write for each frame unless told otherwise: writes of these sizes, over and over. */
  readonly chunking?: readonly number[];
  /** What comes after the last frame; a proper end unless told otherwise. */
  readonly thenDestroy?: boolean;
  /** Waits for ever, with the connection open. */
  readonly thenStall?: boolean;
  /** Waited before the status line, whatever the pace. */
  readonly delayMs?: number;
};

/** Bytes go out as they are. */
export type FramePart = Uint8Array | SceneLine;

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

export function encodeEvent(event: string, payload: object): Uint8Array {
  return encodeSceneLine({ event, payload });
}

export function encodeSceneLine(line: SceneLine): Uint8Array {
  if ('error' in line) {
    // An error frame says everything in its headers; its payload is empty.
    const headers = { ':error-code': line.error, ':error-message': line.message, ':message-type': 'error' };
    return encodeFrame({ headers, payload: new Uint8Array() });
  }
  const type =
    'event' in line
      ? { ':event-type': line.event, ':message-type': 'event' }
      : { ':exception-type': line.exception, ':message-type': 'exception' };
  const payload = Buffer.from(JSON.stringify(line.payload));
  return encodeFrame({ headers: { ...type, ':content-type': 'application/json' }, payload });
}

/** Cut as asked, at its pace, no faster than the client reads. */
export async function writeStream(
  reply: StreamReply,
  { response, signal, hangUp }: Exchange,
  { pace, headers }: { readonly pace: Pace; readonly headers: Readonly<Record<string, string>> },
): Promise<void> {
  const { frames, pauseMs, chunking, delayMs } = reply;
  if (delayMs !== undefined) await wait(delayMs, undefined, { signal });
  response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream', ...headers });
  response.flushHeaders();
  const isPaced = pace === 'human' && pauseMs !== undefined && chunking === undefined;
  let pause = FIRST_PAUSE_MS;
  for (const bytes of cut(frames, chunking)) {
    if (isPaced) await wait(pause, undefined, { signal });
    if (signal.aborted) return;
    if (!response.write(bytes)) await once(response, 'drain', { signal });
    pause = pauseMs ?? 0;
  }
  if (reply.thenStall === true) {
    if (!signal.aborted) await once(signal, 'abort');
  } else if (reply.thenDestroy === true) {
    // A client must get what is written so far before its connection is cut.
    await new Promise<void>((resolve) => response.write('', () => resolve()));
    hangUp();
  } else response.end();
}

/** Frames as the writes that the reply asks for. */
function* cut(frames: Iterable<FramePart>, sizes: StreamReply['chunking']): Generator<Uint8Array, void, void> {
  if (sizes === undefined) {
    for (const frame of frames) yield toBytes(frame);
    return;
  }
  const bytes = Buffer.concat([...frames].map(toBytes));
  for (let from = 0, turn = 0; from < bytes.length; turn += 1) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? Infinity);
    yield bytes.subarray(from, from + size);
    from += size;
  }
}

function toBytes(part: FramePart): Uint8Array {
  return part instanceof Uint8Array ? part : encodeSceneLine(part);
}

/** Total length, headers length and the checksum of these two. */
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
const STRING_TYPE = 7;
const FIRST_PAUSE_MS = 250;
