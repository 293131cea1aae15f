/** Every setting, once: its names, its kind, its default and its line in the README. */

import { TAG_HANDLINGS } from './kiro/answer-text.js';
import * as kind from './setting-kinds.js';

export type SettingRow = {
  readonly variable: string;
  readonly flag?: string;
  readonly kind: kind.SettingKind<unknown>;
  /** As a person would write it; `<version>` is the gateway's own. */
  readonly default?: string;
  readonly inFolder: InFolder;
  readonly doc: string;
};

/**
 * What `./.env` may do, a file that any folder can bring along. `ignored`: settings that say where logins and
 * conversations go, who can reach the gateway, or what Kiro may keep. `announced`: which account pays and which key
 * opens the gateway; people keep these two there, so they count, but not in silence.
 */
type InFolder = 'accepted' | 'announced' | 'ignored';

type Row<Kind> = Omit<SettingRow, 'kind' | 'flag' | 'default'> & { readonly kind: Kind };
type More = Pick<SettingRow, 'flag' | 'default'>;

function row<Kind>(variable: string, inFolder: InFolder, of: Kind, doc: string): Row<Kind>;
function row<Kind, const Its extends More>(
  variable: string,
  inFolder: InFolder,
  of: Kind,
  doc: string,
  more: Its,
): Row<Kind> & Its;
function row<Kind>(variable: string, inFolder: InFolder, of: Kind, doc: string, more?: More): Row<Kind> & More {
  return { variable, inFolder, kind: of, doc, ...more };
}

