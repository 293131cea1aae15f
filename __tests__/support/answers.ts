/** What an answer said, in whichever dialect and form, and whether it ended with a proper error. */

import { readChatStream } from './chat-automaton.js';
import type { DialectName } from './http.js';
import { readMessagesStream } from './messages-automaton.js';
import { readResponsesStream } from './responses-automaton.js';
import type { Json } from './sse.js';

export type Outcome = { readonly said: string; readonly hasFailed: boolean };

/** The automata see to it that an error is proper and the last that is heard. */
export function readStreamed(dialect: DialectName, text: string): Outcome {
  switch (dialect) {
    case 'openai-chat': {
      const { completion, error } = readChatStream(text);
      return { said: chatText(completion), hasFailed: error !== undefined };
    }
    case 'openai-responses': {
      const { response } = readResponsesStream(text);
      return { said: responsesText(response), hasFailed: response['status'] === 'failed' };
    }
    case 'anthropic-messages': {
      const { message, error } = readMessagesStream(text);
      return { said: messagesText(message), hasFailed: error !== undefined };
    }
  }
}

export function readWhole(dialect: DialectName, status: number, text: string): Outcome {
  const body = JSON.parse(text) as Json;
  if (status !== 200) {
    const { type, message } = body['error'] as Json;
    if (status < 400 || typeof type !== 'string' || typeof message !== 'string') throw new Error('no proper error');
    // A fault of Kiro's is none of the gateway's.
    if (status === 500 || type === 'internal') throw new Error('the gateway itself has failed');
    return { said: '', hasFailed: true };
  }
  const read = { 'openai-chat': chatText, 'openai-responses': responsesText, 'anthropic-messages': messagesText };
  return { said: read[dialect](body), hasFailed: false };
}

function chatText(completion: Json): string {
  const [choice] = (completion['choices'] ?? []) as readonly {
    readonly message: { readonly content: string | null };
  }[];
  return choice?.message.content ?? '';
}

function responsesText(response: Json): string {
  const output = (response['output'] ?? []) as readonly { readonly content?: readonly { readonly text?: string }[] }[];
  return output.flatMap(({ content = [] }) => content.map((it) => it.text ?? '')).join('');
}

function messagesText(message: Json): string {
  return ((message['content'] ?? []) as readonly { readonly text?: string }[]).map((it) => it.text ?? '').join('');
}
