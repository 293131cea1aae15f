/** The client over real sockets: token, hosts, failures, leaving. */

import { expect, test } from '@jest/globals';
import { GatewayError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { createKiroClient, type Access, type ClientDependencies } from '../../src/kiro/client.js';
import { connectionError } from '../../src/kiro/errors.js';
import type { Fetch } from '../../src/core/fetch.js';
import { createOutboundFetch } from '../../src/outbound.js';
import { listModels } from '../../src/simulator/control.js';
import { startSimulator } from '../../src/simulator/server.js';
import { told } from '../support/bytes.js';
import { startConnectProxy } from '../support/proxies.js';
import { models, PROFILE } from '../support/requests.js';
import { realFetch } from '../support/token-server.js';
import {
  answer,
  beginAnswer,
  hang,
  hangUp,
  nobody,
  startUpstream,
  type Answer,
  type Upstream,
} from '../support/upstream.js';

const access: Access = {
  token: new Secret('first'),
  profileArn: PROFILE,
  loginRegion: undefined,
  apiRegion: undefined,
  tokenTypeHeader: undefined,
};

/** A client, and the tokens that it wanted renewed. */
function clientOf(about: Partial<ClientDependencies> = {}) {
  const refused: string[] = [];
  let ids = 0;
  const client = createKiroClient({
    session: {
      accessToken: () => Promise.resolve(access),
      forceRefresh: (token) => {
        refused.push(token.reveal());
        return Promise.resolve({ ...access, token: new Secret('second') });
      },
    },
    fetch: realFetch(),
    overrides: {},
    apiRegion: undefined,
    userAgent: 'kiro-gateway/test',
    optOut: true,
    randomId: () => `id-${++ids}`,
    ...about,
  });
  return { client, refused };
}

const apiKey: Access = {
  ...access,
  token: new Secret('ksk_0123456789'),
  profileArn: undefined,
  tokenTypeHeader: 'API_KEY',
};

const never = new AbortController().signal;

/** The text of an answer, or the error in its place. */
async function generate(about: Partial<ClientDependencies>, signal = never, as = access): Promise<unknown> {
  try {
    return await textOf(await clientOf(about).client.generate('{"a":1}', as, signal));
  } catch (thrown) {
    return told(thrown);
  }
}

async function textOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const RUNTIME = 'https://runtime.us-east-1.kiro.dev';
const MANAGEMENT = 'https://management.us-east-1.kiro.dev';
const OLDER = 'https://q.us-east-1.amazonaws.com';

const at = ({ url }: Upstream) => ({ overrides: { api: url } });
const ours = ({ headers }: Upstream['requests'][number]) => {
  const { host: _, connection: __, 'content-length': ___, ...rest } = headers;
  const added = ['accept-language', 'sec-fetch-mode', 'accept-encoding'];
  return Object.fromEntries(Object.entries(rest).filter(([name]) => !added.includes(name)));
};

// --- what is sent

test('a chat request, whole', async () => {
  const kiro = await startUpstream(answer(200, 'bytes'));
  expect(await generate(at(kiro))).toBe('bytes');
  expect(kiro.requests.map((it) => [it.url, it.body, ours(it)])).toEqual([
    [
      '/generateAssistantResponse',
      '{"a":1}',
      {
        'content-type': 'application/json',
        accept: 'application/vnd.amazon.eventstream',
        'x-amzn-kiro-agent-mode': 'vibe',
        authorization: 'Bearer first',
        'user-agent': 'kiro-gateway/test',
        'x-amzn-codewhisperer-optout': 'true',
        'x-amzn-kiro-profile-arn': PROFILE,
        'amz-sdk-invocation-id': 'id-1',
      },
    ],
  ]);
});

test('a token of another kind says so; without a profile neither that nor the mode of the editor is a header', async () => {
  const kiro = await startUpstream(answer(200, ''));
  await generate({ ...at(kiro), optOut: false }, never, apiKey);
  expect(kiro.requests.map(ours)).toEqual([
    {
      'content-type': 'application/json',
      accept: 'application/vnd.amazon.eventstream',
      authorization: 'Bearer ksk_0123456789',
      tokentype: 'API_KEY',
      'user-agent': 'kiro-gateway/test',
      'x-amzn-codewhisperer-optout': 'false',
      'amz-sdk-invocation-id': 'id-1',
    },
  ]);
});

test.each([
  ['the setting', { apiRegion: 'eu-central-1' }, { apiRegion: 'us-east-1' }, 'eu-central-1'],
  ['the login’s file', {}, { apiRegion: 'eu-central-1' }, 'eu-central-1'],
  ['the profile', {}, { loginRegion: 'eu-west-1' }, 'us-east-1'],
  [
    'the region of the login',
    {},
    { profileArn: undefined, loginRegion: 'eu-west-1', tokenTypeHeader: 'API_KEY' as const },
    'eu-central-1',
  ],
])('the region comes from %s', async (_, about, as, region) => {
  const kiro = await startUpstream(answer(200, 'bytes'));
  const fetch = realFetch({ [`https://runtime.${region}.kiro.dev`]: kiro.url });
  expect(await generate({ ...about, fetch }, never, { ...access, ...as })).toBe('bytes');
});

test('without a profile the older host is asked alone, for the newer one demands a profile', async () => {
  const kiro = await startUpstream(answer(200, 'bytes'));
  const as = { ...access, profileArn: undefined };
  expect(await generate({ fetch: realFetch({ [RUNTIME]: await nobody(), [OLDER]: kiro.url }) }, never, as)).toBe(
    'bytes',
  );
  expect(await generate({ fetch: realFetch({ [RUNTIME]: kiro.url, [OLDER]: await nobody() }) }, never, as)).toMatch(
    /^upstream-unavailable/,
  );
  expect(kiro.requests.length).toBe(1);
});

// --- the token

const refuses = (status: number, body: object): Answer => answer(status, body);
const deadToken = refuses(403, { message: 'The bearer token included in the request is invalid.' });

test.each([
  ['a 403 about the token', deadToken],
  ['a 401', refuses(401, {})],
  ['an expired token', answer(403, {}, { 'x-amzn-errortype': 'ExpiredTokenException' })],
  [
    'an expired token under 200',
    answer(200, { __type: 'ExpiredTokenException' }, { 'content-type': 'application/x-amz-json-1.0' }),
  ],
])('%s is answered with one refresh and the same request again', async (_, refusal) => {
  const kiro = await startUpstream(refusal, answer(200, 'bytes'));
  const { client, refused } = clientOf(at(kiro));
  expect(await textOf(await client.generate('{"a":1}', access, never))).toBe('bytes');
  expect(refused).toEqual(['first']);
  expect(
    kiro.requests.map(({ headers, body }) => [headers.authorization, headers['amz-sdk-invocation-id'], body]),
  ).toEqual([
    ['Bearer first', 'id-1', '{"a":1}'],
    ['Bearer second', 'id-1', '{"a":1}'],
  ]);
});

test.each<[string, object, string]>([
  ['a throttling', { __type: 'com.amazonaws#ThrottlingException', message: 'Slow.' }, 'rate-limited: Slow.'],
  ['an overflow', { message: 'Too much.', reason: 'CONTENT_LENGTH_EXCEEDS_THRESHOLD' }, 'context-overflow: Too much.'],
])('%s that comes as JSON with 200, in place of frames, is told as what it is', async (_, body, expected) => {
  const kiro = await startUpstream(answer(200, body, { 'content-type': 'application/json' }));
  expect([await generate(at(kiro)), kiro.requests.length]).toEqual([expected, 1]);
});

test('a failure that comes with 200 and is not called JSON is told as what it is', async () => {
  const kiro = await startUpstream(answer(200, { __type: 'ThrottlingException', message: 'Slow.' }));
  expect([await generate(at(kiro)), kiro.requests.length]).toEqual(['rate-limited: Slow.', 1]);
});

test.each(['application/json', 'text/html; charset=utf-8', undefined])(
  'frames that a host calls %s are read as they come',
  async (type) => {
    const frames = '\0\0\0\u0010 and so on';
    const headers = type === undefined ? {} : { 'content-type': type };
    const kiro = await startUpstream((response) => void response.writeHead(200, headers).write(frames));
    const bytes = await clientOf(at(kiro)).client.generate('{}', access, never);
    for await (const chunk of bytes) {
      expect(Buffer.from(chunk).toString()).toBe(frames);
      break;
    }
    await kiro.requests[0]?.closed;
  },
);

test('a failure under 200 that never ends is left', async () => {
  const kiro = await startUpstream((response) => void response.writeHead(200, JSON_TYPE).write('{"message":"Slow."'));
  const fetch = await createOutboundFetch({ proxyUrl: undefined, env: {} });
  expect(await generate({ ...at(kiro), fetch })).toMatch(/^upstream-protocol: Something between here and Kiro/);
  await kiro.requests[0]?.closed;
});

test('an answer in JSON that breaks off before its first byte is a connection that broke', async () => {
  const headers = { ...JSON_TYPE, 'content-length': '5', connection: 'close' };
  expect(await generate(at(await startUpstream(answer(200, '', headers))))).toMatch(
    /^upstream-unavailable: Kiro cannot be reached/,
  );
});

test('a second refusal of the token is final', async () => {
  const kiro = await startUpstream(deadToken);
  const { client, refused } = clientOf(at(kiro));
  expect(await client.generate('{}', access, never).catch(told)).toBe(
    'login-expired: Your Kiro login no longer works; the gateway key is fine. (Kiro said: The bearer token included in the request is invalid.) Sign in again with `kiro-gateway login`, or where this login came from.',
  );
  expect([refused, kiro.requests.length]).toEqual([['first'], 2]);
});

test.each([
  ['a plan', { message: 'User is not authorized to access this feature.' }],
  ['a feature', { message: 'No.', reason: 'FEATURE_NOT_SUPPORTED' }],
  ['a suspension', { message: 'Your User ID temporarily is suspended.', reason: 'TEMPORARILY_SUSPENDED' }],
  ['a suspension that speaks of tokens', { message: 'invalid token', reason: 'TEMPORARILY_SUSPENDED' }],
  ['nothing', {}],
])('a 403 about %s refreshes nothing', async (_, body) => {
  const kiro = await startUpstream(refuses(403, body));
  const { client, refused } = clientOf(at(kiro));
  expect(await client.generate('{}', access, never).catch((it: GatewayError) => it.kind)).toBe('forbidden');
  expect([refused, kiro.requests.length]).toEqual([[], 1]);
});

test('a token that Kiro says back is told to nobody', async () => {
  const token = new Secret('looks.like.nothing');
  const kiro = await startUpstream(answer(400, { message: `The token ${token.reveal()} is not one of mine.` }));
  expect(await generate(at(kiro), never, { ...access, token })).toBe(
    'invalid-request: The token [secret] is not one of mine.',
  );
});

test('a refresh that fails is the answer', async () => {
  const kiro = await startUpstream(deadToken);
  const failed = new GatewayError('login-expired', 'It is over.');
  const session = { accessToken: () => Promise.resolve(access), forceRefresh: () => Promise.reject(failed) };
  expect(await generate({ ...at(kiro), session })).toBe('login-expired: It is over.');
});

// --- the other host

test('a host that cannot be reached is replaced by the older one', async () => {
  const kiro = await startUpstream(answer(200, 'bytes'));
  expect(await generate({ fetch: realFetch({ [RUNTIME]: await nobody(), [OLDER]: kiro.url }) })).toBe('bytes');
  expect(kiro.requests.map(({ url }) => url)).toEqual(['/generateAssistantResponse']);
});

test.each([
  ['404', answer(404, '<html>')],
  ['405', answer(405, '')],
  ['an unknown operation', answer(400, { __type: 'com.amazon.coral#UnknownOperationException' })],
])('a host that answers %s is asked in the form of kiro-cli, then replaced by the older one', async (_, refusal) => {
  const [newer, older] = [await startUpstream(refusal), await startUpstream(refusal, answer(200, 'bytes'))];
  expect(await generate({ fetch: realFetch({ [RUNTIME]: newer.url, [OLDER]: older.url }) })).toBe('bytes');
  const rest = ['/generateAssistantResponse', 'application/json', undefined, '{"a":1}'];
  const target = 'AmazonCodeWhispererStreamingService.GenerateAssistantResponse';
  const json = ['/', 'application/x-amz-json-1.0', target, '{"a":1}'];
  for (const { requests } of [newer, older]) {
    expect(
      requests.map(({ url, headers, body }) => [url, headers['content-type'], headers['x-amz-target'], body]),
    ).toEqual([rest, json]);
  }
});

test('a token is renewed on the older host too', async () => {
  const kiro = await startUpstream(deadToken, answer(200, 'bytes'));
  expect(await generate({ fetch: realFetch({ [RUNTIME]: await nobody(), [OLDER]: kiro.url }) })).toBe('bytes');
});

test.each([400, 402, 413, 429, 500, 503])('a host that answers %d is not replaced', async (status) => {
  const [newer, older] = [
    await startUpstream(answer(status, { message: 'No.' })),
    await startUpstream(answer(200, '')),
  ];
  expect(await generate({ fetch: realFetch({ [RUNTIME]: newer.url, [OLDER]: older.url }) })).toMatch(/: No\./);
  expect([newer.requests.length, older.requests.length]).toEqual([1, 0]);
});

test('when both hosts fail, that is the answer', async () => {
  const [newer, older] = [await startUpstream(hangUp), await startUpstream(hangUp)];
  expect(await generate({ fetch: realFetch({ [RUNTIME]: newer.url, [OLDER]: older.url }) })).toBe(
    'upstream-unavailable: Kiro cannot be reached; check the network and try again.',
  );
  expect([newer.requests.length, older.requests.length]).toEqual([1, 1]);
});

test('an override is asked alone', async () => {
  const other = await startUpstream(answer(200, ''));
  const fetch = realFetch({ [OLDER]: other.url });
  expect(await generate({ overrides: { api: await nobody() }, fetch })).toMatch(/^upstream-unavailable/);
  expect(await generate({ ...at(await startUpstream(answer(404, {}))), fetch })).toMatch(
    /^upstream-protocol: Kiro does not know this operation/,
  );
  expect(other.requests.length).toBe(0);
});

test('a proxy that fails is not taken for a host that does', async () => {
  const hosts: string[] = [];
  const refused = new GatewayError('upstream-protocol', 'The proxy wants a password.');
  const fetch: Fetch = (url) => {
    hosts.push(url);
    return Promise.reject(refused);
  };
  expect([await generate({ fetch }), hosts.length]).toEqual(['upstream-protocol: The proxy wants a password.', 1]);
});

test('a proxy that lets nobody pass to one host is asked for the other', async () => {
  const proxy = await startConnectProxy({ target: undefined });
  const fetch = await createOutboundFetch({ proxyUrl: new Secret(proxy.address), env: {} });
  expect([await generate({ fetch }), proxy.asked]).toEqual([
    `upstream-protocol: The proxy ${proxy.address} refused the connection to Kiro (403); ask whoever runs it.`,
    ['runtime.us-east-1.kiro.dev:443', 'q.us-east-1.amazonaws.com:443'],
  ]);
});

test('a renewed token keeps the profile that stands in the body', async () => {
  const kiro = await startUpstream(deadToken, answer(200, 'bytes'));
  await generate(at(kiro), never, { ...access, profileArn: PROFILE.replace('EXAMPLE', 'OTHER') });
  expect(new Set(kiro.requests.map(({ headers }) => headers['x-amzn-kiro-profile-arn'])).size).toBe(1);
});

test('a redirect is not followed, because it would carry the token away', async () => {
  const thief = await startUpstream(answer(200, 'bytes'));
  const kiro = await startUpstream(answer(307, '', { location: `${thief.url}/` }));
  expect(await generate(at(kiro))).toMatch(/^upstream-unavailable/);
  expect(thief.requests.length).toBe(0);
});

const JSON_TYPE = { 'content-type': 'application/json' };
const STRANGER =
  'upstream-protocol: Something between here and Kiro answered in its place, with a web page, a redirect or the like. Check the network, its sign-in page, its firewall and VPN_PROXY_URL.';
const page = '<html>Sign in to the network first.</html>';

test.each<[string, Answer]>([
  ['200', answer(200, page, { 'content-type': 'text/html; charset=utf-8' })],
  ['400', answer(400, page)],
  ['403', answer(403, `\n${page}`)],
  ['202', answer(202, '')],
  ['204', answer(204, '')],
  ['an answer that is no stream', answer(200, { assistantResponse: 'Hi.' }, JSON_TYPE)],
])('what a stranger answers with %s is not taken for Kiro’s word', async (_, strange) => {
  expect(await generate(at(await startUpstream(strange)))).toBe(STRANGER);
});

test.each([
  [429, 'rate-limited: Kiro asks for a pause: too many requests.'],
  [413, 'context-overflow: The conversation is too long for the model.'],
])('a page with a status that says more keeps its meaning: %s', async (status, expected) => {
  expect(await generate(at(await startUpstream(answer(status, page))))).toBe(expected);
});

test.each(['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'])(
  'a certificate that is not trusted is no network that is down: %s',
  (code) => {
    expect(told(connectionError(Object.assign(new Error('No.'), { code }), never))).toBe(
      `upstream-protocol: Kiro's certificate is not trusted (${code}); for a proxy that signs with one of its own set NODE_EXTRA_CA_CERTS.`,
    );
  },
);

test('a refused redirect is told as what it is', () => {
  expect(told(connectionError(Object.assign(new Error('redirect'), { type: 'no-redirect' }), never))).toBe(STRANGER);
});

test('a failure counts even when its body hesitates', async () => {
  const kiro = await startUpstream(beginAnswer(429, '{"message":'));
  expect(await generate(at(kiro))).toBe('rate-limited: Kiro asks for a pause: too many requests.');
});

test('a byte order mark in front of a failure is no part of it', async () => {
  expect(await generate(at(await startUpstream(answer(400, '\ufeff{"reason":"PROMPT_TOO_LONG"}'))))).toMatch(
    /^context-overflow/,
  );
});

test('the reason why a host cannot be reached is told, and kept', () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
  const error = connectionError(cause, never);
  expect([told(error), error.cause]).toEqual([
    'upstream-unavailable: Kiro cannot be reached (ECONNREFUSED); check the network and try again.',
    cause,
  ]);
});

