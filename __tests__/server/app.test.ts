/** The server against bad input, wrong keys and unknown routes: a 4xx that names the field, in the client's own words. */

import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { startGateway, type RunningGateway, until } from '../support/gateway.js';

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway({ env: { MAX_BODY_SIZE: '1mb' } });
});
afterAll(() => gateway.close());

const CHAT = '/v1/chat/completions';
const MESSAGES = '/v1/messages';
const HELLO = { model: 'auto', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };

async function post(path: string, body: string | object, headers: Record<string, string> = {}) {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': gateway.key, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer };
}

type Answer = { error: { message: string; type: string; param?: string; code?: string | null }; request_id?: string };

/** The same fault on both routes: each tells it in its own envelope, with the same sentence. */
function checkFault(
  what: string,
  body: string | object,
  status: number,
  param: string,
  complaint: string | RegExp,
): void {
  const message: unknown = typeof complaint === 'string' ? `${param}: ${complaint}` : expect.stringMatching(complaint);
  test(`${what} is told to an OpenAI client`, async () => {
    const answer = await post(CHAT, body);
    expect({ status: answer.status, body: answer.body }).toEqual({
      status,
      body: { error: { message, type: 'invalid_request_error', param, code: null } },
    });
  });
  test(`${what} is told to an Anthropic client`, async () => {
    const answer = await post(MESSAGES, body);
    expect({ status: answer.status, body: answer.body }).toEqual({
      status,
      body: {
        type: 'error',
        error: { type: 'invalid_request_error', message },
        request_id: answer.headers.get('request-id'),
      },
    });
  });
}

checkFault('a body that is not JSON', '{"model":', 400, 'body', 'is not JSON (it ends too early or is empty)');
checkFault('a body that is a list', [], 400, 'body', 'must be an object, not a list');
checkFault('a body that is null', 'null', 400, 'body', 'must be an object, not null');
checkFault('a model that is a number', { ...HELLO, model: 5 }, 400, 'model', 'must be a string, not 5');
checkFault('no messages', { model: 'auto' }, 400, 'messages', 'is required and must be a list');
checkFault(
  'an unknown role',
  { ...HELLO, messages: [{ role: 'robot', content: 'x' }] },
  400,
  'messages[0].role',
  /^messages\[0\]\.role: must be one of .*, not "robot"$/,
);
checkFault(
  'a wrong type at depth',
  { ...HELLO, messages: [{ role: 'user', content: [{ type: 'text', text: {} }] }] },
  400,
  'messages[0].content[0].text',
  'must be a string, not an object',
);

test('empty messages are told by name in both dialects', async () => {
  const [chat, messages] = await Promise.all([CHAT, MESSAGES].map((path) => post(path, { ...HELLO, messages: [] })));
  expect([chat?.status, messages?.status]).toEqual([400, 400]);
  expect([chat?.body.error.message, messages?.body.error.message]).toEqual([
    expect.stringMatching(/^messages: /),
    expect.stringMatching(/^messages: /),
  ]);
});

test('a known block of the wrong shape is told with its path', async () => {
  const content = [{ type: 'image', source: { type: 'base64', media_type: 'image/png' } }];
  const answer = await post(MESSAGES, { ...HELLO, messages: [{ role: 'user', content }] });
  expect([answer.status, answer.body.error.message]).toEqual([
    400,
    'messages[0].content[0].source.data: is required and must be a string',
  ]);
});

for (const path of [CHAT, MESSAGES]) {
  test(`a body over the limit is a 413 on ${path}`, async () => {
    const answer = await post(path, { ...HELLO, padding: 'x'.repeat(40_000_000) });
    expect([answer.status, answer.body.error.message]).toEqual([413, 'body: is larger than MAX_BODY_SIZE allows']);
  });

  for (const type of ['text/plain', 'application/x-www-form-urlencoded', '']) {
    test(`content type "${type}" is a 415 on ${path}`, async () => {
      const answer = await post(path, JSON.stringify(HELLO), { 'content-type': type });
      expect([answer.status, answer.body.error.message]).toEqual([415, 'content-type: must be application/json']);
    });
  }

  test(`an unknown block is kept as text with a notice on ${path}`, async () => {
    const content = [
      { type: 'text', text: 'hello' },
      { type: 'hologram', text: 'shimmering words' },
    ];
    const answer = await post(path, { ...HELLO, temperature: 0.5, messages: [{ role: 'user', content }] });
    expect([answer.status, answer.headers.get('x-kiro-gateway-notice')?.split('; ').toSorted()]).toEqual([
      200,
      ['ignored=temperature', 'unknown-block=hologram'],
    ]);
    expect(JSON.stringify(gateway.asked().at(-1)?.body)).toContain('shimmering words');
  });
}

