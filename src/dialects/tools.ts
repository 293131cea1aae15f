/** The tools that a client offers, in the words of every vendor, and the choice among them. */

import type { Conversation, Tool } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { webSearchTool } from '../core/web-search.js';
import { anthropicTools, objectOf, OPENAI_TOOLS, TEXT } from './built-in-tools.js';
import { note, type Notices } from './dialect.js';

export type OfferedTool = { readonly tool: Tool; readonly form: CallForm };

/** How a call of a tool looks on the wire. */
export type CallForm =
  | { readonly type: 'function_call' | 'custom_tool_call'; readonly name: string; readonly namespace?: string }
  | { readonly type: 'local_shell_call' | 'shell_call' | 'apply_patch_call' | 'tool_search_call' };

/** The tools of a request, of an item that brings some, of what a tool search found, or of a namespace. */
export function readTools(holder: Reader, notices: Notices, namespace?: string): OfferedTool[] {
  // `functions` is OpenAI's older name of tools.
  return [...holder.list('tools'), ...holder.list('functions')].flatMap((it) => readTool(it, notices, namespace));
}

/** A client that offers `functions` alone knows only OpenAI's older form of a call: one an answer, without an id. */
export function knowsOneCall(body: Reader): boolean {
  return body.list('functions').length > 0 && body.list('tools').length === 0;
}

/** By the name that the model is told; of two tools with one name the first is offered. */
export function formsOf(offered: readonly OfferedTool[]): ReadonlyMap<string, CallForm> {
  return new Map(offered.map(({ tool, form }): [string, CallForm] => [tool.name, form]).toReversed());
}

/** One tool, the client's own or built in; none when it could only run at its vendor, of which the client is told. */
export function readTool(tool: Reader, notices: Notices, namespace?: string): OfferedTool[] {
  const type = tool.optional('type')?.string() ?? 'function';
  switch (type) {
    case 'function':
    case 'custom': {
      const inner = tool.has(type) ? tool.get(type) : tool;
      // Anthropic calls functions custom.
      const isText = type === 'custom' && inner.get('input_schema').value === undefined;
      if (isText) return [offer(readCustom(inner), namespace, 'custom_tool_call')];
      return [offer(readFunction(inner, notices), namespace)];
    }
    case 'namespace': {
      const [first, ...others] = readTools(tool, notices, tool.get('name').nonEmptyString());
      if (first === undefined) return [];
      // Kiro knows no namespaces: what is said about one stands before its first tool.
      const description = paragraphs(tool.textIfAny('description') ?? '', first.tool.description);
      return [{ ...first, tool: { ...first.tool, description } }, ...others];
    }
    case 'local_shell':
    case 'apply_patch':
    case 'shell':
      // Any other environment is a container of OpenAI's.
      if ((tool.optional('environment')?.get('type').value ?? 'local') !== 'local') break;
      return [{ tool: { name: type, ...OPENAI_TOOLS[type] }, form: { type: `${type}_call` } }];
    case 'tool_search':
      if (tool.optional('execution')?.value !== 'client') break;
      return [{ tool: { name: type, ...describe(tool, 'parameters') }, form: { type: 'tool_search_call' } }];
  }
  if (type.startsWith('code_execution'))
    tool.get('type').fail(`${type.slice(0, 60)} runs at Anthropic only; leave the tool out.`);
  const isSearch = type.startsWith('web_search') && notices.options.searchesWeb === true;
  const builtIn = isSearch ? [{ tool: readWebSearch(tool, notices) }] : anthropicTools(type, tool);
  if (builtIn.length === 0) note(notices, 'tools-left-out', type);
  return builtIn.map((it) => offer(it.tool, it.toolset));
}

function offer(
  { name, ...description }: Tool,
  namespace?: string,
  type: 'function_call' | 'custom_tool_call' = 'function_call',
): OfferedTool {
  const told = flatName(name, namespace);
  const form = { type, name, ...(namespace !== undefined && told !== name && { namespace }) };
  return { tool: { name: told, ...description }, form };
}

/**
 * One name for a tool and its namespace. `functions` is where the model's own tools are anyway: Codex puts its `exec`
 * there, and takes the call without a namespace.
 */
