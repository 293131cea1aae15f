/** Reasoning in tags at the beginning of a text: what it is taken apart into, wherever the text is cut. */

import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { createTagReader, type TagPiece } from '../../src/kiro/answer-text.js';

/** Pieces in short: `t:` text, `r:` reasoning, `g:` gap, `<>` a tag. */
type Short = readonly string[];

function shorten(pieces: readonly TagPiece[]): Short {
  const short: string[] = [];
  let last: TagPiece['kind'] | undefined;
  for (const { kind, text } of pieces) {
    if (kind === last && kind !== 'tag') short.push(`${short.pop() ?? ''}${text}`);
    else short.push(kind === 'tag' ? text : `${kind.charAt(0)}:${text}`);
    last = kind;
  }
  return short;
}

function readAll(chunks: readonly string[]): Short {
  const reader = createTagReader();
  return shorten([...chunks.flatMap((chunk) => reader.push(chunk)), ...reader.end()]);
}

/** The text as one, and cut in two at every place. */
function check(title: string, text: string, expected: Short): void {
  test(title, () => {
    const cuts = Array.from({ length: text.length + 1 }, (_, at) => [text.slice(0, at), text.slice(at)]);
    expect([[text], ...cuts].map(readAll)).toEqual([expected, ...cuts.map(() => expected)]);
  });
}

check('a text without tags is text', 'Hello.', ['t:Hello.']);
check('nothing is nothing', '', []);
for (const name of ['thinking', 'think', 'reasoning', 'thought']) {
  check(`<${name}> is a tag`, `<${name}>hm</${name}>yes`, [`<${name}>`, 'r:hm', `</${name}>`, 't:yes']);
}
check('white space around the tags is a gap', ' \n<think>\nhm\n</think>\n\nyes \n', [
  'g: \n',
  '<think>',
  'r:\nhm\n',
  '</think>',
  'g:\n\n',
  't:yes \n',
]);
check('only the tag that fits closes', '<think>a</thinking>b</think>c', [
  '<think>',
  'r:a</thinking>b',
  '</think>',
  't:c',
]);
check('an opening tag inside is reasoning', '<think><think>a</think>b', ['<think>', 'r:<think>a', '</think>', 't:b']);
check('a tag later in the text is text', 'a<think>b</think>', ['t:a<think>b</think>']);
check('a second pair of tags is text', '<think>a</think>b<think>c</think>', [
  '<think>',
  'r:a',
  '</think>',
  't:b<think>c</think>',
]);
check('a second pair of tags right behind the first is text', '<think>a</think> <think>b', [
  '<think>',
  'r:a',
  '</think>',
  'g: ',
  't:<think>b',
]);
check('a closing tag without an opening one is text', '</think>a', ['t:</think>a']);
check('a tag in a code fence is text', '```\n<think>a</think>\n```', ['t:```\n<think>a</think>\n```']);
check('a quoted tag is text', '`<think>` is a tag.', ['t:`<think>` is a tag.']);
check('another tag is text', '<thinker>a</thinker>', ['t:<thinker>a</thinker>']);
check('capitals are no tag', '<THINK>a', ['t:<THINK>a']);
check('the beginning of a tag alone is text', ' <thin', ['t: <thin']);
check('white space alone is text', ' \n', ['t: \n']);
check('reasoning that is never closed is reasoning', '<think>a</thi', ['<think>', 'r:a</thi']);
check('empty reasoning is none', '<think></think>a', ['<think>', '</think>', 't:a']);
check('reasoning alone', '<think>a</think>', ['<think>', 'r:a', '</think>']);
check('a quoted closing tag does not close', '<think>write `</think>` at the end</think>a', [
  '<think>',
  'r:write `</think>` at the end',
  '</think>',
  't:a',
]);
check('a closing tag behind a quotation closes', '<think>he said "a"</think>yes', [
  '<think>',
  'r:he said "a"',
  '</think>',
  't:yes',
]);
check('a closing tag behind a quotation closes at the end', '<think>he said "a"</think>', [
  '<think>',
  'r:he said "a"',
  '</think>',
]);

