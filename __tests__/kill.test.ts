/** kill -9 at any moment: a hundred processes die while they rotate a login or write files; nothing is ever half. */

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { transformSync } from '@swc/core';
import { createCatalogueStore } from '../src/catalogue.js';
import { createLedger } from '../src/ledger.js';
import { listModels } from '../src/simulator/control.js';
import { createChance, type Chance } from './fuzz/chance.js';
import { temporaryFolder } from './support/folder.js';
import { loginsIn, saveLoginIn } from './support/stored-login.js';
import { listen } from './support/sockets.js';

const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_122);
const KILLS = 50;
const AT_ONCE = 8;

/** The victim as plain JavaScript over the built sources: to start so many processes through a loader would take minutes. */
const built = temporaryFolder();
let service: Server;
let url = '';

beforeAll(async () => {
  for (const name of ['kill-victim', 'stored-login', 'fake-keytar']) {
    const { code } = transformSync(readFileSync(join(import.meta.dirname, 'support', `${name}.ts`), 'utf8'), {
      configFile: false,
      swcrc: false,
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'es6' },
    });
    const dist = pathToFileURL(join(import.meta.dirname, '..', 'dist')).href;
    writeFileSync(join(built, `${name}.js`), code.replaceAll('../../src/', `${dist}/`));
  }
  writeFileSync(join(built, 'package.json'), '{"type":"module"}');
  service = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => response.end(renew(Buffer.concat(chunks).toString())));
  });
  url = `http://${await listen(service)}`;
});

afterAll(() => {
  service.closeAllConnections();
  service.close();
  rmSync(built, { recursive: true, force: true });
});

/**
 * The login and its latest generation. A refresh token works until its successor has been used: so a process that dies
 * before it has written the successor down has lost nothing.
 */
const latest = new Map<string, number>();

function renew(body: string): string {
  const [, login = '', spoken = ''] = /aor-([0-9a-f-]{36})-(\d+)-/.exec(body) ?? [];
  const generation = Number(spoken);
  const newest = latest.get(login) ?? 0;
  if (generation < newest - 1) return JSON.stringify({ error: 'the refresh token has been used' });
  latest.set(login, generation + 1);
  return JSON.stringify({ ...pairOf(login, generation + 1), expiresIn: 3600 });
}

function pairOf(login: string, generation: number) {
  return {
    accessToken: `aoa-${login}-${generation}`,
    refreshToken: `aor-${login}-${generation}-`.padEnd(200, 'x'),
  };
}

/** Lets it say one line at least, and kills it some milliseconds later, in the middle of whatever it does. @returns what it said. */
async function kill(task: 'rotate' | 'write', home: string, chance: Chance): Promise<readonly string[]> {
  const words = [join(built, 'kill-victim.js'), task, home, url];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'], env: {} });
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  const said: string[] = [];
  let cry = '';
  child.stderr.on('data', (chunk: Buffer) => (cry += chunk.toString()));
  const lines = createInterface(child.stdout);
  lines.on('line', (line) => said.push(line));
  await Promise.race([once(lines, 'line'), closed]);
  await sleep(chance.fraction() * 40);
  child.kill('SIGKILL');
  const [, signal] = await closed;
  if (signal !== 'SIGKILL') throw new Error(`The victim ended by itself after ${said.length} lines: ${cry}`);
  return said;
}

