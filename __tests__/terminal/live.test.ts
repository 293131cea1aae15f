/** Lines at the bottom of a terminal: what is written when, and that nothing runs while there are none. */

import { Writable } from 'node:stream';

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';

import { createLive } from '../../src/terminal/terminal.js';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** A screen that remembers each write since it was last asked. */
function screenOf(columns = 20) {
  let writes: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      writes.push(chunk.toString());
      done();
    },
  });
  const screen = Object.assign(stream, { columns });
  const written = (): readonly string[] => {
    const before = writes;
    writes = [];
    return before;
  };
  return { screen, written, live: createLive(screen, (line) => `<${line}>`) };
}

test('lines appear after a quarter of a second, change in place, and go without a trace', () => {
  const { live, written } = screenOf();
  let lines = ['one', 'two'];
  live.show(() => lines);
  jest.advanceTimersByTime(249);
  expect(written()).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(written()).toEqual(['\u001b[?25l<one>\u001b[K\n<two>\u001b[K\n']);
  jest.advanceTimersByTime(1000);
  expect(written()).toEqual([]);
  lines = ['one', 'three'];
  jest.advanceTimersByTime(250);
  expect(written()).toEqual(['\r\u001b[2A<one>\u001b[K\n<three>\u001b[K\n']);
  lines = [];
  jest.advanceTimersByTime(250);
  expect(written()).toEqual(['\r\u001b[2A\u001b[J\u001b[?25h']);
  expect(jest.getTimerCount()).toBe(0);
});

test('a text goes above them in the same write, and without them as it is', () => {
  const { live, written } = screenOf();
  live.above('before\n');
  let lines = ['one'];
  live.show(() => lines);
  jest.advanceTimersByTime(250);
  live.above('between\n');
  lines = [];
  live.above('after\n');
  live.above('later\n');
  expect(written()).toEqual([
    'before\n',
    '\u001b[?25l<one>\u001b[K\n',
    '\r\u001b[1A\u001b[Jbetween\n<one>\u001b[K\n',
    '\r\u001b[1A\u001b[Jafter\n\u001b[?25h',
    'later\n',
  ]);
  expect(jest.getTimerCount()).toBe(0);
});

test('what is over within a quarter of a second was never shown', () => {
  const { live, written } = screenOf();
  let lines = ['one'];
  live.show(() => lines);
  lines = [];
  live.above('one is over\n');
  jest.advanceTimersByTime(1000);
  expect(written()).toEqual(['one is over\n']);
  expect(jest.getTimerCount()).toBe(0);
});

test('lines are cut to the terminal, and drawn anew when it became narrower', () => {
  const { live, screen, written } = screenOf(10);
  live.show(() => ['0123456789', '012345678']);
  jest.advanceTimersByTime(250);
  screen.columns = 5;
  jest.advanceTimersByTime(250);
  expect(written()).toEqual([
    '\u001b[?25l<01234567…>\u001b[K\n<012345678>\u001b[K\n',
    '\r\u001b[4A\u001b[J<012…>\u001b[K\n<012…>\u001b[K\n',
  ]);
});

test('hiding gives the cursor back at once, and once only', () => {
  const { live, written } = screenOf();
  live.show(() => ['one']);
  jest.advanceTimersByTime(250);
  written();
  live.hide();
  live.hide();
  expect(written()).toEqual(['\r\u001b[1A\u001b[J\u001b[?25h']);
  expect(jest.getTimerCount()).toBe(0);
});
