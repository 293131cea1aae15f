/** The flags of `login`, checked before anything happens. */

import { DEFAULT_LOGIN, isLoginName } from '../auth/login-names.js';
import { GatewayError } from '../core/errors.js';
import { path, profileArn, region, serviceUrl, type SettingKind } from '../setting-kinds.js';
import type { CommandOptions } from './command.js';

export type LoginFlags = {
  /** Said, or implied by a flag that belongs to one way only. */
  readonly from: LoginWay | undefined;
  readonly database: string | undefined;
  readonly file: string | undefined;
  readonly startUrl: string | undefined;
  readonly region: string | undefined;
  /** The name of the login. */
  readonly name: string;
  readonly profileArn: string | undefined;
  readonly store: 'auto' | 'keychain' | 'file';
  readonly hasAgreed: boolean;
};

export type LoginWay = (typeof WAYS)[number];

/** @throws GatewayError `invalid-request`, naming the flag. */
export function readLoginFlags(options: CommandOptions, homeDirectory: string): LoginFlags {
  const read = (flag: string, key: string, kind: SettingKind<string>): string | undefined =>
    readFlag(options[key], flag, kind, homeDirectory);
  const flags = {
    from: readFlag(options['from'], '--from', oneOf(WAYS), homeDirectory),
    database: read('--db', 'db', path),
    file: read('--file', 'file', path),
    startUrl: read('--start-url', 'startUrl', serviceUrl),
    region: read('--region', 'region', region),
    name: read('--profile', 'profile', loginName) ?? DEFAULT_LOGIN,
    profileArn: read('--profile-arn', 'profileArn', profileArn),
    store: readFlag(options['store'], '--store', oneOf(STORES), homeDirectory) ?? 'auto',
    hasAgreed: options['yes'] === true,
  };
  const from = flags.from ?? impliedWay(flags);
  refuseForeignFlags(from, flags);
  return { ...flags, from };
}

export function missing(flag: string, what: string): GatewayError {
  return new GatewayError('invalid-request', `${flag} is missing: ${what}`);
}

function readFlag<Value>(
  value: CommandOptions[string],
  flag: string,
  kind: SettingKind<Value>,
  homeDirectory: string,
): Value | undefined {
  if (typeof value !== 'string') return undefined;
  const parsed = value.trim() === '' ? undefined : kind.parse(value.trim(), homeDirectory);
  if (parsed !== undefined) return parsed;
  const found = kind.isSecret || value.length > 40 ? '' : `, not ${JSON.stringify(value)}`;
  throw new GatewayError('invalid-request', `${flag} must be ${kind.accepts}${found}.`);
}

function impliedWay(flags: Pick<LoginFlags, 'database' | 'file' | 'startUrl'>): LoginWay | undefined {
  if (flags.database !== undefined) return 'kiro-cli';
  if (flags.file !== undefined) return 'file';
  return flags.startUrl === undefined ? undefined : 'device';
}

/** A flag that would be ignored is a misunderstanding. */
function refuseForeignFlags(from: LoginWay | undefined, flags: Omit<LoginFlags, 'from'>): void {
  for (const [flag, key, ways] of OWNED_FLAGS) {
    if (from === undefined || flags[key] === undefined || ways.includes(from)) continue;
    const message = `${flag} goes with --from ${ways.join(' or ')}, not with --from ${from}.`;
    throw new GatewayError('invalid-request', message);
  }
}

function oneOf<Value extends string>(allowed: readonly Value[]): SettingKind<Value> {
  return {
    accepts: `one of ${allowed.join(', ')}`,
    isSecret: false,
    parse: (text) => allowed.find((it) => it === text.toLowerCase()),
  };
}

const loginName: SettingKind<string> = {
  accepts: '1 to 64 letters, digits, dots, dashes and underscores',
  isSecret: false,
  parse: (text) => (isLoginName(text) ? text : undefined),
};

const WAYS = ['kiro-cli', 'amazon-q', 'ide', 'file', 'env', 'api-key', 'device'] as const;
const STORES = ['auto', 'keychain', 'file'] as const;

const OWNED_FLAGS: readonly (readonly [string, 'database' | 'file' | 'startUrl', readonly LoginWay[]])[] = [
  ['--db', 'database', ['kiro-cli', 'amazon-q']],
  ['--file', 'file', ['file', 'ide']],
  ['--start-url', 'startUrl', ['device']],
];
