/** Requests that no polite client can send, byte by byte: each gets a proper refusal, and the gateway goes on. */

import type Anthropic from '@anthropic-ai/sdk';
import type OpenAI from 'openai';
import { afterAll, afterEach, expect, test } from '@jest/globals';

import { startGateway } from '../support/gateway.js';
import { exchange } from '../support/raw.js';

const gateway = await startGateway();
afterAll(() => gateway.close());

const { host } = new URL(gateway.url);
const KEY = `x-api-key: ${gateway.key}`;
const JSON_BODY = 'Content-Type: application/json';
const HELLO = '{"model":"auto","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}';

function head(...lines: readonly string[]): string {
  return [...lines, '', ''].join('\r\n');
}

const get = (path: string, ...more: readonly string[]): string =>
  head(`GET ${path} HTTP/1.1`, `Host: ${host}`, ...more);
const post = (path: string, ...more: readonly string[]): string =>
  head(`POST ${path} HTTP/1.1`, `Host: ${host}`, KEY, ...more);

type Refusal = readonly [what: string, bytes: string | Buffer, status: number, complaint: string | RegExp];

const NO_HTTP = 'This is not a request that HTTP/1.1 allows.';

const refusals: readonly Refusal[] = [
  // Smuggling pairs: whoever stands before us may have seen another end of the request.
  [
    'a length and a chunked body',
    `${post('/v1/messages', JSON_BODY, 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n${get('/health')}`,
    400,
    NO_HTTP,
  ],
  ['two lengths', `${post('/v1/messages', JSON_BODY, 'Content-Length: 5', 'Content-Length: 6')}hello`, 400, NO_HTTP],
  ['a length with a list', `${post('/v1/messages', JSON_BODY, 'Content-Length: 5, 5')}hello`, 400, NO_HTTP],
  ['a negative length', post('/v1/messages', JSON_BODY, 'Content-Length: -1'), 400, NO_HTTP],
  ['a space before the colon', `${post('/v1/messages', 'Content-Length : 5')}hello`, 400, NO_HTTP],
  ['chunks that are not the last coding', post('/v1/messages', 'Transfer-Encoding: chunked, gzip'), 400, NO_HTTP],
  ['chunked with a vertical tab', post('/v1/messages', 'Transfer-Encoding: \vchunked'), 400, NO_HTTP],
  ['a folded header', get('/health', 'X-Folded: a', ' b'), 400, NO_HTTP],
  ['a header with a zero byte', get('/health', 'X-Zero: a\0b'), 400, NO_HTTP],
  ['lines that end in LF alone', `GET /health HTTP/1.1\nHost: ${host}\n\n`, 400, NO_HTTP],
  ['a chunk size that is none', `${post('/v1/messages', JSON_BODY, 'Transfer-Encoding: chunked')}zz\r\n`, 400, NO_HTTP],
  ['two hosts', get('/health', 'Host: evil.example'), 400, 'The request has more than one Host.'],
  // Bombs.
  ['a head of 40 KB', get('/health', `X-Long: ${'a'.repeat(40_000)}`), 431, 'The head of the request is too large.'],
  ['a URL of 40 KB', get(`/${'a'.repeat(40_000)}`), 431, 'The head of the request is too large.'],
  ['a URL of 9 KB', get(`/v1/models/${'a'.repeat(9000)}`), 414, 'The URL is longer than 8000 characters.'],
  ['3000 headers', get('/health', ...Array<string>(3000).fill('a:')), 431, 'The request has more than 200 headers.'],
  [
    'an Origin behind 3000 headers',
    get('/', ...Array<string>(3000).fill('a:'), 'Origin: https://evil'),
    431,
    /200 headers/,
  ],
  ['a start of TLS', Buffer.from('16030100c8010000c40303', 'hex'), 400, NO_HTTP],
  ['another protocol', head('SSH-2.0-OpenSSH_9.9'), 400, NO_HTTP],
  ['HTTP/2 without asking', head('PRI * HTTP/2.0', '', 'SM'), 400, NO_HTTP],
  // Path tricks: none of them reaches a route without the key, or another route with it.
  ['dots without a key', get('/health/../v1/models'), 401, /key is missing/],
  ['encoded dots without a key', get('/%2e%2e/v1/models'), 401, /key is missing/],
  ['slashes without a key', get('//v1///models'), 401, /key is missing/],
  ['a backslash without a key', get('/v1\\models'), 401, /key is missing/],
  ['another spelling without a key', get('/V1/Models'), 401, /key is missing/],
  ['dots', get('/v1/messages/../models', KEY), 404, /^There is no GET/],
  ['encoded dots', get('/v1/messages/%2e%2e/models', KEY), 404, /^There is no GET/],
  ['an encoded slash', get('/v1%2fmodels', KEY), 404, /^There is no GET/],
  ['a file', get('/v1/models/../../../../etc/passwd', KEY), 404, /is not known to Kiro|^There is no/],
  ['a broken escape', get('/v1/models/%zz', KEY), 400, 'The path cannot be decoded; check its % signs.'],
  ['bytes that are no UTF-8 in an escape', get('/v1/models/%ff', KEY), 400, /cannot be decoded/],
  ['the URL of another server', get('http://evil.example/v1/models', KEY), 404, /^There is no GET/],
  ['the URL of a server called v1', get('http://v1/models', KEY), 404, /^There is no GET/],
  // Methods, hosts and origins.
  ['TRACE', head('TRACE / HTTP/1.1', `Host: ${host}`, KEY), 404, /^There is no TRACE/],
  ['DELETE', head('DELETE /v1/models HTTP/1.1', `Host: ${host}`, KEY), 404, /^There is no DELETE/],
  ['OPTIONS', head('OPTIONS /v1/messages HTTP/1.1', `Host: ${host}`), 401, /key is missing/],
  ['OPTIONS of all', head('OPTIONS * HTTP/1.1', `Host: ${host}`), 401, /key is missing/],
  [
    'a rebound host',
    head('GET /v1/models HTTP/1.1', 'Host: evil.example', KEY),
    403,
    /^The host "evil.example" is not/,
  ],
  ['a rebound host at /health', head('GET /health HTTP/1.1', 'Host: evil.example'), 403, /^The host/],
  ['no host in HTTP/1.0', head('GET /health HTTP/1.0'), 403, /^The host "" is not served here/],
  ['a foreign page with the key', get('/v1/models', KEY, 'Origin: https://evil.example'), 403, /^The web page/],
  ['a foreign page at /health', get('/health', 'Origin: https://evil.example'), 403, /^The web page/],
  [
    'its question beforehand',
    head('OPTIONS /v1/messages HTTP/1.1', `Host: ${host}`, 'Origin: https://evil.example'),
    403,
    /^The web page/,
  ],
  // The form that a page can send without asking.
  [
    'text that is JSON',
    `${post('/v1/messages', 'Content-Type: text/plain', `Content-Length: ${HELLO.length}`)}${HELLO}`,
    415,
    'content-type: must be application/json',
  ],
  [
    'a body of no type',
    `${post('/v1/messages', `Content-Length: ${HELLO.length}`)}${HELLO}`,
    415,
    'content-type: must be application/json',
  ],
  ['the key in the query', get(`/v1/models?key=${gateway.key}&x-api-key=${gateway.key}`), 401, /key is missing/],
  ['the key in a cookie', get('/v1/models', `Cookie: x-api-key=${gateway.key}`), 401, /key is missing/],
  ['the key as a password', get('/v1/models', `Authorization: Basic ${gateway.key}`), 401, /key is missing/],
];

