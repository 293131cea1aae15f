/** `doctor`: what could keep the gateway from working, or what happened in one turn, told to a person or in a report. */

import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

import { savePrivateFile } from '../auth/files.js';
import type { Context } from '../context.js';
import { GatewayError } from '../core/errors.js';
import { runsOf } from '../core/runs.js';
import { Secret } from '../core/secret.js';
import { type CommandOptions, loadSettings, type SettingName, type SettingOrigin, type Settings } from '../settings.js';
import { redact } from '../logger.js';
import { readProxyUrl } from '../proxy.js';
import { listCaptures, readCapture, shapeOf, type Capture, type CapturedEvent } from '../server/debug-files.js';
import { SETTINGS, type SettingRow } from '../settings-table.js';
import { harmless, type Terminal, writeTable } from '../terminal/terminal.js';
import type { Run } from './command.js';
import { examine, type Loaded } from './doctor-checks.js';
import { bad, explainTurn, typeOf, type Finding } from './doctor-turns.js';

export const doctor: Run = async ([id], options, context) => {
  const { terminal, version, machine } = context;
  const loaded = await loadSettingsBoldly(context, options);
  const { settings, paths } = loaded;
  const ids = await listCaptures(paths.state);
  const turn = id === undefined ? undefined : await readCapture(paths.state, id);
  if (id !== undefined && turn === undefined) throw notKept(id, ids);
  const isReport = options['report'] === true;
  const checks = turn === undefined || isReport ? await examine(context, options, loaded, ids) : [];
  // Hosts that were no longer waited for would count as broken.
  if (context.stopSignal().aborted) throw new GatewayError('cancelled', 'Stopped.');
  if (isReport) {
    const recent = ids.slice(0, MOST_TURNS).map((it) => readCapture(paths.state, it).catch(() => undefined));
    const turns = turn === undefined ? await Promise.all(recent) : [turn];
    const path = join(paths.state, 'doctor-report.md');
    await savePrivateFile(path, writeReport(context, loaded, { checks, turns }));
    await terminal.result(`${path}\n`);
    terminal.note('Texts stand in it as their lengths; have a look at it before you paste it into an issue.');
    return 0;
  }
  const { platform, versions } = process;
  const shown: Shown =
    turn === undefined
      ? { version, node: versions.node, platform, checks, settings: listSettings(settings) }
      : { request: id, checks: explainTurn(turn) };
  const json = JSON.stringify(shown, cleanerFor(machine.homeDirectory), 2);
  // The cast is the same value: only texts were changed.
  await terminal.result(options['json'] === true ? `${json}\n` : describe(JSON.parse(json) as Shown, terminal.style));
  const broken = checks.filter(({ state }) => state === 'bad');
  if (broken.length === 0) return 0;
  // A login that is missing or over is what scripts can mend; anything else that is broken is not.
  return broken.every(({ name }) => name === 'login') ? 4 : 1;
};

/** On one line, and without anybody's name or account: the home folder as `~`, account numbers as dots. */
function cleanerFor(homeDirectory: string): (key: string, value: unknown) => unknown {
  const home = homeDirectory.length > 1 ? homeDirectory : '~';
  return (_, value) => {
    if (typeof value !== 'string') return value;
    const line = harmless(value).replaceAll(/\s*\n\s*/g, ' ');
    return line.replaceAll(home, '~').replaceAll(/:\d{12}:/g, ':…:');
  };
}

/** @throws GatewayError `invalid-request` for a flag that is wrong, and for an env file that cannot be read. */
async function loadSettingsBoldly(context: Context, options: CommandOptions): Promise<Loaded> {
  const wrong = new Map<string, Finding>();
  const onWrong = (error: GatewayError): void => {
    if (error.message.startsWith('--')) throw error;
    const { param: name = '' } = error.facts;
    const fix = `Set ${name} as the sentence says, or take it out; until then no command works.`;
    wrong.set(name, bad('setting', error.message, fix));
  };
  const loaded = await loadSettings(context, options, { readsFolder: true, onWrong });
  return { ...loaded, wrong: [...wrong.values()] };
}

function notKept(id: string, [newest]: readonly string[]): GatewayError {
  const there = newest === undefined ? 'none is kept yet' : `the newest is ${newest}`;
  const message = `The turn ${JSON.stringify(id.slice(0, 80))} is not kept (${there}); set DEBUG_MODE=errors or all and ask again.`;
  return new GatewayError('invalid-request', message);
}

/** The command's JSON. */
type Shown = Readonly<Partial<Record<'version' | 'node' | 'platform' | 'request', string | undefined>>> & {
  readonly checks: readonly Finding[];
  readonly settings?: readonly SettingFact[];
};

function describe({ checks, settings }: Shown, style: Terminal['style']): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, state, found, fix }) => [
    `${style[COLOURS[state]](MARKS[state])} ${style.bold(name.padEnd(width))}  ${found}`,
    ...(fix === null ? [] : [`${' '.repeat(width + 4)}→ ${fix}`]),
  ]);
  if (settings === undefined) return [...lines, ''].join('\n');
  const rows = settings.map(({ name, value, origin }) => [name, value ?? '–', origin]);
  const columns = ['SETTING', 'VALUE', 'FROM'].map((title) => ({ title }));
  const count = (state: Finding['state']): number => checks.filter((it) => it.state === state).length;
  const sum = `${count('bad')} broken, ${count('warn')} doubtful, ${count('ok') + count('info')} fine`;
  return [...writeTable(columns, rows), '', ...lines, '', sum, ''].join('\n');
}

const MARKS = { ok: '✓', info: '·', warn: '!', bad: '✗' } as const;
const COLOURS = { ok: 'green', info: 'dim', warn: 'yellow', bad: 'red' } as const;

