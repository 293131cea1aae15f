/** The dialect of Anthropic's Messages API, and its requests. */

import type { AnswerFormat, Message, ReasoningWish, Tool } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { createMessagesWriter, writeMessage } from './anthropic-messages-answer.js';
import { joinSearches, readAssistantBlock, readUserBlock } from './anthropic-messages-content.js';
import { instructionMessages, messageList, readParts, readTexts } from './content.js';
import { note, parseObject, type Dialect, type Notices } from './dialect.js';
import { writeMessagesError } from './errors.js';
import {
  MESSAGES_PARAMETERS,
  objectOf,
  readLimits,
  readToolChoice,
  readWebSearch,
  readWish,
  requestReader,
} from './parameters.js';

export const anthropicMessages: Dialect = {
  name: 'anthropic-messages',
  route: '/v1/messages',
  counting: { route: '/v1/messages/count_tokens', writeCount: (inputTokens) => ({ input_tokens: inputTokens }) },
  keepAlive: 'event: ping\ndata: {"type":"ping"}\n\n',
  readRequest: requestReader(MESSAGES_PARAMETERS, (body, notices, session) => {
    const list = messageList(body);
    const messages = list.flatMap((it) => readMessage(it, notices));
    const tools = (body.optional('tools')?.array() ?? []).flatMap((it) => readTool(it, notices));
    const choice = body.optional('tool_choice');
    const stops = (body.optional('stop_sequences')?.array() ?? []).map((it) => it.string());
    return {
      system: readSystem(body, notices),
      messages,
      ...readToolChoice(choice, tools, notices),
      parallelToolCalls: choice?.optional('disable_parallel_tool_use')?.boolean() === true ? false : undefined,
      reasoning: readReasoning(body, list, notices),
      limits: readLimits(body.optional('max_tokens'), stops),
      answerFormat: readAnswerFormat(body, notices),
      sessionId: readSessionId(body) ?? session,
    };
  }),
  writeResponse: writeMessage,
  createStreamWriter: createMessagesWriter,
  writeError: writeMessagesError,
};

/** The instructions beside the messages, without Claude Code's billing line: it differs in every session. */
function readSystem(body: Reader, notices: Notices): string[] {
  const texts = readTexts(body.optional('system'), notices);
  return texts.map((it) => it.replace(BILLING_LINE, '')).filter((it) => it !== '');
}

function readMessage(message: Reader, notices: Notices): Message[] {
  const role = message.get('role').oneOf(['user', 'assistant', 'system']);
  const content = message.get('content');
  switch (role) {
    case 'user':
      return [{ role, parts: readParts(content, (it) => readUserBlock(it, notices)) }];
    case 'assistant':
      return [{ role, blocks: joinSearches(readParts(content, (it) => readAssistantBlock(it, notices))) }];
    case 'system':
      return instructionMessages(readTexts(content, notices));
  }
}

/** In `output_config`, or where the beta had it. */
function readAnswerFormat(body: Reader, notices: Notices): AnswerFormat | undefined {
  const format = body.optional('output_config')?.optional('format') ?? body.optional('output_format');
  if (format === undefined) return undefined;
  if (format.get('type').string() === 'json_schema') return { type: 'json', schema: format.get('schema').object() };
  note(notices, 'ignored', format.path);
  return undefined;
}

function readReasoning(body: Reader, messages: readonly Reader[], notices: Notices): ReasoningWish {
  const thinking = body.optional('thinking');
  // Claude Code changes the effort in mid-conversation by a system message: the latest one holds.
  const efforts = [body, ...messages].flatMap((it) => it.optional('output_config')?.optional('effort') ?? []);
  const { effort } = readWish(efforts.at(-1), notices);
  if (thinking === undefined) return { effort };
  switch (thinking.get('type').string()) {
    case 'enabled': {
      // opencode sends -1 to say that it wants no budget.
      const budget = thinking.optional('budget_tokens')?.number() ?? -1;
      return { mode: 'on', effort, budget: Number.isSafeInteger(budget) && budget > 0 ? budget : undefined };
    }
    case 'adaptive':
      return { mode: 'on', effort };
    case 'disabled':
    case 'between_tools': // Anthropic turns it off where a model does not know it.
      return { mode: 'off', effort };
    default:
      note(notices, 'ignored', thinking.path);
      return { effort };
  }
}

/** Claude Code writes JSON with a `session_id` into the user id; its older versions a text ending in `_session_…`. */
function readSessionId(body: Reader): string | undefined {
  const userId = body.optional('metadata')?.optional('user_id')?.string() ?? '';
  if (!userId.startsWith('{')) return userId.split('_session_')[1] || undefined;
  const session = parseObject(userId)?.optional('session_id');
  return session?.isString() ? session.string() || undefined : undefined;
}

