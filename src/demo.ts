/** `--demo`: the built-in simulator in the place of Kiro, and a login that it knows. */

import type { FoundLogin } from './auth/credential.js';
import type { CommandOptions } from './settings.js';
import type { Context } from './context.js';
import { GatewayError } from './core/errors.js';
import { Secret } from './core/secret.js';
import type { HostOverrides } from './kiro/calls.js';

export type Demo = {
  readonly login: FoundLogin;
  /** All of them the simulator's. */
  readonly hosts: Required<HostOverrides>;
  readonly close: () => Promise<void>;
};

/**
 * Starts the simulator on a port of its own.
 * @throws GatewayError `invalid-request` when there is no scenario of that name.
 */
export async function startDemo(context: Context, named: CommandOptions[string]): Promise<Demo> {
  const scenario = await readScenario(context, named);
  const { startSimulator } = await import('./simulator/server.js');
  const { url, close } = await startSimulator({ keepRequests: 0, ...(scenario && { scenario }) });
  return {
    login: await demoLogin(),
    hosts: { api: url, management: url, auth: url, oidc: url },
    close: () => close(),
  };
}

/**
 * Undefined: the one that answers.
 * @throws GatewayError `invalid-request`, with the names there are, when there is none of that name.
 */
export async function readScenario({ machine }: Context, named: CommandOptions[string]) {
  const { isScenarioName, listScenarios } = await import('./simulator/scenarios.js');
  const scenario = (typeof named === 'string' && named) || machine.env['KIRO_SIMULATOR_SCENARIO'];
  if (!scenario || isScenarioName(scenario)) return scenario || undefined;
  const names = listScenarios().map(({ name }) => name);
  const message = `There is no scenario ${JSON.stringify(scenario)}; there are ${names.join(', ')}.`;
  throw new GatewayError('invalid-request', message);
}

/** The simulator takes no other refresh token that is not its own work. */
export async function demoLogin(): Promise<FoundLogin> {
  const { DEMO_REFRESH_TOKEN } = await import('./simulator/sign-in.js');
  return {
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
}
