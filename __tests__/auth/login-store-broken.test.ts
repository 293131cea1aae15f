/** Stored logins that are damaged, gone, half written or changed by others: told in a sentence, and never lost. */

import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { fakeKeytar, noKeytar } from '../support/fake-keytar.js';
import {
  type World,
  AUTO,
  IN_FILE,
  IN_KEYCHAIN,
  NO_LIBRARY,
  OIDC,
  open,
  OTHER,
  places,
  snapshot,
  SOCIAL,
} from './login-world.js';
import { failureOf, revealed } from './support.js';

function checkUnreadable(title: string, sentence: string, spoil: (world: World) => void, options = IN_FILE): void {
  test(title, async () => {
    const world = open();
    await world.logins.saveLogin('work', SOCIAL, options);
    spoil(world);
    const before = snapshot(world);
    const failure = await failureOf(() => open(world).logins.readLogin('work'));
    expect(failure).toBe(`not-logged-in: ${sentence.replace('FILE', join(world.data, 'logins', 'work~1.json'))}`);
    expect(snapshot(world)).toEqual(before);
    await open(world).logins.saveLogin('work', OTHER, options);
    expect(revealed((await world.logins.readLogin('work'))?.credential)).toEqual(revealed(OTHER));
  });
}

const AGAIN = 'run `kiro-gateway login --profile work` again.';
const SPOILED = [
  ['cut short', '{"credential":{"kind":"social","refreshToken":"aor-'],
  ['empty', ''],
  ['of an unknown kind', '{"credential":{"kind":"aor-secret","region":"us-east-1"}}'],
  ['without a token', '{"credential":{"kind":"social","region":"us-east-1"}}'],
] as const;
for (const [what, text] of SPOILED) {
  checkUnreadable(
    `a file that is ${what} is said to be damaged, and written only by a new login`,
    `The login work in the file FILE is damaged; ${AGAIN}`,
    ({ data }) => writeFileSync(join(data, 'logins', 'work~1.json'), text),
  );
}
checkUnreadable(
  'an entry of the keychain that is cut short is said to be damaged, and written only by a new login',
  `The login work in the keychain is damaged; ${AGAIN}`,
  ({ items }) => items.set('work~1', '{"credential":{"kind":"social","refreshToken":"aor-'),
  IN_KEYCHAIN,
);
checkUnreadable(
  'a file that is gone is told',
  `The login work in the file FILE does not exist any more; ${AGAIN}`,
  ({ data }) => rmSync(join(data, 'logins', 'work~1.json')),
);
checkUnreadable(
  'an entry that the keychain does not have, or does not show, is told',
  `The login work in the keychain does not exist any more, or the keychain is locked; unlock it, or ${AGAIN}`,
  ({ items }) => items.clear(),
  IN_KEYCHAIN,
);

test('a keychain that fails when a login is read is told in its own words', async () => {
  const world = open();
  await world.logins.saveLogin('default', SOCIAL, IN_KEYCHAIN);
  expect(await failureOf(() => open({ ...world, load: noKeytar }).logins.readLogin('default'))).toBe(
    `not-logged-in: ${NO_LIBRARY} The login default in the keychain cannot be read; correct that, or run \`kiro-gateway login\` again.`,
  );
});

test('a damaged list is told, left as it is, and begun anew by a new login', async () => {
  const world = open();
  await world.logins.saveLogin('work', SOCIAL, IN_FILE);
  writeFileSync(world.list, '{"logins":[{"name":"wo');
  const sentence = `not-logged-in: The list of logins ${world.list} is damaged; run \`kiro-gateway login\` again.`;
  const { logins } = world;
  const actions = [logins.listLogins, () => logins.readLogin('work'), () => logins.removeLogin('work')];
  for (const action of actions) expect(await failureOf(action)).toBe(sentence);
  expect(readFileSync(world.list, 'utf8')).toBe('{"logins":[{"name":"wo');
  await logins.saveLogin('default', OTHER, IN_FILE);
  expect({ names: (await logins.listLogins()).map((it) => it.name), notices: world.notices }).toEqual({
    names: ['default'],
    notices: ['The list of logins was damaged and begins anew; logins under other names have to be saved again.'],
  });
});

