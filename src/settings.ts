/** Every setting, once: its names, its kind, its default and its line in the README. */

import { GatewayError } from './core/errors.js';
import { ANSWER_SETTINGS } from './answer-settings.js';
import * as kind from './setting-kinds.js';
import { UPSTREAM_SETTINGS } from './upstream-settings.js';

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

export type SettingRow = {
  readonly variable: string;
  readonly flag?: string;
  readonly kind: kind.SettingKind<unknown>;
  /** As a person would write it; `<version>` is the gateway's own. */
  readonly default?: string;
  /**
   * What `./.env` may do, a file that any folder can bring along. `ignored`: settings that say where logins and
   * conversations go, who can reach the gateway, or what Kiro may keep. `announced`: which account pays and which key
   * opens the gateway; people keep these two there, so they count, but not in silence.
   */
  readonly inFolder: 'accepted' | 'announced' | 'ignored';
  readonly doc: string;
};

type ValueOf<Name extends SettingName> = Exclude<ReturnType<(typeof SETTINGS)[Name]['kind']['parse']>, undefined>;

function find(row: SettingRow, input: SettingsInput): { origin: SettingOrigin; text: string | undefined } {
  const flag = row.flag === undefined ? undefined : input.flags[optionName(row.flag)]?.trim();
  if (flag) return { origin: 'flag', text: flag };
  const environment = input.env[row.variable]?.trim();
  if (environment) return { origin: 'environment', text: environment };
  const file = input.envFile?.lookup(row.variable)?.trim();
  if (file) return { origin: 'file', text: file };
  return { origin: 'default', text: row.default?.replace('<version>', input.version) };
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
  throw new GatewayError('invalid-request', `${name} must be ${row.kind.accepts}${found}.`);
}

