/** What Kiro tells of the account, as a page for people or JSON for scripts: `models`, and `usage` with the ledger. */

import { AWAY } from '../catalogue.js';
import type { Model } from '../core/conversation.js';
import { GatewayError, type ErrorKind } from '../core/errors.js';
import { rounded } from '../core/stream.js';
import { creditsInAll, type Allowance, type UsageLimits } from '../kiro/answers.js';
import { dayOf, type LedgerEntry } from '../ledger.js';
import { type Column, printable, type Terminal, writeBar, writeTable } from '../terminal/terminal.js';
import { withGateway, type Run } from './command.js';

export const models: Run = (_, options, context) =>
  withGateway(context, options, async ({ gateway }) => {
    const { terminal } = context;
    const list = await gateway.models(context.stopSignal());
    await terminal.result(options['json'] === true ? writeModelsJson(list) : writeModels(list, terminal));
    return 0;
  });

/** The default is marked with a star. A narrow terminal is not shown the columns that are missed least. */
function writeModels(models: readonly Model[], { columns, style }: Screen): string {
  const tables = ['', ...EXPENDABLE].map((_, count) => {
    const shown = COLUMNS.filter(({ title }) => !EXPENDABLE.slice(0, count).includes(title));
    const rows = models.map((model) => shown.map(({ cell }) => cell(model)));
    return writeTable(shown, rows);
  });
  const [head = '', ...lines] = fitting(columns, tables);
  const body = lines.map((line, at) => (models[at]?.isDefault === true ? style.bold(line) : line));
  return `${[style.dim(head), ...body].join('\n')}\n`;
}

type Style = Readonly<Record<'bold' | 'dim' | 'green' | 'yellow' | 'red', (text: string) => string>>;
type Screen = Pick<Terminal, 'columns'> & { readonly style: Style };

/** The first of the tables that the terminal is wide enough for, else the last. */
function fitting(columns: number | undefined, tables: readonly (readonly string[])[]): readonly string[] {
  return tables.find((table) => table.every(({ length }) => length <= (columns ?? Infinity))) ?? tables.at(-1) ?? [];
}

/** Field names are part of the command's contract; what is not known is null. */
function writeModelsJson(models: readonly Model[]): string {
  const list = models.map((model) => ({
    id: model.id,
    name: model.name,
    description: model.description ?? null,
    contextTokens: model.maxInputTokens,
    outputTokens: model.maxOutputTokens,
    inputs: model.inputs,
    efforts: model.efforts,
    creditRate: model.creditRate ?? null,
    isDefault: model.isDefault,
  }));
  return `${JSON.stringify(list, null, 2)}\n`;
}

type ModelColumn = Column & { readonly cell: (model: Model) => string };

/** `1000k` reads better than `1M` beside `200k`: the numbers stand in a column. */
function thousands(tokens: number): string {
  return tokens < 1000 ? String(tokens) : `${Math.round(tokens / 1000)}k`;
}

const COLUMNS: readonly ModelColumn[] = [
  { title: '  MODEL', cell: ({ id, isDefault }) => `${isDefault ? '*' : ' '} ${id}` },
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'CONTEXT', align: 'right', cell: ({ maxInputTokens }) => thousands(maxInputTokens) },
  { title: 'OUTPUT', align: 'right', cell: ({ maxOutputTokens }) => thousands(maxOutputTokens) },
  { title: 'CREDITS', align: 'right', cell: ({ creditRate }) => (creditRate === undefined ? '–' : `×${creditRate}`) },
  { title: 'INPUTS', cell: ({ inputs }) => inputs.join(', ') },
  { title: 'EFFORTS', cell: ({ efforts }) => efforts.join(' ') || '–' },
];

/** The first to go are the names, which say what the ids say. */
const EXPENDABLE = ['NAME', 'INPUTS', 'EFFORTS', 'OUTPUT'];

// --- usage

export const usage: Run = (_, options, context) =>
  withGateway(context, options, async ({ gateway, ledger, log }) => {
    const { terminal, now } = context;
    const limits = await gateway.usage(context.stopSignal()).catch((thrown: unknown) => {
      if (ledger === undefined || !(thrown instanceof GatewayError) || !SILENT.includes(thrown.kind)) throw thrown;
      terminal.note(log.clean(`Kiro did not say what the plan includes and how much of it is used: ${thrown.message}`));
      return undefined;
    });
    const entries = await ledger?.read(DAYS);
    const report = { limits, spent: entries && sumUp(entries, now()), now: now() };
    const isJson = options['json'] === true;
    await terminal.result(isJson ? writeUsageJson(report) : writeUsage(report, terminal));
    return limits === undefined ? 1 : 0;
  });

const DAYS = 30;

/** Then what this machine wrote down is still worth something; a dead login is for the person to mend first. */
const SILENT: readonly ErrorKind[] = [...AWAY, 'forbidden', 'quota-exhausted'];

type Spent = ReturnType<typeof sumUp>;
type Sum = ReturnType<typeof sumOf>;
type NamedSum = Sum & { readonly name: string };

/** @param entries Those of the last 30 days. The dearest models and sessions come first. */
export function sumUp(entries: readonly LedgerEntry[], now: number) {
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
    const group = groups.get(name) ?? [];
    groups.set(name, group);
    group.push(entry);
  }
  return [...groups]
    .map(([name, group]) => ({ name, ...sumOf(group) }))
    .toSorted((a, b) => b.credits - a.credits || b.turns - a.turns);
}

