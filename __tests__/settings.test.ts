/** Settings: names, defaults, precedence, what is understood and what is refused. */

import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { readSettings, type Settings, type SettingsInput } from '../src/settings.js';
import { SETTINGS } from '../src/settings-table.js';
import { ARN, expectNoSecret, failureOf, refreshToken, revealed } from './auth/support.js';

function settings(input: Partial<SettingsInput>): Settings {
  return readSettings({ flags: {}, env: {}, homeDirectory: '/home/ann', version: '1.2.3', ...input });
}

function fileWith(values: Readonly<Record<string, string>>): SettingsInput['envFiles'] {
  return [{ path: '/home/ann/.env', lookup: (variable) => values[variable] }];
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
    maxAttempts: 3,
    baseRetryDelaySeconds: 1,
    firstTokenTimeoutSeconds: 90,
    firstTokenMaxRetries: 1,
    streamingReadTimeoutSeconds: 300,
    maxConcurrentRequests: 8,
    modelAliases: new Map([['auto-kiro', 'auto']]),
    kiroSharedProfile: true,
    vpnProxyUrl: undefined,
    toolDescriptionMaxLength: 10000,
    fakeReasoning: true,
    fakeReasoningMaxTokens: 4000,
    fakeReasoningHandling: 'as_reasoning_content',
    textToolCalls: false,
    remoteImages: false,
    truncationRecovery: true,
    webSearch: true,
    promptCache: false,
    logLevel: 'INFO',
    logFormat: 'text',
    debugMode: 'off',
    maxBodySizeBytes: 33554432,
    gatewayHome: undefined,
  });
  expect(new Set(Object.values(origins))).toEqual(new Set(['default']));
});

