/** The body of a request: its shape, what it says besides the history, and the referee's word on it. */

import { expect, test } from '@jest/globals';
import type { Conversation, Document, UserPart } from '../../src/core/conversation.js';
import type { RequestContext } from '../../src/kiro/request.js';
import { checkChatRequest } from '../support/rules.js';
import { serialiseOfficially } from '../support/official-client.js';
import {
  assistant,
  bodyFor,
  call,
  failed,
  modelNamed,
  paper,
  png,
  PNG,
  PROFILE,
  requestFor,
  result,
  user,
} from '../support/requests.js';

const message = (content: string, rest: object = {}) => ({
  content,
  modelId: 'claude-sonnet-4.5',
  origin: 'AI_EDITOR',
  ...rest,
});
const asked = (content: string, rest: object = {}) => ({ userInputMessage: message(content, rest) });
const answered = (content: string, rest: object = {}) => ({ assistantResponseMessage: { content, ...rest } });

/** The whole conversation as Kiro gets it: history and current message in one list. */
function turns(title: string, fields: Partial<Conversation>, expected: readonly object[]): void {
  test(title, () => {
    const body = bodyFor(fields);
    const { history = [], currentMessage } = body.conversationState;
    expect([...history, currentMessage]).toEqual(expected);
    expect(checkChatRequest(body)).toBe(undefined);
  });
}

test('a body, whole', async () => {
  const body = bodyFor(
    {
      system: ['Be kind.', 'Be brief.'],
      messages: [
        user('look', png),
        assistant(
          'Looking.',
          { type: 'reasoning', text: 'hm', signature: 's' },
          call('t1', '{"city":"Oslo"}', 'weather'),
        ),
        user(failed('t1', 'No.'), 'And?', paper('a.pdf')),
      ],
      tools: [
        {
          name: 'weather',
          description: 'The weather.',
          inputSchema: { type: 'object', properties: { city: { type: 'string' } } },
        },
      ],
      reasoning: { effort: 'high' },
      sessionId: 'session',
    },
    { model: modelNamed('claude-opus-4.6') },
  );
  const modelId = 'claude-opus-4.6';
  expect(body).toEqual({
    conversationState: {
      conversationId: 'd2ccdda0-bc4f-8ae5-a0f1-72715b895656',
      history: [
        asked('Be kind.\n\nBe brief.', { modelId }),
        answered('I will follow these instructions.'),
        asked('look', { modelId, images: [{ format: 'png', source: { bytes: PNG } }] }),
        answered('Looking.', {
          reasoningContent: { reasoningText: { text: 'hm', signature: 's' } },
          toolUses: [{ toolUseId: 't1', name: 'weather', input: { city: 'Oslo' } }],
        }),
      ],
      currentMessage: asked('And?', {
        modelId,
        documents: [{ name: 'a-pdf', format: 'pdf', source: { bytes: 'JVBERi0=' } }],
        userInputMessageContext: {
          tools: [
            {
              toolSpecification: {
                name: 'weather',
                description: 'The weather.',
                inputSchema: { json: { type: 'object', properties: { city: { type: 'string' } } } },
              },
            },
          ],
          toolResults: [{ toolUseId: 't1', content: [{ text: 'No.' }], status: 'error' }],
        },
      }),
      chatTriggerType: 'MANUAL',
      agentContinuationId: 'continuation',
      agentTaskType: 'vibe',
    },
    profileArn: PROFILE,
    additionalModelRequestFields: { output_config: { effort: 'high' }, thinking: { type: 'adaptive' } },
  });
  expect(await serialiseOfficially(body)).toEqual(body);
});

test('an account without a profile says so, and names none', () => {
  const body = bodyFor({ messages: [user('a')] }, { profileArn: undefined });
  expect([body.conversationState.currentMessage, 'profileArn' in body]).toEqual([
    asked('a', { origin: 'KIRO_CLI' }),
    false,
  ]);
});

// --- the system prompt

turns('without a system prompt the history is left out', { messages: [user('a')] }, [asked('a')]);
turns('a system prompt is the first pair', { system: ['s'], messages: [user('a')] }, [
  asked('s'),
  answered('I will follow these instructions.'),
  asked('a'),
]);
turns('blank system texts are nothing', { system: ['', ' \n'], messages: [user('a')] }, [asked('a')]);
turns('an assistant that begins answers the system prompt', { system: ['s'], messages: [assistant('a'), user('b')] }, [
  asked('s'),
  answered('a'),
  asked('b'),
]);
turns('an assistant that begins without a system prompt answers a note', { messages: [assistant('a'), user('b')] }, [
  asked('[The conversation begins with the assistant.]'),
  answered('a'),
  asked('b'),
]);
turns('no messages are one without text', {}, [asked('[no text]')]);
turns('instructions alone are what is asked', { system: ['s', 't'] }, [asked('s\n\nt')]);

// --- the input of calls