function sumOf(entries: readonly LedgerEntry[]) {
  const total = (pick: (entry: LedgerEntry) => number): number => entries.reduce((sum, it) => sum + pick(it), 0);
  return {
    turns: entries.length,
    inputTokens: total(({ inputTokens }) => inputTokens),
    outputTokens: total(({ outputTokens }) => outputTokens),
    credits: rounded(total(({ credits }) => credits ?? 0)),
  };
}

export type UsageReport = {
  /** Undefined when Kiro did not say. */
  readonly limits: UsageLimits | undefined;
  /** Undefined where nothing is written down: with `--demo`. */
  readonly spent: Spent | undefined;
  /** Unix time in milliseconds. */
  readonly now: number;
};

export function writeUsage({ limits, spent, now }: UsageReport, screen: Screen): string {
  const plan = limits === undefined ? [] : [planLines(limits, now, screen.style)];
  const ours = spent === undefined ? [] : [writeSpent(spent, screen)];
  return `${[...plan, ...ours].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function planLines(limits: UsageLimits, now: number, style: Style): readonly string[] {
  const { used, limit, left } = creditsInAll(limits, now);
  const { trial, bonuses, resetsAt } = limits;
  const bar = colourOf(left, limit, style)(writeBar(used, limit, BAR_WIDTH));
  return [
    ['plan', style.bold(printable(limits.plan ?? 'unknown'))],
    ['credits', `${bar} ${number(used)} of ${number(limit)} used, ${style.bold(number(left))} left`],
    ...(trial === undefined ? [] : [['trial', allowance(trial)]]),
    ...bonuses.map((bonus) => ['bonus', printable(`${bonus.name}: ${allowance(bonus)}`)]),
    ['overage', overage(limits.overage)],
    ...(resetsAt === undefined ? [] : [['resets', `${dayOf(resetsAt)}${inDays(resetsAt, now)}`]]),
  ].map(([name = '', value = '']) => `${name.padEnd(8)} ${value}`);
}

/** Field names are part of the command's contract; what is not known is null, and times are ISO 8601. */
export function writeUsageJson({ limits, spent, now }: UsageReport): string {
  const factsOf = (allowance: Allowance) => ({ ...allowance, expiresAt: isoTime(allowance.expiresAt) });
  const facts = {
    plan: limits?.plan,
    credits: limits && creditsInAll(limits, now),
    base: limits && { used: limits.base.used, limit: limits.base.limit },
    trial: limits?.trial && factsOf(limits.trial),
    bonuses: limits?.bonuses.map(factsOf),
    overage: limits?.overage,
    resetsAt: isoTime(limits?.resetsAt),
    gateway: spent,
  };
  return `${JSON.stringify(facts, (_, value: unknown) => value ?? null, 2)}\n`;
}

function writeSpent({ today, last30Days, byModel, bySession }: Spent, screen: Screen): readonly string[] {
  if (last30Days.turns === 0) return ['This gateway has answered nothing in the last 30 days.'];
  const rows = Object.entries({ today, 'last 30 days': last30Days }).map(([name, sum]) => [name, ...sumCells(sum)]);
  const [head = '', ...lines] = writeTable([{ title: 'THIS GATEWAY' }, ...SUM_COLUMNS], rows);
  const charts = [
    writeChart('BY MODEL, 30 DAYS', byModel, screen),
    writeChart('BY SESSION, 30 DAYS', bySession, screen),
  ];
  return [screen.style.dim(head), ...lines, ...charts.flatMap((chart) => ['', ...chart])];
}

/** The dearest few; the rest is one line. The bars are for terminals that have room for them. */
function writeChart(title: string, sums: readonly NamedSum[], { columns, style }: Screen): readonly string[] {
  const most = Math.max(...sums.map(({ credits }) => credits));
  const rows = sums
    .slice(0, MAX_ROWS)
    .map((sum) => [shortened(sum.name), ...sumCells(sum), writeBar(sum.credits, most, CHART_WIDTH)]);
  const cells = [{ title }, ...SUM_COLUMNS];
  const [head = '', ...lines] = fitting(columns, [
    writeTable([...cells, { title: '' }], rows),
    writeTable(cells, rows),
  ]);
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

function overage({ isEnabled, used, cap, charges, currency }: UsageLimits['overage']): string {
  if (!isEnabled && used === 0) return 'off';
  return `${isEnabled ? 'on' : 'off'}, ${number(used)} of ${number(cap)} used, ${charges.toFixed(2)} ${printable(currency)}`;
}

function inDays(time: number, now: number): string {
  const days = Math.ceil((time - now) / 86_400_000);
  return days < 1 ? '' : ` (in ${days} ${days === 1 ? 'day' : 'days'})`;
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
  // Null, too, for a time that no calendar has.
  return time === undefined ? null : new Date(time).toJSON();
}

/** Names of sessions are the clients', and may be anything. */
function shortened(name: string): string {
  const plain = name.replaceAll(/[^\x20-\x7e]/g, '?');
  return plain.length > MAX_NAME_LENGTH ? `${plain.slice(0, MAX_NAME_LENGTH - 1)}…` : plain;
}

const SUM_COLUMNS = ['TURNS', 'TOKENS IN', 'TOKENS OUT', 'CREDITS'].map(
  (title) => ({ title, align: 'right' }) as const,
);
const BAR_WIDTH = 24;
const CHART_WIDTH = 16;
const MAX_ROWS = 8;
const MAX_NAME_LENGTH = 36;
