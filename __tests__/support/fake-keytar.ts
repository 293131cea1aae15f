/** A keychain in memory, shaped like keytar, that does what it is told to: refuse, forget, be short, never answer. */

import type { Keytar, KeytarModule } from '../../src/auth/keychain.js';

export type Call = 'get' | 'set' | 'delete';

export type FakeKeytar = {
  /** What is stored, by account. */
  readonly items: Map<string, string>;
  /** What was asked, as `set default~1`. */
  readonly calls: readonly string[];
  readonly load: () => Promise<KeytarModule>;
};

export type FakeOptions = {
  readonly items?: Map<string, string>;
  /** As on Windows: longer secrets are refused. */
  readonly maxBytes?: number;
  /** Runs before each call; what it throws is what the call throws. */
  readonly before?: (call: Call, account: string, text?: string) => void | Promise<void>;
};

export function fakeKeytar({ items = new Map(), maxBytes = Infinity, before }: FakeOptions = {}): FakeKeytar {
  const calls: string[] = [];
  const called = async (call: Call, service: string, account: string, text?: string): Promise<void> => {
    if (service !== 'kiro-gateway') throw new Error(`foreign service ${service}`);
    calls.push(`${call} ${account}`);
    await before?.(call, account, text);
  };
  const keytar: Keytar = {
    async getPassword(service, account) {
      await called('get', service, account);
      return items.get(account) ?? null;
    },
    async setPassword(service, account, password) {
      await called('set', service, account, password);
      if (password === '') throw new Error('Password is required.');
      if (Buffer.byteLength(password) > maxBytes) throw new Error('The stub received bad data.');
      items.set(account, password);
    },
    async deletePassword(service, account) {
      await called('delete', service, account);
      return items.delete(account);
    },
  };
  return { items, calls, load: () => Promise.resolve({ default: keytar }) };
}

/** A locked keychain: to every question it says that there is nothing, and it takes nothing. */
export function lockedKeytar(): FakeKeytar {
  const inside = fakeKeytar();
  const keytar: Keytar = {
    getPassword: () => Promise.resolve(null),
    setPassword: () => Promise.reject(new Error('Cannot create an item in a locked collection')),
    deletePassword: () => Promise.resolve(false),
  };
  return { ...inside, load: () => Promise.resolve({ default: keytar }) };
}

/** What keytar does where libsecret is missing. */
export function noKeytar(): Promise<never> {
  return Promise.reject(new Error('Failed to load keytar native addon'));
}

/** Waits as long as nobody calls it off. */
export function patience(_milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((_resolve, reject) => {
    const leave = (): void => reject(new Error('called off'));
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  });
}
