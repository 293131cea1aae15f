/** DEBUG_MODE: what is kept of a turn, what never is, and that no turn ever suffers from it. */

import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import {
  listCaptures,
  readCapture,
  shapeOf,
  writeCapture,
  type Capture,
  type CapturedEvent,
} from '../../src/server/debug-files.js';
import { redact } from '../../src/logger.js';
import { temporaryFolder } from '../support/folder.js';
import { GATEWAY_KEY, REFRESH_TOKEN, startGateway, until, type RunningGateway } from '../support/gateway.js';
import { ask, open } from '../support/http.js';
import { answer, startUpstream } from '../support/upstream.js';

const running: RunningGateway[] = [];
afterEach(async () => {
  for (const it of running.splice(0)) await it.close();
});

async function gatewayWith(env: Readonly<Record<string, string>>): Promise<RunningGateway> {
  const gateway = await startGateway({ env });
  running.push(gateway);
  return gateway;
}

const folderOf = ({ home }: RunningGateway): string => join(home, 'state', 'debug');
const filesOf = (gateway: RunningGateway): readonly string[] =>
  existsSync(folderOf(gateway)) ? readdirSync(folderOf(gateway)).filter((it) => it.endsWith('.json')) : [];

/** @returns the request's id. */
async function chat(gateway: RunningGateway, content: string, more: object = {}): Promise<string> {
  const { headers } = await ask(gateway, '/v1/chat/completions', {
    headers: { 'user-agent': 'tester/1' },
    body: { model: 'auto', messages: [{ role: 'user', content }], ...more },
  });
  return String(headers['request-id']);
}

async function captured(gateway: RunningGateway, id: string): Promise<Capture> {
  await until(() => filesOf(gateway).includes(`${id}.json`));
  const capture = await readCapture(join(gateway.home, 'state'), id);
  if (capture === undefined) throw new Error(`${id} was not captured`);
  return capture;
}

test('a whole turn is kept, in files that only this person may read', async () => {
  const gateway = await gatewayWith({ DEBUG_MODE: 'all' });
  const id = await chat(gateway, '2+2?', { stream: true });
  const capture = await captured(gateway, id);
  expect(capture).toMatchObject({
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    milliseconds: expect.any(Number),
    gateway: expect.stringMatching(/^\d/),
    client: {
      id,
      method: 'POST',
      path: '/v1/chat/completions',
      headers: { 'user-agent': 'tester/1', authorization: '[secret]' },
      body: { model: 'auto', stream: true, messages: [{ role: 'user', content: '2+2?' }] },
    },
    outcome: { state: 'finished', finishReason: 'stop', credits: expect.any(Number) },
  });
  const [asked] = gateway.asked();
  expect(capture.attempts).toEqual([
    {
      url: `${gateway.simulator.url}/generateAssistantResponse`,
      characters: JSON.stringify(asked?.body).length,
      body: asked?.body,
      status: 200,
      requestId: expect.any(String),
      events: expect.any(Array),
    },
  ]);
  const said = capture.attempts[0]?.events?.map(({ headers }) => headers[':event-type']);
  expect([...new Set(said)]).toContain('assistantResponseEvent');
  expect(said?.at(-1)).toBe('metadataEvent');
  const modes = [folderOf(gateway), join(folderOf(gateway), `${id}.json`)].map((it) => statSync(it).mode & 0o777);
  expect(modes).toEqual([0o700, 0o600]);
});

test('no secret is kept, neither by its name nor by its look, nor one that this process knows', async () => {
  const gateway = await gatewayWith({ DEBUG_MODE: 'all' });
  const more = { api_key: 'PLANTED-BY-KEY', metadata: { session_token: 'PLANTED-BY-KEY' } };
  const id = await chat(
    gateway,
    `[[scenario:text]] my key ksk_PLANTED0123456789, "password": "PLANTED", ${GATEWAY_KEY} ${REFRESH_TOKEN}`,
    {
      ...more,
      stream: true,
    },
  );
  await captured(gateway, id);
  const text = readFileSync(join(folderOf(gateway), `${id}.json`), 'utf8');
  expect([...text.matchAll(/PLANTED|gateway-key-of-the-tests|refresh-token-of-the-tests|Bearer/g)].map(String)).toEqual(
    [],
  );
  expect(text).toContain('] my key [secret]');
});

