/**
 * What the gateway is measured against. `pipe`: bare node:http in between, the limit of the wire. `skeleton`: what
 * express and node-fetch cost by themselves: parse, ask, decode, one JSON.stringify and one write a delta.
 */

import { Agent, createServer, request as ask } from 'node:http';
import { crc32 } from 'node:zlib';

import express from 'express';
import fetch from 'node-fetch';

const [, , kind, upstream] = process.argv;
const PATH = '/generateAssistantResponse';
const agent = new Agent({ keepAlive: true, scheduling: 'lifo', maxFreeSockets: 64 });

function createPipe() {
  const { hostname, port } = new URL(upstream);
  return (request, response) => {
    const { method, headers } = request;
    const onward = ask({ hostname, port, method, path: PATH, headers, agent }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  };
}

function createSkeleton() {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(express.json({ limit: '50mb' }));
  app.post('/v1/chat/completions', answerWith(CHAT));
  app.post('/v1/messages', answerWith(MESSAGES));
  app.post('/v1/responses', answerWith(RESPONSES));
  return app;
}

/** The least of each protocol that a client could read; every delta is one object, made into JSON as a whole. */
const CHAT = {
  delta: (text) => ({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta: { content: text }, logprobs: null, finish_reason: null }],
  }),
  whole: (text) => ({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
  }),
};
const MESSAGES = {
  delta: (text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
  whole: (text) => ({ id: 'msg_1', type: 'message', role: 'assistant', content: [{ type: 'text', text }] }),
};
const RESPONSES = {
  delta: (text) => ({ type: 'response.output_text.delta', item_id: 'msg_1', output_index: 0, delta: text }),
  whole: (text) => ({ id: 'resp_1', object: 'response', output: [{ type: 'message', content: [{ text }] }] }),
};

function answerWith({ delta, whole }) {
  return async (request, response) => {
    const { stream, ...conversation } = request.body;
    const answer = await fetch(upstream + PATH, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ conversationState: conversation }),
      compress: false,
      agent,
    });
    if (stream !== true) {
      let text = '';
      for await (const payload of decode(answer.body)) text += textOf(payload);
      response.json(whole(text));
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for await (const payload of decode(answer.body)) {
      const text = textOf(payload);
      if (text !== '') response.write(`data: ${JSON.stringify(delta(text))}\n\n`);
    }
    response.end('data: [DONE]\n\n');
  };
}

function textOf({ content, input }) {
  return content ?? input ?? '';
}

/** Payloads of whole frames, each with its checksum proved and its headers read. */
async function* decode(body) {
  let rest = Buffer.alloc(0);
  for await (const chunk of body) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= 12 && rest.length - at >= rest.readUInt32BE(at)) {
      const end = at + rest.readUInt32BE(at);
      if (crc32(rest.subarray(at, end - 4)) !== rest.readUInt32BE(end - 4)) throw new Error('A damaged frame.');
      const payloadAt = at + 12 + rest.readUInt32BE(at + 4);
      if (readHeaders(rest, at + 12, payloadAt)[':message-type'] === 'event') {
        yield JSON.parse(rest.toString('utf8', payloadAt, end - 4));
      }
      at = end;
    }
    rest = rest.subarray(at);
  }
}

/** Headers of type string; Kiro has no others. */
function readHeaders(bytes, from, end) {
  const headers = {};
  for (let at = from; at < end;) {
    const valueAt = at + 1 + bytes[at] + 3;
    const valueEnd = valueAt + bytes.readUInt16BE(valueAt - 2);
    headers[bytes.toString('latin1', at + 1, valueAt - 3)] = bytes.toString('utf8', valueAt, valueEnd);
    at = valueEnd;
  }
  return headers;
}

const server = createServer(kind === 'pipe' ? createPipe() : createSkeleton());
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listens on http://127.0.0.1:${server.address().port}\n`);
});
