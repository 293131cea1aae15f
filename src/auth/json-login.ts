/** A login in a JSON file, and its fields in every spelling met. Only read. */

import { dirname, join } from 'node:path';
import { GatewayError } from '../core/errors.js';
import { Reader } from '../core/reader.js';
import { Secret } from '../core/secret.js';
import { DEFAULT_REGION, isProfileArn, isRegion } from '../kiro/calls.js';
import {
  BUILDER_ID_START_URL,
  type Credential,
  type FoundLogin,
  isWholeRefreshToken,
  type OidcCredential,
} from './credential.js';
import { FILE_PROBLEMS, type FileProblem, readSmallFile } from './files.js';

/** @throws GatewayError `not-logged-in`, in one sentence that names the file, when there is no usable login. */
export async function readJsonFile(path: string, homeDirectory: string): Promise<FoundLogin> {
  const document = await readJson(path);
  if (document === undefined) {
    throw unusable(path, `${FILE_PROBLEMS.missing}; sign in, or set KIRO_CREDS_FILE to where the login lies.`);
  }
  const { login, notices } = chooseLogin(document, path);
  const whole = await withRegistration(login, path, homeDirectory);
  return { credential: explain(path, () => readCredential(whole)), notices };
}

/** kiro.rs keeps a list of logins; the gateway uses one. */
function chooseLogin(document: Reader, path: string): { login: Reader; notices: readonly string[] } {
  if (!document.isArray()) return { login: document, notices: [] };
  const logins = document.array();
  const index = explain(path, () =>
    logins.findIndex(
      (it) => it.optional('disabled')?.boolean() !== true && it.optional('enabled')?.boolean() !== false,
    ),
  );
  const login = logins[index];
  if (login === undefined) throw unusable(path, 'holds no login that is enabled; enable one.');
  const notice = `${path} holds ${logins.length} logins; the gateway uses the first that is enabled, number ${index + 1}.`;
  return { login, notices: logins.length > 1 ? [notice] : [] };
}

/** The Kiro IDE keeps the client of an AWS login in a second file, which the first one names by a hash. */
async function withRegistration(login: Reader, path: string, homeDirectory: string): Promise<Reader> {
  const hash = explain(path, () => missingClientHash(login));
  if (hash === undefined) return login;
  // The hash is text from a file, and about to become a path.
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(hash)) throw unusable(path, 'has a malformed clientIdHash; sign in again.');
  const name = `${hash}.json`;
  for (const folder of [dirname(path), join(homeDirectory, '.aws', 'sso', 'cache')]) {
    const registration = await readJson(join(folder, name));
    if (registration === undefined) continue;
    const fields = explain(join(folder, name), () => registrationFields(registration));
    return new Reader({ ...login.object(), ...fields }, 'not-logged-in', 'login');
  }
  // A longer text is no hash of Kiro's, and may be a token in the wrong place.
  const told = hash.length > 40 ? 'that its clientIdHash names' : name;
  throw unusable(path, `needs the file ${told} next to it, which does not exist; copy it there or sign in again.`);
}

/** Undefined when there is no such file. */
async function readJson(path: string): Promise<Reader | undefined> {
  const file = await readSmallFile(path, { maxBytes: 1_000_000, links: 'follow' });
  if ('problem' in file) {
    if (file.problem === 'missing') return undefined;
    throw unusable(path, `${FILE_PROBLEMS[file.problem]}; ${ADVICE[file.problem]}.`);
  }
  try {
    return new Reader(JSON.parse(file.text), 'not-logged-in', 'the document');
  } catch {
    // Without the cause: node quotes the text it could not parse, and this one is a secret.
    throw unusable(path, 'is not JSON; sign in again so that it is written anew.');
  }
}

/** Runs a reading whose complaints name fields, and adds the file to them. */
function explain<Value>(path: string, read: () => Value): Value {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof GatewayError) throw unusable(path, `cannot be used: ${thrown.message}.`);
    throw thrown;
  }
}

function unusable(path: string, complaint: string): GatewayError {
  return new GatewayError('not-logged-in', `The login file ${path} ${complaint}`);
}

