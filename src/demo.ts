/** `--demo`: the built-in simulator in the place of Kiro, and a login that it knows. */

import type { Credential } from './auth/credential.js';
import type { Context } from './context.js';
import { GatewayError } from './core/errors.js';
import { Secret } from './core/secret.js';
import type { CommandOptions } from './settings.js';

/**
 * Starts the simulator on a port of its own.
 * @throws GatewayError `invalid-request`, with the names there are, when there is no scenario of that name.
 */
export async function startDemo({ machine }: Context, named: CommandOptions[string]) {
  const [{ startSimulator }, { isScenarioName, listScenarios }, { DEMO_REFRESH_TOKEN }] = await Promise.all([
    import('./simulator/server.js'),
    import('./simulator/scenarios.js'),
    import('./simulator/sign-in.js'),
  ]);
  const scenario = (typeof named === 'string' && named) || machine.env['KIRO_SIMULATOR_SCENARIO'] || undefined;
  if (scenario !== undefined && !isScenarioName(scenario)) {
    const names = listScenarios().map(({ name }) => name);
    const message = `There is no scenario ${JSON.stringify(scenario)}; choose one of ${names.join(', ')}.`;
    throw new GatewayError('invalid-request', message);
  }
  const { url, close } = await startSimulator({ keepRequests: 0, ...(scenario && { scenario }) });
  const credential = {
    kind: 'social',
    refreshToken: new Secret(DEMO_REFRESH_TOKEN),
    accessToken: undefined,
    expiresAt: undefined,
    region: 'us-east-1',
    apiRegion: undefined,
    profileArn: undefined,
  } as const satisfies Credential;
  const hosts = { api: url, management: url, auth: url, oidc: url };
  return { login: { credential, notices: [] }, hosts, close };
}
