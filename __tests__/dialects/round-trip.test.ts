/** The law of the round trip: what a dialect writes, sent back as history, reads as the same blocks. */

import Anthropic from '@anthropic-ai/sdk';
import { expect, test } from '@jest/globals';
import OpenAI from 'openai';
import type { Block } from '../../src/core/conversation.js';
import { anthropicMessages } from '../../src/dialects/anthropic-messages.js';
import { openaiChat } from '../../src/dialects/openai-chat.js';
import { openaiResponses } from '../../src/dialects/openai-responses.js';
import { answering, completionOf, eventsOf, read, writeStream } from './support.js';

const USER = { role: 'user' as const, content: 'hi' };

const text = (it: string): Block => ({ type: 'text', text: it });
const reasoning = (it: string, signature = ''): Block => ({ type: 'reasoning', text: it, signature });
const call = (id: string, input: string): Block => ({ type: 'tool-call', id, name: 'look', input });

async function throughAnthropic(blocks: readonly Block[]): Promise<unknown> {
  const stream = writeStream(anthropicMessages, eventsOf(completionOf(blocks, 'tool-calls')));
  const client = new Anthropic({ apiKey: 'k', fetch: answering(stream) });
  const answer = await client.messages.stream({ model: 'm', max_tokens: 1, messages: [USER] }).finalMessage();
  const messages = [USER, { role: answer.role, content: answer.content }];
  return read(anthropicMessages, { model: 'm', messages }).conversation.messages[1];
}

async function throughOpenAI(blocks: readonly Block[]): Promise<unknown> {
  const stream = writeStream(openaiChat, eventsOf(completionOf(blocks, 'tool-calls')));
  const client = new OpenAI({ apiKey: 'k', fetch: answering(stream) });
  const answer = await client.chat.completions.stream({ model: 'm', messages: [USER] }).finalMessage();
  return read(openaiChat, { model: 'm', messages: [USER, answer] }).conversation.messages[1];
}

async function throughResponses(blocks: readonly Block[]): Promise<unknown> {
  const stream = writeStream(openaiResponses, eventsOf(completionOf(blocks, 'tool-calls')));
  const client = new OpenAI({ apiKey: 'k', fetch: answering(stream) });
  const answer = await client.responses.stream({ model: 'm', input: 'hi' }).finalResponse();
  return read(openaiResponses, { model: 'm', input: [USER, ...answer.output] }).conversation.messages[1];
}

/** What each dialect gives back; OpenAI's chat has no place for some things. */
const returns = (title: string, blocks: readonly Block[], fromOpenAI: readonly Block[] = blocks) => {
  test(`${title}, in Anthropic’s words`, async () => {
    expect(await throughAnthropic(blocks)).toEqual({ role: 'assistant', blocks });
  });
  test(`${title}, in the words of OpenAI’s Responses`, async () => {
    expect(await throughResponses(blocks)).toEqual({ role: 'assistant', blocks });
  });
  test(`${title}, in OpenAI’s words`, async () => {
    expect(await throughOpenAI(blocks)).toEqual({ role: 'assistant', blocks: fromOpenAI });
  });
};

returns('a text comes back', [text('Hello 👋\n"world"')]);
returns('a call comes back', [call('c1', '{"at":[1,"ü"]}')]);
returns('a call without input comes back', [call('c1', '{}')]);
returns('reasoning, text and calls come back in order', [
  reasoning('Hm.'),
  text('Looking.'),
  call('c1', '{"at":1}'),
  call('c2', '{"at":2}'),
]);
returns(
  'a signature comes back where there is a place for it',
  [reasoning('Hm.', 'c2ln'), text('a')],
  [reasoning('Hm.'), text('a')],
);
returns(
  'redacted reasoning comes back where there is a place for it',
  [{ type: 'redacted-reasoning', data: 'ZGF0YQ==' }, text('a')],
  [text('a')],
);
