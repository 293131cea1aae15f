/** Random turns of Kiro and random conversations of clients, for the laws. */

import * as fc from 'fast-check';
import type { Block, Conversation, Image, Message, Tool, UserPart } from '../../src/core/conversation.js';
import type { SceneLine } from '../../src/simulator/frames.js';
import { redactReasoning, signReasoning } from '../../src/simulator/script.js';
import { GIF, PNG } from './images.js';

/** A whole character of any kind. The library's own unit `binary` is the same, but takes 0.9 s to make. */
export const anyCharacter = fc
  .integer({ min: 0, max: 0x10ffff })
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code));

/** Text of whole characters, some of them outside the basic plane, some that look like syntax. */
const anyText = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'grapheme', maxLength: 20 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('\n\n', ' ', 'data: [DONE]', '</system-message>', '\u2028', '"', '\\', '{}'),
  },
);
const someText = anyText.filter((text) => text !== '');

/** The text in one to six pieces, never cut inside a character. */
function piecesOf(text: string, places: readonly number[]): string[] {
  const characters = Array.from(text);
  const edges = [0, ...places.map((place) => place % (characters.length + 1)), characters.length];
  edges.sort((one, other) => one - other);
  return edges.slice(1).map((end, index) => characters.slice(edges[index], end).join(''));
}

const places = fc.array(fc.nat(100), { maxLength: 5 });
const jsonObject = fc.dictionary(someText, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 });

const textLines = fc
  .array(someText, { minLength: 1, maxLength: 4 })
  .map((texts) => texts.map((content) => event('assistantResponseEvent', { content })));

const reasoningLines = fc
  .tuple(someText, places, fc.boolean(), places)
  .map(([text, cuts, isSigned, signatureCuts]) => [
    ...piecesOf(text, cuts).map((piece) => event('reasoningContentEvent', { text: piece })),
    ...piecesOf(isSigned ? signReasoning(text) : '', signatureCuts).map((piece) =>
      event('reasoningContentEvent', { signature: piece }),
    ),
  ]);

const redactedLines = someText.map((text) => [
  event('reasoningContentEvent', { redactedContent: redactReasoning(text) }),
]);

const strangerLines = fc.constantFrom(
  [event('somethingNewEvent', { content: 'not text' })],
  [event('followupPromptEvent', { followupPrompt: { content: 'no' } })],
  [event('messageMetadataEvent', { conversationId: 'c', utteranceId: 'u' })],
);

const callLines = fc
  .record({ name: fc.constantFrom('look', 'get_weather'), input: jsonObject, cuts: places, kept: fc.nat(200) })
  .map((call) => ({ ...call, text: JSON.stringify(call.input) }));

const closingLines = fc
  .tuple(
    fc.option(fc.record({ uncachedInputTokens: fc.nat(9999), outputTokens: fc.nat(9999) }), { nil: undefined }),
    fc.option(fc.constantFrom('END_TURN', 'TOOL_USE', 'MAX_TOKENS', 'CONTENT_FILTERED'), { nil: undefined }),
    fc.option(fc.double({ min: 0, max: 120, noNaN: true }), { nil: undefined }),
  )
  .map(([tokenUsage, stated, contextUsagePercentage]) => (hasCalls: boolean) => {
    // A use of tools without any call is no proper end.
    const stopReason = stated === 'TOOL_USE' && !hasCalls ? 'END_TURN' : stated;
    return [
      ...(contextUsagePercentage === undefined ? [] : [event('contextUsageEvent', { contextUsagePercentage })]),
      event('metadataEvent', { ...(tokenUsage && { tokenUsage }), ...(stopReason && { stopReason }) }),
    ];
  });

/** A turn that Kiro ends properly, whatever it holds; calls may be cut only when the caller wants that. */
export function kiroTurn({ mayCut }: { readonly mayCut: boolean }): fc.Arbitrary<readonly SceneLine[]> {
  const parts = fc.array(
    fc.oneof(
      textLines,
      reasoningLines,
      redactedLines,
      strangerLines,
      callLines.map((call) => (id: string) => {
        // The output limit may cut a call anywhere, also before its first fragment.
        const isCut = mayCut && call.kept < 100;
        const input = isCut ? call.text.slice(0, Math.floor((call.text.length * call.kept) / 100)) : call.text;
        const base = { toolUseId: id, name: call.name };
        return [
          event('toolUseEvent', base),
          ...piecesOf(input, call.cuts).map((piece) => event('toolUseEvent', { ...base, input: piece })),
          ...(isCut ? [] : [event('toolUseEvent', { ...base, stop: true })]),
        ];
      }),
    ),
    { maxLength: 6 },
  );
  return fc
    .tuple(parts, closingLines)
    .map(([written, closing]) => [
      ...written.flatMap((lines, index) => (typeof lines === 'function' ? lines(`tooluse_${index}`) : lines)),
      ...closing(written.some((lines) => typeof lines === 'function')),
    ]);
}

