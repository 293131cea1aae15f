/** The settings of how Kiro is asked: how often, how long, through what. A part of the table in `settings.ts`. */

import * as kind from './setting-kinds.js';
import type { SettingRow } from './settings.js';

export const UPSTREAM_SETTINGS = {
  maxAttempts: {
    variable: 'MAX_RETRIES',
    kind: kind.wholeNumber(1, 10),
    default: '3',
    inFolder: 'accepted',
    doc: 'How often Kiro is asked in all, when it is busy or away before its answer begins.',
  },
  baseRetryDelaySeconds: {
    variable: 'BASE_RETRY_DELAY',
    kind: kind.seconds(0, 60),
    default: '1.0',
    inFolder: 'accepted',
    doc: 'Seconds before the first repetition; they double with each further one.',
  },
  firstTokenTimeoutSeconds: {
    variable: 'FIRST_TOKEN_TIMEOUT',
    kind: kind.seconds(0.001, 270),
    default: '90',
    inFolder: 'accepted',
    doc: 'Seconds in which an answer has to begin; twice as many at effort high and above.',
  },
  firstTokenMaxRetries: {
    variable: 'FIRST_TOKEN_MAX_RETRIES',
    kind: kind.wholeNumber(0, 10),
    default: '1',
    inFolder: 'accepted',
    doc: 'How often a question is repeated whose answer did not begin in time; each may cost credits.',
  },
  streamingReadTimeoutSeconds: {
    variable: 'STREAMING_READ_TIMEOUT',
    kind: kind.seconds(0.001, 3600),
    default: '300',
    inFolder: 'accepted',
    doc: 'Seconds of silence in the middle of an answer after which it counts as broken off.',
  },
  maxConcurrentRequests: {
    variable: 'MAX_CONCURRENT_REQUESTS',
    kind: kind.wholeNumber(0, 1000),
    default: '8',
    inFolder: 'accepted',
    doc: 'Answers that are under way at the same time, the others wait in order; 0 for no limit.',
  },
  modelAliases: {
    variable: 'MODEL_ALIASES',
    kind: kind.aliases,
    default: 'auto-kiro=auto',
    inFolder: 'accepted',
    doc: 'Names of your own for models: `a=b,c=d`.',
  },
  kiroSharedProfile: {
    variable: 'KIRO_SHARED_PROFILE',
    kind: kind.trueOrFalse,
    default: 'true',
    inFolder: 'accepted',
    doc: 'Whether an AWS Builder ID, which has no profile, uses the one that all of them share.',
  },
  vpnProxyUrl: {
    variable: 'VPN_PROXY_URL',
    kind: kind.proxyUrl,
    inFolder: 'ignored',
    doc: 'Proxy to Kiro: `http://`, `https://`, `socks5://` or `socks5h://`, with `user:password@` where it asks.',
  },
} as const satisfies Readonly<Record<string, SettingRow>>;
