/** Reading the messages of OpenAI's Chat Completions API: one line per form that clients send. */

import type { Block, UserPart } from '../../src/core/conversation.js';
import { openaiChat } from '../../src/dialects/openai-chat.js';
import { factsOf, request } from './support.js';

const { messages, refused } = factsOf(openaiChat);
const PNG = 'data:image/png;base64,aGk=';
const IMAGE = { type: 'image', format: 'png', data: 'aGk=' } as const;

const text = (it: string) => ({ type: 'text', text: it }) as const;
const userPart = (title: string, part: object, parts: readonly UserPart[], notes: readonly string[] = []) =>
  messages(title, [{ role: 'user', content: [part] }], [{ role: 'user', parts }], notes);
const assistant = (title: string, message: object, blocks: readonly Block[], notes: readonly string[] = []) =>
  messages(title, [{ role: 'assistant', ...message }], [{ role: 'assistant', blocks }], notes);

messages(
  'the names of those who speak are not told to the model, but the client learns of it',
  [{ role: 'user', name: 'ann', content: 'hi' }],
  [{ role: 'user', parts: [text('hi')] }],
  ['ignored=messages.name'],
);
messages(
  'the name of a tool is nothing that is ignored',
  [{ role: 'tool', name: 'look', tool_call_id: 'c1', content: 'a' }],
  [{ role: 'user', parts: [{ type: 'tool-result', id: 'c1', content: [text('a')], isError: false }] }],
);

