/** A true picture of a SQLite database that others may write to: read only, and without a lock. */

import { existsSync, realpathSync } from 'node:fs';
import { GatewayError } from '../../core/errors.js';
import { FILE_PROBLEMS, fileProblem, type FileProblem } from '../small-file.js';
import { hasContent, MAX_BYTES, readBytes, readStart } from './sqlite-files.js';
import { isTransactionOpen, JOURNAL_HEADER_BYTES, readJournal, superJournalName } from './sqlite-journal.js';
import { type Patch, patched } from './sqlite-patch.js';
import { readWal, WAL_HEADER_BYTES } from './sqlite-wal.js';

export type Sleep = (milliseconds: number) => Promise<void>;

/**
 * What SQLite would show to one who opens the database now: with all that is committed, wherever it lies, and without
 * what is not. The write-ahead log is merged and a transaction that somebody left open is undone, both in memory.
 * @throws GatewayError `not-logged-in` when there is no whole database there.
 */
export async function readDatabaseImage(path: string, { sleep }: { readonly sleep: Sleep }): Promise<Buffer> {
  const files = findFiles(path);
  await waitForTransaction(files, sleep);
  const image = await untilQuiet(() => readOnce(files), sleep);
  if (image !== undefined) return image;
  throw unusableDatabase(path, 'is written to all the time and could not be read; try again in a moment.');
}

/** The first answer that is one; undefined when there is none for more than a second. */
export async function untilQuiet<Value>(read: () => Value | undefined, sleep: Sleep): Promise<Value | undefined> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const value = read();
    if (value !== undefined) return value;
    await sleep(Math.min(attempt, LONGEST_PAUSE_MS));
  }
  return undefined;
}

/** @param complaint The rest of the sentence: what is wrong with the database, and what to do. */
export function unusableDatabase(path: string, complaint: string, cause?: unknown): GatewayError {
  return new GatewayError('not-logged-in', `The Kiro database ${path} ${complaint}`, { cause });
}

type Files = { readonly main: string; readonly journal: string; readonly wal: string };

/** SQLite puts its side files next to the database itself, not next to a link that leads to it. */
function findFiles(path: string): Files {
  try {
    const real = realpathSync(path);
    return { main: path, journal: `${real}-journal`, wal: `${real}-wal` };
  } catch (thrown) {
    throw unreadable(path, fileProblem(thrown));
  }
}

/** A transaction is a matter of milliseconds, mostly; one that stays was left by a process that died. */
async function waitForTransaction({ journal }: Files, sleep: Sleep): Promise<void> {
  for (let waitedMs = 0; waitedMs < TRANSACTION_WAIT_MS; waitedMs += POLL_MS) {
    if (!isTransactionOpen(sideBytes(journal, readStart(journal, LARGEST_SECTOR_BYTES)))) return;
    await sleep(POLL_MS);
  }
}

/**
 * The database, its side files, and the database again: a picture only when nobody wrote meanwhile. Pages reach the
 * database after the journal or the log that they belong to, and both of these begin anew with other random numbers in
 * their headers; so when the database and the headers are as they were, the parts belong together.
 */
function readOnce(files: Files): Buffer | undefined {
  const main = readBytes(files.main);
  if (typeof main === 'string') throw unreadable(files.main, main);
  const journal = sideBytes(files.journal, readBytes(files.journal));
  const wal = sideBytes(files.wal, readBytes(files.wal));
  const isQuiet =
    hasContent(files.main, main) &&
    hasHeader(files.journal, journal.subarray(0, JOURNAL_HEADER_BYTES)) &&
    hasHeader(files.wal, wal.subarray(0, WAL_HEADER_BYTES));
  if (!isQuiet) return undefined;
  if (main.length === 0) throw unusableDatabase(files.main, 'is empty; run `kiro-cli login` so that it is filled.');
  const committed = withPatch(main, readOpenTransaction(journal), files);
  return asPlainDatabase(withPatch(committed, readLog(wal, files), files));
}

/** A journal or log that is not there says as much as an empty one. */
function sideBytes(path: string, bytes: Buffer | FileProblem): Buffer {
  if (typeof bytes !== 'string') return bytes;
  if (bytes === 'missing') return Buffer.alloc(0);
  const complaint = `${FILE_PROBLEMS[bytes]}, and the Kiro database next to it is not whole without it`;
  throw new GatewayError('not-logged-in', `The file ${path} ${complaint}; close kiro-cli and try again.`);
}

function hasHeader(path: string, header: Buffer): boolean {
  return header.equals(sideBytes(path, readStart(path, header.length)));
}

function readOpenTransaction(journal: Buffer): Patch | undefined {
  const superJournal = superJournalName(journal);
  if (superJournal !== undefined && !existsSync(superJournal)) return undefined;
  return readJournal(journal);
}

function readLog(wal: Buffer, { main }: Files): Patch | undefined {
  const log = readWal(wal);
  if (log !== 'unknown-version') return log;
  throw unusableDatabase(main, 'has a log of a newer SQLite; close kiro-cli, which merges it, and try again.');
}

function withPatch(image: Buffer, patch: Patch | undefined, { main }: Files): Buffer {
  if (patch === undefined) return image;
  if (patch.pageCount * patch.pageSize > MAX_BYTES) throw unreadable(main, 'too-large');
  return patched(image, patch);
}

/**
 * No longer in WAL mode, which a database in memory cannot be in.
 * https://www.sqlite.org/fileformat2.html#file_format_version_numbers
 */
function asPlainDatabase(image: Buffer): Buffer {
  return image.length < 20 ? image : image.fill(1, 18, 20);
}

function unreadable(path: string, problem: FileProblem): GatewayError {
  return unusableDatabase(path, COMPLAINTS[problem]);
}

const COMPLAINTS = {
  missing: 'does not exist; run `kiro-cli login`, or set KIRO_CLI_DB_FILE to where it lies.',
  link: 'is a link that leads nowhere; set KIRO_CLI_DB_FILE to the database itself.',
  'not-a-file': 'is not a regular file; set KIRO_CLI_DB_FILE to the database itself.',
  'too-large': 'is larger than 512 MB, which is too much to read for a login; log in another way, see KIRO_CREDS_FILE.',
  unreadable: 'cannot be read; allow yourself to read it.',
} as const satisfies Record<FileProblem, string>;

const TRANSACTION_WAIT_MS = 2000;
const POLL_MS = 50;
const LARGEST_SECTOR_BYTES = 64 * 1024;
const MAX_ATTEMPTS = 60;
const LONGEST_PAUSE_MS = 25;
