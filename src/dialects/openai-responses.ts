/** The dialect of OpenAI's Responses API. */

import type { Dialect } from './dialect.js';
import { writeResponsesError } from './openai-responses-errors.js';
import { writeResponse } from './openai-responses-output.js';
import { readResponsesRequest } from './openai-responses-request.js';
import { createResponsesWriter } from './openai-responses-stream.js';

export const openaiResponses: Dialect = {
  name: 'openai-responses',
  route: '/v1/responses',
  keepAlive: ': keep-alive\n\n',
  readRequest: readResponsesRequest,
  writeResponse,
  createStreamWriter: createResponsesWriter,
  writeError: writeResponsesError,
};
