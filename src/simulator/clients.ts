/** The scenario `clients`: the answers that scripts driving real clients wait for. */
import type { Prompt } from './prompt.js';
import type { StreamReply } from './reply.js';
import type { ToolSpecification } from './request.js';
import type { Part } from './script.js';
import { withThinking } from './answers.js';
import { sampleArguments } from './sample.js';
import { callTool, compose, say } from './script.js';
import { isRecord } from './shape.js';
import { answerToSchema, parseObject } from './structured.js';

export function answerClients(prompt: Prompt): StreamReply {
  return compose(prompt, withThinking(prompt, answerParts(prompt)));
}

function answerParts(prompt: Prompt): readonly Part[] {
  if (prompt.toolResults.length > 0) {
    const text = prompt.toolResults.map((result) => ownWords(result.text)).join(' ');
    return say(prompt, `TOOL-OK ${text.slice(0, LONGEST_RESULT)} ${FINAL_ANSWER}`);
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
  if (!prompt.content.includes('TOOLTEST')) return findDemandedCall(prompt);
  return findScriptedCall(prompt) ?? findShellCall(prompt) ?? findWeatherCall(prompt);
}

/** `CALL{"name":…,"custom":…}ENDCALL`: the prompt itself says which tool to call with which text. */
function findScriptedCall({ content, tools }: Prompt): Call | undefined {
  const script = /CALL(\{[\s\S]*?\})ENDCALL/.exec(content)?.[1];
  const wanted = script === undefined ? undefined : parseObject(script);
  if (wanted === undefined) return undefined;
  const tool = tools.find(({ name }) => name === wanted['name']);
  if (tool === undefined) return undefined;
  if (isRecord(wanted['arguments'])) return { name: tool.name, input: wanted['arguments'] };
  const [property = 'input'] = listProperties(tool)
    .filter(([, schema]) => schema['type'] === 'string')
    .map(([name]) => name);
  return { name: tool.name, input: { [property]: String(wanted['custom']) } };
}

/** A tool that takes a command, as a text or as a list of words. */
function findShellCall({ tools }: Prompt): Call | undefined {
  for (const tool of tools) {
    const property = listProperties(tool).find(([name]) => ['command', 'cmd', 'commands'].includes(name));
    if (property === undefined) continue;
    const [name, schema] = property;
    const command = name === 'commands' ? [SHELL_COMMAND] : ['bash', '-lc', SHELL_COMMAND];
    const value = schema['type'] === 'array' ? command : SHELL_COMMAND;
    return { name: tool.name, input: { ...sampleArguments(tool.inputSchema.json), [name]: value } };
  }
  return undefined;
}

function findWeatherCall({ tools }: Prompt): Call | undefined {
  const tool = tools.find(({ name }) => name === 'get_weather');
  return tool === undefined ? undefined : { name: tool.name, input: { city: 'Oslo' } };
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

function listProperties({ inputSchema }: ToolSpecification): readonly (readonly [string, Record<string, unknown>])[] {
  const properties = inputSchema.json['properties'];
  if (!isRecord(properties)) return [];
  return Object.entries(properties).map(([name, schema]) => [name, isRecord(schema) ? schema : {}] as const);
}

const FINAL_ANSWER = 'STUB-FINAL-7391';
const SHELL_COMMAND = 'echo hi-$((6*7))';
const LONGEST_RESULT = 4000;
