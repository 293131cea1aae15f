/** Sessions of stored logins: signed in anew, renewed by others, renewed by kiro-cli, gone. */

import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { OidcCredential, SocialCredential } from '../../src/auth/credential.js';
import type { LoginStore } from '../../src/auth/login-store.js';
import { Secret } from '../../src/core/secret.js';
import { fakeKeytar } from '../support/fake-keytar.js';
import { startTokenServer, type TokenServer } from '../support/token-server.js';
import { IN_FILE, IN_KEYCHAIN, open as openLogins, snapshot, SOCIAL } from './login-world.js';
import { ARN, failureOf, refreshToken } from './support.js';
import { temporaryFolder } from '../support/folder.js';
import { answers, DEAD, DOWN, loginFile, MINUTE, open, R1, R2, R3, sentTokens, START, UNWATCHED } from './world.js';

/** A login with the refresh token of this name, whose access token lives for some minutes. */
function loginOf(name: string, minutes: number): SocialCredential {
  const tokens = { refreshToken: new Secret(refreshToken(name)), accessToken: new Secret(`aoa-${name}`) };
  return { ...SOCIAL, ...tokens, apiRegion: undefined, expiresAt: START + minutes * MINUTE };
}

async function lastRefresh(logins: LoginStore): Promise<unknown> {
  return (await logins.readLogin('default'))?.facts.lastRefresh;
}

/** A world over these logins, with the default one saved. */
async function openStored(server: TokenServer, login: SocialCredential, path?: string, name = 'ide') {
  const { logins } = openLogins();
  await logins.saveLogin('default', login, { ...IN_FILE, source: { name, path } });
  return { logins, ...(await open(server, { logins })) };
}

test('a stored login is used without a request while its token lives, and says where it lies', async () => {
  const server = await startTokenServer();
  const { session, token } = await openStored(server, loginOf('one', 30));
  expect([await token(), session.describe().source, server.requests]).toEqual([
    'aoa-one',
    'the login default in the file store',
    [],
  ]);
});

test('a setting wins over the stored login, and --profile over the setting', async () => {
  const server = await startTokenServer();
  const { logins } = openLogins();
  for (const name of ['default', 'work']) await logins.saveLogin(name, loginOf(name, 30), IN_FILE);
  const login = loginFile(join(temporaryFolder(), 'login.json'), 30, { refreshToken: R1, accessToken: 'aoa-file' });
  const worlds = [
    await open(server, { logins }),
    await open(server, { logins, login }),
    await open(server, { logins, login, profile: 'work' }),
  ];
  expect(await Promise.all(worlds.map(({ token }) => token()))).toEqual(['aoa-default', 'aoa-file', 'aoa-work']);
});

test('a named login that does not exist is an error that names the command', async () => {
  const server = await startTokenServer();
  expect(await failureOf(() => open(server, { profile: 'work' }))).toBe(
    'not-logged-in: There is no login named work; run `kiro-gateway login --profile work`.',
  );
});

test('the gateway notes that it was the one who renewed the login', async () => {
  const server = await startTokenServer(...answers(R2));
  const { token, logins } = await openStored(server, loginOf('one', 0));
  expect([await token(), await lastRefresh(logins)]).toEqual(['aoa1', { by: 'gateway', at: START }]);
});

for (const options of [IN_FILE, IN_KEYCHAIN]) {
  test(`rotated tokens rest in the ${options.store} before they are used`, async () => {
    const server = await startTokenServer(...answers(R2));
    const world = openLogins();
    await world.logins.saveLogin('default', loginOf('one', 0), options);
    const { token } = await open(server, { logins: world.logins });
    const used = await token();
    expect([used, JSON.stringify(snapshot(world)).includes(R2)]).toEqual(['aoa1', true]);
  });
}

test('a keychain that is locked meanwhile ends no session, and no spent token is sent', async () => {
  const server = await startTokenServer(...answers(R2, R3));
  let isLocked = false;
  const before = (): void => {
    if (isLocked) throw new Error('The collection is locked');
  };
  const world = openLogins({ load: fakeKeytar({ before }).load });
  await world.logins.saveLogin('default', loginOf('one', 0), IN_KEYCHAIN);
  const { clock, token } = await open(server, { logins: world.logins });
  isLocked = true;
  const used = [await token()];
  clock.now += 60 * MINUTE;
  used.push(await token());
  expect([used, sentTokens(server)]).toEqual([
    ['aoa1', 'aoa2'],
    ['one', 'two'],
  ]);
});

