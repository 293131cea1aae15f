/** Logins in the databases of kiro-cli and amazon-q: which row counts, what is in it, and from where the rest comes. */

import { afterAll, expect, test } from '@jest/globals';
import { readKiroCliDatabase } from '../../src/auth/kiro-cli.js';
import { settingSource } from '../../src/auth/sources.js';
import { databaseOf, type Rows } from './kiro-cli-database-support.js';
import { startWriter } from './sqlite-writer.js';
import { ARN, expectNoSecret, refreshToken, revealed } from './support.js';
import { NO_SETTINGS } from '../support/stored-login.js';

const writer = startWriter();
afterAll(() => writer.kill());

const NOW = Date.UTC(2026, 7, 1, 12, 0, 0);
const clock = { now: () => NOW, sleep: (): Promise<void> => Promise.resolve() };

/** Tokens that live on for an hour. */
function tokens(name: string, more: object = {}): object {
  return {
    access_token: `aoa-${name}`,
    refresh_token: refreshToken(name),
    expires_at: '2026-08-01T13:00:00Z',
    ...more,
  };
}

function read(name: string): object {
  return {
    accessToken: `secret:aoa-${name}`,
    refreshToken: `secret:${refreshToken(name)}`,
    expiresAt: NOW + 3_600_000,
    region: 'us-east-1',
  };
}

const CLIENT = { client_id: 'AbC', client_secret: 'eyJ', client_secret_expires_at: '2026-10-20T09:00:00Z' };
const READ_CLIENT = { clientId: 'AbC', clientSecret: 'secret:eyJ', registrationExpiresAt: Date.UTC(2026, 9, 20, 9) };

const EXTERNAL = 'kirocli:external-idp:token';
const SOCIAL = 'kirocli:social:token';
const ODIC = 'kirocli:odic:token';
const ODIC_CLIENT = 'kirocli:odic:device-registration';
const OLD = 'codewhisperer:odic:token';
const OLD_CLIENT = 'codewhisperer:odic:device-registration';

function check(title: string, secrets: Rows, credential: object, state: Rows = {}): void {
  test(title, async () => {
    const found = await readKiroCliDatabase(await databaseOf(writer, secrets, state), clock);
    expect(revealed(found)).toEqual({ credential, notices: [] });
    expectNoSecret(found, refreshToken('one'), refreshToken('two'));
  });
}

const social = { kind: 'social', ...read('one') };
const oidc = { kind: 'oidc', ...read('one'), ...READ_CLIENT };

check(
  'a social login is read',
  { [SOCIAL]: tokens('one', { provider: 'google', profile_arn: ARN }) },
  { ...social, profileArn: ARN },
);
check(
  'an AWS login is read with its client',
  {
    [ODIC]: tokens('one', {
      region: 'eu-west-1',
      start_url: 'https://view.awsapps.com/start',
      oauth_flow: 'DeviceCode',
      scopes: ['a'],
    }),
    [ODIC_CLIENT]: { ...CLIENT, region: 'eu-west-1', oauth_flow: 'DeviceCode', scopes: ['a'] },
  },
  { ...oidc, region: 'eu-west-1', provider: 'builder-id' },
);
check('an AWS login of amazon-q is read with its client', { [OLD]: tokens('one'), [OLD_CLIENT]: CLIENT }, oidc);
check(
  "a login of the organisation's identity provider is read",
  {
    [EXTERNAL]: tokens('one', {
      auth_method: 'external_idp',
      client_id: 'AbC',
      token_endpoint: 'https://idp.example/token',
      issuer_url: 'https://idp.example/',
      scopes: 'openid offline_access',
    }),
  },
  {
    kind: 'external-idp',
    ...read('one'),
    clientId: 'AbC',
    tokenEndpoint: 'https://idp.example/token',
    issuerUrl: 'https://idp.example/',
    scopes: ['openid', 'offline_access'],
  },
);

function checkExpiry(text: string | null, expiresAt: number | undefined): void {
  check(
    `${text ?? 'no text'} is understood as a time`,
    { [SOCIAL]: tokens('one', { expires_at: text }) },
    { ...social, expiresAt },
  );
}

