/** Which of Kiro's rules (protocol 4.5 and 4.6) the body of a request breaks or comes near to: for an explanation afterwards. */

import { isRecord } from '../core/reader.js';
import { isProfileArn } from './calls.js';
import { legalIdentifier } from './tools.js';
import { MAX_MEDIA } from './media.js';
import { cleanSchema } from './tools.js';

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
  const state = at(body, 'conversationState');
  const entries = [...list(state['history']), state['currentMessage']];
  const turns = entries.map((entry, index): Turn => {
    const place = index === entries.length - 1 ? 'currentMessage' : `history[${index}]`;
    const user = isRecord(at(entry)['userInputMessage']) ? at(entry, 'userInputMessage') : undefined;
    const said = user ?? at(entry, 'assistantResponseMessage');
    const context = at(said, 'userInputMessageContext');
    return {
      place,
      isUser: user !== undefined,
      said,
      calls: list(said['toolUses']).map((it) => at(it)),
      results: list(context['toolResults']).map((it) => at(it)),
      tools: list(context['tools']).map((it) => at(it, 'toolSpecification')),
    };
  });
  const request = { turns, tools: turns.at(-1)?.tools ?? [], body: at(body), characters };
  return RULES.flatMap(([rule, fix, find, isCertain = true]) => {
    const places = find(request);
    const more = places.length > 3 ? ` and ${places.length - 3} more` : '';
    return places.length === 0 ? [] : [{ rule, isCertain, fix, found: places.slice(0, 3).join('; ') + more }];
  });
}

type Json = Readonly<Record<string, unknown>>;

type Turn = {
  readonly place: string;
  readonly isUser: boolean;
  readonly said: Json;
  readonly calls: readonly Json[];
  readonly results: readonly Json[];
  readonly tools: readonly Json[];
};

type Request = {
  readonly turns: readonly Turn[];
  readonly tools: readonly Json[];
  readonly body: Json;
  readonly characters: number;
};

/** What breaks the rule, each in a few words. */
type Find = (request: Request) => readonly string[];

const REPORT = 'This is a fault of the gateway: report it with `kiro-gateway doctor --report`.';

const RULES: readonly (readonly [rule: string, fix: string, find: Find, isCertain?: false])[] = [
  [
    'alternation',
    REPORT,
    inTurns('is said by the same side as before', ({ isUser }, { index }) => isUser !== (index % 2 === 0)),
  ],
  [
    'empty content',
    REPORT,
    inTurns(
      'has no content',
      ({ said, calls, results }) => isBlank(said['content']) && calls.length + results.length === 0,
    ),
  ],
  [
    'calls and results',
    'Answer each tool call with one result in the message after it; a new conversation helps at once.',
    inTurns('does not answer exactly the calls before it', ({ isUser, results }, { turns, index }) => {
      return isUser && idsOf(results) !== idsOf(turns[index - 1]?.calls ?? []);
    }),
  ],
  [
    'call ids',
    REPORT,
    ({ turns }) =>
      wrongNames(
        turns.flatMap(({ calls }) => calls.map((it) => String(it['toolUseId']))),
        'an id',
      ),
  ],
  [
    'tools of the history',
    'Offer every tool that the conversation has used.',
    inTurns('calls a tool that is not offered', ({ calls }, { tools }) =>
      calls.some((call) => !tools.some(({ name }) => name === call['name'])),
    ),
  ],
  [
    'stray tools',
    REPORT,
    inTurns('offers tools', ({ tools }, { turns, index }) => tools.length > 0 && index < turns.length - 1),
  ],
  [
    'tool names',
    'Rename the tool: letters, digits, _ and -, at most 64, beginning with a letter, and each name once.',
    ({ tools }) =>
      wrongNames(
        tools.map(({ name }) => String(name)),
        'a name',
        { startsWithLetter: true },
      ),
  ],
  [
    'tool descriptions',
    'Describe each tool, in at most 10,000 characters (TOOL_DESCRIPTION_MAX_LENGTH).',
    inTools(({ description }) => isBlank(description) || String(description).length > 10_004),
  ],
  [
    'tool schemas',
    'Simplify the input schema: an object without alternatives at its root, no null and no empty keyword.',
    inTools(({ inputSchema }) => {
      const schema = at(inputSchema, 'json');
      return JSON.stringify(cleanSchema(schema)) !== JSON.stringify(schema);
    }),
  ],
  [
    'number of tools',
    'Offer fewer tools: switch MCP servers off that this work does not need.',
    ({ tools }) => {
      const size = JSON.stringify(tools).length;
      return tools.length > 48 || size > 100_000 ? [`${tools.length} tools of ${size} characters`] : [];
    },
    false,
  ],
  [
    'tool results',
    REPORT,
    inTurns('has a result that is not text, or empty', ({ results }) => results.some(isWithoutText)),
  ],
  [
    'empty keys',
    'Leave the call out, or start a new conversation.',
    inTurns('has a call with an empty key in its input', ({ calls }) => calls.some(({ input }) => hasEmptyKey(input))),
  ],
  [
    'media',
    'Send fewer images and documents in one conversation.',
    ({ turns }) => {
      const count = (key: string): number => turns.flatMap(({ said }) => list(said[key])).length;
      const [images, documents] = [count('images'), count('documents')];
      const isMuch = images > MAX_MEDIA.image || documents > MAX_MEDIA.document;
      return isMuch ? [`${images} images and ${documents} documents`] : [];
    },
  ],
  [
    'profile',
    'Set PROFILE_ARN to the profile of your Kiro account.',
    ({ body: { profileArn: it = '' } }) =>
      it === '' || (typeof it === 'string' && isProfileArn(it)) ? [] : ['profileArn does not name a profile'],
  ],
  [
    'size',
    'Shorten the conversation: compact it, or start a new one.',
    ({ body, characters }) => {
      const wide = JSON.stringify(body).match(/[^\p{ASCII}]/gu)?.length ?? 0;
      const weight = characters + 7 * wide;
      return characters > 600_000 || weight > 1_300_000 ? [`${characters} characters, ${wide} of them wide`] : [];
    },
    false,
  ],
  [
    'reasoning of the history',
    'Start a new conversation, or leave earlier thinking out: Kiro takes it back only where it came from.',
    inTurns('brings reasoning', ({ said }) => said['reasoningContent'] !== undefined),
    false,
  ],
  [
    'model fields',
    'Ask without an effort or a thinking budget.',
    ({ body }) => Object.keys(at(body, 'additionalModelRequestFields')).map((it) => `${it} is sent`),
    false,
  ],
];

function inTurns(words: string, isSo: (turn: Turn, place: Request & { readonly index: number }) => boolean): Find {
  return (request) =>
    request.turns.flatMap((turn, index) => (isSo(turn, { ...request, index }) ? [`${turn.place} ${words}`] : []));
}

function inTools(isSo: (tool: Json) => boolean): Find {
  return ({ tools }) => tools.flatMap((tool, index) => (isSo(tool) ? [`tools[${index}]`] : []));
}

function wrongNames(names: readonly string[], what: string, form?: Parameters<typeof legalIdentifier>[1]) {
  return [
    ...names
      .filter((it) => legalIdentifier(it, form) !== it)
      .map((it) => `${what} of ${it.length} characters is illegal`),
    ...(new Set(names).size < names.length ? [`${what} is used twice`] : []),
  ];
}

/** In their order. */
function idsOf(items: readonly Json[]): string {
  return items.map(({ toolUseId }) => String(toolUseId)).join('\n');
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
