/** What a user message and a tool result hold in Anthropic's words. */

import type { Reader } from '../core/reader.js';
import type { ToolResult, ToolResultPart, UserPart } from '../core/conversation.js';
import { readParts, textParts, textWithin, unknownPart } from './content.js';
import { atUrl, leftOut, readBase64, toDocument, toImage, toTextDocument } from './media.js';
import type { Notices } from './notices.js';

/** A block of a user message. */
export function readUserBlock(block: Reader, notices: Notices): UserPart[] {
  return isToolResult(block) ? [readToolResult(block, notices)] : readContentBlock(block, notices);
}

export function isToolResult(block: Reader): boolean {
  return block.get('type').value === 'tool_result';
}

export function readToolResult(block: Reader, notices: Notices): ToolResult {
  return {
    type: 'tool-result',
    id: block.get('tool_use_id').nonEmptyString(),
    content: readParts(block.optional('content'), (it) => readContentBlock(it, notices)),
    isError: block.optional('is_error')?.boolean() ?? false,
  };
}

/** A block that may stand in a user message as well as in a tool result. */
export function readContentBlock(block: Reader, notices: Notices): ToolResultPart[] {
  const type = block.get('type').string();
  switch (type) {
    case 'text':
      return textParts(block.get('text').string());
    case 'image':
      return [readImage(block.get('source'), notices)];
    case 'document':
      return readDocument(block, notices);
    case 'search_result':
      return readSearchResult(block);
    case 'container_upload':
      return [leftOut('document', { reason: type, detail: block.get('file_id').string() }, notices)];
    case 'tool_reference':
      return textParts(`Tool ${block.get('tool_name').nonEmptyString()} is available.`);
    default:
      return unknownPart(block, type, notices);
  }
}

function readImage(source: Reader, notices: Notices): ToolResultPart {
  if (source.get('type').string() !== 'base64') return readElsewhere('image', source, '', notices);
  const mediaType = source.get('media_type').string();
  return toImage({ mediaType, data: readBase64(source.get('data')) }, notices);
}

function readDocument(block: Reader, notices: Notices): ToolResultPart[] {
  const name = block.optional('title')?.string() ?? '';
  const context = textParts(block.optional('context')?.string() ?? '');
  return [...context, ...readDocumentSource(block.get('source'), name, notices)];
}

function readDocumentSource(source: Reader, name: string, notices: Notices): ToolResultPart[] {
  switch (source.get('type').string()) {
    case 'base64': {
      const mediaType = source.get('media_type').string();
      return [toDocument({ mediaType, name, data: readBase64(source.get('data')) }, notices)];
    }
    case 'text':
      return toTextDocument(name, source.get('data').string());
    case 'content':
      return readParts(source.get('content'), (it) => readContentBlock(it, notices));
    default:
      return [readElsewhere('document', source, name, notices)];
  }
}

/** Sources that point elsewhere: a URL may be fetched later, but files of Anthropic's are out of reach. */
function readElsewhere(what: 'image' | 'document', source: Reader, name: string, notices: Notices): ToolResultPart {
  const reason = source.get('type').string();
  const url = source.optional('url')?.string();
  if (reason === 'url' && url !== undefined) return atUrl(what, { url, name }, notices);
  const pointer = source.optional('url') ?? source.optional('file_id');
  return leftOut(what, { reason, detail: pointer?.string() ?? reason }, notices);
}

function readSearchResult(block: Reader): ToolResultPart[] {
  const heading = `${block.get('title').string()}\n${block.get('source').string()}`;
  return textParts(`${heading}\n${textWithin(block.get('content'))}`.trim());
}
