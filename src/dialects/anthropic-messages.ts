/** The dialect of Anthropic's Messages API. */

import type { Dialect } from './dialect.js';
import { writeMessagesError } from './anthropic-messages-errors.js';
import { readMessagesRequest } from './anthropic-messages-request.js';
import { writeMessage } from './anthropic-messages-response.js';
import { createMessagesWriter } from './anthropic-messages-stream.js';

export const anthropicMessages: Dialect = {
  name: 'anthropic-messages',
  route: '/v1/messages',
  counting: { route: '/v1/messages/count_tokens', writeCount: (inputTokens) => ({ input_tokens: inputTokens }) },
  keepAlive: 'event: ping\ndata: {"type":"ping"}\n\n',
  readRequest: readMessagesRequest,
  writeResponse: writeMessage,
  createStreamWriter: createMessagesWriter,
  writeError: writeMessagesError,
};