const SECOND = Date.UTC(2026, 7, 1, 14, 33, 30);
checkExpiry('2026-08-01T14:33:30Z', SECOND);
checkExpiry('2026-08-01T14:33:30.7Z', SECOND + 700);
checkExpiry('2026-08-01T14:33:30.78Z', SECOND + 780);
checkExpiry('2026-08-01T14:33:30.786Z', SECOND + 786);
checkExpiry('2026-08-01T14:33:30.786627Z', SECOND + 786);
checkExpiry('2026-08-01T14:33:30.8835694Z', SECOND + 883);
checkExpiry('2026-08-01T14:33:30.123456789Z', SECOND + 123);
checkExpiry('2026-08-01T16:33:30.5+02:00', SECOND + 500);
checkExpiry('sometime', 0);

test('a login without a time counts as expired', async () => {
  const path = await databaseOf(writer, { [SOCIAL]: tokens('one', { expires_at: null }) });
  const { credential } = await readKiroCliDatabase(path, clock);
  expect(credential).toHaveProperty('expiresAt', undefined);
});

// --- which row

const idp = { client_id: 'AbC', token_endpoint: 'https://idp.example/token', issuer_url: 'https://idp.example/' };
const ROWS = [
  [EXTERNAL, tokens('external', idp)],
  [SOCIAL, tokens('social')],
  [ODIC, tokens('odic')],
  [OLD, tokens('old')],
] as const;

/** All rows from one on, and what the client belongs to. */
for (const [index, [key, { access_token }]] of ROWS.map(
  ([key, it]) => [key, it as { access_token: string }] as const,
).entries()) {
  test(`${key} comes before the rows after it`, async () => {
    const clients = { [ODIC_CLIENT]: CLIENT, [OLD_CLIENT]: CLIENT };
    const path = await databaseOf(writer, { ...Object.fromEntries(ROWS.slice(index)), ...clients });
    const { credential } = await readKiroCliDatabase(path, clock);
    expect(revealed(credential)).toHaveProperty('accessToken', `secret:${access_token}`);
  });
}

/** The first row is passed over, the second is used. */
function checkPassedOver(title: string, first: unknown): void {
  check(`${title} is passed over`, { [SOCIAL]: first, [ODIC]: tokens('one'), [ODIC_CLIENT]: CLIENT }, oidc);
}

const EXPIRED = { expires_at: '2026-08-01T11:59:59.999Z' };
checkPassedOver('a row that is null', 'null');
checkPassedOver('a row that is not JSON', '{"access_token": "aoa');
checkPassedOver('an empty row', '');
checkPassedOver('a row that is a list', [tokens('two')]);
checkPassedOver('a row without tokens', { provider: 'google', access_token: null, refresh_token: '' });
checkPassedOver('a row whose refresh token is cut short', tokens('two', { refresh_token: 'aor-short...' }));
checkPassedOver('a row with a region that cannot be', tokens('two', { region: 'evil.example/' }));
checkPassedOver('a row that has expired', tokens('two', EXPIRED));
checkPassedOver('a row whose time nobody knows', tokens('two', { expires_at: null }));

check(
  'of rows that have all expired the first is used',
  { [SOCIAL]: tokens('one', EXPIRED), [ODIC]: tokens('two', EXPIRED), [ODIC_CLIENT]: CLIENT },
  { ...social, expiresAt: NOW - 1 },
);
check(
  'a client of another product is not used',
  { [ODIC]: tokens('two'), [OLD]: tokens('one'), [OLD_CLIENT]: CLIENT },
  oidc,
);
check(
  'the key says the kind, whatever the row says',
  { [SOCIAL]: tokens('one', { auth_method: 'idc', ...CLIENT }) },
  social,
);

// --- what stands elsewhere

const PROFILE = 'api.codewhisperer.profile';
const aws = { [ODIC]: tokens('one'), [ODIC_CLIENT]: CLIENT };
const OTHER_ARN = ARN.replace('EXAMPLE', 'OTHER');

