/** Logs and journals that are cut or damaged at random, and random histories: SQLite itself says what they come to. */

import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  addRows,
  CAREFUL,
  comparable,
  copyOf,
  instantly,
  readDatabaseImage,
  recovered,
  setToken,
  SMALL_CACHE,
  SPILL,
  START,
  WAL,
} from './sqlite-support.js';
import { startWriter } from './sqlite-writer.js';
import { temporaryFolder } from '../support/folder.js';

const writer = startWriter();
afterAll(() => writer.kill());

/** The files of a writer, which then suffer at a place. SQLite itself says what is to be made of them. */
function checkDamage(title: string, statements: readonly string[], sideFile: '-wal' | '-journal'): void {
  test(title, async () => {
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
  });
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

test('a random history ends in the picture that SQLite itself would show', async () => {
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
});
