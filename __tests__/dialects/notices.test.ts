/** Notices are short, whatever a client sends. */

import { expect, test } from '@jest/globals';
import { createNotices, note, writeNotices } from '../../src/dialects/dialect.js';

test('a name is told once, under its key', () => {
  const notices = createNotices();
  for (const name of ['top_p', 'temperature', 'top_p']) note(notices, 'ignored', name);
  note(notices, 'unknown-block', 'odd');
  expect(writeNotices(notices)).toEqual(['ignored=top_p,temperature', 'unknown-block=odd']);
});

test('a flood of long names becomes a short notice', () => {
  const notices = createNotices();
  for (let block = 0; block < 1000; block++) note(notices, 'unknown-block', `${block}${'x'.repeat(1000)}`);
  expect(writeNotices(notices).map((it) => it.length)).toEqual(['unknown-block='.length + 20 * 60 + 19]);
});
