/** The control plane: the models of the simulated account, its profile and usage, and the web search behind `/mcp`. */

import { isRecord } from '../core/reader.js';
import { answerJson, type Exchange, FAILURES, type HttpReply, Refusal } from './exchange.js';
import { type Caller, PROFILE_ARN } from './sign-in.js';

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
    case 'GetProfile':
      if (input['profileArn'] === undefined) throw new Refusal(FAILURES.profileInvalid);
      return answerJson({ profile: PROFILE });
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
  if (!usesApiKey && typeof profileArn !== 'string') throw new Refusal(FAILURES.profileInvalid);
  const from = Number(/^from:(\d+)$/.exec(String(nextToken))?.[1]);
  const size = Number(maxResults);
  if (!(from <= models.length && Number.isInteger(size) && size >= 1)) throw new Refusal(FAILURES.improper);
  const next = from + size;
  const page = { models: models.slice(from, next), defaultModel: models[0] };
  return answerJson(next < models.length ? { ...page, nextToken: `from:${next}` } : page);
}

function describeUsage(now: Date): object {
  const nextDateReset = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1) / 1000;
  const daysUntilReset = Math.ceil((nextDateReset - now.getTime() / 1000) / 86_400);
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
    currentOveragesWithPrecision: 0,
    overageCap: 10_000,
    overageCapWithPrecision: 10_000,
    overageRate: 0.04,
    overageCharges: 0,
    currency: 'USD',
    nextDateReset,
    bonuses: [],
  };
  return {
    limits: [],
    nextDateReset,
    daysUntilReset,
    usageBreakdown: credits,
    usageBreakdownList: [credits],
    subscriptionInfo: {
      type: 'Q_DEVELOPER_STANDALONE_PRO',
      subscriptionTitle: 'KIRO PRO',
      upgradeCapability: 'UPGRADE_CAPABLE',
      overageCapability: 'OVERAGE_CAPABLE',
      subscriptionManagementTarget: 'MANAGE',
    },
    overageConfiguration: { overageStatus: 'DISABLED' },
    userInfo: { userId: 'd-0000000000.simulated-user', email: 'someone@example.com' },
  };
}

const PROFILE = { arn: PROFILE_ARN, profileName: 'Simulated profile', profileType: 'Q_DEVELOPER', status: 'ACTIVE' };

const CONTROL_OPERATIONS = ['ListAvailableModels', 'ListAvailableProfiles', 'GetProfile', 'GetUsageLimits'] as const;
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
export type CatalogueModel = {
  readonly modelId: string;
  readonly modelName: string;
  readonly description: string;
  readonly rateMultiplier: number;
  readonly rateUnit: 'Credit';
  readonly tokenLimits: { readonly maxInputTokens: number; readonly maxOutputTokens: number };
  readonly supportedInputTypes: readonly ('TEXT' | 'IMAGE')[];
  readonly promptCaching: Readonly<Record<string, boolean | number>> | null;
  readonly additionalModelRequestFieldsSchema: Readonly<Record<string, unknown>> | null;
};

/** The models of an ordinary account, `auto` first: it is the default. */
export function listModels(): readonly CatalogueModel[] {
  return MODELS;
}

/** The ordinary models and every id that the client driver scripts ask for, in both spellings. */
export function listClientModels(): readonly CatalogueModel[] {
  return [...MODELS, ...CLIENT_MODELS];
}

/** `shown` is the 4.6 generation, whose thinking has no `display`; since then a display must be asked for. */
type Thinking = 'none' | 'shown' | 'on demand';

/** Sees images and caches prompts. */
function claude(id: string, input: number, output: number, rate: number, thinking: Thinking = 'none'): CatalogueModel {
  return {
    ...describeModel(id, input, output, rate),
    promptCaching: {
      supportsPromptCaching: true,
      maximumCacheCheckpointsPerRequest: 4,
      minimumTokensPerCacheCheckpoint: id === 'claude-opus-4.7' ? 4096 : 1024,
    },
    additionalModelRequestFieldsSchema: thinking === 'none' ? null : thinkingSchema(output, thinking === 'shown'),
  };
}

function gpt(modelId: string, rate: number): CatalogueModel {
  const effort = choice(['none', ...EXTENDED_EFFORTS]);
  return {
    ...describeModel(modelId, 272_000, 128_000, rate),
    promptCaching: { supportsPromptCaching: false },
    additionalModelRequestFieldsSchema: closedObject({ reasoning: closedObject({ effort }) }),
  };
}

function openWeight(modelId: string, input: number, rate: number): CatalogueModel {
  return { ...describeModel(modelId, input, 64_000, rate), supportedInputTypes: ['TEXT'] };
}

function describeModel(modelId: string, input: number, output: number, rate: number): CatalogueModel {
  const words = modelId.split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return {
    modelId,
    modelName: words.join(' '),
    description: modelId === 'auto' ? 'The service chooses the model' : `The ${modelId} model`,
    rateMultiplier: rate,
    rateUnit: 'Credit',
    tokenLimits: { maxInputTokens: input, maxOutputTokens: output },
    supportedInputTypes: ['TEXT', 'IMAGE'],
    promptCaching: null,
    additionalModelRequestFieldsSchema: null,
  };
}

