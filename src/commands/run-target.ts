/** What a client is told: where the gateway is, where its key is, and which models of the account to use. */

import { join } from 'node:path';

import { xdgFolder } from '../auth/files.js';
import type { Context } from '../context.js';
import type { Model } from '../core/conversation.js';
import { within } from '../core/signals.js';
import { Reader } from '../core/reader.js';
import type { Secret } from '../core/secret.js';
import { type CommandOptions, loadSettings } from '../settings.js';
import { resolveModel } from '../kiro/models.js';
import { lastingKey } from '../server/access.js';
import { urlHost, usageError, withGateway } from './command.js';

export type Target = Awaited<ReturnType<typeof readTarget>>;

/** Where a lasting gateway key is; the key itself is in no text that is printed or saved. */
export type KeyPlace = { readonly file: string } | { readonly variable: string };

export type ModelChoice = ReturnType<typeof chooseModels>;

/**
 * The gateway that `serve` is, or will be, with these settings. Nothing is started but, with `--demo`, the simulator.
 * @throws GatewayError `invalid-request` for bad settings.
 */
export async function readTarget(options: CommandOptions, context: Context) {
  const { machine, terminal } = context;
  const { settings, paths } = await loadSettings(context, options);
  const { serverHost, serverPort, proxyApiKey } = settings;
  if (serverPort === 0) throw usageError('SERVER_PORT is 0, any free port; name the one that `serve` listens on.');
  const url = `http://${urlHost(serverHost)}:${serverPort}`;
  const { file, key: lasting } = await lastingKey(paths.config);
  const key = proxyApiKey ?? lasting;
  const catalogue =
    options['demo'] === undefined
      ? await servedModels(url, key, context)
      : await withGateway(context, options, ({ gateway }) => gateway.models(context.stopSignal()));
  if (typeof catalogue === 'string') terminal.note(`${catalogue}; until then the model names are the usual ones.`);
  if (settings.origins.proxyApiKey === 'file') {
    terminal.note('PROXY_API_KEY is set in a file that clients do not read; export it for this one.');
  }
  const keyPlace: KeyPlace = proxyApiKey === undefined ? { file } : { variable: 'PROXY_API_KEY' };
  const models = chooseModels(typeof catalogue === 'string' ? [] : catalogue, options);
  const places = { configFiles: configFiles(context), stateFolder: paths.state };
  /** The URL is without `/v1`. */
  return { url, models, key: keyPlace, ...places, platform: machine.platform };
}

/** Where Codex and opencode keep the person's settings. */
export function configFiles({ machine }: Context) {
  return {
    codex: join(machine.env['CODEX_HOME'] || join(machine.homeDirectory, '.codex'), 'config.toml'),
    opencode: join(xdgFolder(machine, 'XDG_CONFIG_HOME', '.config'), 'opencode', 'opencode.json'),
  };
}

/**
 * The main model is the one that was named, else the newest Sonnet, else the account's default.
 * @param catalogue What the account may use; empty when that is not known, and then the usual names are taken.
 */
export function chooseModels(catalogue: readonly Model[], { model: named }: CommandOptions) {
  const known = catalogue.length > 0 ? catalogue : USUAL_MODELS.map((name) => resolveModel(name, []));
  /** The newest of each that the account may use. */
  const families = { opus: newest('opus', known), sonnet: newest('sonnet', known), haiku: newest('haiku', known) };
  const usual = families.sonnet ?? known.find(({ isDefault }) => isDefault) ?? known[0] ?? resolveModel('auto', []);
  const main = typeof named === 'string' ? { ...resolveModel(named, known), id: named } : usual;
  /** For titles and summaries: of the same maker as the main one, which it is itself where there is no smaller one. */
  const small = main.id.startsWith('claude-') ? (families.haiku ?? main) : main;
  const all = known.some(({ id }) => id === main.id) ? known : [main, ...known];
  return { main, small, families, all };
}

/** `claude-sonnet-4.10` is newer than `claude-sonnet-4.9`; variants such as `-1m` do not count. */
function newest(family: string, models: readonly Model[]): Model | undefined {
  const pattern = new RegExp(`^claude-${family}-(\\d+)(?:\\.(\\d+))?$`);
  const version = ({ id }: Model): number => {
    const [, major, minor = 0] = pattern.exec(id) ?? [];
    return major === undefined ? 0 : Number(major) * 1000 + Number(minor);
  };
  return models.filter((it) => version(it) > 0).toSorted((a, b) => version(b) - version(a))[0];
}

const USUAL_MODELS = ['claude-sonnet-4.5', 'claude-opus-4.5', 'claude-haiku-4.5'];

/** The models of a gateway that is already running, or why there are none. Nothing is started for it. */
async function servedModels(
  url: string,
  key: Secret | undefined,
  context: Context,
): Promise<readonly Model[] | string> {
  const signal = within(context.stopSignal(), PATIENCE_MS);
  const fetch = await context.loadFetch(undefined);
  const ask = async (path: string, headers: Readonly<Record<string, string>>): Promise<Reader> => {
    const response = await fetch(`${url}${path}`, { method: 'GET', headers, signal, redirect: 'error' });
    return new Reader(JSON.parse(await response.text()), 'upstream-protocol', path);
  };
  let fault = `No kiro-gateway answers at ${url}: start one with \`kiro-gateway serve\``;
  try {
    // Many programs listen on port 8000, and none but ours is to see the key.
    if (key === undefined || (await ask('/', {})).get('name').string() !== 'kiro-gateway') return fault;
    fault = `The kiro-gateway at ${url} does not list its models to this key`;
    const list = await ask('/v1/models', { authorization: `Bearer ${key.reveal()}` });
    return list.get('data').array().map(readServedModel);
  } catch {
    return fault;
  }
}

function readServedModel(reader: Reader): Model {
  const id = reader.get('id').string();
  return {
    ...resolveModel(id, []),
    id,
    name: reader.get('display_name').string(),
    maxInputTokens: reader.get('max_input_tokens').number(),
    maxOutputTokens: reader.get('max_output_tokens').number(),
    inputs: reader.get('supports_images').value === true ? ['text', 'image'] : ['text'],
    efforts: reader.list('reasoning_efforts').map((it) => it.string()),
  };
}

/** It answers from memory, or asks Kiro once. */
const PATIENCE_MS = 5000;
