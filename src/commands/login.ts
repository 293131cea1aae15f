/**
 * `login`: choose, agree, prove, store, and say so. Nothing is stored before the last step, or when it is stopped, but
 * for a login that the proof had to renew.
 */

import {
  accountKind,
  type ApiKeyCredential,
  BUILDER_ID_START_URL,
  type Credential,
  digestOf,
  type FoundLogin,
  toAccess,
  type Tokens,
} from '../auth/credential.js';
import { type DeviceCode, signInWithDevice, stopped } from '../auth/device-flow.js';
import { createRefreshLock } from '../auth/lock.js';
import type { LoginServiceTools } from '../auth/refresh.js';
import { createSession, type Session } from '../auth/session.js';
import { readLoginAt } from '../auth/sources.js';
import { GatewayError, toGatewayError } from '../core/errors.js';
import type { Profile } from '../kiro/answers.js';
import { API_REGIONS, DEFAULT_REGION } from '../kiro/calls.js';
import { type AccessProvider, type ClientDependencies, createKiroClient } from '../kiro/client.js';
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
  };
  const { found, latest, isKept } = await obtain(plan, steps, tools);
  if (!isKept && context.stopSignal().aborted) throw stopped();
  const saved = await save(found, plan, steps);
  const name = flags.name === 'default' ? '' : ` as ${flags.name}`;
  const profile = latest.profileArn === undefined ? '' : `, profile ${latest.profileArn}`;
  const place = saved === undefined ? 'nowhere: this was the simulator' : `in ${storePlace(saved.store, desk.paths)}`;
  await context.terminal.result(
    `Logged in${name}: ${accountKind(latest)}, token ${credentialLife(latest, context.now())}.\n` +
      `Kept ${place}; Kiro is called in ${whereItCalls(latest)}${profile}.\n`,
  );
  return 0;
}

/** What is known to work. */
type Proof = {
  /** The login as it was found, which names it through all renewals. */
  readonly found: Credential;
  readonly latest: Credential;
  /** It is saved already, because it had to be renewed: what lies at its source may be dead. */
  readonly isKept?: boolean;
};

type ProofTools = LoginServiceTools & Pick<ClientDependencies, 'optOut' | 'randomId'>;

/** Undefined with `--demo`, where nothing is stored. */
async function save(credential: Credential, plan: Plan, { desk, flags: { name, store } }: Steps, renewed?: Tokens) {
  const way = plan.way === 'device' ? 'device-flow' : plan.way;
  const source = plan.way === 'import' ? plan.place : { name: way, path: undefined };
  return desk.logins?.saveLogin(name, credential, { store, source, renewed });
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
      return proveLogin({ credential: { ...found, apiRegion, profileArn }, notices: [] }, plan, steps, tools);
    }
    case 'api-key': {
      const place = { region: region ?? DEFAULT_REGION, apiRegion, profileArn: undefined };
      return proveApiKey({ kind: 'api-key', apiKey: plan.apiKey, ...place }, steps, tools);
    }
    case 'import': {
      const { credential, notices } = plan.login;
      for (const it of notices) steps.context.terminal.note(it);
      if (credential.kind === 'api-key') return proveApiKey(credential, steps, tools);
      return proveLogin(plan.login, plan, steps, tools);
    }
  }
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

/** It works only in the region that it was made in. One that somebody said is the only one that is tried. */
function proveApiKey(credential: ApiKeyCredential, steps: Steps, tools: ProofTools): Promise<Proof> {
  const { kiroRegion, kiroApiRegion } = steps.desk.detection.settings;
  const said = steps.flags.region ?? kiroApiRegion ?? credential.apiRegion ?? kiroRegion;
  const regions = said === undefined ? [...new Set([credential.region, ...API_REGIONS])] : [said];
  return busy(steps, 'Trying the API key', async (signal) => {
    let failure: GatewayError | undefined;
    for (const region of regions) {
      const latest = { ...credential, region, apiRegion: region, profileArn: undefined };
      const session = {
        accessToken: () => Promise.resolve(toAccess(latest)),
        forceRefresh: () => Promise.reject(new GatewayError('login-expired', 'An API key is never renewed.')),
      };
      try {
        await createKiroClient({ ...tools, session, apiRegion: region }).listModels(signal);
        return { found: latest, latest };
      } catch (thrown) {
        if (!(thrown instanceof GatewayError) || thrown.kind === 'cancelled') throw thrown;
        if (thrown.kind !== 'login-expired') failure ??= thrown;
      }
    }
    const message = `Kiro does not know this API key in ${regions.join(' or ')}; copy it again, or give its --region.`;
    throw failure ?? new GatewayError('login-expired', message);
  });
}

/**
 * Through a session like that of a gateway, so that one that renews the same login now and this command wait for each
 * other, and what either has renewed serves both. A token that still lives is tried as it is, because a refresh may
 * retire the copy of whoever else has it.
 */
