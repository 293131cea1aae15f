/**
 * `login` with the real keychain of Linux, in a D-Bus session of its own, and on a machine that has none. Where
 * gnome-keyring is missing, only the latter is tested, and that is said.
 */

import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { serve } from '../support/command.js';
import { isInstalled } from '../support/script.js';
import { BIN, expectSilence, IDE_FILE, IDE_LOGIN, startMachine } from './login-support.js';

const MISSING = ['dbus-run-session', 'gnome-keyring-daemon'].filter((it) => !isInstalled(it));
const HAS_KEYCHAIN = process.platform === 'linux' && MISSING.length === 0;
if (!HAS_KEYCHAIN) {
  process.stderr.write(`The real keychain is not tested: ${MISSING.join(', ') || process.platform} is missing here.\n`);
}

const SESSION = [
  'dbus-run-session',
  '--',
  'bash',
  '-c',
  'printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; "$@"',
  'bash',
];

test('a login rests in the keychain, is read from there, and is removed from there', async () => {
  const machine = await startMachine();
  machine.write(IDE_FILE, IDE_LOGIN);
  const env = {
    PATH: process.env['PATH'] ?? '',
    XDG_DATA_HOME: join(machine.home, 'keyrings'),
    XDG_RUNTIME_DIR: machine.home,
  };
  const steps = ['login --from ide --yes --store auto', 'status --json', 'chat hi', 'logout', 'status --json'].map(
    (words) => `"$0" "$1" ${words}; echo "exit $?"`,
  );
  const script = ['bash', '-c', steps.join('; '), process.execPath, BIN];
  const ended = await machine.spawn([], { env, wrapper: [...(HAS_KEYCHAIN ? SESSION : []), ...script] });
  const store = HAS_KEYCHAIN ? 'keychain' : 'file';
  expect(ended.stdout.match(/exit \d+/g)).toEqual(['exit 0', 'exit 0', 'exit 0', 'exit 0', 'exit 4']);
  expect(ended.stdout).toContain(`"store": "${store}"`);
  expect(ended.stdout).toContain(HAS_KEYCHAIN ? "Kept in the system's keychain;" : 'Kept in a private file in');
  expect(ended.stdout).toContain('Removed the login default (Kiro social login) from');
  expect(machine.kept()).toEqual([]);
  expectSilence(ended);
});

test('without a keychain there is one notice, and login, serve and --help work', async () => {
  const machine = await startMachine();
  machine.write(IDE_FILE, IDE_LOGIN);
  const help = await machine.spawn(['--help']);
  const login = await machine.spawn(['login', '--from', 'ide', '--yes', '--store', 'auto']);
  expect([help.code, login.code]).toEqual([0, 0]);
  expect(login.stderr.match(/keychain/g)).toHaveLength(1);
  expect(login.stderr).toContain('instead, which only you can read.\n');
  const served = await serve([], { env: { ...machine.env } });
  expect(served.output.stdout).toContain('login   Kiro social login, from the login default in the file store\n');
  expect(served.output.stderr).not.toContain('keychain');
  expect(await served.stop()).toBe(0);
});
