/** From settings to a gateway that works: login, session, client; with `--demo`, the same on the simulator. */

import { join } from 'node:path';
import { digestOf, secretsOf } from './auth/credential.js';
import { type Alone, alreadyAlone, createRefreshLock } from './auth/lock.js';
import { createSession, type SessionFacts } from './auth/session.js';
import { fileStore, memoryStore } from './auth/store.js';
import { findLogin, type Login, notLoggedIn } from './auth/sources.js';
import { createCatalogueStore } from './catalogue.js';
import { type CommandOptions, type GatewayPaths, loadSettings, type Settings } from './settings.js';
import type { Context } from './context.js';
import { createGateway, type Gateway, type Spent } from './gateway.js';
import type { HostOverrides } from './kiro/calls.js';
import { createLedger, type Ledger, type LedgerEntry, type LedgerSource } from './ledger.js';
import { createLogger, type Logger } from './logger.js';
import { createRemoteMedia } from './remote-media.js';
import type { DebugCapture } from './server/debug-capture.js';
import type { Fetch } from './core/fetch.js';
import { type Asker, createAsker } from './kiro/asker.js';
import { type AccessProvider, createKiroClient, type KiroClient } from './kiro/client.js';
import { createProfiledSession, type ProfiledSession } from './kiro/profiled-session.js';
import { createLoginStore, type LoginStore } from './auth/login-store.js';

export type OpenedGateway = {
  readonly gateway: Gateway;
  readonly settings: Settings;
  readonly paths: GatewayPaths;
  readonly log: Logger;
  readonly isSimulator: boolean;
  /** What the turns of this machine cost; undefined for the simulator, whose credits are none. */
  readonly ledger: Ledger | undefined;
  /** Who we are, for people; no secret. */
  readonly login: () => SessionFacts;
  /** Ends what was started for it, and waits for that. */
  readonly close: () => Promise<void>;
  /** Undefined unless DEBUG_MODE is on. */
  readonly capture: DebugCapture | undefined;
};

/**
 * @param options Those of the command line: settings' flags, `envFile`, `profile`, `demo`.
 * @throws GatewayError `invalid-request` for bad settings, `not-logged-in` without a login.
 */
export async function openGateway(
  context: Context,
  options: CommandOptions,
  source: LedgerSource,
): Promise<OpenedGateway> {
  const { settings, paths, notices } = await loadSettings(context, options, source === 'serve');
  const { logLevel: level, logFormat } = settings;
  // Who waits for one answer reads sentences.
  const words = source === 'chat' ? 'talk' : context.terminal.live === undefined ? 'text' : 'screen';
  const format = logFormat === 'json' ? logFormat : words;
  const log = createLogger({ level, format, write: context.terminal.log, now: context.now });
  for (const secret of [settings.proxyApiKey, settings.refreshToken, settings.kiroApiKey, settings.vpnProxyUrl]) {
    log.hide(secret);
  }
  for (const notice of notices) log.warn(notice);

  const demo = options['demo'];
  const notice = (sentence: string): void => log.warn(sentence);
  const upstream =
    demo === undefined
      ? await realUpstream(context, settings, { profile: options['profile'], paths, notice })
      : await demoUpstream(context, demo);
  for (const secret of secretsOf(upstream.login.credential)) log.hide(secret);
  upstream.login.notices.forEach(notice);
  try {
    const capture = source === 'chat' ? undefined : await captureFor(settings, paths, { log, context });
    const network = await context.loadFetch(upstream.isSimulator ? undefined : settings.vpnProxyUrl);
    const fetch = capture?.watch(network) ?? network;
    const session = await createSession({
      login: upstream.login,
      source: upstream.login.source,
      store: upstream.login.store ?? fileStore(paths.state, notice),
      alone: upstream.isSimulator ? alreadyAlone : refreshLock(context, paths, notice),
      fetch,
      now: context.now,
      sleep: context.sleep,
      overrides: upstream.overrides,
      userAgent: settings.kiroUserAgent,
      refreshAheadSeconds: settings.tokenRefreshThresholdSeconds,
      announcesRegistration: source !== 'chat',
      notice,
    });
    const login = session.describe();
    log.debug(`Login: ${login.account}, from ${login.source}.`);
    const { isSimulator } = upstream;
    const ledger = isSimulator ? undefined : createLedger(paths.state, context.now, notice);
    const gateway = createGateway({
      ...createKiroUpstream(context, settings, {
        session,
        fetch,
        overrides: upstream.overrides,
        isSimulator,
        note: (sentence) => log.info(sentence),
      }),
      log,
      now: context.now,
      randomId: context.randomId,
      modelAliases: settings.modelAliases,
      modelCacheTtlSeconds: settings.modelCacheTtlSeconds,
      toolDescriptionMaxLength: settings.toolDescriptionMaxLength || Infinity,
      tags: {
        when: settings.fakeReasoning,
        maxTokens: settings.fakeReasoningMaxTokens,
        handling: settings.fakeReasoningHandling,
      },
      textToolCalls: settings.textToolCalls,
      truncationRecovery: settings.truncationRecovery,
      searchesWeb: settings.webSearch,
      promptCache: settings.promptCache,
      fetchMedia: settings.remoteImages ? createRemoteMedia(context) : undefined,
      ...(ledger !== undefined && {
        catalogueStore: createCatalogueStore(paths.state, digestOf(upstream.login.credential), notice),
        record: (spent) => void ledger.record(toEntry(spent, context.now(), source)),
      }),
    });
    const close = async (): Promise<void> => {
      await ledger?.close();
      await upstream.close();
    };
    const opened = { gateway, settings, paths, log, isSimulator, ledger, capture, close };
    return { ...opened, login: () => session.describe() };
  } catch (thrown) {
    await upstream.close();
    throw thrown;
  }
}

