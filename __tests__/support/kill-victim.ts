/** A process made to be killed: it renews a login, or writes the gateway's files, again and again, and says what is done. */

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRefreshLock } from '../../src/auth/lock.js';
import { createSession } from '../../src/auth/session.js';
import { findLogin } from '../../src/auth/sources.js';
import { createCatalogueStore } from '../../src/catalogue.js';
import type { Fetch } from '../../src/core/fetch.js';
import { readModelPage } from '../../src/kiro/models.js';
import { listModels } from '../../src/simulator/control.js';
import { createLedger } from '../../src/ledger.js';
import { gatewayKey } from '../../src/server/access.js';
import { loginsIn, NO_SETTINGS, saveLoginIn } from './stored-login.js';

const COST = { inputTokens: 1, outputTokens: 2, credits: 0.5 };

const [task = '', home = '', url = ''] = process.argv.slice(2);
const stateFolder = join(home, 'state');
const NEVER = new AbortController().signal;

const fetchFromService: Fetch = async (address, { method, headers, redirect = 'follow', ...init }) => {
  const { body, signal } = init;
  return fetch(address, { method, headers, redirect, ...(body && { body }), ...(signal && { signal }) });
};

if (task === 'rotate') await rotate();
else await write();

/** Each turn spends a refresh token and keeps the next one. */
async function rotate(): Promise<void> {
  const tools = {
    now: Date.now,
    sleep: (milliseconds: number, signal?: AbortSignal) =>
      sleep(milliseconds, undefined, signal === undefined ? {} : { signal }),
    notice: (sentence: string) => say(`notice ${sentence}`),
  };
  const logins = loginsIn(home);
  const found = await findLogin(NO_SETTINGS, { ...tools, logins, runProgram: () => Promise.resolve(false) });
  if (found?.store === undefined) throw new Error('There is no stored login.');
  const session = await createSession({
    ...tools,
    login: found,
    source: found.source,
    store: found.store,
    alone: createRefreshLock(stateFolder, tools),
    fetch: fetchFromService,
    overrides: { auth: url, oidc: url },
    userAgent: 'victim/1',
    refreshAheadSeconds: 0,
    announcesRegistration: false,
    hide: () => undefined,
  });
  for (;;) {
    const { token } = await session.accessToken(NEVER);
    const next = await session.forceRefresh(token, NEVER);
    say(next.token.reveal());
  }
}

/** All files of the state at once, so that one kill may meet any of them. */
async function write(): Promise<void> {
  const { items: models } = readModelPage({ models: listModels() });
  const catalogue = createCatalogueStore(stateFolder, 'account');
  for (let turn = 1; ; turn++) {
    await Promise.all([
      // One that has just been opened writes at once.
      createLedger(stateFolder, Date.now).record({
        time: Date.now(),
        model: `m${turn}`,
        session: 's'.repeat(60),
        ...COST,
        source: 'serve',
      }),
      catalogue.write({ models: models.map((it, index) => ({ ...it, id: `model-${turn}-${index}` })), listedAt: turn }),
      gatewayKey(undefined, '127.0.0.1', { configFolder: join(home, `config-${turn}`), isShown: false }),
      saveLoginIn(home, { tokens: tokensOf(turn), expiresAt: turn, name: `login${turn % 3}` }),
    ]);
    say(String(turn));
  }
}

function tokensOf(turn: number) {
  return { accessToken: `aoa${turn}`, refreshToken: `aor${turn}-`.padEnd(200, 'x') };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
