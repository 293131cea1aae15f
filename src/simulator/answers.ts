/** What is said when no scenario is played: short, friendly and honest answers, and those that client scripts wait for. */

import { isRecord } from '../core/reader.js';
import { parseJson } from './exchange.js';
import type { StreamReply } from './frames.js';
import { readImageHeader, type ToolSpecification } from './request.js';
import { sampleArguments, sampleObject } from './schema.js';
import { callTool, compose, type Part, type Prompt, redact, say, think } from './script.js';

export function answer(prompt: Prompt): StreamReply {
  return compose(prompt, withThinking(prompt, answerParts(prompt)));
}

/** Puts reasoning where the request wants it: in front, redacted at the end, or as tags in the text. */
function withThinking(prompt: Prompt, parts: readonly Part[]): readonly Part[] {
  const thought = thoughtOf(prompt);
  const isAskedInWords = prompt.toolResults.length === 0 && /\bthink(ing)?\b/i.test(prompt.topic);
  if (prompt.thinking === 'redacted') return [...parts, redact(thought)];
  if (prompt.thinking === 'tags') return [...say(prompt, `<thinking>${thought}</thinking>\n\n`), ...parts];
  return prompt.thinking === 'shown' || isAskedInWords ? [...think(thought), ...parts] : parts;
}

