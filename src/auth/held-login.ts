/** A login as it was found, and as it is after the refreshes since: which of its tokens are the younger ones. */

import { type Credential, digestOf, isSameSecret, type RefreshableCredential, type Tokens } from './credential.js';
import type { FoundLogin, Origin } from './sources/source.js';
import type { TokenStore } from './store.js';

export type HeldLogin = {
  /** As it was found: its digest names the tokens, so a changed setting never meets another login's. */
  readonly configured: Credential;
  readonly latest: Credential;
  /** The same login with other refresh tokens, which may work when the latest does not. */
  readonly others: readonly Credential[];
  readonly origin: Origin | undefined;
};

export async function withStoredTokens(
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

/** The tokens of what lies where the login was taken from. Undefined when it has none to offer. */
export function tokensOf(there: Credential | undefined): Tokens | undefined {
  if (there === undefined || there.kind === 'api-key') return undefined;
  const { refreshToken, accessToken, expiresAt, profileArn } = there;
  return accessToken && expiresAt !== undefined ? { refreshToken, accessToken, expiresAt, profileArn } : undefined;
}

/** The same refresh token or API key. */
export function isSameLogin(one: Credential, other: Credential): boolean {
  return digestOf(one) === digestOf(other);
}

export function hasSameAccessToken(one: Credential, other: Credential): boolean {
  return isSameSecret(usedSecret(one), usedSecret(other));
}

/** What goes along with a request. */
export function usedSecret(credential: Credential) {
  return credential.kind === 'api-key' ? credential.apiKey : credential.accessToken;
}

/** No access token lives that long: a clock was wrong, here or there. */
export function isImplausible(expiresAt: number | undefined, now: number): boolean {
  return (expiresAt ?? 0) - now > LONGEST_LIFE_MS;
}

const LONGEST_LIFE_MS = 24 * 3_600_000;
