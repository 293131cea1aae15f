/** What every command has: `--demo`, `--profile`, and nothing of the simulator's that stays behind. */

import { once } from 'node:events';
import { readdirSync } from 'node:fs';

import { expect, test } from '@jest/globals';
import { Command } from 'commander';

import { commands } from '../../src/commands/index.js';
import { call } from '../support/call.js';
import { start } from '../support/command.js';
import { temporaryFolder } from '../support/folder.js';
import { REUSABLE } from '../support/stored-login.js';

/** Arguments beside `--demo`, and the beginning of what is said then on stdout. */
const CALLS: Readonly<Record<string, readonly [args: readonly string[], stdout: RegExp]>> = {
  login: [
    [],
    /^Logged in: AWS Builder ID, token good for 60 min\.\nKept nowhere: this was the simulator; Kiro is called/,
  ],
  logout: [[], /^The login of the simulator is stored nowhere; nothing was removed\.\n$/],
  status: [[], /^login {4}Kiro social login \(id [0-9a-f]{8}\)\nstore {4}none: the simulator knows it\n/],
  serve: [['--port', '0'], /^kiro-gateway \S+ listens on http:\S+\nSIMULATOR: /],
  chat: [['2+2?'], /^2\+2 = 4\.\n/],
  models: [[], /^ {2}MODEL /],
  usage: [[], /^plan {5}KIRO PRO\n/],
  doctor: [[], /SIMULATOR|simulator/],
  run: [['codex', '--print'], /./],
};

const NAMES = commands.map(({ name }) => name);

test('the table has every command', () => {
  expect(NAMES.filter((name) => CALLS[name] === undefined)).toEqual([]);
});

for (const name of NAMES) {
  const [args, stdout] = CALLS[name] ?? [[], /./];
  test(`${name} has --demo, which leaves nothing behind, --demo=SCENARIO and --profile`, async () => {
    const [demo, wrong, profiled] = await Promise.all([
      inDemo([name, '--demo', ...args]),
      call([name, '--demo=nope', ...args]),
      call([name, '--profile', 'work', ...args], { env: { REFRESH_TOKEN: REUSABLE } }),
    ]);
    expect(demo).toEqual({ code: 0, stdout: expect.stringMatching(stdout), left: [] });
    expect(wrong).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^There is no scenario "nope"; choose one of text, .*\n$/),
    });
    expect(profiled.stdout + profiled.stderr).toContain(PROFILE_WORDS[name] ?? 'There is no login named work');
    expect(profiled.code).toBe(PROFILE_CODES[name] ?? 4);
  });
}

for (const { name, define } of commands) {
  const valued = define(new Command(name)).options.filter(({ required, long }) => required && long !== '--system');
  const args = CALLS[name]?.[0] ?? [];
  test.each(valued.map(({ long }) => long ?? ''))(`${name} refuses %s without a value, in words`, async (flag) => {
    const { code, stdout, stderr } = await call([name, ...args, flag, ' ']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(flag);
  });
  test(`${name} refuses a --profile that is no name, in words`, async () => {
    expect(await call([name, ...args, '--profile', '../x'])).toEqual({
      code: 2,
      stdout: '',
      stderr: '--profile must be 1 to 64 letters, digits, dots, dashes and underscores, not "../x".\n',
    });
  });
}

/** The gateway key may stay; the rest of the home is the simulator's. */
async function inDemo(args: readonly string[]) {
  const home = temporaryFolder();
  const { child, output } = start(args, { env: { KIRO_GATEWAY_HOME: home } });
  if (args[0] === 'serve') child.stdout.once('data', () => child.kill('SIGTERM'));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: output.stdout, left: readdirSync(home).filter((folder) => folder !== 'config') };
}

const PROFILE_WORDS: Readonly<Record<string, string>> = {
  login: '--from is missing',
  logout: 'No login named work is stored; nothing was removed.',
  // It shows how to reach a gateway, whoever that one is logged in as.
  run: 'model_provider',
};
const PROFILE_CODES: Readonly<Record<string, number>> = { login: 2, logout: 0, doctor: 1, run: 0 };
