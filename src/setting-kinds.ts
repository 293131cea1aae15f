/** The kinds of value a setting can have: how each is read from text, and how it is described when it is refused. */

import { isIP } from 'node:net';
import { join } from 'node:path';
import { isWholeRefreshToken } from './auth/credential.js';
import { Secret } from './core/secret.js';
import { isProfileArn, isRegion } from './kiro/calls.js';
import { readProxyUrl } from './proxy.js';

export type SettingKind<Value> = {
  /** Completes the sentence `SERVER_PORT must be …`. */
  readonly accepts: string;
  /** True where the refused text may hold a secret and must not be repeated to anybody. */
  readonly isSecret: boolean;
  /** The text is trimmed and not empty. Undefined: refused. */
  parse(text: string, homeDirectory: string): Value | undefined;
};

export function wholeNumber(least: number, most: number, unit = ''): SettingKind<number> {
  return {
    accepts: `a whole number ${unit === '' ? '' : `of ${unit} `}from ${least} to ${most}`,
    isSecret: false,
    parse(text) {
      const value = Number(text);
      return /^\d{1,15}$/.test(text) && value >= least && value <= most ? value : undefined;
    },
  };
}

/** Seconds, with up to three decimals. */
export function seconds(least: number, most: number): SettingKind<number> {
  return {
    accepts: `a number of seconds from ${least} to ${most}`,
    isSecret: false,
    parse(text) {
      const value = Number(text);
      return /^\d{1,6}(?:\.\d{1,3})?$/.test(text) && value >= least && value <= most ? value : undefined;
    },
  };
}

export function oneOf<Value extends string>(...allowed: readonly Value[]): SettingKind<Value> {
  return {
    accepts: `one of ${allowed.join(', ')}`,
    isSecret: false,
    parse: (text) => allowed.find((it) => it.toUpperCase() === text.toUpperCase()),
  };
}

export const trueOrFalse: SettingKind<boolean> = {
  accepts: 'true or false',
  isSecret: false,
  parse(text) {
    if (/^(true|1|yes|on|enabled)$/i.test(text)) return true;
    if (/^(false|0|no|off|disabled)$/i.test(text)) return false;
    return undefined;
  },
};

/** True, false, or a word that means more than true. */
/** Other programs' names for the levels count as the nearest of ours. */
export const logLevel: SettingKind<'DEBUG' | 'INFO' | 'WARN' | 'ERROR'> = {
  ...oneOf('DEBUG', 'INFO', 'WARN', 'ERROR'),
  parse(text, homeDirectory) {
    const usual = { TRACE: 'DEBUG', WARNING: 'WARN', CRITICAL: 'ERROR' }[text.toUpperCase()] ?? text;
    return oneOf('DEBUG', 'INFO', 'WARN', 'ERROR').parse(usual, homeDirectory);
  },
};
export function trueOrFalseOr<Word extends string>(word: Word): SettingKind<boolean | Word> {
  return {
    accepts: `${word}, true or false`,
    isSecret: false,
    parse: (text) => (text.toLowerCase() === word ? word : trueOrFalse.parse(text, '')),
  };
}

/** Goes into an HTTP header, where anything but printable ASCII is refused. */
export const headerText: SettingKind<string> = {
  accepts: 'printable ASCII text on one line',
  isSecret: false,
  parse: (text) => (/^[ -~]+$/.test(text) ? text : undefined),
};

/** A key or token: it goes into a header too, and has no spaces. */
export const secretText: SettingKind<Secret> = {
  accepts: 'printable ASCII text without spaces',
  isSecret: true,
  parse: (text) => (/^[!-~]+$/.test(text) ? new Secret(text) : undefined),
};

export const refreshToken: SettingKind<Secret> = {
  accepts: 'a whole refresh token, without spaces and "..."',
  isSecret: true,
  parse: (text) => (isWholeRefreshToken(text) ? new Secret(text) : undefined),
};

