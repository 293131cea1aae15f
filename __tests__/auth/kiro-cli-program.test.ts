/** kiro-cli renews its own login: how it is run, and that its database is what counts afterwards. */

import { expect, test } from '@jest/globals';
import { createContext } from '../../src/context.js';
import { databaseOf } from './kiro-cli-database-support.js';
import { quoted, startWriter } from './sqlite-writer.js';
import { startTokenServer } from '../support/token-server.js';
import { refreshToken } from './support.js';
import { answers, MINUTE, open, R3, sentTokens, START } from './world.js';

const ROW = 'kirocli:social:token';

function row(name: string, minutes: number) {
  const expires_at = new Date(START + minutes * MINUTE).toISOString();
  return { access_token: `aoa-${name}`, refresh_token: refreshToken(name), expires_at };
}

test('a login in KIRO_CLI_DB_FILE is renewed by kiro-cli, and by the gateway only when that does not help', async () => {
  const server = await startTokenServer(...answers(R3));
  const writer = startWriter();
  const kiroCliDbFile = await databaseOf(writer, { [ROW]: row('one', 0) });
  const rounds = [row('two', 60), row('two', 60)];
  const runProgram = async (): Promise<boolean> => {
    const value = quoted(JSON.stringify(rounds.shift()));
    await writer.run(kiroCliDbFile, `UPDATE auth_kv SET value = ${value} WHERE key = ${quoted(ROW)}`);
    await writer.close(kiroCliDbFile);
    return true;
  };
  const about = { login: { kiroCliDbFile }, runProgram, kiroCliDatabase: kiroCliDbFile };
  const { session, clock, token } = await open(server, about);
  const used = [await token()];
  clock.now += 60 * MINUTE;
  used.push(await token());
  await writer.kill();
  expect([used, sentTokens(server), session.describe().source]).toEqual([
    ['aoa-two', 'aoa1'],
    ['two'],
    `the database ${kiroCliDbFile} (KIRO_CLI_DB_FILE)`,
  ]);
});

function checkRun(title: string, name: string, args: readonly string[], expected: boolean): void {
  test(title, async () => {
    expect(await createContext().runProgram(name, args, 200)).toBe(expected);
  });
}

const EVER = 'setInterval(() => undefined, 1_000)';
checkRun('a program that is not installed is no error', 'kiro-cli-that-is-not-there', [], false);
checkRun('how a program ends does not matter', process.execPath, ['-e', 'process.exitCode = 3'], true);
checkRun('a program that hangs is ended', process.execPath, ['-e', EVER], true);
checkRun('a program that asks gets no answer', process.execPath, ['-e', `process.stdin.resume(); ${EVER}`], true);
