/** What a finding is, and what a captured turn says as findings: what was asked, sent and answered, and what to change. */

import type { ErrorKind } from '../core/errors.js';
import { isRecord, recordOf } from '../core/reader.js';
import { readFailureBody } from '../kiro/errors.js';
import { judgeRequest } from '../kiro/request-rules.js';
import type { Capture, CapturedAttempt, CapturedEvent } from '../server/debug-files.js';

/** One thing that was looked at. */
export type Finding = {
  readonly name: string;
  /** `info`: nothing is wrong, but it explains something. */
  readonly state: 'ok' | 'info' | 'warn' | 'bad';
  /** What was found; no secret. */
  readonly found: string;
  /** What to do, as a sentence; null when all is well. */
  readonly fix: string | null;
};

function finder(state: Finding['state']) {
  return (name: string, found: string, fix: string | null = null): Finding => ({ name, state, found, fix });
}

export const ok = finder('ok');
export const info = finder('info');
export const warn = finder('warn');
export const bad = finder('bad');

export const AS_SAID = 'Do what the sentence says.';

export function explainTurn(capture: Capture): readonly Finding[] {
  const { time, milliseconds, gateway, client, attempts, outcome } = capture;
  const agent = client.headers['user-agent'];
  const from = typeof agent === 'string' ? agent : 'a client without a name';
  const about = `at ${time}, ${milliseconds} ms, kiro-gateway ${gateway}`;
  const answerOf = outcome.state === 'failed' ? warn : info;
  return [
    ok('request', `${client.method} ${client.path} from ${from}, ${about}`),
    ok('asked', describeBody(client.body)),
    ...attempts.flatMap((attempt, index) => {
      const { status, failure, events = [] } = attempt;
      const isGood = status === 200 && failure === undefined && !events.some(isException);
      const [answer, fix] = isGood ? [ok] : [answerOf, 'What became of it stands under outcome.'];
      const sent = ok(`sent ${index + 1}`, describeSent(attempt));
      return [sent, answer(`answer ${index + 1}`, describeAnswer(attempt), fix)];
    }),
    outcomeFinding(outcome),
    ...ruleFindings(capture),
  ];
}

/** Sizes and counts of a client's body, whatever its dialect. */
function describeBody(body: unknown): string {
  if (!isRecord(body)) return `a body of ${JSON.stringify(body)?.length ?? 0} characters`;
  const counts = ['messages', 'input', 'tools', 'system'].flatMap((key) => {
    const value = body[key];
    if (Array.isArray(value)) return [`${key}: ${value.length}`];
    return typeof value === 'string' ? [`${key}: ${value.length} characters`] : [];
  });
  const model = typeof body['model'] === 'string' ? body['model'] : 'none';
  const streamed = body['stream'] === true ? 'streamed' : 'not streamed';
  return [`model ${model}`, streamed, ...counts, `${JSON.stringify(body).length} characters`].join(', ');
}

function describeSent({ url, characters, body }: CapturedAttempt): string {
  const { history, currentMessage } = recordOf(recordOf(body)['conversationState']);
  const current = recordOf(currentMessage)['userInputMessage'];
  const text = JSON.stringify(body);
  const count = (pattern: RegExp): number => text.match(pattern)?.length ?? 0;
  const { host, pathname } = new URL(url);
  const facts = [
    `${characters} characters to ${host}${pathname}`,
    ...(isRecord(current) ? [`model ${String(current['modelId'])}`] : []),
    `entries of history: ${Array.isArray(history) ? history.length : 0}`,
    `tools: ${count(/"toolSpecification":\{/g)}`,
    `tool results: ${count(/"status":"(?:success|error)"/g)}`,
    `images and documents: ${count(/"bytes":"/g)}`,
  ];
  return facts.filter((it) => !it.endsWith(': 0')).join(', ');
}