test('DEBUG_MODE=errors keeps failed turns only, whoever is to blame', async () => {
  const gateway = await gatewayWith({ DEBUG_MODE: 'errors' });
  const good = await chat(gateway, 'hello');
  const refused = await chat(gateway, '[[scenario:improper]]');
  const wrong = await chat(gateway, 'hello', { messages: 5 });
  const later = await chat(gateway, '[[scenario:exception-later]]', { stream: true });
  const outcomes = [];
  for (const id of [refused, wrong, later]) outcomes.push((await captured(gateway, id)).outcome.error?.kind);
  expect(outcomes).toEqual(['invalid-request', 'invalid-request', 'upstream-unavailable']);
  expect(filesOf(gateway)).not.toContain(`${good}.json`);
  expect((await captured(gateway, refused)).attempts).toMatchObject([
    { status: 400, text: expect.stringContaining('Improperly formed request') },
  ]);
  expect((await captured(gateway, wrong)).attempts).toEqual([]);
});

test('without DEBUG_MODE nothing is kept', async () => {
  const gateway = await gatewayWith({});
  await chat(gateway, '[[scenario:improper]]');
  expect(existsSync(folderOf(gateway))).toBe(false);
});

test('each attempt is kept, and a renewal of the login between them is not', async () => {
  const gateway = await gatewayWith({ DEBUG_MODE: 'all', MAX_RETRIES: '2' });
  gateway.simulator.revokeAccessTokens();
  const renewed = await captured(gateway, await chat(gateway, 'hello'));
  const throttled = await captured(gateway, await chat(gateway, '[[scenario:throttled]]'));
  const statuses = ({ attempts }: Capture) => attempts.map(({ status }) => status);
  expect([renewed, throttled].map(statuses)).toEqual([
    [403, 200],
    [429, 429],
  ]);
});

test('a host that knows neither form of a chat is kept with both', async () => {
  const kiro = await startUpstream(answer(404, ''));
  const gateway = await gatewayWith({ DEBUG_MODE: 'all', KIRO_API_URL: kiro.url });
  const { attempts, outcome } = await captured(gateway, await chat(gateway, 'hello'));
  expect(attempts.map(({ url, status }) => [url, status])).toEqual([
    [`${kiro.url}/generateAssistantResponse`, 404],
    [`${kiro.url}/`, 404],
  ]);
  expect(outcome.error?.kind).toBe('upstream-protocol');
});

test('turns at the same time, and in a queue, do not mix', async () => {
  const gateway = await gatewayWith({ DEBUG_MODE: 'all', MAX_CONCURRENT_REQUESTS: '2' });
  const names = Array.from({ length: 8 }, (_, index) => `this is number ${index}`);
  const ids = await Promise.all(names.map((name) => chat(gateway, name)));
  const sent = await Promise.all(ids.map(async (id) => (await captured(gateway, id)).attempts));
  const words = sent.map((attempts) => attempts.map(({ body }) => /this is number \d/.exec(JSON.stringify(body))?.[0]));
  expect(words).toEqual(names.map((name) => [name]));
});

test('a client that leaves is no failure, and what had come by then is kept', async () => {
  const gateway = await gatewayWith({ DEBUG_MODE: 'all' });
  const body = { model: 'auto', stream: true, messages: [{ role: 'user', content: '[[scenario:stall]]' }] };
  const { request, response } = await open(gateway, '/v1/chat/completions', { body });
  await once(response, 'data');
  request.destroy();
  const { attempts, outcome } = await captured(gateway, String(response.headers['request-id']));
  expect(outcome).toEqual({ state: 'client-left' });
  expect(attempts).toMatchObject([{ status: 200, failure: expect.any(String), events: expect.any(Array) }]);
  expect(attempts[0]?.events?.length).toBeGreaterThan(0);
});

