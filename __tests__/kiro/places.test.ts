/** Places are given in the order of arrival, and nobody who has left gets one. */

import { expect, test } from '@jest/globals';
import { createPlaces } from '../../src/kiro/asker.js';
import { told } from '../support/bytes.js';

const never = new AbortController().signal;

/** Notes who got a place, and how to give it back. */
function visitors(places: ReturnType<typeof createPlaces>) {
  const inside: string[] = [];
  const givers = new Map<string, () => void>();
  const enter = async (name: string, signal = never): Promise<void> => {
    givers.set(name, await places.take(signal));
    inside.push(name);
  };
  const leave = async (name: string): Promise<void> => {
    givers.get(name)?.();
    await settled();
  };
  return { inside, enter, leave };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('the first come are served first, each as soon as a place is free', async () => {
  const { inside, enter, leave } = visitors(createPlaces(2));
  const all = ['a', 'b', 'c', 'd', 'e'].map((name) => enter(name));
  await settled();
  expect(inside).toEqual(['a', 'b']);
  await leave('b');
  expect(inside).toEqual(['a', 'b', 'c']);
  await leave('a');
  await leave('c');
  expect(inside).toEqual(['a', 'b', 'c', 'd', 'e']);
  await Promise.all(all);
});

test('a place is given back once, however often that is said', async () => {
  const { inside, enter, leave } = visitors(createPlaces(1));
  for (const name of ['a', 'b', 'c']) void enter(name);
  await settled();
  await leave('a');
  await leave('a');
  expect(inside).toEqual(['a', 'b']);
});

test('whoever leaves the queue is passed over', async () => {
  const { inside, enter, leave } = visitors(createPlaces(1));
  const leaving = new AbortController();
  void enter('a');
  const left = enter('b', leaving.signal).catch(told);
  void enter('c');
  await settled();
  leaving.abort();
  expect(await left).toBe('cancelled: The request was cancelled.');
  await leave('a');
  expect(inside).toEqual(['a', 'c']);
});

test('whoever has left before takes no place', async () => {
  const places = createPlaces(1);
  expect(await places.take(AbortSignal.abort()).catch(told)).toBe('cancelled: The request was cancelled.');
  await places.take(never);
});

test('without a limit everybody has a place', async () => {
  const { inside, enter } = visitors(createPlaces(0));
  await Promise.all(['a', 'b', 'c'].map((name) => enter(name)));
  expect(inside).toEqual(['a', 'b', 'c']);
});
