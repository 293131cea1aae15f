/** Getting tokens: refresh and rotation, refusals, the device flow, and what the tokens open. */
import { expect, test } from '@jest/globals';
import { DEMO_REFRESH_TOKEN } from '../../src/simulator/sign-in.js';
import { body, post, PROFILE, readField, simulate } from './support.js';

const OIDC = { grantType: 'refresh_token', clientId: 'id', clientSecret: 'secret' };
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

test('the demo refresh token has a plausible length and works again and again', async () => {
  const { url } = await simulate();
  expect(DEMO_REFRESH_TOKEN.length).toBeGreaterThanOrEqual(100);
  for (const _ of [1, 2]) {
    const answer = await post(`${url}/refreshToken`, { refreshToken: DEMO_REFRESH_TOKEN });
    expect(await answer.json()).toEqual({
      accessToken: expect.stringMatching(/^aoa.{200,}/),
      refreshToken: expect.stringMatching(/^aor.{200,}/),
      expiresIn: 3600,
      profileArn: PROFILE,
    });
  }
});

test('a refresh token works once, and its successor once more', async () => {
  const { url } = await simulate();
  let token = 'reusable';
  for (const _ of [1, 2]) {
    const answer = await post(`${url}/refreshToken`, { refreshToken: token });
    token = readField(await answer.json(), 'refreshToken');
  }
  expect((await post(`${url}/refreshToken`, { refreshToken: token })).status).toBe(200);
  const again = await post(`${url}/refreshToken`, { refreshToken: token });
  expect(again.status).toBe(401);
  expect(await again.json()).toEqual({ message: 'Invalid refresh token provided', reason: null });
});

test('the OIDC endpoint answers in camel case and refuses with invalid_grant', async () => {
  const { url } = await simulate({ accessTokenSeconds: 60 });
  const answer = await post(`${url}/token`, { ...OIDC, refreshToken: 'reusable' });
  expect(await answer.json()).toMatchObject({ accessToken: expect.any(String), expiresIn: 60, tokenType: 'Bearer' });
  const refused = await post(`${url}/token`, { ...OIDC, refreshToken: 'unknown' });
  expect(refused.status).toBe(400);
  expect(await refused.json()).toEqual({
    error: 'invalid_grant',
    error_description: 'Invalid refresh token provided',
  });
  const nobody = await post(`${url}/token`, { grantType: 'refresh_token', refreshToken: 'reusable' });
  expect(await nobody.json()).toMatchObject({ error: 'invalid_client' });
});

test('an identity provider takes a form, and its tokens need their own token type', async () => {
  const { url } = await simulate();
  const form = { grant_type: 'refresh_token', client_id: 'id', refresh_token: 'reusable' };
  const answer = await fetch(`${url}/token`, { method: 'POST', body: new URLSearchParams(form) });
  const token = readField(await answer.json(), 'access_token');
  expect((await chat(url, { authorization: `Bearer ${token}` })).status).toBe(403);
  expect((await chat(url, { authorization: `Bearer ${token}`, tokentype: 'EXTERNAL_IDP' })).status).toBe(200);
});

test('a refresh token is renewed only by whoever has issued it', async () => {
  const { url } = await simulate();
  const social: unknown = await (await post(`${url}/refreshToken`, { refreshToken: 'reusable' })).json();
  const refreshToken = readField(social, 'refreshToken');
  expect((await post(`${url}/token`, { ...OIDC, refreshToken })).status).toBe(400);
  expect((await post(`${url}/refreshToken`, { refreshToken })).status).toBe(200);
});

test('two people can log in at once', async () => {
  const { url } = await simulate();
  const client = { clientId: 'id', clientSecret: 'secret' };
  const begin = async (): Promise<string> => {
    const started = await post(`${url}/device_authorization`, {
      ...client,
      startUrl: 'https://view.awsapps.com/start',
    });
    return readField(await started.json(), 'deviceCode');
  };
  for (const deviceCode of [await begin(), await begin()]) {
    const answer = await post(`${url}/token`, { ...client, grantType: DEVICE_GRANT, deviceCode });
    expect(await answer.json()).toMatchObject({ error: 'authorization_pending' });
  }
});

test('the device flow is pending once, then succeeds, and its code is spent', async () => {
  const { url } = await simulate();
  const registered = await post(`${url}/client/register`, { clientName: 'test', clientType: 'public', scopes: [] });
  const client: unknown = await registered.json();
  const [clientId, clientSecret] = [readField(client, 'clientId'), readField(client, 'clientSecret')];
  const start = { clientId, clientSecret, startUrl: 'https://view.awsapps.com/start' };
  const device: unknown = await (await post(`${url}/device_authorization`, start)).json();
  expect(device).toMatchObject({
    userCode: 'SIMU-LATE',
    expiresIn: 600,
    interval: 1,
    verificationUri: `${url}/device`,
  });
  const poll = { clientId, clientSecret, grantType: DEVICE_GRANT, deviceCode: readField(device, 'deviceCode') };
  const answers: unknown[] = [];
  for (const _ of [1, 2, 3]) answers.push(await (await post(`${url}/token`, poll)).json());
  expect(answers).toEqual([
    { error: 'authorization_pending', error_description: expect.any(String) },
    expect.objectContaining({ accessToken: expect.stringMatching(/^aoa/), tokenType: 'Bearer' }),
    { error: 'invalid_grant', error_description: expect.any(String) },
  ]);
});

test('a call without a valid bearer is refused with the words of the service', async () => {
  const simulator = await simulate();
  const issued = await post(`${simulator.url}/refreshToken`, { refreshToken: 'reusable' });
  const authorization = `Bearer ${readField(await issued.json(), 'accessToken')}`;
  expect((await chat(simulator.url, { authorization })).status).toBe(200);
  simulator.revokeAccessTokens();
  for (const headers of [{}, { authorization: 'Bearer aoaUnknown' }, { authorization }]) {
    const refused = await chat(simulator.url, headers);
    expect(refused.status).toBe(403);
    expect(refused.headers.get('x-amzn-errortype')).toBe('AccessDeniedException');
    expect(await refused.json()).toEqual({
      message: 'The bearer token included in the request is invalid.',
      reason: null,
    });
  }
});

test('an access token dies with its time', async () => {
  const { url } = await simulate({ accessTokenSeconds: 0 });
  const issued = await post(`${url}/refreshToken`, { refreshToken: 'reusable' });
  const authorization = `Bearer ${readField(await issued.json(), 'accessToken')}`;
  expect((await chat(url, { authorization })).status).toBe(403);
});

test('an API key needs its token type, and no profile', async () => {
  const { url } = await simulate();
  const authorization = 'Bearer ksk_test';
  const bare = body('Hi', { top: { profileArn: undefined } });
  expect((await chat(url, { authorization })).status).toBe(403);
  expect((await chat(url, { authorization, tokentype: 'API_KEY' }, bare)).status).toBe(200);
});

test('a chat without a profile is refused with the words of the service', async () => {
  const { url } = await simulate();
  const issued = await post(`${url}/refreshToken`, { refreshToken: 'reusable' });
  const authorization = `Bearer ${readField(await issued.json(), 'accessToken')}`;
  const refused = await chat(url, { authorization }, body('Hi', { top: { profileArn: undefined } }));
  expect(refused.status).toBe(400);
  expect(await refused.json()).toEqual({ message: 'profileArn is required for this request.', reason: null });
});

async function chat(url: string, headers: Record<string, string>, request: object = body('Hi')): Promise<Response> {
  return post(`${url}/generateAssistantResponse`, request, headers);
}
