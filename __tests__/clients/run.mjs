/**
 * Drives clients that are too heavy for the tests against the built gateway: `npm run clients [-- PART-OF-A-NAME]`.
 * The gateway runs on the Node that runs this; the clients need 22 and get the one of their own package.json if need be.
 */

import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const HERE = import.meta.dirname;
const GATEWAY = join(HERE, '..', '..', 'bin', 'kiro-gateway.js');
const START_MS = 20_000;
const OLDEST_NODE = 22;

if (!isInstalled()) install();
const home = mkdtempSync(join(tmpdir(), 'kiro-gateway-clients-'));
// Nothing of the person's own: no key, no proxy, no setting of a client.
const env = { PATH: process.env['PATH'], HOME: home };
const key = randomUUID();
const gateway = spawn(process.execPath, [GATEWAY, 'serve', '--demo=clients', '--port', '0'], {
  cwd: home,
  env: { ...env, KIRO_GATEWAY_HOME: home, PROXY_API_KEY: key, LOG_LEVEL: 'ERROR' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const gone = once(gateway, 'exit');
try {
  const cases = spawn(findNode(), [join(HERE, 'cases.mjs'), ...process.argv.slice(2)], {
    cwd: home,
    env: { ...env, GATEWAY_URL: await readUrl(), GATEWAY_KEY: key, NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => cases.kill());
  const [code] = await once(cases, 'exit');
  // Those that are programs are too large to install for this; they are taken where they are.
  const { status } = spawnSync(process.execPath, [join(HERE, 'started.mjs'), ...process.argv.slice(2)], {
    cwd: home,
    env: { ...env, KIRO_GATEWAY_HOME: home },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  process.exitCode = code || status || 0;
} finally {
  gateway.kill();
  await gone;
  rmSync(home, { recursive: true, force: true });
}

function isInstalled() {
  const installed = join(HERE, 'node_modules', '.package-lock.json');
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(HERE, 'package-lock.json')).mtimeMs;
}

function install() {
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: HERE,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error('npm ci has failed in __tests__/clients.');
}

function findNode() {
  if (Number.parseInt(process.versions.node, 10) >= OLDEST_NODE) return process.execPath;
  return join(HERE, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

async function readUrl() {
  const timer = setTimeout(() => gateway.kill(), START_MS);
  try {
    for await (const line of createInterface({ input: gateway.stdout })) {
      const url = /listens on (http\S+)/.exec(line)?.[1];
      if (url !== undefined) return url;
    }
    throw new Error('The gateway has not started; has it been built (npm run build)?');
  } finally {
    clearTimeout(timer);
    gateway.stdout.resume();
  }
}
