/** One process at a time renews a login, so that no refresh token is sent twice. */

import { join } from 'node:path';
import { type LockOptions, withLock } from './process-lock.js';

/** Does the work while no other process of this machine renews the login of this digest. */
export type Alone = <Result>(digest: string, work: () => Promise<Result>) => Promise<Result>;

export function createRefreshLock(stateFolder: string, tools: Omit<LockOptions, 'waitMs' | 'staleMs'>): Alone {
  const options = { ...tools, waitMs: WAIT_MS, staleMs: STALE_MS };
  return (digest, work) => withLock(join(stateFolder, 'locks', `${digest}.lock`), options, work);
}

/** For a session that shares its login with no other process. */
export const alreadyAlone: Alone = (_digest, work) => work();

/** A refresh takes half a minute at most, and kiro-cli a quarter before it. */
const WAIT_MS = 60_000;
const STALE_MS = 30_000;
