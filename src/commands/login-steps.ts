/** The steps of `login`: choose, agree, prove, store, and say so. Nothing is stored before the last. */

import {
  type ApiKeyCredential,
  type Credential,
  digestOf,
  type RefreshableCredential,
  type Tokens,
} from '../auth/credential.js';
import { readLoginAt, usualPlace } from '../auth/detect.js';
import { signInWithDevice, type DeviceCode } from '../auth/device-flow.js';
import type { LoginOrigin } from '../auth/login-index.js';
import { checkLoginName } from '../auth/login-names.js';
import { API_REGIONS, type Proof, proveApiKey, proveLogin, type ProofTools } from '../auth/prove.js';
import { askKiroCli } from '../auth/sources/kiro-cli-program.js';
import type { FoundLogin } from '../auth/sources/source.js';
import type { Context } from '../context.js';
import { GatewayError } from '../core/errors.js';
import type { Prompts } from '../terminal/prompts.js';
import type { CommandOptions } from './command.js';
import { choosePlan, type Plan } from './login-choice.js';
import { openLoginDesk, storePlace, type LoginDesk } from './login-desk.js';
import { missing, readLoginFlags, type LoginFlags } from './login-flags.js';
import { credentialLife, printable, UNOFFICIAL, whereItCalls } from './login-words.js';

/** @returns the exit code. @throws GatewayError; `cancelled` when the person stops it, and then nothing is stored. */
export async function logIn(options: CommandOptions, context: Context): Promise<number> {
  const { terminal } = context;
  const flags = readLoginFlags(options, context.machine.homeDirectory);
  const prompts = await context.loadPrompts();
  const notices = new Set<string>();
  const notice = (sentence: string): void => {
    if (!notices.has(sentence)) terminal.note(sentence);
    notices.add(sentence);
  };
  const desk = await openLoginDesk(context, options, notice);
  const steps: Steps = { flags, context, prompts, desk: withFlags(desk, flags) };
  if (flags.from !== undefined) requireAgreement(steps);
  const plan = await choosePlan({ ...steps, detection: steps.desk.detection });
  requireAgreement(steps);
  await tellTerms(steps);
  await makeSureOfStore(steps);
  const { credential, origin, renewed } = await obtain(plan, steps);
  if (context.stopSignal().aborted) throw new GatewayError('cancelled', 'Stopped; nothing was stored.');
  const saved = await desk.logins.saveLogin(flags.name, credential, { store: flags.store, source: origin });
  // So that the list says who renewed it: the copy at the source may be retired.
  if (renewed !== undefined) await desk.logins.tokenStore(flags.name).write(digestOf(credential), renewed, 'gateway');
  const name = flags.name === 'default' ? '' : ` as ${flags.name}`;
  const profile = credential.profileArn === undefined ? '' : `, profile ${credential.profileArn}`;
  await terminal.result(
    `Logged in${name}: ${saved.account}, token ${credentialLife(credential, context.now())}.\n` +
      `Kept in ${storePlace(saved.store, desk.paths)}; Kiro is called in ${whereItCalls(credential)}${profile}.\n`,
  );
  return 0;
}

type Steps = {
  readonly flags: LoginFlags;
  readonly context: Context;
  readonly prompts: Prompts | undefined;
  readonly desk: LoginDesk;
};

type ImportPlan = Extract<Plan, { way: 'import' }>;

type Obtained = {
  readonly credential: Credential;
  readonly origin: LoginOrigin;
  /** What a refresh has made of a login that somebody else has a copy of. */
  readonly renewed?: Tokens | undefined;
};

/** Flags count like the settings of the same meaning. */
function withFlags(desk: LoginDesk, { region, profileArn }: LoginFlags): LoginDesk {
  const { settings } = desk.detection;
  const changed = { ...settings, ...(region && { kiroRegion: region }), ...(profileArn && { profileArn }) };
  return { ...desk, detection: { ...desk.detection, settings: changed } };
}

function requireAgreement({ flags, prompts }: Steps): void {
  if (flags.hasAgreed || prompts !== undefined) return;
  throw missing('--yes', `${UNOFFICIAL.join(' ')} Say --yes if you agree.`);
}

/** A refresh may retire the old tokens, so it must be certain beforehand that there is a place for the new ones. */
async function makeSureOfStore({ flags, context, desk }: Steps): Promise<void> {
  const logins = await desk.logins.listLogins().catch(() => []);
  checkLoginName(
    flags.name,
    logins.map((it) => it.name),
  );
  if (flags.store !== 'keychain') return;
  const availability = await context.keychain().available();
  if (!availability.ok) throw new GatewayError('forbidden', `${availability.reason} The login was not saved.`);
}

async function tellTerms({ flags, prompts, context }: Steps): Promise<void> {
  if (prompts === undefined) context.terminal.note(UNOFFICIAL.join('\n'));
  else prompts.box('Before you go on', UNOFFICIAL);
  if (prompts === undefined || flags.hasAgreed) return;
  if (!(await prompts.agree('Use it with this login?'))) {
    throw new GatewayError('cancelled', 'Stopped; nothing was stored.');
  }
}

