/** Waiting for what others wait for as well. */

import { abortError } from './errors.js';

/**
 * Waits for something shared, but no longer than one caller wants to; the shared thing itself goes on.
 * @throws GatewayError when the signal is aborted first.
 */
export async function untilAborted<T>(shared: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw abortError(signal);
  let leave: (() => void) | undefined;
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(abortError(signal));
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([shared, left]);
  } finally {
    if (leave !== undefined) signal.removeEventListener('abort', leave);
  }
}