// --- leaving

test('leaving before the answer closes the request', async () => {
  const kiro = await startUpstream(hang);
  const leave = new AbortController();
  const asking = generate(at(kiro), leave.signal);
  await arrivalAt(kiro);
  leave.abort();
  expect(await asking).toBe('cancelled: The request was cancelled.');
  await kiro.requests[0]?.closed;
});

test('leaving does not try the other host', async () => {
  const [newer, older] = [await startUpstream(hang), await startUpstream(answer(200, ''))];
  const leave = new AbortController();
  const asking = generate({ fetch: realFetch({ [RUNTIME]: newer.url, [OLDER]: older.url }) }, leave.signal);
  await arrivalAt(newer);
  leave.abort();
  expect([await asking, older.requests.length]).toEqual(['cancelled: The request was cancelled.', 0]);
});

test('leaving in the middle of the answer closes the request', async () => {
  const kiro = await startUpstream(beginAnswer(200, 'by'));
  const leave = new AbortController();
  const bytes = await clientOf(at(kiro)).client.generate('{}', access, leave.signal);
  await expect(
    (async () => {
      for await (const _ of bytes) leave.abort();
    })(),
  ).rejects.toThrow('aborted');
  await kiro.requests[0]?.closed;
});

test('stopping to read the answer closes the request', async () => {
  const kiro = await startUpstream(beginAnswer(200, 'by'));
  for await (const _ of await clientOf(at(kiro)).client.generate('{}', access, never)) break;
  await kiro.requests[0]?.closed;
});

