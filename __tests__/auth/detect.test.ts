/** What is found on a machine: where, in which order, and with which complaints. */

import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { type Detection, detectLogins } from '../../src/auth/sources.js';
import { databaseOf } from './kiro-cli-database-support.js';
import { startWriter } from './sqlite-writer.js';
import { expectNoSecret, refreshToken, writeFiles } from './support.js';
import { temporaryFolder } from '../support/folder.js';
import { NO_SETTINGS } from '../support/stored-login.js';

const NOW = Date.parse('2026-08-01T12:00:00Z');
const writer = startWriter();
afterAll(() => writer.kill());

test('on an empty machine nothing is found, and nothing is complained about', async () => {
  expect(await detectLogins(machine(temporaryFolder(), 'linux'))).toEqual([]);
});

for (const [platform, folder] of [
  ['linux', ['.local', 'share', 'kiro-cli']],
  ['darwin', ['Library', 'Application Support', 'kiro-cli']],
] as const) {
  test(`on ${platform} the login that lasts longest is the first, and one that is broken the last`, async () => {
    const home = temporaryFolder();
    const database = join(home, ...folder);
    const cache = join(home, '.aws', 'sso', 'cache');
    mkdirSync(database, { recursive: true });
    mkdirSync(cache, { recursive: true });
    const token = { access_token: 'aoa-cli', refresh_token: refreshToken('cli'), expires_at: '2026-08-01T13:00:00Z' };
    copyFileSync(await databaseOf(writer, { 'kirocli:social:token': token }), join(database, 'data.sqlite3'));
    writeFiles(join(database, '..'), { 'amazon-q': 'a file where a folder belongs' });
    const ide = { refreshToken: refreshToken('ide'), accessToken: 'aoa-ide', expiresAt: '2026-08-01T12:30:00Z' };
    writeFiles(cache, { 'kiro-auth-token.json': ide });
    const detection = machine(home, platform);
    const broken = { ...detection.settings, kiroCredsFile: '/nowhere' };
    const findings = await detectLogins({ ...detection, settings: broken });
    expect(findings.map((it) => [it.place.name, 'login' in it])).toEqual([
      ['kiro-cli', true],
      ['ide', true],
      ['env', false],
    ]);
    expect(findings.at(-1)).toMatchObject({ problem: expect.stringContaining('/nowhere does not exist') });
    expectNoSecret(findings, refreshToken('cli'), refreshToken('ide'));
  });
}

function machine(homeDirectory: string, platform: NodeJS.Platform): Detection {
  return {
    machine: { platform, env: {}, homeDirectory },
    settings: { ...NO_SETTINGS, homeDirectory },
    clock: { now: () => NOW, sleep: () => Promise.resolve() },
  };
}
