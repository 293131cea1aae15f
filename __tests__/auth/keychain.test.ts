/** The keychain through keytar: what is asked of it, how long it is waited for, and what its failures mean. */

import { expect, test } from '@jest/globals';
import { createKeychain, type Keychain, type KeytarModule } from '../../src/auth/keychain.js';
import { type FakeOptions, fakeKeytar, lockedKeytar, noKeytar, patience } from '../support/fake-keytar.js';
import { expectNoSecret, failureOf, refreshToken } from './support.js';

const TOKEN = refreshToken('kept');

test('an entry is read as it was written, overwritten and deleted', async () => {
  const fake = fakeKeytar();
  const keychain = open(fake.load);
  await keychain.set('default~1', TOKEN);
  const first = await keychain.get('default~1');
  await keychain.set('default~1', 'short');
  const second = await keychain.get('default~1');
  const items = [...fake.items];
  const deleted = [await keychain.delete('default~1'), await keychain.delete('default~1')];
  expect({ first, second, items, deleted, third: await keychain.get('default~1') }).toEqual({
    first: TOKEN,
    second: 'short',
    items: [['default~1', 'short']],
    deleted: [true, false],
    third: undefined,
  });
});

test('keytar is loaded once, and not before it is asked for something', async () => {
  let loads = 0;
  const keychain = open(() => {
    loads++;
    return fakeKeytar().load();
  });
  const before = loads;
  await Promise.all([keychain.get('a'), keychain.get('b')]);
  expect([before, loads]).toEqual([0, 1]);
});

test('every write is read back', async () => {
  const fake = fakeKeytar();
  await open(fake.load).set('a', 'text');
  expect(fake.calls).toEqual(['set a', 'get a']);
});

test('a keychain that cuts what it is given is found out', async () => {
  const items = new Map<string, string>();
  const cutting = fakeKeytar({ items, before: (call) => void (call === 'get' && items.set('a', 'aor-cut')) });
  expect(await failureOf(() => open(cutting.load).set('a', TOKEN))).toBe(
    'forbidden: The keychain did not keep what was written to it.',
  );
});

test('the trial writes an entry, reads it and deletes it', async () => {
  const fake = fakeKeytar();
  const answer = await open(fake.load).available();
  expect({ answer, calls: fake.calls, left: [...fake.items] }).toEqual({
    answer: { ok: true },
    calls: ['set trial', 'get trial', 'delete trial'],
    left: [],
  });
});

test('the trial survives another process that is at its own', async () => {
  const items = new Map<string, string>();
  let reads = 0;
  const fake = fakeKeytar({ items, before: (call) => void (call === 'get' && ++reads === 1 && items.clear()) });
  expect(await open(fake.load).available()).toEqual({ ok: true });
});

function checkUnavailable(title: string, reason: string, load: () => Promise<KeytarModule>): void {
  test(title, async () => {
    expect(await open(load).available()).toEqual({ ok: false, reason });
  });
}

checkUnavailable('a locked keychain is not available', 'The keychain is locked.', lockedKeytar().load);
checkUnavailable(
  'without libsecret there is no keychain',
  "The keychain's library cannot be loaded; on Linux it needs the package libsecret-1-0 (libsecret).",
  noKeytar,
);
checkUnavailable(
  'a keychain that forgets is not available',
  'The keychain did not keep what was written to it.',
  forgetful().load,
);
checkUnavailable(
  'a failure that nobody foresaw is quoted, because the trial holds no secret',
  'The keychain cannot be written to: Something odd.',
  refusing('Something odd').load,
);

function checkWords(words: string, sentence: string): void {
  checkUnavailable(`the system's words are translated: ${words}`, sentence, refusing(words).load);
}

checkWords('Cannot autolaunch D-Bus without X11 $DISPLAY', 'There is no D-Bus session here, and so no keychain.');
checkWords('Could not connect: No such file or directory', 'There is no D-Bus session here, and so no keychain.');
checkWords(
  'The name org.freedesktop.secrets was not provided by any .service files',
  'No keychain (such as gnome-keyring or KWallet) is running here.',
);
checkWords(
  'Object does not exist at path “/org/freedesktop/secrets/collection/login”',
  'The keychain has not been set up yet.',
);
checkWords('User interaction is not allowed.', 'The keychain is locked, or may not be used from this session.');
checkWords('The user canceled the operation.', 'Access to the keychain was denied.');

