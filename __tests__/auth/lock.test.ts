/** The lock between processes: one at a time, no dead owner in the way, and no work lost where there is no lock. */

import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as realSleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { createRefreshLock, type LockOptions, withLock } from '../../src/auth/lock.js';
import { patience } from '../support/fake-keytar.js';
import { startScript } from '../support/script.js';
import { failureOf } from './support.js';
import { temporaryFolder } from '../support/folder.js';
import { gate } from './world.js';

const NOW = 1_785_000_000_000;

test('the work is done under a private file that says who holds it, and nothing is left over', async () => {
  const folder = join(temporaryFolder(), 'state');
  const path = join(folder, 'lock');
  const seen = await withLock(path, options(), () => {
    const [, processId] = readFileSync(path, 'utf8').split(' ');
    const modes = [folder, path].map((it) => (statSync(it).mode & 0o777).toString(8));
    return Promise.resolve({ processId, modes });
  });
  expect({ seen, left: readdirSync(folder) }).toEqual({
    seen: { processId: String(process.pid), modes: ['700', '600'] },
    left: [],
  });
});

test('the lock is let go when the work fails, and the failure goes on', async () => {
  const folder = temporaryFolder();
  const work = (): Promise<never> => Promise.reject(new Error('the work failed'));
  await expect(withLock(join(folder, 'lock'), options(), work)).rejects.toThrow('the work failed');
  expect(readdirSync(folder)).toEqual([]);
});

test('fifty in one process do their work one after the other', async () => {
  const folder = temporaryFolder();
  const { together, results } = await contend(folder, 50);
  expect({ together, results, left: readdirSync(folder) }).toEqual({
    together: 1,
    results: Array.from({ length: 50 }, (_, index) => index),
    left: [],
  });
});

test('of fifty that find a dead owner, one takes over at a time', async () => {
  const folder = temporaryFolder();
  await leaveDeadOwner(join(folder, 'lock'));
  const { together, results } = await contend(folder, 50);
  expect({ together, count: results.length, left: readdirSync(folder) }).toEqual({ together: 1, count: 50, left: [] });
});

test('a successor that died while it took over is succeeded too', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'lock');
  await leaveDeadOwner(path);
  const dead = readFileSync(path, 'utf8');
  const successor = dead.replace(idIn(dead), '00000000-0000-4000-8000-000000000001');
  writeFileSync(`${path}.${idIn(dead)}`, successor);
  const { together, results } = await contend(folder, 50);
  expect({ together, count: results.length, left: readdirSync(folder) }).toEqual({ together: 1, count: 50, left: [] });
});

test('an owner that died while it let go is succeeded', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'lock');
  await leaveDeadOwner(path);
  const dead = readFileSync(path, 'utf8');
  writeFileSync(`${path}.${idIn(dead)}`, dead);
  const { together, results } = await contend(folder, 50);
  expect({ together, count: results.length, left: readdirSync(folder) }).toEqual({ together: 1, count: 50, left: [] });
});

const NO_LINKS = `
  require('node:fs/promises').link = () => Promise.reject(Object.assign(new Error('no links'), { code: 'EPERM' }));
  require('node:module').syncBuiltinESMExports();`;

for (const [where, preload] of [
  ['', ''],
  [' where a file has one name only, as on FAT', NO_LINKS],
] as const) {
  test(`no count is lost between processes${where}`, async () => {
    const folder = temporaryFolder();
    const counter = join(folder, 'counter');
    writeFileSync(counter, '0');
    const preloaded = join(temporaryFolder(), 'preload.cjs');
    writeFileSync(preloaded, preload);
    const words = ['count', join(folder, 'lock'), counter, '40'];
    const env = { NODE_OPTIONS: `--require=${preloaded}` };
    const scripts = [1, 2, 3].map(() => startScript('lock-contender.ts', words, { env }));
    const said = await Promise.all(scripts.map((it) => it.line()));
    await Promise.all(scripts.map((it) => it.ended()));
    expect({ said, count: readFileSync(counter, 'utf8'), left: readdirSync(folder) }).toEqual({
      said: ['counted', 'counted', 'counted'],
      count: '120',
      left: ['counter'],
    });
  });
}

