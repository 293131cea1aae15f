/** Bytes to frames of `application/vnd.amazon.eventstream`, in any chunking. The only place that knows the framing. */

import { crc32 } from 'node:zlib';

import { GatewayError } from '../core/errors.js';

/** Only headers of type string are kept, and the payload is text: Kiro uses nothing else. */
export type Frame = { readonly headers: ReadonlyMap<string, string>; readonly payload: string };

/*
 *  u32 total length | u32 headers length | u32 CRC of these 8 bytes
 *  headers | payload | u32 CRC of everything before
 */
export function createFrameDecoder() {
  // Chunks wait in a list until a whole frame is there: joining at every chunk would be quadratic for large frames.
  let waiting: Uint8Array[] = [];
  let waitingLength = 0;
  let needed = PRELUDE_LENGTH;

  return {
    /**
     * The frames that this chunk completes, one by one, so that frames before a damaged one still count.
     * @throws GatewayError `upstream-protocol` at the first wrong checksum or impossible length.
     */
    *push(chunk: Uint8Array): Generator<Frame, void> {
      waiting.push(chunk);
      waitingLength += chunk.length;
      if (waitingLength < needed) return;

      const bytes = join(waiting, waitingLength);
      let at = 0;
      needed = PRELUDE_LENGTH;
      while (bytes.length - at >= PRELUDE_LENGTH) {
        const length = readLength(bytes, at);
        if (bytes.length - at < length) {
          // The checksum of the frame comes with its end; whoever waits for that must be able to trust the length.
          checkPrelude(bytes, at);
          needed = length;
          break;
        }
        yield readFrame(bytes, at, at + length);
        at += length;
      }
      waitingLength = bytes.length - at;
      waiting = waitingLength === 0 ? [] : [bytes.subarray(at)];
    },
    /** @throws GatewayError `upstream-unavailable` when the bytes end inside a frame. */
    end(): void {
      if (waitingLength === 0) return;
      throw new GatewayError(
        'upstream-unavailable',
        'The connection to Kiro broke in the middle of an answer; try again.',
      );
    },
  };
}

function join(chunks: readonly Uint8Array[], length: number): Buffer {
  const [only] = chunks;
  if (chunks.length !== 1 || only === undefined) return Buffer.concat(chunks, length);
  return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
}

function checkPrelude(bytes: Buffer, at: number): void {
  if (bytes.readUInt32BE(at + 8) !== crc32(bytes.subarray(at, at + 8))) throw damaged('a wrong prelude checksum');
}

/** The length of the frame that begins here. */
function readLength(bytes: Buffer, at: number): number {
  const length = bytes.readUInt32BE(at);
  const headersLength = bytes.readUInt32BE(at + 4);
  if (length > MAX_FRAME_LENGTH || length < PRELUDE_LENGTH + CHECKSUM_LENGTH + headersLength) {
    checkPrelude(bytes, at);
    throw damaged(`an impossible frame length (${length})`);
  }
  return length;
}

function readFrame(bytes: Buffer, from: number, to: number): Frame {
  const end = to - CHECKSUM_LENGTH;
  if (bytes.readUInt32BE(end) !== crc32(bytes.subarray(from, end))) {
    checkPrelude(bytes, from);
    throw damaged('a wrong frame checksum');
  }
  const headersAt = from + PRELUDE_LENGTH;
  const payloadAt = headersAt + bytes.readUInt32BE(from + 4);
  return { headers: knownHeaders(bytes, headersAt, payloadAt), payload: bytes.toString('utf8', payloadAt, end) };
}

/** Nearly all frames have one of a few sets of headers, mostly that of the frame before: each is read once. */
function knownHeaders(bytes: Buffer, from: number, end: number): ReadonlyMap<string, string> {
  const key = bytes.toString('latin1', from, end);
  if (key === latest.key) return latest.headers;
  const headers = KNOWN_HEADERS.get(key) ?? readHeaders(bytes, from, end);
  if (KNOWN_HEADERS.size < MOST_KNOWN && key.length <= LONGEST_KNOWN) KNOWN_HEADERS.set(key, headers);
  latest = { key, headers };
  return headers;
}

/* Header: u8 name length, name, u8 type, value. */
function readHeaders(bytes: Buffer, from: number, end: number): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  let at = from;
  while (at < end) {
    const nameEnd = at + 1 + bytes.readUInt8(at);
    const type = nameEnd < end ? bytes.readUInt8(nameEnd) : -1;
    let valueAt = nameEnd + 1;
    let length = FIXED_LENGTHS[type];
    if (length === undefined && (type === TYPE_BYTES || type === TYPE_STRING) && valueAt + 2 <= end) {
      length = bytes.readUInt16BE(valueAt);
      valueAt += 2;
    }
    if (length === undefined || valueAt + length > end) throw damaged('a header that leaves its frame');
    if (type === TYPE_STRING) {
      headers.set(bytes.toString('latin1', at + 1, nameEnd), bytes.toString('utf8', valueAt, valueAt + length));
    }
    at = valueAt + length;
  }
  return headers;
}

function damaged(what: string): GatewayError {
  return new GatewayError('upstream-protocol', `Kiro's answer was damaged on its way (${what}); try again.`);
}

let latest: { readonly key: string; readonly headers: ReadonlyMap<string, string> } = { key: '', headers: new Map() };
const KNOWN_HEADERS = new Map<string, ReadonlyMap<string, string>>();
/** Bounded, so that no stream can fill the memory with headers of its own. */
const MOST_KNOWN = 64;
const LONGEST_KNOWN = 256;

const PRELUDE_LENGTH = 12;
const CHECKSUM_LENGTH = 4;
/** Real frames are a few kB; a length beyond this is garbage that must not make us wait for it. */
const MAX_FRAME_LENGTH = 16 * 1024 * 1024;
const TYPE_BYTES = 6;
const TYPE_STRING = 7;
/** Value lengths by type: true, false, i8, i16, i32, i64, (bytes, string: stated), timestamp, uuid. */
const FIXED_LENGTHS: readonly (number | undefined)[] = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16];
