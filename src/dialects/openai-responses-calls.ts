/** Tool calls on OpenAI's wire, in each of their item types, read and written side by side. */

import type { Responses } from 'openai/resources/responses/responses';
import type { Block } from '../core/conversation.js';
import { Reader } from '../core/reader.js';
import { flatName, type CallForm } from './openai-responses-tools.js';

export type ToolCall = Extract<Block, { type: 'tool-call' }>;

/** A call in the history. */
export function readCall(item: Reader, type: CallForm['type']): Block {
  const id = callId(item);
  switch (type) {
    case 'function_call': {
      const input = item.optional('arguments')?.string() || '{}';
      return { type: 'tool-call', id, name: readName(item), input };
    }
    case 'custom_tool_call':
      return {
        type: 'tool-call',
        id,
        name: readName(item),
        input: JSON.stringify({ input: item.get('input').string() }),
      };
    case 'local_shell_call': {
      const { type: _, ...action } = item.get('action').object();
      return { type: 'tool-call', id, name: 'local_shell', input: JSON.stringify(action) };
    }
    case 'shell_call':
      return { type: 'tool-call', id, name: 'shell', input: JSON.stringify(item.get('action').object()) };
    case 'apply_patch_call':
      return { type: 'tool-call', id, name: 'apply_patch', input: JSON.stringify(item.get('operation').object()) };
    case 'tool_search_call': {
      const given = item.optional('arguments');
      const input = given?.isString() ? given.string() : JSON.stringify(given?.object() ?? {});
      return { type: 'tool-call', id, name: 'tool_search', input };
    }
  }
}

/** Older clients have the id of a local shell call in `id`. */
export function callId(item: Reader): string {
  const key = !item.has('call_id') && item.has('id') ? 'id' : 'call_id';
  return item.get(key).nonEmptyString();
}

export type CallItem =
  | Responses.ResponseFunctionToolCall
  | CustomToolCall
  | Responses.ResponseOutputItem.LocalShellCall
  | Responses.ResponseFunctionShellToolCall
  | Responses.ResponseApplyPatchToolCall
  | Responses.ResponseToolSearchCall;

/** OpenAI sends the status, though its types do not say so. */
type CustomToolCall = Responses.ResponseCustomToolCall & { readonly status: Status };
type Status = 'completed' | 'in_progress';

/** A call as it begins in a stream; none where the form tells a call only as a whole. */
export function writeCallHead(call: Omit<ToolCall, 'input'>, form: CallForm, id: string): CallItem[] {
  const common = { id, call_id: call.id, status: 'in_progress' } as const;
  switch (form.type) {
    case 'function_call':
      return [{ ...form, ...common, type: form.type, arguments: '' }];
    case 'custom_tool_call':
      return [{ ...form, ...common, type: form.type, input: '' }];
    case 'local_shell_call':
    case 'shell_call':
    case 'apply_patch_call':
    case 'tool_search_call':
      return [];
  }
}

/**
 * A whole call. Of one that was cut a function's arguments tell so themselves. All other forms hide it, and clients run
 * half a command as readily as a whole one: there is no item.
 */
export function writeCall(call: ToolCall, form: CallForm, id: string): CallItem[] {
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
    case 'shell_call':
    case 'apply_patch_call':
    case 'tool_search_call':
      return writeAction(form.type, input, whole);
  }
}

type ActionType = Exclude<CallForm['type'], 'function_call' | 'custom_tool_call'>;
type Whole = { readonly id: string; readonly call_id: string; readonly status: 'completed' };

function writeAction(type: ActionType, input: Reader, whole: Whole): CallItem[] {
  switch (type) {
    case 'local_shell_call':
      return [{ ...whole, type, action: toLocalAction(input) }];
    case 'shell_call':
      return [{ ...whole, type, action: toShellAction(input), environment: { type: 'local' } }];
    case 'apply_patch_call':
      return toOperation(input).map((operation) => ({ ...whole, type, operation }));
    case 'tool_search_call':
      return [{ ...whole, type, execution: 'client', arguments: input.value }];
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
  return {
    commands: listOf(input, 'commands'),
    timeout_ms: numberOf(input, 'timeout_ms') ?? null,
    max_output_length: numberOf(input, 'max_output_length') ?? null,
  };
}

function toOperation(input: Reader): Responses.ResponseApplyPatchToolCall['operation'][] {
  const path = textOf(input, 'path') ?? '';
  const diff = textOf(input, 'diff') ?? '';
  switch (input.optional('type')?.value) {
    case 'create_file':
      return [{ type: 'create_file', path, diff }];
    case 'update_file':
      return [{ type: 'update_file', path, diff }];
    case 'delete_file':
      return [{ type: 'delete_file', path }];
    default:
      return [];
  }
}

function readName(item: Reader): string {
  return flatName(item.get('name').nonEmptyString(), item.optional('namespace')?.string());
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

function parseObject(json: string): Reader | undefined {
  try {
    const value = new Reader(JSON.parse(json));
    return value.isObject() ? value : undefined;
  } catch {
    return undefined;
  }
}
