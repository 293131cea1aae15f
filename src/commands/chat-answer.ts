/** A turn as a person or a script reads it: words on stdout as they come, or one JSON object. */

import type { Block } from '../core/conversation.js';
import type { Batch, Completion, FinishReason, StreamEvent, Turn } from '../core/stream.js';
import type { Terminal } from '../terminal/terminal.js';

/**
 * Writes the words as they come, and the reasoning aside.
 * @returns undefined when the reader left before the end.
 * @throws GatewayError when the turn ends with an error; what was said stays, on lines of its own.
 */
export async function writeWords(
  turn: Turn,
  terminal: Terminal,
  { showsReasoning }: { readonly showsReasoning: boolean },
): Promise<Completion | undefined> {
  let lastSaid = '';
  let lastAside = '';
  for await (const batch of turn) {
    const reasoning = showsReasoning ? deltasOf(batch, 'reasoning') : '';
    const last = batch.at(-1);
    const isOver = last?.type === 'finish' || last?.type === 'error';
    const text = deltasOf(batch, 'text');
    if (reasoning !== '') lastAside = aside(terminal, printable(reasoning, terminal));
    if (lastAside !== '' && (text !== '' || isOver)) lastAside = endAside(terminal, lastAside);
    const said = printable(text, terminal);
    lastSaid = said.at(-1) ?? lastSaid;
    const ending = isOver && lastSaid !== '' && lastSaid !== '\n' ? '\n' : '';
    if (said + ending !== '' && !(await terminal.result(said + ending))) return undefined;
    if (last?.type === 'finish') return last.completion;
    if (last?.type === 'error') throw last.error;
  }
  return undefined;
}

/** Field names are part of the command's contract; what is not known is null. */
export function writeJson({ blocks, finishReason, usage, credits }: Completion, model: string): string {
  const reasoning = textOf(blocks, 'reasoning');
  const answer = {
    text: textOf(blocks, 'text'),
    reasoning: reasoning === '' ? null : reasoning,
    model,
    usage,
    credits: credits ?? null,
    finishReason,
  };
  return `${JSON.stringify(answer, null, 2)}\n`;
}

/** What a person should know of an answer that did not end by itself. */
export function endNote(finishReason: FinishReason): string | undefined {
  return END_NOTES[finishReason];
}

/** What Kiro was not asked as the person asked it. */
export function noticeNote(notice: string): string {
  const [name, value] = notice.split('=');
  if (name !== 'media-left-out') return `Not as asked: ${notice}`;
  return `This model cannot take ${value === '1' ? 'the image or document' : `${value} images or documents`}; it answers without.`;
}

function deltasOf(batch: Batch, block: 'text' | 'reasoning'): string {
  const isDelta = (event: StreamEvent) => event.type === 'block-delta' && event.block === block;
  return batch.map((event) => (isDelta(event) && event.type === 'block-delta' ? event.delta : '')).join('');
}

function textOf(blocks: readonly Block[], type: 'text' | 'reasoning'): string {
  return blocks.map((block) => (block.type === type && 'text' in block ? block.text : '')).join('');
}

function aside(terminal: Terminal, text: string): string {
  terminal.aside(text);
  return text;
}

/** An empty line between the reasoning and the answer. */
function endAside(terminal: Terminal, last: string): string {
  terminal.log(last.endsWith('\n') ? '\n' : '\n\n');
  return '';
}

/** A terminal obeys control characters; an answer must not command it. Everything else gets every byte. */
function printable(text: string, { isInteractive }: Terminal): string {
  return isInteractive ? text.replaceAll(CONTROLS, '') : text;
}

// oxlint-disable-next-line no-control-regex -- These are the characters that are meant.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

const END_NOTES: Readonly<Record<FinishReason, string | undefined>> = {
  stop: undefined,
  'stop-sequence': undefined,
  'tool-calls': 'The model asked for a tool, and there is none in chat.',
  length: 'The answer was cut at the length that the model may write.',
  'context-full': 'The answer was cut: the window of the model is full.',
  'content-filter': "The answer was stopped by Kiro's content filter.",
};
