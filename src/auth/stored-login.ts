/** What rests of a login, as one text, and back. The text holds every secret of the login. */

import { Reader } from '../core/reader.js';
import { Secret } from '../core/secret.js';
import type { Credential, RefreshableCredential, Tokens } from './credential.js';

export type StoredLogin = {
  /** As it was when the person signed in: its digest stays the name of this login through all refreshes. */
  readonly credential: Credential;
  /** What the credential has become since; undefined when it was never refreshed. */
  readonly tokens: Tokens | undefined;
};

export function formatLogin({ credential, tokens }: StoredLogin): string {
  return JSON.stringify({ credential: inTheOpen(credential), tokens: tokens && inTheOpen(tokens) });
}

/** Undefined when the text is damaged or none of ours. */
export function parseLogin(text: string): StoredLogin | undefined {
  try {
    const login = new Reader(JSON.parse(text));
    const tokens = login.optional('tokens');
    return { credential: readCredential(login.get('credential')), tokens: tokens && readTokens(tokens) };
  } catch {
    // Complaints about JSON, and a Reader's too, quote what they do not understand: here, a secret.
    return undefined;
  }
}

/** The fields with their secrets revealed, on their way into a store. JSON leaves out those that are undefined. */
function inTheOpen(fields: Credential | Tokens): Readonly<Record<string, unknown>> {
  const entries = Object.entries<unknown>(fields);
  return Object.fromEntries(entries.map(([key, value]) => [key, value instanceof Secret ? value.reveal() : value]));
}

function readCredential(login: Reader): Credential {
  const account = {
    region: login.get('region').nonEmptyString(),
    apiRegion: login.optional('apiRegion')?.string(),
    profileArn: login.optional('profileArn')?.string(),
  };
  const kind = login.get('kind').oneOf(KINDS);
  switch (kind) {
    case 'social':
      return { kind, ...account, ...readRefreshable(login) };
    case 'oidc':
      return {
        kind,
        ...account,
        ...readRefreshable(login),
        provider: login.optional('provider')?.oneOf(['builder-id', 'identity-center']),
        clientId: login.get('clientId').nonEmptyString(),
        clientSecret: readSecret(login.get('clientSecret')),
        registrationExpiresAt: login.optional('registrationExpiresAt')?.number(),
      };
    case 'external-idp':
      return {
        kind,
        ...account,
        ...readRefreshable(login),
        clientId: login.get('clientId').nonEmptyString(),
        tokenEndpoint: login.get('tokenEndpoint').nonEmptyString(),
        issuerUrl: login.get('issuerUrl').nonEmptyString(),
        scopes: login
          .get('scopes')
          .array()
          .map((it) => it.string()),
      };
    case 'api-key':
      return { kind, ...account, apiKey: readSecret(login.get('apiKey')) };
  }
}

function readRefreshable(login: Reader): Pick<RefreshableCredential, 'refreshToken' | 'accessToken' | 'expiresAt'> {
  const accessToken = login.optional('accessToken');
  return {
    refreshToken: readSecret(login.get('refreshToken')),
    accessToken: accessToken && readSecret(accessToken),
    expiresAt: login.optional('expiresAt')?.number(),
  };
}

function readTokens(tokens: Reader): Tokens {
  return {
    refreshToken: readSecret(tokens.get('refreshToken')),
    accessToken: readSecret(tokens.get('accessToken')),
    expiresAt: tokens.get('expiresAt').number(),
    profileArn: tokens.optional('profileArn')?.string(),
  };
}

function readSecret(text: Reader): Secret {
  return new Secret(text.nonEmptyString());
}

const KINDS = ['social', 'oidc', 'external-idp', 'api-key'] as const satisfies readonly Credential['kind'][];
