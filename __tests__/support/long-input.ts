/** A process that reads one long input after the other, and writes what became of it. */

import type { Block, UserPart } from '../../src/core/conversation.js';
import { Reader } from '../../src/core/reader.js';
import { anthropicMessages } from '../../src/dialects/anthropic-messages.js';
import { openaiResponses } from '../../src/dialects/openai-responses.js';
import { createTagReader } from '../../src/kiro/answer-text.js';
import { bareType } from '../../src/kiro/errors.js';
import { toEntries } from '../../src/kiro/history.js';
import { readModelName, resolveModel } from '../../src/kiro/models.js';

/** So long that its square is out of reach of any machine, and it itself is read in a moment. */
const LONG = 2_000_000;
const MANY = 300_000;

const INPUTS: Readonly<Record<string, () => unknown>> = {
  'a model name of brackets': () => isPassedOn('['.repeat(LONG)),
  'a model name of white space': () => isPassedOn(`a${' '.repeat(LONG)}[b`),
  'a model name of suffixes': () => isPassedOn(`a${'-high'.repeat(LONG / 5)}`),
  'the name of an exception': () => bareType(`${':'.repeat(LONG)}\n:`),
  'white space behind a closing tag in a fence': () =>
    createTagReader()
      .push(`<think>\`\`\`\n</think>${' '.repeat(LONG)}a`)
      .map(({ kind }) => kind),
  'base64 with a wrong letter near its end': () => {
    const source = { type: 'base64', media_type: 'image/png', data: `${'A'.repeat(10 * LONG)}!AAA` };
    const messages = [{ role: 'user', content: [{ type: 'image', source }] }];
    return anthropicMessages.readRequest(new Reader({ model: 'auto', max_tokens: 1, messages }), {});
  },
  'a choice among tools that are not on offer': () => {
    const named = (kind: string) => Array.from({ length: MANY }, (_, at) => ({ type: 'function', name: kind + at }));
    const tool_choice = { type: 'allowed_tools', tools: named('g') };
    const body = { model: 'auto', input: 'hi', tools: named('f'), tool_choice };
    return openaiResponses.readRequest(new Reader(body), {}).notices;
  },
  'calls of one id': () => areAnswered(Array.from({ length: MANY / 3 }, () => 'same')),
  'calls of many ids': () => areAnswered(Array.from({ length: MANY }, (_, at) => `t${at}`)),
};

/** Whether a name that means nothing is passed on as it is. */
function isPassedOn(name: string): boolean {
  return resolveModel(readModelName(name, [], new Map()).name, []).id === name;
}

/** Whether each call has its own result, in its order. */
function areAnswered(ids: readonly string[]): boolean {
  const calls = ids.map((id): Block => ({ type: 'tool-call', id, name: 'f', input: '{}' }));
  const given = ids.map((id, at): UserPart => {
    return { type: 'tool-result', id, isError: false, content: [{ type: 'text', text: `r${at}` }] };
  });
  const [asked, answered] = toEntries(
    [
      { role: 'assistant', blocks: calls },
      { role: 'user', parts: given },
    ],
    new Set(),
  );
  const results = answered?.results ?? [];
  return (
    results.length === ids.length &&
    results.every(({ id, texts: [text] }, at) => id === asked?.calls[at]?.id && text === `r${at}`)
  );
}

for (const [name, read] of Object.entries(INPUTS)) process.stdout.write(`${JSON.stringify([name, outcomeOf(read)])}\n`);

function outcomeOf(read: () => unknown): unknown {
  try {
    return read();
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : thrown;
  }
}
