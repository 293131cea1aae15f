/** docs/compatibility.md says of each parameter what the code does with it. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import {
  CHAT_PARAMETERS,
  MESSAGES_PARAMETERS,
  RESPONSES_PARAMETERS,
  type ParameterTable,
} from '../src/dialects/parameters.js';

const TABLES: Readonly<Record<string, ParameterTable>> = {
  'Chat completions': CHAT_PARAMETERS,
  Responses: RESPONSES_PARAMETERS,
  Messages: MESSAGES_PARAMETERS,
};

const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'compatibility.md'), 'utf8');

test.each(Object.entries(TABLES))('%s: the page lists every parameter and its fate, and no other', (title, table) => {
  const section = page.split(/^## /m).find((it) => it.startsWith(`${title}\n`)) ?? '';
  const rows = [...section.matchAll(/^\| `(\w+)` +\| (\w+) +\|/gm)].map(([, name, fate]) => [name, fate]);
  expect(rows).toEqual(Object.entries(table).map(([name, { fate }]) => [name, fate]));
});
