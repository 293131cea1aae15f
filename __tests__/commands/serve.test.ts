/** `serve` as a process: what it says, whom it lets in, what it refuses, and how it ends. */

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';

import { expect, test } from '@jest/globals';

import { startSimulator } from '../../src/simulator/server.js';
import { call, callServe } from '../support/call.js';
import { run, serve, start } from '../support/command.js';
import { temporaryFolder } from '../support/folder.js';
import { listen } from '../support/sockets.js';
import { loginAt } from '../support/stored-login.js';

const OWN_KEY = 'a-key-of-my-own-that-is-long';

// Begun before all tests, which run while it waits some seconds for Kiro.
const silent = createServer(() => undefined);
const servedInSilence = listen(silent).then((place) =>
  callServe([], { env: { KIRO_API_KEY: 'ksk_0123456789abcdef', KIRO_API_URL: `http://${place}` } }),
);

test('without a terminal the start names the key file and never shows the key', async () => {
  const served = await serve(['--demo']);
  const file = join(served.home, 'gateway', 'config', 'gateway-key');
  const key = readFileSync(file, 'utf8').trim();
  expect(served.output.stdout).toBe(
    [
      `kiro-gateway ${version()} listens on ${served.url}`,
      'SIMULATOR: answers are made up, no Kiro account is used.',
      'login   Kiro social login, from the simulator',
      'models  20',
      `key     in ${file}`,
      '',
    ].join('\n'),
  );
  expect(key).toMatch(/^kgw-[\w-]{43}$/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700);
  const answer = await fetch(`${served.url}/v1/models`, { headers: { 'x-api-key': key } });
  expect(answer.status).toBe(200);
  expect(await served.stop()).toBe(0);
});

test('a gateway on every address says so, beside the address for clients on this machine', async () => {
  const served = await serve(['--demo', '--host', '0.0.0.0']);
  expect(new URL(served.url).hostname).toBe('127.0.0.1');
  expect(served.output.stdout).toContain('\nopen    on every address of this machine (0.0.0.0)\nlogin ');
  expect(await served.stop()).toBe(0);
});

test('the key is made once and kept', async () => {
  const home = temporaryFolder();
  const keys: string[] = [];
  for (let round = 0; round < 2; round++) {
    const served = await callServe(['--demo'], { env: { KIRO_GATEWAY_HOME: home } });
    keys.push(readFileSync(join(home, 'config', 'gateway-key'), 'utf8'));
    await served.stop('SIGINT');
  }
  expect(keys[0]).toBe(keys[1]);
});

test('--demo leaves no token behind', async () => {
  const served = await callServe(['--demo']);
  await fetch(`${served.url}/v1/models`, { headers: { 'x-api-key': keyOf(served.home) } });
  await served.stop();
  expect(() => statSync(join(served.home, 'gateway', 'state'))).toThrow('ENOENT');
});

test('/ and /health need no key, say SIMULATOR and tell no account', async () => {
  const served = await callServe(['--demo'], { env: { PROXY_API_KEY: OWN_KEY } });
  const root = (await (await fetch(served.url)).json()) as object;
  const health = (await (await fetch(`${served.url}/health`)).json()) as { time: string };
  const head = await fetch(served.url, { method: 'HEAD' });
  await served.stop();
  expect(root).toEqual({
    name: 'kiro-gateway',
    version: version(),
    routes: [
      'GET /',
      'GET /health',
      'GET /v1/models',
      'GET /v1/models/{id}',
      'POST /v1/chat/completions',
      'POST /v1/responses',
      'POST /v1/responses/input_tokens',
      'POST /v1/messages',
      'POST /v1/messages/count_tokens',
    ],
    upstream: 'SIMULATOR',
  });
  expect(health).toEqual({
    status: 'ok',
    time: new Date(health.time).toISOString(),
    version: version(),
    login: 'ready',
    ready: { login: true, catalogue: true, upstream: true },
    upstream: 'SIMULATOR',
  });
  expect(head.status).toBe(200);
});

