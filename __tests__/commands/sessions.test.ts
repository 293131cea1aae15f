/** Several processes with one stored login: one refresh, no crash that loses it in silence, no command that stays behind. */

import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { kiroCliDatabasePaths } from '../../src/auth/kiro-cli.js';
import type { ReceivedRequest } from '../../src/simulator/exchange.js';
import { type Simulator, startSimulator } from '../../src/simulator/server.js';
import { databaseOf } from '../auth/kiro-cli-database-support.js';
import { startWriter } from '../auth/sqlite-writer.js';
import { call, callServe } from '../support/call.js';
import { run, serve, start } from '../support/command.js';
import { temporaryFolder } from '../support/folder.js';
import { until } from '../support/gateway.js';
import { issueTokens, loginsIn, REUSABLE, saveLoginIn, surroundingsOf } from '../support/stored-login.js';
import { startTokenServer, type TokenAnswer } from '../support/token-server.js';

const HELLO =
  'Hello! Nice to meet you. What shall we try?\n\nThis answer comes from the kiro-gateway simulator, not from a model.\n';
const EXPIRED = 'Your Kiro login has expired. Run `kiro-gateway login` and try again.\n';

let simulator: Simulator;
let home: string;

beforeEach(async () => {
  simulator = await startSimulator({ pace: 'none' });
  home = join(temporaryFolder(), 'gateway');
});

afterEach(() => simulator.close());

/** The refresh tokens that the sign-in service has seen. */
function refreshed(): readonly string[] {
  const calls = simulator.requests.filter(({ path }) => path === '/refreshToken');
  return calls.map(({ body }) => String((body as { refreshToken?: unknown }).refreshToken));
}

async function signIn(path: string, body: string): Promise<object> {
  // The cast is the simulator's own answer.
  return (await (await fetch(simulator.url + path, { method: 'POST', body })).json()) as object;
}

function hour(): number {
  return Date.now() + 3_600_000;
}

test('serve and three chats at once refresh a stored login once', async () => {
  const tokens = await issueTokens(simulator.url);
  await saveLoginIn(home, { tokens, expiresAt: 0 });
  simulator.reset();
  const surroundings = surroundingsOf(home, simulator.url);
  const [served, ...chats] = await Promise.all([
    serve([], surroundings),
    ...Array.from({ length: 3 }, () => run(['chat', 'hi'], surroundings)),
  ]);
  const login = await loginsIn(home).readLogin('default');
  const code = await served.stop();
  const done = { code: 0, stdout: HELLO, stderr: '' };
  expect({ chats, code, refreshed: refreshed(), by: login?.facts.lastRefresh?.by }).toEqual({
    chats: [done, done, done],
    code: 0,
    refreshed: [tokens.refreshToken],
    by: 'gateway',
  });
  expect(served.output.stdout).toContain('\nlogin   Kiro social login, from the login default in the file store\n');
});

test('a refused token in two processes at once costs one refresh', async () => {
  const tokens = await issueTokens(simulator.url);
  await saveLoginIn(home, { tokens, expiresAt: hour() });
  simulator.revokeAccessTokens();
  simulator.reset();
  const isRefused = ({ headers }: ReceivedRequest) => headers.authorization === `Bearer ${tokens.accessToken}`;
  const doorkeeper = await startTokenServer(async ({ path, body }): Promise<TokenAnswer> => {
    await until(() => simulator.requests.filter(isRefused).length === 2);
    return { body: await signIn(path, body) };
  });
  const { env } = surroundingsOf(home, simulator.url);
  const chat = () => run(['chat', 'hi'], { env: { ...env, KIRO_AUTH_URL: doorkeeper.url } });
  const done = { code: 0, stdout: HELLO, stderr: '' };
  expect([await Promise.all([chat(), chat()]), refreshed()]).toEqual([[done, done], [tokens.refreshToken]]);
});

