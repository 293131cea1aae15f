/** `login`: choose, agree, prove, store, and say so. Nothing is stored before the last step, or when it is stopped. */

import {
  accountKind,
  BUILDER_ID_START_URL,
  type ApiKeyCredential,
  checkLoginName,
  type Credential,
  digestOf,
  type FoundLogin,
  type RefreshableCredential,
  type Tokens,
} from '../auth/credential.js';
import {
  API_REGIONS,
  type Proof,
  type ProofTools,
  proveApiKey,
  proveLogin,
  readLoginAt,
  usualPlace,
} from '../auth/detect.js';
import { type DeviceCode, signInWithDevice } from '../auth/device-flow.js';
import type { LoginOrigin } from '../auth/store.js';
import { askKiroCli } from '../auth/kiro-cli.js';
import { GatewayError } from '../core/errors.js';
import { hostsOf } from '../open-gateway.js';
import type { Run } from './command.js';
import { choosePlan, missing, type Plan, readLoginFlags, type Steps } from './login-choice.js';
import { credentialLife, openLoginDesk, printable, storePlace, UNOFFICIAL, whereItCalls } from './login-desk.js';

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
  await makeSureOfStore(steps);
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
  const { credential, origin, renewed } = await obtain(plan, steps, tools);
  if (context.stopSignal().aborted) throw new GatewayError('cancelled', 'Stopped; nothing was stored.');
  const { logins, paths } = desk;
  const saved = await logins?.saveLogin(flags.name, credential, { store: flags.store, source: origin });
  // So that the list says who renewed it: the copy at the source may be retired.
  if (renewed !== undefined) await logins?.tokenStore(flags.name).write(digestOf(credential), renewed, 'gateway');
  const name = flags.name === 'default' ? '' : ` as ${flags.name}`;
  const profile = credential.profileArn === undefined ? '' : `, profile ${credential.profileArn}`;
  const place = saved === undefined ? 'nowhere: this was the simulator' : `in ${storePlace(saved.store, paths)}`;
  await context.terminal.result(
    `Logged in${name}: ${accountKind(credential)}, token ${credentialLife(credential, context.now())}.\n` +
      `Kept ${place}; Kiro is called in ${whereItCalls(credential)}${profile}.\n`,
  );
  return 0;
}

type Obtained = {
  readonly credential: Credential;
  readonly origin: LoginOrigin;
  /** What a refresh has made of a login that somebody else has a copy of. */
  readonly renewed?: Tokens | undefined;
};

/** A refresh may retire the old tokens, so it must be certain beforehand that there is a place for the new ones. */
async function makeSureOfStore({ flags, context, desk }: Steps): Promise<void> {
  if (desk.logins === undefined) return;
  const names = (await desk.logins.listLogins().catch(() => [])).map((it) => it.name);
  checkLoginName(flags.name, names);
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

async function obtain(plan: Plan, steps: Steps, tools: ProofTools): Promise<Obtained> {
  const { kiroRegion: region, kiroApiRegion: apiRegion, profileArn } = steps.desk.detection.settings;
  switch (plan.way) {
    case 'device': {
      const { startUrl } = plan;
      const show = (code: DeviceCode): void => showCode(code, steps);
      const found = await busy(steps, 'Waiting until you have approved it in the browser', (signal) =>
        signInWithDevice({ startUrl, region, show, signal }, tools),
      );
      const { credential } = await prove({ ...found, apiRegion, profileArn }, steps, tools);
      return { credential, origin: { name: 'device-flow', path: undefined } };
    }
    case 'api-key': {
      const place = { region: region ?? API_REGIONS[0], apiRegion, profileArn: undefined };
      const credential = await proveKey({ kind: 'api-key', apiKey: plan.apiKey, ...place }, steps, tools);
      return { credential, origin: { name: 'api-key', path: undefined } };
    }
    case 'import': {
      const { credential, notices } = await renewedByOwner(plan, steps);
      for (const it of notices) steps.context.terminal.note(it);
      const origin = plan.place;
      if (credential.kind === 'api-key') return { credential: await proveKey(credential, steps, tools), origin };
      return { ...(await prove(credential, steps, tools)), origin };
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
  if (place.path !== usual || credential.kind === 'api-key') return login;
  if ((credential.expiresAt ?? 0) - context.now() > MARGIN_MS || !(await askKiroCli(context.runProgram))) return login;
  return readLoginAt(place, desk.detection);
}

/** A region that somebody said is the only one that is tried. */
async function proveKey(credential: ApiKeyCredential, steps: Steps, tools: ProofTools): Promise<ApiKeyCredential> {
  const { kiroRegion, kiroApiRegion } = steps.desk.detection.settings;
  const said = steps.flags.region ?? kiroApiRegion ?? credential.apiRegion ?? kiroRegion;
  const regions = said === undefined ? [...new Set([credential.region, ...API_REGIONS])] : [said];
  return busy(steps, 'Trying the API key', (signal) => proveApiKey(credential, regions, tools, signal));
}

async function prove(found: RefreshableCredential, steps: Steps, tools: ProofTools): Promise<Omit<Obtained, 'origin'>> {
  const proof = await busy(steps, 'Trying the login', (signal) => proveLogin(found, tools, signal));
  return { credential: await withProfile(proof, steps), renewed: proof.renewed };
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
