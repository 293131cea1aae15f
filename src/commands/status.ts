/** `status`: who we are, where that rests and how long it lasts. Asks nobody over the network, and tells no secret. */

import { join } from 'node:path';

import {
  accountKind,
  type Credential,
  type Tokens,
  DEFAULT_LOGIN,
  digestOf,
  loginCommand,
  withSettings,
  withTokens,
} from '../auth/credential.js';
import type { LoginStore } from '../auth/login-store.js';
import { readLoginAt, usualPlace } from '../auth/sources.js';
import { fileStore, type RenewedBy } from '../auth/store.js';
import { toGatewayError } from '../core/errors.js';
import { lastingKey } from '../server/access.js';
import { printable } from '../terminal/terminal.js';
import type { Run } from './command.js';
import type { CommandOptions } from '../settings.js';
import { type LoginDesk, openLoginDesk, SOURCE_NAMES, timeBetween, tokenLife, whereItCalls } from './login-desk.js';

export const status: Run = async (_, options, context) => {
  const { terminal, now } = context;
  const desk = await openLoginDesk(context, options, terminal.note);
  try {
    const facts = await readStatus(desk, options);
    const text =
      options['json'] === true ? JSON.stringify(facts, undefined, 2) : describe(facts, now(), terminal.style);
    await terminal.result(`${text}\n`);
    return facts.loggedIn ? 0 : NOT_LOGGED_IN;
  } finally {
    await desk.close();
  }
};

const NOT_LOGGED_IN = 4;

/** The command's JSON: what is not known is null, and times are ISO 8601. */
export type StatusFacts = Awaited<ReturnType<typeof readStatus>>;

export async function readStatus(desk: LoginDesk, { profile, showKey }: CommandOptions) {
  const found = await findLogin(desk, profile).catch((thrown: unknown) => toGatewayError(thrown).message);
  const stored = (await desk.logins?.listLogins().catch(() => [])) ?? [];
  const [login, problem] = typeof found === 'string' ? [null, found] : [found, null];
  return {
    loggedIn: login !== null,
    /** Why not, as a sentence. */
    problem,
    login,
    /** All that are stored, this one included. */
    logins: stored.map(({ name, account, store }) => ({ name, account, store })),
    gatewayKey: await keyFacts(desk, showKey === true),
  };
}

/** In the order of use: what `--profile` names, the environment, the stored login. A sentence when there is none. */
async function findLogin(desk: LoginDesk, profile: CommandOptions[string]): Promise<Login | string> {
  const { logins, detection } = desk;
  const named = typeof profile === 'string' ? profile : undefined;
  const isInSettings = named === undefined && usualPlace('env', detection) !== undefined;
  if (logins === undefined || isInSettings) return fromSettings(desk);
  const found = await fromStore(named ?? DEFAULT_LOGIN, logins, desk);
  if (found !== undefined || named === undefined) return found ?? 'No Kiro login found; run `kiro-gateway login`.';
  return `There is no login named ${named}; run \`${loginCommand(named)}\`.`;
}

async function fromSettings({ detection, paths, logins }: LoginDesk) {
  const { credential } = await readLoginAt({ name: 'env', path: undefined }, detection);
  const store = fileStore(paths.state, () => undefined);
  const tokens = credential.kind === 'api-key' ? undefined : await store.read(digestOf(credential));
  return {
    ...loginFacts(credential, withTokens(credential, tokens, detection.clock.now())),
    name: null,
    source: logins === undefined ? 'simulator' : 'env',
    sourcePath: detection.settings.kiroCredsFile ?? detection.settings.kiroCliDbFile ?? null,
    store: logins === undefined ? ('nowhere' as const) : ('environment' as const),
    storePath: null,
    savedAt: null,
    lastRefresh: tokens === undefined ? null : ({ by: 'gateway', at: null } as const),
  };
}

async function fromStore(name: string, logins: LoginStore, { detection, paths }: LoginDesk) {
  const login = await logins.readLogin(name);
  if (login === undefined) return undefined;
  const { source, store, savedAt, lastRefresh } = login.facts;
  return {
    ...loginFacts(withSettings(login, detection.settings).credential, login.tokens),
    name,
    source: source.name,
    sourcePath: source.path ?? null,
    store,
    /** The folder of the private files. */
    storePath: store === 'file' ? join(paths.data, 'logins') : null,
    savedAt: isoTime(savedAt),
    lastRefresh: lastRefresh === undefined ? null : { by: lastRefresh.by, at: isoTime(lastRefresh.at) },
  };
}

type Login = Awaited<ReturnType<typeof fromSettings>> | NonNullable<Awaited<ReturnType<typeof fromStore>>>;

