/** The profile of an account whose login names none: the one that Kiro lists, or that all Builder IDs share. */

import { GatewayError } from '../core/errors.js';
import { untilAborted } from '../core/signals.js';
import type { Access, AccessProvider } from './client.js';
import { apiRegionOf, API_REGIONS } from './calls.js';
import type { Profile } from './answers.js';

export type ProfiledSession = ReturnType<typeof createProfiledSession>;

type ProfileDependencies = {
  readonly session: AccessProvider;
  /** Lists the profiles of one API region, with the session's own token. */
  readonly listProfiles: (region: string, signal: AbortSignal) => Promise<readonly Profile[]>;
  /** The setting KIRO_API_REGION: then only its profiles count. */
  readonly apiRegion: string | undefined;
  /** The setting KIRO_SHARED_PROFILE. */
  readonly usesSharedProfile: boolean;
  /** Unix time in milliseconds. */
  readonly now: () => number;
};

export function createProfiledSession(dependencies: ProfileDependencies) {
  const { session, listProfiles, now } = dependencies;
  let known: Known | undefined;
  const sharedArn = dependencies.usesSharedProfile ? SHARED_PROFILE : undefined;

  async function complete(access: Access, signal: AbortSignal): Promise<Access> {
    if (access.profileArn !== undefined || access.tokenTypeHeader === 'API_KEY') return access;
    // The person may sign in to another account while the gateway runs.
    if (known === undefined || known.login !== access.login || now() >= known.until) known = lookFor(access);
    return { ...access, profileArn: await untilAborted(known.arn, signal) };
  }

  function lookFor(access: Access): Known {
    const arn = find(access).then((found) => {
      looking.until = now() + found.keptMs;
      return found.arn;
    });
    const looking: Known = { login: access.login, arn, until: Infinity };
    return looking;
  }

  /** Without a caller's signal: one that leaves must not end what others wait for. */
  async function find(access: Access): Promise<{ readonly arn: string | undefined; readonly keptMs: number }> {
    const { signal } = new AbortController();
    if (access.isBuilderId === true) return { arn: sharedArn, keptMs: KEPT_MS };
    let keptMs = KEPT_MS;
    let isRefused = false;
    for (const region of regionsFor(access)) {
      try {
        const [profile] = await listProfiles(region, signal);
        if (profile !== undefined) return { arn: profile.arn, keptMs: KEPT_MS };
      } catch (thrown) {
        if (thrown instanceof GatewayError && thrown.kind === 'forbidden') isRefused = true;
        else keptMs = RETRY_MS;
      }
    }
    // Kiro lists no profiles to Builder IDs, but refuses them.
    return { arn: isRefused && access.isBuilderId === undefined ? sharedArn : undefined, keptMs };
  }

  /** The nearest first. */
  function regionsFor({ loginRegion, apiRegion }: Access): readonly string[] {
    const setting = dependencies.apiRegion ?? apiRegion;
    const nearest = apiRegionOf({ setting, loginRegion });
    return setting === undefined ? [nearest, ...API_REGIONS.filter((it) => it !== nearest)] : [nearest];
  }

  /** @param told For the log. */
  function other(access: Access, told: string) {
    const { login, profileArn } = access;
    /** It has worked: from now on it is the account's profile. */
    const keep = (): void => {
      known = { login, arn: Promise.resolve(profileArn), until: now() + KEPT_MS };
    };
    return { access, told, keep };
  }

  const provider: AccessProvider = {
    accessToken: async (signal) => complete(await session.accessToken(signal), signal),
    forceRefresh: async (refused, signal) => complete(await session.forceRefresh(refused, signal), signal),
  };
  return {
    ...provider,
    /**
     * The same access with another profile, or with none, when the profile is what Kiro refused.
     * @returns undefined when it is not, or when there is no other.
     */
    async otherProfile(refused: Access, error: unknown, signal: AbortSignal) {
      if (!(error instanceof GatewayError) || refused.tokenTypeHeader === 'API_KEY') return undefined;
      if (refused.profileArn !== undefined) {
        if (!isProfileRefused(error, refused.profileArn)) return undefined;
        return other({ ...refused, profileArn: undefined }, 'Kiro refused the profile; asking once more without one.');
      }
      if (!wantsProfile(error)) return undefined;
      const found = await untilAborted(find(refused), signal);
      const profileArn = found.arn ?? (refused.isBuilderId === undefined ? sharedArn : undefined);
      if (profileArn === undefined) return undefined;
      return other({ ...refused, profileArn }, 'Kiro asks for a profile; asking once more with one.');
    },
  };
}

/** What was found for a login, or is being looked for; without an ARN when its account has none. */
type Known = { readonly login: string | undefined; readonly arn: Promise<string | undefined>; until: number };

/** True when Kiro refused a request for having no profile. */
export function wantsProfile(thrown: unknown): boolean {
  return thrown instanceof GatewayError && /profileArn is required/i.test(thrown.message);
}

/** A profile that the account has chosen is refused by name only; the shared one is a guess and may be anything's cause. */
function isProfileRefused({ kind, message, facts }: GatewayError, profileArn: string): boolean {
  if (/invalid profileArn/i.test(message)) return true;
  if (profileArn !== SHARED_PROFILE) return false;
  // The older host was seen to call the token of a Builder ID invalid when there was a profile with it.
  const isDenied = kind === 'forbidden' || kind === 'login-expired';
  return facts.reason === 'REQUEST_BODY_INVALID' || (isDenied && facts.reason === undefined);
}

/** What tells an account from others where its profile does not: there is none, or everybody has it. */
export function accountOf({ profileArn, account }: Access): string | undefined {
  return profileArn === undefined || profileArn === SHARED_PROFILE ? account : undefined;
}

/** What kiro-cli was seen to send for every Builder ID, letter by letter, the X too (protocol 3.4). */
export const SHARED_PROFILE = 'arn:aws:codewhisperer:us-east-1:638616132270:profile/AAAACCCCXXXX';

const KEPT_MS = 3_600_000;
const RETRY_MS = 30_000;
