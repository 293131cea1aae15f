/** What a client asks, in the words of no protocol: the upper half of the hourglass. */

export type Conversation = {
  /** The model as the client named it; `kiro/models.ts` finds the id. */
  readonly model: string;
  /** Instructions before the first message, in order, one entry per system text of the client. */
  readonly system: readonly string[];
  readonly messages: readonly Message[];
  readonly tools: readonly Tool[];
  readonly reasoning: ReasoningWish;
  /** Where the answer has to end; the gateway sees to it, because Kiro knows no such limits. */
  readonly limits?: Limits | undefined;
  /** Absent: the model decides. */
  readonly toolChoice?: ToolChoice | undefined;
  /** False: at most one tool call at a time. */
  readonly parallelToolCalls?: boolean | undefined;
  /** Absent: free text. */
  readonly answerFormat?: AnswerFormat | undefined;
  /** The client's own name for this session. Equal for all its turns; absent when the client names none. */
  readonly sessionId?: string | undefined;
};

export type Message =
  | { readonly role: 'user'; readonly parts: readonly UserPart[] }
  | { readonly role: 'assistant'; readonly blocks: readonly Block[] };

/** What a user message holds. A `system` part is an instruction that the client put in mid-conversation. */
export type UserPart = Text | { readonly type: 'system'; readonly text: string } | Image | Document | ToolResult;

/** With `remote` the text is a note that stands for media elsewhere, which the gateway may fetch in its place. */
export type Text = { readonly type: 'text'; readonly text: string; readonly remote?: RemoteMedia };

/** The name is the client's own, or empty. */
export type RemoteMedia = { readonly kind: 'image' | 'document'; readonly url: string; readonly name: string };

export type ImageFormat = 'png' | 'jpeg' | 'gif' | 'webp';
export type DocumentFormat = 'pdf' | 'csv' | 'doc' | 'docx' | 'xls' | 'xlsx' | 'html' | 'txt' | 'md';

/** `data` is base64 without a `data:` prefix. */
export type Image = { readonly type: 'image'; readonly format: ImageFormat; readonly data: string };

/** `data` is base64; the name is what the model is told, not yet unique. */
export type Document = {
  readonly type: 'document';
  readonly name: string;
  readonly format: DocumentFormat;
  readonly data: string;
};

export type ToolResult = {
  readonly type: 'tool-result';
  readonly id: string;
  readonly content: readonly ToolResultPart[];
  readonly isError: boolean;
};

export type ToolResultPart = Text | Image | Document;

/** A piece of what the assistant says: replayed in history and received in a stream in the same form. */
export type Block = { readonly type: 'text'; readonly text: string } | Reasoning | ToolCall | WebSearch;

export type Reasoning =
  /** Without a signature it is for reading only: Kiro refuses unsigned reasoning in history. */
  | { readonly type: 'reasoning'; readonly text: string; readonly signature: string }
  /** `data` is opaque base64. */
  | { readonly type: 'redacted-reasoning'; readonly data: string };

/** `input` is JSON text as it crossed the wire; when the upstream cut it, it is cut here too. */
export type ToolCall = {
  readonly type: 'tool-call';
  readonly id: string;
  readonly name: string;
  readonly input: string;
};

/** A search that the gateway ran itself in the middle of a turn. The client is shown it and need not act. */
export type WebSearch = {
  readonly type: 'web-search';
  readonly id: string;
  /** What was searched for; empty where a client's history no longer tells. */
  readonly query: string;
  readonly results: readonly SearchResult[];
  /** Why there are no results, when the search itself failed. */
  readonly failure?: SearchFailure | undefined;
};

export type SearchResult = {
  readonly title: string;
  readonly url: string;
  readonly snippet: string;
  /** Unix time in milliseconds. */
  readonly publishedAt: number | undefined;
};

export const SEARCH_FAILURES = ['unavailable', 'max_uses_exceeded', 'invalid_tool_input'] as const;

export type SearchFailure = (typeof SEARCH_FAILURES)[number];

export type Tool = {
  readonly name: string;
  readonly description: string;
  /** Present: the gateway runs it, within these limits. */
  readonly webSearch?: SearchLimits | undefined;
  /** A JSON schema as the client wrote it; undefined when it wrote none. */
  readonly inputSchema: JsonObject | undefined;
};

/** Domains include their subdomains; an empty list limits nothing. */
export type SearchLimits = {
  readonly maxUses: number | undefined;
  readonly allowedDomains: readonly string[];
  readonly blockedDomains: readonly string[];
};

export type Limits = {
  /** The most tokens the model may say; undefined for no limit. They are estimated, like all our counts. */
  readonly maxTokens: number | undefined;
  /** Texts, none of them empty, at which the answer ends; they are no part of it. Only text is looked at. */
  readonly stopSequences: readonly string[];
};

export type ToolChoice =
  | { readonly mode: 'none' }
  | { readonly mode: 'required' }
  /** One of these has to be called. */
  | { readonly mode: 'named'; readonly names: readonly string[] };

/** One JSON value and nothing else, matching the schema when there is one. */
export type AnswerFormat = { readonly schema: JsonObject | undefined };

/** From the least to the most. */
export const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;

export type Effort = (typeof EFFORTS)[number];

/** How much the client wants the model to reason. Everything undefined means: it did not say. */
export type ReasoningWish = {
  readonly mode?: 'on' | 'off' | undefined;
  readonly effort?: Effort | undefined;
  /** In tokens. */
  readonly budget?: number | undefined;
};

/** One entry of the catalogue. Limits are in tokens. */
export type Model = {
  readonly id: string;
  readonly name: string;
  readonly description: string | undefined;
  readonly maxInputTokens: number;
  readonly maxOutputTokens: number;
  readonly inputs: readonly ('text' | 'image')[];
  /** Efforts the model's own schema offers, in its order; empty when it has no such control. */
  readonly efforts: readonly string[];
  /** Credits per unit of work relative to `auto`. */
  readonly creditRate: number | undefined;
  readonly isDefault: boolean;
  /** Whether Kiro keeps the beginning of a conversation for the next turn when it is marked. */
  readonly supportsPromptCache: boolean;
  /** The JSON schema of `additionalModelRequestFields`, as Kiro states it. */
  readonly requestFieldsSchema: JsonObject | undefined;
};

export type JsonObject = Readonly<Record<string, unknown>>;