export function flatName(name: string, namespace: string | undefined): string {
  return namespace === undefined || namespace === 'functions' ? name : `${namespace}__${name}`;
}

function readFunction(tool: Reader, notices: Notices): Tool {
  if (tool.optional('strict')?.value === true) note(notices, 'ignored', 'tools.strict');
  const name = tool.get('name').nonEmptyString();
  // The vendors keep the schema under different names.
  const { description, inputSchema } = describe(tool, tool.has('parameters') ? 'parameters' : 'input_schema');
  const examples = tool.list('input_examples').map((it) => `\n${JSON.stringify(it.value)}`);
  const shown = examples.length === 0 ? '' : `Examples of its input:${examples.join('')}`;
  return { name, description: paragraphs(description, shown), inputSchema };
}

/** Kiro knows no free text as input: it becomes the one field of an object, and its grammar a part of the description. */
function readCustom(tool: Reader): Tool {
  const format = tool.optional('format');
  const grammar = (format?.optional('grammar') ?? format)?.optional('definition')?.string() ?? '';
  const said = grammar && `The input follows this grammar:\n${grammar}`;
  const description = paragraphs(tool.optional('description')?.string() ?? '', said);
  return { name: tool.get('name').nonEmptyString(), description, inputSchema: objectOf(['input'], { input: TEXT }) };
}

function paragraphs(...texts: readonly string[]): string {
  return texts.filter((it) => it !== '').join('\n\n');
}

function describe(tool: Reader, schemaKey: string): Omit<Tool, 'name'> {
  return { description: tool.optional('description')?.string() ?? '', inputSchema: tool.optional(schemaKey)?.object() };
}

/** The vendor's own search as a tool that the gateway runs; OpenAI has the lists of domains in `filters`. */
function readWebSearch(tool: Reader, notices: Notices): Tool {
  const ignored = {
    user_location: tool.has('user_location'),
    search_context_size: (tool.textIfAny('search_context_size') ?? 'medium') !== 'medium',
    // Kiro searches the web as it is now, never a copy of it.
    external_web_access: tool.optional('external_web_access')?.value === false,
  };
  for (const [key, isAsked] of Object.entries(ignored)) if (isAsked) note(notices, 'ignored', `tools.${key}`);
  const texts = (key: string) => (tool.optional('filters') ?? tool).list(key).map((it) => it.string());
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
    knowsOneCall(body) ||
    body.optional('parallel_tool_calls')?.boolean() === false ||
    choice?.optional('disable_parallel_tool_use')?.boolean() === true;
  const offer = { tools, toolChoice: undefined, parallelToolCalls: isOneAtATime ? false : undefined };
  if (choice === undefined) return offer;
  // The older `function_call` is an object without a type.
  const type = choice.isString() ? choice.oneOf(MODE_NAMES) : (choice.optional('type')?.string() ?? 'function');
  const mode = MODE_NAMES.find((it) => it === type);
  if (mode !== undefined) {
    if (MODES[mode] === REQUIRED && tools.length === 0) note(notices, 'ignored', choice.path);
    return { ...offer, toolChoice: MODES[mode] };
  }
  const allowed = type === 'allowed_tools' ? (choice.optional(type) ?? choice) : undefined;
  const names = offeredNames(allowed?.get('tools').array() ?? [choice], tools);
  if (names.length === 0) {
    note(notices, 'ignored', (allowed ?? choice).path);
    return offer;
  }
  const isRequired = allowed === undefined || allowed.optional('mode')?.oneOf(['auto', 'required']) === 'required';
  if (isRequired) return { ...offer, toolChoice: { mode: 'named', names } };
  const chosen = new Set(names);
  return { ...offer, tools: tools.filter(({ name }) => chosen.has(name)) };
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
  const offered = new Set(tools.map(({ name }) => name));
  return names.filter((name) => offered.has(name));
}

const REQUIRED = { mode: 'required' } as const;
const MODES = { auto: undefined, none: { mode: 'none' }, required: REQUIRED, any: REQUIRED } as const;
const MODE_NAMES = ['auto', 'none', 'required', 'any'] as const;
