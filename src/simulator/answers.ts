/** The ordinary answers of the simulator: short, friendly and honest about what they come from. */
import type { Prompt } from './prompt.js';
import type { StreamReply } from './reply.js';
import type { ToolSpecification } from './request.js';
import type { Part } from './script.js';
import { findSum } from './arithmetic.js';
import { readImageHeader } from './image-header.js';
import { sampleArguments } from './sample.js';
import { callTool, compose, redact, say, think } from './script.js';
import { answerToSchema } from './structured.js';

export function answer(prompt: Prompt): StreamReply {
  return compose(prompt, withThinking(prompt, answerParts(prompt)));
}

/** Puts reasoning where the request wants it: in front, redacted at the end, or as tags in the text. */
export function withThinking(prompt: Prompt, parts: readonly Part[]): readonly Part[] {
  const thought = thoughtOf(prompt);
  const isAskedInWords = prompt.toolResults.length === 0 && /\bthink(ing)?\b/i.test(prompt.topic);
  if (prompt.thinking === 'redacted') return [...parts, redact(thought)];
  if (prompt.thinking === 'tags') return [...say(prompt, `<thinking>${thought}</thinking>\n\n`), ...parts];
  return prompt.thinking === 'shown' || isAskedInWords ? [...think(thought), ...parts] : parts;
}

/** What a tool answered, retold. */
export function retellResults({ toolResults }: Prompt): string {
  return toolResults
    .map(({ name, text, isError }) => {
      const verb = isError ? 'failed and said' : 'answered';
      return `The tool \`${name}\` ${verb}: ${shorten(text, LONGEST_RESULT)}`;
    })
    .join('\n\n');
}

function answerParts(prompt: Prompt): readonly Part[] {
  if (prompt.toolResults.length > 0) return say(prompt, retellResults(prompt));
  const tool = findWantedTool(prompt);
  if (tool !== undefined) {
    const input = sampleArguments(tool.inputSchema.json);
    const call = { toolUseId: prompt.toolUseId(0), name: tool.name };
    return [...say(prompt, `I will call \`${tool.name}\`.`), ...callTool(call, input)];
  }
  const structured = answerToSchema(prompt);
  return say(prompt, structured ?? `${[...describeMedia(prompt), reactTo(prompt)].join(' ')}${discloseOnce(prompt)}`);
}

function reactTo({ topic }: Prompt): string {
  const sum = findSum(topic);
  if (sum !== undefined) return `${sum.expression} = ${sum.value}.`;
  if (GREETING.test(topic)) return 'Hello! Nice to meet you. What shall we try?';
  if (topic === '') return 'I am listening.';
  if (/\b(who|what) are you\b/i.test(topic)) return 'I am the stand-in that answers while no real account is asked.';
  const quoted = shorten(topic.replace(/[.?!]+$/, ''), LONGEST_ECHO);
  return topic.endsWith('?')
    ? `You asked: "${quoted}?" A model would answer that here.`
    : `You said: "${quoted}". Understood.`;
}

/** Honest once in a conversation, and never twice. */
function discloseOnce({ said }: Prompt): string {
  return said.some((text) => text.includes(DISCLOSURE)) ? '' : `\n\n${DISCLOSURE}`;
}

function describeMedia({ images, documents }: Prompt): readonly string[] {
  const pictures = images.map(({ format, source }) => {
    const header = readImageHeader(Buffer.from(source.bytes, 'base64'));
    return header === undefined
      ? `I see a ${format.toUpperCase()} image.`
      : `I see a ${header.format.toUpperCase()} image of ${header.width} × ${header.height} pixels.`;
  });
  const papers = documents.map(({ name, format }) => `I have the ${format.toUpperCase()} document "${name}".`);
  return [...pictures, ...papers];
}

/** A tool that the prompt names, or one that suits a prompt which asks for any. */
function findWantedTool({ topic, tools }: Prompt): ToolSpecification | undefined {
  const asksForTool = /\b(call|use|run|try|invoke)\b.*\btools?\b/i.test(topic);
  const named = tools.find(({ name }) => mentions(topic, name, asksForTool));
  if (named !== undefined) return named;
  const shell = tools.find(({ inputSchema }) =>
    /"(command|cmd)"/.test(JSON.stringify(inputSchema.json['properties'] ?? {})),
  );
  if (/\brun\b/i.test(topic)) return shell ?? tools[0];
  return asksForTool ? tools[0] : undefined;
}

/** "Write a poem" does not mention the tool `Write`: a plain word counts only in quotes or next to the word tool. */
function mentions(topic: string, name: string, asksForTool: boolean): boolean {
  const isPlainWord = /^[A-Z]?[a-z]+$/.test(name);
  if (isPlainWord && !asksForTool) return new RegExp(`[\`"']${name}[\`"']`).test(topic);
  return new RegExp(`(?<![\\w-])${name}(?![\\w-])`, isPlainWord ? 'i' : '').test(topic);
}

function thoughtOf({ topic, toolResults }: Prompt): string {
  if (toolResults.length > 0) return 'The tool has answered. I only have to retell what it said.';
  const subject = topic === '' ? 'nothing in particular' : `"${shorten(topic, 80)}"`;
  return `The user wrote ${subject}. A short and friendly answer is enough here.`;
}

function shorten(text: string, limit: number): string {
  const characters = Array.from(text);
  return characters.length <= limit ? text : `${characters.slice(0, limit).join('')}…`;
}

const DISCLOSURE = 'This answer comes from the kiro-gateway simulator, not from a model.';
const GREETING = /^(hi|hello|hey|good (morning|afternoon|evening)|greetings|hallo|bonjour|hola)\b/i;
const LONGEST_ECHO = 200;
const LONGEST_RESULT = 600;
