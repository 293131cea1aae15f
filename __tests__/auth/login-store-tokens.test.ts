/** What a session renews: it rests with the login that it belongs to, and with no other. */

import { expect, test } from '@jest/globals';
import { digestOf, type SocialCredential } from '../../src/auth/credential.js';
import { Secret } from '../../src/core/secret.js';
import { lockedKeytar } from '../support/fake-keytar.js';
import { startTokenServer } from '../support/token-server.js';
import { IN_FILE, IN_KEYCHAIN, NOW, OIDC, open, OTHER, places, RENEWED, SOCIAL } from './login-world.js';
import { revealed } from './support.js';
import { answers, environment, MINUTE, open as openSession, R1, R2, R3, sentTokens } from './world.js';

for (const options of [IN_KEYCHAIN, IN_FILE]) {
  test(`renewed tokens rest with their login in the ${options.store}, which stays the login it was`, async () => {
    const world = open();
    await world.logins.saveLogin('default', { ...OIDC, profileArn: undefined }, options);
    const before = places(world);
    await world.logins.tokenStore('default').write(digestOf(OIDC), RENEWED, 'gateway');
    const later = open(world).logins;
    const login = await later.readLogin('default');
    expect({
      tokens: revealed(await later.tokenStore('default').read(digestOf(OIDC))),
      login: revealed([login?.credential, login?.tokens]),
      facts: [login?.facts.lastRefresh, login?.facts.savedAt],
      ...places(world),
      notices: world.notices,
    }).toEqual({
      tokens: revealed(RENEWED),
      login: revealed([{ ...OIDC, profileArn: undefined }, RENEWED]),
      facts: [{ by: 'gateway', at: NOW }, NOW],
      ...before,
      notices: [],
    });
  });
}

test('tokens of another login are neither given nor kept: the person has signed in anew', async () => {
  const { logins, notices } = open();
  await logins.saveLogin('default', SOCIAL, IN_KEYCHAIN);
  const tokens = logins.tokenStore('default');
  await tokens.write(digestOf(SOCIAL), RENEWED, 'gateway');
  await logins.saveLogin('default', OTHER, IN_KEYCHAIN);
  await tokens.write(digestOf(SOCIAL), RENEWED, 'gateway');
  const found = [await tokens.read(digestOf(SOCIAL)), await tokens.read(digestOf(OTHER))];
  expect({ found, login: revealed((await logins.readLogin('default'))?.credential), notices }).toEqual({
    found: [undefined, undefined],
    login: revealed(OTHER),
    notices: [],
  });
});

const HOUR = 3_600_000;

for (const [what, expiresAt, areKept] of [
  ['lives longer', NOW + 2 * HOUR, false],
  ['ends earlier', NOW - HOUR, true],
  ['claims to live for years', NOW + 10_000 * HOUR, true],
] as const) {
  test(`of the same refresh token, an access token that ${what} ${areKept ? 'does not replace' : 'replaces'} ours`, async () => {
    const { logins } = open();
    await logins.saveLogin('default', SOCIAL, IN_FILE);
    const tokens = { ...RENEWED, refreshToken: SOCIAL.refreshToken, expiresAt: NOW + HOUR };
    await logins.tokenStore('default').write(digestOf(SOCIAL), tokens, 'gateway');
    await logins.saveLogin('default', { ...SOCIAL, expiresAt }, IN_FILE);
    expect(revealed((await logins.readLogin('default'))?.tokens)).toEqual(areKept ? revealed(tokens) : undefined);
  });
}

test('tokens of a login that was removed are not kept', async () => {
  const world = open();
  await world.logins.saveLogin('default', SOCIAL, IN_KEYCHAIN);
  await world.logins.removeLogin('default');
  await world.logins.tokenStore('default').write(digestOf(SOCIAL), RENEWED, 'gateway');
  expect({ ...places(world), list: await world.logins.listLogins() }).toEqual({ keychain: [], files: [], list: [] });
});

test('a keychain that was locked meanwhile ends no session: the tokens last until the gateway stops', async () => {
  const world = open();
  await world.logins.saveLogin('default', SOCIAL, IN_KEYCHAIN);
  const tokens = open({ ...world, load: lockedKeytar().load }).logins.tokenStore('default');
  expect(await tokens.read(digestOf(SOCIAL))).toBeUndefined();
  await tokens.write(digestOf(SOCIAL), RENEWED, 'gateway');
  const sentence =
    'The login default in the keychain does not exist any more, or the keychain is locked; unlock it, or run `kiro-gateway login` again.';
  expect(world.notices).toEqual([
    sentence,
    `${sentence} The renewed tokens of the login default last until the gateway stops.`,
  ]);
});

test('a session renews a stored login again and again, and the next run begins where it ended', async () => {
  const [stored, server] = [open(), await startTokenServer(...answers(R2, R3))];
  const credential: SocialCredential = { ...SOCIAL, refreshToken: new Secret(R1), expiresAt: 0 };
  await stored.logins.saveLogin('default', credential, IN_KEYCHAIN);
  const login = { login: environment, clock: { now: NOW } };
  const first = await openSession(server, { ...login, store: stored.logins.tokenStore('default') });
  const tokens = [await first.token()];
  first.clock.now += 60 * MINUTE;
  tokens.push(await first.token());
  const next = await openSession(server, { ...login, store: open(stored).logins.tokenStore('default') });
  tokens.push(await next.token());
  expect({ tokens, sent: sentTokens(server), notices: stored.notices }).toEqual({
    tokens: ['aoa1', 'aoa2', 'aoa2'],
    sent: ['one', 'two'],
    notices: [],
  });
});
