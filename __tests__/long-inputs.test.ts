/** What strangers may send in any length is read in one pass: an effort that grew with its square would never end. */

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startScript, type Script } from './support/script.js';

let reading: Script;
let unread: string | undefined;
beforeAll(() => {
  reading = startScript('long-input.ts', []);
});
// Whatever never ends must not outlive its test.
afterAll(() => reading.kill());

test.each([
  ['a model name of brackets', true],
  ['a model name of white space', true],
  ['a model name of suffixes', true],
  ['the name of an exception', ''],
  ['white space behind a closing tag in a fence', ['tag', 'reasoning']],
  ['base64 with a wrong letter near its end', 'messages[0].content[0].source.data: must hold base64 data'],
  ['a choice among tools that are not on offer', ['ignored=tool_choice']],
  ['calls of one id', true],
  ['calls of many ids', true],
] as const)('nobody waits for %s', async (name, expected) => {
  expect(unread).toBeUndefined();
  unread = name;
  expect(JSON.parse((await reading.line()) ?? 'null')).toEqual([name, expected]);
  unread = undefined;
});
