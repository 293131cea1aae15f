/** A lock between processes: a file that only one of them can create. Works without flock, on Windows too. */

import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { link, open, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { codeOf, GatewayError } from '../core/errors.js';
import { Reader } from '../core/reader.js';
import { makePrivateFolder } from './files.js';

/*
 * Every process that wants the lock writes a ticket, a file of its own with a random id. Who holds the lock is who has
 * made a hard link from it to the lock's path: that fails when the path exists, and the link is whole at once.
 *
 * A lock whose owner is gone must not be deleted just so: two that see the same dead owner would both delete, the
 * second one the lock of the first. Therefore whoever wants to end an owner's lock, the owner itself included, first
 * links its ticket to a claim, `<lock>.<id of the owner>`. There is one claim on each owner, so one process wins; it
 * looks whether the lock is still that owner's, and only then replaces or removes it. Ids never come back: once the lock
 * has passed on, it stays so, and a claim on a former owner is worth nothing. A claimant that dies leaves its claim, which
 * is taken over in the same way: `<lock>.<id>.<id of the claimant>`. So no owner ever has two successors. What no file can
 * prevent: an owner that was asleep for longer than `staleMs` wakes up beside its successor.
 */

export type LockOptions = {
  /** How long others are waited for. */
  readonly waitMs: number;
  /** After so long without a sign of life an owner counts as gone; a living one gives three in that time. */
  readonly staleMs: number;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Ends early when the signal aborts. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Is told, in a sentence, when the work is done without the lock. */
  readonly notice: (sentence: string) => void;
  /** Ends the waiting, not the work. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * Does the work while no other process does work under the same path. Where no lock can be made (a read-only or full
 * disk, a file system without hard links) the work is done all the same: a login that works is worth more.
 * @throws GatewayError `cancelled`, or `upstream-unavailable` when others hold the lock for longer than `waitMs`.
 */
export async function withLock<Result>(
  path: string,
  options: LockOptions,
  work: () => Promise<Result>,
): Promise<Result> {
  const id = randomUUID();
  const mine: Mine = { ...options, id, file: `${path}.${id}.ticket` };
  try {
    if (!(await acquire(path, mine))) return await work();
    const ended = new AbortController();
    const beating = beat(mine, ended.signal);
    try {
      return await work();
    } finally {
      ended.abort();
      await beating;
      await release(path, mine);
    }
  } finally {
    await removeQuietly(mine.file);
  }
}

/** The ticket of this process. */
type Mine = LockOptions & { readonly id: string; readonly file: string };

/** False when no lock can be made here. */
async function acquire(path: string, mine: Mine): Promise<boolean> {
  const { signal = new AbortController().signal, waitMs, sleep, notice } = mine;
  let failures = 0;
  for (let waitedMs = 0, pauseMs = 4; ; waitedMs += pauseMs, pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    if (signal.aborted) throw new GatewayError('cancelled', 'The request was cancelled.');
    try {
      await showTicket(mine);
      if (await take(path, mine)) return true;
      failures = 0;
    } catch (thrown) {
      // On Windows a file that somebody is reading or deleting refuses for a moment.
      if (++failures === MAX_FAILURES) {
        notice(
          `The lock ${path} cannot be made (${codeOf(thrown) || 'unknown error'}); the gateway goes on without it.`,
        );
        return false;
      }
    }
    if (waitedMs >= waitMs) {
      const sentence = `Another kiro-gateway has held the lock ${path} for too long; end it, or try again in a minute.`;
      throw new GatewayError('upstream-unavailable', sentence);
    }
    await sleep(pauseMs, signal).catch(() => undefined);
  }
}

/** Makes the own ticket the lock, or the claim, of this path: when it is free, or its owner gone. */
async function take(path: string, mine: Mine): Promise<boolean> {
  if (await linkNew(mine.file, path)) return true;
  const owner = await readTicket(path);
  if (owner === undefined || !isGone(owner, mine)) return false;
  const claim = `${path}.${owner.id}`;
  if (!(await take(claim, mine))) return false;
  const copy = `${mine.file}.copy`;
  try {
    // Somebody else may have succeeded before the claim was made.
    if ((await readTicket(path))?.id !== owner.id) return false;
    await link(mine.file, copy);
    await rename(copy, path);
  } finally {
    await removeQuietly(copy);
    await removeQuietly(claim);
  }
  await sweep(path, mine);
  return true;
}

/** What processes that are gone have left behind: now that there is another owner, their claims are worth nothing. */
async function sweep(path: string, mine: Mine): Promise<void> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path)).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(prefix) || !TICKET_ID.test(name.slice(prefix.length))) continue;
    const file = join(dirname(path), name);
    const ticket = await readTicket(file).catch(() => undefined);
    if (ticket !== undefined && isGone(ticket, mine)) await removeQuietly(file);
  }
}