test('a signal ends an open stream and the process with 0', async () => {
  const served = await serve(['--demo=stall'], { env: { PROXY_API_KEY: OWN_KEY } });
  const answer = await fetch(`${served.url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': OWN_KEY, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'auto', max_tokens: 9, stream: true, messages: [{ role: 'user', content: 'hi' }] }),
  });
  expect(answer.status).toBe(200);
  answer.text().catch(() => undefined);
  expect(await served.stop()).toBe(0);
});

const refusals: readonly (readonly [string, string[], Record<string, string>, number, string])[] = [
  [
    'no login',
    [],
    {},
    4,
    'No Kiro login found. Run `kiro-gateway login`, or set REFRESH_TOKEN, KIRO_API_KEY, KIRO_CREDS_FILE or KIRO_CLI_DB_FILE.\n',
  ],
  [
    'a port that is none',
    ['--demo', '--port', '99999'],
    {},
    2,
    '--port must be a whole number from 0 to 65535, not "99999".\n',
  ],
  [
    'a public address with a short key',
    ['--demo', '--host', '0.0.0.0'],
    { PROXY_API_KEY: 'short' },
    2,
    'PROXY_API_KEY has only 5 characters; on 0.0.0.0 it must be secret and have at least 24 characters, or not be set.\n',
  ],
  [
    'a public address with a published key',
    ['--demo', '--host', '0.0.0.0'],
    { PROXY_API_KEY: 'my-super-secret-password-123' },
    2,
    'PROXY_API_KEY is a key from a published example, which everybody knows; on 0.0.0.0 it must be secret and have at least 24 characters, or not be set.\n',
  ],
];

for (const [what, args, env, code, stderr] of refusals) {
  test(`${what} is refused in one sentence`, async () => {
    expect(await call(['serve', ...args], { env })).toEqual({ code, stdout: '', stderr });
  });
}

test('a port in use is said in one sentence, with one that is free', async () => {
  const other = createServer();
  const [, port = ''] = (await listen(other)).split(':');
  const { code, stdout, stderr } = await call(['serve', '--demo', '--port', port]);
  const words = new RegExp(
    `^Port ${port} on 127\\.0\\.0\\.1 is in use; stop the other program or take --port (\\d+), which is free\\.\\n$`,
  );
  const free = Number(words.exec(stderr)?.[1]);
  expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(words) });
  const there = createServer().listen(free, '127.0.0.1');
  await once(there, 'listening');
  there.close();
  other.close();
});

async function post(url: string, key: string, content = '2+2?'): Promise<Response> {
  const headers = { 'x-api-key': key, 'content-type': 'application/json' };
  const body = JSON.stringify({ model: 'auto', max_tokens: 1000, messages: [{ role: 'user', content }] });
  const answer = await fetch(`${url}/v1/messages`, { method: 'POST', headers, body });
  await answer.text();
  return answer;
}

test('without a terminal each request is a plain line, good or bad', async () => {
  const served = await callServe(['--demo'], { env: { PROXY_API_KEY: OWN_KEY } });
  const [good, bad] = [await post(served.url, OWN_KEY), await post(served.url, 'a-wrong-key')];
  const refused = await post(served.url, OWN_KEY, '[[scenario:quota]]');
  await served.stop();
  const lines = served.output.stderr
    .replaceAll(/\d+ms/g, 'Nms')
    .replaceAll(/^\d\d:\d\d:\d\d/gm, 'T')
    .split('\n');
  expect(lines).toEqual([
    `T INFO  POST /v1/messages auto 200 Nms first=Nms in=92 out=20 (upstream) credits=0.0111 end=stop id=${good.headers.get('request-id')}`,
    expect.stringMatching(
      /^T WARN {2}POST \/v1\/messages 401 Nms error=unauthorized "The gateway key is wrong .*" id=/,
    ),
    expect.stringMatching(
      /^T WARN {2}POST \/v1\/messages auto 429 Nms error=quota-exhausted ".*" kiro-id=[0-9a-f-]{36} id=req_\w+$/,
    ),
    'T INFO  Stopping.',
    '',
  ]);
  expect(lines[1]).toContain(bad.headers.get('request-id'));
  expect(lines[2]).toContain(refused.headers.get('request-id'));
});

test('a terminal that is closed lets an open answer end with an error, and not in the middle of a line', async () => {
  const key = 'key-of-the-tests';
  const env = { PROXY_API_KEY: key, KIRO_GATEWAY_HOME: temporaryFolder() };
  const { child, output } = start(['serve', '--demo=long', '--port', '0'], { env });
  while (!output.stdout.includes('key ')) await once(child.stdout, 'data');
  const [url = ''] = /http:\S+/.exec(output.stdout) ?? [];
  const body = { model: 'auto', max_tokens: 9000, stream: true, messages: [{ role: 'user', content: 'hi' }] };
  const headers = { 'x-api-key': key, 'content-type': 'application/json' };
  const answer = await fetch(`${url}/v1/messages`, { method: 'POST', headers, body: JSON.stringify(body) });
  child.kill('SIGHUP');
  expect(await answer.text()).toContain(
    'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"The gateway is stopping',
  );
  if (child.exitCode === null) await once(child, 'close');
  expect(child.exitCode).toBe(0);
});

test('with LOG_FORMAT=json every line is an object, the start too', async () => {
  const home = temporaryFolder();
  const env = { LOG_FORMAT: 'json', PROXY_API_KEY: 'changeme', KIRO_GATEWAY_HOME: home };
  const { child, output } = start(['serve', '--demo', '--port', '0'], { env });
  while (!output.stderr.includes('listens on')) await once(child.stderr, 'data');
  const linesOf = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const url = String(linesOf(output.stderr).at(-1)?.['url']);
  await post(url, 'changeme');
  child.kill('SIGTERM');
  await once(child, 'close');
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  const milliseconds = expect.any(Number);
  expect([output.stdout, ...linesOf(output.stderr)]).toEqual([
    '',
    {
      time,
      level: 'WARN',
      message: 'PROXY_API_KEY has only 8 characters.',
    },
    {
      time,
      level: 'INFO',
      message: `kiro-gateway ${version()} listens on ${url}`,
      url,
      login: 'Kiro social login',
      loginSource: 'the simulator',
      models: 20,
      isSimulator: true,
    },
    {
      time,
      level: 'INFO',
      message: expect.stringMatching(/^POST \/v1\/messages auto 200 /),
      requestId: expect.stringMatching(/^req_/),
      method: 'POST',
      path: '/v1/messages',
      model: 'auto',
      isStreamed: false,
      status: 200,
      firstEventMs: milliseconds,
      totalMs: milliseconds,
      inputTokens: 92,
      outputTokens: 20,
      tokenSource: 'upstream',
      credits: 0.0111,
      finishReason: 'stop',
    },
    { time, level: 'INFO', message: 'Stopping.' },
  ]);
});

test('a foreign host and a foreign page are refused before any route, and --allowed-host lets one in', async () => {
  const served = await callServe(['--demo', '--allowed-host', 'my.box, other.box'], {
    env: { PROXY_API_KEY: OWN_KEY },
  });
  const { port } = new URL(served.url);
  const status = (headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      get({ host: '127.0.0.1', port, path: '/health', headers, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on('error', reject);
    });
  expect(
    await Promise.all([
      status({ host: 'evil.example' }),
      status({ host: 'my.box:80' }),
      status({ host: `localhost:${port}` }),
      status({ host: `localhost:${port}`, origin: 'https://evil.example' }),
      status({ host: `localhost:${port}`, origin: `http://localhost:${port}` }),
    ]),
  ).toEqual([403, 200, 200, 403, 200]);
  await served.stop();
});

