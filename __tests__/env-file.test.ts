/** Env files: what one that the person named may do, and what a foreign `./.env` cannot. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { GatewayError } from '../src/core/errors.js';
import {
  type CommandOptions,
  type EnvFile,
  loadSettings,
  readEnvFile,
  readSettings,
  type Settings,
} from '../src/settings.js';
import { expectNoSecret, failureOf, refreshToken, revealed } from './auth/support.js';
import { temporaryFolder } from './support/folder.js';

test('a file that the person named may set everything', async () => {
  const path = envFileOf(`\uFEFFKIRO_API_URL=https://kiro.example\nSERVER_HOST="0.0.0.0" # all\nUNKNOWN=//x\n`);
  const file = await readEnvFile(path, { trusted: true });
  const { kiroApiUrl, serverHost } = settings(file);
  expect({ kiroApiUrl, serverHost, notices: file.notices }).toEqual({
    kiroApiUrl: 'https://kiro.example',
    serverHost: '0.0.0.0',
    notices: [],
  });
});

test('a hostile ./.env changes no host, no proxy, no certificate and no privacy', async () => {
  const names = [
    'KIRO_API_URL',
    'KIRO_MANAGEMENT_URL',
    'KIRO_AUTH_URL',
    'KIRO_OIDC_URL',
    'VPN_PROXY_URL',
    'HTTPS_PROXY',
    'HTTP_PROXY',
    'ALL_PROXY',
    'https_proxy',
    'NODE_EXTRA_CA_CERTS',
    'NODE_TLS_REJECT_UNAUTHORIZED',
    'SERVER_HOST',
    'KIRO_GATEWAY_HOME',
    'KIRO_OPT_OUT',
  ];
  const path = envFileOf(names.map((name) => `${name}=https://evil.example\n`).join(''));
  const environment = { ...process.env };
  const file = await readEnvFile(path, { trusted: false });
  expect(names.map((it) => file.lookup(it)).filter(Boolean)).toEqual([]);
  expect(file.notices).toEqual(
    names
      .toSorted()
      .map((it) => `${path} may not set ${it}; set it in the environment or name the file with --env-file.`),
  );
  expect({ ...process.env }).toEqual(environment);
});

test('a ./.env may choose login and gateway key, but not in silence', async () => {
  const path = envFileOf(`REFRESH_TOKEN=${refreshToken('a')}\nPROXY_API_KEY=key-1\nSERVER_PORT=9000\nOTHER=1\n`);
  const file = await readEnvFile(path, { trusted: false });
  const { serverPort, proxyApiKey, origins } = settings(file);
  expect(revealed({ serverPort, proxyApiKey, origin: origins.refreshToken, notices: file.notices })).toEqual({
    serverPort: 9000,
    proxyApiKey: 'secret:key-1',
    origin: 'file',
    notices: [`${path} sets PROXY_API_KEY, REFRESH_TOKEN; remove it if it is not yours.`],
  });
  expect(file.lookup('OTHER')).toBeUndefined();
  expectNoSecret(file, refreshToken('a'));
});

test('a ./.env cannot make Windows log in to a foreign file server', async () => {
  const path = envFileOf('KIRO_CREDS_FILE=\\\\evil.example\\share\\login.json\n');
  const file = await readEnvFile(path, { trusted: false });
  expect({ found: file.lookup('KIRO_CREDS_FILE'), notices: file.notices.length }).toEqual({
    found: undefined,
    notices: 1,
  });
});

test('a missing ./.env is fine', async () => {
  const file = await readEnvFile(join(temporaryFolder(), '.env'), { trusted: false });
  expect(file.notices).toEqual([]);
});

test('a folder named .env, as Python makes them, is told and no error', async () => {
  const path = join(temporaryFolder(), '.env');
  mkdirSync(path);
  const { names, notices } = await readEnvFile(path, { trusted: false });
  expect({ names, notices }).toEqual({ names: [], notices: [`${path} is not a file, and is not read.`] });
});

function checkEnvFile(title: string, problem: string, make: (path: string) => void, trusted: boolean): void {
  test(title, async () => {
    const path = join(temporaryFolder(), '.env');
    make(path);
    expect(await failureOf(() => readEnvFile(path, { trusted }))).toBe(
      `invalid-request: The env file ${path} ${problem}; it must be a text file of at most 1 MB.`,
    );
  });
}

checkEnvFile('a missing --env-file is an error', 'does not exist', () => undefined, true);
checkEnvFile('a folder is not an env file', 'is not a regular file', (path) => mkdirSync(path), true);
checkEnvFile(
  'a huge env file is an error',
  'is too large',
  (path) => writeFileSync(path, '#'.repeat(1_000_001)),
  false,
);

function envFileOf(text: string): string {
  const path = join(temporaryFolder(), '.env');
  writeFileSync(path, text);
  return path;
}

function settings(envFile: EnvFile): Settings {
  return readSettings({ flags: {}, env: {}, envFiles: [envFile], homeDirectory: '/home/ann', version: '1.2.3' });
}

test('the .env of the config folder may set everything, and every other place wins over it', async () => {
  const home = temporaryFolder();
  const folder = temporaryFolder();
  mkdirSync(join(home, 'config'), { recursive: true });
  const named = join(folder, 'my.env');
  writeFileSync(
    join(home, 'config', '.env'),
    'KIRO_API_URL=https://kiro.example\nSERVER_HOST=0.0.0.0\nSERVER_PORT=1\nLOG_LEVEL=ERROR\nLOG_FORMAT=json\nMAX_RETRIES=7\n',
  );
  writeFileSync(join(folder, '.env'), 'SERVER_PORT=2\nLOG_LEVEL=DEBUG\n');
  writeFileSync(named, 'SERVER_PORT=3\nLOG_LEVEL= \n');
  const env = { KIRO_GATEWAY_HOME: home, MAX_RETRIES: '5' };
  const machine = { platform: process.platform, env, homeDirectory: home };
  const context = { machine, workingDirectory: folder, version: '1' };
  const read = async (options: CommandOptions, how?: { readonly readsFolder: boolean }) => {
    const { settings, notices } = await loadSettings(context, options, how);
    const { kiroApiUrl, serverHost, serverPort, logLevel, logFormat, maxAttempts, origins } = settings;
    return [kiroApiUrl, serverHost, serverPort, logLevel, logFormat, maxAttempts, origins.serverPort, notices];
  };
  const own = ['https://kiro.example', '0.0.0.0'];
  expect(await read({})).toEqual([...own, 1, 'ERROR', 'json', 5, 'file', []]);
  expect(await read({}, { readsFolder: true })).toEqual([...own, 2, 'DEBUG', 'json', 5, 'file', []]);
  expect(await read({ envFile: named }, { readsFolder: true })).toEqual([...own, 3, 'ERROR', 'json', 5, 'file', []]);
  expect(await read({ port: '4', envFile: named }, { readsFolder: true })).toEqual([
    ...own,
    4,
    'ERROR',
    'json',
    5,
    'flag',
    [],
  ]);
});

test('a ~ in --env-file=~/… is the home folder, though no shell expands it there', async () => {
  const homeDirectory = temporaryFolder();
  writeFileSync(join(homeDirectory, 'own.env'), 'SERVER_PORT=4321\n');
  const machine = { platform: process.platform, env: {}, homeDirectory };
  const context = { machine, workingDirectory: homeDirectory, version: '1.2.3' };
  const { settings } = await loadSettings(context, { envFile: '~/own.env' });
  expect(settings.serverPort).toBe(4321);
});

test('a wrong value in a file is told with the path of that file', async () => {
  const home = temporaryFolder();
  const folder = temporaryFolder();
  mkdirSync(join(home, 'config'), { recursive: true });
  writeFileSync(join(home, 'config', '.env'), 'MAX_RETRIES=99\n');
  writeFileSync(join(folder, '.env'), 'SERVER_PORT=abc\n');
  const env = { KIRO_GATEWAY_HOME: home };
  const context = {
    machine: { platform: process.platform, env, homeDirectory: home },
    workingDirectory: folder,
    version: '1.2.3',
  };
  const complaints: string[] = [];
  const onWrong = ({ message }: GatewayError) => void complaints.push(message);
  await loadSettings(context, {}, { readsFolder: true, onWrong });
  expect([...new Set(complaints)]).toEqual([
    `SERVER_PORT in ${join(folder, '.env')} must be a whole number from 0 to 65535, not "abc".`,
    `MAX_RETRIES in ${join(home, 'config', '.env')} must be a whole number from 1 to 10, not "99".`,
  ]);
});
