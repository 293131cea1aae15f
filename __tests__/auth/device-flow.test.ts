/** The device flow against a scripted login service on a real socket; time is the test's own. */

import { expect, test } from '@jest/globals';
import { BUILDER_ID_START_URL, type OidcCredential } from '../../src/auth/credential.js';
import { type DeviceCode, signInWithDevice } from '../../src/auth/device-flow.js';
import { expectNoSecret, failureOf, refreshToken, revealed } from './support.js';
import { realFetch, startTokenServer, type TokenAnswer, type TokenServer } from '../support/token-server.js';

const NOW = 1_785_000_000_000;
const ORGANISATION = 'https://d-1234567890.awsapps.com/start';
/** What becomes of `APPROVED`, but for the times. */
const SIGNED_IN = {
  kind: 'oidc',
  provider: 'builder-id',
  region: 'us-east-1',
  clientId: 'client-id',
  clientSecret: 'secret:client-secret-0123456789',
  accessToken: 'secret:aoa-one-0123456789',
  refreshToken: `secret:${refreshToken('one')}`,
};

test('a Builder ID login registers, shows the code, polls, and has tokens of its own', async () => {
  const { outcome, server, shown, pauses } = await signIn({ polls: [PENDING, PENDING, APPROVED] });
  expect(revealed(outcome)).toEqual({
    ...SIGNED_IN,
    registrationExpiresAt: 1_792_000_000_000,
    expiresAt: NOW + 15_000 + 3_600_000,
  });
  expectNoSecret(outcome, refreshToken('one'), 'client-secret-0123456789', 'aoa-one-0123456789');
  expect(shown).toEqual([{ url: 'https://device.example.com/?user_code=ABCD-EFGH', userCode: 'ABCD-EFGH' }]);
  expect(pauses).toEqual([5, 5, 5]);
  expect(server.requests.map(({ path, body }) => [path, JSON.parse(body)])).toEqual([
    [
      '/client/register',
      {
        clientName: 'kiro-gateway',
        clientType: 'public',
        scopes: ['codewhisperer:completions', 'codewhisperer:analysis', 'codewhisperer:conversations'],
        grantTypes: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
        issuerUrl: BUILDER_ID_START_URL,
      },
    ],
    [
      '/device_authorization',
      { clientId: 'client-id', clientSecret: 'client-secret-0123456789', startUrl: BUILDER_ID_START_URL },
    ],
    ...[1, 2, 3].map(() => [
      '/token',
      {
        clientId: 'client-id',
        clientSecret: 'client-secret-0123456789',
        deviceCode: 'device-code-1',
        grantType: 'urn:ietf:params:oauth:grant-type:device_code',
      },
    ]),
  ]);
});

test('slow_down adds five seconds to every pause that follows', async () => {
  const { pauses } = await signIn({ polls: [refusal('slow_down'), PENDING, refusal('slow_down'), APPROVED] });
  expect(pauses).toEqual([5, 10, 10, 15]);
});

test('no pause is longer than a minute, whatever the service asks for', async () => {
  expect((await signIn({ polls: [APPROVED], interval: 1e12 })).pauses).toEqual([60]);
});

test('refusals are known by the names of their exceptions, too', async () => {
  const exception = { status: 400, body: { __type: 'com.amazonaws.ssooidc#SlowDownException' } };
  expect((await signIn({ polls: [exception, APPROVED] })).pauses).toEqual([5, 10]);
});

test('a code that expired is replaced by a new one, which is shown', async () => {
  const { shown, server } = await signIn({ polls: [refusal('expired_token'), APPROVED] });
  expect(shown.map(({ userCode }) => userCode)).toEqual(['ABCD-EFGH', 'ABCD-EFGH']);
  expect(deviceCodes(server)).toEqual(['device-code-1', 'device-code-2']);
});

test('a code is given up when its life is over, whatever the service says', async () => {
  const { server, pauses } = await signIn({ polls: [...Array.from({ length: 119 }, () => PENDING), APPROVED] });
  expect(pauses).toHaveLength(121);
  expect(deviceCodes(server)).toEqual(['device-code-1', 'device-code-2']);
});

test('nobody who never approves is waited for longer than three codes', async () => {
  const { outcome, shown } = await signIn({ polls: [refusal('expired_token')] });
  expect(outcome).toBe('login-expired: Nobody approved the login in the browser; run the command again.');
  expect(shown).toHaveLength(3);
});

