/** `status` and `logout`: what they say of every kind of login, with which exit code, and what is gone afterwards. */

import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { ARN, expectSilence, IDE_FILE, IDE_LOGIN, PLANTED, startMachine } from './login-support.js';

test('status exits 4 where nobody is logged in, and asks nobody', async () => {
  const machine = await startMachine();
  const status = await machine.run(['status']);
  expect({ ...status, stdout: status.stdout.replace(machine.home, '~') }).toEqual({
    code: 4,
    stdout:
      'login    No Kiro login found; run `kiro-gateway login`.\n' +
      'key      in ~/gateway/config/gateway-key, once `serve` has made it\n',
    stderr: '',
  });
  const json = await machine.run(['status', '--json', '--profile', 'work']);
  expect({ code: json.code, ...JSON.parse(json.stdout) }).toMatchObject({
    code: 4,
    loggedIn: false,
    problem: 'There is no login named work; run `kiro-gateway login --profile work`.',
    login: null,
    logins: [],
  });
  expect(machine.simulator.requests).toEqual([]);
});

test('status tells a person where a stored login rests, how long it lasts and who renewed it', async () => {
  const machine = await startMachine();
  machine.write(IDE_FILE, IDE_LOGIN);
  await machine.run(['login', '--from', 'ide', '--yes']);
  machine.simulator.reset();
  const status = await machine.run(['status']);
  const stable = status.stdout
    .replaceAll(machine.home, '~')
    .replace(/id \w{8}/, 'id ID')
    .replace(/for \d+ min \(.*\)/, 'for N min (TIME)')
    .replace(/, (just now|\d min ago);/, ', WHEN;');
  expect({ code: status.code, stdout: stable.split('\n') }).toEqual({
    code: 0,
    stdout: [
      'login    Kiro social login as default (id ID)',
      'store    a private file in ~/gateway/data/logins',
      'source   Kiro IDE, ~/.aws/sso/cache/kiro-auth-token.json',
      'token    good for N min (TIME)',
      'region   login in us-east-1, API in eu-central-1',
      `profile  ${ARN}`,
      'renewed  by the gateway, WHEN; the copy at the source may have been retired by that',
      'logins   default (Kiro social login)',
      'key      in ~/gateway/config/gateway-key, once `serve` has made it',
      '',
    ],
  });
  expect(machine.simulator.requests).toEqual([]);
  expectSilence(status);
});

const environments: readonly (readonly [string, Readonly<Record<string, string>>, object])[] = [
  ['REFRESH_TOKEN', { REFRESH_TOKEN: PLANTED.refreshToken, PROFILE_ARN: ARN }, { kind: 'social', profileArn: ARN }],
  ['KIRO_API_KEY', { KIRO_API_KEY: PLANTED.apiKey, KIRO_API_REGION: 'eu-central-1' }, { apiRegion: 'eu-central-1' }],
  ['KIRO_CREDS_FILE', { KIRO_CREDS_FILE: `~/${IDE_FILE}` }, { kind: 'social', expiresAt: '2026-08-01T10:15:30.123Z' }],
];
for (const [name, env, expected] of environments) {
  test(`status tells a login of ${name}`, async () => {
    const machine = await startMachine();
    machine.write(IDE_FILE, IDE_LOGIN);
    const status = await machine.run(['status', '--json'], { env });
    expect({ code: status.code, ...JSON.parse(status.stdout) }).toMatchObject({
      code: 0,
      loggedIn: true,
      login: { name: null, source: 'env', store: 'environment', ...expected },
    });
    expectSilence(status);
  });
}

test('status tells the token that would be used: the one that lives longer, here or at its source', async () => {
  const machine = await startMachine();
  const digest = createHash('sha256').update(IDE_LOGIN.refreshToken).digest('hex');
  const renewed = { refreshToken: PLANTED.refreshToken, accessToken: 'aoa-renewed' };
  const now = Date.now();
  const expiries = [];
  for (const [there, here] of [
    [now + 3_600_000, now],
    [now, now + 3_600_000],
  ]) {
    machine.write(IDE_FILE, { ...IDE_LOGIN, expiresAt: there });
    machine.write(`gateway/state/tokens/${digest}.json`, { ...renewed, expiresAt: here });
    const { stdout } = await machine.run(['status', '--json'], { env: { KIRO_CREDS_FILE: `~/${IDE_FILE}` } });
    expiries.push(Date.parse(JSON.parse(stdout).login.expiresAt) - now);
  }
  expect(expiries).toEqual([3_600_000, 3_600_000]);
});

