/** Where logins and renewed tokens rest: as text in the keychain or in private files, with a list that tells where. */

import { join } from 'node:path';
import { GatewayError, toGatewayError } from '../core/errors.js';
import { Reader } from '../core/reader.js';
import { Secret } from '../core/secret.js';
import type { Credential, Tokens } from './credential.js';
import { readPrivateFile, removePrivateFile, savePrivateFile, writePrivateFile } from './files.js';
import { readCredential } from './json-login.js';
import type { Entries, Keychain } from './keychain.js';

export type TokenStore = {
  /** What the credential with this digest has become; undefined when it was never renewed here. Never throws. */
  read(digest: string): Promise<Tokens | undefined>;
  /**
   * On the disk when it resolves with true. Never throws: a disk that cannot be written must not end a working login.
   */
  write(digest: string, tokens: Tokens, by: RenewedBy): Promise<boolean>;
};

/** The gateway itself, kiro-cli because it was asked, or somebody else, at the place the login was taken from. */
export type RenewedBy = 'gateway' | 'kiro-cli' | 'source';

/**
 * For logins that are read from elsewhere: Kiro's own files are never written.
 * @param notice Is told, in a sentence, when a file cannot be read or written.
 */
export function fileStore(stateFolder: string, notice: (sentence: string) => void): TokenStore {
  const pathOf = (digest: string): string => join(stateFolder, 'tokens', `${digest}.json`);
  return {
    async read(digest) {
      try {
        const text = await readPrivateFile(pathOf(digest), MAX_BYTES);
        return text === undefined ? undefined : readTokens(new Reader(JSON.parse(text)));
      } catch {
        notice(`The renewed tokens in ${pathOf(digest)} cannot be read and are ignored.`);
        return undefined;
      }
    },
    async write(digest, tokens) {
      try {
        await writePrivateFile(pathOf(digest), JSON.stringify(inTheOpen(tokens)));
        return true;
      } catch {
        notice(`The renewed tokens cannot be written to ${pathOf(digest)}; they last until the gateway stops.`);
        return false;
      }
    },
  };
}

/** Remembers nothing on the disk: for `--demo`. */
export function memoryStore(): TokenStore {
  const kept = new Map<string, Tokens>();
  return {
    read: (digest) => Promise.resolve(kept.get(digest)),
    write: (digest, tokens) => Promise.resolve(kept.set(digest, tokens).size > 0),
  };
}

export type StoredLogin = {
  /** As it was when the person signed in: its digest stays the name of this login through all refreshes. */
  readonly credential: Credential;
  /** What the credential has become since; undefined when it was never refreshed. */
  readonly tokens: Tokens | undefined;
};

/** The text holds every secret of the login. */
export function formatLogin({ credential, tokens }: StoredLogin): string {
  return JSON.stringify({ credential: inTheOpen(credential), tokens: tokens && inTheOpen(tokens) });
}

/** Undefined when the text is damaged or none of ours. */
export function parseLogin(text: string): StoredLogin | undefined {
  try {
    const login = new Reader(JSON.parse(text));
    const stored = login.get('credential').object();
    const { kind, apiKey } = stored;
    const credential = readCredential(new Reader({ ...stored, authMethod: kind, kiroApiKey: apiKey }));
    const tokens = login.optional('tokens');
    return credential.kind === kind ? { credential, tokens: tokens && readTokens(tokens) } : undefined;
  } catch {
    // Complaints about JSON, and a Reader's too, quote what they do not understand: here, a secret.
    return undefined;
  }
}

function readTokens(tokens: Reader): Tokens {
  return {
    refreshToken: new Secret(tokens.get('refreshToken').nonEmptyString()),
    accessToken: new Secret(tokens.get('accessToken').nonEmptyString()),
    expiresAt: tokens.get('expiresAt').number(),
    profileArn: tokens.optional('profileArn')?.string(),
  };
}

/** The fields with their secrets revealed, on their way into a store. JSON leaves out those that are undefined. */
function inTheOpen(fields: Credential | Tokens): Readonly<Record<string, unknown>> {
  const entries = Object.entries<unknown>(fields);
  return Object.fromEntries(entries.map(([key, value]) => [key, value instanceof Secret ? value.reveal() : value]));
}

/** What may be shown of a stored login. Times are unix time in milliseconds. */
export type LoginFacts = Place & {
  /** As in `--profile NAME`. */
  readonly name: string;
  /** The account's kind in words. */
  readonly account: string;
  /** Where the login was taken from, so that it can be looked for there again. */
  readonly source: LoginOrigin;
  readonly savedAt: number;
  /** When the gateway itself was the last, what lies at the source may have been retired by that. */
  readonly lastRefresh: { readonly by: RenewedBy; readonly at: number } | undefined;
};

/** For example `kiro-cli` with the path of its database, or `device-flow` without one. */
export type LoginOrigin = { readonly name: string; readonly path: string | undefined };

/**
 * The list of stored logins, `logins.json`: where each rests and what it is. No secret is in it.
 * @throws GatewayError `not-logged-in` when the list is damaged.
 */
