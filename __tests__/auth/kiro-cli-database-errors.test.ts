/** What is said of a database that holds no login: one sentence for each reason, and never a token. */

import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { readKiroCliDatabase } from '../../src/auth/kiro-cli.js';
import { databaseOf, TABLES } from './kiro-cli-database-support.js';
import { addRows } from './sqlite-support.js';
import { startWriter } from './sqlite-writer.js';
import { failureOf, refreshToken } from './support.js';
import { temporaryFolder } from '../support/folder.js';

const writer = startWriter();
afterAll(() => writer.kill());

const clock = { now: Date.now, sleep: (): Promise<void> => Promise.resolve() };

/** Makes something at a path; the sentence names the path and goes on with the complaint. */
function check(title: string, make: (path: string) => unknown, complaint: string): void {
  test(`${title} is refused in one sentence`, async () => {
    const path = join(temporaryFolder(), 'data.sqlite3');
    await make(path);
    await checkSentence(path, complaint);
  });
}

async function checkSentence(path: string, complaint: string): Promise<void> {
  expect(await failureOf(() => readKiroCliDatabase(path, clock))).toBe(
    `not-logged-in: The Kiro database ${path} ${complaint}`,
  );
}

const MISSING = 'does not exist; run `kiro-cli login` or `q login`, or name it with KIRO_CLI_DB_FILE or `login --db`.';
const NOT_A_FILE = 'is not a regular file; set KIRO_CLI_DB_FILE to the database itself.';
const NOT_SQLITE = "is not a SQLite database; set KIRO_CLI_DB_FILE to kiro-cli's data.sqlite3.";
const DAMAGED =
  'is damaged or only half written; run `kiro-cli login` or `q login`, or copy the file again if it is a copy.';
const ENCRYPTED = 'seems to be encrypted, and the gateway has no key for it; set KIRO_CLI_DB_FILE to one that is not.';

check('a file that is not there', () => undefined, MISSING);
check('a link to a file that is not there', (path) => symlinkSync('nowhere', path), MISSING);
check(
  'a link to itself',
  (path) => symlinkSync(path, path),
  'is a link that leads nowhere; set KIRO_CLI_DB_FILE to the database itself.',
);
check('a folder', (path) => mkdirSync(path), NOT_A_FILE);
check('a device', (path) => symlinkSync('/dev/null', path), NOT_A_FILE);
check('an empty file', (path) => writeFileSync(path, ''), 'is empty; run `kiro-cli login` or `q login`.');
check('a text', (path) => writeFileSync(path, 'SQLite is great. '.repeat(1000)), NOT_SQLITE);
check('a short text', (path) => writeFileSync(path, 'x'), NOT_SQLITE);
check('an encrypted database', (path) => writeFileSync(path, noise(8192)), ENCRYPTED);
check('noise that is no whole number of pages', (path) => writeFileSync(path, noise(8000)), NOT_SQLITE);
check('a header and nothing more', (path) => writeFileSync(path, 'SQLite format 3\0'), DAMAGED);
check(
  'a file of more than 512 MB',
  (path) => {
    writeFileSync(path, '');
    truncateSync(path, 512 * 1024 * 1024 + 1);
  },
  'is larger than 512 MB, which is too much to read for a login; log in another way, see KIRO_CREDS_FILE.',
);

test('a file that the system does not let us read is refused in one sentence', async () => {
  // Stands in for missing permissions, which do not stop the superuser.
  await checkSentence(join(temporaryFolder(), 'x'.repeat(300)), 'cannot be read; give yourself permission to read it.');
});

const NO_TABLE =
  "has no table auth_kv, so it does not belong to kiro-cli or amazon-q; set KIRO_CLI_DB_FILE to kiro-cli's data.sqlite3.";
const NO_COLUMNS =
  "has a table auth_kv without the columns key and value, so it belongs to an unknown version of kiro-cli; set KIRO_CLI_DB_FILE to kiro-cli's data.sqlite3.";
checkSchema('a database of another program', 'CREATE TABLE moz_places (id INTEGER PRIMARY KEY)', NO_TABLE);
checkSchema(
  'a database with a view in the place of its table, which might have no end,',
  'CREATE VIEW auth_kv AS WITH RECURSIVE n(key) AS (SELECT 1 UNION ALL SELECT key + 1 FROM n) SELECT key, key AS value FROM n',
  NO_TABLE,
);
checkSchema('a database in which all is named otherwise', 'CREATE TABLE auth_kv (name TEXT, content TEXT)', NO_COLUMNS);
checkSchema('a database in which the key is named otherwise', 'CREATE TABLE auth_kv (id TEXT, value TEXT)', NO_COLUMNS);