/** A name or address to listen on; `[::1]` is written `::1` for node. */
export const hostName: SettingKind<string> = {
  accepts: 'a host name or an IP address, without a port',
  isSecret: false,
  parse(text) {
    const bare = text.replace(/^\[(.*)\]$/, '$1');
    return isIP(bare) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text) ? bare : undefined;
  },
};

export const region: SettingKind<string> = {
  accepts: 'an AWS region such as us-east-1',
  isSecret: false,
  parse: (text) => (isRegion(text) ? text : undefined),
};

export const profileArn: SettingKind<string> = {
  accepts: 'a profile ARN such as arn:aws:codewhisperer:us-east-1:111122223333:profile/EXAMPLE12345',
  isSecret: false,
  parse: (text) => (isProfileArn(text) ? text : undefined),
};

/** A leading `~` is the person's home folder: no shell expands it in a file or a quoted variable. */
export const path: SettingKind<string> = {
  accepts: 'a path',
  isSecret: false,
  parse: (text, homeDirectory) => (/^~(?=$|[/\\])/.test(text) ? join(homeDirectory, text.slice(1)) : text),
};

/** Names for models, each in lower case with the model it stands for. */
export const aliases: SettingKind<ReadonlyMap<string, string>> = {
  accepts: 'pairs such as auto-kiro=auto,fast=claude-haiku-4.5',
  isSecret: false,
  parse(text) {
    const pairs = text.split(',').map((pair) => pair.split('=').map((it) => it.trim()));
    if (pairs.some((pair) => pair.length !== 2 || pair.includes(''))) return undefined;
    return new Map(pairs.map(([alias = '', model = '']) => [alias.toLowerCase(), model]));
  },
};

/** Names separated by commas. */
export const list: SettingKind<readonly string[]> = {
  accepts: 'a list separated by commas',
  isSecret: false,
  parse: (text) =>
    text
      .split(',')
      .map((it) => it.trim())
      .filter((it) => it !== ''),
};

/** Holds a password at times. Without a scheme it is a plain HTTP proxy. */
export const proxyUrl: SettingKind<Secret> = {
  accepts: 'the URL of a proxy: http, https, socks5 or socks5h, such as http://user:password@host:3128',
  isSecret: true,
  parse: (text) => (readProxyUrl(text) === undefined ? undefined : new Secret(text)),
};

/** A base URL that logins are sent to: encrypted, or never leaving this machine. */
export const serviceUrl: SettingKind<string> = {
  accepts: 'an https URL (http only for localhost, 127.0.0.1 or [::1]) without user name, query or fragment',
  // A refused URL may hold a password.
  isSecret: true,
  parse(text) {
    if (!URL.canParse(text)) return undefined;
    const url = new URL(text);
    const isPrivate = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
    const isBare = url.username === '' && url.password === '' && !/[?#]/.test(text);
    return isPrivate && isBare ? `${url.origin}${url.pathname}`.replace(/\/+$/, '') : undefined;
  },
};

/** Bytes, written `32mb`, `500kb` or as a plain number; 1 kb is 1024 bytes. */
export const byteSize: SettingKind<number> = {
  accepts: 'a size from 1 to 512mb, such as 32mb, 500kb or 1048576',
  isSecret: false,
  parse(text) {
    const [, digits, unit] = /^(\d{1,12}(?:\.\d+)?) ?(b|kb|mb)?$/i.exec(text) ?? [];
    const bytes = Math.floor(Number(digits) * (BYTES_OF_UNIT[unit?.toLowerCase() ?? 'b'] ?? NaN));
    return bytes >= 1 && bytes <= MOST_BYTES ? bytes : undefined;
  },
};

/** `URL` has already turned every spelling of an IPv4 address into four decimal numbers. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

const BYTES_OF_UNIT: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 * 1024 };
/** Node cannot hold a longer text in one string. */
const MOST_BYTES = 512 * 1024 * 1024;
