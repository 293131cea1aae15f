/** The web search behind `/mcp`: JSON-RPC with a few plausible results. */
import type { HttpReply } from './reply.js';
import { answerJson } from './http.js';
import { isRecord } from './shape.js';

export function answerMcp(body: unknown): HttpReply {
  if (!isRecord(body) || body['jsonrpc'] !== '2.0') return answerJson(fail(null, -32_600, 'Invalid request'));
  const id = body['id'] ?? null;
  switch (body['method']) {
    case 'initialize':
      return answerJson(
        succeed(id, { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: SERVER }),
      );
    case 'notifications/initialized':
      return { status: 202, body: '' };
    case 'tools/list':
      return answerJson(succeed(id, { tools: [TOOL] }));
    case 'tools/call':
      return answerJson(callTool(id, body['params']));
    default:
      return answerJson(fail(id, -32_601, 'Method not found'));
  }
}

function callTool(id: unknown, parameters: unknown): object {
  const { name, arguments: input } = isRecord(parameters) ? parameters : {};
  if (name !== TOOL.name) return fail(id, -32_602, `Unknown tool: ${String(name)}`);
  const query = isRecord(input) ? input['query'] : undefined;
  if (typeof query !== 'string' || query.trim() === '') return fail(id, -32_602, 'The query is missing');
  const content = [{ type: 'text', text: JSON.stringify(search(query)) }];
  return succeed(id, { isError: false, content });
}

function search(query: string): object {
  const slug = query.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const results = PLACES.map(({ domain, title, snippet }, index) => ({
    title: `${title}: ${query}`,
    url: `https://${domain}/${slug}`,
    snippet: `${snippet} ${query}.`,
    publishedDate: PUBLISHED_AT_MS - index * 86_400_000,
    id: `simulated-${index + 1}`,
    domain,
    maxVerbatimWordLimit: 30,
    publicDomain: false,
  }));
  return { results, totalResults: results.length, query };
}

function succeed(id: unknown, result: object): object {
  return { jsonrpc: '2.0', id, result };
}

function fail(id: unknown, code: number, message: string): object {
  return { jsonrpc: '2.0', id, error: { code, message } };
}

const SERVER = { name: 'kiro-gateway-simulator', version: '1' };

const TOOL = {
  name: 'web_search',
  description: 'Searches the web',
  inputSchema: { type: 'object', properties: { query: { type: 'string' } }, required: ['query'] },
};

const PLACES = [
  { domain: 'encyclopedia.example', title: 'An overview', snippet: 'What is generally known about' },
  { domain: 'news.example', title: 'The latest', snippet: 'This week brought news about' },
  { domain: 'guide.example', title: 'A practical guide', snippet: 'Step by step to' },
];

const PUBLISHED_AT_MS = Date.UTC(2026, 8, 1);