const obstacles: readonly (readonly [string, (folder: string) => void])[] = [
  ['a file in its place', (folder) => writeFileSync(folder, '')],
  ['a symbolic link in its place', (folder) => symlinkSync(temporaryFolder(), folder)],
];
for (const [name, put] of obstacles) {
  test(`a folder that cannot be used hurts no turn: ${name}`, async () => {
    const gateway = await gatewayWith({ DEBUG_MODE: 'all' });
    mkdirSync(join(gateway.home, 'state'), { recursive: true });
    put(folderOf(gateway));
    for (const _ of [1, 2]) {
      const { status } = await ask(gateway, '/v1/chat/completions', {
        body: { model: 'auto', messages: [{ role: 'user', content: 'hello' }] },
      });
      expect(status).toBe(200);
    }
    await until(() => gateway.said().includes('goes on without captures'));
    expect(gateway.said().match(/cannot be written/g)).toHaveLength(1);
    expect(statSync(folderOf(gateway)).isDirectory() ? readdirSync(folderOf(gateway)) : []).toEqual([]);
  });
}

// --- the files

const CAPTURE: Capture = {
  time: '2026-11-22T10:00:00.000Z',
  milliseconds: 5,
  gateway: '0.1.0',
  client: { id: 'req_new', method: 'POST', path: '/v1/messages', headers: {}, body: {} },
  attempts: [],
  outcome: { state: 'finished', finishReason: 'stop' },
};

async function written(over: Partial<Capture>): Promise<{ readonly text: string; readonly capture: Capture }> {
  const folder = temporaryFolder();
  await writeCapture(folder, { ...CAPTURE, ...over }, { hide: redact, now: Date.now });
  const capture = await readCapture(folder, 'req_new');
  if (capture === undefined) throw new Error('not written');
  return { text: readFileSync(join(folder, 'debug', 'req_new.json'), 'utf8'), capture };
}

test.each([
  'authorization',
  'x-api-key',
  'cookie',
  'private-token',
  'X-Vault-Token',
  'refreshToken',
  'clientSecret',
  'db_password',
])('what stands under %s is no text for a file', async (name) => {
  const { text } = await written({ client: { ...CAPTURE.client, headers: { [name]: 'PLANTED here' } } });
  expect(text).not.toContain('here');
});

test('the newest fifty are kept, for a week', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'debug'));
  const put = (name: string, hoursAgo: number): void => {
    const path = join(folder, 'debug', name);
    const seconds = Date.now() / 1000 - hoursAgo * 3600;
    writeFileSync(path, '{}');
    utimesSync(path, seconds, seconds);
  };
  for (let index = 1; index <= 60; index++) put(`req_${index}.json`, index);
  put('req_torn.json.0000.tmp', 169);
  put('notes.txt', 1000);
  await writeCapture(folder, CAPTURE, { hide: redact, now: Date.now });
  const kept = await listCaptures(folder);
  expect(kept).toEqual(['req_new', ...Array.from({ length: 49 }, (_, index) => `req_${index + 1}`)]);
  expect(readdirSync(join(folder, 'debug')).filter((it) => !it.endsWith('.json'))).toEqual(['notes.txt']);
  put('req_1.json', 7 * 24 + 1);
  await writeCapture(folder, CAPTURE, { hide: redact, now: Date.now });
  expect(await listCaptures(folder)).not.toContain('req_1');
});

test('long texts are cut and media left out, so that a file stays small', async () => {
  const long = 'long text, '.repeat(100_000);
  const body = { texts: Array.from({ length: 20 }, () => long), image: 'A'.repeat(2_000_000), pixel: 'QUJD' };
  const { text, capture } = await written({ client: { ...CAPTURE.client, body } });
  expect(text.length).toBeLessThan(4_000_001);
  expect(capture.client.body).toMatchObject({
    texts: expect.arrayContaining([expect.stringMatching(/… \[1060000 more characters\]$/)]),
    image: '[2000000 characters of base64]',
    pixel: 'QUJD',
  });
});