async function captureFor(
  { debugMode: mode }: Settings,
  { state: stateFolder }: GatewayPaths,
  { log, context: { now, version } }: { readonly log: Logger; readonly context: Context },
): Promise<DebugCapture | undefined> {
  if (mode === 'off') return undefined;
  const { createDebugCapture } = await import('./server/debug-capture.js');
  log.info(`DEBUG_MODE=${mode}: what is said is kept in ${join(stateFolder, 'debug')}, for a week at most.`);
  return createDebugCapture({ mode, stateFolder, version, log, now });
}

function refreshLock(context: Context, paths: GatewayPaths, notice: (sentence: string) => void): Alone {
  const { now, sleep } = context;
  return createRefreshLock(paths.state, { now, sleep, notice, signal: context.stopSignal() });
}

function toEntry({ modelId, sessionId, usage, credits }: Spent, time: number, source: LedgerSource): LedgerEntry {
  const { inputTokens, outputTokens } = usage;
  return { time, model: modelId, session: sessionId, inputTokens, outputTokens, credits, source };
}

type Upstream = {
  readonly login: Login;
  readonly overrides: HostOverrides;
  readonly isSimulator: boolean;
  readonly close: () => Promise<void>;
};

type LoginOptions = {
  readonly profile: CommandOptions[string];
  readonly paths: GatewayPaths;
  readonly notice: (sentence: string) => void;
};

async function realUpstream(
  context: Context,
  settings: Settings,
  { profile, paths, notice }: LoginOptions,
): Promise<Upstream> {
  const login = await findLogin(
    { ...settings, homeDirectory: context.machine.homeDirectory },
    {
      now: context.now,
      sleep: context.sleep,
      runProgram: context.runProgram,
      logins: openLogins(context, paths, notice),
      profile: typeof profile === 'string' ? profile : undefined,
    },
  );
  if (login === undefined) throw notLoggedIn();
  return { login, overrides: hostsOf(settings), isSimulator: false, close: () => Promise.resolve() };
}

/** The hosts of Kiro that the person has named. */
export function hostsOf({ kiroApiUrl, kiroManagementUrl, kiroAuthUrl, kiroOidcUrl }: Settings): HostOverrides {
  return { api: kiroApiUrl, management: kiroManagementUrl, auth: kiroAuthUrl, oidc: kiroOidcUrl };
}

/** Swaps hosts and credential, nothing else: the demonstration takes the path of production. */
async function demoUpstream(context: Context, named: CommandOptions[string]): Promise<Upstream> {
  const { startDemo } = await import('./demo.js');
  const { login, hosts, close } = await startDemo(context, named);
  const source = { name: '--demo', description: 'the simulator', read: () => Promise.resolve(login) };
  return { login: { ...login, source, store: memoryStore() }, overrides: hosts, isSimulator: true, close };
}

export type KiroUpstream = {
  readonly session: ProfiledSession;
  readonly client: KiroClient;
  readonly asker: Asker;
};

export type UpstreamDependencies = {
  readonly session: AccessProvider;
  readonly fetch: Fetch;
  readonly overrides: HostOverrides;
  readonly isSimulator: boolean;
  /** Is told, in a sentence, what is repeated. */
  readonly note: (sentence: string) => void;
};

export function createKiroUpstream(
  context: Context,
  settings: Settings,
  { session: login, fetch, overrides, isSimulator, note }: UpstreamDependencies,
): KiroUpstream {
  const { now, sleep, chance, startTimer, randomId } = context;
  const asking = {
    session: login,
    fetch,
    overrides,
    apiRegion: settings.kiroApiRegion,
    userAgent: settings.kiroUserAgent,
    optOut: settings.kiroOptOut,
    randomId,
  };
  const session = createProfiledSession({
    session: login,
    listProfiles: (apiRegion, signal) => createKiroClient({ ...asking, apiRegion }).listProfiles(signal),
    apiRegion: settings.kiroApiRegion,
    usesSharedProfile: settings.kiroSharedProfile,
    now,
  });
  const client = createKiroClient({ ...asking, session });
  const asker = createAsker({
    client,
    now,
    sleep,
    chance,
    startTimer,
    note,
    retry: {
      maxAttempts: settings.maxAttempts,
      baseDelayMs: settings.baseRetryDelaySeconds * 1000,
      maxSlowRepeats: settings.firstTokenMaxRetries,
    },
    // The simulator is no service to be spared.
    maxConcurrent: isSimulator ? 0 : settings.maxConcurrentRequests,
    firstEventMs: settings.firstTokenTimeoutSeconds * 1000,
    silenceMs: settings.streamingReadTimeoutSeconds * 1000,
  });
  return { session, client, asker };
}

/** @param notice Is told, in a sentence, what a person should know. */
export function openLogins(context: Context, paths: GatewayPaths, notice: (sentence: string) => void): LoginStore {
  return createLoginStore({
    keychain: context.keychain(),
    dataFolder: paths.data,
    stateFolder: paths.state,
    now: context.now,
    sleep: context.sleep,
    signal: context.stopSignal(),
    notice,
  });
}