function thinkingSchema(maximum: number, isAlwaysShown: boolean) {
  const type = choice(['adaptive', 'disabled']);
  const efforts = EXTENDED_EFFORTS.filter((it) => !isAlwaysShown || it !== 'xhigh');
  const output_config = closedObject({ effort: { ...choice(efforts), default: 'high' } });
  if (isAlwaysShown) return closedObject({ thinking: closedObject({ type }), output_config });
  const thinking = closedObject({ type, display: choice(['summarized', 'omitted']) });
  return closedObject({ thinking, output_config, max_tokens: { type: 'integer', minimum: 1024, maximum } });
}

function closedObject(properties: object) {
  return { type: 'object', properties, additionalProperties: false };
}

function choice(values: readonly string[]) {
  return { type: 'string', enum: values };
}

const EXTENDED_EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'];

const MODELS: readonly CatalogueModel[] = [
  claude('auto', 1_000_000, 64_000, 1),
  claude('claude-sonnet-4', 200_000, 64_000, 1.3),
  claude('claude-sonnet-4.5', 200_000, 64_000, 1.3),
  claude('claude-sonnet-4.6', 1_000_000, 64_000, 1.3, 'shown'),
  claude('claude-sonnet-5', 1_000_000, 64_000, 1.3, 'on demand'),
  claude('claude-haiku-4.5', 200_000, 64_000, 0.4),
  claude('claude-opus-4.5', 200_000, 64_000, 2.2),
  claude('claude-opus-4.6', 1_000_000, 64_000, 2.2, 'shown'),
  claude('claude-opus-4.7', 1_000_000, 128_000, 2.2, 'on demand'),
  claude('claude-opus-4.8', 1_000_000, 128_000, 2.2, 'on demand'),
  claude('claude-opus-5', 1_000_000, 128_000, 2.2, 'on demand'),
  claude('claude-fable-5', 1_000_000, 64_000, 2.2, 'on demand'),
  gpt('gpt-5.6-sol', 2.4),
  gpt('gpt-5.6-terra', 1.2),
  gpt('gpt-5.6-luna', 0.6),
  openWeight('deepseek-3.2', 128_000, 0.25),
  openWeight('minimax-m2.5', 200_000, 0.25),
  openWeight('minimax-m2.1', 200_000, 0.15),
  openWeight('glm-5', 200_000, 0.5),
  openWeight('qwen3-coder-next', 256_000, 0.05),
];

const CLIENT_MODELS: readonly CatalogueModel[] = [
  claude('stub-model', 200_000, 64_000, 1),
  claude('gpt-4o', 128_000, 16_000, 1),
  ...['gpt-5', 'gpt-5.5', 'gpt-5-5', 'gpt-6.1-sol', 'gpt-6-1-sol'].map((id) => gpt(id, 1)),
  claude('claude-sonnet-4-5', 200_000, 64_000, 1.3),
  claude('claude-haiku-4-5', 200_000, 64_000, 0.4),
  ...['claude-opus-4-8', 'claude-opus-5.5', 'claude-opus-5-5'].map((id) =>
    claude(id, 1_000_000, 128_000, 2.2, 'on demand'),
  ),
  ...['claude-sonnet-5.5', 'claude-sonnet-5-5'].map((id) => claude(id, 1_000_000, 128_000, 1.3, 'on demand')),
  ...['claude-haiku-5.5', 'claude-haiku-5-5'].map((id) => claude(id, 200_000, 64_000, 0.4, 'on demand')),
];

/** The web search: JSON-RPC with a few plausible results. */
export function answerMcp(body: unknown): HttpReply {
  if (!isRecord(body) || body['jsonrpc'] !== '2.0') return failCall(null, -32_600, 'Invalid request');
  const id = body['id'] ?? null;
  switch (body['method']) {
    case 'initialize': {
      const serverInfo = { name: 'kiro-gateway-simulator', version: '1' };
      return succeed(id, { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo });
    }
    case 'notifications/initialized':
      return { status: 202, body: '' };
    case 'tools/list':
      return succeed(id, { tools: [SEARCH_TOOL] });
    case 'tools/call':
      return callSearch(id, body['params']);
    default:
      return failCall(id, -32_601, 'Method not found');
  }
}

function callSearch(id: unknown, parameters: unknown): HttpReply {
  const { name, arguments: input } = isRecord(parameters) ? parameters : {};
  if (name !== SEARCH_TOOL.name) return failCall(id, -32_602, `Unknown tool: ${String(name)}`);
  const query = isRecord(input) ? input['query'] : undefined;
  if (typeof query !== 'string' || query.trim() === '') return failCall(id, -32_602, 'The query is missing');
  return succeed(id, { isError: false, content: [{ type: 'text', text: JSON.stringify(search(query)) }] });
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

function succeed(id: unknown, result: object): HttpReply {
  return answerJson({ jsonrpc: '2.0', id, result });
}

function failCall(id: unknown, code: number, message: string): HttpReply {
  return answerJson({ jsonrpc: '2.0', id, error: { code, message } });
}

const QUERY = { type: 'object', properties: { query: { type: 'string' } }, required: ['query'] };
const SEARCH_TOOL = { name: 'web_search', description: 'Searches the web', inputSchema: QUERY };

const PLACES = [
  { domain: 'encyclopedia.example', title: 'An overview', snippet: 'What is generally known about' },
  { domain: 'news.example', title: 'The latest', snippet: 'This week brought news about' },
  { domain: 'guide.example', title: 'A practical guide', snippet: 'Step by step to' },
];

const PUBLISHED_AT_MS = Date.UTC(2026, 8, 1);