test.each(refusals)('%s', async (_, bytes, status, complaint) => {
  const { answers } = await exchange(gateway.url, bytes);
  const answer = answers[0];
  const { error } = JSON.parse(answer?.body ?? '{}') as { error: { message: string; type: string } };
  expect([answers.length, answer?.status, error.message]).toEqual([
    1,
    status,
    typeof complaint === 'string' ? complaint : expect.stringMatching(complaint),
  ]);
  // What a client sent of its secrets stays its own, and no page is told that it may read this.
  expect(answer?.head.toLowerCase()).not.toContain('access-control');
  expect(answer?.body).not.toContain(gateway.key);
  expect(answer?.body).not.toMatch(/\bat .*:\d+:\d+/);
});

test('what is no request is refused in a form that both vendors know', async () => {
  const { answers } = await exchange(gateway.url, head('SSH-2.0-OpenSSH_9.9'));
  const error = { type: 'invalid_request_error' as const, message: NO_HTTP, param: null, code: null };
  const forAnthropic: Anthropic.ErrorResponse = { type: 'error', error, request_id: null };
  const forOpenAI: { readonly error: OpenAI.ErrorObject } = { error };
  expect(JSON.parse(answers[0]?.body ?? '')).toEqual({ ...forAnthropic, ...forOpenAI });
});

