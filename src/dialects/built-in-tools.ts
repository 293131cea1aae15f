/**
 * The vendors' tools that the client runs: their models know them by heart, all others have to be told. Of a toolset
 * every member is a tool.
 */

import type Anthropic from '@anthropic-ai/sdk';
import type { Tool } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';

/** A tool, and the toolset that it belongs to. */
export type BuiltInTool = { readonly tool: Tool; readonly toolset?: string };

/** Anthropic's of one type; none of those that run at Anthropic. */
export function anthropicTools(type: string, tool: Reader): BuiltInTool[] {
  const named = (standard: string, description: string, inputSchema: Tool['inputSchema']): BuiltInTool[] => {
    const name = tool.optional('name')?.nonEmptyString() ?? standard;
    return [{ tool: { name, description, inputSchema } }];
  };
  // The rest of a type is its version.
  switch (/^([a-z_]+)_\d+$/.exec(type)?.[1] ?? '') {
    case 'browser_toolset':
      return membersOf('browser', tool);
    case 'computer_toolset':
      return membersOf('computer', tool);
    case 'bash':
      return named(
        'bash',
        'Runs a command in a persistent bash session. `restart` starts the session anew.',
        objectOf([], { command: TEXT, restart: { type: 'boolean' } }),
      );
    case 'text_editor': {
      const undoing = /_(?:20241022|20250124)$/.test(type) ? ['undo_edit'] : [];
      const command = oneOf(['view', 'create', 'str_replace', 'insert', ...undoing]);
      // The older editors insert their `new_str`.
      const inserting = type.endsWith('_20250728') ? INSERTING : {};
      return named(
        'str_replace_based_edit_tool',
        'Views and edits text files. `view` shows a file or a folder, `create` writes a file, `str_replace` replaces ' +
          '`old_str`, which must occur exactly once, by `new_str`, and `insert` puts a text after line `insert_line`.',
        objectOf(['command', 'path'], { command, ...EDITING, ...inserting }),
      );
    }
    case 'memory': {
      const command = oneOf(['view', 'create', 'str_replace', 'insert', 'delete', 'rename']);
      return named(
        'memory',
        'Keeps notes in files below /memories between conversations. View that folder before you begin, and write ' +
          'down what has to be remembered. `rename` moves `old_path` to `new_path`.',
        objectOf(['command'], { command, ...EDITING, ...INSERTING, old_path: TEXT, new_path: TEXT }),
      );
    }
    case 'computer': {
      const [width, height] = ['display_width_px', 'display_height_px'].map((key) => tool.optional(key)?.number());
      const size = width && height ? ` The display is ${width} × ${height} pixels.` : '';
      const isNew = type !== 'computer_20241022';
      const canZoom = tool.optional('enable_zoom')?.boolean() === true;
      return named(
        'computer',
        `Uses mouse, keyboard and screen of a computer; take a screenshot to see what happened.${size}`,
        objectOf(['action'], {
          action: oneOf([...ACTIONS, ...(isNew ? NEW_ACTIONS : []), ...(canZoom ? ['zoom'] : [])]),
          coordinate: PIXELS,
          start_coordinate: numbers('where a drag begins'),
          text: { type: 'string', description: 'what to type, or the keys to press' },
          ...(isNew && SCROLLING),
          ...(canZoom && { region: REGION }),
        }),
      );
    }
    default:
      return [];
  }
}

/** The schema of an object. */
export function objectOf(required: readonly string[], properties: Properties) {
  return { type: 'object', properties, ...(required.length > 0 && { required }) };
}

function oneOf(values: readonly string[]): object {
  return { type: 'string', enum: values };
}

function listOf(items: object): object {
  return { type: 'array', items };
}

function numbers(description: string): object {
  return { ...listOf({ type: 'integer' }), description };
}

export const TEXT = { type: 'string' };
const NUMBER = { type: 'number' };
const COUNT = { type: 'integer' };
const PIXELS = numbers('x and y in pixels');
const DIRECTION = oneOf(['up', 'down', 'left', 'right']);
const SECONDS = { type: 'number', description: 'seconds' };
const REGION = numbers('x and y of the upper left, then of the lower right corner');
const INSERTING = { insert_text: TEXT };
/** What the editor and the memory share. */
const EDITING = {
  path: TEXT,
  view_range: numbers('first and last line; -1 for the end'),
  file_text: TEXT,
  old_str: TEXT,
  new_str: TEXT,
  insert_line: COUNT,
};

