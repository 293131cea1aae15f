/** Reads a rollback journal of SQLite: the pages as they were before a transaction that did not end. */

// The format: https://www.sqlite.org/fileformat2.html#the_rollback_journal. Where it says nothing (a tail that is cut,
// a header with odd values), this follows `pager_playback` of SQLite's pager.c.

import { isPageSize, isPowerOfTwo, type Patch } from './sqlite-patch.js';

/**
 * Undefined when there is nothing to undo: an empty journal, or one whose header was zeroed, which is how a transaction
 * ends with `journal_mode=PERSIST`.
 */
export function readJournal(journal: Buffer): Patch | undefined {
  const shape = readShape(journal);
  if (shape === undefined) return undefined;
  const offsets = new Map<number, number>();
  // A large transaction writes several segments, each with a header of its own.
  let segment: number | undefined = 0;
  while (segment !== undefined && hasHeader(journal, segment, shape.sectorBytes)) {
    segment = readSegment(journal, segment, shape, offsets);
  }
  return { bytes: journal, pageSize: shape.pageSize, pageCount: shape.pageCount, offsets };
}

/** @param start At least the first 64 KB of a journal that is so long: its header may take as much. */
export function isTransactionOpen(start: Buffer): boolean {
  return readShape(start) !== undefined;
}

/**
 * The name of the file that ties the journals of several databases together. When that file is gone, the transaction
 * has ended well, and the journal must not be undone: https://www.sqlite.org/atomiccommit.html#_multi_file_commit
 */
export function superJournalName(journal: Buffer): string | undefined {
  if (journal.length < 16 || !journal.subarray(-MAGIC.length).equals(MAGIC)) return undefined;
  const end = journal.length - 16;
  const length = journal.readUInt32BE(end);
  if (length === 0 || length > end) return undefined;
  const name = journal.subarray(end - length, end);
  // The sum is of `char`, which is signed on some machines and not on others; the last byte is the same on all.
  const sum = name.reduce((total, byte) => (total + byte) & 0xff, 0);
  return sum === journal.readUInt8(end + 7) ? name.toString('utf8') : undefined;
}

/** As long as these bytes stay the same, the journal is of the same transaction. */
export const JOURNAL_HEADER_BYTES = 28;

/** @returns where the next segment begins; undefined when this one breaks off. */
function readSegment(
  journal: Buffer,
  segment: number,
  { sectorBytes, pageSize, pageCount }: Shape,
  offsets: Map<number, number>,
): number | undefined {
  const nonce = journal.readUInt32BE(segment + 12);
  const recordBytes = 4 + pageSize + 4;
  let record = segment + sectorBytes;
  // With `synchronous=OFF` this is the largest number of all: the records then go on to the end of the file.
  const count = journal.readUInt32BE(segment + 8);
  for (let index = 0; index < count; index++, record += recordBytes) {
    // What is cut or not valid was not yet safely on the disk, so nothing after it had reached the database.
    if (record + recordBytes > journal.length) return undefined;
    const page = journal.readUInt32BE(record);
    if (page === 0 || page === lockPage(pageSize)) return undefined;
    // The order is SQLite's: of a page that did not exist before, not even the checksum is looked at.
    if (page > pageCount) continue;
    const checksum = checksumOf(journal, record + 4, pageSize, nonce);
    if (journal.readUInt32BE(record + 4 + pageSize) !== checksum) return undefined;
    offsets.set(page, record + 4);
  }
  return Math.ceil(record / sectorBytes) * sectorBytes;
}

/** What only the first header says. A header fills a sector. */
type Shape = { readonly sectorBytes: number; readonly pageSize: number; readonly pageCount: number };

function readShape(journal: Buffer): Shape | undefined {
  if (!hasHeader(journal, 0, JOURNAL_HEADER_BYTES)) return undefined;
  const pageCount = journal.readUInt32BE(16);
  const sectorBytes = journal.readUInt32BE(20);
  const pageSize = journal.readUInt32BE(24);
  const isSectorSize = sectorBytes >= 32 && sectorBytes <= 65_536 && isPowerOfTwo(sectorBytes);
  if (!isSectorSize || !isPageSize(pageSize) || sectorBytes > journal.length) return undefined;
  return { sectorBytes, pageSize, pageCount };
}

function hasHeader(journal: Buffer, offset: number, size: number): boolean {
  return offset + size <= journal.length && journal.subarray(offset, offset + MAGIC.length).equals(MAGIC);
}

/** Every 200th byte of the page, from its end, added to the nonce. */
function checksumOf(journal: Buffer, from: number, pageSize: number, nonce: number): number {
  let sum = nonce;
  for (let at = pageSize - 200; at > 0; at -= 200) sum = (sum + journal.readUInt8(from + at)) >>> 0;
  return sum;
}

/** The page at 1 GB, which is never journaled; in its place stands the name of a super-journal. */
function lockPage(pageSize: number): number {
  return 0x40000000 / pageSize + 1;
}

const MAGIC = Buffer.from('d9d505f920a163d7', 'hex');
