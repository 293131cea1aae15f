/** Stored logins: whole after a round trip, private, and in one place at a time. */

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Credential } from '../../src/auth/credential.js';
import type { KeytarModule } from '../../src/auth/keychain.js';
import type { SaveOptions } from '../../src/auth/login-store.js';
import { fakeKeytar, lockedKeytar, noKeytar } from '../support/fake-keytar.js';
import {
  API_KEY,
  AUTO,
  EXTERNAL,
  IN_FILE,
  IN_KEYCHAIN,
  NO_LIBRARY,
  NOTHING_KNOWN,
  OIDC,
  open,
  OTHER,
  places,
  SOCIAL,
} from './login-world.js';
import { expectNoSecret, failureOf, refreshToken, revealed } from './support.js';

// --- round trips

function checkRoundTrip(title: string, credential: Credential): void {
  for (const options of [IN_KEYCHAIN, IN_FILE]) {
    test(`${title} is read from the ${options.store} as it was saved, with all its fields`, async () => {
      const world = open();
      const facts = await world.logins.saveLogin('default', credential, options);
      const found = await open(world).logins.readLogin('default');
      expect(revealed(found)).toEqual(revealed({ credential, facts }));
      expect(Object.keys(found?.credential ?? {}).toSorted()).toEqual(Object.keys(credential).toSorted());
      expectNoSecret(found, refreshToken('one'), 'aoa-one-0123456789-0123456789', 'ksk_0123456789-0123456789');
    });
  }
}

checkRoundTrip('a social login', SOCIAL);
checkRoundTrip('an AWS login', OIDC);
checkRoundTrip('an AWS login of which little is known', {
  ...OIDC,
  ...NOTHING_KNOWN,
  provider: undefined,
  registrationExpiresAt: undefined,
});
checkRoundTrip("a login of an organisation's own provider", EXTERNAL);
checkRoundTrip('a login without scopes', { ...EXTERNAL, ...NOTHING_KNOWN, scopes: [] });
checkRoundTrip('an API key', API_KEY);

test('the list says what each login is, and holds no secret', async () => {
  const world = open();
  await world.logins.saveLogin('default', { ...OIDC, profileArn: undefined }, IN_KEYCHAIN);
  await world.logins.saveLogin('__proto__', API_KEY, { store: 'file', source: { name: 'prompt', path: undefined } });
  expect(revealed(await world.logins.listLogins())).toEqual([
    {
      name: 'default',
      store: 'keychain',
      account: 'AWS IAM Identity Center',
    },
    {
      name: '__proto__',
      store: 'file',
      account: 'Kiro API key',
    },
  ]);
  expectNoSecret(readFileSync(world.list, 'utf8'), refreshToken('one'), 'ksk_0123456789-0123456789', 'aor-client-s');
});

test('what rests on the disk is private', async () => {
  const world = open();
  await world.logins.saveLogin('work', SOCIAL, IN_FILE);
  const modes = ['.', 'logins.json', 'logins', 'logins/work~1.json'].map((it) =>
    (statSync(join(world.data, it)).mode & 0o777).toString(8),
  );
  expect({ modes, state: readdirSync(world.state) }).toEqual({ modes: ['700', '600', '700', '600'], state: [] });
});

test('a login that was never saved reads as none, and there is nothing to list or to remove', async () => {
  const { logins } = open();
  expect([await logins.readLogin('default'), await logins.listLogins(), await logins.removeLogin('default')]).toEqual([
    undefined,
    [],
    false,
  ]);
});

// --- choosing a store

test('with a keychain, auto keeps no secret on the disk and says nothing', async () => {
  const world = open();
  const { store } = await world.logins.saveLogin('default', SOCIAL, AUTO);
  expect({ store, ...places(world), notices: world.notices }).toEqual({
    store: 'keychain',
    keychain: ['default~1'],
    files: [],
    notices: [],
  });
});

function checkFallback(title: string, reason: string, load: () => Promise<KeytarModule>): void {
  test(`${title}, auto takes the file and says why`, async () => {
    const world = open({ load });
    const { store } = await world.logins.saveLogin('default', SOCIAL, AUTO);
    const found = await world.logins.readLogin('default');
    expect({ store, found: revealed(found?.credential), notices: world.notices }).toEqual({
      store: 'file',
      found: revealed(SOCIAL),
      notices: [
        `${reason} The login is kept in the file ${join(world.data, 'logins', 'default~1.json')} instead, which only you can read.`,
      ],
    });
  });

  test(`${title}, the keychain alone is refused, and nothing is saved`, async () => {
    const world = open({ load });
    const failure = await failureOf(() => world.logins.saveLogin('default', SOCIAL, IN_KEYCHAIN));
    expect({ failure, list: await world.logins.listLogins(), files: places(world).files }).toEqual({
      failure: `forbidden: ${reason} The login was not saved; \`--store file\` keeps it in a private file.`,
      list: [],
      files: [],
    });
  });
}

checkFallback('without keytar', NO_LIBRARY, noKeytar);
checkFallback('with a locked keychain', 'The keychain is locked.', lockedKeytar().load);
checkFallback(
  'with a keychain that takes the trial and nothing else',
  'The keychain refused to store the entry.',
  fakeKeytar({
    before(call, account) {
      if (call === 'set' && account !== 'trial') throw new Error('no more room');
    },
  }).load,
);

test('file takes the file and says nothing, keychain or not', async () => {
  const world = open({ load: noKeytar });
  await world.logins.saveLogin('default', SOCIAL, IN_FILE);
  expect(world.notices).toEqual([]);
});

// --- saving again