const ages: readonly (readonly [minutes: number, words: string])[] = [
  [0, 'just now'],
  [40, '40 min ago'],
  [300, '5 h ago'],
  [4320, '3 days ago'],
  [-60, 'just now'],
];
for (const [minutes, words] of ages) {
  test(`status tells a renewal of ${minutes} minutes ago as ${words}`, async () => {
    const machine = await startMachine();
    const lastRefresh = { by: 'kiro-cli', at: Date.now() - minutes * 60_000 };
    const credential = { kind: 'social', refreshToken: PLANTED.refreshToken, region: 'us-east-1' };
    const source = { name: 'device-flow' };
    machine.write('gateway/data/logins/default~1.json', { credential, source, savedAt: 1, lastRefresh });
    const entry = { name: 'default', store: 'file', account: 'Kiro social login' };
    machine.write('gateway/data/logins.json', { logins: [entry] });
    const { stdout } = await machine.run(['status']);
    expect(stdout).toContain(`renewed  by kiro-cli, ${words}\n`);
  });
}

test('status tells a login whose end is no time', async () => {
  const machine = await startMachine();
  machine.write(IDE_FILE, { ...IDE_LOGIN, expiresAt: 1e18 });
  const status = await machine.run(['status'], { env: { KIRO_CREDS_FILE: `~/${IDE_FILE}` } });
  expect(status).toMatchObject({ code: 0, stdout: expect.stringContaining('token    of unknown age\n') });
});

test('status says why a login of the environment cannot be used', async () => {
  const machine = await startMachine();
  const status = await machine.run(['status'], { env: { KIRO_CREDS_FILE: '/nowhere' } });
  expect(status).toMatchObject({
    code: 4,
    stdout: expect.stringContaining('login    The login file /nowhere does not exist'),
  });
});

test('status tells a terminal nothing by what a login has in it', async () => {
  const machine = await startMachine();
  const client = { clientId: '\u001b[2Jthe client\u009b2J', clientSecret: PLANTED.refreshToken };
  machine.write('login.json', { refreshToken: PLANTED.refreshToken, authMethod: 'IdC', ...client });
  const status = await machine.run(['status'], { env: { KIRO_CREDS_FILE: '~/login.json' } });
  expect(status.stdout).toMatch(/^login {4}AWS login \(id \w{8}, client \[2J…t2J\)\n/);
});

test('the gateway key is shown only with --show-key', async () => {
  const machine = await startMachine();
  machine.write('gateway/config/gateway-key', 'kgw-THE-KEY\n');
  const plain = await machine.run(['status', '--json']);
  const shown = await machine.run(['status', '--show-key']);
  const own = await machine.run(['status', '--json', '--show-key'], { env: { PROXY_API_KEY: 'OWN-KEY-0123456789' } });
  expect(plain.stdout).not.toContain('THE-KEY');
  expect(shown.stdout).toContain('key      kgw-THE-KEY\n');
  expect(JSON.parse(own.stdout)).toMatchObject({ gatewayKey: { file: null, key: 'OWN-KEY-0123456789' } });
});

test('logout removes every part of one login, says so, and leaves the others', async () => {
  const machine = await startMachine();
  const about = { input: PLANTED.apiKey };
  await machine.run(['login', '--from', 'api-key', '--yes'], about);
  await machine.run(['login', '--from', 'api-key', '--yes', '--profile', 'work'], about);
  expect(machine.kept()).toHaveLength(2);
  const logout = await machine.run(['logout', '--profile', 'work']);
  expect({ ...logout, stdout: logout.stdout.replace(machine.home, '~') }).toEqual({
    code: 0,
    stdout: 'Removed the login work (Kiro API key) from a private file in ~/gateway/data/logins.\n',
    stderr: '',
  });
  const status = await machine.run(['status', '--json']);
  expect(JSON.parse(status.stdout)).toMatchObject({ logins: [{ name: 'default' }] });
  expect(machine.kept()).toHaveLength(1);
});

test('logout where nothing is stored says so and exits 0, and points at a login of the environment', async () => {
  const machine = await startMachine();
  const logout = await machine.run(['logout'], { env: { KIRO_API_KEY: PLANTED.apiKey } });
  expect(logout).toEqual({
    code: 0,
    stdout: 'No login named default is stored; nothing was removed.\n',
    stderr: 'The settings still name a Kiro login; `kiro-gateway status` says which.\n',
  });
});

test('a name that no login can have exits 2', async () => {
  const machine = await startMachine();
  expect(await machine.run(['logout', '--profile', '../x'])).toMatchObject({ code: 2, stdout: '' });
});
