/** What `chat` asks: the words of the command line, what is piped in, and files. */

import type { Context } from '../context.js';
import type { Message, UserPart } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import { readFiles, toAttachment, type Attachment } from './chat-files.js';

export type Question = {
  /** Empty when a person at the terminal is still to be asked. */
  readonly prompt: string;
  readonly attachments: readonly Attachment[];
};

/** @throws GatewayError `invalid-request` when there is no prompt, or a file that cannot be sent. */
export async function readQuestion(
  words: readonly string[],
  paths: readonly string[],
  context: Context,
): Promise<Question> {
  const asked = words.join(' ').trim();
  const files = await readFiles(paths, context.workingDirectory);
  const piped = await readPiped(asked, context);
  if (piped === undefined) return { prompt: asked, attachments: files };
  const added = piped.type === 'text' ? piped.text.trim() : '';
  const prompt = [asked, added].filter((text) => text !== '').join('\n\n');
  if (prompt === '') throw noPrompt();
  return { prompt, attachments: piped.type === 'text' ? files : [piped, ...files] };
}

/** The one line that a person types. */
export async function askForPrompt({ loadPrompts }: Context): Promise<string> {
  const prompts = await loadPrompts();
  if (prompts === undefined) throw noPrompt();
  try {
    return await prompts.ask('What do you want to ask?', (text) => (text === '' ? 'Type a question.' : undefined));
  } catch (thrown) {
    const isCancelled = thrown instanceof GatewayError && thrown.kind === 'cancelled';
    throw isCancelled ? new GatewayError('cancelled', 'Stopped.') : thrown;
  }
}

/** The prompt, then the texts of files under their names, then what is no text. */
export function toMessage(prompt: string, attachments: readonly Attachment[]): Message {
  const texts = attachments.flatMap((it) => (it.type === 'text' ? [inline(it.name, it.text)] : []));
  const media = attachments.filter((it) => it.type !== 'text');
  const text: UserPart = { type: 'text', text: [prompt, ...texts].join('\n\n') };
  return { role: 'user', parts: [text, ...media] };
}

function inline(name: string, text: string): string {
  return `<file name=${JSON.stringify(name)}>\n${text.trimEnd()}\n</file>`;
}

async function readPiped(asked: string, { readPiped: read, startTimer, terminal }: Context) {
  const waiting = startTimer(SILENT_MS, () => terminal.note('Waiting for the end of the piped input …'));
  try {
    const bytes = await read({ maxBytes: MAX_BYTES, mayBeSilent: asked !== '' });
    return bytes === undefined ? undefined : toAttachment('The piped input', bytes);
  } finally {
    waiting.stop();
  }
}

function noPrompt(): GatewayError {
  const message = 'There is no prompt. Ask with `kiro-gateway chat "your question"`, or pipe it in.';
  return new GatewayError('invalid-request', message);
}

const MAX_BYTES = 20_000_000;
const SILENT_MS = 3500;
