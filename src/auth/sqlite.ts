/** A true picture of a SQLite database that others may write to: read only, and without a lock. */

// The formats: https://www.sqlite.org/fileformat2.html. Where it says nothing about a journal (a tail that is cut, a
// header with odd values), this follows `pager_playback` of SQLite's pager.c.

import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, readSync, realpathSync } from 'node:fs';
import { GatewayError } from '../core/errors.js';
import { FILE_PROBLEMS, fileProblem, type FileProblem } from './files.js';

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
    throw unusableDatabase(path, COMPLAINTS[fileProblem(thrown)]);
  }
}

/** A transaction is a matter of milliseconds, mostly; one that stays was left by a process that died. */
async function waitForTransaction({ journal }: Files, sleep: Sleep): Promise<void> {
  for (let waitedMs = 0; waitedMs < TRANSACTION_WAIT_MS; waitedMs += POLL_MS) {
    if (readJournal(readSideFile(journal, LARGEST_SECTOR_BYTES)) === undefined) return;
    await sleep(POLL_MS);
  }
}

/**
 * The database, its side files, and the database again: a picture only when nobody wrote meanwhile. Pages reach the
 * database after the journal or the log that they belong to, and both of these begin anew with other random numbers in
 * their headers; so when the database and the headers are as they were, the parts belong together. Synchronous, because
 * a pause between two steps is long enough for many transactions.
 */
function readOnce({ main: path, ...side }: Files): Buffer | undefined {
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
  if (main.length === 0) throw unusableDatabase(path, 'is empty; run `kiro-cli login` so that it is filled.');
  const log = readWal(wal);
  if (log === 'unknown-version') {
    throw unusableDatabase(path, 'has a log of a newer SQLite; close kiro-cli, which merges it, and try again.');
  }
  let image = main;
  for (const patch of [readOpenTransaction(journal), log]) {
    if (patch === undefined) continue;
    if (patch.pageCount * patch.pageSize > MAX_BYTES) throw unusableDatabase(path, COMPLAINTS['too-large']);
    image = patched(image, patch);
  }
  // No longer in WAL mode, which a database in memory cannot be in.
  return image.length < 20 ? image : image.fill(1, 18, 20);
}

/** A journal or log that is not there says as much as an empty one. */
function readSideFile(path: string, length?: number): Buffer {
  const bytes = readBytes(path, length);
  if (typeof bytes !== 'string') return bytes;
  if (bytes === 'missing') return Buffer.alloc(0);
  const complaint = `${FILE_PROBLEMS[bytes]}, and the Kiro database next to it is not whole without it`;
  throw new GatewayError('not-logged-in', `The file ${path} ${complaint}; close kiro-cli and try again.`);
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
  missing: 'does not exist; run `kiro-cli login`, or set KIRO_CLI_DB_FILE to where it lies.',
  link: 'is a link that leads nowhere; set KIRO_CLI_DB_FILE to the database itself.',
  'not-a-file': 'is not a regular file; set KIRO_CLI_DB_FILE to the database itself.',
  'too-large': 'is larger than 512 MB, which is too much to read for a login; log in another way, see KIRO_CREDS_FILE.',
  unreadable: 'cannot be read; allow yourself to read it.',
} as const satisfies Record<FileProblem, string>;

const MAX_BYTES = 512 * 1024 * 1024;
const TRANSACTION_WAIT_MS = 2000;
const POLL_MS = 50;
/** The header of a journal may take as much. */
const LARGEST_SECTOR_BYTES = 64 * 1024;
const MAX_ATTEMPTS = 60;
const LONGEST_PAUSE_MS = 25;

/** Pages that stand beside the database and belong into it. */
type Patch = {
  /** The log or journal that the pages lie in. */
  readonly bytes: Buffer;
  readonly pageSize: number;
  /** The length of the whole database, in pages. */
  readonly pageCount: number;
  /** Page numbers, which begin at 1, to where the page begins in `bytes`. */
  readonly offsets: ReadonlyMap<number, number>;
};

