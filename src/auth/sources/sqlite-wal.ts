/** Reads a write-ahead log of SQLite: which pages of it are committed. */

// Offsets, checksums and what counts as valid: https://www.sqlite.org/fileformat2.html#the_write_ahead_log

import { isPageSize, type Patch } from './sqlite-patch.js';

/**
 * The newest committed state, as SQLite's own recovery finds it: a log that does not begin well is ignored whole, and
 * otherwise it counts up to the last commit before the first frame that is not valid.
 */
export function readWal(wal: Buffer): Patch | undefined | 'unknown-version' {
  const header = readHeader(wal);
  if (header === undefined) return undefined;
  if (header.version !== VERSION) return 'unknown-version';
  const { pageSize } = header;
  const offsets = new Map<number, number>();
  let uncommitted: [page: number, offset: number][] = [];
  let pageCount = 0;
  let sums = header.sums;
  const frameBytes = FRAME_HEADER_BYTES + pageSize;
  for (let frame = WAL_HEADER_BYTES; frame + frameBytes <= wal.length; frame += frameBytes) {
    const page = wal.readUInt32BE(frame);
    // Frames of an earlier round stay behind the newer ones; they have that round's salts.
    if (page === 0 || wal.compare(wal, SALTS, SALTS_END, frame + 8, frame + 16) !== 0) break;
    sums = addChecksum(sums, wal, frame, frame + 8, header.littleEndian);
    sums = addChecksum(sums, wal, frame + FRAME_HEADER_BYTES, frame + frameBytes, header.littleEndian);
    if (!isChecksumAt(wal, frame + 16, sums)) break;
    uncommitted.push([page, frame + FRAME_HEADER_BYTES]);
    const pagesAfterCommit = wal.readUInt32BE(frame + 4);
    if (pagesAfterCommit === 0) continue;
    for (const [number, offset] of uncommitted) offsets.set(number, offset);
    uncommitted = [];
    pageCount = pagesAfterCommit;
  }
  return pageCount === 0 ? undefined : { bytes: wal, pageSize, pageCount, offsets };
}

/** As long as these bytes stay the same, the log has only grown. */
export const WAL_HEADER_BYTES = 32;

type Sums = readonly [number, number];

function readHeader(wal: Buffer): { version: number; pageSize: number; littleEndian: boolean; sums: Sums } | undefined {
  if (wal.length < WAL_HEADER_BYTES) return undefined;
  const magic = wal.readUInt32BE(0);
  const pageSize = wal.readUInt32BE(8);
  if ((magic !== MAGIC && magic !== MAGIC_BIG_ENDIAN) || !isPageSize(pageSize)) return undefined;
  const littleEndian = magic === MAGIC;
  const sums = addChecksum([0, 0], wal, 0, 24, littleEndian);
  if (!isChecksumAt(wal, 24, sums)) return undefined;
  return { version: wal.readUInt32BE(4), pageSize, littleEndian, sums };
}

/** https://www.sqlite.org/fileformat2.html#checksum_algorithm */
function addChecksum(sums: Sums, bytes: Buffer, from: number, to: number, littleEndian: boolean): Sums {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let [first, second] = sums;
  for (let at = from; at < to; at += 8) {
    first = (first + view.getUint32(at, littleEndian) + second) >>> 0;
    second = (second + view.getUint32(at + 4, littleEndian) + first) >>> 0;
  }
  return [first, second];
}

/** Checksums are stored big-endian, whatever order they are computed in. */
function isChecksumAt(bytes: Buffer, offset: number, [first, second]: Sums): boolean {
  return bytes.readUInt32BE(offset) === first && bytes.readUInt32BE(offset + 4) === second;
}

/** The last bit of the magic number says in which byte order checksums are computed. */
const MAGIC = 0x377f0682;
const MAGIC_BIG_ENDIAN = 0x377f0683;
const VERSION = 3_007_000;
const SALTS = 16;
const SALTS_END = 24;
const FRAME_HEADER_BYTES = 24;
