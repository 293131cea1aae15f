/** The logins of `kiro-gateway login`: named, listed in a file, each as one text in the keychain or in a private file. */

import { join } from 'node:path';
import { GatewayError, toGatewayError } from '../core/errors.js';
import { Reader } from '../core/reader.js';
import {
  accountKind,
  checkLoginName,
  type Credential,
  digestOf,
  isSameLogin,
  isSameSecret,
  loginCommand,
  type Tokens,
  usedSecret,
  withTokens,
} from './credential.js';
import { readPrivateFile, removePrivateFile, savePrivateFile } from './files.js';
import type { Entries, Keychain } from './keychain.js';
import { type LockOptions, withLock } from './lock.js';
import {
  formatLogin,
  type KnownLogin,
  type ListedLogin,
  type LoginFacts,
  type LoginOrigin,
  MAX_LOGIN_BYTES,
  parseLogin,
  readListed,
  type RenewedBy,
  STORES,
  type TokenStore,
} from './store.js';

/** All functions reject with a GatewayError whose sentence says what to do; it never repeats a secret. */
export type LoginStore = Readonly<ReturnType<typeof createLoginStore>>;

export type SaveOptions = {
  /** `auto` is the keychain, or the file when there is no keychain, with a notice that says why. */
  readonly store: 'auto' | ListedLogin['store'];
  readonly source: LoginOrigin;
  /** What the login has just become by a refresh of ours: both are kept in one step, or neither is. */
  readonly renewed?: Tokens | undefined;
};

/** No signal: who is told to stop must not lose the tokens that a renewal has just brought. */
type LoginStoreDependencies = Pick<LockOptions, 'now' | 'sleep' | 'notice'> & {
  readonly keychain: Keychain;
  readonly dataFolder: string;
  readonly stateFolder: string;
};

