/** Where the gateway keeps its own files, on each platform. */

import { posix, win32 } from 'node:path';

export type GatewayPaths = {
  /** What a person may edit or carry to another machine. */
  readonly config: string;
  readonly data: string;
  /** What only this machine needs, such as renewed tokens. */
  readonly state: string;
};

export type Machine = {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
};

/** The platform's usual folders, or those below `gatewayHome` (the setting KIRO_GATEWAY_HOME). */
export function gatewayPaths(machine: Machine, gatewayHome?: string): GatewayPaths {
  const style = machine.platform === 'win32' ? win32 : posix;
  if (gatewayHome !== undefined) {
    const below = (folder: string): string => style.join(gatewayHome, folder);
    return { config: below('config'), data: below('data'), state: below('state') };
  }
  if (machine.platform === 'win32') return windowsPaths(machine);
  if (machine.platform === 'darwin') return macPaths(machine);
  return xdgPaths(machine);
}

function windowsPaths({ env, homeDirectory }: Machine): GatewayPaths {
  const roaming = env['APPDATA'] || win32.join(homeDirectory, 'AppData', 'Roaming');
  const local = env['LOCALAPPDATA'] || win32.join(homeDirectory, 'AppData', 'Local');
  return {
    config: win32.join(roaming, NAME, 'Config'),
    data: win32.join(local, NAME, 'Data'),
    state: win32.join(local, NAME, 'State'),
  };
}

function macPaths({ homeDirectory }: Machine): GatewayPaths {
  const support = posix.join(homeDirectory, 'Library', 'Application Support', NAME);
  return {
    config: posix.join(homeDirectory, 'Library', 'Preferences', NAME),
    data: support,
    state: posix.join(support, 'State'),
  };
}

/** The XDG base directory specification says that a path that is not absolute is to be ignored. */
function xdgPaths({ env, homeDirectory }: Machine): GatewayPaths {
  const folder = (variable: string, ...usual: readonly string[]): string => {
    const named = env[variable] ?? '';
    return posix.join(posix.isAbsolute(named) ? named : posix.join(homeDirectory, ...usual), NAME);
  };
  return {
    config: folder('XDG_CONFIG_HOME', '.config'),
    data: folder('XDG_DATA_HOME', '.local', 'share'),
    state: folder('XDG_STATE_HOME', '.local', 'state'),
  };
}

const NAME = 'kiro-gateway';