test('a service that is away for a moment is asked again', async () => {
  const { outcome, pauses } = await signIn({ polls: ['hang-up', { status: 503, body: {} }, APPROVED] });
  expect(revealed(outcome)).toMatchObject({ kind: 'oidc' });
  expect(pauses).toEqual([5, 5, 5]);
});

test('an answer that breaks off before it says why is asked for again', async () => {
  const headers = { 'content-length': '500', connection: 'close' };
  const { outcome } = await signIn({ polls: [{ status: 400, headers, body: '{"error":' }, APPROVED] });
  expect(revealed(outcome)).toMatchObject({ kind: 'oidc' });
});

const ends: readonly (readonly [string, TokenAnswer, string])[] = [
  [
    'a person who refuses ends it',
    refusal('access_denied'),
    'forbidden: The login was refused in the browser; nothing was stored.',
  ],
  [
    'a client that is not known ends it',
    refusal('invalid_client'),
    'upstream-protocol: AWS did not let the login continue (invalid_client); run the command again, or report this.',
  ],
  [
    'an answer that is not JSON ends it, and is not repeated',
    { status: 400, body: 'aor-secret' },
    "upstream-protocol: AWS's login service answered with something that is not JSON; try again.",
  ],
];
for (const [title, poll, failure] of ends) {
  test(title, async () => expect((await signIn({ polls: [poll] })).outcome).toBe(failure));
}

test('the usual regions are tried for an organisation whose region is not known', async () => {
  const regions: string[] = [];
  const { outcome } = await signIn({ startUrl: ORGANISATION, polls: [APPROVED], onlyIn: 'eu-central-1', regions });
  expect(revealed(outcome)).toMatchObject({ provider: 'identity-center', region: 'eu-central-1' });
  expect(regions).toEqual(['us-east-1', 'eu-west-1', 'eu-central-1']);
});

test('a region that is out of order does not hide the one that knows the start URL', async () => {
  const about = { startUrl: ORGANISATION, polls: [APPROVED], away: 'us-east-1' };
  const { outcome } = await signIn({ ...about, onlyIn: 'eu-west-1' });
  expect(revealed(outcome)).toMatchObject({ provider: 'identity-center', region: 'eu-west-1' });
  expect((await signIn({ ...about, onlyIn: 'ap-south-2' })).outcome).toBe(
    "upstream-unavailable: AWS's login service is out of order (HTTP 503); try again in a minute.",
  );
});

test('a service that asks for patience is not said to refuse the start URL', async () => {
  const { outcome } = await signIn({ polls: [], refused: 'slow_down' });
  expect(outcome).toBe(
    'upstream-protocol: AWS did not let the login continue (slow_down); run the command again, or report this.',
  );
});

test('a region that was said is the only one that is tried', async () => {
  const about = { startUrl: ORGANISATION, region: 'eu-west-1', onlyIn: 'eu-central-1', polls: [APPROVED] };
  expect((await signIn(about)).outcome).toBe(
    `invalid-request: AWS refused the start URL ${ORGANISATION} in eu-west-1 (invalid_request); check --start-url, and give its region with --region.`,
  );
});

test('a service that says little, in snake case, and of no end of the client, is understood', async () => {
  const client = { client_id: 'client-id', client_secret: 'client-secret-0123456789', client_secret_expires_at: 0 };
  const tokens = { access_token: 'aoa-one-0123456789', refresh_token: refreshToken('one'), expires_in: 3600 };
  const code = {
    device_code: 'device-code-1',
    user_code: 'ABCD-EFGH',
    verification_uri: 'https://device.example.com/',
  };
  for (const registered of [client, { ...client, client_secret_expires_at: undefined }]) {
    const { outcome, shown, pauses } = await signIn({ client: registered, code, polls: [{ body: tokens }] });
    expect(revealed(outcome)).toEqual({ ...SIGNED_IN, expiresAt: NOW + 5_000 + 3_600_000 });
    expect([shown, pauses]).toEqual([[{ url: 'https://device.example.com/', userCode: 'ABCD-EFGH' }], [5]]);
  }
});

test('what cannot be shown on a terminal is refused', async () => {
  const { outcome } = await signIn({ polls: [APPROVED], userCode: 'AB\u001b[2J' });
  expect(outcome).toBe(
    "upstream-protocol: AWS's login service answered with what the gateway cannot read (userCode cannot be shown on a terminal); try again.",
  );
});

