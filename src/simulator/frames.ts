/** The simulator's own encoder of application/vnd.amazon.eventstream, written apart from the gateway's decoder. */
import { crc32 } from 'node:zlib';

export type FrameInput = { readonly headers: Readonly<Record<string, string>>; readonly payload: Uint8Array };

/** One line of a scene: what a frame says, in a form that reads well in a file. */
export type SceneLine =
  | { readonly event: string; readonly payload: object }
  | { readonly exception: string; readonly payload: object }
  | { readonly error: string; readonly message: string };

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

export function encodeEvent(eventType: string, payload: object): Uint8Array {
  return encodeFrame({
    headers: { ':event-type': eventType, ':content-type': 'application/json', ':message-type': 'event' },
    payload: Buffer.from(JSON.stringify(payload)),
  });
}

export function encodeException(exceptionType: string, payload: object): Uint8Array {
  return encodeFrame({
    headers: { ':exception-type': exceptionType, ':content-type': 'application/json', ':message-type': 'exception' },
    payload: Buffer.from(JSON.stringify(payload)),
  });
}

/** An error frame says everything in its headers; its payload is empty. */
export function encodeError(code: string, message: string): Uint8Array {
  return encodeFrame({
    headers: { ':error-code': code, ':error-message': message, ':message-type': 'error' },
    payload: new Uint8Array(),
  });
}

export function encodeSceneLine(line: SceneLine): Uint8Array {
  if ('event' in line) return encodeEvent(line.event, line.payload);
  if ('exception' in line) return encodeException(line.exception, line.payload);
  return encodeError(line.error, line.message);
}

function encodeHeader(name: string, value: string): Uint8Array {
  const nameBytes = Buffer.from(name);
  const valueBytes = Buffer.from(value);
  const header = Buffer.alloc(1 + nameBytes.length + 1 + 2 + valueBytes.length);
  header.writeUInt8(nameBytes.length, 0);
  header.set(nameBytes, 1);
  header.writeUInt8(STRING_TYPE, 1 + nameBytes.length);
  header.writeUInt16BE(valueBytes.length, 2 + nameBytes.length);
  header.set(valueBytes, 4 + nameBytes.length);
  return header;
}

/** Total length, headers length and the checksum of these two. */
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
const STRING_TYPE = 7;
