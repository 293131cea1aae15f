/** Where logins are: in the settings, stored by `kiro-gateway login`, and with Kiro's own programs, which are only read. */

import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GatewayError, toGatewayError } from '../core/errors.js';
import { DEFAULT_REGION } from '../kiro/calls.js';
import {
  type Credential,
  DEFAULT_LOGIN,
  type FoundLogin,
  loginCommand,
  type LoginSettings,
  withSettings,
} from './credential.js';
import { fileProblem, type Machine } from './files.js';
import { readJsonFile } from './json-login.js';
import { askKiroCli, type Clock, kiroCliDatabasePaths, readKiroCliDatabase, type RunProgram } from './kiro-cli.js';
import type { LoginStore } from './login-store.js';
import type { KnownLogin, LoginOrigin, TokenStore } from './store.js';

type PlaceTools = Clock & {
  /** Without it kiro-cli is not asked to renew its login. */
  readonly runProgram?: RunProgram | undefined;
  /** Where kiro-cli keeps its login: in no other database will it renew one. */
  readonly kiroCliDatabase?: string | undefined;
};

export type SourceTools = PlaceTools & {
  readonly logins: LoginStore;
  /** What `--profile` names: a stored login, which then is the only one looked for. */
  readonly profile?: string | undefined;
};

export type Login = FoundLogin & {
  readonly source: LoginSource;
  /** Of the stored login; undefined where it is none. */
  readonly name?: string | undefined;
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
  const source = settingSource(settings, tools);
  if (tools.profile === undefined && source !== undefined) return { ...(await source.read()), source };
  return findStoredLogin(settings, tools);
}

export function notLoggedIn(): GatewayError {
  const message =
    'No Kiro login found. Run `kiro-gateway login`, or set REFRESH_TOKEN, KIRO_API_KEY, KIRO_CREDS_FILE or KIRO_CLI_DB_FILE.';
  return new GatewayError('not-logged-in', message, { reason: 'no-login' });
}

/** The first setting that names a login. Adding a source adds one case here. */
export function settingSource(settings: LoginSettings, tools: PlaceTools): LoginSource<FoundLogin> | undefined {
  const { refreshToken, kiroApiKey: apiKey, kiroCredsFile: file, kiroCliDbFile: database } = settings;
  const { kiroRegion: region = DEFAULT_REGION, kiroApiRegion: apiRegion, profileArn } = settings;
  const account = { region, apiRegion, profileArn };
  if (refreshToken !== undefined) {
    // A social login: the other kinds need more than a token, and come in a file.
    const tokens = { refreshToken, accessToken: undefined, expiresAt: undefined };
    return said('REFRESH_TOKEN', { kind: 'social', ...tokens, ...account });
  }
  if (apiKey !== undefined) return said('KIRO_API_KEY', { kind: 'api-key', apiKey, ...account });
  const name = file === undefined ? 'KIRO_CLI_DB_FILE' : 'KIRO_CREDS_FILE';
  const path = file ?? database;
  if (path === undefined) return undefined;
  const place = { name: file === undefined ? 'kiro-cli' : 'file', path };
  return {
    name,
    description: `the ${file === undefined ? 'database' : 'file'} ${path} (${name})`,
    read: async () => withSettings(await readPlace(place, settings, tools), settings),
  };
}

function said(name: string, credential: Credential): LoginSource<FoundLogin> {
  return { name, description: `the setting ${name}`, read: () => Promise.resolve({ credential, notices: [] }) };
}

/** What another program keeps. */
async function readPlace(place: LoginOrigin, { homeDirectory }: LoginSettings, tools: PlaceTools): Promise<FoundLogin> {
  const { name, path = '' } = place;
  const isDatabase = name === 'kiro-cli' || name === 'amazon-q';
  const found = await (isDatabase ? readKiroCliDatabase(path, tools) : readJsonFile(path, homeDirectory));
  return { ...found, askOwner: ownerOf(place, tools) };
}

/** kiro-cli renews its own login when it is asked to, because a refresh of ours may retire the copy that it has. */
function ownerOf({ name, path }: LoginOrigin, tools: PlaceTools): FoundLogin['askOwner'] {
  const { runProgram, kiroCliDatabase: own } = tools;
  if (name !== 'kiro-cli' || path === undefined || runProgram === undefined || own === undefined) return undefined;
  return async () => (await realPath(path)) === (await realPath(own)) && askKiroCli(runProgram);
}

