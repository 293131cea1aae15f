/** The simulated sign-in service: which refresh and access tokens are alive. */
import { randomBytes } from 'node:crypto';

/** A refresh token that always works, for a demonstration that must survive a restart. */
export const DEMO_REFRESH_TOKEN = `aorDemo${'SimulatedRefreshToken'.repeat(6)}`;

/** What an access token is checked against: its kind decides the `tokentype` header that must go with it. */
export type TokenKind = 'social' | 'oidc' | 'external';

export type IssuedTokens = { readonly accessToken: string; readonly refreshToken: string; readonly expiresIn: number };

export type TokenDesk = {
  /** New tokens for a refresh token that is alive, and the end of that token. */
  readonly refresh: (refreshToken: string, kind: TokenKind) => IssuedTokens | undefined;
  /** New tokens for someone who has just logged in. */
  readonly issue: (kind: TokenKind) => IssuedTokens;
  readonly kindOf: (accessToken: string) => TokenKind | undefined;
  readonly revokeAccessTokens: () => void;
};

export function createTokenDesk(accessTokenSeconds: number, now: () => number): TokenDesk {
  const accessTokens = new Map<string, { readonly kind: TokenKind; readonly expiresAt: number }>();
  const refreshTokens = new Set<string>();

  function issue(kind: TokenKind): IssuedTokens {
    const accessToken = `aoa${randomText()}`;
    const refreshToken = `aor${randomText()}`;
    accessTokens.set(accessToken, { kind, expiresAt: now() + accessTokenSeconds * 1000 });
    refreshTokens.add(refreshToken);
    dropOldest(accessTokens);
    dropOldest(refreshTokens);
    return { accessToken, refreshToken, expiresIn: accessTokenSeconds };
  }

  return {
    issue,
    refresh: (refreshToken, kind) => {
      const isAlive = EVERLASTING.test(refreshToken) || refreshTokens.delete(refreshToken);
      return isAlive ? issue(kind) : undefined;
    },
    kindOf: (accessToken) => {
      const issued = accessTokens.get(accessToken);
      return issued !== undefined && issued.expiresAt > now() ? issued.kind : undefined;
    },
    revokeAccessTokens: () => accessTokens.clear(),
  };
}

/** About as long as the real ones. */
function randomText(): string {
  return randomBytes(168).toString('base64url');
}

/** Maps and sets keep the order of insertion, so the first key is the oldest. */
function dropOldest(tokens: Map<string, unknown> | Set<string>): void {
  const [oldest] = tokens.keys();
  if (tokens.size > MOST_TOKENS && oldest !== undefined) tokens.delete(oldest);
}

const EVERLASTING = /^(aorDemo|reusable)/;
const MOST_TOKENS = 10_000;
