/** What is said when no scenario is played: short, friendly and honest answers, and those that client scripts wait for. */

import { isRecord, parseJson, recordOf } from '../core/reader.js';
import type { SceneLine, StreamReply } from './frames.js';
import { readImageHeader, type ToolSpecification } from './request.js';
import { sample, sampleArguments } from './schema.js';
import { callTool, compose, type Prompt, redact, say, think, type ToolCall } from './script.js';

/** The ordinary answers: what a newcomer meets. */
export function answer(prompt: Prompt): StreamReply {
  return speak(prompt, {
    retell: retellResults,
    call: (it) => callOf(findWantedTool(it) ?? findDemandedTool(it)),
    words: [...describeMedia(prompt), reactTo(prompt)].join(' '),
    filler: 'example',
    lastWords: prompt.said.some((text) => text.includes(DISCLOSURE)) ? '' : `\n\n${DISCLOSURE}`,
  });
}

/** The scenario `clients`: the answers that scripts driving real clients wait for. */
export function answerClients(prompt: Prompt): StreamReply {
  return speak(prompt, {
    retell: repeatResults,
    call: findScriptedCall,
    words: FINAL_ANSWER,
    filler: FINAL_ANSWER,
    lastWords: '',
  });
}

type Voice = {
  readonly retell: (prompt: Prompt) => string;
  readonly call: (prompt: Prompt) => Call | undefined;
  readonly words: string;
  /** What stands in the texts of an answer that follows a schema. */
  readonly filler: string;
  /** What follows the words where they are no JSON. */
  readonly lastWords: string;
};

type Call = Omit<ToolCall, 'toolUseId'>;

/** Retells what the tools answered, calls one, or says the words, in the form that is asked for. */
function speak(prompt: Prompt, { retell, call: choose, words, filler, lastWords }: Voice): StreamReply {
  if (prompt.toolResults.length > 0) return withThinking(prompt, say(prompt, retell(prompt)));
  const call = choose(prompt);
  if (call !== undefined) return withThinking(prompt, callTool({ ...call, toolUseId: prompt.toolUseId(0) }));
  return withThinking(prompt, say(prompt, answerInJson(prompt, words, filler) ?? `${words}${lastWords}`));
}

/** Puts reasoning where the request wants it: in front, redacted at the end, or as tags in the text. */
function withThinking(prompt: Prompt, parts: readonly SceneLine[]): StreamReply {
  const { topic, toolResults, thinking } = prompt;
  const subject = topic === '' ? 'nothing in particular' : `"${shorten(topic, 80)}"`;
  const thought =
    toolResults.length > 0
      ? 'The tool has answered. I only have to retell what it said.'
      : `The user wrote ${subject}. A short and friendly answer is enough here.`;
  const isAskedInWords = toolResults.length === 0 && /\bthink(ing)?\b/i.test(topic);
  if (thinking === 'redacted') return compose(prompt, [...parts, redact(thought)]);
  if (thinking === 'tags') return compose(prompt, [...say(prompt, `<thinking>${thought}</thinking>\n\n`), ...parts]);
  return compose(prompt, thinking === 'shown' || isAskedInWords ? [...think(thought), ...parts] : parts);
}

function shorten(text: string, limit: number): string {
  const characters = Array.from(text);
  return characters.length <= limit ? text : `${characters.slice(0, limit).join('')}…`;
}

// --- ordinary words

/** What the tools answered. */
export function retellResults({ toolResults }: Prompt): string {
  const retold = toolResults.map(({ name, text, isError }) => {
    return `The tool \`${name}\` ${isError ? 'failed and said' : 'answered'}: ${shorten(text, LONGEST_RESULT)}`;
  });
  return retold.join('\n\n');
}

function reactTo({ topic }: Prompt): string {
  const sum = findSum(topic);
  if (sum !== undefined) return sum;
  if (/^(hi|hello|hey)\b/i.test(topic)) return 'Hello! Nice to meet you. What shall we try?';
  if (topic === '') return 'I am listening.';
  const quoted = shorten(topic.replace(/[.?!]+$/, ''), LONGEST_ECHO);
  return topic.endsWith('?')
    ? `You asked: "${quoted}?" A model would answer that here.`
    : `You said: "${quoted}". Understood.`;
}

