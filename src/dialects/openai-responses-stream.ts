/** A turn as the events of the Responses API. */

import type { Responses } from 'openai/resources/responses/responses';
import type { Block } from '../core/conversation.js';
import type { BlockHead, StreamEvent } from '../core/stream.js';
import type { Reply } from './dialect.js';
import { writeData } from './event-data.js';
import {
  writeBeginning,
  writeConstant,
  writeEnd,
  writeFailed,
  writeItem,
  writeItemHead,
  writeText,
  type Item,
  type State,
} from './openai-responses-output.js';
import { writeSummary } from './openai-responses-reasoning.js';

/** Events are numbered, items have places, and the last event repeats all items: that is what has to be remembered. */
export function createResponsesWriter(reply: Reply): (event: StreamEvent) => string {
  const constant = writeData(writeConstant(reply)).slice(0, -1);
  const output: Item[] = [];
  let sequenceNumber = 0;
  /** The item that is growing; none between items, and none where the form tells an item only as a whole. */
  let open: OpenItem | undefined;

  const begin = (type: EventType) => `event: ${type}\ndata: {"type":"${type}","sequence_number":${sequenceNumber++},`;

  const write = <T extends EventType>(type: T, fields: Fields<T>) => `${begin(type)}${writeData(fields).slice(1)}\n\n`;

  const writeState = (type: EventType, state: State) =>
    `${begin(type)}"response":${constant},${writeData(state).slice(1)}}\n\n`;

  const writeStart = () => writeState('response.created', BEGINNING) + writeState('response.in_progress', BEGINNING);

  const writeItemStart = (item: Item) => {
    const added = write('response.output_item.added', { output_index: output.length, item });
    if (item.type !== 'message') return added;
    return added + write('response.content_part.added', { ...place(item), content_index: 0, part: writeText('') });
  };

  const place = (item: Item) => ({ item_id: item.id ?? '', output_index: output.length });

  const writeBlockStart = (block: BlockHead) => {
    const [item] = writeItemHead(block, output.length, reply);
    // What a custom call says is known only when it is whole; one that was cut must not be told at all.
    if (item === undefined || item.type === 'custom_tool_call') return '';
    open = { item, deltas: deltasOf(item, output.length), hasGrown: false };
    return writeItemStart(item);
  };

  const writeGrowth = (delta: string) => {
    // An empty delta only shows that it goes on; it must not begin a part that may never come.
    if (open?.deltas === undefined || (delta === '' && !open.hasGrown)) return '';
    const { item, deltas, hasGrown } = open;
    open.hasGrown = true;
    const part = { ...place(item), summary_index: 0, part: writeSummary('') };
    const opened = hasGrown || item.type !== 'reasoning' ? '' : write('response.reasoning_summary_part.added', part);
    return `${opened}${begin(deltas.type)}${deltas.head}${writeData(delta)}}\n\n`;
  };

  const writeBlockEnd = (block: Block) => {
    const [item] = writeItem(block, output.length, reply);
    if (item === undefined) return '';
    const [head = item] = writeItemHead(block, output.length, reply);
    const start = open === undefined ? writeItemStart(head) : '';
    const written =
      start + writePartEnd(item) + write('response.output_item.done', { output_index: output.length, item });
    output.push(item);
    open = undefined;
    return written;
  };

  const writePartEnd = (item: Item) => {
    switch (item.type) {
      case 'message': {
        const [part = writeText('')] = item.content;
        const at = { ...place(item), content_index: 0 };
        const text = 'text' in part ? part.text : '';
        return (
          write('response.output_text.done', { ...at, text, logprobs: [] }) +
          write('response.content_part.done', { ...at, part })
        );
      }
      case 'reasoning': {
        const [part] = item.summary;
        if (part === undefined) return '';
        const at = { ...place(item), summary_index: 0 };
        return (
          write('response.reasoning_summary_text.done', { ...at, text: part.text }) +
          write('response.reasoning_summary_part.done', { ...at, part })
        );
      }
      case 'function_call': {
        // A call without input has no deltas, yet some clients read nothing else.
        const only = open?.hasGrown || item.arguments === '' ? '' : writeGrowth(item.arguments);
        return only + write('response.function_call_arguments.done', { ...place(item), arguments: item.arguments });
      }
      case 'custom_tool_call': {
        const { input } = item;
        const only =
          input === '' ? '' : write('response.custom_tool_call_input.delta', { ...place(item), delta: input });
        return only + write('response.custom_tool_call_input.done', { ...place(item), input });
      }
      case 'local_shell_call':
      case 'shell_call':
      case 'apply_patch_call':
      case 'tool_search_call':
        return '';
    }
  };

  return (event) => {
    switch (event.type) {
      case 'start':
        return writeStart();
      case 'block-start':
        return writeBlockStart(event.block);
      case 'block-delta':
        return writeGrowth(event.delta);
      case 'block-end':
        return writeBlockEnd(event.block);
      case 'finish': {
        const state = writeEnd(event.completion, output);
        return writeState(state.status === 'completed' ? 'response.completed' : 'response.incomplete', state);
      }
      case 'error': {
        // The headers may have gone out before the turn began: the SDKs want to see it created all the same.
        const start = sequenceNumber === 0 ? writeStart() : '';
        return start + writeState('response.failed', writeFailed(event.error, output));
      }
    }
  };
}

type EventType = Responses.ResponseStreamEvent['type'];
type Fields<T extends EventType> = Omit<
  Extract<Responses.ResponseStreamEvent, { type: T }>,
  'type' | 'sequence_number'
>;

type OpenItem = { readonly item: Item; readonly deltas: Deltas | undefined; hasGrown: boolean };

/** The type of an item's deltas, and what is the same in all of them, made once. */
type Deltas = { readonly type: EventType; readonly head: string };

function deltasOf(item: Item, index: number): Deltas | undefined {
  const place = { item_id: item.id, output_index: index };
  const head = (more: object) => `${writeData({ ...place, ...more }).slice(1, -1)},"delta":`;
  switch (item.type) {
    case 'message':
      return { type: 'response.output_text.delta', head: head({ content_index: 0, logprobs: [] }) };
    case 'reasoning':
      return { type: 'response.reasoning_summary_text.delta', head: head({ summary_index: 0 }) };
    case 'function_call':
      return { type: 'response.function_call_arguments.delta', head: head({}) };
    case 'custom_tool_call':
    case 'local_shell_call':
    case 'shell_call':
    case 'apply_patch_call':
    case 'tool_search_call':
      return undefined;
  }
}

const BEGINNING = writeBeginning();
