/** The clients that `run` knows, as data: what starts them, which variables they read, which settings they keep. */

import type { Model } from '../core/conversation.js';
import type { KeyPlace, ModelChoice, Target } from './run-target.js';

export type Client = {
  readonly title: string;
  /** Undefined for what is not started from a shell. */
  readonly start?: Start;
  /** Exactly what stands in a file or is typed into a shell; where there is no such thing, a text that says why. */
  readonly print: string | ((target: Target) => string);
  /** What to do with that, in sentences. */
  readonly advice: (target: Target) => readonly string[];
};

export type Start = {
  readonly program: string;
  readonly install: string;
  readonly variables: (target: Pick<Target, 'url' | 'models'>) => Variables;
  /** They stand before those of the person. */
  readonly args?: (target: Pick<Target, 'url' | 'models'>) => readonly string[];
};

/** KEY stands for the gateway key, whatever it is; what is undefined must not be set. */
export type Variables = Readonly<Record<string, string | typeof KEY | undefined>>;

export const KEY = Symbol('the gateway key');

const CURSOR = `Cursor calls models from its own servers, so it cannot reach a gateway on this machine. It would need a public https
address in front of the gateway, which puts your Kiro login within reach of the internet behind a single key; we advise
against that, and there is nothing to print.
`;

