/** A machine for the tests of logins: a home folder, a simulator in place of Kiro, and the command. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, expect } from '@jest/globals';
import { type Simulator, startSimulator } from '../../src/simulator/server.js';
import { databaseOf } from '../auth/kiro-cli-database-support.js';
import { startWriter } from '../auth/sqlite-writer.js';
import { temporaryFolder } from '../support/folder.js';
import { call } from '../support/call.js';
import type { Ended } from '../support/command.js';

/** Refresh tokens that the simulator accepts begin so. Each is planted, and must never be seen. */
export const PLANTED = {
  refreshToken: `reusable-${'PLANTED-REFRESH-TOKEN-'.repeat(8)}`,
  accessToken: `aoa${'PLANTED-ACCESS-TOKEN-'.repeat(5)}`,
  clientSecret: `eyJ${'PLANTED-CLIENT-SECRET-'.repeat(5)}`,
  apiKey: 'ksk_PLANTEDAPIKEY+PLANTED/API.KEY==',
};

export const ARN = 'arn:aws:codewhisperer:eu-central-1:111122223333:profile/EXAMPLE12345';

export type TestMachine = {
  readonly home: string;
  readonly simulator: Simulator;
  readonly env: Readonly<Record<string, string>>;
  /** The command in this process. */
  readonly run: (args: readonly string[], about?: RunOptions) => Promise<Ended>;
  /** The command as a process of its own, with the keychain of the machine. */
  readonly spawn: (args: readonly string[], about?: SpawnOptions) => Promise<Ended>;
  /** Writes a file below the home folder. */
  readonly write: (path: string, content: object | string) => string;
  /** What the gateway keeps of logins in files. */
  readonly kept: () => readonly string[];
};

export type RunOptions = {
  readonly env?: Readonly<Record<string, string>>;
  /** Piped in; without it the input is empty. */
  readonly input?: string;
};

export type SpawnOptions = RunOptions & {
  /** A command that runs another one. */
  readonly wrapper?: readonly string[];
};

export async function startMachine(): Promise<TestMachine> {
  const home = temporaryFolder();
  const simulator = await startSimulator({ pace: 'none' });
  simulators.push(simulator);
  const { url } = simulator;
  const hosts = { KIRO_API_URL: url, KIRO_AUTH_URL: url, KIRO_OIDC_URL: url };
  const env = { PATH: dirname(process.execPath), HOME: home, KIRO_GATEWAY_HOME: join(home, 'gateway'), ...hosts };
  return {
    home,
    simulator,
    env,
    run: (args, about = {}) => call(args, { ...about, env: { ...env, ...about.env }, workingDirectory: home }),
    spawn: (args, about = {}) => spawnCommand(args, { ...about, env: { ...env, ...about.env } }),
    write(path, content) {
      const whole = join(home, path);
      mkdirSync(dirname(whole), { recursive: true });
      writeFileSync(whole, typeof content === 'string' ? content : JSON.stringify(content));
      return whole;
    },
    kept: () => filesIn(join(home, 'gateway', 'data', 'logins')),
  };
}

/** The database of a login with an Identity Center, as kiro-cli writes it. */
export function kiroCliDatabase(
  over: object = {},
  state: Readonly<Record<string, unknown>> = PROFILE,
): Promise<string> {
  const { accessToken: access_token, refreshToken: refresh_token, clientSecret: client_secret } = PLANTED;
  const expires_at = '2026-08-01T14:33:30.786627Z';
  const start_url = 'https://d-1234567890.awsapps.com/start';
  const token = { access_token, refresh_token, expires_at, start_url, region: 'eu-west-1', oauth_flow: 'DeviceCode' };
  const client = { client_id: 'PlantedClientId', client_secret, client_secret_expires_at: '2099-01-01T00:00:00Z' };
  const rows = { 'kirocli:odic:token': { ...token, ...over }, 'kirocli:odic:device-registration': client };
  return databaseOf(writer, rows, state);
}

/** No secret of the fixtures was said, and none that the simulator made. */
export function expectSilence(...ended: readonly Ended[]): void {
  for (const { stdout, stderr } of ended) expect(stdout + stderr).not.toMatch(/PLANTED|reusable|\b(aoa|aor|ksk_)[\w-]/);
}

/** The token file of the Kiro IDE after a social login. */
export const IDE_LOGIN = {
  accessToken: PLANTED.accessToken,
  refreshToken: PLANTED.refreshToken,
  expiresAt: '2026-08-01T10:15:30.123Z',
  authMethod: 'social',
  provider: 'Google',
  profileArn: ARN,
};

export const IDE_FILE = join('.aws', 'sso', 'cache', 'kiro-auth-token.json');

export const BIN = join(import.meta.dirname, '..', '..', 'bin', 'kiro-gateway.js');

const PROFILE = { 'api.codewhisperer.profile': { arn: ARN, profile_name: 'Planted' } };

async function spawnCommand(
  args: readonly string[],
  { env = {}, input = '', wrapper = [] }: SpawnOptions,
): Promise<Ended> {
  const words = [...wrapper, process.execPath, BIN, ...args];
  const child = spawn(words[0] ?? '', words.slice(1), { env, cwd: env['HOME'], stdio: 'pipe' });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  // A command that does not read its input may be gone before it is written.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...output };
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
  } catch {
    return [];
  }
}

const writer = startWriter();
afterAll(() => writer.kill());

const simulators: Simulator[] = [];
afterEach(async () => {
  for (const simulator of simulators.splice(0)) await simulator.close();
});
