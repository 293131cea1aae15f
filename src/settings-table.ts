/** Every setting, once: its names, its default, its line in the README, and how its text is read. */

import { isIP } from 'node:net';
import { join, resolve } from 'node:path';

import { isLoginName, isWholeRefreshToken } from './auth/credential.js';
import { Secret } from './core/secret.js';
import { TAG_HANDLINGS } from './kiro/answer-text.js';
import { isProfileArn, isRegion } from './kiro/calls.js';
import { canonicalHost, readProxyUrl, withoutBrackets } from './proxy.js';

export type SettingRow = {
  readonly variable: string;
  readonly flag: string | undefined;
  readonly kind: SettingKind<unknown>;
  /** As a person would write it; `<version>` is the gateway's own. */
  readonly default: string | undefined;
  readonly inFolder: InFolder;
  readonly doc: string;
};

/**
 * What `./.env` may do, a file that any folder can bring along. `ignored`: settings that say where logins and
 * conversations go, who can reach the gateway, or what Kiro may keep. `announced`: which account pays and which key
 * opens the gateway; people keep these two there, so they count, but not in silence.
 */
export type InFolder = 'accepted' | 'announced' | 'ignored';

export type SettingKind<Value> = {
  /** Completes the sentence `SERVER_PORT must be …`. */
  readonly accepts: string;
  /** True where the refused text may hold a secret and must not be repeated to anybody. */
  readonly isSecret: boolean;
  /** The text is trimmed and not empty. Undefined: refused. */
  parse(text: string, homeDirectory: string): Value | undefined;
};

// --- how texts are read

function kind<Value>(accepts: string, parse: SettingKind<Value>['parse']): SettingKind<Value> {
  return { accepts, isSecret: false, parse };
}

function secretKind<Value>(accepts: string, parse: SettingKind<Value>['parse']): SettingKind<Value> {
  return { accepts, isSecret: true, parse };
}

function numberOf(accepts: string, form: RegExp, least: number, most: number): SettingKind<number> {
  return kind(`${accepts} from ${least} to ${most}`, (text) => {
    const value = Number(text);
    return form.test(text) && value >= least && value <= most ? value : undefined;
  });
}

function wholeNumber(least: number, most: number, unit?: string): SettingKind<number> {
  return numberOf(unit === undefined ? 'a whole number' : `a whole number of ${unit}`, /^\d{1,15}$/, least, most);
}

/** With up to three decimals. */
function seconds(least: number, most: number): SettingKind<number> {
  return numberOf('a number of seconds', /^\d{1,6}(?:\.\d{1,3})?$/, least, most);
}

export function oneOf<Value extends string>(...allowed: readonly Value[]): SettingKind<Value> {
  return kind(`one of ${allowed.join(', ')}`, (text) => allowed.find((it) => it.toUpperCase() === text.toUpperCase()));
}

const trueOrFalse = kind('true or false', (text) => {
  if (/^(true|1|yes|on|enabled)$/i.test(text)) return true;
  return /^(false|0|no|off|disabled)$/i.test(text) ? false : undefined;
});
const alwaysOrNot = kind('always, true or false', (text) =>
  text.toLowerCase() === 'always' ? ('always' as const) : trueOrFalse.parse(text, ''),
);

const levels = oneOf('DEBUG', 'INFO', 'WARN', 'ERROR');
/** Other programs' names for the levels count as the nearest of ours. */
const logLevel = kind(levels.accepts, (text) =>
  levels.parse({ TRACE: 'DEBUG', WARNING: 'WARN', CRITICAL: 'ERROR' }[text.toUpperCase()] ?? text, ''),
);

/** Goes into an HTTP header, where anything but printable ASCII is refused. */
const headerText = kind('printable ASCII text on one line', (text) => (/^[ -~]+$/.test(text) ? text : undefined));

/** A key or token: it goes into a header too, and has no spaces. */
const secretText = secretKind('printable ASCII text without spaces', (text) =>
  /^[!-~]+$/.test(text) ? new Secret(text) : undefined,
);

const refreshToken = secretKind('a whole refresh token, without spaces and "..."', (text) =>
  isWholeRefreshToken(text) ? new Secret(text) : undefined,
);

