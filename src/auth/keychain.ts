/** The operating system's keychain. The only file that loads keytar, and only when it is asked for. */

import { GatewayError, toGatewayError } from '../core/errors.js';

/** Entries are text under names that the caller knows: keytar's search for all of them can end the process. */
export type Entries = {
  /** Undefined when there is no such entry; a locked keychain may say so of every entry. */
  get(name: string): Promise<string | undefined>;
  /** Resolves when the entry was read back and is the same. */
  set(name: string, text: string): Promise<void>;
  /** True when there was such an entry. */
  delete(name: string): Promise<boolean>;
};

export type Keychain = Entries & {
  /**
   * Writes a trial entry, reads it back and deletes it. To ask is not enough: a locked keychain answers every question
   * with "no such entry". The reason is a sentence.
   */
  available(): Promise<{ readonly ok: true } | { readonly ok: false; readonly reason: string }>;
};

type KeychainDependencies = {
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
  let loading: Promise<KeytarModule> | undefined;
  let isStuck = false;

  /** @param failure What is said of a failure that nobody foresaw; after a colon follow the system's own words. */
  async function ask<Answer>(failure: string, question: (keytar: Keytar) => Promise<Answer>): Promise<Answer> {
    const timer = new AbortController();
    try {
      loading ??= load().catch(refuseToLoad);
      const { default: keytar } = await loading;
      // Each open question takes one of the few threads that files and host names need, too.
      if (isStuck) throw refusal(TOO_LATE);
      const answer = question(keytar);
      const tooLate = sleep(LIMIT_MS, timer.signal).then(() => {
        if (timer.signal.aborted) return answer;
        isStuck = true;
        const free = (): void => void (isStuck = false);
        answer.then(free, free);
        throw refusal(TOO_LATE);
      });
      return await Promise.race([answer, tooLate]);
    } catch (thrown) {
      throw explain(thrown, failure);
    } finally {
      timer.abort();
    }
  }

  async function put(name: string, text: string, failure: string): Promise<void> {
    await ask(failure, (keytar) => keytar.setPassword(SERVICE, name, text));
    if ((await entries.get(name)) !== text) throw refusal(UNFAITHFUL);
  }

  const entries: Entries = {
    async get(name) {
      const text = await ask('The keychain could not be read:', (keytar) => keytar.getPassword(SERVICE, name));
      return text ?? undefined;
    },
    // The system's words might quote the text.
    set: (name, text) => put(name, text, 'The keychain refused to store the entry'),
    delete: (name) => ask('The keychain refused to delete an entry:', (keytar) => keytar.deletePassword(SERVICE, name)),
  };

  const available: Keychain['available'] = async () => {
    for (let tries = 1; ; tries++) {
      try {
        await put(TRIAL.name, TRIAL.text, 'The keychain cannot be written to:');
        await entries.delete(TRIAL.name);
        return { ok: true };
      } catch (thrown) {
        const { message: reason } = toGatewayError(thrown);
        // Another process at the same trial may delete the entry between our writing and our reading.
        if (reason !== UNFAITHFUL || tries === 3) return { ok: false, reason };
      }
    }
  };

  return { ...(platform === 'win32' ? inParts(entries, randomId) : entries), available };
}

function refuseToLoad(): never {
  const advice = 'on Linux it needs the package libsecret-1-0 (libsecret)';
  throw refusal(`The keychain's library cannot be loaded; ${advice}.`);
}

function explain(thrown: unknown, failure: string): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  const message = thrown instanceof Error ? thrown.message : '';
  const known = KNOWN_FAILURES.find(([pattern]) => pattern.test(message));
  const firstLine = message.replace(/\.?(\n[^]*)?$/, '').slice(0, 200);
  // Without the cause: nobody vouches that it does not quote the text.
  return refusal(known?.[1] ?? `${failure.endsWith(':') ? `${failure} ${firstLine}` : failure}.`);
}

function refusal(sentence: string): GatewayError {
  return new GatewayError('forbidden', sentence);
}

const SERVICE = 'kiro-gateway';
const TRIAL = { name: 'trial', text: 'written to find out whether the keychain works; may be deleted' };

const UNFAITHFUL = 'The keychain did not keep what was written to it.';

/** For each question: a desktop may ask the person for a password first. */
const LIMIT_MS = 30_000;
const TOO_LATE = `The keychain did not answer in ${LIMIT_MS / 1000} seconds.`;

