/** `serve`: the gateway as a server until somebody stops it, and what it shows meanwhile. */

import { once } from 'node:events';

import type { Context } from '../context.js';
import { placeTime } from '../logger.js';
import type { OpenedGateway } from '../open-gateway.js';
import { gatewayKey, type GatewayKey } from '../server/access.js';
import {
  logRequests,
  lostOf,
  type RequestFacts,
  type RequestRecord,
  type RequestWatch,
} from '../server/request-log.js';
import type { Live, Terminal } from '../terminal/terminal.js';
import { isEveryAddress, listedModels, urlHost, withGateway, withServer, type Run } from './command.js';
import { shellWord } from './run-clients.js';

export const serve: Run = (_, options, context) =>
  withGateway(context, options, (opened) => serveUntilStopped(opened, context), 'serve');

async function serveUntilStopped(opened: OpenedGateway, context: Context): Promise<number> {
  const { settings, paths, log } = opened;
  const { serverHost: host, serverPort: port, proxyApiKey } = settings;
  const { terminal } = context;
  const stop = context.stopSignal();
  const place = { configFolder: paths.config, isShown: terminal.isInteractive };
  const { key, file, notices } = await gatewayKey(proxyApiKey, host, place);
  log.hide(key);
  for (const notice of notices) log.warn(notice);

  const live = settings.logFormat === 'text' ? terminal.live : undefined;
  const requests = live === undefined ? logRequests(log) : createBoard(live, opened, context);
  await withServer(opened, context, { key, host, port, requests }, async (listeningPort) => {
    try {
      await announce(opened, context, { key, file, port: listeningPort });
      if (!stop.aborted) await once(stop, 'abort');
      log.info('Stopping.');
    } finally {
      // A second signal ends the process at once; by then the terminal has to be as it was.
      live?.hide();
    }
  });
  return 0;
}

/** Says where the gateway is and how clients reach it; the key itself is shown to a person only, never to a pipe. */
async function announce(
  opened: OpenedGateway,
  { terminal: { isInteractive, result, style }, version, stopSignal }: Context,
  { key, file, port }: Pick<GatewayKey, 'key' | 'file'> & { readonly port: number },
): Promise<void> {
  const { log, isSimulator } = opened;
  const { serverHost: host, logFormat } = opened.settings;
  const models = (await listedModels(opened, stopSignal(), LISTING))?.length;
  const url = `http://${urlHost(host)}:${port}`;
  const { account, source } = opened.login();
  if (logFormat === 'json') {
    const facts = { url, login: account, loginSource: source, models, keyFile: file, isSimulator };
    log.info(`kiro-gateway ${version} listens on ${url}`, facts);
    return;
  }
  const keyPlace = file === undefined ? 'the value of PROXY_API_KEY' : `in ${file}`;
  const lines = [
    `${style.bold(`kiro-gateway ${version}`)} listens on ${style.bold(url)}`,
    ...(isSimulator ? [style.yellow('SIMULATOR: answers are made up, no Kiro account is used.')] : []),
    ...(isEveryAddress(host) ? [`open    on every address of this machine (${host})`] : []),
    `login   ${account}, from ${source}`,
    `models  ${models ?? 'unknown for now'}`,
    `key     ${isInteractive ? key.reveal() : keyPlace}`,
    ...(isInteractive ? ['', ...clientLines(url, key.reveal(), style), ''] : []),
  ];
  try {
    await result(`${lines.join('\n')}\n`);
  } catch (thrown) {
    log.warn('The start could not be announced; requests are served all the same.', thrown);
  }
}

/** It listens already, and nobody knows where. */
const LISTING = { patienceMs: 8000, otherwise: 'requests are served all the same' };

/** To be copied into a shell. */
function clientLines(url: string, key: string, { dim }: Terminal['style']): readonly string[] {
  const word = shellWord(key);
  return [
    dim('# curl'),
    `curl ${url}/v1/chat/completions -H 'Content-Type: application/json' \\`,
    `  -H ${shellWord(`Authorization: Bearer ${key}`)} \\`,
    `  -d '{"model":"auto","messages":[{"role":"user","content":"hi"}]}'`,
    dim('# OpenAI SDK'),
    `export OPENAI_BASE_URL=${url}/v1 OPENAI_API_KEY=${word}`,
    dim('# Claude Code'),
    `export ANTHROPIC_BASE_URL=${url} ANTHROPIC_MODEL=${MODELS.main} \\`,
    `  ANTHROPIC_AUTH_TOKEN=${word} \\`,
    `  ANTHROPIC_DEFAULT_OPUS_MODEL=${MODELS.opus} ANTHROPIC_DEFAULT_SONNET_MODEL=${MODELS.main} \\`,
    `  ANTHROPIC_DEFAULT_HAIKU_MODEL=${MODELS.haiku}`,
  ];
}

