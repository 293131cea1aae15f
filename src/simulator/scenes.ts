/** Scenes of a service that works: text, tool calls and reasoning in all their forms. */
import type { Prompt } from './prompt.js';
import type { StreamReply } from './reply.js';
import { retellResults } from './answers.js';
import { sampleArguments } from './sample.js';
import {
  callTool,
  closing,
  compose,
  cutWords,
  delta,
  opening,
  paced,
  redact,
  say,
  startTool,
  stopTool,
  growTool,
  think,
} from './script.js';
import type { Part } from './script.js';

export const SCENE_TEXT = 'The quick brown fox jumps over the lazy dog. It does so once, and then it rests.';

export const LOOKALIKE_TEXT =
  'A frame may hold {"content":"x"} or {"name":"f","toolUseId":"t","input":"{}","stop":true}. ' +
  'It may also say {"contextUsagePercentage":99} or {"followupPrompt":{"content":"no"}}, and all of this is only text.';

export const TORN_TEXT = 'Emoji 👩‍👩‍👧‍👦🏳️‍🌈🤷🏽‍♀️, accents é ñ ö, signs €†‡, 漢字と仮名、한국어, עברית and العربية end here. 🎉';

export const THOUGHT = 'First I look at the question. Then I choose the shortest answer that is true.';

export function text(prompt: Prompt): StreamReply {
  return compose(prompt, say(prompt, SCENE_TEXT));
}

export function repeatedDeltas(prompt: Prompt): StreamReply {
  return compose(
    prompt,
    Array.from({ length: 20 }, () => delta(prompt, 'ha')),
  );
}

export function protocolLookalike(prompt: Prompt): StreamReply {
  return compose(prompt, say(prompt, LOOKALIKE_TEXT));
}

export function tornCharacters(prompt: Prompt): StreamReply {
  return { ...compose(prompt, say(prompt, TORN_TEXT)), chunking: [1, 2, 3, 4, 5, 6, 7] };
}

export function toolCall(prompt: Prompt): StreamReply {
  return withTools(prompt, 1, (calls) => [
    ...say(prompt, 'I will look that up.'),
    ...calls.flatMap((call) => callTool(call, call.input)),
  ]);
}

export function toolCallParallel(prompt: Prompt): StreamReply {
  const count = Math.min(3, Math.max(2, prompt.tools.length));
  return withTools(prompt, count, (calls) => calls.flatMap((call) => callTool(call, call.input)));
}

export function toolCallWithoutInput(prompt: Prompt): StreamReply {
  return withTools(prompt, 1, (calls) => calls.flatMap((call) => [startTool(call), stopTool(call)]));
}

/** No stop, half an input: the way in which an output limit shows. */
export function toolCallCut(prompt: Prompt): StreamReply {
  if (cannotCall(prompt)) return withTools(prompt, 1, () => []);
  const [call] = makeCalls(prompt, 1);
  const parts =
    call === undefined
      ? []
      : [startTool(call), growTool(call, '{"text":"It was a dark'), growTool(call, ' and stormy ni')];
  return compose(prompt, [...say(prompt, 'I will write it down.'), ...parts], 'MAX_TOKENS');
}

export function reasoningSigned(prompt: Prompt): StreamReply {
  return compose(prompt, [...think(THOUGHT), ...say(prompt, SCENE_TEXT)]);
}

export function reasoningRedacted(prompt: Prompt): StreamReply {
  return compose(prompt, [...say(prompt, SCENE_TEXT), redact(THOUGHT)]);
}

/** The tags themselves are torn over several deltas. */
export function reasoningTags(prompt: Prompt): StreamReply {
  const deltas = ['<thin', 'king>', ...cutWords(THOUGHT), '</thi', 'nking>', '\n\n', ...cutWords(SCENE_TEXT)];
  return compose(
    prompt,
    deltas.map((content) => delta(prompt, content)),
  );
}

export function interleaved(prompt: Prompt): StreamReply {
  return withTools(prompt, 1, (calls) => [
    ...think(THOUGHT),
    ...say(prompt, 'Before the call.'),
    ...calls.flatMap((call) => callTool(call, call.input)),
    ...say(prompt, 'After the call.'),
  ]);
}

export function long(prompt: Prompt): StreamReply {
  const parts = countedDeltas(prompt, 2000);
  return { frames: paced([...opening(prompt), ...parts, ...closing(prompt, parts, 'END_TURN')], LONG_PAUSE_MS) };
}

export function glued(prompt: Prompt): StreamReply {
  return { ...compose(prompt, countedDeltas(prompt, 200)), chunking: 'glued' };
}

type Call = { readonly toolUseId: string; readonly name: string; readonly input: object };

/** Calls the first tools on offer; says so when there is none, and retells the results when they are in. */
function withTools(prompt: Prompt, count: number, write: (calls: readonly Call[]) => readonly Part[]): StreamReply {
  if (prompt.toolResults.length > 0) return compose(prompt, say(prompt, retellResults(prompt)));
  if (prompt.tools.length === 0)
    return compose(prompt, say(prompt, 'This scenario calls a tool, but the request offers none.'));
  return compose(prompt, write(makeCalls(prompt, count)));
}

function cannotCall({ toolResults, tools }: Prompt): boolean {
  return toolResults.length > 0 || tools.length === 0;
}

function makeCalls(prompt: Prompt, count: number): readonly Call[] {
  return Array.from({ length: count }, (_, index) => prompt.tools[index % prompt.tools.length]).flatMap(
    (tool, index) =>
      tool === undefined
        ? []
        : [{ toolUseId: prompt.toolUseId(index), name: tool.name, input: sampleArguments(tool.inputSchema.json) }],
  );
}

function countedDeltas(prompt: Prompt, count: number): readonly Part[] {
  return Array.from({ length: count }, (_, index) => delta(prompt, `${index + 1} `));
}

const LONG_PAUSE_MS = 2;
