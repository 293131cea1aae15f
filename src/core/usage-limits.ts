/** What the account's plan gives and what of it is spent. Credits; times are unix times in milliseconds. */

export type UsageLimits = {
  /** As Kiro calls it: `KIRO PRO`. */
  readonly plan: string | undefined;
  /** What the plan itself gives until the reset. */
  readonly base: Allowance;
  /** Only while it lasts. */
  readonly trial: Allowance | undefined;
  /** Those that are in force. */
  readonly bonuses: readonly Allowance[];
  readonly overage: Overage;
  readonly resetsAt: number | undefined;
};

export type Allowance = {
  readonly name: string;
  readonly used: number;
  readonly limit: number;
  readonly expiresAt: number | undefined;
};

/** What may be used beyond the allowances, for money. */
export type Overage = {
  readonly isEnabled: boolean;
  readonly used: number;
  readonly cap: number;
  /** Money for one credit, and so far, in `currency`. */
  readonly rate: number | undefined;
  readonly charges: number;
  readonly currency: string;
};

/** Everything that counts at the moment, without the overage: an allowance that has expired gives nothing more. */
export function creditsInAll(limits: UsageLimits, now: number): { used: number; limit: number; left: number } {
  const isInForce = ({ expiresAt }: Allowance): boolean => expiresAt === undefined || expiresAt > now;
  const extra = [...(limits.trial === undefined ? [] : [limits.trial]), ...limits.bonuses].filter(isInForce);
  const all = [limits.base, ...extra];
  const used = all.reduce((sum, it) => sum + it.used, 0);
  const limit = all.reduce((sum, it) => sum + it.limit, 0);
  return { used: rounded(used), limit: rounded(limit), left: rounded(Math.max(0, limit - used)) };
}

/** Sums of binary fractions have tails like 0.30000000000000004. */
export function rounded(credits: number): number {
  return Math.round(credits * 1e6) / 1e6;
}
