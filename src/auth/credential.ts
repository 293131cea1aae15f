/** What lets us obtain access tokens: a closed union of the kinds of Kiro account. */

import { createHash } from 'node:crypto';
import { Secret } from '../core/secret.js';

export type Credential = SocialCredential | OidcCredential | ExternalIdpCredential | ApiKeyCredential;

/** The kinds that are renewed with a refresh token. */
export type RefreshableCredential = SocialCredential | OidcCredential | ExternalIdpCredential;

/** Google or GitHub, through the Kiro desktop service. */
export type SocialCredential = RefreshableFacts & { readonly kind: 'social' };

/** AWS SSO OIDC: a Builder ID, or an IAM Identity Center of an organisation. */
export type OidcCredential = RefreshableFacts & {
  readonly kind: 'oidc';
  readonly provider: 'builder-id' | 'identity-center' | undefined;
  readonly clientId: string;
  readonly clientSecret: Secret;
  /** When the registered client expires, and every refresh with it. Unix time in milliseconds. */
  readonly registrationExpiresAt: number | undefined;
};

/** An organisation's own identity provider (Entra ID, Okta, …), which renews tokens itself. */
export type ExternalIdpCredential = RefreshableFacts & {
  readonly kind: 'external-idp';
  readonly clientId: string;
  readonly tokenEndpoint: string;
  readonly issuerUrl: string;
  readonly scopes: readonly string[];
};

/** Never renewed, and bound to the region it was made in. Kiro wants no profile with it. */
export type ApiKeyCredential = AccountFacts & { readonly kind: 'api-key'; readonly apiKey: Secret };

/** What a refresh yields, and all of a credential that changes with time. */
export type Tokens = {
  readonly refreshToken: Secret;
  readonly accessToken: Secret;
  /** Unix time in milliseconds. */
  readonly expiresAt: number;
  readonly profileArn: string | undefined;
};

type RefreshableFacts = AccountFacts & {
  readonly refreshToken: Secret;
  readonly accessToken: Secret | undefined;
  /** Unix time in milliseconds; undefined when unknown, which counts as expired. */
  readonly expiresAt: number | undefined;
};

type AccountFacts = {
  /** Where the login lives; not the region of the API. */
  readonly region: string;
  /** Where the API is to be called, when the account or the person says so. */
  readonly apiRegion: string | undefined;
  readonly profileArn: string | undefined;
};

/** The account's kind in words, for people. */
export function accountKind(credential: Credential): string {
  switch (credential.kind) {
    case 'social':
      return 'Kiro social login';
    case 'oidc':
      return OIDC_ACCOUNTS[credential.provider ?? 'unknown'];
    case 'external-idp':
      return "login of the organisation's identity provider";
    case 'api-key':
      return 'Kiro API key';
  }
}

/** Names what was configured without telling it: the name of the file that keeps what the credential became. */
export function digestOf(credential: Credential): string {
  return digest(credential.kind === 'api-key' ? credential.apiKey : credential.refreshToken);
}

export function isSameSecret(one: Secret | undefined, other: Secret | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one === other || digest(one) === digest(other);
}

/** All that must not be seen of it. */
export function secretsOf(credential: Credential): readonly Secret[] {
  return Object.values(credential).filter((it) => it instanceof Secret);
}

/** Kiro IDE has at times written a refresh token shortened with dots, which every service refuses without saying why. */
export function isWholeRefreshToken(text: string): boolean {
  return /^[!-~]+$/.test(text) && !text.includes('...');
}

/** Kiro's refresh tokens have some 230 characters; no rule says so, so a short one is only suspected, never refused. */
export function looksCutShort(refreshToken: Secret): boolean {
  return refreshToken.reveal().length < 100;
}

function digest(secret: Secret): string {
  return createHash('sha256').update(secret.reveal()).digest('hex');
}

const OIDC_ACCOUNTS = {
  'builder-id': 'AWS Builder ID',
  'identity-center': 'AWS IAM Identity Center',
  unknown: 'AWS login',
} as const;
