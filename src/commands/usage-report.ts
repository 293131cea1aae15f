/** Credits and the ledger as a page for people and as JSON for scripts. */

import { creditsInAll, type Allowance, type UsageLimits } from '../core/usage-limits.js';
import { dayOf } from '../ledger.js';
import { writeBar, writeTable } from '../terminal/table.js';
import type { NamedSum, Spent, Sum } from './usage-sums.js';

export type UsageReport = {
  readonly limits: UsageLimits;
  /** Undefined where nothing is written down: with `--demo`. */
  readonly spent: Spent | undefined;
  /** Unix time in milliseconds. */
  readonly now: number;
};

type Style = Readonly<Record<'bold' | 'dim' | 'green' | 'yellow' | 'red', (text: string) => string>>;

export function writeUsage({ limits, spent, now }: UsageReport, style: Style): string {
  const { used, limit, left } = creditsInAll(limits, now);
  const { trial, bonuses, resetsAt } = limits;
  const bar = colourOf(left, limit, style)(writeBar(used, limit, BAR_WIDTH));
  const lines = [
    ['plan', style.bold(limits.plan ?? 'unknown')],
    ['credits', `${bar} ${number(used)} of ${number(limit)} used, ${style.bold(number(left))} left`],
    ...(trial === undefined ? [] : [['trial', allowance(trial)]]),
    ...bonuses.map((bonus) => ['bonus', `${bonus.name}: ${allowance(bonus)}`]),
    ['overage', overage(limits.overage)],
    ...(resetsAt === undefined ? [] : [['resets', `${dayOf(resetsAt)}${inDays(resetsAt, now)}`]]),
  ].map(([name = '', value = '']) => `${name.padEnd(8)} ${value}`);
  const page = spent === undefined ? lines : [...lines, '', ...writeSpent(spent, style)];
  return `${page.join('\n')}\n`;
}

/** Field names are part of the command's contract; what is not known is null, and times are ISO 8601. */
export function writeUsageJson({ limits, spent, now }: UsageReport): string {
  const { plan, base, trial, bonuses, overage: beyond, resetsAt } = limits;
  const facts = {
    plan: plan ?? null,
    credits: creditsInAll(limits, now),
    base: { used: base.used, limit: base.limit },
    trial: trial === undefined ? null : allowanceFacts(trial),
    bonuses: bonuses.map(allowanceFacts),
    overage: { ...beyond, rate: beyond.rate ?? null },
    resetsAt: isoTime(resetsAt),
    gateway: spent ?? null,
  };
  return `${JSON.stringify(facts, null, 2)}\n`;
}

function writeSpent({ today, last30Days, byModel, bySession }: Spent, style: Style): readonly string[] {
  if (last30Days.turns === 0) return ['This gateway has answered nothing in the last 30 days.'];
  const rows = [
    ['today', ...sumCells(today)],
    ['last 30 days', ...sumCells(last30Days)],
  ];
  const [head = '', ...lines] = writeTable([{ title: 'THIS GATEWAY' }, ...SUM_COLUMNS], rows);
  return [
    style.dim(head),
    ...lines,
    '',
    ...writeChart('BY MODEL, 30 DAYS', byModel, style),
    '',
    ...writeChart('BY SESSION, 30 DAYS', bySession, style),
  ];
}

/** The dearest few; the rest is one line. */
function writeChart(title: string, sums: readonly NamedSum[], style: Style): readonly string[] {
  const most = Math.max(...sums.map(({ credits }) => credits));
  const rows = sums
    .slice(0, MAX_ROWS)
    .map((sum) => [shortened(sum.name), ...sumCells(sum), writeBar(sum.credits, most, CHART_WIDTH)]);
  const [head = '', ...lines] = writeTable([{ title }, ...SUM_COLUMNS, { title: '' }], rows);
  const rest = sums.length - rows.length;
  return [style.dim(head), ...lines, ...(rest > 0 ? [style.dim(`and ${rest} more`)] : [])];
}

function sumCells({ turns, inputTokens, outputTokens, credits }: Sum): readonly string[] {
  return [turns, inputTokens, outputTokens, credits].map(number);
}

function allowance({ used, limit, expiresAt }: Allowance): string {
  const until = expiresAt === undefined ? '' : `, until ${dayOf(expiresAt)}`;
  return `${number(used)} of ${number(limit)} used${until}`;
}

function allowanceFacts({ name, used, limit, expiresAt }: Allowance): object {
  return { name, used, limit, expiresAt: isoTime(expiresAt) };
}

function overage({ isEnabled, used, cap, charges, currency }: UsageLimits['overage']): string {
  if (!isEnabled && used === 0) return 'off';
  return `${isEnabled ? 'on' : 'off'}, ${number(used)} of ${number(cap)} used, ${charges.toFixed(2)} ${currency}`;
}

function inDays(time: number, now: number): string {
  const days = Math.ceil((time - now) / DAY_MS);
  if (days < 1) return '';
  return days === 1 ? ' (in 1 day)' : ` (in ${days} days)`;
}

/** Red when little is left: scripts and people look at the colour first. */
function colourOf(left: number, limit: number, style: Style): (text: string) => string {
  if (left <= limit * 0.1) return style.red;
  return left <= limit * 0.3 ? style.yellow : style.green;
}

/** At most two decimals, and thousands apart: `12,345.67`. */
function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 2 });
}

function isoTime(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}

/** Names of sessions are the clients', and may be anything. */
function shortened(name: string): string {
  const printable = name.replaceAll(/[^\x20-\x7e]/g, '?');
  return printable.length > MAX_NAME_LENGTH ? `${printable.slice(0, MAX_NAME_LENGTH - 1)}…` : printable;
}

const SUM_COLUMNS = ['TURNS', 'TOKENS IN', 'TOKENS OUT', 'CREDITS'].map(
  (title) => ({ title, align: 'right' }) as const,
);
const DAY_MS = 86_400_000;
const BAR_WIDTH = 24;
const CHART_WIDTH = 16;
const MAX_ROWS = 8;
const MAX_NAME_LENGTH = 36;
