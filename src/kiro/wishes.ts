/** What Kiro has no field for, said to the model in words: tool choice, the form of the answer, reasoning in tags. */

import type { AnswerFormat, Conversation, Model, ReasoningWish, Tool, ToolChoice } from '../core/conversation.js';
import { hasOwnControl, isUnwanted } from './thinking.js';

/** The tools that may be called in this answer. The others are not offered, so that the model cannot choose them. */
export function toolsToOffer({ tools, toolChoice }: Conversation): readonly Tool[] {
  switch (toolChoice?.mode) {
    case undefined:
    case 'required':
      return tools;
    case 'none':
      return [];
    case 'named':
      return tools.filter((tool) => toolChoice.names.includes(tool.name));
  }
}

/**
 * Sentences for the end of the system text: all turns of a conversation share what stands before them.
 * @param nameFor A tool's name as Kiro is told it.
 */
export function wishesInWords(conversation: Conversation, nameFor: (name: string) => string): readonly string[] {
  const { toolChoice, parallelToolCalls, answerFormat } = conversation;
  const hasTools = toolsToOffer(conversation).length > 0;
  return [
    ...(conversation.tools.length > 0 && toolChoice !== undefined ? [choiceInWords(toolChoice, nameFor)] : []),
    ...(hasTools && parallelToolCalls === false ? [ONE_CALL] : []),
    ...(answerFormat === undefined ? [] : [formatInWords(answerFormat)]),
  ];
}

function choiceInWords(choice: ToolChoice, nameFor: (name: string) => string): string {
  switch (choice.mode) {
    case 'none':
      return 'Answer in words: no tool can be called in this turn.';
    case 'required':
      return 'In this turn you must call a tool; do not answer in words alone.';
    case 'named': {
      const names = choice.names.map((name) => `\`${nameFor(name)}\``).join(' or ');
      return `In this turn you must call the tool ${names}; do not answer in words alone.`;
    }
  }
}

function formatInWords({ schema }: AnswerFormat): string {
  const rule = 'Write your final answer as one JSON value and nothing else: no explanation and no Markdown fence.';
  return schema === undefined ? rule : `${rule} It follows this JSON schema:\n${JSON.stringify(schema)}`;
}

const ONE_CALL = 'Make at most one tool call at a time, and wait for its result before the next.';

/** When models without a control of their own are asked to reason in tags, and how long. */
export type TagWish = {
  /** True: when the client asks for reasoning. Even `always` respects a client that wants none. */
  readonly when: boolean | 'always';
  /** Unless the client names a budget. */
  readonly maxTokens: number;
};

/**
 * The words that ask for reasoning in tags (protocol 10.1); undefined where the model has a control of its own or nobody
 * wants any. They are the same in all turns of a conversation, so that these share their beginning.
 */
export function tagInstruction(wish: ReasoningWish, model: Model, tags: TagWish): string | undefined {
  if (tags.when === false || hasOwnControl(model) || isUnwanted(wish)) return undefined;
  if (tags.when === true && wish.mode !== 'on' && wish.effort === undefined) return undefined;
  return tagWords(wish.budget ?? tags.maxTokens);
}

/** True when the system text already asks for it, in the words that all gateways use. */
export function asksForTags(system: readonly string[]): boolean {
  return system.some((text) => text.includes('<thinking_mode>'));
}

function tagWords(maxTokens: number): string {
  return `<thinking_mode>enabled</thinking_mode><max_thinking_length>${maxTokens}</max_thinking_length>
Begin each answer with your reasoning between <thinking> and </thinking>, in at most ${maxTokens} tokens: take the \
question apart, weigh what speaks against your first idea, and plan your next step. Write nothing before <thinking>, and \
use these tags nowhere else. After </thinking> comes the answer itself, in the language of the person.`;
}