function input(title: string, given: string, expected: string): void {
  test(title, () => {
    const { body } = requestFor({ messages: [assistant(call('t1', given)), user(result('t1', 'r'))] });
    expect(body).toContain(`"toolUses":[{"toolUseId":"t1","name":"f","input":${expected}}]`);
  });
}

input('an input is sent as the object it spells', '{"a":[1,{"b":null}]}', '{"a":[1,{"b":null}]}');
input('no input is an empty object', '', '{}');
input('a blank input is an empty object', ' \n', '{}');
input('an input that was cut off is kept as the text it was', '{"a":"It was', '{"unparsedInput":"{\\"a\\":\\"It was"}');
input('a list is wrapped', '[1]', '{"input":[1]}');
input('a text is wrapped', '"a"', '{"input":"a"}');
input('null is wrapped', 'null', '{"input":null}');
input('empty keys are left out at any depth', '{"":1,"a":[{"":2,"b":{"":3}}]}', '{"a":[{"b":{}}]}');
input('empty keys are left out when a blank follows them', '{"" :1,"a":2}', '{"a":2}');
input('empty values stay', '{"a":"","b":[""]}', '{"a":"","b":[""]}');
input('text that looks like an empty key stays', '{"a":"\\"\\":"}', '{"a":"\\"\\":"}');
input('__proto__ is a key like others', '{"__proto__":{"a":1}}', '{"__proto__":{"a":1}}');
input('__proto__ beside an empty key is a key like others', '{"__proto__":{"a":1},"":2}', '{"__proto__":{"a":1}}');

// --- halves of characters

test('halves of characters are replaced anywhere, and nothing else is', () => {
  const half = 'a\ud83d"\\';
  const whole = '👍\\ud83d\\\\ude00';
  const body = bodyFor({
    system: [half, whole],
    messages: [
      assistant(half, call('t1', JSON.stringify({ [half]: half, whole }), 'f')),
      user(result('t1', half), half),
    ],
    tools: [{ name: 'f', description: half, inputSchema: { properties: { [half]: { description: half } } } }],
  });
  const mended = 'a\ufffd"\\';
  expect([...(body.conversationState.history ?? []), body.conversationState.currentMessage]).toEqual([
    asked(`${mended}\n\n${whole}`),
    answered(mended, { toolUses: [{ toolUseId: 't1', name: 'f', input: { [mended]: mended, whole } }] }),
    asked(mended, {
      userInputMessageContext: {
        tools: [
          {
            toolSpecification: {
              name: 'f',
              description: mended,
              inputSchema: { json: { type: 'object', properties: { [mended]: { description: mended } } } },
            },
          },
        ],
        toolResults: [{ toolUseId: 't1', content: [{ text: mended }], status: 'success' }],
      },
    }),
  ]);
});

// --- media

turns(
  'documents of one name get numbers, through the whole request',
  { messages: [user('a', paper('p')), assistant('b'), user('c', paper('p'), paper('p'))] },
  [
    asked('a', { documents: [{ name: 'p', format: 'pdf', source: { bytes: 'JVBERi0=' } }] }),
    answered('b'),
    asked('c', {
      documents: [
        { name: 'p (2)', format: 'pdf', source: { bytes: 'JVBERi0=' } },
        { name: 'p (3)', format: 'pdf', source: { bytes: 'JVBERi0=' } },
      ],
    }),
  ],
);
test('of a long name with gaps Bedrock takes the first 200 characters, and no two spaces in a row', () => {
  const { body } = requestFor({ messages: [user(paper(`a  b ${'x'.repeat(300)}`), paper(`a b ${'x'.repeat(400)}`))] });
  const names = [...body.matchAll(/"name":"(a [^"]*)"/g)].map(([, name]) => name);
  expect(names).toEqual([`a b ${'x'.repeat(186)}`, `a b ${'x'.repeat(186)} (2)`]);
});

turns('a document without a legal name gets one', { messages: [user('a', paper(' '), paper('a/b.pdf'))] }, [
  asked('a', {
    documents: [
      { name: 'document', format: 'pdf', source: { bytes: 'JVBERi0=' } },
      { name: 'a-b-pdf', format: 'pdf', source: { bytes: 'JVBERi0=' } },
    ],
  }),
]);
turns('base64 without its padding gets it', { messages: [user('a', { ...png, data: PNG.replace(/=+$/, '') })] }, [
  asked('a', { images: [{ format: 'png', source: { bytes: PNG } }] }),
]);
turns(
  'a redacted thought of the round in flight is replayed',
  {
    messages: [
      user('a'),
      assistant({ type: 'redacted-reasoning', data: 'c2ltdWxhdG9yLXJlZGFjdGVkOg==' }, call('t1')),
      user(result('t1', 'r')),
    ],
  },
  [
    asked('a'),
    answered('', {
      reasoningContent: { redactedContent: 'c2ltdWxhdG9yLXJlZGFjdGVkOg==' },
      toolUses: [{ toolUseId: 't1', name: 'f', input: {} }],
    }),
    asked('', {
      userInputMessageContext: {
        tools: [
          {
            toolSpecification: {
              name: 'f',
              description: 'No longer offered; it appears only in the history.',
              inputSchema: { json: { type: 'object', properties: {} } },
            },
          },
        ],
        toolResults: [{ toolUseId: 't1', content: [{ text: 'r' }], status: 'success' }],
      },
    }),
  ],
);