/** Windows keeps 2,560 bytes of UTF-8 in an entry (CRED_MAX_CREDENTIAL_BLOB_SIZE). */
const WINDOWS_PART_BYTES = 2_400;

/** The words of libsecret, of macOS and of Windows. */
const KNOWN_FAILURES: readonly (readonly [RegExp, string])[] = [
  [/autolaunch D-Bus|Could not connect/i, 'There is no D-Bus session here, and so no keychain.'],
  [
    /not provided by any \.service|ServiceUnknown|StartServiceByName/i,
    'No keychain (such as gnome-keyring or KWallet) is running here.',
  ],
  [/Object does not exist at path/i, 'The keychain has not been set up yet.'],
  [/locked/i, 'The keychain is locked.'],
  [/User interaction is not allowed/i, 'The keychain is locked, or may not be used from this session.'],
  [/dismissed|cancell?ed/i, 'Access to the keychain was denied.'],
  [/stub received bad data/i, 'The entry is too long for the keychain.'],
];

/**
 * Entries longer than the keychain allows, cut into parts. At every moment, an entry reads as it was or as it will be.
 * The entry itself holds only a header, which names one of two slots, how many parts lie there, and by a random id the
 * writing. New parts go to the slot that the header does not name, the header is written last, and old parts are deleted
 * after that. What was read counts when the header is still the same.
 */
function inParts(entries: Entries, randomId: () => string): Entries {
  async function get(name: string): Promise<string | undefined> {
    for (let looks = 0; looks < MAX_LOOKS; looks++) {
      const text = await entries.get(name);
      if (text === undefined) return undefined;
      const { slot, count } = parseHeader(text) ?? { slot: 'a', count: 0 };
      const parts: (string | undefined)[] = [];
      for (let number = 1; number <= count; number++) parts.push(await entries.get(partName(name, slot, number)));
      const isWhole = count > 0 && !parts.includes(undefined);
      // Otherwise somebody may be writing at this moment.
      if (isWhole && (await entries.get(name)) === text) return parts.join('');
    }
    throw refusal('The entry in the keychain is damaged.');
  }

  async function set(name: string, text: string): Promise<void> {
    const current = parseHeader((await entries.get(name)) ?? '');
    const slot = current?.slot === 'a' ? 'b' : 'a';
    const parts = cut(text, WINDOWS_PART_BYTES);
    for (const [index, part] of parts.entries()) await entries.set(partName(name, slot, index + 1), part);
    await entries.set(name, `parts:${slot}:${parts.length}:${randomId()}`);
    await removeParts(name, slot, parts.length + 1);
    await removeParts(name, slot === 'a' ? 'b' : 'a', 1);
  }

  async function remove(name: string): Promise<boolean> {
    const wasThere = await entries.delete(name);
    const removed = (await removeParts(name, 'a', 1)) + (await removeParts(name, 'b', 1));
    return wasThere || removed > 0;
  }

  /** From the last one down, so that what an interruption leaves still begins at the first and is found again. */
  async function removeParts(name: string, slot: Slot, from: number): Promise<number> {
    let end = from;
    while ((await entries.get(partName(name, slot, end))) !== undefined) end++;
    for (let number = end - 1; number >= from; number--) await entries.delete(partName(name, slot, number));
    return end - from;
  }

  return { get, set, delete: remove };
}

type Slot = 'a' | 'b';

function parseHeader(text: string): { readonly slot: Slot; readonly count: number } | undefined {
  const [, slot, count] = /^parts:([ab]):(\d{1,4}):[\w-]+$/.exec(text) ?? [];
  return count === undefined ? undefined : { slot: slot === 'a' ? 'a' : 'b', count: Number(count) };
}

/** A slash cannot occur in the name of a login, so no entry is called like the part of another. */
function partName(name: string, slot: Slot, number: number): string {
  return `${name}/${slot}${number}`;
}

/** Pieces of so many bytes of UTF-8 at most, never cut within a character. */
function cut(text: string, maxBytes: number): readonly string[] {
  const pieces: string[] = [];
  const room = new Uint8Array(maxBytes);
  for (let rest = text; rest !== '';) {
    const { read } = new TextEncoder().encodeInto(rest, room);
    pieces.push(rest.slice(0, read));
    rest = rest.slice(read);
  }
  return pieces;
}

const MAX_LOOKS = 4;
