/** The answer of GetUsageLimits to our words (protocol 8). */

import { Reader } from '../core/reader.js';
import type { Allowance, UsageLimits } from '../core/usage-limits.js';

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
