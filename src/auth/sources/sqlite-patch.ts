/** Pages that stand beside a SQLite database and belong into it: what a log and a journal have in common. */

export type Patch = {
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
  const whole = withLength(image, pageCount * pageSize);
  for (const [page, offset] of offsets) {
    // Pages behind the end were cut off later: a vacuum in a log, growth in a journal.
    if (page <= pageCount) bytes.copy(whole, (page - 1) * pageSize, offset, offset + pageSize);
  }
  return whole;
}

/** https://www.sqlite.org/fileformat2.html#page_size */
export function isPageSize(size: number): boolean {
  return size >= 512 && size <= 65_536 && isPowerOfTwo(size);
}

export function isPowerOfTwo(number: number): boolean {
  return number > 0 && Number.isInteger(Math.log2(number));
}

function withLength(image: Buffer, length: number): Buffer {
  if (length <= image.length) return image.subarray(0, length);
  const longer = Buffer.alloc(length);
  image.copy(longer);
  return longer;
}
