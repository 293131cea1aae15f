/** Finds Kiro logins on this machine, and finds out whether one works before it is stored. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GatewayError, toGatewayError } from '../core/errors.js';
import type { Profile } from '../kiro/answers.js';
import { type AccessProvider, type ClientDependencies, createKiroClient, type KiroClient } from '../kiro/client.js';
import {
  type ApiKeyCredential,
  type Credential,
  type FoundLogin,
  type LoginSettings,
  type RefreshableCredential,
  toAccess,
  type Tokens,
  withSettings,
} from './credential.js';
import { fileProblem } from './files.js';
import { readJsonFile } from './json-login.js';
import { type Clock, type DatabaseMachine, kiroCliDatabasePaths, readKiroCliDatabase } from './kiro-cli.js';
import { refreshCredential, type RefreshDependencies } from './refresh.js';
import { settingSource } from './sources.js';
import type { LoginOrigin } from './store.js';

/** Where a login can be imported from. */
type ImportName = 'kiro-cli' | 'amazon-q' | 'ide' | 'file' | 'env';

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
export function usualPlace(name: ImportName, { machine, settings, clock }: Detection): ImportPlace | undefined {
  const [kiroCli, amazonQ] = kiroCliDatabasePaths(machine);
  switch (name) {
    case 'kiro-cli':
      return { name, path: kiroCli };
    case 'amazon-q':
      return { name, path: amazonQ };
    case 'ide':
      return { name, path: join(machine.homeDirectory, '.aws', 'sso', 'cache', 'kiro-auth-token.json') };
    case 'env':
      return settingSource(settings, clock) === undefined ? undefined : { name, path: undefined };
    case 'file':
      return undefined;
  }
}

/** @throws GatewayError `not-logged-in`, in a sentence that names the place, when there is no usable login. */
export async function readLoginAt({ name, path = '' }: ImportPlace, detection: Detection): Promise<FoundLogin> {
  const { settings, clock } = detection;
  switch (name) {
    case 'kiro-cli':
    case 'amazon-q':
      return withSettings(await readKiroCliDatabase(path, clock), settings);
    case 'ide':
    case 'file':
      return withSettings(await readJsonFile(path, settings.homeDirectory), settings);
    case 'env': {
      const source = settingSource(settings, clock);
      if (source !== undefined) return source.read();
      const names = 'REFRESH_TOKEN, KIRO_API_KEY, KIRO_CREDS_FILE and KIRO_CLI_DB_FILE';
      throw new GatewayError('not-logged-in', `The environment names no Kiro login: ${names} are not set.`);
    }
  }
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
  return credential.kind === 'api-key' ? Number.MAX_SAFE_INTEGER : (credential.expiresAt ?? 0);
}

export type ProofTools = RefreshDependencies & Pick<ClientDependencies, 'optOut' | 'randomId'>;

export type Proof = {
  /** With the tokens of the refresh, when there was one: the old ones may be dead. */
  readonly credential: RefreshableCredential;
  /** What the refresh yielded, when there was one. */
  readonly renewed: Tokens | undefined;
  /** To choose from, when the credential names no profile. */
  readonly profiles: readonly Profile[];
};

/**
 * A token that still lives is tried as it is, because a refresh may retire the copy of whoever else has it.
 * @throws GatewayError `login-expired` when it does not work, others when nobody can tell.
 */
export async function proveLogin(
  credential: RefreshableCredential,
  tools: ProofTools,
  signal: AbortSignal,
): Promise<Proof> {
  if (credential.accessToken !== undefined && (credential.expiresAt ?? 0) - tools.now() > MARGIN_MS) {
    try {
      if (credential.profileArn === undefined) {
        return { credential, renewed: undefined, profiles: await listProfiles(credential, tools, signal) };
      }
      await clientOf(credential, credential.apiRegion, tools).listModels(signal);
      return { credential, renewed: undefined, profiles: [] };
    } catch (thrown) {
      if (!(thrown instanceof GatewayError) || thrown.kind !== 'login-expired') throw thrown;
    }
  }
  const renewed = await refreshCredential(credential, tools);
  const latest = { ...credential, ...renewed };
  if (latest.profileArn !== undefined) return { credential: latest, renewed, profiles: [] };
  // The refresh was the proof, and its tokens have to be kept whatever Kiro says about profiles.
  return { credential: latest, renewed, profiles: await listProfiles(latest, tools, signal).catch(() => []) };
}

/**
 * An API key works only in the region that it was made in.
 * @throws GatewayError `login-expired` when it works in none of them.
 */
export async function proveApiKey(
  credential: ApiKeyCredential,
  regions: readonly string[],
  tools: ProofTools,
  signal: AbortSignal,
): Promise<ApiKeyCredential> {
  let failure: GatewayError | undefined;
  for (const region of regions) {
    const candidate = { ...credential, region, apiRegion: region, profileArn: undefined };
    try {
      await clientOf(candidate, region, tools).listModels(signal);
      return candidate;
    } catch (thrown) {
      if (!(thrown instanceof GatewayError) || thrown.kind === 'cancelled') throw thrown;
      if (thrown.kind !== 'login-expired') failure ??= thrown;
    }
  }
  const message = `Kiro does not know this API key in ${regions.join(' or ')}; copy it again, or give its --region.`;
  throw failure ?? new GatewayError('login-expired', message);
}

/** Where the Kiro API exists. */
export const API_REGIONS = ['us-east-1', 'eu-central-1'] as const;

/** A profile belongs to one API region, which nobody knows beforehand. */
async function listProfiles(
  credential: RefreshableCredential,
  tools: ProofTools,
  signal: AbortSignal,
): Promise<readonly Profile[]> {
  const regions = credential.apiRegion === undefined ? API_REGIONS : [credential.apiRegion];
  const answers = await Promise.allSettled(regions.map((it) => clientOf(credential, it, tools).listProfiles(signal)));
  const listed = answers.flatMap((it) => (it.status === 'fulfilled' ? it.value : []));
  const failures = answers.flatMap((it) => (it.status === 'rejected' ? [it.reason as unknown] : []));
  if (failures.length === answers.length && !failures.some(isRefusedOnly)) throw failures[0];
  return [...new Map(listed.map((it) => [it.arn, it])).values()];
}

/** Kiro knew the token and denies the question, as it does to a Builder ID, which needs no profile of its own. */
function isRefusedOnly(thrown: unknown): boolean {
  return thrown instanceof GatewayError && (thrown.kind === 'forbidden' || thrown.kind === 'invalid-request');
}

function clientOf(credential: Credential, apiRegion: string | undefined, tools: ProofTools): KiroClient {
  const session: AccessProvider = {
    accessToken: () => Promise.resolve(toAccess(credential)),
    forceRefresh() {
      return Promise.reject(new GatewayError('login-expired', 'Kiro does not accept this login.'));
    },
  };
  return createKiroClient({ ...tools, session, apiRegion });
}

const MARGIN_MS = 60_000;
