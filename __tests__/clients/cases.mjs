/** What the heavier clients are asked, and what has to come back; `run.mjs` starts it beside a gateway. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import { ChatAnthropic } from '@langchain/anthropic';
import { HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import * as agents from '@openai/agents';
import * as ai from 'ai';
import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';

const root = process.env['GATEWAY_URL'];
const apiKey = process.env['GATEWAY_KEY'];
const baseURL = `${root}/v1`;
const LIMIT_MS = 30_000;

// What the scenario `clients` of the simulator waits for and says: src/simulator/answers.ts.
const ASK_FOR_TOOL = 'TOOLTEST What is the weather in Oslo?';
const SAID = 'STUB-FINAL-7391';
const SAID_AFTER_TOOL = `TOOL-OK 21 degrees in Oslo ${SAID}`;

const CHAT_MODEL = 'claude-sonnet-4.5';
const RESPONSES_MODEL = 'gpt-5';
const MESSAGES_MODEL = 'claude-sonnet-4-6';

const SYSTEM = 'Answer in one sentence.';
const Place = z.object({ city: z.string() });
const Answer = z.object({ answer: z.string() });
const PLACE_SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const WEATHER = { name: 'get_weather', description: 'Tells the weather of a place.' };
const tellWeather = ({ city }) => `21 degrees in ${city}`;

globalThis.AI_SDK_LOG_WARNINGS = false;
agents.setTracingDisabled(true);
const openai = new OpenAI({ apiKey, baseURL, maxRetries: 0 });
const anthropic = new Anthropic({ apiKey, baseURL: root, maxRetries: 0 });

const AI_SDK_MODELS = {
  'OpenAI-compatible': () => createOpenAICompatible({ name: 'kiro', apiKey, baseURL, includeUsage: true })(CHAT_MODEL),
  'OpenAI chat': () => createOpenAI({ apiKey, baseURL }).chat(CHAT_MODEL),
  'OpenAI responses': () => createOpenAI({ apiKey, baseURL })(RESPONSES_MODEL),
  Anthropic: () => createAnthropic({ apiKey, baseURL })(MESSAGES_MODEL),
};

const LANGCHAIN_MODELS = {
  'OpenAI chat': () => new ChatOpenAI({ apiKey, configuration: { baseURL }, model: CHAT_MODEL, maxRetries: 0 }),
  'OpenAI responses': () =>
    new ChatOpenAI({
      apiKey,
      configuration: { baseURL },
      model: RESPONSES_MODEL,
      useResponsesApi: true,
      maxRetries: 0,
    }),
  Anthropic: () => new ChatAnthropic({ apiKey, anthropicApiUrl: root, model: MESSAGES_MODEL, maxRetries: 0 }),
};

const AGENTS_MODELS = {
  chat: () => new agents.OpenAIChatCompletionsModel(openai, CHAT_MODEL),
  responses: () => new agents.OpenAIResponsesModel(openai, RESPONSES_MODEL),
};

const CASES = {
  ...forEach(AI_SDK_MODELS, 'AI SDK', {
    'generates with a tool, and goes on': async (model) => {
      const { prompt, ...asked } = askAiSdk(model);
      const question = { role: 'user', content: prompt };
      const result = await ai.generateText({ ...asked, messages: [question] });
      assert.equal(result.text, SAID_AFTER_TOOL);
      assert.equal(result.steps.length, 2);
      const messages = [question, ...result.response.messages, { role: 'user', content: 'And now?' }];
      assert.equal((await ai.generateText({ ...asked, messages })).text, SAID);
    },
    'streams with a tool': async (model) => {
      let failure;
      const onError = ({ error }) => (failure = error);
      const result = ai.streamText({ ...askAiSdk(model), onError });
      const text = await collect(result.textStream);
      assert.ifError(failure);
      assert.ok(text.endsWith(SAID_AFTER_TOOL), text);
      assert.equal(await result.finishReason, 'stop');
      assert.ok((await result.totalUsage).inputTokens > 0, 'no usage');
    },
    'reads an object': async (model) => {
      const output = ai.Output.object({ schema: Answer });
      const result = await ai.generateText({ model, prompt: 'Answer.', output, maxRetries: 0 });
      assert.deepEqual(result.output, { answer: SAID });
    },
  }),
  ...forEach(LANGCHAIN_MODELS, 'LangChain', {
    'answers with a tool': async (model) => {
      const { bound, messages } = await callWithLangChain(model);
      assert.equal((await bound.invoke(messages)).text, SAID_AFTER_TOOL);
    },
    'streams with a tool': async (model) => {
      const { bound, messages } = await callWithLangChain(model);
      let answer;
      for await (const chunk of await bound.stream(messages)) answer = answer?.concat(chunk) ?? chunk;
      assert.equal(answer.text, SAID_AFTER_TOOL);
      assert.ok(answer.usage_metadata.total_tokens > 0, 'no usage');
    },
    'reads an object': async (model) => {
      const result = await model.withStructuredOutput(Answer, { name: 'answer' }).invoke('Answer.');
      assert.equal(typeof result.answer, 'string');
    },
  }),
  ...forEach(AGENTS_MODELS, 'OpenAI Agents', {
    'runs with a tool': async (model) => {
      const result = await agents.run(createAgent(model), ASK_FOR_TOOL);
      assert.equal(result.finalOutput, SAID_AFTER_TOOL);
    },
    'streams with a tool': async (model) => {
      const result = await agents.run(createAgent(model), ASK_FOR_TOOL, { stream: true });
      const text = await collect(result.toTextStream());
      assert.ok(text.endsWith(SAID_AFTER_TOOL), text);
      await result.completed;
      assert.equal(result.finalOutput, SAID_AFTER_TOOL);
    },
  }),
  ...forEach({ 'chat.completions': () => openai.chat.completions }, 'OpenAI SDK', {
    'runTools answers': async (chat) => {
      const runner = chat.runTools(askOpenAi());
      assert.equal(await runner.finalContent(), SAID_AFTER_TOOL);
    },
    'runTools streams': async (chat) => {
      const runner = chat.runTools({ ...askOpenAi(), stream: true, stream_options: { include_usage: true } });
      assert.equal(await runner.finalContent(), SAID_AFTER_TOOL);
      assert.ok((await runner.totalUsage()).total_tokens > 0, 'no usage');
    },
    'parse reads an object': async (chat) => {
      const completion = await chat.parse({
        model: CHAT_MODEL,
        messages: [{ role: 'user', content: 'Answer.' }],
        response_format: zodResponseFormat(Answer, 'answer'),
      });
      assert.deepEqual(completion.choices[0].message.parsed, { answer: SAID });
    },
  }),
  'OpenAI SDK, responses: parse reads an object': async () => {
    const response = await openai.responses.parse({
      model: RESPONSES_MODEL,
      input: 'Answer.',
      text: { format: zodTextFormat(Answer, 'answer') },
    });
    assert.deepEqual(response.output_parsed, { answer: SAID });
  },
  'Anthropic SDK: toolRunner answers': async () => {
    const message = await anthropic.beta.messages.toolRunner(askAnthropic());
    assert.equal(textOf(message), SAID_AFTER_TOOL);
  },
  'Anthropic SDK: toolRunner streams': async () => {
    const messages = [];
    for await (const stream of anthropic.beta.messages.toolRunner({ ...askAnthropic(), stream: true })) {
      messages.push(await stream.finalMessage());
    }
    assert.deepEqual(
      messages.map((message) => message.stop_reason),
      ['tool_use', 'end_turn'],
    );
    assert.equal(textOf(messages[1]), SAID_AFTER_TOOL);
  },
};

await runAll(process.argv[2] ?? '');

// --- helpers

/** One case for each model and deed, with a client made anew. */
function forEach(models, client, deeds) {
  return Object.fromEntries(
    Object.entries(models).flatMap(([way, create]) =>
      Object.entries(deeds).map(([deed, run]) => [`${client}, ${way}: ${deed}`, () => run(create())]),
    ),
  );
}

