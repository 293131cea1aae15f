/** Looks for Kiro logins on this machine, and reads them. Nothing is written and nobody is asked over the network. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GatewayError, toGatewayError } from '../core/errors.js';
import type { Credential } from './credential.js';
import type { LoginOrigin } from './login-index.js';
import { apiKeySource, refreshTokenSource } from './sources/environment.js';
import { jsonFileSource } from './sources/json-file.js';
import { type Clock, createKiroCliDatabaseSource, readKiroCliDatabase } from './sources/kiro-cli-database.js';
import { type DatabaseMachine, kiroCliDatabasePaths } from './sources/kiro-cli-locations.js';
import type { FoundLogin, LoginSettings } from './sources/source.js';
import { withSettings } from './sources/token-fields.js';
import { codeOf } from './small-file.js';

/** Where a login can be imported from. */
export type ImportName = 'kiro-cli' | 'amazon-q' | 'ide' | 'file' | 'env';

export type ImportPlace = LoginOrigin & { readonly name: ImportName };

export type Finding = { readonly place: ImportPlace } & (
  | { readonly login: FoundLogin }
  /** A sentence about why it cannot be used. */
  | { readonly problem: string }
);

export type Detection = {
  readonly machine: DatabaseMachine;
  readonly settings: LoginSettings;
  readonly clock: Clock;
};

/** Everything that is there: the logins that last longest first, those that cannot be used last. */
export async function detectLogins(detection: Detection): Promise<readonly Finding[]> {
  const names: readonly ImportName[] = ['env', 'kiro-cli', 'amazon-q', 'ide'];
  const places = names.map((name) => usualPlace(name, detection)).filter((it) => it !== undefined);
  const findings = await Promise.all(places.map((place) => look(place, detection)));
  return findings.filter((it) => it !== undefined).toSorted((one, other) => freshness(other) - freshness(one));
}

/** Undefined for a file that the person has to name, and for an environment that says nothing. */
export function usualPlace(name: ImportName, { machine, settings }: Detection): ImportPlace | undefined {
  const [kiroCli, amazonQ] = kiroCliDatabasePaths(machine);
  switch (name) {
    case 'kiro-cli':
      return { name, path: kiroCli };
    case 'amazon-q':
      return { name, path: amazonQ };
    case 'ide':
      return { name, path: join(machine.homeDirectory, '.aws', 'sso', 'cache', 'kiro-auth-token.json') };
    case 'env':
      return ENVIRONMENT.some(({ isSet }) => isSet(settings)) ? { name, path: undefined } : undefined;
    case 'file':
      return undefined;
  }
}

/** @throws GatewayError `not-logged-in`, in a sentence that names the place, when there is no usable login. */
export async function readLoginAt({ name, path = '' }: ImportPlace, detection: Detection): Promise<FoundLogin> {
  const { settings, clock } = detection;
  switch (name) {
    case 'kiro-cli':
    case 'amazon-q': {
      const { credential, notices } = await readKiroCliDatabase(path, clock);
      return { credential: withSettings(credential, settings), notices };
    }
    case 'ide':
    case 'file':
      return given(await jsonFileSource.read({ ...settings, kiroCredsFile: path }));
    case 'env': {
      const source = ENVIRONMENT.find(({ isSet }) => isSet(settings));
      return given(await source?.read(detection));
    }
  }
}

/** Undefined when there is nothing at all. */
async function look(place: ImportPlace, detection: Detection): Promise<Finding | undefined> {
  try {
    if (place.path !== undefined && (await isMissing(place.path))) return undefined;
    return { place, login: await readLoginAt(place, detection) };
  } catch (thrown) {
    return { place, problem: toGatewayError(thrown).message };
  }
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await stat(path);
    return false;
  } catch (thrown) {
    return ['ENOENT', 'ENOTDIR'].includes(codeOf(thrown));
  }
}

function freshness(finding: Finding): number {
  if ('problem' in finding) return -1;
  const { credential } = finding.login;
  return credential.kind === 'api-key' ? Number.MAX_SAFE_INTEGER : (credential.expiresAt ?? 0);
}

function given(
  login: { readonly credential: Credential; readonly notices: readonly string[] } | undefined,
): FoundLogin {
  if (login !== undefined) return login;
  const names = 'REFRESH_TOKEN, KIRO_API_KEY, KIRO_CREDS_FILE and KIRO_CLI_DB_FILE';
  throw new GatewayError('not-logged-in', `The environment names no Kiro login: ${names} are not set.`);
}

/** In the order of their use. */
const ENVIRONMENT: readonly {
  readonly isSet: (settings: LoginSettings) => boolean;
  readonly read: (detection: Detection) => Promise<FoundLogin | undefined>;
}[] = [
  {
    isSet: ({ refreshToken }) => refreshToken !== undefined,
    read: ({ settings }) => refreshTokenSource.read(settings),
  },
  { isSet: ({ kiroApiKey }) => kiroApiKey !== undefined, read: ({ settings }) => apiKeySource.read(settings) },
  { isSet: ({ kiroCredsFile }) => kiroCredsFile !== undefined, read: ({ settings }) => jsonFileSource.read(settings) },
  {
    isSet: ({ kiroCliDbFile }) => kiroCliDbFile !== undefined,
    read: ({ settings, clock }) => createKiroCliDatabaseSource(clock).read(settings),
  },
];
