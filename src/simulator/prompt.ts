/** What the answering side needs to know of a legal chat request. */
import { createHash } from 'node:crypto';
import type { CatalogueModel } from './catalogue.js';
import type { ChatRequest, DocumentBlock, ImageBlock, ToolResult, ToolSpecification } from './request.js';
import { isRecord } from './shape.js';
import { listTools, listTurns } from './turns.js';

export type Prompt = {
  /** The whole content of the current message. */
  readonly content: string;
  /** Its last paragraph: clients put long reminders in front of what the person wrote. */
  readonly topic: string;
  /** Texts that may hold instructions: the current message, then the head of the history, then the rest, newest first. */
  readonly instructions: readonly string[];
  /** What the assistant has said so far. */
  readonly said: readonly string[];
  readonly tools: readonly ToolSpecification[];
  readonly toolResults: readonly AnsweredCall[];
  readonly images: readonly ImageBlock[];
  readonly documents: readonly DocumentBlock[];
  readonly model: CatalogueModel;
  readonly thinking: 'shown' | 'redacted' | 'tags' | 'none';
  /** The length of everything sent, for plausible numbers. */
  readonly inputCharacters: number;
  readonly conversationId: string;
  /** A fresh id for the nth tool call of this turn: the same request always gets the same ones. */
  readonly toolUseId: (index: number) => string;
};

export type AnsweredCall = { readonly name: string; readonly text: string; readonly isError: boolean };

export type PromptSource = {
  readonly request: ChatRequest;
  /** The same request as it arrived. */
  readonly text: string;
  readonly conversationId: string;
};

export function readPrompt(
  { request, text: body, conversationId }: PromptSource,
  models: readonly CatalogueModel[],
): Prompt {
  const turns = listTurns(request);
  const current = request.conversationState.currentMessage.userInputMessage ?? { content: '' };
  const pastUsers = turns.slice(0, -1).flatMap(({ user }) => (user === undefined ? [] : [user.content]));
  const calls = turns.flatMap(({ assistant }) => assistant?.toolUses ?? []);
  const model = models.find((it) => it.modelId === current.modelId) ?? models[0];
  if (model === undefined) throw new Error('The catalogue is empty.');
  const instructions = [current.content, ...pastUsers.slice(0, 1), ...pastUsers.slice(1).toReversed()];
  return {
    content: current.content,
    topic: findTopic(current.content),
    instructions,
    said: turns.flatMap(({ assistant }) => assistant?.content ?? []),
    tools: listTools(request),
    toolResults: (current.userInputMessageContext?.toolResults ?? []).map((result) => ({
      name: calls.find((call) => call.toolUseId === result.toolUseId)?.name ?? 'unknown',
      text: result.content.map(readResultBlock).join('\n'),
      isError: result.status === 'error',
    })),
    images: current.images ?? [],
    documents: current.documents ?? [],
    model,
    thinking: findThinking(request.additionalModelRequestFields ?? {}, model, instructions),
    inputCharacters: body.length,
    conversationId,
    toolUseId: (index) => `tooluse_${digest(`${turns.length} ${index} ${body}`).slice(0, 22)}`,
  };
}

/** The last line that is neither blank nor part of a tagged reminder nor a scenario marker alone. */
export function findTopic(content: string): string {
  const end = content.slice(-TOPIC_WINDOW);
  const bare = end.replaceAll(/<([a-z][\w-]*)>[\s\S]*?<\/\1>/gi, '\n').replaceAll(SCENARIO_MARKER, '');
  const line = lastLine(bare) ?? lastLine(end.replaceAll(SCENARIO_MARKER, '')) ?? '';
  return line.slice(0, LONGEST_TOPIC);
}

/** The name in a `[[scenario:NAME]]` marker anywhere in the current message. */
export function findMarker({ content }: Prompt): string | undefined {
  return [...content.matchAll(SCENARIO_MARKER)].at(-1)?.[1];
}

function lastLine(text: string): string | undefined {
  return text
    .split('\n')
    .map((line) => line.trim())
    .findLast((line) => line !== '');
}

function readResultBlock(block: ToolResult['content'][number]): string {
  return block.text ?? JSON.stringify(block.json);
}

/** Newer models show their thinking only when a display is asked for; the GPT family never shows it. */
function findThinking(
  fields: Readonly<Record<string, unknown>>,
  model: CatalogueModel,
  instructions: readonly string[],
): Prompt['thinking'] {
  const { thinking, reasoning } = fields;
  if (isRecord(thinking) && thinking['type'] === 'adaptive') {
    const isShown = thinking['display'] === 'summarized' || !hasDisplay(model);
    return isShown ? 'shown' : 'none';
  }
  if (isRecord(reasoning)) return reasoning['effort'] === 'none' ? 'none' : 'redacted';
  // The order of a gateway that asks for thinking in words; it stands in the prompt or in the head of the history.
  const hasTags = instructions.slice(0, 2).some((text) => /<thinking_mode>(enabled|adaptive)</.test(text));
  return hasTags ? 'tags' : 'none';
}

function hasDisplay({ additionalModelRequestFieldsSchema: schema }: CatalogueModel): boolean {
  return JSON.stringify(schema).includes('"display"');
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

const SCENARIO_MARKER = /\[\[scenario:([\w-]+)\]\]/g;
const LONGEST_TOPIC = 500;
/** The topic stands at the end; a whole file in front of it need not be searched. */
const TOPIC_WINDOW = 20_000;
