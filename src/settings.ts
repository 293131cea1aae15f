/** Settings from flags, environment, files and defaults: read, checked, each with its origin; and the folders they name. */

import { join, posix, win32 } from 'node:path';
import { parseEnv } from 'node:util';

import { FILE_PROBLEMS, type Machine, readSmallFile, xdgFolder } from './auth/files.js';
import type { Context } from './context.js';
import { GatewayError } from './core/errors.js';
import { path as pathKind, type InFolder, type SettingKind, type SettingRow, SETTINGS } from './settings-table.js';

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
  readonly flags: CommandOptions;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** As `readEnvFile` returns them; the first that says something counts. */
  readonly envFiles?: readonly Pick<EnvFile, 'path' | 'lookup'>[] | undefined;
  /** What a leading `~` in a path means. */
  readonly homeDirectory: string;
  /** The gateway's own version, for KIRO_USER_AGENT. */
  readonly version: string;
  /**
   * Is told what is wrong, in an error that names the setting's variable as its `param`, and may go on with the default;
   * without it the first wrong value is thrown.
   */
  readonly onWrong?: ((error: GatewayError) => void) | undefined;
};

/**
 * Flags win over the environment, that over the env files, those over the defaults. An empty text counts as not set.
 * @throws GatewayError `invalid-request`, naming the setting and what it accepts.
 */
