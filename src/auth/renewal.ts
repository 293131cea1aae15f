/** Renews a login, one process at a time. The only place that decides whose tokens win. */

import { GatewayError, toGatewayError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import {
  type Credential,
  digestOf,
  type FoundLogin,
  isSameSecret,
  type Origin,
  type RefreshableCredential,
  type Tokens,
  usedSecret,
} from './credential.js';
import type { Alone } from './lock.js';
import { refreshCredential, type RefreshDependencies } from './refresh.js';
import type { LoginSource } from './sources.js';
import type { RenewedBy, TokenStore } from './store.js';

export type RenewalDependencies = RefreshDependencies & {
  readonly login: FoundLogin;
  /** Read again before each refresh: the person may have signed in anew, or another program refreshed. */
  readonly source: LoginSource;
  readonly store: TokenStore;
  readonly alone: Alone;
  /** Is told, in a sentence, what a person should know. */
  readonly notice: (sentence: string) => void;
};

export async function createRenewal(dependencies: RenewalDependencies) {
  const { source, store, alone, now, notice } = dependencies;
  let held = await withStoredTokens(dependencies.login, store, now());
  /** The store did not take the tokens held, so what it has is older than they are. */
  let isUnsaved = false;
  let refused: Secret | undefined;
  let lastTryAt = -Infinity;
  let lastRefusal: { readonly found: Credential; readonly error: GatewayError } | undefined;

  /** How long the access token at hand can still be used, in milliseconds. */
  function usableMs(credential: Credential = held.latest): number {
    if (credential.kind === 'api-key') return Infinity;
    const { accessToken, expiresAt = 0 } = credential;
    if (accessToken === undefined || isSameSecret(accessToken, refused)) return 0;
    return expiresAt - now();
  }

  /**
   * True for a minute after a try, also when the clock was set back meanwhile: it keeps a service that fails from being
   * asked at every request.
   */
  function hasJustTried(): boolean {
    return Math.abs(now() - lastTryAt) < REST_MS;
  }

  /**
   * Ends with a fresh token at hand.
   * @throws GatewayError `login-expired`, `not-logged-in`, `upstream-unavailable` or `upstream-protocol`.
   */
  async function renew(): Promise<void> {
    let { configured } = held;
    for (let looks = 1; ; looks++) {
      const digest = digestOf(configured);
      const other = await alone(digest, () => renewAlone(looks === MAX_LOOKS ? undefined : digest));
      if (other === undefined) return;
      configured = other;
    }
  }

  /**
   * What it waited for may have happened meanwhile, so it looks again first.
   * @param digest Of the login that this process is alone with; undefined when it does not matter any more.
   * @returns another login that is there now, and that this process is not alone with.
   */
  async function renewAlone(digest: string | undefined): Promise<Credential | undefined> {
    let found = await lookAgain('source');
    if (takeIfFresh(found)) return undefined;
    if (digest !== undefined && digestOf(found.configured) !== digest) return found.configured;
    // Asking again with the same dead token would only annoy the service.
    if (lastRefusal !== undefined && hasJustTried() && isSameLogin(found.latest, lastRefusal.found)) {
      throw lastRefusal.error;
    }
    lastTryAt = now();
    if (await found.origin?.askOwner?.()) {
      found = await lookAgain('kiro-cli');
      if (takeIfFresh(found)) return undefined;
    }
    const chosen = isBehind(found) ? held : found;
    try {
      await exchange(chosen);
    } catch (thrown) {
      if (!isRefusal(thrown)) throw thrown;
      await renewOtherwise(chosen.latest, thrown);
    }
    return undefined;
  }

  /** The token was refused. Somebody else may have renewed it in this moment, or another one may still work. */
  async function renewOtherwise(tried: Credential, error: GatewayError): Promise<void> {
    const found = await lookAgain('source');
    if (takeIfFresh(found)) return;
    lastRefusal = { found: found.latest, error };
    const others = [found.latest, ...found.others, ...(isOfHeldLogin(found) ? [held.latest] : [])];
    const latest = others.find((it) => !isSameLogin(it, tried));
    if (latest === undefined) throw error;
    await exchange({ ...found, latest });
  }

  /** New tokens are kept before they are used: after a rotation the old ones may be dead. */
  async function exchange(login: HeldLogin): Promise<void> {
    const { configured, latest } = login;
    if (latest.kind === 'api-key') {
      const advice = 'replace it, or set KIRO_API_REGION to the region it was made in.';
      throw new GatewayError('login-expired', `Kiro refused the API key in ${source.name}; ${advice}`);
    }
    const tokens = await refreshCredential(latest, { ...dependencies, command: source.command });
    isUnsaved = !(await store.write(digestOf(configured), tokens, 'gateway'));
    held = { ...login, latest: { ...latest, ...tokens } };
    [refused, lastRefusal] = [undefined, undefined];
  }

  /** What is there now, in the store and where the login was taken from. */
  async function lookAgain(by: RenewedBy): Promise<HeldLogin> {
    const found = await readAgain();
    const there = await found.origin?.read?.();
    if (there === undefined || there.kind === 'api-key' || found.latest.kind === 'api-key') return found;
    const { refreshToken, accessToken, expiresAt, profileArn } = there;
    const tokens = { refreshToken, accessToken, expiresAt, profileArn: found.latest.profileArn ?? profileArn };
    const latest = { ...found.latest, ...tokens };
    if (!isYounger(latest, found.latest)) return { ...found, others: [...found.others, latest] };
    // Kept like tokens of our own, so that other processes find them.
    if (accessToken !== undefined && expiresAt !== undefined && usableMs(latest) > BLOCKING_MS) {
      await store.write(digestOf(found.configured), { refreshToken, accessToken, expiresAt, profileArn }, by);
    }
    return { ...found, latest, others: [...found.others, found.latest] };
  }

  async function readAgain(): Promise<HeldLogin> {
    const login = await source.read().catch((thrown: unknown) => {
      notice(`The Kiro login could not be read again: ${toGatewayError(thrown).message}`);
      return { credential: held.configured, origin: held.origin };
    });
    if (login !== undefined) return withStoredTokens(login, store, now());
    const gone = `Your Kiro login is gone; it was ${source.description}.`;
    throw new GatewayError('not-logged-in', `${gone} ${remedyOf(source)}.`);
  }

  function isYounger(one: Credential, other: Credential): boolean {
    if (one.kind === 'api-key' || other.kind === 'api-key') return false;
    if (hasSameAccessToken(one, other) || isImplausible(one.expiresAt, now())) return false;
    // A token that Kiro refused gives way, whatever it says about itself.
    if (refused !== undefined && isSameSecret(other.accessToken, refused)) return usableMs(one) > 0;
    return (one.expiresAt ?? 0) > (other.expiresAt ?? 0);
  }

  /** True when the store still has what the tokens held have replaced. */
  function isBehind(found: HeldLogin): boolean {
    return isUnsaved && isOfHeldLogin(found) && !isYounger(found.latest, held.latest);
  }

  /** False when the person has signed in anew. */
  function isOfHeldLogin({ configured }: HeldLogin): boolean {
    return isSameLogin(configured, held.configured);
  }

  /** False when what was found does not make a refresh needless. */
  function takeIfFresh(found: HeldLogin): boolean {
    const { latest } = found;
    if (hasSameAccessToken(latest, held.latest) || usableMs(latest) <= BLOCKING_MS) return false;
    if (isOfHeldLogin(found) && usableMs() > 0 && !isYounger(latest, held.latest)) return false;
    held = found;
    isUnsaved = false;
    return true;
  }

  return {
    current: () => held.latest,
    usableMs: () => usableMs(),
    hasJustTried,
    renew,
    /** From now on this token, which Kiro refused, is worth nothing. */
    refuse: (token: Secret): void => void (refused = token),
  };
}

/** The beginning of a sentence. */
export function remedyOf({ command }: LoginSource): string {
  return command === undefined ? 'Sign in again' : `Run \`${command}\``;
}

/** The service judged the token; everything else says nothing about it. */
function isRefusal(thrown: unknown): thrown is GatewayError {
  return thrown instanceof GatewayError && (thrown.kind === 'login-expired' || thrown.kind === 'upstream-protocol');
}

/** A token that lives no longer is as good as expired: a request takes its time. */
export const BLOCKING_MS = 60_000;
/** Between two tries, when the token at hand still serves or the login is known to be dead. */
const REST_MS = 60_000;
const MAX_LOOKS = 3;

/** A login as it was found, and as it is after the refreshes since. */
type HeldLogin = {
  /** As it was found: its digest names the tokens, so a changed setting never meets another login's. */
  readonly configured: Credential;
  readonly latest: Credential;
  /** The same login with other refresh tokens, which may work when the latest does not. */
  readonly others: readonly Credential[];
  readonly origin: Origin | undefined;
};

async function withStoredTokens(
  { credential: configured, origin }: Pick<FoundLogin, 'credential' | 'origin'>,
  store: TokenStore,
  now: number,
): Promise<HeldLogin> {
  const held = { configured, latest: configured, others: [], origin };
  if (configured.kind === 'api-key') return held;
  const tokens = await store.read(digestOf(configured));
  return tokens === undefined ? held : { ...held, latest: withTokens(configured, tokens, now), others: [configured] };
}

/** The stored refresh token is the younger one; of the access tokens, the one that lives longer wins. */
function withTokens(configured: RefreshableCredential, tokens: Tokens, now: number): RefreshableCredential {
  const { refreshToken, accessToken, expiresAt } = tokens;
  const profileArn = configured.profileArn ?? tokens.profileArn;
  const isLonger = (configured.expiresAt ?? 0) > expiresAt && !isImplausible(configured.expiresAt, now);
  if (isLonger) return { ...configured, refreshToken, profileArn };
  return { ...configured, refreshToken, accessToken, expiresAt, profileArn };
}

/** The same refresh token or API key. */
function isSameLogin(one: Credential, other: Credential): boolean {
  return digestOf(one) === digestOf(other);
}

function hasSameAccessToken(one: Credential, other: Credential): boolean {
  return isSameSecret(usedSecret(one), usedSecret(other));
}

/** No access token lives that long: a clock was wrong, here or there. */
function isImplausible(expiresAt: number | undefined, now: number): boolean {
  return (expiresAt ?? 0) - now > LONGEST_LIFE_MS;
}

const LONGEST_LIFE_MS = 24 * 3_600_000;
