/** `login` with a person at a terminal, whose keys python3 presses in a pseudo-terminal; every key is counted. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { startTokenServer } from '../support/token-server.js';
import {
  ARN,
  BIN,
  IDE_FILE,
  IDE_LOGIN,
  kiroCliDatabase,
  PLANTED,
  startMachine,
  type TestMachine,
} from './login-support.js';

const ENTER = '\r';
const DOWN = '\u001b[B';
const CONTROL_C = '\u0003';
const CONTROL_D = '\u0004';

test('with one login on the machine, two keys are enough', async () => {
  const machine = await startMachine();
  machine.write(IDE_FILE, IDE_LOGIN);
  const seen = await atTerminal(
    machine,
    ['login'],
    [
      ['Which Kiro login', [ENTER]],
      ['Use it with this login?', [ENTER]],
    ],
  );
  expect(seen).toMatchObject({ code: 0, left: 0, pressed: 2 });
  expect(seen.screen).toContain('Kiro IDE: Kiro social login, us-east-1, profile EXAMPLE12345');
  expect(seen.screen).toContain('whether you use it with your account is your decision.');
  expect(seen.screen).toContain('Logged in: Kiro social login, token good for 60 min.');
  expectNothingPlanted(seen.screen);
});

test('a first command offers to log in, and then goes on', async () => {
  const machine = await startMachine();
  machine.write(IDE_FILE, IDE_LOGIN);
  const seen = await atTerminal(
    machine,
    ['chat', 'hi'],
    [
      ['Log in now?', [ENTER]],
      ['Which Kiro login', [ENTER]],
      ['Use it with this login?', [ENTER]],
    ],
  );
  expect(seen).toMatchObject({ code: 0, left: 0 });
  expect(seen.screen).toContain('This answer comes from the kiro-gateway simulator');
});

test('who declines the offer gets the sentence, and exit code 4', async () => {
  const machine = await startMachine();
  const seen = await atTerminal(machine, ['models'], [['Log in now?', [DOWN, ENTER]]]);
  expect(seen).toMatchObject({ code: 4, screen: expect.stringContaining('No Kiro login found.') });
});

test('a Builder ID is signed in with the code that is shown', async () => {
  const machine = await startMachine();
  const seen = await atTerminal(
    machine,
    ['login'],
    [
      ['How do you want to log in', [ENTER]],
      ['Use it with this login?', [ENTER]],
    ],
  );
  expect(seen).toMatchObject({ code: 0, left: 0, pressed: 2 });
  expect(seen.screen).toContain('code  SIMU-LATE');
  expect(seen.screen).toContain('Logged in: AWS Builder ID');
});

test('a long URL can be copied from a narrow terminal', async () => {
  const machine = await startMachine();
  const url = `https://${'a-long-name-'.repeat(5)}.awsapps.com/start/#/device?user_code=ABCD-EFGH`;
  const code = { deviceCode: 'x', userCode: 'ABCD-EFGH', verificationUriComplete: url, expiresIn: 600, interval: 1 };
  const client = { clientId: 'x', clientSecret: 'x', clientSecretExpiresAt: 1 };
  const server = await startTokenServer({ body: client }, { body: code });
  const elsewhere = { ...machine, env: { ...machine.env, KIRO_OIDC_URL: server.url } };
  const flags = ['login', '--start-url', 'https://view.awsapps.com/start', '--yes'];
  const seen = await atTerminal(elsewhere, flags, [['Waiting until', [CONTROL_C]]], 60);
  expect(seen.screen).toContain(`\nOpen  ${url}\n`);
});

test('of several profiles one is chosen', async () => {
  const machine = await startMachine();
  const other = ARN.replace('EXAMPLE12345', 'OTHER');
  const profiles = [
    { arn: ARN, profileName: 'one' },
    { arn: other, profileName: 'two' },
  ];
  const { url } = await startTokenServer({ body: { profiles } });
  const elsewhere = { ...machine, env: { ...machine.env, KIRO_MANAGEMENT_URL: url } };
  const seen = await atTerminal(
    elsewhere,
    ['login', '--start-url', 'https://view.awsapps.com/start', '--yes'],
    [['Which Kiro profile', [DOWN, ENTER]]],
  );
  expect(seen).toMatchObject({ code: 0, left: 0, screen: expect.stringContaining(`profile ${other}.`) });
});

test('a login that had to be renewed is kept, too, when its profile is not chosen: the old tokens may be dead', async () => {
  const machine = await startMachine();
  const profiles = [{ arn: ARN }, { arn: ARN.replace('EXAMPLE12345', 'OTHER') }];
  const { url } = await startTokenServer({ body: { profiles } });
  const elsewhere = { ...machine, env: { ...machine.env, KIRO_MANAGEMENT_URL: url } };
  const flags = ['login', '--db', await kiroCliDatabase({}, {}), '--yes'];
  const seen = await atTerminal(elsewhere, flags, [['Which Kiro profile', [CONTROL_C]]]);
  expect(seen).toMatchObject({ code: 0, screen: expect.stringContaining('Set PROFILE_ARN to one of them.') });
  expect(machine.kept()).toHaveLength(1);
});

test('an API key that is typed is not shown', async () => {
  const machine = await startMachine();
  const seen = await atTerminal(
    machine,
    ['login', '--from', 'api-key', '--yes'],
    [['Kiro API key', [PLANTED.apiKey, ENTER]]],
  );
  expect(seen).toMatchObject({ code: 0, left: 0 });
  expect(seen.screen).toContain('Logged in: Kiro API key');
  expectNothingPlanted(seen.screen);
});

test('Google and GitHub are explained', async () => {
  const machine = await startMachine();
  const seen = await atTerminal(machine, ['login'], [['How do you want to log in', [DOWN, DOWN, ENTER]]]);
  expect(seen).toMatchObject({
    code: 4,
    screen: expect.stringContaining('is made by `kiro-cli login` or by the Kiro IDE'),
  });
});

const places: readonly (readonly [string, readonly Step[]])[] = [
  ['the choice', [['Which Kiro login', [CONTROL_C]]]],
  ['the choice, with Ctrl-D', [['Which Kiro login', [CONTROL_D]]]],
  [
    'the question about the terms',
    [
      ['Which Kiro login', [ENTER]],
      ['Use it with this login?', [CONTROL_C]],
    ],
  ],
  [
    'a no to it',
    [
      ['Which Kiro login', [ENTER]],
      ['Use it with this login?', [DOWN, ENTER]],
    ],
  ],
];
for (const [where, steps] of places) {
  test(`Ctrl-C at ${where} exits 130, asks nobody and stores nothing`.replace('Ctrl-C at a no', 'A no'), async () => {
    const machine = await startMachine();
    machine.write(IDE_FILE, IDE_LOGIN);
    const seen = await atTerminal(machine, ['login'], steps);
    expect(seen).toMatchObject({ code: 130, left: 0, screen: expect.stringContaining('Stopped; nothing was stored.') });
    expect(machine.kept()).toEqual([]);
    expect(machine.simulator.requests).toEqual([]);
  });
}

test('Ctrl-C while the browser is waited for exits 130 and stores nothing', async () => {
  const machine = await startMachine();
  const seen = await atTerminal(
    machine,
    ['login', '--start-url', 'https://view.awsapps.com/start', '--yes'],
    [['Waiting until', [CONTROL_C]]],
  );
  expect(seen).toMatchObject({ code: 130, left: 0 });
  expect(machine.kept()).toEqual([]);
});

// --- helpers

/** A text to wait for, and the keys to press then. */
type Step = readonly [string, readonly string[]];

type Seen = { readonly code: number; readonly screen: string; readonly pressed: number; readonly left: number };

async function atTerminal(
  machine: TestMachine,
  args: readonly string[],
  steps: readonly Step[],
  columns?: number,
): Promise<Seen> {
  const command = [process.execPath, BIN, ...args];
  const env = { ...machine.env, TERM: 'xterm', NO_COLOR: '1' };
  const script = join(import.meta.dirname, '..', 'support', 'terminal.py');
  const child = spawn('python3', [script, JSON.stringify({ command, env, steps, columns })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'close');
  return JSON.parse(output) as Seen;
}

function expectNothingPlanted(screen: string): void {
  expect(screen).not.toMatch(/PLANTED|reusable|\b(aoa|aor)[\w-]/);
}
