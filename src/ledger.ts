/** What each turn cost, one line a turn and one file a day in the state folder. It holds numbers, and no words. */

import { constants } from 'node:fs';
import { appendFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { makePrivateFolder, readSmallFile } from './auth/files.js';
import { Reader } from './core/reader.js';

export type LedgerEntry = {
  /** Unix time in milliseconds. */
  readonly time: number;
  readonly model: string;
  /** The client's own name for its session; cut short. */
  readonly session: string | undefined;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Undefined when Kiro did not say. */
  readonly credits: number | undefined;
  readonly source: LedgerSource;
};

export type LedgerSource = 'serve' | 'chat' | 'run';

/**
 * @param now Unix time in milliseconds.
 * @param notice Is told, in a sentence and once at a time, that nothing can be written.
 */
export function createLedger(stateFolder: string, now: () => number, notice?: (sentence: string) => void) {
  const folder = join(stateFolder, 'ledger');
  const pathOf = (day: string): string => join(folder, `${day}.jsonl`);
  const closing = new AbortController();
  let isBroken = false;
  let waiting: LedgerEntry[] = [];
  let writing: Promise<void> | undefined;
  let writtenAt = -Infinity;

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const restMs = PAUSE_MS - Math.abs(now() - writtenAt);
      if (restMs > 0) await pause(restMs, undefined, { ref: false, signal: closing.signal }).catch(() => undefined);
      const entries = waiting;
      waiting = [];
      writtenAt = now();
      await write(entries);
    }
    writing = undefined;
  }

  async function write(entries: readonly LedgerEntry[]): Promise<void> {
    try {
      // Each time: somebody may have cleared it away since, and days pass.
      await makePrivateFolder(folder);
      // One write of whole lines to a file opened for appending: processes do not cut into each other's lines.
      await appendFile(pathOf(dayOf(now())), entries.map(formatEntry).join(''), { mode: 0o600, flag: APPENDING });
      // What cannot be removed now has time until the next write.
      await removeOldDays(folder).catch(() => undefined);
      isBroken = false;
    } catch {
      if (!isBroken) notice?.(`The cost of answers cannot be written to ${folder}; \`usage\` will not show it.`);
      isBroken = true;
    }
  }

  return {
    /**
     * Written at once, or with others a moment later: one file operation per answer is what a busy gateway would feel.
     * Resolves when it is; never throws, because an answer does not depend on its bookkeeping.
     */
    record(entry: LedgerEntry): Promise<void> {
      waiting.push(entry);
      return (writing ??= writeAll());
    },
    /** Writes what still waits. */
    async close(): Promise<void> {
      closing.abort();
      await writing;
    },
    /** The entries of so many days, today included, the oldest first. Lines that cannot be read are left out. */
    async read(days: number): Promise<readonly LedgerEntry[]> {
      const paths = Array.from({ length: days }, (_, index) => pathOf(dayOf(now(), days - 1 - index)));
      const reading = paths.map((path) => readSmallFile(path, { maxBytes: MAX_BYTES, links: 'refuse' }));
      const files = await Promise.all(reading);
      return files.flatMap((file) => ('text' in file ? parseEntries(file.text) : []));
    },
  };
}

export function formatEntry(entry: LedgerEntry): string {
  const session = entry.session?.slice(0, MAX_NAME_LENGTH);
  // The line break in front ends a line that a crash has torn, so that it takes no other with it.
  return `\n${JSON.stringify({ ...entry, model: entry.model.slice(0, MAX_NAME_LENGTH), session })}`;
}

export function parseEntries(text: string): readonly LedgerEntry[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [readEntry(new Reader(JSON.parse(line), 'internal', 'ledger'))];
    } catch {
      return [];
    }
  });
}

/** The day of the person's clock, as `2026-11-22`; `ago` days before that time. */
export function dayOf(time: number, ago = 0): string {
  const date = new Date(time);
  // At noon, because days of summer time have 23 or 25 hours.
  const day = new Date(date.getFullYear(), date.getMonth(), date.getDate() - ago, 12);
  const parts = [day.getFullYear(), day.getMonth() + 1, day.getDate()];
  return parts.map((part) => String(part).padStart(2, '0')).join('-');
}

function readEntry(reader: Reader): LedgerEntry {
  return {
    time: reader.get('time').number(),
    model: reader.get('model').string(),
    session: reader.optional('session')?.string(),
    inputTokens: reader.get('inputTokens').number(),
    outputTokens: reader.get('outputTokens').number(),
    credits: reader.optional('credits')?.number(),
    source: reader.get('source').oneOf(['serve', 'chat', 'run']),
  };
}

/** Counted and not compared with today: a clock that stands wrong for a moment must not cost more than a few days. */
async function removeOldDays(folder: string): Promise<void> {
  const days = (await readdir(folder)).filter((name) => /^\d{4}-\d\d-\d\d\.jsonl$/.test(name)).toSorted();
  await Promise.all(days.slice(0, -MAX_DAYS).map((name) => rm(join(folder, name), { force: true })));
}

/** Not through a symbolic link; Windows has no flag for that. */
const APPENDING = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
const PAUSE_MS = 250;
const MAX_DAYS = 90;
const MAX_NAME_LENGTH = 64;
const MAX_BYTES = 50_000_000;
