/** The scenario for real clients: final answers, tool calls and structured answers that driver scripts wait for. */
import { expect, test } from '@jest/globals';
import { listClientModels } from '../../src/simulator/control.js';
import type { BodyOptions, Line } from './support.js';
import { answered, asked, body, called, last, resulted, simulate, tell, textOf, tool } from './support.js';

const FINAL = 'STUB-FINAL-7391';
const SHELL = 'echo hi-$((6*7))';

test('a prompt is answered with the final word', async () => {
  expect(textOf(await play('Say the word'))).toBe(FINAL);
});

function shellTool(name: string, properties: object, required: readonly string[]): object {
  return tool(name, { type: 'object', properties, required });
}

const text = { type: 'string' };
const words = { type: 'array', items: text };

const CALLS: readonly (readonly [string, object, object])[] = [
  ['get_weather', tool('get_weather'), { city: 'Oslo' }],
  ['Bash', shellTool('Bash', { command: text, description: text }, ['command']), { command: SHELL }],
  [
    'bash',
    shellTool('bash', { command: text, description: text, timeout: { type: 'number' } }, ['command', 'description']),
    { command: SHELL, description: 'A short demonstration' },
  ],
  ['exec_command', shellTool('exec_command', { cmd: text }, ['cmd']), { cmd: SHELL }],
  ['shell', shellTool('shell', { command: words }, ['command']), { command: ['bash', '-lc', SHELL] }],
  ['run_commands', shellTool('run_commands', { commands: words }, ['commands']), { commands: [SHELL] }],
];

test.each(CALLS)('TOOLTEST calls %s', async (name, offered, input) => {
  const lines = await play('TOOLTEST run echo', { context: { tools: [tool('other'), offered] } });
  expect(readCall(lines)).toEqual({ name, input });
});

test('a prompt can say itself which tool gets which text', async () => {
  const exec = shellTool('exec', { input: text }, ['input']);
  const prompt = 'TOOLTEST CALL{"name":"exec","custom":"text(`{}`)"}ENDCALL';
  expect(readCall(await play(prompt, { context: { tools: [tool('get_weather'), exec] } }))).toEqual({
    name: 'exec',
    input: { input: 'text(`{}`)' },
  });
});

test('TOOLTEST without tools is answered with the final word', async () => {
  expect(textOf(await play('TOOLTEST weather in Oslo'))).toBe(FINAL);
});

test('a tool result is repeated before the final word', async () => {
  const round: BodyOptions = {
    history: [asked('TOOLTEST'), answered('', { toolUses: [called('t1')] })],
    context: { tools: [tool('get_weather')], toolResults: [resulted('t1', 'It is 21C in Oslo')] },
  };
  expect(textOf(await play('TOOLTEST', round))).toBe(`TOOL-OK It is 21C in Oslo ${FINAL}`);
});

test.each([
  'Chunk ID: 1b8878\nWall time: 0.0000 seconds\nProcess exited with code 0\nOutput:\nhi-42\n',
  'Script completed\nWall time 0.1 seconds\nOutput:\n\n{"chunk_id":"300645","exit_code":0,"output":"hi-42\\n"}',
])('of what Codex wraps around a command’s output only the output is repeated', async (result) => {
  const round: BodyOptions = {
    history: [asked('TOOLTEST'), answered('', { toolUses: [called('t1')] })],
    context: { tools: [tool('get_weather')], toolResults: [resulted('t1', result)] },
  };
  expect(textOf(await play('TOOLTEST', round))).toMatch(/^TOOL-OK hi-42\s+STUB-FINAL-7391$/);
});

const ANSWER_SCHEMA = { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'] };

const ORDERS: readonly (readonly [string, BodyOptions])[] = [
  [`Answer as JSON with this schema: ${JSON.stringify(ANSWER_SCHEMA)}`, {}],
  [
    'answer in JSON',
    {
      history: [
        asked(`Be brief.\n\nJSON schema:\n\`\`\`json\n${JSON.stringify(ANSWER_SCHEMA, null, 2)}\n\`\`\`\nObey it.`),
        answered('OK'),
      ],
    },
  ],
  [`The json_schema is {"name":"a","schema":${JSON.stringify(ANSWER_SCHEMA)}}.`, {}],
];

test.each(ORDERS)('a schema in the conversation is answered with JSON: %j', async (prompt, options) => {
  expect(JSON.parse(textOf(await play(prompt, options)))).toEqual({ answer: FINAL });
});

test('words about JSON without a schema change nothing', async () => {
  expect(textOf(await play('Explain {"json": "schema"} and "properties" to me'))).toBe(FINAL);
});

test('the only tool is called when the instructions insist on it', async () => {
  const options = { history: [asked('You must call the tool "a".'), answered('OK')], context: { tools: [tool('a')] } };
  expect(readCall(await play('answer', options))).toEqual({ name: 'a', input: { city: 'Oslo' } });
});

test('thinking comes first where it is asked for', async () => {
  const top = { additionalModelRequestFields: { thinking: { type: 'adaptive', display: 'summarized' } } };
  const lines = await play('Say the word', { user: { modelId: 'claude-opus-5.5' }, top });
  expect(lines[1]?.name).toBe('reasoningContentEvent');
  expect(textOf(lines)).toBe(FINAL);
});

test('the catalogue knows the models of the driver scripts, raw and dotted', () => {
  const ids = listClientModels().map((model) => model.modelId);
  const wanted =
    'stub-model gpt-5 gpt-5.5 gpt-6.1-sol claude-opus-5-5 claude-opus-5.5 claude-sonnet-4-5 claude-sonnet-4.5 ' +
    'claude-sonnet-5.5 claude-haiku-5.5 claude-opus-4.8';
  expect(ids).toEqual(expect.arrayContaining(wanted.split(' ')));
});

async function play(prompt: string, options: BodyOptions = {}): Promise<Line[]> {
  return tell(await simulate({ scenario: 'clients' }), body(prompt, options));
}

function readCall(lines: readonly Line[]): object {
  const events = lines.filter(({ name }) => name === 'toolUseEvent').map(({ payload }) => payload);
  expect(last(lines, 'metadataEvent')?.['stopReason']).toBe('TOOL_USE');
  return { name: events[0]?.['name'], input: JSON.parse(events.map((event) => event['input'] ?? '').join('')) };
}