export function readSettings(input: SettingsInput): Settings {
  const values: Record<string, unknown> = {};
  const origins: Record<string, SettingOrigin> = {};
  for (const [name, row] of Object.entries<SettingRow>(SETTINGS)) {
    const found = find(row, input);
    const read = (text: string): unknown => row.kind.parse(text, input.homeDirectory);
    const value = found && read(found.text);
    if (found !== undefined && value === undefined) {
      const called = found.origin === 'flag' ? row.flag : undefined;
      const place = found.path === undefined ? '' : ` in ${found.path}`;
      const error = complaint(called ?? row.variable + place, row.kind, found.text, row.variable);
      if (input.onWrong === undefined) throw error;
      input.onWrong(error);
    }
    origins[name] = found === undefined || value === undefined ? 'default' : found.origin;
    values[name] = value ?? (row.default && read(row.default.replace('<version>', input.version)));
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the loop gave each name what its own kind parsed
  return { ...values, origins } as unknown as Settings;
}

type ValueOf<Name extends SettingName> = Exclude<ReturnType<(typeof SETTINGS)[Name]['kind']['parse']>, undefined>;

type Found = { readonly origin: Exclude<SettingOrigin, 'default'>; readonly text: string; readonly path?: string };

/** What is said in the first place that says something. */
function find({ variable, flag }: SettingRow, { flags, env, envFiles = [] }: SettingsInput): Found | undefined {
  const places = [
    { origin: 'flag', said: flag === undefined ? undefined : flags[optionName(flag)] },
    { origin: 'environment', said: env[variable] },
    ...envFiles.map(({ path, lookup }) => ({ origin: 'file', said: lookup(variable), path }) as const),
  ] as const;
  for (const { said, ...place } of places) {
    const text = typeof said === 'string' ? said.trim() : '';
    if (text !== '') return { ...place, text };
  }
  return undefined;
}

/** `--allowed-host` is the option `allowedHost`. */
function optionName(flag: string): string {
  return flag.slice('--'.length).replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** @param param The setting's variable. */
export function complaint(name: string, kind: SettingKind<unknown>, text: string, param?: string): GatewayError {
  // A long text is left out as well: somebody may have put a token where it does not belong.
  const found = kind.isSecret || text.length > 40 ? '' : `, not ${JSON.stringify(text)}`;
  return new GatewayError('invalid-request', `${name} must be ${kind.accepts}${found}.`, param ? { param } : {});
}

export type EnvFile = {
  readonly path: string;
  /** A function and not a record, so that printing an env file shows no secret. */
  lookup(variable: string): string | undefined;
  /** All the names in it, those too that mean nothing to us. */
  readonly names: readonly string[];
  /** What a person should know about this file, in sentences. */
  readonly notices: readonly string[];
};

export type LoadedSettings = Readonly<Awaited<ReturnType<typeof loadSettings>>>;

/**
 * Flags, the environment, the file of `--env-file` or else `./.env`, and last the `.env` in the config folder, which is
 * the person's own and may set everything.
 * @param how.readsFolder Whether `./.env` counts, which may belong to anybody: only for `serve`.
 * @throws GatewayError `invalid-request` for a file that cannot be read, and what `onWrong` throws.
 */
export async function loadSettings(
  { machine, workingDirectory, version }: Pick<Context, 'machine' | 'workingDirectory' | 'version'>,
  flags: CommandOptions,
  { readsFolder = false, onWrong }: Pick<SettingsInput, 'onWrong'> & { readonly readsFolder?: boolean } = {},
) {
  const { env, homeDirectory } = machine;
  const { envFile: named } = flags;
  const near =
    typeof named === 'string'
      ? await readEnvFile(pathKind.parse(named, homeDirectory) ?? named, { trusted: true })
      : readsFolder
        ? await readEnvFile(join(workingDirectory, '.env'), { trusted: false })
        : EMPTY;
  const input = { flags, env, homeDirectory, version, onWrong };
  // Where the config folder is, is a setting itself.
  const { gatewayHome } = readSettings({ ...input, envFiles: [near] });
  const path = join(gatewayPaths(machine, gatewayHome).config, '.env');
  const own = await readEnvFile(path, { trusted: true, mayBeMissing: true });
  const settings = readSettings({ ...input, envFiles: [near, own] });
  return {
    settings,
    paths: gatewayPaths(machine, settings.gatewayHome),
    notices: near.notices,
    /** The file that was named, or `./.env`. */
    near,
    /** The one in the config folder. */
    own,
  };
}

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
  if ('text' in file) {
    const values = parseEnv(file.text);
    const whole = { path, lookup: (variable: string) => values[variable], names: Object.keys(values), notices: [] };
    return trusted ? whole : { ...whole, ...distrust(path, values) };
  }
  if (file.problem === 'missing' && mayBeMissing) return EMPTY;
  // Python keeps its virtual environments in folders of this name.
  if (file.problem === 'not-a-file' && !trusted)
    return { ...EMPTY, notices: [`${path} is not a file, and is not read.`] };
  throw new GatewayError(
    'invalid-request',
    `The env file ${path} ${FILE_PROBLEMS[file.problem]}; it must be a text file of at most 1 MB.`,
  );
}

function distrust(path: string, values: NodeJS.Dict<string>): Pick<EnvFile, 'lookup' | 'notices'> {
  const accepted = new Map<string, string>();
  const announced: string[] = [];
  const notices: string[] = [];
  for (const [variable, value] of Object.entries(values)) {
    const rule = FOLDER_RULES.get(variable.toUpperCase());
    if (rule === undefined || !value?.trim()) continue;
    if (rule === 'ignored' || isNetworkPath(value)) {
      notices.push(`${path} may not set ${variable}; set it in the environment or name the file with --env-file.`);
      continue;
    }
    accepted.set(variable, value);
    if (rule === 'announced') announced.push(variable);
  }
  if (announced.length > 0) notices.push(`${path} sets ${announced.join(', ')}; remove it if it is not yours.`);
  return { lookup: (variable) => accepted.get(variable), notices };
}

/** Windows logs in to the server of such a path when it is opened, and so tells it the hash of the person's password. */
function isNetworkPath(value: string): boolean {
  return /^\s*[\\/]{2}/.test(value);
}

const EMPTY: EnvFile = { path: '', lookup: () => undefined, names: [], notices: [] };
const MAX_BYTES = 1_000_000;

/** The settings' own rules, and names that other programs take from a `.env` and that would redirect a login. */
const FOLDER_RULES: ReadonlyMap<string, InFolder> = new Map([
  ...Object.values(SETTINGS).map(({ variable, inFolder }) => [variable, inFolder] as const),
  ...['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY'].map((name) => [name, 'ignored'] as const),
  ...['NODE_EXTRA_CA_CERTS', 'NODE_TLS_REJECT_UNAUTHORIZED'].map((name) => [name, 'ignored'] as const),
]);

// --- the folders

export type GatewayPaths = {
  /** What a person may edit or carry to another machine. */
  readonly config: string;
  readonly data: string;
  /** What only this machine needs, such as renewed tokens. */
  readonly state: string;
};

/** Where the gateway keeps its own files: below `gatewayHome` (KIRO_GATEWAY_HOME), or in the platform's usual folders. */
export function gatewayPaths(machine: Machine, gatewayHome?: string): GatewayPaths {
  const { platform, env, homeDirectory } = machine;
  const style = platform === 'win32' ? win32 : posix;
  const below = (...parts: readonly string[]): string => style.join(...parts);
  if (gatewayHome !== undefined) {
    const part = (name: string): string => below(gatewayHome, name);
    return { config: part('config'), data: part('data'), state: part('state') };
  }
  if (platform === 'win32') {
    const roaming = below(env['APPDATA'] || below(homeDirectory, 'AppData', 'Roaming'), NAME);
    const local = below(env['LOCALAPPDATA'] || below(homeDirectory, 'AppData', 'Local'), NAME);
    return { config: below(roaming, 'Config'), data: below(local, 'Data'), state: below(local, 'State') };
  }
  if (platform === 'darwin') {
    const library = below(homeDirectory, 'Library');
    const data = below(library, 'Application Support', NAME);
    return { config: below(library, 'Preferences', NAME), data, state: below(data, 'State') };
  }
  return {
    config: below(xdgFolder(machine, 'XDG_CONFIG_HOME', '.config'), NAME),
    data: below(xdgFolder(machine, 'XDG_DATA_HOME', '.local', 'share'), NAME),
    state: below(xdgFolder(machine, 'XDG_STATE_HOME', '.local', 'state'), NAME),
  };
}

const NAME = 'kiro-gateway';
