/** Journals made by hand: every way in which one can end, be over, or not be one. */

import { expect, test } from '@jest/globals';
import { readJournal, superJournalName } from '../../src/auth/sqlite.js';

const PAGE_SIZE = 1024;
const SECTOR = 512;
const NONCE = 0xfffffff0;

type RecordFacts = { readonly page: number; readonly nonce?: number; readonly checksum?: number };

/** Which pages a journal of a database of ten pages gives back; `over` when there is nothing to undo. */
function check(title: string, journal: Buffer, expected: readonly number[] | 'over'): void {
  test(title, () => {
    const transaction = readJournal(journal);
    expect(transaction === undefined ? 'over' : [...transaction.offsets.keys()]).toEqual(expected);
  });
}

check('the pages of a journal are given back', segment(2, [{ page: 3 }, { page: 9 }]), [3, 9]);
check('only as many records count as the header says', segment(1, [{ page: 3 }, { page: 9 }]), [3]);
check('a count of -1 stands for all that is there', segment(-1, [{ page: 3 }, { page: 9 }, { page: 1 }]), [3, 9, 1]);
check('a header that counts none gives back no page', segment(0, [{ page: 3 }]), []);
check(
  'a second segment has a nonce of its own',
  Buffer.concat([padded(segment(1, [{ page: 3 }])), segment(1, [{ page: 4, nonce: 5 }], { nonce: 5 })]),
  [3, 4],
);
check(
  'behind a segment without a header nothing counts',
  Buffer.concat([padded(segment(1, [{ page: 3 }])), Buffer.alloc(4096)]),
  [3],
);
check(
  'a page that the database did not have is passed over',
  segment(3, [{ page: 3 }, { page: 11, checksum: 0 }, { page: 4 }]),
  [3, 4],
);
check('a wrong checksum ends it', segment(3, [{ page: 3 }, { page: 4, checksum: 1 }, { page: 5 }]), [3]);
check('page 0 ends it', segment(3, [{ page: 3 }, { page: 0 }, { page: 5 }]), [3]);
check('the page at 1 GB ends it', segment(3, [{ page: 3 }, { page: 1024 * 1024 + 1 }, { page: 5 }]), [3]);
check('a record that is cut ends it', segment(2, [{ page: 3 }, { page: 4 }]).subarray(0, -1), [3]);
check('no file is no transaction', Buffer.alloc(0), 'over');
check(
  'a header of zeros is the end of a transaction',
  Buffer.concat([Buffer.alloc(28), segment(1, [{ page: 3 }]).subarray(28)]),
  'over',
);
check('a file that is not a journal is none', Buffer.alloc(4096, 'a'), 'over');
check('a header that is cut is none', segment(0, []).subarray(0, SECTOR - 1), 'over');
check('a sector size that cannot be makes it none', segment(1, [{ page: 3 }], { sector: 500 }), 'over');
check('a page size that cannot be makes it none', segment(1, [{ page: 3 }], { pageSize: 1000 }), 'over');

const WHOLE = segment(1, [{ page: 3 }]);

/** The name of the super-journal is at the end of the file, behind the records. */
function checkName(title: string, journal: Buffer, expected: string | undefined): void {
  test(title, () => {
    expect(superJournalName(journal)).toBe(expected);
  });
}

checkName('a journal of one database names no other', WHOLE, undefined);
checkName(
  'a journal of several databases names the file that ties them',
  withName('/tmp/main-mj123'),
  '/tmp/main-mj123',
);
checkName('a name with letters beyond ASCII is read', withName('/tmp/für-mj'), '/tmp/für-mj');
checkName('a name whose checksum is wrong is none', withName('/tmp/main-mj123', 1), undefined);
checkName('a name longer than the file is none', Buffer.from('000000ff00000000d9d505f920a163d7', 'hex'), undefined);

test('the name of a super-journal does not count as a page', () => {
  const journal = withName('/tmp/main-mj123');
  expect([...(readJournal(journal)?.offsets.keys() ?? [])]).toEqual([3]);
});

function segment(
  count: number,
  records: readonly RecordFacts[],
  { nonce = NONCE, sector = SECTOR, pageSize = PAGE_SIZE } = {},
): Buffer {
  const header = Buffer.alloc(SECTOR);
  Buffer.from('d9d505f920a163d7', 'hex').copy(header);
  header.writeInt32BE(count, 8);
  for (const [index, value] of [nonce, 10, sector, pageSize].entries()) header.writeUInt32BE(value, 12 + index * 4);
  return Buffer.concat([header, ...records.map((it) => encodeRecord({ nonce, ...it }))]);
}

function encodeRecord({ page, nonce = NONCE, checksum }: RecordFacts): Buffer {
  const content = Buffer.alloc(PAGE_SIZE, page);
  // At 824, 624, 424, 224 and 24: the nonce and five bytes.
  const sum = checksum ?? Number(BigInt.asUintN(32, BigInt(nonce) + 5n * BigInt(page & 0xff)));
  const record = Buffer.alloc(4 + PAGE_SIZE + 4);
  record.writeUInt32BE(page, 0);
  content.copy(record, 4);
  record.writeUInt32BE(sum, 4 + PAGE_SIZE);
  return record;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(Math.ceil(bytes.length / SECTOR) * SECTOR - bytes.length)]);
}

function withName(name: string, error = 0): Buffer {
  const bytes = Buffer.from(name);
  const tail = Buffer.alloc(16);
  tail.writeUInt32BE(bytes.length, 0);
  // As a machine with signed characters adds them.
  tail.writeInt32BE(
    bytes.reduce((sum, byte) => sum + (byte > 127 ? byte - 256 : byte), error),
    4,
  );
  Buffer.from('d9d505f920a163d7', 'hex').copy(tail, 8);
  const number = Buffer.alloc(4);
  number.writeUInt32BE(1024 * 1024 + 1);
  return Buffer.concat([padded(WHOLE), number, bytes, tail]);
}
