/** Each setting changes something: shown on the running gateway, by what Kiro is asked or the client is told. */

import { afterEach, expect, test } from '@jest/globals';

import { startSimulator } from '../src/simulator/server.js';
import { GATEWAY_KEY, startGateway, type RunningGateway } from './support/gateway.js';

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
