/** The data of an event stays on one line for every reader, and is the same JSON for all of them. */

import { expect, test } from '@jest/globals';
import { writeData } from '../../src/dialects/dialect.js';
import { dialects } from '../../src/dialects/index.js';
import { parseEvents } from '../support/sse.js';
import { completionOf, eventsOf, writeStream } from './support.js';

/** All at which Python's `str.splitlines` ends a line, with and without their neighbours. */
const LINE_ENDS = '\n\r\v\f\u001c\u001d\u001e\u0085\u2028\u2029\r\n';

test('no line end of any reader is in the data, and it reads as it was', () => {
  const value = { text: `a${LINE_ENDS}b`, [LINE_ENDS]: ['\\u2028', '\u2027\u202a'] };
  const data = writeData(value);
  expect(LINE_ENDS.split('').filter((it) => data.includes(it))).toEqual([]);
  expect(JSON.parse(data)).toEqual(value);
});

test.each(dialects.map((dialect) => [dialect.name, dialect] as const))('%s writes its events so', (_, dialect) => {
  const written = writeStream(
    dialect,
    eventsOf(
      completionOf([
        { type: 'reasoning', text: LINE_ENDS, signature: LINE_ENDS },
        { type: 'text', text: LINE_ENDS },
        { type: 'tool-call', id: LINE_ENDS, name: LINE_ENDS, input: `{"a":"\u2028\u2029\u0085"}` },
      ]),
    ),
    { id: 'a', createdAt: 1, model: LINE_ENDS, includeUsage: true, replyContext: { forms: new Map() } },
  );
  // Its own lines end with \n.
  expect(LINE_ENDS.split('').filter((it) => it !== '\n' && written.includes(it))).toEqual([]);
  expect(() => parseEvents(written)).not.toThrow();
});