test('a new login is picked up when a refresh is due, and when Kiro refuses the old token', async () => {
  const server = await startTokenServer();
  const { session, clock, token, logins } = await openStored(server, loginOf('one', 30));
  const used = [await token()];
  await logins.saveLogin('default', loginOf('two', 20), IN_FILE);
  used.push((await session.forceRefresh(new Secret('aoa-one'), UNWATCHED)).token.reveal());
  await logins.saveLogin('default', loginOf('three', 80), IN_FILE);
  clock.now += 20 * MINUTE;
  used.push(await token());
  expect([used, server.requests]).toEqual([['aoa-one', 'aoa-two', 'aoa-three'], []]);
});

test('a new login whose access token has expired is renewed, and the old one is left alone', async () => {
  const server = await startTokenServer(...answers(R3));
  const { clock, token, logins } = await openStored(server, loginOf('one', 30));
  await logins.saveLogin('default', loginOf('two', 0), IN_FILE);
  clock.now += 30 * MINUTE;
  expect([await token(), sentTokens(server)]).toEqual(['aoa1', ['two']]);
});

test('a dead login says which command helps, and works again as soon as that has been run', async () => {
  const server = await startTokenServer(DEAD);
  const { token, logins } = await openStored(server, loginOf('one', 0));
  const failure = await failureOf(token);
  await logins.saveLogin('default', loginOf('two', 30), IN_FILE);
  expect([failure, await token(), sentTokens(server)]).toEqual([
    'login-expired: Your Kiro login has expired. Run `kiro-gateway login` and try again.',
    'aoa-two',
    ['one'],
  ]);
});

test('a login that was removed is used to the end of its token and not renewed', async () => {
  const server = await startTokenServer();
  const { clock, token, logins } = await openStored(server, loginOf('one', 30));
  await logins.removeLogin('default');
  clock.now += 29.5 * MINUTE;
  const used = await token();
  clock.now += MINUTE;
  expect([used, await failureOf(token), server.requests]).toEqual([
    'aoa-one',
    'not-logged-in: Your Kiro login is gone; it was the login default in the file store. Run `kiro-gateway login`.',
    [],
  ]);
});

test('a newer token at the place the login was taken from wins, is kept, and says so', async () => {
  const server = await startTokenServer();
  const path = join(temporaryFolder(), 'login.json');
  const { token, logins } = await openStored(server, loginOf('one', 0), path);
  loginFile(path, 40, { refreshToken: R2, accessToken: 'aoa-source' });
  const used = [await token(), await (await open(server, { logins })).token()];
  expect([used, server.requests, await lastRefresh(logins)]).toEqual([
    ['aoa-source', 'aoa-source'],
    [],
    { by: 'source', at: START },
  ]);
});

test('after the gateway has renewed an imported login the older copy does not come back', async () => {
  const server = await startTokenServer(...answers(R2, R3));
  const path = join(temporaryFolder(), 'login.json');
  loginFile(path, 30, { refreshToken: R1, accessToken: 'aoa-old' });
  const { clock, token, logins } = await openStored(server, loginOf('one', 30), path);
  clock.now += 30 * MINUTE;
  const used = [await token()];
  clock.now += 60 * MINUTE;
  used.push(await token());
  expect([used, sentTokens(server), await lastRefresh(logins)]).toEqual([
    ['aoa1', 'aoa2'],
    ['one', 'two'],
    { by: 'gateway', at: START },
  ]);
});

test('tokens that Kiro refuses, one after the other, are not replaced by the spent ones at the source', async () => {
  const server = await startTokenServer(...answers(R2, R3));
  const path = join(temporaryFolder(), 'login.json');
  loginFile(path, 50, { refreshToken: R1, accessToken: 'aoa-one' });
  const { session, logins } = await openStored(server, loginOf('one', 50), path);
  for (const refused of ['aoa-one', 'aoa1']) await session.forceRefresh(new Secret(refused), UNWATCHED);
  const again = await open(server, { logins });
  expect([await again.token(), sentTokens(server)]).toEqual(['aoa2', ['one', 'two']]);
});

test('when another program has renewed the login, its refresh token is tried first, and ours is not sent', async () => {
  const server = await startTokenServer(...answers(R3));
  const path = join(temporaryFolder(), 'login.json');
  const { clock, token } = await openStored(server, loginOf('one', 30), path);
  loginFile(path, 60, { refreshToken: R2, accessToken: 'aoa-source' });
  clock.now += 60 * MINUTE;
  expect([await token(), sentTokens(server)]).toEqual(['aoa1', ['two']]);
});

