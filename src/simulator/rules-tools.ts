/** The rules of the service for tools: their specifications, and calls answered by results. */
import type { Violation } from './failures.js';
import type { AssistantMessage, ToolResult, ToolSpecification, ToolUse, UserMessage } from './request.js';
import type { Turn } from './turns.js';
import { improper } from './failures.js';
import { findSchemaFault } from './tool-schema.js';

export function checkToolSpecifications(specifications: readonly ToolSpecification[]): Violation | undefined {
  const names = new Set<string>();
  for (const [index, { name, description, inputSchema }] of specifications.entries()) {
    const place = `toolConfig.tools.${index}.toolSpec`;
    if (!TOOL_NAME.test(name)) return improper(`${place}.name "${name}" is illegal`);
    if (names.has(name)) {
      return {
        reason: 'TOOL_DUPLICATE',
        message: `The tool ${name} is already defined.`,
        detail: `${place}.name is not unique`,
      };
    }
    names.add(name);
    if (description?.trim() === '') return improper(`${place}.description is empty`);
    if (description !== undefined && description.length > LONGEST_DESCRIPTION) {
      return improper(`${place}.description has ${description.length} characters`);
    }
    const fault = findSchemaFault(inputSchema.json, `${place}.inputSchema.json`);
    if (fault !== undefined) {
      return { reason: 'TOOL_SCHEMA_INVALID', message: `The JSON schema is invalid: ${fault}.`, detail: fault };
    }
  }
  return undefined;
}

/** Each call is answered in the very next user turn, each result answers a call of the turn before. */
export function checkToolTraffic(turns: readonly Turn[], offered: ReadonlySet<string>): Violation | undefined {
  const seenIds = new Set<string>();
  let open: readonly ToolUse[] = [];
  for (const { place, user, assistant } of turns) {
    const violation =
      user === undefined
        ? checkCalls(assistant?.toolUses ?? [], { place, offered, seenIds })
        : checkResults(user, { place, open, hasTools: offered.size > 0 });
    if (violation !== undefined) return violation;
    open = assistant?.toolUses ?? [];
  }
  return undefined;
}

type CallContext = { readonly place: string; readonly offered: ReadonlySet<string>; readonly seenIds: Set<string> };

function checkCalls(calls: NonNullable<AssistantMessage['toolUses']>, context: CallContext): Violation | undefined {
  const { place, offered, seenIds } = context;
  for (const { toolUseId, name, input } of calls) {
    if (!TOOL_USE_ID.test(toolUseId)) return mismatch(`${place} has the illegal toolUseId "${toolUseId}"`);
    if (seenIds.has(toolUseId)) return mismatch(`${place} repeats the toolUseId ${toolUseId}`);
    seenIds.add(toolUseId);
    if (!TOOL_NAME.test(name)) {
      return {
        reason: 'REQUEST_BODY_INVALID',
        message: 'Invalid tool use format.',
        detail: `${place} calls "${name}"`,
      };
    }
    if (!offered.has(name)) return missingTools(`${place} calls ${name}, which is not offered`);
    if (hasEmptyKey(input)) return improper(`${place} has an empty key in the input of ${toolUseId}`);
  }
  return undefined;
}

type ResultContext = { readonly place: string; readonly open: readonly ToolUse[]; readonly hasTools: boolean };

function checkResults(user: UserMessage, { place, open, hasTools }: ResultContext): Violation | undefined {
  const results = user.userInputMessageContext?.toolResults ?? [];
  if (results.length > 0 && !hasTools) return missingTools(`${place} has tool results, but no tools are offered`);
  const unanswered = new Set(open.map((call) => call.toolUseId));
  for (const result of results) {
    if (!unanswered.delete(result.toolUseId))
      return mismatch(`${place} answers ${result.toolUseId}, which is not open`);
    if (result.content.some(isBlank)) return improper(`${place} has an empty result for ${result.toolUseId}`);
  }
  const [missing] = unanswered;
  return missing === undefined ? undefined : mismatch(`${place} does not answer ${missing}`);
}

function isBlank(block: ToolResult['content'][number]): boolean {
  return block.text !== undefined && block.text.trim() === '';
}

function hasEmptyKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, item]) => name === '' || hasEmptyKey(item));
}

function mismatch(detail: string): Violation {
  const message = 'The toolResult blocks do not match the toolUse blocks of the previous turn.';
  return { reason: 'TOOL_USE_RESULT_MISMATCH', message, detail };
}

function missingTools(detail: string): Violation {
  const message = 'The toolConfig field must be defined when using toolUse and toolResult content blocks.';
  return { reason: 'TOOL_CONFIG_MISSING', message, detail };
}

const TOOL_NAME = /^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/;
const TOOL_USE_ID = /^[a-zA-Z0-9_-]{1,64}$/;
const LONGEST_DESCRIPTION = 10_240;
