/** Finds out whether a credential works before it is stored: with one cheap call, or with one refresh. */

import { GatewayError } from '../core/errors.js';
import { type AccessProvider, type ClientDependencies, createKiroClient, type KiroClient } from '../kiro/client.js';
import type { Profile } from '../kiro/profiles.js';
import { toAccessToken } from './access-token.js';
import type { ApiKeyCredential, Credential, RefreshableCredential, Tokens } from './credential.js';
import { refreshCredential, type RefreshDependencies } from './refresh.js';

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
      return { credential, renewed: undefined, profiles: await tryOut(credential, tools, signal) };
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

async function tryOut(
  credential: RefreshableCredential,
  tools: ProofTools,
  signal: AbortSignal,
): Promise<readonly Profile[]> {
  if (credential.profileArn === undefined) return listProfiles(credential, tools, signal);
  await clientOf(credential, credential.apiRegion, tools).listModels(signal);
  return [];
}

/** A profile belongs to one API region, which nobody knows beforehand. */
async function listProfiles(
  credential: RefreshableCredential,
  tools: ProofTools,
  signal: AbortSignal,
): Promise<readonly Profile[]> {
  const regions = credential.apiRegion === undefined ? API_REGIONS : [credential.apiRegion];
  const answers = await Promise.allSettled(regions.map((it) => clientOf(credential, it, tools).listProfiles(signal)));
  const listed = answers.flatMap((it) => (it.status === 'fulfilled' ? it.value : []));
  if (answers.every((it) => it.status === 'rejected' && !isRefusedOnly(it.reason))) {
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
  }
  return [...new Map(listed.map((it) => [it.arn, it])).values()];
}

/** Kiro knew the token and denies the question, as it does to a Builder ID, which needs no profile of its own. */
function isRefusedOnly(thrown: unknown): boolean {
  return thrown instanceof GatewayError && (thrown.kind === 'forbidden' || thrown.kind === 'invalid-request');
}

function clientOf(credential: Credential, apiRegion: string | undefined, tools: ProofTools): KiroClient {
  const session: AccessProvider = {
    accessToken: () => Promise.resolve(toAccessToken(credential)),
    forceRefresh() {
      return Promise.reject(new GatewayError('login-expired', 'Kiro does not accept this login.'));
    },
  };
  return createKiroClient({ ...tools, session, apiRegion });
}

const MARGIN_MS = 60_000;
