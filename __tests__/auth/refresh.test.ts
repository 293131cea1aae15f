/** Refreshing against a real server: what is sent for each kind of login, what is read, and how failures are judged. */

import { createServer } from 'node:http';
import { expect, test } from '@jest/globals';
import type { ExternalIdpCredential, RefreshableCredential } from '../../src/auth/credential.js';
import { refreshCredential, type RefreshDependencies } from '../../src/auth/refresh.js';
import { Secret } from '../../src/core/secret.js';
import { realFetch, startTokenServer, type TokenAnswer, type TokenServer } from '../support/token-server.js';
import { listenForTest } from '../support/upstream.js';
import { ARN, expectNoSecret, failureOf, refreshToken, revealed } from './support.js';

const R1 = refreshToken('one');
const R2 = refreshToken('two');
const NOW = 1_785_000_000_000;

const tokens = {
  refreshToken: new Secret(R1),
  accessToken: undefined,
  expiresAt: undefined,
  region: 'us-east-1',
  apiRegion: undefined,
  profileArn: undefined,
};
const social: RefreshableCredential = { kind: 'social', ...tokens };
const oidc: RefreshableCredential = {
  kind: 'oidc',
  ...tokens,
  provider: 'builder-id',
  clientId: 'AbC',
  clientSecret: new Secret('eyJ-client-secret-0123456789'),
  registrationExpiresAt: undefined,
};
const externalIdp: ExternalIdpCredential = {
  kind: 'external-idp',
  ...tokens,
  clientId: 'AbC',
  tokenEndpoint: 'https://idp.example/token',
  issuerUrl: 'https://idp.example/',
  scopes: ['openid', 'offline_access'],
};

function tools(server: TokenServer, more: Partial<RefreshDependencies> = {}): RefreshDependencies {
  return {
    fetch: realFetch({ 'https://idp.example': server.url }),
    now: () => NOW,
    sleep: () => Promise.resolve(),
    overrides: { auth: server.url, oidc: server.url },
    userAgent: 'test/1',
    ...more,
  };
}

function checkRequest(title: string, credential: RefreshableCredential, request: object): void {
  test(title, async () => {
    const server = await startTokenServer({ body: { accessToken: 'aoa1', expiresIn: 3600 } });
    await refreshCredential(credential, tools(server));
    expect(server.requests).toEqual([{ userAgent: 'test/1', ...request }]);
  });
}

checkRequest('a social login asks the desktop service', social, {
  path: '/refreshToken',
  contentType: 'application/json',
  body: `{"refreshToken":"${R1}"}`,
});
checkRequest('an AWS login asks OIDC in camel case', oidc, {
  path: '/token',
  contentType: 'application/json',
  body: `{"grantType":"refresh_token","clientId":"AbC","clientSecret":"eyJ-client-secret-0123456789","refreshToken":"${R1}"}`,
});
checkRequest('an external login asks its own provider with a form', externalIdp, {
  path: '/token',
  contentType: 'application/x-www-form-urlencoded',
  body: `grant_type=refresh_token&client_id=AbC&refresh_token=${R1}&scope=openid+offline_access`,
});

test('without overrides the hosts are those of the region of the login', async () => {
  const urls: string[] = [];
  const fetch: RefreshDependencies['fetch'] = (url) => {
    urls.push(url);
    return Promise.reject(new Error('no network in tests'));
  };
  const there = tools({ url: '', requests: [] }, { fetch, overrides: {} });
  await failureOf(() => refreshCredential({ ...social, region: 'eu-west-1' }, there));
  await failureOf(() => refreshCredential({ ...oidc, region: 'eu-west-1' }, there));
  expect([...new Set(urls)]).toEqual([
    'https://prod.eu-west-1.auth.desktop.kiro.dev/refreshToken',
    'https://oidc.eu-west-1.amazonaws.com/token',
  ]);
});

function checkAnswer(title: string, body: object, expected: object, credential: RefreshableCredential = social): void {
  test(title, async () => {
    const server = await startTokenServer({ body });
    const found = await refreshCredential(credential, tools(server));
    expect(revealed(found)).toEqual(expected);
    expectNoSecret(found, R1, R2);
  });
}

