/** The chat endpoint: judges the request, chooses what answers it, and sends that. */
import { randomUUID } from 'node:crypto';
import type { Caller } from './access.js';
import type { CatalogueModel } from './catalogue.js';
import type { Exchange } from './exchange.js';
import type { Violation } from './failures.js';
import type { HttpReply, Pace, Reply, StreamReply } from './reply.js';
import type { Prompt } from './prompt.js';
import type { ScenarioName } from './scenarios.js';
import { answer } from './answers.js';
import { FAILURES } from './failures.js';
import { refuse, send } from './http.js';
import { findMarker, readPrompt } from './prompt.js';
import { judgeChatRequest } from './rules.js';
import { isScenarioName, SCENARIOS } from './scenarios.js';
import { compose, say } from './script.js';
import { writeStream } from './stream.js';

export type ChatOptions = {
  readonly models: readonly CatalogueModel[];
  readonly pace: Pace;
  readonly scenario: ScenarioName | undefined;
  /** The next answer that a test has scripted. */
  readonly nextReply: () => Reply | undefined;
};

export async function answerChat(exchange: Exchange, caller: Caller, options: ChatOptions): Promise<void> {
  const { response } = exchange;
  if (!exchange.isJson) return send(response, refuse(FAILURES.notJson));
  const { models } = options;
  const verdict = judgeChatRequest(exchange.body, { models, isProfileRequired: !caller.usesApiKey });
  if ('violation' in verdict) {
    exchange.noteViolation(verdict.violation.detail);
    return send(response, refuseViolation(verdict.violation));
  }
  const { request } = verdict;
  const conversationId = request.conversationState.conversationId ?? randomUUID();
  const readThePrompt = () => readPrompt({ request, text: exchange.text, conversationId }, models);
  const reply = options.nextReply() ?? chooseReply(readThePrompt(), exchange, options);
  return sendReply(reply, exchange, { pace: options.pace, conversationId });
}

/** The words of the service, and in a header of our own what really was wrong. */
function refuseViolation(violation: Violation): HttpReply {
  const reply = refuse({ ...FAILURES.improper, ...violation });
  const detail = violation.detail.replaceAll(/[^ -~]/g, '?');
  return { ...reply, headers: { ...reply.headers, 'x-simulator-detail': detail } };
}

/** A marker in the prompt wins over the scenario of the whole run. */
function chooseReply(prompt: Prompt, exchange: Exchange, { scenario, pace }: ChatOptions): Reply {
  const marker = findMarker(prompt);
  if (marker !== undefined && !isScenarioName(marker))
    return compose(prompt, say(prompt, `There is no scenario "${marker}".`));
  const name = marker ?? scenario;
  if (name !== undefined) return SCENARIOS[name].answer(prompt, pace);
  const reply = answer(prompt);
  return isTargeted(exchange) ? withInitialResponse(reply) : reply;
}

/** The JSON 1.0 binding has a first frame of its own for the members that are no events. */
function withInitialResponse(reply: StreamReply): StreamReply {
  return { ...reply, frames: [{ event: 'initial-response', payload: { conversationId: '' } }, ...reply.frames] };
}

function isTargeted({ headers }: Exchange): boolean {
  return headers['x-amz-target'] !== undefined;
}

type SendContext = { readonly pace: Pace; readonly conversationId: string };

async function sendReply(
  reply: Reply,
  { response, signal, hangUp }: Exchange,
  { pace, conversationId }: SendContext,
): Promise<void> {
  if ('destroy' in reply) hangUp();
  else if ('status' in reply) send(response, reply);
  else {
    const headers = {
      'x-amzn-requestid': randomUUID(),
      'x-amzn-codewhisperer-conversation-id': conversationId,
    };
    await writeStream(reply, response, { pace, signal, hangUp, headers });
  }
}
