/** Where all effects are born: one record of the real terminal, clock, chance, network and signals, all lazy. */

import { fstatSync, readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import { createKeychain, type Keychain } from './auth/keychain.js';
import type { Machine } from './auth/files.js';
import { GatewayError } from './core/errors.js';
import { follow } from './core/signals.js';
import type { Fetch } from './core/fetch.js';
import type { Secret } from './core/secret.js';
import type { StartTimer } from './kiro/asker.js';
import type { Prompts } from './terminal/prompts.js';
import type { Web } from './remote-media.js';
import { createTerminal } from './terminal/terminal.js';

export type Context = Readonly<ReturnType<typeof createContext>>;

type PipeLimits = {
  readonly maxBytes: number;
  /** True when the first line is enough; then a pipe that nobody ever writes to is given up. */
  readonly isLine: boolean;
  /** True when there may well be nothing to come. */
  readonly mayBeSilent: boolean;
};

export function createContext() {
  let stopping: AbortSignal | undefined;
  let keychain: Keychain | undefined;
  const saves = new Set<Promise<unknown>>();
  const machine: Machine = { platform: process.platform, env: process.env, homeDirectory: homeFolder() };
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP (a terminal that is closed); the second ends the process at once. */
  const stopSignal = (): AbortSignal => (stopping ??= signalOfProcess());
  return {
    terminal: createTerminal(process, process.env),
    machine,
    workingDirectory: process.cwd(),
    version: readVersion(),
    /** Unix time in milliseconds. */
    now: Date.now,
    sleep: pause,
    /** A random number from 0 to 1. */
    chance: Math.random,
    startTimer,
    randomId,
    /** @param proxyUrl VPN_PROXY_URL; the environment's proxies count without it. */
    loadFetch: async (proxyUrl: Secret | undefined): Promise<Fetch> => {
      const { createOutboundFetch } = await import('./outbound.js');
      return createOutboundFetch({ proxyUrl, env: process.env });
    },
    /** For what URLs in prompts point at; see `remote-media.ts` for the rules. */
    loadWeb: async (): Promise<Web> => (await import('./remote-media.js')).createWeb(),
    /** Nothing is loaded or asked before the first entry is. */
    keychain: (): Keychain => (keychain ??= createKeychain({ platform: process.platform, sleep: pause, randomId })),
    runProgram,
    /** Undefined when nobody is there to answer: then a missing answer is an error, and nothing waits. */
    loadPrompts: (): Promise<Prompts | undefined> => loadPrompts(stopSignal()),
    /** All that is piped in; undefined on a terminal. A pipe may be one that nobody wants to write to. */
    readPiped: (limits: PipeLimits): Promise<Uint8Array | undefined> => readPiped(limits, stopSignal()),
    stopSignal,
    /** The process does not end before this has settled. */
    untilSaved<Result>(save: Promise<Result>): Promise<Result> {
      saves.add(save);
      return save.finally(() => saves.delete(save));
    },
    allSaved: () => Promise.allSettled(saves),
    onUncaught,
  };
}

/** The global one: `node:crypto` would be loaded for `--help` too. */
const randomId = (): string => crypto.randomUUID();

/**
 * An empty or relative HOME would put logins wherever the person happens to be. Some users of containers have neither
 * HOME nor an entry in the list of users; that must not keep settings such as KIRO_GATEWAY_HOME from being used.
 */
function homeFolder(): string {
  try {
    const named = homedir();
    return isAbsolute(named) ? named : userInfo().homedir;
  } catch {
    return resolve('/');
  }
}

async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, signal === undefined ? {} : { signal });
}

/** From the home folder: Windows looks for programs in the current one first, which may be anybody's. */
async function runProgram(name: string, args: readonly string[], limitMs: number): Promise<boolean> {
  const { spawn } = await import('node:child_process');
  return new Promise((resolve) => {
    const options = { stdio: 'ignore', cwd: homeFolder(), killSignal: 'SIGKILL', windowsHide: true } as const;
    // Not `timeout`: Node's own timer keeps the process waiting for a program that could not be started.
    const child = spawn(name, args, { ...options, signal: AbortSignal.timeout(limitMs) });
    child.once('error', () => resolve(child.pid !== undefined));
    child.once('exit', () => resolve(true));
  });
}

/**
 * Does not keep a process alive that has nothing else to wait for. What came while the process stood still (it was
 * paused, or the machine asleep) is heard before it rings: it may be what was waited for.
 */
const startTimer: StartTimer = (milliseconds, ring) => {
  let ringing: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => (ringing = setImmediate(ring)), milliseconds).unref();
  return {
    refresh() {
      clearImmediate(ringing);
      timer.refresh();
    },
    stop() {
      clearImmediate(ringing);
      clearTimeout(timer);
    },
  };
};

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  // The cast is our own package.json, which npm does not accept without a version.
  return (JSON.parse(text) as { version: string }).version;
}

/** From now on each error that nobody has caught is told, and does not end the process. @returns how to end that. */
function onUncaught(tell: (thrown: unknown) => void): () => void {
  process.on('uncaughtException', tell).on('unhandledRejection', tell);
  return () => void process.off('uncaughtException', tell).off('unhandledRejection', tell);
}

/** Node's default action comes back after the first signal, so a second one, of either name, ends what hangs. */
function signalOfProcess(): AbortSignal {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals): void => {
    for (const signal of STOPPING) process.off(signal, stop);
    controller.abort(name);
  };
  for (const signal of STOPPING) process.on(signal, stop);
  return controller.signal;
}

const STOPPING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What comes until it has ended, is enough or is given up. Afterwards the input keeps no process alive. */
async function readPiped({ maxBytes, isLine, mayBeSilent }: PipeLimits, stop: AbortSignal) {
  if (process.stdin.isTTY) return undefined;
  const reading = follow(stop);
  // Shells make pipes, and who writes `|` means it; programs that start others give them sockets without a thought.
  const isDoubtful = mayBeSilent && fstatSync(0).isSocket();
  const patienceMs = isDoubtful ? SILENT_SOCKET_MS : SILENT_PIPE_MS;
  const timer = isDoubtful || isLine ? setTimeout(() => reading.abort('silence'), patienceMs) : undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    // Without an encoding set, a readable gives buffers.
    for await (const chunk of addAbortSignal(reading.signal, process.stdin) as AsyncIterable<Buffer>) {
      clearTimeout(timer);
      chunks.push(chunk);
      length += chunk.length;
      if (length > maxBytes || (isLine && chunk.includes('\n'))) break;
    }
  } catch {
    // An input that cannot be read says as much as an empty one.
  }
  clearTimeout(timer);
  reading.end();
  if (stop.aborted) throw new GatewayError('cancelled', 'Stopped.');
  if (length <= maxBytes) return Buffer.concat(chunks);
  throw new GatewayError('invalid-request', `More than ${maxBytes / 1_000_000} MB are piped in; send less.`);
}

async function loadPrompts(signal: AbortSignal): Promise<Prompts | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const { createPrompts } = await import('./terminal/prompts.js');
  return createPrompts(process.stderr, signal);
}

const SILENT_SOCKET_MS = 3000;
/** Long enough for a password manager that asks for a finger first. */
const SILENT_PIPE_MS = 60_000;
