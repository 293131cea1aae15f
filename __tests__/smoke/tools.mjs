/** What the parts of `npm run smoke` share: folders of their own, processes, a served gateway, and one line a check. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

/** Everything is made below one folder, which is gone at the end. Others may enter it: somebody else runs what lies there. */
const base = mkdtempSync(join(tmpdir(), 'kiro-gateway-smoke-'));
chmodSync(base, 0o755);
process.once('exit', () => rmSync(base, { recursive: true, force: true }));

const counts = { passed: 0, failed: 0, left: 0 };

export function folder(name) {
  const path = join(base, name);
  mkdirSync(path, { recursive: true });
  return path;
}

/** An empty home, which belongs to whoever runs the command. */
export function emptyHome(name) {
  const path = folder(name);
  if (STRANGER.uid !== undefined) chownSync(path, STRANGER.uid, STRANGER.gid);
  return path;
}

/** Root may write everywhere, so what has to do without is run as nobody. */
export const STRANGER = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

export function check(name, isRight, found = '') {
  counts[isRight ? 'passed' : 'failed']++;
  process.stdout.write(`${isRight ? '✓' : '✗'} ${name}${isRight || found === '' ? '' : `\n  found: ${found}`}\n`);
}

/** For what cannot be tried here. */
export function leaveOut(name, reason) {
  counts.left++;
  process.stdout.write(`– ${name}: not tried here, because ${reason}\n`);
}

export function say(text) {
  process.stdout.write(`  ${text}\n`);
}

/** @returns the exit code. */
export function finish() {
  process.stdout.write(`smoke: ${counts.passed} checks passed, ${counts.failed} failed, ${counts.left} left out\n`);
  return counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}

/** A process to its end; code 127 when it cannot be started. */
export async function run(command, args, options = {}) {
  const child = spawn(command, args, { timeout: 240_000, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += chunk));
  child.stderr.on('data', (chunk) => (output.stderr += chunk));
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      output.stderr += error.message;
      resolve(127);
    });
    child.once('close', (code) => resolve(code ?? 1));
  });
  return { code, ...output };
}

/** A served gateway for as long as `use` takes, which gets its URL. @throws when it ends before it listens. */
export async function serving(command, args, options, use) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, ...options });
  const gone = once(child, 'close');
  let said = '';
  try {
    const url = await new Promise((resolve, reject) => {
      const read = (chunk) => {
        said += chunk;
        const url = /listens on (http:\/\/\S+)/.exec(said)?.[1];
        if (url !== undefined) resolve(url);
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('error', reject);
      child.once('close', (code) => reject(new Error(`serve ended with ${code}: ${said}`)));
    });
    return await use(url);
  } finally {
    // npx is the parent of the gateway, so the whole group is told to end.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
    await gone;
  }
}

/** The main job, asked over HTTP. @returns the text of the answer, or what came in its place. */
export async function ask(url, key) {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'auto', messages: [{ role: 'user', content: '2+2?' }] }),
  });
  const text = await response.text();
  return response.ok ? JSON.parse(text).choices[0].message.content : text;
}

export const KEY = 'a-gateway-key-for-the-smoke-test';

/** Path, size and time of each file, to see that nothing was written; and the sum of the sizes in bytes. */
export function listing(path) {
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => {
    const { size, mtimeMs, mode } = lstatSync(join(path, name));
    return { name, size, line: `${name} ${size} ${mtimeMs} ${mode}` };
  });
  return { bytes: files.reduce((sum, { size }) => sum + size, 0), text: files.map(({ line }) => line).join('\n') };
}
