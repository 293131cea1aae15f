/** Whose tokens win: those configured, those kept from an earlier refresh, or those that another program renewed. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { fileStore, memoryStore, type TokenStore } from '../../src/auth/store.js';
import { Secret } from '../../src/core/secret.js';
import { startTokenServer, type TokenRequest } from '../support/token-server.js';
import { refreshToken } from './support.js';
import { temporaryFolder } from '../support/folder.js';
import {
  R1,
  R2,
  R3,
  MINUTE,
  START,
  UNWATCHED,
  DEAD,
  open,
  loginFile,
  answers,
  sentTokens,
  environment,
  gate,
} from './world.js';

test('rotated tokens are on the disk before they are used, and are used after a restart', async () => {
  const server = await startTokenServer(...answers(R2, R3));
  const state = temporaryFolder();
  const store = fileStore(state, () => undefined);
  const order: string[] = [];
  const watched: TokenStore = {
    read: (digest) => store.read(digest),
    async write(digest, tokens, by) {
      const isKept = await store.write(digest, tokens, by);
      order.push(`written ${readFileSync(join(state, 'tokens', `${digest}.json`), 'utf8').includes(R2)}`);
      return isKept;
    },
  };
  const first = await open(server, { login: environment, store: watched });
  order.push(`used ${await first.token()}`);
  const second = await open(server, { login: environment, store });
  order.push(`after a restart ${await second.token()}`);
  second.clock.now += 60 * MINUTE;
  order.push(`an hour later ${await second.token()}`);
  expect([order, sentTokens(server)]).toEqual([
    ['written true', 'used aoa1', 'after a restart aoa1', 'an hour later aoa2'],
    ['one', 'two'],
  ]);
});

test('a changed variable wins over what the old one had become', async () => {
  const server = await startTokenServer(...answers(R2, R3));
  const store = fileStore(temporaryFolder(), () => undefined);
  await (await open(server, { login: environment, store })).token();
  const changed = await open(server, { login: { refreshToken: new Secret(refreshToken('new')) }, store });
  expect([await changed.token(), sentTokens(server)]).toEqual(['aoa2', ['one', 'new']]);
});

test('a kept token that is dead gives way to the configured one', async () => {
  const server = await startTokenServer(...answers(R2), DEAD, { body: { accessToken: 'aoa3', expiresIn: 3600 } });
  const { clock, token } = await open(server, { login: environment });
  await token();
  clock.now += 60 * MINUTE;
  expect([await token(), sentTokens(server)]).toEqual(['aoa3', ['one', 'two', 'one']]);
});

test('a state folder that cannot be written does not end the session', async () => {
  const server = await startTokenServer(...answers(R2, R3));
  const blocked = join(temporaryFolder(), 'file');
  writeFileSync(blocked, '');
  const told: string[] = [];
  const { clock, token } = await open(server, { login: environment, store: fileStore(blocked, (it) => told.push(it)) });
  const served = [await token()];
  clock.now += 60 * MINUTE;
  served.push(await token());
  expect([served, sentTokens(server), told.length]).toEqual([['aoa1', 'aoa2'], ['one', 'two'], 2]);
});

test('a fresher token in the file wins without a request', async () => {
  const server = await startTokenServer();
  const path = join(temporaryFolder(), 'login.json');
  const { clock, token } = await open(server, {
    login: loginFile(path, 30, { refreshToken: R1, accessToken: 'aoa-old' }),
  });
  await token();
  loginFile(path, 90, { refreshToken: R2, accessToken: 'aoa-new' });
  clock.now = START + 30 * MINUTE;
  expect([await token(), server.requests]).toEqual(['aoa-new', []]);
});

test('a staler token in the file does not replace the one at hand', async () => {
  const arrived = gate();
  const server = await startTokenServer(() => {
    arrived.open();
    return { body: { accessToken: 'aoa1', expiresIn: 3600 } };
  });
  const path = join(temporaryFolder(), 'login.json');
  const login = loginFile(path, 30, { refreshToken: R1, accessToken: 'aoa-old' });
  const { session, clock, token } = await open(server, { login });
  loginFile(path, 25, { refreshToken: R1, accessToken: 'aoa-staler' });
  clock.now = START + 20 * MINUTE;
  const served = await token();
  await arrived.opened;
  const renewed = await session.forceRefresh(new Secret('aoa-old'), UNWATCHED);
  expect([served, renewed.token.reveal(), sentTokens(server)]).toEqual(['aoa-old', 'aoa1', ['one']]);
});

test('of the kept and the configured access token the one that lives longer is used', async () => {
  const server = await startTokenServer(...answers(R2));
  const path = join(temporaryFolder(), 'login.json');
  const store = memoryStore();
  await (
    await open(server, { login: loginFile(path, 0, { refreshToken: R1, accessToken: 'aoa-old' }), store })
  ).token();
  const login = loginFile(path, 90, { refreshToken: R1, accessToken: 'aoa-new' });
  const { session, token } = await open(server, { login, store });
  const served = await token();
  await session.forceRefresh(new Secret('aoa-new'), UNWATCHED);
  expect([served, sentTokens(server)]).toEqual(['aoa-new', ['one', 'two']]);
});

test('without a threshold a token is still renewed a minute before its end', async () => {
  const server = await startTokenServer(...answers(R2));
  const login = loginFile(join(temporaryFolder(), 'login.json'), 1, { refreshToken: R1, accessToken: 'aoa-file' });
  const { token } = await open(server, { login, refreshAheadSeconds: 0 });
  expect(await token()).toBe('aoa1');
});

test('a refused token is replaced by the other one in the file', async () => {
  const server = await startTokenServer();
  const path = join(temporaryFolder(), 'login.json');
  const { session } = await open(server, { login: loginFile(path, 30, { refreshToken: R1, accessToken: 'aoa-old' }) });
  loginFile(path, 20, { refreshToken: R2, accessToken: 'aoa-new' });
  const access = await session.forceRefresh(new Secret('aoa-old'), UNWATCHED);
  expect([access.token.reveal(), server.requests]).toEqual(['aoa-new', []]);
});

test('a new login in the file is used, even when its access token has expired', async () => {
  const server = await startTokenServer(...answers(R3));
  const path = join(temporaryFolder(), 'login.json');
  const { clock, token } = await open(server, {
    login: loginFile(path, 30, { refreshToken: R1, accessToken: 'aoa-old' }),
  });
  loginFile(path, 0, { refreshToken: R2, accessToken: 'aoa-new' });
  clock.now = START + 30 * MINUTE;
  expect([await token(), sentTokens(server)]).toEqual(['aoa1', ['two']]);
});

test('a refusal while somebody else renews the file is followed by one more try with the new token', async () => {
  const path = join(temporaryFolder(), 'login.json');
  const rewrite = (request: TokenRequest): typeof DEAD => {
    if (request.body.includes(R1)) loginFile(path, 0, { refreshToken: R2, accessToken: 'aoa-new' });
    return DEAD;
  };
  const server = await startTokenServer(rewrite, { body: { accessToken: 'aoa2', expiresIn: 3600 } });
  const { token } = await open(server, { login: loginFile(path, 0, { refreshToken: R1, accessToken: 'aoa-old' }) });
  expect([await token(), sentTokens(server)]).toEqual(['aoa2', ['one', 'two']]);
});

test('a login file that vanishes or breaks is told, and the login held goes on', async () => {
  const server = await startTokenServer(...answers(R2));
  const path = join(temporaryFolder(), 'login.json');
  const { clock, token, notices } = await open(server, {
    login: loginFile(path, 30, { refreshToken: R1, accessToken: 'aoa-old' }),
  });
  writeFileSync(path, `${R1}{`);
  clock.now = START + 30 * MINUTE;
  expect([await token(), notices]).toEqual([
    'aoa1',
    [
      `The Kiro login could not be read again: The login file ${path} is not JSON; sign in again so that it is written anew.`,
    ],
  ]);
});

test("Kiro's own file is never written", async () => {
  const server = await startTokenServer(...answers(R2));
  const path = join(temporaryFolder(), 'login.json');
  const login = loginFile(path, 0, { refreshToken: R1, accessToken: 'aoa-old' });
  const before = readFileSync(path, 'utf8');
  await (await open(server, { login })).token();
  expect(readFileSync(path, 'utf8')).toBe(before);
});
