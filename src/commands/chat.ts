/** `chat`: one question, with what is piped in and files, and its answer as words that come or as one JSON object. */

import { createReadStream } from 'node:fs';
import { basename, extname, resolve } from 'node:path';

import { FILE_PROBLEMS, fileProblem } from '../auth/files.js';
import type { Context } from '../context.js';
import type { Document, DocumentFormat, Effort, Image, Message } from '../core/conversation.js';
import { codeOf, GatewayError } from '../core/errors.js';
import { imageFormatOf, isPdf } from '../core/signatures.js';
import { collect, through, type Batch, type Completion, type FinishReason, type Turn } from '../core/stream.js';
import { MAX_MEDIA, MAX_MEDIA_BYTES } from '../kiro/media.js';
import { harmless, type Terminal } from '../terminal/terminal.js';
import { usageError, withGateway, type Run } from './command.js';

export const chat: Run = async (words, options, context) => {
  const { terminal } = context;
  const { model, system, effort, thinking, file, json } = options;
  const question = await readQuestion(words.join(' ').trim(), typeof file === 'object' ? file : [], context);
  const signal = context.stopSignal();
  return withGateway(context, options, async ({ gateway }) => {
    try {
      const prompt = question.prompt || (await askForPrompt(context));
      const { turn, notices, modelId } = await gateway.converse(
        {
          model: String(model),
          system: typeof system === 'string' ? [system] : [],
          // None are sent, so none is ever called.
          tools: [],
          reasoning: {
            mode: thinking === true ? 'on' : effort === 'none' ? 'off' : undefined,
            // The cast is what commander has checked.
            effort: effort as Effort | undefined,
          },
          messages: [toMessage(prompt, question.attachments)],
        },
        signal,
      );
      for (const notice of notices) terminal.note(noticeNote(notice));
      const answer =
        json === true ? writeObject(turn, terminal, modelId) : writeWords(turn, terminal, thinking === true);
      const completion = await answer;
      // Ctrl-C in a pipe ends the reader as well, and it may be the first to go.
      signal.throwIfAborted();
      const note = completion && END_NOTES[completion.finishReason];
      if (note !== undefined) terminal.note(note);
      return 0;
    } catch (thrown) {
      const isStopped = signal.aborted || (thrown instanceof GatewayError && thrown.kind === 'cancelled');
      throw isStopped ? new GatewayError('cancelled', 'Stopped.', { cause: thrown }) : thrown;
    }
  });
};

// --- the question

type Attachment = { readonly type: 'text'; readonly name: string; readonly text: string } | Image | Document;

/** The prompt is empty when a person at the terminal is still to be asked. */
type Question = { readonly prompt: string; readonly attachments: readonly Attachment[] };

/** @throws GatewayError `invalid-request` when there is no prompt, or a file that cannot be sent. */
async function readQuestion(asked: string, paths: readonly string[], context: Context): Promise<Question> {
  const files = await Promise.all(
    paths.map(async (path) => toAttachment(path, await readBytes(path, resolve(context.workingDirectory, path)))),
  );
  const bytes = await readPiped(asked, context);
  const piped = bytes && toAttachment('The piped input', bytes);
  const attachments = piped === undefined || piped.type === 'text' ? files : [piped, ...files];
  for (const type of ['image', 'document'] as const) {
    const count = attachments.filter((it) => it.type === type).length;
    if (count > MAX_MEDIA[type])
      throw usageError(`${count} ${type}s are too many; one question takes ${MAX_MEDIA[type]}.`);
  }
  if (piped === undefined) return { prompt: asked, attachments };
  const prompt = [asked, piped.type === 'text' ? piped.text.trim() : ''].filter((text) => text !== '').join('\n\n');
  if (prompt === '') throw noPrompt();
  return { prompt, attachments };
}

