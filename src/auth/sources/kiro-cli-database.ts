/** A login in the database of kiro-cli or amazon-q. Only read, and the only place that knows SQL. */

import type { Database, SqlValue } from 'sql.js';
import { GatewayError } from '../../core/errors.js';
import { chooseLogin, type Rows, SECRET_KEYS, STATE_KEYS } from './kiro-cli-rows.js';
import type { FoundLogin, Source } from './source.js';
import { readDatabaseImage, type Sleep, unusableDatabase } from './sqlite-image.js';
import { withSettings } from './token-fields.js';

export type Clock = {
  /** Unix time in milliseconds. */
  readonly now: () => number;
  readonly sleep: Sleep;
};

/** @param askOwner Has kiro-cli renew its login. */
export function createKiroCliDatabaseSource(clock: Clock, askOwner?: () => Promise<boolean>): Source {
  return {
    name: 'KIRO_CLI_DB_FILE',
    describe: ({ kiroCliDbFile }) => `the database ${kiroCliDbFile} (KIRO_CLI_DB_FILE)`,
    async read(settings) {
      const path = settings.kiroCliDbFile;
      if (path === undefined) return undefined;
      const { credential, notices } = await readKiroCliDatabase(path, clock);
      return { credential: withSettings(credential, settings), notices, origin: askOwner && { askOwner } };
    },
  };
}

/** @throws GatewayError `not-logged-in`, in one sentence that names the file, when there is no usable login. */
export async function readKiroCliDatabase(path: string, clock: Clock): Promise<FoundLogin> {
  const image = await readDatabaseImage(path, clock);
  if (!image.subarray(0, MAGIC.length).equals(MAGIC)) throw unusableDatabase(path, notSqlite(image));
  const login = chooseLogin(await readRows(path, image), clock.now());
  if ('kind' in login) return { credential: login, notices: [] };
  const advice = 'run `kiro-cli login`.';
  if (login.length === 0) throw unusableDatabase(path, `holds no login; ${advice}`);
  throw unusableDatabase(path, `holds no login that can be used (${login.join('; ')}); ${advice}`);
}

async function readRows(path: string, image: Buffer): Promise<{ secrets: Rows; state: Rows }> {
  const { default: loadSqlite } = await import('sql.js');
  const sqlite = await loadSqlite();
  // sql.js takes a slice of what it is given, and that of a Buffer is no copy.
  const database = new sqlite.Database(image);
  try {
    requireColumns(path, database);
    const secrets = selectRows(database, 'auth_kv', SECRET_KEYS);
    const hasState = columnsOf(database, 'state').has('value');
    return { secrets, state: hasState ? selectRows(database, 'state', STATE_KEYS) : new Map() };
  } catch (thrown) {
    if (thrown instanceof GatewayError) throw thrown;
    throw unusableDatabase(
      path,
      'is damaged or only half written; run `kiro-cli login`, or copy the file again if it is a copy.',
      thrown,
    );
  } finally {
    database.close();
  }
}

/** A database of another program also has tables, and maybe this one. */
function requireColumns(path: string, database: Database): void {
  const columns = columnsOf(database, 'auth_kv');
  if (columns.has('key') && columns.has('value')) return;
  const complaint =
    columns.size === 0
      ? 'has no table auth_kv, so it is not of kiro-cli or amazon-q'
      : 'has a table auth_kv without the columns key and value, so it is of an unknown kiro-cli';
  throw unusableDatabase(path, `${complaint}; set KIRO_CLI_DB_FILE to kiro-cli's data.sqlite3.`);
}

function columnsOf(database: Database, table: string): ReadonlySet<string> {
  const [result] = database.exec('SELECT name FROM pragma_table_info(?)', [table]);
  return new Set(result?.values.map(([name]) => toText(name)));
}

function selectRows(database: Database, table: 'auth_kv' | 'state', keys: readonly string[]): Rows {
  const places = keys.map(() => '?').join(', ');
  const [result] = database.exec(`SELECT key, value FROM ${table} WHERE key IN (${places})`, [...keys]);
  const rows = result?.values ?? [];
  return new Map(rows.map(([key, value]) => [toText(key), toText(value)]));
}

/** SQLite keeps in each place what was put there: kiro-cli writes texts in one table and bytes in the other. */
function toText(value: SqlValue | undefined): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value ?? null);
}

function notSqlite(image: Buffer): string {
  return looksEncrypted(image)
    ? 'seems to be encrypted, and the gateway has no key for it; set KIRO_CLI_DB_FILE to one that is not.'
    : "is not a SQLite database; set KIRO_CLI_DB_FILE to kiro-cli's data.sqlite3.";
}

/** Encrypted databases are whole pages in which nearly every byte value occurs early. */
function looksEncrypted(image: Buffer): boolean {
  return image.length % 512 === 0 && new Set(image.subarray(0, 1024)).size > 200;
}

const MAGIC = Buffer.from('SQLite format 3\0');