/** @param tokens What it has become. */
function loginFacts(credential: Credential, tokens: Credential | Tokens | undefined) {
  const latest = tokens ?? credential;
  const profileArn = credential.profileArn ?? latest.profileArn;
  return {
    account: accountKind(credential),
    kind: credential.kind,
    // The beginning of a digest: two logins can be told apart by it, and nothing can be done with it.
    id: digestOf(credential).slice(0, 8),
    clientId: 'clientId' in credential ? masked(credential.clientId) : null,
    loginRegion: credential.region,
    apiRegion: whereItCalls({ ...credential, profileArn }),
    profileArn: profileArn ?? null,
    expiresAt: isoTime('expiresAt' in latest ? latest.expiresAt : undefined),
    registrationExpiresAt: isoTime(credential.kind === 'oidc' ? credential.registrationExpiresAt : undefined),
  };
}

/** The file is null when the key is the setting PROXY_API_KEY. */
async function keyFacts({ settings, paths }: LoginDesk, isShown: boolean) {
  const own = settings.proxyApiKey;
  const { file, key } = own === undefined ? await lastingKey(paths.config) : { file: null, key: own };
  return { file, exists: key !== undefined, ...(isShown && key && { key: key.reveal() }) };
}

function masked(id: string): string {
  return id.length <= 8 ? '…' : `${id.slice(0, 4)}…${id.slice(-4)}`;
}

/** Null where the time is not known; 0 stands for one that could not be read. */
function isoTime(time: number | undefined): string | null {
  return new Date(time || Number.NaN).toJSON();
}

// --- for a person

type Row = readonly [name: string, words: string];

function describe(facts: StatusFacts, now: number, style: { readonly bold: (text: string) => string }): string {
  const { problem, login, logins, gatewayKey } = facts;
  const names = logins.map((it) => `${it.name} (${it.account})`).join(', ');
  const rows: readonly Row[] = [
    ...(login === null ? ([['login', problem ?? 'none']] as const) : loginRows(login, now)),
    ['logins', names],
    ['key', keyWords(gatewayKey)],
  ];
  const told = rows.filter(([, words]) => words !== '');
  return told.map(([name, words]) => `${style.bold(name.padEnd(9))}${printable(words)}`).join('\n');
}

function loginRows(login: Login, now: number): readonly Row[] {
  const { name, id, clientId, storePath, sourcePath, registrationExpiresAt: registered } = login;
  const life = (time: string | null): string =>
    time === null ? 'of unknown age' : `${tokenLife(Date.parse(time), now)} (${time})`;
  return [
    ['login', `${login.account}${after(' as ', name)} (id ${id}${after(', client ', clientId)})`],
    ['store', `${STORES[login.store]}${after(' in ', storePath)}`],
    ['source', `${SOURCE_NAMES[login.source] ?? login.source}${after(', ', sourcePath)}`],
    ['token', login.kind === 'api-key' ? 'an API key, which is never renewed' : life(login.expiresAt)],
    ['client', registered === null ? '' : life(registered)],
    ['region', `login in ${login.loginRegion}, API in ${login.apiRegion}`],
    ['profile', login.profileArn ?? 'none named'],
    ['renewed', login.lastRefresh === null ? '' : renewalWords(login, login.lastRefresh, now)],
  ];
}

/** What is known, with the words that lead to it. */
function after(words: string, value: string | null): string {
  return value === null ? '' : words + value;
}

/** A refresh of ours may have retired the copy that somebody else still has. */
function renewalWords({ name, source }: Login, { by, at }: NonNullable<Login['lastRefresh']>, now: number): string {
  const time = Date.parse(at ?? '');
  const when = at && (now - time < 60_000 ? 'just now' : `${timeBetween(time, now)} ago`);
  const isCopied = by === 'gateway' && name !== null && SOURCE_NAMES[source] !== undefined;
  return `${RENEWERS[by]}${after(', ', when)}${isCopied ? '; the copy at the source may have been retired by that' : ''}`;
}

function keyWords({ file, exists, key }: StatusFacts['gatewayKey']): string {
  if (key !== undefined) return key;
  if (file === null) return 'the setting PROXY_API_KEY';
  return exists ? `in ${file}` : `in ${file}, once \`serve\` has made it`;
}

const STORES = {
  keychain: "the system's keychain",
  file: 'a private file',
  environment: 'none: it is read from the settings each time',
  nowhere: 'none: the simulator knows it',
} as const;

const RENEWERS = {
  gateway: 'by the gateway',
  'kiro-cli': 'by kiro-cli',
  source: 'at its source',
} as const satisfies Record<RenewedBy, string>;
