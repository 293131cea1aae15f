/** Which of Kiro's rules (protocol 4.5 and 4.6) the body of a request breaks or comes near to: for an explanation afterwards. */

import { isRecord } from '../core/reader.js';
import { isProfileArn } from './calls.js';
import { MAX_MEDIA } from './media.js';
import { cleanSchema, legalIdentifier } from './tools.js';

export type Doubt = {
  /** One word or two: `alternation`. */
  readonly rule: string;
  /** False where the rule is only known from hearsay, or may be broken by what cannot be seen here. */
  readonly isCertain: boolean;
  /** What was found, where; no text of the conversation. */
  readonly found: string;
  readonly fix: string;
};

/** @param characters The length of the body as it was sent; parts of it may be missing here. */
export function judgeRequest(body: unknown, characters: number): readonly Doubt[] {
  const doubts: Doubt[] = [];
  const rule = (name: string, places: readonly string[], fix = REPORT, isCertain = true): void => {
    const more = places.length > 3 ? ` and ${places.length - 3} more` : '';
    const found = places.slice(0, 3).join('; ') + more;
    if (places.length > 0) doubts.push({ rule: name, isCertain, found, fix });
  };
  const hearsay = (name: string, places: readonly string[], fix: string): void => rule(name, places, fix, false);
  const turns = readTurns(at(body, 'conversationState'));
  const tools = turns.at(-1)?.tools ?? [];
  const inTurns = (words: string, isSo: (turn: Turn, index: number) => boolean): readonly string[] =>
    turns.filter(isSo).map(({ place }) => `${place} ${words}`);
  const inTools = (isSo: (tool: Json) => boolean): readonly string[] =>
    tools.flatMap((tool, index) => (isSo(tool) ? [`tools[${index}]`] : []));

  rule(
    'alternation',
    inTurns('is said by the same side as before', ({ isUser }, index) => isUser !== (index % 2 === 0)),
  );
  rule(
    'empty content',
    inTurns('has no content', (it) => isBlank(it.said['content']) && it.calls.length + it.results.length === 0),
  );
  rule(
    'calls and results',
    inTurns('does not answer exactly the calls before it', ({ isUser, results }, index) => {
      return isUser && idsOf(results).join('\n') !== idsOf(turns[index - 1]?.calls ?? []).join('\n');
    }),
    'Answer each tool call with one result in the message after it; a new conversation helps at once.',
  );
  rule('call ids', wrongNames(idsOf(turns.flatMap(({ calls }) => calls)), 'an id'));
  rule(
    'tools of the history',
    inTurns('calls a tool that is not offered', ({ calls }) =>
      calls.some((call) => !tools.some(({ name }) => name === call['name'])),
    ),
    'Offer every tool that the conversation has used.',
  );
  rule(
    'stray tools',
    inTurns('offers tools', (turn, index) => turn.tools.length > 0 && index < turns.length - 1),
  );
  const names = tools.map(({ name }) => String(name));
  rule(
    'tool names',
    wrongNames(names, 'a name', { startsWithLetter: true }),
    'Rename the tool: letters, digits, _ and -, at most 64, beginning with a letter, and each name once.',
  );
  rule(
    'tool descriptions',
    inTools(({ description }) => isBlank(description) || String(description).length > 10_004),
    'Describe each tool, in at most 10,000 characters (TOOL_DESCRIPTION_MAX_LENGTH).',
  );
  rule(
    'tool schemas',
    inTools(({ inputSchema }) => {
      const schema = at(inputSchema, 'json');
      return JSON.stringify(cleanSchema(schema)) !== JSON.stringify(schema);
    }),
    'Simplify the input schema: an object without alternatives at its root, no null and no empty keyword.',
  );
  const toolsLength = JSON.stringify(tools).length;
  const areMany = tools.length > 48 || toolsLength > 100_000;
  hearsay(
    'number of tools',
    areMany ? [`${tools.length} tools of ${toolsLength} characters`] : [],
    'Offer fewer tools: switch MCP servers off that this work does not need.',
  );
  rule(
    'tool results',
    inTurns('has a result that is not text, or empty', ({ results }) => results.some(isWithoutText)),
  );
  rule(
    'empty keys',
    inTurns('has a call with an empty key in its input', ({ calls }) => calls.some(({ input }) => hasEmptyKey(input))),
    'Leave the call out, or start a new conversation.',
  );
  const [images = 0, documents = 0] = ['images', 'documents'].map(
    (key) => turns.flatMap(({ said }) => list(said[key])).length,
  );
  rule(
    'media',
    images > MAX_MEDIA.image || documents > MAX_MEDIA.document ? [`${images} images and ${documents} documents`] : [],
    'Send fewer images and documents in one conversation.',
  );
  const { profileArn = '' } = at(body);
  rule(
    'profile',
    profileArn === '' || isProfileArn(String(profileArn)) ? [] : ['profileArn does not name a profile'],
    'Set PROFILE_ARN to the profile of your Kiro account.',
  );
  const wide = JSON.stringify(at(body)).match(/[^\p{ASCII}]/gu)?.length ?? 0;
  hearsay(
    'size',
    characters > 600_000 || characters + 7 * wide > 1_300_000 ? [`${characters} characters, ${wide} of them wide`] : [],
    'Shorten the conversation: compact it, or start a new one.',
  );
  hearsay(
    'reasoning of the history',
    inTurns('brings reasoning', ({ said }) => said['reasoningContent'] !== undefined),
    'Start a new conversation, or leave earlier thinking out: Kiro takes it back only where it came from.',
  );
  hearsay(
    'model fields',
    Object.keys(at(body, 'additionalModelRequestFields')).map((it) => `${it} is sent`),
    'Ask without an effort or a thinking budget.',
  );
  return doubts;
}

