/** Searches of the web in the course of a turn: the tool the model is offered, what it is told, and the joined turn. */

import type { Block, Conversation, SearchLimits, SearchResult, Tool, ToolResult, WebSearch } from './conversation.js';
import { toGatewayError } from './errors.js';
import { abortError } from './signals.js';
import { parseJson, Reader } from './reader.js';
import { rounded } from './stream.js';
import type { Batch, BlockHead, Completion, StreamEvent, Turn, Usage } from './stream.js';

/** The tool as the model is told of it. */
export function webSearchTool(limits: SearchLimits): Tool {
  return {
    name: 'web_search',
    description:
      'Searches the web and returns titles, addresses and excerpts of pages. Use it for what is recent or unknown to ' +
      'you, and name the addresses that you rely on.',
    inputSchema: {
      type: 'object',
      properties: { query: { type: 'string', description: 'What to search for, in a few words.' } },
      required: ['query'],
    },
    webSearch: limits,
  };
}

type SearchTool = Tool & { readonly webSearch: SearchLimits };

/** The tool that the gateway runs, unless a tool of the client's own has its name: then calls are the client's. */
export function searchToolOf({ tools }: Conversation): SearchTool | undefined {
  const found = tools.find((tool): tool is SearchTool => tool.webSearch !== undefined);
  return tools.find(({ name }) => name === found?.name) === found ? found : undefined;
}

/** A search of an earlier turn in words; Kiro has no other form for it. */
export function describeSearch(search: WebSearch): string {
  const head = search.query === '' ? 'A web search' : `A web search for ${JSON.stringify(search.query)}`;
  return `[${head} found:]\n${describeResults(search)}`;
}

export type SearchOutcome = Pick<WebSearch, 'results' | 'failure'>;

export type Searching = {
  readonly conversation: Conversation;
  readonly tool: SearchTool;
  /** Another turn of the same question. */
  readonly ask: (conversation: Conversation) => Promise<Turn>;
  /** @throws only when the client has left. */
  readonly search: (query: string) => Promise<SearchOutcome>;
  readonly signal: AbortSignal;
};

/**
 * The turn, with the model's searches run as it asks for them: each is a block with its results, and what the model
 * says next follows in the same turn. Ends where the model calls a tool of the client's, or none. Numbers are sums.
 */
export async function* searchingTurn(first: Turn, searching: Searching): AsyncGenerator<Batch> {
  const { tool, signal } = searching;
  // What the client has been told, and what it has cost, over all rounds.
  const blocks: Block[] = [];
  let costs: Costs | undefined;
  let { conversation } = searching;
  let turn = first;
  let used = 0;
  try {
    for (let round = 1; ; round++) {
      const said = yield* sayAllButCalls(turn, tool.name, blocks);
      if (said === undefined) return;
      costs = addCosts(costs, said);
      const completion = { ...said, ...costs, blocks };
      const calls = said.blocks.filter((block) => block.type === 'tool-call');
      const wanted = calls.filter(({ name }) => name === tool.name);
      if (wanted.length === 0 || said.finishReason !== 'tool-calls') return yield [{ type: 'finish', completion }];
      const parts: ToolResult[] = [];
      for (const { id, input } of wanted) {
        const query = new Reader(parseJson(input)).textIfAny('query') ?? '';
        yield [startOf({ type: 'web-search', id, query }, blocks)];
        const outcome = await runSearch(query, used++, searching);
        yield [endOf({ type: 'web-search', id, query, ...outcome }, blocks)];
        const content = [{ type: 'text', text: describeResults(outcome) } as const];
        parts.push({ type: 'tool-result', id, content, isError: outcome.failure !== undefined });
      }
      // The client's calls are the client's to answer; what was found comes back with its next request.
      if (wanted.length < calls.length) return yield [{ type: 'finish', completion }];
      if (round === MOST_ROUNDS) return yield [{ type: 'finish', completion: { ...completion, finishReason: 'stop' } }];
      conversation = {
        ...conversation,
        messages: [...conversation.messages, { role: 'assistant', blocks: said.blocks }, { role: 'user', parts }],
        // If a tool had to be called, that has happened now.
        toolChoice: undefined,
      };
      turn = await searching.ask(conversation);
    }
  } catch (thrown) {
    yield [{ type: 'error', error: signal.aborted ? abortError(signal, thrown) : toGatewayError(thrown) }];
  }
}

