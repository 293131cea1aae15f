/** The body of GenerateAssistantResponse: its types, the same facts as a shape that can be checked, and its turns. */

export type ChatRequest = {
  readonly conversationState: {
    readonly conversationId?: string;
    readonly chatTriggerType: string;
    readonly history?: readonly ChatMessage[];
    readonly currentMessage: ChatMessage;
  };
  readonly profileArn?: string;
  readonly agentMode?: string;
  readonly additionalModelRequestFields?: Readonly<Record<string, unknown>>;
};

type ChatMessage = {
  readonly userInputMessage?: UserMessage;
  readonly assistantResponseMessage?: AssistantMessage;
};

export type UserMessage = {
  readonly content: string;
  readonly modelId?: string;
  readonly images?: readonly ImageBlock[];
  readonly documents?: readonly DocumentBlock[];
  readonly userInputMessageContext?: {
    readonly tools?: readonly { readonly toolSpecification?: ToolSpecification; readonly cachePoint?: object }[];
    readonly toolResults?: readonly ToolResult[];
  };
};

export type AssistantMessage = {
  readonly content: string;
  readonly toolUses?: readonly ToolUse[];
  readonly reasoningContent?: {
    readonly reasoningText?: { readonly text: string; readonly signature?: string };
    readonly redactedContent?: string;
  };
};

export type ImageBlock = { readonly format: string; readonly source: { readonly bytes: string } };
export type DocumentBlock = ImageBlock & { readonly name: string };
export type ToolSpecification = {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema: { readonly json: Readonly<Record<string, unknown>> };
};
export type ToolUse = {
  readonly toolUseId: string;
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
};
type ToolResult = {
  readonly toolUseId: string;
  readonly content: readonly { readonly text?: string; readonly json?: unknown }[];
  readonly status?: string;
};

export type Turn = {
  readonly place: string;
  readonly user?: UserMessage | undefined;
  readonly assistant?: AssistantMessage | undefined;
};

/** A request as the list of its turns, each with the name of its place. */
export function listTurns({ conversationState }: ChatRequest): readonly Turn[] {
  const { history = [], currentMessage } = conversationState;
  const past = history.map((message, index) => ({
    place: `history[${index}]`,
    user: message.userInputMessage,
    assistant: message.assistantResponseMessage,
  }));
  return [...past, { place: 'currentMessage', user: currentMessage.userInputMessage }];
}

