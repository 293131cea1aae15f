/** The tools of a Responses request, and the item type in which a call of each goes back to the client. */

import type { Tool } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { note, type Notices } from './notices.js';

export type OfferedTool = { readonly tool: Tool; readonly form: CallForm };

/** How a call of a tool looks on the wire. */
export type CallForm =
  | { readonly type: 'function_call' | 'custom_tool_call'; readonly name: string; readonly namespace?: string }
  | { readonly type: 'local_shell_call' | 'shell_call' | 'apply_patch_call' | 'tool_search_call' };

/** By the name that the model is told. */
export type CallForms = ReadonlyMap<string, CallForm>;

/** A list of tools as it stands in `tools`, in an `additional_tools` item or in what a tool search found. */
export function readTools(tools: Reader | undefined, notices: Notices): OfferedTool[] {
  return tools?.array().flatMap((it) => readTool(it, undefined, notices)) ?? [];
}

/** Of two tools with one name the first is offered. */
export function formsOf(offered: readonly OfferedTool[]): CallForms {
  return new Map(offered.map(({ tool, form }): [string, CallForm] => [tool.name, form]).toReversed());
}

/**
 * One name for a tool and its namespace. `functions` is where the model's own tools are anyway: Codex puts its `exec`
 * there, and takes the call without a namespace.
 */
export function flatName(name: string, namespace: string | undefined): string {
  return namespace === undefined || namespace === DEFAULT_NAMESPACE ? name : `${namespace}__${name}`;
}

function readTool(tool: Reader, namespace: string | undefined, notices: Notices): OfferedTool[] {
  const type = tool.optional('type')?.string() ?? 'function';
  switch (type) {
    case 'function':
      return [readNamed(tool, 'function_call', namespace, functionTool(tool))];
    case 'custom':
      return [readNamed(tool, 'custom_tool_call', namespace, customTool(tool))];
    case 'namespace': {
      const name = tool.get('name').nonEmptyString();
      return tool
        .get('tools')
        .array()
        .flatMap((it) => readTool(it, name, notices));
    }
    case 'local_shell':
      return [{ tool: LOCAL_SHELL, form: { type: 'local_shell_call' } }];
    case 'apply_patch':
      return [{ tool: APPLY_PATCH, form: { type: 'apply_patch_call' } }];
    case 'shell':
      if (!isElsewhere(tool)) return [{ tool: SHELL, form: { type: 'shell_call' } }];
      break;
    case 'tool_search':
      if (tool.optional('execution')?.value === 'client')
        return [{ tool: { name: type, ...functionTool(tool) }, form: { type: 'tool_search_call' } }];
      break;
  }
  note(notices, 'tools-left-out', type);
  return [];
}

/** A shell in a container of OpenAI's. */
function isElsewhere(shell: Reader): boolean {
  const environment = shell.optional('environment');
  return environment !== undefined && environment.get('type').value !== 'local';
}

type Description = Omit<Tool, 'name'>;

function readNamed(
  tool: Reader,
  type: 'function_call' | 'custom_tool_call',
  namespace: string | undefined,
  description: Description,
): OfferedTool {
  const name = tool.get('name').nonEmptyString();
  const isApart = namespace !== undefined && namespace !== DEFAULT_NAMESPACE;
  return {
    tool: { name: flatName(name, namespace), ...description },
    form: { type, name, ...(isApart && { namespace }) },
  };
}

function functionTool(tool: Reader): Description {
  return {
    description: tool.optional('description')?.string() ?? '',
    inputSchema: tool.optional('parameters')?.object(),
  };
}

/** Kiro knows no free text as input: it becomes the one field of an object, and its grammar a part of the description. */
function customTool(tool: Reader): Description {
  const description = tool.optional('description')?.string() ?? '';
  const grammar = tool.optional('format')?.optional('definition')?.string();
  return {
    description: grammar === undefined ? description : `${description}\n\nThe input follows this grammar:\n${grammar}`,
    inputSchema: objectOf({ input: { type: 'string' } }, ['input']),
  };
}

function objectOf(properties: Readonly<Record<string, object>>, required: readonly string[]) {
  return { type: 'object', properties, required };
}

const DEFAULT_NAMESPACE = 'functions';

const COMMAND_LIMITS = { timeout_ms: { type: 'integer', description: 'Milliseconds after which it is stopped.' } };

// OpenAI's models know these three by heart; all others have to be told.
const LOCAL_SHELL: Tool = {
  name: 'local_shell',
  description: "Runs one program on the user's machine and returns its output.",
  inputSchema: objectOf(
    {
      command: { type: 'array', items: { type: 'string' }, description: 'The program and its arguments.' },
      working_directory: { type: 'string' },
      env: { type: 'object', additionalProperties: { type: 'string' } },
      ...COMMAND_LIMITS,
    },
    ['command'],
  ),
};
const SHELL: Tool = {
  name: 'shell',
  description: "Runs shell commands on the user's machine and returns the output of each.",
  inputSchema: objectOf(
    {
      commands: { type: 'array', items: { type: 'string' } },
      max_output_length: { type: 'integer', description: 'Characters of output to return at most.' },
      ...COMMAND_LIMITS,
    },
    ['commands'],
  ),
};
const APPLY_PATCH: Tool = {
  name: 'apply_patch',
  description:
    'Creates, updates or deletes one file. The diff of an update holds hunks: a line "@@" with optional context, then ' +
    'lines that begin with " ", "-" or "+". The diff of a new file holds all its lines, each beginning with "+".',
  inputSchema: objectOf(
    {
      type: { type: 'string', enum: ['create_file', 'update_file', 'delete_file'] },
      path: { type: 'string' },
      diff: { type: 'string', description: 'Left out when a file is deleted.' },
    },
    ['type', 'path'],
  ),
};
