/** What `status` knows, as its JSON. No secret is in it but the gateway key, when it is asked for. */

import { join } from 'node:path';

import { accountKind, type Credential, digestOf } from '../auth/credential.js';
import { readLoginAt, usualPlace } from '../auth/detect.js';
import type { LastRefresh } from '../auth/login-index.js';
import { DEFAULT_LOGIN, loginCommand } from '../auth/login-names.js';
import { readPrivateFile } from '../auth/private-file.js';
import { withSettings } from '../auth/sources/token-fields.js';
import { fileStore } from '../auth/store.js';
import type { Context } from '../context.js';
import { toGatewayError } from '../core/errors.js';
import type { CommandOptions } from './command.js';
import { openLoginDesk, type LoginDesk } from './login-desk.js';
import { whereItCalls } from './login-words.js';

export type StatusFacts = {
  readonly loggedIn: boolean;
  /** Why not, as a sentence. */
  readonly problem: string | null;
  readonly login: LoginStatus | null;
  /** All that are stored, this one included. */
  readonly logins: readonly { readonly name: string; readonly account: string; readonly store: string }[];
  readonly gatewayKey: {
    /** Null when it is the setting PROXY_API_KEY. */
    readonly file: string | null;
    readonly exists: boolean;
    readonly key?: string;
  };
};

/** Times are ISO 8601. */
export type LoginStatus = {
  /** Null for a login of the environment. */
  readonly name: string | null;
  readonly account: string;
  readonly kind: Credential['kind'];
  /** The beginning of a digest: two logins can be told apart by it, and nothing can be done with it. */
  readonly id: string;
  readonly clientId: string | null;
  readonly source: string;
  readonly sourcePath: string | null;
  readonly store: 'keychain' | 'file' | 'environment';
  /** The folder of the private files. */
  readonly storePath: string | null;
  readonly loginRegion: string;
  readonly apiRegion: string;
  readonly profileArn: string | null;
  readonly expiresAt: string | null;
  readonly registrationExpiresAt: string | null;
  readonly savedAt: string | null;
  readonly lastRefresh: { readonly by: LastRefresh['by']; readonly at: string | null } | null;
};

/** @throws GatewayError `invalid-request` for bad settings. */
export async function readStatus(options: CommandOptions, context: Context): Promise<StatusFacts> {
  const desk = await openLoginDesk(context, options, context.terminal.note);
  const found = await findLogin(options['profile'], desk);
  const stored = await desk.logins.listLogins().catch(() => []);
  return {
    loggedIn: typeof found !== 'string',
    problem: typeof found === 'string' ? found : null,
    login: typeof found === 'string' ? null : found,
    logins: stored.map(({ name, account, store }) => ({ name, account, store })),
    gatewayKey: await keyFacts(desk, options['showKey'] === true),
  };
}

/** In the order of use: what `--profile` names, the environment, the stored login. A sentence when there is none. */
async function findLogin(profile: CommandOptions[string], desk: LoginDesk): Promise<LoginStatus | string> {
  try {
    if (typeof profile !== 'string' && usualPlace('env', desk.detection) !== undefined) return await fromSettings(desk);
    return (await fromStore(String(profile ?? DEFAULT_LOGIN), desk)) ?? notThere(profile);
  } catch (thrown) {
    return toGatewayError(thrown).message;
  }
}

function notThere(profile: CommandOptions[string]): string {
  if (typeof profile === 'string') return `There is no login ${profile}; run \`${loginCommand(profile)}\`.`;
  return 'No Kiro login found; run `kiro-gateway login`.';
}

async function fromSettings({ detection, paths }: LoginDesk): Promise<LoginStatus> {
  const { credential } = await readLoginAt({ name: 'env', path: undefined }, detection);
  const store = fileStore(paths.state, () => undefined);
  const tokens = credential.kind === 'api-key' ? undefined : await store.read(digestOf(credential));
  const latest = tokens === undefined ? credential : { ...credential, ...tokens };
  return {
    ...accountFacts(credential, latest),
    name: null,
    source: 'env',
    sourcePath: detection.settings.kiroCredsFile ?? detection.settings.kiroCliDbFile ?? null,
    store: 'environment',
    storePath: null,
    savedAt: null,
    lastRefresh: tokens === undefined ? null : { by: 'gateway', at: null },
  };
}

async function fromStore(name: string, { logins, detection, paths }: LoginDesk): Promise<LoginStatus | undefined> {
  const login = await logins.readLogin(name);
  if (login === undefined) return undefined;
  const { facts, tokens } = login;
  const credential = withSettings(login.credential, detection.settings);
  return {
    ...accountFacts(credential, tokens === undefined ? credential : { ...credential, ...tokens }),
    name,
    source: facts.source.name,
    sourcePath: facts.source.path ?? null,
    store: facts.store,
    storePath: facts.store === 'file' ? join(paths.data, 'logins') : null,
    savedAt: isoTime(facts.savedAt),
    lastRefresh:
      facts.lastRefresh === undefined ? null : { by: facts.lastRefresh.by, at: isoTime(facts.lastRefresh.at) },
  };
}

/** @param latest The credential with the tokens of its last refresh. */
function accountFacts(credential: Credential, latest: Credential) {
  const profileArn = credential.profileArn ?? latest.profileArn;
  return {
    account: accountKind(credential),
    kind: credential.kind,
    id: digestOf(credential).slice(0, 8),
    clientId: 'clientId' in credential ? masked(credential.clientId) : null,
    loginRegion: credential.region,
    apiRegion: whereItCalls({ ...credential, profileArn }),
    profileArn: profileArn ?? null,
    expiresAt: isoTime(latest.kind === 'api-key' ? undefined : latest.expiresAt),
    registrationExpiresAt: isoTime(credential.kind === 'oidc' ? credential.registrationExpiresAt : undefined),
  };
}

async function keyFacts({ settings, paths }: LoginDesk, isShown: boolean): Promise<StatusFacts['gatewayKey']> {
  const own = settings.proxyApiKey;
  if (own !== undefined) return { file: null, exists: true, ...(isShown && { key: own.reveal() }) };
  const file = join(paths.config, 'gateway-key');
  const kept = (await readPrivateFile(file, 1000).catch(() => undefined))?.trim();
  return { file, exists: Boolean(kept), ...(isShown && kept && { key: kept }) };
}

function masked(id: string): string {
  return id.length <= 8 ? '…' : `${id.slice(0, 4)}…${id.slice(-4)}`;
}

function isoTime(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}
