/** What can stand in the way of a picture: links, side files that cannot be read, several databases, no quiet moment. */

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { untilQuiet } from '../../src/auth/sqlite.js';
import {
  addRows,
  CAREFUL,
  CHANGE,
  comparable,
  copyOf,
  instantly,
  readDatabaseImage,
  recovered,
  setToken,
  START,
  tokenIn,
  WAL,
} from './sqlite-support.js';
import { startWriter } from './sqlite-writer.js';
import { failureOf } from './support.js';
import { temporaryFolder } from '../support/folder.js';

const writer = startWriter();
afterAll(() => writer.kill());

/** A database of which a writer has changed rows in their places, without COMMIT. */
const CHANGED = [...START, addRows(200), CAREFUL, ...CHANGE];

test('a link leads to the database and to the log next to that', async () => {
  const path = join(temporaryFolder(), 'data.sqlite3');
  const link = join(temporaryFolder(), 'link.sqlite3');
  await writer.run(path, ...WAL, ...START, 'PRAGMA wal_checkpoint', setToken('two'));
  symlinkSync(path, link);
  expect(await tokenIn(await readDatabaseImage(link, instantly))).toBe('two');
  await writer.close(path);
});

test('a log that nobody merged belongs to a database that is not in WAL mode, too', async () => {
  const path = join(temporaryFolder(), 'data.sqlite3');
  await writer.run(path, ...WAL, ...START, 'PRAGMA wal_checkpoint', setToken('two'));
  const copy = copyOf(path);
  writeFileSync(copy, comparable(readFileSync(copy)));
  const image = await readDatabaseImage(copy, instantly);
  expect(await tokenIn(image)).toBe('two');
  expect(image.equals(await recovered(copy, writer))).toBe(true);
  await writer.close(path);
});

/** A side file that is there but not readable must not be passed over: the token may be in it. */
function checkSideFile(sideFile: '-wal' | '-journal'): void {
  test(`a folder in the place of ${sideFile} is said`, async () => {
    const path = join(temporaryFolder(), 'data.sqlite3');
    await writer.run(path, ...START);
    await writer.close(path);
    mkdirSync(path + sideFile);
    expect(await failureOf(() => readDatabaseImage(path, instantly))).toBe(
      `not-logged-in: The Kiro database ${path}${sideFile} is not a regular file; set KIRO_CLI_DB_FILE to the database itself.`,
    );
  });
}

checkSideFile('-wal');
checkSideFile('-journal');

test('a log of an unknown version is said', async () => {
  const path = join(temporaryFolder(), 'data.sqlite3');
  await writer.run(path, ...WAL, ...START);
  const copy = copyOf(path);
  const wal = readFileSync(`${copy}-wal`);
  wal.writeUInt32BE(3_008_000, 4);
  let [first, second] = [0, 0];
  for (let at = 0; at < 24; at += 8) {
    first = (first + wal.readUInt32LE(at) + second) >>> 0;
    second = (second + wal.readUInt32LE(at + 4) + first) >>> 0;
  }
  wal.writeUInt32BE(first, 24);
  wal.writeUInt32BE(second, 28);
  writeFileSync(`${copy}-wal`, wal);
  expect(await failureOf(() => readDatabaseImage(copy, instantly))).toBe(
    `not-logged-in: The Kiro database ${copy} is damaged or only half written; run \`kiro-cli login\` or \`q login\`, or copy the file again if it is a copy.`,
  );
  await writer.close(path);
});

test('a journal that says the database was huge is not believed', async () => {
  const path = join(temporaryFolder(), 'data.sqlite3');
  await writer.run(path, ...CHANGED);
  const copy = copyOf(path);
  const journal = readFileSync(`${copy}-journal`);
  journal.writeUInt32BE(0xfffffff0, 16);
  writeFileSync(`${copy}-journal`, journal);
  expect(await failureOf(() => readDatabaseImage(copy, instantly))).toMatch(/is damaged/);
  await writer.close(path);
});

test('a reading that is disturbed is repeated until it is not', async () => {
  const answers = [undefined, undefined, 'quiet', 'later'];
  expect(await untilQuiet(() => answers.shift(), instantly.sleep)).toBe('quiet');
  expect(answers).toEqual(['later']);
});

test('a reading that is always disturbed is given up after a good second', async () => {
  const waits: number[] = [];
  const sleep = async (milliseconds: number): Promise<void> => void waits.push(milliseconds);
  expect(await untilQuiet(() => undefined, sleep)).toBe(undefined);
  expect(waits.slice(0, 3)).toEqual([1, 2, 3]);
  expect(waits.reduce((sum, it) => sum + it, 0)).toBe(1200);
});
