/** What `doctor` looks at: this machine, the settings, the login and the way to Kiro. No token is sent without `--live`. */

import { once } from 'node:events';
import { access, constants, lstat, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { loginCommand } from '../auth/credential.js';
import { ANNOUNCED_BEFORE_MS } from '../auth/session.js';
import { detectLogins } from '../auth/sources.js';
import type { Context } from '../context.js';
import { codeOf, GatewayError, toGatewayError } from '../core/errors.js';
import { within } from '../core/signals.js';
import type { Fetch } from '../core/fetch.js';
import type { Secret } from '../core/secret.js';
import type { CommandOptions, GatewayPaths, LoadedSettings, Settings } from '../settings.js';
import { apiHosts, DEFAULT_REGION, desktopAuthHost, oidcHost } from '../kiro/calls.js';
import { proxyFor } from '../proxy.js';
import { hostsOf } from '../open-gateway.js';
import { ownKey } from '../server/access.js';
import { SETTINGS } from '../settings-table.js';
import { urlHost, withGateway } from './command.js';
import { AS_SAID, bad, info, ok, warn, type Finding } from './doctor-turns.js';
import { findingLine, openLoginDesk, tokenLife } from './login-desk.js';
import { readStatus, type StatusFacts } from './status.js';

export type Loaded = LoadedSettings & {
  /** A finding for each value that is none; the settings have the defaults there. */
  readonly wrong: readonly Finding[];
};

/** @throws GatewayError `invalid-request` when `--demo` names no scenario. */
export async function examine(
  context: Context,
  options: CommandOptions,
  loaded: Loaded,
  captures: readonly string[],
): Promise<readonly Finding[]> {
  const { settings, paths, wrong, notices, near } = loaded;
  const { machine } = context;
  const network = await context.loadFetch(options['demo'] === undefined ? settings.vpnProxyUrl : undefined);
  const keychain = await context.keychain().available();
  // As if the environment said what `./.env` says to `serve`: other commands do not read it.
  const env = { ...machine.env };
  for (const { variable } of Object.values(SETTINGS)) env[variable] = env[variable]?.trim() || near.lookup(variable);
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const isOld = major < 20 || (major === 20 && minor < 19);
  const kept = captures.length === 0 ? 'none' : `${captures.length}, the newest ${captures[0]}`;
  return [
    isOld ? bad('node', `${node} is too old`, 'Install node 20.19 or newer.') : ok('node', node),
    ok('install', `${context.version} in ${fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '')}`),
    ...(await folderFindings(paths)),
    keychain.ok
      ? ok('keychain', 'works')
      : info('keychain', keychain.reason, 'Nothing has to be done: logins are kept in private files instead.'),
    ...wrong,
    ...notices.map((sentence) => warn('env file', sentence, AS_SAID)),
    ...nameFindings(loaded, machine.env),
    ...(wrong.length > 0
      ? [info('login', 'not looked at, because a setting is wrong', 'Correct the setting and run this again.')]
      : await accountFindings({ ...context, machine: { ...machine, env } }, options, network)),
    await portFinding(settings, network),
    ok('captures', `DEBUG_MODE is ${settings.debugMode}; turns kept: ${kept}`),
  ];
}

// --- this machine

async function folderFindings(paths: GatewayPaths): Promise<readonly Finding[]> {
  const folders = [...new Set([paths.config, paths.data, paths.state])];
  const broken: Finding[] = [];
  for (const folder of folders) {
    let there = folder;
    // A drive that is not there has no folder above it; a link into nowhere is there, and no folder can be made of it.
    while (!(await lstat(there).catch(() => false)) && there !== dirname(there)) there = dirname(there);
    const isFolder = (await stat(there).catch(() => undefined))?.isDirectory() === true;
    const fault = isFolder ? await access(there, constants.W_OK).catch(() => 'cannot be written') : 'is no folder';
    if (fault === undefined) continue;
    const found = `${folder} cannot be made, because ${there} ${fault}`;
    broken.push(bad('folder', found, 'Fix that, or name another folder with KIRO_GATEWAY_HOME.'));
  }
  return broken.length > 0 ? broken : [ok('folders', folders.join(', '))];
}

/** Names that are nearly one of ours, and in files that are ours alone any that is none. */
function nameFindings({ near, own }: Loaded, env: Readonly<Record<string, string | undefined>>): readonly Finding[] {
  const known: readonly string[] = Object.values(SETTINGS).map(({ variable }) => variable);
  const places = [
    { where: 'the environment', names: Object.keys(env), ours: /^KIRO_/ },
    { where: 'the env file', names: near.names, ours: undefined },
    { where: 'the .env of the config folder', names: own.names, ours: /^/ },
  ];
  return places.flatMap(({ where, names, ours }) =>
    names.flatMap((name) => {
      if (known.includes(name) || FOREIGN.test(name)) return [];
      const meant = known.find((it) => isNearly(name.toUpperCase(), it));
      if (meant === undefined && ours?.test(name) !== true) return [];
      const fix = meant === undefined ? 'Take it out, or correct it: the README lists all settings.' : `Say ${meant}.`;
      return [warn('setting', `${where} sets ${name}, which is no setting`, fix)];
    }),
  );
}

/** The same but for two letters beside each other at most. */
function isNearly(name: string, known: string): boolean {
  let [from, end] = [0, 0];
  const shorter = Math.min(name.length, known.length);
  while (from < shorter && name[from] === known[from]) from += 1;
  while (end < shorter - from && name.at(-1 - end) === known.at(-1 - end)) end += 1;
  return shorter > 5 && Math.max(name.length, known.length) - from - end <= 2;
}

/** What others read: clients look for the key where `run` has told them to. */
const FOREIGN = /^(?:KIRO_SIMULATOR_SCENARIO|KIRO_GATEWAY_(?:API_)?KEY|NO_COLOR|NODE_\w+|(?:https?|all|no)_proxy)$/i;

async function portFinding({ serverHost: host, serverPort: port }: Settings, network: Fetch): Promise<Finding> {
  if (port === 0) return ok('port', 'any that is free');
  const server = createServer().listen(port, host);
  try {
    await once(server, 'listening');
    server.close();
    return ok('port', `${port} on ${host} is free`);
  } catch (thrown) {
    const code = codeOf(thrown);
    if (code === 'EACCES') return bad('port', `${port} needs more rights`, 'Choose a SERVER_PORT above 1023.');
    if (code !== 'EADDRINUSE') return bad('port', `${host} cannot be listened on (${code})`, 'Check SERVER_HOST.');
  }
  const signal = AbortSignal.timeout(2000);
  const said = await network(`http://${urlHost(host)}:${port}/`, { method: 'GET', headers: {}, signal })
    .then((response) => response.text())
    .catch(() => '');
  if (said.includes('"kiro-gateway"')) return ok('port', `kiro-gateway already answers at ${port} on ${host}`);
  const fix = 'Stop the other program, or choose another port: `serve --port 0` takes any that is free.';
  return bad('port', `another program has port ${port} on ${host}`, fix);
}

// --- the login

async function accountFindings(context: Context, options: CommandOptions, network: Fetch): Promise<readonly Finding[]> {
  const notices: Finding[] = [];
  const tell = (sentence: string): void => void notices.push(warn('stores', sentence, AS_SAID));
  const desk = await openLoginDesk(context, options, tell);
  try {
    const status = await readStatus(desk, options);
    const sources = desk.logins === undefined ? [] : await detectLogins(desk.detection);
    const { login, logins, gatewayKey } = status;
    const { proxyApiKey, serverHost } = desk.settings;
    const names = logins.map((it) => `${it.name} (${it.account}, ${it.store})`).join(', ') || 'none';
    return [
      ...loginFindings(status, context.now()),
      ok('stores', `logins: ${names}`),
      ...notices,
      ...sources.map((it) => {
        const line = findingLine(it, context.now());
        return 'problem' in it ? warn('source', line, AS_SAID) : ok('source', line);
      }),
      proxyApiKey === undefined
        ? ok('key', `in ${gatewayKey.file}${gatewayKey.exists ? '' : ', once `serve` has made it'}`)
        : ownKeyFinding(proxyApiKey, serverHost),
      ...(await networkFindings(context, { network, settings: desk.settings, login })),
      ...(options['live'] === true && login !== null ? [await liveFinding(context, options)] : []),
    ];
  } finally {
    await desk.close();
  }
}

/** What `serve` warns of or refuses. */
function ownKeyFinding(key: Secret, host: string): Finding {
  const fix = 'Set PROXY_API_KEY to a longer one of your own, or take it out, so that `serve` makes one.';
  try {
    const { notices } = ownKey(key, host);
    return notices.length === 0 ? ok('key', 'in the setting PROXY_API_KEY') : warn('key', notices.join(' '), fix);
  } catch (thrown) {
    return bad('key', toGatewayError(thrown).message, fix);
  }
}

function loginFindings({ login, problem }: StatusFacts, now: number): readonly Finding[] {
  if (login === null) return [bad('login', problem ?? 'No Kiro login found.', AS_SAID)];
  const name = login.name === null ? '' : ` as ${login.name}`;
  // What is not known is no number, and in no order with one.
  const end = Date.parse(login.registrationExpiresAt ?? '');
  const ending = `the client that was registered for it: ${tokenLife(end, now)}`;
  const remedy = login.name === null ? 'Sign in again where it came from' : `Run \`${loginCommand(login.name)}\``;
  const fix = `${remedy}: without it the token cannot be renewed.`;
  const expiresAt = Date.parse(login.expiresAt ?? '');
  const life = tokenLife(login.expiresAt === null ? undefined : expiresAt, now);
  const profile = login.profileArn ?? 'none named, so it is looked for';
  return [
    ok('login', `${login.account}${name}, from ${login.source}, id ${login.id}`),
    ...(end - now <= ANNOUNCED_BEFORE_MS ? [(end > now ? warn : bad)('login', ending, fix)] : []),
    login.kind === 'api-key'
      ? ok('token', 'an API key, which is never renewed')
      : expiresAt > now
        ? ok('token', life)
        : info('token', life, RENEWED),
    ok('region', `API in ${login.apiRegion}, login in ${login.loginRegion}, profile ${profile}`),
  ];
}

const RENEWED = 'Nothing has to be done: it is renewed with the next request; `--live` tries that.';

/** The list of models costs no credits; the login is renewed for it where that is due. */
async function liveFinding(context: Context, options: CommandOptions): Promise<Finding> {
  const startedAt = context.now();
  try {
    const models = await withGateway(context, options, ({ gateway }) => gateway.models(context.stopSignal()));
    return ok('live', `Kiro lists ${models.length} models, in ${context.now() - startedAt} ms and for no credits`);
  } catch (thrown) {
    const { kind, message } = toGatewayError(thrown);
    const isLogin = kind === 'login-expired' || kind === 'not-logged-in';
    return bad(isLogin ? 'login' : 'live', message, AS_SAID);
  }
}

// --- the way to Kiro

type Way = { readonly network: Fetch; readonly settings: Settings; readonly login: StatusFacts['login'] };

async function networkFindings(context: Context, { network, settings, login }: Way): Promise<readonly Finding[]> {
  const overrides = hostsOf(settings);
  const hosts = apiHosts(login?.apiRegion ?? settings.kiroApiRegion ?? DEFAULT_REGION, overrides);
  const region = login?.loginRegion ?? settings.kiroRegion ?? DEFAULT_REGION;
  const renewal = (login?.kind === 'oidc' ? oidcHost : desktopAuthHost)(region, overrides);
  // An identity provider of the customer has a host of its own, and an API key is never renewed.
  const isRenewed = login?.kind !== 'external-idp' && login?.kind !== 'api-key';
  const needed = [hosts.chat, hosts.management, ...(isRenewed ? [renewal] : [])];
  const spare = [hosts.chatFallback, hosts.managementFallback].filter((it) => it !== undefined);
  const all = [...new Set([...needed, ...spare])];
  const probes = await Promise.all(
    all.map((host) => probe(host, needed.includes(host) ? bad : warn, network, context)),
  );
  const skewMs = probes.map((it) => it.skewMs).find((it) => !Number.isNaN(it));
  return [
    proxyFinding(settings, hosts.chat, context.machine.env),
    ...(context.machine.env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0' ? [BLIND] : []),
    ...probes.map((it) => it.finding),
    ...(skewMs === undefined ? [] : [clockFinding(skewMs)]),
  ];
}

/** Any answer will do: without a token there is none but a refusal. */
async function probe(host: string, fault: typeof bad, network: Fetch, context: Context) {
  const startedAt = context.now();
  const signal = within(context.stopSignal(), PROBE_MS);
  try {
    const answer = await network(`${host}/`, { method: 'GET', headers: {}, signal, redirect: 'follow' });
    const tookMs = context.now() - startedAt;
    // Nobody reads it, and a connection that is still busy would keep the command waiting.
    await answer.text().catch(() => '');
    const date = Date.parse(answer.headers.get('date') ?? '');
    return {
      finding: ok('host', `${host} answers (${answer.status}) in ${tookMs} ms`),
      /** NaN without a date. The header counts whole seconds, and the answer was on its way. */
      skewMs: startedAt + tookMs / 2 - (date + 500),
    };
  } catch (thrown) {
    const code = signal.aborted ? 'ETIMEDOUT' : codeOf(thrown) || 'unknown reason';
    const [, said = '', fix = ''] = FAULTS.find(([pattern]) => pattern.test(code)) ?? [];
    const [words, advice] = thrown instanceof GatewayError ? [thrown.message, AS_SAID] : [`${said} (${code})`, fix];
    return { finding: fault('host', `${host}: ${words}`, advice), skewMs: Number.NaN };
  }
}

const FAULTS: readonly (readonly [code: RegExp, said: string, fix: string])[] = [
  [/^(?:ENOTFOUND|EAI_)/, 'its name is not found', 'Check the network and its DNS; behind a proxy set VPN_PROXY_URL.'],
  [
    /CERT|SIGNATURE|ISSUER|^ERR_TLS|^ERR_SSL|^EPROTO/,
    'its certificate is not trusted',
    "If a proxy signs with a certificate of its own, set NODE_EXTRA_CA_CERTS to its CA's file.",
  ],
  [/^/, 'cannot be reached', 'Check the network, a firewall and the proxy settings.'],
];

function proxyFinding({ vpnProxyUrl }: Settings, host: string, env: Context['machine']['env']): Finding {
  if (vpnProxyUrl !== undefined) return ok('proxy', 'VPN_PROXY_URL is set');
  const named = proxyFor(host, undefined, env);
  if (named === undefined) return ok('proxy', 'none');
  if ('invalid' in named) return bad('proxy', `${named.invalid} is no URL of a proxy`, 'Correct it.');
  return ok('proxy', `${named.address}, from the environment`);
}

const BLIND = warn(
  'tls',
  'NODE_TLS_REJECT_UNAUTHORIZED=0: anybody could pose as Kiro',
  'Unset it; for a proxy with its own certificate there is NODE_EXTRA_CA_CERTS.',
);

function clockFinding(skewMs: number): Finding {
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  if (seconds < 60) return ok('clock', 'agrees with that of Kiro');
  const found = `is ${seconds} s ${skewMs > 0 ? 'fast' : 'slow'}`;
  return (seconds < 300 ? warn : bad)('clock', found, 'Set the clock: tokens are judged by it.');
}

const PROBE_MS = 10_000;
