/** The operating system's keychain. The only file that loads keytar, and only when it is asked for. */

import { GatewayError } from '../core/errors.js';
import { type Entries, inParts } from './keychain-parts.js';

/** Entries are text under names that the caller knows: keytar's search for all of them can end the process. */
export type Keychain = Entries & {
  /**
   * Writes a trial entry, reads it back and deletes it. To ask is not enough: a locked keychain answers every question
   * with "no such entry". The reason is a sentence.
   */
  available(): Promise<Availability>;
};

export type Availability = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export type KeychainDependencies = {
  readonly platform: NodeJS.Platform;
  /** Ends early when the signal aborts. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly randomId: () => string;
  readonly load?: (() => Promise<KeytarModule>) | undefined;
};

/** What is used of keytar. Node sees its functions under `default` only. */
export type KeytarModule = { readonly default: Keytar };
export type Keytar = {
  getPassword(service: string, account: string): Promise<string | null>;
  setPassword(service: string, account: string, password: string): Promise<void>;
  deletePassword(service: string, account: string): Promise<boolean>;
};

/** All functions reject with a GatewayError `forbidden`, whose sentence never repeats what was to be stored. */
export function createKeychain(dependencies: KeychainDependencies): Keychain {
  const { platform, sleep, randomId, load = () => import('keytar') } = dependencies;
  let loading: Promise<Keytar> | undefined;

  async function ask<Answer>(limitMs: number, question: (keytar: Keytar) => Promise<Answer>): Promise<Answer> {
    loading ??= load().then(({ default: keytar }) => keytar, refuseToLoad);
    const answer = question(await loading);
    const timer = new AbortController();
    const tooLate = sleep(limitMs, timer.signal).then(() => {
      throw refusal(`The keychain did not answer in ${limitMs / 1000} seconds.`);
    });
    try {
      return await Promise.race([answer, tooLate]);
    } finally {
      timer.abort();
    }
  }

  async function get(name: string): Promise<string | undefined> {
    try {
      return (await ask(READ_LIMIT_MS, (keytar) => keytar.getPassword(SERVICE, name))) ?? undefined;
    } catch (thrown) {
      throw explain(thrown, (message) => `The keychain could not be read: ${message}.`);
    }
  }

  async function set(name: string, text: string): Promise<void> {
    try {
      await ask(WRITE_LIMIT_MS, (keytar) => keytar.setPassword(SERVICE, name, text));
    } catch (thrown) {
      // The system's own words are not repeated: they might quote the text.
      throw explain(thrown, () => 'The keychain refused to store the entry.');
    }
    if ((await get(name)) !== text) throw refusal(UNFAITHFUL);
  }

  async function remove(name: string): Promise<boolean> {
    try {
      return await ask(WRITE_LIMIT_MS, (keytar) => keytar.deletePassword(SERVICE, name));
    } catch (thrown) {
      throw explain(thrown, (message) => `The keychain refused to delete an entry: ${message}.`);
    }
  }

  async function available(): Promise<Availability> {
    try {
      let found: string | undefined;
      // Another process at the same trial may delete the entry between our writing and our reading.
      for (let tries = 0; tries < 3 && found !== TRIAL.text; tries++) {
        await ask(WRITE_LIMIT_MS, (keytar) => keytar.setPassword(SERVICE, TRIAL.name, TRIAL.text));
        found = await get(TRIAL.name);
      }
      await remove(TRIAL.name);
      return found === TRIAL.text ? { ok: true } : { ok: false, reason: UNFAITHFUL };
    } catch (thrown) {
      const error = explain(thrown, (message) => `The keychain cannot be written: ${message}.`);
      return { ok: false, reason: error.message };
    }
  }

  const entries: Entries = { get, set, delete: remove };
  const fitting = platform === 'win32' ? inParts(entries, { maxPartBytes: WINDOWS_PART_BYTES, randomId }) : entries;
  return { ...fitting, available };
}

function refuseToLoad(): never {
  const advice = 'on Linux it needs the package libsecret-1-0 (libsecret)';
  throw refusal(`The keychain's library cannot be loaded; ${advice}.`);
}

/** @param otherwise Makes a sentence of a message that nobody foresaw: its first line, without a full stop. */
function explain(thrown: unknown, otherwise: (message: string) => string): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  const message = thrown instanceof Error ? thrown.message : '';
  const known = KNOWN_FAILURES.find(([pattern]) => pattern.test(message));
  // Without the cause: nobody vouches that it does not quote the text.
  return refusal(known?.[1] ?? otherwise(message.replace(/\.?(\n[^]*)?$/, '').slice(0, 200)));
}

function refusal(sentence: string): GatewayError {
  return new GatewayError('forbidden', sentence);
}

const SERVICE = 'kiro-gateway';
const TRIAL = { name: 'trial', text: 'written to find out whether the keychain works; may be deleted' };

const READ_LIMIT_MS = 3_000;
/** A desktop may ask the person for a password first. */
const WRITE_LIMIT_MS = 30_000;

/** Windows keeps 2,560 bytes of UTF-8 in an entry (CRED_MAX_CREDENTIAL_BLOB_SIZE). */
const WINDOWS_PART_BYTES = 2_400;

const UNFAITHFUL = 'The keychain did not keep what was written to it.';

/** The words of libsecret, of macOS and of Windows. */
const KNOWN_FAILURES: readonly (readonly [RegExp, string])[] = [
  [/autolaunch D-Bus|Could not connect/i, 'There is no D-Bus session here, and so no keychain.'],
  [
    /not provided by any \.service|ServiceUnknown|StartServiceByName/i,
    'No keychain runs here (such as gnome-keyring or KWallet).',
  ],
  [/Object does not exist at path/i, 'The keychain has not been set up yet.'],
  [/locked/i, 'The keychain is locked.'],
  [/User interaction is not allowed/i, 'The keychain is locked, or must not be used from this session.'],
  [/dismissed|cancell?ed/i, 'The keychain was not allowed to be used.'],
  [/stub received bad data/i, 'The entry is too long for the keychain.'],
];