/** Passes on everything but the calls of one tool and the end. Undefined when the turn has failed. */
async function* sayAllButCalls(
  turn: Turn,
  toolName: string,
  blocks: Block[],
): AsyncGenerator<Batch, Completion | undefined> {
  let isHidden = false;
  for await (const batch of turn) {
    const shown: StreamEvent[] = [];
    for (const event of batch) {
      switch (event.type) {
        case 'start': // No later round finds that nothing was said.
          if (blocks.length === 0) shown.push(event);
          break;
        case 'block-start':
          isHidden = event.block.type === 'tool-call' && event.block.name === toolName;
          if (!isHidden) shown.push(startOf(event.block, blocks));
          break;
        case 'block-delta':
          if (!isHidden) shown.push({ ...event, index: blocks.length });
          break;
        case 'block-end':
          if (!isHidden) shown.push(endOf(event.block, blocks));
          isHidden = false;
          break;
        case 'finish':
          if (shown.length > 0) yield shown;
          return event.completion;
        case 'error':
          shown.push(event);
      }
    }
    if (shown.length > 0) yield shown;
  }
  return undefined;
}

/** Blocks are numbered through over all rounds. */
function startOf(block: BlockHead, blocks: readonly Block[]): StreamEvent {
  return { type: 'block-start', index: blocks.length, block };
}

function endOf(block: Block, blocks: Block[]): StreamEvent {
  return { type: 'block-end', index: blocks.push(block) - 1, block };
}

async function runSearch(query: string, usedBefore: number, { tool, search }: Searching): Promise<SearchOutcome> {
  const { maxUses = MOST_SEARCHES, allowedDomains, blockedDomains } = tool.webSearch;
  if (query.trim() === '') return { results: [], failure: 'invalid_tool_input' };
  if (usedBefore >= maxUses) return { results: [], failure: 'max_uses_exceeded' };
  const { results, failure } = await search(query);
  const isWanted = ({ url }: SearchResult) =>
    (allowedDomains.length === 0 || isWithin(url, allowedDomains)) && !isWithin(url, blockedDomains);
  return { results: results.filter(isWanted), failure };
}

/** `docs.example.com` is within `example.com`; a path after the domain, which some clients write, is not looked at. */
function isWithin(url: string, domains: readonly string[]): boolean {
  const host = /^https?:\/\/([^/:?#]+)/i.exec(url)?.[1]?.toLowerCase() ?? '';
  return domains.some((it) => {
    const domain = it.toLowerCase().split('/')[0] ?? '';
    return host === domain || host.endsWith(`.${domain}`);
  });
}

function describeResults({ results, failure }: SearchOutcome): string {
  if (failure !== undefined) return FAILURES[failure];
  if (results.length === 0) return 'Nothing was found.';
  return results
    .map(({ title, url, snippet, publishedAt }, index) => {
      const date = publishedAt === undefined ? '' : ` (${new Date(publishedAt).toISOString().slice(0, 10)})`;
      return [`${index + 1}. ${title}${date}`, url, snippet].filter((line) => line !== '').join('\n   ');
    })
    .join('\n');
}

type Costs = Pick<Completion, 'usage' | 'credits'>;

/** The source of the sum is that of its less exact part. */
function addCosts(before: Costs | undefined, { usage: b, credits }: Costs): Costs {
  if (before === undefined) return { usage: b, credits };
  const a = before.usage;
  const usage: Usage = {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
    source: a.source === 'upstream' ? b.source : a.source,
  };
  const areKnown = (before.credits ?? credits) !== undefined;
  return { usage, credits: areKnown ? rounded((before.credits ?? 0) + (credits ?? 0)) : undefined };
}

const FAILURES = {
  unavailable: 'The search failed; it may work later. Answer with what you know, and say that you could not search.',
  max_uses_exceeded: 'No more searches are allowed in this answer. Answer with what was found.',
  invalid_tool_input: 'The query is missing.',
} as const satisfies Record<NonNullable<WebSearch['failure']>, string>;

/** In one answer, unless the client names its own number. */
const MOST_SEARCHES = 10;
/** A model that goes on searching after it was told that it may not has to be stopped: each round costs credits. */
const MOST_ROUNDS = 12;
