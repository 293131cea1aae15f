/** What the server and the commands share: one conversation in, one turn out; and the catalogue. */

import { createCatalogue, type CatalogueDependencies } from './catalogue.js';
import type { Conversation, Model } from './core/conversation.js';
import { toGatewayError } from './core/errors.js';
import { limitStage, unfenceStage } from './core/limits.js';
import { through, whenFinished, type Stage, type Turn } from './core/stream.js';
import { ratesFor } from './core/tokens.js';
import { searchingTurn, searchToolOf, type SearchOutcome } from './core/web-search.js';
import type { Asker } from './kiro/asker.js';
import type { Access, KiroClient } from './kiro/client.js';
import { createCutCalls } from './kiro/history.js';
import { modelNotFound, readModelName, resolveModel, withWish } from './kiro/models.js';
import { accountOf, type ProfiledSession, wantsProfile } from './kiro/profiled-session.js';
import { toKiroRequest, type RequestContext } from './kiro/request.js';
import { thinksLong } from './kiro/wishes.js';
import type { LedgerEntry } from './ledger.js';
import type { FetchMedia } from './remote-media.js';
import type { Settings } from './settings.js';
import { type Asking, explain, LARGE_BODY_BYTES, type Repair, repairFor } from './repairs.js';

export type Gateway = Readonly<ReturnType<typeof createGateway>>;

export type Answer = {
  readonly turn: Turn;
  /** What did not travel as asked, for `x-kiro-gateway-notice`. */
  readonly notices: readonly string[];
  /** Kiro's id of the model that was asked. */
  readonly modelId: string;
};

export type GatewayDependencies = CatalogueDependencies & {
  readonly session: ProfiledSession;
  readonly client: Pick<KiroClient, 'usageLimits' | 'searchWeb'>;
  readonly asker: Asker;
  readonly randomId: () => string;
  readonly settings: Settings;
  /** Undefined: nothing is fetched. */
  readonly fetchMedia?: FetchMedia | undefined;
  /** Is told what each turn cost, as soon as that is known. */
  readonly record?: ((spent: Omit<LedgerEntry, 'time' | 'source'>) => void) | undefined;
};

