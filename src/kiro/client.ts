/** The only file that talks to Kiro: token, fetch, one refresh, one other form or host. */

import { GatewayError } from '../core/errors.js';
import { within } from '../core/signals.js';
import { type Fetch, type FetchResponse, HOST_REFUSED } from '../core/fetch.js';
import type { Secret } from '../core/secret.js';
import {
  type Account,
  apiHosts,
  type ApiHosts,
  apiRegionOf,
  type Call,
  generateCall,
  type HostOverrides,
  listModelsCall,
  listProfilesCall,
  usageLimitsCall,
  webSearchCall,
} from './calls.js';
import { isDeadToken, isUnknownOperation, type KiroFailure } from './error-reasons.js';
import { connectionError, type Opened, openFrames, openJson, toKiroError } from './errors.js';
import { type Page, readModelPage } from './models.js';
import { readProfilePage, readUsageLimits, readWebSearch } from './answers.js';

/** What one request needs to know about the account. `auth/session.ts` hands it out. */
export type Access = {
  /** Tells this login from others, through all renewals of ours; no secret. Undefined where there is only one. */
  readonly login?: string | undefined;
  /** The same for an account whoever renews its tokens, where a login says so much; no secret. */
  readonly account?: string | undefined;
  readonly token: Secret;
  readonly profileArn: string | undefined;
  /** The region of the login, and the one its file names for the API, if any. */
  readonly loginRegion: string | undefined;
  readonly apiRegion: string | undefined;
  /** What kind of token it is, where Kiro has to be told. */
  readonly tokenTypeHeader: 'API_KEY' | 'EXTERNAL_IDP' | undefined;
  /** A Builder ID has no profile of its own. Undefined when the login does not tell what it is. */
  readonly isBuilderId?: boolean | undefined;
};

export type AccessProvider = {
  accessToken(signal: AbortSignal): Promise<Access>;
  /** A token that is not the one Kiro refused. */
  forceRefresh(refused: Secret, signal: AbortSignal): Promise<Access>;
  /** The same access with another profile, or with none, when the profile is what Kiro refused; else undefined. */
  otherProfile?(refused: Access, error: unknown, signal: AbortSignal): Promise<{ readonly access: Access } | undefined>;
};

export type KiroClient = ReturnType<typeof createKiroClient>;

export type ClientDependencies = {
  readonly session: AccessProvider;
  readonly fetch: Fetch;
  readonly overrides: HostOverrides;
  /** The setting KIRO_API_REGION. */
  readonly apiRegion: string | undefined;
  readonly userAgent: string;
  /** Ask Kiro not to use the content for improving the service. */
  readonly optOut: boolean;
  readonly randomId: () => string;
};