// User parts
userPart('a text part is text', text('hi'), [text('hi')]);
userPart('an empty text part is passed over', text(''), []);
userPart('a data URL is an image', { type: 'image_url', image_url: { url: PNG, detail: 'low' } }, [IMAGE]);
userPart('an image URL may be a bare string', { type: 'image_url', image_url: PNG }, [IMAGE]);
userPart(
  'an image on the web is left out and both sides are told',
  { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
  [text('[image left out: https://example.com/a.png]')],
  ['images-left-out=url'],
);
userPart(
  'a data URL without base64 is left out',
  { type: 'image_url', image_url: { url: 'data:image/svg+xml,<svg/>' } },
  [text('[image left out: data:image/svg+xml,<svg/>]')],
  ['images-left-out=url'],
);
userPart(
  'an image of another type is left out',
  { type: 'image_url', image_url: { url: 'data:image/bmp;base64,aGk=' } },
  [text('[image left out: image/bmp is not supported]')],
  ['images-left-out=image/bmp'],
);
userPart(
  'a file with a data URL is a document',
  { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,aGk=' } },
  [{ type: 'document', name: 'a.pdf', format: 'pdf', data: 'aGk=' }],
);
userPart(
  'a file of bare base64 is known by its name',
  { type: 'file', file: { filename: 'a.csv', file_data: 'aGk=' } },
  [{ type: 'document', name: 'a.csv', format: 'csv', data: 'aGk=' }],
);
userPart(
  'a file of another type of text is a text',
  { type: 'file', file: { filename: 'a.py', file_data: 'data:text/x-python;base64,aGk=' } },
  [{ type: 'document', name: 'a.py', format: 'txt', data: 'aGk=' }],
);
userPart('so is JSON', { type: 'file', file: { filename: 'a.json', file_data: 'data:application/json;base64,aGk=' } }, [
  { type: 'document', name: 'a.json', format: 'txt', data: 'aGk=' },
]);
userPart('a file may be an image', { type: 'file', file: { filename: 'a.png', file_data: PNG } }, [IMAGE]);
userPart('and so it is when only its name says so', { type: 'file', file: { filename: 'a.PNG', file_data: 'aGk=' } }, [
  IMAGE,
]);
userPart('a part in the words of the Responses API is what it is there', { type: 'input_text', text: 'hi' }, [
  text('hi'),
]);
userPart(
  'a file by id is left out',
  { type: 'file', file: { file_id: 'file-1' } },
  [text('[document left out: file-1]')],
  ['documents-left-out=file'],
);
userPart('a refusal is text', { type: 'refusal', refusal: 'No.' }, [text('No.')]);
userPart('an unknown part keeps its text', { type: 'odd', text: 'a' }, [text('a')], ['unknown-block=odd']);
userPart(
  'an image in Anthropic form is an image',
  { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } },
  [IMAGE],
);
userPart(
  'a tool result in Anthropic form is a tool result',
  { type: 'tool_result', tool_use_id: 't1', content: 'ok' },
  [{ type: 'tool-result', id: 't1', content: [text('ok')], isError: false }],
);

// Assistant messages
assistant('an answer is text', { content: 'ok' }, [text('ok')]);
assistant('an answer may be parts', { content: [text('a'), { type: 'refusal', refusal: 'No.' }] }, [
  text('a'),
  text('No.'),
]);
assistant('a refusal is text', { content: null, refusal: 'No.' }, [text('No.')]);
assistant('what was spoken is told to be missing', { audio: { id: 'a' } }, [], ['unknown-block=audio']);
const CALL = { id: 'c1', type: 'function', function: { name: 'look', arguments: '{"at": 1}' } };
const TOOL_CALL = { type: 'tool-call', id: 'c1', name: 'look', input: '{"at": 1}' } as const;
assistant('a call may come with null', { content: null, tool_calls: [CALL] }, [TOOL_CALL]);
assistant('a call may come with an empty string', { content: '', tool_calls: [CALL] }, [TOOL_CALL]);
assistant('a call may come without content', { tool_calls: [CALL] }, [TOOL_CALL]);
assistant('reasoning, text and calls keep this order', { content: 'ok', reasoning_content: 'hm', tool_calls: [CALL] }, [
  { type: 'reasoning', text: 'hm', signature: '' },
  text('ok'),
  TOOL_CALL,
]);
assistant('a cut call keeps its bytes', { tool_calls: [{ ...CALL, function: { name: 'look', arguments: '{"at' } }] }, [
  { ...TOOL_CALL, input: '{"at' },
]);
assistant(
  'a call without arguments has an empty object',
  { tool_calls: [{ ...CALL, function: { name: 'look', arguments: '' } }] },
  [{ ...TOOL_CALL, input: '{}' }],
);
assistant(
  'the text of a custom call becomes a field',
  { tool_calls: [{ id: 'c1', type: 'custom', custom: { name: 'look', input: 'a "b"' } }] },
  [{ ...TOOL_CALL, input: '{"input":"a \\"b\\""}' }],
);
assistant(
  'a tool use in Anthropic form is a call',
  { content: [{ type: 'tool_use', id: 'c1', name: 'look', input: { at: 1 } }] },
  [{ ...TOOL_CALL, input: '{"at":1}' }],
);

// Tool results
const toolResult = (id: string, content: readonly (ReturnType<typeof text> | typeof IMAGE)[]) =>
  ({ type: 'tool-result', id, content, isError: false }) as const;
messages(
  'tool messages in a row are one message, and text after them another',
  [
    { role: 'tool', tool_call_id: 'c1', content: 'a' },
    { role: 'tool', tool_call_id: 'c2', content: [text('b'), { type: 'image_url', image_url: { url: PNG } }] },
    { role: 'tool', tool_call_id: 'c3' },
    { role: 'user', content: 'Go on.' },
  ],
  [
    {
      role: 'user',
      parts: [toolResult('c1', [text('a')]), toolResult('c2', [text('b'), IMAGE]), toolResult('c3', [])],
    },
    { role: 'user', parts: [text('Go on.')] },
  ],
);
messages(
  'an old function call and its result find each other',
  [
    { role: 'assistant', content: null, function_call: { name: 'look', arguments: '{}' } },
    { role: 'function', name: 'look', content: 'a' },
    { role: 'assistant', content: null, function_call: { name: 'look', arguments: '{}' } },
    { role: 'function', name: 'look', content: 'b' },
  ],
  [
    { role: 'assistant', blocks: [{ type: 'tool-call', id: 'function_call_1', name: 'look', input: '{}' }] },
    { role: 'user', parts: [toolResult('function_call_1', [text('a')])] },
    { role: 'assistant', blocks: [{ type: 'tool-call', id: 'function_call_2', name: 'look', input: '{}' }] },
    { role: 'user', parts: [toolResult('function_call_2', [text('b')])] },
  ],
);

// Complaints
const wrong = (path: string, complaint: string, fields: object) =>
  refused(`${path} ${complaint}`, request(fields), `${path}: ${complaint}`, path);
const wrongMessage = (path: string, complaint: string, message: unknown) =>
  wrong(`messages[0]${path}`, complaint, { messages: [message] });
const wrongPart = (path: string, complaint: string, part: unknown) =>
  wrongMessage(`.content[0]${path}`, complaint, { role: 'user', content: [part] });
const wrongCall = (path: string, complaint: string, call: unknown) =>
  wrongMessage(`.tool_calls[0]${path}`, complaint, { role: 'assistant', tool_calls: [call] });

wrongMessage('', 'must be an object, not "hi"', 'hi');
wrongMessage('.role', 'must be one of system, developer, user, assistant, tool, function, not "robot"', {
  role: 'robot',
});
wrongMessage('.content', 'must be a string or a list of parts', { role: 'user', content: { text: 'hi' } });
wrongMessage('.content', 'must be a string or a list of parts', { role: 'user', content: null });
wrongMessage('.content', 'must be a string or a list of parts', { role: 'assistant', content: 5 });
wrongMessage('.tool_call_id', 'is required and must be a string', { role: 'tool', content: 'a' });
wrongMessage('.reasoning_content', 'must be a string, not a list', { role: 'assistant', reasoning_content: [] });
wrongMessage('.tool_calls', 'must be a list, not an object', { role: 'assistant', tool_calls: {} });
wrongPart('.type', 'is required and must be a string', { text: 'hi' });
wrongPart('.text', 'must be a string, not 5', { type: 'text', text: 5 });
wrongPart('.image_url', 'is required and must be an object', { type: 'image_url' });
wrongPart('.image_url.url', 'is required and must be a string', { type: 'image_url', image_url: {} });
wrongPart('.image_url.url', 'must hold base64 data', { type: 'image_url', image_url: { url: `${PNG}!` } });
wrongPart('.file.file_data', 'must hold base64 data', { type: 'file', file: { file_data: 'https://example.com' } });
wrongPart('', 'Kiro does not listen to audio; send text.', { type: 'input_audio', input_audio: {} });
wrongCall('.id', 'is required and must be a string', { function: { name: 'a', arguments: '' } });
wrongCall('.function', 'is required and must be an object', { id: 'c1' });
wrongCall('.function.name', 'must not be empty', { id: 'c1', function: { name: '' } });
wrongCall('.function.arguments', 'must be a string, not an object', {
  id: 'c1',
  function: { name: 'a', arguments: {} },
});
wrongCall('.custom.input', 'is required and must be a string', { id: 'c1', custom: { name: 'a' } });
