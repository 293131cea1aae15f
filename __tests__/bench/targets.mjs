/** The processes of a bench: each started with the probe in it, asked over IPC, and stopped. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const HERE = import.meta.dirname;
const GATEWAY = join(HERE, '..', '..', 'bin', 'kiro-gateway.js');

/** Presented to every target; only those that ask for a key look at it. */
export const KEY = process.env['BENCH_KEY'] ?? 'gateway-key-of-the-bench-0123456789';

/**
 * Kiro's stand-in and the clients, which all targets share.
 * @param {{ home: string, upstreamPort: string }} options `upstreamPort` is '0' for any.
 */
export async function startSurroundings({ home, upstreamPort }) {
  const upstream = await startProcess({ home, script: join(HERE, 'upstream.mjs'), args: [upstreamPort] });
  const load = await startProcess({ home, script: join(HERE, 'load.mjs'), listens: false });
  return { home, upstream, load };
}

/** Ours, by name: what a fresh process of it is started with. */
export const OWN_TARGETS = {
  pipe: ({ home, upstream }) => startProcess({ home, script: join(HERE, 'servers.mjs'), args: ['pipe', upstream.url] }),
  skeleton: ({ home, upstream }) =>
    startProcess({ home, script: join(HERE, 'servers.mjs'), args: ['skeleton', upstream.url] }),
  gateway: ({ home, upstream }) =>
    startProcess({
      home,
      script: GATEWAY,
      args: ['serve'],
      env: {
        SERVER_PORT: '0',
        PROXY_API_KEY: KEY,
        REFRESH_TOKEN: `reusable${'-refresh-token-of-the-bench'.repeat(4)}`,
        KIRO_API_URL: upstream.url,
        KIRO_MANAGEMENT_URL: upstream.url,
        KIRO_AUTH_URL: upstream.url,
        KIRO_OIDC_URL: upstream.url,
        KIRO_GATEWAY_HOME: home,
        MAX_CONCURRENT_REQUESTS: '0',
        LOG_LEVEL: 'WARN',
      },
    }),
};

/**
 * A program that somebody else has started, and that asks our upstream.
 * @param {string} text `name=url`, or `name=url#pid` to have its cost told from /proc.
 */
export function foreignTarget(text) {
  const [, name, url, pid] = /^([\w-]+)=(https?:\/\/[^#]+?)\/?(?:#(\d+))?$/.exec(text) ?? [];
  if (name === undefined) throw new Error(`--target is name=url or name=url#pid, not ${text}.`);
  const cost = () => (pid === undefined ? { cpuMs: Number.NaN, rssMb: Number.NaN } : costFromProc(pid));
  return [name, { url, ask: (what) => Promise.resolve(what === 'cost' ? cost() : undefined), stop: () => undefined }];
}

function costFromProc(pid) {
  // The name in parentheses may hold anything; what follows it are numbers.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { cpuMs: ticks * MS_PER_TICK, rssMb: (Number(fields[21]) * PAGE_BYTES) / 2 ** 20 };
}

/** Ends whatever is still running. */
export async function stopAll() {
  for (const stop of stops) await stop();
}

const stops = [];

async function startProcess({ home, script, args = [], env = {}, listens = true }) {
  const child = spawn(process.execPath, ['--expose-gc', '--import', join(HERE, 'probe.mjs'), script, ...args], {
    cwd: home,
    // Nothing of the person's own: no key, no proxy.
    env: { PATH: process.env['PATH'], HOME: home, NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const gone = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGKILL');
    await gone;
  };
  stops.push(stop);
  const open = new Map();
  let lastId = 0;
  child.on('message', ({ id, answer, failure }) => {
    const { resolve, reject } = open.get(id);
    open.delete(id);
    if (failure === undefined) resolve(answer);
    else reject(new Error(failure));
  });
  child.once('exit', (code) => open.forEach(({ reject }) => reject(new Error(`${script} ended with ${code}.`))));
  return {
    url: listens ? await readUrl(child, script) : undefined,
    /** What the process answers to a question of this name. */
    ask: (name, value) =>
      new Promise((resolve, reject) => {
        lastId++;
        open.set(lastId, { resolve, reject });
        child.send({ id: lastId, name, value });
      }),
    stop,
  };
}

async function readUrl(child, script) {
  const timer = setTimeout(() => child.kill(), START_MS);
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const url = /listens on (http\S+)/.exec(line)?.[1];
      if (url !== undefined) return url;
    }
    throw new Error(`${script} has not started; has the gateway been built (npm run build)?`);
  } finally {
    clearTimeout(timer);
    child.stdout.resume();
  }
}

const START_MS = 20_000;
const MS_PER_TICK = 10;
const PAGE_BYTES = 4096;