test.each<[string, boolean | 'always']>([
  ['TRUE', true],
  ['yes', true],
  ['off', false],
  ['Always', 'always'],
])('FAKE_REASONING=%s is %s', (text, expected) => {
  expect(settings({ env: { FAKE_REASONING: text, FAKE_REASONING_HANDLING: 'Strip_Tags' } })).toMatchObject({
    fakeReasoning: expected,
    fakeReasoningHandling: 'strip_tags',
  });
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
const envFiles = fileWith({ SERVER_PORT: '3' });
checkOrigin('a flag wins over everything', { flags, env, envFiles }, 1, 'flag');
checkOrigin('the environment wins over the file', { env, envFiles }, 2, 'environment');
checkOrigin('the file wins over the default', { envFiles }, 3, 'file');
checkOrigin('an empty flag counts as not set', { flags: { port: '' }, env }, 2, 'environment');
checkOrigin('an empty variable counts as not set', { env: { SERVER_PORT: '  ' }, envFiles }, 3, 'file');
checkOrigin(
  'an empty line of the file counts as not set',
  { envFiles: fileWith({ SERVER_PORT: '' }) },
  8000,
  'default',
);

function checkValue(variable: string, text: string, name: keyof Settings, value: unknown): void {
  test(`${variable}=${text.slice(0, 60)} is understood`, () => {
    expect(revealed(settings({ env: { [variable]: text } })[name])).toEqual(value);
  });
}

checkValue('SERVER_HOST', '0.0.0.0', 'serverHost', '0.0.0.0');
checkValue('SERVER_HOST', '[::1]', 'serverHost', '::1');
checkValue('SERVER_HOST', 'box.local', 'serverHost', 'box.local');
checkValue('SERVER_HOST', 'LOCALHOST', 'serverHost', 'localhost');
checkValue('SERVER_HOST', '127.1', 'serverHost', '127.0.0.1');
checkValue('SERVER_HOST', '0:0:0:0:0:0:0:1', 'serverHost', '::1');
checkValue('SERVER_HOST', 'fe80::1%lo', 'serverHost', 'fe80::1%lo');
checkValue('SERVER_PORT', '0', 'serverPort', 0);
checkValue('PROXY_API_KEY', ' key-1 ', 'proxyApiKey', 'secret:key-1');
checkValue('REFRESH_TOKEN', refreshToken('a'), 'refreshToken', `secret:${refreshToken('a')}`);
checkValue('PROFILE_ARN', ARN, 'profileArn', ARN);
checkValue('KIRO_CREDS_FILE', '~/login.json', 'kiroCredsFile', join('/home/ann', 'login.json'));
checkValue('KIRO_CREDS_FILE', '~bob/login.json', 'kiroCredsFile', resolve('~bob/login.json'));
checkValue('KIRO_GATEWAY_HOME', '~', 'gatewayHome', join('/home/ann'));
checkValue('KIRO_API_URL', 'https://kiro.example/base/', 'kiroApiUrl', 'https://kiro.example/base');
checkValue('KIRO_API_URL', 'http://127.0.0.1:9000/', 'kiroApiUrl', 'http://127.0.0.1:9000');
checkValue('KIRO_API_URL', 'http://127.9.8.7', 'kiroApiUrl', 'http://127.9.8.7');
checkValue('KIRO_MANAGEMENT_URL', 'http://localhost:9000', 'kiroManagementUrl', 'http://localhost:9000');
checkValue('KIRO_AUTH_URL', 'http://[::1]:9000', 'kiroAuthUrl', 'http://[::1]:9000');
checkValue('KIRO_OPT_OUT', 'False', 'kiroOptOut', false);
checkValue('KIRO_OPT_OUT', '1', 'kiroOptOut', true);
checkValue('LOG_LEVEL', 'debug', 'logLevel', 'DEBUG');
checkValue('LOG_LEVEL', 'trace', 'logLevel', 'DEBUG');
checkValue('LOG_LEVEL', 'Warning', 'logLevel', 'WARN');
checkValue('LOG_LEVEL', 'CRITICAL', 'logLevel', 'ERROR');
checkValue('FAKE_REASONING', 'disabled', 'fakeReasoning', false);
checkValue('TOOL_DESCRIPTION_MAX_LENGTH', '0', 'toolDescriptionMaxLength', 0);
checkValue('LOG_FORMAT', 'JSON', 'logFormat', 'json');
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
const TOKEN = 'REFRESH_TOKEN must be a whole refresh token, without spaces and "...".';
const SIZE = 'MAX_BODY_SIZE must be a size from 1 to 512mb, such as 32mb, 500kb or 1048576';
checkRefused('SERVER_PORT', 'http', `${PORT}, not "http".`);
checkRefused('SERVER_PORT', '65536', `${PORT}, not "65536".`);
checkRefused('SERVER_PORT', '-1', `${PORT}, not "-1".`);
checkRefused('SERVER_PORT', '8e3', `${PORT}, not "8e3".`);
checkRefused('SERVER_HOST', 'http://127.0.0.1', `${HOST}, not "http://127.0.0.1".`);
checkRefused('SERVER_HOST', '127.0.0.1:8000', `${HOST}, not "127.0.0.1:8000".`);
checkRefused('PROXY_API_KEY', 'two words', 'PROXY_API_KEY must be printable ASCII text without spaces.');
checkRefused('KIRO_API_KEY', 'ksk_\u00e4', 'KIRO_API_KEY must be printable ASCII text without spaces.');
checkRefused('REFRESH_TOKEN', 'aor short', TOKEN);
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
  '-1',
  'TOOL_DESCRIPTION_MAX_LENGTH must be a whole number of characters from 0 to 1000000, not "-1".',
);
checkRefused('FAKE_REASONING', 'maybe', 'FAKE_REASONING must be always, true or false, not "maybe".');
checkRefused(
  'FAKE_REASONING_MAX_TOKENS',
  '0',
  'FAKE_REASONING_MAX_TOKENS must be a whole number of tokens from 1 to 200000, not "0".',
);
checkRefused(
  'FAKE_REASONING_HANDLING',
  'drop',
  'FAKE_REASONING_HANDLING must be one of as_reasoning_content, remove, pass, strip_tags, not "drop".',
);
checkRefused('TEXT_TOOL_CALLS', '2', 'TEXT_TOOL_CALLS must be true or false, not "2".');
checkRefused('TRUNCATION_RECOVERY', '2', 'TRUNCATION_RECOVERY must be true or false, not "2".');
checkRefused('LOG_LEVEL', 'loud', 'LOG_LEVEL must be one of DEBUG, INFO, WARN, ERROR, not "loud".');
for (const text of ['*', 'https://my.box', 'my.box/v1', 'a b']) {
  checkRefused(
    'ALLOWED_HOSTS',
    text,
    `ALLOWED_HOSTS must be host names such as my.box, separated by commas, not "${text}".`,
  );
}
for (const text of ['*', 'app.example', 'https://app.example/page', 'null']) {
  checkRefused(
    'CORS_ORIGINS',
    text,
    `CORS_ORIGINS must be origins such as https://app.example, separated by commas, not "${text}".`,
  );
}
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
