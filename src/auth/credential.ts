/** What lets us obtain access tokens: the kinds of Kiro account, what a login is called, and what a place gives that has one. */

import { createHash } from 'node:crypto';
import { GatewayError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import type { Access } from '../kiro/client.js';

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
  const { kind } = credential;
  return ACCOUNTS[kind === 'oidc' ? (credential.provider ?? kind) : kind];
}

/** Names what was configured without telling it: the name of the file that keeps what the credential became. */
export function digestOf(credential: Credential): string {
  return digest(credential.kind === 'api-key' ? credential.apiKey : credential.refreshToken);
}

export function isSameSecret(one: Secret | undefined, other: Secret | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && digest(one) === digest(other));
}

/** The same refresh token or API key. */
export function isSameLogin(one: Credential, other: Credential): boolean {
  return digestOf(one) === digestOf(other);
}

/**
 * The login as it has become. The stored refresh token is the younger one; of the access tokens, the one that lives
 * longer wins.
 */
export function withTokens(configured: Credential, tokens: Tokens | undefined, now: number): Credential {
  if (tokens === undefined || configured.kind === 'api-key') return configured;
  const { refreshToken, accessToken, expiresAt } = tokens;
  const latest = { ...configured, refreshToken, profileArn: configured.profileArn ?? tokens.profileArn };
  const isOutlived = (configured.expiresAt ?? 0) > expiresAt && !isImplausible(configured.expiresAt, now);
  return isOutlived ? latest : { ...latest, accessToken, expiresAt };
}

/** No access token lives that long: a clock was wrong, here or there. */
export function isImplausible(expiresAt: number | undefined, now: number): boolean {
  return (expiresAt ?? 0) - now > LONGEST_LIFE_MS;
}

const LONGEST_LIFE_MS = 24 * 3_600_000;

/** All that must not be seen of it. */
export function secretsOf(credential: Credential): readonly Secret[] {
  return Object.values(credential).filter((it) => it instanceof Secret);
}

/** Kiro IDE has at times written a refresh token shortened with dots, which every service refuses without saying why. */
export function isWholeRefreshToken(text: string): boolean {
  return isOneWord(text) && !text.includes('...');
}

/** What is none cannot stand in a header, and no request with it would leave this machine. */
export function isOneWord(text: string): boolean {
  return /^[!-~]+$/.test(text);
}

function digest(secret: Secret): string {
  return createHash('sha256').update(secret.reveal()).digest('hex');
}

const ACCOUNTS = {
  social: 'Kiro social login',
  oidc: 'AWS login',
  'builder-id': 'AWS Builder ID',
  'identity-center': 'AWS IAM Identity Center',
  'external-idp': "login of the organisation's identity provider",
  'api-key': 'Kiro API key',
} as const;

export const BUILDER_ID_START_URL = 'https://view.awsapps.com/start';

/** What a request takes along of a credential. */
export function toAccess(credential: Credential): Access {
  const { kind, region: loginRegion, apiRegion } = credential;
  const token = usedSecret(credential);
  if (token === undefined) throw new GatewayError('internal', 'There is no access token after a refresh; report this.');
  return {
    token,
    // Kiro wants none with an API key.
    profileArn: kind === 'api-key' ? undefined : credential.profileArn,
    account: lastingNameOf(credential),
    loginRegion,
    apiRegion,
    tokenTypeHeader: kind === 'api-key' ? 'API_KEY' : kind === 'external-idp' ? 'EXTERNAL_IDP' : undefined,
    isBuilderId: kind === 'oidc' ? credential.provider && credential.provider === 'builder-id' : false,
  };
}

/** Not of the refresh token: the program that a login was taken from renews it, too, and gets another one. */
function lastingNameOf(credential: Credential): string | undefined {
  if (credential.kind === 'api-key') return digest(credential.apiKey);
  // AWS registers a client for each login.
  return credential.kind === 'oidc' ? digest(new Secret(credential.clientId)) : undefined;
}

/** What goes along with a request. */
export function usedSecret(credential: Credential): Secret | undefined {
  return credential.kind === 'api-key' ? credential.apiKey : credential.accessToken;
}

export type FoundLogin = {
  readonly credential: Credential;
  /** What a person should know about what was found, in sentences. */
  readonly notices: readonly string[];
  /** The login as it lies now where it was taken from; undefined when there is none of this account. Never throws. */
  readonly readOrigin?: (() => Promise<Credential | undefined>) | undefined;
  /** Has the program that the login belongs to renew it. False when it cannot be asked. Never throws. */
  readonly askOwner?: (() => Promise<boolean>) | undefined;
};

/** The settings that say who we are; `Settings` is one of these with a home folder added. */
export type LoginSettings = {
  readonly refreshToken: Secret | undefined;
  readonly profileArn: string | undefined;
  readonly kiroRegion: string | undefined;
  readonly kiroApiRegion: string | undefined;
  readonly kiroApiKey: Secret | undefined;
  readonly kiroCredsFile: string | undefined;
  readonly kiroCliDbFile: string | undefined;
  /** Where a second file is looked for: `~/.aws/sso/cache`. */
  readonly homeDirectory: string;
};

/** What the person set by hand wins over what a login says. */
export function withSettings<Found extends { readonly credential: Credential }>(
  login: Found,
  { kiroRegion, kiroApiRegion, profileArn }: LoginSettings,
): Found {
  const { credential } = login;
  return {
    ...login,
    credential: {
      ...credential,
      region: kiroRegion ?? credential.region,
      apiRegion: kiroApiRegion ?? credential.apiRegion,
      profileArn: profileArn ?? credential.profileArn,
    },
  };
}

export const DEFAULT_LOGIN = 'default';

export function isLoginName(name: string): boolean {
  return /^[A-Za-z0-9._-]{1,64}$/.test(name);
}

/**
 * @param logins Those that there are.
 * @throws GatewayError `invalid-request` when the name cannot be one.
 */
export function checkLoginName(name: string, logins: readonly { readonly name: string }[] = []): void {
  if (!isLoginName(name)) {
    const message = 'The name of a login has 1 to 64 letters, digits, dots, dashes and underscores.';
    throw new GatewayError('invalid-request', message);
  }
  // Windows, for its keychain too, and macOS take names that differ only in capitals for one.
  const other = logins.find((it) => it.name !== name && it.name.toLowerCase() === name.toLowerCase());
  if (other !== undefined) {
    const message = `There is a login ${other.name} already; write it so, or choose a name that differs in more than capitals.`;
    throw new GatewayError('invalid-request', message);
  }
}

/** The command that makes a login of this name. */
export function loginCommand(name: string): string {
  return name === DEFAULT_LOGIN ? 'kiro-gateway login' : `kiro-gateway login --profile ${name}`;
}
