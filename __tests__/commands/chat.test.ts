/** `chat`, `models` and the frame around every command, as processes. */

import { once } from 'node:events';

import { expect, jest, test } from '@jest/globals';

import { startSimulator } from '../../src/simulator/server.js';
import { run, start } from '../support/command.js';

// Each test starts processes; on two cores with other tests beside it that takes its time.
jest.setTimeout(30_000);

test('chat writes the answer to stdout and nothing else', async () => {
  expect(await run(['chat', '--demo', '2+2?'])).toEqual({
    code: 0,
    stdout: '2+2 = 4.\n\nThis answer comes from the kiro-gateway simulator, not from a model.\n',
    stderr: '',
  });
});

test('chat keeps what was said when the answer breaks off, and exits 1', async () => {
  const { code, stdout, stderr } = await run(['chat', '--demo=exception-later', 'hi']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: 'These words arrive before something goes wrong.\n' });
  expect(stderr).toBe('Encountered an unexpected error when processing the request, please try again.\n');
});

const failures: readonly (readonly [string, number, string])[] = [
  ['quota', 1, 'You have reached the limit. The credits of the plan come back at its next reset.\n'],
  ['throttled', 1, 'Too many requests, please wait before trying again.\n'],
];

for (const [scenario, code, stderr] of failures) {
  test(`chat on scenario ${scenario} exits ${code} with Kiro's sentence`, async () => {
    expect(await run(['chat', `--demo=${scenario}`, 'hi'])).toEqual({ code, stdout: '', stderr });
  });
}

test('Ctrl-C stops the upstream, keeps what was said and exits 130', async () => {
  const simulator = await startSimulator({ pace: 'none', scenario: 'stall' });
  const { child, output } = start(['chat', 'hi'], { env: loginAt(simulator.url) });
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  const [code] = (await once(child, 'close')) as [number | null];
  const chats = simulator.requests.filter(({ path }) => path === '/generateAssistantResponse');
  await simulator.close();
  expect({ code, aborted: chats.map(({ aborted }) => aborted) }).toEqual({ code: 130, aborted: [true] });
  expect(output.stdout).not.toBe('');
  expect(output.stderr).toBe('Stopped.\n');
});

test('a reader that leaves early ends chat cleanly', async () => {
  const { child, output } = start(['chat', '--demo=long', 'hi']);
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [code] = (await once(child, 'close')) as [number | null];
  expect({ code, stderr: output.stderr }).toEqual({ code: 0, stderr: '' });
});

test('models lists ids, windows and names', async () => {
  const { code, stdout, stderr } = await run(['models', '--demo']);
  expect({ code, stderr, first: stdout.split('\n').slice(0, 3) }).toEqual({
    code: 0,
    stderr: '',
    first: [
      'auto                1000k  Auto',
      'claude-sonnet-4      200k  Claude Sonnet 4',
      'claude-sonnet-4.5    200k  Claude Sonnet 4.5',
    ],
  });
});

const usageErrors: readonly (readonly [string, readonly string[]])[] = [
  ['no command', []],
  ['an unknown command', ['dance']],
  ['an unknown option', ['chat', '--loud', 'hi']],
  ['a missing prompt', ['chat', '--demo']],
];

for (const [what, args] of usageErrors) {
  test(`${what} exits 2 and says so on stderr only`, async () => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toBe('');
  });
}

test('an unknown scenario is refused with the names there are', async () => {
  const { code, stderr } = await run(['chat', '--demo=nope', 'hi']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^There is no scenario "nope"; there are text, .*, clients\.\n$/);
});

test('--help and --version go to stdout and exit 0', async () => {
  const help = await run(['--help']);
  expect({ ...help, stdout: help.stdout.split('\n')[0] }).toEqual({
    code: 0,
    stdout: 'Usage: kiro-gateway [options] [command]',
    stderr: '',
  });
  expect(await run(['--version'])).toMatchObject({ code: 0, stderr: '' });
});

function loginAt(url: string): Record<string, string> {
  return { REFRESH_TOKEN: `reusable-${'x'.repeat(120)}`, KIRO_API_URL: url, KIRO_AUTH_URL: url };
}
