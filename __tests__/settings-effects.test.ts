/** Each setting changes something: shown on the running gateway, by what Kiro is asked or the client is told. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';

import { startSimulator } from '../src/simulator/server.js';
import { temporaryFolder } from './support/folder.js';
import { GATEWAY_KEY, REFRESH_TOKEN, startGateway, until, type RunningGateway } from './support/gateway.js';
import { ask as askWith } from './support/http.js';

const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const it of running.splice(0)) await it.close();
});

async function gatewayWith(env: Readonly<Record<string, string>>): Promise<RunningGateway> {
  const gateway = await startGateway({ env });
  running.push(gateway);
  return gateway;
}

async function ask(gateway: RunningGateway, more: object = {}): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${GATEWAY_KEY}` },
    body: JSON.stringify({ model: 'auto', messages: [{ role: 'user', content: 'hi' }], ...more }),
  });
  await response.text();
  return response.status;
}

test('KIRO_USER_AGENT is what Kiro is told, and by default our own name', async () => {
  const [named, usual] = [await gatewayWith({ KIRO_USER_AGENT: 'my-agent/9' }), await gatewayWith({})];
  await ask(named);
  await ask(usual);
  expect([named, usual].map((it) => it.asked()[0]?.headers['user-agent'])).toEqual([
    'my-agent/9',
    expect.stringMatching(/^kiro-gateway\/\d+\.\d+\.\d+/),
  ]);
});

test('KIRO_OPT_OUT decides the opt-out header', async () => {
  const [out, allowed] = [await gatewayWith({}), await gatewayWith({ KIRO_OPT_OUT: 'false' })];
  await ask(out);
  await ask(allowed);
  const header = 'x-amzn-codewhisperer-optout';
  expect([out, allowed].map((it) => it.asked()[0]?.headers[header])).toEqual(['true', 'false']);
});

test('PROFILE_ARN travels in the body', async () => {
  const arn = 'arn:aws:codewhisperer:eu-central-1:111122223333:profile/OWN';
  const gateway = await gatewayWith({ PROFILE_ARN: arn });
  await ask(gateway);
  expect(gateway.asked()[0]?.body).toMatchObject({ profileArn: arn });
});

test('TOOL_DESCRIPTION_MAX_LENGTH moves a longer description to the system prompt', async () => {
  const gateway = await gatewayWith({ TOOL_DESCRIPTION_MAX_LENGTH: '10' });
  const parameters = { type: 'object', properties: {} };
  await ask(gateway, {
    tools: [{ type: 'function', function: { name: 'look', description: 'Looks around carefully.', parameters } }],
  });
  const sent = JSON.stringify(gateway.asked()[0]?.body);
  expect(sent).toContain(JSON.stringify('## Tool: look\n\nLooks around carefully.').slice(1, -1));
  expect(sent).toContain('"description":"See \\"## Tool: look\\" in the system prompt for the full description."');
});

test('TOOL_DESCRIPTION_MAX_LENGTH=0 leaves every description with its tool', async () => {
  const gateway = await gatewayWith({ TOOL_DESCRIPTION_MAX_LENGTH: '0' });
  const description = 'x'.repeat(20_000);
  await ask(gateway, { tools: [{ type: 'function', function: { name: 'look', description } }] });
  expect(JSON.stringify(gateway.asked()[0]?.body)).toContain(`"description":"${description}"`);
});

test('MODEL_CACHE_TTL=0 asks for the models each time', async () => {
  const gateway = await gatewayWith({ MODEL_CACHE_TTL: '0' });
  const isList = ({ headers }: { headers: Readonly<Record<string, unknown>> }) =>
    String(headers['x-amz-target']).endsWith('ListAvailableModels');
  const before = gateway.simulator.requests.filter(isList).length;
  await ask(gateway);
  await ask(gateway);
  expect(gateway.simulator.requests.filter(isList).length - before).toBe(2);
});

test('LOG_LEVEL=ERROR leaves out the line of a good request', async () => {
  const gateway = await gatewayWith({ LOG_LEVEL: 'ERROR' });
  await ask(gateway);
  expect(gateway.said()).not.toContain('/v1/chat/completions');
});

test('KIRO_MANAGEMENT_URL takes the list of models, KIRO_API_URL the chat', async () => {
  const control = await startSimulator({ pace: 'none' });
  running.push(control);
  const gateway = await gatewayWith({
    KIRO_MANAGEMENT_URL: control.url,
    REFRESH_TOKEN: '',
    KIRO_API_KEY: 'ksk_0123456789',
  });
  await ask(gateway);
  const paths = (requests: readonly { path: string }[]) => [...new Set(requests.map(({ path }) => path))].toSorted();
  expect(paths(control.requests)).toEqual(['/']);
  expect(paths(gateway.simulator.requests)).toEqual(['/generateAssistantResponse']);
});

test('TOKEN_REFRESH_THRESHOLD renews a token that is about to expire', async () => {
  const renewals = async (threshold: string) => {
    const kiro = await startSimulator({ pace: 'none' });
    running.push(kiro);
    const { accessToken, refreshToken } = await signIn(kiro.url);
    const file = join(temporaryFolder(), 'login.json');
    const expiresAt = new Date(Date.now() + 1_000_000).toISOString();
    writeFileSync(file, JSON.stringify({ accessToken, refreshToken, expiresAt, authMethod: 'social' }));
    const gateway = await gatewayWith({
      TOKEN_REFRESH_THRESHOLD: threshold,
      REFRESH_TOKEN: '',
      KIRO_CREDS_FILE: file,
      KIRO_API_URL: kiro.url,
      KIRO_MANAGEMENT_URL: kiro.url,
      KIRO_AUTH_URL: kiro.url,
    });
    await ask(gateway);
    return () => kiro.requests.filter(({ path }) => path === '/refreshToken').length - 1;
  };
  const [eager, usual] = [await renewals('2000'), await renewals('100')];
  // A token that still works is renewed behind the request.
  await until(() => eager() === 1);
  expect(usual()).toBe(0);
});

/** A token of the simulator's, which is one of its requests. */
async function signIn(url: string): Promise<{ accessToken: string; refreshToken: string }> {
  const body = JSON.stringify({ refreshToken: REFRESH_TOKEN });
  const response = await fetch(`${url}/refreshToken`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  return (await response.json()) as { accessToken: string; refreshToken: string };
}

const CACHE_MARK = { cachePoint: { type: 'default' } };
const cached = {
  model: 'claude-sonnet-4.5',
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'hi' },
  ],
  tools: [{ type: 'function', function: { name: 'look', description: 'Looks.', parameters: { type: 'object' } } }],
};

