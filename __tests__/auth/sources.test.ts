/** Where a login is looked for, in which order, and how it is called. */

import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { accountKind, type Credential, digestOf, isSameSecret, type LoginSettings } from '../../src/auth/credential.js';
import { findLogin, notLoggedIn, type SourceTools } from '../../src/auth/sources.js';
import { Secret } from '../../src/core/secret.js';
import { NOW, open } from './login-world.js';
import { ARN, expectNoSecret, refreshToken, revealed, writeFiles } from './support.js';
import { temporaryFolder } from '../support/folder.js';
import { NO_SETTINGS } from '../support/stored-login.js';

function tools(profile?: string): SourceTools {
  const patience = (): Promise<void> => Promise.resolve();
  return { now: () => NOW, sleep: patience, runProgram: () => Promise.resolve(false), logins: open().logins, profile };
}

const TOKEN = new Secret(refreshToken('environment'));
const KEY = new Secret('ksk_1');

test('without any setting there is no login, and the error says what to set', async () => {
  const { kind, message } = notLoggedIn();
  expect([await findLogin(NO_SETTINGS, tools()), `${kind}: ${message}`]).toEqual([
    undefined,
    'not-logged-in: No Kiro login found. Run `kiro-gateway login`, or set REFRESH_TOKEN, KIRO_API_KEY, KIRO_CREDS_FILE or KIRO_CLI_DB_FILE.',
  ]);
});

function check(title: string, settings: Partial<LoginSettings>, description: string, credential: object): void {
  test(title, async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'login.json': { refreshToken: refreshToken('file') } });
    const isFile = settings.kiroCredsFile !== undefined;
    const file = isFile ? { kiroCredsFile: join(folder, 'login.json') } : {};
    const login = await findLogin({ ...NO_SETTINGS, ...settings, ...file }, tools());
    expect(login?.source.description.replace(folder, '~')).toBe(description);
    expect(revealed([login?.credential, (await login?.source.read())?.credential])).toEqual([credential, credential]);
    expectNoSecret(login, refreshToken('environment'), refreshToken('file'));
  });
}

const social = { kind: 'social', refreshToken: `secret:${refreshToken('environment')}`, region: 'us-east-1' };
const apiKey = { kind: 'api-key', apiKey: 'secret:ksk_1', region: 'us-east-1' };
check('REFRESH_TOKEN is a social login', { refreshToken: TOKEN }, 'the setting REFRESH_TOKEN', social);
check(
  'REFRESH_TOKEN takes its profile and regions from the settings',
  { refreshToken: TOKEN, profileArn: ARN, kiroRegion: 'eu-west-1', kiroApiRegion: 'eu-central-1' },
  'the setting REFRESH_TOKEN',
  { ...social, profileArn: ARN, region: 'eu-west-1', apiRegion: 'eu-central-1' },
);
check('KIRO_API_KEY is an API key', { kiroApiKey: KEY }, 'the setting KIRO_API_KEY', apiKey);
check('KIRO_CREDS_FILE is read', { kiroCredsFile: 'yes' }, 'the file ~/login.json (KIRO_CREDS_FILE)', {
  ...social,
  refreshToken: `secret:${refreshToken('file')}`,
});
check(
  'REFRESH_TOKEN wins over the others',
  { refreshToken: TOKEN, kiroApiKey: KEY, kiroCredsFile: 'yes' },
  'the setting REFRESH_TOKEN',
  social,
);
check(
  'KIRO_CREDS_FILE wins over KIRO_CLI_DB_FILE',
  { kiroCredsFile: 'yes', kiroCliDbFile: '/nowhere/data.sqlite3' },
  'the file ~/login.json (KIRO_CREDS_FILE)',
  { ...social, refreshToken: `secret:${refreshToken('file')}` },
);
check(
  'KIRO_API_KEY wins over KIRO_CREDS_FILE',
  { kiroApiKey: KEY, kiroCredsFile: 'yes' },
  'the setting KIRO_API_KEY',
  apiKey,
);

const account = { region: 'us-east-1', apiRegion: undefined, profileArn: undefined };
const tokens = { ...account, refreshToken: TOKEN, accessToken: undefined, expiresAt: undefined };
const client = { clientId: 'AbC', clientSecret: KEY, registrationExpiresAt: undefined };
const endpoint = {
  clientId: 'AbC',
  tokenEndpoint: 'https://idp.example',
  issuerUrl: 'https://idp.example',
  scopes: [],
};

function checkWords(credential: Credential, words: string): void {
  test(`${words} is what people call it`, () => {
    expect(accountKind(credential)).toBe(words);
  });
}

checkWords({ kind: 'social', ...tokens }, 'Kiro social login');
checkWords({ kind: 'oidc', ...tokens, ...client, provider: 'builder-id' }, 'AWS Builder ID');
checkWords({ kind: 'oidc', ...tokens, ...client, provider: 'identity-center' }, 'AWS IAM Identity Center');
checkWords({ kind: 'oidc', ...tokens, ...client, provider: undefined }, 'AWS login');
checkWords({ kind: 'external-idp', ...tokens, ...endpoint }, "login of the organisation's identity provider");
checkWords({ kind: 'api-key', ...account, apiKey: KEY }, 'Kiro API key');

test('a digest depends on the refresh token or API key alone', () => {
  const digest = digestOf({ kind: 'social', ...tokens });
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect(digestOf({ kind: 'social', ...tokens, region: 'eu-west-1', accessToken: KEY })).toBe(digest);
  expect(digestOf({ kind: 'social', ...tokens, refreshToken: KEY })).not.toBe(digest);
  expect(digestOf({ kind: 'api-key', ...account, apiKey: TOKEN })).toBe(digest);
});

test('secrets are compared by their value', () => {
  const same = [
    isSameSecret(KEY, new Secret('ksk_1')),
    isSameSecret(KEY, new Secret('ksk_2')),
    isSameSecret(KEY, undefined),
    isSameSecret(undefined, undefined),
  ];
  expect(same).toEqual([true, false, false, true]);
});
