/** What Kiro answers besides chat: profiles, credits, and searches of the web. */

import { Reader } from '../core/reader.js';
import { isProfileArn } from './calls.js';
import type { Allowance, UsageLimits } from '../core/usage-limits.js';
import { GatewayError } from '../core/errors.js';
import type { SearchResult } from '../core/conversation.js';

export type Profile = { readonly arn: string; readonly name: string };

export type ProfilePage = { readonly profiles: readonly Profile[]; readonly nextToken: string | undefined };

/** @throws GatewayError `upstream-protocol` when the answer has another shape. */
export function readProfilePage(answer: unknown): ProfilePage {
  const reader = new Reader(answer, 'upstream-protocol', 'ListAvailableProfiles');
  const profiles = reader
    .get('profiles')
    .array()
    .map((it) => ({ arn: it.get('arn').string(), name: it.optional('profileName')?.string() ?? '' }))
    .filter(({ arn }) => isProfileArn(arn));
  return { profiles, nextToken: reader.optional('nextToken')?.string() || undefined };
}

/** @throws GatewayError `upstream-protocol` when the answer has another shape. */
export function readUsageLimits(answer: unknown): UsageLimits {
  const reader = new Reader(answer, 'upstream-protocol', 'GetUsageLimits');
  const credits = creditsRow(reader);
  const trial = credits.optional('freeTrialInfo');
  const bonuses = credits.optional('bonuses')?.array() ?? [];
  return {
    plan: reader.optional('subscriptionInfo')?.optional('subscriptionTitle')?.string(),
    base: { name: 'plan', ...readAmounts(credits), expiresAt: undefined },
    trial: trial !== undefined && isActive(trial, 'freeTrialStatus') ? readTrial(trial) : undefined,
    bonuses: bonuses.filter((it) => isActive(it, 'status')).map(readBonus),
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
  const rows = reader.optional('usageBreakdownList')?.array() ?? [];
  const row = rows.find((it) => it.optional('resourceType')?.value === 'CREDIT') ?? rows[0];
  if (row !== undefined) return row;
  const only = reader.get('usageBreakdown');
  only.object();
  return only;
}

function readTrial(trial: Reader): Allowance {
  return { name: 'trial', ...readAmounts(trial), expiresAt: readTime(trial, 'freeTrialExpiry') };
}

function readBonus(bonus: Reader): Allowance {
  const name = bonus.optional('displayName') ?? bonus.optional('bonusCode');
  return { name: name?.string() ?? 'bonus', ...readAmounts(bonus), expiresAt: readTime(bonus, 'expiresAt') };
}

function readAmounts(row: Reader): { used: number; limit: number } {
  return { used: readNumber(row, 'currentUsage') ?? 0, limit: readNumber(row, 'usageLimit') ?? 0 };
}

/** Whole numbers come twice; the other one has the fraction. */
function readNumber(row: Reader, name: string): number | undefined {
  return (row.optional(`${name}WithPrecision`) ?? row.optional(name))?.number();
}

/** Kiro says seconds. */
function readTime(row: Reader, name: string): number | undefined {
  const seconds = row.optional(name)?.number();
  return seconds === undefined ? undefined : Math.round(seconds * 1000);
}

function isActive(row: Reader, field: string): boolean {
  return (row.optional(field)?.string() ?? 'ACTIVE') === 'ACTIVE';
}

/** @throws GatewayError `upstream-protocol` when there are no results to read; finding nothing is none. */
export function readWebSearch(answer: unknown): readonly SearchResult[] {
  const reader = new Reader(answer, 'upstream-protocol', 'web search');
  const error = reader.optional('error')?.optional('message');
  if (error !== undefined) throw new GatewayError('upstream-protocol', `Kiro's web search failed: ${error.string()}`);
  const result = reader.get('result');
  const text = result
    .get('content')
    .array()
    .map((part) => part.optional('text')?.string() ?? '')
    .join('');
  if (result.optional('isError')?.boolean() === true) {
    throw new GatewayError('upstream-protocol', `Kiro's web search failed: ${text.slice(0, 200)}`);
  }
  const found = new Reader(parse(text), 'upstream-protocol', 'web search results');
  const results = found.optional('results')?.array() ?? [];
  const failure = found.optional('error')?.string();
  if (results.length === 0 && failure !== undefined) {
    throw new GatewayError('upstream-protocol', `Kiro's web search failed: ${failure.slice(0, 200)}`);
  }
  return results.flatMap((it) => {
    const url = it.optional('url')?.string() ?? '';
    if (!/^https?:\/\//i.test(url)) return [];
    const publishedAt = it.optional('publishedDate')?.value;
    return [
      {
        title: it.optional('title')?.string() ?? url,
        url,
        snippet: it.optional('snippet')?.string() ?? '',
        publishedAt: typeof publishedAt === 'number' && isDate(publishedAt) ? publishedAt : undefined,
      },
    ];
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new GatewayError('upstream-protocol', "Kiro's web search answered with something else than JSON.", { cause });
  }
}

function isDate(milliseconds: number): boolean {
  return !Number.isNaN(new Date(milliseconds).getTime());
}
