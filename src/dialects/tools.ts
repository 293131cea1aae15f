/** The tools that a client offers, in the words of every vendor, and the choice among them. */

import type { Conversation, Tool } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { webSearchTool } from '../core/web-search.js';
import { note, parseObject, type Notices } from './dialect.js';

type Description = Omit<Tool, 'name'>;

/** A function; the vendors keep its schema under different names. */
export function functionTool(tool: Reader): Tool {
  const name = tool.get('name').nonEmptyString();
  const { description, inputSchema } = describe(tool, tool.optional('parameters') ?? tool.optional('input_schema'));
  const examples = tool.list('input_examples').map((it) => JSON.stringify(it.object()));
  return { name, description: paragraphs(description, 'Examples of its input:', examples.join('\n')), inputSchema };
}

/** The second part of a description below the first, under a heading; what is empty leaves no trace. */
function paragraphs(text: string, heading: string, more: string): string {
  return [text, more && `${heading}\n${more}`].filter((it) => it !== '').join('\n\n');
}

export function describe(tool: Reader, schema: Reader | undefined): Description {
  return { description: tool.optional('description')?.string() ?? '', inputSchema: schema?.object() };
}

/** Kiro knows no free text as input: it becomes the one field of an object, and its grammar a part of the description. */
export function customTool(tool: Reader): Tool {
  const format = tool.optional('format');
  const definition = (format?.optional('grammar') ?? format)?.optional('definition')?.string() ?? '';
  const description = paragraphs(describe(tool, undefined).description, 'The input follows this grammar:', definition);
  return { name: tool.get('name').nonEmptyString(), description, inputSchema: objectOf(['input'], { input: TEXT }) };
}

/** The input of a call of a custom tool. */
export function toCustomInput(input: string): string {
  return JSON.stringify({ input });
}

/**
 * The text of a call of a custom tool; undefined when the call was cut, because clients run half a text as readily as a
 * whole one. A model that wrote something else than the one text is told as it wrote.
 */
export function fromCustomInput(input: string): string | undefined {
  const object = parseObject(input);
  return object && (object.textIfAny('input') ?? input);
}

/** The vendor's own search as a tool that the gateway runs; `filters` holds the lists of domains. */
export function readWebSearch(tool: Reader, filters: Reader | undefined, notices: Notices): Tool {
  const place = tool.optional('user_location');
  if (place !== undefined) note(notices, 'ignored', place.path);
  const texts = (key: string) => (filters?.list(key) ?? []).map((it) => it.string());
  return webSearchTool({
    maxUses: tool.optional('max_uses')?.number(),
    allowedDomains: texts('allowed_domains'),
    blockedDomains: texts('blocked_domains'),
  });
}

// --- the choice

type Offer = Pick<Conversation, 'tools' | 'toolChoice' | 'parallelToolCalls'>;

/**
 * Which tools are on offer, and whether one has to be called.
 * @throws GatewayError `invalid-request` when the choice is none of the forms that clients of both vendors write.
 */
export function readToolChoice(body: Reader, tools: readonly Tool[], notices: Notices): Offer {
  const choice = body.optional('tool_choice') ?? body.optional('function_call');
  const isOneAtATime =
    body.optional('parallel_tool_calls')?.boolean() === false ||
    choice?.optional('disable_parallel_tool_use')?.boolean() === true;
  const offer = { tools, toolChoice: undefined, parallelToolCalls: isOneAtATime ? false : undefined };
  if (choice === undefined) return offer;
  // The older `function_call` is an object without a type.
  const type = choice.isString() ? choice.oneOf(MODE_NAMES) : (choice.optional('type')?.string() ?? 'function');
  const mode = MODE_NAMES.find((it) => it === type);
  if (mode !== undefined) return { ...offer, toolChoice: MODES[mode] };
  const allowed = type === 'allowed_tools' ? (choice.optional(type) ?? choice) : undefined;
  const names = offeredNames(allowed?.get('tools').array() ?? [choice], tools);
  if (names.length === 0) {
    note(notices, 'ignored', (allowed ?? choice).path);
    return offer;
  }
  const isRequired = allowed === undefined || allowed.optional('mode')?.oneOf(['auto', 'required']) === 'required';
  if (isRequired) return { ...offer, toolChoice: { mode: 'named', names } };
  return { ...offer, tools: tools.filter((tool) => names.includes(tool.name)) };
}

