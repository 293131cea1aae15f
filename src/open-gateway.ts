/** From settings to a gateway that works: login, session, client; with `--demo`, the same on the simulator. */

import { join } from 'node:path';

import { createSession, type SessionFacts } from './auth/session.js';
import { fileStore, memoryStore } from './auth/store.js';
import { findLogin, notLoggedIn, type Login } from './auth/sources/index.js';
import type { CommandOptions } from './commands/command.js';
import type { Context } from './context.js';
import { GatewayError } from './core/errors.js';
import { Secret } from './core/secret.js';
import { readEnvFile } from './env-file.js';
import { createGateway, type Gateway } from './gateway.js';
import { createKiroClient } from './kiro/client.js';
import type { HostOverrides } from './kiro/endpoints.js';
import { createLogger, type Logger } from './logger.js';
import { gatewayPaths, type GatewayPaths } from './paths.js';
import { readSettings, type Settings } from './settings.js';

export type OpenedGateway = {
  readonly gateway: Gateway;
  readonly settings: Settings;
  readonly paths: GatewayPaths;
  readonly log: Logger;
  readonly isSimulator: boolean;
  /** Who we are, for people; no secret. */
  readonly login: () => SessionFacts;
  /** Ends what was started for it, and waits for that. */
  readonly close: () => Promise<void>;
};

/**
 * @param options Those of the command line: settings' flags, `envFile`, `demo`.
 * @param folderEnvFile Also read `./.env`, which may belong to anybody.
 * @throws GatewayError `invalid-request` for bad settings, `not-logged-in` without a login.
 */
export async function openGateway(
  context: Context,
  options: CommandOptions,
  { folderEnvFile } = { folderEnvFile: false },
): Promise<OpenedGateway> {
  const { settings, notices } = await settingsFor(context, options, folderEnvFile);
  const log = createLogger({ level: settings.logLevel, write: context.terminal.log, now: context.now });
  for (const secret of [settings.proxyApiKey, settings.refreshToken, settings.kiroApiKey]) log.hide(secret);
  for (const notice of notices) log.warn(notice);

  const paths = gatewayPaths(context.machine, settings.gatewayHome);
  const demo = options['demo'];
  const upstream =
    demo === undefined ? await realUpstream(context, settings) : await demoUpstream(context, String(demo));
  for (const notice of upstream.login.notices) log.warn(notice);
  try {
    const fetch = await context.loadFetch();
    const notice = (sentence: string): void => log.warn(sentence);
    const session = await createSession({
      credential: upstream.login.credential,
      source: upstream.login.source,
      store: upstream.isSimulator ? memoryStore() : fileStore(paths.state, notice),
      fetch,
      now: context.now,
      sleep: context.sleep,
      overrides: upstream.overrides,
      userAgent: settings.kiroUserAgent,
      refreshAheadSeconds: settings.tokenRefreshThresholdSeconds,
      notice,
    });
    const client = createKiroClient({
      session,
      fetch,
      overrides: upstream.overrides,
      apiRegion: settings.kiroApiRegion,
      userAgent: settings.kiroUserAgent,
      optOut: settings.kiroOptOut,
      randomId: context.randomId,
    });
    const gateway = createGateway({
      session,
      client,
      log,
      now: context.now,
      randomId: context.randomId,
      modelCacheTtlSeconds: settings.modelCacheTtlSeconds,
      toolDescriptionMaxLength: settings.toolDescriptionMaxLength,
    });
    const { isSimulator, close } = upstream;
    return { gateway, settings, paths, log, isSimulator, login: () => session.describe(), close };
  } catch (thrown) {
    await upstream.close();
    throw thrown;
  }
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

async function realUpstream(context: Context, settings: Settings): Promise<Upstream> {
  const login = await findLogin({ ...settings, homeDirectory: context.machine.homeDirectory });
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
  return {
    login: {
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
      source: { name: '--demo', description: 'the simulator', read: () => Promise.resolve(undefined) },
    },
    overrides: { api: url, management: url, auth: url, oidc: url },
    isSimulator: true,
    close: () => simulator.close(),
  };
}
