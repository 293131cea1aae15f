/** Reading the blocks of Anthropic's messages: one line per form that clients send. */

import { expect, test } from '@jest/globals';
import type { UserPart } from '../../src/core/conversation.js';
import { anthropicMessages } from '../../src/dialects/anthropic-messages.js';
import { PNG as PIXEL } from '../support/images.js';
import { factsOf, read, request } from './support.js';

const { messages, refused } = factsOf(anthropicMessages);
const PNG = { type: 'base64', media_type: 'image/png', data: 'aGk=' };
const IMAGE = { type: 'image', format: 'png', data: 'aGk=' } as const;

const text = (it: string) => ({ type: 'text', text: it }) as const;
const userPart = (title: string, block: object, parts: readonly UserPart[], notes: readonly string[] = []) =>
  messages(title, [{ role: 'user', content: [block] }], [{ role: 'user', parts }], notes);

// User blocks
userPart('a text block is text', text('hi'), [text('hi')]);
userPart('an empty text block is passed over', text(''), []);
userPart('a base64 image is an image', { type: 'image', source: PNG }, [IMAGE]);
userPart('image/jpg is jpeg', { type: 'image', source: { ...PNG, media_type: 'image/jpg' } }, [
  { ...IMAGE, format: 'jpeg' },
]);
userPart(
  'an image is what its bytes say',
  { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: PIXEL } },
  [{ type: 'image', format: 'png', data: PIXEL }],
);
userPart(
  'an image by URL is left out and both sides are told',
  { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
  [text('[image left out: https://example.com/a.png]')],
  ['images-left-out=url'],
);
userPart(
  'a URL may hold the image itself',
  { type: 'image', source: { type: 'url', url: 'data:image/png;base64,aGk=' } },
  [IMAGE],
);
userPart(
  'an image by file id is left out',
  { type: 'image', source: { type: 'file', file_id: 'file_1' } },
  [text('[image left out: file_1]')],
  ['images-left-out=file'],
);
userPart(
  'an image of another type is left out',
  { type: 'image', source: { ...PNG, media_type: 'image/svg+xml' } },
  [text('[image left out: image/svg+xml is not supported]')],
  ['images-left-out=image/svg+xml'],
);
userPart(
  'a PDF is a document named by its title',
  { type: 'document', title: 'Plan', source: { type: 'base64', media_type: 'application/pdf', data: 'aGk=' } },
  [{ type: 'document', name: 'Plan', format: 'pdf', data: 'aGk=' }],
);
userPart(
  'a text document becomes a file, after its context',
  { type: 'document', context: 'Read it.', source: { type: 'text', media_type: 'text/plain', data: 'hi' } },
  [text('Read it.'), { type: 'document', name: 'document', format: 'txt', data: 'aGk=' }],
);
userPart('an empty text document is passed over', { type: 'document', source: { type: 'text', data: '' } }, []);
userPart(
  'a document of blocks is its blocks',
  { type: 'document', source: { type: 'content', content: [text('a'), { type: 'image', source: PNG }] } },
  [text('a'), IMAGE],
);
userPart(
  'a document of blocks keeps its title',
  { type: 'document', title: 'Plan', source: { type: 'content', content: [text('a')] } },
  [text('Plan'), text('a')],
);
userPart('a document of one string is its text', { type: 'document', source: { type: 'content', content: 'a' } }, [
  text('a'),
]);
userPart(
  'a document by URL is left out',
  { type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } },
  [text('[document left out: https://example.com/a.pdf]')],
  ['documents-left-out=url'],
);
userPart(
  'a document of an unknown type is left out',
  { type: 'document', source: { type: 'base64', media_type: 'application/zip', data: 'aGk=' } },
  [text('[document left out: application/zip is not supported]')],
  ['documents-left-out=application/zip'],
);
userPart(
  'the ending of the title helps where the media type says nothing',
  {
    type: 'document',
    title: 'notes.MD',
    source: { type: 'base64', media_type: 'application/octet-stream', data: 'aGk=' },
  },
  [{ type: 'document', name: 'notes.MD', format: 'md', data: 'aGk=' }],
);
userPart(
  'a search result is text with its title and source',
  { type: 'search_result', title: 'Cats', source: 'https://example.com', content: [text('They purr.')] },
  [text('Cats\nhttps://example.com\nThey purr.')],
);
userPart(
  'citations that are wanted are told to be missing',
  { type: 'document', citations: { enabled: true }, source: { type: 'content', content: 'a' } },
  [text('a')],
  ['ignored=citations'],
);
userPart(
  'an unknown block keeps its text',
  { type: 'hologram', content: [text('a'), { type: 'x', title: 'b' }] },
  [text('a\nb')],
  ['unknown-block=hologram'],
);
userPart('an unknown block without text is passed over', { type: 'beam', id: 1 }, [], ['unknown-block=beam']);
userPart('a name in a notice cannot split the header', { type: 'a,b\r\nc: ü' }, [], ['unknown-block=a_b__c:__']);

