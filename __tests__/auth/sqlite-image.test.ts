/** Pictures of databases that a real SQLite has written, compared with what SQLite itself recovers, byte for byte. */

import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import {
  addRows,
  CAREFUL,
  CHANGE,
  comparable,
  CREATE,
  instantly,
  integrityOf,
  readDatabaseImage,
  recovered,
  setToken,
  SPILL,
  START,
  tokenIn,
  traces,
  WAL,
} from './sqlite-support.js';
import { startWriter } from './sqlite-writer.js';
import { temporaryFolder } from '../support/folder.js';

const writer = startWriter();
afterAll(() => writer.kill());

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
}

/** What a reader that looks at the main file alone would find. */
function mainFileSays(token: string): (path: string) => Promise<void> {
  return async (path) => expect(await tokenIn(comparable(readFileSync(path)))).toBe(token);
}

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