const ADVICE = {
  link: 'set KIRO_CREDS_FILE to the file itself',
  'not-a-file': 'set KIRO_CREDS_FILE to a JSON file',
  'too-large': 'a login is no longer than 1 MB, so set KIRO_CREDS_FILE to another file',
  unreadable: 'allow yourself to read it',
} as const satisfies Record<Exclude<FileProblem, 'missing'>, string>;

/** @throws GatewayError of the reader's kind, naming the field; never repeating a secret. */
export function readCredential(login: Reader): Credential {
  const account = {
    region: readRegion(login, ['authRegion', 'auth_region', 'idcRegion', 'idc_region', 'region']) ?? DEFAULT_REGION,
    apiRegion: readRegion(login, ['apiRegion', 'api_region']),
    profileArn: readProfileArn(login),
  };
  const kind = credentialKind(login);
  switch (kind) {
    case 'social':
      return { kind, ...readTokens(login), ...account };
    case 'oidc':
      return { kind, ...readTokens(login), ...account, ...readClient(login), provider: readProvider(login) };
    case 'external-idp':
      return { kind, ...readTokens(login), ...account, ...readIdentityProvider(login) };
    case 'api-key':
      return { kind, apiKey: readSecret(login, API_KEY), ...account };
  }
}

/**
 * The fields of a client registration that lies apart from its login, as a login would have them.
 * @throws GatewayError of the reader's kind when it holds no client.
 */
export function registrationFields(registration: Reader): Readonly<Record<string, string | number>> {
  const clientId = required(registration, CLIENT_ID).nonEmptyString();
  const clientSecret = required(registration, CLIENT_SECRET).nonEmptyString();
  const registrationExpiresAt = readTime(find(registration, [...REGISTRATION_EXPIRY, ...EXPIRY]));
  return { clientId, clientSecret, ...(registrationExpiresAt !== undefined && { registrationExpiresAt }) };
}

/** The name of the registration of an AWS login whose client is not in the login itself. */
function missingClientHash(login: Reader): string | undefined {
  if (credentialKind(login) !== 'oidc' || hasClient(login)) return undefined;
  return find(login, CLIENT_ID_HASH)?.string();
}

/** What is said wins over what is there; of what is said, an identity provider of its own comes first. */
function credentialKind(login: Reader): Credential['kind'] {
  const kinds = accountWords(login).map((it) => KIND_OF_WORD.get(it));
  const said = kinds.find((it) => it === 'external-idp') ?? kinds.find((it) => it !== undefined);
  if (said !== undefined) return said;
  if (find(login, TOKEN_ENDPOINT) !== undefined) return 'external-idp';
  if (find(login, API_KEY) !== undefined) return 'api-key';
  return hasClient(login) || find(login, CLIENT_ID_HASH) !== undefined ? 'oidc' : 'social';
}

function hasClient(login: Reader): boolean {
  return find(login, CLIENT_ID) !== undefined && find(login, CLIENT_SECRET) !== undefined;
}

/** What the login says about its kind: in lower case, without dashes, underscores and spaces. */
function accountWords(login: Reader): readonly string[] {
  return ['authMethod', 'auth_method', 'provider'].map((key) => {
    const word = login.optional(key)?.string() ?? '';
    return word.toLowerCase().replaceAll(/[-_ ]/g, '');
  });
}

function readTokens(login: Reader) {
  const refreshToken = required(login, ['refreshToken', 'refresh_token']);
  // Without the value in the complaint: a token cut short is most of a token.
  if (!isWholeRefreshToken(refreshToken.nonEmptyString())) {
    refreshToken.fail('is cut short or is no refresh token; sign in again so that a whole one is written');
  }
  const accessToken = find(login, ['accessToken', 'access_token'])?.string() ?? '';
  return {
    refreshToken: new Secret(refreshToken.string()),
    accessToken: accessToken === '' ? undefined : new Secret(accessToken),
    expiresAt: readTime(find(login, EXPIRY)),
  };
}

function readClient(login: Reader) {
  return {
    clientId: required(login, CLIENT_ID).nonEmptyString(),
    clientSecret: readSecret(login, CLIENT_SECRET),
    registrationExpiresAt: readTime(find(login, REGISTRATION_EXPIRY)),
  };
}

