/** Uses the keychain of this machine and says, as one line of JSON, what came of it. `lock` locks it half-way, `none` leaves it alone. */

import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createKeychain } from '../../src/auth/keychain.js';
import { createLoginStore } from '../../src/auth/login-store.js';
import { Secret } from '../../src/core/secret.js';
import { noKeytar } from './fake-keytar.js';

const [folder = '', plan = 'whole'] = process.argv.slice(2);

const LONG = 'é'.repeat(2_048);
const TOKEN = 'r'.repeat(4_096);
const pause = (milliseconds: number, signal: AbortSignal): Promise<void> => sleep(milliseconds, undefined, { signal });
const notices: string[] = [];
const keychain = createKeychain({
  platform: process.platform,
  sleep: pause,
  randomId: randomUUID,
  load: plan === 'none' ? noKeytar : undefined,
});
const store = createLoginStore({
  keychain,
  dataFolder: join(folder, 'data'),
  stateFolder: join(folder, 'state'),
  now: Date.now,
  sleep: pause,
  notice: (sentence) => notices.push(sentence),
});

const steps: Record<string, () => Promise<unknown>> = {
  available: () => keychain.available(),
  missing: () => keychain.get('nothing'),
  async roundTrip() {
    await keychain.set('entry', LONG);
    return (await keychain.get('entry')) === LONG;
  },
  async overwritten() {
    await keychain.set('entry', 'short');
    return keychain.get('entry');
  },
  deleted: async () => [await keychain.delete('entry'), await keychain.delete('entry')],
  async saved() {
    const credential = {
      kind: 'social',
      refreshToken: new Secret(TOKEN),
      accessToken: undefined,
      expiresAt: undefined,
      region: 'us-east-1',
      apiRegion: undefined,
      profileArn: undefined,
    } as const;
    return (await store.saveLogin('work', credential, { store: 'auto', source: { name: 'test', path: undefined } }))
      .store;
  },
  lock: () => Promise.resolve(plan === 'lock' && lock()),
  async read() {
    const login = await store.readLogin('work');
    return login?.credential.kind === 'social' && login.credential.refreshToken.reveal() === TOKEN;
  },
  removed: () => store.removeLogin('work'),
  secretsOnDisk: () => Promise.resolve(readdirSync(join(folder, 'data')).filter((it) => it !== 'logins.json')),
};

const report: Record<string, unknown> = {};
for (const [name, step] of Object.entries(steps)) {
  try {
    report[name] = (await step()) ?? null;
  } catch (thrown) {
    report[name] = String(thrown instanceof Error ? thrown.message : thrown);
  }
}
process.stdout.write(`${JSON.stringify({ ...report, notices })}\n`);

function lock(): boolean {
  const collection = '/org/freedesktop/secrets/collection/login';
  const method = ['/org/freedesktop/secrets', 'org.freedesktop.Secret.Service.Lock', `array:objpath:${collection}`];
  const words = ['--session', '--print-reply', '--dest=org.freedesktop.secrets', ...method];
  return spawnSync('dbus-send', words, { stdio: 'ignore' }).status === 0;
}
