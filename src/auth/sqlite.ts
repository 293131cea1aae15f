/** A SQLite database that others may write to: read without a lock, and without a change to any of its files. */

import { randomUUID } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, realpathSync } from 'node:fs';
import type { Database, SqlJsStatic } from 'sql.js';
import { GatewayError } from '../core/errors.js';
import { fileProblem, type FileProblem } from './files.js';

export type Sleep = (milliseconds: number) => Promise<void>;

/**
 * Shows what SQLite would show to one who opens the database now: all that is committed, wherever it lies, and nothing
 * else. SQLite itself gets copies in its own memory, where it merges the write-ahead log and undoes a transaction that
 * somebody left open.
 * @throws GatewayError `not-logged-in` when there is no whole database there.
 */
export async function withDatabase<Result>(
  path: string,
  { sleep }: { readonly sleep: Sleep },
  work: (database: Database) => Result,
): Promise<Result> {
  const files = findFiles(path);
  await waitForTransaction(files, sleep);
  const copies = await untilQuiet(() => readOnce(files), sleep);
  if (copies === undefined) {
    throw unusableDatabase(path, 'is being written to all the time and could not be read; try again in a moment.');
  }
  const { default: loadSqlite } = await import('sql.js');
  const sqlite = await loadSqlite();
  const name = randomUUID();
  const sides = (['-journal', '-wal'] as const).map((it) => putFile(sqlite, name + it, copies[it]));
  const database = putFile(sqlite, name, copies.main);
  try {
    // In any other mode a log needs memory that processes share, and the one here has none.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; SELECT count(*) FROM sqlite_schema');
    return work(database);
  } catch (thrown) {
    throw thrown instanceof GatewayError ? thrown : unusableDatabase(path, DAMAGED, thrown);
  } finally {
    for (const it of [database, ...sides]) closeQuietly(it);
  }
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

/**
 * A file in the memory of SQLite, where it looks by name for what belongs to a database. sql.js makes files for databases
 * only, and under names of its own choice, which it keeps in `filename`.
 */
function putFile(sqlite: SqlJsStatic, name: string, bytes: Buffer): Database {
  class NamedDatabase extends sqlite.Database {
    get filename(): string {
      return name;
    }

    set filename(_) {}
  }
  return new NamedDatabase(bytes);
}

/** SQLite deletes side files that are of no more use, and sql.js then misses them. */
function closeQuietly(database: Database): void {
  try {
    database.close();
  } catch {
    return;
  }
}

type Files = ReturnType<typeof findFiles>;

/** SQLite puts its side files next to the database itself, not next to a link that leads to it. */
function findFiles(path: string) {
  try {
    const real = realpathSync(path);
    return { main: path, journal: `${real}-journal`, wal: `${real}-wal` };
  } catch (thrown) {
    throw unusableDatabase(path, COMPLAINTS[fileProblem(thrown)]);
  }
}

/** A transaction is a matter of milliseconds, mostly; one that stays was left by a process that died. */
async function waitForTransaction({ journal }: Files, sleep: Sleep): Promise<void> {
  for (let waitedMs = 0; waitedMs < TRANSACTION_WAIT_MS; waitedMs += POLL_MS) {
    if (!readSideFile(journal, JOURNAL_MAGIC.length).equals(JOURNAL_MAGIC)) return;
    await sleep(POLL_MS);
  }
}

/**
 * The database, its side files, and the database again: a picture only when nobody wrote meanwhile. Pages reach the
 * database after the journal or the log that they belong to, and both of these begin anew with other random numbers in
 * their headers; so when the database and the headers are as they were, the parts belong together. Synchronous, because
 * a pause between two steps is long enough for many transactions.
 */
function readOnce({ main: path, ...side }: Files) {
  const main = readBytes(path);
  if (typeof main === 'string') throw unusableDatabase(path, COMPLAINTS[main]);
  const journal = readSideFile(side.journal);
  const wal = readSideFile(side.wal);
  const again = readBytes(path);
  const isQuiet =
    typeof again !== 'string' &&
    again.equals(main) &&
    isStillBeginning(side.journal, journal.subarray(0, JOURNAL_HEADER_BYTES)) &&
    isStillBeginning(side.wal, wal.subarray(0, WAL_HEADER_BYTES));
  if (!isQuiet) return undefined;
  const complaint = complaintAbout(main);
  if (complaint !== undefined) throw unusableDatabase(path, complaint);
  return { main, '-journal': journal, '-wal': wal };
}

/** What SQLite should not even be shown. */
function complaintAbout(main: Buffer): string | undefined {
  if (main.length === 0) return 'is empty; run `kiro-cli login` or `q login`.';
  if (main.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  // Encrypted databases are whole pages in which nearly every byte value occurs early.
  const looksEncrypted = main.length % 512 === 0 && new Set(main.subarray(0, 1024)).size > 200;
  return looksEncrypted
    ? 'seems to be encrypted, and the gateway has no key for it; set KIRO_CLI_DB_FILE to one that is not.'
    : "is not a SQLite database; set KIRO_CLI_DB_FILE to kiro-cli's data.sqlite3.";
}

/** A journal or log that is not there says as much as an empty one. */
function readSideFile(path: string, length?: number): Buffer {
  const bytes = readBytes(path, length);
  if (typeof bytes !== 'string') return bytes;
  if (bytes === 'missing') return Buffer.alloc(0);
  // The token may be in it.
  throw unusableDatabase(path, COMPLAINTS[bytes]);
}

function isStillBeginning(path: string, header: Buffer): boolean {
  return header.equals(readSideFile(path, header.length));
}

/** @param length Of the beginning that is read; everything without it. */
function readBytes(path: string, length?: number): Buffer | FileProblem {
  try {
    // Without O_NONBLOCK, which Windows does not have, opening a named pipe would wait for its writer.
    const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const facts = fstatSync(file);
      if (!facts.isFile()) return 'not-a-file';
      if (length === undefined) return facts.size > MAX_BYTES ? 'too-large' : readFileSync(file);
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(file, bytes, 0, length, 0));
    } finally {
      closeSync(file);
    }
  } catch (thrown) {
    return fileProblem(thrown);
  }
}

const COMPLAINTS = {
  missing: 'does not exist; run `kiro-cli login` or `q login`, or name it with KIRO_CLI_DB_FILE or `login --db`.',
  link: 'is a link that leads nowhere; set KIRO_CLI_DB_FILE to the database itself.',
  'not-a-file': 'is not a regular file; set KIRO_CLI_DB_FILE to the database itself.',
  'too-large': 'is larger than 512 MB, which is too much to read for a login; log in another way, see KIRO_CREDS_FILE.',
  unreadable: 'cannot be read; give yourself permission to read it.',
} as const satisfies Record<FileProblem, string>;

const DAMAGED =
  'is damaged or only half written; run `kiro-cli login` or `q login`, or copy the file again if it is a copy.';

const MAGIC = Buffer.from('SQLite format 3\0');
const JOURNAL_MAGIC = Buffer.from('d9d505f920a163d7', 'hex');
/** As long as these bytes stay the same, the journal is of the same transaction, and the log has only grown. */
const JOURNAL_HEADER_BYTES = 28;
const WAL_HEADER_BYTES = 32;
const MAX_BYTES = 512 * 1024 * 1024;
const TRANSACTION_WAIT_MS = 2000;
const POLL_MS = 50;
const MAX_ATTEMPTS = 60;
const LONGEST_PAUSE_MS = 25;
