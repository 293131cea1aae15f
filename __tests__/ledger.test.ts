/** The ledger's lines: short, whole or left out; and the last known list of models as text. */

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

import { formatCatalogue, parseCatalogue } from '../src/catalogue.js';
import { readModelPage } from '../src/kiro/models.js';
import { createLedger, dayOf, formatEntry, parseEntries, type LedgerEntry } from '../src/ledger.js';
import { listModels } from '../src/simulator/control.js';
import { temporaryFolder } from './support/folder.js';

const ENTRY: LedgerEntry = {
  time: 1_795_353_840_000,
  model: 'claude-sonnet-4.5',
  session: 'session-1',
  inputTokens: 92,
  outputTokens: 20,
  credits: 0.0111,
  source: 'serve',
};

/** A ledger in a folder of its own, and all that it complains of. */
function tellingLedger() {
  const folder = temporaryFolder();
  const told: string[] = [];
  const notice = (sentence: string): void => void told.push(sentence);
  return { folder, told, ledger: createLedger(folder, () => ENTRY.time, notice) };
}

test('entries are read as they were written', () => {
  const entries: readonly LedgerEntry[] = [ENTRY, { ...ENTRY, session: undefined, credits: undefined, source: 'chat' }];
  expect(parseEntries(entries.map(formatEntry).join(''))).toEqual(entries);
});

test('a folder that is cleared away while the gateway runs costs no entry that comes later', async () => {
  const { folder, told, ledger } = tellingLedger();
  await ledger.record(ENTRY);
  rmSync(join(folder, 'ledger'), { recursive: true });
  await ledger.record(ENTRY);
  expect([await ledger.read(1), told]).toEqual([[ENTRY], []]);
});

test('days that are too old go while the gateway runs, and not because a clock was wrong', async () => {
  const folder = temporaryFolder();
  let time = ENTRY.time;
  const ledger = createLedger(folder, () => time);
  const filesAt = async (at: number): Promise<readonly string[]> => {
    time = at;
    await ledger.record({ ...ENTRY, time });
    return readdirSync(join(folder, 'ledger'));
  };
  await filesAt(ENTRY.time);
  const days = Array.from({ length: 89 }, (_, index) => `${dayOf(ENTRY.time, index + 1)}.jsonl`);
  for (const day of days) writeFileSync(join(folder, 'ledger', day), '');
  const years = 1000 * 86_400_000;
  expect(await filesAt(ENTRY.time + years)).toHaveLength(90);
  const files = await filesAt(ENTRY.time);
  expect(files).toHaveLength(90);
  expect(files).toEqual(expect.arrayContaining([...days.slice(0, 88), `${dayOf(ENTRY.time)}.jsonl`]));
});

test('an old day that cannot be removed is not said to keep new ones from being written', async () => {
  const { folder, told, ledger } = tellingLedger();
  for (let day = 1; day <= 90; day++) {
    mkdirSync(join(folder, 'ledger', `${dayOf(ENTRY.time, day)}.jsonl`), { recursive: true });
  }
  await ledger.record(ENTRY);
  expect([await ledger.read(1), told]).toEqual([[ENTRY], []]);
});

test('torn, foreign and empty lines are left out, and those beside them are kept', () => {
  const line = formatEntry(ENTRY);
  const text = `${line}${line.slice(0, 40)}${line}\n\n[]\n{"time":"now"}\nno${line}${line.slice(0, -1)}`;
  expect(parseEntries(text)).toEqual([ENTRY, ENTRY, ENTRY]);
});

test('a line is short, whatever the client calls its session and model', () => {
  const long = 'x'.repeat(100_000);
  expect(parseEntries(formatEntry({ ...ENTRY, session: long, model: long }))).toEqual([
    { ...ENTRY, session: 'x'.repeat(64), model: 'x'.repeat(64) },
  ]);
});

test('days are those of the calendar, also over the ends of months and years', () => {
  const time = new Date(2026, 2, 1, 0, 30).getTime();
  expect([dayOf(time), dayOf(time, 1), dayOf(time, 60)]).toEqual(['2026-03-01', '2026-02-28', '2025-12-31']);
});

test('the catalogue is read as it was written', () => {
  const { items: models } = readModelPage({ models: listModels(), defaultModel: listModels()[0] });
  const listedAt = 1_795_353_840_000;
  expect(parseCatalogue(formatCatalogue({ models, listedAt }))).toEqual({ models, listedAt });
});

for (const text of ['', '{}', '{"listedAt":1,"models":[{}]}', '[]']) {
  test(`${JSON.stringify(text)} is no catalogue`, () => {
    expect(() => parseCatalogue(text)).toThrow();
  });
}
