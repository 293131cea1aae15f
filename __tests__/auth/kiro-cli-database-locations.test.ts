/** Where kiro-cli and amazon-q keep their databases on each platform. */

import { expect, test } from '@jest/globals';
import type { Machine } from '../../src/auth/files.js';
import { kiroCliDatabasePaths } from '../../src/auth/kiro-cli.js';

function check(title: string, machine: Machine, expected: readonly string[]): void {
  test(title, () => {
    expect(kiroCliDatabasePaths(machine)).toEqual(expected);
  });
}

const linux: Machine = { platform: 'linux', env: {}, homeDirectory: '/home/ann' };
const mac: Machine = { platform: 'darwin', env: { XDG_DATA_HOME: '/d' }, homeDirectory: '/Users/ann' };
const windows: Machine = { platform: 'win32', env: {}, homeDirectory: 'C:\\Users\\ann' };

const AT_HOME = ['/home/ann/.local/share/kiro-cli/data.sqlite3', '/home/ann/.local/share/amazon-q/data.sqlite3'];
check('on Linux they lie in the local share', linux, AT_HOME);
check('on Linux XDG_DATA_HOME counts', { ...linux, env: { XDG_DATA_HOME: '/d' } }, [
  '/d/kiro-cli/data.sqlite3',
  '/d/amazon-q/data.sqlite3',
]);
check('XDG_DATA_HOME does not count when it is not absolute', { ...linux, env: { XDG_DATA_HOME: 'd' } }, AT_HOME);
check('XDG_DATA_HOME does not count when it is empty', { ...linux, env: { XDG_DATA_HOME: '' } }, AT_HOME);
check('on macOS they lie in the Library, whatever XDG says', mac, [
  '/Users/ann/Library/Application Support/kiro-cli/data.sqlite3',
  '/Users/ann/Library/Application Support/amazon-q/data.sqlite3',
]);
check('on Windows LOCALAPPDATA counts', { ...windows, env: { LOCALAPPDATA: 'D:\\L', USERPROFILE: 'E:\\ann' } }, [
  'D:\\L\\Kiro-Cli\\data.sqlite3',
  'D:\\L\\amazon-q\\data.sqlite3',
]);
check(
  'on Windows USERPROFILE stands in for a blank one',
  { ...windows, env: { LOCALAPPDATA: ' ', USERPROFILE: 'E:\\ann' } },
  ['E:\\ann\\AppData\\Local\\Kiro-Cli\\data.sqlite3', 'E:\\ann\\AppData\\Local\\amazon-q\\data.sqlite3'],
);
check('on Windows the home folder stands in for both', windows, [
  'C:\\Users\\ann\\AppData\\Local\\Kiro-Cli\\data.sqlite3',
  'C:\\Users\\ann\\AppData\\Local\\amazon-q\\data.sqlite3',
]);
