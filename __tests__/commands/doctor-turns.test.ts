/** `doctor REQUEST-ID` explains a captured turn; `doctor --report` tells strangers of it without a private word. */

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { explainTurn } from '../../src/commands/doctor-turns.js';
import type { Capture } from '../../src/server/debug-files.js';
import { temporaryFolder } from '../support/folder.js';
import { serve } from '../support/command.js';
import { ARN, expectSilence, IDE_FILE, IDE_LOGIN, PLANTED, startMachine, type TestMachine } from './login-support.js';

const KEY = 'gateway-key-of-the-tests-0123456789';

/** A gateway of this machine that keeps its turns; asks it all of this, and tells the ids. */
async function turnsOf(machine: TestMachine, bodies: readonly object[]): Promise<readonly string[]> {
  const env = {
    ...machine.env,
    DEBUG_MODE: 'all',
    PROXY_API_KEY: KEY,
    REFRESH_TOKEN: PLANTED.refreshToken,
    MAX_RETRIES: '1',
  };
  const gateway = await serve([], { env });
  const ids: string[] = [];
  for (const body of bodies) {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${KEY}`, 'user-agent': 'tester/1' };
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    await response.text();
    ids.push(String(response.headers.get('request-id')));
  }
  // What is still to be written is written before the process ends.
  await gateway.stop();
  return ids;
}

const saying = (content: string) => ({ model: 'auto', messages: [{ role: 'user', content }] });

test('a good turn, a refused one and a wrong one are explained', async () => {
  const machine = await startMachine();
  const [good = '', refused = '', wrong = ''] = await turnsOf(machine, [
    saying('2+2?'),
    saying('[[scenario:improper]]'),
    { ...saying('x'), messages: 5 },
  ]);
  const told: string[] = [];
  for (const id of [good, refused, wrong]) {
    const { code, stdout, stderr } = await machine.run(['doctor', id]);
    told.push(`exit ${code}${stderr}`, ...stdout.trimEnd().split('\n'));
  }
  const stable = told.map((line) =>
    line
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'UUID')
      .replaceAll(/127\.0\.0\.1:\d+/g, 'KIRO')
      .replaceAll(/\b\d+ ms\b|\d\.\d+ credits|\d+ characters|kiro-gateway \d[\d.]*\d/g, 'N')
      .replaceAll(/ {2,}/g, '  '),
  );
  expect(stable).toEqual([
    'exit 0',
    '✓ request  POST /v1/chat/completions from tester/1, at TIME, N, N',
    '✓ asked  model auto, not streamed, messages: 1, N',
    '✓ sent 1  N to KIRO/generateAssistantResponse, model auto',
    expect.stringMatching(/^✓ answer 1 {2}200; .*\d assistantResponseEvent.*; request UUID$/),
    '✓ outcome  finished: stop, N',
    'exit 0',
    '✓ request  POST /v1/chat/completions from tester/1, at TIME, N, N',
    '✓ asked  model auto, not streamed, messages: 1, N',
    '✓ sent 1  N to KIRO/generateAssistantResponse, model auto',
    '! answer 1  400; REQUEST_BODY_INVALID, Improperly formed request.; request UUID',
    '  → What became of it stands under outcome.',
    '✗ outcome  invalid-request (REQUEST_BODY_INVALID): Improperly formed request. Please report this; a new conversation may help meanwhile.',
    '  → Change the request as the sentence says.',
    '· rules  the request breaks no rule that the gateway knows',
    `  → Report it: \`kiro-gateway doctor ${refused} --report\` writes what is needed.`,
    'exit 0',
    '✓ request  POST /v1/chat/completions from tester/1, at TIME, N, N',
    '✓ asked  model auto, not streamed, N',
    '✗ outcome  invalid-request: messages: must be a list, not 5',
    '  → Change the request as the sentence says.',
  ]);
  const json = await machine.run(['doctor', wrong, '--json']);
  expect(JSON.parse(json.stdout)).toMatchObject({ request: wrong, checks: expect.any(Array) });
  const list = await machine.run(['doctor', '--demo', '--json', '--port', '0']);
  expect(list.stdout).toContain(`turns kept: 3, the newest ${wrong}`);
});

test('what a terminal would obey is shown as a question mark, on one line', async () => {
  const machine = await startMachine();
  const model = '\u001b]0;title\u0007\u009b31m\nfake line';
  const [id = ''] = await turnsOf(machine, [{ ...saying('x'), model }]);
  const { stdout } = await machine.run(['doctor', id]);
  expect(stdout).toContain('model ?]0;title??31m fake line, not streamed');
  // oxlint-disable-next-line no-control-regex -- These are the characters that are meant.
  expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});

