/** Logs made by hand, in both byte orders, against a simple model: a list of pages and what is committed of it. */

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { patched, readWal } from '../../src/auth/sqlite.js';

const PAGE_SIZE = 512;

type Frame = {
  readonly page: number;
  readonly fill: number;
  /** The number of pages after the commit; 0 in a frame that commits nothing. */
  readonly commit: number;
  /** What is wrong with it; from the first such frame on, nothing counts. */
  readonly fault?: 'salt' | 'checksum' | 'byte' | 'page-zero' | undefined;
};

type Order = 'LE' | 'BE';

const frame = fc.record<Frame>({
  page: fc.integer({ min: 1, max: 8 }),
  fill: fc.integer({ min: 1, max: 255 }),
  commit: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 8 })),
  fault: fc.oneof(
    { weight: 12, arbitrary: fc.constant(undefined) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('salt' as const, 'checksum' as const, 'byte' as const, 'page-zero' as const),
    },
  ),
});

test('the merge agrees with a model that keeps a list of pages', () => {
  const order = fc.constantFrom<Order>('LE', 'BE');
  const cut = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2000 }));
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 25 }),
      order,
      cut,
      fc.integer({ min: 1, max: 8 }),
      (frames, order, cut, pages) => {
        const wal = encode(frames, order);
        const main = Buffer.concat(Array.from({ length: pages }, (_, index) => page(index)));
        const whole = Math.floor((wal.length - cut - 32) / (24 + PAGE_SIZE));
        const log = readWal(wal.subarray(0, Math.max(0, wal.length - cut)));
        if (log === 'unknown-version') throw new Error('the version is known');
        const merged = log === undefined ? main : patched(Buffer.from(main), log);
        expect(fillsOf(merged)).toEqual(model(frames.slice(0, Math.max(0, whole)), fillsOf(main)));
      },
    ),
    { numRuns: 200 },
  );
});

/** What each page is filled with, after all that is committed. */
function model(frames: readonly Frame[], pages: readonly number[]): readonly number[] {
  const faulty = frames.findIndex((it) => it.fault !== undefined);
  const valid = faulty === -1 ? frames : frames.slice(0, faulty);
  const committed = valid.slice(0, valid.findLastIndex((it) => it.commit > 0) + 1);
  const length = committed.at(-1)?.commit;
  if (length === undefined) return pages;
  const result = Array.from({ length }, (_, index) => pages[index] ?? 0);
  for (const it of committed) if (it.page <= length) result[it.page - 1] = it.fill;
  return result;
}

const sound = { page: 1, fill: 7, commit: 1 };

test('a log that ends before its first frame says nothing', () => {
  expect([0, 31, 32, 33].map((length) => readWal(encode([sound], 'LE').subarray(0, length)))).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

/** The whole log does not count when its header is changed in this way. */
function checkHeader(title: string, change: (header: Buffer) => unknown, expected?: 'unknown-version'): void {
  test(title, () => {
    expect(readWal(encode([sound], 'LE', change))).toBe(expected);
  });
}

checkHeader('a log with another magic number says nothing', (it) => it.writeUInt32BE(0x377f0684, 0));
checkHeader('a log whose pages are too small says nothing', (it) => it.writeUInt32BE(256, 8));
checkHeader('a log whose pages are too large says nothing', (it) => it.writeUInt32BE(131_072, 8));
checkHeader('a log whose page size is no power of two says nothing', (it) => it.writeUInt32BE(1000, 8));
checkHeader('a log of another version is not understood', (it) => it.writeUInt32BE(3_008_000, 4), 'unknown-version');

test('a log whose header was written in part says nothing', () => {
  const wal = encode([sound], 'LE');
  wal.writeUInt8(wal.readUInt8(24) ^ 1, 24);
  expect(readWal(wal)).toBe(undefined);
});

// --- an encoder of its own, in another manner than the reader: sums in BigInt, over numbers

function encode(frames: readonly Frame[], order: Order, change: (header: Buffer) => unknown = () => undefined): Buffer {
  const salts = Buffer.from('0123456789abcdef', 'hex');
  const header = Buffer.alloc(32);
  header.writeUInt32BE(order === 'LE' ? 0x377f0682 : 0x377f0683, 0);
  header.writeUInt32BE(3_007_000, 4);
  header.writeUInt32BE(PAGE_SIZE, 8);
  salts.copy(header, 16);
  change(header);
  let sums = sum([0n, 0n], header.subarray(0, 24), order);
  writeSums(header, 24, sums);
  const parts: Buffer[] = [header];
  for (const { page: number, fill, commit, fault } of frames) {
    const head = Buffer.alloc(24);
    head.writeUInt32BE(fault === 'page-zero' ? 0 : number, 0);
    head.writeUInt32BE(commit, 4);
    salts.copy(head, 8);
    const content = page(fill);
    sums = sum(sum(sums, head.subarray(0, 8), order), content, order);
    writeSums(head, 16, sums);
    if (fault === 'salt') head.writeUInt32BE(1, 12);
    if (fault === 'checksum') head.writeUInt8(head.readUInt8(20) ^ 1, 20);
    if (fault === 'byte') content.writeUInt8(fill ^ 1, 300);
    parts.push(head, content);
  }
  return Buffer.concat(parts);
}

function page(fill: number): Buffer {
  return Buffer.alloc(PAGE_SIZE, fill);
}

function fillsOf(image: Buffer): readonly number[] {
  return Array.from({ length: image.length / PAGE_SIZE }, (_, index) => {
    const content = image.subarray(index * PAGE_SIZE, (index + 1) * PAGE_SIZE);
    expect(content.equals(page(content.readUInt8(0)))).toBe(true);
    return content.readUInt8(0);
  });
}

function sum([first, second]: readonly [bigint, bigint], bytes: Buffer, order: Order): readonly [bigint, bigint] {
  const words = Array.from({ length: bytes.length / 4 }, (_, index) =>
    BigInt(order === 'LE' ? bytes.readUInt32LE(index * 4) : bytes.readUInt32BE(index * 4)),
  );
  for (let index = 0; index < words.length; index += 2) {
    first = BigInt.asUintN(32, first + (words[index] ?? 0n) + second);
    second = BigInt.asUintN(32, second + (words[index + 1] ?? 0n) + first);
  }
  return [first, second];
}

function writeSums(bytes: Buffer, offset: number, [first, second]: readonly [bigint, bigint]): void {
  bytes.writeUInt32BE(Number(first), offset);
  bytes.writeUInt32BE(Number(second), offset + 4);
}
