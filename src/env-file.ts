/** Reads an env file for the settings' names only; nothing of it enters the environment of the process. */

import { parseEnv } from 'node:util';
import { FILE_PROBLEMS, readSmallFile } from './auth/small-file.js';
import { GatewayError } from './core/errors.js';
import { SETTINGS } from './settings.js';

export type EnvFile = {
  /** A function and not a record, so that printing an env file shows no secret. */
  lookup(variable: string): string | undefined;
  /** What a person should know about this file, in sentences. */
  readonly notices: readonly string[];
};

/**
 * A trusted file is one that the person named (`--env-file`). `./.env` is not: it belongs to whichever folder the
 * gateway was started in, so it may be missing, and it decides nothing about hosts, proxies and certificates.
 * @throws GatewayError `invalid-request` when the file cannot be read.
 */
export async function readEnvFile(path: string, options: { readonly trusted: boolean }): Promise<EnvFile> {
  const file = await readSmallFile(path, { maxBytes: MAX_BYTES, links: 'follow' });
  if ('text' in file) return options.trusted ? trust(file.text) : distrust(path, file.text);
  if (file.problem === 'missing' && !options.trusted) return { lookup: () => undefined, notices: [] };
  throw new GatewayError(
    'invalid-request',
    `The env file ${path} ${FILE_PROBLEMS[file.problem]}; it must be a text file of at most 1 MB.`,
  );
}

function trust(text: string): EnvFile {
  const values = parseEnv(text);
  return { lookup: (variable) => values[variable], notices: [] };
}

function distrust(path: string, text: string): EnvFile {
  const accepted = new Map<string, string>();
  const announced: string[] = [];
  const notices: string[] = [];
  for (const [variable, value] of Object.entries(parseEnv(text))) {
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
  return { lookup: (variable) => accepted.get(variable), notices };
}

/** Windows logs in to the server of such a path when it is opened, and so tells it the hash of the person's password. */
function isNetworkPath(value: string): boolean {
  return /^\s*[\\/]{2}/.test(value);
}

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
