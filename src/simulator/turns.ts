/** A chat request as the list of its turns, each with the name of its place. */
import type { AssistantMessage, ChatRequest, ToolSpecification, UserMessage } from './request.js';

export type Turn = {
  readonly place: string;
  readonly user?: UserMessage | undefined;
  readonly assistant?: AssistantMessage | undefined;
};

export function listTurns({ conversationState }: ChatRequest): readonly Turn[] {
  const { history = [], currentMessage } = conversationState;
  const past = history.map((message, index) => ({
    place: `history[${index}]`,
    user: message.userInputMessage,
    assistant: message.assistantResponseMessage,
  }));
  return [...past, { place: 'currentMessage', user: currentMessage.userInputMessage }];
}

/** Tools sit in the current message only; cache points among them are no tools. */
export function listTools({ conversationState }: ChatRequest): readonly ToolSpecification[] {
  const entries = conversationState.currentMessage.userInputMessage?.userInputMessageContext?.tools ?? [];
  return entries.flatMap(({ toolSpecification }) => (toolSpecification === undefined ? [] : [toolSpecification]));
}
