/**
 * `login`: choose, agree, prove, store, and say so. Nothing is stored before the last step, or when it is stopped, but
 * for tokens that the proof had to renew.
 */

import {
  accountKind,
  type ApiKeyCredential,
  BUILDER_ID_START_URL,
  type Credential,
  digestOf,
  type FoundLogin,
  type RefreshableCredential,
  toAccess,
  type Tokens,
} from '../auth/credential.js';
import { type DeviceCode, signInWithDevice, stopped } from '../auth/device-flow.js';
import { askKiroCli } from '../auth/kiro-cli.js';
import { refreshCredential, type RefreshDependencies } from '../auth/refresh.js';
import { readLoginAt, usualPlace } from '../auth/sources.js';
import type { LoginStore } from '../auth/login-store.js';
import type { LoginOrigin } from '../auth/store.js';
import { GatewayError } from '../core/errors.js';
import type { Profile } from '../kiro/answers.js';
import { API_REGIONS, DEFAULT_REGION } from '../kiro/calls.js';
import { type ClientDependencies, createKiroClient, type KiroClient } from '../kiro/client.js';
import { hostsOf } from '../open-gateway.js';
import { printable } from '../terminal/terminal.js';
import type { Run } from './command.js';
import { choosePlan, missing, type Plan, readLoginFlags, type Steps } from './login-choice.js';
import { credentialLife, openLoginDesk, storePlace, UNOFFICIAL, whereItCalls } from './login-desk.js';

export const login: Run = async (_, options, context) => {
  const { terminal } = context;
  const said = readLoginFlags(options, context.machine.homeDirectory);
  const prompts = await context.loadPrompts();
  const notices = new Set<string>();
  const desk = await openLoginDesk(context, options, (sentence) => {
    if (!notices.has(sentence)) terminal.note(sentence);
    notices.add(sentence);
  });
  // In a demonstration nobody is there to be asked, and no account is at stake.
  const flags =
    desk.logins === undefined && prompts === undefined
      ? { ...said, from: said.from ?? 'device', startUrl: said.startUrl ?? BUILDER_ID_START_URL, hasAgreed: true }
      : said;
  // Flags count like the settings of the same meaning.
  const { region: kiroRegion, profileArn } = said;
  const settings = { ...desk.detection.settings, ...(kiroRegion && { kiroRegion }), ...(profileArn && { profileArn }) };
  try {
    return await logInAt({ flags, context, prompts, desk: { ...desk, detection: { ...desk.detection, settings } } });
  } finally {
    await desk.close();
  }
};

async function logInAt(steps: Steps): Promise<number> {
  const { flags, context, desk } = steps;
  if (flags.from !== undefined && steps.prompts === undefined && !flags.hasAgreed) {
    throw missing('--yes', `${UNOFFICIAL.join(' ')} Say --yes if you agree.`);
  }
  const plan = await choosePlan(steps);
  await tellTerms(steps);
  await desk.logins?.rehearse(flags.name, flags.store);
  const { settings } = desk;
  const tools = {
    fetch: await context.loadFetch(settings.vpnProxyUrl),
    now: context.now,
    sleep: context.sleep,
    randomId: context.randomId,
    overrides: hostsOf(settings),
    userAgent: settings.kiroUserAgent,
    optOut: settings.kiroOptOut,
    keep: (proof: Proof) => keep(proof, originOf(plan), desk.logins, flags),
  };
  const proof = await obtain(plan, steps, tools);
  // Once a login has been renewed, what lies at its source may be dead, and stopping would lose it.
  if (proof.renewed === undefined && context.stopSignal().aborted) throw stopped();
  const saved = await tools.keep(proof);
  const { credential } = proof;
  const name = flags.name === 'default' ? '' : ` as ${flags.name}`;
  const profile = credential.profileArn === undefined ? '' : `, profile ${credential.profileArn}`;
  const place = saved === undefined ? 'nowhere: this was the simulator' : `in ${storePlace(saved.store, desk.paths)}`;
  await context.terminal.result(
    `Logged in${name}: ${accountKind(credential)}, token ${credentialLife(credential, context.now())}.\n` +
      `Kept ${place}; Kiro is called in ${whereItCalls(credential)}${profile}.\n`,
  );
  return 0;
}

type Proof = {
  readonly credential: Credential;
  /** The tokens in it when they come from a refresh, which may have killed those that somebody else has. */
  readonly renewed?: Tokens | undefined;
};