test('a refresh token that was refused gives way to the one at the source, once', async () => {
  const server = await startTokenServer(DEAD, { body: { accessToken: 'aoa-new', expiresIn: 3600 } });
  const path = join(temporaryFolder(), 'login.json');
  loginFile(path, -60, { refreshToken: R2, accessToken: 'aoa-source' });
  const { token } = await openStored(server, loginOf('one', 0), path);
  expect([await token(), sentTokens(server)]).toEqual(['aoa-new', ['one', 'two']]);
});

test('where the gateway had renewed the login, the copy at the source is tried before the one that was taken over', async () => {
  const server = await startTokenServer(...answers(R2), DEAD, { body: { accessToken: 'aoa-new', expiresIn: 3600 } });
  const path = join(temporaryFolder(), 'login.json');
  loginFile(path, 0, { refreshToken: R1, accessToken: 'aoa-one' });
  const { session, token } = await openStored(server, loginOf('one', 0), path);
  const used = [await token()];
  loginFile(path, 50, { refreshToken: R3, accessToken: 'aoa-source' });
  used.push((await session.forceRefresh(new Secret('aoa1'), UNWATCHED)).token.reveal());
  expect([used, sentTokens(server)]).toEqual([
    ['aoa1', 'aoa-new'],
    ['one', 'two', 'three'],
  ]);
});

test('a refresh token that stands at the source without an access token is tried, too', async () => {
  const server = await startTokenServer(DEAD, { body: { accessToken: 'aoa-new', expiresIn: 3600 } });
  const path = join(temporaryFolder(), 'login.json');
  writeFileSync(path, JSON.stringify({ refreshToken: R2 }));
  const { token } = await openStored(server, loginOf('one', 0), path);
  expect([await token(), sentTokens(server)]).toEqual(['aoa-new', ['one', 'two']]);
});

test('the login of another account at the source is left alone', async () => {
  const server = await startTokenServer(...answers(R3));
  const path = join(temporaryFolder(), 'login.json');
  const { token } = await openStored(server, { ...loginOf('one', 0), profileArn: ARN.replace('1111', '2222') }, path);
  loginFile(path, 40, { refreshToken: R2, accessToken: 'aoa-other' });
  expect([await token(), sentTokens(server)]).toEqual(['aoa1', ['one']]);
});

test('a profile that only a renewal told is known, too, when the source has another account', async () => {
  const profileArn = ARN.replace('1111', '2222');
  const server = await startTokenServer({ body: { accessToken: 'aoa1', expiresIn: 3600, profileArn } }, ...answers(R3));
  const path = join(temporaryFolder(), 'login.json');
  const { clock, token } = await openStored(server, { ...loginOf('one', 0), profileArn: undefined }, path);
  const used = [await token()];
  loginFile(path, 90, { refreshToken: R2, accessToken: 'aoa-other' });
  clock.now += 60 * MINUTE;
  expect([...used, await token(), sentTokens(server)]).toEqual(['aoa1', 'aoa1', ['one', 'one']]);
});

test('a source that is gone or broken is no reason to complain', async () => {
  const server = await startTokenServer(...answers(R2, R3));
  const path = join(temporaryFolder(), 'login.json');
  const { clock, token, notices } = await openStored(server, loginOf('one', 0), path);
  const used = [await token()];
  writeFileSync(path, `${R1}{`);
  clock.now += 60 * MINUTE;
  used.push(await token());
  expect([used, notices]).toEqual([['aoa1', 'aoa2'], []]);
});

test('a token at the source that claims to live for years does not replace the one at hand', async () => {
  const server = await startTokenServer(...answers(R3));
  const path = join(temporaryFolder(), 'login.json');
  loginFile(path, 1_000_000, { refreshToken: R1, accessToken: 'aoa-years' });
  const { clock, token } = await openStored(server, loginOf('one', 0), path);
  const used = [await token()];
  clock.now += 30 * MINUTE;
  used.push(await token());
  expect([used, sentTokens(server)]).toEqual([['aoa1', 'aoa1'], ['one']]);
});