test('it stops while it waits', async () => {
  const { outcome, server } = await signIn({ polls: [PENDING], stopAfter: 2 });
  expect(outcome).toBe('cancelled: Stopped; nothing was stored.');
  expect(deviceCodes(server)).toEqual(['device-code-1']);
});

// --- helpers

type About = {
  readonly startUrl?: string;
  readonly region?: string;
  /** The answers to `/token`; the last again and again. */
  readonly polls: readonly TokenAnswer[];
  /** The region that knows the start URL. */
  readonly onlyIn?: string;
  /** The region that is out of order. */
  readonly away?: string;
  /** Why no region gives a code. */
  readonly refused?: string;
  /** Filled with the regions that were asked to authorize. */
  readonly regions?: string[];
  readonly userCode?: string;
  readonly interval?: number;
  /** Answers of the service's own making. */
  readonly client?: object;
  readonly code?: object;
  /** The pause in which the person presses Ctrl-C. */
  readonly stopAfter?: number;
};

async function signIn(about: About) {
  const { startUrl = BUILDER_ID_START_URL, region, polls, onlyIn, regions = [], userCode = 'ABCD-EFGH' } = about;
  const { interval = 5 } = about;
  let codes = 0;
  let asked = 0;
  const server = await startTokenServer(({ path }) => {
    if (path === '/client/register') return { body: about.client ?? CLIENT };
    if (path === '/token') return polls[Math.min(asked++, polls.length - 1)] ?? 'hang-up';
    if (regions.at(-1) === about.away) return { status: 503, body: {} };
    if (onlyIn !== undefined && regions.at(-1) !== onlyIn) return refusal('invalid_request');
    if (about.refused !== undefined) return refusal(about.refused);
    if (about.code !== undefined) return { body: about.code };
    const url = { verificationUri: 'https://device.example.com/', verificationUriComplete: `${DEVICE}${userCode}` };
    return { body: { deviceCode: `device-code-${++codes}`, userCode, ...url, expiresIn: 600, interval } };
  });
  const shown: DeviceCode[] = [];
  const pauses: number[] = [];
  const stop = new AbortController();
  let time = NOW;
  const fetch = realFetch();
  const tools = {
    fetch: (url: string, init: Parameters<typeof fetch>[1]) => {
      const [, named = ''] = /^https:\/\/oidc\.([a-z0-9-]+)\.amazonaws\.com/.exec(url) ?? [];
      if (url.endsWith('/device_authorization')) regions.push(named);
      return fetch(url.replace(/^https:\/\/oidc\.[a-z0-9-]+\.amazonaws\.com/, server.url), init);
    },
    now: () => time,
    sleep: (milliseconds: number) => {
      pauses.push(milliseconds / 1000);
      time += milliseconds;
      if (pauses.length === about.stopAfter) stop.abort();
      return Promise.resolve();
    },
    overrides: {},
    userAgent: 'kiro-gateway/test',
  };
  const options = { startUrl, region, show: (code: DeviceCode) => shown.push(code), signal: stop.signal };
  let outcome: OidcCredential | string = '';
  const failure = await failureOf(async () => {
    outcome = await signInWithDevice(options, tools);
  });
  return { outcome: outcome === '' ? failure : outcome, server, shown, pauses };
}

function deviceCodes({ requests }: TokenServer): readonly string[] {
  const polls = requests.filter(({ path }) => path === '/token');
  return [...new Set(polls.map(({ body }) => /device-code-\d/.exec(body)?.[0] ?? ''))];
}

function refusal(error: string): TokenAnswer {
  return { status: 400, body: { error, error_description: 'said so' } };
}

const DEVICE = 'https://device.example.com/?user_code=';
const CLIENT = {
  clientId: 'client-id',
  clientSecret: 'client-secret-0123456789',
  clientIdIssuedAt: 1_785_000_000,
  clientSecretExpiresAt: 1_792_000_000,
};
const PENDING: TokenAnswer = refusal('authorization_pending');
const APPROVED: TokenAnswer = {
  body: {
    accessToken: 'aoa-one-0123456789',
    refreshToken: refreshToken('one'),
    expiresIn: 3600,
    tokenType: 'Bearer',
    idToken: null,
  },
};
