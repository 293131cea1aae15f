/** Runs the built command as a process of its own, as a person's shell would. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { temporaryFolder } from './folder.js';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'kiro-gateway.js');

export type Surroundings = {
  readonly env?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  /** Piped in; without it the input is empty. */
  readonly input?: string | Uint8Array;
};

export type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** The command to its end, without a terminal. */
export async function run(args: readonly string[], surroundings: Surroundings = {}): Promise<Ended> {
  const { child, output } = start(args, surroundings);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...output };
}

/** Those that are named, and nothing else of the surroundings of the test: no login, no proxy, no colour. */
export function withDefaults({ env = {}, workingDirectory, input = '' }: Surroundings) {
  const home = temporaryFolder();
  const own = { PATH: process.env['PATH'] ?? '', HOME: home, KIRO_GATEWAY_HOME: join(home, 'gateway'), ...env };
  return { home, env: own, workingDirectory: workingDirectory ?? home, input };
}

/** The command on its way. `output` grows while it runs. */
export function start(args: readonly string[], surroundings: Surroundings = {}) {
  const { home, env, workingDirectory, input } = withDefaults(surroundings);
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: workingDirectory,
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // A command that does not read its input may have ended before it is written.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  return { child, output, home };
}

export type Served = {
  readonly url: string;
  readonly home: string;
  readonly output: { readonly stdout: string; readonly stderr: string };
  /** @returns the exit code. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>;
};

/** `serve` on a free port, once it says where it listens. Rejects when it ends before that. */
export async function serve(args: readonly string[] = [], surroundings: Surroundings = {}): Promise<Served> {
  const { child, output, home } = start(['serve', '--port', '0', ...args], surroundings);
  const url = await urlSaid(child, output);
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    const closed = once(child, 'close') as Promise<[number | null]>;
    child.kill(signal);
    return (await closed)[0];
  };
  return { url, home, output, stop };
}

function urlSaid(child: ChildProcess, output: { stdout: string; stderr: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', () => {
      const url = /listens on (http:\/\/\S+)\n/.exec(output.stdout)?.[1];
      if (url !== undefined && output.stdout.includes('\nkey ')) resolve(url);
    });
    child.once('close', (code) => reject(new Error(`serve ended with ${code}: ${output.stderr}`)));
  });
}