test('an owner that is killed is succeeded by the processes that wait, and no count is lost', async () => {
  const folder = temporaryFolder();
  const [lock, counter] = [join(folder, 'lock'), join(folder, 'counter')];
  writeFileSync(counter, '0');
  const owner = startScript('lock-contender.ts', ['hold', lock]);
  const held = await owner.line();
  const waiting = [1, 2].map(() => startScript('lock-contender.ts', ['wait', lock, counter, '10']));
  await Promise.all(waiting.map((it) => it.line()));
  const before = readFileSync(counter, 'utf8');
  await owner.kill();
  const said = await Promise.all(waiting.map((it) => it.line()));
  await Promise.all(waiting.map((it) => it.ended()));
  expect({ held, before, said, after: readFileSync(counter, 'utf8'), left: readdirSync(folder) }).toEqual({
    held: 'held',
    before: '0',
    said: ['counted', 'counted'],
    after: '20',
    left: ['counter'],
  });
});

test('an owner that lives and gives signs of life is waited for, until the wait is over', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'lock');
  const clock = { now: NOW };
  const notices: string[] = [];
  const failure = await withLock(path, options({ clock, beat: true }), async () => {
    clock.now += 100_000;
    await waitFor(() => statSync(path).mtimeMs === clock.now);
    const told = { ...options({ clock }), notice: (it: string) => notices.push(it) };
    return failureOf(() => withLock(path, told, () => Promise.resolve('two at once')));
  });
  expect({ notices, failure, left: readdirSync(folder) }).toEqual({
    notices: [`Another kiro-gateway holds the lock ${path}; waiting for it.`],
    failure: `upstream-unavailable: Another kiro-gateway has held the lock ${path} for too long; end it, or try again in a minute.`,
    left: [],
  });
});

test('an owner without a sign of life is succeeded, and lets the lock of its successor be', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'lock');
  const clock = { now: NOW };
  const order: string[] = [];
  const gates = { asleep: gate(), awake: gate() };
  const first = withLock(path, options({ clock }), async () => {
    gates.asleep.open();
    await gates.awake.opened;
    order.push('first ends');
  });
  await gates.asleep.opened;
  clock.now += 30_001;
  await withLock(path, options({ clock }), async () => {
    order.push('second begins');
    gates.awake.open();
    await first;
    order.push(`lock is there: ${readdirSync(folder).includes('lock')}`);
  });
  expect({ order, left: readdirSync(folder) }).toEqual({
    order: ['second begins', 'first ends', 'lock is there: true'],
    left: [],
  });
});

test('a lock that has passed on is not let go by its former owner', async () => {
  const path = join(temporaryFolder(), 'lock');
  await withLock(path, options(), () => Promise.resolve(putOwner(path, 2)));
  expect(readFileSync(path, 'utf8')).toBe(ticketOf(2));
});

test('who is overtaken while it takes over gives way', async () => {
  const path = join(temporaryFolder(), 'lock');
  putOwner(path, 1);
  let looks = 0;
  const late = (): number => {
    looks++;
    // The first look at the clock judges the owner; then another process is faster.
    if (looks === 1) putOwner(path, 2);
    return looks === 1 ? NOW + 30_001 : NOW;
  };
  const failure = await failureOf(() => withLock(path, { ...options(), now: late }, () => Promise.resolve()));
  expect([failure.split(':')[0], readFileSync(path, 'utf8')]).toEqual(['upstream-unavailable', ticketOf(2)]);
});

test('a process on another host is judged by its signs of life alone', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'lock');
  putOwner(path, 1);
  const fresh = await failureOf(() => withLock(path, options(), () => Promise.resolve()));
  const later = await withLock(path, options({ clock: { now: NOW + 30_001 } }), () => Promise.resolve('succeeded'));
  expect([fresh.split(':')[0], later]).toEqual(['upstream-unavailable', 'succeeded']);
});

test('an owner that was seen before the clock was set back is succeeded', async () => {
  const path = join(temporaryFolder(), 'lock');
  putOwner(path, 1);
  const back = options({ clock: { now: NOW - 3_600_000 } });
  expect(await withLock(path, back, () => Promise.resolve('succeeded'))).toBe('succeeded');
});

test('a file that is no lock of ours is an owner of unknown name', async () => {
  const path = join(temporaryFolder(), 'lock');
  writeFileSync(path, `../../elsewhere 1 ${hostname()}`);
  utimesSync(path, NOW / 1000, NOW / 1000);
  const fresh = await failureOf(() => withLock(path, options(), () => Promise.resolve()));
  const later = await withLock(path, options({ clock: { now: NOW + 30_001 } }), () => Promise.resolve('succeeded'));
  expect([fresh.split(':')[0], later]).toEqual(['upstream-unavailable', 'succeeded']);
});