test('a limit of time is not the client’s leaving', () => {
  const late = AbortSignal.abort(new DOMException('The operation timed out.', 'TimeoutError'));
  expect(told(connectionError(new Error('aborted'), late))).toBe(
    'upstream-unavailable: Kiro did not answer in time; try again.',
  );
});

// --- failures of every shape

test.each<[string, Answer, string, object]>([
  ['no body', answer(429, ''), 'rate-limited: Kiro asks for a pause: too many requests.', {}],
  [
    'HTML',
    answer(503, '<html>Bad gateway</html>'),
    'upstream-unavailable: Kiro failed on this request; try again.',
    {},
  ],
  ['a list', answer(400, '[1]'), 'invalid-request: Kiro refused the request without giving a reason.', {}],
  ['null', answer(400, 'null'), 'invalid-request: Kiro refused the request without giving a reason.', {}],
  [
    'fields of the wrong type',
    answer(400, { message: 1, reason: {}, __type: [] }),
    'invalid-request: Kiro refused the request without giving a reason.',
    {},
  ],
  [
    'a null reason',
    answer(400, { message: 'Improperly formed request.', reason: null }),
    'invalid-request: Improperly formed request. Please report this; a new conversation may help meanwhile.',
    {},
  ],
  [
    'a type in the header',
    answer(400, { message: 'Slow.' }, { 'x-amzn-errortype': 'ThrottlingException:http://internal/' }),
    'rate-limited: Slow.',
    {},
  ],
  [
    'a type in the body',
    answer(400, { __type: 'com.amazon.aws#ThrottlingException', Message: 'Slow.' }),
    'rate-limited: Slow.',
    {},
  ],
  [
    'a type in the code',
    answer(400, { code: 'ThrottlingException', errorMessage: 'Slow.' }),
    'rate-limited: Slow.',
    {},
  ],
  [
    'a request id',
    answer(400, { message: 'No.' }, { 'x-amzn-requestid': 'r-1' }),
    'invalid-request: No.',
    { upstreamRequestId: 'r-1' },
  ],
  [
    'a reason',
    answer(400, { message: 'No.', reason: 'PROMPT_TOO_LONG' }),
    'context-overflow: No.',
    { reason: 'PROMPT_TOO_LONG' },
  ],
  [
    'seconds to wait',
    answer(429, { message: 'Slow.' }, { 'retry-after': '7' }),
    'rate-limited: Slow.',
    { retryAfterSeconds: 7 },
  ],
  [
    'a date to wait for',
    answer(
      429,
      { message: 'Slow.' },
      { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT', date: 'Wed, 21 Oct 2026 07:27:30 GMT' },
    ),
    'rate-limited: Slow.',
    { retryAfterSeconds: 30 },
  ],
  [
    'a word instead of a time to wait',
    answer(429, { message: 'Slow.' }, { 'retry-after': 'soon' }),
    'rate-limited: Slow.',
    {},
  ],
  [
    'a negative time to wait',
    answer(429, { message: 'Slow.' }, { 'retry-after': '-1' }),
    'rate-limited: Slow.',
    { retryAfterSeconds: 0 },
  ],
  ['a flood', answer(500, 'x'.repeat(1_000_000)), 'upstream-unavailable: Kiro failed on this request; try again.', {}],
  [
    'a body that breaks off',
    (response) => void response.writeHead(500, { 'content-length': '100' }).write('{"mess', () => response.destroy()),
    'upstream-unavailable: Kiro failed on this request; try again.',
    {},
  ],
])('a failure with %s', async (_, given, expected, facts) => {
  const { client } = clientOf(at(await startUpstream(given)));
  const error = await client.generate('{}', access, never).catch((thrown: GatewayError) => thrown);
  expect(error instanceof GatewayError && [told(error), JSON.parse(JSON.stringify(error.facts))]).toEqual([
    expected,
    facts,
  ]);
});

test('an answer without a body is no answer', async () => {
  const empty = { status: 200, headers: { get: () => null }, text: () => Promise.resolve(''), body: null };
  expect(await generate({ fetch: () => Promise.resolve(empty) })).toBe(
    'upstream-protocol: Kiro answered without a body; try again.',
  );
});

// --- the catalogue

const list = async (about: Partial<ClientDependencies>, signal = never) =>
  clientOf(about).client.listModels(signal).catch(told);

const [first, second] = listModels();

test('the catalogue is read page by page', async () => {
  const kiro = await startUpstream(answer(200, { models: [first], nextToken: 'n' }), answer(200, { models: [second] }));
  expect(await list({ fetch: realFetch({ [MANAGEMENT]: kiro.url }) })).toEqual(models.slice(0, 2));
  expect(kiro.requests.map(({ url, body }) => [url, JSON.parse(body)])).toEqual([
    ['/', { origin: 'AI_EDITOR', profileArn: PROFILE }],
    ['/', { origin: 'AI_EDITOR', profileArn: PROFILE, nextToken: 'n' }],
  ]);
  expect(
    kiro.requests.map(({ headers }) => [headers['content-type'], headers['x-amz-target'], headers.authorization]),
  ).toEqual(
    kiro.requests.map(() => [
      'application/x-amz-json-1.0',
      'AmazonCodeWhispererService.ListAvailableModels',
      'Bearer first',
    ]),
  );
});

test('a catalogue that gives the same page again and again is read twice', async () => {
  const kiro = await startUpstream(answer(200, { models: [first], nextToken: 'n' }));
  expect([await list(at(kiro)), kiro.requests.length]).toEqual([models.slice(0, 1), 2]);
});

test('a catalogue whose pages go round in a circle is read until one comes again', async () => {
  const pages = ['a', 'b', 'a', 'b'].map((nextToken) => answer(200, { models: [first], nextToken }));
  const kiro = await startUpstream(...pages);
  expect([await list(at(kiro)), kiro.requests.length]).toEqual([models.slice(0, 1), 3]);
});

test('a catalogue that never ends is read for twenty pages, and each model counts once', async () => {
  const pages = Array.from({ length: 30 }, (_, page) => answer(200, { models: [first], nextToken: String(page) }));
  const kiro = await startUpstream(...pages);
  expect([await list(at(kiro)), kiro.requests.length]).toEqual([models.slice(0, 1), 20]);
});

const DEEP = `${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)}`;
test.each([
  ['too deep', `{"models":[{"modelId":"m","additionalModelRequestFieldsSchema":${DEEP}}]}`],
  ['too full', `{"models":[${'[],'.repeat(300_000)}{"modelId":"m"}]}`],
])('a catalogue that is %s is no bug of ours', async (_, catalogue) => {
  const kiro = await startUpstream(answer(200, catalogue));
  expect(await list(at(kiro))).toBe('upstream-protocol: Kiro answered with more than the gateway reads; try again.');
});

test('the catalogue is asked of the older host when the other does not know it', async () => {
  const [newer, older] = [await startUpstream(answer(404, '')), await startUpstream(answer(200, { models: [] }))];
  expect(await list({ fetch: realFetch({ [MANAGEMENT]: newer.url, [OLDER]: older.url }) })).toEqual([]);
});

test('the catalogue is asked for in each form of each host, until one is known', async () => {
  const [newer, older] = [
    await startUpstream(answer(404, '')),
    await startUpstream(
      answer(405, ''),
      answer(405, ''),
      answer(405, ''),
      answer(200, { models: [first], nextToken: 'n' }),
      answer(200, { models: [second] }),
    ),
  ];
  expect(await list({ fetch: realFetch({ [MANAGEMENT]: newer.url, [OLDER]: older.url }) })).toEqual(models.slice(0, 2));
  const query = `origin=AI_EDITOR&profileArn=${encodeURIComponent(PROFILE)}`;
  const targets = ['AmazonCodeWhispererService', 'KiroControlPlaneBearerService'].map((it) => [
    '/',
    `${it}.ListAvailableModels`,
  ]);
  const forms = [newer, older].map(({ requests }) =>
    requests.map(({ url, headers }) => [url, headers['x-amz-target']]),
  );
  expect(forms).toEqual([
    [...targets, [`/List-Available-Models?${query}`, undefined], [`/ListAvailableModels?${query}`, undefined]],
    [
      ...targets,
      [`/List-Available-Models?${query}`, undefined],
      [`/ListAvailableModels?${query}`, undefined],
      [`/ListAvailableModels?${query}&nextToken=n`, undefined],
    ],
  ]);
});

test('a control plane that cannot be reached is asked in one form only', async () => {
  const [newer, older] = [await startUpstream(hangUp), await startUpstream(answer(200, { models: [first] }))];
  expect(await list({ fetch: realFetch({ [MANAGEMENT]: newer.url, [OLDER]: older.url }) })).toEqual([models[0]]);
  expect([newer.requests.length, older.requests.length]).toEqual([1, 1]);
});

test('the catalogue of the simulator is the same in every form', async () => {
  const simulator = await startSimulator({ pace: 'none' });
  const usual = realFetch();
  const session = { accessToken: () => Promise.resolve(apiKey), forceRefresh: () => Promise.reject(new Error('no')) };
  const restOnly: Fetch = (url, init) =>
    init.method === 'GET'
      ? usual(url, init)
      : Promise.resolve({ status: 404, headers: { get: () => null }, text: () => Promise.resolve(''), body: null });
  const overrides = { api: simulator.url };
  try {
    const all = await list({ overrides, session });
    expect(await list({ overrides, session, fetch: restOnly })).toEqual(all);
    expect(all).toHaveLength(models.length);
  } finally {
    await simulator.close();
  }
});

test('profiles are read page by page, in the old form where the new one is not known', async () => {
  const page = (arn: string, nextToken?: string) => answer(200, { profiles: [{ arn, profileName: 'A' }], nextToken });
  const unknown = answer(404, '');
  const kiro = await startUpstream(unknown, unknown, page(PROFILE, 'n'), page(PROFILE.replace('EXAMPLE', 'OTHER')));
  const profiles = await clientOf(at(kiro)).client.listProfiles(never);
  expect(profiles.map(({ arn }) => arn)).toEqual([PROFILE, PROFILE.replace('EXAMPLE', 'OTHER')]);
  expect(kiro.requests.map(({ url, body }) => [url, body])).toEqual([
    ['/', '{}'],
    ['/List-Available-Profiles', '{}'],
    ['/ListAvailableProfiles', '{}'],
    ['/ListAvailableProfiles', '{"nextToken":"n"}'],
  ]);
});

test('an account without a profile asks like the command line', async () => {
  const kiro = await startUpstream(answer(200, { models: [] }));
  const session = {
    accessToken: () => Promise.resolve({ ...access, profileArn: undefined }),
    forceRefresh: () => Promise.reject(new Error('no')),
  };
  await list({ ...at(kiro), session });
  expect(kiro.requests.map(({ body }) => body)).toEqual(['{"origin":"KIRO_CLI"}']);
});

test('without a profile models and credits are asked of the older host first, and profiles of the newer one', async () => {
  const asked: string[] = [];
  const fetch: Fetch = (url) => {
    asked.push(new URL(url).host);
    return Promise.reject(new Error('no network in tests'));
  };
  const session = {
    accessToken: () => Promise.resolve({ ...access, profileArn: undefined }),
    forceRefresh: () => Promise.reject(new Error('no')),
  };
  const { client } = clientOf({ fetch, session });
  for (const ask of [client.listModels, client.usageLimits, client.listProfiles]) await ask(never).catch(told);
  const [newer, older] = [MANAGEMENT, OLDER].map((it) => new URL(it).host);
  expect(asked).toEqual([older, newer, older, newer, newer, older]);
});

test.each<[string, Answer, string]>([
  [
    'is not JSON',
    answer(200, '<html>'),
    'upstream-protocol: Kiro answered with something that is not JSON; try again.',
  ],
  ['has another shape', answer(200, {}), 'upstream-protocol: Kiro listed no models; try again.'],
  ['is a failure', answer(500, {}), 'upstream-unavailable: Kiro failed on this request; try again.'],
  ['is a failure under 200', answer(200, { __type: 'ThrottlingException', message: 'Slow.' }), 'rate-limited: Slow.'],
  [
    'is a failure under 200, wrapped',
    answer(200, { error: { message: 'No.', reason: 'FEATURE_NOT_SUPPORTED' } }),
    'forbidden: No. The Kiro plan or profile has to include it.',
  ],
  [
    'only says under 200 that something failed',
    answer(200, { message: 'Blocked by policy' }),
    'upstream-protocol: Blocked by policy. Check the network, its sign-in page, its firewall and VPN_PROXY_URL.',
  ],
  [
    'breaks off',
    (response) => void response.writeHead(200, { 'content-length': '100' }).write('{"mod', () => response.destroy()),
    'upstream-unavailable: Kiro cannot be reached; check the network and try again.',
  ],
])('a catalogue that %s', async (_, given, expected) => {
  expect(await list(at(await startUpstream(given)))).toBe(expected);
});

test.each([
  ['a word', { message: 'Welcome.' }],
  ['the name of their type', { __type: 'com.amazon.codewhisperer#ListAvailableModelsResponse' }],
])('%s beside the models is no failure', async (_, more) => {
  const kiro = await startUpstream(answer(200, { ...more, models: [first] }));
  expect(await list(at(kiro))).toEqual([models[0]]);
});

test('profiles and credits that are failures under 200 are told as that', async () => {
  const kiro = await startUpstream(answer(200, { __type: 'a.b#AccessDeniedException', message: 'No.' }));
  const { client } = clientOf(at(kiro));
  expect(await client.listProfiles(never).catch(told)).toBe('forbidden: No.');
  expect(await client.usageLimits(never).catch(told)).toBe('forbidden: No.');
});

test('an expired token under 200 is renewed, and an operation unknown under 200 is asked in the next form', async () => {
  const expired = answer(200, { __type: 'ExpiredTokenException' });
  const unknown = answer(200, { Output: { __type: 'com.amazon.coral#UnknownOperationException' }, Version: '1.0' });
  const kiro = await startUpstream(expired, unknown, answer(200, { models: [first] }));
  const { client, refused } = clientOf(at(kiro));
  expect([await client.listModels(never), refused, kiro.requests.length]).toEqual([[models[0]], ['first'], 3]);
});

test('leaving while the catalogue comes is leaving', async () => {
  const kiro = await startUpstream(beginAnswer(200, '{"models":['));
  const leave = new AbortController();
  const asking = list(at(kiro), leave.signal);
  await arrivalAt(kiro);
  leave.abort();
  expect(await asking).toBe('cancelled: The request was cancelled.');
  await kiro.requests[0]?.closed;
});

async function arrivalAt({ requests }: Upstream): Promise<void> {
  while (requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
}