const REPORT = 'This is a fault of the gateway: report it with `kiro-gateway doctor --report`.';

type Json = Readonly<Record<string, unknown>>;

type Turn = ReturnType<typeof readTurns>[number];

function readTurns(state: Json) {
  const history = list(state['history']);
  return [...history, state['currentMessage']].map((entry, index) => {
    const isUser = isRecord(at(entry)['userInputMessage']);
    const said = at(entry, isUser ? 'userInputMessage' : 'assistantResponseMessage');
    const context = at(said, 'userInputMessageContext');
    return {
      place: index === history.length ? 'currentMessage' : `history[${index}]`,
      isUser,
      said,
      calls: list(said['toolUses']).map((it) => at(it)),
      results: list(context['toolResults']).map((it) => at(it)),
      // A mark for the cache stands among them.
      tools: list(context['tools'])
        .filter((it) => !('cachePoint' in at(it)))
        .map((it) => at(it, 'toolSpecification')),
    };
  });
}

function wrongNames(names: readonly string[], what: string, form?: Parameters<typeof legalIdentifier>[1]) {
  const illegal = names.filter((it) => legalIdentifier(it, form) !== it);
  const isTwice = new Set(names).size < names.length;
  return [
    ...illegal.map((it) => `${what} of ${it.length} characters is illegal`),
    ...(isTwice ? [`${what} is used twice`] : []),
  ];
}

/** In their order. */
function idsOf(items: readonly Json[]): readonly string[] {
  return items.map(({ toolUseId }) => String(toolUseId));
}

function isWithoutText({ content }: Json): boolean {
  return list(content).length === 0 || list(content).some((it) => isBlank(at(it)['text']));
}

function hasEmptyKey(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasEmptyKey);
  return isRecord(value) && Object.entries(value).some(([key, it]) => key === '' || hasEmptyKey(it));
}

function isBlank(value: unknown): boolean {
  return typeof value !== 'string' || value.trim() === '';
}

/** What is no object is one without fields: its place then shows up as empty. */
function at(value: unknown, key?: string): Json {
  const found = key === undefined ? value : at(value)[key];
  return isRecord(found) ? found : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