/** What a tool answered, retold. */
export function retellResults({ toolResults }: Prompt): string {
  const retold = toolResults.map(({ name, text, isError }) => {
    return `The tool \`${name}\` ${isError ? 'failed and said' : 'answered'}: ${shorten(text, LONGEST_RESULT)}`;
  });
  return retold.join('\n\n');
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

function describeMedia({ message: { images = [], documents = [] } }: Prompt): readonly string[] {
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

/** The expression as written and its value, or nothing when the text holds no sum. */
export function findSum(text: string): { readonly expression: string; readonly value: number } | undefined {
  const plain = text.replaceAll(/[×✕]/g, '*').replaceAll('÷', '/').replaceAll('−', '-');
  const expression = /[\d(][\d\s.()+*/-]*[+*/-][\d\s.()+*/-]*[\d)]/.exec(plain)?.[0].trim();
  // 2026-01-31 and 10/11/2026 are dates, whatever a calculator says.
  if (expression === undefined || /^\d{1,4}([-/])\d{1,2}\1\d{1,4}$/.test(expression)) return undefined;
  const value = workOut(expression.match(/\d+(?:\.\d+)?|[()+*/-]/g) ?? []);
  return Number.isFinite(value) ? { expression, value: Number(value.toPrecision(12)) } : undefined;
}

/** Not a number when the tokens are no expression. */
function workOut(tokens: readonly string[]): number {
  let at = 0;
  const readFactor = (): number => {
    const token = tokens[at++];
    if (token === '-') return -readFactor();
    if (token !== '(') return Number(token);
    const value = readTerms(0);
    return tokens[at++] === ')' ? value : Number.NaN;
  };
  /** Factors, joined by operators that bind at least as tightly. */
  const readTerms = (least: number): number => {
    let value = readFactor();
    for (;;) {
      const [rank, combine] = OPERATORS.get(tokens[at]) ?? [-1];
      if (rank < least || combine === undefined) return value;
      at += 1;
      value = combine(value, readTerms(rank + 1));
    }
  };
  const value = readTerms(0);
  return at === tokens.length ? value : Number.NaN;
}

const OPERATORS = new Map<string | undefined, readonly [rank: number, combine: (a: number, b: number) => number]>([
  ['+', [0, (a, b) => a + b]],
  ['-', [0, (a, b) => a - b]],
  ['*', [1, (a, b) => a * b]],
  ['/', [1, (a, b) => a / b]],
]);

/** The scenario `clients`: the answers that scripts driving real clients wait for. */
export function answerClients(prompt: Prompt): StreamReply {
  return compose(prompt, withThinking(prompt, clientParts(prompt)));
}

function clientParts(prompt: Prompt): readonly Part[] {
  if (prompt.toolResults.length > 0) {
    const text = prompt.toolResults.map((result) => ownWords(result.text)).join(' ');
    return say(prompt, `TOOL-OK ${text.slice(0, LONGEST_ECHOED)} ${FINAL_ANSWER}`);
  }
  const call = findCall(prompt);
  if (call !== undefined) return callTool({ toolUseId: prompt.toolUseId(0), name: call.name }, call.input);
  return say(prompt, answerToSchema(prompt, FINAL_ANSWER) ?? answerInJson(prompt) ?? FINAL_ANSWER);
}

/** Some clients ask for JSON and keep the schema to themselves; their scripts look for `answer`. */
function answerInJson({ instructions }: Prompt): string | undefined {
  const sentences = instructions.slice(0, 2).flatMap((text) => text.split('\n'));
  const isAsked = sentences.some((it) => /\bJSON\b.*\bnothing else\b/i.test(it));
  return isAsked ? JSON.stringify({ answer: FINAL_ANSWER }) : undefined;
}

/** What a command itself has said: Codex tells how long it took before that, and its code mode wraps it into JSON. */
function ownWords(text: string): string {
  const said = text.split(/^Output:\s+/m).at(-1) ?? text;
  const wrapped = parseObject(said)?.['output'];
  return typeof wrapped === 'string' ? wrapped : said;
}

type Call = { readonly name: string; readonly input: object };

function findCall(prompt: Prompt): Call | undefined {
  if (!prompt.message.content.includes('TOOLTEST')) return findDemandedCall(prompt);
  const weather = prompt.tools.find(({ name }) => name === 'get_weather');
  const weatherCall = weather && { name: weather.name, input: { city: 'Oslo' } };
  return findScriptedCall(prompt) ?? findShellCall(prompt) ?? weatherCall;
}

/** `CALL{"name":…,"custom":…}ENDCALL`: the prompt itself says which tool to call with which text. */
function findScriptedCall({ message: { content }, tools }: Prompt): Call | undefined {
  const wanted = parseObject(/CALL(\{[\s\S]*?\})ENDCALL/.exec(content)?.[1] ?? '');
  const tool = tools.find(({ name }) => name === wanted?.['name']);
  if (wanted === undefined || tool === undefined) return undefined;
  if (isRecord(wanted['arguments'])) return { name: tool.name, input: wanted['arguments'] };
  const property = listProperties(tool).find(([, schema]) => schema['type'] === 'string')?.[0] ?? 'input';
  return { name: tool.name, input: { [property]: String(wanted['custom']) } };
}

/** A tool that takes a command, as a text or as a list of words. */
function findShellCall({ tools }: Prompt): Call | undefined {
  const [call] = tools.flatMap((tool) => {
    const property = listProperties(tool).find(([name]) => ['command', 'cmd', 'commands'].includes(name));
    if (property === undefined) return [];
    const [name, schema] = property;
    const command = name === 'commands' ? [SHELL_COMMAND] : ['bash', '-lc', SHELL_COMMAND];
    const value = schema['type'] === 'array' ? command : SHELL_COMMAND;
    return [{ name: tool.name, input: { ...sampleArguments(tool.inputSchema.json), [name]: value } }];
  });
  return call;
}

/** The only tool on offer, when the instructions insist on it: a forced tool choice travels as words. */
function findDemandedCall({ instructions, tools }: Prompt): Call | undefined {
  const [tool] = tools;
  if (tool === undefined || tools.length > 1) return undefined;
  const sentences = instructions.slice(0, 2).flatMap((text) => text.split(/(?<=[.!?])\s|\n/));
  const isDemanded = sentences.some(
    (it) => /\b(must|required|have to)\b/i.test(it) && /\b(call|use|tools?)\b/i.test(it),
  );
  return isDemanded ? { name: tool.name, input: sampleArguments(tool.inputSchema.json) } : undefined;
}

function listProperties({
  inputSchema,
}: ToolSpecification): readonly (readonly [string, Readonly<Record<string, unknown>>])[] {
  const properties = inputSchema.json['properties'];
  if (!isRecord(properties)) return [];
  return Object.entries(properties).map(([name, schema]) => [name, isRecord(schema) ? schema : {}] as const);
}

const FINAL_ANSWER = 'STUB-FINAL-7391';
const SHELL_COMMAND = 'echo hi-$((6*7))';
const LONGEST_ECHOED = 4000;

/** A JSON text that satisfies the schema in the instructions, or nothing when they hold none. */
function answerToSchema({ instructions }: Prompt, text = 'example'): string | undefined {
  for (const instruction of instructions) {
    const speaksOfSchema = /json/i.test(instruction) && /schema/i.test(instruction);
    if (!speaksOfSchema || !instruction.includes('"properties"')) continue;
    // A schema may come bare or wrapped with its name.
    const objects = findObjects(instruction).flatMap((object) => [object, object['schema']]);
    const schema = objects.filter(isRecord).find((object) => isRecord(object['properties']));
    if (schema !== undefined) return JSON.stringify(sampleObject(schema, text));
  }
  return undefined;
}

/** The outermost JSON objects of a text. */
function findObjects(text: string): readonly Readonly<Record<string, unknown>>[] {
  const objects: Readonly<Record<string, unknown>>[] = [];
  let from = text.indexOf('{');
  for (let attempt = 0; from !== -1 && attempt < MOST_ATTEMPTS; attempt += 1) {
    const end = findEnd(text, from);
    const object = parseObject(text.slice(from, end));
    if (object !== undefined) objects.push(object);
    from = text.indexOf('{', object === undefined ? from + 1 : end);
  }
  return objects;
}

/** The place after the brace that closes the one at `from`, strings stepped over; `from` itself when there is none. */
function findEnd(text: string, from: number): number {
  // An object starts with a key; anything else is prose or code, and is not worth a walk.
  if (!/^\{\s*"/.test(text.slice(from, from + 80))) return from;
  let depth = 0;
  const limit = Math.min(text.length, from + LONGEST_SCHEMA);
  for (const { 0: mark, index } of text.slice(from, limit).matchAll(/"(?:[^"\\]|\\[^])*"|[{}]/g)) {
    if (mark === '{') depth += 1;
    else if (mark === '}') depth -= 1;
    if (depth === 0) return from + index + 1;
  }
  return from;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  const value = parseJson(text);
  return isRecord(value) ? value : undefined;
}

const MOST_ATTEMPTS = 500;
const LONGEST_SCHEMA = 100_000;
