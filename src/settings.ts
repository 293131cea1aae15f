/** Settings from flags, environment, files and defaults: read, checked, and each with its origin. */

import { GatewayError } from './core/errors.js';
import { SETTINGS, type SettingRow } from './settings-table.js';

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
