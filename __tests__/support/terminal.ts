/** Runs the built command in a pseudo-terminal, as a person would see it. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { temporaryFolder } from './folder.js';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'kiro-gateway.js');

export type Seen = {
  readonly code: number;
  /** Everything that was shown, without colours and cursor movements. */
  readonly screen: string;
  /** The same with them. */
  readonly raw: string;
};

/** A text to wait for, and the keys to press then. */
export type Step = readonly [string, readonly string[]];

export type Sitting = {
  readonly steps?: readonly Step[];
  readonly env?: Readonly<Record<string, string>>;
  /** 80 unless told otherwise. */
  readonly columns?: number;
};

export async function runInTerminal(
  args: readonly string[],
  { steps = [], env = {}, columns = 80 }: Sitting = {},
): Promise<Seen> {
  const home = temporaryFolder();
  const plan = {
    command: [process.execPath, BIN, ...args],
    env: { PATH: process.env['PATH'], HOME: home, KIRO_GATEWAY_HOME: join(home, 'gateway'), TERM: 'xterm', ...env },
    steps,
    columns,
  };
  const child = spawn('python3', [join(import.meta.dirname, 'terminal.py'), JSON.stringify(plan)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = '';
  child.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()));
  await once(child, 'close');
  // The cast is the script's own line.
  const { code, screen, raw } = JSON.parse(told) as Seen;
  return { code, screen, raw };
}