test('a short key on loopback is served with a warning', async () => {
  const served = await callServe(['--demo'], { env: { PROXY_API_KEY: 'changeme' } });
  await served.stop();
  expect(served.output.stderr).toMatch(/ WARN {2}PROXY_API_KEY has only 8 characters\.\n/);
});

test('a hostile ./.env cannot send a login anywhere', async () => {
  const received: string[] = [];
  const foreign = createServer((request, response) => {
    received.push(`${request.method} ${request.url}`);
    response.end('{}');
  });
  const foreignUrl = `http://${await listen(foreign)}`;
  const simulator = await startSimulator({ pace: 'none' });
  const folder = temporaryFolder();
  const redirecting = [
    'KIRO_API_URL',
    'KIRO_MANAGEMENT_URL',
    'KIRO_AUTH_URL',
    'KIRO_OIDC_URL',
    'VPN_PROXY_URL',
    'HTTPS_PROXY',
    'HTTP_PROXY',
    'ALL_PROXY',
    'NODE_EXTRA_CA_CERTS',
  ];
  writeFileSync(
    join(folder, '.env'),
    [...redirecting.map((name) => `${name}=${foreignUrl}`), 'SERVER_HOST=0.0.0.0', 'LOG_LEVEL=DEBUG', ''].join('\n'),
  );
  // The person's own environment says where the hosts are, but not all of them: the file must not fill the gaps.
  const env = {
    ...loginAt(simulator.url),
    PROFILE_ARN: 'arn:aws:codewhisperer:us-east-1:111122223333:profile/EXAMPLE12345',
    PROXY_API_KEY: OWN_KEY,
  };
  const served = await callServe([], { env, workingDirectory: folder });
  const answer = await fetch(`${served.url}/v1/models`, { headers: { 'x-api-key': OWN_KEY } });
  await served.stop();
  await simulator.close();
  foreign.close();
  expect(answer.status).toBe(200);
  expect(received).toEqual([]);
  expect(new URL(served.url).hostname).toBe('127.0.0.1');
  for (const name of [...redirecting, 'SERVER_HOST']) {
    expect(served.output.stderr).toContain(
      `may not set ${name}; set it in the environment or name the file with --env-file.`,
    );
  }
});

