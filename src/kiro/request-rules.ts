/** What of a request Kiro may have found improper (protocol 4.5 and 4.6), where it only says that something was. */

import type { JsonObject } from '../core/conversation.js';
import { recordOf } from '../core/reader.js';

/**
 * Limits of which nobody is sure; what is sure, no request of the gateway breaks.
 * @param characters The length of the body as it was sent; parts of it may be missing here.
 * @returns each rule that may be broken, in a few words, what was found (no text of the conversation), and what to do.
 */
export function judgeRequest(body: unknown, characters: number) {
  const state = at(body, 'conversationState');
  const history = list(state['history']);
  const tools = list(at(state, 'currentMessage', 'userInputMessage', 'userInputMessageContext')['tools']);
  const toolsLength = JSON.stringify(tools).length;
  const long = tools.flatMap((tool, index) => {
    const { description } = at(tool, 'toolSpecification');
    return typeof description === 'string' && description.length > MOST.description ? [`tools[${index}]`] : [];
  });
  const wide = JSON.stringify(at(body)).match(/[^\p{ASCII}]/gu)?.length ?? 0;
  const reasoning = history.flatMap((entry, index) => {
    const isThere = at(entry, 'assistantResponseMessage')['reasoningContent'] !== undefined;
    return isThere ? [`history[${index}] brings reasoning`] : [];
  });
  const fields = Object.keys(at(body, 'additionalModelRequestFields')).map((it) => `${it} is sent`);
  const isLarge = characters > MOST.characters || characters + 7 * wide > MOST.weight;
  const areMany = tools.length > MOST.tools || toolsLength > MOST.toolCharacters;
  const doubts: readonly (readonly [rule: string, places: readonly string[], fix: string])[] = [
    [
      'number of tools',
      areMany ? [`${tools.length} tools of ${toolsLength} characters`] : [],
      'Offer fewer tools: switch MCP servers off that this work does not need.',
    ],
    ['tool descriptions', long, 'Describe each tool in at most 10,000 characters (TOOL_DESCRIPTION_MAX_LENGTH).'],
    [
      'size',
      isLarge ? [`${characters} characters, ${wide} of them wide`] : [],
      'Shorten the conversation: compact it, or start a new one.',
    ],
    [
      'reasoning of the history',
      reasoning,
      'Start a new conversation, or leave earlier thinking out: Kiro takes it back only where it came from.',
    ],
    ['model fields', fields, 'Ask without an effort or a thinking budget.'],
  ];
  return doubts
    .filter(([, places]) => places.length > 0)
    .map(([rule, places, fix]) => {
      const more = places.length > 3 ? ` and ${places.length - 3} more` : '';
      return { rule, found: places.slice(0, 3).join('; ') + more, fix };
    });
}

const MOST = { characters: 600_000, weight: 1_300_000, tools: 48, toolCharacters: 100_000, description: 10_004 };

function at(value: unknown, ...path: readonly string[]): JsonObject {
  return path.reduce((found, key) => recordOf(found[key]), recordOf(value));
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