const CLICKS = ['left_click', 'left_click_drag', 'right_click', 'middle_click', 'double_click'];
const ACTIONS = ['key', 'type', 'mouse_move', ...CLICKS, 'screenshot', 'cursor_position'];
const NEW_ACTIONS = ['left_mouse_down', 'left_mouse_up', 'triple_click', 'scroll', 'hold_key', 'wait'];
const SCROLLING = { scroll_direction: DIRECTION, scroll_amount: COUNT, duration: SECONDS };

// --- Anthropic's toolsets

type Properties = Readonly<Record<string, object>>;

/** What a member does, what it needs, and what it may be given besides. */
type Member = readonly [description: string, required?: Properties, optional?: Properties];

/** The members on offer; `configs` holds those that the client has turned on or off. */
function membersOf(toolset: keyof typeof TOOLSETS, tool: Reader): BuiltInTool[] {
  const configs = tool.optional('configs');
  const members = Object.entries<Member>(TOOLSETS[toolset]).filter(
    ([name]) => configs?.optional(name)?.optional('enabled')?.boolean() ?? !ON_REQUEST.has(name),
  );
  return members.map(([name, [description, required = {}, optional = {}]]) => {
    const tab = toolset === 'browser' && !WITHOUT_TAB.has(name) ? TAB : {};
    const inputSchema = objectOf(Object.keys(required), { ...required, ...optional, ...tab });
    return { toolset, tool: { name, description, inputSchema } };
  });
}

/** Offered only when the client says so. */
const ON_REQUEST: ReadonlySet<string> = new Set(['read_console', 'read_network', 'file_upload', 'javascript_exec']);
const WITHOUT_TAB: ReadonlySet<string> = new Set(['list_tabs', 'new_tab', 'switch_tab', 'close_tab']);
const TAB = { tab_id: { type: 'string', description: 'the active tab without' } };

const POINT = objectOf(['type', 'x', 'y'], { type: oneOf(['coordinate']), x: NUMBER, y: NUMBER });
const ELEMENT = objectOf(['type', 'ref'], { type: oneOf(['ref']), ref: TEXT });
const PLACE = { anyOf: [POINT, ELEMENT] };
const KEYS = { type: 'string', description: 'a key, or several joined by +, such as ctrl+s' };
const HELD = { type: 'string', description: 'keys to hold down meanwhile' };
/** Without a place it is where the mouse is. */
const CLICK = { coordinate: PIXELS, text: HELD };

const COMPUTER_MEMBERS: Readonly<Record<Anthropic.Messages.ComputerMemberName, Member>> = {
  key: ['Presses keys.', { text: KEYS }, { repeat: COUNT }],
  hold_key: ['Holds keys down for a while.', { text: KEYS, duration: SECONDS }],
  type: ['Types a text.', { text: TEXT }],
  cursor_position: ['Tells where the mouse is.'],
  mouse_move: ['Moves the mouse without a click.', { coordinate: PIXELS }],
  left_mouse_down: ['Presses the left button where the mouse is, and keeps it down.'],
  left_mouse_up: ['Lets go of the left button.'],
  left_click: ['Clicks the left button, where the mouse is unless told otherwise.', {}, CLICK],
  left_click_drag: [
    'Drags with the left button, from `start_coordinate` to `coordinate`.',
    { start_coordinate: PIXELS, coordinate: PIXELS },
    { text: HELD },
  ],
  right_click: ['Clicks the right button.', {}, CLICK],
  middle_click: ['Clicks the middle button.', {}, CLICK],
  double_click: ['Clicks the left button twice.', {}, CLICK],
  triple_click: ['Clicks the left button three times.', {}, CLICK],
  scroll: ['Turns the wheel.', { scroll_direction: DIRECTION, scroll_amount: COUNT }, CLICK],
  wait: ['Waits.', { duration: SECONDS }],
  screenshot: ['Shows the screen.'],
  zoom: ['Shows a part of the screen, enlarged.', { region: REGION }],
};