test('waiting ends when the signal says so, and leaves the lock to its owner', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'lock');
  const leaving = new AbortController();
  const failure = await withLock(path, options(), async () => {
    const waiting = failureOf(() =>
      withLock(path, { ...options(), sleep: patience, signal: leaving.signal }, () => Promise.resolve()),
    );
    leaving.abort();
    return { said: await waiting, isThere: readdirSync(folder).includes('lock') };
  });
  expect({ ...failure, left: readdirSync(folder) }).toEqual({
    said: 'cancelled: The request was cancelled.',
    isThere: true,
    left: [],
  });
});

test('who has left already does not even ask', async () => {
  const folder = temporaryFolder();
  const gone = { ...options(), signal: AbortSignal.abort() };
  const failure = await failureOf(() => withLock(join(folder, 'lock'), gone, () => Promise.resolve()));
  expect([failure, readdirSync(folder)]).toEqual(['cancelled: The request was cancelled.', []]);
});

test('where no lock can be made, the work is done all the same, and the person told', async () => {
  const blocked = join(temporaryFolder(), 'file');
  writeFileSync(blocked, '');
  const notices: string[] = [];
  const path = join(blocked, 'lock');
  const result = await withLock(path, { ...options(), notice: (it) => notices.push(it) }, () =>
    Promise.resolve('done'),
  );
  expect({ result, notices }).toEqual({
    result: 'done',
    notices: [`The lock ${path} cannot be made (ENOTDIR); the gateway goes on without it.`],
  });
});

test('a login is not kept waiting while another one is renewed', async () => {
  const folder = temporaryFolder();
  const [work, home, unnamed] = ['work', 'home', undefined].map((name) => createRefreshLock(folder, options(), name));
  const nested = await work?.(async () => home?.(async () => unnamed?.(() => Promise.resolve('all three'))));
  expect({ nested, left: readdirSync(folder) }).toEqual({ nested: 'all three', left: [] });
});

test('a folder in the place of the lock is no lock', async () => {
  const path = join(temporaryFolder(), 'lock');
  mkdirSync(path);
  const notices: string[] = [];
  const result = await withLock(path, { ...options(), notice: (it) => notices.push(it) }, () =>
    Promise.resolve('done'),
  );
  expect({ result, notices }).toEqual({
    result: 'done',
    notices: [`The lock ${path} cannot be made (EISDIR); the gateway goes on without it.`],
  });
});

// --- helpers

/** Pauses take hardly any time, and signs of life are given only when asked for. */
function options({ clock = { now: NOW }, beat = false, pauseMs = 1 } = {}): LockOptions {
  return {
    now: () => clock.now,
    async sleep(milliseconds, signal) {
      const isBeat = milliseconds > 1_000;
      if (isBeat && !beat) return patience(milliseconds, signal);
      await realSleep(pauseMs, undefined, { signal });
    },
    notice(sentence) {
      if (!sentence.endsWith('; waiting for it.')) throw new Error(sentence);
    },
  };
}

/** So many at once; how many were ever at work together, and what their works gave. */
async function contend(folder: string, count: number): Promise<{ together: number; results: readonly number[] }> {
  let [working, together, done] = [0, 0, 0];
  const work = async (): Promise<number> => {
    together = Math.max(together, ++working);
    await realSleep(0);
    working--;
    return done++;
  };
  // A fiftieth has some 450 pauses to wait for its turn.
  const patient = options({ pauseMs: 20 });
  const contenders = Array.from({ length: count }, () => withLock(join(folder, 'lock'), patient, work));
  const results = await Promise.all(contenders);
  return { together, results: results.toSorted((one, other) => one - other) };
}

/** The lock of a process that was killed. */
async function leaveDeadOwner(path: string): Promise<void> {
  const owner = startScript('lock-contender.ts', ['hold', path]);
  await owner.line();
  await owner.kill();
  // As old as everything else in these tests, so that only the death of the owner counts.
  utimesSync(path, NOW / 1000, NOW / 1000);
}

/** The lock of a process on another host, last seen at `NOW`. */
function putOwner(path: string, number: number): void {
  rmSync(path, { force: true });
  writeFileSync(path, ticketOf(number));
  utimesSync(path, NOW / 1000, NOW / 1000);
}

function ticketOf(number: number): string {
  return `00000000-0000-4000-8000-00000000000${number} 1 another`;
}

function idIn(ticket: string): string {
  return ticket.split(' ')[0] ?? '';
}

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await realSleep(5);
}