/** The database with the pages in their places. The image given is used up, because copying a large one is dear. */
export function patched(image: Buffer, { bytes, pageSize, pageCount, offsets }: Patch): Buffer {
  const missing = pageCount * pageSize - image.length;
  const whole = missing > 0 ? Buffer.concat([image, Buffer.alloc(missing)]) : image.subarray(0, pageCount * pageSize);
  for (const [page, offset] of offsets) {
    // Pages behind the end were cut off later: a vacuum in a log, growth in a journal.
    if (page <= pageCount) bytes.copy(whole, (page - 1) * pageSize, offset, offset + pageSize);
  }
  return whole;
}

function isPowerOfTwo(size: number, least: number): boolean {
  return size >= least && size <= 65_536 && Number.isInteger(Math.log2(size));
}

/**
 * The pages as they were before a transaction that did not end. Undefined when there is nothing to undo: an empty journal, or one whose header was zeroed, which is how a transaction
 * ends with `journal_mode=PERSIST`.
 */
export function readJournal(journal: Buffer): Patch | undefined {
  const shape = readShape(journal);
  if (shape === undefined) return undefined;
  const offsets = new Map<number, number>();
  // A large transaction writes several segments, each with a header of its own.
  let segment: number | undefined = 0;
  while (segment !== undefined && hasJournalHeader(journal, segment, shape.sectorBytes)) {
    segment = readSegment(journal, segment, shape, offsets);
  }
  return { bytes: journal, pageSize: shape.pageSize, pageCount: shape.pageCount, offsets };
}

function readOpenTransaction(journal: Buffer): Patch | undefined {
  const superJournal = superJournalName(journal);
  return superJournal === undefined || existsSync(superJournal) ? readJournal(journal) : undefined;
}

/**
 * The name of the file that ties the journals of several databases together. When that file is gone, the transaction
 * has ended well, and the journal must not be undone: https://www.sqlite.org/atomiccommit.html#_multi_file_commit
 */
export function superJournalName(journal: Buffer): string | undefined {
  if (journal.length < 16 || !journal.subarray(-JOURNAL_MAGIC.length).equals(JOURNAL_MAGIC)) return undefined;
  const end = journal.length - 16;
  const length = journal.readUInt32BE(end);
  if (length === 0 || length > end) return undefined;
  const name = journal.subarray(end - length, end);
  // The sum is of `char`, which is signed on some machines and not on others; the last byte is the same on all.
  const sum = name.reduce((total, byte) => (total + byte) & 0xff, 0);
  return sum === journal.readUInt8(end + 7) ? name.toString('utf8') : undefined;
}

/** @returns where the next segment begins; undefined when this one breaks off. */
function readSegment(
  journal: Buffer,
  segment: number,
  { sectorBytes, pageSize, pageCount }: Shape,
  offsets: Map<number, number>,
): number | undefined {
  // With `synchronous=OFF` this is the largest number of all: the records then go on to the end of the file.
  const count = journal.readUInt32BE(segment + 8);
  const nonce = journal.readUInt32BE(segment + 12);
  const recordBytes = 4 + pageSize + 4;
  // Never journaled; in its place stands the name of a super-journal.
  const pageAt1GB = 0x40000000 / pageSize + 1;
  let record = segment + sectorBytes;
  for (let index = 0; index < count; index++, record += recordBytes) {
    // What is cut or not valid was not yet safely on the disk, so nothing after it had reached the database.
    if (record + recordBytes > journal.length) return undefined;
    const page = journal.readUInt32BE(record);
    if (page === 0 || page === pageAt1GB) return undefined;
    // The order is SQLite's: of a page that did not exist before, not even the checksum is looked at.
    if (page > pageCount) continue;
    let checksum = nonce;
    for (let at = pageSize - 200; at > 0; at -= 200) checksum = (checksum + journal.readUInt8(record + 4 + at)) >>> 0;
    if (journal.readUInt32BE(record + 4 + pageSize) !== checksum) return undefined;
    offsets.set(page, record + 4);
  }
  return Math.ceil(record / sectorBytes) * sectorBytes;
}

