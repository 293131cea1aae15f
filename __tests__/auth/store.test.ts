/** What rests on the disk: private, whole, and never in the way of a working login. */

import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Tokens } from '../../src/auth/credential.js';
import { readPrivateFile, removePrivateFile, writePrivateFile } from '../../src/auth/files.js';
import { fileStore, memoryStore } from '../../src/auth/store.js';
import { Secret } from '../../src/core/secret.js';
import { ARN, expectNoSecret, failureOf, refreshToken, revealed } from './support.js';
import { temporaryFolder } from '../support/folder.js';

const DIGEST = 'd'.repeat(64);
const TOKENS: Tokens = {
  refreshToken: new Secret(refreshToken('kept')),
  accessToken: new Secret('aoa-kept-0123456789-0123456789'),
  expiresAt: 1_785_000_000_000,
  profileArn: ARN,
};

test('tokens are read as they were written, by another store too', async () => {
  const state = join(temporaryFolder(), 'state');
  const notices: string[] = [];
  await fileStore(state, (it) => notices.push(it)).write(DIGEST, TOKENS, 'gateway');
  const found = await fileStore(state, (it) => notices.push(it)).read(DIGEST);
  expect(revealed({ found, notices })).toEqual(revealed({ found: TOKENS, notices: [] }));
  expectNoSecret(found, refreshToken('kept'), 'aoa-kept-0123456789-0123456789');
});

test('tokens are private: 0600 in folders of 0700, with nothing left over', async () => {
  const state = join(temporaryFolder(), 'state');
  await fileStore(state, () => undefined).write(DIGEST, TOKENS, 'gateway');
  const modes = ['.', 'tokens', `tokens/${DIGEST}.json`].map((it) =>
    (statSync(join(state, it)).mode & 0o777).toString(8),
  );
  expect({ modes, names: readdirSync(join(state, 'tokens')) }).toEqual({
    modes: ['700', '700', '600'],
    names: [`${DIGEST}.json`],
  });
});

test('what nobody has renewed for half a year is removed when something is written', async () => {
  const state = temporaryFolder();
  const store = fileStore(state, () => undefined);
  const day = 24 * 3_600;
  for (const [name, days] of [
    ['forgotten', 181],
    ['kept', 179],
  ] as const) {
    await store.write(name, TOKENS, 'gateway');
    const time = Date.now() / 1000 - days * day;
    utimesSync(join(state, 'tokens', `${name}.json`), time, time);
  }
  await store.write(DIGEST, TOKENS, 'gateway');
  expect(readdirSync(join(state, 'tokens')).toSorted()).toEqual([`${DIGEST}.json`, 'kept.json']);
});

test('a digest that was never written has no tokens', async () => {
  const notices: string[] = [];
  const found = await fileStore(temporaryFolder(), (it) => notices.push(it)).read(DIGEST);
  expect({ found, notices }).toEqual({ found: undefined, notices: [] });
});

function checkCorrupt(title: string, text: string): void {
  test(title, async () => {
    const state = temporaryFolder();
    const path = join(state, 'tokens', `${DIGEST}.json`);
    const notices: string[] = [];
    const store = fileStore(state, (it) => notices.push(it));
    mkdirSync(join(state, 'tokens'));
    writeFileSync(path, text);
    expect(await store.read(DIGEST)).toBeUndefined();
    await store.write(DIGEST, TOKENS, 'gateway');
    expect(revealed(await store.read(DIGEST))).toEqual(revealed(TOKENS));
    expect(notices).toEqual([`The renewed tokens in ${path} cannot be read and are ignored.`]);
  });
}

checkCorrupt('a file cut short is ignored, told and overwritten', '{"refreshToken":"aor');
checkCorrupt('a file without a token is ignored, told and overwritten', '{"refreshToken":""}');
checkCorrupt('an empty file is ignored, told and overwritten', '');

test('a folder that cannot be written is told and no more', async () => {
  const blocked = join(temporaryFolder(), 'file');
  writeFileSync(blocked, '');
  const notices: string[] = [];
  await fileStore(blocked, (it) => notices.push(it)).write(DIGEST, TOKENS, 'gateway');
  expect(notices).toEqual([
    `The renewed tokens cannot be written to ${join(blocked, 'tokens', `${DIGEST}.json`)}; they last until the gateway stops.`,
  ]);
});

test('the memory store remembers without a disk', async () => {
  const store = memoryStore();
  await store.write(DIGEST, TOKENS, 'gateway');
  expect(revealed([await store.read(DIGEST), await store.read('other')])).toEqual([revealed(TOKENS), undefined]);
});

test('a private file is replaced as a whole, and its folder made private', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'key');
  mkdirSync(join(folder, 'shared'), { mode: 0o755 });
  await writePrivateFile(path, 'a long text');
  await writePrivateFile(path, 'short');
  await writePrivateFile(join(folder, 'shared', 'key'), 'x');
  const mode = statSync(join(folder, 'shared')).mode & 0o777;
  expect({ text: await readPrivateFile(path, 100), names: readdirSync(folder), mode }).toEqual({
    text: 'short',
    names: ['key', 'shared'],
    mode: 0o700,
  });
});

test('a private file that does not exist reads as undefined', async () => {
  expect(await readPrivateFile(join(temporaryFolder(), 'key'), 100)).toBeUndefined();
});

test('a private file that others may read is theirs no more once it was read', async () => {
  const path = join(temporaryFolder(), 'key');
  writeFileSync(path, 'open to all', { mode: 0o644 });
  expect([await readPrivateFile(path, 100), (statSync(path).mode & 0o777).toString(8)]).toEqual(['open to all', '600']);
});

test('symbolic links are neither read nor written through', async () => {
  const folder = temporaryFolder();
  const [target, link] = [join(folder, 'target'), join(folder, 'link')];
  writeFileSync(target, 'theirs');
  symlinkSync(target, link);
  const refusal = `forbidden: The gateway's file ${link} is a symbolic link; remove it and try again.`;
  expect(await failureOf(() => readPrivateFile(link, 100))).toBe(refusal);
  expect(await failureOf(() => writePrivateFile(link, 'ours'))).toBe(refusal);
  expect({ text: readFileSync(target, 'utf8'), names: readdirSync(folder) }).toEqual({
    text: 'theirs',
    names: ['link', 'target'],
  });
});

test('a private file that is too large is refused', async () => {
  const path = join(temporaryFolder(), 'key');
  writeFileSync(path, 'x'.repeat(101));
  expect(await failureOf(() => readPrivateFile(path, 100))).toBe(
    `forbidden: The gateway's file ${path} is too large; remove it and try again.`,
  );
});

test('what a killed writer has left goes with the next write of the file, and all of it when the file goes', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'login.json');
  for (const name of ['login.json.1.tmp', 'login.json.2.tmp', 'other.json.3.tmp'])
    writeFileSync(join(folder, name), 'x');
  utimesSync(join(folder, 'login.json.1.tmp'), 1_000_000, 1_000_000);
  await writePrivateFile(path, 'new');
  const written = readdirSync(folder).toSorted();
  await removePrivateFile(path);
  expect([written, readdirSync(folder)]).toEqual([
    ['login.json', 'login.json.2.tmp', 'other.json.3.tmp'],
    ['other.json.3.tmp'],
  ]);
});
