/** The control plane: the models of the simulated account, its profile and usage, and the web search behind `/mcp`. */

import { recordOf } from '../core/reader.js';
import { answerJson, type Exchange, FAILURES, type HttpReply, Refusal } from './exchange.js';
import { type Caller, isProfileArn, PROFILE_ARN } from './sign-in.js';

type ControlOperation = (typeof CONTROL_OPERATIONS)[number];

type Operation = ControlOperation | 'GenerateAssistantResponse' | 'InvokeMCP';

/** What a request is meant for: said by its target in the JSON 1.0 binding, by its path in the REST ones. */
export function findOperation({ method, url: { pathname: path }, headers }: Exchange): Operation | undefined {
  const target = headers['x-amz-target'];
  if (target === undefined) return REST_OPERATIONS[`${method} ${path}`];
  if (method !== 'POST') return undefined;
  if (target === CHAT_TARGET) return path === '/' || path === CHAT_PATH ? 'GenerateAssistantResponse' : undefined;
  const name = path === '/' ? CONTROL_TARGET.exec(String(target))?.[1] : undefined;
  return CONTROL_OPERATIONS.find((operation) => operation === name);
}

/** @param input Whether it came as a query or as a body. @throws Refusal when it is wrong. */
export function answerControl(
  operation: ControlOperation,
  input: Readonly<Record<string, unknown>>,
  caller: Caller,
  models: readonly CatalogueModel[],
): HttpReply {
  switch (operation) {
    case 'ListAvailableModels':
      return answerModels(input, caller, models);
    case 'ListAvailableProfiles':
      return answerJson({ profiles: [PROFILE] });
    case 'GetUsageLimits':
      return answerJson(describeUsage(new Date()));
  }
}

function answerModels(
  { origin, profileArn, nextToken = 'from:0', maxResults = 50 }: Readonly<Record<string, unknown>>,
  { usesApiKey }: Caller,
  models: readonly CatalogueModel[],
): HttpReply {
  if (typeof origin !== 'string') throw new Refusal(FAILURES.improper);
  if (!usesApiKey && !isProfileArn(profileArn)) throw new Refusal(FAILURES.profileInvalid);
  const from = Number(/^from:(\d+)$/.exec(String(nextToken))?.[1]);
  const size = Number(maxResults);
  if (!(from <= models.length && Number.isInteger(size) && size >= 1)) throw new Refusal(FAILURES.improper);
  const next = from + size;
  const page = { models: models.slice(from, next), defaultModel: models[0] };
  return answerJson(next < models.length ? { ...page, nextToken: `from:${next}` } : page);
}

function describeUsage(now: Date): object {
  const nextDateReset = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1) / 1000;
  const credits = {
    resourceType: 'CREDIT',
    displayName: 'Credit',
    displayNamePlural: 'Credits',
    unit: 'INVOCATIONS',
    currentUsage: 287,
    currentUsageWithPrecision: 287.43,
    usageLimit: 1000,
    usageLimitWithPrecision: 1000,
    currentOverages: 0,
    overageCap: 10_000,
    overageRate: 0.04,
    overageCharges: 0,
    currency: 'USD',
    nextDateReset,
    bonuses: [],
  };
  return {
    limits: [],
    nextDateReset,
    daysUntilReset: Math.ceil((nextDateReset - now.getTime() / 1000) / 86_400),
    usageBreakdownList: [credits],
    subscriptionInfo: { type: 'Q_DEVELOPER_STANDALONE_PRO', subscriptionTitle: 'KIRO PRO' },
    overageConfiguration: { overageStatus: 'DISABLED' },
    userInfo: { userId: 'd-0000000000.simulated-user', email: 'someone@example.com' },
  };
}

const PROFILE = { arn: PROFILE_ARN, profileName: 'Simulated profile', profileType: 'Q_DEVELOPER', status: 'ACTIVE' };

const CONTROL_OPERATIONS = ['ListAvailableModels', 'ListAvailableProfiles', 'GetUsageLimits'] as const;
const CHAT_PATH = '/generateAssistantResponse';
const CHAT_TARGET = 'AmazonCodeWhispererStreamingService.GenerateAssistantResponse';
const CONTROL_TARGET = /^(?:AmazonCodeWhispererService|KiroControlPlaneBearerService)\.(\w+)$/;