/** Names of tools that are on offer: some built-in ones are left out, and nobody can be made to call those. */
function offeredNames(choices: readonly Reader[], tools: readonly Tool[]): string[] {
  const names = choices.flatMap((choice) => {
    const holder = choice.optional('function') ?? choice.optional('custom') ?? choice;
    // The Responses API chooses tools without a name of their own, such as `shell`, by their type.
    const type = holder.optional('type')?.string();
    // All versions of the vendor's search are one tool here.
    return holder.optional('name')?.string() ?? type?.replace(/^web_search_.*$/, 'web_search') ?? [];
  });
  return names.filter((name) => tools.some((tool) => tool.name === name));
}

const REQUIRED = { mode: 'required' } as const;
const MODES = { auto: undefined, none: { mode: 'none' }, required: REQUIRED, any: REQUIRED } as const;
const MODE_NAMES = ['auto', 'none', 'required', 'any'] as const;

// --- built-in tools that the client runs: the vendor's models know them by heart, all others have to be told

/** One of Anthropic's, by its type; undefined for those that run at Anthropic, or whose schemas are not public. */
export function anthropicTool(type: string, tool: Reader): Tool | undefined {
  const named = (standard: string, description: string, inputSchema: Tool['inputSchema']): Tool => {
    return { name: tool.optional('name')?.nonEmptyString() ?? standard, description, inputSchema };
  };
  switch (/^(bash|text_editor|memory|computer)_\d+$/.exec(type)?.[1] ?? '') {
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
      const size = width === undefined || height === undefined ? '' : ` The display is ${width} × ${height} pixels.`;
      const isNew = type !== 'computer_20241022';
      const canZoom = tool.optional('enable_zoom')?.boolean() === true;
      return named(
        'computer',
        `Uses mouse, keyboard and screen of a computer; take a screenshot to see what happened.${size}`,
        objectOf(['action'], {
          action: oneOf([...ACTIONS, ...(isNew ? NEW_ACTIONS : []), ...(canZoom ? ['zoom'] : [])]),
          coordinate: numbers('x and y in pixels'),
          start_coordinate: numbers('where a drag begins'),
          text: { type: 'string', description: 'what to type, or the keys to press' },
          ...(isNew && SCROLLING),
          ...(canZoom && { region: numbers('x and y of the upper left, then of the lower right corner') }),
        }),
      );
    }
    default:
      return undefined;
  }
}

function objectOf(required: readonly string[], properties: Readonly<Record<string, object>>) {
  return { type: 'object', properties, ...(required.length > 0 && { required }) };
}

function oneOf(values: readonly string[]): object {
  return { type: 'string', enum: values };
}

function numbers(description: string): object {
  return { type: 'array', items: { type: 'integer' }, description };
}

const TEXT = { type: 'string' };
const INSERTING = { insert_text: TEXT };
/** What the editor and the memory share. */
const EDITING = {
  path: TEXT,
  view_range: numbers('first and last line; -1 for the end'),
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

const COMMAND_LIMITS = { timeout_ms: { type: 'integer', description: 'Milliseconds after which it is stopped.' } };

/** OpenAI's, by their types. */
export const OPENAI_TOOLS: Readonly<Record<'local_shell' | 'shell' | 'apply_patch', Tool>> = {
  local_shell: {
    name: 'local_shell',
    description: "Runs one program on the user's machine and returns its output.",
    inputSchema: objectOf(['command'], {
      command: { type: 'array', items: TEXT, description: 'The program and its arguments.' },
      working_directory: TEXT,
      env: { type: 'object', additionalProperties: TEXT },
      ...COMMAND_LIMITS,
    }),
  },
  shell: {
    name: 'shell',
    description: "Runs shell commands on the user's machine and returns the output of each.",
    inputSchema: objectOf(['commands'], {
      commands: { type: 'array', items: TEXT },
      max_output_length: { type: 'integer', description: 'Characters of output to return at most.' },
      ...COMMAND_LIMITS,
    }),
  },
  apply_patch: {
    name: 'apply_patch',
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
