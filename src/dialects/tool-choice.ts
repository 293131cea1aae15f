/** Which tools may, must or must not be called, in all the forms that clients of OpenAI's and Anthropic's write. */

import type { Tool, ToolChoice } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { note, type Notices } from './notices.js';

/** The tools on offer, and what is to be done with them. */
export type ToolOffer = { readonly tools: readonly Tool[]; readonly toolChoice: ToolChoice | undefined };

/** @throws GatewayError `invalid-request` when the choice is none of the known forms. */
export function readToolChoice(choice: Reader | undefined, tools: readonly Tool[], notices: Notices): ToolOffer {
  if (choice === undefined) return { tools, toolChoice: undefined };
  if (choice.isString()) return { tools, toolChoice: MODES[choice.oneOf(MODE_NAMES)] };
  // The older `function_call` is an object without a type.
  const type = choice.optional('type')?.string() ?? 'function';
  const mode = MODE_NAMES.find((it) => it === type);
  if (mode !== undefined) return { tools, toolChoice: MODES[mode] };
  if (type === 'allowed_tools') return readAllowedTools(choice.optional(type) ?? choice, tools, notices);
  const [name] = offeredNames([choice], tools);
  if (name !== undefined) return { tools, toolChoice: { mode: 'named', names: [name] } };
  note(notices, 'ignored', choice.path);
  return { tools, toolChoice: undefined };
}

function readAllowedTools(allowed: Reader, tools: readonly Tool[], notices: Notices): ToolOffer {
  const names = offeredNames(allowed.get('tools').array(), tools);
  const mode = allowed.optional('mode')?.oneOf(['auto', 'required']) ?? 'auto';
  if (names.length === 0) {
    note(notices, 'ignored', allowed.path);
    return { tools, toolChoice: undefined };
  }
  if (mode === 'required') return { tools, toolChoice: { mode: 'named', names } };
  return { tools: tools.filter((tool) => names.includes(tool.name)), toolChoice: undefined };
}

/** Names of tools that are on offer: some built-in ones are left out, and nobody can be made to call those. */
function offeredNames(choices: readonly Reader[], tools: readonly Tool[]): string[] {
  const names = choices.flatMap((choice) => {
    const holder = choice.optional('function') ?? choice.optional('custom') ?? choice;
    // The Responses API chooses tools without a name of their own, such as `shell`, by their type.
    return (holder.optional('name') ?? holder.optional('type'))?.string() ?? [];
  });
  return names.filter((name) => tools.some((tool) => tool.name === name));
}

const MODES = {
  auto: undefined,
  none: { mode: 'none' },
  required: { mode: 'required' },
  any: { mode: 'required' },
} as const satisfies Record<string, ToolChoice | undefined>;

const MODE_NAMES = ['auto', 'none', 'required', 'any'] as const;
