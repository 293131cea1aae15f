/** What `serve` shows: where it is and how clients reach it, then a line a request, and those that are under way. */

import type { SessionFacts } from '../auth/session.js';
import { type Logger, placeTime } from '../logger.js';
import type { RequestFacts, RequestRecord, RequestWatch } from '../server/request-log.js';
import type { Terminal } from '../terminal/terminal.js';

export type StartFacts = {
  readonly host: string;
  readonly port: number;
  readonly isSimulator: boolean;
  readonly version: string;
  /** Undefined where nobody but a person should see it. */
  readonly shownKey: string | undefined;
  /** Where the key is kept; undefined when the person set it. */
  readonly keyFile: string | undefined;
  readonly login: SessionFacts;
  /** How many models the account has; undefined when Kiro did not say. */
  readonly count: number | undefined;
};

type Style = Readonly<Record<'bold' | 'dim' | 'yellow', (text: string) => string>>;

/** A person gets lines to copy; a pipe gets the same facts without the key. */
export function describeStart(facts: StartFacts, style: Style): string {
  const url = `http://${urlHost(facts.host)}:${facts.port}`;
  const key = facts.shownKey ?? (facts.keyFile === undefined ? 'the value of PROXY_API_KEY' : `in ${facts.keyFile}`);
  const lines = [
    `${style.bold(`kiro-gateway ${facts.version}`)} listens on ${style.bold(url)}`,
    ...(facts.isSimulator ? [style.yellow('SIMULATOR: answers are made up, no Kiro account is used.')] : []),
    `login   ${facts.login.account}, from ${facts.login.source}`,
    `models  ${facts.count ?? 'unknown for now'}`,
    `key     ${key}`,
  ];
  if (facts.shownKey === undefined) return `${lines.join('\n')}\n`;
  return `${[...lines, '', ...clientLines(url, facts.shownKey, style)].join('\n')}\n\n`;
}

/** The same for a log in JSON. */
export function startEntry({ host, port, version, ...facts }: StartFacts) {
  const url = `http://${urlHost(host)}:${port}`;
  const { isSimulator, keyFile, login, count: models } = facts;
  const told = { url, login: login.account, loginSource: login.source, models, keyFile, isSimulator };
  return { message: `kiro-gateway ${version} listens on ${url}`, facts: told };
}

export type BoardDependencies = {
  readonly terminal: Pick<Terminal, 'log' | 'talkStyle' | 'talkColumns'> & {
    readonly live: NonNullable<Terminal['live']>;
  };
  readonly log: Pick<Logger, 'clean'>;
  /** Only what failed gets a line. */
  readonly isQuiet: boolean;
  /** Unix time in milliseconds. */
  readonly now: () => number;
};

/** For a person: those under way at the bottom, and a line for each that is over. */
export function createBoard({ terminal, log, isQuiet, now }: BoardDependencies): RequestWatch {
  const running = new Set<RequestFacts>();
  const draw = (): readonly string[] => {
    const lines = [...running].slice(0, MAX_RUNNING).map((it) => log.clean(runningLine(it, now())));
    return running.size > MAX_RUNNING ? [...lines, `  … and ${running.size - MAX_RUNNING} more`] : lines;
  };
  return {
    began(request) {
      running.add(request);
      terminal.live.show(draw);
    },
    ended(request, record) {
      running.delete(request);
      const line = requestLine(record, { clean: log.clean, columns: terminal.talkColumns(), time: now() });
      const { mark, rest } = line;
      const { dim, green, red, yellow } = terminal.talkStyle;
      const colour = record.error !== undefined ? red : record.clientLeft === true ? yellow : green;
      // An empty text still takes the request off the lines that are shown.
      const text = `${dim(line.time)} ${colour(mark)} ${record.error === undefined ? rest : red(rest)}\n`;
      terminal.log(isQuiet && record.error === undefined ? '' : text);
    },
  };
}