/** How Kiro may fail at the end of what it has said. */
export const failureLine: fc.Arbitrary<SceneLine> = fc.constantFrom<SceneLine>(
  { exception: 'ThrottlingException', payload: { message: 'Too many requests.' } },
  { error: 'InternalFailure', message: 'It failed.' },
  { event: 'invalidStateEvent', payload: { reason: 'STALE_CONVERSATION', message: 'Stale.' } },
);

// --- conversations

/** Half characters as well: clients cut texts anywhere. */
const clientText = fc.oneof(
  anyText,
  fc.string({ unit: anyCharacter, maxLength: 8 }),
  fc.constantFrom('', ' ', '\ud83d'),
);
const callId = fc.oneof(fc.constantFrom('call_1', 'call_2', 'call 1', 'a'.repeat(80)), someText);
const toolName = fc.oneof(fc.constantFrom('look', 'mcp.files/read', '3d', 'x'.repeat(70), 'a b', 'a_b'), someText);

const images = fc.constantFrom<Image>(
  {
    type: 'image',
    format: 'png',
    data: PNG,
  },
  { type: 'image', format: 'gif', data: GIF },
);
/** An object of its own each time, as reading a body gives them. */
const image = images.map((it): Image => ({ ...it }));
const document = fc.record({
  type: fc.constant('document' as const),
  name: clientText,
  format: fc.constantFrom('pdf' as const, 'txt' as const),
  data: fc.constant('aGk='),
});
const textPart = clientText.map((text) => ({ type: 'text' as const, text }));

const userPart: fc.Arbitrary<UserPart> = fc.oneof(
  textPart,
  clientText.map((text) => ({ type: 'system' as const, text })),
  image,
  document,
  fc.record({
    type: fc.constant('tool-result' as const),
    id: callId,
    content: fc.array(fc.oneof(textPart, image, document), { maxLength: 3 }),
    isError: fc.boolean(),
  }),
);

const assistantBlock: fc.Arbitrary<Block> = fc.oneof(
  textPart,
  someText.map((text) => ({ type: 'reasoning' as const, text, signature: signReasoning(text) })),
  someText.map((text) => ({ type: 'reasoning' as const, text, signature: '' })),
  someText.map((text) => ({ type: 'redacted-reasoning' as const, data: redactReasoning(text) })),
  fc.record({
    type: fc.constant('tool-call' as const),
    id: callId,
    name: toolName,
    input: fc.oneof(
      jsonObject.map((input) => JSON.stringify(input)),
      fc.constantFrom('{"cut":"he', '', '[1]'),
    ),
  }),
);

export const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ role: fc.constant('user' as const), parts: fc.array(userPart, { maxLength: 4 }) }),
  fc.record({ role: fc.constant('assistant' as const), blocks: fc.array(assistantBlock, { maxLength: 4 }) }),
);

const schema = fc.constantFrom(
  undefined,
  {},
  { type: 'string' },
  { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, $defs: { a: { const: 1 } }, additionalProperties: false },
  { anyOf: [{ properties: { a: { type: ['string', 'null'] } }, required: ['a'] }, { properties: { b: {} } }] },
  { type: 'object', properties: { format: { type: 'string', pattern: '(' } }, required: [] },
);

const tool: fc.Arbitrary<Tool> = fc.record({ name: toolName, description: clientText, inputSchema: schema });

export const conversation: fc.Arbitrary<Conversation> = fc.record({
  model: fc.constantFrom('claude-sonnet-4.5', 'claude-sonnet-5', 'auto'),
  system: fc.array(clientText, { maxLength: 2 }),
  messages: fc.array(message, { minLength: 1, maxLength: 8 }),
  tools: fc.array(tool, { maxLength: 4 }),
  reasoning: fc.record({
    mode: fc.constantFrom(undefined, 'on' as const, 'off' as const),
    effort: fc.constantFrom(undefined, 'minimal' as const, 'high' as const),
  }),
  sessionId: fc.option(clientText, { nil: undefined }),
});

function event(name: string, payload: object): SceneLine {
  return { event: name, payload };
}