/** Everything that is asked fails with a GatewayError of the kind that Kiro's failure means. */
export function createKiroClient(dependencies: ClientDependencies) {
  const { session, overrides, randomId } = dependencies;

  return {
    /**
     * Asks Kiro. The answer's body is closed by whoever stops iterating it, or by the signal.
     * @param id The same for all repetitions of one question.
     */
    async generate(body: string, access: Access, signal: AbortSignal, id?: string): Promise<AsyncIterable<Uint8Array>> {
      const { answer } = await send(generateCall(hostsFor(access), access, body), access, signal, openFrames, id);
      return answer;
    },

    /** The whole catalogue, all pages. */
    listModels: (signal: AbortSignal) => readAll(listModelsCall, readModelPage, signal),

    /** The profiles of the account in this API region, all pages. Kiro refuses a Builder ID with `forbidden`. */
    listProfiles: (signal: AbortSignal) => readAll(listProfilesCall, readProfilePage, signal),

    /** What the account may spend and has spent. */
    usageLimits: (signal: AbortSignal) => readOne(usageLimitsCall, readUsageLimits, signal, CONTROL_TIMEOUT_MS),

    /** What the web has on a query. */
    searchWeb(query: string, signal: AbortSignal) {
      const search: CallFor = (hosts, account) => webSearchCall(hosts, account, { query, id: randomId() });
      return readOne(search, readWebSearch, signal, SEARCH_TIMEOUT_MS);
    },
  };

  async function readOne<Read>(
    callFor: CallFor,
    read: (answer: unknown) => Read,
    signal: AbortSignal,
    limitMs: number,
  ): Promise<Read> {
    const limited = within(signal, limitMs);
    return withSomeProfile(limited, async (access) => {
      const { answer } = await send(callFor(hostsFor(access), access, undefined), access, limited, openJson);
      return read(answer);
    });
  }

  /** All pages of a listing; the later ones in the form in which the first was answered. */
  async function readAll<Item>(
    callFor: CallFor,
    readPage: (answer: unknown) => Page<Item>,
    signal: AbortSignal,
  ): Promise<readonly Item[]> {
    const limited = within(signal, CONTROL_TIMEOUT_MS);
    return withSomeProfile(limited, async (access) => {
      const items = new Map<string, Item>();
      // A service that knows no pages sends the same ones again, with the same tokens.
      const seen = new Set<string>();
      let nextToken: string | undefined;
      let formsLeft = Infinity;
      for (let page = 0; page < MAX_PAGES; page++) {
        const call = callFor(hostsFor(access), access, nextToken);
        const answered = await send(call.slice(-formsLeft), access, limited, openJson);
        formsLeft = answered.formsLeft;
        const listed = readPage(answered.answer);
        for (const item of listed.items) items.set(JSON.stringify(item), item);
        ({ nextToken } = listed);
        if (nextToken === undefined || seen.has(nextToken)) break;
        seen.add(nextToken);
      }
      return [...items.values()];
    });
  }

  /**
   * Once more with another profile, or without one, when the profile is what Kiro refused. That it helped here says
   * nothing about chat, so it is not kept.
   */
  async function withSomeProfile<Result>(
    signal: AbortSignal,
    ask: (access: Access) => Promise<Result>,
  ): Promise<Result> {
    const access = await session.accessToken(signal);
    return ask(access).catch(async (thrown: unknown) => {
      const other = await session.otherProfile?.(access, thrown, signal);
      if (other === undefined) throw thrown;
      return ask(other.access).catch((again: unknown) => {
        // What Kiro said first tells more than a second refusal.
        throw again instanceof GatewayError && again.kind === 'cancelled' ? again : thrown;
      });
    });
  }

  /**
   * One logical request: at most one forced refresh, and each form at most once besides.
   * @returns the answer, and how many of the call's forms are left, with the one that was answered.
   */
  async function send<Answer>(
    call: Call,
    first: Access,
    signal: AbortSignal,
    open: (response: FetchResponse, signal: AbortSignal) => Promise<Opened<Answer>>,
    invocationId = randomId(),
  ): Promise<{ readonly answer: Answer; readonly formsLeft: number }> {
    let access = first;
    let mayRefresh = true;
    let failed: GatewayError | undefined;
    for (let forms = call; ;) {
      const [form] = forms;
      if (form === undefined) throw failed ?? new GatewayError('internal', 'A call to Kiro has no form; report this.');
      const { host, path, method, body } = form;
      const headers = { ...form.headers, ...headersFor(access), 'amz-sdk-invocation-id': invocationId };
      let response: FetchResponse;
      try {
        response = await dependencies.fetch(host + path, { method, headers, body, signal, redirect: 'error' });
      } catch (cause) {
        failed = connectionError(cause, signal);
        // A failure that is ours already is the proxy's; only what is this host's another one may make good.
        if (signal.aborted || (failed === cause && failed.facts.reason !== HOST_REFUSED)) throw failed;
        forms = forms.filter((it) => it.host !== host);
        continue;
      }
      const opened = await open(response, signal);
      if ('answer' in opened) return { ...opened, formsLeft: forms.length };
      const failure = withoutToken(opened.failure, access.token);
      failed = toKiroError(failure);
      if (mayRefresh && isDeadToken(failure)) {
        mayRefresh = false;
        // The body is already written, and names the profile of the first access.
        access = { ...(await session.forceRefresh(access.token, signal)), profileArn: first.profileArn };
      } else if (isUnknownOperation(failure)) {
        forms = forms.slice(1);
      } else {
        throw failed;
      }
    }
  }

  function headersFor(access: Access): Record<string, string> {
    return {
      authorization: `Bearer ${access.token.reveal()}`,
      'user-agent': dependencies.userAgent,
      'x-amzn-codewhisperer-optout': String(dependencies.optOut),
      ...(access.profileArn !== undefined && { 'x-amzn-kiro-profile-arn': access.profileArn }),
      ...(access.tokenTypeHeader !== undefined && { tokentype: access.tokenTypeHeader }),
    };
  }

  function hostsFor(access: Access): ApiHosts {
    const setting = dependencies.apiRegion ?? access.apiRegion;
    const { profileArn, loginRegion } = access;
    return apiHosts(apiRegionOf({ setting, profileArn, loginRegion }), overrides);
  }
}

/** Kiro's words go on to clients and into logs. A word of a few letters would make holes in them. */
function withoutToken(failure: KiroFailure, token: Secret): KiroFailure {
  const word = token.reveal();
  return word.length < 8 ? failure : { ...failure, message: failure.message.replaceAll(word, '[secret]') };
}

type CallFor = (hosts: ApiHosts, account: Account, nextToken: string | undefined) => Call;

const CONTROL_TIMEOUT_MS = 15_000;
const SEARCH_TIMEOUT_MS = 60_000;
const MAX_PAGES = 20;
