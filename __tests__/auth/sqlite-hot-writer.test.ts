/** A login read again and again while another process writes it as fast as it can. */

import { join } from 'node:path';
import { setImmediate as nextTick } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { readKiroCliDatabase } from '../../src/auth/kiro-cli.js';
import { addRows, CREATE, integrityOf, readDatabaseImage } from './sqlite-support.js';
import { quoted, startWriter } from './sqlite-writer.js';
import { refreshToken } from './support.js';
import { temporaryFolder } from '../support/folder.js';

/** Token and client are written in one transaction, with the same number, to pages that lie apart. */
function write(number: string): readonly string[] {
  return [
    'BEGIN IMMEDIATE',
    setValue('kirocli:odic:token', { refresh_token: refreshToken(number), padding: 'x'.repeat(3000) }),
    setValue('kirocli:odic:device-registration', { client_id: `client-${number}-`, client_secret: 's' }),
    'COMMIT',
  ];
}

function setValue(key: string, value: object): string {
  return `UPDATE auth_kv SET value = ${quoted(JSON.stringify(value))} WHERE key = ${quoted(key)}`;
}

function checkHot(title: string, pragmas: readonly string[], reads: number): void {
  test(title, async () => {
    const path = join(temporaryFolder(), 'data.sqlite3');
    const writer = startWriter();
    try {
      await writer.run(path, ...pragmas, CREATE, "INSERT INTO auth_kv VALUES ('kirocli:odic:token', '')");
      await writer.run(path, addRows(40), "INSERT INTO auth_kv VALUES ('kirocli:odic:device-registration', '')");
      await writer.run(path, ...write('0'));
      await writer.runForever(path, ...write('$n'));
      const seen: number[] = [];
      // The writer has to write meanwhile; a busy machine may let it wait.
      for (let read = 0; read < reads || new Set(seen).size <= 5; read++) {
        seen.push(await readNumber(path));
        if (read % 50 === 0)
          expect(await integrityOf(await untilRead(() => readDatabaseImage(path, clock)))).toBe('ok');
      }
      expect(seen).toEqual(seen.toSorted((one, other) => one - other));
    } finally {
      await writer.kill();
    }
  });
}

/** Which transaction is seen; fails when the two rows are not of the same. */
async function readNumber(path: string): Promise<number> {
  const { credential } = await untilRead(() => readKiroCliDatabase(path, clock));
  if (credential.kind !== 'oidc') throw new Error(`a ${credential.kind} login was read`);
  const [, token] = /^aor-(\d+)-/.exec(credential.refreshToken.reveal()) ?? [];
  const [, client] = /^client-(\d+)-/.exec(credential.clientId) ?? [];
  expect(client).toBe(token);
  return Number(token);
}

/** This writer rests less than any real one, so a read may give up; then its own advice is followed. */
async function untilRead<Value>(read: () => Promise<Value>): Promise<Value> {
  for (;;) {
    try {
      return await read();
    } catch (thrown) {
      if (!String(thrown).endsWith('could not be read; try again in a moment.')) throw thrown;
    }
  }
}

const clock = { now: Date.now, sleep: (): Promise<void> => nextTick() };

checkHot(
  'with a log that is often merged, no read is torn and none goes backwards',
  ['PRAGMA journal_mode = WAL', 'PRAGMA wal_autocheckpoint = 40', 'PRAGMA synchronous = NORMAL'],
  400,
);
checkHot('with a journal, no read is torn and none goes backwards', ['PRAGMA synchronous = OFF'], 300);
checkHot(
  'with a journal that is written over, no read is torn and none goes backwards',
  ['PRAGMA journal_mode = PERSIST', 'PRAGMA synchronous = NORMAL'],
  300,
);