for (const coding of ['gzip', 'x-gzip', 'X-GZIP']) {
  test(`a body that is packed as ${coding} is read`, async () => {
    const headers = { 'x-api-key': gateway.key, 'content-type': 'application/json', 'content-encoding': coding };
    const body = new Uint8Array(gzipSync(JSON.stringify(HELLO)));
    expect((await fetch(gateway.url + CHAT, { method: 'POST', headers, body })).status).toBe(200);
  });
}

test('a compressed body that is damaged is a 400, not a bug', async () => {
  const answer = await post(CHAT, 'x', { 'content-encoding': 'br' });
  expect([answer.status, answer.body.error.param]).toEqual([400, 'body']);
});

test('what a turn cost is told in the usage and in a header', async () => {
  const answer = await post(CHAT, { ...HELLO, max_tokens: 1000 });
  const { usage } = answer.body as unknown as { usage: { kiro_credits: number } };
  expect(usage.kiro_credits).toBeGreaterThan(0);
  expect(answer.headers.get('x-kiro-gateway-credits')).toBe(String(usage.kiro_credits));
});

test('a client that leaves before its answer is a 499 in the log, and one in the middle of it had its 200', async () => {
  const headers = { 'content-type': 'application/json', 'x-api-key': gateway.key };
  const messages = [{ role: 'user', content: '[[scenario:stall]]' }];
  const left = () =>
    gateway
      .said()
      .split('\n')
      .filter((line) => line.includes('client-left'));
  for (const stream of [false, true]) {
    const leaving = new AbortController();
    const body = JSON.stringify({ model: 'auto', stream, messages });
    const asked = gateway.asked().length;
    const asking = fetch(gateway.url + CHAT, { method: 'POST', headers, body, signal: leaving.signal }).catch(() => {});
    await (stream ? asking : until(() => gateway.asked().length > asked));
    leaving.abort();
    await until(() => left().length === (stream ? 2 : 1));
  }
  expect(left().map((line) => / auto (.*?) \d+ms/.exec(line)?.[1])).toEqual(['499', 'streamed 200']);
});

test('json with a vendor type is json', async () => {
  expect((await post(CHAT, HELLO, { 'content-type': 'application/vnd.api+json; charset=utf-8' })).status).toBe(200);
});

test('a request that names its whole URL is answered, and one that names another host is not', async () => {
  const { hostname, port, host } = new URL(gateway.url);
  const ask = async (path: string): Promise<number | undefined> => {
    // The cast is node's own promise about this event.
    const [answer] = (await once(get({ hostname, port, path, agent: false }), 'response')) as [IncomingMessage];
    answer.resume();
    return answer.statusCode;
  };
  expect(await Promise.all([ask(`http://${host}/health`), ask('http://evil.example/health')])).toEqual([200, 401]);
});

test('three headers open every route, and nothing else does', async () => {
  const status = async (path: string, headers: Record<string, string>) =>
    (await fetch(gateway.url + path, { headers })).status;
  const { key } = gateway;
  expect(
    await Promise.all([
      status('/v1/models', { 'x-api-key': key }),
      status('/v1/models', { 'api-key': key }),
      status('/v1/models', { authorization: `Bearer ${key}` }),
      status('/v1/models', { authorization: `bearer ${key}` }),
      status('/v1/models', { authorization: 'Bearer wrong', 'x-api-key': key }),
      status('/v1/models', {}),
      status('/v1/models', { authorization: key }),
      status('/v1/models', { 'x-api-key': `${key}x` }),
      status('/v1/models', { 'api-key': `${key}x` }),
      status(`/v1/models?key=${key}&api_key=${key}`, {}),
      status('/anything', {}),
    ]),
  ).toEqual([200, 200, 200, 200, 200, 401, 401, 401, 401, 401, 401]);
});

