/** Logins in JSON files: every spelling, the second file, lists, and what is refused with which sentence. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { settingSource } from '../../src/auth/sources.js';
import type { FoundLogin, LoginSettings } from '../../src/auth/credential.js';
import { redact } from '../../src/logger.js';
import { ARN, expectNoSecret, failureOf, refreshToken, revealed, writeFiles } from './support.js';
import { temporaryFolder } from '../support/folder.js';

const R = refreshToken('file');
const EXPIRES_AT = Date.UTC(2026, 7, 1, 10, 15, 30, 123);

/** What a social login that says nothing but its refresh token is read as. */
const SOCIAL = { kind: 'social', refreshToken: `secret:${R}`, region: 'us-east-1' };
const CLIENT = { clientId: 'AbC', clientSecret: 'secret:eyJ' };

function settings(file: string, more: Partial<LoginSettings> = {}): LoginSettings {
  return {
    refreshToken: undefined,
    profileArn: undefined,
    kiroRegion: undefined,
    kiroApiRegion: undefined,
    kiroApiKey: undefined,
    kiroCredsFile: file,
    kiroCliDbFile: undefined,
    homeDirectory: '/nowhere',
    ...more,
  };
}

async function readFrom(said: LoginSettings): Promise<FoundLogin | undefined> {
  return settingSource(said, { now: () => 0, sleep: () => Promise.resolve() })?.read();
}

function check(title: string, content: unknown, credential: object, more: Partial<LoginSettings> = {}): void {
  test(title, async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'login.json': content });
    const found = await readFrom(settings(join(folder, 'login.json'), more));
    expect(revealed(found)).toEqual({ credential, notices: [] });
    expectNoSecret(found, R);
  });
}

check('a refresh token alone is a social login', { refreshToken: R }, SOCIAL);
check('snake case is read too', { refresh_token: R }, SOCIAL);
check('a byte order mark is skipped', `\uFEFF${JSON.stringify({ refreshToken: R })}`, SOCIAL);
check(
  "the Kiro IDE's social login is read",
  {
    accessToken: 'aoa1',
    refreshToken: R,
    expiresAt: '2026-08-01T10:15:30.123Z',
    authMethod: 'social',
    provider: 'Google',
    profileArn: ARN,
  },
  { ...SOCIAL, accessToken: 'secret:aoa1', expiresAt: EXPIRES_AT, profileArn: ARN },
);
check(
  'every field has a snake case spelling',
  {
    access_token: 'aoa1',
    refresh_token: R,
    expires_at: '2026-08-01T10:15:30.123Z',
    auth_method: 'idc',
    profile_arn: ARN,
    client_id: 'AbC',
    client_secret: 'eyJ',
    client_secret_expires_at: 1_800_000_000,
    region: 'eu-west-1',
    api_region: 'eu-central-1',
    start_url: 'https://view.awsapps.com/start',
  },
  {
    ...SOCIAL,
    ...CLIENT,
    kind: 'oidc',
    provider: 'builder-id',
    accessToken: 'secret:aoa1',
    expiresAt: EXPIRES_AT,
    registrationExpiresAt: 1_800_000_000_000,
    profileArn: ARN,
    region: 'eu-west-1',
    apiRegion: 'eu-central-1',
  },
);

function checkExpiry(title: string, expiresAt: unknown, milliseconds: number): void {
  check(title, { refreshToken: R, expiresAt }, { ...SOCIAL, expiresAt: milliseconds });
}

checkExpiry('a small number is seconds', 1_785_000_000, 1_785_000_000_000);
checkExpiry('a large number is milliseconds', 1_785_000_000_000, 1_785_000_000_000);
checkExpiry('a number in a text is a number', '1785000000', 1_785_000_000_000);
checkExpiry('a large number in a text is milliseconds', '1785000000000', 1_785_000_000_000);
checkExpiry('a date of long ago is read', '1970-01-02', 86_400_000);
checkExpiry('nine digits of a second are read', '2026-08-01T10:15:30.123456789Z', EXPIRES_AT);
checkExpiry('a time with an offset is read', '2026-08-01T12:15:30.123+02:00', EXPIRES_AT);
checkExpiry('a text that is no date counts as expired', 'soon', 0);
checkExpiry('a number with a fraction in a text is a number', '1785000000.5', 1_785_000_000_500);
checkExpiry('what is neither counts as expired', true, 0);
checkExpiry('an object counts as expired', { toString: 1 }, 0);
checkExpiry('a number that is no date counts as expired', 1_785_000_000_000_000_000, 0);
check(
  'an access token that cannot stand in a header counts as none, so that it is renewed',
  { refreshToken: R, accessToken: 'aoa1\n', expiresAt: EXPIRES_AT },
  { ...SOCIAL, expiresAt: EXPIRES_AT },
);

