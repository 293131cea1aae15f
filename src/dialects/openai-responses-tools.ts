/** The tools of a Responses request, and their calls in each of their item types, read and written side by side. */

import type { Responses } from 'openai/resources/responses/responses';
import type { Block, Tool } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { note, parseObject, type Notices } from './dialect.js';
import { objectOf, readWebSearch } from './parameters.js';

export type OfferedTool = { readonly tool: Tool; readonly form: CallForm };

/** How a call of a tool looks on the wire. */
export type CallForm =
  | { readonly type: 'function_call' | 'custom_tool_call'; readonly name: string; readonly namespace?: string }
  | { readonly type: 'local_shell_call' | 'shell_call' | 'apply_patch_call' | 'tool_search_call' };

/** A list of tools as it stands in `tools`, in an `additional_tools` item or in what a tool search found. */
export function readTools(tools: Reader | undefined, notices: Notices, namespace?: string): OfferedTool[] {
  return tools?.array().flatMap((it) => readTool(it, namespace, notices)) ?? [];
}

/** By the name that the model is told; of two tools with one name the first is offered. */
export function formsOf(offered: readonly OfferedTool[]): ReadonlyMap<string, CallForm> {
  return new Map(offered.map(({ tool, form }): [string, CallForm] => [tool.name, form]).toReversed());
}

function readTool(tool: Reader, namespace: string | undefined, notices: Notices): OfferedTool[] {
  const named = (type: 'function_call' | 'custom_tool_call', description: Description): OfferedTool[] => {
    const name = tool.get('name').nonEmptyString();
    const told = flatName(name, namespace);
    return [
      {
        tool: { name: told, ...description },
        form: { type, name, ...(namespace !== undefined && told !== name && { namespace }) },
      },
    ];
  };
  const type = tool.optional('type')?.string() ?? 'function';
  switch (type) {
    case 'function':
      return named('function_call', functionTool(tool, tool.optional('parameters')));
    case 'custom':
      return named('custom_tool_call', customTool(tool, tool.optional('format')));
    case 'namespace':
      return readTools(tool.get('tools'), notices, tool.get('name').nonEmptyString());
    case 'local_shell':
      return [{ tool: LOCAL_SHELL, form: { type: 'local_shell_call' } }];
    case 'apply_patch':
      return [{ tool: APPLY_PATCH, form: { type: 'apply_patch_call' } }];
    case 'shell': {
      // Any other environment is a container of OpenAI's.
      const environment = tool.optional('environment');
      if (environment !== undefined && environment.get('type').value !== 'local') break;
      return [{ tool: SHELL, form: { type: 'shell_call' } }];
    }
    case 'tool_search':
      if (tool.optional('execution')?.value !== 'client') break;
      return [
        {
          tool: { name: type, ...functionTool(tool, tool.optional('parameters')) },
          form: { type: 'tool_search_call' },
        },
      ];
  }
  if (type.startsWith('web_search') && notices.options.searchesWeb === true) {
    const search = readWebSearch(tool, tool.optional('filters'), notices);
    return [{ tool: search, form: { type: 'function_call', name: search.name } }];
  }
  note(notices, 'tools-left-out', type);
  return [];
}

type Description = Omit<Tool, 'name'>;

/**
 * One name for a tool and its namespace. `functions` is where the model's own tools are anyway: Codex puts its `exec`
 * there, and takes the call without a namespace.
 */
function flatName(name: string, namespace: string | undefined): string {
  return namespace === undefined || namespace === DEFAULT_NAMESPACE ? name : `${namespace}__${name}`;
}

export function functionTool(tool: Reader, schema: Reader | undefined): Description {
  return { description: tool.optional('description')?.string() ?? '', inputSchema: schema?.object() };
}

/** Kiro knows no free text as input: it becomes the one field of an object, and its grammar a part of the description. */
export function customTool(tool: Reader, grammar: Reader | undefined): Description {
  const description = tool.optional('description')?.string() ?? '';
  const definition = grammar?.optional('definition')?.string();
  const rest = definition === undefined ? '' : `\n\nThe input follows this grammar:\n${definition}`;
  return { description: description + rest, inputSchema: objectOf(['input'], { input: TEXT }) };
}

/** The input of a call of a custom tool. */
export function toCustomInput(input: string): string {
  return JSON.stringify({ input });
}

// --- calls

/** A call in the history. */
export function readCall(item: Reader, type: CallForm['type']): Block {
  const id = callId(item);
  const call = (name: string, input: string): Block => ({ type: 'tool-call', id, name, input });
  switch (type) {
    case 'function_call': {
      const input = item.optional('arguments')?.string() || '{}';
      return call(readName(item), input);
    }
    case 'custom_tool_call':
      return call(readName(item), toCustomInput(item.get('input').string()));
    case 'local_shell_call': {
      const { type: _, ...action } = item.get('action').object();
      return call('local_shell', JSON.stringify(action));
    }
    case 'shell_call':
      return call('shell', JSON.stringify(item.get('action').object()));
    case 'apply_patch_call':
      return call('apply_patch', JSON.stringify(item.get('operation').object()));
    case 'tool_search_call': {
      const given = item.optional('arguments');
      return call('tool_search', given?.isString() ? given.string() : JSON.stringify(given?.object() ?? {}));
    }
  }
}

/** Older clients have the id of a local shell call in `id`. */
export function callId(item: Reader): string {
  const key = !item.has('call_id') && item.has('id') ? 'id' : 'call_id';
  return item.get(key).nonEmptyString();
}

