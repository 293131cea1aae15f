/** Runs inputs through targets, times each, and makes the first that breaks its contract as small as it can. */

import { createChance, type Chance } from './chance.js';
import { isList, type Json } from './mutate.js';

/** Bytes, or something that JSON can carry. */
export type Input = Uint8Array | Json;

export type Target = {
  readonly name: string;
  /** Its part of all inputs; the parts add up to about a hundred. */
  readonly share: number;
  readonly make: (chance: Chance) => Input;
  /** @returns a word for what came out: `read`, or the kind of our error. @throws whatever breaks the contract. */
  readonly run: (input: Input) => string | Promise<string>;
};

export type Figures = {
  readonly target: string;
  readonly inputs: number;
  /** How often each outcome came. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly slowest: { readonly milliseconds: number; readonly index: number };
};

export type Failure = {
  readonly target: string;
  readonly index: number;
  readonly complaint: string;
  readonly input: Input;
};

export type Options = {
  readonly inputs: number;
  readonly seed: number;
  /** What no single input may take, in milliseconds; one that does is tried again, for the machine may be busy. */
  readonly limitMs: number;
};

export async function fuzz(target: Target, { inputs, seed, limitMs }: Options): Promise<Figures | Failure> {
  const outcomes = new Map<string, number>();
  let slowest = { milliseconds: 0, index: 0 };
  for (let index = 0; index < inputs; index++) {
    const input = target.make(createChance(seed, target.name, index));
    const result = await attempt(target, input);
    if ('complaint' in result) {
      const smaller = await shrink(target, input, result.complaint);
      return { target: target.name, index, complaint: result.complaint, input: smaller };
    }
    outcomes.set(result.outcome, (outcomes.get(result.outcome) ?? 0) + 1);
    if (result.milliseconds <= slowest.milliseconds) continue;
    const milliseconds = result.milliseconds > limitMs ? await quickest(target, input) : result.milliseconds;
    if (milliseconds > limitMs) {
      const complaint = `took ${Math.round(milliseconds)} ms, and no input may take more than ${limitMs}`;
      return { target: target.name, index, complaint, input };
    }
    if (milliseconds > slowest.milliseconds) slowest = { milliseconds, index };
  }
  return { target: target.name, inputs, outcomes, slowest };
}

type Result = { readonly outcome: string; readonly milliseconds: number } | { readonly complaint: string };

async function attempt(target: Target, input: Input): Promise<Result> {
  const from = performance.now();
  try {
    const outcome = target.run(input);
    // Most targets answer at once; waiting a tick for each would cost more than they do.
    const word = typeof outcome === 'string' ? outcome : await outcome;
    return { outcome: word, milliseconds: performance.now() - from };
  } catch (thrown) {
    return { complaint: describe(thrown) };
  }
}

async function quickest(target: Target, input: Input): Promise<number> {
  let best = Infinity;
  for (let turn = 0; turn < 3; turn++) {
    const result = await attempt(target, input);
    if ('milliseconds' in result) best = Math.min(best, result.milliseconds);
  }
  return best;
}

export function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `threw ${String(thrown)}`;
  const place = /\n\s+at [^\n]*(?:src|__tests__)\/[^\n]*/.exec(thrown.stack ?? '')?.[0]?.trim() ?? '';
  return `${thrown.name}: ${thrown.message.slice(0, 300)} ${place}`.trim();
}

/** Smaller inputs with the same complaint, until none is found or time is up. */
async function shrink(target: Target, input: Input, complaint: string): Promise<Input> {
  const stop = performance.now() + SHRINK_MS;
  let best = input;
  for (let hasShrunk = true; hasShrunk;) {
    hasShrunk = false;
    for (const candidate of smaller(best)) {
      if (performance.now() > stop) return best;
      const result = await attempt(target, candidate);
      if (!('complaint' in result) || kindOf(result.complaint) !== kindOf(complaint)) continue;
      best = candidate;
      hasShrunk = true;
      break;
    }
  }
  return best;
}

/** Numbers and quoted words differ between an input and a smaller one. */
function kindOf(complaint: string): string {
  return complaint.replaceAll(/"[^"]*"|\d+/g, '').slice(0, 60);
}

function* smaller(input: Input): Generator<Input> {
  if (input instanceof Uint8Array) {
    for (let size = Math.floor(input.length / 2); size > 0; size = Math.floor(size / 2)) {
      for (let at = 0; at + size <= input.length; at += size)
        yield Buffer.concat([input.subarray(0, at), input.subarray(at + size)]);
    }
    return;
  }
  if (typeof input === 'string') {
    for (let size = Math.ceil(input.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < input.length; at += size) yield input.slice(0, at) + input.slice(at + size);
    }
    return;
  }
  if (isList(input)) {
    for (let size = Math.ceil(input.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < input.length; at += size) yield [...input.slice(0, at), ...input.slice(at + size)];
    }
    for (const [at, item] of input.entries()) {
      for (const less of smaller(item)) yield input.map((old, index) => (index === at ? (less as Json) : old));
    }
    return;
  }
  if (typeof input !== 'object' || input === null) return;
  const entries = Object.entries(input);
  for (const [key] of entries) yield Object.fromEntries(entries.filter(([name]) => name !== key));
  for (const [key, value] of entries) {
    for (const less of smaller(value)) {
      yield Object.fromEntries(entries.map(([name, old]) => [name, name === key ? (less as Json) : old]));
    }
  }
}

const SHRINK_MS = 20_000;