test('symbolic links are neither read nor written through', async () => {
  const world = open();
  await world.logins.saveLogin('default', SOCIAL, IN_FILE);
  const target = join(dirname(world.data), 'theirs');
  writeFileSync(target, 'theirs');
  rmSync(world.list);
  symlinkSync(target, world.list);
  const sentence = `forbidden: The gateway's file ${world.list} is a symbolic link; remove it and try again.`;
  expect(await failureOf(() => world.logins.listLogins())).toBe(sentence);
  expect(await failureOf(() => world.logins.saveLogin('default', OTHER, IN_FILE))).toBe(sentence);
  expect(readFileSync(target, 'utf8')).toBe('theirs');
});

// --- half a step

test('when the list cannot be written, the old login stays where it is and no new secret does', async () => {
  const world = open();
  await world.logins.saveLogin('default', SOCIAL, IN_FILE);
  const [list, before] = [readFileSync(world.list), places(world)];
  // The new secret has been written, and is read back.
  const blocked = fakeKeytar({
    items: world.items,
    before(call, account) {
      if (call !== 'get' || account !== 'default~1') return;
      // A folder in its place lets nothing be renamed over it.
      rmSync(world.list);
      mkdirSync(world.list);
    },
  });
  const failure = await failureOf(() =>
    open({ ...world, load: blocked.load }).logins.saveLogin('default', OTHER, IN_KEYCHAIN),
  );
  rmSync(world.list, { recursive: true });
  writeFileSync(world.list, list, { mode: 0o600 });
  const found = await world.logins.readLogin('default');
  expect({ failure, found: revealed(found?.credential), ...places(world) }).toEqual({
    failure: `forbidden: The gateway's file ${world.list} cannot be written (EISDIR); correct that and try again.`,
    found: revealed(SOCIAL),
    ...before,
  });
});

test('a crash between the new secret and the list leaves the old login readable, and the next login mends it', async () => {
  const world = open();
  await world.logins.saveLogin('default', OTHER, IN_KEYCHAIN);
  const text = world.items.get('default~1') ?? '';
  await world.logins.saveLogin('default', SOCIAL, IN_FILE);
  world.items.set('default~1', text);
  const crashed = revealed((await world.logins.readLogin('default'))?.credential);
  await world.logins.saveLogin('default', OIDC, IN_FILE);
  const mended = revealed((await world.logins.readLogin('default'))?.credential);
  expect({ crashed, mended, ...places(world) }).toEqual({
    crashed: revealed(SOCIAL),
    mended: revealed(OIDC),
    keychain: [],
    files: ['default~1.json'],
  });
});

test('a keychain that fails in the middle of a new login leaves the old one as it was', async () => {
  const world = open({ platform: 'win32' });
  await world.logins.saveLogin('default', SOCIAL, IN_KEYCHAIN);
  let writes = 0;
  const failing = fakeKeytar({
    items: world.items,
    before(call, account) {
      if (call === 'set' && account !== 'trial' && ++writes === 2) throw new Error('no more room');
    },
  });
  const spoilt = open({ ...world, platform: 'win32', load: failing.load }).logins;
  const failure = await failureOf(() => spoilt.saveLogin('default', OIDC, IN_KEYCHAIN));
  expect([failure, revealed((await world.logins.readLogin('default'))?.credential)]).toEqual([
    'forbidden: The keychain refused to store the entry. The login was not saved; `--store file` keeps it in a private file.',
    revealed(SOCIAL),
  ]);
});

test('changes at the same moment lose no login', async () => {
  const world = open();
  const names = Array.from({ length: 12 }, (_, index) => `login-${index}`);
  await Promise.all(names.map((it) => open(world).logins.saveLogin(it, SOCIAL, AUTO)));
  const listed = (await world.logins.listLogins()).map((it) => it.name);
  expect(listed.toSorted()).toEqual(names.toSorted());
});

test('a login that is moved while it is read is read as the new one', async () => {
  const world = open();
  await world.logins.saveLogin('default', SOCIAL, IN_KEYCHAIN);
  let reads = 0;
  const replacing = fakeKeytar({
    items: world.items,
    async before(call) {
      if (call === 'get' && ++reads === 1) await world.logins.saveLogin('default', OTHER, IN_FILE);
    },
  });
  const found = await open({ ...world, load: replacing.load }).logins.readLogin('default');
  expect(revealed(found?.credential)).toEqual(revealed(OTHER));
});
