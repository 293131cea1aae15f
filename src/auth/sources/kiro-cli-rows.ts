/** The rows that kiro-cli and amazon-q keep of their logins, to the one that counts. */

import { GatewayError } from '../../core/errors.js';
import { isRecord, Reader } from '../../core/reader.js';
import { isProfileArn, isRegion } from '../../kiro/endpoints.js';
import type { Credential } from '../credential.js';
import { readCredential, registrationFields } from './token-fields.js';

/** Key to value, as text; most values are JSON. */
export type Rows = ReadonlyMap<string, string>;

/**
 * The first row in the order of use; but one that has expired only when all others have, too: kiro-cli leaves rows of
 * earlier logins behind.
 * @returns complaints, which name rows, when there is no login; none when the person is simply logged out.
 */
export function chooseLogin(
  { secrets, state }: { readonly secrets: Rows; readonly state: Rows },
  now: number,
): Credential | readonly string[] {
  const readings = TOKEN_ROWS.map((row) => readRow(row, secrets, state)).filter((it) => it !== undefined);
  const logins = readings.filter((it) => typeof it !== 'string');
  return logins.find((it) => !hasExpired(it, now)) ?? logins[0] ?? readings.filter((it) => typeof it === 'string');
}

/** What is read of `state`. */
export const STATE_KEYS: readonly string[] = ['api.codewhisperer.profile', 'auth.idc.region', 'auth.idc.start-url'];

type TokenRow = {
  readonly key: string;
  readonly authMethod: 'external-idp' | 'social' | 'idc';
  /** The row of the client that the tokens belong to: always of the same product. */
  readonly registration?: string;
};

/** Undefined when there is no login in the row; a complaint when there is one that cannot be used. */
function readRow(row: TokenRow, secrets: Rows, state: Rows): Credential | string | undefined {
  const login = parseJson(secrets.get(row.key) ?? 'null');
  if (login === null) return undefined;
  if (!isRecord(login)) return `${row.key} is not a JSON object`;
  const said = withoutBlanks(login);
  if (said['access_token'] === undefined && said['refresh_token'] === undefined) return `${row.key} holds no token`;
  const registration = row.registration === undefined ? {} : parseJson(secrets.get(row.registration) ?? 'null');
  if (!isRecord(registration)) return `${row.key} has no ${row.registration}`;
  try {
    const client = row.registration === undefined ? {} : registrationFields(reader(registration));
    const { authMethod } = row;
    const fallbacks = { ...(authMethod === 'idc' && accountOfState(registration, state)), ...profileOfState(state) };
    return readCredential(reader({ ...fallbacks, ...said, ...client, authMethod }));
  } catch (thrown) {
    // The message names a field; no other part of the error is needed, and none may carry a token.
    if (thrown instanceof GatewayError) return `${row.key}: ${thrown.message}`;
    throw thrown;
  }
}

/** Only of AWS logins: these are left behind in the state when somebody changes to a social login. */
function accountOfState(registration: Readonly<Record<string, unknown>>, state: Rows): Record<string, string> {
  const regions = [registration['region'], stateValue(state, 'auth.idc.region')];
  const region = regions.find((it) => typeof it === 'string' && isRegion(it));
  const startUrl = stateValue(state, 'auth.idc.start-url');
  return {
    ...(typeof region === 'string' && { region }),
    ...(typeof startUrl === 'string' && { start_url: startUrl }),
  };
}

/** An object with an ARN, or the ARN alone. What is neither is left out; Kiro then tells the profile, or needs none. */
function profileOfState(state: Rows): Record<string, string> {
  const profile = stateValue(state, 'api.codewhisperer.profile');
  const arn = isRecord(profile) ? profile['arn'] : profile;
  return typeof arn === 'string' && isProfileArn(arn) ? { profile_arn: arn } : {};
}

/** Values are JSON; one that is not is taken for a bare text. */
function stateValue(state: Rows, key: string): unknown {
  const text = state.get(key);
  if (text === undefined) return undefined;
  const value = parseJson(text);
  return value === undefined ? text : value;
}

function hasExpired(credential: Credential, now: number): boolean {
  return credential.kind !== 'api-key' && (credential.expiresAt ?? 0) <= now;
}

function withoutBlanks(record: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null && value !== ''));
}

function reader(value: unknown): Reader {
  return new Reader(value, 'not-logged-in', 'the row');
}

/** Undefined when it is not JSON. The parser's own complaint would quote a secret. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** "odic" is the real, misspelt name. */
const TOKEN_ROWS: readonly TokenRow[] = [
  { key: 'kirocli:external-idp:token', authMethod: 'external-idp' },
  { key: 'kirocli:social:token', authMethod: 'social' },
  { key: 'kirocli:odic:token', authMethod: 'idc', registration: 'kirocli:odic:device-registration' },
  { key: 'codewhisperer:odic:token', authMethod: 'idc', registration: 'codewhisperer:odic:device-registration' },
];

/** What is read of `auth_kv`. */
export const SECRET_KEYS: readonly string[] = TOKEN_ROWS.flatMap(({ key, registration }) =>
  registration === undefined ? [key] : [key, registration],
);