/** Ends the own lock, unless somebody took it over. A failure leaves a lock that others find to be stale. */
async function release(path: string, mine: Mine): Promise<void> {
  const claim = `${path}.${mine.id}`;
  try {
    if (!(await linkNew(mine.file, claim))) return;
    if ((await readTicket(path))?.id === mine.id) await rm(path, { force: true });
    await removeQuietly(claim);
  } catch {
    return;
  }
}

function isGone(ticket: Ticket, { now, staleMs }: Mine): boolean {
  return !isAlive(ticket) || now() - ticket.seenAt > staleMs;
}

/** A sign of life on the own ticket shows on all links to it, and can never land on the lock of another. */
async function beat(mine: Mine, signal: AbortSignal): Promise<void> {
  for (;;) {
    await mine.sleep(mine.staleMs / 3, signal).catch(() => undefined);
    if (signal.aborted) return;
    // When this fails, the next one may not.
    await showTicket(mine).catch(() => undefined);
  }
}

/** False when the new name is taken. */
async function linkNew(file: string, name: string): Promise<boolean> {
  try {
    await link(file, name);
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST') return false;
    throw thrown;
  }
}

/** What stays behind is found to be stale. */
async function removeQuietly(file: string): Promise<void> {
  await rm(file, { force: true }).catch(() => undefined);
}

const MAX_PAUSE_MS = 200;
const MAX_FAILURES = 4;

type Ticket = {
  readonly id: string;
  readonly processId: number;
  readonly host: string;
  /** The last sign of life: the file's own time, unix time in milliseconds. */
  readonly seenAt: number;
};

/** Shows that this process is alive now: whoever becomes the owner must look so, however long it has waited. */
async function showTicket({ id, file, now }: Mine): Promise<void> {
  const time = now() / 1000;
  try {
    await utimes(file, time, time);
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') throw thrown;
    await makePrivateFolder(dirname(file));
    const text = JSON.stringify({ id, processId: process.pid, host: hostOfProcesses() });
    await writeFile(file, text, { flag: 'wx', mode: 0o600 }).catch(async (reason: unknown) => {
      // A disk that is full leaves a part of it.
      await removeQuietly(file);
      throw reason;
    });
    await utimes(file, time, time);
  }
}

/** Undefined when the file does not exist. What is no ticket is an owner of unknown name, and gone when it is old. */
async function readTicket(path: string): Promise<Ticket | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const text = await file.readFile('utf8');
      return { ...parseTicket(text), seenAt: (await file.stat()).mtimeMs };
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}

/** False only when the process ran on this host and is there no more. */
function isAlive({ processId, host }: Ticket): boolean {
  if (host !== hostOfProcesses()) return true;
  try {
    process.kill(processId, 0);
    return true;
  } catch (thrown) {
    // A process of another person answers EPERM.
    return codeOf(thrown) !== 'ESRCH';
  }
}

function parseTicket(text: string): Omit<Ticket, 'seenAt'> {
  try {
    const ticket = new Reader(JSON.parse(text));
    const [id, host] = [ticket.get('id').string(), ticket.get('host').string()];
    const processId = ticket.get('processId').number();
    // The id becomes part of a file name; signal 0 to a negative number or to zero would ask a whole group of processes.
    const isOurs = id.length === 36 && TICKET_ID.test(id) && Number.isInteger(processId) && processId > 0;
    return isOurs ? { id, processId, host } : NOBODY;
  } catch {
    return NOBODY;
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

/** What a name begins with that an id stands in. */
const TICKET_ID = /^[0-9a-f-]{36}/;

const NOBODY = { id: 'nobody', processId: 0, host: '' };

/** Does the work while no other process of this machine renews the login of this digest. */
export type Alone = <Result>(digest: string, work: () => Promise<Result>) => Promise<Result>;

export function createRefreshLock(stateFolder: string, tools: Omit<LockOptions, 'waitMs' | 'staleMs'>): Alone {
  const options = { ...tools, waitMs: WAIT_MS, staleMs: STALE_MS };
  return (digest, work) => withLock(join(stateFolder, 'locks', `${digest}.lock`), options, work);
}

/** For a session that shares its login with no other process. */
export const alreadyAlone: Alone = (_digest, work) => work();

/** A refresh takes half a minute at most, and kiro-cli a quarter before it. */
const WAIT_MS = 60_000;
const STALE_MS = 30_000;