test('an env file that cannot be one is refused in one sentence', async () => {
  // node itself looks for a file of this option too, and ends with a sentence of its own when there is none.
  const file = join(temporaryFolder(), 'large.env');
  writeFileSync(file, 'x'.repeat(1_000_001));
  expect(await run(['serve', '--demo', '--env-file', file])).toEqual({
    code: 2,
    stdout: '',
    stderr: `The env file ${file} is too large; it must be a text file of at most 1 MB.\n`,
  });
});

test('the same file named by --env-file counts', async () => {
  const simulator = await startSimulator({ pace: 'none' });
  const file = join(temporaryFolder(), 'my.env');
  const lines = {
    ...loginAt(simulator.url),
    PROXY_API_KEY: OWN_KEY,
  };
  writeFileSync(
    file,
    Object.entries(lines)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  const served = await serve(['--env-file', file]);
  const answer = await fetch(`${served.url}/v1/models`, { headers: { authorization: `Bearer ${OWN_KEY}` } });
  await served.stop();
  await simulator.close();
  expect(answer.status).toBe(200);
});

test('a Kiro that never answers does not keep the start from being told', async () => {
  const served = await servedInSilence;
  expect(served.output.stdout).toContain('\nmodels  unknown for now\n');
  expect(served.output.stderr).toContain('Kiro did not list its models; requests are served all the same.\n');
  expect(await served.stop()).toBe(0);
  silent.closeAllConnections();
  silent.close();
});

function keyOf(home: string): string {
  return readFileSync(join(home, 'gateway', 'config', 'gateway-key'), 'utf8').trim();
}

function version(): string {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