const expiresAt = NOW + 3_600_000;
checkAnswer(
  'all fields are read',
  { accessToken: 'aoa1', refreshToken: R2, expiresIn: 1800, profileArn: ARN },
  { accessToken: 'secret:aoa1', refreshToken: `secret:${R2}`, expiresAt: NOW + 1_800_000, profileArn: ARN },
);
checkAnswer(
  'snake case is read too',
  { access_token: 'aoa1', refresh_token: R2, expires_in: '3600', token_type: 'Bearer' },
  { accessToken: 'secret:aoa1', refreshToken: `secret:${R2}`, expiresAt },
);
checkAnswer(
  'what is missing stays: the refresh token, and an hour of life',
  { accessToken: 'aoa1', refreshToken: null },
  { accessToken: 'secret:aoa1', refreshToken: `secret:${R1}`, expiresAt },
);
checkAnswer(
  'a life without an end ends in a year, so that it can be written down',
  { accessToken: 'aoa1', expiresIn: 1e300 },
  { accessToken: 'secret:aoa1', refreshToken: `secret:${R1}`, expiresAt: NOW + 365 * 24 * 3_600_000 },
);
for (const expiresIn of ['long', '', 0, -1, null, { toString: 1 }]) {
  checkAnswer(
    `a life of ${JSON.stringify(expiresIn)} costs no token: it counts as an hour`,
    { accessToken: 'aoa1', refreshToken: R2, expiresIn },
    { accessToken: 'secret:aoa1', refreshToken: `secret:${R2}`, expiresAt },
  );
}
for (const profileArn of ['x', 1, { arn: ARN }, { toString: 1 }]) {
  checkAnswer(
    `a malformed profile is passed over: ${JSON.stringify(profileArn)}`,
    { accessToken: 'aoa1', expiresIn: 3600, profileArn },
    { accessToken: 'secret:aoa1', refreshToken: `secret:${R1}`, expiresAt },
  );
}
checkAnswer(
  'the profile of the settings stays',
  { accessToken: 'aoa1', expiresIn: 3600, profileArn: ARN.replace('EXAMPLE', 'OTHER') },
  { accessToken: 'secret:aoa1', refreshToken: `secret:${R1}`, expiresAt, profileArn: ARN },
  { ...social, profileArn: ARN },
);

const EXPIRED =
  'login-expired: Your Kiro login has expired. Run `kiro-cli login` (or sign in again in the Kiro IDE) and try again.';
const UNREACHABLE = "upstream-unavailable: AWS's login service cannot be reached; check the network and try again.";
const BLOCKED = "upstream-unavailable: AWS's login service refuses this network (HTTP 403); try another network.";

function outOfOrder(status: number): string {
  return `upstream-unavailable: AWS's login service is out of order (HTTP ${status}); try again in a minute.`;
}

function checkFailure(title: string, answer: TokenAnswer, failure: string, tries: number): void {
  test(title, async () => {
    const server = await startTokenServer(answer);
    const found = await failureOf(() => refreshCredential(oidc, tools(server)));
    expect({ failure: found, tries: server.requests.length }).toEqual({ failure, tries });
    expectNoSecret(found, R1, 'eyJ-client-secret-0123456789');
  });
}

function checkDead(status: number, body: object): void {
  checkFailure(`${status} ${JSON.stringify(body)} is a dead login`, { status, body }, EXPIRED, 1);
}

test('a refused token that is too short is suspected to be cut', async () => {
  const server = await startTokenServer({ status: 400, body: { error: 'invalid_grant' } });
  const short = { ...oidc, refreshToken: new Secret('aor-short') };
  expect(await failureOf(() => refreshCredential(short, tools(server)))).toBe(
    `${EXPIRED} The refresh token looks cut short.`,
  );
});

checkDead(400, { error: 'invalid_grant', error_description: 'Invalid refresh token provided' });
checkDead(400, { message: 'Invalid token provided' });
checkDead(400, { message: 'The refresh token has expired.' });
checkDead(400, { error: 'invalid_client' });
checkDead(400, { error: 'expired_token' });
checkDead(400, { error: 'unauthorized_client' });
checkDead(400, { error: 'access_denied' });
checkDead(400, { error: 'refresh_token_reused' });
checkDead(400, {
  error: 'interaction_required',
  error_description: 'AADSTS50076: you must use multi-factor authentication',
});
checkDead(400, { error: 'login_required' });
checkDead(400, { error: 'consent_required' });
checkDead(400, { __type: 'com.amazonaws#InvalidGrantException' });
checkDead(400, { __type: 'ExpiredTokenException' });
checkDead(400, { __type: 'ExpiredClientException' });
checkDead(400, { message: 'The refresh token was revoked.' });
checkDead(401, { message: 'Unauthorized' });
checkDead(403, { message: 'Forbidden' });
checkFailure('429 is tried three times', { status: 429, body: {} }, outOfOrder(429), 3);
checkFailure('503 is tried three times', { status: 503, body: {} }, outOfOrder(503), 3);
checkFailure('slow_down is tried three times', { status: 400, body: { error: 'slow_down' } }, outOfOrder(400), 3);
checkFailure('a connection that closes is tried three times', 'hang-up', UNREACHABLE, 3);
checkFailure(
  'a redirect is not followed with a token',
  { status: 307, headers: { location: '/elsewhere' }, body: {} },
  UNREACHABLE,
  3,
);
checkFailure('the page of a blocked network is no dead login', { status: 403, body: '<html></html>' }, BLOCKED, 1);
checkFailure(
  'another refusal is told with its status',
  { status: 400, body: { error: 'invalid_request' } },
  "upstream-protocol: AWS's login service did not understand the gateway (HTTP 400); sign in again, or report this.",
  1,
);
checkFailure(
  'an answer that is not JSON is told, without the answer',
  { body: `${R1}<` },
  "upstream-protocol: AWS's login service answered with something that is not JSON; try again.",
  1,
);
checkFailure(
  'an answer without a token is told by the field',
  { body: { expiresIn: 3600 } },
  "upstream-protocol: AWS's login service answered with what the gateway cannot read (accessToken is required and must be a string); try again.",
  1,
);
checkFailure(
  'a token that cannot stand in a header is told, without the token',
  { body: { accessToken: 'aoa1\n', expiresIn: 3600 } },
  "upstream-protocol: AWS's login service answered with what the gateway cannot read (accessToken must be one word); try again.",
  1,
);

