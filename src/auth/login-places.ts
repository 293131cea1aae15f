/** The four places where the secrets of a login can rest: two slots in the keychain, and two private files. */

import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { GatewayError, toGatewayError } from '../core/errors.js';
import type { Keychain } from './keychain.js';
import { readPrivateFile, writePrivateFile } from './private-file.js';
import { codeOf } from './small-file.js';

/** A store has two slots for each login, so that a new login never overwrites the one that is still listed. */
export type Place = { readonly store: 'keychain' | 'file'; readonly slot: 1 | 2 };

export type Places = {
  /** Undefined when nothing is there; a locked keychain says so too. */
  read(name: string, place: Place): Promise<string | undefined>;
  overwrite(name: string, place: Place, text: string): Promise<void>;
  /** Where the text was put: not where the listed login is, so that this one stays until the list names the new one. */
  put(name: string, text: string, options: PutOptions): Promise<Place>;
  /** Empties one store. The places that had something of this login and have it no more. */
  removeFrom(store: Place['store'], name: string, kept?: Place): Promise<readonly Place[]>;
  /** Completes "the login is in …". */
  describe(name: string, place: Place): string;
};

export type PutOptions = {
  /** `auto` is the keychain, or the file when there is no keychain, with a notice that says why. */
  readonly store: 'auto' | Place['store'];
  readonly listed: Place | undefined;
};

export type PlacesDependencies = {
  readonly folder: string;
  readonly keychain: Keychain;
  readonly notice: (sentence: string) => void;
};

/** All functions reject with a GatewayError `forbidden` when the store does not do what it is asked. */
export function createPlaces({ folder, keychain, notice }: PlacesDependencies): Places {
  function fileOf(name: string, place: Place): string {
    return join(folder, `${entryOf(name, place)}.json`);
  }

  function read(name: string, place: Place): Promise<string | undefined> {
    if (place.store === 'keychain') return keychain.get(entryOf(name, place));
    return readPrivateFile(fileOf(name, place), MAX_BYTES);
  }

  function overwrite(name: string, place: Place, text: string): Promise<void> {
    if (place.store === 'keychain') return keychain.set(entryOf(name, place), text);
    const path = fileOf(name, place);
    return explained(path, 'written', () => writePrivateFile(path, text));
  }

  function remove(name: string, place: Place): Promise<boolean> {
    if (place.store === 'keychain') return keychain.delete(entryOf(name, place));
    const path = fileOf(name, place);
    return explained(path, 'removed', () => removeFile(path));
  }

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

  async function removeFrom(store: Place['store'], name: string, kept?: Place): Promise<readonly Place[]> {
    const removed: Place[] = [];
    for (const slot of SLOTS) {
      const place = { store, slot };
      const isKept = kept !== undefined && isSamePlace(place, kept);
      if (!isKept && (await remove(name, place))) removed.push(place);
    }
    return removed;
  }

  function describe(name: string, place: Place): string {
    return place.store === 'keychain' ? 'the keychain' : `the file ${fileOf(name, place)}`;
  }

  return { read, overwrite, put, removeFrom, describe };
}

export function isSamePlace(one: Place, other: Place): boolean {
  return one.store === other.store && one.slot === other.slot;
}

/** @throws GatewayError `forbidden` in place of an error of the file system. */
export async function explained<Result>(
  path: string,
  what: 'written' | 'removed',
  action: () => Promise<Result>,
): Promise<Result> {
  try {
    return await action();
  } catch (thrown) {
    if (thrown instanceof GatewayError) throw thrown;
    const reason = codeOf(thrown) || 'unknown error';
    const message = `The gateway's file ${path} cannot be ${what} (${reason}); make that possible and try again.`;
    throw new GatewayError('forbidden', message, { cause: thrown });
  }
}

/** The tilde cannot occur in a name, so no login is called like the slot of another. */
function entryOf(name: string, { slot }: Place): string {
  return `${name}~${slot}`;
}

async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT' || codeOf(thrown) === 'ENOTDIR') return false;
    throw thrown;
  }
}

function freePlace(store: Place['store'], listed: Place | undefined): Place {
  return { store, slot: listed?.store === store && listed.slot === 1 ? 2 : 1 };
}

const SLOTS = [1, 2] as const;

const MAX_BYTES = 1_000_000;