export async function readIndex(dataFolder: string): Promise<readonly LoginFacts[]> {
  const path = indexPath(dataFolder);
  const text = await readPrivateFile(path, MAX_BYTES);
  if (text === undefined) return [];
  try {
    return new Reader(JSON.parse(text)).get('logins').array().map(readEntry);
  } catch {
    throw new GatewayError('not-logged-in', `The list of logins ${path} is damaged; run \`kiro-gateway login\` again.`);
  }
}

/** @throws GatewayError `forbidden` when the path is a symbolic link or cannot be written. */
export async function writeIndex(dataFolder: string, logins: readonly LoginFacts[]): Promise<void> {
  await savePrivateFile(indexPath(dataFolder), `${JSON.stringify({ logins }, undefined, 2)}\n`);
}

function indexPath(dataFolder: string): string {
  return join(dataFolder, 'logins.json');
}

function readEntry(entry: Reader): LoginFacts {
  const source = entry.get('source');
  const lastRefresh = entry.optional('lastRefresh');
  return {
    name: entry.get('name').nonEmptyString(),
    store: entry.get('store').oneOf(['keychain', 'file']),
    slot: entry.get('slot').number() === 2 ? 2 : 1,
    account: entry.get('account').string(),
    source: { name: source.get('name').string(), path: source.optional('path')?.string() },
    savedAt: entry.get('savedAt').number(),
    lastRefresh: lastRefresh && {
      by: lastRefresh.get('by').oneOf(['gateway', 'kiro-cli', 'source']),
      at: lastRefresh.get('at').number(),
    },
  };
}

/** Where its secrets are. A store has two slots for each login, so that a new one never overwrites the one still listed. */
export type Place = { readonly store: 'keychain' | 'file'; readonly slot: 1 | 2 };

export type PutOptions = {
  /** `auto` is the keychain, or the file when there is no keychain, with a notice that says why. */
  readonly store: 'auto' | Place['store'];
  readonly listed: Place | undefined;
};

/** All functions reject with a GatewayError `forbidden` when the store does not do what it is asked. */
export function createPlaces(folder: string, keychain: Keychain, notice: (sentence: string) => void) {
  const fileOf = (entry: string): string => join(folder, `${entry}.json`);
  const stores: Record<Place['store'], Entries> = {
    keychain,
    file: {
      get: (entry) => readPrivateFile(fileOf(entry), MAX_BYTES),
      set: (entry, text) => savePrivateFile(fileOf(entry), text),
      delete: (entry) => removePrivateFile(fileOf(entry)),
    },
  };

  /** Undefined when nothing is there; a locked keychain says so too. */
  function read(name: string, place: Place): Promise<string | undefined> {
    return stores[place.store].get(entryOf(name, place));
  }

  function overwrite(name: string, place: Place, text: string): Promise<void> {
    return stores[place.store].set(entryOf(name, place), text);
  }

  function remove(name: string, place: Place): Promise<boolean> {
    return stores[place.store].delete(entryOf(name, place));
  }

  /** Where the text was put: not where the listed login is, so that this one stays until the list names the new one. */
  async function put(name: string, text: string, { store, listed }: PutOptions): Promise<Place> {
    const file = freePlace('file', listed);
    if (store !== 'file') {
      const place = freePlace('keychain', listed);
      const reason = await putIntoKeychain(name, place, text);
      if (reason === undefined) return place;
      if (store === 'keychain') throw new GatewayError('forbidden', `${reason} The login was not saved.`);
      notice(`${reason} The login rests in ${describe(name, file)} instead, which only you can read.`);
    }
    await overwrite(name, file, text);
    return file;
  }

  /** The reason, as a sentence, when the keychain does not take it. */
  async function putIntoKeychain(name: string, place: Place, text: string): Promise<string | undefined> {
    const availability = await keychain.available();
    if (!availability.ok) return availability.reason;
    try {
      await overwrite(name, place, text);
      return undefined;
    } catch (thrown) {
      // Part of it may be there.
      await remove(name, place).catch(() => false);
      return toGatewayError(thrown).message;
    }
  }

  /** Empties one store. The places that had something of this login and have it no more. */
  async function removeFrom(store: Place['store'], name: string, kept?: Place): Promise<readonly Place[]> {
    const removed: Place[] = [];
    for (const slot of [1, 2] as const) {
      const place = { store, slot };
      const isKept = kept !== undefined && isSamePlace(place, kept);
      if (!isKept && (await remove(name, place))) removed.push(place);
    }
    return removed;
  }

  /** Completes "the login is in …". */
  function describe(name: string, place: Place): string {
    return place.store === 'keychain' ? 'the keychain' : `the file ${fileOf(entryOf(name, place))}`;
  }

  return { read, overwrite, put, removeFrom, describe };
}

export function isSamePlace(one: Place, other: Place): boolean {
  return one.store === other.store && one.slot === other.slot;
}

/** The tilde cannot occur in a name, so no login is called like the slot of another. */
function entryOf(name: string, { slot }: Place): string {
  return `${name}~${slot}`;
}

function freePlace(store: Place['store'], listed: Place | undefined): Place {
  return { store, slot: listed?.store === store && listed.slot === 1 ? 2 : 1 };
}

const MAX_BYTES = 1_000_000;