export const CLIENTS: Readonly<Record<string, Client>> = {
  claude: byVariables('Claude Code', {
    program: 'claude',
    install: 'npm install -g @anthropic-ai/claude-code',
    variables: ({ url, models: { main, families } }) => ({
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_AUTH_TOKEN: KEY,
      ANTHROPIC_MODEL: main.id,
      // It takes a model that it does not know for one with a million tokens, and would compact far too late.
      ...(!main.id.startsWith('claude-') && { CLAUDE_CODE_MAX_CONTEXT_TOKENS: String(main.maxInputTokens) }),
      ...(families.opus && { ANTHROPIC_DEFAULT_OPUS_MODEL: families.opus.id }),
      ...(families.sonnet && { ANTHROPIC_DEFAULT_SONNET_MODEL: families.sonnet.id }),
      ...(families.haiku && { ANTHROPIC_DEFAULT_HAIKU_MODEL: families.haiku.id }),
      // Each of these would lead it, or its small requests, past the gateway.
      ANTHROPIC_API_KEY: undefined,
      ANTHROPIC_SMALL_FAST_MODEL: undefined,
      CLAUDE_CODE_USE_BEDROCK: undefined,
      CLAUDE_CODE_USE_VERTEX: undefined,
      CLAUDE_CODE_USE_FOUNDRY: undefined,
      CLAUDE_CODE_USE_MANTLE: undefined,
      CLAUDE_CODE_USE_ANTHROPIC_AWS: undefined,
      CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD: undefined,
    }),
  }),
  codex: {
    title: 'Codex',
    start: {
      program: 'codex',
      install: 'npm install -g @openai/codex',
      variables: () => ({ KIRO_GATEWAY_KEY: KEY }),
      // A name of its own: Codex would mix it with the provider that `--save` has written.
      args: ({ url, models: { main } }) =>
        [
          'model_provider="kiro-run"',
          `model=${JSON.stringify(main.id)}`,
          `model_context_window=${main.maxInputTokens}`,
          `model_providers.kiro-run={name="Kiro",base_url="${url}/v1",env_key="KIRO_GATEWAY_KEY",wire_api="responses"}`,
        ].flatMap((setting) => ['-c', setting]),
    },
    print: (target) => `${codexDefaults(target)}\n${codexProvider(target)}`,
    advice: ({ configFiles }) => [
      `This belongs in ${configFiles.codex}, its first three lines above the first [table].`,
      '`kiro-gateway run codex --save` writes it there.',
    ],
  },
  opencode: {
    title: 'opencode',
    start: {
      program: 'opencode',
      install: 'npm install -g opencode-ai',
      variables: ({ url, models }) => ({
        KIRO_GATEWAY_KEY: KEY,
        OPENCODE_CONFIG_CONTENT: JSON.stringify(opencodeSettings(url, models, '{env:KIRO_GATEWAY_KEY}')),
      }),
    },
    print: ({ url, models, key }) =>
      toJson({ $schema: 'https://opencode.ai/config.json', ...opencodeSettings(url, models, opencodeKey(key)) }),
    advice: ({ configFiles }) => [
      `This belongs in ${configFiles.opencode}, or in the opencode.json of a project.`,
      '`kiro-gateway run opencode --save` writes the provider there.',
    ],
  },
  qwen: byVariables('Qwen Code', {
    program: 'qwen',
    install: 'npm install -g @qwen-code/qwen-code',
    variables: ({ url, models: { main } }) => ({
      OPENAI_BASE_URL: `${url}/v1`,
      OPENAI_API_KEY: KEY,
      OPENAI_MODEL: main.id,
    }),
    args: () => ['--auth-type', 'openai'],
  }),
  aider: byVariables('aider', {
    program: 'aider',
    install: 'python -m pip install aider-install && aider-install',
    variables: ({ url, models: { main, small } }) => ({
      OPENAI_API_BASE: `${url}/v1`,
      OPENAI_API_KEY: KEY,
      AIDER_MODEL: `openai/${main.id}`,
      AIDER_WEAK_MODEL: `openai/${small.id}`,
      // It knows none of these names together with `openai/`, and would ask about that at each start.
      AIDER_SHOW_MODEL_WARNINGS: 'false',
    }),
  }),
  cline: {
    title: 'Cline',
    print: ({ url, models: { main }, key }) =>
      `API Provider    OpenAI Compatible
Base URL        ${url}/v1
API Key         ${keyWords(key)}
Model ID        ${main.id}
Context Window  ${main.maxInputTokens}
Max Output      ${main.maxOutputTokens}
`,
    advice: () => ['These belong in the settings of Cline.'],
  },
  continue: {
    title: 'Continue',
    print: ({ url, models }) => continueYaml(url, models),
    advice: ({ key }) => [
      'This belongs in ~/.continue/config.yaml.',
      `KIRO_GATEWAY_KEY=… belongs in ~/.continue/.env; the key is ${keyWords(key)}.`,
    ],
  },
  zed: {
    title: 'Zed',
    print: ({ url, models: { all } }) =>
      toJson({
        language_models: {
          openai_compatible: { 'Kiro Gateway': { api_url: `${url}/v1`, available_models: all.map(zedModel) } },
        },
      }),
    advice: ({ key }) => [
      'This belongs in settings.json of Zed (`zed: open settings`).',
      `Zed asks for the key in \`agent: open settings\`, or reads KIRO_GATEWAY_API_KEY; it is ${keyWords(key)}.`,
    ],
  },
  vscode: {
    title: 'VS Code',
    print: ({ url, models: { all } }) =>
      toJson([
        {
          name: 'Kiro',
          vendor: 'customendpoint',
          apiType: 'chat-completions',
          apiKey: '${input:kiro-gateway-key}',
          models: all.map((model) => vscodeModel(url, model)),
        },
      ]),
    advice: ({ key }) => [
      'This belongs in chatLanguageModels.json (`Chat: Open Language Models (JSON)`).',
      `VS Code asks for the key and keeps it; it is ${keyWords(key)}.`,
    ],
  },
  cursor: { title: 'Cursor', print: CURSOR, advice: () => [] },
};

/** Those that read variables, and no file that would have to be written. */
function byVariables(title: string, start: Start): Client {
  return {
    title,
    start,
    print: (target) => shellLines(start.variables(target), target.key),
    advice: (target) => [
      `With these set, start it with \`${[start.program, ...(start.args?.(target) ?? [])].join(' ')}\`.`,
    ],
  };
}

/** Lines for a POSIX shell; the key is read from where it is when they run. */
function shellLines(variables: Variables, key: KeyPlace): string {
  const keyText = 'file' in key ? `"$(cat ${shellWord(key.file)})"` : `"$${key.variable}"`;
  const entries = Object.entries(variables);
  const set = entries.flatMap(([name, value]) =>
    value === undefined ? [] : [`export ${name}=${value === KEY ? keyText : shellWord(value)}`],
  );
  const unset = entries.filter(([, value]) => value === undefined).map(([name]) => name);
  return `${[...set, ...(unset.length > 0 ? [`unset ${unset.join(' ')}`] : [])].join('\n')}\n`;
}

