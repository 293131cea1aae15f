/** From settings to a gateway that works: login, session, client; with `--demo`, the same on the simulator. */

import { digestOf } from './auth/credential.js';
import { kiroCliDatabasePaths } from './auth/kiro-cli.js';
import { createRefreshLock } from './auth/lock.js';
import { createLoginStore, type LoginStore } from './auth/login-store.js';
import { createSession, type Session } from './auth/session.js';
import { findLogin, type Login, notLoggedIn } from './auth/sources.js';
import { fileStore, memoryStore } from './auth/store.js';
import { createCatalogueStore } from './catalogue.js';
import type { Context } from './context.js';
import type { Fetch } from './core/fetch.js';
import { createGateway } from './gateway.js';
import { createAsker } from './kiro/asker.js';
import type { HostOverrides } from './kiro/calls.js';
import { createKiroClient } from './kiro/client.js';
import { createProfiledSession } from './kiro/profiled-session.js';
import { createLedger, type LedgerSource } from './ledger.js';
import { createLogger, type Logger } from './logger.js';
import { createRemoteMedia } from './remote-media.js';
import type { CaptureOptions, DebugCapture } from './server/debug-capture.js';
import { type CommandOptions, type GatewayPaths, loadSettings, type Settings } from './settings.js';

export type OpenedGateway = Readonly<Awaited<ReturnType<typeof openGateway>>>;

/**
 * @param options Those of the command line: settings' flags, `envFile`, `profile`, `demo`.
 * @param source Who spends. `serve` also reads `./.env`, which may belong to anybody; who waits for one answer (`chat`)
 * reads sentences, and is not told that the login cannot be renewed for much longer.
 * @throws GatewayError `invalid-request` for bad settings, `not-logged-in` without a login.
 */
export async function openGateway(context: Context, options: CommandOptions, source: LedgerSource) {
  const { terminal, version, now, sleep, randomId } = context;
  const { settings, paths, notices } = await loadSettings(context, options, { readsFolder: source === 'serve' });
  const lines = terminal.live === undefined ? 'text' : 'screen';
  const words = source === 'chat' ? 'talk' : lines;
  const format = settings.logFormat === 'json' ? 'json' : words;
  const log = createLogger({ level: settings.logLevel, format, write: terminal.log, now });
  const notice = (sentence: string): void => log.warn(sentence);
  const { proxyApiKey, refreshToken, kiroApiKey, vpnProxyUrl } = settings;
  for (const secret of [proxyApiKey, refreshToken, kiroApiKey, vpnProxyUrl]) log.hide(secret);
  notices.forEach(notice);

  const { demo } = options;
  const isSimulator = demo !== undefined;
  const upstream = isSimulator
    ? await demoUpstream(context, demo)
    : await realUpstream(context, settings, options['profile'], openLogins(context, paths, notice));
  const { login, overrides } = upstream;
  login.notices.forEach(notice);
  try {
    const capturing = { stateFolder: paths.state, version, log, now };
    const capture = source === 'chat' ? undefined : await openCapture(settings.debugMode, capturing);
    const network = await context.loadFetch(isSimulator ? undefined : vpnProxyUrl);
    const fetch = capture?.watch(network) ?? network;
    const lock = { now, sleep, notice, signal: context.stopSignal() };
    const store = login.store ?? fileStore(paths.state, notice);
    const session = await createSession({
      login,
      source: login.source,
      store: { ...store, write: (...tokens) => context.untilSaved(store.write(...tokens)) },
      alone: isSimulator ? (work) => work() : createRefreshLock(paths.state, lock, login.name),
      fetch,
      now,
      sleep,
      overrides,
      userAgent: settings.kiroUserAgent,
      refreshAheadSeconds: settings.tokenRefreshThresholdSeconds,
      announcesRegistration: source !== 'chat',
      notice,
      hide: (secret) => log.hide(secret, 'lately'),
    });
    const { account, source: origin } = session.describe();
    log.debug(`Login: ${account}, from ${origin}.`);
    const ledger = isSimulator ? undefined : createLedger(paths.state, now, notice);
    const closing = new AbortController();
    const gateway = createGateway({
      ...createKiro(context, settings, { session, fetch, overrides, isSimulator, log }),
      log,
      now,
      closing: closing.signal,
      randomId,
      settings,
      modelCacheTtlSeconds: settings.modelCacheTtlSeconds,
      fetchMedia: settings.remoteImages ? createRemoteMedia(context) : undefined,
      ...(ledger !== undefined && {
        catalogueStore: createCatalogueStore(paths.state, digestOf(login.credential), notice),
        record: (spent) => void ledger.record({ time: now(), ...spent, source }),
      }),
    });
    return {
      gateway,
      settings,
      paths,
      log,
      isSimulator,
      /** What the turns of this machine cost; undefined for the simulator, whose credits are none. */
      ledger,
      /** Undefined unless DEBUG_MODE is on. */
      capture,
      /** Who we are, for people; no secret. */
      login: () => session.describe(),
      /** Ends what was started for it, and waits for that. */
      async close(): Promise<void> {
        closing.abort();
        await ledger?.close();
        await upstream.close();
      },
    };
  } catch (thrown) {
    await upstream.close();
    throw thrown;
  }
}

