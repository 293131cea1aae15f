/** The gateway's own folders on each platform. */

import { expect, test } from '@jest/globals';
import type { Machine } from '../src/auth/files.js';
import { gatewayPaths } from '../src/settings.js';

function checkPaths(title: string, machine: Machine, home: string | undefined, expected: readonly string[]): void {
  test(title, () => {
    const { config, data, state } = gatewayPaths(machine, home);
    expect([config, data, state]).toEqual(expected);
  });
}

const linux: Machine = { platform: 'linux', env: {}, homeDirectory: '/home/ann' };
const xdg = { XDG_CONFIG_HOME: '/c', XDG_DATA_HOME: '/d', XDG_STATE_HOME: 'relative' };
const mac: Machine = { platform: 'darwin', env: xdg, homeDirectory: '/Users/ann' };
const windows: Machine = { platform: 'win32', env: {}, homeDirectory: 'C:\\Users\\ann' };
checkPaths('on Linux the folders are those of XDG', linux, undefined, [
  '/home/ann/.config/kiro-gateway',
  '/home/ann/.local/share/kiro-gateway',
  '/home/ann/.local/state/kiro-gateway',
]);
checkPaths('XDG variables count when they are absolute', { ...linux, env: xdg }, undefined, [
  '/c/kiro-gateway',
  '/d/kiro-gateway',
  '/home/ann/.local/state/kiro-gateway',
]);
checkPaths('on macOS the folders lie in the Library', mac, undefined, [
  '/Users/ann/Library/Preferences/kiro-gateway',
  '/Users/ann/Library/Application Support/kiro-gateway',
  '/Users/ann/Library/Application Support/kiro-gateway/State',
]);
checkPaths('on Windows the folders lie in AppData', windows, undefined, [
  'C:\\Users\\ann\\AppData\\Roaming\\kiro-gateway\\Config',
  'C:\\Users\\ann\\AppData\\Local\\kiro-gateway\\Data',
  'C:\\Users\\ann\\AppData\\Local\\kiro-gateway\\State',
]);
checkPaths(
  'on Windows APPDATA and LOCALAPPDATA count',
  { ...windows, env: { APPDATA: 'D:\\R', LOCALAPPDATA: 'D:\\L' } },
  undefined,
  ['D:\\R\\kiro-gateway\\Config', 'D:\\L\\kiro-gateway\\Data', 'D:\\L\\kiro-gateway\\State'],
);
checkPaths('KIRO_GATEWAY_HOME replaces all three', mac, '/srv/gateway', [
  '/srv/gateway/config',
  '/srv/gateway/data',
  '/srv/gateway/state',
]);
