/** `serve` as a person sees it: the start block, a line a request, those under way, and the terminal as it was after. */

import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

import { expect, test } from '@jest/globals';

import { requestLine, runningLine } from '../../src/commands/serve.js';
import type { RequestRecord } from '../../src/server/request-log.js';
import { runInTerminal, type Seen } from '../support/terminal.js';

const KEY = 'a-key-of-my-own-that-is-long';
const UP_ONE = '\u001b[1A';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

/** `serve --demo` until the text is seen, then Ctrl-C; meanwhile clients ask. */
async function sit(until: string, columns: number, ask: (url: string) => Promise<void>): Promise<Seen> {
  const port = await freePort();
  const sitting = { steps: [[until, ['\u0003']]] as const, columns, env: { PROXY_API_KEY: KEY } };
  const seen = runInTerminal(['serve', '--demo', '--port', String(port)], sitting);
  const isOver = seen.then(() => true);
  while (!(await isOpen(port))) {
    if (await Promise.race([isOver, new Promise((resolve) => setTimeout(resolve, 20))])) return seen;
  }
  await ask(`http://127.0.0.1:${port}`);
  return seen;
}

async function post(url: string, words: string, key = KEY): Promise<void> {
  const body = {
    model: 'claude-sonnet-4.5',
    max_tokens: 1000,
    stream: true,
    messages: [{ role: 'user', content: words }],
  };
  const headers = { 'x-api-key': key, 'content-type': 'application/json' };
  const answer = await fetch(`${url}/v1/messages`, { method: 'POST', headers, body: JSON.stringify(body) });
  await answer.text();
}