function checkMove(title: string, from: SaveOptions, to: SaveOptions, left: object): void {
  test(title, async () => {
    const world = open();
    await world.logins.saveLogin('default', SOCIAL, from);
    await world.logins.saveLogin('default', OTHER, to);
    const found = await world.logins.readLogin('default');
    const listed = (await world.logins.listLogins()).map(({ name, store }) => [name, store]);
    expect({ found: revealed(found?.credential), listed, ...places(world), notices: world.notices }).toEqual({
      found: revealed(OTHER),
      listed: [['default', to.store]],
      ...left,
      notices: [],
    });
  });
}

checkMove('a new login replaces the old one in the keychain', IN_KEYCHAIN, IN_KEYCHAIN, {
  keychain: ['default~1'],
  files: [],
});
checkMove('a new login replaces the old one in the file', IN_FILE, IN_FILE, {
  keychain: [],
  files: ['default~1.json'],
});
checkMove('a login that moves to the keychain leaves no file', IN_FILE, IN_KEYCHAIN, {
  keychain: ['default~1'],
  files: [],
});
checkMove('a login that moves to the file leaves nothing in the keychain', IN_KEYCHAIN, IN_FILE, {
  keychain: [],
  files: ['default~1.json'],
});

test('an old login that cannot be removed from the keychain is told', async () => {
  const world = open();
  await world.logins.saveLogin('default', SOCIAL, IN_KEYCHAIN);
  await open({ ...world, load: lockedKeytar().load }).logins.saveLogin('default', OTHER, IN_FILE);
  expect(world.notices).toEqual([
    'The old login could not be removed from the keychain; remove the entries of kiro-gateway there by hand.',
  ]);
});

// --- removing

test('removing takes every part from every store, and leaves other logins alone', async () => {
  const world = open({ platform: 'win32' });
  await world.logins.saveLogin('work', OIDC, IN_KEYCHAIN);
  await world.logins.saveLogin('home', SOCIAL, IN_FILE);
  // What a crash may have left elsewhere.
  writeFileSync(join(world.data, 'logins', 'work~1.json'), 'left over');
  const removed = [await world.logins.removeLogin('work'), await world.logins.removeLogin('work')];
  const names = (await world.logins.listLogins()).map((it) => it.name);
  expect({ removed, names, ...places(world) }).toEqual({
    removed: [true, false],
    names: ['home'],
    keychain: [],
    files: ['home~1.json'],
  });
});

test('a login in a locked keychain is not said to be removed', async () => {
  const world = open();
  await world.logins.saveLogin('default', SOCIAL, IN_KEYCHAIN);
  const locked = open({ ...world, load: lockedKeytar().load });
  const failure = await failureOf(() => locked.logins.removeLogin('default'));
  expect([failure, (await world.logins.listLogins()).length]).toEqual([
    'forbidden: The keychain is locked. The login default is still there; try again when that is fixed.',
    1,
  ]);
});

test('a login in a keychain that cannot be loaded any more is not said to be removed', async () => {
  const world = open();
  await world.logins.saveLogin('default', SOCIAL, IN_KEYCHAIN);
  const failure = await failureOf(() => open({ ...world, load: noKeytar }).logins.removeLogin('default'));
  expect(failure).toBe(`forbidden: ${NO_LIBRARY} The login default is still there; try again when that is fixed.`);
});

test('a login that was removed from the keychain by hand is taken off the list', async () => {
  const world = open();
  await world.logins.saveLogin('default', SOCIAL, IN_KEYCHAIN);
  world.items.clear();
  expect([await world.logins.removeLogin('default'), await world.logins.listLogins()]).toEqual([true, []]);
});

test('a login in a file is removed where there is no keychain', async () => {
  const world = open({ load: noKeytar });
  await world.logins.saveLogin('default', SOCIAL, IN_FILE);
  expect([await world.logins.removeLogin('default'), places(world).files]).toEqual([true, []]);
});

// --- names

for (const name of ['', 'a/b', '../x', 'a b', 'ä', 'x'.repeat(65), 'work~1']) {
  test(`a login cannot be called ${JSON.stringify(name)}`, async () => {
    const { logins } = open();
    const sentence = 'invalid-request: The name of a login has 1 to 64 letters, digits, dots, dashes and underscores.';
    expect(await failureOf(() => logins.saveLogin(name, SOCIAL, IN_FILE))).toBe(sentence);
    expect(await failureOf(() => logins.readLogin(name))).toBe(sentence);
    expect(await failureOf(() => logins.removeLogin(name))).toBe(sentence);
  });
}

test('two logins cannot differ in capitals alone, because some keychains and disks do not see it', async () => {
  const { logins } = open();
  await logins.saveLogin('Work', SOCIAL, IN_FILE);
  expect(await failureOf(() => logins.saveLogin('work', OTHER, IN_FILE))).toBe(
    'invalid-request: There is a login Work already; write it so, or choose a name that differs in more than capitals.',
  );
});

test('a login is not removed under a name that differs in capitals alone: on some disks its secrets would go', async () => {
  const world = open();
  await world.logins.saveLogin('Work', SOCIAL, IN_FILE);
  expect(await failureOf(() => world.logins.removeLogin('work'))).toBe(
    'invalid-request: There is a login Work already; write it so, or choose a name that differs in more than capitals.',
  );
  expect(places(world).files).toEqual(['Work~1.json']);
});

test('names that mean something to a file system or to JavaScript are names like others', async () => {
  const { logins } = open();
  for (const name of ['.', '..', '__proto__', 'constructor']) await logins.saveLogin(name, SOCIAL, IN_FILE);
  expect((await logins.listLogins()).map((it) => it.name)).toEqual(['.', '..', '__proto__', 'constructor']);
  expect(revealed((await logins.readLogin('..'))?.credential)).toEqual(revealed(SOCIAL));
});
