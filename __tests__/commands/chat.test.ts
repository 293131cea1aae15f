/** `chat` and the frame around every command; as processes where a signal, a pipe or what is loaded is the matter. */

import { once } from 'node:events';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from '@jest/globals';

import { commands } from '../../src/commands/index.js';
import type { Reply } from '../../src/simulator/frames.js';
import { startSimulator } from '../../src/simulator/server.js';
import { SCENE_TEXT, THOUGHT } from '../../src/simulator/scenarios.js';
import { createTerminal } from '../../src/terminal/terminal.js';
import { call } from '../support/call.js';
import { run, start } from '../support/command.js';
import { until } from '../support/sockets.js';
import { loginAt } from '../support/stored-login.js';
import { hang, startUpstream } from '../support/upstream.js';

test('chat writes the answer to stdout and nothing else', async () => {
  expect(await run(['chat', '--demo', '2+2?'])).toEqual({
    code: 0,
    stdout: '2+2 = 4.\n\nThis answer comes from the kiro-gateway simulator, not from a model.\n',
    stderr: '',
  });
});

test('chat --json writes one object and nothing else', async () => {
  const { code, stdout, stderr } = await call(['chat', '--demo', '--json'], { input: '2+2?\n' });
  expect({ code, stderr, answer: JSON.parse(stdout) as unknown }).toEqual({
    code: 0,
    stderr: '',
    answer: {
      text: '2+2 = 4.\n\nThis answer comes from the kiro-gateway simulator, not from a model.',
      reasoning: null,
      model: 'auto',
      usage: {
        inputTokens: 92,
        outputTokens: 20,
        cacheReadTokens: 0,
        cacheWriteTokens: 0,
        reasoningTokens: 0,
        source: 'upstream',
      },
      credits: 0.0111,
      finishReason: 'stop',
    },
  });
});

test('chat --json has the reasoning in its object, and the id of a model that was named otherwise', async () => {
  const args = ['chat', '--demo=reasoning-signed', '--json', '--thinking', '-m', 'claude-sonnet-5-20260101', 'hi'];
  const { code, stdout, stderr } = await call(args);
  const { reasoning, model, text } = JSON.parse(stdout) as Record<string, unknown>;
  expect({ code, stderr, reasoning, model, text }).toEqual({
    code: 0,
    stderr: '',
    reasoning: THOUGHT,
    model: 'claude-sonnet-5',
    text: SCENE_TEXT,
  });
});

test('chat --thinking shows the reasoning on stderr, and without it nobody sees it', async () => {
  const args = ['chat', '--demo=reasoning-signed', 'hi'];
  const [shown, hidden] = [await call([...args, '--thinking']), await call(args)];
  const answer = { code: 0, stdout: `${SCENE_TEXT}\n` };
  expect([shown, hidden]).toEqual([
    { ...answer, stderr: `${THOUGHT}\n\n` },
    { ...answer, stderr: '' },
  ]);
});

test('reasoning commands no terminal, which stderr may be when the answer is piped', async () => {
  const simulator = await startSimulator({ pace: 'none' });
  const frames = [
    { event: 'reasoningContentEvent', payload: { text: 'red \u001b[31mhere\u009b2J\n' } },
    { event: 'assistantResponseEvent', payload: { content: 'bytes \u001b[31m\n' } },
  ];
  simulator.enqueue({ frames });
  const ended = await call(['chat', '--thinking', 'hi'], { env: loginAt(simulator.url) });
  await simulator.close();
  expect(ended).toEqual({ code: 0, stdout: 'bytes \u001b[31m\n', stderr: 'red [31mhere2J\n\n' });
});

test('chat says on stderr that an answer was cut at its length', async () => {
  const simulator = await startSimulator({ pace: 'none' });
  const frames = [
    { event: 'assistantResponseEvent', payload: { content: 'And then he\n' } },
    { event: 'metadataEvent', payload: { stopReason: 'MAX_TOKENS' } },
  ];
  simulator.enqueue({ frames });
  const cut = await call(['chat', 'hi'], { env: loginAt(simulator.url) });
  await simulator.close();
  expect(cut).toEqual({
    code: 0,
    stdout: 'And then he\n',
    stderr: 'The answer was cut off: the model may write no more.\n',
  });
});

