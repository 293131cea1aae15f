/** Settings: names, defaults, precedence, what is refused, and what a foreign `./.env` cannot do. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { readEnvFile } from '../src/env-file.js';
import { gatewayPaths, type Machine } from '../src/paths.js';
import { readSettings, SETTINGS, type Settings, type SettingsInput } from '../src/settings.js';
import { ARN, expectNoSecret, failureOf, refreshToken, revealed, temporaryFolder } from './auth/support.js';

function settings(input: Partial<SettingsInput>): Settings {
  return readSettings({ flags: {}, env: {}, homeDirectory: '/home/ann', version: '1.2.3', ...input });
}

function fileWith(values: Readonly<Record<string, string>>): SettingsInput['envFile'] {
  return { lookup: (variable) => values[variable] };
}

test('without flags, environment and file, every setting has the default of the table', () => {
  const { origins, ...values } = settings({});
  expect(values).toEqual({
    serverHost: '127.0.0.1',
    serverPort: 8000,
    proxyApiKey: undefined,
    refreshToken: undefined,
    profileArn: undefined,
    kiroRegion: undefined,
    kiroApiRegion: undefined,
    kiroCredsFile: undefined,
    kiroApiKey: undefined,
    kiroApiUrl: undefined,
    kiroManagementUrl: undefined,
    kiroAuthUrl: undefined,
    kiroOidcUrl: undefined,
    kiroUserAgent: 'kiro-gateway/1.2.3',
    kiroOptOut: true,
    tokenRefreshThresholdSeconds: 600,
    modelCacheTtlSeconds: 3600,
    toolDescriptionMaxLength: 10000,
    logLevel: 'INFO',
    maxBodySizeBytes: 33554432,
    gatewayHome: undefined,
  });
  expect(new Set(Object.values(origins))).toEqual(new Set(['default']));
});

test('each variable is in the table once', () => {
  const variables = Object.values(SETTINGS).map((it) => it.variable);
  expect(variables).toEqual([...new Set(variables)]);
});

function checkOrigin(title: string, input: Partial<SettingsInput>, port: number, origin: string): void {
  test(title, () => {
    const { serverPort, origins } = settings(input);
    expect({ serverPort, origin: origins.serverPort }).toEqual({ serverPort: port, origin });
  });
}

const flags = { port: '1' };
const env = { SERVER_PORT: '2' };
const envFile = fileWith({ SERVER_PORT: '3' });
checkOrigin('a flag wins over everything', { flags, env, envFile }, 1, 'flag');
checkOrigin('the environment wins over the file', { env, envFile }, 2, 'environment');
checkOrigin('the file wins over the default', { envFile }, 3, 'file');
checkOrigin('an empty flag counts as not set', { flags: { port: '' }, env }, 2, 'environment');
checkOrigin('an empty variable counts as not set', { env: { SERVER_PORT: '  ' }, envFile }, 3, 'file');
checkOrigin('an empty line of the file counts as not set', { envFile: fileWith({ SERVER_PORT: '' }) }, 8000, 'default');

function checkValue(variable: string, text: string, name: keyof Settings, value: unknown): void {
  test(`${variable}=${text.slice(0, 60)} is understood`, () => {
    expect(revealed(settings({ env: { [variable]: text } })[name])).toEqual(value);
  });
}

checkValue('SERVER_HOST', '0.0.0.0', 'serverHost', '0.0.0.0');
checkValue('SERVER_HOST', '[::1]', 'serverHost', '::1');
checkValue('SERVER_HOST', 'box.local', 'serverHost', 'box.local');
checkValue('SERVER_PORT', '0', 'serverPort', 0);
checkValue('PROXY_API_KEY', ' key-1 ', 'proxyApiKey', 'secret:key-1');
checkValue('REFRESH_TOKEN', refreshToken('a'), 'refreshToken', `secret:${refreshToken('a')}`);
checkValue('PROFILE_ARN', ARN, 'profileArn', ARN);
checkValue('KIRO_CREDS_FILE', '~/login.json', 'kiroCredsFile', join('/home/ann', 'login.json'));
checkValue('KIRO_CREDS_FILE', '~bob/login.json', 'kiroCredsFile', '~bob/login.json');
checkValue('KIRO_GATEWAY_HOME', '~', 'gatewayHome', join('/home/ann'));
checkValue('KIRO_API_URL', 'https://kiro.example/base/', 'kiroApiUrl', 'https://kiro.example/base');
checkValue('KIRO_API_URL', 'http://127.0.0.1:9000/', 'kiroApiUrl', 'http://127.0.0.1:9000');
checkValue('KIRO_API_URL', 'http://127.9.8.7', 'kiroApiUrl', 'http://127.9.8.7');
checkValue('KIRO_MANAGEMENT_URL', 'http://localhost:9000', 'kiroManagementUrl', 'http://localhost:9000');
checkValue('KIRO_AUTH_URL', 'http://[::1]:9000', 'kiroAuthUrl', 'http://[::1]:9000');
checkValue('KIRO_OPT_OUT', 'False', 'kiroOptOut', false);
checkValue('KIRO_OPT_OUT', '1', 'kiroOptOut', true);
checkValue('LOG_LEVEL', 'debug', 'logLevel', 'DEBUG');
checkValue('MAX_BODY_SIZE', '500kb', 'maxBodySizeBytes', 512000);
checkValue('MAX_BODY_SIZE', '1.5 MB', 'maxBodySizeBytes', 1572864);
checkValue('MAX_BODY_SIZE', '1048576', 'maxBodySizeBytes', 1048576);

function checkRefused(variable: string, text: string, complaint: string): void {
  test(`${variable}=${text.slice(0, 60)} is refused`, async () => {
    expect(await failureOf(() => settings({ env: { [variable]: text } }))).toBe(`invalid-request: ${complaint}`);
  });
}

const PORT = 'SERVER_PORT must be a whole number from 0 to 65535';
const HOST = 'SERVER_HOST must be a host name or an IP address, without a port';
const REGION = 'must be an AWS region such as us-east-1';
const URL_RULE =
  'must be an https URL (http only for localhost, 127.0.0.1 or [::1]) without user name, query or fragment.';
const TOKEN = 'REFRESH_TOKEN must be a whole refresh token: at least 100 characters, without "...".';
const SIZE = 'MAX_BODY_SIZE must be a size from 1 to 512mb, such as 32mb, 500kb or 1048576';
checkRefused('SERVER_PORT', 'http', `${PORT}, not "http".`);
checkRefused('SERVER_PORT', '65536', `${PORT}, not "65536".`);
checkRefused('SERVER_PORT', '-1', `${PORT}, not "-1".`);
checkRefused('SERVER_PORT', '8e3', `${PORT}, not "8e3".`);
checkRefused('SERVER_HOST', 'http://127.0.0.1', `${HOST}, not "http://127.0.0.1".`);
checkRefused('SERVER_HOST', '127.0.0.1:8000', `${HOST}, not "127.0.0.1:8000".`);
checkRefused('PROXY_API_KEY', 'two words', 'PROXY_API_KEY must be printable ASCII text without spaces.');
checkRefused('KIRO_API_KEY', 'ksk_\u00e4', 'KIRO_API_KEY must be printable ASCII text without spaces.');
checkRefused('REFRESH_TOKEN', 'aor-short', TOKEN);
checkRefused('REFRESH_TOKEN', refreshToken('a').replace('AAAA', '...A'), TOKEN);
checkRefused(
  'PROFILE_ARN',
  'arn:aws:iam::1:role/x',
  'PROFILE_ARN must be a profile ARN such as arn:aws:codewhisperer:us-east-1:111122223333:profile/EXAMPLE12345, not "arn:aws:iam::1:role/x".',
);
checkRefused('KIRO_REGION', 'evil.com/#', `KIRO_REGION ${REGION}, not "evil.com/#".`);
checkRefused('KIRO_API_REGION', 'frankfurt', `KIRO_API_REGION ${REGION}, not "frankfurt".`);
checkRefused('KIRO_API_URL', 'kiro.example', `KIRO_API_URL ${URL_RULE}`);
checkRefused('KIRO_API_URL', 'http://kiro.example', `KIRO_API_URL ${URL_RULE}`);
checkRefused('KIRO_API_URL', 'http://127.0.0.1.evil.com', `KIRO_API_URL ${URL_RULE}`);
checkRefused('KIRO_API_URL', 'http://localhost.evil.com', `KIRO_API_URL ${URL_RULE}`);
checkRefused('KIRO_API_URL', 'http://localhost@evil.com', `KIRO_API_URL ${URL_RULE}`);
checkRefused('KIRO_API_URL', 'https://ann:word@kiro.example', `KIRO_API_URL ${URL_RULE}`);
checkRefused('KIRO_MANAGEMENT_URL', 'ftp://127.0.0.1', `KIRO_MANAGEMENT_URL ${URL_RULE}`);
checkRefused('KIRO_AUTH_URL', 'http://10.0.0.1', `KIRO_AUTH_URL ${URL_RULE}`);
checkRefused('KIRO_OIDC_URL', 'https://kiro.example/?a=1', `KIRO_OIDC_URL ${URL_RULE}`);
checkRefused('KIRO_USER_AGENT', 'a\tb', 'KIRO_USER_AGENT must be printable ASCII text on one line, not "a\\tb".');
checkRefused('KIRO_OPT_OUT', 'maybe', 'KIRO_OPT_OUT must be true or false, not "maybe".');
checkRefused(
  'TOKEN_REFRESH_THRESHOLD',
  '3600',
  'TOKEN_REFRESH_THRESHOLD must be a whole number of seconds from 0 to 3000, not "3600".',
);
checkRefused('MODEL_CACHE_TTL', '1h', 'MODEL_CACHE_TTL must be a whole number of seconds from 0 to 604800, not "1h".');
checkRefused(
  'TOOL_DESCRIPTION_MAX_LENGTH',
  '0',
  'TOOL_DESCRIPTION_MAX_LENGTH must be a whole number of characters from 1 to 1000000, not "0".',
);
checkRefused('LOG_LEVEL', 'loud', 'LOG_LEVEL must be one of DEBUG, INFO, WARN, ERROR, not "loud".');
checkRefused('MAX_BODY_SIZE', '32gb', `${SIZE}, not "32gb".`);
checkRefused('MAX_BODY_SIZE', '0', `${SIZE}, not "0".`);
checkRefused('MAX_BODY_SIZE', '513mb', `${SIZE}, not "513mb".`);

test('a refused flag is called by its own name', async () => {
  expect(await failureOf(() => settings({ flags: { port: 'x' } }))).toBe(
    'invalid-request: --port must be a whole number from 0 to 65535, not "x".',
  );
});

test('a long text in the wrong place is not repeated, because it may be a token', async () => {
  const failure = await failureOf(() => settings({ env: { PROFILE_ARN: refreshToken('a') } }));
  expectNoSecret(failure, refreshToken('a'));
});

test('settings show no secret when they are printed', () => {
  const env = {
    PROXY_API_KEY: 'proxy-key-of-ann-0123456789',
    REFRESH_TOKEN: refreshToken('a'),
    KIRO_API_KEY: 'ksk_0123456789abcdefghijk',
  };
  expectNoSecret(settings({ env }), ...Object.values(env));
});

test('a file that the person named may set everything', async () => {
  const path = envFileOf(`\uFEFFKIRO_API_URL=https://kiro.example\nSERVER_HOST="0.0.0.0" # all\nUNKNOWN=//x\n`);
  const file = await readEnvFile(path, { trusted: true });
  const { kiroApiUrl, serverHost } = settings({ envFile: file });
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
  const { serverPort, proxyApiKey, origins } = settings({ envFile: file });
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
checkEnvFile('a folder named .env is an error too', 'is not a regular file', (path) => mkdirSync(path), false);
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

function checkPaths(title: string, machine: Machine, home: string | undefined, expected: readonly string[]): void {
  test(title, () => {
    const { config, data, state } = gatewayPaths(machine, home);
    expect([config, data, state]).toEqual(expected);
  });
}

const linux: Machine = { platform: 'linux', env: {}, homeDirectory: '/home/ann' };
const xdg = { XDG_CONFIG_HOME: '/c', XDG_DATA_HOME: '/d', XDG_STATE_HOME: 'relative' };
const mac: Machine = { platform: 'darwin', env: xdg, homeDirectory: '/Users/ann' };
const windows: Machine = { platform: 'win32', env: {}, homeDirectory: 'C:\\Users\\ann' };
checkPaths('on Linux the folders are those of XDG', linux, undefined, [
  '/home/ann/.config/kiro-gateway',
  '/home/ann/.local/share/kiro-gateway',
  '/home/ann/.local/state/kiro-gateway',
]);
checkPaths('XDG variables count when they are absolute', { ...linux, env: xdg }, undefined, [
  '/c/kiro-gateway',
  '/d/kiro-gateway',
  '/home/ann/.local/state/kiro-gateway',
]);
checkPaths('on macOS the folders lie in the Library', mac, undefined, [
  '/Users/ann/Library/Preferences/kiro-gateway',
  '/Users/ann/Library/Application Support/kiro-gateway',
  '/Users/ann/Library/Application Support/kiro-gateway/State',
]);
checkPaths('on Windows the folders lie in AppData', windows, undefined, [
  'C:\\Users\\ann\\AppData\\Roaming\\kiro-gateway\\Config',
  'C:\\Users\\ann\\AppData\\Local\\kiro-gateway\\Data',
  'C:\\Users\\ann\\AppData\\Local\\kiro-gateway\\State',
]);
checkPaths(
  'on Windows APPDATA and LOCALAPPDATA count',
  { ...windows, env: { APPDATA: 'D:\\R', LOCALAPPDATA: 'D:\\L' } },
  undefined,
  ['D:\\R\\kiro-gateway\\Config', 'D:\\L\\kiro-gateway\\Data', 'D:\\L\\kiro-gateway\\State'],
);
checkPaths('KIRO_GATEWAY_HOME replaces all three', mac, '/srv/gateway', [
  '/srv/gateway/config',
  '/srv/gateway/data',
  '/srv/gateway/state',
]);
