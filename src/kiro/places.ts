/** How many questions are with Kiro at the same time. Whoever came first is served first. */

import { abortError } from '../core/errors.js';

export type Places = {
  /**
   * Waits for a free place.
   * @returns gives the place back; calling it again does nothing.
   * @throws GatewayError when the signal is aborted meanwhile: the waiting caller loses its place in the queue.
   */
  take(signal: AbortSignal): Promise<() => void>;
};

/** @param count 0 for no limit. */
export function createPlaces(count: number): Places {
  let free = count;
  // A Set keeps the order of arrival, and somebody in the middle can leave it.
  const queue = new Set<() => void>();

  function giveBack(): void {
    const [next] = queue;
    if (next === undefined) free++;
    else next();
  }

  function wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        queue.delete(enter);
        reject(abortError(signal));
      };
      const enter = (): void => {
        queue.delete(enter);
        signal.removeEventListener('abort', leave);
        resolve();
      };
      queue.add(enter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  return {
    async take(signal) {
      if (signal.aborted) throw abortError(signal);
      if (count === 0) return () => undefined;
      if (free > 0) free--;
      else await wait(signal);
      let isMine = true;
      return () => {
        if (isMine) giveBack();
        isMine = false;
      };
    },
  };
}
