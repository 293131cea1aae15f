/** Settings from flags, environment, files and defaults: read, checked, and each with its origin. */

import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { GatewayError } from './core/errors.js';
import { type SettingRow, SETTINGS } from './settings-table.js';
import { FILE_PROBLEMS, readSmallFile } from './auth/files.js';
import type { Context } from './context.js';
import { gatewayPaths } from './paths.js';

/** Options as commander hands them out: texts, `true` for those without a value, lists for those given repeatedly. */
export type CommandOptions = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export type SettingName = keyof typeof SETTINGS;

export type SettingOrigin = 'flag' | 'environment' | 'file' | 'default';

export type Settings = {
  /** The value of each setting; undefined only where the table has no default. */
  readonly [Name in SettingName]: (typeof SETTINGS)[Name] extends { readonly default: string }
    ? ValueOf<Name>
    : ValueOf<Name> | undefined;
} & { readonly origins: Readonly<Record<SettingName, SettingOrigin>> };

export type SettingsInput = {
  /** By the option's name as commander makes it: `{ port: '8000', allowedHost: 'my.box' }`. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What an env file says, as `readEnvFile` returns it. */
  readonly envFile?: { lookup(variable: string): string | undefined } | undefined;
  /** What a leading `~` in a path means. */
  readonly homeDirectory: string;
  /** The gateway's own version, for KIRO_USER_AGENT. */
  readonly version: string;
  /** Variables that count as not set, to look at the others when these are wrong. */
  readonly leftOut?: ReadonlySet<string> | undefined;
};

/**
 * Flags win over the environment, that over the env file, that over the defaults. An empty text counts as not set.
 * @throws GatewayError `invalid-request`, naming the setting and what it accepts.
 */
export function readSettings(input: SettingsInput): Settings {
  const values: Record<string, unknown> = {};
  const origins: Record<string, SettingOrigin> = {};
  for (const [name, row] of Object.entries<SettingRow>(SETTINGS)) {
    const { origin, text } = find(row, input);
    origins[name] = origin;
    values[name] = text === undefined ? undefined : parse(row, origin, text, input.homeDirectory);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the loop gave each name what its own kind parsed
  return { ...values, origins } as unknown as Settings;
}

type ValueOf<Name extends SettingName> = Exclude<ReturnType<(typeof SETTINGS)[Name]['kind']['parse']>, undefined>;

function find(row: SettingRow, input: SettingsInput): { origin: SettingOrigin; text: string | undefined } {
  const usual = { origin: 'default', text: row.default?.replace('<version>', input.version) } as const;
  if (input.leftOut?.has(row.variable) === true) return usual;
  const flag = row.flag === undefined ? undefined : input.flags[optionName(row.flag)]?.trim();
  if (flag) return { origin: 'flag', text: flag };
  const environment = input.env[row.variable]?.trim();
  if (environment) return { origin: 'environment', text: environment };
  const file = input.envFile?.lookup(row.variable)?.trim();
  if (file) return { origin: 'file', text: file };
  return usual;
}

/** `--allowed-host` is the option `allowedHost`. */
function optionName(flag: string): string {
  return flag.slice('--'.length).replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function parse(row: SettingRow, origin: SettingOrigin, text: string, homeDirectory: string): unknown {
  const value = row.kind.parse(text, homeDirectory);
  if (value !== undefined) return value;
  const name = (origin === 'flag' ? row.flag : undefined) ?? row.variable;
  // A long text is left out as well: somebody may have put a token where it does not belong.
  const found = row.kind.isSecret || text.length > 40 ? '' : `, not ${JSON.stringify(text)}`;
  throw new GatewayError('invalid-request', `${name} must be ${row.kind.accepts}${found}.`, { param: row.variable });
}

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
