/** The logins of `kiro-gateway login`: named, listed in a file, their secrets in the keychain or in private files. */

import { join } from 'node:path';
import { GatewayError, toGatewayError } from '../core/errors.js';
import { accountKind, checkLoginName, type Credential, digestOf, loginCommand, type Tokens } from './credential.js';
import type { Keychain } from './keychain.js';
import { type LockOptions, withLock } from './lock.js';
import {
  createPlaces,
  formatLogin,
  isSamePlace,
  type LoginFacts,
  type LoginOrigin,
  parseLogin,
  type Place,
  type PutOptions,
  readIndex,
  type RenewedBy,
  type StoredLogin,
  type TokenStore,
  writeIndex,
} from './store.js';

/** All functions reject with a GatewayError whose sentence says what to do; it never repeats a secret. */
export type LoginStore = {
  /** Replaces the login of that name, wherever it rested: until it is listed, the old one is what is read. */
  saveLogin(name: string, credential: Credential, options: SaveOptions): Promise<LoginFacts>;
  /** Undefined when there is none of that name. Rejects with `not-logged-in` when it is listed and cannot be read. */
  readLogin(name: string): Promise<KnownLogin | undefined>;
  /** True when there was something to remove. What cannot be removed stays listed. */
  removeLogin(name: string): Promise<boolean>;
  listLogins(): Promise<readonly LoginFacts[]>;
  /** Keeps what a session renews where the login itself rests, as long as it is still that login. */
  tokenStore(name: string): TokenStore;
};

export type KnownLogin = StoredLogin & { readonly facts: LoginFacts };

export type SaveOptions = {
  readonly store: PutOptions['store'];
  /** Where the login was taken from. */
  readonly source: LoginOrigin;
};

type LoginStoreDependencies = Pick<LockOptions, 'now' | 'sleep' | 'notice' | 'signal'> & {
  readonly keychain: Keychain;
  readonly dataFolder: string;
  readonly stateFolder: string;
};