check(
  'the profile is read from the state',
  aws,
  { ...oidc, profileArn: ARN },
  { [PROFILE]: { arn: ARN, profile_name: 'Q' } },
);
check('the profile may be an ARN alone', aws, { ...oidc, profileArn: ARN }, { [PROFILE]: JSON.stringify(ARN) });
check('the profile may be a text that is not JSON', aws, { ...oidc, profileArn: ARN }, { [PROFILE]: ARN });
check(
  'the profile of the row wins',
  { [SOCIAL]: tokens('one', { profile_arn: ARN }) },
  { ...social, profileArn: ARN },
  {
    [PROFILE]: { arn: OTHER_ARN },
  },
);
for (const profile of ['null', '{"arn":1}', '{}', '[]', '7', '{"arn"', '"arn:aws:s3:::x"', `${ARN}?x`, '']) {
  check(`a profile that reads ${profile || 'nothing'} is ignored`, aws, oidc, { [PROFILE]: profile });
}

const REGION = 'auth.idc.region';
check('the region of the state stands in', aws, { ...oidc, region: 'eu-west-1' }, { [REGION]: '"eu-west-1"' });
check(
  'the region of the client comes before it',
  { ...aws, [ODIC_CLIENT]: { ...CLIENT, region: 'eu-west-2' } },
  { ...oidc, region: 'eu-west-2' },
  {
    [REGION]: '"eu-west-1"',
  },
);
check(
  'the region of the row comes first',
  { ...aws, [ODIC]: tokens('one', { region: 'eu-west-3' }) },
  { ...oidc, region: 'eu-west-3' },
  {
    [REGION]: '"eu-west-1"',
  },
);
check('a region of the state that cannot be is ignored', aws, oidc, { [REGION]: '"evil.example/"' });
check('the region of the state is not that of a social login', { [SOCIAL]: tokens('one') }, social, {
  [REGION]: '"eu-west-1"',
});
check(
  'the start page of the state tells the kind of AWS login',
  aws,
  { ...oidc, provider: 'identity-center' },
  {
    'auth.idc.start-url': '"https://d-1.awsapps.com/start"',
  },
);

test('a database without the table of states is read', async () => {
  const path = await databaseOf(writer, { [SOCIAL]: tokens('one') });
  await writer.run(path, 'DROP TABLE state');
  await writer.close(path);
  expect(revealed((await readKiroCliDatabase(path, clock)).credential)).toEqual(social);
});

test('a row of bytes is read like a text', async () => {
  const path = await databaseOf(writer, { [SOCIAL]: tokens('one') });
  await writer.run(path, 'UPDATE auth_kv SET value = CAST(value AS BLOB)');
  await writer.close(path);
  expect(revealed((await readKiroCliDatabase(path, clock)).credential)).toEqual(social);
});

test('a token of the uncommitted transaction is not used', async () => {
  const path = await databaseOf(writer, { [SOCIAL]: tokens('one') });
  await writer.run(path, 'BEGIN IMMEDIATE', `UPDATE auth_kv SET value = replace(value, 'one', 'two')`);
  expect(revealed((await readKiroCliDatabase(path, clock)).credential)).toEqual(social);
  await writer.run(path, 'COMMIT');
  await writer.close(path);
  expect(revealed((await readKiroCliDatabase(path, clock)).credential)).toHaveProperty('accessToken', 'secret:aoa-two');
});

// --- as a source

test('there is no source when KIRO_CLI_DB_FILE is not set', () => {
  expect(settingSource(NO_SETTINGS, clock)).toBe(undefined);
});

test('the settings win over the database', async () => {
  const path = await databaseOf(writer, { ...aws, [ODIC]: tokens('one', { region: 'us-west-2' }) }, { [PROFILE]: ARN });
  const said = {
    ...NO_SETTINGS,
    kiroCliDbFile: path,
    kiroRegion: 'eu-west-1',
    kiroApiRegion: 'eu-central-1',
    profileArn: OTHER_ARN,
  };
  const source = settingSource(said, clock);
  expect([source?.name, source?.description]).toEqual(['KIRO_CLI_DB_FILE', `the database ${path} (KIRO_CLI_DB_FILE)`]);
  expect(revealed(await source?.read())).toEqual({
    credential: { ...oidc, region: 'eu-west-1', apiRegion: 'eu-central-1', profileArn: OTHER_ARN },
    notices: [],
  });
});