// Tool results
const result = { type: 'tool_result', tool_use_id: 't1' };
const resultPart = (content: readonly (ReturnType<typeof text> | typeof IMAGE)[], isError = false) =>
  [{ type: 'tool-result', id: 't1', content, isError }] as const;
userPart('a tool result may be a string', { ...result, content: 'ok' }, resultPart([text('ok')]));
userPart('a tool result may have no content', result, resultPart([]));
userPart('a failed tool result says so', { ...result, content: 'no', is_error: true }, resultPart([text('no')], true));
userPart(
  'a tool result may hold blocks',
  { ...result, content: [text('a'), { type: 'image', source: PNG }], is_error: false },
  resultPart([text('a'), IMAGE]),
);
userPart(
  'a tool reference is told in words',
  { ...result, content: [{ type: 'tool_reference', tool_name: 'WebSearch' }] },
  resultPart([text('Tool WebSearch is available.')]),
);
messages(
  'a file in a container of Anthropic’s is left out, and both are told',
  [{ role: 'user', content: [{ type: 'container_upload', file_id: 'file_1' }] }],
  [{ role: 'user', parts: [text('[document left out: file_1]')] }],
  ['documents-left-out=container_upload'],
);
messages(
  'text may follow a tool result in one message',
  [{ role: 'user', content: [{ ...result, content: 'ok' }, text('Go on.')] }],
  [{ role: 'user', parts: [...resultPart([text('ok')]), text('Go on.')] }],
);

// Assistant blocks
const assistant = (title: string, content: unknown, blocks: readonly object[], notes: readonly string[] = []) =>
  test(title, () => {
    const found = read(anthropicMessages, request({ messages: [{ role: 'assistant', content }] }));
    expect([found.conversation.messages, found.notices]).toEqual([[{ role: 'assistant', blocks }], notes]);
  });
assistant('an assistant prefill may come last', 'Sure,', [text('Sure,')]);
assistant('bare strings may stand in the list', ['Sure,', '', text('go.')], [text('Sure,'), text('go.')]);
assistant(
  'a summary that Anthropic wrote of earlier turns is text; a failed one is nothing',
  [
    { type: 'compaction', content: 'They talked.' },
    { type: 'compaction', content: null },
  ],
  [text('They talked.')],
);
assistant(
  'thinking keeps its signature',
  [{ type: 'thinking', thinking: 'hm', signature: 'c2ln' }],
  [{ type: 'reasoning', text: 'hm', signature: 'c2ln' }],
);
assistant(
  'thinking without a signature has none',
  [{ type: 'thinking', thinking: 'hm' }],
  [{ type: 'reasoning', text: 'hm', signature: '' }],
);
assistant(
  'our placeholder is no signature',
  [{ type: 'thinking', thinking: 'hm', signature: 'kiro-gateway:unsigned' }],
  [{ type: 'reasoning', text: 'hm', signature: '' }],
);
assistant(
  'hidden thinking that is signed is kept',
  [{ type: 'thinking', thinking: '', signature: 'c2ln' }],
  [{ type: 'reasoning', text: '', signature: 'c2ln' }],
);
assistant('thinking with neither text nor signature is none', [{ type: 'thinking', thinking: '' }], []);
assistant(
  'redacted thinking keeps its data',
  [{ type: 'redacted_thinking', data: 'ZGF0YQ==' }],
  [{ type: 'redacted-reasoning', data: 'ZGF0YQ==' }],
);
assistant(
  'a tool use becomes JSON text',
  [{ type: 'tool_use', id: 't1', name: 'look', input: { at: [1, 'ü'] } }],
  [{ type: 'tool-call', id: 't1', name: 'look', input: '{"at":[1,"ü"]}' }],
);
assistant(
  'a tool use whose input is no object comes back as the model wrote it',
  [{ type: 'tool_use', id: 't1', name: 'look', input: [1, 'ü'] }],
  [{ type: 'tool-call', id: 't1', name: 'look', input: '[1,"ü"]' }],
);
assistant(
  'a cut tool use comes back as it was received',
  [{ type: 'tool_use', id: 't1', name: 'look', input: { __unparsedToolInput: { raw: '{"at":[1', len: 8 } } }],
  [{ type: 'tool-call', id: 't1', name: 'look', input: '{"at":[1' }],
);
assistant(
  'a search and its result become one, without an excerpt that is not ours',
  [
    { type: 'server_tool_use', id: 's1', name: 'web_search', input: { query: 'cats' } },
    {
      type: 'web_search_tool_result',
      tool_use_id: 's1',
      content: [
        {
          type: 'web_search_result',
          title: 'Cats',
          url: 'https://example.com',
          encrypted_content: 'x',
          page_age: { toString: 1 },
        },
      ],
    },
  ],
  [
    {
      type: 'web-search',
      id: 's1',
      query: 'cats',
      results: [{ title: 'Cats', url: 'https://example.com', snippet: '', publishedAt: undefined }],
    },
  ],
);
assistant(
  'a result whose search is gone stays, and so does its failure',
  [
    {
      type: 'web_search_tool_result',
      tool_use_id: 's1',
      content: { type: 'web_search_tool_result_error', error_code: 'too_many_requests' },
    },
  ],
  [{ type: 'web-search', id: 's1', query: '', results: [], failure: 'unavailable' }],
);
assistant(
  'other server tools and their results become text',
  [
    { type: 'server_tool_use', id: 's1', name: 'web_fetch', input: { url: 'https://example.com' } },
    { type: 'web_fetch_tool_result', tool_use_id: 's1', content: { type: 'web_fetch_result', url: 'https://a.b' } },
  ],
  [text('[web_fetch {"url":"https://example.com"}]'), text('https://a.b')],
);
assistant(
  'the text of a page that Anthropic fetched stays',
  [
    {
      type: 'web_fetch_tool_result',
      tool_use_id: 's1',
      content: {
        type: 'web_fetch_result',
        url: 'https://a.b',
        content: { type: 'document', title: 'T', source: { type: 'text', media_type: 'text/plain', data: 'Page.' } },
      },
    },
  ],
  [text('https://a.b\nT\nPage.')],
);
assistant(
  'of a page in base64 only its address and title stay',
  [
    {
      type: 'web_fetch_tool_result',
      tool_use_id: 's1',
      content: {
        type: 'web_fetch_result',
        url: 'https://a.b',
        content: {
          type: 'document',
          title: 'T',
          source: { type: 'base64', media_type: 'application/pdf', data: 'aGk=' },
        },
      },
    },
  ],
  [text('https://a.b\nT')],
);
assistant(
  'the lines that an edit changed and the reason of a failure stay',
  [
    {
      type: 'text_editor_code_execution_tool_result',
      tool_use_id: 's1',
      content: { type: 'text_editor_code_execution_str_replace_result', lines: ['-a', '+b'], old_start: 1 },
    },
    {
      type: 'text_editor_code_execution_tool_result',
      tool_use_id: 's2',
      content: {
        type: 'text_editor_code_execution_tool_result_error',
        error_code: 'unavailable',
        error_message: 'Gone.',
      },
    },
  ],
  [text('-a\n+b'), text('unavailable\nGone.')],
);
assistant('an unknown block keeps its text', [{ type: 'odd', text: 'a' }], [text('a')], ['unknown-block=odd']);

