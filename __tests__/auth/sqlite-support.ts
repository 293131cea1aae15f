/** What the tests of SQLite files share: a folder with a database, what SQLite itself makes of it, and what is in a picture. */

import { createHash } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import initSqlJs from 'sql.js';
import { type Sleep, withDatabase } from '../../src/auth/sqlite.js';
import { temporaryFolder } from '../support/folder.js';
import type { Writer } from './sqlite-writer.js';

export const instantly = { sleep: (): Promise<void> => Promise.resolve() };

export const CREATE = 'CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value TEXT)';

/** Sets the token; the rest of the value makes it fill pages of its own. */
export function setToken(token: string): string {
  return `INSERT OR REPLACE INTO auth_kv VALUES ('token', '${token.padEnd(3000, '.')}')`;
}

/** Some hundred kilobytes, so that a small cache spills. */
export function addRows(count: number): string {
  return `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})
    INSERT INTO auth_kv SELECT 'row' || hex(randomblob(8)), hex(randomblob(600)) FROM numbers`;
}

/** A database with a token, made without waiting for the disk. */
export const START = ['PRAGMA synchronous = OFF', CREATE, setToken('one')];

export const WAL = ['PRAGMA journal_mode = WAL', 'PRAGMA wal_autocheckpoint = 0'];

/** Only with this does a journal count its pages. */
export const CAREFUL = 'PRAGMA synchronous = FULL';

export const SMALL_CACHE = 'PRAGMA cache_size = 5';

/** A transaction that outgrows the cache, so that it reaches the disk before its end. */
export const SPILL = [SMALL_CACHE, 'BEGIN', setToken('uncommitted'), addRows(300)];

/** One that changes rows in their places, so that the main file looks whole. It needs rows. */
export const CHANGE = [
  SMALL_CACHE,
  'BEGIN',
  "UPDATE auth_kv SET value = replace(value, 'one', 'odd') WHERE key = 'token'",
  "UPDATE auth_kv SET value = lower(value) WHERE key LIKE 'row%'",
];

/** What the gateway sees of a database, as one file. */
export function readDatabaseImage(path: string, clock: { readonly sleep: Sleep }): Promise<Buffer> {
  return withDatabase(path, clock, (database) => Buffer.from(database.export()));
}

/** The token in a picture of a database, whether the rest is whole or not: the plus keeps SQLite from using the index. */
export async function tokenIn(image: Uint8Array): Promise<string> {
  const value = await ask(image, "SELECT value FROM auth_kv WHERE +key = 'token'");
  return value.replace(/\.+$/, '');
}

/** `ok`, or what SQLite finds wrong with a picture. */
export function integrityOf(image: Uint8Array): Promise<string> {
  return ask(image, 'PRAGMA integrity_check');
}

async function ask(image: Uint8Array, sql: string): Promise<string> {
  const sqlite = await initSqlJs();
  const database = new sqlite.Database(image);
  try {
    return String(database.exec(sql)[0]?.values[0]?.[0]);
  } finally {
    database.close();
  }
}

/** The files as a power cut at this moment would leave them. */
export function copyOf(path: string): string {
  const folder = temporaryFolder();
  for (const name of readdirSync(dirname(path))) {
    if (!name.endsWith('-shm')) copyFileSync(join(dirname(path), name), join(folder, name));
  }
  return join(folder, basename(path));
}

/** The database after SQLite itself has recovered a copy of it and put all of it into one file. */
export async function recovered(path: string, writer: Writer): Promise<Buffer> {
  const copy = copyOf(path);
  const hurry = 'PRAGMA synchronous = OFF';
  await writer.run(copy, hurry, 'SELECT count(*) FROM sqlite_master', 'PRAGMA wal_checkpoint(TRUNCATE)');
  await writer.close(copy);
  return readDatabaseImage(copy, instantly);
}

/** Without the two bytes that say whether the database is in WAL mode. */
export function comparable(image: Buffer): Buffer {
  return Buffer.from(image).fill(1, 18, 20);
}

/** All that reading might change in a folder: names, bytes and times. */
export function traces(folder: string): readonly string[] {
  return readdirSync(folder)
    .toSorted()
    .map((name) => {
      const { mtimeNs, ctimeNs, mode } = statSync(join(folder, name), { bigint: true });
      const hash = createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex');
      return `${name} ${hash} ${mtimeNs} ${ctimeNs} ${mode}`;
    });
}
