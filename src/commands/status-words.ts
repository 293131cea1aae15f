/** What `status` says to a person. */

import { tokenLife } from './login-words.js';
import type { LoginStatus, StatusFacts } from './status-facts.js';

type Style = Readonly<Record<'bold' | 'dim', (text: string) => string>>;

export function describeStatus({ problem, login, logins, gatewayKey }: StatusFacts, now: number, style: Style): string {
  const rows: readonly Row[] = [
    ...(login === null ? ([['login', problem ?? 'none']] as const) : loginRows(login, now)),
    ...(logins.length === 0
      ? []
      : ([['logins', logins.map((it) => `${it.name} (${it.account})`).join(', ')]] as const)),
    ['key', keyWords(gatewayKey)],
  ];
  return rows.map(([name, words]) => `${style.bold(name.padEnd(WIDTH))}${words}`).join('\n');
}

type Row = readonly [name: string, words: string];

function loginRows(login: LoginStatus, now: number): readonly Row[] {
  const { registrationExpiresAt, lastRefresh } = login;
  const client = login.clientId === null ? '' : `, client ${login.clientId}`;
  return [
    ['login', `${login.account}${login.name === null ? '' : ` as ${login.name}`} (id ${login.id}${client})`],
    ['store', `${STORES[login.store]}${login.storePath === null ? '' : ` in ${login.storePath}`}`],
    ['source', `${SOURCES[login.source] ?? login.source}${login.sourcePath === null ? '' : `, ${login.sourcePath}`}`],
    ['token', login.kind === 'api-key' ? 'an API key, which is never renewed' : timeWords(login.expiresAt, now)],
    ...(registrationExpiresAt === null ? [] : [['client', timeWords(registrationExpiresAt, now)] as const]),
    ['region', `login in ${login.loginRegion}, API in ${login.apiRegion}`],
    ['profile', login.profileArn ?? 'none named'],
    ...(lastRefresh === null ? [] : [['renewed', renewalWords(login, lastRefresh, now)] as const]),
  ];
}

function timeWords(time: string | null, now: number): string {
  return time === null ? 'of unknown age' : `${tokenLife(Date.parse(time), now)} (${time})`;
}

/** A refresh of ours may have retired the copy that somebody else still has. */
function renewalWords(login: LoginStatus, { by, at }: NonNullable<LoginStatus['lastRefresh']>, now: number): string {
  const minutes = at === null ? undefined : Math.round((now - Date.parse(at)) / 60_000);
  const when = minutes === undefined ? '' : minutes < 1 ? ', just now' : `, ${minutes} min ago`;
  const isCopied = by === 'gateway' && login.name !== null && SOURCES[login.source] !== undefined;
  return `${RENEWERS[by]}${when}${isCopied ? '; the copy at the source may have been retired by that' : ''}`;
}

function keyWords({ file, exists, key }: StatusFacts['gatewayKey']): string {
  if (key !== undefined) return key;
  if (file === null) return 'the setting PROXY_API_KEY';
  return exists ? `in ${file}` : `in ${file}, from the first start of \`serve\` on`;
}

const WIDTH = 9;

const STORES = {
  keychain: "the system's keychain",
  file: 'a private file',
  environment: 'none: it is read from the settings each time',
} as const satisfies Record<LoginStatus['store'], string>;

const RENEWERS = { gateway: 'by the gateway', 'kiro-cli': 'by kiro-cli', source: 'at its source' } as const;

/** Those that others have a copy of. */
const SOURCES: Readonly<Record<string, string>> = {
  'kiro-cli': 'kiro-cli',
  'amazon-q': 'Amazon Q CLI',
  ide: 'Kiro IDE',
  file: 'a file',
  env: 'the environment',
};