export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** The lines that make the gateway Codex's usual provider; in TOML they have to stand before the first table. */
export function codexDefaults({ models: { main } }: Target): string {
  const id = JSON.stringify(main.id);
  return `model = ${id}\nmodel_provider = "kiro"\nmodel_context_window = ${main.maxInputTokens}\n`;
}

/** Codex itself reads the key from the private file when it needs it. */
export function codexProvider({ url, key, platform }: Target): string {
  const lines = ['[model_providers.kiro]', 'name = "Kiro"', `base_url = "${url}/v1"`, 'wire_api = "responses"'];
  if ('variable' in key) return `${[...lines, `env_key = "${key.variable}"`].join('\n')}\n`;
  const [command, ...args] = platform === 'win32' ? ['cmd', '/c', 'type', key.file] : ['cat', key.file];
  const words = args.map((it) => JSON.stringify(it)).join(', ');
  return `${[...lines, '', '[model_providers.kiro.auth]', `command = "${command}"`, `args = [${words}]`].join('\n')}\n`;
}

function opencodeSettings(url: string, models: ModelChoice, apiKey: string): object {
  return {
    model: `kiro/${models.main.id}`,
    small_model: `kiro/${models.small.id}`,
    provider: { kiro: opencodeProvider(url, models, apiKey) },
  };
}

export function opencodeProvider(url: string, { all }: ModelChoice, apiKey: string): object {
  return {
    npm: '@ai-sdk/openai-compatible',
    name: 'Kiro',
    options: { baseURL: `${url}/v1`, apiKey },
    models: Object.fromEntries(
      all.map(({ id, name, inputs, efforts, maxInputTokens: context, maxOutputTokens: output }) => [
        id,
        {
          name,
          attachment: inputs.includes('image'),
          modalities: { input: inputs, output: ['text'] },
          limit: { context, output },
          ...(efforts.length > 0 && { variants: Object.fromEntries(efforts.map(toVariant)) }),
        },
      ]),
    ),
  };
}

function toVariant(effort: string): [string, object] {
  return [effort, { reasoningEffort: effort }];
}

/** opencode itself reads the key from the private file. */
export function opencodeKey(key: KeyPlace): string {
  return 'file' in key ? `{file:${key.file.replaceAll('\\', '/')}}` : `{env:${key.variable}}`;
}

function continueYaml(url: string, { main, small }: ModelChoice): string {
  const models = main.id === small.id ? [main] : [main, small];
  const lines = models.flatMap(({ id, name, inputs, maxInputTokens, maxOutputTokens }) => [
    `  - name: ${JSON.stringify(name)}`,
    '    provider: openai',
    `    model: ${JSON.stringify(id)}`,
    `    apiBase: ${url}/v1`,
    '    apiKey: ${{ secrets.KIRO_GATEWAY_KEY }}',
    `    capabilities: [tool_use${inputs.includes('image') ? ', image_input' : ''}]`,
    '    defaultCompletionOptions:',
    `      contextLength: ${maxInputTokens}`,
    `      maxTokens: ${maxOutputTokens}`,
  ]);
  return `${['name: Kiro', 'version: 1.0.0', 'schema: v1', 'models:', ...lines].join('\n')}\n`;
}

function zedModel({ id, name, inputs, maxInputTokens, maxOutputTokens }: Model): object {
  const capabilities = {
    tools: true,
    images: inputs.includes('image'),
    parallel_tool_calls: true,
    prompt_cache_key: false,
  };
  return { name: id, display_name: name, max_tokens: maxInputTokens, max_output_tokens: maxOutputTokens, capabilities };
}

function vscodeModel(url: string, { id, name, inputs, maxInputTokens, maxOutputTokens }: Model): object {
  const vision = inputs.includes('image');
  return { id, name, url: `${url}/v1/chat/completions`, toolCalling: true, vision, maxInputTokens, maxOutputTokens };
}

function keyWords(key: KeyPlace): string {
  return 'file' in key ? `in ${key.file}` : `the value of ${key.variable}`;
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
