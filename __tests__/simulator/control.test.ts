/** Models, profiles and usage in each binding, and the web search. */
import { expect, test } from '@jest/globals';
import { listClientModels, listModels } from '../../src/simulator/control.js';
import type { Simulator } from '../../src/simulator/server.js';
import { post, PROFILE, signIn, simulate } from './support.js';

const query = `origin=AI_EDITOR&profileArn=${encodeURIComponent(PROFILE)}`;
const input = { origin: 'KIRO_CLI', profileArn: PROFILE };

type Call = (simulator: Simulator) => Promise<unknown>;

const BINDINGS: Readonly<Record<string, readonly Call[]>> = {
  ListAvailableModels: [
    target('AmazonCodeWhispererService.ListAvailableModels', input),
    target('KiroControlPlaneBearerService.ListAvailableModels', input),
    target('AmazonCodeWhispererService.ListAvailableModels', {}, `/?${query}`),
    get(`/ListAvailableModels?${query}`),
    get(`/List-Available-Models?${query}`),
  ],
  ListAvailableProfiles: [
    target('AmazonCodeWhispererService.ListAvailableProfiles', {}),
    target('KiroControlPlaneBearerService.ListAvailableProfiles', {}),
    rest('/ListAvailableProfiles', {}),
    rest('/List-Available-Profiles', {}),
  ],
  GetUsageLimits: [
    target('AmazonCodeWhispererService.GetUsageLimits', input),
    target('KiroControlPlaneBearerService.GetUsageLimits', input),
    get(`/getUsageLimits?${query}&resourceType=AGENTIC_REQUEST`),
    get(`/Get-Usage-Limits?${query}`),
  ],
};

test.each(Object.entries(BINDINGS))('%s answers the same in each binding', async (_, calls) => {
  const simulator = await simulate();
  const [first, ...others] = await Promise.all(calls.map((call) => call(simulator)));
  expect(first).not.toHaveProperty('message');
  for (const other of others) expect(other).toEqual(first);
});

test('the catalogue says what each model takes, and auto is the default', async () => {
  const answer = await get(`/ListAvailableModels?${query}`)(await simulate());
  expect(answer).toEqual({ models: listModels(), defaultModel: listModels()[0] });
  expect(listModels()[0]).toMatchObject({ modelId: 'auto', additionalModelRequestFieldsSchema: null });
  expect(listModels().find((model) => model.modelId === 'claude-sonnet-4.6')).toEqual({
    modelId: 'claude-sonnet-4.6',
    modelName: 'Claude Sonnet 4.6',
    description: 'The claude-sonnet-4.6 model',
    rateMultiplier: 1.3,
    rateUnit: 'Credit',
    tokenLimits: { maxInputTokens: 1_000_000, maxOutputTokens: 64_000 },
    supportedInputTypes: ['TEXT', 'IMAGE'],
    promptCaching: {
      supportsPromptCaching: true,
      maximumCacheCheckpointsPerRequest: 4,
      minimumTokensPerCacheCheckpoint: 1024,
    },
    additionalModelRequestFieldsSchema: {
      type: 'object',
      properties: {
        thinking: {
          type: 'object',
          properties: { type: { type: 'string', enum: ['adaptive', 'disabled'] } },
          additionalProperties: false,
        },
        output_config: {
          type: 'object',
          properties: { effort: { type: 'string', enum: ['low', 'medium', 'high', 'max'], default: 'high' } },
          additionalProperties: false,
        },
      },
      additionalProperties: false,
    },
  });
});

test('the models come in pages, whichever binding asks for them', async () => {
  const simulator = await simulate({ scenario: 'clients' });
  for (const isRest of [true, false]) {
    const ids: string[] = [];
    let nextToken: string | undefined;
    do {
      const page = { maxResults: 7, ...(nextToken === undefined ? {} : { nextToken }) };
      const parameters = Object.entries(page).map(([name, value]) => `&${name}=${value}`);
      const answer = await (
        isRest
          ? get(`/ListAvailableModels?${query}${parameters.join('')}`)
          : target('AmazonCodeWhispererService.ListAvailableModels', { ...input, ...page })
      )(simulator);
      const { models, nextToken: next } = answer as { models: { modelId: string }[]; nextToken?: string };
      expect(models.length).toBeLessThanOrEqual(7);
      ids.push(...models.map((model) => model.modelId));
      nextToken = next;
    } while (nextToken !== undefined);
    expect(ids).toEqual(listClientModels().map((model) => model.modelId));
    expect(new Set(ids).size).toBe(ids.length);
  }
});