async function openCapture(
  mode: Settings['debugMode'],
  options: Omit<CaptureOptions, 'mode'>,
): Promise<DebugCapture | undefined> {
  if (mode === 'off') return undefined;
  const { createDebugCapture } = await import('./server/debug-capture.js');
  return createDebugCapture({ mode, ...options });
}

type Upstream = {
  readonly login: Login;
  readonly overrides: HostOverrides;
  readonly close: () => Promise<void>;
};

async function realUpstream(
  context: Context,
  settings: Settings,
  profile: CommandOptions[string],
  logins: LoginStore,
): Promise<Upstream> {
  const { machine, now, sleep, runProgram } = context;
  const tools = { now, sleep, runProgram, kiroCliDatabase: kiroCliDatabasePaths(machine)[0], logins };
  const login = await findLogin(
    { ...settings, homeDirectory: machine.homeDirectory },
    { ...tools, profile: typeof profile === 'string' ? profile : undefined },
  );
  if (login === undefined) throw notLoggedIn();
  return { login, overrides: hostsOf(settings), close: () => Promise.resolve() };
}

/** Swaps hosts and credential, nothing else: the demonstration takes the path of production. */
async function demoUpstream(context: Context, named: CommandOptions[string]): Promise<Upstream> {
  const { startDemo } = await import('./demo.js');
  const { login, hosts, close } = await startDemo(context, named);
  const source = { name: '--demo', description: 'the simulator', read: () => Promise.resolve(login) };
  return { login: { ...login, source, store: memoryStore() }, overrides: hosts, close };
}

/** The hosts of Kiro that the person has named. */
export function hostsOf({ kiroApiUrl, kiroManagementUrl, kiroAuthUrl, kiroOidcUrl }: Settings): HostOverrides {
  return { api: kiroApiUrl, management: kiroManagementUrl, auth: kiroAuthUrl, oidc: kiroOidcUrl };
}

type KiroParts = Pick<Upstream, 'overrides'> & {
  readonly session: Session;
  readonly fetch: Fetch;
  readonly isSimulator: boolean;
  readonly log: Logger;
};

/** What asks Kiro, from the inside out: the session with its profile, the client, the asker. */
function createKiro(context: Context, settings: Settings, parts: KiroParts) {
  const { session: login, fetch, overrides, isSimulator, log } = parts;
  const toldFetch: Fetch = async (url, init) => {
    const answer = await fetch(url, init);
    // By this id Kiro's support finds an answer, also one that breaks off.
    log.debug(`Kiro answered ${answer.status}: request ${answer.headers.get('x-amzn-requestid') ?? 'without an id'}`);
    return answer;
  };
  const asking = {
    session: login,
    fetch: toldFetch,
    overrides,
    apiRegion: settings.kiroApiRegion,
    userAgent: settings.kiroUserAgent,
    optOut: settings.kiroOptOut,
    randomId: context.randomId,
  };
  const session = createProfiledSession({
    session: login,
    listProfiles: (apiRegion, signal) => createKiroClient({ ...asking, apiRegion }).listProfiles(signal),
    apiRegion: settings.kiroApiRegion,
    usesSharedProfile: settings.kiroSharedProfile,
    now: context.now,
  });
  const client = createKiroClient({ ...asking, session });
  const asker = createAsker({
    ...context,
    client,
    note: (sentence) => log.info(sentence),
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
    notice,
  });
}
