/**
 * What the Responses API makes of calls, reasoning and searches: read and written side by side, because
 * what goes out comes back.
 */

import type { Responses } from 'openai/resources/responses/responses';
import type { Block, Reasoning, ToolCall, WebSearch } from '../core/conversation.js';
import { type Reader, textOf } from '../core/reader.js';
import { textParts, textWithin } from './content.js';
import { readJson } from './dialect.js';
import { customText, readCustomCall, readFunctionCall } from './messages.js';
import type { CallForm } from './tools.js';

/** A call in the history. */
export function readCall(item: Reader, type: CallForm['type']): Block {
  const id = callId(item);
  const call = (name: string, input: string): Block => ({ type: 'tool-call', id, name, input });
  switch (type) {
    case 'function_call':
      return readFunctionCall(id, item);
    case 'custom_tool_call':
      return readCustomCall(id, item);
    case 'local_shell_call':
      return call('local_shell', readAction(item));
    case 'shell_call':
      return call('shell', readAction(item));
    case 'apply_patch_call':
      return call('apply_patch', JSON.stringify(item.get('operation').object()));
    case 'tool_search_call': {
      const given = item.optional('arguments');
      return call('tool_search', given?.isString() ? given.string() : JSON.stringify(given?.value ?? {}));
    }
  }
}

/** What the model set: the forms name their own type, and demand a null or an empty `env` for what it left out. */
function readAction(item: Reader): string {
  const { type: _, ...action } = item.get('action').object();
  const set = Object.entries(action).filter(([, it]) => it !== null && JSON.stringify(it) !== '{}');
  return JSON.stringify(Object.fromEntries(set));
}