type ProofTools = RefreshDependencies &
  Pick<ClientDependencies, 'optOut' | 'randomId'> & { readonly keep: (proof: Proof) => Promise<unknown> };

async function keep(
  { credential, renewed }: Proof,
  source: LoginOrigin,
  logins: LoginStore | undefined,
  { name, store }: Steps['flags'],
) {
  const saved = await logins?.saveLogin(name, credential, { store, source });
  // So that the list says who renewed it: the copy at the source may be retired.
  if (renewed !== undefined) await logins?.tokenStore(name).write(digestOf(credential), renewed, 'gateway');
  return saved;
}

function originOf(plan: Plan): LoginOrigin {
  if (plan.way === 'import') return plan.place;
  return { name: plan.way === 'device' ? 'device-flow' : plan.way, path: undefined };
}

async function tellTerms({ flags, prompts, context }: Steps): Promise<void> {
  if (prompts === undefined) context.terminal.note(UNOFFICIAL.join('\n'));
  else prompts.box('Before you go on', UNOFFICIAL);
  if (prompts === undefined || flags.hasAgreed) return;
  if (!(await prompts.agree('Use it with this login?'))) throw stopped();
}

async function obtain(plan: Plan, steps: Steps, tools: ProofTools): Promise<Proof> {
  const { kiroRegion: region, kiroApiRegion: apiRegion, profileArn } = steps.desk.detection.settings;
  switch (plan.way) {
    case 'device': {
      const { startUrl } = plan;
      const show = (code: DeviceCode): void => showCode(code, steps);
      const found = await busy(steps, 'Waiting until you have approved it in the browser', (signal) =>
        signInWithDevice({ startUrl, region, show, signal }, tools),
      );
      return prove({ ...found, apiRegion, profileArn }, steps, tools);
    }
    case 'api-key': {
      const place = { region: region ?? DEFAULT_REGION, apiRegion, profileArn: undefined };
      return prove({ kind: 'api-key', apiKey: plan.apiKey, ...place }, steps, tools);
    }
    case 'import': {
      const { credential, notices } = await renewedByOwner(plan, steps);
      for (const it of notices) steps.context.terminal.note(it);
      return prove(credential, steps, tools);
    }
  }
}

/** kiro-cli is asked to renew its own login, because a refresh of ours may retire the copy that it has. */
async function renewedByOwner(
  { place, login }: Extract<Plan, { way: 'import' }>,
  { context, desk }: Steps,
): Promise<FoundLogin> {
  const { credential } = login;
  const usual = usualPlace('kiro-cli', desk.detection)?.path;
  if (place.path !== usual || credential.kind === 'api-key' || isAlive(credential, context.now())) return login;
  return (await askKiroCli(context.runProgram)) ? readLoginAt(place, desk.detection) : login;
}

function showCode({ url, userCode }: DeviceCode, { prompts, context }: Steps): void {
  const lines = [`Open  ${url}`, `code  ${userCode}`];
  if (prompts === undefined) for (const line of lines) context.terminal.note(line);
  else prompts.box('Approve the login in a browser, on any machine', lines);
}

function busy<Result>(
  { prompts, context }: Steps,
  message: string,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const working = work(context.stopSignal());
  return prompts === undefined ? working : prompts.during(message, working);
}

// --- the proof

/** @throws GatewayError `login-expired` when it does not work, others when nobody can tell. */
async function prove(credential: Credential, steps: Steps, tools: ProofTools): Promise<Proof> {
  if (credential.kind === 'api-key') {
    return busy(steps, 'Trying the API key', (signal) => proveApiKey(credential, steps, { tools, signal }));
  }
  const { profiles, ...proof } = await busy(steps, 'Trying the login', (signal) =>
    proveLogin(credential, tools, signal),
  );
  return withProfile(proof, profiles, steps);
}

/** It works only in the region that it was made in. One that somebody said is the only one that is tried. */
async function proveApiKey(
  credential: ApiKeyCredential,
  { desk, flags }: Steps,
  { tools, signal }: { readonly tools: ProofTools; readonly signal: AbortSignal },
): Promise<Proof> {
  const { kiroRegion, kiroApiRegion } = desk.detection.settings;
  const said = flags.region ?? kiroApiRegion ?? credential.apiRegion ?? kiroRegion;
  const regions = said === undefined ? [...new Set([credential.region, ...API_REGIONS])] : [said];
  let failure: GatewayError | undefined;
  for (const region of regions) {
    const candidate = { ...credential, region, apiRegion: region, profileArn: undefined };
    try {
      await clientOf(candidate, region, tools).listModels(signal);
      return { credential: candidate };
    } catch (thrown) {
      if (!(thrown instanceof GatewayError) || thrown.kind === 'cancelled') throw thrown;
      if (thrown.kind !== 'login-expired') failure ??= thrown;
    }
  }
  const message = `Kiro does not know this API key in ${regions.join(' or ')}; copy it again, or give its --region.`;
  throw failure ?? new GatewayError('login-expired', message);
}