/** `15:04:05 ✓ messages  claude-sonnet-4.5  0.8s  12.3s  1.2k→80  0.021  stop`, in columns and cut to the terminal; what went wrong is told whole. */
export function requestLine(
  record: RequestRecord,
  { clean, columns = Infinity, time }: { clean: (text: string) => string; columns?: number | undefined; time: number },
) {
  const { firstEventMs, inputTokens, outputTokens, credits } = record;
  const cost =
    inputTokens === undefined
      ? []
      : [`${thousands(inputTokens)}→${thousands(outputTokens ?? 0)}`.padStart(11), String(credits ?? '–').padStart(7)];
  const cells = [...nameCells(record), firstCell(firstEventMs), seconds(record.totalMs), ...cost, ` ${endOf(record)}`];
  const mark = record.error !== undefined ? '✗' : record.clientLeft === true ? '–' : '✓';
  // The time and the mark stand before it.
  const width = record.error === undefined ? Math.max(1, columns - 12) : Infinity;
  const line = clean(printable(cells.join(' ')));
  return { time: placeTime(time), mark, rest: line.length > width ? `${line.slice(0, width - 1)}…` : line };
}

export function runningLine(request: RequestFacts, now: number): string {
  const { startedAt, firstEventAt } = request;
  const first = firstCell(firstEventAt === undefined ? undefined : firstEventAt - startedAt);
  // Whole seconds, so that the line changes once in each.
  const total = `${Math.floor((now - startedAt) / 1000)}s`.padStart(6);
  const told = firstEventAt === undefined ? 'waiting' : 'answering';
  return printable(`         … ${nameCells(request).join(' ')} ${first} ${total}  ${told}`);
}

function firstCell(milliseconds: number | undefined): string {
  return milliseconds === undefined ? ' '.repeat(6) : seconds(milliseconds);
}

function nameCells({ method, path, model = '' }: RequestFacts | RequestRecord): readonly string[] {
  const route = path.startsWith('/v1/') ? path.slice('/v1/'.length) : path;
  return [fit(method === 'POST' ? route : `${method} ${route}`, 16), fit(model, 17)];
}

/** What a refused request is told, or how the answer ended, or the status where there was no turn. */
function endOf({ error, errorMessage, clientLeft, finishReason, status }: RequestRecord): string {
  if (error !== undefined) return `${status} ${error}: ${errorMessage}`;
  return clientLeft === true ? 'the client left' : (finishReason ?? String(status));
}

function fit(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}

/** `0.8s`, `12.3s`, `245s`, in a column. */
function seconds(milliseconds: number): string {
  const value = milliseconds / 1000;
  return `${value.toFixed(value < 99.95 ? 1 : 0)}s`.padStart(6);
}

/** `950`, `1.2k`, `123k`, `1.2M`. */
function thousands(count: number): string {
  if (count < 1000) return String(count);
  const [unit, name] = count < 999_500 ? ([1000, 'k'] as const) : ([1_000_000, 'M'] as const);
  const value = count / unit;
  return `${value.toFixed(value < 9.95 ? 1 : 0)}${name}`;
}

/** Paths and models are the clients' words; a terminal obeys control characters, and wide ones spoil the columns. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e…→✓✗–‘’“”]/g, '?');
}

const MAX_RUNNING = 8;

function clientLines(url: string, key: string, { dim }: Style): readonly string[] {
  return [
    dim('# curl'),
    `curl ${url}/v1/chat/completions -H 'Content-Type: application/json' \\`,
    `  -H 'Authorization: Bearer ${key}' \\`,
    `  -d '{"model":"auto","messages":[{"role":"user","content":"hi"}]}'`,
    dim('# OpenAI SDK'),
    `export OPENAI_BASE_URL=${url}/v1 OPENAI_API_KEY=${key}`,
    dim('# Claude Code'),
    `export ANTHROPIC_BASE_URL=${url} ANTHROPIC_MODEL=${MODELS.main} \\`,
    `  ANTHROPIC_AUTH_TOKEN=${key} \\`,
    `  ANTHROPIC_DEFAULT_OPUS_MODEL=${MODELS.opus} ANTHROPIC_DEFAULT_SONNET_MODEL=${MODELS.main} \\`,
    `  ANTHROPIC_DEFAULT_HAIKU_MODEL=${MODELS.haiku}`,
  ];
}

/** Names that Kiro has; Claude Code's own defaults would be its first 404. */
const MODELS = { main: 'claude-sonnet-4.5', opus: 'claude-opus-4.5', haiku: 'claude-haiku-4.5' };

/** A client on this machine reaches an any-address through loopback. */
export function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