function readProvider(login: Reader): OidcCredential['provider'] {
  const words = accountWords(login);
  const said = words.map((it) => PROVIDER_OF_WORD.get(it)).find((it) => it !== undefined);
  const startUrl = find(login, ['startUrl', 'start_url'])?.string();
  if (said !== undefined || startUrl === undefined) return said;
  return startUrl.startsWith(BUILDER_ID_START_URL) ? 'builder-id' : 'identity-center';
}

function readIdentityProvider(login: Reader) {
  return {
    clientId: required(login, CLIENT_ID).nonEmptyString(),
    tokenEndpoint: required(login, TOKEN_ENDPOINT).nonEmptyString(),
    issuerUrl: required(login, ['issuerUrl', 'issuer_url']).nonEmptyString(),
    scopes: readScopes(login),
  };
}

function readScopes(login: Reader): readonly string[] {
  const scopes = login.optional('scopes');
  if (scopes === undefined) return [];
  return scopes.isArray() ? scopes.array().map((it) => it.string()) : scopes.string().split(/[ ,]+/).filter(Boolean);
}

function readRegion(login: Reader, keys: Spellings): string | undefined {
  const region = find(login, keys);
  if (region === undefined) return undefined;
  return isRegion(region.string()) ? region.string() : region.fail('must be an AWS region such as us-east-1');
}

function readProfileArn(login: Reader): string | undefined {
  const arn = find(login, ['profileArn', 'profile_arn']);
  if (arn === undefined) return undefined;
  return isProfileArn(arn.string()) ? arn.string() : arn.fail('must be a Kiro profile ARN');
}

/**
 * Unix milliseconds of a date or a number; numbers below 1e10 are seconds. A text that is neither counts as long past,
 * because a refresh will tell.
 */
function readTime(time: Reader | undefined): number | undefined {
  if (time === undefined) return undefined;
  const value = time.isString() ? time.string() : time.number();
  const number = typeof value === 'number' || /^\d+$/.test(value) ? Number(value) : undefined;
  if (number !== undefined) return number < 1e10 ? number * 1000 : number;
  return Date.parse(String(value)) || 0;
}

function readSecret(object: Reader, keys: Spellings): Secret {
  return new Secret(required(object, keys).nonEmptyString());
}

/** The value under the first spelling that is there; else under the first of all, so that the complaint names it. */
function required(object: Reader, keys: Spellings): Reader {
  return find(object, keys) ?? object.get(keys[0]);
}

function find(object: Reader, keys: Spellings): Reader | undefined {
  const key = keys.find((it) => object.has(it) && object.get(it).value !== '');
  return key === undefined ? undefined : object.get(key);
}

type Spellings = readonly [string, ...string[]];

const CLIENT_ID: Spellings = ['clientId', 'client_id'];
const CLIENT_SECRET: Spellings = ['clientSecret', 'client_secret'];
const CLIENT_ID_HASH: Spellings = ['clientIdHash', 'client_id_hash'];
const TOKEN_ENDPOINT: Spellings = ['tokenEndpoint', 'token_endpoint'];
const API_KEY: Spellings = ['kiroApiKey', 'kiro_api_key'];
const EXPIRY: Spellings = ['expiresAt', 'expires_at'];
const REGISTRATION_EXPIRY: Spellings = [
  'registrationExpiresAt',
  'registration_expires_at',
  'clientSecretExpiresAt',
  'client_secret_expires_at',
];

const KIND_OF_WORD: ReadonlyMap<string, Credential['kind']> = new Map([
  ['externalidp', 'external-idp'],
  ['apikey', 'api-key'],
  ...['social', 'desktop', 'google', 'github'].map((it) => [it, 'social'] as const),
  ...['idc', 'oidc', 'iam', 'builderid', 'enterprise', 'identitycenter'].map((it) => [it, 'oidc'] as const),
]);

const PROVIDER_OF_WORD: ReadonlyMap<string, 'builder-id' | 'identity-center'> = new Map([
  ['builderid', 'builder-id'],
  ['enterprise', 'identity-center'],
  ['identitycenter', 'identity-center'],
]);
