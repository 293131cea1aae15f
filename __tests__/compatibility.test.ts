/** docs/compatibility.md says of each parameter what the code does with it. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { dialects } from '../src/dialects/index.js';
import { MAX_MEDIA, MAX_MEDIA_BYTES } from '../src/kiro/media.js';

const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'compatibility.md'), 'utf8');

test.each(dialects)('$name: the page lists every parameter and its fate, and no other', ({ route, parameters }) => {
  const section = page.split(/^## /m).find((it) => it.includes(`\n\`POST ${route}\``)) ?? '';
  const rows = [...section.matchAll(/^\| `([\w.]+)` +\| (\w+) +\|/gm)].map(([, name, fate]) => [name, fate]);
  const expected = Object.entries(parameters).flatMap(([fate, names]) =>
    (typeof names === 'string' ? names.split(' ') : Object.keys(names)).map((name) => [name, fate]),
  );
  expect(rows).toEqual(expected);
});

test('the page names every notice, and how many images and documents travel', () => {
  const root = join(import.meta.dirname, '..', 'src');
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((it) => it.endsWith('.ts'));
  const code = sources.map((it) => readFileSync(join(root, it), 'utf8')).join('\n');
  // As a whole notice, or as one of the keys under which names are gathered.
  const keys = [...code.matchAll(/[`']([a-z]+(?:-[a-z]+)*-(?:left-out|tool|block|format))(?:=|')/g)].map(
    ([, key]) => key,
  );
  const megabytes = (bytes: number): string => `up to ${bytes / 1e6} MB each`;
  const facts = [
    ...new Set(keys.map((key) => `${key}=`)),
    `${MAX_MEDIA.image} images, of ${megabytes(MAX_MEDIA_BYTES.image)}`,
    `${MAX_MEDIA.document} documents, of ${megabytes(MAX_MEDIA_BYTES.document)}`,
  ];
  expect(facts.length).toBe(9);
  expect(facts.filter((it) => !page.includes(it))).toEqual([]);
});