function describeAnswer({ status, requestId, events, text = '', failure = '' }: CapturedAttempt): string {
  const said = events === undefined ? sayFailure(text) : sayEvents(events);
  const id = requestId ? `request ${requestId}` : '';
  return [String(status ?? 'no answer'), said, failure, id].filter((it) => it !== '').join('; ');
}

function sayFailure(text: string): string {
  const { type, message, reason } = readFailureBody(text);
  const said = [type, reason, message].filter((it) => it !== '').join(', ');
  return said || (text === '' ? '' : `${text.length} characters`);
}

function sayEvents(events: readonly CapturedEvent[]): string {
  const types = events.map(({ headers }) => typeOf(headers));
  const counts = [...new Set(types)].map((type) => `${types.filter((it) => it === type).length} ${type}`);
  const said = counts.join(', ') || 'no events';
  const fault = events.find(isException);
  return fault === undefined ? said : `${said}: ${sayFailure(JSON.stringify(fault.payload))}`;
}

export function typeOf(headers: CapturedEvent['headers']): string {
  return headers[':event-type'] ?? headers[':exception-type'] ?? headers[':error-code'] ?? 'unnamed';
}

function isException({ headers }: CapturedEvent): boolean {
  return headers[':message-type'] === 'exception' || headers[':message-type'] === 'error';
}

function outcomeFinding({ state, finishReason, credits, error }: Capture['outcome']): Finding {
  switch (state) {
    case 'finished':
      return ok('outcome', `finished: ${finishReason}${credits === undefined ? '' : `, ${credits} credits`}`);
    case 'client-left': {
      const fix = 'If nobody stopped it, raise the time limit of the client.';
      return info('outcome', 'the client left before the answer was complete', fix);
    }
    case 'failed': {
      const { kind = 'internal', message = 'unknown', reason } = error ?? {};
      // The cast is what was captured: the kind of a GatewayError.
      const fix = FIXES[kind as ErrorKind] ?? FIXES.internal;
      return bad('outcome', `${kind}${reason === undefined ? '' : ` (${reason})`}: ${message}`, fix);
    }
  }
}

/** Worth a word only where Kiro refused the form of the request. */
function ruleFindings({ client, attempts, outcome }: Capture): readonly Finding[] {
  const last = attempts.findLast(({ url }) => !url.endsWith('/mcp'));
  if (last === undefined) return [];
  const isRefused = ['invalid-request', 'context-overflow'].includes(outcome.error?.kind ?? '');
  const findings = (isRefused ? judgeRequest(last.body, last.characters) : []).map(({ rule, found, fix }) =>
    warn(`rule: ${rule}`, found, fix),
  );
  if (findings.length > 0 || outcome.error?.kind !== 'invalid-request') return findings;
  const fix = `Report it: \`kiro-gateway doctor ${client.id} --report\` writes what is needed.`;
  return [info('rules', 'the request breaks no rule that the gateway knows', fix)];
}

const AGAIN = 'Try again later; `kiro-gateway doctor` says whether Kiro can be reached.';

const FIXES = {
  'invalid-request': 'Change the request as the sentence says.',
  unauthorized: 'Give the client the gateway key that `serve` names.',
  'not-logged-in': 'Run `kiro-gateway login`.',
  'login-expired': 'Run `kiro-gateway login`.',
  forbidden: 'Read the sentence: the account, its plan or its profile does not allow it.',
  'model-not-found': 'Choose one of the models that `kiro-gateway models` lists.',
  'context-overflow': 'Compact the conversation, or start a new one.',
  'rate-limited': 'Wait a little, and send fewer requests at a time (MAX_CONCURRENT_REQUESTS).',
  'quota-exhausted': 'See `kiro-gateway usage` for the day on which the credits come back.',
  overloaded: 'Wait a little, or choose another model.',
  'upstream-unavailable': AGAIN,
  'upstream-protocol': AGAIN,
  cancelled: 'Nothing has to be done.',
  internal: 'Report it: `kiro-gateway doctor --report` writes what is needed.',
} as const satisfies Record<ErrorKind, string>;
