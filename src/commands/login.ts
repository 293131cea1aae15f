/**
 * `login`: choose, agree, prove, store, and say so. Nothing is stored before the last step, or when it is stopped, but
 * for a login that the proof had to renew.
 */

import { accountKind, BUILDER_ID_START_URL } from '../auth/credential.js';
import { type DeviceCode, signInWithDevice, stopped } from '../auth/device-flow.js';
import { toGatewayError } from '../core/errors.js';
import { DEFAULT_REGION } from '../kiro/calls.js';
import { hostsOf } from '../open-gateway.js';
import type { Run } from './command.js';
import { choosePlan, missing, type Plan, readLoginFlags, type Steps } from './login-choice.js';
import { credentialLife, openLoginDesk, storePlace, UNOFFICIAL, whereItCalls } from './login-desk.js';
import { busy, type Proof, type ProofTools, proveApiKey, proveLogin, saveLogin } from './login-proof.js';

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
  const { found, latest, isKept } = await obtain(plan, steps, tools).catch((thrown: unknown) => {
    throw toGatewayError(thrown).kind === 'cancelled' ? stopped() : thrown;
  });
  if (!isKept && context.stopSignal().aborted) throw stopped();
  const saved = await saveLogin(found, plan, steps);
  const name = flags.name === 'default' ? '' : ` as ${flags.name}`;
  const profile = latest.profileArn === undefined ? '' : `, profile ${latest.profileArn}`;
  const place = saved === undefined ? 'nowhere: this was the simulator' : `in ${storePlace(saved.store, desk.paths)}`;
  await context.terminal.result(
    `Logged in${name}: ${accountKind(latest)}, token ${credentialLife(latest, context.now())}.\n` +
      `Kept ${place}; Kiro is called in ${whereItCalls(latest)}${profile}.\n`,
  );
  return 0;
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
  const [where, code] = [`Open  ${url}`, `code  ${userCode}`];
  if (prompts === undefined) for (const line of [where, code]) context.terminal.note(line);
  else prompts.box('Approve the login in a browser, on any machine', [code], where);
}
