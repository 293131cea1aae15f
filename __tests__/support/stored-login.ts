/** Stored logins of processes: a home of its own with a login in its file store, at a simulator. */

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoginSettings, SocialCredential } from '../../src/auth/credential.js';
import { createKeychain } from '../../src/auth/keychain.js';
import type { LoginOrigin } from '../../src/auth/store.js';
import { createLoginStore, type LoginStore } from '../../src/auth/login-store.js';
import { Secret } from '../../src/core/secret.js';
import { PROFILE_ARN } from '../../src/simulator/sign-in.js';
import { noKeytar, patience } from './fake-keytar.js';

/** A refresh token that the simulator takes again and again. */
export const REUSABLE = `reusable${'-refresh-token-of-the-tests'.repeat(4)}`;

/** What sources are asked with when no setting is set. */
export const NO_SETTINGS = {
  refreshToken: undefined,
  profileArn: undefined,
  kiroRegion: undefined,
  kiroApiRegion: undefined,
  kiroApiKey: undefined,
  kiroCredsFile: undefined,
  kiroCliDbFile: undefined,
  homeDirectory: '/nowhere',
} satisfies LoginSettings;

export type IssuedTokens = { readonly accessToken: string; readonly refreshToken: string };

/** Tokens of the simulator's; the refresh token works once. */
export async function issueTokens(url: string): Promise<IssuedTokens> {
  const body = JSON.stringify({ refreshToken: REUSABLE });
  const response = await fetch(`${url}/refreshToken`, { method: 'POST', body });
  // The cast is the simulator's own answer.
  return (await response.json()) as IssuedTokens;
}

/** The logins that processes with this `KIRO_GATEWAY_HOME` have. */
export function loginsIn(gatewayHome: string): LoginStore {
  return createLoginStore({
    keychain: createKeychain({ platform: 'linux', load: noKeytar, sleep: patience, randomId: () => 'generation' }),
    dataFolder: join(gatewayHome, 'data'),
    stateFolder: join(gatewayHome, 'state'),
    now: Date.now,
    sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }),
    notice: () => undefined,
  });
}

export type Saved = {
  readonly tokens: IssuedTokens;
  /** Of the access token. */
  readonly expiresAt: number;
  readonly name?: string;
  readonly source?: LoginOrigin;
};

export async function saveLoginIn(gatewayHome: string, { tokens, expiresAt, name, source }: Saved): Promise<void> {
  const credential: SocialCredential = {
    kind: 'social',
    region: 'us-east-1',
    apiRegion: undefined,
    profileArn: PROFILE_ARN,
    refreshToken: new Secret(tokens.refreshToken),
    accessToken: new Secret(tokens.accessToken),
    expiresAt,
  };
  const origin = source ?? { name: 'device', path: undefined };
  await loginsIn(gatewayHome).saveLogin(name ?? 'default', credential, { store: 'file', source: origin });
}

/** The settings of a login that the simulator at this URL knows. */
export function loginAt(url: string): Record<string, string> {
  return { REFRESH_TOKEN: REUSABLE, KIRO_API_URL: url, KIRO_AUTH_URL: url };
}

/** What a process needs to take this home and that simulator. */
export function surroundingsOf(gatewayHome: string, url: string): { env: Record<string, string> } {
  return { env: { KIRO_GATEWAY_HOME: gatewayHome, KIRO_API_URL: url, KIRO_AUTH_URL: url } };
}
