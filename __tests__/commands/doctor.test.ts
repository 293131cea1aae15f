/** `doctor`: what it finds on a healthy machine and on broken ones, with which advice and exit code. */

import { once } from 'node:events';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import type { SettingFact } from '../../src/commands/doctor.js';
import type { Finding } from '../../src/commands/doctor-turns.js';
import { callServe } from '../support/call.js';
import { start } from '../support/command.js';
import { ARN, expectSilence, IDE_FILE, IDE_LOGIN, PLANTED, startMachine, type TestMachine } from './login-support.js';

type Told = {
  readonly code: number | null;
  readonly checks: readonly Finding[];
  readonly settings: readonly SettingFact[];
};

/** Without a port, which another program on the machine of the tests may have. */
async function examine(
  machine: TestMachine,
  { args = [], env = {} }: { readonly args?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Told> {
  const ended = await machine.run(['doctor', '--json', ...args], { env: { SERVER_PORT: '0', ...env } });
  expectSilence(ended);
  return { code: ended.code, ...JSON.parse(ended.stdout) };
}

/** What is wrong, and nothing else; whether somebody has just changed the source is not. */
function wrong({ code, checks }: Told) {
  const isWrong = ({ name, state }: Finding) => name !== 'install' && (state === 'warn' || state === 'bad');
  const found = checks.filter(isWrong);
  return { code, found: found.map(({ name, state, found: said }) => `${state} ${name}: ${said}`) };
}

const loggedIn = { REFRESH_TOKEN: PLANTED.refreshToken };

test('a demonstration is a healthy machine, told as one JSON object', async () => {
  const machine = await startMachine();
  const { code, checks, ...about } = await examine(machine, { args: ['--demo', '--live'] });
  // Where the tests run, there is a keychain or not, and the source may be newer than what was built.
  const told = checks.filter(({ name }) => name !== 'keychain' && name !== 'install');
  const stable = told.map((it) => ({ ...it, found: it.found.replaceAll(/:\d{4,5}\b|\d+ ms|id \w{8}/g, '#') }));
  expect({ code, checks: stable }).toEqual({
    code: 0,
    checks: [
      { name: 'node', state: 'ok', found: process.versions.node, fix: null },
      { name: 'folders', state: 'ok', found: '~/gateway/config, ~/gateway/data, ~/gateway/state', fix: null },
      { name: 'login', state: 'ok', found: 'Kiro social login, from simulator, #', fix: null },
      {
        name: 'token',
        state: 'info',
        found: 'of unknown age',
        fix: 'Nothing has to be done: it is renewed with the next request; `--live` tries that.',
      },
      {
        name: 'region',
        state: 'ok',
        found: 'API in us-east-1, login in us-east-1, profile none named, so it is looked for',
        fix: null,
      },
      { name: 'stores', state: 'ok', found: 'logins: none', fix: null },
      {
        name: 'key',
        state: 'ok',
        found: 'in ~/gateway/config/gateway-key, once `serve` has made it',
        fix: null,
      },
      { name: 'proxy', state: 'ok', found: 'none', fix: null },
      { name: 'host', state: 'ok', found: 'http://127.0.0.1# answers (404) in #', fix: null },
      { name: 'clock', state: 'ok', found: 'agrees with that of Kiro', fix: null },
      { name: 'live', state: 'ok', found: 'Kiro lists 20 models, in # and for no credits', fix: null },
      { name: 'port', state: 'ok', found: 'any that is free', fix: null },
      { name: 'captures', state: 'ok', found: 'DEBUG_MODE is off; turns kept: none', fix: null },
    ],
  });
  expect(about).toMatchObject({ version: expect.stringMatching(/^\d/), node: process.versions.node });
});

test('every setting is told with its value and where it comes from, a secret only as set', async () => {
  const machine = await startMachine();
  const file = machine.write('my.env', 'MAX_RETRIES=5\nLOG_LEVEL=WARN\nVPN_PROXY_URL=http://a:PLANTED@127.0.0.1:1\n');
  machine.write('gateway/config/.env', 'MODEL_ALIASES=fast=auto,slow=auto\nLOG_LEVEL=ERROR\n');
  const { settings } = await examine(machine, {
    args: ['--demo', '--env-file', file, '--port', '4321'],
    env: { PROXY_API_KEY: PLANTED.apiKey, PROFILE_ARN: ARN },
  });
  const told = settings
    .filter(({ origin }) => origin !== 'default')
    .map((it) => [it.name, `${it.value}, ${it.origin}`]);
  const simulator = `${machine.simulator.url}, environment`;
  expect(Object.fromEntries(told)).toEqual({
    KIRO_API_URL: simulator,
    KIRO_AUTH_URL: simulator,
    KIRO_OIDC_URL: simulator,
    MAX_RETRIES: '5, file',
    LOG_LEVEL: 'WARN, file',
    MODEL_ALIASES: 'fast=auto,slow=auto, file',
    VPN_PROXY_URL: 'set, file',
    PROXY_API_KEY: 'set, environment',
    PROFILE_ARN: `${ARN.replace(/\d{12}/, '…')}, environment`,
    SERVER_PORT: '4321, flag',
    KIRO_GATEWAY_HOME: '~/gateway, environment',
  });
  expect(settings.find(({ name }) => name === 'SERVER_HOST')).toEqual({
    name: 'SERVER_HOST',
    value: '127.0.0.1',
    origin: 'default',
  });
});

test('what ./.env says to `serve` counts here too, and what it may not say is told', async () => {
  const machine = await startMachine();
  const path = machine.write('.env', `REFRESH_TOKEN=${PLANTED.refreshToken}\nKIRO_OPT_OUT=false\nTITLE=x\n`);
  const told = await examine(machine);
  const local = path.replace(machine.home, '~');
  expect(wrong(told)).toEqual({
    code: 0,
    found: [
      `warn env file: ${local} may not set KIRO_OPT_OUT; set it in the environment or name the file with --env-file.`,
      `warn env file: ${local} sets REFRESH_TOKEN; remove it if it is not yours.`,
    ],
  });
  expect(told.checks.find(({ name }) => name === 'login')?.found).toContain('Kiro social login, from env');
});

test('where nobody is logged in it exits 4, when nothing else is broken', async () => {
  const machine = await startMachine();
  expect(wrong(await examine(machine))).toEqual({
    code: 4,
    found: ['bad login: No Kiro login found; run `kiro-gateway login`.'],
  });
  const named = await examine(machine, { args: ['--profile', 'work'] });
  expect(named.checks.find(({ name }) => name === 'login')).toMatchObject({
    found: 'There is no login named work; run `kiro-gateway login --profile work`.',
    fix: 'Do what the sentence says.',
  });
});

test('an old token is no fault while it can be renewed; with --live a refusal shows', async () => {
  const machine = await startMachine();
  machine.write(IDE_FILE, { ...IDE_LOGIN, refreshToken: `dead-${PLANTED.refreshToken}` });
  const env = { KIRO_CREDS_FILE: `~/${IDE_FILE}` };
  const quiet = await examine(machine, { env });
  expect(wrong(quiet)).toEqual({ code: 0, found: [] });
  expect(quiet.checks.find(({ name }) => name === 'token')).toMatchObject({
    state: 'info',
    found: expect.stringMatching(/^expired \d+ days ago$/),
  });
  expect(machine.simulator.requests.filter(({ path }) => path !== '/')).toEqual([]);
  const live = wrong(await examine(machine, { env, args: ['--live'] }));
  expect(live).toEqual({ code: 4, found: [expect.stringMatching(/^bad login: Your Kiro login has expired/)] });
});

for (const [when, days, code, found] of [
  ['has expired', -3, 4, 'bad login: the client that was registered for it: expired 3 days ago'],
  ['expires within a week', 6, 0, 'warn login: the client that was registered for it: good for 6 days'],
] as const) {
  test(`a registered client that ${when} is told, with the command that registers this login anew`, async () => {
    const machine = await startMachine();
    const { accessToken, refreshToken, clientSecret } = PLANTED;
    const registrationExpiresAt = new Date(Date.now() + days * 86_400_000).toISOString();
    const tokens = { accessToken, refreshToken, expiresAt: new Date(Date.now() + 3_000_000).toISOString() };
    const client = { clientId: 'PlantedClientId', clientSecret, registrationExpiresAt };
    const file = machine.write('login.json', { ...tokens, ...client, authMethod: 'idc', profileArn: ARN });
    const settings = await examine(machine, { env: { KIRO_CREDS_FILE: file } });
    await machine.run(['login', '--from', 'file', '--file', file, '--yes', '--profile', 'work']);
    const stored = await examine(machine, { args: ['--profile', 'work'] });
    const fixes = [settings, stored].map((it) => it.checks.find((check) => found.endsWith(check.found))?.fix);
    expect([wrong(settings), wrong(stored)]).toEqual([
      { code, found: [found] },
      { code, found: [found] },
    ]);
    expect(fixes).toEqual([
      'Sign in again where it came from: without it the token cannot be renewed.',
      'Run `kiro-gateway login --profile work`: without it the token cannot be renewed.',
    ]);
  });
}

test('what lies on this machine is listed, and what cannot be used is said', async () => {
  const machine = await startMachine();
  machine.write(IDE_FILE, '{"accessToken":');
  const told = await examine(machine, { env: loggedIn });
  expect(wrong(told)).toEqual({ code: 0, found: [expect.stringMatching(/^warn source: Kiro IDE cannot be used: /)] });
  expect(told.checks.filter(({ name }) => name === 'source').at(-1)?.found).toContain('Kiro IDE');
});

test('a host that is not there is broken, the others are looked at all the same', async () => {
  const machine = await startMachine();
  const told = await examine(machine, { env: { ...loggedIn, KIRO_API_URL: 'http://127.0.0.1:1' } });
  expect(wrong(told)).toEqual({
    code: 1,
    found: ['bad host: http://127.0.0.1:1: cannot be reached (ECONNREFUSED)'],
  });
  expect(told.checks.filter(({ name, state }) => name === 'host' && state === 'ok')).toHaveLength(1);
});

test('Ctrl-C while a host is silent ends it, and breaks nothing', async () => {
  const silent = createServer().on('connection', () => child.kill('SIGINT'));
  const url = `http://127.0.0.1:${await listen(silent)}`;
  const { child, output } = start(['doctor'], { env: { ...loggedIn, KIRO_API_URL: url, KIRO_AUTH_URL: url } });
  const [code] = (await once(child, 'close')) as [number | null];
  silent.closeAllConnections();
  expect({ code, ...output }).toEqual({ code: 130, stdout: '', stderr: 'Stopped.\n' });
});

test('where an API key is the login, nobody asks for the host that renews tokens', async () => {
  const machine = await startMachine();
  const env = { KIRO_API_KEY: PLANTED.apiKey, KIRO_AUTH_URL: 'http://127.0.0.1:1' };
  expect(wrong(await examine(machine, { env }))).toEqual({ code: 0, found: [] });
});

test('a certificate that nobody vouches for is told with the remedy', async () => {
  const machine = await startMachine();
  const pem = (name: string) => readFileSync(join(import.meta.dirname, '..', 'fixtures', 'tls', name));
  const secure = createSecureServer({ key: pem('key.pem'), cert: pem('certificate.pem') }, (_, response) =>
    response.end(),
  );
  const url = `https://127.0.0.1:${await listen(secure)}`;
  const { checks } = await examine(machine, { env: { ...loggedIn, KIRO_AUTH_URL: url } });
  expect(checks.find(({ found }) => found.startsWith(url))).toEqual({
    name: 'host',
    state: 'bad',
    found: expect.stringMatching(/its certificate is not trusted \(\w+\)$/),
    fix: "If a proxy signs with a certificate of its own, set NODE_EXTRA_CA_CERTS to its CA's file.",
  });
});

test('a clock that is wrong is found by the answers of the host', async () => {
  const machine = await startMachine();
  const told: string[] = [];
  for (const minutes of [-10, 2]) {
    const url = `http://127.0.0.1:${await listenPlain((_, response) => {
      response.setHeader('date', new Date(Date.now() + minutes * 60_000).toUTCString()).end();
    })}`;
    const { checks } = await examine(machine, { env: { ...loggedIn, KIRO_API_URL: url } });
    const clock = checks.find(({ name }) => name === 'clock');
    told.push(
      `${clock?.state} ${clock?.found.replace(/\d+/, (digits) => String(Math.round(Number(digits) / 10) * 10))}`,
    );
  }
  expect(told).toEqual(['bad is 600 s fast', 'warn is 120 s slow']);
});

test('all settings that are wrong are found at once, and what hangs on them is not looked at', async () => {
  const machine = await startMachine();
  const told = await examine(machine, { env: { ...loggedIn, LOG_LEVEL: 'LOUD', MAX_RETRIES: '99' } });
  expect(wrong(told)).toEqual({
    code: 1,
    found: [
      'bad setting: LOG_LEVEL must be one of DEBUG, INFO, WARN, ERROR, not "LOUD".',
      'bad setting: MAX_RETRIES must be a whole number from 1 to 10, not "99".',
    ],
  });
  expect(told.checks.find(({ name }) => name === 'login')).toMatchObject({ state: 'info' });
  expect(told.settings.find(({ name }) => name === 'LOG_LEVEL')).toMatchObject({ value: 'INFO', origin: 'default' });
});

test('names that are nearly a setting, or none in a file of ours, are reported', async () => {
  const machine = await startMachine();
  const named = machine.write('my.env', 'LOGLEVEL=DEBUG\nDATABASE_URL=x\n');
  machine.write('gateway/config/.env', 'SOMETHING_ELSE=1\n');
  const env = { ...loggedIn, KIRO_API_KEYS: 'x', KIRO_COLOUR: 'red', EDITOR: 'vi', KIRO_GATEWAY_API_KEY: 'x' };
  const told = await examine(machine, { env, args: ['--env-file', named] });
  expect(told.checks.filter(({ name }) => name === 'setting').map(({ found, fix }) => [found, fix])).toEqual([
    ['the environment sets KIRO_API_KEYS, which is no setting', 'Say KIRO_API_KEY.'],
    [
      'the environment sets KIRO_COLOUR, which is no setting',
      'Take it out, or correct it: the README lists all settings.',
    ],
    ['the env file sets LOGLEVEL, which is no setting', 'Say LOG_LEVEL.'],
    [
      'the .env of the config folder sets SOMETHING_ELSE, which is no setting',
      'Take it out, or correct it: the README lists all settings.',
    ],
  ]);
});

test('a port that somebody has is broken, unless it is a gateway of ours', async () => {
  const machine = await startMachine();
  const taken = await listenPlain((_, response) => response.end('somebody else'));
  const foreign = wrong(await examine(machine, { env: loggedIn, args: ['--port', String(taken)] }));
  expect(foreign).toEqual({ code: 1, found: [`bad port: another program has port ${taken} on 127.0.0.1`] });
  const alsoNoLogin = wrong(await examine(machine, { args: ['--port', String(taken)] }));
  expect([alsoNoLogin.code, alsoNoLogin.found.length]).toEqual([1, 2]);
  const gateway = await callServe(['--demo']);
  const { port } = new URL(gateway.url);
  const own = await examine(machine, { env: loggedIn, args: ['--port', port] });
  await gateway.stop();
  expect(wrong(own)).toEqual({ code: 0, found: [] });
  expect(own.checks.find(({ name }) => name === 'port')?.found).toBe(
    `kiro-gateway already answers at ${port} on 127.0.0.1`,
  );
});

test('a folder that cannot be made is broken', async () => {
  const machine = await startMachine();
  // Root may write everywhere, but not below a file.
  const file = join(machine.home, 'file');
  writeFileSync(file, '');
  const told = wrong(await examine(machine, { env: { ...loggedIn, KIRO_GATEWAY_HOME: file } }));
  expect(told.code).toBe(1);
  expect(told.found[0]).toBe('bad folder: ~/file/config cannot be made, because ~/file is no folder');
});

test('a folder that is a link into nowhere is broken', async () => {
  const machine = await startMachine();
  const link = join(machine.home, 'link');
  symlinkSync(join(machine.home, 'unplugged'), link);
  const told = wrong(await examine(machine, { env: { ...loggedIn, KIRO_GATEWAY_HOME: link } }));
  expect(told.found[0]).toBe('bad folder: ~/link/config cannot be made, because ~/link is no folder');
});

test.each([
  ['127.0.0.1', 0, 'warn key: PROXY_API_KEY has only 5 characters.'],
  [
    '0.0.0.0',
    1,
    'bad key: PROXY_API_KEY has only 5 characters; on 0.0.0.0 it must be secret and have at least 24 characters, or not be set.',
  ],
])('a weak key that `serve` warns of or refuses is found, on %s', async (host, code, finding) => {
  const machine = await startMachine();
  const told = await examine(machine, { args: ['--demo', '--host', host], env: { PROXY_API_KEY: 'short' } });
  expect(wrong(told)).toEqual({ code, found: [finding] });
});

test('a proxy of the environment that is none, and certificates that are not checked, are told', async () => {
  const machine = await startMachine();
  const env = { ...loggedIn, KIRO_API_URL: 'https://kiro.invalid', https_proxy: 'ftp://x' };
  const told = wrong(await examine(machine, { env: { ...env, NODE_TLS_REJECT_UNAUTHORIZED: '0' } }));
  expect(told.found).toEqual([
    'bad proxy: https_proxy is no URL of a proxy',
    'warn tls: NODE_TLS_REJECT_UNAUTHORIZED=0: anybody could pose as Kiro',
    expect.stringMatching(/^bad host: https:\/\/kiro\.invalid: https_proxy must be the URL of a proxy/),
  ]);
});

test('a flag that is wrong and a turn that was not kept are errors of usage', async () => {
  const machine = await startMachine();
  const [port, turn] = await Promise.all([machine.run(['doctor', '--port', 'abc']), machine.run(['doctor', 'req_0'])]);
  expect([port, turn].map(({ code, stdout, stderr }) => [code, stdout, stderr])).toEqual([
    [2, '', '--port must be a whole number from 0 to 65535, not "abc".\n'],
    [2, '', 'The turn "req_0" is not kept (none is kept yet); set DEBUG_MODE=errors or all and ask again.\n'],
  ]);
});

test('a person reads a table: settings, then a line for each check with what to do below it', async () => {
  const machine = await startMachine();
  const { code, stdout, stderr } = await machine.run(['doctor'], { env: { SERVER_PORT: '0' } });
  expect({ code, stderr }).toEqual({ code: 4, stderr: '' });
  expect(stdout).toMatch(/^SETTING +VALUE +FROM\n/);
  expect(stdout).toContain(
    '\n✗ login     No Kiro login found; run `kiro-gateway login`.\n            → Do what the sentence says.\n',
  );
  expect(stdout).toMatch(/\n\n1 broken, \d doubtful, \d+ fine\n$/);
});

// --- helpers

const servers: Server[] = [];
afterEach(() => {
  for (const it of servers.splice(0)) it.close();
});

async function listen(server: Server): Promise<number> {
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function listenPlain(listener: RequestListener): Promise<number> {
  return listen(createServer(listener));
}