/** The complaints of so many killings, a few at a time. */
async function afterKills(about: (home: string, chance: Chance) => Promise<readonly string[]>): Promise<string[]> {
  const complaints: string[] = [];
  let number = 0;
  const work = async (): Promise<void> => {
    while (number < KILLS) {
      const [mine, home] = [number++, temporaryFolder()];
      const found = await about(home, createChance(SEED, 'kill', mine)).catch((thrown: unknown) => [String(thrown)]);
      complaints.push(...found.map((it) => `${mine}: ${it}`));
      rmSync(home, { recursive: true, force: true });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return complaints;
}

test(`${KILLS} processes are killed while they rotate a login, and each login still works, seed ${SEED}`, async () => {
  const complaints = await afterKills(async (home, chance) => {
    const login = randomUUID();
    await saveLoginIn(home, { tokens: pairOf(login, 0), expiresAt: Date.now() + 3_600_000 });
    const said = await kill('rotate', home, chance);
    const known = await loginsIn(home).readLogin('default');
    if (known?.tokens === undefined) return ['the tokens are gone'];
    const pair = [known.tokens.accessToken.reveal(), known.tokens.refreshToken.reveal()];
    const generation = Number(/\d+$/.exec(pair[0] ?? '')?.[0]);
    const whole = pairOf(login, generation);
    const isWhole = pair[0] === whole.accessToken && pair[1] === whole.refreshToken;
    const isTold = said.every((line) => !line.startsWith('notice'));
    // What it said was on the disk before.
    const isKept = said.every((line) => Number(/\d+$/.exec(line)?.[0]) <= generation);
    const isUsable = 'accessToken' in (JSON.parse(renew(whole.refreshToken)) as object);
    return isWhole && isTold && isKept && isUsable ? [] : [`${generation} of ${latest.get(login)}, ${said.join(' ')}`];
  });
  expect(complaints).toEqual([]);
});

test(`${KILLS} processes are killed while they write, and every file is whole, seed ${SEED}`, async () => {
  const complaints = await afterKills(async (home, chance) => {
    const done = Number((await kill('write', home, chance)).at(-1));
    return [
      ...(await checkLedger(home, done)),
      ...(await checkCatalogue(home, done)),
      ...checkKeys(home, done),
      ...(await checkLogins(home, done)),
    ];
  });
  expect(complaints).toEqual([]);
});

async function checkLedger(home: string, done: number): Promise<readonly string[]> {
  const entries = await createLedger(join(home, 'state'), Date.now).read(2);
  const models = entries.map(({ model }) => model);
  const expected = Array.from({ length: models.length }, (_, index) => `m${index + 1}`);
  const isWhole = models.join() === expected.join() && [done, done + 1].includes(models.length);
  return isWhole ? [] : [`the ledger holds ${models.length} turns of ${done}`];
}

async function checkCatalogue(home: string, done: number): Promise<readonly string[]> {
  const kept = await createCatalogueStore(join(home, 'state'), 'account').read();
  const isOne = kept?.models.every(({ id }, index) => id === `model-${kept.listedAt}-${index}`) ?? false;
  const isKept = [done, done + 1].includes(kept?.listedAt ?? 0);
  return isOne && isKept && kept?.models.length === listModels().length
    ? []
    : [`the catalogue is of turn ${kept?.listedAt}`];
}

/** A key that was not yet there is made at the next start; half a key would lock everybody out. */
function checkKeys(home: string, done: number): readonly string[] {
  const keys = readdirSync(home).filter((it) => it.startsWith('config-'));
  const texts = keys.flatMap((it) => {
    const files = readdirSync(join(home, it)).filter((name) => name === 'gateway-key');
    return files.map((name) => readFileSync(join(home, it, name), 'utf8'));
  });
  const isWhole = texts.every((text) => /^kgw-[\w-]{43}\n$/.test(text));
  return isWhole && texts.length >= done ? [] : [`${texts.length} gateway keys of ${done}: ${texts.join(' ')}`];
}

async function checkLogins(home: string, done: number): Promise<readonly string[]> {
  const logins = loginsIn(home);
  const listed = await logins.listLogins();
  const found = await Promise.all(listed.map(async ({ name }) => (await logins.readLogin(name))?.credential));
  const turns = found.map((it) =>
    it?.kind === 'social' ? turnOf(it.accessToken?.reveal(), it.refreshToken.reveal()) : 0,
  );
  const isKept = Math.max(...turns) >= done && turns.every((turn) => turn > 0 && turn <= done + 1);
  return isKept && listed.length === Math.min(3, Math.max(...turns)) ? [] : [`the logins are of turns ${turns.join()}`];
}

/** 0 where the two tokens are not of one turn. */
function turnOf(accessToken: string | undefined, refreshToken: string): number {
  const turn = Number(accessToken?.slice('aoa'.length));
  return refreshToken === `aor${turn}-`.padEnd(200, 'x') ? turn : 0;
}
