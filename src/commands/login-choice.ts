/** Which login it is to be: by flags, or by a choice among what was found on this machine. */

import { detectLogins, type Finding, type ImportPlace, readLoginAt, usualPlace } from '../auth/sources.js';
import { BUILDER_ID_START_URL, DEFAULT_LOGIN, type FoundLogin } from '../auth/credential.js';
import type { Context } from '../context.js';
import { GatewayError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import { loginName, oneOf, path, profileArn, region, serviceUrl, type SettingKind } from '../settings-table.js';
import type { Choice, Prompts } from '../terminal/prompts.js';
import { type CommandOptions, complaint } from '../settings.js';
import { usageError } from './command.js';
import { findingLine, type LoginDesk } from './login-desk.js';

export type Plan =
  | { readonly way: 'import'; readonly place: ImportPlace; readonly login: FoundLogin }
  | { readonly way: 'device'; readonly startUrl: string }
  | { readonly way: 'api-key'; readonly apiKey: Secret };

/** What every step of a login knows. */
export type Steps = {
  readonly flags: LoginFlags;
  readonly desk: LoginDesk;
  readonly context: Context;
  /** Undefined without a terminal. */
  readonly prompts: Prompts | undefined;
};

/**
 * @throws GatewayError `invalid-request`, naming the flag, when nobody is there to be asked; `not-logged-in` when the
 * place holds no usable login.
 */
export async function choosePlan(steps: Steps): Promise<Plan> {
  const { flags, desk, context, prompts } = steps;
  if (flags.from !== undefined) return planFor(flags.from, steps);
  const findings = await detectLogins(desk.detection);
  if (prompts !== undefined) return chooseAmong(findings, steps, prompts);
  // What was found helps to choose the flag.
  for (const finding of findings) context.terminal.note(findingLine(finding, context.now()));
  throw missing('--from', 'say where the login comes from: kiro-cli, amazon-q, ide, file, env, api-key or device.');
}

async function planFor(way: LoginWay, steps: Steps): Promise<Plan> {
  const { flags, desk, prompts } = steps;
  if (way === 'device') return { way, startUrl: flags.startUrl ?? (await askStartUrl(prompts)) };
  if (way === 'api-key') return { way, apiKey: await askApiKey(steps) };
  // A way has one of these flags at most, or none.
  const named = flags.file ?? flags.database ?? usualPlace(way, desk.detection)?.path;
  const place = { name: way, path: named ?? (way === 'file' ? await askFile(steps) : undefined) };
  return { way: 'import', place, login: await readLoginAt(place, desk.detection) };
}

/** The freshest login is the first choice, so that Enter takes it. */
async function chooseAmong(findings: readonly Finding[], steps: Steps, prompts: Prompts): Promise<Plan> {
  const now = steps.context.now();
  for (const finding of findings) if ('problem' in finding) prompts.warn(findingLine(finding, now));
  const found = findings.flatMap((finding): readonly Choice<Offer>[] => {
    if ('problem' in finding) return [];
    const { name: value, path: hint } = finding.place;
    return [{ value, label: findingLine(finding, now), ...(hint !== undefined && { hint }) }];
  });
  const question = found.length === 0 ? 'How do you want to log in to Kiro?' : 'Which Kiro login should be used?';
  const choice = await prompts.choose(question, [...found, ...NEW_LOGINS]);
  if (choice === 'social') throw new GatewayError('not-logged-in', SOCIAL);
  if (choice === 'builder-id') return { way: 'device', startUrl: BUILDER_ID_START_URL };
  if (choice === 'identity-center') return { way: 'device', startUrl: await askOrganisation(prompts) };
  return planFor(choice, steps);
}

async function askStartUrl(prompts: Prompts | undefined): Promise<string> {
  if (prompts === undefined) {
    throw missing('--start-url', `give ${BUILDER_ID_START_URL} for a Builder ID, or that of your organisation.`);
  }
  const choice = await prompts.choose('Where do you sign in?', ACCOUNTS);
  return choice === 'builder-id' ? BUILDER_ID_START_URL : askOrganisation(prompts);
}

async function askOrganisation(prompts: Prompts): Promise<string> {
  const answer = await prompts.ask('Start URL of your organisation (https://….awsapps.com/start)', (url) =>
    serviceUrl.parse(url, '') === undefined ? `It must be ${serviceUrl.accepts}.` : undefined,
  );
  return serviceUrl.parse(answer, '') ?? answer;
}

async function askFile({ prompts, context }: Steps): Promise<string> {
  if (prompts === undefined) throw missing('--file', 'give the JSON file that holds the login.');
  const answer = await prompts.ask('Path of the JSON file', (it) => (it === '' ? 'A path is needed.' : undefined));
  return path.parse(answer, context.machine.homeDirectory) ?? answer;
}

/** What is piped in comes first: it was put there for this very command. */
async function askApiKey({ context, desk, prompts }: Steps): Promise<Secret> {
  const { kiroApiKey } = desk.detection.settings;
  const bytes = await context.readPiped({ maxBytes: 100_000, isLine: true, mayBeSilent: false });
  const piped = bytes?.toString().split('\n', 1)[0]?.trim() ?? '';
  if (piped !== '') {
    const complaint = keyComplaint(piped);
    if (complaint !== undefined) throw new GatewayError('invalid-request', `${complaint} What was piped in is none.`);
    return new Secret(piped);
  }
  if (kiroApiKey !== undefined) return kiroApiKey;
  if (prompts === undefined) throw missing('The API key', 'pipe it in, or set KIRO_API_KEY.');
  return prompts.askSecret('Kiro API key (ksk_…)', keyComplaint);
}

/** Never repeats what it complains about. */
function keyComplaint(text: string): string | undefined {
  const isKey = /^ksk_[A-Za-z0-9_\-:/+=.]{8,1000}$/.test(text);
  return isKey ? undefined : 'A Kiro API key is one word of 12 characters or more that begins with ksk_.';
}

const ACCOUNTS = [
  { value: 'builder-id', label: 'Sign in with an AWS Builder ID', hint: 'in the browser; a token of its own' },
  { value: 'identity-center', label: 'Sign in with IAM Identity Center', hint: 'in the browser, for organisations' },
] as const;

type Offer = LoginWay | 'builder-id' | 'identity-center' | 'social';

const NEW_LOGINS: readonly Choice<Offer>[] = [
  ...ACCOUNTS,
  { value: 'social', label: 'Google or GitHub' },
  { value: 'api-key', label: 'Kiro API key', hint: 'ksk_…, of a paid plan' },
  { value: 'file', label: 'A JSON file with a login' },
];

const SOCIAL =
  'A login with Google or GitHub is made by `kiro-cli login` or by the Kiro IDE; do that, then run `kiro-gateway login` again to take it over.';

// --- flags

type LoginFlags = ReturnType<typeof readLoginFlags>;

type LoginWay = (typeof WAYS)[number];

/**
 * Checked before anything happens; `from` is said, or implied by a flag that belongs to one way only.
 * @throws GatewayError `invalid-request`, naming the flag.
 */
export function readLoginFlags(options: CommandOptions, homeDirectory: string) {
  const read = <Value>(flag: string, key: string, kind: SettingKind<Value>): Value | undefined => {
    const value = options[key];
    if (typeof value !== 'string') return undefined;
    const parsed = kind.parse(value.trim(), homeDirectory);
    if (parsed !== undefined) return parsed;
    throw complaint(flag, kind, value);
  };
  const flags = {
    from: read('--from', 'from', oneOf(...WAYS)),
    database: read('--db', 'db', path),
    file: read('--file', 'file', path),
    startUrl: read('--start-url', 'startUrl', serviceUrl),
    region: read('--region', 'region', region),
    name: read('--profile', 'profile', loginName) ?? DEFAULT_LOGIN,
    profileArn: read('--profile-arn', 'profileArn', profileArn),
    store: read('--store', 'store', oneOf('auto', 'keychain', 'file')) ?? 'auto',
    hasAgreed: options['yes'] === true,
  };
  const owned = OWNED_FLAGS.filter(({ key }) => flags[key] !== undefined);
  const from = flags.from ?? owned[0]?.ways[0];
  // A flag that would be ignored is a misunderstanding.
  const foreign = owned.find(({ ways }) => from !== undefined && !ways.includes(from));
  if (foreign === undefined) return { ...flags, from };
  throw usageError(`${foreign.flag} goes with --from ${foreign.ways.join(' or ')}, not with --from ${from}.`);
}

export function missing(flag: string, what: string): GatewayError {
  return usageError(`${flag} is missing: ${what}`);
}

const WAYS = ['kiro-cli', 'amazon-q', 'ide', 'file', 'env', 'api-key', 'device'] as const;

/** Of the ways that a flag goes with, the first is meant where none is said. */
const OWNED_FLAGS: readonly {
  readonly flag: string;
  readonly key: 'database' | 'file' | 'startUrl';
  readonly ways: readonly [LoginWay, ...LoginWay[]];
}[] = [
  { flag: '--db', key: 'database', ways: ['kiro-cli', 'amazon-q'] },
  { flag: '--file', key: 'file', ways: ['file', 'ide'] },
  { flag: '--start-url', key: 'startUrl', ways: ['device'] },
];
