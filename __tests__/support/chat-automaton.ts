/**
 * The grammar of an OpenAI chat stream (contracts A.1) as an automaton that adds up the completion.
 *
 *     stream := comment* role delta* (last usage? [DONE] | error)
 */

import { demand, objectAt, parseEvents, textAt, type Json } from './sse.js';

export type ChatStream = {
  /** What the stream adds up to: the body of an answer that is not streamed, without usage when none was told. */
  readonly completion: Json;
  readonly error: Json | undefined;
};

/** @throws Error that names the first chunk out of order or shape. */
export function readChatStream(text: string): ChatStream {
  let state = 'before' as State;
  let head: Json = {};
  let error: Json | undefined;
  let usage: Json | undefined;
  let finishReason = '';
  const grown: Record<'content' | 'reasoning_content', string | undefined> = {
    content: undefined,
    reasoning_content: undefined,
  };
  const calls: { id: string; type: string; name: string; arguments: string }[] = [];

  const acceptDelta = (delta: Json): void => {
    for (const [key, value] of Object.entries(delta)) {
      if (key === 'content' || key === 'reasoning_content') grown[key] = (grown[key] ?? '') + textAt(delta, key);
      else if (key === 'tool_calls' && Array.isArray(value) && value.length === 1) acceptCall(value[0] as Json);
      else throw new Error(`A delta holds ${key}`);
    }
  };

  const acceptCall = (call: Json): void => {
    const { index, ...rest } = call;
    const words = objectAt(call, 'function');
    if (index === calls.length) {
      const begun = { id: textAt(call, 'id'), type: 'function', name: textAt(words, 'name'), arguments: '' };
      demand('a new call', rest, { id: begun.id, type: 'function', function: { name: begun.name, arguments: '' } });
      calls.push(begun);
      return;
    }
    demand('index', index, calls.length - 1);
    demand('a growing call', rest, { function: { arguments: textAt(words, 'arguments') } });
    const last = calls.at(-1);
    if (last !== undefined) last.arguments += textAt(words, 'arguments');
  };

  const acceptChunk = (chunk: Json): void => {
    const { choices, usage: told, ...rest } = chunk;
    if (state === 'before') head = readHead(rest);
    demand('the head of a chunk', rest, head);
    if (!Array.isArray(choices)) throw new Error('A chunk has no choices');
    if (choices.length === 0) {
      demand('usage comes when', state, 'finished');
      usage = objectAt({ told }, 'told');
      state = 'counted';
      return;
    }
    demand('usage beside a choice', told ?? null, null);
    const [choice] = choices as readonly Json[];
    const { delta, finish_reason: reason, ...more } = choice ?? {};
    demand('a choice', [choices.length, more], [1, { index: 0, logprobs: null }]);
    if (state === 'before') {
      demand('the first delta', [delta, reason], [{ role: 'assistant', content: '' }, null]);
      state = 'growing';
      return;
    }
    demand('a delta comes when', state, 'growing');
    if (reason === null) return acceptDelta(objectAt({ delta }, 'delta'));
    demand('the last delta', delta, {});
    finishReason = textAt({ reason }, 'reason');
    state = 'finished';
  };

  for (const event of parseEvents(text)) {
    if (event.type === 'comment') continue;
    if (state === 'over') throw new Error('Something comes after the end');
    if (event.type === 'done') {
      if (state !== 'finished' && state !== 'counted') throw new Error(`[DONE] comes while ${state}`);
      state = 'over';
      continue;
    }
    demand('event line', event.name ?? null, null);
    if ('error' in event.data) {
      error = readError(objectAt(event.data, 'error'));
      state = 'over';
    } else acceptChunk(event.data);
  }
  if (state !== 'over') throw new Error(`The stream ends while ${state}`);
  const message = {
    role: 'assistant',
    content: grown.content ?? (calls.length > 0 ? null : ''),
    refusal: null,
    ...(grown.reasoning_content !== undefined && { reasoning_content: grown.reasoning_content }),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, type, ...words }) => ({ id, type, function: words })),
    }),
  };
  const choice = { index: 0, message, logprobs: null, finish_reason: finishReason };
  return {
    completion: { ...head, object: 'chat.completion', choices: [choice], ...(usage !== undefined && { usage }) },
    error,
  };
}

type State = 'before' | 'growing' | 'finished' | 'counted' | 'over';

function readHead(head: Json): Json {
  demand('object', head['object'], 'chat.completion.chunk');
  if (!textAt(head, 'id').startsWith('chatcmpl-')) throw new Error('the id is no completion id');
  if (!Number.isInteger(head['created'])) throw new Error('created is no whole number of seconds');
  textAt(head, 'model');
  return head;
}

function readError(error: Json): Json {
  demand('the keys of an error', Object.keys(error).toSorted(), ['code', 'message', 'param', 'type']);
  textAt(error, 'message');
  return error;
}