/** Two numbers and what is between them, on their own: neither a date nor a part of something longer. */
function findSum(text: string): string | undefined {
  const [sum, left, sign = '', right] = SUM.exec(text) ?? [];
  const [a, b] = [Number(left), Number(right)];
  const value = { '+': a + b, '-': a - b, '*': a * b, '×': a * b, '/': a / b, '÷': a / b }[sign];
  return value !== undefined && Number.isFinite(value) ? `${sum} = ${Number(value.toPrecision(12))}.` : undefined;
}

function describeMedia({ message: { images = [], documents = [] } }: Prompt): readonly string[] {
  const pictures = images.map(({ format, source }) => {
    const header = readImageHeader(Buffer.from(source.bytes, 'base64'));
    const size = header === undefined ? '' : ` of ${header.width} × ${header.height} pixels`;
    return `I see a ${format.toUpperCase()} image${size}.`;
  });
  const papers = documents.map(({ name, format }) => `I have the ${format.toUpperCase()} document "${name}".`);
  return [...pictures, ...papers];
}

const SUM = /(?<![\d.(+*×/÷-]\s*)(\d+(?:\.\d+)?)\s*([-+*×/÷])\s*(\d+(?:\.\d+)?)(?!\s*[-+*×/÷()]|\.?\d)/;
const DISCLOSURE = 'This answer comes from the kiro-gateway simulator, not from a model.';
const LONGEST_ECHO = 200;
const LONGEST_RESULT = 600;

// --- which tool is called

/** A tool that the prompt names, or one that suits a prompt which asks for any. */
function findWantedTool({ topic, tools }: Prompt): ToolSpecification | undefined {
  const asksForTool = /\b(call|use|run|try|invoke)\b.*\btools?\b/i.test(topic);
  const named = tools.find(({ name }) => mentions(topic, name, asksForTool));
  if (named !== undefined) return named;
  const shell = tools.find((tool) => listProperties(tool).some(([name]) => name === 'command' || name === 'cmd'));
  if (/\brun\b/i.test(topic)) return shell ?? tools[0];
  return asksForTool ? tools[0] : undefined;
}

/** "Write a poem" does not mention the tool `Write`: a plain word counts only in quotes or next to the word tool. */
function mentions(topic: string, name: string, asksForTool: boolean): boolean {
  const isPlainWord = /^[A-Z]?[a-z]+$/.test(name);
  if (isPlainWord && !asksForTool) return new RegExp(`[\`"']${name}[\`"']`).test(topic);
  return new RegExp(`(?<![\\w-])${name}(?![\\w-])`, isPlainWord ? 'i' : '').test(topic);
}

/** A forced tool choice travels as words: an order to call a tool, or one that suits the only tool on offer. */
function findDemandedTool({ orders, tools }: Prompt): ToolSpecification | undefined {
  const sentences = orders.flatMap((text) => text.split(/(?<=[.!?])\s|\n/));
  const isDemanded = sentences.some((it) => {
    if (tools.length > 1) return /\byou must call (?:a|the) tool\b/i.test(it);
    return /\b(must|required|have to)\b/i.test(it) && /\b(call|use|tools?)\b/i.test(it);
  });
  return isDemanded ? tools[0] : undefined;
}

/** With the arguments that the tool requires. */
function callOf(tool: ToolSpecification | undefined): Call | undefined {
  return tool && { name: tool.name, input: sampleArguments(tool.inputSchema.json) };
}

function listProperties({ inputSchema }: ToolSpecification) {
  const properties = recordOf(inputSchema.json['properties']);
  return Object.entries(properties).map(([name, schema]) => [name, recordOf(schema)] as const);
}

// --- the words of the scripts

function repeatResults({ toolResults }: Prompt): string {
  const text = toolResults.map((result) => ownWords(result.text)).join(' ');
  return `TOOL-OK ${text.slice(0, LONGEST_ECHOED)} ${FINAL_ANSWER}`;
}

/** What a command itself has said: Codex tells how long it took before that, and its code mode wraps it into JSON. */
function ownWords(text: string): string {
  const said = text.split(/^Output:\s+/m).at(-1) ?? text;
  const wrapped = parseObject(said)?.['output'];
  return typeof wrapped === 'string' ? wrapped : said;
}

function findScriptedCall(prompt: Prompt): Call | undefined {
  const { message, tools } = prompt;
  if (!message.content.includes('TOOLTEST')) return callOf(findDemandedTool(prompt));
  const weather = tools.find(({ name }) => name === 'get_weather');
  return findQuotedCall(prompt) ?? findShellCall(prompt) ?? callOf(weather);
}

/** `CALL{"name":…,"custom":…}ENDCALL`: the prompt itself says which tool to call with which text. */
function findQuotedCall({ message: { content }, tools }: Prompt): Call | undefined {
  const wanted = parseObject(/CALL(\{[\s\S]{0,4000}?\})ENDCALL/.exec(content)?.[1] ?? '');
  const tool = tools.find(({ name }) => name === wanted?.['name']);
  if (wanted === undefined || tool === undefined) return undefined;
  if (isRecord(wanted['arguments'])) return { name: tool.name, input: wanted['arguments'] };
  const property = listProperties(tool).find(([, schema]) => schema['type'] === 'string')?.[0] ?? 'input';
  return { name: tool.name, input: { [property]: String(wanted['custom']) } };
}

/** A tool that takes a command, as a text or as a list of words. */
function findShellCall({ tools }: Prompt): Call | undefined {
  const [call] = tools.flatMap((tool) =>
    listProperties(tool).flatMap(([name, schema]) => {
      if (!['command', 'cmd', 'commands'].includes(name)) return [];
      const command = name === 'commands' ? [SHELL_COMMAND] : ['bash', '-lc', SHELL_COMMAND];
      const value = schema['type'] === 'array' ? command : SHELL_COMMAND;
      return { name: tool.name, input: { ...sampleArguments(tool.inputSchema.json), [name]: value } };
    }),
  );
  return call;
}

const FINAL_ANSWER = 'STUB-FINAL-7391';
const SHELL_COMMAND = 'echo hi-$((6*7))';
const LONGEST_ECHOED = 4000;

// --- answers in JSON

/** A JSON text that satisfies the schema in the instructions, or an object when they ask for any; else nothing. */
function answerInJson({ instructions, orders }: Prompt, words: string, filler: string): string | undefined {
  for (const instruction of instructions) {
    if (!/json/i.test(instruction) || !/schema/i.test(instruction)) continue;
    const schema = findSchema(instruction);
    if (schema !== undefined) return JSON.stringify(sample(schema, filler));
  }
  // Some clients ask for JSON and keep the schema to themselves; their scripts look for `answer`.
  const isAsked = orders.some((text) => /\bJSON\b.*\bnothing else\b/i.test(text));
  return isAsked ? JSON.stringify({ answer: words }) : undefined;
}

/** Whether a JSON object is a schema that says what it wants, and not one that only stands near the word. */
function describesValues({ properties, items, $ref: reference }: Readonly<Record<string, unknown>>): boolean {
  return isRecord(properties) || isRecord(items) || typeof reference === 'string';
}

/** The first schema among the outermost JSON objects of a text, bare or wrapped with its name. */
function findSchema(text: string): Readonly<Record<string, unknown>> | undefined {
  let from = 0;
  for (const { index: start } of [...text.matchAll(/\{\s*"/g)].slice(0, MOST_OBJECTS)) {
    if (start < from) continue;
    const end = findEnd(text.slice(start, start + LONGEST_SCHEMA));
    const object = parseObject(text.slice(start, start + end)) ?? {};
    const schema = [object, object['schema']].filter(isRecord).find(describesValues);
    if (schema !== undefined) return schema;
    from = start + end;
  }
  return undefined;
}

/** The place after the brace that closes the first one, strings stepped over; 0 when there is none. */
function findEnd(text: string): number {
  let depth = 0;
  for (const { 0: mark, index } of text.matchAll(/"(?:[^"\\]|\\[^])*"|[{}]/g)) {
    if (mark === '{') depth += 1;
    else if (mark === '}') depth -= 1;
    if (depth === 0) return index + 1;
  }
  return 0;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  const value = parseJson(text);
  return isRecord(value) ? value : undefined;
}

const MOST_OBJECTS = 100;
const LONGEST_SCHEMA = 100_000;
