/** A lock between processes: a file that only one of them can create. Works without `flock`, on Windows too. */

import { randomUUID } from 'node:crypto';
import { link, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { GatewayError } from '../core/errors.js';
import { isAlive, readTicket, showTicket, type Ticket, TICKET_ID } from './lock-ticket.js';
import { codeOf } from './small-file.js';

/*
 * Every process that wants the lock writes a ticket, a file of its own with a random id. Who holds the lock is who has
 * made a hard link from it to the lock's path: that fails when the path exists, and the link is whole at once.
 *
 * A lock whose owner is gone must not be deleted just so: two that see the same dead owner would both delete, the
 * second one the lock of the first. Therefore whoever wants to end an owner's lock, the owner itself included, first
 * links its ticket to a claim, `<lock>.<id of the owner>`. There is one claim on each owner, so one process wins; it
 * looks whether the lock is still that owner's, and only then replaces or removes it. Ids never come back: once the lock
 * has passed on, it stays so, and a claim on a former owner is worth nothing. A claimant that dies leaves its claim, which
 * is claimed in its turn: `<lock>.<id>.<id of the claimant>`. So no owner ever has two successors. What no file can
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
  const mine: Mine = { id, file: `${path}.${id}.ticket` };
  try {
    if (!(await acquire(path, mine, options))) return await work();
    const ended = new AbortController();
    const beating = beat(mine, options, ended.signal);
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

type Mine = { readonly id: string; readonly file: string };

/** False when no lock can be made here. */
async function acquire(path: string, mine: Mine, options: LockOptions): Promise<boolean> {
  const signal = options.signal ?? new AbortController().signal;
  let failures = 0;
  for (let waitedMs = 0, pauseMs = 4; ; waitedMs += pauseMs, pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    if (signal.aborted) throw cancelled();
    try {
      await showTicket(mine.file, mine.id, options.now());
      if ((await linkNew(mine.file, path)) || (await succeed(path, mine, options))) return true;
      failures = 0;
    } catch (thrown) {
      // On Windows a file that somebody is reading or deleting refuses for a moment.
      if (++failures === MAX_FAILURES) {
        const reason = codeOf(thrown) || 'unknown error';
        options.notice(`The lock ${path} cannot be made (${reason}); the gateway goes on without it.`);
        return false;
      }
    }
    if (waitedMs >= options.waitMs) throw busy(path);
    await pause(pauseMs, options.sleep, signal);
  }
}

/** Takes over from an owner that is gone. */
async function succeed(path: string, mine: Mine, options: LockOptions): Promise<boolean> {
  const line = await readLine(path);
  const last = line.at(-1);
  if (last === undefined || !isGone(last.ticket, options)) return false;
  const claim = claimOn(last);
  if (!(await linkNew(mine.file, claim))) return false;
  const copy = `${mine.file}.copy`;
  try {
    if (!(await isUnchanged(line))) {
      await removeQuietly(claim);
      return false;
    }
    await link(mine.file, copy);
    await rename(copy, path);
  } catch (thrown) {
    await removeQuietly(copy);
    await removeQuietly(claim);
    throw thrown;
  }
  await removeQuietly(claim);
  await sweep(path, options);
  return true;
}

/** What processes that are gone have left behind: now that there is another owner, their claims are worth nothing. */
async function sweep(path: string, options: LockOptions): Promise<void> {
  const folder = dirname(path);
  const prefix = `${basename(path)}.`;
  try {
    for (const name of await readdir(folder)) {
      if (!name.startsWith(prefix) || !TICKET_ID.test(name.slice(prefix.length))) continue;
      const ticket = await readTicket(join(folder, name));
      if (ticket !== undefined && isGone(ticket, options)) await removeQuietly(join(folder, name));
    }
  } catch {
    return;
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

type Place = { readonly file: string; readonly ticket: Ticket };

/** The owner, who claims to succeed it, who claims to succeed that one, … */
async function readLine(path: string): Promise<readonly Place[]> {
  const line: Place[] = [];
  for (let file = path; ;) {
    const ticket = await readTicket(file);
    if (ticket === undefined) return line;
    const place = { file, ticket };
    line.push(place);
    file = claimOn(place);
  }
}

async function isUnchanged(line: readonly Place[]): Promise<boolean> {
  for (const { file, ticket } of line) if ((await readTicket(file))?.id !== ticket.id) return false;
  return true;
}

function claimOn({ file, ticket }: Place): string {
  return `${file}.${ticket.id}`;
}

function isGone(ticket: Ticket, { now, staleMs }: LockOptions): boolean {
  return !isAlive(ticket) || now() - ticket.seenAt > staleMs;
}

/** A sign of life on the own ticket shows on all links to it, and can never land on the lock of another. */
async function beat(mine: Mine, { now, sleep, staleMs }: LockOptions, signal: AbortSignal): Promise<void> {
  for (;;) {
    await pause(staleMs / 3, sleep, signal);
    if (signal.aborted) return;
    // When this fails, the next one may not.
    await showTicket(mine.file, mine.id, now()).catch(() => undefined);
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

async function removeQuietly(file: string): Promise<void> {
  try {
    await rm(file, { force: true });
  } catch {
    return;
  }
}

async function pause(milliseconds: number, sleep: LockOptions['sleep'], signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, signal);
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}

function cancelled(): GatewayError {
  return new GatewayError('cancelled', 'The request was cancelled.');
}

function busy(path: string): GatewayError {
  const sentence = `Another kiro-gateway has held the lock ${path} for too long; end it, or try again in a minute.`;
  return new GatewayError('upstream-unavailable', sentence);
}

const MAX_PAUSE_MS = 200;
const MAX_FAILURES = 4;