const REFUSALS: readonly (readonly [string, Call, string])[] = [
  ['models without an origin', get('/ListAvailableModels'), 'Improperly formed request.'],
  ['models without a profile', get('/ListAvailableModels?origin=AI_EDITOR'), 'Invalid profileArn.'],
  ['models for no profile', get('/ListAvailableModels?origin=AI_EDITOR&profileArn=x'), 'Invalid profileArn.'],
  ['a search without a profile', rest('/mcp', {}), 'profileArn is required for this request.'],
  ['a search for no profile', rest('/mcp', {}, { 'x-amzn-kiro-profile-arn': 'x' }), 'Invalid profileArn.'],
  ['models with a made-up page', get(`/ListAvailableModels?${query}&nextToken=x`), 'Improperly formed request.'],
  [
    'an unknown target',
    target('AmazonCodeWhispererService.DeleteEverything', {}),
    'The requested operation is not recognized by the service.',
  ],
  ['an unknown path', get('/nowhere'), 'The requested operation is not recognized by the service.'],
];

test.each(REFUSALS)('%s: refused', async (_, call, message) => {
  expect(await call(await simulate())).toMatchObject({ message });
});

test('an unknown operation has its type in the body, and HEAD is one', async () => {
  const { url } = await simulate();
  expect(await (await fetch(`${url}/nowhere`)).json()).toEqual({
    message: 'The requested operation is not recognized by the service.',
    __type: 'UnknownOperationException',
  });
  expect((await fetch(url, { method: 'HEAD' })).status).toBe(404);
});

test('the usage says how many credits are left, and until when', async () => {
  expect(await get(`/getUsageLimits?${query}`)(await simulate())).toMatchObject({
    nextDateReset: expect.any(Number),
    usageBreakdownList: [{ resourceType: 'CREDIT', currentUsageWithPrecision: 287.43, usageLimitWithPrecision: 1000 }],
    subscriptionInfo: { subscriptionTitle: 'KIRO PRO' },
    overageConfiguration: { overageStatus: 'DISABLED' },
  });
});

test('a web search answers JSON in a text, with three results', async () => {
  const call = { name: 'web_search', arguments: { query: 'weather in Oslo' } };
  const answer = await mcp({ id: 'web_search_1', jsonrpc: '2.0', method: 'tools/call', params: call });
  expect(answer).toEqual({
    id: 'web_search_1',
    jsonrpc: '2.0',
    result: { isError: false, content: [{ type: 'text', text: expect.any(String) }] },
  });
  const [content] = (answer as { result: { content: { text: string }[] } }).result.content;
  expect(JSON.parse(content?.text ?? '')).toMatchObject({
    results: [
      { title: 'An overview: weather in Oslo', url: 'https://encyclopedia.example/weather-in-oslo' },
      { title: 'The latest: weather in Oslo', url: 'https://news.example/weather-in-oslo' },
      { title: 'A practical guide: weather in Oslo', url: 'https://guide.example/weather-in-oslo' },
    ],
    totalResults: 3,
    query: 'weather in Oslo',
  });
});

test('a web search that makes no sense answers a JSON-RPC error', async () => {
  const noQuery = { name: 'web_search', arguments: {} };
  expect(await mcp({ id: 1, jsonrpc: '2.0', method: 'tools/call', params: noQuery })).toMatchObject({
    error: { code: -32_602 },
  });
  expect(await mcp({ id: 1, jsonrpc: '2.0', method: 'tools/drop' })).toMatchObject({ error: { code: -32_601 } });
  expect(await mcp({})).toMatchObject({ error: { code: -32_600 } });
});

function get(path: string): Call {
  return async (simulator) => {
    const headers = { authorization: `Bearer ${await signIn(simulator)}` };
    return (await fetch(`${simulator.url}${path}`, { headers })).json();
  };
}

function rest(path: string, fields: object, headers: Record<string, string> = {}): Call {
  return async (simulator) => {
    const authorization = `Bearer ${await signIn(simulator)}`;
    return (await post(`${simulator.url}${path}`, fields, { authorization, ...headers })).json();
  };
}

function target(name: string, fields: object, path = '/'): Call {
  return rest(path, fields, { 'x-amz-target': name, 'content-type': 'application/x-amz-json-1.0' });
}

async function mcp(message: object): Promise<unknown> {
  return rest('/mcp', message, { 'x-amzn-kiro-profile-arn': PROFILE })(await simulate());
}
