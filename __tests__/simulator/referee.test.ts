/** AWS's own streaming client as the referee: it reads every scene that is not broken on purpose. */
import { expect, test } from '@jest/globals';
import type { GenerateAssistantResponseCommandInput } from '@aws/codewhisperer-streaming-client';
import { CodeWhispererStreamingClient, GenerateAssistantResponseCommand } from '@aws/codewhisperer-streaming-client';
import { listScenarios, type ScenarioName, SCENARIOS } from '../../src/simulator/scenarios.js';
import type { Simulator } from '../../src/simulator/server.js';
import type { Line } from './support.js';
import { body, decode, ask, PROFILE, signIn, simulate, tool } from './support.js';

const TOOLS = [tool('get_weather'), tool('get_time', { type: 'object', properties: {} })];

/** Not for a referee: no answer, a broken one, or one that says so with an exception. */
const BROKEN: ReadonlySet<string> = new Set<ScenarioName>([
  ...(['throttled', 'capacity', 'quota', 'overflow', 'suspended', 'server-error', 'unavailable'] as const),
  ...(['token-expired', 'improper', 'stall', 'cut', 'damaged'] as const),
  ...(['exception-first', 'exception-later', 'error-frame'] as const),
]);

const WHOLE = listScenarios().filter(({ name }) => !BROKEN.has(name));

test.each(WHOLE)('the official client reads $name as it was sent', async ({ name }) => {
  const simulator = await simulate();
  const seen = await referee(simulator, name);
  const sent = await readAgain(simulator);
  expect(seen).toEqual(sent.filter((line) => MODELLED.has(line.name)));
});

test.each(['exception-first', 'exception-later', 'error-frame'])('the official client fails on %s', async (name) => {
  await expect(referee(await simulate(), name)).rejects.toThrow();
});

const REFUSALS: readonly (readonly [ScenarioName, string, number])[] = [
  ['throttled', 'ThrottlingException', 429],
  ['capacity', 'ThrottlingException', 429],
  ['quota', 'ServiceQuotaExceededException', 402],
  ['overflow', 'ValidationException', 400],
  ['improper', 'ValidationException', 400],
  ['suspended', 'AccessDeniedException', 403],
  ['token-expired', 'AccessDeniedException', 403],
  ['server-error', 'InternalServerException', 500],
  ['unavailable', 'ServiceUnavailableException', 503],
];

test.each(REFUSALS)('the official client throws its own class for %s', async (scenario, name, status) => {
  const refused = referee(await simulate(), scenario);
  await expect(refused).rejects.toMatchObject({ name, $metadata: { httpStatusCode: status } });
});

test('every scenario is judged by one of these tests', () => {
  expect(WHOLE.length + BROKEN.size).toBe(Object.keys(SCENARIOS).length);
});

/** What the official client makes of a scenario: the member and payload of each event. */
async function referee(simulator: Simulator, scenario: string): Promise<Line[]> {
  const client = new CodeWhispererStreamingClient({
    region: 'us-east-1',
    endpoint: simulator.url,
    token: { token: await signIn(simulator) },
    maxAttempts: 1,
  });
  try {
    const answer = await client.send(new GenerateAssistantResponseCommand(input(scenario)));
    const lines: Line[] = [];
    for await (const event of answer.generateAssistantResponseResponse ?? []) {
      const [name, payload] = Object.entries(event)[0] ?? ['', {}];
      if (MODELLED.has(name)) lines.push({ name, payload: toLine(payload) });
    }
    return lines;
  } finally {
    client.destroy();
  }
}

/** The frames of the answer to the very body that the official client has sent. */
async function readAgain(simulator: Simulator): Promise<Line[]> {
  const answer = await ask(simulator, Object(simulator.requests.at(-1)?.body));
  const lines = await decode(new Uint8Array(await answer.arrayBuffer()));
  return lines.map(({ name, payload }) => ({ name, payload: onlyModelled(name, payload) }));
}

function input(scenario: string): GenerateAssistantResponseCommandInput {
  const request = body(`[[scenario:${scenario}]]`, { context: { tools: TOOLS } });
  return { ...request, profileArn: PROFILE } as GenerateAssistantResponseCommandInput; // the official client checks it
}

/** Bytes as the base64 that crossed the wire. */
function toLine(payload: object): Record<string, unknown> {
  const members = Object.entries(payload).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    members.map(([name, value]) => [name, value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value]),
  );
}

/** Without the fields that the client's model does not have, and so does not show. */
function onlyModelled(name: string, payload: Record<string, unknown>): Record<string, unknown> {
  const members = MODELLED.get(name);
  return Object.fromEntries(Object.entries(payload).filter(([member]) => members?.includes(member)));
}

const MODELLED: ReadonlyMap<string, readonly string[]> = new Map([
  ['assistantResponseEvent', ['content', 'modelId']],
  ['reasoningContentEvent', ['text', 'signature', 'redactedContent']],
  ['toolUseEvent', ['toolUseId', 'name', 'input', 'stop']],
  ['messageMetadataEvent', ['conversationId', 'utteranceId']],
  ['contextUsageEvent', ['contextUsagePercentage']],
  ['meteringEvent', ['usage', 'unit', 'unitPlural']],
  ['metadataEvent', ['tokenUsage']],
  ['followupPromptEvent', ['followupPrompt']],
  ['codeReferenceEvent', ['references']],
  ['supplementaryWebLinksEvent', ['supplementaryWebLinks']],
]);
