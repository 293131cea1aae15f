/** `login` without a terminal: every source by flags, every missing answer, and nothing said that is secret. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { digestOf } from '../../src/auth/credential.js';
import { createRefreshLock } from '../../src/auth/lock.js';
import { Secret } from '../../src/core/secret.js';
import { PROFILE_ARN } from '../../src/simulator/sign-in.js';
import { loginsIn, saveLoginIn } from '../support/stored-login.js';
import { startTokenServer, type TokenAnswer } from '../support/token-server.js';
import {
  ARN,
  BIN,
  expectSilence,
  IDE_FILE,
  IDE_LOGIN,
  kiroCliDatabase,
  PLANTED,
  type RunOptions,
  startMachine,
  type TestMachine,
} from './login-support.js';

const BUILDER_ID = 'https://view.awsapps.com/start';

test('a login of kiro-cli is taken over, is told by status, and answers', async () => {
  const machine = await startMachine();
  const database = await kiroCliDatabase();
  const login = await machine.spawn(['login', '--from', 'kiro-cli', '--db', database, '--yes']);
  expect(login.stdout.replace(machine.home, '~')).toBe(
    'Logged in: AWS IAM Identity Center, token good for 60 min.\n' +
      `Kept in a private file in ~/gateway/data/logins; Kiro is called in eu-central-1, profile ${ARN}.\n`,
  );
  const status = await machine.spawn(['status', '--json']);
  expect(JSON.parse(status.stdout)).toMatchObject({
    loggedIn: true,
    login: {
      name: 'default',
      kind: 'oidc',
      account: 'AWS IAM Identity Center',
      clientId: 'Plan…ntId',
      source: 'kiro-cli',
      sourcePath: database,
      store: 'file',
      loginRegion: 'eu-west-1',
      apiRegion: 'eu-central-1',
      profileArn: ARN,
      lastRefresh: { by: 'gateway' },
    },
  });
  const chat = await machine.spawn(['chat', 'hi']);
  expect([login.code, status.code, chat.code]).toEqual([0, 0, 0]);
  expect(chat.stdout).toContain('kiro-gateway simulator');
  expectSilence(login, status, chat);
});

test('a token that is still good is tried as it is, so that no copy of it is retired', async () => {
  const machine = await startMachine();
  const accessToken = await issuedToken(machine);
  machine.write(IDE_FILE, { ...IDE_LOGIN, accessToken, expiresAt: new Date(Date.now() + 3_000_000).toISOString() });
  const login = await machine.run(['login', '--from', 'ide', '--yes']);
  expect(login.stdout).toMatch(/^Logged in: Kiro social login, token good for (49|50) min\.\n/);
  expect(machine.simulator.requests.map(({ path }) => path)).toEqual(['/']);
});

const sources: readonly (readonly [string, Prepare, readonly string[], RunOptions, object])[] = [
  [
    'the Kiro IDE',
    (machine) => machine.write(IDE_FILE, IDE_LOGIN),
    ['--from', 'ide'],
    {},
    { kind: 'social', source: 'ide', profileArn: ARN },
  ],
  [
    'a file that is named',
    (machine) => machine.write('login.json', IDE_LOGIN),
    ['--file', '~/login.json'],
    {},
    { kind: 'social', source: 'file' },
  ],
  [
    'a refresh token in the environment',
    () => undefined,
    ['--from', 'env'],
    { env: { REFRESH_TOKEN: PLANTED.refreshToken } },
    { kind: 'social', source: 'env' },
  ],
  [
    'an API key that is piped in',
    () => undefined,
    ['--from', 'api-key'],
    { input: `${PLANTED.apiKey}\n` },
    { kind: 'api-key', source: 'api-key', loginRegion: 'us-east-1', expiresAt: null },
  ],
  [
    'an API key in the environment',
    () => undefined,
    ['--from', 'api-key', '--region', 'eu-central-1'],
    { env: { KIRO_API_KEY: PLANTED.apiKey } },
    { kind: 'api-key', source: 'api-key', loginRegion: 'eu-central-1' },
  ],
  [
    'a Builder ID in the browser',
    () => undefined,
    ['--from', 'device', '--start-url', BUILDER_ID, '--profile-arn', ARN],
    {},
    { kind: 'oidc', account: 'AWS Builder ID', source: 'device-flow', lastRefresh: null, profileArn: ARN },
  ],
  [
    'an Identity Center in the browser',
    () => undefined,
    ['--start-url', 'https://d-1234567890.awsapps.com/start', '--region', 'eu-west-1'],
    {},
    { kind: 'oidc', account: 'AWS IAM Identity Center', loginRegion: 'eu-west-1' },
  ],
];
for (const [what, prepare, flags, about, expected] of sources) {
  test(`login works with ${what}, and says no secret`, async () => {
    const machine = await startMachine();
    await prepare(machine);
    const login = await machine.run(['login', '--yes', '--profile', 'work', ...flags], about);
    const status = await machine.run(['status', '--json', '--profile', 'work']);
    expect({ code: login.code, ...JSON.parse(status.stdout) }).toMatchObject({
      code: 0,
      loggedIn: true,
      login: { name: 'work', store: 'file', ...expected },
    });
    expect(machine.kept()).toHaveLength(1);
    expectSilence(login, status);
  });
}

test('the device flow says where to go and which code, on stderr', async () => {
  const machine = await startMachine();
  const { stderr } = await machine.run(['login', '--start-url', BUILDER_ID, '--yes']);
  expect(stderr).toContain(`Open  ${machine.simulator.url}/device?user_code=SIMU-LATE\ncode  SIMU-LATE\n`);
});

test('a database of amazon-q is found where it lies', async () => {
  const machine = await startMachine();
  const path = machine.write('data/amazon-q/data.sqlite3', '');
  copyFileSync(await kiroCliDatabase(), path);
  const env = { XDG_DATA_HOME: `${machine.home}/data` };
  const login = await machine.run(['login', '--from', 'amazon-q', '--yes'], { env });
  expect({ code: login.code, stderr: login.stderr.split('\n').length }).toEqual({ code: 0, stderr: 4 });
});

test('kiro-cli is asked to renew its own login, so that the gateway does not', async () => {
  const machine = await startMachine();
  const access_token = await issuedToken(machine);
  const fresh = await kiroCliDatabase({ access_token, expires_at: new Date(Date.now() + 3_000_000).toISOString() });
  const path = machine.write('data/kiro-cli/data.sqlite3', '');
  copyFileSync(await kiroCliDatabase(), path);
  const program = machine.write(
    'bin/kiro-cli',
    `#!/bin/sh\n[ "$*" = "debug refresh-auth-token" ] && cp ${fresh} ${path}\n`,
  );
  chmodSync(program, 0o755);
  const env = { XDG_DATA_HOME: `${machine.home}/data`, PATH: `${machine.home}/bin:${process.env['PATH']}` };
  const login = await machine.spawn(['login', '--from', 'kiro-cli', '--yes'], { env });
  expect(login).toMatchObject({ code: 0, stdout: expect.stringMatching(/token good for (49|50) min/) });
  expect(machine.simulator.requests.map((it) => it.path)).toEqual(['/']);
});

test('kiro-cli is not asked to renew its own login when another database is taken over', async () => {
  const machine = await startMachine();
  chmodSync(machine.write('bin/kiro-cli', '#!/bin/sh\ntouch "$HOME/asked"\n'), 0o755);
  const env = { PATH: `${machine.home}/bin:${process.env['PATH']}` };
  const login = await machine.spawn(['login', '--db', await kiroCliDatabase(), '--yes'], { env });
  expect([login.code, existsSync(join(machine.home, 'asked'))]).toEqual([0, false]);
});

test('where kiro-cli is not installed, a login of its own is renewed all the same', async () => {
  const machine = await startMachine();
  copyFileSync(await kiroCliDatabase(), machine.write('data/kiro-cli/data.sqlite3', ''));
  const env = { XDG_DATA_HOME: `${machine.home}/data` };
  const login = await machine.spawn(['login', '--from', 'kiro-cli', '--yes'], { env });
  expect(login).toMatchObject({ code: 0, stdout: expect.stringContaining('token good for 60 min') });
});

test('an API key is tried in the second region when the first does not know it', async () => {
  const machine = await startMachine();
  const invalid = { status: 403, body: { message: 'Invalid token', __type: 'AccessDeniedException' } };
  const server = await startTokenServer(invalid, { body: { models: [{ modelId: 'auto' }] } });
  const about = { env: { KIRO_API_URL: server.url }, input: PLANTED.apiKey };
  const login = await machine.run(['login', '--from', 'api-key', '--yes'], about);
  expect(login).toMatchObject({ code: 0, stdout: expect.stringContaining('Kiro is called in eu-central-1.') });
});

const complaints: readonly (readonly [string, readonly string[], RunOptions, number, RegExp])[] = [
  ['no source', ['--yes'], {}, 2, /^--from is missing: say where/],
  ['no agreement', ['--from', 'kiro-cli'], {}, 2, /^--yes is missing: kiro-gateway is unofficial: .* your decision\./],
  ['no file', ['--from', 'file', '--yes'], {}, 2, /^--file is missing/],
  ['no start URL', ['--from', 'device', '--yes'], {}, 2, /^--start-url is missing: give https:\/\/view/],
  ['no API key', ['--from', 'api-key', '--yes'], {}, 2, /^The API key is missing: .*KIRO_API_KEY\./],
  ['an API key that is none', ['--from', 'api-key', '--yes'], { input: 'PLANTED-NONSENSE' }, 2, /begins with ksk_/],
  ['an unknown source', ['--from', 'cloud', '--yes'], {}, 2, /^--from must be one of kiro-cli, .*, not "cloud"\.$/m],
  ['an unknown store', ['--from', 'ide', '--store', 'cloud'], {}, 2, /^--store must be one of auto, keychain, file/],
  ['a region that is none', ['--from', 'ide', '--region', 'here'], {}, 2, /^--region must be an AWS region/],
  ['a profile ARN that is none', ['--profile-arn', 'mine'], {}, 2, /^--profile-arn must be a profile ARN/],
  ['a name that is none', ['--profile', '../x'], {}, 2, /^--profile must be 1 to 64 letters/],
  ['a start URL without TLS', ['--start-url', 'http://example.com/start'], {}, 2, /^--start-url must be an https URL/],
  ['a start URL with a password', ['--start-url', 'http://ann:word@a.example'], {}, 2, /query or fragment\.$/m],
  ['a flag of another source', ['--from', 'ide', '--db', 'x'], {}, 2, /^--db goes with --from kiro-cli or amazon-q/],
  ['an empty environment', ['--from', 'env', '--yes'], {}, 4, /^The settings name no Kiro login/m],
  ['a file that is not there', ['--file', '/nowhere', '--yes'], {}, 4, /\/nowhere does not exist/],
  ['a database that is not there', ['--db', '/nowhere', '--yes'], {}, 4, /\/nowhere/],
  [
    'a keychain that is not there',
    ['--store', 'keychain', '--from', 'api-key', '--yes'],
    { input: PLANTED.apiKey },
    1,
    /The login was not saved; `--store file` keeps it/,
  ],
];
for (const [what, flags, about, code, stderr] of complaints) {
  test(`${what} exits ${code} with a sentence, and nothing is stored`, async () => {
    const machine = await startMachine();
    const login = await machine.run(['login', ...flags], about);
    expect({ code: login.code, stdout: login.stdout }).toEqual({ code, stdout: '' });
    expect(login.stderr).toMatch(stderr);
    expect(machine.kept()).toEqual([]);
    expectSilence(login);
  });
}

test('without a source it lists what was found: the longest lasting first, the broken with its reason', async () => {
  const machine = await startMachine();
  machine.write(IDE_FILE, IDE_LOGIN);
  machine.write('data/kiro-cli/data.sqlite3', 'no database');
  const env = { XDG_DATA_HOME: `${machine.home}/data`, KIRO_API_KEY: PLANTED.apiKey };
  const login = await machine.run(['login', '--yes'], { env });
  expect(
    login.stderr
      .replaceAll(/\d+ days ago/g, 'N days ago')
      .split('\n')
      .slice(0, 3),
  ).toEqual([
    'the settings: Kiro API key, us-east-1, without expiry',
    'Kiro IDE: Kiro social login, us-east-1, profile EXAMPLE12345, expired N days ago',
    expect.stringMatching(/^kiro-cli cannot be used: .* is not a SQLite database/),
  ]);
  expectSilence(login);
});

test('a login that Kiro refuses is not stored', async () => {
  const machine = await startMachine();
  machine.write(IDE_FILE, { ...IDE_LOGIN, refreshToken: `aor${'PLANTED-DEAD-TOKEN-'.repeat(10)}` });
  const login = await machine.run(['login', '--from', 'ide', '--yes']);
  expect({ code: login.code, stored: machine.kept() }).toEqual({ code: 4, stored: [] });
  expectSilence(login);
});

for (const store of ['keychain', 'file']) {
  test(`nothing is renewed that could not be stored afterwards: ${store}`, async () => {
    const machine = await startMachine();
    machine.write(IDE_FILE, IDE_LOGIN);
    machine.write(join('gateway', 'data'), 'in the way of the folder');
    const login = await machine.run(['login', '--from', 'ide', '--yes', '--store', store]);
    expect({ code: login.code, asked: machine.simulator.requests }).toEqual({ code: 1, asked: [] });
  });
}

test.each([
  ['KIRO_OIDC_URL', 'SIGINT', 300],
  // When nobody waits for it any more.
  ['KIRO_OIDC_URL', 'SIGINT', 4000],
  ['KIRO_MANAGEMENT_URL', 'SIGKILL', 0],
] as const)('a login that is renewed is kept when, at %s, %s comes %d ms before', async (service, signal, delayMs) => {
  const machine = await startMachine();
  const { url } = await startTokenServer(async ({ path, body }) => {
    child.kill(signal);
    if (signal === 'SIGKILL') return 'hang';
    // The answer comes after the signal.
    await sleep(delayMs);
    const answer = await fetch(machine.simulator.url + path, { method: 'POST', body });
    return { body: await answer.text(), headers: { 'content-type': 'application/json' } };
  });
  const args = [BIN, 'login', '--db', await kiroCliDatabase({}, {}), '--yes'];
  const child = spawn(process.execPath, args, { env: { ...machine.env, [service]: url } });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  await once(child, 'close');
  expect(stderr.includes('so it is stored all the same')).toBe(stderr.includes('nothing was stored'));
  const status = await machine.run(['status', '--json']);
  expect(JSON.parse(status.stdout)).toMatchObject({ loggedIn: true, login: { lastRefresh: { by: 'gateway' } } });
});

for (const [service, where] of [
  ['KIRO_OIDC_URL', 'the login service'],
  ['KIRO_MANAGEMENT_URL', 'Kiro'],
] as const) {
  test(`Ctrl-C while ${where} hangs exits 130, soon, and says that nothing was stored`, async () => {
    const machine = await startMachine();
    const { url } = await startTokenServer(() => {
      // A second one would end it at once.
      if (!child.killed) child.kill('SIGINT');
      return Promise.resolve('hang');
    });
    const alive = { access_token: PLANTED.accessToken, expires_at: new Date(Date.now() + 3_000_000).toISOString() };
    const database = await kiroCliDatabase(service === 'KIRO_OIDC_URL' ? {} : alive, {});
    const startedAt = Date.now();
    const child = spawn(process.execPath, [BIN, 'login', '--db', database, '--yes'], {
      env: { ...machine.env, [service]: url },
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [exitCode] = (await once(child, 'close')) as [number | null];
    expect({ exitCode, stored: machine.kept() }).toEqual({ exitCode: 130, stored: [] });
    expect(stderr.trimEnd().split('\n').at(-1)).toBe('Stopped; nothing was stored.');
    // What hangs is given up after 30 s.
    expect(Date.now() - startedAt).toBeLessThan(20_000);
  });
}

test('an account with several profiles needs --profile-arn without a terminal', async () => {
  const machine = await startMachine();
  const other = ARN.replace('EXAMPLE12345', 'OTHER');
  const profiles = [
    { arn: ARN, profileName: 'one' },
    { arn: other, profileName: 'two' },
  ];
  const server = await startTokenServer({ body: { profiles } });
  const env = { KIRO_MANAGEMENT_URL: server.url };
  const alive = {
    access_token: await issuedToken(machine),
    expires_at: new Date(Date.now() + 3_000_000).toISOString(),
  };
  const flags = ['login', '--db', await kiroCliDatabase(alive, {}), '--yes'];
  const first = await machine.run(flags, { env });
  expect(first).toMatchObject({ code: 2, stdout: '' });
  expect(first.stderr).toContain(`--profile-arn is missing: the account has several profiles: ${ARN} (one), ${other}`);
  expect(machine.kept()).toEqual([]);
});

const afterApproval: readonly (readonly [string, TokenAnswer, readonly string[], string])[] = [
  [
    'the account has several profiles',
    { body: { profiles: [{ arn: ARN }, { arn: ARN.replace('EXAMPLE12345', 'OTHER') }] } },
    [],
    'Set PROFILE_ARN to one of them.\n',
  ],
  ['Kiro does not list the profiles', { status: 500, body: {} }, [], '`kiro-gateway doctor --live` tries it again.\n'],
  [
    'Kiro is down',
    { status: 503, body: { message: 'Down' } },
    ['--profile-arn', ARN],
    'Down. `kiro-gateway doctor --live` tries it again.\n',
  ],
];
for (const [what, answer, flags, sentence] of afterApproval) {
  test(`a login that was approved in the browser is kept when ${what}`, async () => {
    const machine = await startMachine();
    const { url } = await startTokenServer(answer);
    const env = { KIRO_MANAGEMENT_URL: url, KIRO_API_URL: url };
    const login = await machine.run(['login', '--start-url', BUILDER_ID, '--yes', ...flags], { env });
    expect({ code: login.code, stored: machine.kept().length }).toEqual({ code: 0, stored: 1 });
    expect(login.stderr).toContain(sentence);
    expectSilence(login);
  });
}

test('a login that is just being renewed by a gateway is waited for, and what became of it is kept', async () => {
  const machine = await startMachine();
  machine.write(IDE_FILE, IDE_LOGIN);
  const home = join(machine.home, 'gateway');
  const { accessToken, refreshToken } = IDE_LOGIN;
  await saveLoginIn(home, { tokens: { accessToken, refreshToken }, expiresAt: 0 });
  const [stored, issued] = [loginsIn(home).tokenStore('default'), await issuedToken(machine)];
  const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
    sleep(milliseconds, undefined, { signal });
  const tools = { now: Date.now, sleep: pause, notice: () => undefined };
  const renewed = {
    refreshToken: new Secret(`reusable-${'renewed-by-the-gateway-'.repeat(8)}`),
    accessToken: new Secret(issued),
    expiresAt: Date.now() + 3_600_000,
    profileArn: ARN,
  };
  const credential = (await loginsIn(home).readLogin('default'))?.credential;
  if (credential === undefined) throw new Error('The test saved no login.');
  let asked: readonly unknown[] = ['not yet looked'];
  const login = await createRefreshLock(
    join(home, 'state'),
    tools,
    'default',
  )(async () => {
    const logging = machine.run(['login', '--from', 'ide', '--yes']);
    await sleep(1_000);
    asked = machine.simulator.requests.map(({ path }) => path);
    await stored.write(digestOf(credential), renewed, 'gateway');
    return { ended: logging };
  });
  const { code } = await login.ended;
  const kept = await loginsIn(home).readLogin('default');
  expect({ code, asked, kept: kept?.tokens?.refreshToken.reveal() }).toEqual({
    code: 0,
    asked: [],
    kept: renewed.refreshToken.reveal(),
  });
  expect(machine.simulator.requests.map(({ path }) => path)).toEqual(['/']);
});

test('a gateway loses nothing when the login that it has renewed is taken over once more', async () => {
  const machine = await startMachine();
  const accessToken = await issuedToken(machine);
  machine.write(IDE_FILE, { ...IDE_LOGIN, accessToken, expiresAt: new Date(Date.now() + 3_000_000).toISOString() });
  const again = ['login', '--from', 'ide', '--yes'];
  expect((await machine.run(again)).code).toBe(0);
  const logins = loginsIn(join(machine.home, 'gateway'));
  const first = await logins.readLogin('default');
  if (first === undefined) throw new Error('The login was not saved.');
  const [refreshToken, expiresAt] = [new Secret(`reusable-${'renewed-'.repeat(20)}`), Date.now() + 60_000];
  const renewed = { refreshToken, accessToken: new Secret(accessToken), expiresAt, profileArn: ARN };
  await logins.tokenStore('default').write(digestOf(first.credential), renewed, 'gateway');
  expect((await machine.run(again)).code).toBe(0);
  expect((await logins.readLogin('default'))?.tokens?.refreshToken.reveal()).toBe(refreshToken.reveal());
});

test('new tokens are on the disk with the login that had to be renewed, so that no crash comes between', async () => {
  const machine = await startMachine();
  machine.write(IDE_FILE, IDE_LOGIN);
  const seen = new Set<string>();
  let isRunning = true;
  const look = (): void => {
    for (const text of machine.kept()) seen.add(text);
    if (isRunning) setImmediate(look);
  };
  look();
  const { code } = await machine.run(['login', '--from', 'ide', '--yes']);
  isRunning = false;
  const logins = [...seen].filter((it) => it.trim() !== '').map((it) => JSON.parse(it) as { tokens?: object });
  expect({ code, without: logins.filter(({ tokens }) => tokens === undefined).length }).toEqual({
    code: 0,
    without: 0,
  });
});

test('a copy that has been renewed elsewhere since, with the same refresh token, is what status tells of', async () => {
  const machine = await startMachine();
  const accessToken = await issuedToken(machine);
  const expiresAt = new Date(Date.now() + 36_000_000).toISOString();
  machine.write(IDE_FILE, { ...IDE_LOGIN, accessToken, expiresAt });
  const home = join(machine.home, 'gateway');
  await saveLoginIn(home, { tokens: IDE_LOGIN, expiresAt: 0 });
  const tokens = {
    refreshToken: new Secret(IDE_LOGIN.refreshToken),
    accessToken: new Secret('aoa-of-yesterday'),
    expiresAt: Date.now() - 86_400_000,
    profileArn: undefined,
  };
  await loginsIn(home)
    .tokenStore('default')
    .write(digestOf({ ...tokens, ...SOCIAL }), tokens, 'gateway');
  const login = await machine.run(['login', '--from', 'ide', '--yes']);
  const status = await machine.run(['status', '--json']);
  expect(login.stdout).toContain('token good for 10 h');
  expect(JSON.parse(status.stdout)).toMatchObject({ login: { expiresAt, lastRefresh: null } });
});

test('a token that Kiro refuses does not come back because it claims to live longer than the new one', async () => {
  const machine = await startMachine();
  const expiresAt = new Date(Date.now() + 36_000_000).toISOString();
  machine.write(IDE_FILE, { ...IDE_LOGIN, expiresAt });
  const { url } = await startTokenServer({ body: { accessToken: await issuedToken(machine), expiresIn: 3600 } });
  const login = await machine.run(['login', '--from', 'ide', '--yes'], { env: { KIRO_AUTH_URL: url } });
  expect(login.stdout).toContain('token good for 60 min');
  const status = await machine.run(['status']);
  expect(status.stdout).toContain('good for 60 min');
});

test('a stored login that cannot be read is replaced without a word about logging in again', async () => {
  const machine = await startMachine();
  machine.write(IDE_FILE, IDE_LOGIN);
  const again = ['login', '--from', 'ide', '--yes'];
  const first = await machine.run(again);
  machine.write(join('gateway', 'data', 'logins', 'default~1.json'), 'damaged');
  const second = await machine.run(again);
  expect([second.code, second.stderr]).toEqual([0, first.stderr]);
});

test('a token that one region does not know is not renewed while another one takes it', async () => {
  const machine = await startMachine();
  const accessToken = await issuedToken(machine);
  const expiresAt = new Date(Date.now() + 3_000_000).toISOString();
  machine.write(IDE_FILE, { ...IDE_LOGIN, accessToken, expiresAt, profileArn: undefined });
  const unknown = { status: 403, body: { message: 'The bearer token included in the request is invalid.' } };
  const { url } = await startTokenServer(unknown, { body: { profiles: [{ arn: ARN }] } });
  const about = { env: { KIRO_MANAGEMENT_URL: url } };
  const login = await machine.run(['login', '--from', 'ide', '--yes'], about);
  const asked = machine.simulator.requests.map(({ path }) => path);
  expect({ code: login.code, asked, stdout: login.stdout }).toEqual({
    code: 0,
    asked: [],
    stdout: expect.stringContaining(ARN),
  });
});

test('nobody is asked for a profile that a renewal has told', async () => {
  const machine = await startMachine();
  const expiresAt = new Date(Date.now() + 3_000_000).toISOString();
  machine.write(IDE_FILE, { ...IDE_LOGIN, expiresAt, profileArn: undefined });
  const unknown = { status: 403, body: { message: 'The bearer token included in the request is invalid.' } };
  const profiles = [{ arn: ARN }, { arn: ARN.replace('EXAMPLE12345', 'OTHER') }];
  const { url } = await startTokenServer(unknown, unknown, { body: { profiles } });
  const about = { env: { KIRO_MANAGEMENT_URL: url } };
  const login = await machine.run(['login', '--from', 'ide', '--yes'], about);
  expect([login.code, login.stderr]).toEqual([0, expect.not.stringContaining('No profile was chosen')]);
  expect(login.stdout).toContain(PROFILE_ARN);
});

test('a login that had to be renewed is kept even when its profile has not been chosen', async () => {
  const machine = await startMachine();
  const profiles = [{ arn: ARN }, { arn: ARN.replace('EXAMPLE12345', 'OTHER') }];
  const { url } = await startTokenServer({ body: { profiles } });
  const database = await kiroCliDatabase({}, {});
  const about = { env: { KIRO_MANAGEMENT_URL: url } };
  const login = await machine.run(['login', '--db', database, '--yes'], about);
  expect({ code: login.code, stored: machine.kept().length }).toEqual({ code: 0, stored: 1 });
  expect(login.stderr).toContain('Set PROFILE_ARN to one of them.\n');
});

test('Ctrl-C while the browser is waited for exits 130 and stores nothing', async () => {
  const machine = await startMachine();
  const pending = { status: 400, body: { error: 'authorization_pending' } };
  const code = { deviceCode: 'x', userCode: 'AB', verificationUri: 'https://x.example/', expiresIn: 600, interval: 1 };
  const client = { clientId: 'x', clientSecret: 'x', clientSecretExpiresAt: 1 };
  const server = await startTokenServer({ body: client }, { body: code }, pending);
  const args = [BIN, 'login', '--start-url', BUILDER_ID, '--yes'];
  const child = spawn(process.execPath, args, { env: { ...machine.env, KIRO_OIDC_URL: server.url } });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    if (stderr.endsWith('code  AB\n')) child.kill('SIGINT');
  });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  expect({ exitCode, stored: machine.kept() }).toEqual({ exitCode: 130, stored: [] });
  expect(stderr).toContain('Stopped; nothing was stored.');
});

// --- helpers

const SOCIAL = { kind: 'social', region: 'us-east-1', apiRegion: undefined } as const;

type Prepare = (machine: TestMachine) => unknown;

/** An access token that Kiro knows. */
async function issuedToken({ simulator }: TestMachine): Promise<string> {
  const issued = await fetch(`${simulator.url}/refreshToken`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refreshToken: PLANTED.refreshToken }),
  });
  simulator.reset();
  return ((await issued.json()) as { accessToken: string }).accessToken;
}
