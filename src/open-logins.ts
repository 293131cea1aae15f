/** The stored logins of this machine, for every command. */

import { createLoginStore, type LoginStore } from './auth/login-store.js';
import type { Context } from './context.js';
import type { GatewayPaths } from './paths.js';

/** @param notice Is told, in a sentence, what a person should know. */
export function openLogins(context: Context, paths: GatewayPaths, notice: (sentence: string) => void): LoginStore {
  return createLoginStore({
    keychain: context.keychain(),
    dataFolder: paths.data,
    stateFolder: paths.state,
    now: context.now,
    sleep: context.sleep,
    signal: context.stopSignal(),
    notice,
  });
}