export const SETTINGS = {
  serverHost: row('SERVER_HOST', 'ignored', kind.hostName, 'Address to listen on.', {
    flag: '--host',
    default: '127.0.0.1',
  }),
  serverPort: row('SERVER_PORT', 'accepted', kind.wholeNumber(0, 65535), 'Port to listen on; 0 takes any free one.', {
    flag: '--port',
    default: '8000',
  }),
  // A key from a foreign `./.env` opens the gateway only to who can reach the port, which is this machine unless the
  // person's own flag or environment says otherwise (SERVER_HOST is ignored there).
  proxyApiKey: row(
    'PROXY_API_KEY',
    'announced',
    kind.secretText,
    'The gateway key that clients must present; generated and kept when not set.',
  ),
  refreshToken: row(
    'REFRESH_TOKEN',
    'announced',
    kind.refreshToken,
    'Refresh token of a Kiro social login (Google or GitHub).',
  ),
  profileArn: row('PROFILE_ARN', 'accepted', kind.profileArn, 'Profile to use, in place of the one the login names.'),
  kiroRegion: row(
    'KIRO_REGION',
    'accepted',
    kind.region,
    'Region of the login, in place of the one it names itself (else us-east-1).',
  ),
  kiroApiRegion: row('KIRO_API_REGION', 'accepted', kind.region, "Region of the Kiro API, in place of the profile's."),
  kiroCredsFile: row(
    'KIRO_CREDS_FILE',
    'announced',
    kind.path,
    "JSON file with a Kiro login, such as the Kiro IDE's `~/.aws/sso/cache/kiro-auth-token.json`; only read.",
  ),
  kiroCliDbFile: row(
    'KIRO_CLI_DB_FILE',
    'announced',
    kind.path,
    "Database of kiro-cli or amazon-q, such as kiro-cli's `data.sqlite3`; only read.",
  ),
  kiroApiKey: row(
    'KIRO_API_KEY',
    'announced',
    kind.secretText,
    'Kiro API key (`ksk_…`) of a paid plan, in place of a login.',
  ),
  kiroApiUrl: row('KIRO_API_URL', 'ignored', kind.serviceUrl, 'Base URL of the Kiro API, in place of the real hosts.'),
  kiroManagementUrl: row(
    'KIRO_MANAGEMENT_URL',
    'ignored',
    kind.serviceUrl,
    'Base URL of the Kiro control plane; KIRO_API_URL when only that is set.',
  ),
  kiroAuthUrl: row('KIRO_AUTH_URL', 'ignored', kind.serviceUrl, 'Base URL of the service that renews social logins.'),
  kiroOidcUrl: row(
    'KIRO_OIDC_URL',
    'ignored',
    kind.serviceUrl,
    'Base URL of the service that renews Builder ID and Identity Center logins.',
  ),
  kiroUserAgent: row('KIRO_USER_AGENT', 'accepted', kind.headerText, 'The user agent that Kiro is told.', {
    default: 'kiro-gateway/<version>',
  }),
  kiroOptOut: row(
    'KIRO_OPT_OUT',
    'ignored',
    kind.trueOrFalse,
    'Tells Kiro not to keep content for service improvement.',
    { default: 'true' },
  ),
  // Access tokens live for an hour; a threshold as long as that would never rest.
  tokenRefreshThresholdSeconds: row(
    'TOKEN_REFRESH_THRESHOLD',
    'accepted',
    kind.wholeNumber(0, 3000, 'seconds'),
    'Seconds before its expiry at which the access token is renewed.',
    { default: '600' },
  ),
  modelCacheTtlSeconds: row(
    'MODEL_CACHE_TTL',
    'accepted',
    kind.wholeNumber(0, 604800, 'seconds'),
    'Seconds for which the list of models is kept.',
    { default: '3600' },
  ),
  toolDescriptionMaxLength: row(
    'TOOL_DESCRIPTION_MAX_LENGTH',
    'accepted',
    kind.wholeNumber(0, 1000000, 'characters'),
    'Characters of a tool description that are sent with the tool itself; 0 for no limit.',
    { default: '10000' },
  ),
  logLevel: row('LOG_LEVEL', 'accepted', kind.logLevel, 'Least level that is logged: DEBUG, INFO, WARN or ERROR.', {
    default: 'INFO',
  }),
  logFormat: row(
    'LOG_FORMAT',
    'accepted',
    kind.oneOf('text', 'json'),
    'How it is logged: `text`, or `json` with one object a line.',
    { default: 'text' },
  ),
  // Conversations would lie on the disk because of somebody else's file.
  debugMode: row(
    'DEBUG_MODE',
    'announced',
    kind.oneOf('off', 'errors', 'all'),
    'Keeps failed turns (`errors`) or `all` in the state folder, for `kiro-gateway doctor REQUEST-ID`.',
    { default: 'off' },
  ),
  maxBodySizeBytes: row(
    'MAX_BODY_SIZE',
    'accepted',
    kind.byteSize,
    'Largest request body: `32mb`, `500kb` or a number of bytes.',
    { default: '32mb' },
  ),
  remoteImages: row(
    'REMOTE_IMAGES',
    'ignored',
    kind.trueOrFalse,
    'Fetches images and documents by their https URLs, from public hosts only.',
    { default: 'false' },
  ),
  allowedHosts: row(
    'ALLOWED_HOSTS',
    'ignored',
    kind.list,
    'Host names, besides those of loopback, under which clients may call.',
    { flag: '--allowed-host' },
  ),
  corsOrigins: row(
    'CORS_ORIGINS',
    'ignored',
    kind.list,
    'Origins of web pages that may call, such as `https://app.example`; all others are refused.',
  ),
  gatewayHome: row(
    'KIRO_GATEWAY_HOME',
    'ignored',
    kind.path,
    "Folder that replaces the platform's own for configuration, data and state.",
  ),
  maxAttempts: row(
    'MAX_RETRIES',
    'accepted',
    kind.wholeNumber(1, 10),
    'How often Kiro is asked in all, when it is busy or away before its answer begins.',
    { default: '3' },
  ),
  baseRetryDelaySeconds: row(
    'BASE_RETRY_DELAY',
    'accepted',
    kind.seconds(0, 60),
    'Seconds before the first repetition; they double with each further one.',
    { default: '1.0' },
  ),
  firstTokenTimeoutSeconds: row(
    'FIRST_TOKEN_TIMEOUT',
    'accepted',
    kind.seconds(0.001, 270),
    'Seconds in which an answer has to begin; twice as many at effort high and above.',
    { default: '90' },
  ),
  firstTokenMaxRetries: row(
    'FIRST_TOKEN_MAX_RETRIES',
    'accepted',
    kind.wholeNumber(0, 10),
    'How often a question is repeated whose answer did not begin in time; each may cost credits.',
    { default: '1' },
  ),
  streamingReadTimeoutSeconds: row(
    'STREAMING_READ_TIMEOUT',
    'accepted',
    kind.seconds(0.001, 3600),
    'Seconds of silence in the middle of an answer after which it counts as broken off.',
    { default: '300' },
  ),
  maxConcurrentRequests: row(
    'MAX_CONCURRENT_REQUESTS',
    'accepted',
    kind.wholeNumber(0, 1000),
    'Answers that are under way at the same time, the others wait in order; 0 for no limit.',
    { default: '8' },
  ),
  modelAliases: row('MODEL_ALIASES', 'accepted', kind.aliases, 'Names of your own for models: `a=b,c=d`.', {
    default: 'auto-kiro=auto',
  }),
  kiroSharedProfile: row(
    'KIRO_SHARED_PROFILE',
    'accepted',
    kind.trueOrFalse,
    'Whether an AWS Builder ID, which has no profile, uses the one that all of them share.',
    { default: 'true' },
  ),
  vpnProxyUrl: row(
    'VPN_PROXY_URL',
    'ignored',
    kind.proxyUrl,
    'Proxy to Kiro: `http://`, `https://`, `socks5://` or `socks5h://`, with `user:password@` where it asks.',
  ),
  fakeReasoning: row(
    'FAKE_REASONING',
    'accepted',
    kind.trueOrFalseOr('always'),
    'Reasoning in tags for models without their own: when asked for (`true`), `always` or never (`false`).',
    { default: 'true' },
  ),
  fakeReasoningMaxTokens: row(
    'FAKE_REASONING_MAX_TOKENS',
    'accepted',
    kind.wholeNumber(1, 200_000, 'tokens'),
    'How long a model may reason in tags, unless the client names a budget.',
    { default: '4000' },
  ),
  fakeReasoningHandling: row(
    'FAKE_REASONING_HANDLING',
    'accepted',
    kind.oneOf(...TAG_HANDLINGS),
    'What becomes of it: reasoning, or `remove`, `pass` (text with tags), `strip_tags` (text without).',
    { default: 'as_reasoning_content' },
  ),
  textToolCalls: row(
    'TEXT_TOOL_CALLS',
    'accepted',
    kind.trueOrFalse,
    'Takes tool calls that a model only writes down as text for real ones.',
    { default: 'false' },
  ),
  truncationRecovery: row(
    'TRUNCATION_RECOVERY',
    'accepted',
    kind.trueOrFalse,
    'Tells the model, beside the result, that its tool call was cut off by the output limit.',
    { default: 'true' },
  ),
  webSearch: row(
    'WEB_SEARCH',
    'accepted',
    kind.trueOrFalse,
    'Runs the web searches of Anthropic and Responses clients at Kiro; each costs one more turn.',
    { default: 'true' },
  ),
  promptCache: row(
    'PROMPT_CACHE',
    'accepted',
    kind.trueOrFalse,
    'Marks for Kiro what it may cache, with models that support it; nobody has proven that it saves credits.',
    { default: 'false' },
  ),
};
