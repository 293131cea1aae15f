/** The list of credential sources, in the order of their use. Adding a source adds one line here. */

import { GatewayError } from '../../core/errors.js';
import type { LoginStore } from '../login-store.js';
import type { TokenStore } from '../store.js';
import { apiKeySource, refreshTokenSource } from './environment.js';
import { jsonFileSource } from './json-file.js';
import { createKiroCliDatabaseSource } from './kiro-cli-database.js';
import { askKiroCli, type RunProgram } from './kiro-cli-program.js';
import type { FoundLogin, LoginSettings, Source } from './source.js';
import { findStoredLogin } from './stored.js';

export type SourceTools = {
  /** Unix time in milliseconds. */
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly runProgram: RunProgram;
  readonly logins: LoginStore;
  /** What `--profile` names: a stored login, which then is the only one looked for. */
  readonly profile?: string | undefined;
};

export type Login = FoundLogin & {
  readonly source: LoginSource;
  /** Where its renewed tokens rest; undefined where it is no stored login. */
  readonly store?: TokenStore | undefined;
};

/** The source that a login came from, bound to the settings, so that a session can look there again. */
export type LoginSource = {
  readonly name: string;
  /** Where the login lies, for people. */
  readonly description: string;
  /** The command that makes it anew; undefined where Kiro's own programs do. */
  readonly command?: string | undefined;
  /**
   * Undefined when the login is gone.
   * @throws GatewayError `not-logged-in` when the login cannot be read.
   */
  read(): Promise<FoundLogin | undefined>;
};

/** The sources that a setting names. */
function settingSources(tools: SourceTools): readonly Source[] {
  return [
    refreshTokenSource,
    apiKeySource,
    jsonFileSource,
    createKiroCliDatabaseSource(tools, () => askKiroCli(tools.runProgram)),
  ];
}

/**
 * The login that `--profile` names, or that of the first setting that is set, or the stored one; undefined when there
 * is none.
 * @throws GatewayError `not-logged-in` when there is no usable login where it is looked for.
 */
export async function findLogin(settings: LoginSettings, tools: SourceTools): Promise<Login | undefined> {
  for (const source of tools.profile === undefined ? settingSources(tools) : []) {
    const found = await source.read(settings);
    if (found === undefined) continue;
    const read = (): Promise<FoundLogin | undefined> => source.read(settings);
    return { ...found, source: { name: source.name, description: source.describe(settings), read } };
  }
  return findStoredLogin(settings, tools);
}

export function notLoggedIn(): GatewayError {
  const message =
    'No Kiro login found. Run `kiro-gateway login`, or set REFRESH_TOKEN, KIRO_API_KEY, KIRO_CREDS_FILE or KIRO_CLI_DB_FILE.';
  return new GatewayError('not-logged-in', message, { reason: 'no-login' });
}
