/** Entries longer than the keychain allows, cut into parts. At every moment, an entry reads as it was or as it will be. */

import { GatewayError } from '../core/errors.js';

/*
 * The entry itself holds only a header, which names one of two slots, how many parts lie there, and their generation.
 * New parts go to the slot that the header does not name, the header is written last, and old parts are deleted after
 * that. Each part repeats its generation, so that parts of two writings are never taken for one text.
 */

export type Entries = {
  /** Undefined when there is no such entry; a locked keychain may say so of every entry. */
  get(name: string): Promise<string | undefined>;
  /** Resolves when the entry was read back and is the same. */
  set(name: string, text: string): Promise<void>;
  /** True when there was such an entry. */
  delete(name: string): Promise<boolean>;
};

export type PartsOptions = {
  readonly maxPartBytes: number;
  readonly randomId: () => string;
};

export function inParts(entries: Entries, { maxPartBytes, randomId }: PartsOptions): Entries {
  async function get(name: string): Promise<string | undefined> {
    for (let looks = 0; looks < MAX_LOOKS; looks++) {
      const text = await entries.get(name);
      if (text === undefined) return undefined;
      const header = parseHeader(text);
      const whole = header && (await readParts(name, header));
      // Otherwise somebody may be writing at this moment: then there is a new header.
      if (whole !== undefined) return whole;
    }
    throw new GatewayError('forbidden', 'The entry in the keychain is damaged.');
  }

  async function readParts(name: string, { slot, count, generation }: Header): Promise<string | undefined> {
    let whole = '';
    for (let number = 1; number <= count; number++) {
      const part = await entries.get(partName(name, slot, number));
      if (part?.startsWith(`${generation}:`) !== true) return undefined;
      whole += part.slice(generation.length + 1);
    }
    return whole;
  }

  async function set(name: string, text: string): Promise<void> {
    const generation = randomId();
    const current = parseHeader((await entries.get(name)) ?? '');
    const slot = current?.slot === 'a' ? 'b' : 'a';
    const parts = cut(text, maxPartBytes - generation.length - 1);
    for (const [index, part] of parts.entries()) {
      await entries.set(partName(name, slot, index + 1), `${generation}:${part}`);
    }
    await entries.set(name, `parts:${slot}:${parts.length}:${generation}`);
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
type Header = { readonly slot: Slot; readonly count: number; readonly generation: string };

function parseHeader(text: string): Header | undefined {
  const [, slot, count, generation] = /^parts:([ab]):(\d{1,4}):([\w-]+)$/.exec(text) ?? [];
  if (count === undefined || generation === undefined) return undefined;
  return { slot: slot === 'a' ? 'a' : 'b', count: Number(count), generation };
}

/** A slash cannot occur in the name of a login, so no entry is called like the part of another. */
function partName(name: string, slot: Slot, number: number): string {
  return `${name}/${slot}${number}`;
}

/** Pieces of so many bytes of UTF-8 at most, never cut within a character. */
function cut(text: string, maxBytes: number): readonly string[] {
  const bytes = Buffer.from(text, 'utf8');
  const pieces: string[] = [];
  let from = 0;
  while (from < bytes.length) {
    let to = Math.min(from + maxBytes, bytes.length);
    while (isInsideCharacter(bytes[to])) to--;
    pieces.push(bytes.toString('utf8', from, to));
    from = to;
  }
  return pieces;
}

/** UTF-8 marks the second and later bytes of a character with the bits 10. */
function isInsideCharacter(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

const MAX_LOOKS = 4;
