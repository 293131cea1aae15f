/** The ledger's lines to sums: today, the last 30 days, and those by model and by session. */

import { rounded } from '../core/usage-limits.js';
import { dayOf, type LedgerEntry } from '../ledger.js';

export type Spent = {
  readonly today: Sum;
  readonly last30Days: Sum;
  /** Of the last 30 days, the dearest first. */
  readonly byModel: readonly NamedSum[];
  readonly bySession: readonly NamedSum[];
};

export type Sum = {
  readonly turns: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly credits: number;
};

export type NamedSum = Sum & { readonly name: string };

/** @param entries Those of the last 30 days. */
export function sumUp(entries: readonly LedgerEntry[], now: number): Spent {
  return {
    today: sumOf(entries.filter(({ time }) => dayOf(time) === dayOf(now))),
    last30Days: sumOf(entries),
    byModel: sumsBy(entries, ({ model }) => model),
    bySession: sumsBy(entries, ({ session, source }) => session ?? `(${source}, no session)`),
  };
}

function sumsBy(entries: readonly LedgerEntry[], nameOf: (entry: LedgerEntry) => string): readonly NamedSum[] {
  const groups = new Map<string, LedgerEntry[]>();
  for (const entry of entries) {
    const name = nameOf(entry);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [entry]);
    else group.push(entry);
  }
  return [...groups]
    .map(([name, group]) => ({ name, ...sumOf(group) }))
    .toSorted((a, b) => b.credits - a.credits || b.turns - a.turns);
}

function sumOf(entries: readonly LedgerEntry[]): Sum {
  const total = (pick: (entry: LedgerEntry) => number): number => entries.reduce((sum, it) => sum + pick(it), 0);
  return {
    turns: entries.length,
    inputTokens: total(({ inputTokens }) => inputTokens),
    outputTokens: total(({ outputTokens }) => outputTokens),
    credits: rounded(total(({ credits }) => credits ?? 0)),
  };
}
