/** The list of credential sources, in the order of their use. Adding a source adds one line here. */

import { GatewayError } from '../../core/errors.js';
import { apiKeySource, refreshTokenSource } from './environment.js';
import { jsonFileSource } from './json-file.js';
import type { FoundLogin, LoginSettings, Source } from './source.js';

export const SOURCES: readonly Source[] = [refreshTokenSource, apiKeySource, jsonFileSource];

export type Login = FoundLogin & { readonly source: LoginSource };

/** The source that a login came from, bound to the settings, so that a session can look there again. */
export type LoginSource = {
  readonly name: string;
  /** Where the login lies, for people. */
  readonly description: string;
  /** @throws GatewayError `not-logged-in` when the login is gone. */
  read(): Promise<FoundLogin | undefined>;
};

/**
 * The login of the first source that is set; undefined when none is.
 * @throws GatewayError `not-logged-in` when that source holds no usable login.
 */
export async function findLogin(settings: LoginSettings): Promise<Login | undefined> {
  for (const source of SOURCES) {
    const found = await source.read(settings);
    if (found === undefined) continue;
    const read = (): Promise<FoundLogin | undefined> => source.read(settings);
    return { ...found, source: { name: source.name, description: source.describe(settings), read } };
  }
  return undefined;
}

export function notLoggedIn(): GatewayError {
  const names = SOURCES.map((it) => it.name);
  const listed = `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
  return new GatewayError('not-logged-in', `No Kiro login found. Set ${listed}.`);
}
