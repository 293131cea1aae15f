/** Hands out a fresh access token. The only place that decides when to refresh, and who waits for it. */

import { abortError, toGatewayError, untilAborted } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import type { Access, AccessProvider } from '../kiro/client.js';
import { accountKind, isSameSecret, toAccess, usedSecret } from './credential.js';
import { BLOCKING_MS, createRenewal, remedyOf, type RenewalDependencies } from './renewal.js';

/**
 * `accessToken` waits for a refresh only when the token at hand is as good as expired; `forceRefresh` shares one among
 * all who met the same refusal. Leaving early does not stop a refresh that others wait for. Both reject with GatewayError
 * `login-expired`, `upstream-unavailable`, `upstream-protocol` or `cancelled`; to force always rejects for an API key.
 */
export type Session = AccessProvider & { readonly describe: () => SessionFacts };

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

type SessionDependencies = RenewalDependencies & {
  readonly refreshAheadSeconds: number;
  /** Says once, when it is so, that the client registered for the login is about to expire. */
  readonly announcesRegistration: boolean;
};

export async function createSession(dependencies: SessionDependencies): Promise<Session> {
  const { source, now, notice } = dependencies;
  const aheadMs = Math.max(dependencies.refreshAheadSeconds * 1000, BLOCKING_MS);
  const renewal = await createRenewal(dependencies);
  let refresh: Promise<void> | undefined;
  let announced: number | undefined;
  announceRegistration();

  async function accessToken(signal: AbortSignal): Promise<Access> {
    const leftMs = renewal.usableMs();
    const mayRefresh = leftMs <= aheadMs && !renewal.hasJustTried();
    if (leftMs > BLOCKING_MS || (leftMs > 0 && !mayRefresh)) {
      // The token at hand serves meanwhile, and when this fails, until its true expiry.
      if (mayRefresh) void beginRefresh().catch(tellFailure);
      return toAccess(renewal.current());
    }
    try {
      await sharedRefresh(signal);
    } catch (thrown) {
      if (signal.aborted || renewal.usableMs() <= 0) throw thrown;
      tellFailure(thrown);
    }
    return toAccess(renewal.current());
  }

  async function forceRefresh(refused: Secret, signal: AbortSignal): Promise<Access> {
    if (!isSameSecret(usedSecret(renewal.current()), refused)) return accessToken(signal);
    renewal.refuse(refused);
    await sharedRefresh(signal);
    return toAccess(renewal.current());
  }

  /** Waits for the refresh that is under way, or begins one. */
  function sharedRefresh(signal: AbortSignal): Promise<void> {
    // Who has left already begins nothing.
    return signal.aborted ? Promise.reject(abortError(signal)) : untilAborted(beginRefresh(), signal);
  }

  function beginRefresh(): Promise<void> {
    refresh ??= renewal
      .renew()
      .then(announceRegistration)
      .finally(() => (refresh = undefined));
    return refresh;
  }

  function tellFailure(thrown: unknown): void {
    notice(`The Kiro login could not be renewed: ${toGatewayError(thrown).message}`);
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
        ? [`can be renewed until ${day} only`, 'that day']
        : [`cannot be renewed since ${day}`, 'its token ends'];
    notice(`The Kiro login ${state}. ${remedyOf(source)} before ${end}.`);
  }

  function describe(): SessionFacts {
    const current = renewal.current();
    return {
      account: accountKind(current),
      source: source.description,
      loginRegion: current.region,
      profileArn: current.profileArn,
      canExpire: current.kind !== 'api-key',
      expiresAt: current.kind === 'api-key' ? undefined : current.expiresAt,
      registrationExpiresAt: current.kind === 'oidc' ? current.registrationExpiresAt : undefined,
    };
  }

  return { accessToken, forceRefresh, describe };
}

/** A registration lives for 90 days. */
const ANNOUNCED_BEFORE_MS = 7 * 24 * 3_600_000;
