/** What `login`, `logout` and `status` work with: settings, folders, the stored logins, and where to look for others. */

import { join } from 'node:path';

import type { Detection } from '../auth/detect.js';
import type { LoginStore } from '../auth/login-store.js';
import type { Context } from '../context.js';
import { readEnvFile } from '../env-file.js';
import { openLogins } from '../open-logins.js';
import { gatewayPaths, type GatewayPaths } from '../paths.js';
import { readSettings, type Settings } from '../settings.js';
import type { CommandOptions } from './command.js';

export type LoginDesk = {
  readonly settings: Settings;
  readonly paths: GatewayPaths;
  readonly logins: LoginStore;
  readonly detection: Detection;
};

/**
 * @param notice Is told, in a sentence, what a person should know.
 * @throws GatewayError `invalid-request` for bad settings.
 */
export async function openLoginDesk(
  context: Context,
  options: CommandOptions,
  notice: (sentence: string) => void,
): Promise<LoginDesk> {
  const { machine, now, sleep } = context;
  const named = options['envFile'];
  const settings = readSettings({
    flags: {},
    env: machine.env,
    envFile: typeof named === 'string' ? await readEnvFile(named, { trusted: true }) : undefined,
    homeDirectory: machine.homeDirectory,
    version: context.version,
  });
  const paths = gatewayPaths(machine, settings.gatewayHome);
  return {
    settings,
    paths,
    logins: openLogins(context, paths, notice),
    detection: {
      machine,
      settings: { ...settings, homeDirectory: machine.homeDirectory },
      clock: { now, sleep },
    },
  };
}

/** Where the secrets of a stored login rest, for people. */
export function storePlace(store: 'keychain' | 'file', { data }: GatewayPaths): string {
  return store === 'keychain' ? "the system's keychain" : `a private file in ${join(data, 'logins')}`;
}