test('where there are too many parts for that, the outcome is kept', async () => {
  const body = Array.from({ length: 200_000 }, () => 'thirty characters of some text');
  const { text, capture } = await written({ client: { ...CAPTURE.client, body } });
  expect(text.length).toBeLessThan(2000);
  expect(capture).toEqual({ ...CAPTURE, client: { ...CAPTURE.client, body: 'left out: there is too much of it' } });
});

test('a secret that comes in pieces is found; other pieces stay as they came', async () => {
  const event = (payload: object): CapturedEvent => ({ headers: { ':event-type': 'assistantResponseEvent' }, payload });
  const pieces = (...texts: readonly string[]) => texts.map((content) => event({ content }));
  const attempt = (events: readonly CapturedEvent[]) => ({
    url: 'http://x/',
    characters: 2,
    body: {},
    status: 200,
    events,
  });
  const attempts = [
    attempt(pieces('It is ks', 'k_PLANTED', '0123', '.')),
    attempt([
      ...pieces('all ', 'well'),
      event({ input: '{"pass', toolUseId: 't' }),
      event({ input: 'word":"PLANTED"}', toolUseId: 't' }),
    ]),
  ];
  const { capture } = await written({ attempts });
  expect(capture.attempts.map(({ events }) => events?.map(({ payload }) => payload))).toEqual([
    [{ content: 'It is [secret].' }],
    [{ content: 'all ' }, { content: 'well' }, { input: '{"password":"[secret]"}', toolUseId: 't' }],
  ]);
});

test('a name that is no id reads no file, and a damaged file is told', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'debug'));
  writeFileSync(join(folder, 'secret.json'), '{}');
  writeFileSync(join(folder, 'debug', 'req_torn.json'), '{"time":');
  const edited = { client: { headers: {} }, attempts: [{ url: 'here' }], outcome: { state: 'finished' } };
  writeFileSync(join(folder, 'debug', 'req_edited.json'), JSON.stringify(edited));
  expect(await readCapture(folder, '../secret')).toBeUndefined();
  expect(await readCapture(folder, 'req_0')).toBeUndefined();
  for (const id of ['req_torn', 'req_edited']) {
    await expect(readCapture(folder, id)).rejects.toThrow(/damaged; remove it\.$/);
  }
  expect(await listCaptures(join(folder, 'nowhere'))).toEqual([]);
});

test('a form tells types and lengths, words of the protocol, and nothing that was made up', () => {
  const given = {
    model: 'claude-sonnet-4.5',
    stream: true,
    max_tokens: 100,
    stop: null,
    messages: [
      { role: 'user', content: 'one' },
      { role: 'user', content: 'two' },
      {
        role: 'assistant',
        content: [{ type: 'tool_use', id: 'ab', name: 'x', input: { 'Jane Doe': 5, more: { age: 7 } } }],
      },
    ],
    tools: [{ input_schema: { type: 'object', properties: { mySecretName: { type: 'string' } } } }],
    'a key of my own': 'text with words',
    origin: 'https://intranet.example',
  };
  expect(shapeOf(given)).toEqual({
    model: 'claude-sonnet-4.5',
    stream: true,
    max_tokens: 100,
    stop: null,
    messages: [
      { role: 'user', content: 'text(3)' },
      'and 1 more like it',
      {
        role: 'assistant',
        content: [
          {
            type: 'tool_use',
            id: 'text(2)',
            name: 'text(1)',
            input: { '#1': 'number', '#2': { '#1': 'number' } },
          },
        ],
      },
    ],
    tools: [{ input_schema: { type: 'object', properties: { '#1': { type: 'string' } } } }],
    '#7': 'text(15)',
    origin: 'text(24)',
  });
});
