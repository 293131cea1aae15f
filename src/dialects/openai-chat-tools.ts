/** The tools of a chat request, in all the forms that clients write them. */

import type { Tool } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { note, type Notices } from './notices.js';

/** The tools of `tools` and of the older `functions`. */
export function readChatTools(body: Reader, notices: Notices): Tool[] {
  const tools = body.optional('tools')?.array() ?? [];
  const functions = body.optional('functions')?.array() ?? [];
  return [...tools.flatMap((it) => readTool(it, notices)), ...functions.map(readFunction)];
}

/** The input of a custom tool is free text; for Kiro it becomes the one string field of an object. */
export function toCustomInput(input: string): string {
  return JSON.stringify({ [CUSTOM_FIELD]: input });
}

function readTool(tool: Reader, notices: Notices): Tool[] {
  const type = tool.optional('type')?.string() ?? 'function';
  if (type === 'custom' && tool.has('custom')) return [readCustomTool(tool.get('custom'))];
  // Cursor and others write tools flat: without `function` around them, or in Anthropic's form.
  const isFlat = tool.has('name') && !tool.has('function');
  if (type === 'function' || type === 'custom') return [readFunction(isFlat ? tool : tool.get('function'))];
  note(notices, 'tools-left-out', type);
  return [];
}

function readFunction(description: Reader): Tool {
  const schema = description.optional('parameters') ?? description.optional('input_schema');
  return {
    name: description.get('name').nonEmptyString(),
    description: description.optional('description')?.string() ?? '',
    inputSchema: schema?.object(),
  };
}

function readCustomTool(custom: Reader): Tool {
  const description = custom.optional('description')?.string() ?? '';
  const grammar = custom.optional('format')?.optional('grammar')?.optional('definition')?.string();
  return {
    name: custom.get('name').nonEmptyString(),
    description: grammar === undefined ? description : `${description}\n\nThe input follows this grammar:\n${grammar}`,
    inputSchema: CUSTOM_SCHEMA,
  };
}

const CUSTOM_FIELD = 'input';
const CUSTOM_SCHEMA = {
  type: 'object',
  properties: { [CUSTOM_FIELD]: { type: 'string' } },
  required: [CUSTOM_FIELD],
};