test('kiro-cli is asked before a login of its own is renewed, and nothing is renewed twice', async () => {
  const server = await startTokenServer(DOWN);
  const path = join(temporaryFolder(), 'login.json');
  const { logins } = openLogins();
  await logins.saveLogin('default', loginOf('one', 0), { ...IN_FILE, source: { name: 'kiro-cli', path } });
  const asked: string[] = [];
  const runProgram = (name: string, args: readonly string[], limitMs: number): Promise<boolean> => {
    asked.push(`${name} ${args.join(' ')} within ${limitMs}`);
    return Promise.resolve(true);
  };
  const { token } = await open(server, { logins, runProgram, kiroCliDatabase: path });
  // Its database does not exist, so nothing can have come of it.
  const failure = await failureOf(token);
  expect([asked, failure, sentTokens(server)]).toEqual([
    ['kiro-cli debug refresh-auth-token within 15000'],
    "upstream-unavailable: Kiro's login service is out of order (HTTP 503); try again in a minute.",
    ['one', 'one', 'one'],
  ]);
});

test('programs are not asked for logins that are not theirs', async () => {
  const server = await startTokenServer(...answers(R2));
  const { logins } = openLogins();
  const source = { name: 'amazon-q', path: '/nowhere/data.sqlite3' };
  await logins.saveLogin('default', loginOf('one', 0), { ...IN_FILE, source });
  const { token } = await open(server, { logins, runProgram: notToBeAsked, kiroCliDatabase: source.path });
  expect(await token()).toBe('aoa1');
});

test('kiro-cli is not asked for a login in another database than its own', async () => {
  const server = await startTokenServer(...answers(R2));
  const { logins } = openLogins();
  const source = { name: 'kiro-cli', path: '/backup/data.sqlite3' };
  await logins.saveLogin('default', loginOf('one', 0), { ...IN_FILE, source });
  const kiroCliDatabase = '/home/me/.local/share/kiro-cli/data.sqlite3';
  const { token } = await open(server, { logins, runProgram: notToBeAsked, kiroCliDatabase });
  expect(await token()).toBe('aoa1');
});

test('its own database is known through a link, too', async () => {
  const folder = temporaryFolder();
  const [path, kiroCliDatabase] = [join(folder, 'link'), join(folder, 'data.sqlite3')];
  writeFileSync(kiroCliDatabase, 'unreadable');
  symlinkSync(kiroCliDatabase, path);
  const { logins } = openLogins();
  await logins.saveLogin('default', loginOf('one', 0), { ...IN_FILE, source: { name: 'kiro-cli', path } });
  const server = await startTokenServer(...answers(R2));
  let asked = 0;
  const runProgram = (): Promise<boolean> => Promise.resolve(++asked > 0);
  const { token } = await open(server, { logins, runProgram, kiroCliDatabase });
  expect([await token(), asked]).toEqual(['aoa1', 1]);
});

const notToBeAsked = (): Promise<boolean> => Promise.reject(new Error('not to be asked'));

test('a registration that expires within a week is announced once', async () => {
  const server = await startTokenServer(...answers(R2, R3));
  const { logins } = openLogins();
  const client = { clientId: 'AbC', clientSecret: new Secret('eyJ'), registrationExpiresAt: START + 8 * DAY };
  const login: OidcCredential = { ...loginOf('one', 0), ...client, kind: 'oidc', provider: 'builder-id' };
  await logins.saveLogin('default', login, IN_FILE);
  const { clock, token, notices } = await open(server, { logins, announcesRegistration: true });
  await token();
  const before = [...notices];
  for (let hours = 0; hours < 3; hours++) {
    clock.now += DAY + MINUTE;
    await token();
  }
  const sentence = 'The Kiro login can be renewed only until 2026-08-02. Run `kiro-gateway login` before that day.';
  expect([before, notices]).toEqual([[], [sentence]]);
});

test('a registration that has expired is not said to last', async () => {
  const { logins } = openLogins();
  const client = { clientId: 'AbC', clientSecret: new Secret('eyJ'), registrationExpiresAt: START - DAY };
  await logins.saveLogin(
    'default',
    { ...loginOf('one', 30), ...client, kind: 'oidc', provider: 'builder-id' },
    IN_FILE,
  );
  const { notices } = await open(await startTokenServer(), { logins, announcesRegistration: true });
  expect(notices).toEqual([
    'The Kiro login could be renewed only until 2026-07-24. Run `kiro-gateway login` before its token ends.',
  ]);
});

const DAY = 24 * 60 * MINUTE;
