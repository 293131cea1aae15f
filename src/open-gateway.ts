/** From settings to a gateway that works: login, session, client; with `--demo`, the same on the simulator. */

import { join } from 'node:path';

import { digestOf, secretsOf } from './auth/credential.js';
import { type Alone, alreadyAlone, createRefreshLock } from './auth/refresh-lock.js';
import { createSession, type SessionFacts } from './auth/session.js';
import { fileStore, memoryStore } from './auth/store.js';
import { findLogin, notLoggedIn, type Login } from './auth/sources/index.js';
import type { FoundLogin } from './auth/sources/source.js';
import { createCatalogueStore } from './catalogue-store.js';
import type { CommandOptions } from './commands/command.js';
import type { Context } from './context.js';
import { GatewayError } from './core/errors.js';
import { Secret } from './core/secret.js';
import { readEnvFile } from './env-file.js';
import { createGateway, type Gateway, type Spent } from './gateway.js';
import type { HostOverrides } from './kiro/endpoints.js';
import { createKiroUpstream } from './kiro-upstream.js';
import { createLedger, type Ledger, type LedgerEntry, type LedgerSource } from './ledger.js';
import { createLogger, type Logger } from './logger.js';
import { openLogins } from './open-logins.js';
import { gatewayPaths, type GatewayPaths } from './paths.js';
import { createRemoteMedia } from './remote-media.js';
import { readSettings, type Settings } from './settings.js';

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
};

export type OpenOptions = {
  /** Also read `./.env`, which may belong to anybody. */
  readonly folderEnvFile: boolean;
  /** Say it when the login cannot be renewed for much longer. */
  readonly announcesRegistration: boolean;
  /** Who spends, for the ledger. */
  readonly source: LedgerSource;
};

/**
 * @param options Those of the command line: settings' flags, `envFile`, `profile`, `demo`.
 * @throws GatewayError `invalid-request` for bad settings, `not-logged-in` without a login.
 */
export async function openGateway(
  context: Context,
  options: CommandOptions,
  { folderEnvFile, announcesRegistration, source }: OpenOptions = FOR_ONE_ANSWER,
): Promise<OpenedGateway> {
  const { settings, notices } = await settingsFor(context, options, folderEnvFile);
  const log = createLogger({ level: settings.logLevel, write: context.terminal.log, now: context.now });
  for (const secret of [settings.proxyApiKey, settings.refreshToken, settings.kiroApiKey, settings.vpnProxyUrl]) {
    log.hide(secret);
  }
  for (const notice of notices) log.warn(notice);

  const paths = gatewayPaths(context.machine, settings.gatewayHome);
  const demo = options['demo'];
  const notice = (sentence: string): void => log.warn(sentence);
  const upstream =
    demo === undefined
      ? await realUpstream(context, settings, { profile: options['profile'], paths, notice })
      : await demoUpstream(context, String(demo));
  for (const secret of secretsOf(upstream.login.credential)) log.hide(secret);
  upstream.login.notices.forEach(notice);
  try {
    const fetch = await context.loadFetch(settings.vpnProxyUrl);
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
      announcesRegistration,
      notice,
    });
    const login = session.describe();
    log.debug(`Login: ${login.account}, from ${login.source}.`);
    const { isSimulator, close } = upstream;
    const ledger = isSimulator ? undefined : createLedger(paths.state, context.now);
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
      toolDescriptionMaxLength: settings.toolDescriptionMaxLength,
      tags: {
        when: settings.fakeReasoning,
        maxTokens: settings.fakeReasoningMaxTokens,
        handling: settings.fakeReasoningHandling,
      },
      textToolCalls: settings.textToolCalls,
      truncationRecovery: settings.truncationRecovery,
      fetchMedia: settings.remoteImages ? createRemoteMedia(context) : undefined,
      ...(ledger !== undefined && {
        catalogueStore: createCatalogueStore(paths.state, digestOf(upstream.login.credential)),
        record: (spent) => void ledger.record(toEntry(spent, context.now(), source)),
      }),
    });
    return { gateway, settings, paths, log, isSimulator, ledger, login: () => session.describe(), close };
  } catch (thrown) {
    await upstream.close();
    throw thrown;
  }
}

function refreshLock(context: Context, paths: GatewayPaths, notice: (sentence: string) => void): Alone {
  const { now, sleep } = context;
  return createRefreshLock(paths.state, { now, sleep, notice, signal: context.stopSignal() });
}

const FOR_ONE_ANSWER: OpenOptions = { folderEnvFile: false, announcesRegistration: false, source: 'chat' };

function toEntry({ modelId, sessionId, usage, credits }: Spent, time: number, source: LedgerSource): LedgerEntry {
  const { inputTokens, outputTokens } = usage;
  return { time, model: modelId, session: sessionId, inputTokens, outputTokens, credits, source };
}

async function settingsFor(context: Context, options: CommandOptions, folderEnvFile: boolean) {
  const named = options['envFile'];
  const path = typeof named === 'string' ? named : join(context.workingDirectory, '.env');
  const isRead = typeof named === 'string' || folderEnvFile;
  const envFile = isRead ? await readEnvFile(path, { trusted: typeof named === 'string' }) : undefined;
  const flags = Object.entries(options).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  const settings = readSettings({
    flags: Object.fromEntries(flags),
    env: context.machine.env,
    envFile,
    homeDirectory: context.machine.homeDirectory,
    version: context.version,
  });
  return { settings, notices: envFile?.notices ?? [] };
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
  const { kiroApiUrl: api, kiroManagementUrl: management, kiroAuthUrl: auth, kiroOidcUrl: oidc } = settings;
  return { login, overrides: { api, management, auth, oidc }, isSimulator: false, close: () => Promise.resolve() };
}

/** Swaps hosts and credential, nothing else: the demonstration takes the path of production. */
async function demoUpstream(context: Context, named: string): Promise<Upstream> {
  const { startSimulator, DEMO_REFRESH_TOKEN } = await import('./simulator/server.js');
  const { isScenarioName, listScenarios } = await import('./simulator/scenarios.js');
  const scenario = named || context.machine.env['KIRO_SIMULATOR_SCENARIO'];
  if (scenario && !isScenarioName(scenario)) {
    const names = listScenarios().map(({ name }) => name);
    throw new GatewayError(
      'invalid-request',
      `There is no scenario ${JSON.stringify(scenario)}; there are ${names.join(', ')}.`,
    );
  }
  const simulator = await startSimulator({ keepRequests: 0, ...(scenario && { scenario }) });
  const { url } = simulator;
  const found: FoundLogin = {
    credential: {
      kind: 'social',
      refreshToken: new Secret(DEMO_REFRESH_TOKEN),
      accessToken: undefined,
      expiresAt: undefined,
      region: 'us-east-1',
      apiRegion: undefined,
      profileArn: undefined,
    },
    notices: [],
  };
  const source = { name: '--demo', description: 'the simulator', read: () => Promise.resolve(found) };
  return {
    login: { ...found, source, store: memoryStore() },
    overrides: { api: url, management: url, auth: url, oidc: url },
    isSimulator: true,
    close: () => simulator.close(),
  };
}
