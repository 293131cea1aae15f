/**
 * The proof that a login works, and what it takes: the region of an API key, the renewal of tokens, the choice of a
 * profile. What had to be renewed for it is stored at once.
 */

import {
  type ApiKeyCredential,
  type Credential,
  digestOf,
  type FoundLogin,
  toAccess,
  type Tokens,
} from '../auth/credential.js';
import { createRefreshLock } from '../auth/lock.js';
import type { LoginServiceTools } from '../auth/refresh.js';
import { createSession, type Session } from '../auth/session.js';
import { readLoginAt } from '../auth/sources.js';
import { GatewayError, toGatewayError, withSentence } from '../core/errors.js';
import type { Profile } from '../kiro/answers.js';
import { API_REGIONS } from '../kiro/calls.js';
import { type AccessProvider, type ClientDependencies, createKiroClient } from '../kiro/client.js';
import { printable } from '../terminal/terminal.js';
import { missing, type Plan, type Steps } from './login-choice.js';

/** What is known to work. */
export type Proof = {
  /** The login as it was found, which names it through all renewals. */
  readonly found: Credential;
  readonly latest: Credential;
  /** It is saved already, because it had to be renewed: what lies at its source may be dead. */
  readonly isKept?: boolean;
};

export type ProofTools = LoginServiceTools & Pick<ClientDependencies, 'optOut' | 'randomId'>;

/**
 * Stores it under the name that the flags say, with what it has just become. @returns undefined with `--demo`, where
 * nothing is stored.
 */
export async function saveLogin(
  credential: Credential,
  plan: Plan,
  { desk, flags: { name, store } }: Steps,
  renewed?: Tokens,
) {
  const way = plan.way === 'device' ? 'device-flow' : plan.way;
  const source = plan.way === 'import' ? plan.place : { name: way, path: undefined };
  return desk.logins?.saveLogin(name, credential, { store, source, renewed });
}

/** Works until the command is told to stop, and shows that it does. */
export function busy<Result>(
  { prompts, context }: Steps,
  message: string,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const working = work(context.stopSignal());
  return prompts === undefined ? working : prompts.during(message, working);
}

/** It works only in the region that it was made in. One that somebody said is the only one that is tried. */
export function proveApiKey(credential: ApiKeyCredential, steps: Steps, tools: ProofTools): Promise<Proof> {
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
export async function proveLogin(login: FoundLogin, plan: Plan, steps: Steps, tools: ProofTools): Promise<Proof> {
  const { context, desk, flags } = steps;
  const { now, sleep, startTimer, terminal } = context;
  const lock = { now, sleep, notice: terminal.note, signal: context.stopSignal() };
  let seen = login;
  let isKept = false;
  let isOver = false;
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
        await context.untilSaved(saveLogin(seen.credential, plan, steps, renewed));
        isKept = true;
        if (isOver) terminal.note('It was renewed in the last moment, and so it is stored all the same.');
        return true;
      },
    },
    alone: desk.logins === undefined ? (work) => work() : createRefreshLock(desk.paths.state, lock, flags.name),
    refreshAheadSeconds: 0,
    announcesRegistration: false,
    notice: terminal.note,
    hide: () => undefined,
  });
  const trying = busy(steps, 'Trying the login', (signal) => tryLogin(session, { ...tools, startTimer }, signal));
  const profiles = await trying.catch((thrown: unknown) => {
    isOver = !staysDespite(thrown);
    if (isOver) throw thrown;
    const told = `The login is kept, but could not be tried: ${toGatewayError(thrown).message}`;
    terminal.note(withSentence(told, '`kiro-gateway doctor --live` tries it again.'));
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
async function tryLogin(
  session: Session,
  tools: ProofTools & Pick<Steps['context'], 'startTimer'>,
  signal: AbortSignal,
): Promise<readonly Profile[]> {
  // A renewal is waited for even when the command is told to stop: its answer is the only copy of the new tokens. But a
  // service that hangs holds nobody up.
  const patience = new AbortController();
  signal.addEventListener('abort', () => tools.startTimer(PATIENCE_MS, () => patience.abort()), { once: true });
  const patient: AccessProvider = {
    accessToken: () => session.accessToken(patience.signal),
    forceRefresh: (refused) => session.forceRefresh(refused, patience.signal),
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
const PATIENCE_MS = 3000;
