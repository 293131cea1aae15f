/** When the session refreshes and who waits for it. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Secret } from '../../src/core/secret.js';
import { startTokenServer } from '../support/token-server.js';
import { ARN, expectNoSecret, failureOf, revealed } from './support.js';
import { temporaryFolder } from '../support/folder.js';
import {
  R1,
  R2,
  R3,
  MINUTE,
  START,
  UNWATCHED,
  EXPIRED,
  DEAD,
  DOWN,
  open,
  loginFile,
  answers,
  sentTokens,
  environment,
  gate,
} from './world.js';

/** A digest. */
const ANY: unknown = expect.stringMatching(/^[0-9a-f]{64}$/);

test('20 callers at once cause one refresh', async () => {
  const server = await startTokenServer(...answers(R2));
  const { token } = await open(server, { login: environment });
  expect(new Set(await Promise.all(Array.from({ length: 20 }, token)))).toEqual(new Set(['aoa1']));
  expect(sentTokens(server)).toEqual(['one']);
});

test('a token is handed out with what a request needs to know', async () => {
  const server = await startTokenServer({
    body: { accessToken: 'aoa1', refreshToken: R2, expiresIn: 3600, profileArn: ARN },
  });
  const { session } = await open(server, { login: { ...environment, kiroRegion: 'eu-west-1' } });
  const access = await session.accessToken(UNWATCHED);
  const facts = session.describe();
  expect(revealed({ access, facts })).toEqual({
    access: { login: ANY, token: 'secret:aoa1', profileArn: ARN, loginRegion: 'eu-west-1', isBuilderId: false },
    facts: {
      account: 'Kiro social login',
      source: 'the setting REFRESH_TOKEN',
      loginRegion: 'eu-west-1',
      profileArn: ARN,
      canExpire: true,
      expiresAt: START + 60 * MINUTE,
    },
  });
  expectNoSecret([access, facts, session], R1, R2);
});

test('a token that lives long enough is used without any request', async () => {
  const server = await startTokenServer();
  const login = loginFile(join(temporaryFolder(), 'login.json'), 11, { refreshToken: R1, accessToken: 'aoa-file' });
  const { token } = await open(server, { login });
  expect([await token(), server.requests]).toEqual(['aoa-file', []]);
});

test('with ten minutes left the old token serves while the refresh is under way', async () => {
  const [arrived, release] = [gate(), gate()];
  const server = await startTokenServer(async () => {
    arrived.open();
    await release.opened;
    return { body: { accessToken: 'aoa1', expiresIn: 3600 } };
  });
  const login = loginFile(join(temporaryFolder(), 'login.json'), 10, { refreshToken: R1, accessToken: 'aoa-file' });
  const { session, token } = await open(server, { login });
  const before = await token();
  await arrived.opened;
  const during = await token();
  release.open();
  const after = await session.forceRefresh(new Secret('aoa-file'), UNWATCHED);
  expect([before, during, after.token.reveal(), server.requests.length]).toEqual(['aoa-file', 'aoa-file', 'aoa1', 1]);
});

test('a failed background refresh keeps the old token until its true expiry', async () => {
  const server = await startTokenServer(DOWN);
  const login = loginFile(join(temporaryFolder(), 'login.json'), 10, { refreshToken: R1, accessToken: 'aoa-file' });
  const { clock, token, notices } = await open(server, { login });
  const served = [await token()];
  clock.now = START + 9.5 * MINUTE;
  served.push(await token());
  clock.now = START + 10 * MINUTE;
  expect([...served, await failureOf(token)]).toEqual([
    'aoa-file',
    'aoa-file',
    "upstream-unavailable: Kiro's login service is out of order (HTTP 503); try again in a minute.",
  ]);
  expect(new Set(notices)).toEqual(
    new Set([
      "The Kiro login could not be renewed: Kiro's login service is out of order (HTTP 503); try again in a minute.",
    ]),
  );
});

for (const [left, minutes] of [
  ['ten minutes', 10],
  ['less than a minute', 0.9],
] as const) {
  test(`20 callers with a token that lives for ${left} hear once that it could not be renewed`, async () => {
    const server = await startTokenServer(DOWN);
    const tokens = { refreshToken: R1, accessToken: 'aoa-file' };
    const { token, notices } = await open(server, {
      login: loginFile(join(temporaryFolder(), 'login.json'), minutes, tokens),
    });
    await Promise.all(Array.from({ length: 20 }, token));
    while (notices.length === 0) await setImmediate();
    await setImmediate();
    expect([notices.length, server.requests.length]).toEqual([1, 3]);
  });
}

test('after a failure the service is left in peace for a minute while the old token serves', async () => {
  const server = await startTokenServer(DOWN);
  const login = loginFile(join(temporaryFolder(), 'login.json'), 1, { refreshToken: R1, accessToken: 'aoa-file' });
  const { token } = await open(server, { login });
  const served = [await token(), await token(), await token()];
  expect([served, server.requests.length]).toEqual([['aoa-file', 'aoa-file', 'aoa-file'], 3]);
});

test('two requests that met a 403 with the same token cause one refresh', async () => {
  const server = await startTokenServer(...answers(R2, R3));
  const { session } = await open(server, { login: environment });
  const { token } = await session.accessToken(UNWATCHED);
  const force = async (): Promise<string> => (await session.forceRefresh(token, UNWATCHED)).token.reveal();
  const together = await Promise.all([force(), force()]);
  const later = await force();
  expect([together, later, sentTokens(server)]).toEqual([['aoa2', 'aoa2'], 'aoa2', ['one', 'two']]);
});