test('a wrong key is told in the words of the route, and not to be repeated', async () => {
  const chat = await post(CHAT, HELLO, { 'x-api-key': 'wrong' });
  const messages = await post(MESSAGES, HELLO, { 'x-api-key': 'wrong' });
  const message =
    'The gateway key is wrong (invalid x-api-key); `kiro-gateway serve` says at its start where the key is.';
  expect([chat.status, chat.headers.get('x-should-retry'), chat.body]).toEqual([
    401,
    'false',
    { error: { message, type: 'authentication_error', param: null, code: 'invalid_api_key' } },
  ]);
  expect([messages.status, messages.headers.get('x-should-retry'), messages.body]).toEqual([
    401,
    'false',
    {
      type: 'error',
      error: { type: 'authentication_error', message },
      request_id: messages.headers.get('request-id'),
    },
  ]);
});

test('an unknown route is a 404 that names the routes, in the words of who asks', async () => {
  const message = (path: string) =>
    `There is no POST ${path}; the routes are GET /, GET /health, GET /v1/models, GET /v1/models/{id}, POST /v1/chat/completions, POST /v1/responses, POST /v1/responses/input_tokens, POST /v1/messages, POST /v1/messages/count_tokens.`;
  const openai = await post('/v1/embeddings', {});
  const byPath = await post('/v1/messages/batches', {});
  // Codex compacts by itself when it is told that nobody does it here.
  const compact = await post('/v1/responses/compact', {});
  expect([compact.status, compact.body]).toEqual([
    404,
    { error: { message: message('/v1/responses/compact'), type: 'invalid_request_error', param: null, code: null } },
  ]);
  const byHeader = await post('/v1/files', {}, { 'anthropic-version': '2026-10-21' });
  expect([openai.status, openai.body.error.message, openai.body.error.param]).toEqual([
    404,
    message('/v1/embeddings'),
    null,
  ]);
  expect([byPath.status, byPath.body.error.type, byPath.body.error.message]).toEqual([
    404,
    'not_found_error',
    message('/v1/messages/batches'),
  ]);
  expect([byHeader.status, byHeader.body.error.type]).toEqual([404, 'not_found_error']);
});

test('a HEAD probe of any path gets its status without a key', async () => {
  const probe = await fetch(`${gateway.url}/api/hello`, { method: 'HEAD' });
  expect(probe.status).toBe(404);
});

test('one list of models serves both SDKs', async () => {
  const answer = await fetch(`${gateway.url}/v1/models`, { headers: { 'x-api-key': gateway.key } });
  const list = (await answer.json()) as { data: { id: string }[] };
  expect({ ...list, data: list.data.slice(2, 3) }).toEqual({
    object: 'list',
    data: [
      {
        id: 'claude-sonnet-4.5',
        object: 'model',
        type: 'model',
        created: 1735689600,
        created_at: '2025-01-01T00:00:00Z',
        owned_by: 'kiro',
        display_name: 'Claude Sonnet 4.5',
        description: expect.any(String),
        max_input_tokens: 200000,
        max_tokens: 64000,
        context_length: 200000,
        max_output_tokens: 64000,
        supports_images: true,
        supports_tools: true,
        reasoning_efforts: [],
        credit_rate: 1.3,
        capabilities: null,
        lifecycle: 'active',
        allowed_fallback_models: [],
        line: null,
        deprecated_at: null,
        retires_at: null,
      },
    ],
    has_more: false,
    first_id: 'auto',
    last_id: 'qwen3-coder-next',
  });
});

test('a model that Kiro refuses is a 404 with the nearest names', async () => {
  const chat = await post(CHAT, { ...HELLO, model: 'claude-opus-9' });
  expect([chat.status, chat.body.error.code, chat.body.error.message]).toEqual([
    404,
    'model_not_found',
    expect.stringMatching(/^model: claude-opus-9 is not known to Kiro, .* Did you mean claude-opus-/),
  ]);
});

test('the list of models is fetched once and kept', async () => {
  const lists = gateway.simulator.requests.filter(({ headers }) =>
    String(headers['x-amz-target']).includes('ListAvailableModels'),
  );
  expect(lists).toHaveLength(1);
});
