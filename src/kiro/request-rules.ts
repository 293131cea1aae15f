/** Which of Kiro's rules (protocol 4.5 and 4.6) the body of a request breaks or comes near to: for an explanation afterwards. */

import { isRecord } from '../core/reader.js';
import { isProfileArn } from './calls.js';
import { legalIdentifier } from './tools.js';
import { MAX_MEDIA } from './media.js';
import { cleanSchema } from './schema.js';

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
  return RULES.flatMap(({ rule, isCertain = true, fix, find }) => {
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

type Rule = {
  readonly rule: string;
  readonly isCertain?: boolean;
  readonly fix: string;
  /** What breaks it, each in a few words. */
  readonly find: (request: Request) => readonly string[];
};

const REPORT = 'This is a fault of the gateway: report it with `kiro-gateway doctor --report`.';

const RULES: readonly Rule[] = [
  {
    rule: 'alternation',
    fix: REPORT,
    find: ({ turns }) =>
      placesOf(turns, ({ isUser }, index) => isUser !== (index % 2 === 0), 'is said by the same side as before'),
  },
  {
    rule: 'empty content',
    fix: REPORT,
    find: ({ turns }) =>
      placesOf(
        turns,
        ({ said, calls, results }) => isBlank(said['content']) && calls.length + results.length === 0,
        'has no content',
      ),
  },
  {
    rule: 'calls and results',
    fix: 'Answer each tool call with one result in the message after it; a new conversation helps at once.',
    find: ({ turns }) =>
      placesOf(
        turns,
        ({ isUser, results }, index) => isUser && idsOf(results) !== idsOf(turns[index - 1]?.calls ?? []),
        'does not answer exactly the calls before it',
      ),
  },
  {
    rule: 'call ids',
    fix: REPORT,
    find: ({ turns }) => {
      const ids = turns.flatMap(({ calls }) => calls.map((it) => String(it['toolUseId'])));
      return [
        ...ids.filter((id) => legalIdentifier(id) !== id).map((id) => `an id of ${id.length} characters is illegal`),
        ...(new Set(ids).size < ids.length ? ['an id is used twice'] : []),
      ];
    },
  },
  {
    rule: 'tools of the history',
    fix: 'Offer every tool that the conversation has used.',
    find: ({ turns, tools }) => {
      const offered = new Set(tools.map(({ name }) => name));
      const isMissing = ({ calls }: Turn): boolean => calls.some(({ name }) => !offered.has(name));
      return placesOf(turns, isMissing, 'calls a tool that is not offered');
    },
  },
  {
    rule: 'stray tools',
    fix: REPORT,
    find: ({ turns }) => placesOf(turns.slice(0, -1), ({ tools }) => tools.length > 0, 'offers tools'),
  },
  {
    rule: 'tool names',
    fix: 'Rename the tool: letters, digits, _ and -, at most 64, beginning with a letter, and each name once.',
    find: ({ tools }) => {
      const names = tools.map(({ name }) => String(name));
      const illegal = names.filter((it) => legalIdentifier(it, { startsWithLetter: true }) !== it);
      return [
        ...illegal.map((it) => `a name of ${it.length} characters is illegal`),
        ...(new Set(names).size < names.length ? ['a name is used twice'] : []),
      ];
    },
  },
  {
    rule: 'tool descriptions',
    fix: 'Describe each tool, in at most 10,000 characters (TOOL_DESCRIPTION_MAX_LENGTH).',
    find: ({ tools }) =>
      toolsWith(tools, ({ description }) => isBlank(description) || String(description).length > 10_004),
  },
  {
    rule: 'tool schemas',
    fix: 'Simplify the input schema: an object without alternatives at its root, no null and no empty keyword.',
    find: ({ tools }) =>
      toolsWith(tools, ({ inputSchema }) => {
        const schema = at(inputSchema, 'json');
        return JSON.stringify(cleanSchema(schema)) !== JSON.stringify(schema);
      }),
  },
  {
    rule: 'number of tools',
    isCertain: false,
    fix: 'Offer fewer tools: switch MCP servers off that this work does not need.',
    find: ({ tools }) => {
      const size = JSON.stringify(tools).length;
      return tools.length > 48 || size > 100_000 ? [`${tools.length} tools of ${size} characters`] : [];
    },
  },
  {
    rule: 'tool results',
    fix: REPORT,
    find: ({ turns }) =>
      placesOf(turns, ({ results }) => results.some(isWithoutText), 'has a result that is not text, or empty'),
  },
  {
    rule: 'empty keys',
    fix: 'Leave the call out, or start a new conversation.',
    find: ({ turns }) =>
      placesOf(
        turns,
        ({ calls }) => calls.some(({ input }) => hasEmptyKey(input)),
        'has a call with an empty key in its input',
      ),
  },
  {
    rule: 'media',
    fix: 'Send fewer images and documents in one conversation.',
    find: ({ turns }) => {
      const count = (key: string): number => turns.flatMap(({ said }) => list(said[key])).length;
      const [images, documents] = [count('images'), count('documents')];
      const isMuch = images > MAX_MEDIA.image || documents > MAX_MEDIA.document;
      return isMuch ? [`${images} images and ${documents} documents`] : [];
    },
  },
  {
    rule: 'profile',
    fix: 'Set PROFILE_ARN to the profile of your Kiro account.',
    find: ({ body: { profileArn: it = '' } }) =>
      it === '' || (typeof it === 'string' && isProfileArn(it)) ? [] : ['profileArn does not name a profile'],
  },
  {
    rule: 'size',
    isCertain: false,
    fix: 'Shorten the conversation: compact it, or start a new one.',
    find: ({ body, characters }) => {
      const wide = JSON.stringify(body).match(/[^\p{ASCII}]/gu)?.length ?? 0;
      const weight = characters + 7 * wide;
      return characters > 600_000 || weight > 1_300_000 ? [`${characters} characters, ${wide} of them wide`] : [];
    },
  },
  {
    rule: 'reasoning of the history',
    isCertain: false,
    fix: 'Start a new conversation, or leave earlier thinking out: Kiro takes it back only where it came from.',
    find: ({ turns }) => placesOf(turns, ({ said }) => said['reasoningContent'] !== undefined, 'brings reasoning'),
  },
  {
    rule: 'model fields',
    isCertain: false,
    fix: 'Ask without an effort or a thinking budget.',
    find: ({ body }) => Object.keys(at(body, 'additionalModelRequestFields')).map((it) => `${it} is sent`),
  },
];

function placesOf(
  turns: readonly Turn[],
  isSo: (turn: Turn, index: number) => boolean,
  words: string,
): readonly string[] {
  return turns.flatMap((turn, index) => (isSo(turn, index) ? [`${turn.place} ${words}`] : []));
}

function toolsWith(tools: readonly Json[], isSo: (tool: Json) => boolean): readonly string[] {
  return tools.flatMap((tool, index) => (isSo(tool) ? [`tools[${index}]`] : []));
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
