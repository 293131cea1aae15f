/** What does not end the gateway, and how it ends: bugs, dead tokens, disks that take nothing, and signals. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Gateway } from '../../src/gateway.js';
import { createLogger } from '../../src/logger.js';
import { createApp } from '../../src/server/app.js';
import { gatewayKey } from '../../src/server/access.js';
import { createHttpServer } from '../../src/server/http-server.js';
import { logRequests } from '../../src/server/request-log.js';
import { Secret } from '../../src/core/secret.js';
import { readStreamed, readWhole } from '../support/answers.js';
import { serve, start } from '../support/command.js';
import { temporaryFolder } from '../support/folder.js';
import { GATEWAY_KEY, startGateway, until, type RunningGateway } from '../support/gateway.js';
import { ask, DIALECTS, open, question, ROUTES } from '../support/http.js';
import { dial } from '../support/raw.js';

const delta = (content: string) => ({ event: 'assistantResponseEvent', payload: { content } });
const STREAMED = { body: question('Go.', { stream: true }) };

/** A folder that can neither be made nor written, for root as well: its parent is a file. */
function impossibleFolder(): string {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  return join(file, 'folder');
}

test('a stop lets answers end, then ends each of the others with the error event of its dialect', async () => {
  const gateway = await startGateway();
  gateway.simulator.enqueue(...DIALECTS.map(() => ({ frames: [delta('Begun.')], thenStall: true })));
  const streams = await Promise.all(
    DIALECTS.map(async (name) => {
      const { response } = await open(gateway, ROUTES[name], STREAMED);
      const seen = { name, text: '', isWhole: false };
      response.on('data', (chunk: Buffer) => (seen.text += chunk.toString()));
      response.on('close', () => (seen.isWhole = response.complete));
      return seen;
    }),
  );
  await until(() => streams.every(({ text }) => text.includes('Begun.')));
  gateway.simulator.enqueue({ frames: [], thenStall: true });
  const waiting = ask(gateway, ROUTES['anthropic-messages'], { body: question('Go.') });
  await until(() => gateway.asked().length === DIALECTS.length + 1);
  await gateway.close();
  const whole = await waiting;
  const told = streams.map(({ name, text, isWhole }) => ({
    isWhole,
    hasBegun: text.includes('Begun.'),
    hasFailed: readStreamed(name, text).hasFailed,
    isTold: text.includes('The gateway is stopping; ask again when it runs again.'),
  }));
  expect(told).toEqual(DIALECTS.map(() => ({ isWhole: true, hasBegun: true, hasFailed: true, isTold: true })));
  expect([whole.status, readWhole('anthropic-messages', whole.status, whole.text).hasFailed]).toEqual([502, true]);
});

test('a second signal ends the process at once', async () => {
  const { child, output } = start(['serve', '--port', '0', '--demo=stall'], { env: { PROXY_API_KEY: GATEWAY_KEY } });
  await until(() => output.stdout.includes('\nkey '));
  const url = /listens on (\S+)/.exec(output.stdout)?.[1] ?? '';
  const { response } = await open({ url, key: GATEWAY_KEY }, ROUTES['openai-chat'], STREAMED);
  await once(response, 'data');
  const ended = once(child, 'close');
  child.kill('SIGTERM');
  await until(() => output.stderr.includes('Stopping.'));
  child.kill('SIGINT');
  expect(await ended).toEqual([null, 'SIGINT']);
});

// What a library of ours might do behind our back.
const SABOTAGE = `process.on('SIGUSR2', () => {
  setTimeout(() => { throw new TypeError('broken, Authorization: Bearer of-somebody-else') });
  void Promise.reject(new Error('rejected'));
});`;

