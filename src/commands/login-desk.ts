/** What `login`, `logout`, `status` and `doctor` share: the stored logins, where to look for others, and words for them. */

import { join } from 'node:path';

import { accountKind, type Credential, DEFAULT_LOGIN } from '../auth/credential.js';
import { kiroCliDatabasePaths } from '../auth/kiro-cli.js';
import { type Detection, type Finding, usualPlace } from '../auth/sources.js';
import type { LoginStore } from '../auth/login-store.js';
import type { Context } from '../context.js';
import { startDemo } from '../demo.js';
import { type CommandOptions, type GatewayPaths, loadSettings, readSettings, type Settings } from '../settings.js';
import { apiRegionOf } from '../kiro/calls.js';
import { openLogins } from '../open-gateway.js';
import type { Run } from './command.js';

export type LoginDesk = {
  readonly settings: Settings;
  readonly paths: GatewayPaths;
  /** Undefined with `--demo`: there is one login, in the environment; Kiro is the simulator, and nothing is stored. */
  readonly logins: LoginStore | undefined;
  readonly detection: Detection;
  readonly close: () => Promise<void>;
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
  const { machine, now, sleep, runProgram, version } = context;
  const { settings, paths } = await loadSettings(context, options);
  const clock = { now, sleep, runProgram, kiroCliDatabase: kiroCliDatabasePaths(machine)[0] };
  if (options['demo'] === undefined) {
    const { homeDirectory } = machine;
    const logins = openLogins(context, paths, notice);
    const detection = { machine, settings: { ...settings, homeDirectory }, clock };
    return { settings, paths, logins, detection, close: () => Promise.resolve() };
  }
  const { login, hosts, close } = await startDemo(context, options['demo']);
  const { refreshToken } = login.credential;
  // A home in which there is nothing to be found.
  const homeDirectory = join(paths.state, 'demo');
  const nothingSaid = readSettings({ flags: {}, env: {}, homeDirectory, version });
  const { api: kiroApiUrl, management: kiroManagementUrl, auth: kiroAuthUrl, oidc: kiroOidcUrl } = hosts;
  return {
    settings: { ...settings, kiroApiUrl, kiroManagementUrl, kiroAuthUrl, kiroOidcUrl, vpnProxyUrl: undefined },
    paths,
    logins: undefined,
    detection: {
      machine: { ...machine, env: {}, homeDirectory },
      settings: { ...nothingSaid, refreshToken, homeDirectory },
      clock,
    },
    close,
  };
}

/** Where the secrets of a stored login rest, for people. */
export function storePlace(store: 'keychain' | 'file', { data }: GatewayPaths): string {
  return store === 'keychain' ? "the system's keychain" : `a private file in ${join(data, 'logins')}`;
}

/** Removes a stored login, every part of it from every store. */
export const logout: Run = async (_, options, context) => {
  const { terminal } = context;
  const name = String(options['profile'] ?? DEFAULT_LOGIN);
  const { logins, paths, detection, close } = await openLoginDesk(context, options, terminal.note);
  await close();
  if (logins === undefined) {
    await terminal.result('The login of the simulator is stored nowhere; nothing was removed.\n');
    return 0;
  }
  // A list that is damaged is for `removeLogin` to complain about.
  const facts = (await logins.listLogins().catch(() => [])).find((it) => it.name === name);
  const wasThere = await logins.removeLogin(name);
  const place = facts === undefined ? 'this machine' : storePlace(facts.store, paths);
  await terminal.result(
    wasThere
      ? `Removed the login ${name}${facts === undefined ? '' : ` (${facts.account})`} from ${place}.\n`
      : `No login named ${name} is stored; nothing was removed.\n`,
  );
  if (usualPlace('env', detection) !== undefined) {
    terminal.note('The settings still name a Kiro login; `kiro-gateway status` says which.');
  }
  return 0;
};

/** Completes "the token is …". */
export function tokenLife(expiresAt: number | undefined, now: number): string {
  if (expiresAt === undefined) return 'of unknown age';
  return expiresAt > now ? `good for ${timeBetween(now, expiresAt)}` : `expired ${timeBetween(expiresAt, now)} ago`;
}

/** `42 min`, `5 h`, `3 days`. */
export function timeBetween(from: number, to: number): string {
  const minutes = Math.round((to - from) / 60_000);
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2880 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} days`;
}

export function credentialLife(credential: Credential, now: number): string {
  return credential.kind === 'api-key' ? 'without expiry' : tokenLife(credential.expiresAt, now);
}

export function whereItCalls(credential: Pick<Credential, 'region' | 'apiRegion' | 'profileArn'>): string {
  const { region: loginRegion, apiRegion: setting, profileArn } = credential;
  return apiRegionOf({ setting, profileArn, loginRegion });
}

/** `kiro-cli: AWS Builder ID, eu-west-1, profile EXAMPLE12345, good for 42 min`, or why it cannot be used. */
export function findingLine(finding: Finding, now: number): string {
  const name = SOURCE_NAMES[finding.place.name];
  if ('problem' in finding) return `${name} cannot be used: ${finding.problem}`;
  const { credential } = finding.login;
  const profile = credential.profileArn?.split('/').at(-1);
  const facts = [
    accountKind(credential),
    credential.region,
    ...(profile === undefined ? [] : [`profile ${profile}`]),
    credentialLife(credential, now),
  ];
  return `${name}: ${facts.join(', ')}`;
}

/** Where logins come from, for people. */
export const SOURCE_NAMES: Readonly<Record<string, string>> = {
  'kiro-cli': 'kiro-cli',
  'amazon-q': 'Amazon Q CLI',
  ide: 'Kiro IDE',
  file: 'a file',
  env: 'the settings',
  simulator: 'the simulator (--demo)',
};

export const UNOFFICIAL = [
  'kiro-gateway is unofficial: neither Kiro nor AWS made it or supports it, and it can stop working any day.',
  "Kiro's terms may not permit clients like this one; whether you use it with your account is your decision.",
] as const;