test('a process that is killed between the answer and the saving leaves a clear sentence behind', async () => {
  await saveLoginIn(home, { tokens: await issueTokens(simulator.url), expiresAt: 0 });
  const { first, second } = await killedAtRefresh();
  expect([first, second]).toEqual(['SIGKILL', { code: 4, stdout: '', stderr: EXPIRED }]);
});

test('where refresh tokens outlive their use, the login works after such a crash', async () => {
  await saveLoginIn(home, { tokens: { refreshToken: REUSABLE, accessToken: 'aoa' }, expiresAt: 0 });
  const { first, second } = await killedAtRefresh();
  expect([first, second]).toEqual(['SIGKILL', { code: 0, stdout: HELLO, stderr: '' }]);
});

test('a process that is killed while it saves leaves a login that works, or a clear sentence', async () => {
  const seconds = [];
  for (const delayMs of [0, 2, 4, 8, 16]) {
    home = join(temporaryFolder(), 'gateway');
    await saveLoginIn(home, { tokens: await issueTokens(simulator.url), expiresAt: 0 });
    seconds.push((await killedAtRefresh(delayMs)).second);
  }
  const works = { code: 0, stdout: HELLO, stderr: '' };
  const isDead = { code: 4, stdout: '', stderr: EXPIRED };
  for (const second of seconds) expect([works, isDead]).toContainEqual(second);
});

test('a process that is told to stop while it renews a login keeps the new tokens', async () => {
  await saveLoginIn(home, { tokens: await issueTokens(simulator.url), expiresAt: 0 });
  const doorkeeper = await startTokenServer(async ({ path, body }): Promise<TokenAnswer> => {
    child.kill('SIGTERM');
    await sleep(300);
    return { body: await signIn(path, body) };
  });
  const { env } = surroundingsOf(home, simulator.url);
  const { child } = start(['chat', 'hi'], { env: { ...env, KIRO_AUTH_URL: doorkeeper.url } });
  await once(child, 'close');
  expect(await call(['chat', 'hi'], { env })).toEqual({ code: 0, stdout: HELLO, stderr: '' });
});

/** The simulator has answered, and the first process is dead before it has heard of it, or a moment later. */
async function killedAtRefresh(delayMs?: number) {
  const doorkeeper = await startTokenServer(async ({ path, body }): Promise<TokenAnswer> => {
    const answer = await signIn(path, body);
    setTimeout(() => child.kill('SIGKILL'), delayMs ?? 0);
    return delayMs === undefined ? 'hang' : { body: answer };
  });
  const { env } = surroundingsOf(home, simulator.url);
  const { child } = start(['chat', 'hi'], { env: { ...env, KIRO_AUTH_URL: doorkeeper.url } });
  const [, first] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { first, second: await call(['chat', 'hi'], { env }) };
}

test('tokens that come while a command ends are kept, however long that takes', async () => {
  const tokens = await issueTokens(simulator.url);
  await saveLoginIn(home, { tokens, expiresAt: Date.now() + 300_000 });
  simulator.reset();
  // Somebody else is about to change the list of logins, and takes their time.
  const lock = join(home, 'state', 'logins.lock');
  mkdirSync(dirname(lock), { recursive: true });
  writeFileSync(lock, '00000000-0000-4000-8000-000000000001 1 another');
  const { child, output } = start(['chat', 'hi'], surroundingsOf(home, simulator.url));
  const ended = once(child, 'close') as Promise<[number | null]>;
  await until(() => output.stdout === HELLO && refreshed().length === 1);
  await sleep(5000);
  rmSync(lock);
  const [code] = await ended;
  const login = await loginsIn(home).readLogin('default');
  expect([code, login?.facts.lastRefresh?.by]).toEqual([0, 'gateway']);
});

