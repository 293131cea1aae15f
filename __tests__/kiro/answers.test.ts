/** What Kiro answers to a search of the web, in all its shapes (protocol 9). */

import { expect, test } from '@jest/globals';
import { readWebSearch } from '../../src/kiro/answers.js';
import { told } from '../support/bytes.js';

const says = (text: string, more: object = {}) => ({ result: { content: [{ type: 'text', text }], ...more } });
const found = (value: object) => says(JSON.stringify(value));

test('results, as far as they lead somewhere', () => {
  const results = [
    { title: 'A', url: 'https://a.example/', snippet: 'Of A.', publishedDate: 1_756_684_800_000 },
    { url: 'http://b.example/', publishedDate: 1e300 },
    { title: 'C', url: 'javascript:alert(1)' },
    { title: 5, url: 'https://d.example/', snippet: null },
    { title: 'E', url: 5 },
    null,
  ];
  expect(readWebSearch(found({ results, error: 'Some pages failed.' }))).toEqual([
    { title: 'A', url: 'https://a.example/', snippet: 'Of A.', publishedAt: 1_756_684_800_000 },
    { title: 'http://b.example/', url: 'http://b.example/', snippet: '', publishedAt: undefined },
    { title: 'https://d.example/', url: 'https://d.example/', snippet: '', publishedAt: undefined },
  ]);
});

test('nothing was found', () => {
  expect([{}, { results: [] }, { results: null, error: null }].map((it) => readWebSearch(found(it)))).toEqual([
    [],
    [],
    [],
  ]);
});

test.each<[string, object, string]>([
  ['the call', { error: { code: -32_000, message: 'No.' } }, "Kiro's web search failed: No."],
  ['the call at length', { error: { message: 'N'.repeat(9000) } }, `Kiro's web search failed: ${'N'.repeat(200)}`],
  ['the tool', says('Too many.', { isError: true }), "Kiro's web search failed: Too many."],
  ['the search', found({ results: [], error: 'Away.' }), "Kiro's web search failed: Away."],
  ['the form', says('<html>'), "Kiro's web search failed: its results are not JSON."],
  ['the answer', {}, 'result is required'],
])('a failure of %s is no empty result', (_, answer, words) => {
  const read = (): unknown => {
    try {
      return readWebSearch(answer);
    } catch (thrown) {
      return told(thrown);
    }
  };
  expect(read()).toContain(`upstream-protocol: ${words}`);
});
