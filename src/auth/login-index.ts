/** The list of stored logins, `logins.json`: where each rests and what it is. No secret is in it. */

import { join } from 'node:path';
import { GatewayError } from '../core/errors.js';
import { Reader } from '../core/reader.js';
import type { Credential } from './credential.js';
import { explained, type Place } from './login-places.js';
import { readPrivateFile, writePrivateFile } from './private-file.js';
import type { RenewedBy } from './store.js';

/** What may be shown of a stored login. Times are unix time in milliseconds. */
export type LoginFacts = {
  /** As in `--profile NAME`. */
  readonly name: string;
  readonly store: Place['store'];
  readonly kind: Credential['kind'];
  /** The account's kind in words. */
  readonly account: string;
  readonly region: string;
  readonly profileArn: string | undefined;
  /** Where the login was taken from, so that it can be looked for there again. */
  readonly source: LoginOrigin;
  readonly savedAt: number;
  /** Of the access token; undefined when unknown, and for an API key. */
  readonly expiresAt: number | undefined;
  /** When the gateway itself was the last, what lies at the source may have been retired by that. */
  readonly lastRefresh: LastRefresh | undefined;
};

export type LastRefresh = { readonly by: RenewedBy; readonly at: number };

/** For example `kiro-cli` with the path of its database, or `device-flow` without one. */
export type LoginOrigin = { readonly name: string; readonly path: string | undefined };

/** Of the secrets' two slots in their store, the one where they are. */
export type IndexEntry = LoginFacts & Place;

/** @throws GatewayError `not-logged-in` when the list is damaged. */
export async function readIndex(dataFolder: string): Promise<readonly IndexEntry[]> {
  const path = indexPath(dataFolder);
  const text = await readPrivateFile(path, MAX_BYTES);
  if (text === undefined) return [];
  try {
    return new Reader(JSON.parse(text), 'not-logged-in', 'logins').get('logins').array().map(readEntry);
  } catch {
    throw new GatewayError('not-logged-in', `The list of logins ${path} is damaged; run \`kiro-gateway login\` again.`);
  }
}

/** @throws GatewayError `forbidden` when the path is a symbolic link or cannot be written. */
export async function writeIndex(dataFolder: string, logins: readonly IndexEntry[]): Promise<void> {
  const path = indexPath(dataFolder);
  await explained(path, 'written', () => writePrivateFile(path, `${JSON.stringify({ logins }, undefined, 2)}\n`));
}

function indexPath(dataFolder: string): string {
  return join(dataFolder, 'logins.json');
}

function readEntry(entry: Reader): IndexEntry {
  const source = entry.get('source');
  const lastRefresh = entry.optional('lastRefresh');
  return {
    name: entry.get('name').nonEmptyString(),
    store: entry.get('store').oneOf(['keychain', 'file']),
    slot: entry.get('slot').number() === 2 ? 2 : 1,
    kind: entry.get('kind').oneOf(['social', 'oidc', 'external-idp', 'api-key']),
    account: entry.get('account').string(),
    region: entry.get('region').string(),
    profileArn: entry.optional('profileArn')?.string(),
    source: { name: source.get('name').string(), path: source.optional('path')?.string() },
    savedAt: entry.get('savedAt').number(),
    expiresAt: entry.optional('expiresAt')?.number(),
    lastRefresh: lastRefresh && {
      by: lastRefresh.get('by').oneOf(['gateway', 'kiro-cli', 'source']),
      at: lastRefresh.get('at').number(),
    },
  };
}

const MAX_BYTES = 1_000_000;
