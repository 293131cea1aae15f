/** Databases as kiro-cli makes them, for the tests that read them. */

import { join } from 'node:path';
import { quoted, type Writer } from './sqlite-writer.js';
import { temporaryFolder } from '../support/folder.js';

/** What is put into a row: a text as it is, anything else as JSON. */
export type Rows = Readonly<Record<string, unknown>>;

/** The tables that a login needs, of kiro-cli's seven migrations. */
export const TABLES = [
  'PRAGMA synchronous = OFF',
  'CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value TEXT)',
  'CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB)',
];

export async function databaseOf(writer: Writer, secrets: Rows, state: Rows = {}): Promise<string> {
  const path = join(temporaryFolder(), 'data.sqlite3');
  await writer.run(path, ...TABLES, ...inserts('auth_kv', secrets), ...inserts('state', state));
  await writer.close(path);
  return path;
}

/** Values of `state` are bytes, those of `auth_kv` texts. */
function inserts(table: 'auth_kv' | 'state', rows: Rows): readonly string[] {
  return Object.entries(rows).map(([key, value]) => {
    const text = quoted(typeof value === 'string' ? value : JSON.stringify(value));
    return `INSERT INTO ${table} VALUES (${quoted(key)}, ${table === 'state' ? `CAST(${text} AS BLOB)` : text})`;
  });
}
