/** What the chat endpoint can be told to answer, by a test or by a scenario. */
import type { SceneLine } from './frames.js';

export type Reply = HttpReply | StreamReply | { readonly destroy: true };

/** An answer that is no stream: an object goes out as JSON, a string as it is. */
export type HttpReply = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | object;
};

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
export type FramePart = Uint8Array | SceneLine | { readonly pauseMs: number };

/** One write for everything, or writes of these sizes, over and over. */
export type Chunking = 'frame' | 'glued' | readonly number[];

export type Pace = 'human' | 'none';
