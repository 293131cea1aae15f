/** What Kiro has no field for, said to the model in words: tool choice, one call at a time, the form of the answer. */

import type { AnswerFormat, Conversation, Tool, ToolChoice } from '../core/conversation.js';

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