export function createLoginStore(dependencies: LoginStoreDependencies) {
  const { dataFolder, stateFolder, keychain, now, notice } = dependencies;
  const listPath = join(dataFolder, 'logins.json');
  const fileOf = (entry: string): string => join(dataFolder, 'logins', `${entry}.json`);
  const stores: Record<ListedLogin['store'], Entries> = {
    keychain,
    file: {
      get: (entry) => readPrivateFile(fileOf(entry), MAX_LOGIN_BYTES),
      set: (entry, text) => savePrivateFile(fileOf(entry), text),
      delete: (entry) => removePrivateFile(fileOf(entry)),
    },
  };

  /** Completes "the login is in …". */
  function describe(name: string, store: ListedLogin['store']): string {
    return store === 'keychain' ? 'the keychain' : `the file ${fileOf(entryOf(name))}`;
  }

  /** Whoever changes the list reads and writes it as a whole. */
  function alone<Result>(work: () => Promise<Result>): Promise<Result> {
    return withLock(join(stateFolder, 'logins.lock'), dependencies, work);
  }

  async function listLogins(): Promise<readonly ListedLogin[]> {
    const text = await readPrivateFile(listPath, MAX_LOGIN_BYTES);
    try {
      return text === undefined ? [] : new Reader(JSON.parse(text)).get('logins').array().map(readListed);
    } catch {
      const message = `The list of logins ${listPath} is damaged; run \`kiro-gateway login\` again.`;
      throw new GatewayError('not-logged-in', message);
    }
  }

  async function writeList(logins: readonly ListedLogin[]): Promise<void> {
    await savePrivateFile(listPath, `${JSON.stringify({ logins }, undefined, 2)}\n`);
  }

  /** Rejects when a login could not be saved. To be asked before a refresh, which may retire the only tokens there are. */
  async function rehearse(name: string, wanted: SaveOptions['store']): Promise<void> {
    const logins = await readListForSaving();
    checkLoginName(name, logins);
    if (wanted === 'keychain') {
      const availability = await keychain.available();
      if (!availability.ok) throw notSaved(availability.reason);
    }
    // The list lies there in any case. As long as a login: a full disk may still have room for a name.
    await stores.file.set(TRIAL, ' '.repeat(USUAL_LOGIN_BYTES));
    await stores.file.delete(TRIAL);
  }

  /** Replaces the login of that name, wherever it rested. Of the same login, what it has become is kept. */
  function saveLogin(name: string, credential: Credential, options: SaveOptions): Promise<LoginFacts> {
    const { store: wanted, source, renewed } = options;
    return alone(async () => {
      const logins = await readListForSaving();
      checkLoginName(name, logins);
      const old = logins.find((it) => it.name === name);
      const known = await readSame(old, credential);
      const lastRefresh = renewed === undefined ? known?.facts.lastRefresh : { by: 'gateway' as const, at: now() };
      const about = { source, savedAt: now(), lastRefresh };
      const store = await put(name, formatLogin(credential, renewed ?? known?.tokens, about), wanted, old);
      const entry = { name, store, account: accountKind(credential) };
      try {
        await writeList([...logins.filter((it) => it !== old), entry]);
      } catch (thrown) {
        // What is not listed must not stay behind.
        if (old?.store !== store) await stores[store].delete(entryOf(name)).catch(() => false);
        throw thrown;
      }
      for (const other of STORES.filter((it) => it !== store)) {
        const isRemoved = await stores[other].delete(entryOf(name)).catch(() => false);
        if (isRemoved || old?.store !== other) continue;
        const advice = 'remove the entries of kiro-gateway there by hand';
        notice(`The old login could not be removed from ${describe(name, other)}; ${advice}.`);
      }
      return { ...entry, ...about };
    });
  }

  /** Undefined where another login rests, none that can be read, or one that is older than the credential. */
  async function readSame(entry: ListedLogin | undefined, credential: Credential): Promise<KnownLogin | undefined> {
    const known = entry && (await readEntry(entry).catch(() => undefined));
    if (known === undefined || !isSameLogin(known.credential, credential)) return undefined;
    return isHistory(known.tokens, credential, now()) ? undefined : known;
  }

  /** A damaged list is no reason to refuse a new login, but to say what becomes of the others. */
  async function readListForSaving(): Promise<readonly ListedLogin[]> {
    try {
      return await listLogins();
    } catch (thrown) {
      if (!(thrown instanceof GatewayError) || thrown.kind !== 'not-logged-in') throw thrown;
      notice('The list of logins was damaged and begins anew; logins under other names have to be saved again.');
      return [];
    }
  }

  /** The store that took the text. */
  async function put(
    name: string,
    text: string,
    wanted: SaveOptions['store'],
    old: ListedLogin | undefined,
  ): Promise<ListedLogin['store']> {
    if (wanted !== 'file') {
      try {
        await keychain.set(entryOf(name), text);
        return 'keychain';
      } catch (thrown) {
        // Part of it may be there, where nothing was.
        if (old?.store !== 'keychain') await keychain.delete(entryOf(name)).catch(() => false);
        const { message } = toGatewayError(thrown);
        if (wanted === 'keychain') throw notSaved(message);
        notice(`${message} The login is kept in ${describe(name, 'file')} instead, which only you can read.`);
      }
    }
    await stores.file.set(entryOf(name), text);
    return 'file';
  }

  /** Undefined when there is none of that name. Rejects with `not-logged-in` when it is listed and cannot be read. */
  async function readLogin(name: string): Promise<KnownLogin | undefined> {
    checkLoginName(name);
    const entry = await find(name);
    if (entry === undefined) return undefined;
    try {
      return await readEntry(entry);
    } catch (thrown) {
      // Another process may just have moved the login.
      const moved = await find(name);
      if (moved?.store === entry.store) throw thrown;
      return moved && readEntry(moved);
    }
  }

  async function find(name: string): Promise<ListedLogin | undefined> {
    return (await listLogins()).find((it) => it.name === name);
  }

  async function readEntry(entry: ListedLogin): Promise<KnownLogin> {
    const { name, store } = entry;
    const again = `run \`${loginCommand(name)}\` again`;
    const subject = `The login ${name} in ${describe(name, store)}`;
    const text = await stores[store].get(entryOf(name)).catch((thrown: unknown) => {
      const { message } = toGatewayError(thrown);
      throw new GatewayError('not-logged-in', `${message} ${subject} cannot be read; correct that, or ${again}.`);
    });
    if (text === undefined) {
      const also = store === 'keychain' ? ', or the keychain is locked; unlock it, or' : ';';
      throw new GatewayError('not-logged-in', `${subject} does not exist any more${also} ${again}.`);
    }
    const login = parseLogin(text, entry);
    if (login === undefined) throw new GatewayError('not-logged-in', `${subject} is damaged; ${again}.`);
    return login;
  }

  /** True when there was something to remove. What cannot be removed stays listed. */
  function removeLogin(name: string): Promise<boolean> {
    return alone(async () => {
      const logins = await listLogins();
      // Where a disk does not see a difference in capitals, the secrets of another login would go.
      checkLoginName(name, logins);
      const listed = logins.find((it) => it.name === name);
      const isInKeychain = listed?.store === 'keychain';
      const isFileGone = await stores.file.delete(entryOf(name));
      const isEntryGone = await keychain.delete(entryOf(name)).catch((thrown: unknown) => {
        // Where there is no keychain, nothing has to be removed from it.
        if (isInKeychain) throw stillThere(name, toGatewayError(thrown).message);
        return false;
      });
      if (isInKeychain && !isEntryGone) {
        // A locked keychain says that there is nothing; so does one from which the entry was removed by hand.
        const availability = await keychain.available();
        if (!availability.ok) throw stillThere(name, availability.reason);
      }
      if (listed !== undefined) await writeList(logins.filter((it) => it !== listed));
      return isFileGone || isEntryGone || listed !== undefined;
    });
  }

  /** Keeps what a session renews where the login itself rests, as long as it is still that login. */
  function tokenStore(name: string): TokenStore {
    return {
      async read(digest) {
        try {
          const login = await readLogin(name);
          return login !== undefined && digestOf(login.credential) === digest ? login.tokens : undefined;
        } catch (thrown) {
          notice(toGatewayError(thrown).message);
          return undefined;
        }
      },
      async write(digest, tokens, by) {
        try {
          return await alone(() => writeTokens(name, digest, tokens, by));
        } catch (thrown) {
          const { message } = toGatewayError(thrown);
          notice(`${message} The renewed tokens of the login ${name} last until the gateway stops.`);
          return false;
        }
      },
    };
  }

  /** @returns false when the login that they belong to is gone: removed, or the person has signed in anew. */
  async function writeTokens(name: string, digest: string, tokens: Tokens, by: RenewedBy): Promise<boolean> {
    const entry = await find(name);
    if (entry === undefined) return false;
    const { credential, facts } = await readEntry(entry);
    if (digestOf(credential) !== digest) return false;
    const text = formatLogin(credential, tokens, { ...facts, lastRefresh: { by, at: now() } });
    await stores[entry.store].set(entryOf(name), text);
    return true;
  }

  return { rehearse, saveLogin, readLogin, removeLogin, listLogins, tokenStore };
}

/** The same refresh token has got another access token since, which lives longer. */
function isHistory(tokens: Tokens | undefined, credential: Credential, now: number): boolean {
  if (tokens === undefined || credential.kind === 'api-key') return false;
  const latest = withTokens(credential, tokens, now);
  return isSameSecret(tokens.refreshToken, credential.refreshToken) && usedSecret(latest) !== tokens.accessToken;
}

/** The tilde cannot occur in the name of a login, and no system keeps such a name for itself. */
function entryOf(name: string): string {
  return `${name}~1`;
}

function notSaved(reason: string): GatewayError {
  const message = `${reason} The login was not saved; \`--store file\` keeps it in a private file.`;
  return new GatewayError('forbidden', message);
}

function stillThere(name: string, reason: string): GatewayError {
  return new GatewayError('forbidden', `${reason} The login ${name} is still there; try again when that is fixed.`);
}

/** No login is called so, see `entryOf`. */
const TRIAL = 'trial';
/** With the client of an AWS login, twice over. */
const USUAL_LOGIN_BYTES = 16_384;