async function obtain(plan: Plan, steps: Steps): Promise<Obtained> {
  switch (plan.way) {
    case 'device':
      return { credential: await signIn(plan.startUrl, steps), origin: { name: 'device-flow', path: undefined } };
    case 'api-key': {
      const { kiroRegion: region = API_REGIONS[0], kiroApiRegion: apiRegion } = steps.desk.detection.settings;
      const credential: ApiKeyCredential = {
        kind: 'api-key',
        apiKey: plan.apiKey,
        region,
        apiRegion,
        profileArn: undefined,
      };
      return { credential: await proveKey(credential, steps), origin: { name: 'api-key', path: undefined } };
    }
    case 'import': {
      const { credential, notices } = await renewedByOwner(plan, steps);
      for (const it of notices) steps.context.terminal.note(it);
      const origin = plan.place;
      if (credential.kind === 'api-key') return { credential: await proveKey(credential, steps), origin };
      return { ...(await prove(credential, steps)), origin };
    }
  }
}

/** kiro-cli is asked to renew its own login, because a refresh of ours may retire the copy that it has. */
async function renewedByOwner({ place, login }: ImportPlan, { context, desk }: Steps): Promise<FoundLogin> {
  const { credential } = login;
  const usual = usualPlace('kiro-cli', desk.detection)?.path;
  if (place.path !== usual || credential.kind === 'api-key') return login;
  if ((credential.expiresAt ?? 0) - context.now() > MARGIN_MS || !(await askKiroCli(context.runProgram))) return login;
  return readLoginAt(place, desk.detection);
}

/** A region that somebody said is the only one that is tried. */
async function proveKey(credential: ApiKeyCredential, steps: Steps): Promise<ApiKeyCredential> {
  const { kiroRegion, kiroApiRegion } = steps.desk.detection.settings;
  const said = steps.flags.region ?? kiroApiRegion ?? credential.apiRegion ?? kiroRegion;
  const regions = said === undefined ? [...new Set([credential.region, ...API_REGIONS])] : [said];
  const tools = await proofTools(steps);
  return busy(steps, 'Trying the API key', (signal) => proveApiKey(credential, regions, tools, signal));
}

async function prove(found: RefreshableCredential, steps: Steps): Promise<Omit<Obtained, 'origin'>> {
  const tools = await proofTools(steps);
  const proof = await busy(steps, 'Trying the login', (signal) => proveLogin(found, tools, signal));
  const credential = await withProfile(proof, steps);
  return { credential, renewed: proof.renewed };
}

async function signIn(startUrl: string, steps: Steps): Promise<Credential> {
  const { kiroRegion: region, profileArn, kiroApiRegion: apiRegion } = steps.desk.detection.settings;
  const tools = await proofTools(steps);
  const show = (code: DeviceCode): void => showCode(code, steps);
  const credential = await busy(steps, 'Waiting until you have approved it in the browser', (signal) =>
    signInWithDevice({ startUrl, region, show, signal }, tools),
  );
  return (await prove({ ...credential, apiRegion, profileArn }, steps)).credential;
}

function showCode({ url, userCode }: DeviceCode, { prompts, context }: Steps): void {
  const lines = [`Open  ${url}`, `code  ${userCode}`];
  if (prompts === undefined) for (const line of lines) context.terminal.note(line);
  else prompts.box('Approve the login in a browser, on any machine', lines);
}

async function withProfile(
  { credential, profiles, renewed }: Proof,
  { prompts, context }: Steps,
): Promise<RefreshableCredential> {
  const [first, second] = profiles;
  if (credential.profileArn !== undefined || first === undefined) return credential;
  if (second === undefined) return { ...credential, profileArn: first.arn };
  if (prompts === undefined) {
    const arns = profiles.map(({ arn, name }) => `${arn} (${printable(name)})`).join(', ');
    const several = `the account has several profiles: ${arns}.`;
    if (renewed === undefined) throw missing('--profile-arn', several);
    // The tokens at the source may be dead by now, so these are kept all the same.
    context.terminal.note(`No profile was chosen, and ${several} Set PROFILE_ARN to one of them.`);
    return credential;
  }
  const choices = profiles.map(({ arn, name }) => ({ value: arn, label: printable(name) || arn, hint: arn }));
  return { ...credential, profileArn: await prompts.choose('Which Kiro profile is to be used?', choices) };
}

async function proofTools({ context, desk }: Steps): Promise<ProofTools> {
  const { kiroApiUrl: api, kiroManagementUrl: management, kiroAuthUrl: auth, kiroOidcUrl: oidc } = desk.settings;
  return {
    fetch: await context.loadFetch(desk.settings.vpnProxyUrl),
    now: context.now,
    sleep: context.sleep,
    randomId: context.randomId,
    overrides: { api, management, auth, oidc },
    userAgent: desk.settings.kiroUserAgent,
    optOut: desk.settings.kiroOptOut,
  };
}

function busy<Result>(
  { prompts, context }: Steps,
  message: string,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const working = work(context.stopSignal());
  return prompts === undefined ? working : prompts.during(message, working);
}

/** As long as a token must still be good for. */
const MARGIN_MS = 60_000;
