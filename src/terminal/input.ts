/** What is piped into the command. */

import type { Readable } from 'node:stream';

import { GatewayError } from '../core/errors.js';

/**
 * The first line of an input that is no terminal, without waiting for its end; empty when nothing comes. The input is
 * closed afterwards, so that it keeps no process alive.
 */
export async function readFirstLine(input: Readable, signal: AbortSignal): Promise<string> {
  let text = '';
  const leave = (): void => void input.destroy();
  signal.addEventListener('abort', leave, { once: true });
  try {
    for await (const chunk of input) {
      text += String(chunk);
      if (text.includes('\n') || text.length > MAX_LENGTH) break;
    }
  } catch {
    // An input that cannot be read says as much as an empty one.
  } finally {
    signal.removeEventListener('abort', leave);
    leave();
  }
  return text.split('\n', 1)[0]?.trim() ?? '';
}

/**
 * Everything that is piped in, to its end.
 * @param limits.silenceMs When nothing at all has come by then, there is nothing; undefined waits for the end.
 * @throws GatewayError `invalid-request` when it is too much, `cancelled` when the signal is aborted.
 */
export async function readToEnd(
  input: Readable,
  limits: { readonly maxBytes: number; readonly silenceMs: number | undefined },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const leave = (): void => void input.destroy();
  const silence = limits.silenceMs === undefined ? undefined : setTimeout(leave, limits.silenceMs);
  signal.addEventListener('abort', leave, { once: true });
  try {
    for await (const chunk of input) {
      clearTimeout(silence);
      // Without an encoding set, a readable gives buffers.
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes > limits.maxBytes) break;
    }
  } catch {
    // An input that cannot be read says as much as an empty one.
  } finally {
    clearTimeout(silence);
    signal.removeEventListener('abort', leave);
    leave();
  }
  if (signal.aborted) throw new GatewayError('cancelled', 'Stopped.');
  if (bytes <= limits.maxBytes) return Buffer.concat(chunks);
  throw new GatewayError('invalid-request', `More than ${limits.maxBytes / 1_000_000} MB are piped in; send less.`);
}

const MAX_LENGTH = 100_000;
