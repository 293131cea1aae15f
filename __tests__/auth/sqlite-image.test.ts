/** Pictures of databases that a real SQLite has written, compared with what SQLite itself recovers, byte for byte. */

import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readDatabaseImage } from '../../src/auth/sources/sqlite-image.js';
import {
  addRows,
  comparable,
  copyOf,
  CREATE,
  integrityOf,
  instantly,
  recovered,
  setToken,
  tokenIn,
  traces,
} from './sqlite-support.js';
import { startWriter } from './sqlite-writer.js';
import { temporaryFolder } from './support.js';

/** Only keeps a busy machine from failing the tests that do much. */
const MANY_RUNS_MS = 60_000;

const writer = startWriter();
afterAll(() => writer.kill());

const WAL = ['PRAGMA journal_mode = WAL', 'PRAGMA wal_autocheckpoint = 0'];
const SMALL_CACHE = 'PRAGMA cache_size = 5';
/** A transaction that outgrows the cache, so that it reaches the disk before its end. */
const SPILL = [SMALL_CACHE, 'BEGIN', setToken('uncommitted'), addRows(300)];
/** One that changes rows in their places, so that the main file looks whole. It needs rows. */
const CHANGE = [
  SMALL_CACHE,
  'BEGIN',
  "UPDATE auth_kv SET value = replace(value, 'one', 'odd') WHERE key = 'token'",
  "UPDATE auth_kv SET value = lower(value) WHERE key LIKE 'row%'",
];

/** The statements run one after the other and their transaction stays open; the picture must hold the token. */
function check(title: string, token: string, statements: readonly string[], premise?: (path: string) => unknown): void {
  test(title, async () => {
    const path = join(temporaryFolder(), 'data.sqlite3');
    await writer.run(path, ...statements);
    await premise?.(path);
    await checkPicture(path, token);
    await writer.close(path);
  });
}

async function checkPicture(path: string, token: string): Promise<void> {
  const before = traces(dirname(path));
  const image = await readDatabaseImage(path, instantly);
  expect(traces(dirname(path))).toEqual(before);
  expect(comparable(image).equals(await recovered(path, writer))).toBe(true);
  expect([await tokenIn(image), await integrityOf(image)]).toEqual([token, 'ok']);
  // Not in WAL mode, whatever the file says of itself.
  expect([...image.subarray(18, 20)]).toEqual([1, 1]);
}

/** What a reader that looks at the main file alone would find. */
function mainFileSays(token: string): (path: string) => Promise<void> {
  return async (path) => expect(await tokenIn(comparable(readFileSync(path)))).toBe(token);
}

const START = ['PRAGMA synchronous = OFF', CREATE, setToken('one')];
/** Only with this does a journal count its pages. */
const CAREFUL = 'PRAGMA synchronous = FULL';

check('a database at rest is read as it is', 'one', START);
check(
  'a token that is only in the log is the one',
  'three',
  [...WAL, ...START, 'PRAGMA wal_checkpoint', setToken('two'), setToken('three')],
  mainFileSays('one'),
);
check('a transaction that is spilled into the log but not committed does not count', 'one', [
  ...WAL,
  ...START,
  ...SPILL,
]);
check('a transaction that was rolled back does not count', 'one', [...WAL, ...START, ...SPILL, 'ROLLBACK']);
check('what is committed over a transaction that was rolled back counts', 'two', [
  ...WAL,
  ...START,
  ...SPILL,
  'ROLLBACK',
  setToken('two'),
]);
check('after a checkpoint the frames of the earlier round do not count', 'three', [
  ...WAL,
  ...START,
  addRows(100),
  setToken('two'),
  'PRAGMA wal_checkpoint(PASSIVE)',
  setToken('three'),
]);
check('after a truncating checkpoint the database is all', 'two', [
  ...WAL,
  ...START,
  setToken('two'),
  'PRAGMA wal_checkpoint(TRUNCATE)',
]);
check('a commit after a truncating checkpoint counts', 'two', [
  ...WAL,
  ...START,
  'PRAGMA wal_checkpoint(TRUNCATE)',
  setToken('two'),
]);
check('a database may grow many times over in the log', 'two', [
  ...WAL,
  ...START,
  'PRAGMA wal_checkpoint',
  addRows(2000),
  setToken('two'),
]);
check('a database may shrink in the log', 'two', [
  ...WAL,
  ...START,
  addRows(500),
  'PRAGMA wal_checkpoint',
  "DELETE FROM auth_kv WHERE key <> 'token'",
  setToken('two'),
  'VACUUM',
]);

for (let pageSize = 512; pageSize <= 65_536; pageSize *= 2) {
  const start = [`PRAGMA page_size = ${pageSize}`, ...START];
  check(`pages of ${pageSize} bytes are merged`, 'two', [...WAL, ...start, 'PRAGMA wal_checkpoint', setToken('two')]);
  check(
    `pages of ${pageSize} bytes are undone`,
    'one',
    [...start, addRows(100 + pageSize / 256), CAREFUL, ...CHANGE],
    mainFileSays('odd'),
  );
}

const isLarger = (path: string): void => expect(statSync(path).size).toBeGreaterThan(200_000);
const hasSegments = (path: string): void => {
  const journal = readFileSync(`${path}-journal`);
  expect(journal.indexOf(journal.subarray(0, 8), 8)).toBeGreaterThan(0);
};
const hasNoCount = (path: string): void => expect(readFileSync(`${path}-journal`).readInt32BE(8)).toBe(-1);
const isZeroed = (path: string): void =>
  expect(readFileSync(`${path}-journal`).subarray(0, 28).equals(Buffer.alloc(28))).toBe(true);
const isLeft = (path: string): void => expect(statSync(`${path}-journal`).size).toBe(0);