export const SETTINGS = {
  ...UPSTREAM_SETTINGS,
  ...ANSWER_SETTINGS,
  serverHost: {
    variable: 'SERVER_HOST',
    flag: '--host',
    kind: kind.hostName,
    default: '127.0.0.1',
    inFolder: 'ignored',
    doc: 'Address to listen on.',
  },
  serverPort: {
    variable: 'SERVER_PORT',
    flag: '--port',
    kind: kind.wholeNumber(0, 65535),
    default: '8000',
    inFolder: 'accepted',
    doc: 'Port to listen on; 0 takes any free one.',
  },
  proxyApiKey: {
    variable: 'PROXY_API_KEY',
    kind: kind.secretText,
    // A key from a foreign `./.env` opens the gateway only to who can reach the port, which is this machine unless the
    // person's own flag or environment says otherwise (SERVER_HOST is ignored there).
    inFolder: 'announced',
    doc: 'The gateway key that clients must present; generated and kept when not set.',
  },
  refreshToken: {
    variable: 'REFRESH_TOKEN',
    kind: kind.refreshToken,
    inFolder: 'announced',
    doc: 'Refresh token of a Kiro social login (Google or GitHub).',
  },
  profileArn: {
    variable: 'PROFILE_ARN',
    kind: kind.profileArn,
    inFolder: 'accepted',
    doc: 'Profile to use, in place of the one the login names.',
  },
  kiroRegion: {
    variable: 'KIRO_REGION',
    kind: kind.region,
    inFolder: 'accepted',
    doc: 'Region of the login, in place of the one it names itself (else us-east-1).',
  },
  kiroApiRegion: {
    variable: 'KIRO_API_REGION',
    kind: kind.region,
    inFolder: 'accepted',
    doc: "Region of the Kiro API, in place of the profile's.",
  },
  kiroCredsFile: {
    variable: 'KIRO_CREDS_FILE',
    kind: kind.path,
    inFolder: 'announced',
    doc: "JSON file with a Kiro login, such as the Kiro IDE's `~/.aws/sso/cache/kiro-auth-token.json`; only read.",
  },
  kiroCliDbFile: {
    variable: 'KIRO_CLI_DB_FILE',
    kind: kind.path,
    inFolder: 'announced',
    doc: "Database of kiro-cli or amazon-q, such as kiro-cli's `data.sqlite3`; only read.",
  },
  kiroApiKey: {
    variable: 'KIRO_API_KEY',
    kind: kind.secretText,
    inFolder: 'announced',
    doc: 'Kiro API key (`ksk_…`) of a paid plan, in place of a login.',
  },
  kiroApiUrl: {
    variable: 'KIRO_API_URL',
    kind: kind.serviceUrl,
    inFolder: 'ignored',
    doc: 'Base URL of the Kiro API, in place of the real hosts.',
  },
  kiroManagementUrl: {
    variable: 'KIRO_MANAGEMENT_URL',
    kind: kind.serviceUrl,
    inFolder: 'ignored',
    doc: 'Base URL of the Kiro control plane; KIRO_API_URL when only that is set.',
  },
  kiroAuthUrl: {
    variable: 'KIRO_AUTH_URL',
    kind: kind.serviceUrl,
    inFolder: 'ignored',
    doc: 'Base URL of the service that renews social logins.',
  },
  kiroOidcUrl: {
    variable: 'KIRO_OIDC_URL',
    kind: kind.serviceUrl,
    inFolder: 'ignored',
    doc: 'Base URL of the service that renews Builder ID and Identity Center logins.',
  },
  kiroUserAgent: {
    variable: 'KIRO_USER_AGENT',
    kind: kind.headerText,
    default: 'kiro-gateway/<version>',
    inFolder: 'accepted',
    doc: 'The user agent that Kiro is told.',
  },
  kiroOptOut: {
    variable: 'KIRO_OPT_OUT',
    kind: kind.trueOrFalse,
    default: 'true',
    inFolder: 'ignored',
    doc: 'Tells Kiro not to keep content for service improvement.',
  },
  tokenRefreshThresholdSeconds: {
    variable: 'TOKEN_REFRESH_THRESHOLD',
    // Access tokens live for an hour; a threshold as long as that would never rest.
    kind: kind.wholeNumber(0, 3000, 'seconds'),
    default: '600',
    inFolder: 'accepted',
    doc: 'Seconds before its expiry at which the access token is renewed.',
  },
  modelCacheTtlSeconds: {
    variable: 'MODEL_CACHE_TTL',
    kind: kind.wholeNumber(0, 604800, 'seconds'),
    default: '3600',
    inFolder: 'accepted',
    doc: 'Seconds for which the list of models is kept.',
  },
  toolDescriptionMaxLength: {
    variable: 'TOOL_DESCRIPTION_MAX_LENGTH',
    kind: kind.wholeNumber(1, 1000000, 'characters'),
    default: '10000',
    inFolder: 'accepted',
    doc: 'Characters of a tool description that are sent with the tool itself.',
  },
  logLevel: {
    variable: 'LOG_LEVEL',
    kind: kind.oneOf('DEBUG', 'INFO', 'WARN', 'ERROR'),
    default: 'INFO',
    inFolder: 'accepted',
    doc: 'Least level that is logged: DEBUG, INFO, WARN or ERROR.',
  },
  maxBodySizeBytes: {
    variable: 'MAX_BODY_SIZE',
    kind: kind.byteSize,
    default: '32mb',
    inFolder: 'accepted',
    doc: 'Largest request body: `32mb`, `500kb` or a number of bytes.',
  },
  remoteImages: {
    variable: 'REMOTE_IMAGES',
    kind: kind.trueOrFalse,
    default: 'false',
    inFolder: 'ignored',
    doc: 'Fetches images and documents by their https URLs, from public hosts only.',
  },
  allowedHosts: {
    variable: 'ALLOWED_HOSTS',
    flag: '--allowed-host',
    kind: kind.list,
    inFolder: 'ignored',
    doc: 'Host names, besides those of loopback, under which clients may call.',
  },
  corsOrigins: {
    variable: 'CORS_ORIGINS',
    kind: kind.list,
    inFolder: 'ignored',
    doc: 'Origins of web pages that may call, such as `https://app.example`; all others are refused.',
  },
  gatewayHome: {
    variable: 'KIRO_GATEWAY_HOME',
    kind: kind.path,
    inFolder: 'ignored',
    doc: "Folder that replaces the platform's own for configuration, data and state.",
  },
} as const satisfies Readonly<Record<string, SettingRow>>;