test('what nobody has caught is one line of the log without its secrets, and every stream goes on', async () => {
  const preload = `data:text/javascript,${encodeURIComponent(SABOTAGE)}`;
  const { child, output } = start(['serve', '--port', '0', '--demo=stall'], {
    env: { PROXY_API_KEY: GATEWAY_KEY, NODE_OPTIONS: `--import ${preload}` },
  });
  await until(() => output.stdout.includes('\nkey '));
  const url = /listens on (\S+)/.exec(output.stdout)?.[1] ?? '';
  const { request, response } = await open({ url, key: GATEWAY_KEY }, ROUTES['openai-chat'], STREAMED);
  let isOver = false;
  response.on('close', () => (isOver = true)).resume();
  child.kill('SIGUSR2');
  await until(() => output.stderr.split(' ERROR ').length > 2);
  expect((await fetch(`${url}/health`)).status).toBe(200);
  expect(isOver).toBe(false);
  const errors = output.stderr.split('\n').filter((line) => line.includes(' ERROR '));
  expect(errors.map((line) => String(/ERROR (.*?\(\w+: \w+)/.exec(line)?.[1])).toSorted()).toEqual([
    'Something failed in the background. (Error: rejected',
    'Something failed in the background. (TypeError: broken',
  ]);
  expect(output.stderr).not.toContain('of-somebody-else');
  request.destroy();
  const ended = once(child, 'close');
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

test('a bug is a 500 with its request id and without its stack, and the next request is served', async () => {
  const lines: string[] = [];
  const log = createLogger({ level: 'INFO', write: (line) => lines.push(line), now: Date.now });
  const bug = (): never => {
    throw new TypeError('x is not a function at /home/me/secret.ts:1:1');
  };
  // The cast: only these of the gateway are asked for.
  const gateway = { converse: bug, models: () => Promise.resolve([]), fetchesUrls: false } as unknown as Gateway;
  const app = createApp({
    gateway,
    key: new Secret(GATEWAY_KEY),
    origins: { bind: '127.0.0.1', allowedHosts: [], corsOrigins: [] },
    log,
    requests: logRequests(log),
    capture: undefined,
    version: '0',
    isSimulator: false,
    loginState: () => 'ready',
    maxBodyBytes: 1000,
    stopping: new AbortController().signal,
    now: Date.now,
    randomId: () => 'a-b-c',
  });
  const server = createHttpServer(app, { hurry: () => undefined, log }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : ''}`;
  const door = { url, key: GATEWAY_KEY };
  const message = 'The gateway failed on this request; this is a bug, please report it.';
  const answers = await Promise.all(DIALECTS.map((name) => ask(door, ROUTES[name], { body: question('Go.') })));
  expect(answers.map(({ status, headers, text }) => [status, headers['x-request-id'], text.includes(message)])).toEqual(
    DIALECTS.map(() => [500, 'req_abc', true]),
  );
  expect(answers.map(({ text }) => text).join()).not.toMatch(/secret\.ts|TypeError/);
  expect(lines.filter((line) => line.includes(' ERROR '))).toHaveLength(DIALECTS.length);
  expect((await ask(door, '/v1/models')).status).toBe(200);
  server.closeAllConnections();
  server.close();
});

test('running out of files refuses connections and goes on', async () => {
  const home = temporaryFolder();
  const bin = join(import.meta.dirname, '..', '..', 'bin', 'kiro-gateway.js');
  const child = spawn('sh', ['-c', `ulimit -n 90; exec "${process.execPath}" "${bin}" serve --port 0 --demo`], {
    env: { PATH: process.env['PATH'] ?? '', HOME: home, KIRO_GATEWAY_HOME: join(home, 'gateway') },
    // Where the disk is full, nobody reads the log; that is no reason to end either.
    stdio: ['ignore', 'pipe', process.platform === 'linux' ? openSync('/dev/full', 'w') : 'ignore'],
  });
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, 'close');
  await until(() => said.includes('\nkey ') || child.exitCode !== null);
  const url = /listens on (\S+)/.exec(said)?.[1] ?? '';
  let refused = 0;
  const sockets = await Promise.all(Array.from({ length: 120 }, () => dial(url)));
  for (const socket of sockets) socket.on('end', () => refused++).resume();
  await until(() => refused > 0);
  for (const socket of sockets) socket.destroy();
  await until(() => sockets.every(({ closed }) => closed));
  while ((await fetch(`${url}/health`).catch(() => undefined))?.status !== 200);
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

test('a home that cannot be written is told, and answers come all the same', async () => {
  const folder = impossibleFolder();
  const gateway = await startGateway({ env: { KIRO_GATEWAY_HOME: folder } });
  const answers = await askTimes(gateway, 3);
  expect(answers).toEqual([200, 200, 200]);
  const ledger = `The cost of answers cannot be written to ${join(folder, 'state', 'ledger')}; \`usage\` will not show it.`;
  await until(() => gateway.said().includes(ledger));
  const said = gateway.said();
  await gateway.close();
  // Once each, however many requests there are.
  for (const sentence of [
    'The renewed tokens cannot be written to ',
    'The list of models cannot be kept in ',
    'The cost of answers cannot be written to ',
  ]) {
    expect([sentence, said.split(sentence).length - 1]).toEqual([sentence, 1]);
  }
});

test('a key that cannot be kept is shown to a person, and asked for where nobody would see it', async () => {
  const configFolder = impossibleFolder();
  const file = join(configFolder, 'gateway-key');
  const { key, ...rest } = await gatewayKey(undefined, '127.0.0.1', { configFolder, isShown: true });
  expect(key.reveal()).toMatch(/^kgw-[\w-]{43}$/);
  expect(rest).toEqual({
    file: undefined,
    notices: [`The gateway key cannot be kept in ${file} (ENOTDIR); it is good until the gateway stops.`],
  });
  const refused = gatewayKey(undefined, '127.0.0.1', { configFolder, isShown: false });
  await expect(refused).rejects.toThrow(
    `${file} (ENOTDIR); set PROXY_API_KEY to a key of your own, or KIRO_GATEWAY_HOME to a folder that can be written.`,
  );
});

test('a name of a model without an end is refused at once, and told in part', async () => {
  const gateway = await startGateway();
  const { status, text } = await ask(gateway, ROUTES['openai-chat'], {
    body: question('Go.', { model: '('.repeat(16_000) }),
  });
  const lines = [text, ...gateway.said().split('\n')];
  expect([status, lines.filter((line) => line.length > 700).map((it) => it.slice(0, 90))]).toEqual([404, []]);
  await gateway.close();
});

test('of several first starts at once one makes the key, and all go by it', async () => {
  const configFolder = join(temporaryFolder(), 'config');
  const starts = Array.from({ length: 8 }, () => gatewayKey(undefined, '127.0.0.1', { configFolder, isShown: false }));
  const keys = (await Promise.all(starts)).map(({ key }) => key.reveal());
  const kept = await readFile(join(configFolder, 'gateway-key'), 'utf8');
  expect(keys).toEqual(Array(8).fill(kept.trim()));
  expect(await readdir(configFolder)).toEqual(['gateway-key']);
});

test('a file for the key that is empty gets one, and the next start goes by it', async () => {
  const configFolder = temporaryFolder();
  const file = join(configFolder, 'gateway-key');
  writeFileSync(file, '\n');
  const start = async () => (await gatewayKey(undefined, '127.0.0.1', { configFolder, isShown: false })).key.reveal();
  const made = await start();
  expect([made, await readFile(file, 'utf8')]).toEqual([await start(), `${made}\n`]);
});

test('a token that dies while serving is renewed once, for all who meet it', async () => {
  const gateway = await startGateway();
  const before = refreshes(gateway);
  gateway.simulator.revokeAccessTokens();
  expect(await askTimes(gateway, 8)).toEqual(Array(8).fill(200));
  expect(refreshes(gateway) - before).toBe(1);
  await gateway.close();
});

test('a token that is refused however often it is renewed is told, and each question renews it once at most', async () => {
  const gateway = await startGateway({ scenario: 'token-expired' });
  const before = refreshes(gateway);
  const answers = [];
  for (let time = 0; time < 4; time++) answers.push(...(await askTimes(gateway, 1)));
  expect(answers).toEqual([403, 403, 403, 403]);
  expect(refreshes(gateway) - before).toBeLessThanOrEqual(4);
  expect(gateway.asked().length).toBeLessThanOrEqual(8);
  await gateway.close();
});

test('/health tells what is ready, asks nobody, and tells no account', async () => {
  const gateway = await startGateway();
  const served = gateway.simulator.requests.length;
  const health = (await (await fetch(`${gateway.url}/health`)).json()) as Record<string, unknown>;
  expect({ ...health, time: '', version: '' }).toEqual({
    status: 'ok',
    time: '',
    version: '',
    login: 'ready',
    ready: { login: true, catalogue: true, upstream: true },
  });
  expect(gateway.simulator.requests.length).toBe(served);
  await gateway.close();
});

test('/health tells what is not ready while Kiro is away', async () => {
  const served = await serve([], {
    env: { PROXY_API_KEY: GATEWAY_KEY, KIRO_API_KEY: 'ksk_test', KIRO_API_URL: 'http://127.0.0.1:9', MAX_RETRIES: '1' },
  });
  const health = (await (await fetch(`${served.url}/health`)).json()) as Record<string, unknown>;
  expect([health['status'], health['login'], health['ready']]).toEqual([
    'ok',
    'ready',
    { login: true, catalogue: false, upstream: false },
  ]);
  await served.stop();
});

test('an answer says that Kiro is there, even where the list of models does not come', async () => {
  const gateway = await startGateway({ env: { KIRO_MANAGEMENT_URL: 'http://127.0.0.1:9' } });
  expect((await ask(gateway, ROUTES['anthropic-messages'], { body: question('Go.') })).status).toBe(200);
  const health = (await (await fetch(`${gateway.url}/health`)).json()) as Record<string, unknown>;
  expect(health['ready']).toEqual({ login: true, catalogue: false, upstream: true });
  await gateway.close();
});

async function askTimes(gateway: RunningGateway, times: number): Promise<number[]> {
  const asking = Array.from({ length: times }, () => ask(gateway, ROUTES['openai-chat'], { body: question('hi') }));
  return (await Promise.all(asking)).map(({ status }) => status);
}

/** How often the service that renews logins was asked. */
function refreshes({ simulator }: RunningGateway): number {
  return simulator.requests.filter(({ path }) => path === '/refreshToken').length;
}
