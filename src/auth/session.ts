/** Hands out a fresh access token. The only place that decides when to refresh, and whose tokens win. */

import { GatewayError, toGatewayError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import { type AccessToken, toAccessToken } from './access-token.js';
import {
  accountKind,
  type Credential,
  digestOf,
  isSameSecret,
  type RefreshableCredential,
  type Tokens,
} from './credential.js';
import { refreshCredential, type RefreshDependencies } from './refresh.js';
import type { LoginSource } from './sources/index.js';
import type { TokenStore } from './store.js';

export type Session = {
  /**
   * Waits for a refresh only when the token at hand is as good as expired. Leaving early does not stop a refresh that
   * others wait for.
   * @throws GatewayError `login-expired`, `upstream-unavailable`, `upstream-protocol` or `cancelled`.
   */
  accessToken(signal: AbortSignal): Promise<AccessToken>;
  /**
   * A token that is not the one that Kiro refused. All who met the same refusal share one refresh.
   * @throws GatewayError like `accessToken`; always for an API key, which nothing can renew.
   */
  forceRefresh(refused: Secret, signal: AbortSignal): Promise<AccessToken>;
  describe(): SessionFacts;
};

/** For people; no secret. */
export type SessionFacts = {
  readonly account: string;
  readonly source: string;
  readonly loginRegion: string;
  readonly profileArn: string | undefined;
  /** False for an API key. */
  readonly canExpire: boolean;
  /** Of the access token, unix time in milliseconds. */
  readonly expiresAt: number | undefined;
  /** Of the registered client of an AWS login, unix time in milliseconds. */
  readonly registrationExpiresAt: number | undefined;
};

export type SessionDependencies = RefreshDependencies & {
  readonly credential: Credential;
  /** Read again before each refresh: the person may have signed in anew, or another program refreshed. */
  readonly source: LoginSource;
  readonly store: TokenStore;
  readonly refreshAheadSeconds: number;
  /** Is told, in a sentence, what a person should know. */
  readonly notice: (sentence: string) => void;
};

export async function createSession(dependencies: SessionDependencies): Promise<Session> {
  const { source, store, now, notice } = dependencies;
  const aheadMs = Math.max(dependencies.refreshAheadSeconds * 1000, BLOCKING_MS);
  let held = await withStoredTokens(dependencies.credential, store);
  let refused: Secret | undefined;
  let refresh: Promise<void> | undefined;
  let lastTryAt = -Infinity;
  let lastRefusal: { readonly found: Credential; readonly error: GatewayError } | undefined;

  async function accessToken(signal: AbortSignal): Promise<AccessToken> {
    const leftMs = usableMs();
    const mayRefresh = leftMs <= aheadMs && !hasJustTried();
    if (leftMs > BLOCKING_MS || (leftMs > 0 && !mayRefresh)) {
      if (mayRefresh) refreshInBackground();
      return toAccessToken(held.latest);
    }
    try {
      await sharedRefresh(signal);
    } catch (thrown) {
      if (signal.aborted || usableMs() <= 0) throw thrown;
      tellFailure(thrown);
    }
    return toAccessToken(held.latest);
  }

  async function forceRefresh(refusedToken: Secret, signal: AbortSignal): Promise<AccessToken> {
    const { latest } = held;
    if (latest.kind === 'api-key') throw refusedKey(source.name);
    if (!isSameSecret(latest.accessToken, refusedToken)) return accessToken(signal);
    refused = latest.accessToken;
    await sharedRefresh(signal);
    return toAccessToken(held.latest);
  }

  /** How long the token at hand can still be used. */
  function usableMs(): number {
    const { latest } = held;
    if (latest.kind === 'api-key') return Infinity;
    if (latest.accessToken === undefined || latest.accessToken === refused) return 0;
    return (latest.expiresAt ?? 0) - now();
  }

  /** Keeps a service that fails, or tokens that live shorter than the threshold, from a refresh at every request. */
  function hasJustTried(): boolean {
    return now() - lastTryAt < REST_MS;
  }

  /** Waits for the refresh that is under way, or begins one. */
  function sharedRefresh(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(cancelled());
    return orCancelled(beginRefresh(), signal);
  }

  /** The token at hand serves meanwhile, and when this fails, until its true expiry. */
  function refreshInBackground(): void {
    void beginRefresh().catch(tellFailure);
  }

  function beginRefresh(): Promise<void> {
    refresh ??= renew().finally(() => {
      refresh = undefined;
    });
    return refresh;
  }

  async function renew(): Promise<void> {
    const found = await lookAgain();
    if (isFresher(found.latest)) {
      held = found;
      return;
    }
    // Asking again with the same dead token would only annoy the service.
    if (lastRefusal !== undefined && hasJustTried() && isSameLogin(found.latest, lastRefusal.found)) {
      throw lastRefusal.error;
    }
    const chosen = isSameLogin(found.configured, held.configured) ? held : found;
    try {
      await exchange(chosen);
    } catch (thrown) {
      if (!isRefusal(thrown)) throw thrown;
      await renewOtherwise(chosen.latest, thrown);
    }
  }

  /** The token was refused. Somebody else may have renewed it in this moment, or another one may still work. */
  async function renewOtherwise(tried: Credential, error: GatewayError): Promise<void> {
    const found = await lookAgain();
    if (isFresher(found.latest)) {
      held = found;
      return;
    }
    lastRefusal = { found: found.latest, error };
    const others: readonly Held[] = [found, { ...found, latest: found.configured }, held];
    const other = others.find((it) => !isSameLogin(it.latest, tried));
    if (other === undefined) throw error;
    await exchange(other);
  }

  /** New tokens are kept before they are used: after a rotation the old ones may be dead. */
  async function exchange({ configured, latest }: Held): Promise<void> {
    if (latest.kind === 'api-key') throw refusedKey(source.name);
    lastTryAt = now();
    const tokens = await refreshCredential(latest, dependencies);
    await store.write(digestOf(configured), tokens);
    held = { configured, latest: { ...latest, ...tokens } };
  }

  async function lookAgain(): Promise<Held> {
    try {
      const found = await source.read();
      return await withStoredTokens(found?.credential ?? held.configured, store);
    } catch (thrown) {
      notice(`The Kiro login could not be read again: ${toGatewayError(thrown).message}`);
      return withStoredTokens(held.configured, store);
    }
  }

  /** True when what was found makes a refresh needless. */
  function isFresher(found: Credential): boolean {
    const { latest } = held;
    if (found.kind === 'api-key' || latest.kind === 'api-key') return found.kind !== latest.kind;
    const expiresAt = found.expiresAt ?? 0;
    const isOther = found.accessToken !== undefined && !isSameSecret(found.accessToken, latest.accessToken);
    return isOther && expiresAt - now() > BLOCKING_MS && (usableMs() <= 0 || expiresAt > (latest.expiresAt ?? 0));
  }

  function tellFailure(thrown: unknown): void {
    notice(`The Kiro login could not be renewed: ${toGatewayError(thrown).message}`);
  }

  function describe(): SessionFacts {
    const { latest } = held;
    return {
      account: accountKind(latest),
      source: source.description,
      loginRegion: latest.region,
      profileArn: latest.profileArn,
      canExpire: latest.kind !== 'api-key',
      expiresAt: latest.kind === 'api-key' ? undefined : latest.expiresAt,
      registrationExpiresAt: latest.kind === 'oidc' ? latest.registrationExpiresAt : undefined,
    };
  }

  return { accessToken, forceRefresh, describe };
}

/** A credential as it was found, and as it is after the refreshes since. */
type Held = { readonly configured: Credential; readonly latest: Credential };

/** The digest of what is configured names the tokens, so a changed setting never meets another login's. */
async function withStoredTokens(configured: Credential, store: TokenStore): Promise<Held> {
  if (configured.kind === 'api-key') return { configured, latest: configured };
  const tokens = await store.read(digestOf(configured));
  return { configured, latest: tokens === undefined ? configured : withTokens(configured, tokens) };
}

/** The stored refresh token is the younger one; of the access tokens, the one that lives longer wins. */
function withTokens(configured: RefreshableCredential, tokens: Tokens): RefreshableCredential {
  const { refreshToken, accessToken, expiresAt } = tokens;
  const profileArn = configured.profileArn ?? tokens.profileArn;
  if ((configured.expiresAt ?? 0) > expiresAt) return { ...configured, refreshToken, profileArn };
  return { ...configured, refreshToken, accessToken, expiresAt, profileArn };
}

/** The same refresh token or API key. */
function isSameLogin(one: Credential, other: Credential): boolean {
  return digestOf(one) === digestOf(other);
}

/** The service judged the token; everything else says nothing about it. */
function isRefusal(thrown: unknown): thrown is GatewayError {
  return thrown instanceof GatewayError && (thrown.kind === 'login-expired' || thrown.kind === 'upstream-protocol');
}

function refusedKey(sourceName: string): GatewayError {
  return new GatewayError(
    'login-expired',
    `Kiro refused the API key in ${sourceName}; replace it, or set KIRO_API_REGION to the region it was made in.`,
  );
}

/** Waits for the promise as long as this caller does; the promise itself goes on. */
function orCancelled(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(cancelled());
    signal.addEventListener('abort', leave, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}

function cancelled(): GatewayError {
  return new GatewayError('cancelled', 'The request was cancelled.');
}

const BLOCKING_MS = 60_000;
/** Between two tries, when the token at hand still serves or the login is known to be dead. */
const REST_MS = 60_000;