const MODIFIED = { modifiers: HELD };
const BROWSER_MEMBERS: Readonly<Record<Anthropic.Messages.BrowserMemberName, Member>> = {
  navigate: ['Opens a URL; `back`, `forward` and `reload` do what they say.', { url: TEXT }],
  list_tabs: ['Lists the open tabs with their ids.'],
  new_tab: ['Opens an empty tab and tells its id.'],
  switch_tab: ['Makes a tab the active one.', { tab_id: TEXT }],
  close_tab: ['Closes a tab.', { tab_id: TEXT }],
  read_page: [
    'Shows the elements of the page as a tree, with the refs by which other tools find them.',
    {},
    { ref: TEXT, depth: COUNT, filter: oneOf(['all', 'interactive']) },
  ],
  get_page_text: ['Shows the text of the page.'],
  read_console: ['Shows what was written to the console since the last look.'],
  read_network: ['Shows the network requests since the last look.'],
  find: ['Finds elements by a description in words, and tells their refs.', { query: TEXT }],
  form_input: [
    'Sets the value of a form element: a text, a number, or true and false.',
    { target: ELEMENT, value: { anyOf: [TEXT, NUMBER, { type: 'boolean' }] } },
  ],
  file_upload: [
    'Gives files to a form element.',
    { target: ELEMENT },
    { paths: listOf(TEXT), document_ids: listOf(TEXT) },
  ],
  scroll_to: ['Scrolls an element into view.', { target: ELEMENT }],
  screenshot: ['Shows what is in view.'],
  zoom: ['Shows a part of what is in view, enlarged.', { region: REGION }],
  left_click: ['Clicks the left button.', { target: PLACE }, MODIFIED],
  right_click: ['Clicks the right button.', { target: PLACE }, MODIFIED],
  middle_click: ['Clicks the middle button.', { target: PLACE }, MODIFIED],
  double_click: ['Clicks the left button twice.', { target: PLACE }, MODIFIED],
  triple_click: ['Clicks the left button three times.', { target: PLACE }, MODIFIED],
  hover: ['Moves the mouse over a place without a click.', { target: PLACE }],
  left_click_drag: ['Drags with the left button, from `from` to `target`.', { from: POINT, target: POINT }],
  left_mouse_down: ['Presses the left button, and keeps it down.', { target: POINT }],
  left_mouse_up: ['Lets go of the left button.', { target: POINT }],
  mouse_move: ['Moves the mouse without a click.', { target: POINT }],
  scroll: ['Turns the wheel.', { target: POINT, scroll_direction: DIRECTION }, { scroll_amount: COUNT }],
  type: ['Types a text.', { text: TEXT }],
  key: ['Presses keys.', { text: KEYS }, { repeat: COUNT }],
  hold_key: ['Holds keys down for a while.', { text: KEYS, duration: SECONDS }],
  wait: ['Waits.', { duration: SECONDS }],
  javascript_exec: ['Runs JavaScript in the page and shows its value.', { text: TEXT }],
};

const TOOLSETS = { browser: BROWSER_MEMBERS, computer: COMPUTER_MEMBERS };

// --- OpenAI's

const TIMEOUT = { type: 'integer', description: 'Milliseconds after which it is stopped.' };

/** OpenAI's, by their types. */
export const OPENAI_TOOLS: Readonly<Record<'local_shell' | 'shell' | 'apply_patch', Omit<Tool, 'name'>>> = {
  local_shell: {
    description: "Runs one program on the user's machine and returns its output.",
    inputSchema: objectOf(['command'], {
      command: { ...listOf(TEXT), description: 'The program and its arguments.' },
      working_directory: TEXT,
      env: { type: 'object', additionalProperties: TEXT },
      timeout_ms: TIMEOUT,
    }),
  },
  shell: {
    description: "Runs shell commands on the user's machine and returns the output of each.",
    inputSchema: objectOf(['commands'], {
      commands: listOf(TEXT),
      max_output_length: { type: 'integer', description: 'Characters of output to return at most.' },
      timeout_ms: TIMEOUT,
    }),
  },
  apply_patch: {
    description:
      'Creates, updates or deletes one file. The diff of an update holds hunks: a line "@@" with optional context, then ' +
      'lines that begin with " ", "-" or "+". The diff of a new file holds all its lines, each beginning with "+".',
    inputSchema: objectOf(['type', 'path'], {
      type: oneOf(['create_file', 'update_file', 'delete_file']),
      path: TEXT,
      diff: { type: 'string', description: 'Left out when a file is deleted.' },
    }),
  },
};