/** Where the marks for the cache stand in what Kiro was asked. */
function marksOf(body: unknown, path = ''): readonly string[] {
  if (typeof body !== 'object' || body === null) return [];
  return Object.entries(body).flatMap(([key, value]) =>
    key === 'cachePoint' ? [path] : marksOf(value, `${path}.${key}`),
  );
}

test('PROMPT_CACHE marks instructions, tools and the last message, with models that support it', async () => {
  const gateway = await gatewayWith({ PROMPT_CACHE: 'true' });
  await ask(gateway, cached);
  await ask(gateway, { ...cached, model: 'deepseek-3.2' });
  const usual = await gatewayWith({});
  await ask(usual, cached);
  const current = '.conversationState.currentMessage.userInputMessage';
  expect([...gateway.asked(), ...usual.asked()].map(({ body }) => marksOf(body))).toEqual([
    ['.conversationState.history.0.userInputMessage', `${current}.userInputMessageContext.tools.1`, current],
    [],
    [],
  ]);
  const marked = { ...CACHE_MARK, userInputMessageContext: { tools: [{}, CACHE_MARK] } };
  expect(gateway.asked()[0]?.body).toMatchObject({
    conversationState: { currentMessage: { userInputMessage: marked } },
  });
});

test('marks that Kiro refuses are left out of one more request, and of all later ones', async () => {
  const gateway = await gatewayWith({ PROMPT_CACHE: 'true' });
  gateway.simulator.enqueue({
    status: 400,
    headers: { 'x-amzn-errortype': 'ValidationException' },
    body: { message: 'Improperly formed request.' },
  });
  const statuses = [await ask(gateway, cached), await ask(gateway, cached)];
  expect([statuses, gateway.asked().map(({ body }) => marksOf(body).length)]).toEqual([
    [200, 200],
    [3, 0, 0],
  ]);
});

test('a refusal that the marks are not the reason of is told after one repetition', async () => {
  const gateway = await gatewayWith({ PROMPT_CACHE: 'true' });
  const refusal = {
    status: 400,
    headers: { 'x-amzn-errortype': 'ValidationException' },
    body: { message: 'Improperly formed request.' },
  };
  gateway.simulator.enqueue(refusal, refusal);
  expect([await ask(gateway, cached), await ask(gateway, cached)]).toEqual([400, 200]);
  expect(gateway.asked().map(({ body }) => marksOf(body).length)).toEqual([3, 0, 3]);
});

test('ALLOWED_HOSTS lets clients call by another name, CORS_ORIGINS lets a web page', async () => {
  const gateway = await gatewayWith({ ALLOWED_HOSTS: 'my.box', CORS_ORIGINS: 'https://app.example' });
  const status = async (headers: Readonly<Record<string, string>>) =>
    (await askWith(gateway, '/v1/models', { headers })).status;
  expect([
    await status({ host: 'my.box:8000' }),
    await status({ host: 'other.box:8000' }),
    await status({ origin: 'https://app.example' }),
    await status({ origin: 'https://other.example' }),
  ]).toEqual([200, 403, 200, 403]);
});