/** Tools sit in the current message only; cache points among them are no tools. */
export function listTools({ conversationState }: ChatRequest): readonly ToolSpecification[] {
  const entries = conversationState.currentMessage.userInputMessage?.userInputMessageContext?.tools ?? [];
  return entries.flatMap(({ toolSpecification }) => toolSpecification ?? []);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The first thing that does not fit a shape, as a sentence that names its path. */
type Shape = (value: unknown, path: string) => string | undefined;

type Fields = Readonly<Record<string, Shape>>;

function text(value: unknown, path: string): string | undefined {
  if (typeof value !== 'string') return `${path} is not a string`;
  // With the flag `u` this class matches only halves that lost their partner.
  return /\p{Surrogate}/u.test(value) ? `${path} holds an unpaired surrogate` : undefined;
}

/** One of the words, which blanks part. */
function oneOf(words: string): Shape {
  const known: readonly unknown[] = words.split(' ');
  return (value, path) => text(value, path) ?? (known.includes(value) ? undefined : `${path} has an unknown value`);
}

/** Any JSON object: its inside belongs to somebody else. */
function document(value: unknown, path: string): string | undefined {
  return isRecord(value) ? undefined : `${path} is not an object`;
}

/** Lists are never empty on this wire: an empty one must be left out. */
function list(of: Shape): Shape {
  return (value, path) => {
    if (!Array.isArray(value)) return `${path} is not a list`;
    if (value.length === 0) return `${path} is an empty list`;
    return firstOf(value.entries(), ([index, item]) => of(item, `${path}[${index}]`));
  };
}

function record(required: Fields, optional: Fields = {}): Shape {
  const fields = new Map(Object.entries({ ...required, ...optional }));
  return (value, path) => {
    if (!isRecord(value)) return `${path} is not an object`;
    const missing = Object.keys(required).find((name) => value[name] === undefined);
    if (missing !== undefined) return `${path}.${missing} is missing`;
    return firstOf(Object.entries(value), ([name, item]) => {
      if (item === undefined) return undefined; // JSON leaves it out
      const shape = fields.get(name);
      return shape ? shape(item, `${path}.${name}`) : `${path}.${name} is not a known field`;
    });
  };
}

/** Exactly one of the members. */
function union(members: Fields): Shape {
  const fits = record({}, members);
  return (value, path) => {
    const names = isRecord(value) ? Object.keys(value).filter((name) => value[name] !== undefined) : [''];
    return names.length === 1 ? fits(value, path) : `${path} holds ${names.length} union members, not one`;
  };
}

/** The first answer that is one. */
export function firstOf<Item, Found>(
  items: Iterable<Item>,
  find: (item: Item) => Found | undefined,
): Found | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

const documents = list(document);
const cachePoint = record({ type: oneOf('default') });

// The `bytes` and `format` of media are judged by the media rules, which have reasons of their own.
const source = union({ bytes: text });

const toolSpecification = record({ name: text, inputSchema: union({ json: document }) }, { description: text });
const toolResult = record(
  { toolUseId: text, content: list(union({ text, json: document })) },
  { status: oneOf('success error'), toolName: text },
);

const envState = record(
  {},
  {
    operatingSystem: text,
    currentWorkingDirectory: (value, path) =>
      text(value, path) ?? (String(value).length > 256 ? `${path} has an illegal form` : undefined),
    environmentVariables: list(record({}, { key: text, value: text })),
    timezoneOffset: (value, path) => (Number.isInteger(value) ? undefined : `${path} is not an integer`),
  },
);

const userInputMessageContext = record(
  {},
  {
    tools: list(union({ toolSpecification, cachePoint })),
    toolResults: list(toolResult),
    envState,
    shellState: document,
    gitState: document,
    editorState: document,
    diagnostic: document,
    consoleState: document,
    appStudioContext: document,
    userSettings: document,
    additionalContext: documents,
  },
);

const ORIGINS =
  'AI_EDITOR CHATBOT CLI CONSOLE DOCUMENTATION GITLAB IDE INLINE_CHAT KIRO_CLI KIRO_IDE KIRO_WEB MARKETING MD MD_CE ' +
  'MD_IDE MOBILE OPENSEARCH_DASHBOARD Q_DEV_BEXT SAGE_MAKER SERVICE_INTERNAL SM_AI_STUDIO_IDE UNIFIED_SEARCH UNKNOWN';
const INTENTS =
  'APPLY_COMMON_BEST_PRACTICES CITE_SOURCES CODE_GENERATION EXPLAIN_CODE_SELECTION EXPLAIN_LINE_BY_LINE ' +
  'GENERATE_CLOUDFORMATION_TEMPLATE GENERATE_UNIT_TESTS IMPROVE_CODE SHOW_EXAMPLES SUGGEST_ALTERNATE_IMPLEMENTATION';

const userInputMessage = record(
  { content: text },
  {
    modelId: text,
    origin: oneOf(ORIGINS),
    images: list(record({ format: text, source })),
    documents: list(record({ name: text, format: text, source })),
    userInputMessageContext,
    userIntent: oneOf(INTENTS),
    cachePoint,
    clientCacheConfig: record(
      {},
      { useClientCachingOnly: (value, path) => (typeof value === 'boolean' ? undefined : `${path} is not a boolean`) },
    ),
  },
);

const assistantResponseMessage = record(
  { content: text },
  {
    messageId: text,
    toolUses: list(record({ toolUseId: text, name: text, input: document })),
    // Only the nested forms are known: flat reasoning is refused by the service.
    reasoningContent: union({ reasoningText: record({ text }, { signature: text }), redactedContent: text }),
    cachePoint,
    supplementaryWebLinks: documents,
    references: documents,
    followupPrompt: document,
  },
);

const chatRequest = record(
  {
    conversationState: record(
      { chatTriggerType: oneOf('MANUAL DIAGNOSTIC INLINE_CHAT'), currentMessage: union({ userInputMessage }) },
      {
        conversationId: text,
        workspaceId: text,
        history: list(union({ userInputMessage, assistantResponseMessage })),
        agentContinuationId: text,
        agentTaskType: oneOf('vibe spectask'),
        customizationArn: text,
      },
    ),
  },
  { profileArn: text, agentMode: text, additionalModelRequestFields: document },
);

/** The request; or the first thing that makes it none, as a sentence that names its path. */
export function readChatRequest(body: unknown): ChatRequest | string {
  const misfit = chatRequest(body, 'body');
  return isFit(body, misfit) ? body : (misfit ?? 'body is missing');
}

/** What the shape has proved, said to the compiler. */
function isFit(body: unknown, misfit: string | undefined): body is ChatRequest {
  return body !== undefined && misfit === undefined;
}