// Complaints
const wrong = (path: string, complaint: string, fields: object) =>
  refused(`${path} ${complaint}`, request(fields), `${path}: ${complaint}`, path);
const wrongBlock = (path: string, complaint: string, block: unknown) =>
  wrong(`messages[0].content[0]${path}`, complaint, { messages: [{ role: 'user', content: [block] }] });
const wrongAssistant = (path: string, complaint: string, block: unknown) =>
  wrong(`messages[0].content[0]${path}`, complaint, { messages: [{ role: 'assistant', content: [block] }] });

wrongBlock('', 'must be an object, not 5', 5);
wrongBlock('.type', 'is required and must be a string', { text: 'a' });
wrongBlock('.text', 'is required and must be a string', { type: 'text' });
wrongBlock('.source', 'is required and must be an object', { type: 'image' });
wrongBlock('.source.media_type', 'must be a string, not 5', { type: 'image', source: { ...PNG, media_type: 5 } });
userPart('base64 may be broken into lines', { type: 'image', source: { ...PNG, data: 'aG\r\nk=\n' } }, [IMAGE]);
wrongBlock('.source.data', 'must hold base64 data', { type: 'image', source: { ...PNG, data: 'no base64' } });
wrongBlock('.source.data', 'must hold base64 data', { type: 'image', source: { ...PNG, data: '' } });
wrongBlock('.source.data', 'must hold base64 data', { type: 'image', source: { ...PNG, data: 'a=bc' } });
wrongBlock('.source.data', 'must hold base64 data', { type: 'image', source: { ...PNG, data: 'abcde' } });
wrongBlock('.title', 'must be a string, not 1', { type: 'document', title: 1, source: { type: 'text', data: 'a' } });
wrongBlock('.source.data', 'is required and must be a string', { type: 'document', source: { type: 'text' } });
wrongBlock('.tool_use_id', 'is required and must be a string', { type: 'tool_result', content: '' });
wrongBlock('.is_error', 'must be true or false, not "no"', { ...result, is_error: 'no' });
wrongBlock('.content[0].text', 'must be a string, not null', { ...result, content: [{ type: 'text', text: null }] });
wrongBlock('.tool_name', 'is required and must be a string', { type: 'tool_reference' });
wrongAssistant('.thinking', 'is required and must be a string', { type: 'thinking', signature: 'a' });
wrongAssistant('.signature', 'must be a string, not 1', { type: 'thinking', thinking: 'a', signature: 1 });
wrongAssistant('.data', 'must not be empty', { type: 'redacted_thinking', data: '' });
wrongAssistant('.id', 'must not be empty', { type: 'tool_use', id: '', name: 'a', input: {} });
wrongAssistant('.name', 'is required and must be a string', { type: 'tool_use', id: 't1', input: {} });
