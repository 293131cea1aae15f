/** A process that writes databases with a real SQLite: that of Node, where it has one, or else that of Python. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export type Row = readonly (string | number | null)[];

export type Writer = {
  /** Runs statements, each at once unless a BEGIN came before. @returns the rows of the last. */
  run(path: string, ...statements: readonly string[]): Promise<readonly Row[]>;
  /** Runs statements again and again until the writer is killed; `$n` stands for the number of the round. */
  runForever(path: string, ...statements: readonly string[]): Promise<void>;
  close(path: string): Promise<void>;
  /** As a power cut would: without a chance to tidy up. */
  kill(): Promise<void>;
};

export function startWriter(): Writer {
  const child = startProcess();
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  async function ask(command: object): Promise<readonly Row[]> {
    child.stdin.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await answers.next();
    if (done === true) throw new Error('there is no SQLite to write with: neither node:sqlite nor python3');
    const answer = JSON.parse(value) as readonly Row[] | { error: string };
    if ('error' in answer) throw new Error(answer.error);
    return answer;
  }
  return {
    run: (path, ...sql) => ask({ path, sql }),
    async runForever(path, ...forever) {
      await ask({ path, forever, parent: process.pid });
    },
    async close(path) {
      await ask({ close: path });
    },
    kill: () => kill(child),
  };
}

/** A text as SQL writes it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function startProcess() {
  const hasSqlite = process.getBuiltinModule?.('node:sqlite') !== undefined;
  const [program, ...options] = hasSqlite ? [process.execPath, '--no-warnings'] : ['python3'];
  const script = join(import.meta.dirname, hasSqlite ? 'sqlite-process.mjs' : 'sqlite-process.py');
  const child = spawn(program, [...options, script], { stdio: ['pipe', 'pipe', 'inherit'] });
  // A missing program shows as an end of its output.
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}