export function createLoginStore(dependencies: LoginStoreDependencies): LoginStore {
  const { dataFolder, stateFolder, keychain, now, notice } = dependencies;
  const places = createPlaces(join(dataFolder, 'logins'), keychain, notice);

  /** Whoever changes the list reads and writes it as a whole. */
  function alone<Result>(work: () => Promise<Result>): Promise<Result> {
    return withLock(join(stateFolder, 'logins.lock'), dependencies, work);
  }

  async function saveLogin(name: string, credential: Credential, options: SaveOptions): Promise<LoginFacts> {
    return alone(async () => {
      const logins = await readListForSaving();
      const names = logins.map((it) => it.name);
      checkLoginName(name, names);
      const old = logins[names.indexOf(name)];
      const text = formatLogin({ credential, tokens: undefined });
      const place = await places.put(name, text, { store: options.store, listed: old });
      const about = {
        account: accountKind(credential),
        source: options.source,
        savedAt: now(),
        lastRefresh: undefined,
      };
      const entry: LoginFacts = { name, ...place, ...about };
      try {
        await writeIndex(dataFolder, [...logins.filter((it) => it !== old), entry]);
      } catch (thrown) {
        await places.removeFrom(place.store, name, old).catch(() => []);
        throw thrown;
      }
      await removeOld(name, place, old);
      return entry;
    });
  }

  /** A damaged list is no reason to refuse a new login, but to say what becomes of the others. */
  async function readListForSaving(): Promise<readonly LoginFacts[]> {
    try {
      return await readIndex(dataFolder);
    } catch (thrown) {
      if (!(thrown instanceof GatewayError) || thrown.kind !== 'not-logged-in') throw thrown;
      notice('The list of logins was damaged and begins anew; logins under other names have to be saved again.');
      return [];
    }
  }

  /** After a save: the login is listed at its new place, so a failure here is worth a sentence and no more. */
  async function removeOld(name: string, place: Place, old: LoginFacts | undefined): Promise<void> {
    for (const store of STORES) {
      const removed = await places.removeFrom(store, name, place).catch(() => []);
      const isListed = old !== undefined && old.store === store && !isSamePlace(old, place);
      if (!isListed || removed.some((it) => isSamePlace(it, old))) continue;
      notice(
        `The old login could not be removed from ${places.describe(name, old)}; remove the entries of kiro-gateway there by hand.`,
      );
    }
  }

  async function readLogin(name: string): Promise<KnownLogin | undefined> {
    checkLoginName(name);
    for (let looks = 1; ; looks++) {
      const entry = await find(name);
      if (entry === undefined) return undefined;
      try {
        return { ...(await readListed(entry)), facts: entry };
      } catch (thrown) {
        // Another process may just have replaced the login, and the list with it.
        const listed = await find(name);
        if (looks === MAX_LOOKS || (listed !== undefined && isSamePlace(listed, entry))) throw thrown;
      }
    }
  }

  async function find(name: string): Promise<LoginFacts | undefined> {
    return (await readIndex(dataFolder)).find((it) => it.name === name);
  }

  async function readListed(entry: LoginFacts): Promise<StoredLogin> {
    const { name, store } = entry;
    const again = `run \`${loginCommand(name)}\` again`;
    const subject = `The login ${name} in ${places.describe(name, entry)}`;
    const text = await places.read(name, entry).catch((thrown: unknown) => {
      throw new GatewayError('not-logged-in', `${toGatewayError(thrown).message} ${subject} is there; ${again}.`);
    });
    if (text === undefined) {
      const also = store === 'keychain' ? ', or the keychain is locked; unlock it, or' : ';';
      throw new GatewayError('not-logged-in', `${subject} does not exist any more${also} ${again}.`);
    }
    const login = parseLogin(text);
    if (login === undefined) throw new GatewayError('not-logged-in', `${subject} is damaged; ${again}.`);
    return login;
  }

  async function removeLogin(name: string): Promise<boolean> {
    checkLoginName(name);
    return alone(async () => {
      const logins = await readIndex(dataFolder);
      const listed = logins.find((it) => it.name === name);
      const removed = await removeEverywhere(name, listed);
      const others = logins.filter((it) => it !== listed);
      if (listed !== undefined) await writeIndex(dataFolder, others);
      return removed || listed !== undefined;
    });
  }

  async function removeEverywhere(name: string, listed: LoginFacts | undefined): Promise<boolean> {
    const isInKeychain = listed?.store === 'keychain';
    const files = await places.removeFrom('file', name);
    const entries = await places.removeFrom('keychain', name).catch((thrown: unknown) => {
      // Where there is no keychain, nothing has to be removed from it.
      if (isInKeychain) throw stillThere(name, toGatewayError(thrown).message);
      return [];
    });
    if (isInKeychain && entries.length === 0) {
      // A locked keychain says that there is nothing; so does one from which the entry was removed by hand.
      const availability = await keychain.available();
      if (!availability.ok) throw stillThere(name, availability.reason);
    }
    return files.length + entries.length > 0;
  }

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

  /**
   * In its place rather than in the other slot: after a rotation only the new tokens are worth reading.
   * @returns false when the login that they belong to is gone.
   */
  async function writeTokens(name: string, digest: string, tokens: Tokens, by: RenewedBy): Promise<boolean> {
    const logins = await readIndex(dataFolder);
    const entry = logins.find((it) => it.name === name);
    if (entry === undefined) return false;
    const { credential } = await readListed(entry);
    // The person has signed in anew meanwhile: these tokens belong to a login that is gone.
    if (digestOf(credential) !== digest) return false;
    await places.overwrite(name, entry, formatLogin({ credential, tokens }));
    const renewed = { ...entry, lastRefresh: { by, at: now() } };
    await writeIndex(
      dataFolder,
      logins.map((it) => (it === entry ? renewed : it)),
    );
    return true;
  }

  return { saveLogin, readLogin, removeLogin, listLogins: () => readIndex(dataFolder), tokenStore };
}

function stillThere(name: string, reason: string): GatewayError {
  return new GatewayError('forbidden', `${reason} The login ${name} is still there; try again when that is mended.`);
}

const STORES = ['keychain', 'file'] as const;

const MAX_LOOKS = 3;