function checkSchema(title: string, sql: string, complaint: string): void {
  check(title, (path) => writer.run(path, sql), complaint);
}

check('a copy that is cut in the middle', (path) => copyCut(path, (size) => Math.floor(size / 2)), DAMAGED);
check('a copy that is cut in the header', (path) => copyCut(path, () => 60), DAMAGED);
check(
  'a database whose first page is overwritten behind the magic',
  async (path) => {
    const bytes = readFileSync(await databaseOf(writer, {}));
    writeFileSync(path, bytes.fill(0xff, 20, 4096));
  },
  DAMAGED,
);

async function copyCut(path: string, newSize: (size: number) => number): Promise<void> {
  const whole = join(temporaryFolder(), 'data.sqlite3');
  await writer.run(whole, ...TABLES, addRows(200));
  await writer.close(whole);
  copyFileSync(whole, path);
  truncateSync(path, newSize(readFileSync(whole).length));
}

/** A database whose rows hold no login. */
function checkRows(title: string, secrets: Readonly<Record<string, unknown>>, complaint: string): void {
  test(`${title} are refused in one sentence`, async () => {
    await checkSentence(await databaseOf(writer, secrets), complaint);
  });
}

const tokens = { access_token: 'aoa-1', refresh_token: refreshToken('one'), expires_at: '2026-08-01T13:00:00Z' };
const client = { client_id: 'AbC', client_secret: 'eyJ' };
const NO_LOGIN = 'holds no login; run `kiro-cli login` or `q login`.';

checkRows('tables without rows', {}, NO_LOGIN);
checkRows('rows of null', { 'kirocli:social:token': 'null', 'kirocli:odic:token': 'null' }, NO_LOGIN);
checkRows('rows of a client without a login', { 'kirocli:odic:device-registration': client }, NO_LOGIN);
checkRows('rows that nobody knows', { 'kirocli:other:token': tokens }, NO_LOGIN);

function checkRow(title: string, row: unknown, complaint: string): void {
  checkRows(
    `rows with ${title}`,
    { 'kirocli:social:token': row },
    `holds no login that can be used (kirocli:social:token${complaint}); run \`kiro-cli login\` or \`q login\`.`,
  );
}

checkRow('a row that is not JSON', `{"refresh_token":"${refreshToken('x')}`, ' is not a JSON object');
checkRow('a row that is a text', '"aor-1"', ' is not a JSON object');
checkRow('a row without tokens', { expires_at: '2026-08-01T13:00:00Z' }, ' holds no token');
checkRow('a row that cannot be renewed', { access_token: 'aoa-1' }, ': refreshToken is required and must be a string');
checkRow(
  'a refresh token cut short',
  { refresh_token: 'aor-1...' },
  ': refresh_token is cut short or is no refresh token; sign in again so that a whole one is written',
);
checkRow('a region that cannot be', { ...tokens, region: 'x' }, ': region must be an AWS region such as us-east-1');
checkRow('an ARN that cannot be', { ...tokens, profile_arn: 'x' }, ': profile_arn must be a Kiro profile ARN');
checkRow('a token that is a number', { ...tokens, refresh_token: 7 }, ': refresh_token must be a string, not 7');

checkRows(
  'rows of an AWS login without a client',
  { 'kirocli:odic:token': tokens },
  'holds no login that can be used (kirocli:odic:token has no kirocli:odic:device-registration); run `kiro-cli login` or `q login`.',
);
checkRows(
  'rows of AWS logins, one with a client of null and one with half a client,',
  {
    'kirocli:odic:token': tokens,
    'kirocli:odic:device-registration': 'null',
    'codewhisperer:odic:token': tokens,
    'codewhisperer:odic:device-registration': { client_id: 'AbC' },
  },
  'holds no login that can be used (kirocli:odic:token has no kirocli:odic:device-registration; ' +
    'codewhisperer:odic:token: clientSecret is required and must be a string); run `kiro-cli login` or `q login`.',
);

/** Bytes in which every value occurs, the same in each run. */
function noise(length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, index) =>
    createHash('sha256').update(String(index)).digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
}