check('an open transaction is undone, and what it added is cut off', 'one', [...START, CAREFUL, ...SPILL], isLarger);
check(
  'a journal of several segments is undone as a whole',
  'one',
  [...START, addRows(100), CAREFUL, ...SPILL, "UPDATE auth_kv SET value = upper(value) || 'x'"],
  hasSegments,
);
check(
  'a journal that does not count its pages is undone',
  'one',
  [...START, addRows(300), ...SPILL, "UPDATE auth_kv SET value = value || 'x'"],
  hasNoCount,
);
check(
  'a journal whose header was zeroed is over',
  'two',
  ['PRAGMA journal_mode = PERSIST', ...START, setToken('two')],
  isZeroed,
);
check('a journal written over an older and longer one is undone', 'one', [
  'PRAGMA journal_mode = PERSIST',
  CREATE,
  addRows(900),
  'DELETE FROM auth_kv',
  setToken('one'),
  ...SPILL,
]);
check('an empty journal is over', 'two', ['PRAGMA journal_mode = TRUNCATE', ...START, setToken('two')], isLeft);
check('a transaction in memory has changed nothing yet', 'one', [...START, 'BEGIN', setToken('two')]);

test('the transaction of a writer that was killed is undone after a wait of two seconds', async () => {
  const path = join(temporaryFolder(), 'data.sqlite3');
  const doomed = startWriter();
  await doomed.run(path, ...START, addRows(200), ...CHANGE);
  await doomed.kill();
  await mainFileSays('odd')(path);
  const waits: number[] = [];
  const sleep = async (milliseconds: number): Promise<void> => void waits.push(milliseconds);
  expect(await tokenIn(await readDatabaseImage(path, { sleep }))).toBe('one');
  expect(waits.reduce((sum, it) => sum + it, 0)).toBe(2000);
  await checkPicture(path, 'one');
});

test('a transaction that is committed during the wait counts', async () => {
  const path = join(temporaryFolder(), 'data.sqlite3');
  await writer.run(path, ...START, ...SPILL);
  let waits = 0;
  const sleep = async (): Promise<void> => {
    if (++waits === 3) await writer.run(path, 'COMMIT');
  };
  expect(await tokenIn(await readDatabaseImage(path, { sleep }))).toBe('uncommitted');
  expect(waits).toBe(3);
  await writer.close(path);
});

/** The files of a writer, which then suffer at a place. SQLite itself says what is to be made of them. */
function checkDamage(title: string, statements: readonly string[], sideFile: '-wal' | '-journal'): void {
  test(
    title,
    async () => {
      const path = join(temporaryFolder(), 'data.sqlite3');
      await writer.run(path, ...statements);
      const size = statSync(path + sideFile).size;
      const damage = fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        isCut: fc.boolean(),
        last: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(damage, async ({ at, isCut, last }) => {
          const copy = copyOf(path);
          // Half of the time near the end, where a power cut shows.
          const place = Math.min(size - 1, Math.floor(last ? size - at * 5000 : at * size));
          if (isCut) truncateSync(copy + sideFile, Math.max(0, place));
          else flipBit(copy + sideFile, Math.max(0, place));
          const image = await readDatabaseImage(copy, instantly);
          expect(comparable(image).equals(await recovered(copy, writer))).toBe(true);
        }),
        { numRuns: 30 },
      );
      await writer.close(path);
    },
    MANY_RUNS_MS,
  );
}

function flipBit(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  writeFileSync(path, bytes);
}

checkDamage(
  'a log that is cut or damaged counts as far as SQLite says',
  [
    ...WAL,
    ...START,
    setToken('two'),
    addRows(10),
    'PRAGMA wal_checkpoint',
    setToken('three'),
    addRows(20),
    setToken('four'),
  ],
  '-wal',
);
checkDamage(
  'a journal that is cut or damaged is undone as far as SQLite says',
  [...START, addRows(100), CAREFUL, ...SPILL, "UPDATE auth_kv SET value = upper(value) || 'x'"],
  '-journal',
);

test(
  'a random history ends in the picture that SQLite itself would show',
  async () => {
    const mode = fc.constantFrom('WAL', 'DELETE', 'PERSIST', 'TRUNCATE');
    const statement = fc.constantFrom(
      'BEGIN',
      'COMMIT',
      'ROLLBACK',
      'VACUUM',
      'SAVEPOINT here',
      'ROLLBACK TO here',
      'RELEASE here',
      addRows(5),
      addRows(80),
      setToken('other'),
      "UPDATE auth_kv SET value = value || '!'",
      "DELETE FROM auth_kv WHERE key LIKE 'row%7'",
      'PRAGMA wal_checkpoint(PASSIVE)',
      'PRAGMA wal_checkpoint(TRUNCATE)',
    );
    const history = fc.array(statement, { minLength: 3, maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(
        mode,
        fc.constantFrom(512, 4096),
        fc.constantFrom('OFF', 'FULL'),
        history,
        async (mode, pageSize, synchronous, statements) => {
          const path = join(temporaryFolder(), 'data.sqlite3');
          const start = [
            `PRAGMA page_size = ${pageSize}`,
            `PRAGMA journal_mode = ${mode}`,
            SMALL_CACHE,
            ...START,
            `PRAGMA synchronous = ${synchronous}`,
          ];
          await writer.run(path, ...start);
          // SQLite refuses what makes no sense at this point, such as COMMIT without BEGIN.
          for (const it of statements) await writer.run(path, it).catch(() => undefined);
          const image = await readDatabaseImage(path, instantly);
          expect(comparable(image).equals(await recovered(path, writer))).toBe(true);
          await writer.close(path);
        },
      ),
      { numRuns: 25 },
    );
  },
  MANY_RUNS_MS,
);
