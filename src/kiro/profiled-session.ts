/** The profile of an account whose login names none: the one that Kiro lists, or that all Builder IDs share. */

import { GatewayError, untilAborted } from '../core/errors.js';
import type { Access, AccessProvider } from './client.js';
import { apiRegionOf, API_REGIONS } from './calls.js';
import type { Profile } from './answers.js';

export type ProfiledSession = AccessProvider & {
  /**
   * The same access with another profile, or with none, when the profile is what Kiro refused.
   * @returns undefined when it is not, or when there is no other.
   */
  otherProfile(refused: Access, error: unknown, signal: AbortSignal): Promise<OtherProfile | undefined>;
};

export type OtherProfile = {
  readonly access: Access;
  /** For the log. */
  readonly told: string;
  /** It has worked: from now on it is the account's profile. */
  readonly keep: () => void;
};

export type ProfileDependencies = {
  readonly session: AccessProvider;
  /** Those of one API region; asks in the name of the session itself. */
  readonly listProfiles: (region: string, signal: AbortSignal) => Promise<readonly Profile[]>;
  /** The setting KIRO_API_REGION: then only its profiles count. */
  readonly apiRegion: string | undefined;
  /** The setting KIRO_SHARED_PROFILE. */
  readonly usesSharedProfile: boolean;
  /** Unix time in milliseconds. */
  readonly now: () => number;
};

export function createProfiledSession(dependencies: ProfileDependencies): ProfiledSession {
  const { session, listProfiles, now } = dependencies;
  let kept: Kept | undefined;
  let finding: { readonly login: string | undefined; readonly found: Promise<Kept> } | undefined;
  const sharedArn = dependencies.usesSharedProfile ? SHARED_PROFILE : undefined;

  async function complete(access: Access, signal: AbortSignal): Promise<Access> {
    if (access.profileArn !== undefined || access.tokenTypeHeader === 'API_KEY') return access;
    // The person may sign in to another account while the gateway runs.
    const { login } = access;
    if (kept === undefined || kept.login !== login || now() >= kept.until) {
      if (finding === undefined || finding.login !== login) {
        const found = find(access).finally(() => {
          finding = undefined;
        });
        finding = { login, found };
      }
      kept = await untilAborted(finding.found, signal);
    }
    return { ...access, profileArn: kept.arn };
  }

  /** One caller's leaving must not end what others wait for. */
  async function find(access: Access): Promise<Kept> {
    const { login } = access;
    const { signal } = new AbortController();
    if (access.isBuilderId === true) return { login, arn: sharedArn, until: now() + KEPT_MS };
    let isSure = true;
    let isRefused = false;
    for (const region of regionsFor(access)) {
      try {
        const [profile] = await listProfiles(region, signal);
        if (profile !== undefined) return { login, arn: profile.arn, until: now() + KEPT_MS };
      } catch (thrown) {
        if (thrown instanceof GatewayError && thrown.kind === 'forbidden') isRefused = true;
        else isSure = false;
      }
    }
    // Kiro lists no profiles to Builder IDs, but refuses them.
    const arn = isRefused && access.isBuilderId === undefined ? sharedArn : undefined;
    return { login, arn, until: now() + (isSure ? KEPT_MS : RETRY_MS) };
  }

  /** The nearest first. */
  function regionsFor({ loginRegion, apiRegion }: Access): readonly string[] {
    const setting = dependencies.apiRegion ?? apiRegion;
    const nearest = apiRegionOf({ setting, loginRegion });
    return setting === undefined ? [nearest, ...API_REGIONS.filter((it) => it !== nearest)] : [nearest];
  }

  function other(access: Access, told: string): OtherProfile {
    const keep = (): void => {
      kept = { login: access.login, arn: access.profileArn, until: now() + KEPT_MS };
    };
    return { access, told, keep };
  }

  return {
    accessToken: async (signal) => complete(await session.accessToken(signal), signal),

    forceRefresh: async (refused, signal) => complete(await session.forceRefresh(refused, signal), signal),

    async otherProfile(refused, error, signal) {
      if (!(error instanceof GatewayError) || refused.tokenTypeHeader === 'API_KEY') return undefined;
      if (refused.profileArn !== undefined) {
        if (!isProfileRefused(error, refused.profileArn)) return undefined;
        return other({ ...refused, profileArn: undefined }, 'Kiro refused the profile; asking once more without one.');
      }
      if (!/profileArn is required/i.test(error.message)) return undefined;
      const found = await untilAborted(find(refused), signal);
      const profileArn = found.arn ?? (refused.isBuilderId === undefined ? sharedArn : undefined);
      if (profileArn === undefined) return undefined;
      return other({ ...refused, profileArn }, 'Kiro wants to know a profile; asking once more with one.');
    },
  };
}

/** What was found for a login; without a profile when its account has none. */
type Kept = Pick<Access, 'login'> & { readonly arn: string | undefined; readonly until: number };

/** A profile that the account has chosen is refused by name only; the shared one is a guess and may be anything's cause. */
function isProfileRefused({ kind, message, facts }: GatewayError, profileArn: string): boolean {
  if (/invalid profileArn/i.test(message)) return true;
  if (profileArn !== SHARED_PROFILE) return false;
  return facts.reason === 'REQUEST_BODY_INVALID' || (kind === 'forbidden' && facts.reason === undefined);
}

/** What kiro-cli was seen to send for every Builder ID, letter by letter, the X too (protocol 3.4). */
export const SHARED_PROFILE = 'arn:aws:codewhisperer:us-east-1:638616132270:profile/AAAACCCCXXXX';

const KEPT_MS = 3_600_000;
const RETRY_MS = 30_000;