async function readPiped(asked: string, context: Context): Promise<Uint8Array | undefined> {
  const tell = (): void => context.terminal.note('Waiting for the end of the piped input …');
  const waiting = context.startTimer(SILENT_MS, tell);
  try {
    return await context.readPiped({ maxBytes: MAX_FILE_BYTES, isLine: false, mayBeSilent: asked !== '' });
  } finally {
    waiting.stop();
  }
}

/** The one line that a person types. */
async function askForPrompt({ loadPrompts }: Context): Promise<string> {
  const prompts = await loadPrompts();
  if (prompts === undefined) throw noPrompt();
  return prompts.ask('What do you want to ask?', (text) => (text === '' ? 'Type a question.' : undefined));
}

/** The prompt, then the texts of files under their names, then what is no text. */
function toMessage(prompt: string, attachments: readonly Attachment[]): Message {
  const texts = attachments.flatMap((it) =>
    it.type === 'text' ? [`<file name=${JSON.stringify(it.name)}>\n${it.text.trimEnd()}\n</file>`] : [],
  );
  const media = attachments.filter((it) => it.type !== 'text');
  return { role: 'user', parts: [{ type: 'text', text: [prompt, ...texts].join('\n\n') }, ...media] };
}

async function readBytes(name: string, path: string): Promise<Uint8Array> {
  try {
    // Pipes and devices do not tell their size before they are read.
    const chunks: Buffer[] = await createReadStream(path, { end: MAX_FILE_BYTES }).toArray();
    const bytes = Buffer.concat(chunks);
    if (bytes.length <= MAX_FILE_BYTES) return bytes;
  } catch (thrown) {
    if (codeOf(thrown) === 'EISDIR') throw usageError(`${name} is a folder; name the files.`);
    throw usageError(`${name} ${FILE_PROBLEMS[fileProblem(thrown)]}.`);
  }
  throw usageError(`${name} is too large; a file may have ${megabytes(MAX_FILE_BYTES)}.`);
}

/** Text inline, images by their first bytes, documents of the formats that Kiro knows. */
function toAttachment(name: string, bytes: Uint8Array): Attachment {
  const encoded = (type: 'image' | 'document'): string => {
    const most = MAX_MEDIA_BYTES[type];
    if (bytes.length > most)
      throw usageError(`${name} is too large; Kiro takes ${type}s of at most ${megabytes(most)}.`);
    return Buffer.from(bytes).toString('base64');
  };
  const image = imageFormatOf(bytes);
  if (image !== undefined) return { type: 'image', format: image, data: encoded('image') };
  const text = decodeText(bytes);
  const ending = extname(name).slice(1).toLowerCase();
  const format = isPdf(bytes) ? 'pdf' : formatsOf(bytes, text).find((it) => it === ending);
  if (format !== undefined) return { type: 'document', name: basename(name), format, data: encoded('document') };
  if (text !== undefined) return { type: 'text', name, text };
  throw usageError(`${name} is neither text nor an image or a document that Kiro takes (${KINDS}).`);
}

/** Those that such bytes may have; the container says little about what is inside, so the ending decides. */
function formatsOf(bytes: Uint8Array, text: string | undefined): readonly DocumentFormat[] {
  const head = Buffer.from(bytes.subarray(0, 8)).toString('hex');
  if (head.startsWith('504b0304')) return ['docx', 'xlsx'];
  if (head === 'd0cf11e0a1b11ae1') return ['doc', 'xls'];
  // Spreadsheet programs write tables in older encodings; Kiro may know what to make of them.
  return text === undefined && !bytes.includes(0) ? ['csv', 'html', 'txt', 'md'] : [];
}