/** What only the first header says. A header fills a sector. */
type Shape = { readonly sectorBytes: number; readonly pageSize: number; readonly pageCount: number };

function readShape(journal: Buffer): Shape | undefined {
  if (!hasJournalHeader(journal, 0, JOURNAL_HEADER_BYTES)) return undefined;
  const pageCount = journal.readUInt32BE(16);
  const sectorBytes = journal.readUInt32BE(20);
  const pageSize = journal.readUInt32BE(24);
  const isSound = isPowerOfTwo(sectorBytes, 32) && isPowerOfTwo(pageSize, 512) && sectorBytes <= journal.length;
  return isSound ? { sectorBytes, pageSize, pageCount } : undefined;
}

function hasJournalHeader(journal: Buffer, offset: number, size: number): boolean {
  return offset + size <= journal.length && journal.subarray(offset, offset + 8).equals(JOURNAL_MAGIC);
}

const JOURNAL_MAGIC = Buffer.from('d9d505f920a163d7', 'hex');
/** As long as these bytes stay the same, the journal is of the same transaction. */
const JOURNAL_HEADER_BYTES = 28;

/**
 * The newest committed state, as SQLite's own recovery finds it: a log that does not begin well is ignored whole, and
 * otherwise it counts up to the last commit before the first frame that is not valid.
 */
export function readWal(wal: Buffer): Patch | undefined | 'unknown-version' {
  if (wal.length < WAL_HEADER_BYTES) return undefined;
  const magic = wal.readUInt32BE(0);
  const pageSize = wal.readUInt32BE(8);
  if ((magic !== WAL_MAGIC && magic !== WAL_MAGIC + 1) || !isPowerOfTwo(pageSize, 512)) return undefined;
  // The last bit of the magic number says in which byte order checksums are computed; they are stored big-endian.
  const view = new DataView(wal.buffer, wal.byteOffset, wal.length);
  let [first, second] = [0, 0];
  const sumUp = (from: number, to: number): void => {
    for (let at = from; at < to; at += 8) {
      first = (first + view.getUint32(at, magic === WAL_MAGIC) + second) >>> 0;
      second = (second + view.getUint32(at + 4, magic === WAL_MAGIC) + first) >>> 0;
    }
  };
  const isSumAt = (at: number): boolean => wal.readUInt32BE(at) === first && wal.readUInt32BE(at + 4) === second;
  sumUp(0, 24);
  if (!isSumAt(24)) return undefined;
  if (wal.readUInt32BE(4) !== WAL_VERSION) return 'unknown-version';
  const offsets = new Map<number, number>();
  let uncommitted: [page: number, offset: number][] = [];
  let pageCount = 0;
  const frameBytes = FRAME_HEADER_BYTES + pageSize;
  for (let frame = WAL_HEADER_BYTES; frame + frameBytes <= wal.length; frame += frameBytes) {
    const page = wal.readUInt32BE(frame);
    // Frames of an earlier round stay behind the newer ones; they have that round's salts, not those of the header.
    if (page === 0 || wal.compare(wal, 16, 24, frame + 8, frame + 16) !== 0) break;
    sumUp(frame, frame + 8);
    sumUp(frame + FRAME_HEADER_BYTES, frame + frameBytes);
    if (!isSumAt(frame + 16)) break;
    uncommitted.push([page, frame + FRAME_HEADER_BYTES]);
    const pagesAfterCommit = wal.readUInt32BE(frame + 4);
    if (pagesAfterCommit === 0) continue;
    for (const [number, offset] of uncommitted) offsets.set(number, offset);
    uncommitted = [];
    pageCount = pagesAfterCommit;
  }
  return pageCount === 0 ? undefined : { bytes: wal, pageSize, pageCount, offsets };
}

const WAL_MAGIC = 0x377f0682;
const WAL_VERSION = 3_007_000;
/** As long as these bytes stay the same, the log has only grown. */
const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