test('there is a start block, a tidy line a request, and those under way at the bottom until they are over', async () => {
  const { code, screen, raw } = await sit('1s  answering', 110, async (url) => {
    await post(url, '2+2?');
    await post(url, 'hi', 'a-wrong-key');
    post(url, '[[scenario:stall]]').catch(() => undefined);
  });
  expect(code).toBe(0);
  expect(screen).toContain(`key     ${KEY}\n`);
  expect(screen).toContain(`export OPENAI_BASE_URL=http://127.0.0.1:`);
  expect(screen).toMatch(
    /\n\d\d:\d\d:\d\d ✓ messages {9}claude-sonnet-4\.5 {3}\d\.\ds {3}\d\.\ds {7}9\d→20 {2}0\.0\d+ {2}stop\n/,
  );
  expect(screen).toMatch(/\n\d\d:\d\d:\d\d ✗ messages {36}\d\.\ds {2}401 unauthorized: The gateway key is wrong/);
  expect(screen).toMatch(/ {9}… messages {9}claude-sonnet-4\.5 {3}\d\.\ds {5}1s {2}answering\n/);
  // Written over in place, and the cursor comes back.
  expect(raw).toContain(UP_ONE);
  expect(count(raw, HIDE_CURSOR)).toBe(count(raw, SHOW_CURSOR));
  expect(raw.lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(raw.lastIndexOf(UP_ONE));
});

test('of those under way eight are shown, and how many more there are', async () => {
  const { code, screen } = await sit('… and 2 more', 110, async (url) => {
    for (let asked = 0; asked < 10; asked++) post(url, '[[scenario:stall]]').catch(() => undefined);
    await Promise.resolve();
  });
  expect(code).toBe(0);
  expect(screen).toMatch(/(?:\n {9}… messages [^\n]*){8}\n {2}… and 2 more\n/);
  expect(screen).not.toMatch(/(?:\n {9}… messages [^\n]*){9}/);
});

test('on a narrow terminal no line of a request is wider than it', async () => {
  const { code, screen } = await sit('… messages', 40, async (url) => {
    await post(url, '2+2?');
    post(url, '[[scenario:stall]]').catch(() => undefined);
  });
  const lines = screen
    .replaceAll('^C', '')
    .split('\n')
    .filter((line) => line.includes('messages') && /[✓…]/.test(line));
  expect(code).toBe(0);
  expect(lines.length).toBeGreaterThan(1);
  expect(lines.filter((line) => line.length > 40)).toEqual([]);
});

test('with LOG_FORMAT=json a terminal gets objects and nothing moves', async () => {
  const env = { PROXY_API_KEY: KEY, LOG_FORMAT: 'json' };
  const { code, raw } = await runInTerminal(['serve', '--demo', '--port', '0'], {
    steps: [['listens on', ['\u0003']]],
    env,
  });
  expect({ code, moves: raw.includes('\u001b') }).toEqual({ code: 0, moves: false });
});

test('the lines to copy hold a key of any letters, so that a shell takes it as it is', async () => {
  const env = { PROXY_API_KEY: "it's-$HOME-and-`more`-of-it" };
  const { screen } = await runInTerminal(['serve', '--demo', '--port', '0'], {
    steps: [['listens on', ['\u0003']]],
    columns: 200,
    env,
  });
  const word = String.raw`'it'\''s-$HOME-and-${'`more`'}-of-it'`;
  expect(screen).toContain(`OPENAI_API_KEY=${word}\n`);
  expect(screen).toContain(`-H 'Authorization: Bearer ${word.slice(1)} \\\n`);
});

const RECORD: RequestRecord = { requestId: 'req_1', method: 'POST', path: '/v1/messages', status: 200, totalMs: 1249 };
const told = {
  model: 'auto',
  firstEventMs: 812,
  inputTokens: 123_456,
  outputTokens: 80,
  finishReason: 'stop',
} as const;

const lines: readonly (readonly [string, Partial<RequestRecord>, string, string])[] = [
  [
    'an answer',
    { ...told, credits: 0.021 },
    '✓',
    'messages         auto                0.8s   1.2s     123k→80   0.021  stop',
  ],
  ['one without credits', told, '✓', 'messages         auto                0.8s   1.2s     123k→80       –  stop'],
  [
    'one that is not what was asked for in every way',
    { ...told, credits: 0.021, notice: 'media-left-out=2' },
    '✓',
    'messages         auto                0.8s   1.2s     123k→80   0.021  stop  media-left-out=2',
  ],
  [
    'one that the client left',
    { model: 'auto', clientLeft: true },
    '–',
    'messages         auto                       1.2s  the client left',
  ],
  [
    'a failure',
    { error: 'overloaded', errorMessage: 'Full.', status: 503 },
    '✗',
    'messages                                    1.2s  503 overloaded: Full.',
  ],
  [
    'a list',
    { method: 'GET', path: '/v1/models', totalMs: 345_678 },
    '✓',
    'GET models                                  346s  200',
  ],
  [
    'control characters',
    { path: '/\u001b[2J', model: 'модель\n' },
    '✓',
    '/?[2J            ???????                    1.2s  200',
  ],
  [
    'names that are long',
    { path: '/v1/messages/count_tokens', model: 'm'.repeat(30) },
    '✓',
    'messages/count_… mmmmmmmmmmmmmmmm…          1.2s  200',
  ],
];

const plain = (text: string): string => text;

for (const [what, about, mark, rest] of lines) {
  test(`the line of ${what}`, () => {
    expect(requestLine({ ...RECORD, ...about }, plain)).toEqual({ mark, rest });
  });
}

test('a line is redacted before it is coloured, and cut to the terminal', () => {
  const clean = (text: string): string => text.replace('hush', '[secret]');
  const line = requestLine({ ...RECORD, path: '/hush' }, clean, 30);
  expect(line.rest).toBe('/[secret]        …');
  expect(requestLine({ ...RECORD, path: '/abcdefghijk-hush' }, clean, 30).rest).toBe('/abcdefghijk-[s… …');
});

test('what went wrong is told whole, however narrow the terminal is', () => {
  const errorMessage = 'The gateway key is wrong; `kiro-gateway serve` says at its start where the key is.';
  const about = { ...RECORD, status: 401, error: 'unauthorized', errorMessage } as const;
  const line = requestLine(about, plain, 30);
  expect(line.rest).toContain(`401 unauthorized: ${errorMessage}`);
});

test('a request that waits says so, and for how long', () => {
  const request = { requestId: 'req_1', method: 'POST', path: '/v1/messages', startedAt: 1000, model: 'auto' };
  const start = '         … messages         auto             ';
  expect([runningLine(request, plain, 3999), runningLine({ ...request, firstEventAt: 1500 }, plain, 14_000)]).toEqual([
    `${start}            2s  waiting`,
    `${start}   0.5s    13s  answering`,
  ]);
});

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.end();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
