/** The body of GenerateAssistantResponse: its types, and the same facts as a shape that can be checked. */
import type { Shape } from './shape.js';

export type ChatRequest = {
  readonly conversationState: ConversationState;
  readonly profileArn?: string;
  readonly agentMode?: string;
  readonly additionalModelRequestFields?: Readonly<Record<string, unknown>>;
};

export type ConversationState = {
  readonly conversationId?: string;
  readonly chatTriggerType: string;
  readonly history?: readonly ChatMessage[];
  readonly currentMessage: ChatMessage;
};

export type ChatMessage = {
  readonly userInputMessage?: UserMessage;
  readonly assistantResponseMessage?: AssistantMessage;
};

export type UserMessage = {
  readonly content: string;
  readonly modelId?: string;
  readonly images?: readonly ImageBlock[];
  readonly documents?: readonly DocumentBlock[];
  readonly userInputMessageContext?: {
    readonly tools?: readonly ToolEntry[];
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
export type ToolEntry = { readonly toolSpecification?: ToolSpecification; readonly cachePoint?: object };
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
export type ToolResult = {
  readonly toolUseId: string;
  readonly content: readonly { readonly text?: string; readonly json?: unknown }[];
  readonly status?: string;
};

const text: Shape = { kind: 'text' };
const document: Shape = { kind: 'document' };
const documents: Shape = { kind: 'list', of: document };

/** One of the words, which blanks part. */
function oneOf(words: string): Shape {
  return { kind: 'text', oneOf: words.split(' ') };
}

const cachePoint: Shape = { kind: 'record', required: { type: oneOf('default') }, optional: {} };

// The `bytes` and `format` of media are judged by the media rules, which have reasons of their own.
const mediaSource: Shape = { kind: 'union', members: { bytes: text } };
const image: Shape = { kind: 'record', required: { format: text, source: mediaSource }, optional: {} };
const documentBlock: Shape = {
  kind: 'record',
  required: { name: text, format: text, source: mediaSource },
  optional: {},
};

const tool: Shape = {
  kind: 'union',
  members: {
    toolSpecification: {
      kind: 'record',
      required: { name: text, inputSchema: { kind: 'union', members: { json: document } } },
      optional: { description: text },
    },
    cachePoint,
  },
};

const toolResult: Shape = {
  kind: 'record',
  required: { toolUseId: text, content: { kind: 'list', of: { kind: 'union', members: { text, json: document } } } },
  optional: { status: oneOf('success error'), toolName: text },
};

const envState: Shape = {
  kind: 'record',
  required: {},
  optional: {
    operatingSystem: text,
    currentWorkingDirectory: { kind: 'text', pattern: /^[\s\S]{0,256}$/ },
    environmentVariables: { kind: 'list', of: { kind: 'record', required: {}, optional: { key: text, value: text } } },
    timezoneOffset: { kind: 'integer' },
  },
};

const userContext: Shape = {
  kind: 'record',
  required: {},
  optional: {
    tools: { kind: 'list', of: tool },
    toolResults: { kind: 'list', of: toolResult },
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
};

const userMessage: Shape = {
  kind: 'record',
  required: { content: text },
  optional: {
    modelId: text,
    origin: oneOf(
      'AI_EDITOR CHATBOT CLI CONSOLE DOCUMENTATION GITLAB IDE INLINE_CHAT KIRO_CLI KIRO_IDE KIRO_WEB MARKETING MD MD_CE ' +
        'MD_IDE MOBILE OPENSEARCH_DASHBOARD Q_DEV_BEXT SAGE_MAKER SERVICE_INTERNAL SM_AI_STUDIO_IDE UNIFIED_SEARCH UNKNOWN',
    ),
    images: { kind: 'list', of: image },
    documents: { kind: 'list', of: documentBlock },
    userInputMessageContext: userContext,
    userIntent: oneOf(
      'APPLY_COMMON_BEST_PRACTICES CITE_SOURCES CODE_GENERATION EXPLAIN_CODE_SELECTION EXPLAIN_LINE_BY_LINE ' +
        'GENERATE_CLOUDFORMATION_TEMPLATE GENERATE_UNIT_TESTS IMPROVE_CODE SHOW_EXAMPLES SUGGEST_ALTERNATE_IMPLEMENTATION',
    ),
    cachePoint,
    clientCacheConfig: { kind: 'record', required: {}, optional: { useClientCachingOnly: { kind: 'boolean' } } },
  },
};

const assistantMessage: Shape = {
  kind: 'record',
  required: { content: text },
  optional: {
    messageId: text,
    toolUses: {
      kind: 'list',
      of: { kind: 'record', required: { toolUseId: text, name: text, input: document }, optional: {} },
    },
    // Only the nested forms are known: flat reasoning is refused by the service.
    reasoningContent: {
      kind: 'union',
      members: {
        reasoningText: { kind: 'record', required: { text }, optional: { signature: text } },
        redactedContent: text,
      },
    },
    cachePoint,
    supplementaryWebLinks: documents,
    references: documents,
    followupPrompt: document,
  },
};

export const CHAT_REQUEST: Shape = {
  kind: 'record',
  required: {
    conversationState: {
      kind: 'record',
      required: {
        chatTriggerType: oneOf('MANUAL DIAGNOSTIC INLINE_CHAT'),
        currentMessage: { kind: 'union', members: { userInputMessage: userMessage } },
      },
      optional: {
        conversationId: text,
        workspaceId: text,
        history: {
          kind: 'list',
          of: { kind: 'union', members: { userInputMessage: userMessage, assistantResponseMessage: assistantMessage } },
        },
        agentContinuationId: text,
        agentTaskType: oneOf('vibe spectask'),
        customizationArn: text,
      },
    },
  },
  optional: { profileArn: text, agentMode: text, additionalModelRequestFields: document },
};
