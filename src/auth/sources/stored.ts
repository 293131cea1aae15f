/** A login of `kiro-gateway login`, and the place it was taken from. */

import { GatewayError } from '../../core/errors.js';
import type { Credential } from '../credential.js';
import type { LoginOrigin } from '../login-index.js';
import { DEFAULT_LOGIN, loginCommand } from '../login-names.js';
import type { KnownLogin } from '../login-store.js';
import type { Login, SourceTools } from './index.js';
import { readJsonFile } from './json-file.js';
import { readKiroCliDatabase } from './kiro-cli-database.js';
import { askKiroCli } from './kiro-cli-program.js';
import type { FoundLogin, LoginSettings, Origin } from './source.js';
import { withSettings } from './token-fields.js';

/**
 * Undefined when no login is named and none is stored.
 * @throws GatewayError `not-logged-in` when the named login does not exist, or the login cannot be read.
 */
export async function findStoredLogin(settings: LoginSettings, tools: SourceTools): Promise<Login | undefined> {
  const { logins, profile } = tools;
  const name = profile ?? DEFAULT_LOGIN;
  const login = await logins.readLogin(name);
  if (login === undefined) {
    if (profile === undefined) return undefined;
    const message = `There is no login ${name}; run \`${loginCommand(name)}\`.`;
    throw new GatewayError('not-logged-in', message, { reason: 'no-login' });
  }
  return {
    ...toFoundLogin(login, settings, tools),
    store: logins.tokenStore(name),
    source: {
      name: `the login ${name}`,
      description: `the login ${name} in the ${STORES[login.facts.store]}`,
      command: loginCommand(name),
      async read() {
        const latest = await logins.readLogin(name);
        return latest && toFoundLogin(latest, settings, tools);
      },
    },
  };
}

function toFoundLogin({ credential, tokens, facts }: KnownLogin, settings: LoginSettings, tools: SourceTools) {
  // Once there are renewed tokens, what the login was saved with is history.
  const isRenewed = credential.kind !== 'api-key' && tokens !== undefined;
  const current = isRenewed ? { ...credential, accessToken: undefined, expiresAt: undefined } : credential;
  const origin = originOf(facts.source, credential, settings.homeDirectory, tools);
  return { credential: withSettings(current, settings), notices: [], origin } satisfies FoundLogin;
}

function originOf(
  { name, path }: LoginOrigin,
  credential: Credential,
  homeDirectory: string,
  tools: SourceTools,
): Origin | undefined {
  if (path === undefined) return undefined;
  const isDatabase = DATABASES.has(name) || path.endsWith('.sqlite3');
  async function read(place: string): Promise<Credential | undefined> {
    try {
      const found = isDatabase ? await readKiroCliDatabase(place, tools) : await readJsonFile(place, homeDirectory);
      return isSameAccount(credential, found.credential) ? found.credential : undefined;
    } catch {
      // The gateway has a copy of its own, so what becomes of the other one is no reason to complain.
      return undefined;
    }
  }
  return {
    read: () => read(path),
    askOwner: name === 'kiro-cli' ? () => askKiroCli(tools.runProgram) : undefined,
  };
}

/**
 * Tokens do not say whose they are. A refresh token belongs to the client that got it, and an AWS client is registered
 * anew for each login; a profile says little, because one account can have several and change between them.
 */
function isSameAccount(one: Credential, other: Credential): boolean {
  switch (one.kind) {
    case 'social':
      return other.kind === 'social' && isSameOrUnknown(one.profileArn, other.profileArn);
    case 'oidc':
      return other.kind === 'oidc' && one.clientId === other.clientId && one.region === other.region;
    case 'external-idp':
      return (
        other.kind === 'external-idp' && one.clientId === other.clientId && one.tokenEndpoint === other.tokenEndpoint
      );
    case 'api-key':
      return false;
  }
}

function isSameOrUnknown(one: string | undefined, other: string | undefined): boolean {
  return one === undefined || other === undefined || one === other;
}

const STORES = { keychain: 'keychain', file: 'file store' } as const;

const DATABASES: ReadonlySet<string> = new Set(['kiro-cli', 'amazon-q']);
