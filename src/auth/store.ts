/** What rests in a store: the tokens that logins have become, and stored logins as text. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Reader } from '../core/reader.js';
import { Secret } from '../core/secret.js';
import type { Credential, Tokens } from './credential.js';
import { readPrivateFile, sweep, writePrivateFile } from './files.js';
import { readCredential } from './json-login.js';

export type TokenStore = {
  /** What the credential with this digest has become; undefined when it was never renewed here. Never throws. */
  read(digest: string): Promise<Tokens | undefined>;
  /**
   * On the disk when it resolves with true. Never throws: a disk that cannot be written must not end a working login.
   */
  write(digest: string, tokens: Tokens, by: RenewedBy): Promise<boolean>;
};

/** The gateway itself, kiro-cli because it was asked, or somebody else, at the place the login was taken from. */
export type RenewedBy = (typeof RENEWERS)[number];

/**
 * For logins that are read from elsewhere: Kiro's own files are never written.
 * @param notice Is told, in a sentence, when a file cannot be read or written.
 */
export function fileStore(stateFolder: string, notice: (sentence: string) => void): TokenStore {
  const folder = join(stateFolder, 'tokens');
  const pathOf = (digest: string): string => join(folder, `${digest}.json`);
  return {
    async read(digest) {
      try {
        const text = await readPrivateFile(pathOf(digest), MAX_LOGIN_BYTES);
        return text === undefined ? undefined : readTokens(new Reader(JSON.parse(text)));
      } catch {
        notice(`The renewed tokens in ${pathOf(digest)} cannot be read and are ignored.`);
        return undefined;
      }
    },
    async write(digest, tokens) {
      try {
        await writePrivateFile(pathOf(digest), JSON.stringify(inTheOpen(tokens)));
        const { mtimeMs } = await stat(pathOf(digest));
        await sweep(folder, () => true, mtimeMs - FORGOTTEN_MS);
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

// --- stored logins

/** What the list, `logins.json`, tells of a login. No secret is in it. */
export type ListedLogin = Readonly<ReturnType<typeof readListed>>;

export type KnownLogin = NonNullable<ReturnType<typeof parseLogin>>;

/** What may be shown of a stored login. */
export type LoginFacts = KnownLogin['facts'];

/** For example `kiro-cli` with the path of its database, or `device-flow` without one. */
export type LoginOrigin = { readonly name: string; readonly path: string | undefined };

/** An entry of the list. */
export function readListed(entry: Reader) {
  return {
    /** As in `--profile NAME`. */
    name: entry.get('name').nonEmptyString(),
    store: entry.get('store').oneOf(STORES),
    /** The account's kind in words. */
    account: entry.get('account').string(),
  };
}

/** The text of a login holds every secret of the login. */
export function formatLogin(
  credential: Credential,
  tokens: Tokens | undefined,
  { source, savedAt, lastRefresh }: Omit<LoginFacts, keyof ListedLogin>,
): string {
  const secrets = { credential: inTheOpen(credential), tokens: tokens && inTheOpen(tokens) };
  return JSON.stringify({ ...secrets, source, savedAt, lastRefresh });
}

/** Undefined when the text is damaged or none of ours. */
export function parseLogin(text: string, listed: ListedLogin) {
  try {
    const login = new Reader(JSON.parse(text));
    const stored = login.get('credential').object();
    const { kind, apiKey } = stored;
    const credential = readCredential(new Reader({ ...stored, authMethod: kind, kiroApiKey: apiKey }));
    if (credential.kind !== kind) return undefined;
    const [tokens, source, refresh] = [login.optional('tokens'), login.get('source'), login.optional('lastRefresh')];
    const by = refresh?.get('by').oneOf(RENEWERS);
    const facts = {
      ...listed,
      /** Where the login was taken from, so that it can be looked for there again. */
      source: { name: source.get('name').string(), path: source.optional('path')?.string() },
      /** Unix time in milliseconds. */
      savedAt: login.get('savedAt').number(),
      /** When the gateway itself was the last, what lies at the source may have been retired by that. */
      lastRefresh: refresh && by && { by, at: refresh.get('at').number() },
    };
    return {
      /** As it was when the person signed in: its digest stays the name of this login through all refreshes. */
      credential,
      /** What the credential has become since; undefined when it was never refreshed. */
      tokens: tokens && readTokens(tokens),
      facts,
    };
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

export const STORES = ['keychain', 'file'] as const;
const RENEWERS = ['gateway', 'kiro-cli', 'source'] as const;

export const MAX_LOGIN_BYTES = 1_000_000;
/** What nobody has renewed for half a year belongs to a login that is used no more, and holds its secrets. */
const FORGOTTEN_MS = 180 * 24 * 3_600_000;
