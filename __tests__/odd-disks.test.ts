/** Disks that are full, and folders that a dotfile manager has put elsewhere: what is on them stays whole and private. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { createLedger, dayOf, type LedgerEntry } from '../src/ledger.js';
import { type Simulator, startSimulator } from '../src/simulator/server.js';
import { call, callServe } from './support/call.js';
import { run } from './support/command.js';
import { temporaryFolder } from './support/folder.js';
import { issueTokens, loginsIn, saveLoginIn, surroundingsOf } from './support/stored-login.js';

const BIN = join(import.meta.dirname, '..', 'bin', 'kiro-gateway.js');

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ pace: 'none' });
});
afterAll(() => simulator.close());

/** The command where no file can grow beyond so many kilobytes: a write stops in the middle, as on a disk that is full. */
async function runWithin(kilobytes: number, args: readonly string[], env: Record<string, string>): Promise<string> {
  const script = `trap '' XFSZ; ulimit -f ${kilobytes}; exec "$0" "$@"`;
  const child = spawn('bash', ['-c', script, process.execPath, BIN, ...args], {
    env: { PATH: process.env['PATH'], HOME: env['KIRO_GATEWAY_HOME'], ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await once(child, 'close');
  return said;
}

const ENTRY: LedgerEntry = {
  time: Date.now(),
  model: 'm'.repeat(20),
  session: 's'.repeat(60),
  inputTokens: 1,
  outputTokens: 2,
  credits: 0.5,
  source: 'serve',
};

for (const kilobytes of [0, 1]) {
  test(`where files end after ${kilobytes} kB, each file is the old one or the new one, and what was there is used`, async () => {
    const home = temporaryFolder();
    const { env } = surroundingsOf(home, simulator.url);
    const tokens = await issueTokens(simulator.url);
    await saveLoginIn(home, { tokens, expiresAt: Date.now() + 3_600_000 });
    // Five lines of nearly 200 bytes: the next one would end beyond a kilobyte.
    const ledger = createLedger(join(home, 'state'), Date.now);
    for (let turn = 0; turn < 5; turn++) void ledger.record(ENTRY);
    await ledger.close();

    const other = join(home, 'other.json');
    writeFileSync(other, JSON.stringify({ refreshToken: `reusable-${'y'.repeat(2000)}`, provider: 'google' }));
    const login = ['login', '--from', 'file', '--file', other, '--store', 'file', '--yes'];
    expect(await runWithin(kilobytes, login, env)).toContain('cannot be written (EFBIG)');
    const said = await runWithin(kilobytes, ['chat', 'hi'], env);
    expect(said).toContain('The cost of answers cannot be written');
    expect(said).toContain('The list of models cannot be kept');

    const files = readdirSync(home, { recursive: true, encoding: 'utf8' });
    expect(files.filter((name) => /\.(?:tmp|ticket|lock)\b/.test(name))).toEqual([]);
    for (const name of files.filter((it) => it.endsWith('.json'))) JSON.parse(readFileSync(join(home, name), 'utf8'));
    expect((await call(['chat', 'hi'], { env })).code).toBe(0);
    expect((await loginsIn(home).readLogin('default'))?.facts.name).toBe('default');
    // The turn whose line was torn is lost, and takes none beside it along.
    const kept = await createLedger(join(home, 'state'), Date.now).read(1);
    expect(kept.map(({ source }) => source)).toEqual([...Array.from({ length: 5 }, () => 'serve'), 'chat']);
  });
}

test('folders that are links, as dotfile managers make them, are used where they lead, and private there', async () => {
  const [home, dotfiles] = [temporaryFolder(), temporaryFolder()];
  for (const name of ['config', 'data', 'state']) {
    mkdirSync(join(dotfiles, name), { mode: 0o755 });
    symlinkSync(join(dotfiles, name), join(home, name));
  }
  writeFileSync(join(dotfiles, 'own.env'), 'LOG_FORMAT=json\nMODEL_ALIASES=mine=auto\n');
  symlinkSync(join(dotfiles, 'own.env'), join(dotfiles, 'config', '.env'));
  const { env } = surroundingsOf(home, simulator.url);
  await saveLoginIn(home, { tokens: await issueTokens(simulator.url), expiresAt: Date.now() + 3_600_000 });
  expect((await call(['chat', '-m', 'mine', 'hi'], { env })).code).toBe(0);
  const served = await callServe([], { env: { ...env, LOG_FORMAT: 'text' } });
  expect(await served.stop()).toBe(0);
  const key = join(dotfiles, 'config', 'gateway-key');
  const modes = [join(dotfiles, 'config'), join(dotfiles, 'data'), key].map((it) => statSync(it).mode & 0o777);
  expect(modes).toEqual([0o700, 0o700, 0o600]);
  expect(readdirSync(join(dotfiles, 'state')).toSorted()).toEqual(['ledger', 'models']);
});

test('no code is taken from a folder that everybody may write to, as the one of node’s compile cache is', async () => {
  const home = temporaryFolder();
  // As Node 22 and later have it; it would use a folder in the one for temporary files, where anybody may be first.
  const spy = "require('node:module').enableCompileCache = (folder) => console.log('cache in', folder);";
  writeFileSync(join(home, 'spy.cjs'), spy);
  const { stdout } = await run(['--version'], { env: { NODE_OPTIONS: `--require=${join(home, 'spy.cjs')}` } });
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('our files that grow are not written through a link', async () => {
  const home = temporaryFolder();
  const [target, state] = [join(home, 'target'), join(home, 'state')];
  writeFileSync(target, 'theirs');
  mkdirSync(join(state, 'ledger'), { recursive: true, mode: 0o700 });
  symlinkSync(target, join(state, 'ledger', `${dayOf(Date.now())}.jsonl`));
  symlinkSync(target, join(state, 'run.log'));
  const said: string[] = [];
  const ledger = createLedger(state, Date.now, (sentence) => said.push(sentence));
  void ledger.record(ENTRY);
  await ledger.close();
  const bin = join(home, 'bin');
  mkdirSync(bin);
  const client = `#!${process.execPath}\nvoid fetch(\`\${process.env.ANTHROPIC_BASE_URL}/v1/nowhere\`);\n`;
  writeFileSync(join(bin, 'claude'), client, { mode: 0o755 });
  const env = { KIRO_GATEWAY_HOME: home, PATH: `${bin}:${process.env['PATH']}` };
  expect((await run(['run', '--demo', 'claude'], { env })).code).toBe(0);
  expect({ text: readFileSync(target, 'utf8'), said: said.length }).toEqual({ text: 'theirs', said: 1 });
});

test('a gateway key that is a link is refused: it may be somebody else who can write it', async () => {
  const home = temporaryFolder();
  mkdirSync(join(home, 'config'), { mode: 0o700 });
  writeFileSync(join(home, 'elsewhere'), 'kgw-planted-by-somebody-else-0123456789\n');
  symlinkSync(join(home, 'elsewhere'), join(home, 'config', 'gateway-key'));
  const { code, stderr } = await call(['serve', '--demo', '--port', '0'], { env: { KIRO_GATEWAY_HOME: home } });
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `The gateway's file ${join(home, 'config', 'gateway-key')} is a symbolic link; remove it and try again.\n`,
  });
});

test('where no folder can be made, as in /proc, a command ends and says so', async () => {
  const env = { KIRO_GATEWAY_HOME: '/proc/nobody/gateway' };
  const [logout, login] = await Promise.all(
    [['logout'], ['login', '--from', 'api-key', '--yes']].map((args) => call(args, { env, input: 'ksk_0123456789' })),
  );
  expect(logout).toMatchObject({ code: 0, stdout: 'No login named default is stored; nothing was removed.\n' });
  expect(login).toMatchObject({ code: 1, stderr: expect.stringMatching(/cannot be written \(\w+\); correct that/) });
});