test('a new login is picked up by a running serve when Kiro refuses the old one', async () => {
  await saveLoginIn(home, { tokens: await issueTokens(simulator.url), expiresAt: hour() });
  const { env } = surroundingsOf(home, simulator.url);
  const served = await callServe([], { env: { ...env, PROXY_API_KEY: 'key-of-the-tests' } });
  const ask = async () => (await fetch(`${served.url}/v1/messages`, QUESTION)).status;
  const statuses = [await ask()];
  simulator.revokeAccessTokens();
  const tokens = await issueTokens(simulator.url);
  await saveLoginIn(home, { tokens, expiresAt: hour() });
  simulator.reset();
  statuses.push(await ask());
  const used = simulator.requests.map(({ headers }) => headers.authorization).at(-1);
  await served.stop();
  expect({ statuses, refreshed: refreshed(), used }).toEqual({
    statuses: [200, 200],
    refreshed: [],
    used: `Bearer ${tokens.accessToken}`,
  });
});

test('--profile chooses among the stored logins, and a wrong name exits 4', async () => {
  const tokens = await issueTokens(simulator.url);
  await saveLoginIn(home, { tokens, expiresAt: hour(), name: 'work' });
  const surroundings = surroundingsOf(home, simulator.url);
  expect([
    await call(['chat', '--profile', 'work', 'hi'], surroundings),
    await call(['chat', '--profile', 'play', 'hi'], surroundings),
    (await call(['chat', 'hi'], surroundings)).code,
  ]).toEqual([
    { code: 0, stdout: HELLO, stderr: '' },
    { code: 4, stdout: '', stderr: 'There is no login named play; run `kiro-gateway login --profile play`.\n' },
    4,
  ]);
});

test('kiro-cli is asked first, and what it writes into its database is used and kept', async () => {
  const fresh = await issueTokens(simulator.url);
  const old = { access_token: 'aoa-old', refresh_token: `aor${'o'.repeat(220)}`, expires_at: '2020-01-01T00:00:00Z' };
  const row = { access_token: fresh.accessToken, refresh_token: fresh.refreshToken };
  const writer = startWriter();
  const database = await databaseOf(writer, { [SOCIAL_ROW]: old });
  await writer.kill();
  const value = JSON.stringify({ ...row, expires_at: new Date(hour()).toISOString() });
  const programs = fakeKiroCli(database, value);
  const imported = { refreshToken: old.refresh_token, accessToken: old.access_token };
  await saveLoginIn(home, { tokens: imported, expiresAt: 0, source: { name: 'kiro-cli', path: database } });
  simulator.reset();
  const { env } = surroundingsOf(home, simulator.url);
  const [own = ''] = kiroCliDatabasePaths({ platform: process.platform, env, homeDirectory: home });
  mkdirSync(dirname(own), { recursive: true });
  symlinkSync(database, own);
  const path = `${programs}${delimiter}${process.env['PATH'] ?? ''}`;
  const surroundings = { env: { ...env, HOME: home, PATH: path } };
  const chats = [await run(['chat', 'hi'], surroundings), await run(['chat', 'hi'], surroundings)];
  const login = await loginsIn(home).readLogin('default');
  const done = { code: 0, stdout: HELLO, stderr: '' };
  expect({ chats, refreshed: refreshed(), by: login?.facts.lastRefresh?.by }).toEqual({
    chats: [done, done],
    refreshed: [],
    by: 'kiro-cli',
  });
});

/** A folder with a `kiro-cli` that writes this value, once it is asked as it should be. */
function fakeKiroCli(database: string, value: string): string {
  const folder = temporaryFolder();
  const script = `#!/usr/bin/env python3
import sqlite3, sys
assert sys.argv[1:] == ["debug", "refresh-auth-token"]
assert sys.stdin.read() == ""
print("a line that nobody reads")
connection = sqlite3.connect(${JSON.stringify(database)})
connection.execute("UPDATE auth_kv SET value = ? WHERE key = ?", (${JSON.stringify(value)}, "${SOCIAL_ROW}"))
connection.commit()
`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'kiro-cli'), script);
  chmodSync(join(folder, 'kiro-cli'), 0o755);
  return folder;
}

const SOCIAL_ROW = 'kirocli:social:token';

const QUESTION = {
  method: 'POST',
  headers: { 'x-api-key': 'key-of-the-tests', 'content-type': 'application/json' },
  body: JSON.stringify({ model: 'auto', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] }),
};
