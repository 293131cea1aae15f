/** What messages and tool results hold in the words of the Responses API. */

import type { Block, ToolResult, ToolResultPart } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { readContentBlock } from './anthropic-messages-content.js';
import { readParts, textParts, textWithin, unknownPart, type TextPart } from './content.js';
import { atUrl, leftOut, readBase64, readDataUrl, toImage, toMedia } from './media.js';
import type { Notices } from './notices.js';
import { callId } from './openai-responses-calls.js';

/** A part of a user message or of a tool's output. */
export function readPart(part: Reader, notices: Notices): ToolResultPart[] {
  switch (part.get('type').value) {
    case 'input_image':
      return [readImage(part, notices)];
    case 'input_file':
      return [readFile(part, notices)];
    default:
      return readTextPart(part) ?? readContentBlock(part, notices);
  }
}

/** A part of an assistant message. */
export function readAssistantPart(part: Reader, notices: Notices): Block[] {
  return readTextPart(part) ?? unknownPart(part, part.get('type').string(), notices);
}

/** Instructions can only be text. */
export function readInstructions(content: Reader | undefined, notices: Notices): string[] {
  const readText = (part: Reader): TextPart[] =>
    readTextPart(part) ?? unknownPart(part, part.get('type').string(), notices);
  return readParts(content, readText).map((it) => it.text);
}

/** What a tool of any kind gave back. */
export function readToolResult(item: Reader, notices: Notices): ToolResult {
  const isError = item.optional('status')?.value === 'failed';
  return { type: 'tool-result', id: callId(item), content: readOutput(item.optional('output'), notices), isError };
}

/** One entry per command, as `shell` gives it back. */
export function readShellResult(item: Reader): ToolResult {
  const content = item.get('output').array().map(describeShellOutput).flatMap(textParts);
  return { type: 'tool-result', id: callId(item), content, isError: false };
}

/** A string, a list of parts, or an object of a client's own making. */
function readOutput(output: Reader | undefined, notices: Notices): ToolResultPart[] {
  if (output?.isObject()) return textParts(textWithin(output) || JSON.stringify(output.value));
  return readParts(output, (it) => readPart(it, notices));
}

function describeShellOutput(entry: Reader): string {
  const outcome = entry.optional('outcome');
  const exitCode = outcome?.optional('exit_code')?.number();
  const ending = exitCode === undefined ? outcome?.optional('type')?.string() : `exit code ${exitCode}`;
  const texts = ['stdout', 'stderr'].map((key) => entry.optional(key)?.string() ?? '');
  return [...texts, ending === undefined ? '' : `[${ending}]`].filter((it) => it !== '').join('\n');
}

/** Undefined for a part of any other type. */
function readTextPart(part: Reader): TextPart[] | undefined {
  switch (part.get('type').value) {
    case 'input_text':
    case 'output_text':
    case 'text':
      return textParts(part.get('text').string());
    case 'refusal':
      return textParts(part.get('refusal').string());
    default:
      return undefined;
  }
}

/** The URL as OpenAI documents it, or within an object, as in chat completions. */
function readImage(part: Reader, notices: Notices): ToolResultPart {
  const given = part.optional('image_url');
  if (given === undefined) return leftOut('image', { reason: 'file', detail: pointerOf(part) }, notices);
  const url = given.isObject() ? given.get('url') : given;
  const data = readDataUrl(url);
  if (data === undefined) return atUrl('image', { url: url.string() }, notices);
  return toImage(data, notices);
}

function readFile(part: Reader, notices: Notices): ToolResultPart {
  const name = part.optional('filename')?.string() ?? '';
  const data = part.optional('file_data');
  if (data === undefined) {
    const url = part.optional('file_url')?.string();
    if (url) return atUrl('document', { url, name }, notices);
    const reason = part.has('file_url') ? 'url' : 'file';
    return leftOut('document', { reason, detail: pointerOf(part) || name }, notices);
  }
  return toMedia({ name, ...(readDataUrl(data) ?? { mediaType: '', data: readBase64(data) }) }, notices);
}

/** Where the client says that something lies. */
function pointerOf(part: Reader): string {
  return (part.optional('file_url') ?? part.optional('file_id'))?.string() ?? '';
}
