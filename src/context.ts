/** Where all effects are born: one record of the real terminal, clock, chance, network and signals, all lazy. */

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Fetch } from './core/fetch.js';
import type { Machine } from './paths.js';
import { createTerminal, type Terminal } from './terminal/terminal.js';

export type Context = {
  readonly terminal: Terminal;
  readonly machine: Machine;
  readonly workingDirectory: string;
  readonly version: string;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  /** A random UUID. */
  readonly randomId: () => string;
  readonly loadFetch: () => Promise<Fetch>;
  /** Aborted by the first SIGINT or SIGTERM; the second ends the process at once. */
  readonly stopSignal: () => AbortSignal;
};

export function createContext(): Context {
  let stopping: AbortSignal | undefined;
  return {
    terminal: createTerminal(process, process.env),
    machine: { platform: process.platform, env: process.env, homeDirectory: homedir() },
    workingDirectory: process.cwd(),
    version: readVersion(),
    now: Date.now,
    sleep: (milliseconds, signal) => sleep(milliseconds, undefined, signal === undefined ? {} : { signal }),
    randomId: randomUUID,
    loadFetch,
    stopSignal: () => (stopping ??= signalOfProcess()),
  };
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  // The cast is our own package.json, which npm does not accept without a version.
  return (JSON.parse(text) as { version: string }).version;
}

/** Node's default action comes back after the first signal, so a second one ends a process that hangs. */
function signalOfProcess(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort(name));
  return controller.signal;
}

/** node-fetch behind our own type: keep-alive connections, no compression, no redirects with a token. */
async function loadFetch(): Promise<Fetch> {
  const [{ default: nodeFetch }, http, https] = await Promise.all([
    import('node-fetch'),
    import('node:http'),
    import('node:https'),
  ]);
  const options = { keepAlive: true, maxSockets: Infinity, maxFreeSockets: 64, scheduling: 'lifo' } as const;
  const agents = { http: new http.Agent(options), https: new https.Agent(options) };
  return async (url, init) => {
    const { method, headers, body, signal, redirect = 'error' } = init;
    const response = await nodeFetch(url, {
      method,
      headers: { ...headers },
      redirect,
      ...(body !== undefined && { body }),
      ...(signal !== undefined && { signal }),
      compress: false,
      agent: (parsed) => (parsed.protocol === 'https:' ? agents.https : agents.http),
    });
    return {
      status: response.status,
      headers: response.headers,
      text: () => response.text(),
      // node-fetch's type knows the older stream interface only; what it gives is a Readable of Buffers.
      body: response.body as AsyncIterable<Uint8Array> | null,
    };
  };
}
