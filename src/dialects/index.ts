/** The client protocols the gateway speaks. */

import type { Dialect } from './dialect.js';
import { anthropicMessages } from './anthropic-messages.js';
import { openaiChat } from './openai-chat.js';
import { openaiResponses } from './openai-responses.js';

export const dialects: readonly Dialect[] = [openaiChat, openaiResponses, anthropicMessages];
