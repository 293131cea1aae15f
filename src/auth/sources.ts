/** Where a login is looked for, in the order of use: the settings, then what `kiro-gateway login` has stored. */

import { GatewayError } from '../core/errors.js';
import { DEFAULT_REGION } from '../kiro/calls.js';
import {
  type Credential,
  DEFAULT_LOGIN,
  type FoundLogin,
  loginCommand,
  type LoginSettings,
  type Origin,
  withSettings,
} from './credential.js';
import { readJsonFile } from './json-login.js';
import { askKiroCli, type Clock, readKiroCliDatabase, type RunProgram } from './kiro-cli.js';
import type { KnownLogin, LoginStore } from './login-store.js';
import type { TokenStore } from './store.js';

export type SourceTools = Clock & {
  readonly runProgram: RunProgram;
  readonly logins: LoginStore;
  /** What `--profile` names: a stored login, which then is the only one looked for. */
  readonly profile?: string | undefined;
};

export type Login = FoundLogin & {
  readonly source: LoginSource;
  /** Where its renewed tokens rest; undefined where it is no stored login. */
  readonly store?: TokenStore | undefined;
};

/** The source that a login came from, so that a session can look there again. */
export type LoginSource<Found = FoundLogin | undefined> = {
  readonly name: string;
  /** Where the login lies, for people; no secret. */
  readonly description: string;
  /** The command that makes it anew; undefined where Kiro's own programs do. */
  readonly command?: string | undefined;
  /**
   * Undefined when the login is gone.
   * @throws GatewayError `not-logged-in` when the login cannot be read.
   */
  read(): Promise<Found>;
};

/**
 * The login that `--profile` names, or that of the first setting that is set, or the stored one; undefined when there
 * is none.
 * @throws GatewayError `not-logged-in` when there is no usable login where it is looked for.
 */
export async function findLogin(settings: LoginSettings, tools: SourceTools): Promise<Login | undefined> {
  if (tools.profile !== undefined) return findStoredLogin(tools.profile, settings, tools);
  const source = settingSource(settings, tools, () => askKiroCli(tools.runProgram));
  return source ? { ...(await source.read()), source } : findStoredLogin(undefined, settings, tools);
}

export function notLoggedIn(): GatewayError {
  const message =
    'No Kiro login found. Run `kiro-gateway login`, or set REFRESH_TOKEN, KIRO_API_KEY, KIRO_CREDS_FILE or KIRO_CLI_DB_FILE.';
  return new GatewayError('not-logged-in', message, { reason: 'no-login' });
}

/**
 * The first setting that names a login. Adding a source adds one case here.
 * @param askOwner Has kiro-cli renew its login.
 */
export function settingSource(
  settings: LoginSettings,
  clock: Clock,
  askOwner?: () => Promise<boolean>,
): LoginSource<FoundLogin> | undefined {
  const { refreshToken, kiroApiKey: apiKey, kiroCredsFile: file, kiroCliDbFile: database } = settings;
  const { kiroRegion: region = DEFAULT_REGION, kiroApiRegion: apiRegion, profileArn } = settings;
  const account = { region, apiRegion, profileArn };
  if (refreshToken !== undefined) {
    // A social login: the other kinds need more than a token, and come in a file.
    const tokens = { refreshToken, accessToken: undefined, expiresAt: undefined };
    return said('REFRESH_TOKEN', { kind: 'social', ...tokens, ...account });
  }
  if (apiKey !== undefined) return said('KIRO_API_KEY', { kind: 'api-key', apiKey, ...account });
  if (file !== undefined) {
    const read = async (): Promise<FoundLogin> =>
      withSettings(await readJsonFile(file, settings.homeDirectory), settings);
    return { name: 'KIRO_CREDS_FILE', description: `the file ${file} (KIRO_CREDS_FILE)`, read };
  }
  if (database === undefined) return undefined;
  const origin = askOwner && { askOwner };
  return {
    name: 'KIRO_CLI_DB_FILE',
    description: `the database ${database} (KIRO_CLI_DB_FILE)`,
    read: async () => ({ ...withSettings(await readKiroCliDatabase(database, clock), settings), origin }),
  };
}

function said(name: string, credential: Credential): LoginSource<FoundLogin> {
  return { name, description: `the setting ${name}`, read: () => Promise.resolve({ credential, notices: [] }) };
}

/**
 * Undefined when no login is named and none is stored.
 * @throws GatewayError `not-logged-in` when the named login does not exist, or the login cannot be read.
 */
async function findStoredLogin(
  profile: string | undefined,
  settings: LoginSettings,
  tools: SourceTools,
): Promise<Login | undefined> {
  const { logins } = tools;
  const name = profile ?? DEFAULT_LOGIN;
  const login = await logins.readLogin(name);
  if (login === undefined) {
    if (profile === undefined) return undefined;
    const message = `There is no login ${name}; run \`${loginCommand(name)}\`.`;
    throw new GatewayError('not-logged-in', message, { reason: 'no-login' });
  }
  const store = login.facts.store === 'file' ? 'file store' : 'keychain';
  async function read(): Promise<FoundLogin | undefined> {
    const latest = await logins.readLogin(name);
    return latest && toFoundLogin(latest, settings, tools);
  }
  return {
    ...toFoundLogin(login, settings, tools),
    store: logins.tokenStore(name),
    source: {
      name: `the login ${name}`,
      description: `the login ${name} in the ${store}`,
      command: loginCommand(name),
      read,
    },
  };
}

function toFoundLogin(login: KnownLogin, settings: LoginSettings, tools: SourceTools): FoundLogin {
  const { credential, tokens } = login;
  // Once there are renewed tokens, what the login was saved with is history.
  const isRenewed = credential.kind !== 'api-key' && tokens !== undefined;
  const current = isRenewed ? { ...credential, accessToken: undefined, expiresAt: undefined } : credential;
  const origin = originOf(login, settings.homeDirectory, tools);
  return withSettings({ credential: current, notices: [], origin }, settings);
}

function originOf({ credential, facts }: KnownLogin, homeDirectory: string, tools: SourceTools): Origin | undefined {
  const { name, path } = facts.source;
  if (path === undefined) return undefined;
  const isDatabase = name === 'kiro-cli' || name === 'amazon-q' || path.endsWith('.sqlite3');
  async function read(place: string): Promise<Credential | undefined> {
    try {
      const found = isDatabase ? await readKiroCliDatabase(place, tools) : await readJsonFile(place, homeDirectory);
      return isSameAccount(credential, found.credential) ? found.credential : undefined;
    } catch {
      // The gateway has a copy of its own, so what becomes of the other one is no reason to complain.
      return undefined;
    }
  }
  const askOwner = name === 'kiro-cli' ? () => askKiroCli(tools.runProgram) : undefined;
  return { read: () => read(path), askOwner };
}

/**
 * Tokens do not say whose they are. A refresh token belongs to the client that got it, and an AWS client is registered
 * anew for each login; a profile says little, because one account can have several and change between them.
 */
function isSameAccount(one: Credential, other: Credential): boolean {
  switch (one.kind) {
    case 'social': {
      if (other.kind !== 'social') return false;
      const [profile, otherProfile] = [one.profileArn, other.profileArn];
      return profile === undefined || otherProfile === undefined || profile === otherProfile;
    }
    case 'oidc':
      return other.kind === 'oidc' && one.clientId === other.clientId && one.region === other.region;
    case 'external-idp': {
      if (other.kind !== 'external-idp') return false;
      return one.clientId === other.clientId && one.tokenEndpoint === other.tokenEndpoint;
    }
    case 'api-key':
      return false;
  }
}
