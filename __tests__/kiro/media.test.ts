/** Which image or document Kiro meant: it names none. */

import { expect, test } from '@jest/globals';
import type { Document, Image, UserPart } from '../../src/core/conversation.js';
import { nameOffender } from '../../src/kiro/media.js';
import { assistant, modelNamed, user } from '../support/requests.js';

const PNG = Buffer.concat([Buffer.from('\u0089PNG\r\n\u001a\n', 'latin1'), Buffer.alloc(30)]).toString('base64');
const image = (format: Image['format'], data = PNG): Image => ({ type: 'image', format, data });
const paper = (name: string, data: string): Document => ({ type: 'document', name, format: 'pdf', data });
const result = (content: Image): UserPart => ({ type: 'tool-result', id: 't', content: [content], isError: false });
const text: UserPart = { type: 'text', text: 'Look.' };

const MODEL = modelNamed('auto');
const HISTORY = [
  user(text, image('png')),
  assistant({ type: 'text', text: 'I see.' }),
  user(result(image('gif'))),
  user(image('png', 'A'.repeat(2_000_000)), paper('plan', 'A'.repeat(4_000_000)), paper('note', 'AAAA')),
];

test.each([
  ['IMAGE_SIZE_EXCEEDED', 'It is image 3 of 3, a PNG of 1.5 MB in message 4.'],
  ['IMAGE_DIMENSION_EXCEEDED', 'It is image 3 of 3, a PNG of 1.5 MB in message 4.'],
  ['IMAGE_MIME_MISMATCH', 'It is image 2 of 3, a GIF of 0.0 MB in message 3.'],
  ['IMAGE_FORMAT_UNSUPPORTED', 'It is image 2 of 3, a GIF of 0.0 MB in message 3.'],
  ['IMAGE_COUNT_EXCEEDED', 'There are 3 images in the conversation.'],
  ['DOCUMENT_SIZE_EXCEEDED', 'It is document 1 of 2, "plan" of 3.0 MB in message 4.'],
  ['DOCUMENT_MAXIMUM_PAGES_EXCEEDED', 'It is document 1 of 2, "plan" of 3.0 MB in message 4.'],
  ['DOCUMENT_PASSWORD_PROTECTED', 'There are 2 documents in the conversation.'],
  ['REQUEST_BODY_INVALID', undefined],
  ['', undefined],
])('%s', (reason, expected) => {
  expect(nameOffender(reason, HISTORY, MODEL)).toBe(expected);
});

test('the only one is the one', () => {
  expect(nameOffender('DOCUMENT_PASSWORD_PROTECTED', [user(paper('plan', 'AAAA'))], MODEL)).toBe(
    'It is document 1 of 1, "plan" of 0.0 MB in message 1.',
  );
});

test('without any there is none to name', () => {
  expect(nameOffender('IMAGE_SIZE_EXCEEDED', [user(text)], MODEL)).toBeUndefined();
});

test('what the gateway itself has left out is not what Kiro refused', () => {
  const messages = [
    user(image('png', 'A'.repeat(14_000_000))),
    user(image('gif', 'A'.repeat(12_000_000)), image('png')),
  ];
  expect(nameOffender('IMAGE_SIZE_EXCEEDED', messages, MODEL)).toBe(
    'It is image 1 of 2, a GIF of 9.0 MB in message 2.',
  );
});
