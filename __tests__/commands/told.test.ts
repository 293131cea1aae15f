/** What a person is told when a command fails, and where its files lie when HOME says nothing. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, realpathSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { encodeSceneLine } from '../../src/simulator/frames.js';
import { call } from '../support/call.js';
import { run } from '../support/command.js';
import { temporaryFolder } from '../support/folder.js';
import { startTokenServer } from '../support/token-server.js';
import { REUSABLE } from '../support/stored-login.js';
import { answer, nobody, startUpstream } from '../support/upstream.js';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'kiro-gateway.js');

test.each([
  [['chat', '--demo=overflow', 'hi'], 'Input is too long. Send less, or choose a model with a larger window.\n'],
  [
    ['chat', '--demo', '-m', 'nosuch', 'hi'],
    'model: nosuch is not known to Kiro, or not part of this plan or region. `kiro-gateway models` lists those that ' +
      'you may use.\n',
  ],
])('%j says what to do', async (args, stderr) => {
  expect(await call(args)).toEqual({ code: 1, stdout: '', stderr });
});

test.each([[['nosuch', '--help']], [['help', 'nosuch']], [['nosuch']]])(
  '%j names the command that there is not, in place of a help that does not name it',
  async (args) => {
    expect(await call(args)).toEqual({
      code: 2,
      stdout: '',
      stderr: "error: unknown command 'nosuch'\n(--help shows what is possible)\n",
    });
  },
);

test.each([
  [
    ['help', 'usage'],
    ['usage', '--help'],
  ],
  [['help', 'help'], ['--help']],
  [['help', '--help'], ['--help']],
  [['help'], ['--help']],
])('%j is %j', async (args, same) => {
  const { code, stdout, stderr } = await call(same);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: expect.stringMatching(/^Usage: /), stderr: '' });
  expect(await call(args)).toEqual({ code, stdout, stderr });
});

test.each(['Slow.', 'Slow'])('a pause that Kiro asks for, and that is too long, is told: %s', async (message) => {
  const { url } = await startTokenServer({ status: 429, body: { message }, headers: { 'retry-after': '90' } });
  const { code, stderr } = await call(['models'], { env: { KIRO_API_KEY: 'ksk_0123456789abcdef', KIRO_API_URL: url } });
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'Slow. Try again in 2 min.\n' });
});

test('a proxy without a password is no secret', async () => {
  const proxy = await nobody();
  const env = { KIRO_API_KEY: 'ksk_0123456789abcdef', VPN_PROXY_URL: new URL(proxy).host };
  const { stderr } = await call(['models'], { env });
  expect(stderr).toContain(`The proxy ${env.VPN_PROXY_URL} cannot be reached`);
});

test('what Kiro quotes of a key in the middle of its answer reaches no terminal', async () => {
  const key = 'of-no-known-form-0123456789';
  const lines = [
    { event: 'assistantResponseEvent', payload: { content: 'Hello' } },
    { exception: 'ValidationException', payload: { message: `No ${key} here.` } },
  ];
  const answers = [
    answer(200, { models: [{ modelId: 'auto' }] }),
    answer(200, Buffer.concat(lines.map(encodeSceneLine))),
  ];
  const { url } = await startUpstream(...answers);
  const env = { KIRO_API_KEY: key, KIRO_API_URL: url };
  expect(await call(['chat', 'hi'], { env })).toEqual({ code: 2, stdout: 'Hello\n', stderr: 'No [secret] here.\n' });
});

test('help and version that cannot be written are a failure, and help is told as it is', async () => {
  if (process.platform === 'linux') {
    for (const flag of ['--help', '--version']) {
      const stdio = ['ignore', openSync('/dev/full', 'w'), 'pipe'] as const;
      const child = spawn(process.execPath, [BIN, flag], { stdio: [...stdio] });
      let said = '';
      child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
      const [code] = (await once(child, 'close')) as [number | null];
      expect({ code, said }).toEqual({
        code: 1,
        said: expect.stringMatching(/^The result cannot be written \(ENOSPC\)/),
      });
    }
  }
  expect((await call(['serve', '--help'])).stdout).toContain('PROXY_API_KEY=… kiro-gateway serve');
  expect((await call([`--ksk_0123456789abcdef`])).stderr).toMatch(/^error: unknown option '--\[secret\]'/);
});

test.each([
  [['dance'], "error: unknown command 'dance'"],
  [['srve'], "error: unknown command 'srve'\n(Did you mean serve?)"],
  [['run'], "error: missing required argument 'client'"],
  [['run', 'claude', '--loud'], "error: unknown option '--loud'"],
  [['serve', '--host'], "error: option '--host <host>' argument missing"],
  [['serve', 'extra'], "error: too many arguments for 'serve'. Expected 0 arguments but got 1."],
])('%j is answered with the error and the way to the help, and nothing that hides them', async (args, error) => {
  const stderr = `${error}\n(--help shows what is possible)\n`;
  expect(await call(args)).toEqual({ code: 2, stdout: '', stderr });
});

test('an empty HOME is the home of the user, and not the folder in which one happens to be', async () => {
  const env = { HOME: '', KIRO_GATEWAY_HOME: '' };
  const { stdout } = await run(['run', 'codex', '--print', '--demo'], { env });
  expect(stdout).toContain(`args = ["${userInfo().homedir}/`);
});

test('a path that is written down leads to the same file from every folder', async () => {
  const workingDirectory = realpathSync(temporaryFolder());
  const login = { refreshToken: REUSABLE, provider: 'google' };
  writeFileSync(join(workingDirectory, 'login.json'), JSON.stringify(login));
  const here = { workingDirectory, env: { KIRO_GATEWAY_HOME: 'home', KIRO_CREDS_FILE: 'login.json' } };
  const status = await run(['status', '--json'], here);
  expect(JSON.parse(status.stdout)).toMatchObject({
    login: { sourcePath: join(workingDirectory, 'login.json') },
    gatewayKey: { file: join(workingDirectory, 'home', 'config', 'gateway-key') },
  });
  const { stdout } = await run(['run', 'codex', '--print', '--demo'], here);
  expect(stdout).toContain(`args = ["${workingDirectory}/home/config/gateway-key"]`);
});

test('a user without a home and without a name can use the gateway with KIRO_GATEWAY_HOME', async () => {
  const nobody = `import os from 'node:os'; import { syncBuiltinESMExports } from 'node:module';
    os.homedir = os.userInfo = () => { throw new Error('ENOENT'); }; syncBuiltinESMExports();`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(nobody)}` };
  expect(await run(['chat', '--demo', '2+2?'], { env })).toMatchObject({ code: 0, stderr: '' });
});