const client = { clientId: 'AbC', clientSecret: 'eyJ' };
const oidc = { ...SOCIAL, ...CLIENT, kind: 'oidc' };
check('client id and secret make it an AWS login', { refreshToken: R, ...client }, oidc);
check(
  'the end of a client that is no date is not known',
  { refreshToken: R, ...client, registrationExpiresAt: 'soon' },
  oidc,
);
check('a client id alone does not', { refreshToken: R, clientId: 'AbC' }, SOCIAL);
check('authMethod wins over the client', { refreshToken: R, ...client, authMethod: 'social' }, SOCIAL);
check('an unknown authMethod is passed over', { refreshToken: R, ...client, authMethod: 'constructor' }, oidc);
check('an empty text counts as missing', { refreshToken: R, accessToken: '', clientId: '', authMethod: '' }, SOCIAL);

function checkMethod(said: object, expected: object): void {
  const words = Object.entries(said).map(([key, value]) => `${key} ${value}`);
  check(`${words.join(' and ')} is understood`, { refreshToken: R, ...client, ...said }, expected);
}

checkMethod({ authMethod: 'desktop' }, SOCIAL);
checkMethod({ provider: 'Github' }, SOCIAL);
checkMethod({ authMethod: 'IdC' }, oidc);
checkMethod({ authMethod: 'iam' }, oidc);
checkMethod({ authMethod: 'builder-id' }, { ...oidc, provider: 'builder-id' });
checkMethod({ authMethod: 'IdC', provider: 'BuilderId' }, { ...oidc, provider: 'builder-id' });
checkMethod({ authMethod: 'IdC', provider: 'Enterprise' }, { ...oidc, provider: 'identity-center' });
checkMethod({ authMethod: 'enterprise' }, { ...oidc, provider: 'identity-center' });
checkMethod({ startUrl: 'https://d-1.awsapps.com/start' }, { ...oidc, provider: 'identity-center' });

const idp = { clientId: 'AbC', tokenEndpoint: 'https://idp.example/token', issuerUrl: 'https://idp.example/' };
const externalIdp = { ...SOCIAL, ...idp, kind: 'external-idp', scopes: [] };
check('authMethod external_idp is understood', { refreshToken: R, ...idp, authMethod: 'external_idp' }, externalIdp);
check('authMethod external-idp is understood', { refreshToken: R, ...idp, authMethod: 'external-idp' }, externalIdp);
check(
  'provider ExternalIdp wins over authMethod',
  { refreshToken: R, ...idp, authMethod: 'IdC', provider: 'ExternalIdp', scopes: 'openid offline_access' },
  { ...externalIdp, scopes: ['openid', 'offline_access'] },
);
check(
  'a token endpoint alone makes it an external login',
  { refreshToken: R, ...idp, scopes: ['openid'] },
  { ...externalIdp, scopes: ['openid'] },
);

const apiKey = { kind: 'api-key', apiKey: 'secret:ksk_1', region: 'us-east-1' };
check('kiroApiKey is an API key', { kiroApiKey: 'ksk_1' }, apiKey);
check(
  'an API key needs no refresh token',
  { kiroApiKey: 'ksk_1', authMethod: 'api_key', apiRegion: 'eu-central-1' },
  { ...apiKey, apiRegion: 'eu-central-1' },
);

check(
  'idcRegion is the region of the login',
  { refreshToken: R, idcRegion: 'eu-west-1' },
  { ...SOCIAL, region: 'eu-west-1' },
);
check(
  'authRegion wins over region',
  { refreshToken: R, authRegion: 'eu-west-1', region: 'us-west-2' },
  { ...SOCIAL, region: 'eu-west-1' },
);
check(
  'the settings win over the file',
  { refreshToken: R, region: 'us-west-2', apiRegion: 'us-east-1', profileArn: ARN.replace('EXAMPLE', 'OTHER') },
  { ...SOCIAL, region: 'eu-west-1', apiRegion: 'eu-central-1', profileArn: ARN },
  { kiroRegion: 'eu-west-1', kiroApiRegion: 'eu-central-1', profileArn: ARN },
);

const hashed = { refreshToken: R, authMethod: 'IdC', provider: 'Enterprise', clientIdHash: '3f2a-_e9' };
const enterprise = { ...oidc, provider: 'identity-center' };

test('the client is read from the second file next to the first', async () => {
  const folder = temporaryFolder();
  const second = { ...client, expiresAt: '2026-08-01T10:15:30.123Z' };
  writeFiles(folder, { 'login.json': hashed, '3f2a-_e9.json': second });
  const found = await readFrom(settings(join(folder, 'login.json')));
  expect(revealed(found)).toEqual({
    credential: { ...enterprise, registrationExpiresAt: EXPIRES_AT },
    notices: [],
  });
});

test('the client is else read from the folder of the Kiro IDE', async () => {
  const [folder, homeDirectory] = [temporaryFolder(), temporaryFolder()];
  const cache = join(homeDirectory, '.aws', 'sso', 'cache');
  mkdirSync(cache, { recursive: true });
  writeFiles(folder, { 'login.json': { ...hashed, authMethod: undefined } });
  writeFiles(cache, { '3f2a-_e9.json': { client_id: 'AbC', client_secret: 'eyJ' } });
  const found = await readFrom(settings(join(folder, 'login.json'), { homeDirectory }));
  expect(revealed(found)).toEqual({ credential: enterprise, notices: [] });
});