/** Older clients have the id of a local shell call in `id`. */
export function callId(item: Reader): string {
  return item.get(!item.has('call_id') && item.has('id') ? 'id' : 'call_id').nonEmptyString();
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
 * half a command as readily as a whole one: there is no item. What a form has no place for is the call of a function.
 * @param idOf The item's id, by the form in which it goes out.
 */
export function writeCall(call: ToolCall, form: CallForm, idOf: (form: CallForm['type']) => string): CallItem[] {
  const input = readJson(call.input);
  const whole = { id: idOf(form.type), call_id: call.id, status: 'completed' } as const;
  if (form.type === 'function_call') {
    const status = input === undefined ? 'incomplete' : 'completed';
    return [{ ...form, ...whole, status, type: form.type, arguments: call.input }];
  }
  if (input === undefined) return [];
  switch (form.type) {
    case 'custom_tool_call':
      return [{ ...form, ...whole, type: form.type, input: customText(input, call.input) }];
    case 'tool_search_call':
      return [{ ...whole, type: form.type, execution: 'client', arguments: input.value }];
    case 'local_shell_call': {
      const action = toLocalAction(input);
      if (action !== undefined) return [{ ...whole, type: form.type, action }];
      break;
    }
    case 'shell_call': {
      const action = toShellAction(input);
      if (action !== undefined) return [{ ...whole, type: form.type, action, environment: { type: 'local' } }];
      break;
    }
    case 'apply_patch_call': {
      const operation = toOperation(input);
      if (operation !== undefined) return [{ ...whole, type: form.type, operation }];
      break;
    }
  }
  return writeCall(call, { type: 'function_call', name: call.name }, idOf);
}

function toLocalAction(input: Reader): Responses.ResponseOutputItem.LocalShellCall.Action | undefined {
  const command = listOf(input, 'command');
  if (command === undefined) return undefined;
  const directory = input.textIfAny('working_directory');
  const timeout = numberOf(input, 'timeout_ms');
  const env = input.optional('env');
  return {
    type: 'exec',
    command,
    env: env?.isObject() ? Object.fromEntries(Object.entries(env.object()).map(([key, it]) => [key, textOf(it)])) : {},
    ...(directory !== undefined && { working_directory: directory }),
    ...(timeout !== undefined && { timeout_ms: timeout }),
  };
}

function toShellAction(input: Reader): Responses.ResponseFunctionShellToolCall.Action | undefined {
  const commands = listOf(input, 'commands');
  const timeout_ms = numberOf(input, 'timeout_ms') ?? null;
  const max_output_length = numberOf(input, 'max_output_length') ?? null;
  return commands && { commands, timeout_ms, max_output_length };
}

function toOperation(input: Reader): Responses.ResponseApplyPatchToolCall['operation'] | undefined {
  const path = input.textIfAny('path') ?? '';
  const type = OPERATIONS.find((it) => it === input.optional('type')?.value);
  if (type === undefined || type === 'delete_file') return type && { type, path };
  return { type, path, diff: input.textIfAny('diff') ?? '' };
}

// What a model writes may differ from its schema: a wrong field must not spoil the whole answer.

function listOf(input: Reader, key: string): string[] | undefined {
  const value = input.optional(key);
  if (value?.isString()) return [value.string()];
  return value?.isArray() ? value.array().map((it) => textOf(it.value)) : undefined;
}

function numberOf(input: Reader, key: string): number | undefined {
  const value = Number(textOf(input.optional(key)?.value) || undefined);
  return Number.isFinite(value) ? value : undefined;
}

// --- reasoning: `encrypted_content` is where Kiro's signature travels to the client and back

/** Signed or redacted reasoning as it was; of anything else the words, for reading only. */
export function readReasoning(item: Reader): Block[] {
  const sealed = openEnvelope(item.textIfAny('encrypted_content') ?? '');
  if (sealed !== undefined) return [sealed];
  const text = ['summary', 'content'].flatMap((key) => item.optional(key) ?? []).map(textWithin);
  const words = text.filter((it) => it !== '').join('\n');
  return words === '' ? [] : [{ type: 'reasoning', text: words, signature: '' }];
}

export function writeReasoning(block: Reasoning, id: string): Responses.ResponseReasoningItem {
  const summary = block.type === 'reasoning' && block.text !== '' ? [writeSummary(block.text)] : [];
  const isSealed = block.type === 'redacted-reasoning' || block.signature !== '';
  const seal = () => ENVELOPE + Buffer.from(JSON.stringify(block)).toString('base64url');
  return { type: 'reasoning', id, summary, ...(isSealed && { encrypted_content: seal() }) };
}

export function writeSummary(text: string): Responses.ResponseReasoningItem.Summary {
  return { type: 'summary_text', text };
}

/** What OpenAI or another gateway has sealed says nothing here, and neither does what somebody has changed. */
function openEnvelope(sealed: string): Reasoning | undefined {
  if (!sealed.startsWith(ENVELOPE)) return undefined;
  const block = readJson(Buffer.from(sealed.slice(ENVELOPE.length), 'base64url').toString());
  const [data, text, signature] = ['data', 'text', 'signature'].map((key) => block?.textIfAny(key));
  if (data) return { type: 'redacted-reasoning', data };
  return text === undefined || signature === undefined ? undefined : { type: 'reasoning', text, signature };
}

// --- searches of the web

/** A search as the gateway has written it; what OpenAI did besides searching is told in words. */
export function readSearch(item: Reader): Block[] {
  const action = item.optional('action');
  const query = action?.textIfAny('query');
  if (query === undefined) return textParts(`[web_search ${JSON.stringify(action?.value ?? {})}]`);
  const urls = action?.list('sources').map((it) => it.optional('url')?.string() ?? '') ?? [];
  // Of a page this form tells the address alone, and the model is told it once.
  const results = urls.map((title) => ({ title, url: '', snippet: '', publishedAt: undefined }));
  const failure = item.optional('status')?.value === 'failed' ? ('unavailable' as const) : undefined;
  const id = item.optional('id')?.string() ?? 'search';
  return [{ type: 'web-search', id, query, results, failure }];
}

export function writeSearch({ query, results, failure }: WebSearch, id: string): Responses.ResponseFunctionWebSearch {
  const sources = results.map(({ url }) => ({ type: 'url' as const, url }));
  const status = failure === undefined ? 'completed' : 'failed';
  return { type: 'web_search_call', id, status, action: { type: 'search', query, queries: [query], sources } };
}

const OPERATIONS = ['create_file', 'update_file', 'delete_file'] as const;
/** Names the maker and the version of what follows. */
const ENVELOPE = 'kiro-gateway.1.';