test('chat keeps what was said when the answer breaks off, and exits 1', async () => {
  const { code, stdout, stderr } = await call(['chat', '--demo=exception-later', 'hi']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: 'These words arrive before something goes wrong.\n' });
  expect(stderr).toBe('Encountered an unexpected error when processing the request, please try again.\n');
});

const failures: readonly (readonly [string, number, string])[] = [
  [
    'quota',
    1,
    'You have reached the limit. The credits of the plan come back at its next reset; `kiro-gateway usage` tells the day.\n',
  ],
  ['throttled', 1, 'Too many requests, please wait before trying again.\n'],
];

for (const [scenario, code, stderr] of failures) {
  test(`chat on scenario ${scenario} exits ${code} with Kiro's sentence`, async () => {
    const ended = await call(['chat', `--demo=${scenario}`, 'hi'], {
      env: { LOG_LEVEL: 'WARN', BASE_RETRY_DELAY: '0' },
    });
    expect(ended).toEqual({ code, stdout: '', stderr });
  });
}

test('chat says in a sentence that it asks again', async () => {
  const { stderr } = await call(['chat', '--demo=throttled', 'hi'], { env: { BASE_RETRY_DELAY: '0' } });
  const busy = 'Too many requests, please wait before trying again.';
  expect(stderr).toBe(
    `Asking again in 0 s (attempt 2 of 3): ${busy}\nAsking again in 0 s (attempt 3 of 3): ${busy}\n${busy}\n`,
  );
});

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

test('a login service that hangs does not hold up who wants to end', async () => {
  const service = await startUpstream(hang);
  // With no limit of time of its own, a process that waits for the service would do so for ever.
  const NODE_OPTIONS = '--import=data:text/javascript,AbortSignal.timeout=()=>new(AbortController)().signal';
  const { child } = start(['chat', 'hi'], { env: { ...loginAt(service.url), NODE_OPTIONS } });
  await until(() => service.requests.length > 0);
  child.kill('SIGINT');
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(130);
});

test('Ctrl-C with --json leaves one whole object of what was received, or nothing', async () => {
  const stop = async (
    reply: Reply,
    patienceMs: number,
  ): Promise<{ code: number | null; answer: string; stderr: string }> => {
    const simulator = await startSimulator({ pace: 'none' });
    simulator.enqueue(reply);
    const { child, output } = start(['chat', '--json', 'hi'], { env: loginAt(simulator.url) });
    await until(() => simulator.requests.some(({ path }) => path === '/generateAssistantResponse'));
    await sleep(patienceMs);
    child.kill('SIGINT');
    const [code] = (await once(child, 'close')) as [number | null];
    await simulator.close();
    return { code, answer: output.stdout, stderr: output.stderr };
  };
  const early = await stop({ frames: [], delayMs: 600_000 }, 0);
  expect(early).toEqual({ code: 130, answer: '', stderr: 'Stopped.\n' });

  // Nothing shows outside that the words have come: who was stopped before them is asked again, with more patience.
  let halfway = early;
  for (let patienceMs = 100; halfway.answer === ''; patienceMs *= 2) {
    const frames = [{ event: 'assistantResponseEvent', payload: { content: 'Half of' } }];
    halfway = await stop({ frames, thenStall: true }, patienceMs);
  }
  expect({ ...halfway, answer: JSON.parse(halfway.answer) as unknown }).toEqual({
    code: 130,
    answer: { ...BROKEN_OFF, model: 'auto', text: 'Half of' },
    stderr: 'Stopped.\n',
  });
});

/** Fields of an answer whose end has not come. */
const BROKEN_OFF = { reasoning: null, usage: null, credits: null, finishReason: null };

test('chat --json keeps what was said when the answer breaks off, and exits 1', async () => {
  const { code, stdout, stderr } = await call(['chat', '--demo=exception-later', '--json', 'hi']);
  expect({ code, answer: JSON.parse(stdout) as unknown }).toEqual({
    code: 1,
    answer: { ...BROKEN_OFF, model: 'auto', text: 'These words arrive before something goes wrong.' },
  });
  expect(stderr).toBe('Encountered an unexpected error when processing the request, please try again.\n');
});

