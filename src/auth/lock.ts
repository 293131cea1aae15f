/** A lock between processes: a file that only one of them can make. Works without flock, on Windows too. */

import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { constants, copyFile, link, open, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { codeOf, GatewayError } from '../core/errors.js';
import { makePrivateFolder } from './files.js';

/*
 * Who holds the lock is who has made the file, which says who that is. A lock whose owner is gone must not be deleted
 * just so: two that see the same dead owner would both delete, the second one the lock of the first. So whoever wants to
 * end an owner's lock, the owner itself included, first takes a lock on that, `<lock>.<id of the owner>`, looks whether
 * the lock is still that owner's, and only then removes it. Ids never come back: once the lock has passed on, a claim on
 * a former owner is worth nothing. Who dies with a claim is the dead owner of a lock like any other. What no file can
 * prevent: an owner that was asleep for longer than `STALE_MS` wakes up beside its successor.
 */

export type LockOptions = {
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Ends early when the signal aborts. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Is told, in a sentence, when the work has to wait, or is done without the lock. */
  readonly notice: (sentence: string) => void;
  /** Ends the waiting, not the work. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * Does the work while no other process does work under the same path. Where no lock can be made, on a read-only or full
 * disk, the work is done all the same: a login that works is worth more.
 * @throws GatewayError `cancelled`, or `upstream-unavailable` when others hold the lock for too long.
 */
export async function withLock<Result>(
  path: string,
  options: LockOptions,
  work: () => Promise<Result>,
): Promise<Result> {
  const mine = { ...options, id: randomUUID() };
  if (!(await acquire(path, mine))) return work();
  const ended = new AbortController();
  const beating = beat(path, mine, ended.signal);
  try {
    return await work();
  } finally {
    ended.abort();
    await beating;
    // What stays behind is found to be stale.
    await end(path, mine.id, mine).catch(() => undefined);
  }
}

type Mine = LockOptions & { readonly id: string };

/** False when no lock can be made here. */
async function acquire(path: string, mine: Mine): Promise<boolean> {
  const { signal = new AbortController().signal, sleep, notice } = mine;
  let failures = 0;
  for (let waitedMs = 0, pauseMs = 4; ; waitedMs += pauseMs, pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    if (signal.aborted) throw new GatewayError('cancelled', 'The request was cancelled.');
    try {
      if (await take(path, mine)) return true;
      failures = 0;
    } catch (thrown) {
      // On Windows a file that somebody is reading or deleting refuses for a moment.
      if (++failures === MAX_FAILURES) {
        const reason = codeOf(thrown) || 'unknown error';
        notice(`The lock ${path} cannot be made (${reason}); the gateway goes on without it.`);
        return false;
      }
    }
    if (waitedMs >= WAIT_MS) {
      const sentence = `Another kiro-gateway has held the lock ${path} for too long; end it, or try again in a minute.`;
      throw new GatewayError('upstream-unavailable', sentence);
    }
    if (waitedMs < TOLD_AFTER_MS && waitedMs + pauseMs >= TOLD_AFTER_MS) {
      notice(`Another kiro-gateway holds the lock ${path}; waiting for it.`);
    }
    await sleep(pauseMs, signal).catch(() => undefined);
  }
}

/** True when it is ours now; false when somebody lives who has it, or was faster. */
async function take(path: string, mine: Mine): Promise<boolean> {
  const owner = await readOwner(path);
  if (owner !== undefined) {
    // The clock may have been set back since it was seen.
    if (isAlive(owner) && Math.abs(mine.now() - owner.seenAt) <= STALE_MS) return false;
    await end(path, owner.id, mine);
  }
  return make(path, mine);
}

/** Ends this owner's lock, unless it has passed on, or somebody else is about to end it. */
async function end(path: string, id: string, mine: Mine): Promise<void> {
  const claim = `${path}.${id}`;
  if (!(await take(claim, mine))) return;
  try {
    if ((await readOwner(path))?.id === id) await rm(path, { force: true });
  } finally {
    await rm(claim, { force: true });
  }
}

/** Makes the file, whole at once. False when there is one already. */
async function make(path: string, { id, now }: Mine): Promise<boolean> {
  const unnamed = `${path}.${id}.new`;
  await makePrivateFolder(dirname(path));
  try {
    await writeFile(unnamed, `${id} ${process.pid} ${hostOfProcesses()}`, { mode: 0o600 });
    await showLife(unnamed, now());
    await link(unnamed, path).catch(async (thrown: unknown) => {
      if (codeOf(thrown) === 'EEXIST') throw thrown;
      // Where there are no hard links, as on FAT, it is for a moment not to be read whose the lock is.
      await copyFile(unnamed, path, constants.COPYFILE_EXCL);
      await showLife(path, now()).catch(() => undefined);
    });
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST') return false;
    throw thrown;
  } finally {
    await rm(unnamed, { force: true }).catch(() => undefined);
  }
}

async function beat(path: string, { sleep, now }: Mine, signal: AbortSignal): Promise<void> {
  for (;;) {
    await sleep(STALE_MS / 3, signal).catch(() => undefined);
    if (signal.aborted) return;
    // When this fails, the next one may not.
    await showLife(path, now()).catch(() => undefined);
  }
}

function showLife(path: string, now: number): Promise<void> {
  return utimes(path, now / 1000, now / 1000);
}

/** Undefined when there is no lock. What is none of ours has an owner of unknown name, who is gone when it is old. */
async function readOwner(path: string) {
  try {
    const file = await open(path, 'r');
    try {
      const text = await file.readFile('utf8');
      // The id becomes part of a file name; signal 0 to zero would ask a whole group of processes.
      const [, id = 'nobody', processId = '', host = ''] = /^([0-9a-f-]{36}) ([1-9]\d{0,9}) (.+)$/.exec(text) ?? [];
      // The file's own time is the last sign of life.
      return { id, processId: Number(processId), host, seenAt: (await file.stat()).mtimeMs };
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}

/** False only when the process ran on this host and is there no more. */
function isAlive({ processId, host }: { readonly processId: number; readonly host: string }): boolean {
  if (host !== hostOfProcesses()) return true;
  try {
    process.kill(processId, 0);
    return true;
  } catch (thrown) {
    // A process of another person answers EPERM.
    return codeOf(thrown) !== 'ESRCH';
  }
}

/** Process ids mean something only within it: containers can share a folder, and with the host's network its name. */
function hostOfProcesses(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

/** Longer than kiro-cli, two refreshes, and a keychain that asks the person take. */
const WAIT_MS = 90_000;
/** After so long without a sign of life an owner counts as gone; a living one gives three in that time. */
const STALE_MS = 30_000;
const MAX_PAUSE_MS = 200;
/** Nobody wonders about less. */
const TOLD_AFTER_MS = 2000;
const MAX_FAILURES = 4;

/** Does the work while no other process of this machine renews the same login. */
export type Alone = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** @param name Of the stored login; those of the settings, which have none, share one lock. */
export function createRefreshLock(stateFolder: string, tools: LockOptions, name?: string): Alone {
  const file = name === undefined ? 'refresh.lock' : `refresh-${name}.lock`;
  return (work) => withLock(join(stateFolder, file), tools, work);
}
