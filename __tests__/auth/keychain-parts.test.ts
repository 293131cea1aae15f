/** Secrets that are longer than an entry of the Windows keychain: cut, joined, and whole after any interruption. */

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createKeychain, type Keychain } from '../../src/auth/keychain.js';
import { type FakeKeytar, fakeKeytar, patience } from '../support/fake-keytar.js';
import { failureOf } from './support.js';

const DAMAGED = 'forbidden: The entry in the keychain is damaged.';
const OLD = 'old '.repeat(2_000);
const NEW = 'new '.repeat(1_400);

test('a secret is cut into parts of 2,400 bytes at most, and the entry itself names them', async () => {
  const fake = windowsKeytar();
  await open(fake).set('default~1', 'x'.repeat(5_000));
  const sizes = [...fake.items].map(([name, text]) => [name, Buffer.byteLength(text)]);
  expect(sizes).toEqual([
    ['default~1/a1', 2_400],
    ['default~1/a2', 2_400],
    ['default~1/a3', 200],
    ['default~1', 16],
  ]);
});

test('any text is read as it was written, whatever was there before, and no part is left behind', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).map((it) => it.repeat(90)),
    fc.integer({ min: 2_380, max: 2_410 }).map((it) => `${'x'.repeat(it)}😀é€${'😀'.repeat(700)}`),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 4 }), async (texts) => {
      const fake = windowsKeytar();
      for (const it of texts) await open(fake).set('a', it);
      const last = texts.at(-1) ?? '';
      expect(await open(fake).get('a')).toBe(last);
      expect(await open(fake).delete('a')).toBe(true);
      expect([...fake.items.keys()]).toEqual([]);
    }),
    { numRuns: 25 },
  );
});

test('a missing secret reads as none, and there is nothing to delete', async () => {
  const keychain = open(windowsKeytar());
  expect([await keychain.get('a'), await keychain.delete('a')]).toEqual([undefined, false]);
});

test('the trial is a single entry', async () => {
  const fake = windowsKeytar();
  expect([await open(fake).available(), fake.calls]).toEqual([
    { ok: true },
    ['set trial', 'get trial', 'delete trial'],
  ]);
});

test('a writing that is interrupted at any step leaves the old secret or the new one, and is mended by the next', async () => {
  const whole = await countCalls((it) => it.set('a', NEW));
  const outcomes = [];
  for (let step = 1; step <= whole; step++) {
    const items = await stored(OLD);
    await interrupted(items, step, (it) => it.set('a', NEW));
    const found = await open(windowsKeytar(items)).get('a');
    outcomes.push(found === OLD ? 'old' : found === NEW ? 'new' : 'torn');
    await open(windowsKeytar(items)).set('a', 'short');
    expect([await open(windowsKeytar(items)).get('a'), items.size]).toEqual(['short', 2]);
  }
  expect([...new Set(outcomes)]).toEqual(['old', 'new']);
});

test('a first writing that is interrupted leaves nothing or all, and nothing that deleting does not find', async () => {
  const whole = await countCalls((it) => it.set('a', NEW), new Map());
  for (let step = 1; step <= whole; step++) {
    const items = new Map<string, string>();
    await interrupted(items, step, (it) => it.set('a', NEW));
    expect([undefined, NEW]).toContain(await open(windowsKeytar(items)).get('a'));
    await open(windowsKeytar(items)).delete('a');
    expect([...items.keys()]).toEqual([]);
  }
});

test('a deletion that is interrupted at any step is finished by the next', async () => {
  const whole = await countCalls((it) => it.delete('a'));
  for (let step = 1; step <= whole; step++) {
    const items = await stored(OLD);
    await interrupted(items, step, (it) => it.delete('a'));
    expect([undefined, OLD]).toContain(await open(windowsKeytar(items)).get('a'));
    await open(windowsKeytar(items)).delete('a');
    expect([...items.keys()]).toEqual([]);
  }
});

test('who reads while another process writes gets one secret, not a mixture of two', async () => {
  const items = await stored(OLD);
  let reads = 0;
  const reader = windowsKeytar(items, async () => {
    // Between the header and the first part, and between the parts, whole writings of another process happen.
    if (++reads === 2 || reads === 4) await open(windowsKeytar(items)).set('a', reads === 2 ? NEW : OLD);
  });
  expect(await open(reader).get('a')).toBe(OLD);
});

test('an entry of which a part is missing is damaged', async () => {
  const items = await stored(OLD);
  items.delete('a/a2');
  expect(await failureOf(() => open(windowsKeytar(items)).get('a'))).toBe(DAMAGED);
});

test('an entry that is no header is damaged, until it is written anew', async () => {
  const items = new Map([['a', 'anything']]);
  const failure = await failureOf(() => open(windowsKeytar(items)).get('a'));
  await open(windowsKeytar(items)).set('a', NEW);
  expect([failure, await open(windowsKeytar(items)).get('a')]).toEqual([DAMAGED, NEW]);
});

// --- helpers

let writings = 0;

function open(fake: FakeKeytar): Keychain {
  return createKeychain({
    platform: 'win32',
    load: fake.load,
    sleep: patience,
    randomId: () => `id${String(++writings).padStart(4, '0')}`,
  });
}

function windowsKeytar(items = new Map<string, string>(), before?: () => void | Promise<void>): FakeKeytar {
  return fakeKeytar({ items, maxBytes: 2_560, ...(before && { before }) });
}

async function stored(text: string): Promise<Map<string, string>> {
  const items = new Map<string, string>();
  await open(windowsKeytar(items)).set('a', text);
  return items;
}

/** From this call on, everything fails, as it does for a process that is gone. */
async function interrupted(
  items: Map<string, string>,
  step: number,
  action: (keychain: Keychain) => Promise<unknown>,
): Promise<void> {
  let calls = 0;
  const breaking = windowsKeytar(items, () => {
    if (++calls >= step) throw new Error('interrupted');
  });
  await expect(action(open(breaking))).rejects.toThrow('keychain');
}

async function countCalls(
  action: (keychain: Keychain) => Promise<unknown>,
  items?: Map<string, string>,
): Promise<number> {
  const fake = windowsKeytar(items ?? (await stored(OLD)));
  await action(open(fake));
  return fake.calls.length;
}