/**
 * A token that still lives is tried as it is, because a refresh may retire the copy of whoever else has it.
 * @returns also the profiles to choose from, when the login names none.
 */
async function proveLogin(credential: RefreshableCredential, tools: ProofTools, signal: AbortSignal) {
  if (isAlive(credential, tools.now())) {
    try {
      if (credential.profileArn === undefined)
        return { credential, profiles: await listProfiles(credential, tools, signal) };
      await clientOf(credential, credential.apiRegion, tools).listModels(signal);
      return { credential, profiles: [] };
    } catch (thrown) {
      if (!(thrown instanceof GatewayError) || thrown.kind !== 'login-expired') throw thrown;
    }
  }
  const renewed = await refreshCredential(credential, tools);
  const latest = { ...credential, ...renewed };
  if (latest.profileArn !== undefined) return { credential: latest, renewed, profiles: [] };
  // The refresh was the proof, and its tokens have to be kept whatever Kiro says about profiles, and before it does.
  await tools.keep({ credential: latest, renewed });
  return { credential: latest, renewed, profiles: await listProfiles(latest, tools, signal).catch(() => []) };
}

function isAlive({ accessToken, expiresAt = 0 }: RefreshableCredential, now: number): boolean {
  return accessToken !== undefined && expiresAt - now > MARGIN_MS;
}

/** A profile belongs to one API region, which nobody knows beforehand. */
async function listProfiles(
  credential: RefreshableCredential,
  tools: ProofTools,
  signal: AbortSignal,
): Promise<readonly Profile[]> {
  const regions = credential.apiRegion === undefined ? API_REGIONS : [credential.apiRegion];
  const answers = await Promise.allSettled(regions.map((it) => clientOf(credential, it, tools).listProfiles(signal)));
  const listed = answers.flatMap((it) => (it.status === 'fulfilled' ? it.value : []));
  const failures = answers.flatMap((it) => (it.status === 'rejected' ? [it.reason as unknown] : []));
  if (failures.length === answers.length && !failures.some(isRefusedOnly)) throw failures[0];
  return [...new Map(listed.map((it) => [it.arn, it])).values()];
}

/** Kiro knew the token and denies the question, as it does to a Builder ID, which needs no profile of its own. */
function isRefusedOnly(thrown: unknown): boolean {
  return thrown instanceof GatewayError && (thrown.kind === 'forbidden' || thrown.kind === 'invalid-request');
}

function clientOf(credential: Credential, apiRegion: string | undefined, tools: ProofTools): KiroClient {
  const refusal = new GatewayError(
    'login-expired',
    'Kiro does not accept this login; sign in again where it came from, or log in another way.',
  );
  const session = {
    accessToken: () => Promise.resolve(toAccess(credential)),
    forceRefresh: () => Promise.reject(refusal),
  };
  return createKiroClient({ ...tools, session, apiRegion });
}

async function withProfile(proof: Proof, profiles: readonly Profile[], { prompts, context }: Steps): Promise<Proof> {
  const [first, second] = profiles;
  if (first === undefined) return proof;
  const choose = (profileArn: string): Proof => ({ ...proof, credential: { ...proof.credential, profileArn } });
  if (second === undefined) return choose(first.arn);
  const named = profiles.map(({ arn, name }) => ({ arn, name: printable(name).slice(0, LONGEST_NAME) }));
  const several = `the account has several profiles: ${named.map(({ arn, name }) => `${arn} (${name})`).join(', ')}.`;
  const choices = named.map(({ arn, name }) => ({ value: arn, label: name || arn, hint: arn }));
  try {
    if (prompts === undefined) throw missing('--profile-arn', several);
    return choose(await prompts.choose('Which Kiro profile should be used?', choices));
  } catch (thrown) {
    if (proof.renewed === undefined) throw thrown;
    // The tokens at the source may be dead by now, so these are kept all the same.
    context.terminal.note(`No profile was chosen, and ${several} Set PROFILE_ARN to one of them.`);
    return proof;
  }
}

/** As long as a token must still be good for. */
const MARGIN_MS = 60_000;
const LONGEST_NAME = 100;
