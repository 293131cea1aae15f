/** What is piped into the command. */

import type { Readable } from 'node:stream';

import { GatewayError } from '../core/errors.js';

/** The first line of an input that is no terminal, without waiting for its end; empty when nothing comes. */
export async function readFirstLine(input: Readable, signal: AbortSignal): Promise<string> {
  const bytes = await read(input, signal, (chunk, length) => chunk.includes('\n') || length > LONGEST_LINE_BYTES);
  return bytes.toString('utf8').split('\n', 1)[0]?.trim() ?? '';
}

/**
 * Everything that is piped in, to its end.
 * @param limits.silenceMs When nothing at all has come by then, there is nothing; undefined waits for the end.
 * @throws GatewayError `invalid-request` when it is too much, `cancelled` when the signal is aborted.
 */
export async function readToEnd(
  input: Readable,
  { maxBytes, silenceMs }: { readonly maxBytes: number; readonly silenceMs: number | undefined },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = await read(input, signal, (_, length) => length > maxBytes, silenceMs);
  if (signal.aborted) throw new GatewayError('cancelled', 'Stopped.');
  if (bytes.length <= maxBytes) return bytes;
  throw new GatewayError('invalid-request', `More than ${maxBytes / 1_000_000} MB are piped in; send less.`);
}

/** Reads until it is enough. The input is closed afterwards, so that it keeps no process alive. */
async function read(
  input: Readable,
  signal: AbortSignal,
  isEnough: (chunk: Buffer, length: number) => boolean,
  silenceMs?: number,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  const leave = (): void => void input.destroy();
  const silence = silenceMs === undefined ? undefined : setTimeout(leave, silenceMs);
  signal.addEventListener('abort', leave, { once: true });
  try {
    for await (const data of input) {
      clearTimeout(silence);
      const chunk = Buffer.from(data as string | Uint8Array);
      chunks.push(chunk);
      length += chunk.length;
      if (isEnough(chunk, length)) break;
    }
  } catch {
    // An input that cannot be read says as much as an empty one.
  } finally {
    clearTimeout(silence);
    signal.removeEventListener('abort', leave);
    leave();
  }
  return Buffer.concat(chunks);
}

const LONGEST_LINE_BYTES = 100_000;