// --- tools: the client's own, and Anthropic's built-in ones as far as the client runs them

/** One tool; none when it could only run at Anthropic, of which the client is told. */
function readTool(tool: Reader, notices: Notices): Tool[] {
  const type = tool.optional('type')?.string() ?? 'custom';
  if (type === 'custom') {
    const name = tool.get('name').nonEmptyString();
    const description = tool.optional('description')?.string() ?? '';
    return [{ name, description, inputSchema: tool.optional('input_schema')?.object() }];
  }
  if (type.startsWith('code_execution')) tool.get('type').fail(`${type} runs at Anthropic only; leave the tool out.`);
  if (WEB_SEARCH.test(type) && notices.options.searchesWeb === true)
    return [readWebSearch(tool, tool, notices, tool.optional('max_uses')?.number())];
  const kind = BUILT_IN.exec(type)?.[1];
  if (kind === undefined) {
    note(notices, 'tools-left-out', type);
    return [];
  }
  const standardName = kind === 'text_editor' ? 'str_replace_based_edit_tool' : kind;
  const described = describeBuiltIn(kind, tool, type);
  return [{ name: tool.optional('name')?.nonEmptyString() ?? standardName, ...described }];
}

/** Kiro knows none of these: it is told their schemas, which Anthropic's models know by heart. */
function describeBuiltIn(kind: string, tool: Reader, type: string): Omit<Tool, 'name'> {
  switch (kind) {
    case 'bash':
      return {
        description: 'Runs a command in a persistent bash session. `restart` starts the session anew.',
        inputSchema: objectOf([], { command: TEXT, restart: { type: 'boolean' } }),
      };
    case 'text_editor': {
      const commands = ['view', 'create', 'str_replace', 'insert', ...(OLD_EDITOR.test(type) ? ['undo_edit'] : [])];
      // The older editors insert their `new_str`.
      const insertedText = type === 'text_editor_20250728' ? 'insert_text' : 'new_str';
      return {
        description:
          'Views and edits text files. `view` shows a file or a folder, `create` writes a file, `str_replace` replaces ' +
          '`old_str`, which must occur exactly once, by `new_str`, and `insert` puts a text after line `insert_line`.',
        inputSchema: objectOf(['command', 'path'], { command: oneOf(commands), ...EDITING, [insertedText]: TEXT }),
      };
    }
    case 'memory': {
      const command = oneOf(['view', 'create', 'str_replace', 'insert', 'delete', 'rename']);
      return {
        description:
          'Keeps notes in files below /memories between conversations. View that folder before you begin, and write ' +
          'down what has to be remembered. `rename` moves `old_path` to `new_path`.',
        inputSchema: objectOf(['command'], { command, ...EDITING, insert_text: TEXT, old_path: TEXT, new_path: TEXT }),
      };
    }
    default:
      return describeComputer(tool, type);
  }
}

function describeComputer(tool: Reader, type: string): Omit<Tool, 'name'> {
  const width = tool.optional('display_width_px')?.number();
  const height = tool.optional('display_height_px')?.number();
  const size = width === undefined || height === undefined ? '' : ` The display is ${width} × ${height} pixels.`;
  const hasNewActions = type !== 'computer_20241022';
  const canZoom = tool.optional('enable_zoom')?.boolean() === true;
  return {
    description: `Uses mouse, keyboard and screen of a computer; take a screenshot to see what happened.${size}`,
    inputSchema: objectOf(['action'], {
      action: oneOf([...ACTIONS, ...(hasNewActions ? NEW_ACTIONS : []), ...(canZoom ? ['zoom'] : [])]),
      coordinate: numbers('x and y in pixels'),
      start_coordinate: numbers('where a drag begins'),
      text: { type: 'string', description: 'what to type, or the keys to press' },
      ...(hasNewActions && SCROLLING),
      ...(canZoom && { region: numbers('x and y of the upper left, then of the lower right corner') }),
    }),
  };
}

function oneOf(values: readonly string[]): object {
  return { type: 'string', enum: values };
}

function numbers(description: string): object {
  return { type: 'array', items: { type: 'integer' }, description };
}

const BILLING_LINE = /^x-anthropic-billing-header:[^\n]*\n*/;
const WEB_SEARCH = /^web_search_\d+$/;
const BUILT_IN = /^(bash|text_editor|memory|computer)_\d+$/;
const OLD_EDITOR = /_(?:20241022|20250124)$/;
const TEXT = { type: 'string' };

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