function askAiSdk(model) {
  const { description } = WEATHER;
  return {
    model,
    system: SYSTEM,
    prompt: ASK_FOR_TOOL,
    tools: { [WEATHER.name]: ai.tool({ description, inputSchema: Place, execute: tellWeather }) },
    stopWhen: ai.isStepCount(3),
    maxRetries: 0,
  };
}

/** The conversation up to the result of the tool that the model has called. */
async function callWithLangChain(model) {
  const bound = model.bindTools([{ type: 'function', function: { ...WEATHER, parameters: PLACE_SCHEMA } }]);
  const question = [new SystemMessage(SYSTEM), new HumanMessage(ASK_FOR_TOOL)];
  const asked = await bound.invoke(question);
  const calls = asked.tool_calls.map(({ name, args }) => ({ name, args }));
  assert.deepEqual(calls, [{ name: WEATHER.name, args: { city: 'Oslo' } }]);
  const [{ id, args }] = asked.tool_calls;
  return { bound, messages: [...question, asked, new ToolMessage({ tool_call_id: id, content: tellWeather(args) })] };
}

function createAgent(model) {
  const tools = [agents.tool({ ...WEATHER, parameters: Place, execute: tellWeather })];
  return new agents.Agent({ name: 'Weather', instructions: SYSTEM, model, tools });
}

function askOpenAi() {
  const weather = { ...WEATHER, parameters: PLACE_SCHEMA, parse: JSON.parse, function: tellWeather };
  return {
    model: CHAT_MODEL,
    messages: [{ role: 'user', content: ASK_FOR_TOOL }],
    tools: [{ type: 'function', function: weather }],
  };
}

function askAnthropic() {
  return {
    model: MESSAGES_MODEL,
    max_tokens: 1000,
    messages: [{ role: 'user', content: ASK_FOR_TOOL }],
    tools: [betaTool({ ...WEATHER, inputSchema: PLACE_SCHEMA, run: tellWeather })],
  };
}

function textOf(message) {
  return message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

async function collect(chunks) {
  let text = '';
  for await (const chunk of chunks) text += chunk;
  return text;
}

async function runAll(part) {
  const { dependencies } = JSON.parse(readFileSync(join(import.meta.dirname, 'package.json'), 'utf8'));
  for (const [name, version] of Object.entries(dependencies)) say(`${name}@${version}`);
  const chosen = Object.entries(CASES).filter(([name]) => name.toLowerCase().includes(part.toLowerCase()));
  let failed = 0;
  for (const [name, run] of chosen) {
    try {
      await within(run());
      say(`PASS ${name}`);
    } catch (error) {
      failed += 1;
      say(
        `FAIL ${name} ${String(error?.message ?? error)
          .replaceAll(/\s+/g, ' ')
          .slice(0, 300)}`,
      );
    }
  }
  say(`${chosen.length - failed} passed, ${failed} failed`);
  // A client that has hung still holds its connection.
  process.exit(failed > 0 || chosen.length === 0 ? 1 : 0);
}

async function within(work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