test('a report tells the findings and the forms of the last turns, and nothing that was planted', async () => {
  const machine = await startMachine();
  machine.write(IDE_FILE, IDE_LOGIN);
  await machine.run(['login', '--from', 'ide', '--yes', '--profile', 'planted-name']);
  const parameters = { type: 'object', properties: { PlantedProperty: { type: 'string' } } };
  const args = JSON.stringify({ PlantedKey: 'PLANTED' });
  const [id = ''] = await turnsOf(machine, [
    {
      ...saying(`PLANTED words of planted@mail.example, ${PLANTED.apiKey}, in ${machine.home}`),
      messages: [
        { role: 'user', content: 'PLANTED' },
        {
          role: 'assistant',
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'PlantedTool', arguments: args } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'PLANTED 111122223333' },
      ],
      tools: [{ type: 'function', function: { name: 'PlantedTool', description: 'PLANTED', parameters } }],
      user: 'planted@mail.example',
    },
  ]);
  const env = {
    PROFILE_ARN: ARN,
    ALLOWED_HOSTS: 'planted.example',
    VPN_PROXY_URL: 'http://planted:PLANTED@127.0.0.1:1',
    KIRO_CREDS_FILE: '/planted/place.json',
    SERVER_PORT: '0',
  };
  const ended = await machine.run(['doctor', '--report'], { env });
  const path = `${machine.home}/gateway/state/doctor-report.md`;
  expect(ended).toMatchObject({ code: 0, stdout: `${path}\n`, stderr: expect.stringContaining('before you paste it') });
  expectSilence(ended);
  const report = readFileSync(path, 'utf8');
  const names = new RegExp(
    `planted|reusable|111122223333|EXAMPLE12345|${basename(machine.home)}|${hostname()}|${KEY}`,
    'gi',
  );
  expect([...report.matchAll(names)].map(String)).toEqual([]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const { checks, settings, turns } = JSON.parse(/```json\n(.*)\n```/s.exec(report)?.[1] ?? '') as {
    checks: readonly string[];
    settings: readonly object[];
    turns: readonly { readonly id: string; readonly client: object; readonly attempts: readonly object[] }[];
  };
  expect(checks.find((it) => it.startsWith('bad login'))).toContain('The login file [KIRO_CREDS_FILE] does not exist');
  expect(settings).toContainEqual({ name: 'ALLOWED_HOSTS', value: 'set', origin: 'environment' });
  expect(settings).toContainEqual({ name: 'SERVER_PORT', value: '0', origin: 'environment' });
  expect(turns.map((it) => it.id)).toEqual([id]);
  expect(turns[0]?.client).toMatchObject({
    headers: { 'user-agent': 'tester/1' },
    body: { model: 'auto', messages: [{ role: 'user', content: 'text(7)' }, expect.any(Object), expect.any(Object)] },
  });
  expect(turns[0]?.attempts).toMatchObject([
    { to: '/generateAssistantResponse', status: 200, events: expect.arrayContaining([expect.any(String)]) },
  ]);
});

test('a report does not say in which folder an env file lies', async () => {
  const machine = await startMachine();
  const file = join(temporaryFolder(), '.env');
  writeFileSync(file, 'LOG_LEVEL=loud\n');
  await machine.run(['doctor', '--report', '--env-file', file]);
  const report = readFileSync(`${machine.home}/gateway/state/doctor-report.md`, 'utf8');
  expect(report).toContain('LOG_LEVEL in [folder]/.env must be one of');
});

// --- what cannot easily be had from a process

const CAPTURE: Capture = {
  time: '2026-11-22T10:00:00.000Z',
  milliseconds: 5,
  gateway: '0.1.0',
  client: { id: 'req_1', method: 'POST', path: '/v1/messages', headers: {}, body: {} },
  attempts: [],
  outcome: { state: 'finished', finishReason: 'stop' },
};
const URL_OF_CHAT = 'https://runtime.us-east-1.kiro.dev/generateAssistantResponse';

test('a limit that may have been broken is told with its remedy', () => {
  const failed = { kind: 'invalid-request', message: 'Improperly formed request.' };
  const capture: Capture = {
    ...CAPTURE,
    attempts: [{ url: URL_OF_CHAT, characters: 700_000, body: {}, status: 400, text: '{}' }],
    outcome: { state: 'failed', error: failed },
  };
  expect(explainTurn(capture).at(-1)).toEqual({
    name: 'rule: size',
    state: 'warn',
    found: '700000 characters, 0 of them wide',
    fix: 'Shorten the conversation: compact it, or start a new one.',
  });
});

test('an attempt without an answer, an exception in a stream and a client that left are told', () => {
  const events = [
    { headers: { ':event-type': 'assistantResponseEvent', ':message-type': 'event' }, payload: { content: 'a' } },
    {
      headers: { ':exception-type': 'ThrottlingException', ':message-type': 'exception' },
      payload: { message: 'Slow down.' },
    },
  ];
  const capture: Capture = {
    ...CAPTURE,
    attempts: [
      { url: URL_OF_CHAT, characters: 10, body: '', failure: 'connect ECONNREFUSED' },
      { url: URL_OF_CHAT, characters: 10, body: '', status: 200, events },
    ],
    outcome: { state: 'client-left' },
  };
  const told = explainTurn(capture).map(({ name, state, found }) => [name, state, found]);
  expect(told.filter(([name]) => /answer|outcome/.test(name ?? ''))).toEqual([
    ['answer 1', 'info', 'no answer; connect ECONNREFUSED'],
    ['answer 2', 'info', '200; 1 assistantResponseEvent, 1 ThrottlingException: Slow down.'],
    ['outcome', 'info', 'the client left before the answer was complete'],
  ]);
});
