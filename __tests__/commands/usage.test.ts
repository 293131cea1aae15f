/** `usage`, and the page that it writes. */

import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { sumUp, writeUsage, writeUsageJson } from '../../src/commands/account.js';
import { dayOf, type LedgerEntry } from '../../src/ledger.js';
import { type Simulator, startSimulator } from '../../src/simulator/server.js';
import { call, callServe } from '../support/call.js';
import { temporaryFolder } from '../support/folder.js';
import { loginAt } from '../support/stored-login.js';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ pace: 'none' });
});
afterAll(() => simulator.close());

function envIn(home: string): Record<string, string> {
  const key = 'gateway-key-of-the-tests-0123456789';
  return { ...loginAt(simulator.url), KIRO_GATEWAY_HOME: home, PROXY_API_KEY: key };
}

test('usage shows the plan, what is used and left, and the reset', async () => {
  const { code, stdout, stderr } = await call(['usage', '--demo']);
  const lines = stdout.split('\n');
  expect({ code, stderr, first: lines.slice(0, 3), last: lines.at(-1) }).toEqual({
    code: 0,
    stderr: '',
    first: ['plan     KIRO PRO', 'credits  ███████░░░░░░░░░░░░░░░░░ 287.43 of 1,000 used, 712.57 left', 'overage  off'],
    last: '',
  });
  expect(lines[3]).toMatch(/^resets {3}\d{4}-\d\d-\d\d(?: \(in \d+ days?\))?$/);
});

test('usage --json is one object', async () => {
  const { code, stdout, stderr } = await call(['usage', '--demo', '--json']);
  expect({ code, stderr, usage: JSON.parse(stdout) as unknown }).toEqual({
    code: 0,
    stderr: '',
    usage: {
      plan: 'KIRO PRO',
      credits: { used: 287.43, limit: 1000, left: 712.57 },
      base: { used: 287.43, limit: 1000 },
      trial: null,
      bonuses: [],
      overage: { isEnabled: false, used: 0, cap: 10_000, rate: 0.04, charges: 0, currency: 'USD' },
      resetsAt: expect.stringMatching(/^\d{4}-\d\d-01T00:00:00\.000Z$/),
      gateway: null,
    },
  });
});