test('a reader that leaves early ends chat cleanly', async () => {
  const { child, output } = start(['chat', '--demo=long', 'hi']);
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [code] = (await once(child, 'close')) as [number | null];
  expect({ code, stderr: output.stderr }).toEqual({ code: 0, stderr: '' });
});

/** What `result` makes of a stdout whose writes fail so. */
async function resultInto(code: string): Promise<unknown> {
  const failing = () =>
    new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })) });
  const streams = { stdout: failing(), stderr: failing(), once: () => undefined };
  return createTerminal(streams, {})
    .result('text')
    .catch((thrown: unknown) => thrown);
}

test('a result that cannot be written is a failure, unless its reader has left', async () => {
  expect(await resultInto('EPIPE')).toBe(false);
  expect(await resultInto('ENOSPC')).toMatchObject({
    kind: 'forbidden',
    message: 'The result cannot be written (ENOSPC); write it elsewhere.',
  });
});

const usageErrors: readonly (readonly [string, readonly string[]])[] = [
  ['no command', []],
  ['an unknown command', ['dance']],
  ['help for an unknown command', ['help', 'dance']],
  ['an unknown option', ['chat', '--loud', 'hi']],
  ['a missing prompt', ['chat', '--demo']],
  ['an effort that is none', ['chat', '--demo', '--effort', 'loud', 'hi']],
  ['a report as JSON', ['doctor', '--demo', '--report', '--json']],
];

for (const [what, args] of usageErrors) {
  test(`${what} exits 2 and says so on stderr only`, async () => {
    const { code, stdout, stderr } = await call(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toBe('');
  });
}

test('an option in the wrong place is named as it was typed', async () => {
  expect((await call(['--demo', 'chat', 'hi'])).stderr).toContain("error: unknown option '--demo'\n");
});

test('`help` and `help serve` say what --help says', async () => {
  expect(await call(['help'])).toEqual(await call(['--help']));
  expect(await call(['help', 'serve'])).toEqual(await call(['serve', '--help']));
});

for (const { name } of commands) {
  test(`${name} --help shows examples`, async () => {
    const { code, stdout } = await call([name, '--help']);
    const examples = stdout.slice(stdout.indexOf('\nExamples:\n'));
    expect({ code, hasExample: examples.includes(`\n  kiro-gateway ${name}`) }).toEqual({ code: 0, hasExample: true });
  });
}

test('the help of no command loads anything of the gateway', async () => {
  const helps = await Promise.all(commands.map(({ name }) => run([name, '--help'], { env: { NODE_DEBUG: 'esm' } })));
  const found = helps.map(({ code, stderr }) => ({
    code,
    isTold: stderr.includes('dist/commands/index'),
    heavy: HEAVY.filter((name) => stderr.includes(name)),
  }));
  expect(found).toEqual(commands.map(() => ({ code: 0, isTold: true, heavy: [] })));
});

const HEAVY = [
  'modules/express',
  'modules/node-fetch',
  'modules/sql.js',
  '@clack',
  'dist/open-gateway',
  'dist/server/',
];

test('the scenario may come from the environment, and from a mark in the prompt, which wins', async () => {
  const env = { KIRO_SIMULATOR_SCENARIO: 'repeated-deltas' };
  const [named, marked] = await Promise.all([
    call(['chat', '--demo', 'hi'], { env }),
    call(['chat', '--demo', '[[scenario:exception-later]]'], { env }),
  ]);
  expect([named.code, marked.code]).toEqual([0, 1]);
  expect(named.stdout).toMatch(/^(?:ha ?)+/);
  expect(marked.stdout).toBe('These words arrive before something goes wrong.\n');
});

test('an unknown scenario is refused with the names there are', async () => {
  const { code, stderr } = await call(['chat', '--demo=nope', 'hi']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^There is no scenario "nope"; choose one of text, .*, clients\.\n$/);
});

test('--help and --version go to stdout and exit 0', async () => {
  const help = await call(['--help']);
  expect({ ...help, stdout: help.stdout.split('\n')[0] }).toEqual({
    code: 0,
    stdout: 'Usage: kiro-gateway [options] [command]',
    stderr: '',
  });
  expect(await call(['--version'])).toMatchObject({ code: 0, stderr: '' });
});
