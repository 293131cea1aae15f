/**
 * The grammar of a Responses stream (contracts A.2) as an automaton that adds up the output.
 *
 *     stream := comment* created in_progress item* (completed | incomplete | failed)
 *     item   := output_item.added part? output_item.done
 */

import { demand, objectAt, parseEvents, textAt, type Json } from './sse.js';

export type ResponsesStream = {
  /** The last event's response: what an answer that is not streamed would be. */
  readonly response: Json;
  readonly error: Json | undefined;
};

/** @throws Error that names the first event out of order, number or sum. */
export function readResponsesStream(text: string): ResponsesStream {
  const events = parseEvents(text).filter((it) => it.type !== 'comment');
  const [created, inProgress, ...rest] = events.map((event, index) => {
    if (event.type === 'done') throw new Error('[DONE] is no event of this stream');
    demand('event line', event.name, event.data['type']);
    demand('sequence_number', event.data['sequence_number'], index);
    return event.data;
  });
  const last = rest.pop();
  if (created === undefined || inProgress === undefined || last === undefined)
    throw new Error('The stream is too short');
  const begun = objectAt(created, 'response');
  demand(
    'the first event',
    [created['type'], begun['status'], begun['output']],
    ['response.created', 'in_progress', []],
  );
  demand('the second event', inProgress, { ...created, type: 'response.in_progress', sequence_number: 1 });

  const response = objectAt(last, 'response');
  demand('the last event', last['type'], `response.${textAt(response, 'status')}`);
  const { status: _, completed_at: __, output, error, incomplete_details: ___, usage: ____, ...constant } = response;
  for (const [key, value] of Object.entries(constant)) demand(key, begun[key], value);
  const isFailed = last['type'] === 'response.failed';
  demand('the output', output, addUp(rest, { mayBreakOff: isFailed }));
  return { response, error: isFailed ? objectAt({ error }, 'error') : undefined };
}

/** The items, each of them checked against its parts. */
function addUp(events: readonly Json[], { mayBreakOff }: { readonly mayBreakOff: boolean }): readonly Json[] {
  const items: Json[] = [];
  let open: { readonly item: Json; readonly names: string[]; text: string; told: string | undefined } | undefined;
  for (const event of events) {
    const name = textAt(event, 'type').replace('response.', '');
    demand(`the place of ${name}`, event['output_index'], items.length);
    if (name === 'output_item.added') {
      if (open !== undefined) throw new Error('Two items are open');
      open = { item: objectAt(event, 'item'), names: [], text: '', told: undefined };
      demand('what has grown at the beginning', textOf(open.item), '');
      continue;
    }
    if (open === undefined) throw new Error(`${name} comes without an item`);
    if (name === 'output_item.done') {
      const item = objectAt(event, 'item');
      demand(
        'the item',
        [item['type'], item['id'], item['call_id']],
        [open.item['type'], open.item['id'], open.item['call_id']],
      );
      demand('the parts', open.names.join(' ').replace(/(\S+\.delta)( \1)+/, '$1'), partsOf(item));
      demand('the sum', [open.text, open.told ?? ''], [textOf(item), textOf(item)]);
      items.push(item);
      open = undefined;
      continue;
    }
    demand(`the item of ${name}`, event['item_id'], open.item['id']);
    open.names.push(name);
    if (name.startsWith('web_search_call')) continue;
    if (name.endsWith('.delta')) open.text += textAt(event, 'delta');
    else if (!name.includes('part')) open.told = textAt(event, TOLD_IN[name] ?? '');
    else demand(name, objectAt(event, 'part')['text'], name.endsWith('added') ? '' : open.text);
  }
  if (open !== undefined && !mayBreakOff) throw new Error('An item is still open');
  return items;
}

/** The events between an item's beginning and its end, deltas counted once. */
function partsOf(item: Json): string {
  const text = textOf(item);
  switch (item['type']) {
    case 'message':
      return `content_part.added ${text && 'output_text.delta '}output_text.done content_part.done`;
    case 'reasoning':
      return text && `reasoning_summary_part.added ${SUMMARY}.delta ${SUMMARY}.done reasoning_summary_part.done`;
    case 'function_call':
      return `${text && 'function_call_arguments.delta '}function_call_arguments.done`;
    case 'web_search_call':
      return 'web_search_call.in_progress web_search_call.searching web_search_call.completed';
    case 'custom_tool_call':
      return `${text && 'custom_tool_call_input.delta '}custom_tool_call_input.done`;
    default:
      return '';
  }
}

/** What grew; the arguments of a search for tools are an object from the beginning. */
function textOf(item: Json): string {
  const parts = (item['content'] ?? item['summary'] ?? []) as readonly Json[];
  const grown = item['arguments'] ?? item['input'] ?? parts[0]?.['text'];
  return typeof grown === 'string' ? grown : '';
}

const SUMMARY = 'reasoning_summary_text';

const TOLD_IN: Readonly<Record<string, string>> = {
  'output_text.done': 'text',
  [`${SUMMARY}.done`]: 'text',
  'function_call_arguments.done': 'arguments',
  'custom_tool_call_input.done': 'input',
};