/** A name or address to listen on; `[::1]` is written `::1` for node. */
const hostName = kind('a host name or an IP address, without a port', (text) => {
  const bare = withoutBrackets(text);
  return isIP(bare) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text) ? canonicalHost(bare) : undefined;
});

export const region = kind('an AWS region such as us-east-1', (text) => (isRegion(text) ? text : undefined));
export const profileArn = kind(
  'a profile ARN such as arn:aws:codewhisperer:us-east-1:111122223333:profile/EXAMPLE12345',
  (text) => (isProfileArn(text) ? text : undefined),
);
export const loginName = kind('1 to 64 letters, digits, dots, dashes and underscores', (text) =>
  isLoginName(text) ? text : undefined,
);

/**
 * A leading `~` is the person's home folder: no shell expands it in a file or a quoted variable. The path is absolute,
 * because it is written down for other days and programs, which begin in other folders.
 */
export const path = kind('a path', (text, homeDirectory) =>
  /^~(?=$|[/\\])/.test(text) ? join(homeDirectory, text.slice(1)) : resolve(text),
);

/** Names for models, each in lower case with the model it stands for. */
const aliases = kind('pairs such as auto-kiro=auto,fast=claude-haiku-4.5', (text) => {
  const pairs = text.split(',').map((pair) => pair.split('=').map((it) => it.trim()));
  if (pairs.some((pair) => pair.length !== 2 || pair.includes(''))) return undefined;
  return new Map(pairs.map(([alias = '', model = '']) => [alias.toLowerCase(), model]));
});

/** What has another form would never be met, and its owner would wait in vain. */
function listOf(accepts: string, form: RegExp): SettingKind<readonly string[]> {
  return kind(`${accepts}, separated by commas`, (text) => {
    const parts = text.split(',').flatMap((it) => it.trim() || []);
    return parts.every((it) => form.test(it)) ? parts : undefined;
  });
}
const hostNames = listOf('host names such as my.box', /^[\w.:[\]-]+$/);
const webOrigins = listOf('origins such as https://app.example', /^[a-z][\w+.-]*:\/\/[\w.:[\]-]+\/?$/i);

/** Holds a password at times. Without a scheme it is a plain HTTP proxy. */
const proxyUrl = secretKind(
  'the URL of a proxy: http, https, socks5 or socks5h, such as http://user:password@host:3128',
  (text) => (readProxyUrl(text) === undefined ? undefined : new Secret(text)),
);

