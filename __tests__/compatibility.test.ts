/** docs/compatibility.md says of each parameter what the code does with it. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { dialects } from '../src/dialects/index.js';

const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'compatibility.md'), 'utf8');

test.each(dialects)('$name: the page lists every parameter and its fate, and no other', ({ route, parameters }) => {
  const section = page.split(/^## /m).find((it) => it.includes(`\n\`POST ${route}\``)) ?? '';
  const rows = [...section.matchAll(/^\| `([\w.]+)` +\| (\w+) +\|/gm)].map(([, name, fate]) => [name, fate]);
  const expected = Object.entries(parameters).flatMap(([fate, names]) =>
    (typeof names === 'string' ? names.split(' ') : Object.keys(names)).map((name) => [name, fate]),
  );
  expect(rows).toEqual(expected);
});