test('what chat and serve spend is written down with numbers only, and usage adds it up', async () => {
  const home = temporaryFolder();
  const env = envIn(home);
  await call(['chat', 'a secret prompt'], { env });
  const served = await callServe([], { env });
  for (const stream of [true, false]) {
    const response = await fetch(`${served.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': env['PROXY_API_KEY'] ?? '' },
      body: JSON.stringify({
        model: 'claude-sonnet-4.5',
        max_tokens: 1000,
        stream,
        messages: [{ role: 'user', content: 'hi' }],
      }),
    });
    await response.text();
  }
  await served.stop();

  const folder = join(home, 'state', 'ledger');
  const [file = ''] = readdirSync(folder);
  const path = join(folder, file);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, 'utf8')).not.toContain('secret');
  // A line that a crash has torn takes no other with it.
  appendFileSync(path, '\n{"time":17');
  await call(['chat', 'hi'], { env });

  const { stdout } = await call(['usage', '--json'], { env });
  const { gateway } = JSON.parse(stdout) as { gateway: Record<'today', { turns: number }> & Record<string, unknown> };
  const names = (key: string) =>
    (gateway[key] as { name: string; turns: number }[]).map((it) => [it.name, it.turns] as const);
  expect(gateway.today.turns).toBe(4);
  expect(new Map(names('byModel'))).toEqual(
    new Map([
      ['auto', 2],
      ['claude-sonnet-4.5', 2],
    ]),
  );
  expect(new Map(names('bySession'))).toEqual(
    new Map([
      ['(chat, no session)', 2],
      ['(serve, no session)', 2],
    ]),
  );
});

test('without an answer of Kiro the ledger is shown all the same, and the command fails', async () => {
  const home = temporaryFolder();
  const away = await startSimulator({ pace: 'none' });
  const env = { ...envIn(home), KIRO_API_URL: away.url, KIRO_AUTH_URL: away.url };
  await call(['chat', 'hi'], { env });
  await away.close();
  const [page, json] = await Promise.all([call(['usage'], { env }), call(['usage', '--json'], { env })]);
  const { gateway, ...plan } = JSON.parse(json.stdout) as { gateway: { today: { turns: number } } };
  expect([page.code, json.code, gateway.today.turns]).toEqual([1, 1, 1]);
  expect(page.stdout).toMatch(/^THIS GATEWAY {2}TURNS .*\ntoday {13}1 /);
  expect(page.stderr).toMatch(/^Kiro did not say what the plan includes and how much of it is used: .*\n$/);
  const unknown = { plan: null, credits: null, base: null, trial: null, bonuses: null, overage: null };
  expect(plan).toEqual({ ...unknown, resetsAt: null });
});

test('files of the ledger that are older than the newest 90 are removed, and others are left alone', async () => {
  const home = temporaryFolder();
  const folder = join(home, 'state', 'ledger');
  mkdirSync(folder, { recursive: true });
  const recent = Array.from({ length: 89 }, (_, index) => `${dayOf(Date.now(), index + 1)}.jsonl`);
  for (const name of ['2020-01-01.jsonl', ...recent, 'notes.txt']) writeFileSync(join(folder, name), '');
  await call(['chat', 'hi'], { env: envIn(home) });
  expect(readdirSync(folder).toSorted()).toEqual([...recent, `${dayOf(Date.now())}.jsonl`, 'notes.txt'].toSorted());
});

test('a ledger that cannot be written does not spoil an answer', async () => {
  const home = temporaryFolder();
  mkdirSync(join(home, 'state'));
  writeFileSync(join(home, 'state', 'ledger'), 'in the way');
  const { code, stderr } = await call(['chat', 'hi'], { env: envIn(home) });
  const notice = `The cost of answers cannot be written to ${join(home, 'state', 'ledger')}; \`usage\` will not show it.\n`;
  expect({ code, stderr }).toEqual({ code: 0, stderr: notice });
});

// --- the page

const NOW = new Date(2026, 10, 22, 15).getTime();
const DAY_MS = 86_400_000;
const same = (text: string): string => text;
const plain = { bold: same, dim: same, green: same, yellow: same, red: same };

const LIMITS = {
  plan: 'KIRO FREE',
  base: { name: 'plan', used: 45, limit: 50, expiresAt: undefined },
  trial: { name: 'trial', used: 480.5, limit: 500, expiresAt: new Date(2026, 10, 30, 12).getTime() },
  bonuses: [{ name: 'Welcome', used: 0, limit: 100, expiresAt: new Date(2026, 10, 1).getTime() }],
  overage: { isEnabled: true, used: 3, cap: 1000, rate: 0.04, charges: 0.12, currency: 'USD' },
  resetsAt: new Date(2026, 11, 1, 12).getTime(),
};

function entry(about: Partial<LedgerEntry>): LedgerEntry {
  const usual = { model: 'auto', session: undefined, inputTokens: 1000, outputTokens: 100, source: 'serve' } as const;
  return { time: NOW, ...usual, credits: 0.1, ...about };
}

test('names that command a terminal are only names', () => {
  const bonuses = LIMITS.bonuses.map((it) => ({ ...it, name: 'Wel\u001b[2Jcome\u0007' }));
  const limits = { ...LIMITS, plan: 'KIRO\u009b31m FREE', bonuses };
  const spent = sumUp([entry({ model: 'au\u001b[31mto' })], NOW);
  const page = writeUsage({ limits, spent, now: NOW }, { columns: undefined, style: plain });
  expect(page).not.toMatch(/[^\n\P{Cc}]/u);
  expect(page.split('\n').slice(0, 4)).toEqual([
    'plan     KIRO31m FREE',
    expect.stringContaining('of 550 used'),
    expect.stringMatching(/^trial/),
    'bonus    Wel[2Jcome: 0 of 100 used, until 2026-11-01',
  ]);
});

test('the page has trial, bonus, overage, and charts by model and by session', () => {
  const entries = [
    entry({ model: 'claude-opus-5', session: 'session-1', credits: 2 }),
    entry({ session: 'session-1', credits: 0.2 }),
    entry({ time: NOW - 3 * DAY_MS, credits: undefined, source: 'chat' }),
  ];
  expect(
    writeUsage({ limits: LIMITS, spent: sumUp(entries, NOW), now: NOW }, { columns: undefined, style: plain }),
  ).toBe(
    `
plan     KIRO FREE
credits  ███████████████████████░ 525.5 of 550 used, 24.5 left
trial    480.5 of 500 used, until 2026-11-30
bonus    Welcome: 0 of 100 used, until 2026-11-01
overage  on, 3 of 1,000 used, 0.12 USD
resets   2026-12-01 (in 9 days)

THIS GATEWAY  TURNS  TOKENS IN  TOKENS OUT  CREDITS
today             2      2,000         200      2.2
last 30 days      3      3,000         300      2.2

BY MODEL, 30 DAYS  TURNS  TOKENS IN  TOKENS OUT  CREDITS
claude-opus-5          1      1,000         100        2  ████████████████
auto                   2      2,000         200      0.2  ██░░░░░░░░░░░░░░

BY SESSION, 30 DAYS  TURNS  TOKENS IN  TOKENS OUT  CREDITS
session-1                2      2,000         200      2.2  ████████████████
(chat, no session)       1      1,000         100        0  ░░░░░░░░░░░░░░░░
`.trimStart(),
  );
});

test.each([
  [93, '████████████████'],
  [92, '11'],
])('in %d columns the line of a session with a long name ends with %s', (columns, end) => {
  const spent = sumUp([entry({ session: '01234567-89ab-cdef-0123-456789abcdef', credits: 11 })], NOW);
  const page = writeUsage({ limits: undefined, spent, now: NOW }, { columns, style: plain });
  expect(page.trimEnd().split('\n').at(-1)?.split(/ +/).at(-1)).toBe(end);
});

test('an expired bonus is told and gives nothing, also in JSON', () => {
  const { credits, gateway } = JSON.parse(writeUsageJson({ limits: LIMITS, spent: sumUp([], NOW), now: NOW })) as {
    credits: unknown;
    gateway: unknown;
  };
  const nothing = { turns: 0, inputTokens: 0, outputTokens: 0, credits: 0 };
  expect([credits, gateway]).toEqual([
    { used: 525.5, limit: 550, left: 24.5 },
    { today: nothing, last30Days: nothing, byModel: [], bySession: [] },
  ]);
});
