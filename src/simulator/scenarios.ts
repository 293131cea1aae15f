/** The named scenarios: for each, one line for what it shows, and the answer that shows it. */

import { answerClients, retellResults } from './answers.js';
import { FAILURES, type Failure, refuse } from './exchange.js';
import { encodeSceneLine, type Pace, type Reply, type SceneLine, type StreamReply } from './frames.js';
import { sampleArguments } from './schema.js';
import {
  callTool,
  closing,
  compose,
  cutWords,
  delta,
  opening,
  paced,
  type Prompt,
  redact,
  say,
  think,
  type ToolCall,
  toolEvent,
} from './script.js';

type Scenario = {
  readonly description: string;
  readonly answer: (prompt: Prompt, pace: Pace) => Reply;
};

export const SCENE_TEXT = 'The quick brown fox jumps over the lazy dog. It does so once, and then it rests.';

export const LOOKALIKE_TEXT =
  'A frame may hold {"content":"x"} or {"name":"f","toolUseId":"t","input":"{}","stop":true}. ' +
  'It may also say {"contextUsagePercentage":99} or {"followupPrompt":{"content":"no"}}, and all of this is only text.';

export const TORN_TEXT = 'Emoji 👩‍👩‍👧‍👦🏳️‍🌈🤷🏽‍♀️, accents é ñ ö, signs €†‡, 漢字と仮名、한국어, עברית and العربية end here. 🎉';

export const THOUGHT = 'First I look at the question. Then I choose the shortest answer that is true.';

export const BROKEN_TEXT = 'These words arrive before something goes wrong.';

export const EXCEPTION_FIRST = asException(FAILURES.throttled);

export const EXCEPTION_LATER = asException(FAILURES.serverError);

export const ERROR_FRAME = { error: 'InternalFailure', message: 'The service failed while it was answering.' } as const;

export const SCENARIOS = {
  text: whole('A plain text answer.', (prompt) => say(prompt, SCENE_TEXT)),
  'repeated-deltas': whole('The same delta many times over, each of them meant.', (prompt) =>
    Array<SceneLine>(20).fill(delta(prompt, 'ha')),
  ),
  'protocol-lookalike': whole('Text that looks like the JSON of the protocol itself.', (prompt) =>
    say(prompt, LOOKALIKE_TEXT),
  ),
  'torn-characters': whole('Emoji and CJK text in writes of one to seven bytes.', (prompt) => say(prompt, TORN_TEXT), {
    chunking: [1, 2, 3, 4, 5, 6, 7],
  }),
  'tool-call': scene('Text, then one tool call whose input comes in fragments.', (prompt) =>
    withTools(prompt, 1, (calls) => [...say(prompt, 'I will look that up.'), ...calls.flatMap(callTool)]),
  ),
  'tool-call-parallel': scene('Two or three tool calls, one after the other.', (prompt) =>
    withTools(prompt, Math.min(3, Math.max(2, prompt.tools.length)), (calls) => calls.flatMap(callTool)),
  ),
  'tool-call-without-input': scene('A tool call that never gets an input.', (prompt) =>
    withTools(prompt, 1, (calls) => calls.flatMap((call) => [toolEvent(call), toolEvent(call, { stop: true })])),
  ),
  'tool-call-cut': scene('A tool call cut by the output limit in the middle of its input.', (prompt) =>
    withTools(prompt, 1, (calls) => cutCall(prompt, calls), 'MAX_TOKENS'),
  ),
  'reasoning-signed': whole('Native reasoning with a signature, then text.', (prompt) => [
    ...think(THOUGHT),
    ...say(prompt, SCENE_TEXT),
  ]),
  'reasoning-redacted': whole('Text, then reasoning that nobody can read.', (prompt) => [
    ...say(prompt, SCENE_TEXT),
    redact(THOUGHT),
  ]),
  'reasoning-tags': whole('Reasoning as <thinking> tags in the text.', tornTags),
  interleaved: scene('Reasoning, text, a tool call and text again.', (prompt) =>
    withTools(prompt, 1, (calls) => [
      ...think(THOUGHT),
      ...say(prompt, 'Before the call.'),
      ...calls.flatMap(callTool),
      ...say(prompt, 'After the call.'),
    ]),
  ),
  'exception-first': scene('A stream whose first event is an exception.', () => ({ frames: [EXCEPTION_FIRST] })),
  'exception-later': scene('An exception after some text.', (prompt) => paced([...brokenOff(prompt), EXCEPTION_LATER])),
  'error-frame': scene('An error frame after some text.', (prompt) => paced([...brokenOff(prompt), ERROR_FRAME])),
  throttled: refusal('429: too many requests.', FAILURES.throttled),
  capacity: refusal('429: the model has no capacity left.', FAILURES.capacity),
  quota: refusal('402: the credits of the month are spent.', FAILURES.quota),
  overflow: refusal('400: the input is too long.', FAILURES.overflow),
  suspended: refusal('403: the account is suspended.', FAILURES.suspended),
  'server-error': refusal('500: the service failed.', FAILURES.serverError),
  unavailable: refusal('503: the service is away.', FAILURES.unavailable),
  'token-expired': refusal('403: the access token is refused, every time.', FAILURES.bearerInvalid),
  improper: refusal('400: the request is improperly formed.', FAILURES.improper),
  'slow-first-byte': scene('Five seconds of silence, then an answer.', (prompt, pace) => ({
    ...compose(prompt, say(prompt, 'Sorry to keep you waiting.')),
    delayMs: pace === 'human' ? 5000 : 300,
  })),
  stall: scene('A stream that stops in the middle and stays open.', (prompt) => ({
    ...paced(brokenOff(prompt)),
    thenStall: true,
  })),
  cut: scene('A connection cut inside a frame.', cutInsideFrame),
  damaged: scene('A frame whose checksum is wrong.', damaged),
  'unknown-events': whole('Text between events that are unknown or of no use to a gateway.', unknownEvents),
  empty: scene('200 and no event at all.', () => ({ frames: [] })),
  'metadata-only': scene('The closing numbers and no content.', (prompt) => paced(closing(prompt, [], 'END_TURN'))),
  long: whole('Two thousand deltas.', (prompt) => countedDeltas(prompt, 2000), { pauseMs: 2 }),
  glued: whole('Two hundred deltas in a single write.', (prompt) => countedDeltas(prompt, 200), {
    chunking: [Infinity],
  }),
  clients: scene('The answers that scripts driving real clients wait for.', answerClients),
} as const;

