/** What Kiro answers besides chat: profiles, credits, and searches of the web. */

import type { SearchResult } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import { parseJson, Reader } from '../core/reader.js';
import { rounded } from '../core/stream.js';
import { isProfileArn } from './calls.js';
import type { Page } from './models.js';

export type Profile = { readonly arn: string; readonly name: string };

/** @throws GatewayError `upstream-protocol` when the answer has another shape. */
export function readProfilePage(answer: unknown): Page<Profile> {
  const reader = new Reader(answer, 'upstream-protocol', 'ListAvailableProfiles');
  const profiles = reader.get('profiles').array();
  return {
    items: profiles
      .map((it) => ({ arn: it.get('arn').string(), name: it.optional('profileName')?.string() ?? '' }))
      .filter(({ arn }) => isProfileArn(arn)),
    nextToken: reader.optional('nextToken')?.string() || undefined,
  };
}

/** Everything that counts at the moment, without the overage: an allowance that has expired gives nothing more. */
export function creditsInAll(limits: UsageLimits, now: number): { used: number; limit: number; left: number } {
  const isInForce = ({ expiresAt }: Allowance): boolean => expiresAt === undefined || expiresAt > now;
  const all = [limits.base, limits.trial, ...limits.bonuses].filter((it) => it !== undefined).filter(isInForce);
  const used = all.reduce((sum, it) => sum + it.used, 0);
  const limit = all.reduce((sum, it) => sum + it.limit, 0);
  return { used: rounded(used), limit: rounded(limit), left: rounded(Math.max(0, limit - used)) };
}

/** What the account's plan gives and what of it is spent. Credits; times are unix times in milliseconds. */
export type UsageLimits = ReturnType<typeof readUsageLimits>;

export type Allowance = ReturnType<typeof readAllowance>;

/** @throws GatewayError `upstream-protocol` when the answer has another shape. */
export function readUsageLimits(answer: unknown) {
  const reader = new Reader(answer, 'upstream-protocol', 'GetUsageLimits');
  const credits = creditsRow(reader);
  const trial = credits.optional('freeTrialInfo');
  return {
    /** As Kiro calls it: `KIRO PRO`. */
    plan: reader.optional('subscriptionInfo')?.optional('subscriptionTitle')?.string(),
    /** What the plan itself gives until the reset. */
    base: readAllowance(credits, 'plan'),
    /** Only while it lasts, and those that are in force. */
    trial: trial && isActive(trial, 'freeTrialStatus') ? readAllowance(trial, 'trial', 'freeTrialExpiry') : undefined,
    bonuses: credits
      .list('bonuses')
      .filter((it) => isActive(it, 'status'))
      .map((it) => {
        const name = it.optional('displayName') ?? it.optional('bonusCode');
        return readAllowance(it, name?.string() ?? 'bonus', 'expiresAt');
      }),
    /** What may be used beyond the allowances, for money: one credit's `rate`, and so far, in `currency`. */
    overage: {
      isEnabled: reader.optional('overageConfiguration')?.optional('overageStatus')?.string() === 'ENABLED',
      used: readNumber(credits, 'currentOverages') ?? 0,
      cap: readNumber(credits, 'overageCap') ?? 0,
      rate: readNumber(credits, 'overageRate'),
      charges: readNumber(credits, 'overageCharges') ?? 0,
      currency: credits.optional('currency')?.string() ?? 'USD',
    },
    resetsAt: readTime(credits, 'nextDateReset') ?? readTime(reader, 'nextDateReset'),
  };
}

/** Only the row of credits matters for chat; an account that has none is told by its first row. */
function creditsRow(reader: Reader): Reader {
  const rows = reader.list('usageBreakdownList');
  const credits = rows.find((it) => it.optional('resourceType')?.value === 'CREDIT');
  const row = credits ?? rows[0] ?? reader.get('usageBreakdown');
  row.object();
  return row;
}

function readAllowance(row: Reader, name: string, expiry?: string) {
  const expiresAt = expiry === undefined ? undefined : readTime(row, expiry);
  return { name, used: readNumber(row, 'currentUsage') ?? 0, limit: readNumber(row, 'usageLimit') ?? 0, expiresAt };
}

/** Whole numbers come twice; the other one has the fraction. */
function readNumber(row: Reader, name: string): number | undefined {
  return (row.optional(`${name}WithPrecision`) ?? row.optional(name))?.number();
}

/** Kiro says seconds. */
function readTime(row: Reader, name: string): number | undefined {
  const milliseconds = Math.round((row.optional(name)?.number() ?? Number.NaN) * 1000);
  return isDate(milliseconds) ? milliseconds : undefined;
}

function isActive(row: Reader, field: string): boolean {
  return (row.optional(field)?.string() ?? 'ACTIVE') === 'ACTIVE';
}

/** @throws GatewayError `upstream-protocol` when there are no results to read; finding nothing is none. */
export function readWebSearch(answer: unknown): readonly SearchResult[] {
  const reader = new Reader(answer, 'upstream-protocol', 'web search');
  const error = reader.optional('error')?.optional('message');
  if (error !== undefined) throw searchFailed(error.string());
  const result = reader.get('result');
  const text = result
    .get('content')
    .array()
    .map((part) => part.textIfAny('text') ?? '')
    .join('');
  if (result.optional('isError')?.boolean() === true) throw searchFailed(text);
  const parsed = parseJson(text);
  if (parsed === undefined) throw searchFailed('its results are not JSON.');
  const found = new Reader(parsed, 'upstream-protocol', 'web search results');
  const results = found.list('results');
  const failure = found.optional('error')?.string();
  if (results.length === 0 && failure !== undefined) throw searchFailed(failure);
  // What is odd about one result must not cost the others.
  return results.flatMap((it) => {
    const url = it.textIfAny('url') ?? '';
    if (!/^https?:\/\//i.test(url)) return [];
    const publishedAt = it.optional('publishedDate')?.value;
    return [
      {
        title: it.textIfAny('title') ?? url,
        url,
        snippet: it.textIfAny('snippet') ?? '',
        publishedAt: typeof publishedAt === 'number' && isDate(publishedAt) ? publishedAt : undefined,
      },
    ];
  });
}

function searchFailed(why: string): GatewayError {
  return new GatewayError('upstream-protocol', `Kiro's web search failed: ${why.slice(0, 200)}`);
}

function isDate(milliseconds: number): boolean {
  return !Number.isNaN(new Date(milliseconds).getTime());
}