export function createGateway(dependencies: GatewayDependencies) {
  const { session, asker, log, settings } = dependencies;
  const cutCalls = createCutCalls();
  /** Models that take no marks for the cache, whatever the catalogue says: found out once. */
  const refusingMarks = new Set<string>();
  const catalogue = createCatalogue(dependencies);
  /** What the context of every request has alike. */
  const alike = {
    toolDescriptionLimit: settings.toolDescriptionMaxLength || Infinity,
    tags: {
      when: settings.fakeReasoning,
      maxTokens: settings.fakeReasoningMaxTokens,
      handling: settings.fakeReasoningHandling,
    },
    readsWrittenCalls: settings.textToolCalls,
    wasCut: settings.truncationRecovery ? cutCalls.has : undefined,
  };
  const meetUnknown = (name: string): void => log.debug(`Kiro sent an unknown event: ${name.slice(0, 100)}`);
  let hasAnswered = false;

  return {
    /** Whether `converse` fetches what URLs in a conversation point at. */
    fetchesUrls: dependencies.fetchMedia !== undefined,

    /** Whether `converse` runs searches of the web. */
    searchesWeb: settings.webSearch,

    /**
     * The account's models, at most a TTL old; older ones when Kiro does not answer.
     * @throws GatewayError when there never was an answer.
     */
    models: catalogue.models,

    /** Whether a list of models is known, and whether Kiro has answered since the start. Kiro is not asked. */
    readiness: () => ({
      catalogue: catalogue.known().length > 0,
      upstream: hasAnswered || catalogue.isListed(),
    }),

    /** What the account may spend and has spent, as Kiro says it now. */
    usage: (signal: AbortSignal) => dependencies.client.usageLimits(signal),

    /**
     * One model, by any name that a conversation may use.
     * @throws GatewayError `model-not-found` with the names that are near.
     */
    async model(name: string, signal: AbortSignal): Promise<Model> {
      const known = await catalogue.models(signal);
      const { id } = resolveModel(readModelName(name, known, settings.modelAliases).name, known);
      const found = known.find((model) => model.id === id);
      if (found === undefined) throw modelNotFound(name, known);
      return found;
    },

    /** The estimate that the conversation's own turn would begin with. Kiro is not asked. */
    countTokens(conversation: Conversation): number {
      const { model, wished } = wishedOf(conversation, catalogue.known());
      return toKiroRequest(wished, contextFor(model, takesMarks(model))).estimatedInputTokens;
    },

    /**
     * Asks Kiro and waits for the turn's first event. Stop iterating the turn, or abort the signal, and the upstream
     * connection is closed.
     * @throws GatewayError as long as nothing of the answer has come; later the turn ends with an `error` event.
     */
    async converse(given: Conversation, signal: AbortSignal): Promise<Answer> {
      const fetched = await dependencies.fetchMedia?.(given, signal);
      const { conversation, notices } = fetched ?? { conversation: given, notices: [] };
      const first = await askWithRepairs(conversation, notices, signal);
      hasAnswered = true;
      const turn = withSearches(first.turn, conversation, signal);
      const recorder = recorderFor(first.modelId, conversation.sessionId);
      return { ...first, turn: through(turn, [...stagesFor(conversation, first.modelId), recorder]) };
    },
  };

  /** One turn of Kiro's; what it refuses for a known reason is asked once more without that. */
  async function askWithRepairs(given: Conversation, notices: readonly string[], signal: AbortSignal): Promise<Answer> {
    const access = await session.accessToken(signal);
    const known = await catalogue.modelsIfKnown(signal);
    const { model, wished } = wishedOf(given, known);
    const marksCache = takesMarks(model);
    let asking: Asking = { conversation: wished, model, marksCache, notices };
    const tried = new Set<Repair>();
    for (;;) {
      try {
        const answer = await askWithSomeProfile(asking, { access, known, signal });
        if (marksCache && !asking.marksCache) refusingMarks.add(model.id);
        return { ...answer, notices: [...asking.notices, ...answer.notices] };
      } catch (thrown) {
        const repair = repairFor(thrown, asking);
        if (repair === undefined || tried.has(repair)) throw thrown;
        tried.add(repair);
        log.info(repair.told);
        asking = repair.apply(asking);
      }
    }
  }

  function takesMarks(model: Model): boolean {
    return settings.promptCache && model.supportsPromptCache && !refusingMarks.has(model.id);
  }

  /** Where the model may search, one turn for the client is several of Kiro's. */
  function withSearches(turn: Turn, conversation: Conversation, signal: AbortSignal): Turn {
    const tool = searchToolOf(conversation);
    if (tool === undefined) return turn;
    return searchingTurn(turn, {
      conversation,
      tool,
      ask: async (next) => (await askWithRepairs(next, [], signal)).turn,
      search: (query) => searchWeb(query, signal),
      signal,
    });
  }

  /** A search that fails is the model's to deal with, not the client's. */
  async function searchWeb(query: string, signal: AbortSignal): Promise<SearchOutcome> {
    try {
      return { results: await dependencies.client.searchWeb(query, signal) };
    } catch (thrown) {
      signal.throwIfAborted();
      log.warn(`The web search failed: ${toGatewayError(thrown).message}`);
      return { results: [], failure: 'unavailable' };
    }
  }

  /** A function of its own, so that a turn does not hold on to the conversation that it answers. */
  function recorderFor(model: string, session: string | undefined): Stage {
    return whenFinished(({ blocks, usage: { inputTokens, outputTokens }, credits }) => {
      cutCalls.remember(blocks);
      dependencies.record?.({ model, session, inputTokens, outputTokens, credits });
    });
  }

  /** The model, and the conversation with what its name wishes besides. */
  function wishedOf(given: Conversation, known: readonly Model[]): { model: Model; wished: Conversation } {
    const { name, wish } = readModelName(given.model, known, settings.modelAliases);
    const wished = { ...given, reasoning: withWish(given.reasoning, wish) };
    return { model: resolveModel(name, known), wished };
  }

  function contextFor(model: Model, marksCache: boolean, access?: Access): RequestContext {
    const { profileArn } = access ?? {};
    const account = access && accountOf(access);
    return { ...alike, model, profileArn, account, continuationId: dependencies.randomId(), marksCache };
  }

  /** Once more with another profile, or without one, when the profile is what Kiro refused. */
  async function askWithSomeProfile(asking: Asking, situation: Situation): Promise<Answer> {
    try {
      return await ask(asking, situation);
    } catch (thrown) {
      const other = await session.otherProfile(situation.access, thrown, situation.signal);
      if (other === undefined) throw thrown;
      log.info(other.told);
      const answer = await ask(asking, { ...situation, access: other.access }).catch((again: unknown) => {
        // Without a profile Kiro may only complain that there is none: what it said first tells more.
        throw wantsProfile(again) ? thrown : again;
      });
      other.keep();
      return answer;
    }
  }

  /** One question in one form, up to the first event of the answer. */
  async function ask(asking: Asking, { access, known, signal }: Situation): Promise<Answer> {
    const { conversation, model } = asking;
    const request = toKiroRequest(conversation, contextFor(model, asking.marksCache, access));
    const { body, estimatedInputTokens, restoreToolName, reading } = request;
    log.debug(`asking Kiro: model ${model.id.slice(0, 100)}, ${body.length} characters`);
    // Before it is sent, because the refusal may not say it.
    if (body.length > LARGE_BODY_BYTES) {
      const size = `${Math.round(body.length / 1000)} kB`;
      log.info(`The request is ${size} long; some of Kiro's hosts refuse more than 600 kB.`);
    }
    try {
      // For `auto` Kiro names the model in its answer, and counts in percent of that model's window.
      const windowOf = (id: string) => known.find((it) => it.id === id)?.maxInputTokens;
      const window = { windowTokens: model.maxInputTokens, windowOf: model.id === 'auto' ? windowOf : undefined };
      const asked = {
        estimatedInputTokens,
        restoreToolName,
        reading,
        meetUnknown,
        rates: ratesFor(model.id),
        ...window,
      };
      const id = dependencies.randomId();
      const question = { id, body, access, asked, thinksLong: thinksLong(conversation.reasoning) };
      return { turn: await asker.ask(question, signal), notices: request.notices, modelId: model.id };
    } catch (thrown) {
      throw explain(thrown, asking, request, known);
    }
  }
}

/** What an attempt needs besides what is asked. */
type Situation = {
  readonly access: Access;
  readonly known: readonly Model[];
  readonly signal: AbortSignal;
};

/** The form and the length that were asked for, which Kiro does not see to. */
function stagesFor({ answerFormat, limits }: Conversation, modelId: string): readonly Stage[] {
  return [
    ...(answerFormat === undefined ? [] : [unfenceStage()]),
    ...(limits === undefined ? [] : [limitStage(limits, ratesFor(modelId))]),
  ];
}