test('a token that Kiro refused is not handed out again', async () => {
  const server = await startTokenServer(...answers(R2), DEAD);
  const { session, token } = await open(server, { login: environment });
  const refused = await session.accessToken(UNWATCHED);
  const failures = [await failureOf(() => session.forceRefresh(refused.token, UNWATCHED)), await failureOf(token)];
  expect(failures).toEqual([EXPIRED, EXPIRED]);
});

test('a token that Kiro refused is not called ready, however long it was to live', async () => {
  const server = await startTokenServer(...answers(R2), DEAD, DEAD, { body: { accessToken: 'aoa2', expiresIn: 3600 } });
  const { session, clock } = await open(server, { login: environment });
  const lives = (): number => (session.describe().expiresAt ?? 0) - clock.now;
  const { token } = await session.accessToken(UNWATCHED);
  const fresh = lives();
  await failureOf(() => session.forceRefresh(token, UNWATCHED));
  expect([fresh, session.describe().expiresAt]).toEqual([60 * MINUTE, 0]);
  clock.now += 2 * MINUTE;
  await session.accessToken(UNWATCHED);
  expect(lives()).toBe(60 * MINUTE);
});

test('a dead login is not sent again and again', async () => {
  const server = await startTokenServer(DEAD);
  const { clock, token } = await open(server, { login: environment });
  const failures = [await failureOf(token), await failureOf(token)];
  clock.now += MINUTE;
  failures.push(await failureOf(token));
  expect([failures, sentTokens(server)]).toEqual([
    [EXPIRED, EXPIRED, EXPIRED],
    ['one', 'one'],
  ]);
});

test('a caller who leaves does not stop the refresh of the others', async () => {
  const [arrived, release] = [gate(), gate()];
  const server = await startTokenServer(async () => {
    arrived.open();
    await release.opened;
    return { body: { accessToken: 'aoa1', expiresIn: 3600 } };
  });
  const { session, token } = await open(server, { login: environment });
  const leaving = new AbortController();
  const left = failureOf(() => session.accessToken(leaving.signal));
  const stayed = token();
  await arrived.opened;
  leaving.abort();
  const failure = await left;
  release.open();
  expect([failure, await stayed, server.requests.length]).toEqual(['cancelled: The request was cancelled.', 'aoa1', 1]);
});

test('a caller who has already left begins no refresh', async () => {
  const server = await startTokenServer(...answers(R2));
  const { session } = await open(server, { login: environment });
  const failure = await failureOf(() => session.accessToken(AbortSignal.abort()));
  expect([failure, server.requests]).toEqual(['cancelled: The request was cancelled.', []]);
});

test('an API key is handed out as it is, without a profile, and never renewed', async () => {
  const server = await startTokenServer();
  const { session, notices } = await open(server, {
    login: { kiroApiKey: new Secret('ksk_0123456789abcdefghijklmn'), profileArn: ARN },
  });
  const access = await session.accessToken(UNWATCHED);
  const failure = await failureOf(() => session.forceRefresh(access.token, UNWATCHED));
  expect(revealed({ access, failure, notices, requests: server.requests })).toEqual({
    access: {
      login: ANY,
      account: ANY,
      token: 'secret:ksk_0123456789abcdefghijklmn',
      loginRegion: 'us-east-1',
      tokenTypeHeader: 'API_KEY',
      isBuilderId: false,
    },
    failure:
      'login-expired: Kiro refused the API key in KIRO_API_KEY; replace it, or set KIRO_API_REGION to the region it was made in.',
    notices: [],
    requests: [],
  });
  expectNoSecret([access, session.describe(), failure], 'ksk_0123456789abcdefghijklmn');
});

test('a login keeps its name through all renewals, and a new one has another', async () => {
  const server = await startTokenServer(...answers(R2, R3));
  const { session, clock } = await open(server, { login: environment });
  const first = await session.accessToken(UNWATCHED);
  clock.now += 60 * MINUTE;
  const later = await session.accessToken(UNWATCHED);
  const other = await open(server, { login: { refreshToken: new Secret(R3) } });
  const { login } = await other.session.accessToken(UNWATCHED);
  expect([first.token === later.token, first.login === later.login, first.login === login]).toEqual([
    false,
    true,
    false,
  ]);
});

test('tokens of an external identity provider are marked', async () => {
  const path = join(temporaryFolder(), 'login.json');
  const idp = { clientId: 'AbC', tokenEndpoint: 'https://idp.example/token', issuerUrl: 'https://idp.example' };
  const expiresAt = START + 30 * MINUTE;
  writeFileSync(path, JSON.stringify({ ...idp, refreshToken: R1, accessToken: 'aoa-idp', expiresAt }));
  const { session } = await open(await startTokenServer(), { login: { kiroCredsFile: path } });
  const access = await session.accessToken(UNWATCHED);
  expect(revealed(access)).toEqual({
    login: ANY,
    token: 'secret:aoa-idp',
    loginRegion: 'us-east-1',
    tokenTypeHeader: 'EXTERNAL_IDP',
    isBuilderId: false,
  });
});
