/** Hands out a fresh access token. The only place that decides when to renew, who waits for it, and whose tokens win. */

import { type ErrorKind, GatewayError, toGatewayError } from '../core/errors.js';
import { abortError, untilAborted } from '../core/signals.js';
import type { Secret } from '../core/secret.js';
import type { Access } from '../kiro/client.js';
import {
  accountKind,
  type Credential,
  digestOf,
  type FoundLogin,
  isImplausible,
  isSameLogin,
  isSameSecret,
  secretsOf,
  toAccess,
  usedSecret,
  withTokens,
} from './credential.js';
import type { Alone } from './lock.js';
import { refreshCredential, type RefreshDependencies } from './refresh.js';
import type { LoginSource } from './sources.js';
import type { RenewedBy, TokenStore } from './store.js';

export type Session = Awaited<ReturnType<typeof createSession>>;

/** For people; no secret. Times are unix time in milliseconds. */
export type SessionFacts = ReturnType<Session['describe']>;

export type SessionDependencies = RefreshDependencies & {
  readonly login: FoundLogin;
  /** Read again before each refresh: the person may have signed in anew, or another program refreshed. */
  readonly source: LoginSource;
  readonly store: TokenStore;
  readonly alone: Alone;
  readonly refreshAheadSeconds: number;
  /** Says once, when it is so, that the client registered for the login is about to expire. */
  readonly announcesRegistration: boolean;
  /** Is told, in a sentence, what a person should know. */
  readonly notice: (sentence: string) => void;
  /** Is told each secret before it goes out. */
  readonly hide: (secret: Secret) => void;
};

/**
 * `accessToken` waits for a refresh only when the token at hand is as good as expired; `forceRefresh` shares one among
 * all who met the same refusal. Leaving early does not stop a refresh that others wait for. Both reject with GatewayError
 * `login-expired`, `not-logged-in`, `upstream-unavailable`, `upstream-protocol` or `cancelled`; to force always rejects
 * for an API key.
 */