test('a service that fails twice and then answers is no failure', async () => {
  const server = await startTokenServer({ status: 503, body: {} }, 'hang-up', { body: { accessToken: 'aoa1' } });
  const pauses: number[] = [];
  const sleep = (milliseconds: number): Promise<void> => Promise.resolve(void pauses.push(milliseconds));
  const { accessToken } = await refreshCredential(social, tools(server, { sleep }));
  expect({ token: accessToken.reveal(), pauses }).toEqual({ token: 'aoa1', pauses: [500, 2000] });
});

test('a failure says that it was repeated already', async () => {
  const server = await startTokenServer('hang-up');
  const failure = await refreshCredential(social, tools(server)).catch((thrown: unknown) => thrown);
  expect(failure).toMatchObject({ kind: 'upstream-unavailable', facts: { hasBeenRepeated: true } });
});

test('a failure names the service that was asked', async () => {
  const server = await startTokenServer('hang-up');
  const failures = [];
  for (const it of [social, oidc, externalIdp])
    failures.push(await failureOf(() => refreshCredential(it, tools(server))));
  expect(failures.map((it) => /^upstream-unavailable: (.*) login service cannot/.exec(it)?.[1])).toEqual([
    "Kiro's",
    "AWS's",
    "idp.example's",
  ]);
});

test('why a service cannot be reached is told: it may be the certificate of a proxy', async () => {
  const code = 'SELF_SIGNED_CERT_IN_CHAIN';
  const fetch = () => Promise.reject(Object.assign(new Error('no'), { code }));
  const there = tools({ url: '', requests: [] }, { fetch });
  expect(await failureOf(() => refreshCredential(oidc, there))).toBe(
    UNREACHABLE.replace('reached;', `reached (${code});`),
  );
});

test('a refusal counts when its body never ends', async () => {
  const server = createServer((_, response) => response.writeHead(401).write('{"error":'));
  const url = `http://${await listenForTest(server)}`;
  const startedAt = Date.now();
  const failure = await failureOf(() => refreshCredential(social, tools({ url, requests: [] })));
  expect([failure.split(':')[0], Date.now() - startedAt < 20_000]).toEqual(['login-expired', true]);
});

test('a service that never answers is given up', async () => {
  const server = await startTokenServer('hang');
  expect(await failureOf(() => refreshCredential(oidc, tools(server, { timeoutMs: 500 })))).toBe(UNREACHABLE);
  expect(server.requests.length).toBe(1);
});

function checkEndpoint(title: string, login: Partial<ExternalIdpCredential>): void {
  test(`${title} gets no token`, async () => {
    const server = await startTokenServer({ body: { accessToken: 'aoa1' } });
    const failure = await failureOf(() => refreshCredential({ ...externalIdp, ...login }, tools(server)));
    expect({ failure, requests: server.requests }).toEqual({
      failure:
        "not-logged-in: This login names a token endpoint that is not https on its issuer's own host, so nothing was sent; sign in again.",
      requests: [],
    });
  });
}

checkEndpoint('an endpoint without https', { tokenEndpoint: 'http://idp.example/token' });
checkEndpoint('an endpoint on another host than the issuer', { tokenEndpoint: 'https://evil.example/token' });
checkEndpoint('an endpoint on another port than the issuer', { tokenEndpoint: 'https://idp.example:8443/token' });
checkEndpoint('an endpoint with a user name', { tokenEndpoint: 'https://ann@idp.example/token' });
checkEndpoint('an endpoint that is no URL', { tokenEndpoint: 'idp.example', issuerUrl: 'idp.example' });