afterEach(async () => {
  // Whatever it was: the next one is served, and nothing was taken for a bug of ours.
  expect((await exchange(gateway.url, get('/health'))).answers[0]?.status).toBe(200);
  expect(gateway.said()).not.toMatch(/ ERROR /);
});

test.each([
  [
    'a length and chunks',
    `${post('/v1/messages', JSON_BODY, 'Content-Length: 4', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
  ],
  ['two hosts', get('/health', 'Host: evil.example')],
])('a request behind one that was refused for %s is not read, and the connection is closed', async (_, refused) => {
  const { answers, isClosed } = await exchange(gateway.url, refused + get('/v1/models', KEY), 2);
  expect([answers.map(({ status }) => status), isClosed]).toEqual([[400], true]);
});

test('no host at all is a 400, a tunnel is none', async () => {
  expect((await exchange(gateway.url, head('GET /health HTTP/1.1'))).answers[0]?.status).toBe(400);
  expect(await exchange(gateway.url, head('CONNECT evil.example:443 HTTP/1.1', `Host: ${host}`))).toEqual({
    answers: [],
    isClosed: true,
  });
});

test('who asks before sending is told to go on', async () => {
  const asking = post('/v1/messages', JSON_BODY, 'Expect: 100-continue', `Content-Length: ${HELLO.length}`);
  expect((await exchange(gateway.url, asking + HELLO)).answers[0]?.status).toBe(200);
});

test('requests in one piece are answered in their order', async () => {
  const { answers } = await exchange(gateway.url, get('/health') + get('/nothing') + get('/v1/models', KEY), 3);
  expect(answers.map(({ status }) => status)).toEqual([200, 401, 200]);
});

test.each([
  ['null, as from a file', 'null'],
  ['another scheme', 'vscode-webview://abc'],
])('an origin of %s passes with the key and gets no CORS headers', async (_, origin) => {
  const { answers } = await exchange(gateway.url, get('/v1/models', KEY, `Origin: ${origin}`));
  expect([answers[0]?.status, answers[0]?.head.toLowerCase().includes('access-control')]).toEqual([200, false]);
});

test.each(['localhost', 'LOCALHOST.', '[::1]', '127.0.0.1:1', '127.9.9.9'])('the host %s is served', async (name) => {
  const { answers } = await exchange(gateway.url, head('GET /v1/models HTTP/1.1', `Host: ${name}`, KEY));
  expect(answers[0]?.status).toBe(200);
});

test('the key is never said back, wherever it was sent', async () => {
  const { answers } = await exchange(gateway.url, get('/v1/models', 'Authorization: Bearer wrong-but-secret-123456'));
  expect(answers[0]?.body).not.toContain('wrong-but-secret');
  expect(gateway.said()).not.toContain(gateway.key);
});