test('what was left out is told to the client', () => {
  const eleven = user(...Array.from({ length: 11 }, () => ({ ...png })));
  const six = user(
    ...Array.from({ length: 6 }, () => ({ type: 'document', name: 'a', format: 'md', data: 'YQ==' }) as const),
  );
  const tool = { name: 'f', description: 'd', inputSchema: undefined };
  expect([
    requestFor({ messages: [user('a', png)] }).notices,
    requestFor({ messages: [eleven] }).notices,
    requestFor({ messages: [six] }).notices,
    requestFor({ messages: [user('a')], tools: [tool, tool] }).notices,
  ]).toEqual([[], ['media-left-out=1'], [], ['duplicate-tool=f']]);
});

// --- the conversation's id

const idFor = (fields: Partial<Conversation>, about: Partial<RequestContext> = {}) =>
  bodyFor({ messages: [user('a')], ...fields }, about).conversationState.conversationId;

test('the turns of one conversation share an id', () => {
  const later = idFor({ messages: [user('a'), assistant('b'), user('c')] });
  expect([later, idFor({ sessionId: 's', system: ['x'] })]).toEqual([idFor({}), idFor({ sessionId: 's' })]);
});

test('other sessions, accounts, models, instructions and beginnings have other ids', () => {
  const ids = [
    idFor({}),
    idFor({ sessionId: 's' }),
    idFor({ sessionId: 't' }),
    idFor({ sessionId: 's' }, { profileArn: undefined }),
    idFor({}, { profileArn: undefined }),
    idFor({ model: 'n' }),
    idFor({ system: ['x'] }),
    idFor({ messages: [user('b')] }),
  ];
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => !/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/.test(id))).toEqual([]);
});

// --- the estimate

test('the estimate is of the text in the body; images count by their usual cost, and bytes do not count', () => {
  const tokens = (...parts: Parameters<typeof user>) => requestFor({ messages: [user('a'.repeat(3800), ...parts)] });
  const plain = tokens();
  expect(plain.estimatedInputTokens).toBe(Math.round(plain.body.length / 3.8));
  const small = tokens(png, png).estimatedInputTokens - plain.estimatedInputTokens;
  const large = tokens({ ...png, data: 'A'.repeat(400_000) }, png).estimatedInputTokens - plain.estimatedInputTokens;
  // The rest are the names around the images; shares of a body are rounded.
  expect([Math.round((small - 2 * 1600) / 10), Math.round((large - 2 * 1600) / 10)]).toEqual([2, 2]);
});

test('a document that is text counts as text', () => {
  const text = 'Counted as it is. '.repeat(1000);
  const data = Buffer.from(text).toString('base64');
  const tokens = (document: Document) => requestFor({ messages: [user('hi', document)] }).estimatedInputTokens;
  const empty = tokens({ ...paper('a.md'), format: 'md', data: '' });
  expect(tokens({ ...paper('a.md'), format: 'md', data }) - empty).toBe(Math.round(text.length / 3.8));
});

test('a document that is not text counts as 2,000 tokens for every 50 kB', () => {
  const tokens = (...parts: UserPart[]) => requestFor({ messages: [user('hi', ...parts)] }).estimatedInputTokens;
  const pdf = (bytes: number) => ({ ...paper('a.pdf'), data: Buffer.alloc(bytes).toString('base64') });
  const [small, large] = [pdf(1), pdf(50_001)].map((it) => tokens(it) - tokens());
  // The rest are the names around the document.
  expect([Math.round((small ?? 0) / 100), Math.round((large ?? 0) / 100)]).toEqual([20, 40]);
});

test('the estimate goes by the tokenizer of the model', () => {
  const tokens = (id: string) =>
    requestFor({ messages: [user('ไทย'.repeat(1000))] }, { model: modelNamed(id) }).estimatedInputTokens;
  // The ids themselves differ by one token.
  expect(tokens('claude-sonnet-4.5') - tokens('gpt-5.6-sol')).toBe(Math.round(3000 * (1.1 - 0.4)) + 1);
});

test('an image beside the text does not hide in which script that is', () => {
  const tokens = (...parts: UserPart[]) => requestFor({ messages: [user('漢'.repeat(50_000), ...parts)] });
  const image = { ...png, data: 'A'.repeat(4_000_000) };
  const more = tokens(image).estimatedInputTokens - tokens().estimatedInputTokens;
  // Of 56,600; the sampling of long texts is that coarse.
  expect(Math.abs(more - 1600)).toBeLessThan(2000);
});
