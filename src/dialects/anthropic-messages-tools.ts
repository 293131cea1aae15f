/** The tools of a Messages request: the client's own, and Anthropic's built-in ones as far as the client runs them. */

import type { Tool } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { note, type Notices } from './notices.js';

/** One tool; none when it could only run at Anthropic, of which the client is told. */
export function readMessagesTool(tool: Reader, notices: Notices): Tool[] {
  const type = tool.optional('type')?.string() ?? 'custom';
  if (type === 'custom') return [readCustomTool(tool)];
  if (type.startsWith('code_execution')) tool.get('type').fail(`${type} runs at Anthropic only; leave the tool out.`);
  const builtIn = BUILT_IN.find(({ types }) => types.test(type));
  if (builtIn !== undefined) return [builtIn.read(tool, type)];
  note(notices, 'tools-left-out', type);
  return [];
}

function readCustomTool(tool: Reader): Tool {
  return {
    name: tool.get('name').nonEmptyString(),
    description: tool.optional('description')?.string() ?? '',
    inputSchema: tool.optional('input_schema')?.object(),
  };
}

/** Kiro knows none of these: it is told their schemas, which Anthropic's models know by heart. */
type BuiltIn = { readonly types: RegExp; readonly read: (tool: Reader, type: string) => Tool };

function readBash(tool: Reader): Tool {
  return {
    name: nameOf(tool, 'bash'),
    description: 'Runs a command in a persistent bash session. `restart` starts the session anew.',
    inputSchema: objectOf({ command: TEXT, restart: { type: 'boolean' } }, []),
  };
}

function readTextEditor(tool: Reader, type: string): Tool {
  const commands = ['view', 'create', 'str_replace', 'insert', ...(OLD_EDITOR.test(type) ? ['undo_edit'] : [])];
  return {
    name: nameOf(tool, 'str_replace_based_edit_tool'),
    description:
      'Views and edits text files. `view` shows a file or a folder, `create` writes a file, `str_replace` replaces ' +
      '`old_str`, which must occur exactly once, by `new_str`, and `insert` puts a text after line `insert_line`.',
    inputSchema: objectOf({ command: oneOf(commands), ...EDITING, [insertedText(type)]: TEXT }, ['command', 'path']),
  };
}

function readMemory(tool: Reader): Tool {
  return {
    name: nameOf(tool, 'memory'),
    description:
      'Keeps notes in files below /memories between conversations. View that folder before you begin, and write down ' +
      'what has to be remembered. `rename` moves `old_path` to `new_path`.',
    inputSchema: objectOf(
      {
        command: oneOf(['view', 'create', 'str_replace', 'insert', 'delete', 'rename']),
        ...EDITING,
        insert_text: TEXT,
        old_path: TEXT,
        new_path: TEXT,
      },
      ['command'],
    ),
  };
}

function readComputer(tool: Reader, type: string): Tool {
  const width = tool.optional('display_width_px')?.number();
  const height = tool.optional('display_height_px')?.number();
  const size = width === undefined || height === undefined ? '' : ` The display is ${width} × ${height} pixels.`;
  const hasNewActions = type !== 'computer_20241022';
  const canZoom = tool.optional('enable_zoom')?.boolean() === true;
  const actions = [...ACTIONS, ...(hasNewActions ? NEW_ACTIONS : []), ...(canZoom ? ['zoom'] : [])];
  return {
    name: nameOf(tool, 'computer'),
    description: `Uses mouse, keyboard and screen of a computer; take a screenshot to see what happened.${size}`,
    inputSchema: objectOf(
      {
        action: oneOf(actions),
        coordinate: numbers('x and y in pixels'),
        start_coordinate: numbers('where a drag begins'),
        text: { type: 'string', description: 'what to type, or the keys to press' },
        ...(hasNewActions && SCROLLING),
        ...(canZoom && { region: numbers('x and y of the upper left, then of the lower right corner') }),
      },
      ['action'],
    ),
  };
}

function nameOf(tool: Reader, standard: string): string {
  return tool.optional('name')?.nonEmptyString() ?? standard;
}

/** The older editors insert their `new_str`. */
function insertedText(type: string): string {
  return type === 'text_editor_20250728' ? 'insert_text' : 'new_str';
}

function objectOf(properties: Readonly<Record<string, object>>, required: readonly string[]): Tool['inputSchema'] {
  return { type: 'object', properties, ...(required.length > 0 && { required }) };
}

function oneOf(values: readonly string[]): object {
  return { type: 'string', enum: values };
}

function numbers(description: string): object {
  return { type: 'array', items: { type: 'integer' }, description };
}

const TEXT = { type: 'string' };
const OLD_EDITOR = /_(?:20241022|20250124)$/;

/** What the editor and the memory share. */
const EDITING = {
  path: TEXT,
  view_range: { type: 'array', items: { type: 'integer' }, description: 'first and last line; -1 for the end' },
  file_text: TEXT,
  old_str: TEXT,
  new_str: TEXT,
  insert_line: { type: 'integer' },
};

const CLICKS = ['left_click', 'left_click_drag', 'right_click', 'middle_click', 'double_click'];
const ACTIONS = ['key', 'type', 'mouse_move', ...CLICKS, 'screenshot', 'cursor_position'];
const NEW_ACTIONS = ['left_mouse_down', 'left_mouse_up', 'triple_click', 'scroll', 'hold_key', 'wait'];
const SCROLLING = {
  scroll_direction: oneOf(['up', 'down', 'left', 'right']),
  scroll_amount: { type: 'integer' },
  duration: { type: 'number', description: 'seconds' },
};

const BUILT_IN: readonly BuiltIn[] = [
  { types: /^bash_\d+$/, read: readBash },
  { types: /^text_editor_\d+$/, read: readTextEditor },
  { types: /^memory_\d+$/, read: readMemory },
  { types: /^computer_\d+$/, read: readComputer },
];
