/** Chance that can be had again: everything random about an input comes from the seed, its target and its number. */

export type Chance = {
  /** From 0 to 1. */
  readonly fraction: () => number;
  /** A whole number from 0 to below the limit. */
  readonly below: (limit: number) => number;
  /** True so often. */
  readonly is: (probability: number) => boolean;
  readonly pick: <Item>(items: readonly Item[]) => Item;
};

export function createChance(seed: number, name: string, index: number): Chance {
  let state = mix(mix(seed, index), hashOf(name));
  // Mulberry32: small, quick, and good enough to spread over inputs.
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(fraction() * limit);
  return {
    fraction,
    below,
    is: (probability) => fraction() < probability,
    pick: <Item>(items: readonly Item[]): Item => {
      const [item] = items.slice(below(items.length));
      if (item === undefined) throw new Error('There is nothing to pick from');
      return item;
    },
  };
}

function mix(one: number, other: number): number {
  return Math.imul(one ^ (other + 0x9e3779b9), 0x85ebca6b) ^ (one >>> 13);
}

function hashOf(text: string): number {
  return Buffer.from(text).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5);
}
