/** A watched process of the soak run: its URL, how it is doing, and its end. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';

export type Health = {
  /** Bytes, after a collection of garbage. */
  readonly heapUsed: number;
  readonly rss: number;
  readonly external: number;
  /** How many of each kind keep the process alive. */
  readonly handles: Readonly<Record<string, number>>;
  /** How late the event loop was, in milliseconds: the median, the worst in a hundred, the worst. */
  readonly lag: readonly [number, number, number];
};

export type Watched = {
  readonly url: string;
  readonly health: () => Promise<Health>;
  /** @returns the exit code. */
  readonly stop: () => Promise<number | null>;
};

export function socketsOf({ handles }: Health): number {
  return handles['TCPSocketWrap'] ?? 0;
}

/** @param url Finds the URL in a line of its output. */
export async function startWatched(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  url: RegExp,
): Promise<Watched> {
  const wrapper = join(import.meta.dirname, 'watched.mjs');
  const child = spawn(process.execPath, ['--expose-gc', wrapper, ...words], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const found = await urlSaid(child, url);
  return {
    url: found,
    health: async () => {
      child.send('health');
      const [health] = (await once(child, 'message')) as [Health];
      return health;
    },
    stop: async () => {
      const gone = once(child, 'exit') as Promise<[number | null]>;
      child.kill('SIGTERM');
      return (await gone)[0];
    },
  };
}

async function urlSaid(child: ChildProcess, pattern: RegExp): Promise<string> {
  if (child.stdout === null) throw new Error('The process has no output.');
  for await (const line of createInterface({ input: child.stdout })) {
    const url = pattern.exec(line)?.[1];
    if (url === undefined) continue;
    // A pipe that nobody reads would stop the process.
    child.stdout.resume();
    return url;
  }
  throw new Error('A process of the soak run has ended before it said where it listens.');
}
