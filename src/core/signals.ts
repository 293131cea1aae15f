/** Waits that can be ended: signals made from others, and the error that an aborted wait ends with. */

import { GatewayError } from './errors.js';

/** The error for a wait that was aborted: the reason that was given, a time limit, or else that the client left. */
export function abortError(signal: AbortSignal, cause?: unknown): GatewayError {
  if (signal.reason instanceof GatewayError) return signal.reason;
  // What `AbortSignal.timeout` gives as its reason.
  if (signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError') {
    return new GatewayError('upstream-unavailable', 'Kiro did not answer in time; try again.', { cause });
  }
  return new GatewayError('cancelled', 'The request was cancelled.', { cause });
}

/**
 * Waits for a promise that others share, until the caller's own signal is aborted; the shared work goes on.
 * @throws GatewayError when the signal is aborted first.
 */
export function untilAborted<T>(shared: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(abortError(signal));
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    void shared.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}

/** A signal that is aborted with the given one, or after so long. */
export function within(signal: AbortSignal, milliseconds: number): AbortSignal {
  const limit = AbortSignal.timeout(milliseconds);
  // Node 20 forgets a timeout that nobody listens to, and one inside a composed signal has no listeners of its own.
  limit.addEventListener('abort', () => undefined);
  return AbortSignal.any([signal, limit]);
}

export type Following = ReturnType<typeof follow>;

/** A signal that is aborted with another one, until `end`: `AbortSignal.any` stays in memory while somebody listens. */
export function follow(outer: AbortSignal) {
  const controller = new AbortController();
  const abort = (reason: unknown): void => controller.abort(reason);
  const leave = (): void => abort(outer.reason);
  if (outer.aborted) leave();
  else outer.addEventListener('abort', leave, { once: true });
  /** Stops following, so that the other signal no longer keeps this one in memory. */
  const end = (): void => outer.removeEventListener('abort', leave);
  return { signal: controller.signal, abort, end };
}
