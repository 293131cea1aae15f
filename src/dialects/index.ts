/** The client protocols the gateway speaks. */

import type { Dialect } from './dialect.js';
import { anthropicMessages } from './anthropic-messages.js';
import { openaiChat } from './openai-chat.js';

export const dialects: readonly Dialect[] = [openaiChat, anthropicMessages];