export type ScenarioName = keyof typeof SCENARIOS;

export function isScenarioName(name: string): name is ScenarioName {
  return Object.hasOwn(SCENARIOS, name);
}

/** For documents, and for the check of `--demo=NAME`. */
export function listScenarios(): readonly { readonly name: ScenarioName; readonly description: string }[] {
  // The cast is what `Object.keys` forgets.
  return (Object.keys(SCENARIOS) as ScenarioName[]).map((name) => ({ name, description: SCENARIOS[name].description }));
}

function scene(description: string, answer: Scenario['answer']): Scenario {
  return { description, answer };
}

/** A whole answer, with its opening and its closing numbers. */
function whole(
  description: string,
  write: (prompt: Prompt) => readonly SceneLine[],
  how: Omit<StreamReply, 'frames'> = {},
): Scenario {
  return scene(description, (prompt) => ({ ...compose(prompt, write(prompt)), ...how }));
}

function refusal(description: string, failure: Failure): Scenario {
  return { description, answer: () => refuse(failure) };
}

/** Calls the first tools on offer; says so when there is none, and retells the results when they are in. */
function withTools(
  prompt: Prompt,
  count: number,
  write: (calls: readonly ToolCall[]) => readonly SceneLine[],
  stopReason?: 'MAX_TOKENS',
): StreamReply {
  const { tools, toolResults } = prompt;
  if (toolResults.length > 0) return compose(prompt, say(prompt, retellResults(prompt)));
  if (tools.length === 0) {
    return compose(prompt, say(prompt, 'This scenario calls a tool, but the request offers none.'));
  }
  const calls = [...tools, ...tools].slice(0, count).map(({ name, inputSchema }, index) => {
    return { toolUseId: prompt.toolUseId(index), name, input: sampleArguments(inputSchema.json) };
  });
  return compose(prompt, write(calls), stopReason);
}

/** No stop, half an input: the way in which an output limit shows. */
function cutCall(prompt: Prompt, calls: readonly ToolCall[]): readonly SceneLine[] {
  const fragments = ['{"text":"It was a dark', ' and stormy ni'];
  const parts = calls.flatMap((call) => [toolEvent(call), ...fragments.map((input) => toolEvent(call, { input }))]);
  return [...say(prompt, 'I will write it down.'), ...parts];
}

/** The tags themselves are torn over several deltas. */
function tornTags(prompt: Prompt): readonly SceneLine[] {
  const deltas = ['<thin', 'king>', ...cutWords(THOUGHT), '</thi', 'nking>', '\n\n', ...cutWords(SCENE_TEXT)];
  return deltas.map((content) => delta(prompt, content));
}

function countedDeltas(prompt: Prompt, count: number): readonly SceneLine[] {
  return Array.from({ length: count }, (_, index) => delta(prompt, `${index + 1} `));
}

function brokenOff(prompt: Prompt): readonly SceneLine[] {
  return [...opening(prompt), ...say(prompt, BROKEN_TEXT)];
}

/** The last frame is only half there. */
function cutInsideFrame(prompt: Prompt): StreamReply {
  const frame = encodeSceneLine(delta(prompt, 'These words never arrive.'));
  const half = frame.subarray(0, Math.floor(frame.length / 2));
  return { ...paced([...brokenOff(prompt), half]), thenDestroy: true };
}

/** One bit of a payload is turned over, so the last checksum of its frame is wrong. */
function damaged(prompt: Prompt): StreamReply {
  const frame = Buffer.from(encodeSceneLine(delta(prompt, 'Damaged words.')));
  const place = frame.length - 10;
  frame.writeUInt8(frame.readUInt8(place) ^ 1, place);
  return paced([...brokenOff(prompt), frame, ...closing(prompt, [], 'END_TURN')]);
}

function unknownEvents(prompt: Prompt): readonly SceneLine[] {
  const [first = '', ...rest] = cutWords('Text goes on between the events that nobody knows.');
  const later = rest.map((content) => {
    return { event: 'assistantResponseEvent', payload: { content, unknownField: [1, { two: 3 }] } };
  });
  return [delta(prompt, first), ...STRANGERS, ...later];
}

function asException({ type, message }: Failure) {
  return { exception: type, payload: { message } };
}

const STRANGERS: readonly SceneLine[] = [
  { event: 'somethingNewEvent', payload: { content: 'not text', toolUseId: 'not a tool' } },
  {
    event: 'followupPromptEvent',
    payload: { followupPrompt: { content: 'Not text either.', userIntent: 'EXPLAIN_CODE_SELECTION' } },
  },
  { event: 'codeReferenceEvent', payload: { references: [{ licenseName: 'MIT', repository: 'somewhere/else' }] } },
  {
    event: 'supplementaryWebLinksEvent',
    payload: { supplementaryWebLinks: [{ url: 'https://example.com/', title: 'Example' }] },
  },
  { event: 'intentsEvent', payload: { intents: {} } },
  { event: 'anotherNewEvent', payload: {} },
];