/** A base URL that logins are sent to: encrypted, or never leaving this machine. A refused one may hold a password. */
export const serviceUrl = secretKind(
  'an https URL (http only for localhost, 127.0.0.1 or [::1]) without user name, query or fragment',
  (text) => {
    if (!URL.canParse(text)) return undefined;
    const url = new URL(text);
    // `URL` has already turned every spelling of an IPv4 address into four decimal numbers.
    const isNear = /^(?:localhost|\[::1\]|127(?:\.\d{1,3}){3})$/.test(url.hostname);
    const isPrivate = url.protocol === 'https:' || (url.protocol === 'http:' && isNear);
    const isBare = url.username === '' && url.password === '' && !/[?#]/.test(text);
    return isPrivate && isBare ? `${url.origin}${url.pathname}`.replace(/\/+$/, '') : undefined;
  },
);

/** 1 kb is 1024 bytes; Node cannot hold a text of more than 512 mb in one string. */
const byteSize = kind('a size from 1 to 512mb, such as 32mb, 500kb or 1048576', (text) => {
  const [, digits, unit = ''] = /^(\d{1,12}(?:\.\d+)?) ?(b|kb|mb)?$/i.exec(text) ?? [];
  const bytes = Math.floor(Number(digits) * ({ kb: 1024, mb: 1024 ** 2 }[unit.toLowerCase()] ?? 1));
  return bytes >= 1 && bytes <= 512 * 1024 ** 2 ? bytes : undefined;
});

// --- the settings

/** A row of the table, whole with its line of the README. */
function rowIn(inFolder: InFolder) {
  return <Value, const Usual extends string | undefined = undefined>(
    variable: string,
    its: SettingKind<Value>,
    usual?: Usual,
    flag?: string,
  ) => ({
    // The cast is what leaving a parameter out means.
    means: (doc: string) => ({ variable, inFolder, kind: its, default: usual as Usual, flag, doc }),
  });
}

const accepted = rowIn('accepted');
const announced = rowIn('announced');
const ignored = rowIn('ignored');

export const SETTINGS = {
  serverHost: ignored('SERVER_HOST', hostName, '127.0.0.1', '--host').means('Address to listen on.'),
  serverPort: accepted('SERVER_PORT', wholeNumber(0, 65535), '8000', '--port').means(
    'Port to listen on; 0 takes any free one.',
  ),
  // A key from a foreign `./.env` opens the gateway only to who can reach the port, which is this machine unless the
  // person's own flag or environment says otherwise (SERVER_HOST is ignored there).
  proxyApiKey: announced('PROXY_API_KEY', secretText).means(
    'The gateway key that clients must present; generated and kept when not set.',
  ),
  refreshToken: announced('REFRESH_TOKEN', refreshToken).means(
    'Refresh token of a Kiro social login (Google or GitHub).',
  ),
  profileArn: accepted('PROFILE_ARN', profileArn).means('Profile to use, in place of the one the login names.'),
  kiroRegion: accepted('KIRO_REGION', region).means(
    'Region of the login, in place of the one it names itself (else us-east-1).',
  ),
  kiroApiRegion: accepted('KIRO_API_REGION', region).means("Region of the Kiro API, in place of the profile's."),
  kiroCredsFile: announced('KIRO_CREDS_FILE', path).means(
    "JSON file with a Kiro login, such as the Kiro IDE's `~/.aws/sso/cache/kiro-auth-token.json`; only read.",
  ),
  kiroCliDbFile: announced('KIRO_CLI_DB_FILE', path).means(
    "Database of kiro-cli or amazon-q, such as kiro-cli's `data.sqlite3`; only read.",
  ),
  kiroApiKey: announced('KIRO_API_KEY', secretText).means(
    'Kiro API key (`ksk_…`) of a paid plan, in place of a login.',
  ),
  kiroApiUrl: ignored('KIRO_API_URL', serviceUrl).means('Base URL of the Kiro API, in place of the real hosts.'),
  kiroManagementUrl: ignored('KIRO_MANAGEMENT_URL', serviceUrl).means(
    'Base URL of the Kiro control plane; KIRO_API_URL when only that is set.',
  ),
  kiroAuthUrl: ignored('KIRO_AUTH_URL', serviceUrl).means('Base URL of the service that renews social logins.'),
  kiroOidcUrl: ignored('KIRO_OIDC_URL', serviceUrl).means(
    'Base URL of the service that renews Builder ID and Identity Center logins.',
  ),
  kiroUserAgent: accepted('KIRO_USER_AGENT', headerText, 'kiro-gateway/<version>').means(
    'The user agent that Kiro is sent.',
  ),
  kiroOptOut: ignored('KIRO_OPT_OUT', trueOrFalse, 'true').means(
    'Asks Kiro not to keep content for service improvement.',
  ),
  // Access tokens live for an hour; a threshold as long as that would never rest.
  tokenRefreshThresholdSeconds: accepted('TOKEN_REFRESH_THRESHOLD', wholeNumber(0, 3000, 'seconds'), '600').means(
    'Seconds before its expiry at which the access token is renewed.',
  ),
  modelCacheTtlSeconds: accepted('MODEL_CACHE_TTL', wholeNumber(0, 604800, 'seconds'), '3600').means(
    'Seconds for which the list of models is kept.',
  ),
  toolDescriptionMaxLength: accepted('TOOL_DESCRIPTION_MAX_LENGTH', wholeNumber(0, 1e6, 'characters'), '10000').means(
    'Characters of a tool description that are sent with the tool itself; 0 for no limit.',
  ),
  logLevel: accepted('LOG_LEVEL', logLevel, 'INFO').means('Lowest level that is logged: DEBUG, INFO, WARN or ERROR.'),
  logFormat: accepted('LOG_FORMAT', oneOf('text', 'json'), 'text').means(
    'How it is logged: `text`, or `json` with one object per line.',
  ),
  // Conversations would lie on the disk because of somebody else's file.
  debugMode: announced('DEBUG_MODE', oneOf('off', 'errors', 'all'), 'off').means(
    'Keeps failed turns (`errors`) or `all` in the state folder, for `kiro-gateway doctor REQUEST-ID`.',
  ),
  maxBodySizeBytes: accepted('MAX_BODY_SIZE', byteSize, '32mb').means(
    'Largest request body: `32mb`, `500kb` or a number of bytes.',
  ),
  remoteImages: ignored('REMOTE_IMAGES', trueOrFalse, 'false').means(
    'Fetches images and documents by their https URLs, from public hosts only.',
  ),
  allowedHosts: ignored('ALLOWED_HOSTS', hostNames, undefined, '--allowed-host').means(
    'Host names, besides those of loopback, under which clients may call.',
  ),
  corsOrigins: ignored('CORS_ORIGINS', webOrigins).means(
    'Origins of web pages that may call, such as `https://app.example`; all others are refused.',
  ),
  gatewayHome: ignored('KIRO_GATEWAY_HOME', path).means(
    "Folder that replaces the platform's own for configuration, data and state.",
  ),
  maxAttempts: accepted('MAX_RETRIES', wholeNumber(1, 10), '3').means(
    'How often Kiro is asked in all when it is busy or away, before an answer has begun.',
  ),
  baseRetryDelaySeconds: accepted('BASE_RETRY_DELAY', seconds(0, 60), '1.0').means(
    'Seconds before the first repetition; they double with each further one.',
  ),
  firstTokenTimeoutSeconds: accepted('FIRST_TOKEN_TIMEOUT', seconds(0.001, 270), '90').means(
    'Seconds within which an answer has to begin; doubled for effort high and above or a budget over 20,000 tokens.',
  ),
  firstTokenMaxRetries: accepted('FIRST_TOKEN_MAX_RETRIES', wholeNumber(0, 10), '1').means(
    'How often a question is repeated whose answer did not begin in time; each may cost credits.',
  ),
  streamingReadTimeoutSeconds: accepted('STREAMING_READ_TIMEOUT', seconds(0.001, 3600), '300').means(
    'Seconds of silence in the middle of an answer after which it counts as broken off.',
  ),
  maxConcurrentRequests: accepted('MAX_CONCURRENT_REQUESTS', wholeNumber(0, 1000), '8').means(
    'Answers under way at the same time, further ones wait in order; 0 for no limit.',
  ),
  modelAliases: accepted('MODEL_ALIASES', aliases, 'auto-kiro=auto').means('Names of your own for models: `a=b,c=d`.'),
  kiroSharedProfile: accepted('KIRO_SHARED_PROFILE', trueOrFalse, 'true').means(
    'Whether an AWS Builder ID, which has no profile, uses the one that all of them share.',
  ),
  vpnProxyUrl: ignored('VPN_PROXY_URL', proxyUrl).means(
    'Proxy to Kiro: `http://`, `https://`, `socks5://` or `socks5h://`, with `user:password@` where it asks.',
  ),
  fakeReasoning: accepted('FAKE_REASONING', alwaysOrNot, 'true').means(
    'Reasoning in tags for models without their own: when asked for (`true`), `always` or never (`false`).',
  ),
  fakeReasoningMaxTokens: accepted('FAKE_REASONING_MAX_TOKENS', wholeNumber(1, 200_000, 'tokens'), '4000').means(
    'How long a model may reason in tags, unless the client names a budget.',
  ),
  fakeReasoningHandling: accepted('FAKE_REASONING_HANDLING', oneOf(...TAG_HANDLINGS), 'as_reasoning_content').means(
    'What becomes of that: reasoning, or `remove`, `pass` (text with tags), `strip_tags` (text without).',
  ),
  textToolCalls: accepted('TEXT_TOOL_CALLS', trueOrFalse, 'false').means(
    'Takes tool calls that a model merely writes as text for real ones.',
  ),
  truncationRecovery: accepted('TRUNCATION_RECOVERY', trueOrFalse, 'true').means(
    'Tells the model, beside the result, that its tool call was cut off by the output limit.',
  ),
  webSearch: accepted('WEB_SEARCH', trueOrFalse, 'true').means(
    'Runs the web searches of Anthropic and Responses clients at Kiro; each costs one more turn.',
  ),
  promptCache: accepted('PROMPT_CACHE', trueOrFalse, 'false').means(
    'Marks for Kiro what it may cache, for models that support it; whether it saves credits is not known.',
  ),
};
