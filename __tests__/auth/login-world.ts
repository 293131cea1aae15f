/** Stored logins for tests: every kind of credential, and a store over a keychain in memory and a folder of its own. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as realSleep } from 'node:timers/promises';
import type {
  ApiKeyCredential,
  ExternalIdpCredential,
  OidcCredential,
  SocialCredential,
  Tokens,
} from '../../src/auth/credential.js';
import { createKeychain, type Keychain, type KeytarModule } from '../../src/auth/keychain.js';
import { createLoginStore, type LoginStore, type SaveOptions } from '../../src/auth/login-store.js';
import { Secret } from '../../src/core/secret.js';
import { fakeKeytar, patience } from '../support/fake-keytar.js';
import { ARN, refreshToken } from './support.js';
import { temporaryFolder } from '../support/folder.js';

export const NOW = 1_785_000_000_000;
export const SOURCE = { name: 'kiro-cli', path: '/home/me/data.sqlite3' };
export const IN_KEYCHAIN: SaveOptions = { store: 'keychain', source: SOURCE };
export const IN_FILE: SaveOptions = { store: 'file', source: SOURCE };
export const AUTO: SaveOptions = { store: 'auto', source: SOURCE };

export const ACCOUNT = { region: 'us-east-1', apiRegion: 'eu-central-1', profileArn: ARN };
export const TOKENS = {
  refreshToken: new Secret(refreshToken('one')),
  accessToken: new Secret('aoa-one-0123456789-0123456789'),
  expiresAt: NOW + 1,
};
export const SOCIAL: SocialCredential = { kind: 'social', ...ACCOUNT, ...TOKENS };
export const OTHER: SocialCredential = {
  ...SOCIAL,
  refreshToken: new Secret(refreshToken('other')),
  region: 'eu-west-1',
};
export const OIDC: OidcCredential = {
  kind: 'oidc',
  ...ACCOUNT,
  ...TOKENS,
  provider: 'identity-center',
  clientId: 'client',
  clientSecret: new Secret('aor-client-secret'.padEnd(3_800, 's')),
  registrationExpiresAt: NOW + 2,
};
export const EXTERNAL: ExternalIdpCredential = {
  kind: 'external-idp',
  ...ACCOUNT,
  ...TOKENS,
  clientId: 'client',
  tokenEndpoint: 'https://login.example.com/token',
  issuerUrl: 'https://login.example.com/',
  scopes: ['openid', 'offline_access'],
};
export const API_KEY: ApiKeyCredential = {
  kind: 'api-key',
  ...ACCOUNT,
  apiKey: new Secret('ksk_0123456789-0123456789'),
};
export const NOTHING_KNOWN = {
  apiRegion: undefined,
  profileArn: undefined,
  accessToken: undefined,
  expiresAt: undefined,
};
export const RENEWED: Tokens = {
  refreshToken: new Secret(refreshToken('two')),
  accessToken: new Secret('aoa-two-0123456789-0123456789'),
  expiresAt: NOW + 3_600_000,
  profileArn: ARN,
};

export const NO_LIBRARY =
  "The keychain's library cannot be loaded; on Linux it needs the package libsecret-1-0 (libsecret).";

export type World = {
  readonly logins: LoginStore;
  readonly keychain: Keychain;
  /** What the keychain holds. */
  readonly items: Map<string, string>;
  readonly load: () => Promise<KeytarModule>;
  readonly notices: string[];
  readonly data: string;
  readonly state: string;
  /** The path of the list. */
  readonly list: string;
};

/** A store in a folder of its own, or another one over the same folders, keychain and notices. */
export function open(over: Partial<World> & { platform?: NodeJS.Platform; now?: () => number } = {}): World {
  const { data = join(temporaryFolder(), 'data'), items = new Map<string, string>(), notices = [] } = over;
  const { load = fakeKeytar({ items }).load, platform = 'linux', now = () => NOW } = over;
  const state = join(dirname(data), 'state');
  const keychain = createKeychain({ platform, load, sleep: patience, randomId: () => 'generation' });
  const logins = createLoginStore({
    keychain,
    dataFolder: data,
    stateFolder: state,
    now,
    // Pauses are short; signs of life, every 10 s, are not needed.
    sleep: (milliseconds, signal) => (milliseconds < 1_000 ? realSleep(5) : patience(milliseconds, signal)),
    notice: (sentence) => notices.push(sentence),
  });
  return { logins, keychain, items, load, notices, data, state, list: join(data, 'logins.json') };
}

/** Where there are secrets. */
export function places({ items, data }: World): { keychain: readonly string[]; files: readonly string[] } {
  return { keychain: [...items.keys()], files: filesIn(join(data, 'logins')) };
}

export function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

export function snapshot({ items, data, list }: World): unknown {
  const folder = join(data, 'logins');
  const files = filesIn(folder).map((it) => [it, readFileSync(join(folder, it), 'utf8')]);
  return [[...items], files, readFileSync(list, 'utf8')];
}