export async function createSession(dependencies: SessionDependencies) {
  const { source, store, now, notice, hide } = dependencies;
  const aheadMs = Math.max(dependencies.refreshAheadSeconds * 1000, BLOCKING_MS);
  let held = await withStoredTokens(dependencies.login);
  let issued: { readonly of: typeof held; readonly access: Access } | undefined;
  /** The store did not take the tokens held, so what it has is older than they are. */
  let isUnsaved = false;
  /** What Kiro refused is worth nothing, whatever it says about itself. */
  let refused: Secret | undefined;
  let lastTryAt = -Infinity;
  let lastRefusal: { readonly found: Credential; readonly error: GatewayError } | undefined;
  let renewal: Promise<void> | undefined;
  let announced: number | undefined;
  announceRegistration();

  async function accessToken(signal: AbortSignal): Promise<Access> {
    const leftMs = usableMs(held.latest);
    const mayRenew = leftMs <= aheadMs && !hasJustTried();
    if (leftMs > BLOCKING_MS || (leftMs > 0 && !mayRenew)) {
      // The token at hand serves meanwhile, and when this fails, until its true expiry.
      if (mayRenew) void beginRenewal().catch(() => undefined);
      return access();
    }
    try {
      await sharedRenewal(signal);
    } catch (thrown) {
      if (signal.aborted || usableMs(held.latest) <= 0) throw thrown;
    }
    return access();
  }

  async function forceRefresh(token: Secret, signal: AbortSignal): Promise<Access> {
    if (!isSameSecret(usedSecret(held.latest), token)) return accessToken(signal);
    refused = token;
    await sharedRenewal(signal);
    return access();
  }

  /** Made once for what is held: every request asks for it. */
  function access(): Access {
    if (issued?.of !== held) {
      secretsOf(held.latest).forEach(hide);
      issued = { of: held, access: { ...toAccess(held.latest), login: digestOf(held.from.credential) } };
    }
    return issued.access;
  }

  /** Waits for the renewal that is under way, or begins one. */
  function sharedRenewal(signal: AbortSignal): Promise<void> {
    // Who has left already begins nothing.
    return signal.aborted ? Promise.reject(abortError(signal)) : untilAborted(beginRenewal(), signal);
  }

  function beginRenewal(): Promise<void> {
    renewal ??= dependencies
      .alone(renew)
      .then(announceRegistration)
      .catch((thrown: unknown) => {
        const { message } = toGatewayError(thrown);
        const leftMs = usableMs(held.latest);
        // Where no token serves meanwhile, those who wait are told; an API key is never renewed, only refused.
        if (leftMs > 0 && leftMs < Infinity) notice(`The Kiro login could not be renewed: ${message}`);
        throw thrown;
      })
      .finally(() => (renewal = undefined));
    return renewal;
  }

  /** How long the access token can still be used, in milliseconds. */
  function usableMs(credential: Credential): number {
    if (credential.kind === 'api-key') return Infinity;
    const { accessToken: token, expiresAt = 0 } = credential;
    return token === undefined || isSameSecret(token, refused) ? 0 : expiresAt - now();
  }

  /**
   * True for a minute after a try, also when the clock was set back meanwhile: it keeps a service that fails from being
   * asked at every request.
   */
  function hasJustTried(): boolean {
    return Math.abs(now() - lastTryAt) < REST_MS;
  }

  /** Ends with a fresh token at hand. What it waited for may have happened meanwhile, so it looks again first. */
  async function renew(): Promise<void> {
    let found = await lookAgain('source');
    if (takeIfFresh(found)) return;
    // Asking again with the same dead token would only annoy the service.
    if (lastRefusal !== undefined && hasJustTried() && isSameLogin(found.latest, lastRefusal.found)) {
      throw lastRefusal.error;
    }
    lastTryAt = now();
    if (await found.from.askOwner?.()) {
      found = await lookAgain('kiro-cli');
      if (takeIfFresh(found)) return;
    }
    const isBehind = isUnsaved && isOfHeldLogin(found) && !isYounger(found.latest, held.latest);
    const chosen = isBehind ? held : found;
    try {
      await exchange(chosen);
    } catch (thrown) {
      // Everything but a judgement of the service says nothing about the token.
      if (!(thrown instanceof GatewayError) || !REFUSALS.includes(thrown.kind)) throw thrown;
      await renewOtherwise(chosen.latest, thrown);
    }
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
    const { from, latest } = login;
    if (latest.kind === 'api-key') {
      const advice = 'replace it, or set KIRO_API_REGION to the region it was made in.';
      throw new GatewayError('login-expired', `Kiro refused the API key in ${source.name}; ${advice}`);
    }
    secretsOf(latest).forEach(hide);
    const tokens = await refreshCredential(latest, { ...dependencies, command: source.command });
    isUnsaved = !(await store.write(digestOf(from.credential), tokens, 'gateway'));
    held = { ...login, latest: { ...latest, ...tokens } };
    [refused, lastRefusal] = [undefined, undefined];
  }

  /** What is there now, in the store and where the login was taken from. */
  async function lookAgain(by: RenewedBy): Promise<HeldLogin> {
    const found = await readAgain();
    const there = await found.from.readOrigin?.();
    if (there === undefined || there.kind === 'api-key' || found.latest.kind === 'api-key') return found;
    const { refreshToken, accessToken: token, expiresAt, profileArn } = there;
    const tokens = { refreshToken, accessToken: token, expiresAt, profileArn: found.latest.profileArn ?? profileArn };
    const latest = { ...found.latest, ...tokens };
    // Of the others it is the likeliest to live: somebody may have signed in there again.
    if (!isYounger(latest, found.latest)) return { ...found, others: [latest, ...found.others] };
    // Kept like tokens of our own, so that other processes find them.
    if (token !== undefined && expiresAt !== undefined && usableMs(latest) > BLOCKING_MS) {
      await store.write(digestOf(found.from.credential), { ...tokens, accessToken: token, expiresAt }, by);
    }
    return { ...found, latest, others: [...found.others, found.latest] };
  }

  async function readAgain(): Promise<HeldLogin> {
    const login = await source.read().catch((thrown: unknown) => {
      notice(`The Kiro login could not be read again: ${toGatewayError(thrown).message}`);
      return held.from;
    });
    if (login !== undefined) return withStoredTokens(login);
    const gone = `Your Kiro login is gone; it was ${source.description}.`;
    throw new GatewayError('not-logged-in', `${gone} ${remedyOf(source)}.`);
  }

  async function withStoredTokens(from: FoundLogin): Promise<HeldLogin> {
    const tokens = await store.read(digestOf(from.credential));
    const others = tokens === undefined ? [] : [from.credential];
    return { from, latest: withTokens(from.credential, tokens, now()), others };
  }

  /** False when what was found does not make a refresh needless. */
  function takeIfFresh(found: HeldLogin): boolean {
    const { latest } = found;
    if (hasSameAccessToken(latest, held.latest) || usableMs(latest) <= BLOCKING_MS) return false;
    if (isOfHeldLogin(found) && usableMs(held.latest) > 0 && !isYounger(latest, held.latest)) return false;
    held = found;
    isUnsaved = false;
    return true;
  }

  function isYounger(one: Credential, other: Credential): boolean {
    if (one.kind === 'api-key' || other.kind === 'api-key') return false;
    if (hasSameAccessToken(one, other) || isImplausible(one.expiresAt, now())) return false;
    return (one.expiresAt ?? 0) > (other.expiresAt ?? 0);
  }

  /** False when the person has signed in anew. */
  function isOfHeldLogin({ from }: HeldLogin): boolean {
    return isSameLogin(from.credential, held.from.credential);
  }

  /** Nothing can renew a login whose client has expired. */
  function announceRegistration(): void {
    const expiresAt = describe().registrationExpiresAt;
    if (!dependencies.announcesRegistration || expiresAt === undefined || expiresAt === announced) return;
    if (expiresAt - now() > ANNOUNCED_BEFORE_MS) return;
    announced = expiresAt;
    const day = new Date(expiresAt).toISOString().slice(0, 10);
    const [state, end] =
      expiresAt > now()
        ? [`can be renewed only until ${day}`, 'that day']
        : [`could be renewed only until ${day}`, 'its token ends'];
    notice(`The Kiro login ${state}. ${remedyOf(source)} before ${end}.`);
  }

  function describe() {
    const { latest } = held;
    const isRefused = refused !== undefined && isSameSecret(usedSecret(latest), refused);
    return {
      account: accountKind(latest),
      source: source.description,
      loginRegion: latest.region,
      profileArn: latest.profileArn,
      canExpire: latest.kind !== 'api-key',
      /** Of the access token; what Kiro refused has no time left. */
      expiresAt: latest.kind === 'api-key' ? undefined : isRefused ? 0 : latest.expiresAt,
      /** Of the registered client of an AWS login. */
      registrationExpiresAt: latest.kind === 'oidc' ? latest.registrationExpiresAt : undefined,
    };
  }

  /** The login as it was found, and what has become of it. */
  const current = () => ({ found: held.from.credential, latest: held.latest });
  return { accessToken, forceRefresh, describe, current };
}

/** A login as it was found, and as it is after the refreshes since. */
type HeldLogin = {
  /** As it was found: its credential's digest names the tokens, so a changed setting never meets another login's. */
  readonly from: FoundLogin;
  readonly latest: Credential;
  /** The same login with other refresh tokens, which may work when the latest does not. */
  readonly others: readonly Credential[];
};

/** The beginning of a sentence. */
function remedyOf({ command }: LoginSource): string {
  return command === undefined ? 'Sign in again' : `Run \`${command}\``;
}

function hasSameAccessToken(one: Credential, other: Credential): boolean {
  return isSameSecret(usedSecret(one), usedSecret(other));
}

const REFUSALS: readonly ErrorKind[] = ['login-expired', 'upstream-protocol'];
/** A token that lives no longer is as good as expired: a request takes its time. */
const BLOCKING_MS = 60_000;
/** Between two tries, when the token at hand still serves or the login is known to be dead. */
const REST_MS = 60_000;
/** A registration lives for 90 days. */
export const ANNOUNCED_BEFORE_MS = 7 * 24 * 3_600_000;