const REST_OPERATIONS: Readonly<Record<string, Operation>> = {
  [`POST ${CHAT_PATH}`]: 'GenerateAssistantResponse',
  'POST /mcp': 'InvokeMCP',
  'GET /ListAvailableModels': 'ListAvailableModels',
  'GET /List-Available-Models': 'ListAvailableModels',
  'POST /ListAvailableProfiles': 'ListAvailableProfiles',
  'POST /List-Available-Profiles': 'ListAvailableProfiles',
  'GET /getUsageLimits': 'GetUsageLimits',
  'GET /Get-Usage-Limits': 'GetUsageLimits',
};

/** With the fields that ListAvailableModels answers. */
export type CatalogueModel = ReturnType<typeof model>;

/** The models of an ordinary account, `auto` first: it is the default. */
export function listModels(): readonly CatalogueModel[] {
  return MODELS;
}

/** The ordinary models and every id that the client driver scripts ask for, in both spellings. */
export function listClientModels(): readonly CatalogueModel[] {
  return [...MODELS, ...CLIENT_MODELS];
}

/** `claude 4.6` shows its thinking; the later `thinking claude` must be asked for a display. */
type Family = 'claude' | 'claude 4.6' | 'thinking claude' | 'gpt' | 'open weight';

/** @param limits Most tokens in and out, in thousands. */
function model(modelId: string, limits: readonly [number, number], rate: number, family: Family) {
  const words = modelId.split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  const [maxInputTokens, maxOutputTokens] = [limits[0] * 1000, limits[1] * 1000];
  return {
    modelId,
    modelName: words.join(' '),
    description: modelId === 'auto' ? 'The service chooses the model' : `The ${modelId} model`,
    rateMultiplier: rate,
    rateUnit: 'Credit',
    tokenLimits: { maxInputTokens, maxOutputTokens },
    supportedInputTypes: family === 'open weight' ? ['TEXT'] : ['TEXT', 'IMAGE'],
    promptCaching: describeCaching(modelId, family),
    additionalModelRequestFieldsSchema: fieldsSchema(family, maxOutputTokens),
  };
}

function describeCaching(modelId: string, family: Family) {
  if (family === 'open weight') return null;
  if (family === 'gpt') return { supportsPromptCaching: false };
  const minimumTokensPerCacheCheckpoint = modelId === 'claude-opus-4.7' ? 4096 : 1024;
  return { supportsPromptCaching: true, maximumCacheCheckpointsPerRequest: 4, minimumTokensPerCacheCheckpoint };
}

function fieldsSchema(family: Family, maximum: number) {
  if (family === 'gpt') return closedObject({ reasoning: closedObject({ effort: choice(['none', ...EFFORTS]) }) });
  if (family !== 'claude 4.6' && family !== 'thinking claude') return null;
  const isShown = family === 'claude 4.6';
  const type = choice(['adaptive', 'disabled']);
  const effort = { ...choice(EFFORTS.filter((it) => !isShown || it !== 'xhigh')), default: 'high' };
  const output_config = closedObject({ effort });
  if (isShown) return closedObject({ thinking: closedObject({ type }), output_config });
  const thinking = closedObject({ type, display: choice(['summarized', 'omitted']) });
  return closedObject({ thinking, output_config, max_tokens: { type: 'integer', minimum: 1024, maximum } });
}

function closedObject(properties: object) {
  return { type: 'object', properties, additionalProperties: false };
}

function choice(values: readonly string[]) {
  return { type: 'string', enum: values };
}

const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'];