/** Names that Kiro has; Claude Code's own defaults would be its first 404. */
const MODELS = { main: 'claude-sonnet-4.5', opus: 'claude-opus-4.5', haiku: 'claude-haiku-4.5' };

// --- requests on a screen

/** For a person: those under way at the bottom, and a line for each that is over, or with a quiet log for what failed. */
function createBoard(live: Live, { log, settings }: OpenedGateway, { terminal, now }: Context): RequestWatch {
  const { clean } = log;
  const isQuiet = !['DEBUG', 'INFO'].includes(settings.logLevel);
  const running = new Set<RequestFacts>();
  const draw = (): readonly string[] => {
    const lines = [...running].slice(0, MAX_RUNNING).map((it) => runningLine(it, clean, now()));
    return running.size > MAX_RUNNING ? [...lines, `  … and ${running.size - MAX_RUNNING} more`] : lines;
  };
  return {
    began(request) {
      running.add(request);
      live.show(draw);
    },
    ended(request, record) {
      running.delete(request);
      const { mark, rest } = requestLine(record, clean, terminal.talkColumns());
      const { dim, green, red, yellow } = terminal.talkStyle;
      const hasFailed = record.error !== undefined;
      const colour = hasFailed ? red : record.clientLeft === true ? yellow : green;
      const text = `${dim(placeTime(now()))} ${colour(mark)} ${hasFailed ? red(rest) : rest}\n`;
      // An empty text still takes the request off the lines that are shown.
      terminal.log(isQuiet && !hasFailed ? '' : text);
    },
  };
}

const MAX_RUNNING = 8;

type Clean = (text: string) => string;

/** `✓`, then `messages  claude-sonnet-4.5  0.8s  12.3s  1.2k→80  0.021  stop` in columns, cut to the terminal; what went wrong is told whole. */
export function requestLine(record: RequestRecord, clean: Clean, columns = Infinity) {
  const { firstEventMs, totalMs, inputTokens, outputTokens = 0, credits = '–', error, clientLeft } = record;
  const tokens = `${thousands(inputTokens ?? 0)}→${thousands(outputTokens)}`;
  const cost = inputTokens === undefined ? [] : [tokens.padStart(11), String(credits).padStart(7)];
  const cells = [nameCells(record, clean), seconds(firstEventMs), seconds(totalMs), ...cost, ` ${endOf(record)}`];
  const line = clean(cells.join(' '));
  if (error !== undefined) return { mark: '✗', rest: line };
  // The time and the mark stand before it.
  return { mark: clientLeft === true ? '–' : '✓', rest: cutTo(Math.max(1, columns - 12), line) };
}

export function runningLine(request: RequestFacts, clean: Clean, now: number): string {
  const { startedAt, firstEventAt } = request;
  const first = seconds(firstEventAt === undefined ? undefined : firstEventAt - startedAt);
  // Whole seconds, so that the line changes once in each.
  const total = `${Math.floor((now - startedAt) / 1000)}s`.padStart(6);
  const told = firstEventAt === undefined ? 'waiting' : 'answering';
  return `         … ${nameCells(request, clean)} ${first} ${total}  ${told}`;
}

function nameCells({ method, path, model = '' }: RequestFacts | RequestRecord, clean: Clean): string {
  const route = path.startsWith('/v1/') ? path.slice('/v1/'.length) : path;
  // What is cut would no longer be known for a secret.
  return `${fit(clean(method === 'POST' ? route : `${method} ${route}`), 16)} ${fit(clean(model), 17)}`;
}

/** What a refused request is told, or how the answer ended and what it lacks, or the status where there was no turn. */
function endOf(record: RequestRecord): string {
  const { error, errorMessage, clientLeft, finishReason, status } = record;
  if (error !== undefined) return `${status} ${error}: ${errorMessage}`;
  const end = clientLeft === true ? 'the client left' : (finishReason ?? String(status));
  return `${end}  ${lostOf(record)}`.trimEnd();
}

/** The words are the clients'; in columns of letters only whose width is known. */
function fit(text: string, width: number): string {
  return cutTo(width, text.replaceAll(/[^ -~]/g, '?')).padEnd(width);
}

function cutTo(width: number, text: string): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}

/** `0.8s`, `12.3s`, `245s`, in a column. */
function seconds(milliseconds: number | undefined): string {
  const value = (milliseconds ?? 0) / 1000;
  return (milliseconds === undefined ? '' : `${value.toFixed(value < 99.95 ? 1 : 0)}s`).padStart(6);
}

/** `950`, `1.2k`, `123k`, `1.2M`. */
function thousands(count: number): string {
  return new Intl.NumberFormat('en', { notation: 'compact' }).format(count).replace('K', 'k');
}
