/** Runs a TypeScript file of the tests as a process of its own. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export type Script = {
  /** The next line that it writes to stdout; undefined when it has ended. */
  line(): Promise<string | undefined>;
  /** Ends it at once, as a crash would, and waits until the process is gone. */
  kill(): Promise<void>;
  /** @returns the exit code. */
  ended(): Promise<number | null>;
};

export type ScriptOptions = {
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs another one, in front of node. */
  readonly wrapper?: readonly string[];
  readonly stderr?: 'inherit' | 'ignore';
};

export function startScript(name: string, args: readonly string[], options: ScriptOptions = {}): Script {
  const { env = {}, wrapper = [], stderr = 'inherit' } = options;
  const loader = join(import.meta.dirname, 'typescript.mjs');
  const words = [...wrapper, process.execPath, '--import', loader, join(import.meta.dirname, name), ...args];
  const child = spawn(words[0] ?? '', words.slice(1), {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', stderr],
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async line() {
      const { value, done } = await lines.next();
      return done === true ? undefined : value;
    },
    async kill() {
      child.kill('SIGKILL');
      await closed;
    },
    ended: async () => (await closed)[0],
  };
}

/** True when there is such a program. */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
}
