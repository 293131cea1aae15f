/** A login in a JSON file: the Kiro IDE's own, or one that another gateway wrote. Only read. */

import { dirname, join } from 'node:path';
import { GatewayError } from '../../core/errors.js';
import { Reader } from '../../core/reader.js';
import { FILE_PROBLEMS, type FileProblem, readSmallFile } from '../small-file.js';
import type { FoundLogin, Source } from './source.js';
import { missingClientHash, readCredential, registrationFields, withSettings } from './token-fields.js';

export const jsonFileSource: Source = {
  name: 'KIRO_CREDS_FILE',
  describe: ({ kiroCredsFile }) => `the file ${kiroCredsFile} (KIRO_CREDS_FILE)`,
  async read(settings) {
    const path = settings.kiroCredsFile;
    if (path === undefined) return undefined;
    const { credential, notices } = await readJsonFile(path, settings.homeDirectory);
    return { credential: withSettings(credential, settings), notices };
  },
};

/** @throws GatewayError `not-logged-in`, in one sentence that names the file, when there is no usable login. */
export async function readJsonFile(path: string, homeDirectory: string): Promise<FoundLogin> {
  const { login, notices } = chooseLogin(await readJson(path), path);
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
  const registrationPath = await findRegistration(`${hash}.json`, [
    dirname(path),
    join(homeDirectory, '.aws', 'sso', 'cache'),
  ]);
  if (registrationPath === undefined) {
    throw unusable(
      path,
      `needs the file ${hash}.json next to it, which does not exist; copy it there or sign in again.`,
    );
  }
  const registration = await readJson(registrationPath);
  const fields = explain(registrationPath, () => registrationFields(registration));
  return new Reader({ ...login.object(), ...fields }, 'not-logged-in', 'login');
}

async function findRegistration(name: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, name);
    const file = await readSmallFile(path, FILE_RULES);
    if ('text' in file || file.problem !== 'missing') return path;
  }
  return undefined;
}

async function readJson(path: string): Promise<Reader> {
  const file = await readSmallFile(path, FILE_RULES);
  if ('problem' in file) throw unusable(path, `${FILE_PROBLEMS[file.problem]}; ${ADVICE[file.problem]}.`);
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

const FILE_RULES = { maxBytes: 1_000_000, links: 'follow' } as const;

const ADVICE = {
  missing: 'sign in, or set KIRO_CREDS_FILE to where the login lies',
  link: 'set KIRO_CREDS_FILE to the file itself',
  'not-a-file': 'set KIRO_CREDS_FILE to a JSON file',
  'too-large': 'a login is no longer than 1 MB, so set KIRO_CREDS_FILE to another file',
  unreadable: 'allow yourself to read it',
} as const satisfies Record<FileProblem, string>;
