/** What a request takes along of a credential. */

import { GatewayError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import type { Credential } from './credential.js';

export type AccessToken = {
  readonly kind: Credential['kind'];
  readonly token: Secret;
  /** Undefined with an API key: Kiro wants none. */
  readonly profileArn: string | undefined;
  readonly loginRegion: string;
  readonly apiRegion: string | undefined;
  /** What kind of token it is, where Kiro has to be told. */
  readonly tokenTypeHeader: 'API_KEY' | 'EXTERNAL_IDP' | undefined;
  /** Undefined when the login does not tell what it is. */
  readonly isBuilderId: boolean | undefined;
};

export function toAccessToken(credential: Credential): AccessToken {
  const token = credential.kind === 'api-key' ? credential.apiKey : credential.accessToken;
  if (token === undefined) throw new GatewayError('internal', 'There is no access token after a refresh; report this.');
  return {
    kind: credential.kind,
    token,
    profileArn: credential.kind === 'api-key' ? undefined : credential.profileArn,
    loginRegion: credential.region,
    apiRegion: credential.apiRegion,
    tokenTypeHeader: TOKEN_TYPES[credential.kind],
    isBuilderId: isBuilderId(credential),
  };
}

function isBuilderId(credential: Credential): boolean | undefined {
  if (credential.kind !== 'oidc') return false;
  return credential.provider === undefined ? undefined : credential.provider === 'builder-id';
}

const TOKEN_TYPES = {
  social: undefined,
  oidc: undefined,
  'external-idp': 'EXTERNAL_IDP',
  'api-key': 'API_KEY',
} as const satisfies Record<Credential['kind'], AccessToken['tokenTypeHeader']>;
