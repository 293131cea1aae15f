/** The dialect of OpenAI's Chat Completions API. */

import type { Dialect } from './dialect.js';
import { readChatRequest } from './openai-chat-request.js';
import { writeChatCompletion } from './openai-chat-response.js';
import { createChatWriter } from './openai-chat-stream.js';
import { writeOpenAIError } from './openai.js';

export const openaiChat: Dialect = {
  name: 'openai-chat',
  route: '/v1/chat/completions',
  keepAlive: ': keep-alive\n\n',
  readRequest: readChatRequest,
  writeResponse: writeChatCompletion,
  createStreamWriter: createChatWriter,
  writeError: writeOpenAIError,
};