test('a second file that is not needed is not looked for', async () => {
  const folder = temporaryFolder();
  writeFiles(folder, { 'login.json': { ...hashed, ...client } });
  const found = await readFrom(settings(join(folder, 'login.json')));
  expect(revealed(found?.credential)).toEqual(enterprise);
});

test('of a list of logins the first that is enabled is used, and this is said', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'login.json');
  const list = [{ disabled: true }, { enabled: false }, { refreshToken: R, priority: 1 }, { refreshToken: R }];
  writeFiles(folder, { 'login.json': list });
  expect(revealed(await readFrom(settings(path)))).toEqual({
    credential: SOCIAL,
    notices: [`${path} holds 4 logins; the gateway uses the first that is enabled, number 3.`],
  });
});

check('a list of one login needs no notice', [{ refreshToken: R }], SOCIAL);

test('without the setting there is no login', async () => {
  expect(await readFrom({ ...settings(''), kiroCredsFile: undefined })).toBeUndefined();
});

/** Complaints begin with the file's path. */
function checkRefused(title: string, content: unknown, complaint: string, secondFile?: unknown): void {
  test(title, async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'login.json': content, ...(secondFile === undefined ? {} : { '3f2a-_e9.json': secondFile }) });
    const failure = await failureOf(() => readFrom(settings(join(folder, 'login.json'))));
    expect(failure.replaceAll(folder, '~')).toBe(`not-logged-in: The login file ~/${complaint}`);
    // Nothing in it looks like a secret to what hides them from people.
    expect(redact(failure)).toBe(failure);
    expectNoSecret(failure, R);
  });
}

const CUT =
  'login.json cannot be used: refreshToken is cut short or is no refresh token; sign in again so that a whole one is written.';
checkRefused(
  'a file that is not JSON is refused',
  `${R}{`,
  'login.json is not JSON; sign in again so that it is written anew.',
);
checkRefused(
  'a file without a token is refused',
  {},
  'login.json cannot be used: refreshToken is required and must be a string.',
);
checkRefused('a text is not a login', '"x"', 'login.json cannot be used: the document must be an object, not a text.');
checkRefused('a shortened refresh token is refused', { refreshToken: `${R}...` }, CUT);
checkRefused(
  'a field of the wrong type is named',
  { refreshToken: [R] },
  'login.json cannot be used: refreshToken must be a string, not a list.',
);
checkRefused(
  'a malformed profile is named',
  { refreshToken: R, profileArn: 'x' },
  'login.json cannot be used: profileArn must be a Kiro profile ARN.',
);
checkRefused(
  'a malformed region is named',
  { refreshToken: R, region: 'x.evil.com/' },
  'login.json cannot be used: region must be an AWS region such as us-east-1.',
);
checkRefused(
  'an AWS login without a client is refused',
  { refreshToken: R, authMethod: 'IdC' },
  'login.json cannot be used: clientId is required and must be a string.',
);
checkRefused(
  'an external login without an issuer is refused',
  { refreshToken: R, ...idp, issuerUrl: null },
  'login.json cannot be used: issuerUrl must be a string, not null.',
);
checkRefused(
  'a hash that is a path is refused',
  { ...hashed, clientIdHash: '../../etc/passwd' },
  'login.json has a malformed clientIdHash; sign in again.',
);
checkRefused(
  'a missing second file is named',
  hashed,
  'login.json needs the file 3f2a-_e9.json next to it, which does not exist; copy it there or sign in again.',
);
checkRefused(
  'a name that is too long for a hash is not repeated: it may be a token',
  { ...hashed, clientIdHash: 'x'.repeat(41) },
  'login.json needs the file that its clientIdHash names next to it, which does not exist; copy it there or sign in again.',
);
checkRefused(
  'a second file without a secret is named',
  hashed,
  '3f2a-_e9.json cannot be used: clientSecret is required and must be a string.',
  { clientId: 'AbC' },
);
checkRefused(
  'an API key that cannot stand in a header is refused, and not repeated',
  { kiroApiKey: 'ksk_1\n' },
  'login.json cannot be used: kiroApiKey must be one word.',
);
checkRefused('an empty list is refused', [], 'login.json holds no login that is enabled; enable one.');
checkRefused(
  'a list of disabled logins is refused',
  [{ disabled: true }],
  'login.json holds no login that is enabled; enable one.',
);
checkRefused(
  'a huge file is refused',
  ' '.repeat(1_000_001),
  'login.json is too large; a login is no longer than 1 MB, so set KIRO_CREDS_FILE to another file.',
);

test('a missing file is refused', async () => {
  expect(await failureOf(() => readFrom(settings('/nowhere/login.json')))).toBe(
    'not-logged-in: The login file /nowhere/login.json does not exist; sign in to the Kiro IDE, or name the file with KIRO_CREDS_FILE or `login --file`.',
  );
});

test('a folder is refused', async () => {
  const folder = temporaryFolder();
  expect(await failureOf(() => readFrom(settings(folder)))).toBe(
    `not-logged-in: The login file ${folder} is not a regular file; set KIRO_CREDS_FILE to a JSON file.`,
  );
});