async function proveLogin(login: FoundLogin, plan: Plan, steps: Steps, tools: ProofTools): Promise<Proof> {
  const { context, desk, flags } = steps;
  const { now, sleep, terminal } = context;
  const lock = { now, sleep, notice: terminal.note, signal: context.stopSignal() };
  let [seen, isKept] = [login, false];
  const session = await createSession({
    ...tools,
    login,
    source: {
      name: plan.way,
      description: 'what was to be taken over',
      read: async () => (seen = plan.way === 'import' ? await readLoginAt(plan.place, desk.detection) : login),
    },
    store: {
      async read(digest) {
        // One that cannot be read is about to be replaced.
        const known = await desk.logins?.readLogin(flags.name).catch(() => undefined);
        return known && digestOf(known.credential) === digest ? known.tokens : undefined;
      },
      async write(_, renewed) {
        await save(seen.credential, plan, steps, renewed);
        return (isKept = true);
      },
    },
    alone: desk.logins === undefined ? (work) => work() : createRefreshLock(desk.paths.state, lock, flags.name),
    refreshAheadSeconds: 0,
    announcesRegistration: false,
    notice: terminal.note,
    hide: () => undefined,
  });
  const trying = busy(steps, 'Trying the login', (signal) => tryLogin(session, tools, signal));
  const profiles = await trying.catch((thrown: unknown) => {
    if (!staysDespite(thrown)) throw thrown;
    const advice = '`kiro-gateway doctor --live` tries it again.';
    terminal.note(`The login is kept, but could not be tried: ${toGatewayError(thrown).message} ${advice}`);
    return [];
  });
  const { found, latest } = session.current();
  // A renewal may have told it meanwhile.
  const offered = latest.profileArn === undefined ? profiles : [];
  const chosen = await chooseProfile(offered, steps).catch((thrown: unknown) => {
    if (!staysDespite(thrown)) throw thrown;
    terminal.note(`No profile was chosen, and ${severalProfiles(profiles)} Set PROFILE_ARN to one of them.`);
    return undefined;
  });
  const profileArn = latest.profileArn ?? chosen;
  // What it was found with is history, whatever it says of its own end.
  const history = isKept ? { accessToken: undefined, expiresAt: undefined } : {};
  return { found: { ...found, ...history, profileArn }, latest: { ...latest, profileArn }, isKept };

  /** What was renewed may be dead at its source, and nobody likes to approve a login twice. */
  function staysDespite(thrown: unknown): boolean {
    const { kind } = toGatewayError(thrown);
    return isKept || (plan.way === 'device' && kind !== 'cancelled' && kind !== 'login-expired');
  }
}

/** @returns the profiles to choose from, when the login names none. */
async function tryLogin(session: Session, tools: ProofTools, signal: AbortSignal): Promise<readonly Profile[]> {
  // A renewal is waited for even when the command is told to stop: its answer is the only copy of the new tokens.
  const { signal: patience } = new AbortController();
  const patient: AccessProvider = {
    accessToken: () => session.accessToken(patience),
    forceRefresh: (refused) => session.forceRefresh(refused, patience),
  };
  const { token, profileArn, apiRegion } = await patient.accessToken(signal);
  if (profileArn !== undefined) {
    await createKiroClient({ ...tools, session: patient, apiRegion }).listModels(signal);
    return [];
  }
  const listWith = (asking: AccessProvider) =>
    listProfiles(apiRegion, (it) =>
      createKiroClient({ ...tools, session: asking, apiRegion: it }).listProfiles(signal),
    );
  // A token that one region does not know may serve in the other: only when none takes it, it is renewed.
  const refusal = new GatewayError('login-expired', 'Kiro does not accept this login.');
  return listWith({ ...patient, forceRefresh: () => Promise.reject(refusal) }).catch(async (thrown: unknown) => {
    if (thrown !== refusal) throw thrown;
    await patient.forceRefresh(token, signal);
    return listWith(patient);
  });
}

/** A profile belongs to one API region, which nobody knows beforehand. */
async function listProfiles(
  said: string | undefined,
  listIn: (region: string) => Promise<readonly Profile[]>,
): Promise<readonly Profile[]> {
  const answers = await Promise.allSettled((said === undefined ? API_REGIONS : [said]).map(listIn));
  const listed = answers.flatMap((it) => (it.status === 'fulfilled' ? it.value : []));
  const failures = answers.flatMap((it) => (it.status === 'rejected' ? [it.reason as unknown] : []));
  if (failures.length === answers.length && !failures.some(isRefusedOnly)) throw failures[0];
  return [...new Map(listed.map((it) => [it.arn, it])).values()];
}

/** Kiro knew the token and denies the question, as it does to a Builder ID, which needs no profile of its own. */
function isRefusedOnly(thrown: unknown): boolean {
  return thrown instanceof GatewayError && (thrown.kind === 'forbidden' || thrown.kind === 'invalid-request');
}

async function chooseProfile(profiles: readonly Profile[], { prompts }: Steps): Promise<string | undefined> {
  if (profiles.length < 2) return profiles[0]?.arn;
  if (prompts === undefined) throw missing('--profile-arn', severalProfiles(profiles));
  const choices = profiles.map(({ arn, name }) => ({ value: arn, label: shownName(name) || arn, hint: arn }));
  return prompts.choose('Which Kiro profile should be used?', choices);
}

function severalProfiles(profiles: readonly Profile[]): string {
  const named = profiles.map(({ arn, name }) => `${arn} (${shownName(name)})`);
  return `the account has several profiles: ${named.join(', ')}.`;
}

function shownName(name: string): string {
  return printable(name).slice(0, LONGEST_NAME);
}

const LONGEST_NAME = 100;
