/** A login in a JSON file, and its fields in every spelling met. Only read. */

import { dirname, join } from 'node:path';
import { GatewayError } from '../core/errors.js';
import { Reader, textOf } from '../core/reader.js';
import { Secret } from '../core/secret.js';
import { DEFAULT_REGION, isProfileArn, isRegion } from '../kiro/calls.js';
import {
  BUILDER_ID_START_URL,
  type Credential,
  type FoundLogin,
  isOneWord,
  isWholeRefreshToken,
  type OidcCredential,
} from './credential.js';
import { FILE_PROBLEMS, type FileProblem, readSmallFile } from './files.js';

/** @throws GatewayError `not-logged-in`, in one sentence that names the file, when there is no usable login. */
export async function readJsonFile(path: string, homeDirectory: string): Promise<FoundLogin> {
  const document = await readJson(path);
  if (document === undefined) {
    throw unusable(
      path,
      `${FILE_PROBLEMS.missing}; sign in to the Kiro IDE, or name the file with KIRO_CREDS_FILE or \`login --file\`.`,
    );
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
  const isMissing = explain(path, () => credentialKind(login) === 'oidc' && !hasClient(login));
  const hash = isMissing ? explain(path, () => find(login, 'clientIdHash')?.string()) : undefined;
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
  unreadable: 'give yourself permission to read it',
} as const satisfies Record<Exclude<FileProblem, 'missing'>, string>;

/** @throws GatewayError of the reader's kind, naming the field; never repeating a secret. */
export function readCredential(login: Reader): Credential {
  const account = {
    region: checked(find(login, 'authRegion', 'idcRegion', 'region'), isRegion, REGION) ?? DEFAULT_REGION,
    apiRegion: checked(find(login, 'apiRegion'), isRegion, REGION),
    profileArn: checked(find(login, 'profileArn'), isProfileArn, 'must be a Kiro profile ARN'),
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
      return { kind, apiKey: readWord(demand(login, 'kiroApiKey')), ...account };
  }
}

/**
 * The fields of a client registration that lies apart from its login, as a login would have them.
 * @throws GatewayError of the reader's kind when it holds no client.
 */
export function registrationFields(registration: Reader): Readonly<Record<string, string | number | undefined>> {
  return {
    clientId: demand(registration, 'clientId').nonEmptyString(),
    clientSecret: demand(registration, 'clientSecret').nonEmptyString(),
    registrationExpiresAt: readTime(find(registration, ...REGISTRATION_EXPIRY, 'expiresAt')),
  };
}

/** What is said wins over what is there; of what is said, an identity provider of its own comes first. */
function credentialKind(login: Reader): Credential['kind'] {
  const said = accountWords(login).map((it) => it.kind);
  if (said[0] !== undefined) return said.find((it) => it === 'external-idp') ?? said[0];
  if (find(login, 'tokenEndpoint') !== undefined) return 'external-idp';
  if (find(login, 'kiroApiKey') !== undefined) return 'api-key';
  return hasClient(login) || find(login, 'clientIdHash') !== undefined ? 'oidc' : 'social';
}

function hasClient(login: Reader): boolean {
  return find(login, 'clientId') !== undefined && find(login, 'clientSecret') !== undefined;
}

/** What the login says about its kind, as far as it is understood; in any case, with dashes or without. */
function accountWords(login: Reader): readonly Account[] {
  const said = ['authMethod', 'provider'].map((name) => find(login, name)?.string() ?? '');
  return said.flatMap((it) => {
    const word = it.toLowerCase().replaceAll(/[-_ ]/g, '');
    return KINDS.filter(({ words }) => words.includes(word));
  });
}

function readTokens(login: Reader) {
  const refreshToken = demand(login, 'refreshToken');
  // Without the value in the complaint: a token cut short is most of a token.
  if (!isWholeRefreshToken(refreshToken.nonEmptyString())) {
    refreshToken.fail('is cut short or is no refresh token; sign in again so that a whole one is written');
  }
  const accessToken = find(login, 'accessToken')?.string() ?? '';
  return {
    refreshToken: new Secret(refreshToken.string()),
    accessToken: isOneWord(accessToken) ? new Secret(accessToken) : undefined,
    expiresAt: readTime(find(login, 'expiresAt')),
  };
}

/** The client that AWS has registered for a login. */
export function readClient(login: Reader) {
  return {
    clientId: demand(login, 'clientId').nonEmptyString(),
    clientSecret: new Secret(demand(login, 'clientSecret').nonEmptyString()),
    // Not there, or zero, says that it has no end.
    registrationExpiresAt: readTime(find(login, ...REGISTRATION_EXPIRY)) || undefined,
  };
}

function readProvider(login: Reader): OidcCredential['provider'] {
  const said = accountWords(login).find((it) => it.provider !== undefined)?.provider;
  const startUrl = find(login, 'startUrl')?.string();
  if (said !== undefined || startUrl === undefined) return said;
  return startUrl.startsWith(BUILDER_ID_START_URL) ? 'builder-id' : 'identity-center';
}

function readIdentityProvider(login: Reader) {
  const scopes = login.optional('scopes');
  return {
    clientId: demand(login, 'clientId').nonEmptyString(),
    tokenEndpoint: demand(login, 'tokenEndpoint').nonEmptyString(),
    issuerUrl: demand(login, 'issuerUrl').nonEmptyString(),
    scopes: scopes?.isArray()
      ? scopes.array().map((it) => it.string())
      : (scopes?.string().split(/[ ,]+/).filter(Boolean) ?? []),
  };
}

function checked(text: Reader | undefined, isGood: (text: string) => boolean, complaint: string): string | undefined {
  return text === undefined || isGood(text.string()) ? text?.string() : text.fail(complaint);
}

/** @throws GatewayError of the reader's kind when it is no token that can stand in a header; never repeating it. */
export function readWord(text: Reader): Secret {
  return isOneWord(text.nonEmptyString()) ? new Secret(text.string()) : text.fail('must be one word');
}

/**
 * Unix milliseconds of a date or a number; numbers below 1e10 are seconds. What is neither counts as long past, because
 * a refresh will tell.
 */
export function readTime(time: Reader | undefined): number | undefined {
  if (time === undefined) return undefined;
  const text = textOf(time.value);
  const number = Number(text);
  if (Number.isNaN(number)) return new Date(text).getTime() || 0;
  return new Date(number < 1e10 ? number * 1000 : number).getTime() || 0;
}

/** What is there under the first of these names, in camel case or in snake case; what is empty is not there. */
export function find(object: Reader, ...names: readonly string[]): Reader | undefined {
  const key = names
    .flatMap((it) => [it, it.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)])
    .find((it) => object.has(it) && object.get(it).value !== '');
  return key === undefined ? undefined : object.get(key);
}

/** The same, but what is not there complains when it is read. */
export function demand(object: Reader, name: string): Reader {
  return find(object, name) ?? object.get(name);
}

const REGION = 'must be an AWS region such as us-east-1';
const REGISTRATION_EXPIRY = ['registrationExpiresAt', 'clientSecretExpiresAt'] as const;

type Account = {
  readonly kind: Credential['kind'];
  readonly provider?: OidcCredential['provider'];
  readonly words: readonly string[];
};

const KINDS: readonly Account[] = [
  { kind: 'external-idp', words: ['externalidp'] },
  { kind: 'api-key', words: ['apikey'] },
  { kind: 'social', words: ['social', 'desktop', 'google', 'github'] },
  { kind: 'oidc', words: ['idc', 'oidc', 'iam'] },
  { kind: 'oidc', provider: 'builder-id', words: ['builderid'] },
  { kind: 'oidc', provider: 'identity-center', words: ['enterprise', 'identitycenter'] },
];