const FENCED = '<think>so:\n```\n</think>\n```\nyes</think>\n\nHello';
check('a closing tag in a code fence does not close', FENCED, [
  '<think>',
  'r:so:\n```\n</think>\n```\nyes',
  '</think>',
  'g:\n\n',
  't:Hello',
]);
check('an empty line tells that the fence was forgotten', '<think>so:\n~~~ts\na</think>\n\nHello', [
  '<think>',
  'r:so:\n~~~ts\na',
  '</think>',
  'g:\n\n',
  't:Hello',
]);
check('an empty line may end as on Windows', '<think>```\r\na</think>\r\n\r\nHello', [
  '<think>',
  'r:```\r\na',
  '</think>',
  'g:\r\n\r\n',
  't:Hello',
]);
check('so does the end', '<think>```\na\n</think>\n', ['<think>', 'r:```\na\n', '</think>', 'g:\n']);
check('backticks in the middle of a line are no fence', '<think>a ``` b</think>c', [
  '<think>',
  'r:a ``` b',
  '</think>',
  't:c',
]);

test('white space is not held back for ever', () => {
  expect(createTagReader().push(' '.repeat(1001))).toEqual([{ kind: 'text', text: ' '.repeat(1001) }]);
});

// --- laws

const scrap = fc.oneof(
  fc.constantFrom('<think>', '</think>', '<thinking>', '</thinking>', '<reasoning>', '</reasoning>', '<thought>'),
  fc.constantFrom('<', '</', '<th', 'ink', '>', ' ', '\n', '`', '"', "'", '```', 'a', '👍', '漢', '\ud83d', '\ude00'),
);
const anyText = fc
  .tuple(fc.constantFrom('', ' ', '<think>', '<thinking>', '\n<reasoning>'), fc.array(scrap, { maxLength: 14 }))
  .map(([start, scraps]) => start + scraps.join(''));
const places = fc.array(fc.nat(60), { maxLength: 8 });

function cut(text: string, at: readonly number[]): readonly string[] {
  const edges = [0, ...at.filter((it) => it < text.length).toSorted((one, other) => one - other), text.length];
  return edges.slice(1).map((end, index) => text.slice(edges[index], end));
}

test('any cutting of the text gives the same', () => {
  fc.assert(
    fc.property(anyText, places, (text, at) => {
      expect(readAll(cut(text, at))).toEqual(readAll([text]));
      expect(readAll(text.split(''))).toEqual(readAll([text]));
    }),
    { numRuns: 400 },
  );
});

test('nothing is lost: the pieces are the text', () => {
  fc.assert(
    fc.property(anyText, places, (text, at) => {
      const reader = createTagReader();
      const pieces = [...cut(text, at).flatMap((it) => reader.push(it)), ...reader.end()];
      expect(pieces.map((piece) => piece.text).join('')).toBe(text);
      expect(pieces.filter((piece) => piece.text === '')).toEqual([]);
    }),
  );
});

test('no more is held back than what may become a tag, and no character is let go in halves', () => {
  fc.assert(
    fc.property(anyText, places, (text, at) => {
      // A half that is alone in the text itself has no other half to wait for.
      fc.pre(text.isWellFormed());
      const reader = createTagReader();
      let pushed = '';
      let given = '';
      for (const chunk of cut(text, at)) {
        pushed += chunk;
        const pieces = reader.push(chunk);
        given += pieces.map((piece) => piece.text).join('');
        expect(pushed.slice(given.length)).toMatch(
          /^(?:\s*(?:<\/?[a-z]*)?|<\/[a-z]+>[ \t]*\r?\n?[ \t]*|[\ud800-\udbff](?:<\/?[a-z]*)?)$/,
        );
        expect(pieces.filter((piece) => /[\ud800-\udbff]$/.test(piece.text) && piece.kind !== 'reasoning')).toEqual([]);
      }
    }),
    { numRuns: 200 },
  );
});

test('after its end everything is text', () => {
  const reader = createTagReader();
  expect([reader.push('<thi'), reader.end(), reader.push('<think>a'), reader.end()]).toEqual([
    [],
    [{ kind: 'text', text: '<thi' }],
    [{ kind: 'text', text: '<think>a' }],
    [],
  ]);
});