export type SettingFact = {
  readonly name: string;
  /** `set` for a secret, null for nothing. */
  readonly value: string | null;
  readonly origin: SettingOrigin;
};

/** Every setting, as a person would write it. */
function listSettings(settings: Settings): readonly SettingFact[] {
  // The cast is what `Object.keys` forgets.
  return (Object.keys(SETTINGS) as SettingName[]).map((name) => {
    return { name: SETTINGS[name].variable, value: textOf(settings[name]), origin: settings.origins[name] };
  });
}

function textOf(value: Settings[SettingName]): string | null {
  if (value === undefined) return null;
  if (value instanceof Secret) return 'set';
  return (value instanceof Map ? [...value].map((pair) => pair.join('=')) : [value]).join(',');
}

// --- the report, which is for strangers

function writeReport(
  context: Context,
  { settings, near }: Loaded,
  { checks, turns }: { readonly checks: readonly Finding[]; readonly turns: readonly (Capture | undefined)[] },
): string {
  const clean = createEraser(context, settings, checks, dirname(near.path));
  const report = {
    gateway: context.version,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    checks: checks.map(({ name, state, found }) => `${state} ${name}: ${clean(found)}`),
    settings: listOwnSettings(settings).map(withoutText),
    turns: turns.flatMap((it) => (it === undefined ? [] : [shapeOfTurn(it, clean)])),
  };
  for (;;) {
    const text = `kiro-gateway doctor --report\n\n\`\`\`json\n${JSON.stringify(report, undefined, 1)}\n\`\`\`\n`;
    if (text.length <= MOST_CHARACTERS || report.turns.pop() === undefined) return text;
  }
}

/** Those that somebody has set. */
function listOwnSettings(settings: Settings): readonly SettingFact[] {
  return listSettings(settings).filter(({ origin }) => origin !== 'default');
}

/** Values that are texts of the person's own are only said to be there. */
function withoutText({ name, value, origin }: SettingFact): SettingFact {
  const row = Object.values<SettingRow>(SETTINGS).find(({ variable }) => variable === name);
  const isChoice = /^(?:one of|true|false|always|a number|a whole|a size)/.test(row?.kind.accepts ?? '');
  return { name, value: value === null || isChoice ? value : 'set', origin };
}

function shapeOfTurn(capture: Capture, clean: (text: string) => string): object {
  const { client, attempts } = capture;
  // Messages quote what was wrong in a request.
  const bare = (text: string): string => clean(text).replaceAll(/(["'`])(?:(?!\1).){3,}\1/g, '$1…$1');
  return {
    id: client.id,
    findings: explainTurn(capture).map(({ name, state, found }) => `${state} ${name}: ${bare(found)}`),
    client: { headers: shapeOf(client.headers), body: shapeOf(client.body) },
    attempts: attempts.map(({ url, characters, body, status, events, text }) => {
      const { host, pathname } = new URL(url);
      const sent = { to: /\.(?:kiro\.dev|amazonaws\.com)$/.test(host) ? host + pathname : pathname, characters };
      return { ...sent, body: shapeOf(body), status, events: events && formsOf(events), text: text && shapeOf(text) };
    }),
  };
}

/** Of events of one type that follow each other the first, with their number. */
function formsOf(events: readonly CapturedEvent[]): readonly string[] {
  return runsOf(events, (it, first) => typeOf(it.headers) === typeOf(first.headers)).map((run) => {
    const [{ headers, payload }] = run;
    return `${run.length} ${typeOf(headers)} ${JSON.stringify(shapeOf(payload))}`;
  });
}

/** Names of people, machines, hosts and accounts, out of sentences that were made for the person alone. */
function createEraser(
  { machine: { env, homeDirectory } }: Context,
  settings: Settings,
  checks: readonly Finding[],
  folder: string,
): (text: string) => string {
  const words = new Map([
    [folder, '[folder]'],
    [homeDirectory, '~'],
  ]);
  for (const fact of listOwnSettings(settings)) {
    const { name, value } = fact;
    if (value === null || withoutText(fact).value === value) continue;
    words.set(value, `[${name}]`);
    if (URL.canParse(value)) words.set(new URL(value).host, '[host]');
  }
  for (const [name, value = ''] of Object.entries(env)) {
    const proxy = /_proxy$/i.test(name) ? readProxyUrl(value) : undefined;
    if (proxy !== undefined) words.set(proxy.host, '[proxy]');
  }
  const stores = checks.find(({ name }) => name === 'stores')?.found ?? '';
  for (const [, name = ''] of stores.matchAll(/(\S+) \([^()]*, (?:keychain|file)\)/g)) words.set(name, '[login]');
  words.set(basename(homeDirectory), '[user]').set(hostname(), '[machine]').delete('default');
  // Of two names, one of which is a part of the other, the longer one first.
  const known = [...words].filter(([word]) => word.length > 2).toSorted(([one], [other]) => other.length - one.length);
  return (text) => {
    const named = known.reduce((rest, [word, stand]) => rest.replaceAll(word, stand), text);
    return PRIVATE.reduce((rest, [pattern, stand]) => rest.replaceAll(pattern, stand), redact(named));
  };
}

const PRIVATE: readonly (readonly [RegExp, string])[] = [
  [/arn:aws[^\s"',;)]*/g, '[arn]'],
  [/\bprofile (?!none )[\w.-]+/g, 'profile [id]'],
  // A name begins where nothing of it stands before: otherwise a long one would be tried from each of its letters.
  [/(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g, '[e-mail]'],
  [/(?<![\w.-])[\w.-]+\.awsapps\.com/g, '[start-url]'],
  [/\b\d{12}\b/g, '[account]'],
];

const MOST_TURNS = 5;
/** What fits into an issue. */
const MOST_CHARACTERS = 60_000;
