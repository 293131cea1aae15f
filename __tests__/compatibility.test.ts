/** docs/compatibility.md says of each parameter what the code does with it. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { MESSAGES_PARAMETERS } from '../src/dialects/anthropic-messages-parameters.js';
import { CHAT_PARAMETERS } from '../src/dialects/openai-chat-parameters.js';
import { RESPONSES_PARAMETERS } from '../src/dialects/openai-responses-parameters.js';
import type { ParameterTable } from '../src/dialects/parameters.js';

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
