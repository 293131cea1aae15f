/**
 * The grammar of an Anthropic stream (contracts A.3) as an automaton that adds up the message.
 *
 *     stream := ping* message_start (ping | block)* (message_delta message_stop | error)
 *     block  := content_block_start(i) (content_block_delta(i) | ping)* content_block_stop(i)
 */

import { demand, objectAt, parseEvents, textAt, type Json } from './sse.js';

export type MessagesStream = {
  /** What the stream adds up to: the message of an answer that is not streamed. */
  readonly message: Json;
  /** The input of each tool call as it crossed the wire. */
  readonly inputs: readonly string[];
  readonly error: Json | undefined;
  readonly pings: number;
};

/** @throws Error that names the first event out of order or shape. */
export function readMessagesStream(text: string): MessagesStream {
  let state = 'before' as State;
  let message: Json = {};
  let error: Json | undefined;
  let pings = 0;
  const content: Json[] = [];
  const inputs: string[] = [];
  let input = '';
  const move = (from: readonly State[], to: State, name: string): void => {
    if (!from.includes(state)) throw new Error(`${name} comes while ${state}`);
    state = to;
  };

  const accept = (name: string, data: Json): void => {
    switch (name) {
      case 'ping':
        demand('ping', data, { type: 'ping' });
        if (state === 'over') throw new Error('ping comes after the end');
        pings++;
        return;
      case 'message_start':
        move(['before'], 'between', name);
        message = readStart(objectAt(data, 'message'));
        return;
      case 'content_block_start':
        move(['between'], 'in-block', name);
        demand('index', data['index'], content.length);
        content.push(readBlockStart(objectAt(data, 'content_block')));
        input = '';
        return;
      case 'content_block_delta': {
        move(['in-block'], 'in-block', name);
        demand('index', data['index'], content.length - 1);
        const block = content.at(-1) ?? {};
        const delta = objectAt(data, 'delta');
        if (delta['type'] === 'input_json_delta' && TOOL_USES.has(block['type'])) {
          input += textAt(delta, 'partial_json');
        } else {
          content[content.length - 1] = grow(block, delta);
        }
        return;
      }
      case 'content_block_stop': {
        move(['in-block'], 'between', name);
        demand('stop', data, { type: name, index: content.length - 1 });
        const block = content.at(-1) ?? {};
        if (block['type'] === 'thinking' && block['signature'] === '') throw new Error('thinking has no signature');
        if (block['type'] === 'tool_use') inputs.push(input);
        if (block['type'] === 'server_tool_use') content[content.length - 1] = { ...block, input: JSON.parse(input) };
        return;
      }
      case 'message_delta': {
        move(['between'], 'ending', name);
        const usage = { ...objectAt(message, 'usage'), ...objectAt(data, 'usage') };
        for (const key of NUMBERS) if (typeof usage[key] !== 'number') throw new Error(`usage.${key} is no number`);
        message = { ...message, ...objectAt(data, 'delta'), usage };
        textAt(message, 'stop_reason');
        return;
      }
      case 'message_stop':
        move(['ending'], 'over', name);
        demand('message_stop', data, { type: 'message_stop' });
        return;
      case 'error':
        move(['before', 'between', 'in-block', 'ending'], 'over', name);
        error = objectAt(data, 'error');
        textAt(error, 'type');
        textAt(error, 'message');
        return;
      default:
        throw new Error(`There is no event ${name}`);
    }
  };

  for (const event of parseEvents(text)) {
    if (event.type !== 'event') throw new Error(`A ${event.type} has no place in this stream`);
    demand('event', event.name, event.data['type']);
    accept(event.name ?? '', event.data);
  }
  if (state !== 'over') throw new Error(`The stream ends while ${state}`);
  return { message: { ...message, content }, inputs, error, pings };
}

type State = 'before' | 'between' | 'in-block' | 'ending' | 'over';

function readStart(message: Json): Json {
  demand('content', message['content'], []);
  demand('stop_reason', message['stop_reason'], null);
  demand('type and role', [message['type'], message['role']], ['message', 'assistant']);
  const usage = objectAt(message, 'usage');
  for (const key of NUMBERS) if (typeof usage[key] !== 'number') throw new Error(`usage.${key} is no number`);
  if (!textAt(message, 'id').startsWith('msg_')) throw new Error('the id is no message id');
  textAt(message, 'model');
  return message;
}

function readBlockStart(block: Json): Json {
  switch (block['type']) {
    case 'text':
      demand('block', block, { type: 'text', text: '' });
      return block;
    case 'thinking':
      demand('block', block, { type: 'thinking', thinking: '', signature: '' });
      return block;
    case 'redacted_thinking':
      demand('block', block, { type: 'redacted_thinking', data: textAt(block, 'data') });
      return block;
    case 'tool_use': {
      const { toolset_name, ...call } = block;
      if (toolset_name !== undefined) textAt(block, 'toolset_name');
      const [id, name] = [textAt(block, 'id'), textAt(block, 'name')];
      demand('block', call, { type: 'tool_use', id, name, input: {}, caller: { type: 'direct' } });
      return block;
    }
    case 'server_tool_use':
      demand('block', block, {
        type: 'server_tool_use',
        id: textAt(block, 'id'),
        name: 'web_search',
        input: {},
        caller: { type: 'direct' },
      });
      return block;
    case 'web_search_tool_result':
      textAt(block, 'tool_use_id');
      return block;
    default:
      throw new Error(`There is no block ${JSON.stringify(block)}`);
  }
}

/** A signature is the last thing in its block. */
function grow(block: Json, delta: Json): Json {
  switch (`${String(block['type'])} ${String(delta['type'])}`) {
    case 'text text_delta':
      return { ...block, text: textAt(block, 'text') + textAt(delta, 'text') };
    case 'thinking thinking_delta':
      demand('signature before the last text', block['signature'], '');
      return { ...block, thinking: textAt(block, 'thinking') + textAt(delta, 'thinking') };
    case 'thinking signature_delta':
      demand('signature', block['signature'], '');
      return { ...block, signature: textAt(delta, 'signature') };
    default:
      throw new Error(`A ${String(delta['type'])} has no place in a ${String(block['type'])}`);
  }
}

const TOOL_USES: ReadonlySet<unknown> = new Set(['tool_use', 'server_tool_use']);
const NUMBERS = ['input_tokens', 'output_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens'];
