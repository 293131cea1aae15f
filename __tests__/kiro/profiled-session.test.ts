/** Where the profile of an account comes from, asked over real sockets, and what happens when Kiro refuses it. */

import { expect, test } from '@jest/globals';
import { GatewayError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { createKiroClient, type Access } from '../../src/kiro/client.js';
import { createProfiledSession, SHARED_PROFILE } from '../../src/kiro/profiled-session.js';
import { told } from '../support/bytes.js';
import { PROFILE } from '../support/requests.js';
import { until } from '../support/sockets.js';
import { realFetch } from '../support/token-server.js';
import { answer, hang, startUpstream, type Answer, type Upstream } from '../support/upstream.js';

const login: Access = {
  token: new Secret('token'),
  profileArn: undefined,
  loginRegion: 'eu-west-1',
  apiRegion: undefined,
  tokenTypeHeader: undefined,
  isBuilderId: false,
};

const US = 'arn:aws:codewhisperer:us-east-1:111122223333:profile/AMERICA';
const EU = 'arn:aws:codewhisperer:eu-central-1:111122223333:profile/EUROPE';

const lists = (...arns: readonly string[]) => answer(200, { profiles: arns.map((arn) => ({ arn, profileName: 'A' })) });
const none = lists();
const denied = answer(403, { message: 'AWS Builder ID is not supported for this operation.' });
const away = answer(503, {});

type World = {
  readonly europe?: Answer;
  readonly america?: Answer;
  readonly access?: Partial<Access>;
  readonly usesSharedProfile?: boolean;
  readonly apiRegion?: string;
};

/** A session in front of the control planes of both regions. */
async function world({ europe = none, america = none, access = {}, usesSharedProfile = true, apiRegion }: World = {}) {
  const [inEurope, inAmerica] = [await startUpstream(europe), await startUpstream(america)];
  const fetch = realFetch({
    'https://management.eu-central-1.kiro.dev': inEurope.url,
    'https://management.us-east-1.kiro.dev': inAmerica.url,
  });
  let time = 0;
  const raw = () => Promise.resolve({ ...login, ...access });
  const asking = { session: { accessToken: raw, forceRefresh: raw }, fetch, overrides: {}, optOut: true };
  const session = createProfiledSession({
    session: asking.session,
    listProfiles: (region, signal) =>
      createKiroClient({ ...asking, apiRegion: region, userAgent: 'test', randomId: () => 'id' }).listProfiles(signal),
    apiRegion,
    usesSharedProfile,
    now: () => time,
  });
  return {
    session,
    profile: async () => (await session.accessToken(never)).profileArn,
    asked: () => [inEurope.requests.length, inAmerica.requests.length],
    pass: (milliseconds: number) => {
      time += milliseconds;
    },
  };
}

const never = new AbortController().signal;

test.each<[string, World, string | undefined, number[]]>([
  ['the login', { access: { profileArn: PROFILE } }, PROFILE, [0, 0]],
  ['nowhere, for an API key', { access: { tokenTypeHeader: 'API_KEY' } }, undefined, [0, 0]],
  ['the region next to the login', { europe: lists(EU), america: lists(US) }, EU, [1, 0]],
  ['the other region', { america: lists(US) }, US, [1, 1]],
  ['the region that is set, alone', { europe: lists(EU), america: lists(US), apiRegion: 'us-east-1' }, US, [0, 1]],
  ['the first of several', { europe: lists(EU, US) }, EU, [1, 0]],
  ['the shared one, for a Builder ID', { access: { isBuilderId: true } }, SHARED_PROFILE, [0, 0]],
  [
    'nowhere, when none is to be shared',
    { access: { isBuilderId: true }, usesSharedProfile: false },
    undefined,
    [0, 0],
  ],
  [
    'the shared one, for a login that Kiro calls a Builder ID',
    { access: { isBuilderId: undefined }, europe: denied, america: denied },
    SHARED_PROFILE,
    [1, 1],
  ],
  ['nowhere, for an organisation that Kiro lists nothing to', { europe: denied, america: denied }, undefined, [1, 1]],
  ['nowhere, when Kiro is away', { europe: away, america: away }, undefined, [1, 1]],
])('a profile from %s', async (_, about, arn, asked) => {
  const at = await world(about);
  expect([await at.profile(), await at.profile(), at.asked()]).toEqual([arn, arn, asked]);
});

test('what was found is kept for an hour, and a failure for half a minute', async () => {
  const [found, failed] = [await world({ europe: lists(EU) }), await world({ europe: away, america: away })];
  for (const { profile, pass } of [found, failed]) {
    await profile();
    pass(30_000);
    await profile();
  }
  expect([found.asked(), failed.asked()]).toEqual([
    [1, 0],
    [2, 2],
  ]);
  found.pass(3_600_000);
  await found.profile();
  expect(found.asked()).toEqual([2, 0]);
});

test('many who need it at once share one search, and one who leaves does not end it', async () => {
  const at = await world({ europe: lists(EU) });
  const leaving = new AbortController();
  const left = at.session.accessToken(leaving.signal).catch(told);
  const others = Promise.all([at.profile(), at.profile()]);
  leaving.abort();
  expect([await left, await others, at.asked()]).toEqual(['cancelled: The request was cancelled.', [EU, EU], [1, 0]]);
});

test('leaving does not wait for a control plane that hangs', async () => {
  const at = await world({ europe: hang });
  const leaving = new AbortController();
  const left = at.session.accessToken(leaving.signal).catch(told);
  setImmediate(() => leaving.abort());
  expect(await left).toBe('cancelled: The request was cancelled.');
});

test('a renewed token has the same profile', async () => {
  const at = await world({ europe: lists(EU) });
  expect((await at.session.forceRefresh(login.token, never)).profileArn).toBe(EU);
});

// --- refused

const required = new GatewayError('invalid-request', 'profileArn is required for this request.');
const improper = new GatewayError('invalid-request', 'Improperly formed request.', { reason: 'REQUEST_BODY_INVALID' });
const invalid = new GatewayError('invalid-request', 'Invalid profileArn.');
const forbidden = new GatewayError('forbidden', 'User is not authorized.');
const suspended = new GatewayError('forbidden', 'Suspended.', { reason: 'TEMPORARILY_SUSPENDED' });
const expired = new GatewayError('login-expired', 'The bearer token included in the request is invalid.');
const dead = new GatewayError('login-expired', 'Your Kiro login has expired.', { reason: 'dead-login' });
const busy = new GatewayError('rate-limited', 'Slow.');

const OTHER = 'not another';

test.each<[string, GatewayError, Partial<Access>, World, string | undefined]>([
  ['none', required, {}, { europe: lists(EU) }, EU],
  ['none', required, {}, {}, OTHER],
  ['none', required, { isBuilderId: true }, {}, SHARED_PROFILE],
  ['none', required, { isBuilderId: true }, { usesSharedProfile: false }, OTHER],
  ['none', required, { isBuilderId: undefined }, {}, SHARED_PROFILE],
  ['none', required, { tokenTypeHeader: 'API_KEY' }, { europe: lists(EU) }, OTHER],
  ['none', improper, {}, { europe: lists(EU) }, OTHER],
  ['the shared one', improper, { profileArn: SHARED_PROFILE }, {}, undefined],
  ['the shared one', forbidden, { profileArn: SHARED_PROFILE }, {}, undefined],
  ['the shared one', expired, { profileArn: SHARED_PROFILE }, {}, undefined],
  ['the shared one', dead, { profileArn: SHARED_PROFILE }, {}, OTHER],
  ['the shared one', suspended, { profileArn: SHARED_PROFILE }, {}, OTHER],
  ['the shared one', busy, { profileArn: SHARED_PROFILE }, {}, OTHER],
  ['one of its own', invalid, { profileArn: PROFILE }, {}, undefined],
  ['one of its own', improper, { profileArn: PROFILE }, {}, OTHER],
  ['one of its own', forbidden, { profileArn: PROFILE }, {}, OTHER],
  ['one of its own', expired, { profileArn: PROFILE }, {}, OTHER],
])('with %s, after %s, %j and %j: %s', async (_, error, about, kiro, expected) => {
  const access = { ...login, ...about };
  const { session } = await world({ ...kiro, access });
  const other = await session.otherProfile(access, error, never);
  expect(other === undefined ? OTHER : other.access.profileArn).toBe(expected);
});

test('what is no error of ours changes no profile', async () => {
  const { session } = await world();
  expect(await session.otherProfile(login, new Error('required'), never)).toBeUndefined();
});

test('a change is kept when it has worked', async () => {
  const { session, profile } = await world({ access: { isBuilderId: true } });
  const access = await session.accessToken(never);
  const other = await session.otherProfile(access, improper, never);
  expect(await profile()).toBe(SHARED_PROFILE);
  other?.keep();
  expect(await profile()).toBeUndefined();
});

// --- what is asked besides chat

const models = answer(200, { models: [{ modelId: 'auto' }] });
const credits = answer(200, { usageBreakdownList: [{ resourceType: 'CREDIT', usageLimit: 50 }] });
const invalidToken = answer(403, { message: 'The bearer token included in the request is invalid.' });
const unauthorized = answer(403, { message: 'User is not authorized to access this feature.' });
const REFUSED = 'forbidden: User is not authorized to access this feature. The Kiro plan or profile has to include it.';

test.each<[string, 'listModels' | 'usageLimits', Partial<Access>, Answer[], (string | undefined)[], string]>([
  ['shared', 'listModels', {}, [unauthorized, models], [SHARED_PROFILE, undefined], 'answered'],
  ['shared', 'usageLimits', {}, [unauthorized, credits], [SHARED_PROFILE, undefined], 'answered'],
  [
    'shared, which makes the token invalid',
    'listModels',
    {},
    [invalidToken, invalidToken, models],
    [SHARED_PROFILE, SHARED_PROFILE, undefined],
    'answered',
  ],
  ['shared, and missed', 'usageLimits', {}, [unauthorized, denied], [SHARED_PROFILE, undefined], REFUSED],
  ['the account’s own', 'listModels', { profileArn: PROFILE }, [unauthorized, models], [PROFILE], REFUSED],
])('a profile that is %s, refused for %s: %j', async (_, operation, about, answers, profiles, expected) => {
  const kiro = await startUpstream(...answers);
  const client = await clientFor(kiro, about);
  const outcome = await client[operation](never).then(() => 'answered', told);
  expect([kiro.requests.map(({ body }) => JSON.parse(body).profileArn), outcome]).toEqual([profiles, expected]);
});

async function clientFor(kiro: Upstream, about: Partial<Access> = {}) {
  const { session } = await world({ access: { isBuilderId: true, ...about } });
  const asking = { fetch: realFetch(), overrides: { api: kiro.url }, apiRegion: undefined, optOut: true };
  return createKiroClient({ ...asking, session, userAgent: 'test', randomId: () => 'id' });
}

test('whoever leaves while Kiro is asked without the profile is told that, and not what Kiro refused', async () => {
  const kiro = await startUpstream(unauthorized, hang);
  const leave = new AbortController();
  const outcome = (await clientFor(kiro)).usageLimits(leave.signal).catch(told);
  await until(() => kiro.requests.length === 2);
  leave.abort();
  expect(await outcome).toBe('cancelled: The request was cancelled.');
});

test('whoever signs in to another account while a profile is being looked for gets none of the first one’s', async () => {
  const logins: readonly Access[] = [login, { ...login, login: 'another' }];
  let [asked, searches] = [0, 0];
  const next = () => Promise.resolve(logins[asked++] ?? login);
  const session = createProfiledSession({
    session: { accessToken: next, forceRefresh: next },
    listProfiles: () => Promise.resolve([{ arn: ++searches === 1 ? EU : US, name: 'A' }]),
    apiRegion: undefined,
    usesSharedProfile: true,
    now: () => 0,
  });
  const both = await Promise.all([session.accessToken(never), session.accessToken(never)]);
  expect(both.map(({ profileArn }) => profileArn)).toEqual([EU, US]);
});

test('two logins of one region do not share a profile', async () => {
  const arns = [EU, US];
  const logins = ['one', 'two', 'two'];
  const next = () => Promise.resolve({ ...login, login: logins.shift() });
  const session = createProfiledSession({
    session: { accessToken: next, forceRefresh: next },
    listProfiles: () => Promise.resolve(arns.splice(0, 1).map((arn) => ({ arn, name: 'A' }))),
    apiRegion: undefined,
    usesSharedProfile: true,
    now: () => 0,
  });
  const found = [];
  for (let request = 1; request <= 3; request++) found.push((await session.accessToken(never)).profileArn);
  expect(found).toEqual([EU, US, US]);
});
