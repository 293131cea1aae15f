/** The control plane: models, profiles and usage, the same in every binding. */
import type { Caller } from './access.js';
import type { CatalogueModel } from './catalogue.js';
import type { HttpReply } from './reply.js';
import { FAILURES } from './failures.js';
import { answerJson, refuse } from './http.js';
import { PROFILE_ARN } from './sign-in.js';
import { isRecord } from './shape.js';

export type ControlOperation = 'ListAvailableModels' | 'ListAvailableProfiles' | 'GetProfile' | 'GetUsageLimits';

export type ControlCall = {
  readonly operation: ControlOperation;
  /** The input, whether it came as a query or as a body. */
  readonly input: unknown;
  readonly caller: Caller;
};

/** The operation behind a REST path, old or new. */
export function findRestOperation(method: string, path: string): ControlOperation | undefined {
  return REST_OPERATIONS[`${method} ${path}`];
}

/** The operation behind an X-Amz-Target of the JSON 1.0 binding. */
export function findTargetOperation(target: string): ControlOperation | undefined {
  const [service = '', name = ''] = target.split('.');
  return SERVICES.has(service) ? OPERATIONS.find((operation) => operation === name) : undefined;
}

export function answerControl({ operation, input, caller }: ControlCall, models: readonly CatalogueModel[]): HttpReply {
  const fields = isRecord(input) ? input : {};
  switch (operation) {
    case 'ListAvailableModels':
      return listModels(fields, caller, models);
    case 'ListAvailableProfiles':
      return answerJson({ profiles: [PROFILE] });
    case 'GetProfile':
      return fields['profileArn'] === undefined ? refuse(FAILURES.profileInvalid) : answerJson({ profile: PROFILE });
    case 'GetUsageLimits':
      return answerJson(describeUsage(new Date()));
  }
}

function listModels(
  fields: Record<string, unknown>,
  { usesApiKey }: Caller,
  models: readonly CatalogueModel[],
): HttpReply {
  if (typeof fields['origin'] !== 'string') return refuse(FAILURES.improper);
  if (!usesApiKey && typeof fields['profileArn'] !== 'string') return refuse(FAILURES.profileInvalid);
  const from = readPageToken(fields['nextToken']);
  const size = Number(fields['maxResults'] ?? DEFAULT_PAGE_SIZE);
  if (from === undefined || from > models.length || !Number.isInteger(size) || size < 1)
    return refuse(FAILURES.improper);
  const isLast = from + size >= models.length;
  return answerJson({
    models: models.slice(from, from + size),
    defaultModel: models[0],
    ...(isLast ? {} : { nextToken: writePageToken(from + size) }),
  });
}

function writePageToken(from: number): string {
  return Buffer.from(`from:${from}`).toString('base64url');
}

function readPageToken(token: unknown): number | undefined {
  if (token === undefined || token === '') return 0;
  if (typeof token !== 'string') return undefined;
  const digits = /^from:(\d+)$/.exec(Buffer.from(token, 'base64url').toString())?.[1];
  return digits === undefined ? undefined : Number(digits);
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
const DEFAULT_PAGE_SIZE = 50;
const OPERATIONS = ['ListAvailableModels', 'ListAvailableProfiles', 'GetProfile', 'GetUsageLimits'] as const;
const SERVICES = new Set(['AmazonCodeWhispererService', 'KiroControlPlaneBearerService']);

const REST_OPERATIONS: Readonly<Record<string, ControlOperation>> = {
  'GET /ListAvailableModels': 'ListAvailableModels',
  'GET /List-Available-Models': 'ListAvailableModels',
  'POST /ListAvailableProfiles': 'ListAvailableProfiles',
  'POST /List-Available-Profiles': 'ListAvailableProfiles',
  'GET /getUsageLimits': 'GetUsageLimits',
  'GET /Get-Usage-Limits': 'GetUsageLimits',
};