const MODELS: readonly CatalogueModel[] = [
  model('auto', [1000, 64], 1, 'claude'),
  model('claude-sonnet-4', [200, 64], 1.3, 'claude'),
  model('claude-sonnet-4.5', [200, 64], 1.3, 'claude'),
  model('claude-sonnet-4.6', [1000, 64], 1.3, 'claude 4.6'),
  model('claude-sonnet-5', [1000, 64], 1.3, 'thinking claude'),
  model('claude-haiku-4.5', [200, 64], 0.4, 'claude'),
  model('claude-opus-4.5', [200, 64], 2.2, 'claude'),
  model('claude-opus-4.6', [1000, 64], 2.2, 'claude 4.6'),
  model('claude-opus-4.7', [1000, 128], 2.2, 'thinking claude'),
  model('claude-opus-4.8', [1000, 128], 2.2, 'thinking claude'),
  model('claude-opus-5', [1000, 128], 2.2, 'thinking claude'),
  model('claude-fable-5', [1000, 64], 2.2, 'thinking claude'),
  model('gpt-5.6-sol', [272, 128], 2.4, 'gpt'),
  model('gpt-5.6-terra', [272, 128], 1.2, 'gpt'),
  model('gpt-5.6-luna', [272, 128], 0.6, 'gpt'),
  model('deepseek-3.2', [128, 64], 0.25, 'open weight'),
  model('minimax-m2.5', [200, 64], 0.25, 'open weight'),
  model('minimax-m2.1', [200, 64], 0.15, 'open weight'),
  model('glm-5', [200, 64], 0.5, 'open weight'),
  model('qwen3-coder-next', [256, 64], 0.05, 'open weight'),
];

const CLIENT_MODELS: readonly CatalogueModel[] = [
  model('stub-model', [200, 64], 1, 'claude'),
  model('gpt-4o', [128, 16], 1, 'claude'),
  ...['gpt-5', 'gpt-5.5', 'gpt-5-5', 'gpt-6.1-sol', 'gpt-6-1-sol'].map((id) => model(id, [272, 128], 1, 'gpt')),
  model('claude-sonnet-4-5', [200, 64], 1.3, 'claude'),
  model('claude-haiku-4-5', [200, 64], 0.4, 'claude'),
  ...['claude-opus-4-8', 'claude-opus-5.5', 'claude-opus-5-5', 'claude-sonnet-5.5', 'claude-sonnet-5-5'].map((id) =>
    model(id, [1000, 128], 2.2, 'thinking claude'),
  ),
  ...['claude-haiku-5.5', 'claude-haiku-5-5'].map((id) => model(id, [200, 64], 0.4, 'thinking claude')),
];

/** The web search: JSON-RPC with a few plausible results. */
export function answerMcp(body: unknown): HttpReply {
  const { jsonrpc, id = null, method, params } = recordOf(body);
  const { name, arguments: input } = recordOf(params);
  const { query } = recordOf(input);
  const fail = (code: number, message: string) => answerJson({ jsonrpc: '2.0', id, error: { code, message } });
  if (jsonrpc !== '2.0') return fail(-32_600, 'Invalid request');
  if (method !== 'tools/call') return fail(-32_601, 'Method not found');
  if (name !== 'web_search') return fail(-32_602, `Unknown tool: ${String(name)}`);
  if (typeof query !== 'string' || query.trim() === '') return fail(-32_602, 'The query is missing');
  const content = [{ type: 'text', text: JSON.stringify(search(query)) }];
  return answerJson({ jsonrpc, id, result: { isError: false, content } });
}

function search(query: string): object {
  const slug = query.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const results = PLACES.map(({ domain, title, snippet }, index) => ({
    title: `${title}: ${query}`,
    url: `https://${domain}/${slug}`,
    snippet: `${snippet} ${query}.`,
    publishedDate: PUBLISHED_AT_MS - index * 86_400_000,
    id: `simulated-${index + 1}`,
    domain,
    maxVerbatimWordLimit: 30,
    publicDomain: false,
  }));
  return { results, totalResults: results.length, query };
}

const PLACES = [
  { domain: 'encyclopedia.example', title: 'An overview', snippet: 'What is generally known about' },
  { domain: 'news.example', title: 'The latest', snippet: 'This week brought news about' },
  { domain: 'guide.example', title: 'A practical guide', snippet: 'Step by step to' },
];

const PUBLISHED_AT_MS = Date.UTC(2026, 8, 1);
