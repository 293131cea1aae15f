/** Where kiro-cli and its forerunner amazon-q keep their database, on each platform. */

import { posix, win32 } from 'node:path';

export type DatabaseMachine = {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
};

/** kiro-cli first: it copies the logins of amazon-q, which are then the older ones. */
export function kiroCliDatabasePaths(machine: DatabaseMachine): readonly string[] {
  const { platform, homeDirectory } = machine;
  if (platform === 'win32') return ['Kiro-Cli', 'amazon-q'].map((it) => win32.join(localData(machine), it, FILE_NAME));
  const folder =
    platform === 'darwin' ? posix.join(homeDirectory, 'Library', 'Application Support') : xdgDataHome(machine);
  return ['kiro-cli', 'amazon-q'].map((it) => posix.join(folder, it, FILE_NAME));
}

function localData({ env, homeDirectory }: DatabaseMachine): string {
  const named = env['LOCALAPPDATA']?.trim();
  return named || win32.join(env['USERPROFILE'] || homeDirectory, 'AppData', 'Local');
}

/** The XDG base directory specification says that a path that is not absolute is to be ignored. */
function xdgDataHome({ env, homeDirectory }: DatabaseMachine): string {
  const named = env['XDG_DATA_HOME'] ?? '';
  return posix.isAbsolute(named) ? named : posix.join(homeDirectory, '.local', 'share');
}

const FILE_NAME = 'data.sqlite3';
