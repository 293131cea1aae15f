/** The settings of one command, and the env files that have a say: nothing of them enters the process's environment. */

import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { FILE_PROBLEMS, readSmallFile } from './auth/files.js';
import type { CommandOptions } from './commands/command.js';
import type { Context } from './context.js';
import { GatewayError } from './core/errors.js';
import { gatewayPaths } from './paths.js';
import { readSettings, type Settings } from './settings.js';
import { SETTINGS } from './settings-table.js';

export type EnvFile = {
  /** A function and not a record, so that printing an env file shows no secret. */
  lookup(variable: string): string | undefined;
  /** All the names in it, those too that mean nothing to us. */
  readonly names: readonly string[];
  /** What a person should know about this file, in sentences. */
  readonly notices: readonly string[];
};

/**
 * Flags, the environment, the file of `--env-file` or else `./.env`, and last the `.env` in the config folder, which is
 * the person's own and may set everything.
 * @param folderEnvFile Whether `./.env` counts, which may belong to anybody.
 * @param leftOut Variables that count as not set.
 * @throws GatewayError `invalid-request` for a file that cannot be read, and for a value that is none with its variable
 * as `param`.
 */
export async function loadSettings(
  { machine, workingDirectory, version }: Pick<Context, 'machine' | 'workingDirectory' | 'version'>,
  options: CommandOptions,
  folderEnvFile: boolean,
  leftOut?: ReadonlySet<string>,
): Promise<LoadedSettings> {
  const { env, homeDirectory } = machine;
  const flags: Record<string, string> = {};
  for (const [name, value] of Object.entries(options)) if (typeof value === 'string') flags[name] = value;
  const named = flags['envFile'];
  const near =
    named !== undefined
      ? await readEnvFile(named, { trusted: true })
      : folderEnvFile
        ? await readEnvFile(join(workingDirectory, '.env'), { trusted: false })
        : EMPTY;
  const input = { flags, env, homeDirectory, version, leftOut };
  // Where the config folder is, is a setting itself.
  const { gatewayHome } = readSettings({ ...input, envFile: near });
  const path = join(gatewayPaths(machine, gatewayHome).config, '.env');
  const own = await readEnvFile(path, { trusted: true, mayBeMissing: true });
  const lookup = (variable: string): string | undefined => near.lookup(variable)?.trim() || own.lookup(variable);
  return { settings: readSettings({ ...input, envFile: { lookup } }), notices: near.notices, near, own };
}

export type LoadedSettings = {
  readonly settings: Settings;
  readonly notices: readonly string[];
  /** The file that was named, or `./.env`. */
  readonly near: EnvFile;
  /** The one in the config folder. */
  readonly own: EnvFile;
};

/**
 * A trusted file is one that the person named (`--env-file`) or keeps in the config folder. `./.env` is not: it belongs
 * to whichever folder the gateway was started in, so it decides nothing about hosts, proxies and certificates.
 * @param options.mayBeMissing As a file may be that nobody named; unless told otherwise those that are not trusted.
 * @throws GatewayError `invalid-request` when the file cannot be read.
 */
export async function readEnvFile(
  path: string,
  { trusted, mayBeMissing = !trusted }: { readonly trusted: boolean; readonly mayBeMissing?: boolean },
): Promise<EnvFile> {
  const file = await readSmallFile(path, { maxBytes: MAX_BYTES, links: 'follow' });
  if ('text' in file) return trusted ? trust(file.text) : distrust(path, file.text);
  if (file.problem === 'missing' && mayBeMissing) return EMPTY;
  throw new GatewayError(
    'invalid-request',
    `The env file ${path} ${FILE_PROBLEMS[file.problem]}; it must be a text file of at most 1 MB.`,
  );
}

function trust(text: string): EnvFile {
  const values = parseEnv(text);
  return { lookup: (variable) => values[variable], names: Object.keys(values), notices: [] };
}

function distrust(path: string, text: string): EnvFile {
  const accepted = new Map<string, string>();
  const announced: string[] = [];
  const notices: string[] = [];
  const values = parseEnv(text);
  for (const [variable, value] of Object.entries(values)) {
    if (!value?.trim()) continue;
    const rule = FOLDER_RULES.get(variable.toUpperCase());
    if (rule === undefined) continue;
    if (rule === 'ignored' || isNetworkPath(value)) {
      notices.push(`${path} may not set ${variable}; set it in the environment or name the file with --env-file.`);
      continue;
    }
    accepted.set(variable, value);
    if (rule === 'announced') announced.push(variable);
  }
  if (announced.length > 0) notices.push(`${path} sets ${announced.join(', ')}; remove it if it is not yours.`);
  return { lookup: (variable) => accepted.get(variable), names: Object.keys(values), notices };
}

/** Windows logs in to the server of such a path when it is opened, and so tells it the hash of the person's password. */
function isNetworkPath(value: string): boolean {
  return /^\s*[\\/]{2}/.test(value);
}

const EMPTY: EnvFile = { lookup: () => undefined, names: [], notices: [] };
const MAX_BYTES = 1_000_000;

/** The settings' own rules, and names that other programs take from a `.env` and that would redirect a login. */
const FOLDER_RULES: ReadonlyMap<string, 'accepted' | 'announced' | 'ignored'> = new Map([
  ...Object.values(SETTINGS).map((row) => [row.variable, row.inFolder] as const),
  ...[
    'VPN_PROXY_URL',
    'HTTPS_PROXY',
    'HTTP_PROXY',
    'ALL_PROXY',
    'NO_PROXY',
    'NODE_EXTRA_CA_CERTS',
    'NODE_TLS_REJECT_UNAUTHORIZED',
  ].map((name) => [name, 'ignored'] as const),
]);