/** UTF-8, or the UTF-16 of PowerShell's `>` by its byte order mark; undefined when it is no text. */
function decodeText(bytes: Uint8Array): string | undefined {
  const mark = Buffer.from(bytes.subarray(0, 2)).toString('hex');
  const encoding = { fffe: 'utf-16le', feff: 'utf-16be' }[mark] ?? 'utf-8';
  if (encoding === 'utf-8' && bytes.includes(0)) return undefined;
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function noPrompt(): GatewayError {
  return usageError('There is no prompt. Ask with `kiro-gateway chat "your question"`, or pipe it in.');
}

function megabytes(bytes: number): string {
  return `${bytes / 1_000_000} MB`;
}

const SILENT_MS = 3500;
const MAX_FILE_BYTES = 20_000_000;
const KINDS = 'png, jpeg, gif, webp, pdf, csv, doc, docx, xls, xlsx, html, txt, md';

// --- the answer

/**
 * Writes the words as they come, and the reasoning aside.
 * @returns undefined when the reader left before the end.
 * @throws GatewayError when the turn ends with an error; what was said stays, on lines of its own.
 */
async function writeWords(turn: Turn, terminal: Terminal, showsReasoning: boolean): Promise<Completion | undefined> {
  let lastSaid = '';
  let lastAside = '';
  for await (const batch of turn) {
    const last = batch.at(-1);
    const isOver = last?.type === 'finish' || last?.type === 'error';
    const reasoning = showsReasoning ? harmless(deltasOf(batch, 'reasoning'), '') : '';
    const said = shown(deltasOf(batch, 'text'), terminal);
    if (reasoning !== '') terminal.aside(reasoning);
    lastAside = reasoning || lastAside;
    if (lastAside !== '' && (said !== '' || isOver)) {
      // An empty line between the reasoning and the answer.
      terminal.log(lastAside.endsWith('\n') ? '\n' : '\n\n');
      lastAside = '';
    }
    lastSaid = said.at(-1) ?? lastSaid;
    const ending = isOver && lastSaid !== '' && lastSaid !== '\n' ? '\n' : '';
    if (said + ending !== '' && !(await terminal.result(said + ending))) return undefined;
    if (last?.type === 'finish') return last.completion;
    if (last?.type === 'error') throw last.error;
  }
  return undefined;
}

/** A terminal obeys control characters; an answer must not command it. Everything else gets every byte. */
function shown(text: string, { isInteractive }: Terminal): string {
  return isInteractive ? harmless(text, '') : text;
}

function deltasOf(batch: Batch, block: 'text' | 'reasoning'): string {
  return batch.map((it) => (it.type === 'block-delta' && it.block === block ? it.delta : '')).join('');
}

/**
 * One object at the end. When that does not come, of what was received by then, for it has cost credits; nothing when
 * that is nothing. Field names are part of the command's contract; what is not known is null.
 * @throws GatewayError when the turn ends with an error.
 */
async function writeObject(turn: Turn, terminal: Terminal, model: string): Promise<Completion> {
  let [text, thought] = ['', ''];
  const listen = (batch: Batch): Batch => {
    text += deltasOf(batch, 'text');
    thought += deltasOf(batch, 'reasoning');
    return batch;
  };
  let completion: Completion | undefined;
  try {
    completion = await collect(through(turn, [listen]));
    return completion;
  } finally {
    const { usage = null, credits = null, finishReason = null } = completion ?? {};
    const answer = { text, reasoning: thought || null, model, usage, credits, finishReason };
    const isWorthIt = completion !== undefined || text + thought !== '';
    if (isWorthIt) await terminal.result(`${shown(JSON.stringify(answer, null, 2), terminal)}\n`);
  }
}

/** What Kiro was not asked as the person asked it. */
function noticeNote(notice: string): string {
  const [name, value] = notice.split('=');
  if (name !== 'media-left-out') return `Not as asked: ${notice}`;
  return `This model cannot take ${value === '1' ? 'the image or document' : `${value} images or documents`}; it answers without.`;
}

/** What a person should know of an answer that did not end by itself. */
const END_NOTES: Partial<Record<FinishReason, string>> = {
  'tool-calls': 'The model asked for a tool, and `chat` has none.',
  length: 'The answer was cut off: the model may write no more.',
  'context-full': "The answer was cut off: the model's context window is full.",
  'content-filter': "The answer was stopped by Kiro's content filter.",
};
