/** The ticket of a process that wants a lock: who it is, and whether it still lives. */

import { readlinkSync } from 'node:fs';
import { open, rm, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { isRecord } from '../core/reader.js';
import { makePrivateFolder } from './private-file.js';
import { codeOf } from './small-file.js';

export type Ticket = {
  readonly id: string;
  readonly processId: number;
  readonly host: string;
  /** The last sign of life: the file's own time, unix time in milliseconds. */
  readonly seenAt: number;
};

/** Shows that this process is alive now: whoever becomes the owner must look so, however long it has waited. */
export async function showTicket(path: string, id: string, now: number): Promise<void> {
  try {
    await touch(path, now);
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') throw thrown;
    await writeTicket(path, id, now);
    await touch(path, now);
  }
}

/** Undefined when the file does not exist. What is no ticket is an owner of unknown name, and gone when it is old. */
export async function readTicket(path: string): Promise<Ticket | undefined> {
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
export function isAlive({ processId, host }: Ticket): boolean {
  if (host !== hostOfProcesses()) return true;
  try {
    process.kill(processId, 0);
    return true;
  } catch (thrown) {
    // A process of another person answers EPERM.
    return codeOf(thrown) !== 'ESRCH';
  }
}

async function writeTicket(path: string, id: string, now: number): Promise<void> {
  await makePrivateFolder(dirname(path));
  const since = new Date(now).toISOString();
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(JSON.stringify({ id, processId: process.pid, host: hostOfProcesses(), since }));
    } finally {
      await file.close();
    }
  } catch (thrown) {
    // A disk that is full leaves a part of it.
    await rm(path, { force: true });
    throw thrown;
  }
}

async function touch(path: string, now: number): Promise<void> {
  await utimes(path, now / 1000, now / 1000);
}

/** The id becomes part of a file name, so it is one of ours or none. */
function parseTicket(text: string): Pick<Ticket, 'id' | 'processId' | 'host'> {
  try {
    const ticket: unknown = JSON.parse(text);
    if (!isRecord(ticket)) return NOBODY;
    const { id, processId, host } = ticket;
    const isOurs = typeof id === 'string' && id.length === 36 && TICKET_ID.test(id) && typeof host === 'string';
    return isOurs && isProcessId(processId) ? { id, processId, host } : NOBODY;
  } catch {
    return NOBODY;
  }
}

/** Signal 0 to a negative number or to zero would ask a whole group of processes. */
function isProcessId(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0;
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
export const TICKET_ID = /^[0-9a-f-]{36}/;

const NOBODY = { id: 'nobody', processId: 0, host: '' };
