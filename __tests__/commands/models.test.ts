/** `models`: the table, the JSON, and the last known list when Kiro is away. */

import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from '@jest/globals';

import { listModels } from '../../src/simulator/control.js';
import { startSimulator } from '../../src/simulator/server.js';
import { call } from '../support/call.js';
import { run } from '../support/command.js';
import { temporaryFolder } from '../support/folder.js';
import { loginAt, REUSABLE } from '../support/stored-login.js';

test('models is a table with the default marked, and without colour in a pipe', async () => {
  const { code, stdout, stderr } = await call(['models', '--demo'], { env: { FORCE_COLOR: '1' } });
  const lines = stdout.split('\n');
  expect({ code, stderr, first: lines.slice(0, 6), last: lines.slice(-2) }).toEqual({
    code: 0,
    stderr: '',
    first: [
      '  MODEL              NAME               CONTEXT  OUTPUT  CREDITS  INPUTS       EFFORTS',
      '* auto               Auto                 1000k     64k       ×1  text, image  –',
      '  claude-sonnet-4    Claude Sonnet 4       200k     64k     ×1.3  text, image  –',
      '  claude-sonnet-4.5  Claude Sonnet 4.5     200k     64k     ×1.3  text, image  –',
      '  claude-sonnet-4.6  Claude Sonnet 4.6    1000k     64k     ×1.3  text, image  low medium high max',
      '  claude-sonnet-5    Claude Sonnet 5      1000k     64k     ×1.3  text, image  low medium high xhigh max',
    ],
    last: ['  qwen3-coder-next   Qwen3 Coder Next      256k     64k    ×0.05  text         –', ''],
  });
});

test('models --json is a list of plain objects', async () => {
  const { code, stdout, stderr } = await call(['models', '--demo', '--json']);
  const list = JSON.parse(stdout) as { id: string }[];
  expect({ code, stderr, ids: list.map(({ id }) => id) }).toEqual({
    code: 0,
    stderr: '',
    ids: listModels().map(({ modelId }) => modelId),
  });
  expect([list[0], list[3]]).toEqual([
    {
      id: 'auto',
      name: 'Auto',
      description: 'The service chooses the model',
      contextTokens: 1_000_000,
      outputTokens: 64_000,
      inputs: ['text', 'image'],
      efforts: [],
      creditRate: 1,
      isDefault: true,
    },
    {
      id: 'claude-sonnet-4.6',
      name: 'Claude Sonnet 4.6',
      description: 'The claude-sonnet-4.6 model',
      contextTokens: 1_000_000,
      outputTokens: 64_000,
      inputs: ['text', 'image'],
      efforts: ['low', 'medium', 'high', 'max'],
      creditRate: 1.3,
      isDefault: false,
    },
  ]);
});

test('the last known list is shown with a notice when Kiro is away, to the same account only', async () => {
  const home = temporaryFolder();
  const simulator = await startSimulator({ pace: 'none' });
  const envAt = (url: string, token = REUSABLE): Record<string, string> => ({
    ...loginAt(url),
    REFRESH_TOKEN: token,
    KIRO_GATEWAY_HOME: home,
  });
  // The list is kept by the time the process ends.
  const fresh = await run(['models'], { env: envAt(simulator.url) });
  await simulator.close();
  const stale = await call(['models'], { env: envAt(simulator.url) });
  const other = await call(['models'], { env: envAt(simulator.url, `${REUSABLE}-of-somebody-else`) });
  expect({ ...stale, stderr: '' }).toEqual({ ...fresh, stderr: '' });
  expect(stale.stderr).toMatch(/^Kiro did not list its models; the list of .* GMT is used\. \(.*\)\n$/);
  expect([fresh.code, fresh.stderr, other.code, other.stdout]).toEqual([0, '', 1, '']);

  const folder = join(home, 'state', 'models');
  const [name = ''] = readdirSync(folder);
  expect(name).toMatch(/^[0-9a-f]{64}\.json$/);
  expect([statSync(folder).mode & 0o777, statSync(join(folder, name)).mode & 0o777]).toEqual([0o700, 0o600]);
  expect(readFileSync(join(folder, name), 'utf8')).not.toContain(REUSABLE);
});

test('a list that cannot be read is as good as none', async () => {
  const home = temporaryFolder();
  const simulator = await startSimulator({ pace: 'none' });
  const env = { ...loginAt(simulator.url), KIRO_GATEWAY_HOME: home };
  await run(['models'], { env });
  await simulator.close();
  const folder = join(home, 'state', 'models');
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) writeFileSync(join(folder, name), '{"listedAt":1,"models":[{"id":');
  const { code, stdout } = await call(['models'], { env });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
});

test('--demo keeps no list', async () => {
  const home = temporaryFolder();
  await call(['models', '--demo'], { env: { KIRO_GATEWAY_HOME: home } });
  expect(readdirSync(home)).toEqual([]);
});