/** The path itself where nothing is there. */
function realPath(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

/**
 * Undefined when no login is named and none is stored.
 * @throws GatewayError `not-logged-in` when the named login does not exist, or the login cannot be read.
 */
async function findStoredLogin(settings: LoginSettings, tools: SourceTools): Promise<Login | undefined> {
  const { logins, profile } = tools;
  const name = profile ?? DEFAULT_LOGIN;
  const command = loginCommand(name);
  const login = await logins.readLogin(name);
  if (login === undefined) {
    if (profile === undefined) return undefined;
    throw new GatewayError('not-logged-in', `There is no login named ${name}; run \`${command}\`.`, {
      reason: 'no-login',
    });
  }
  const description = `the login ${name} in the ${login.facts.store === 'file' ? 'file store' : 'keychain'}`;
  async function read(): Promise<FoundLogin | undefined> {
    const latest = await logins.readLogin(name);
    return latest && toFoundLogin(latest, settings, tools);
  }
  return {
    ...toFoundLogin(login, settings, tools),
    name,
    store: logins.tokenStore(name),
    source: { name: `the login ${name}`, description, command, read },
  };
}

function toFoundLogin(
  { credential, tokens, facts }: KnownLogin,
  settings: LoginSettings,
  tools: SourceTools,
): FoundLogin {
  async function readOrigin(): Promise<Credential | undefined> {
    const ours = { ...credential, profileArn: credential.profileArn ?? tokens?.profileArn };
    try {
      const { credential: there } = await readPlace(facts.source, settings, tools);
      return isSameAccount(ours, there) ? there : undefined;
    } catch {
      // The gateway has a copy of its own, so what becomes of the other one is no reason to complain.
      return undefined;
    }
  }
  // Once there are renewed tokens, what the login was saved with is history.
  const isRenewed = credential.kind !== 'api-key' && tokens !== undefined;
  const current = isRenewed ? { ...credential, accessToken: undefined, expiresAt: undefined } : credential;
  const found = {
    credential: current,
    notices: [],
    readOrigin: facts.source.path === undefined ? undefined : readOrigin,
    askOwner: ownerOf(facts.source, tools),
  };
  return withSettings(found, settings);
}

/**
 * Tokens do not say whose they are. A refresh token belongs to the client that got it, and an AWS client is registered
 * anew for each login; a profile says little, because one account can have several and change between them.
 */
function isSameAccount(one: Credential, other: Credential): boolean {
  if (one.kind === 'social' && other.kind === 'social') {
    const profiles = [one.profileArn, other.profileArn];
    return profiles.includes(undefined) || profiles[0] === profiles[1];
  }
  if (one.kind === 'oidc' && other.kind === 'oidc')
    return one.clientId === other.clientId && one.region === other.region;
  if (one.kind !== 'external-idp' || other.kind !== 'external-idp') return false;
  return one.clientId === other.clientId && one.tokenEndpoint === other.tokenEndpoint;
}

// --- what can be taken over

/** Where a login can be imported from. */
export type ImportPlace = LoginOrigin & { readonly name: 'kiro-cli' | 'amazon-q' | 'ide' | 'file' | 'env' };

export type Finding = { readonly place: ImportPlace } & (
  | { readonly login: FoundLogin }
  /** A sentence about why it cannot be used. */
  | { readonly problem: string }
);

export type Detection = {
  readonly machine: Machine;
  readonly settings: LoginSettings;
  readonly clock: PlaceTools;
};

/** Everything that is there: the logins that last longest first, those that cannot be used last. */
export async function detectLogins(detection: Detection): Promise<readonly Finding[]> {
  const names = ['env', 'kiro-cli', 'amazon-q', 'ide'] as const;
  const places = names.map((name) => usualPlace(name, detection)).filter((it) => it !== undefined);
  const findings = await Promise.all(places.map((place) => look(place, detection)));
  return findings.filter((it) => it !== undefined).toSorted((one, other) => freshness(other) - freshness(one));
}

/** Undefined for a file that the person has to name, and for an environment that says nothing. */
export function usualPlace(
  name: ImportPlace['name'],
  { machine, settings, clock }: Detection,
): ImportPlace | undefined {
  if (name === 'file') return undefined;
  if (name === 'env') return settingSource(settings, clock) && { name, path: undefined };
  const [kiroCli, amazonQ] = kiroCliDatabasePaths(machine);
  const ide = join(machine.homeDirectory, '.aws', 'sso', 'cache', 'kiro-auth-token.json');
  return { name, path: { 'kiro-cli': kiroCli, 'amazon-q': amazonQ, ide }[name] };
}

/** @throws GatewayError `not-logged-in`, in a sentence that names the place, when there is no usable login. */
export async function readLoginAt(place: ImportPlace, detection: Detection): Promise<FoundLogin> {
  const { settings, clock } = detection;
  if (place.name !== 'env') return withSettings(await readPlace(place, settings, clock), settings);
  const source = settingSource(settings, clock);
  if (source !== undefined) return source.read();
  const names = 'REFRESH_TOKEN, KIRO_API_KEY, KIRO_CREDS_FILE and KIRO_CLI_DB_FILE';
  throw new GatewayError('not-logged-in', `The settings name no Kiro login: ${names} are not set.`);
}

/** Undefined when there is nothing at all. */
async function look(place: ImportPlace, detection: Detection): Promise<Finding | undefined> {
  try {
    if (place.path !== undefined) await stat(place.path);
    return { place, login: await readLoginAt(place, detection) };
  } catch (thrown) {
    if (fileProblem(thrown) === 'missing') return undefined;
    return { place, problem: toGatewayError(thrown).message };
  }
}

function freshness(finding: Finding): number {
  if ('problem' in finding) return -1;
  const { credential } = finding.login;
  return credential.kind === 'api-key' ? Infinity : (credential.expiresAt ?? 0);
}
