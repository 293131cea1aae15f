/** The named scenarios: one line each for what it shows, and the answer that shows it. */
import type { Prompt } from './prompt.js';
import type { Pace, Reply } from './reply.js';
import { answerClients } from './clients.js';
import { FAILURES } from './failures.js';
import { refuse } from './http.js';
import * as scenes from './scenes.js';
import * as mishaps from './scenes-broken.js';

export type Scenario = {
  readonly description: string;
  readonly answer: (prompt: Prompt, pace: Pace) => Reply;
};

export const SCENARIOS = {
  text: { description: 'A plain text answer.', answer: scenes.text },
  'repeated-deltas': {
    description: 'The same delta many times over, each of them meant.',
    answer: scenes.repeatedDeltas,
  },
  'protocol-lookalike': {
    description: 'Text that looks like the JSON of the protocol itself.',
    answer: scenes.protocolLookalike,
  },
  'torn-characters': {
    description: 'Emoji and CJK text in writes of one to seven bytes.',
    answer: scenes.tornCharacters,
  },
  'tool-call': { description: 'Text, then one tool call whose input comes in fragments.', answer: scenes.toolCall },
  'tool-call-parallel': {
    description: 'Two or three tool calls, one after the other.',
    answer: scenes.toolCallParallel,
  },
  'tool-call-without-input': {
    description: 'A tool call that never gets an input.',
    answer: scenes.toolCallWithoutInput,
  },
  'tool-call-cut': {
    description: 'A tool call cut by the output limit in the middle of its input.',
    answer: scenes.toolCallCut,
  },
  'reasoning-signed': { description: 'Native reasoning with a signature, then text.', answer: scenes.reasoningSigned },
  'reasoning-redacted': { description: 'Text, then reasoning that nobody can read.', answer: scenes.reasoningRedacted },
  'reasoning-tags': { description: 'Reasoning as <thinking> tags in the text.', answer: scenes.reasoningTags },
  interleaved: { description: 'Reasoning, text, a tool call and text again.', answer: scenes.interleaved },
  'exception-first': { description: 'A stream whose first event is an exception.', answer: mishaps.exceptionFirst },
  'exception-later': { description: 'An exception after some text.', answer: mishaps.exceptionLater },
  'error-frame': { description: 'An error frame after some text.', answer: mishaps.errorFrame },
  throttled: { description: '429: too many requests.', answer: () => refuse(FAILURES.throttled) },
  capacity: { description: '429: the model has no capacity left.', answer: () => refuse(FAILURES.capacity) },
  quota: { description: '402: the credits of the month are spent.', answer: () => refuse(FAILURES.quota) },
  overflow: { description: '400: the input is too long.', answer: () => refuse(FAILURES.overflow) },
  suspended: { description: '403: the account is suspended.', answer: () => refuse(FAILURES.suspended) },
  'server-error': { description: '500: the service failed.', answer: () => refuse(FAILURES.serverError) },
  unavailable: { description: '503: the service is away.', answer: () => refuse(FAILURES.unavailable) },
  'token-expired': {
    description: '403: the access token is refused, every time.',
    answer: () => refuse(FAILURES.bearerInvalid),
  },
  improper: { description: '400: the request is improperly formed.', answer: () => refuse(FAILURES.improper) },
  'slow-first-byte': { description: 'Five seconds of silence, then an answer.', answer: mishaps.slowFirstByte },
  stall: { description: 'A stream that stops in the middle and stays open.', answer: mishaps.stall },
  cut: { description: 'A connection cut inside a frame.', answer: mishaps.cut },
  damaged: { description: 'A frame whose checksum is wrong.', answer: mishaps.damaged },
  'unknown-events': {
    description: 'Text between events that are unknown or of no use to a gateway.',
    answer: mishaps.unknownEvents,
  },
  empty: { description: '200 and no event at all.', answer: mishaps.empty },
  'metadata-only': { description: 'The closing numbers and no content.', answer: mishaps.metadataOnly },
  long: { description: 'Two thousand deltas.', answer: scenes.long },
  glued: { description: 'Two hundred deltas in a single write.', answer: scenes.glued },
  clients: { description: 'The answers that scripts driving real clients wait for.', answer: answerClients },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;

export function isScenarioName(name: string): name is ScenarioName {
  return Object.hasOwn(SCENARIOS, name);
}

/** For documents, and for the check of `--demo=NAME`. */
export function listScenarios(): readonly { readonly name: ScenarioName; readonly description: string }[] {
  return Object.entries(SCENARIOS).flatMap(([name, { description }]) =>
    isScenarioName(name) ? [{ name, description }] : [],
  );
}
