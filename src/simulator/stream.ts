/** Writes a stream of frames to a socket: cut as asked, at its pace, no faster than the client reads. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { SceneLine } from './frames.js';
import type { FramePart, Pace, StreamReply } from './reply.js';
import { encodeSceneLine } from './frames.js';

export type StreamContext = {
  readonly pace: Pace;
  /** Aborted when the client leaves or the simulator closes. */
  readonly signal: AbortSignal;
  /** Closes the connection in the middle of the answer. */
  readonly hangUp: () => void;
  readonly headers: Readonly<Record<string, string>>;
};

export async function writeStream(reply: StreamReply, response: ServerResponse, context: StreamContext): Promise<void> {
  const { signal } = context;
  if (reply.delayMs !== undefined) await wait(reply.delayMs, undefined, { signal });
  response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream', ...context.headers });
  response.flushHeaders();
  for (const part of cutParts(reply)) {
    if (signal.aborted) return;
    if ('pauseMs' in part) await pause(part.pauseMs, context);
    else if (!response.write(part)) await once(response, 'drain', { signal });
  }
  if (reply.thenStall === true) {
    if (!signal.aborted) await once(signal, 'abort');
    return;
  }
  if (reply.thenDestroy !== true) {
    response.end();
    return;
  }
  await sent(response);
  context.hangUp();
}

type Pause = { readonly pauseMs: number };

async function pause(pauseMs: number, { pace, signal }: StreamContext): Promise<void> {
  if (pace === 'human') await wait(pauseMs, undefined, { signal });
}

/** Resolves when everything written so far has left, for a client must get it before its connection is cut. */
async function sent(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    response.write('', () => resolve());
  });
}

/** Frames as the writes that the reply asks for; cutting across frames leaves no place for pauses. */
function* cutParts({ frames, chunking = 'frame' }: StreamReply): Generator<Uint8Array | Pause> {
  if (chunking === 'frame') {
    for (const part of frames) yield isPause(part) ? part : toBytes(part);
    return;
  }
  const bytes = Buffer.concat([...frames].flatMap((part) => (isPause(part) ? [] : [toBytes(part)])));
  if (chunking === 'glued') {
    yield bytes;
    return;
  }
  for (let from = 0, turn = 0; from < bytes.length; turn += 1) {
    const size = Math.max(1, chunking[turn % chunking.length] ?? bytes.length);
    yield bytes.subarray(from, from + size);
    from += size;
  }
}

function isPause(part: FramePart): part is Pause {
  return 'pauseMs' in part;
}

function toBytes(part: Uint8Array | SceneLine): Uint8Array {
  return part instanceof Uint8Array ? part : encodeSceneLine(part);
}