test('a failure to write never repeats what was to be written', async () => {
  const quoting = fakeKeytar({
    before(call, _account, text) {
      if (call === 'set') throw new Error(`cannot store ${text}`);
    },
  });
  const keychain = open(quoting.load);
  const failure = await failureOf(() => keychain.set('a', TOKEN));
  expectNoSecret(failure, TOKEN);
  expect(failure).toBe('forbidden: The keychain refused to store the entry.');
});

test('a failure to read or to delete is quoted', async () => {
  const keychain = open(refusing('first line\nsecond line').load);
  expect([await failureOf(() => keychain.get('a')), await failureOf(() => keychain.delete('a'))]).toEqual([
    'forbidden: The keychain could not be read: first line.',
    'forbidden: The keychain refused to delete an entry: first line.',
  ]);
});

function checkTooLate(title: string, seconds: number, action: (keychain: Keychain) => Promise<unknown>): void {
  test(title, async () => {
    const waits: number[] = [];
    const silent = fakeKeytar({ before: () => new Promise(() => undefined) });
    const keychain = open(silent.load, (milliseconds) => {
      waits.push(milliseconds);
      return Promise.resolve();
    });
    const failure = await failureOf(() => action(keychain));
    expect({ failure, waits }).toEqual({
      failure: `forbidden: The keychain did not answer in ${seconds} seconds.`,
      waits: [seconds * 1000],
    });
  });
}

checkTooLate('a keychain is waited for 30 seconds when it is read: it may ask the person', 30, (it) => it.get('a'));
checkTooLate('a keychain is waited for 30 seconds when it is written', 30, (it) => it.set('a', TOKEN));
checkTooLate('a keychain is waited for 30 seconds when an entry is deleted', 30, (it) => it.delete('a'));

test('while a question is open that was given up, the keychain is asked nothing more', async () => {
  let answer = (): void => undefined;
  const stuck = new Promise<void>((resolve) => (answer = resolve));
  const fake = fakeKeytar({ before: () => stuck });
  let sleeps = 0;
  const keychain = open(fake.load, (ms, signal) => (++sleeps === 1 ? Promise.resolve() : patience(ms, signal)));
  const failures = [await failureOf(() => keychain.get('a')), await failureOf(() => keychain.set('a', TOKEN))];
  const asked = [...fake.calls];
  answer();
  await stuck;
  await new Promise(setImmediate);
  const sentence = 'forbidden: The keychain did not answer in 30 seconds.';
  expect({ failures, asked, later: await failureOf(() => keychain.get('b')), calls: fake.calls }).toEqual({
    failures: [sentence, sentence],
    asked: ['get a'],
    later: 'nothing was thrown',
    calls: ['get a', 'get b'],
  });
});

test('a keychain that never answers is not available', async () => {
  const silent = fakeKeytar({ before: () => new Promise(() => undefined) });
  expect(await open(silent.load, () => Promise.resolve()).available()).toEqual({
    ok: false,
    reason: 'The keychain did not answer in 30 seconds.',
  });
});

test('the time limit is called off when the keychain has answered', async () => {
  const signals: AbortSignal[] = [];
  const keychain = open(fakeKeytar().load, (milliseconds, signal) => {
    signals.push(signal);
    return patience(milliseconds, signal);
  });
  await keychain.get('a');
  expect(signals.map((it) => it.aborted)).toEqual([true]);
});

// --- helpers

function open(
  load: () => Promise<KeytarModule>,
  sleep: (milliseconds: number, signal: AbortSignal) => Promise<void> = patience,
): Keychain {
  return createKeychain({ platform: 'linux', load, sleep, randomId: () => 'unused' });
}

function refusing(words: string): ReturnType<typeof fakeKeytar> {
  const before: FakeOptions['before'] = () => {
    throw new Error(words);
  };
  return fakeKeytar({ before });
}

function forgetful(): ReturnType<typeof fakeKeytar> {
  const items = new Map<string, string>();
  return fakeKeytar({ items, before: () => items.clear() });
}
