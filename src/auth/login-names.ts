/** What a login may be called (`--profile NAME`). */

import { GatewayError } from '../core/errors.js';

export const DEFAULT_LOGIN = 'default';

export function isLoginName(name: string): boolean {
  return /^[A-Za-z0-9._-]{1,64}$/.test(name);
}

/**
 * @param taken The names of the logins that there are.
 * @throws GatewayError `invalid-request` when the name cannot be one.
 */
export function checkLoginName(name: string, taken: readonly string[] = []): void {
  if (!isLoginName(name)) {
    const message = 'The name of a login has 1 to 64 letters, digits, dots, dashes and underscores.';
    throw new GatewayError('invalid-request', message);
  }
  // Windows, for its keychain too, and macOS take names that differ only in capitals for one.
  const other = taken.find((it) => it !== name && it.toLowerCase() === name.toLowerCase());
  if (other !== undefined) {
    const message = `There is a login ${other} already; write it so, or choose a name that differs in more than capitals.`;
    throw new GatewayError('invalid-request', message);
  }
}

/** The command that makes a login of this name. */
export function loginCommand(name: string): string {
  return name === DEFAULT_LOGIN ? 'kiro-gateway login' : `kiro-gateway login --profile ${name}`;
}