function readName(item: Reader): string {
  return flatName(item.get('name').nonEmptyString(), item.optional('namespace')?.string());
}

/** OpenAI sends the status of a custom call, though its types do not say so. */
export type CallItem =
  | Responses.ResponseFunctionToolCall
  | (Responses.ResponseCustomToolCall & { readonly status: 'completed' | 'in_progress' })
  | Responses.ResponseOutputItem.LocalShellCall
  | Responses.ResponseFunctionShellToolCall
  | Responses.ResponseApplyPatchToolCall
  | Responses.ResponseToolSearchCall;

/**
 * A whole call. Of one that was cut a function's arguments tell so themselves. All other forms hide it, and clients run
 * half a command as readily as a whole one: there is no item.
 */
export function writeCall(call: Extract<Block, { type: 'tool-call' }>, form: CallForm, id: string): CallItem[] {
  const input = parseObject(call.input);
  const whole = { id, call_id: call.id, status: 'completed' } as const;
  if (form.type === 'function_call') {
    const status = input === undefined ? 'incomplete' : 'completed';
    return [{ ...form, ...whole, status, type: form.type, arguments: call.input }];
  }
  if (input === undefined) return [];
  switch (form.type) {
    case 'custom_tool_call':
      // A model that wrote something else than the one text is told as it wrote.
      return [{ ...form, ...whole, type: form.type, input: textOf(input, 'input') ?? call.input }];
    case 'local_shell_call':
      return [{ ...whole, type: form.type, action: toLocalAction(input) }];
    case 'shell_call':
      return [{ ...whole, type: form.type, action: toShellAction(input), environment: { type: 'local' } }];
    case 'apply_patch_call': {
      const operation = toOperation(input);
      return operation === undefined ? [] : [{ ...whole, type: form.type, operation }];
    }
    case 'tool_search_call':
      return [{ ...whole, type: form.type, execution: 'client', arguments: input.value }];
  }
}

function toLocalAction(input: Reader): Responses.ResponseOutputItem.LocalShellCall.Action {
  const directory = textOf(input, 'working_directory');
  const timeout = numberOf(input, 'timeout_ms');
  const env = input.optional('env');
  return {
    type: 'exec',
    command: listOf(input, 'command'),
    env: env?.isObject() ? Object.fromEntries(Object.entries(env.object()).map(([key, it]) => [key, String(it)])) : {},
    ...(directory !== undefined && { working_directory: directory }),
    ...(timeout !== undefined && { timeout_ms: timeout }),
  };
}

function toShellAction(input: Reader): Responses.ResponseFunctionShellToolCall.Action {
  const timeout_ms = numberOf(input, 'timeout_ms') ?? null;
  const max_output_length = numberOf(input, 'max_output_length') ?? null;
  return { commands: listOf(input, 'commands'), timeout_ms, max_output_length };
}

function toOperation(input: Reader): Responses.ResponseApplyPatchToolCall['operation'] | undefined {
  const path = textOf(input, 'path') ?? '';
  const type = OPERATIONS.find((it) => it === input.optional('type')?.value);
  if (type === undefined || type === 'delete_file') return type && { type, path };
  return { type, path, diff: textOf(input, 'diff') ?? '' };
}

// What a model writes may differ from its schema: a wrong field must not spoil the whole answer.

function listOf(input: Reader, key: string): string[] {
  const value = input.optional(key);
  if (value?.isString()) return [value.string()];
  return value?.isArray() ? value.array().map((it) => String(it.value)) : [];
}

function textOf(input: Reader, key: string): string | undefined {
  const value = input.optional(key);
  return value?.isString() ? value.string() : undefined;
}

function numberOf(input: Reader, key: string): number | undefined {
  const value = Number(input.optional(key)?.value);
  return Number.isFinite(value) ? value : undefined;
}

const DEFAULT_NAMESPACE = 'functions';
const OPERATIONS = ['create_file', 'update_file', 'delete_file'] as const;
const TEXT = { type: 'string' };
const COMMAND_LIMITS = { timeout_ms: { type: 'integer', description: 'Milliseconds after which it is stopped.' } };

// OpenAI's models know these three by heart; all others have to be told.
const LOCAL_SHELL: Tool = {
  name: 'local_shell',
  description: "Runs one program on the user's machine and returns its output.",
  inputSchema: objectOf(['command'], {
    command: { type: 'array', items: TEXT, description: 'The program and its arguments.' },
    working_directory: TEXT,
    env: { type: 'object', additionalProperties: TEXT },
    ...COMMAND_LIMITS,
  }),
};
const SHELL: Tool = {
  name: 'shell',
  description: "Runs shell commands on the user's machine and returns the output of each.",
  inputSchema: objectOf(['commands'], {
    commands: { type: 'array', items: TEXT },
    max_output_length: { type: 'integer', description: 'Characters of output to return at most.' },
    ...COMMAND_LIMITS,
  }),
};
const APPLY_PATCH: Tool = {
  name: 'apply_patch',
  description:
    'Creates, updates or deletes one file. The diff of an update holds hunks: a line "@@" with optional context, then ' +
    'lines that begin with " ", "-" or "+". The diff of a new file holds all its lines, each beginning with "+".',
  inputSchema: objectOf(['type', 'path'], {
    type: { type: 'string', enum: OPERATIONS },
    path: TEXT,
    diff: { type: 'string', description: 'Left out when a file is deleted.' },
  }),
};
