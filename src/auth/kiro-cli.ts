/** The login of kiro-cli or amazon-q in their database, which is only read. */

import { posix, win32 } from 'node:path';
import type { Database, SqlValue } from 'sql.js';
import { GatewayError } from '../core/errors.js';
import { isRecord, parseJson, Reader } from '../core/reader.js';
import { isProfileArn, isRegion } from '../kiro/calls.js';
import type { Credential, FoundLogin } from './credential.js';
import { type Machine, xdgFolder } from './files.js';
import { readCredential, registrationFields } from './json-login.js';
import { type Sleep, unusableDatabase, withDatabase } from './sqlite.js';

export type Clock = {
  /** Unix time in milliseconds. */
  readonly now: () => number;
  readonly sleep: Sleep;
};

/** @throws GatewayError `not-logged-in`, in one sentence that names the file, when there is no usable login. */
export async function readKiroCliDatabase(path: string, clock: Clock): Promise<FoundLogin> {
  const { secrets, state } = await withDatabase(path, clock, (database) => readRows(path, database));
  const login = chooseLogin(secrets, state, clock.now());
  if ('kind' in login) return { credential: login, notices: [] };
  const advice = 'run `kiro-cli login` or `q login`.';
  if (login.length === 0) throw unusableDatabase(path, `holds no login; ${advice}`);
  throw unusableDatabase(path, `holds no login that can be used (${login.join('; ')}); ${advice}`);
}

function readRows(path: string, database: Database): { secrets: Rows; state: Rows } {
  const columns = columnsOf(database, 'auth_kv');
  if (!columns.has('key') || !columns.has('value')) {
    // A database of another program also has tables, and maybe this one.
    const complaint =
      columns.size === 0
        ? 'has no table auth_kv, so it does not belong to kiro-cli or amazon-q'
        : 'has a table auth_kv without the columns key and value, so it belongs to an unknown version of kiro-cli';
    throw unusableDatabase(path, `${complaint}; set KIRO_CLI_DB_FILE to kiro-cli's data.sqlite3.`);
  }
  const hasState = columnsOf(database, 'state').has('value');
  return { secrets: rowsOf(database, 'auth_kv'), state: hasState ? rowsOf(database, 'state') : new Map() };
}

function columnsOf(database: Database, table: string): ReadonlySet<string> {
  const [result] = database.exec(COLUMNS, [table]);
  return new Set(result?.values.map(([name]) => toText(name)));
}

/** Of tables only: a view may go on without an end. */
const COLUMNS =
  "SELECT name FROM pragma_table_info((SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ?))";

function rowsOf(database: Database, table: 'auth_kv' | 'state'): Rows {
  const [result] = database.exec(`SELECT key, value FROM ${table}`);
  return new Map(result?.values.map(([key, value]) => [toText(key), toText(value)]));
}

/** SQLite keeps in each place what was put there: kiro-cli writes texts in one table and bytes in the other. */
function toText(value: SqlValue | undefined): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value ?? null);
}

/** Key to value, as text; most values are JSON. */
type Rows = ReadonlyMap<string, string>;

/**
 * The first row in the order of use; but one that has expired only when all others have, too: kiro-cli leaves rows of
 * earlier logins behind.
 * @returns complaints, which name rows, when there is no login; none when the person is simply logged out.
 */
function chooseLogin(secrets: Rows, state: Rows, now: number): Credential | readonly string[] {
  const rows = TOKEN_ROWS.map(([key, authMethod]) => readRow(key, authMethod, secrets, state));
  const readings = rows.filter((it) => it !== undefined);
  const logins = readings.filter((it) => typeof it !== 'string');
  const fresh = logins.find((it) => it.kind === 'api-key' || (it.expiresAt ?? 0) > now);
  return fresh ?? logins[0] ?? readings.filter((it) => typeof it === 'string');
}

/** Undefined when there is no login in the row; a complaint when there is one that cannot be used. */
function readRow(key: string, authMethod: string, secrets: Rows, state: Rows) {
  const login = parseJson(secrets.get(key) ?? 'null');
  if (login === null) return undefined;
  if (!isRecord(login)) return `${key} is not a JSON object`;
  const said = Object.fromEntries(Object.entries(login).filter(([, value]) => value !== null && value !== ''));
  if (said['access_token'] === undefined && said['refresh_token'] === undefined) return `${key} holds no token`;
  // The client that the tokens belong to is always of the same product.
  const clientKey = key.replace(/token$/, 'device-registration');
  const client = authMethod === 'idc' ? parseJson(secrets.get(clientKey) ?? 'null') : undefined;
  if (authMethod === 'idc' && !isRecord(client)) return `${key} has no ${clientKey}`;
  try {
    const account = { ...profileOfState(state), ...(isRecord(client) && accountOfState(client, state)) };
    const registration = isRecord(client) && registrationFields(reader(client));
    return readCredential(reader({ ...account, ...said, ...registration, authMethod }));
  } catch (thrown) {
    // The message names a field; no other part of the error is needed, and none may carry a token.
    if (thrown instanceof GatewayError) return `${key}: ${thrown.message}`;
    throw thrown;
  }
}

/** Only of AWS logins: these are left behind in the state when somebody changes to a social login. */
function accountOfState(registration: Readonly<Record<string, unknown>>, state: Rows): object {
  const regions = [registration['region'], stateValue(state, 'auth.idc.region')];
  const region = regions.find((it) => typeof it === 'string' && isRegion(it));
  const startUrl = stateValue(state, 'auth.idc.start-url');
  return { ...(region !== undefined && { region }), ...(typeof startUrl === 'string' && { start_url: startUrl }) };
}

/** An object with an ARN, or the ARN alone. What is neither is left out; Kiro then tells the profile, or needs none. */
function profileOfState(state: Rows): object {
  const profile = stateValue(state, 'api.codewhisperer.profile');
  const arn = isRecord(profile) ? profile['arn'] : profile;
  return typeof arn === 'string' && isProfileArn(arn) ? { profile_arn: arn } : {};
}

/** Values are JSON; one that is not is taken for a bare text. */
function stateValue(state: Rows, key: string): unknown {
  const text = state.get(key) ?? 'null';
  const value = parseJson(text);
  return value === undefined ? text : value;
}

function reader(value: unknown): Reader {
  return new Reader(value, 'not-logged-in', 'the row');
}

/** In the order of use. "odic" is the real, misspelt name. */
const TOKEN_ROWS = [
  ['kirocli:external-idp:token', 'external-idp'],
  ['kirocli:social:token', 'social'],
  ['kirocli:odic:token', 'idc'],
  ['codewhisperer:odic:token', 'idc'],
] as const;

/** kiro-cli first: it copies the logins of amazon-q, which are then the older ones. */
export function kiroCliDatabasePaths(machine: Machine): readonly string[] {
  const { platform, env, homeDirectory: home } = machine;
  if (platform === 'win32') {
    const folder = env['LOCALAPPDATA']?.trim() || win32.join(env['USERPROFILE'] || home, 'AppData', 'Local');
    return ['Kiro-Cli', 'amazon-q'].map((it) => win32.join(folder, it, 'data.sqlite3'));
  }
  const xdg = xdgFolder(machine, 'XDG_DATA_HOME', '.local', 'share');
  const folder = platform === 'darwin' ? posix.join(home, 'Library', 'Application Support') : xdg;
  return ['kiro-cli', 'amazon-q'].map((it) => posix.join(folder, it, 'data.sqlite3'));
}

/** False when there is no such program on PATH. Its output is not looked at, and it gets no input. Never throws. */
export type RunProgram = (name: string, args: readonly string[], limitMs: number) => Promise<boolean>;

/** Whether it did is only to be seen in its database. False when it is not installed. */
export function askKiroCli(runProgram: RunProgram): Promise<boolean> {
  return runProgram('kiro-cli', ['debug', 'refresh-auth-token'], LIMIT_MS);
}

const LIMIT_MS = 15_000;
