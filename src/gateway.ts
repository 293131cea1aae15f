/** What the server and the commands share: one conversation in, one turn out; and the catalogue. */

import { createCatalogue, type CatalogueDependencies } from './catalogue.js';
import type { Conversation, Model } from './core/conversation.js';
import { GatewayError } from './core/errors.js';
import { unfenceTurn } from './core/json-answer.js';
import { limitTurn } from './core/limits.js';
import type { Batch, Completion, Turn } from './core/stream.js';
import type { UsageLimits } from './core/usage-limits.js';
import type { Asker } from './kiro/asker.js';
import type { Access, KiroClient } from './kiro/client.js';
import { readModelName, thinksLong, withWish, type ModelAliases } from './kiro/model-names.js';
import { modelNotFound, resolveModel } from './kiro/models.js';
import type { ProfiledSession } from './kiro/profiled-session.js';
import { toKiroRequest, type RequestContext } from './kiro/request.js';
import { createCutCalls, rememberCutCalls } from './kiro/truncation.js';
import type { FetchMedia, WithMedia } from './remote-media.js';
import { repairFor, withoutDocuments, type Repaired } from './repairs.js';

export type Gateway = {
  /**
   * Asks Kiro and waits for the turn's first event. Stop iterating the turn, or abort the signal, and the upstream
   * connection is closed.
   * @throws GatewayError as long as nothing of the answer has come; later the turn ends with an `error` event.
   */
  converse(conversation: Conversation, signal: AbortSignal): Promise<Answer>;
  /**
   * The account's models, at most a TTL old; older ones when Kiro does not answer.
   * @throws GatewayError when there never was an answer.
   */
  models(signal: AbortSignal): Promise<readonly Model[]>;
  /**
   * One model, by any name that a conversation may use.
   * @throws GatewayError `model-not-found` with the names that are near.
   */
  model(name: string, signal: AbortSignal): Promise<Model>;
  /** Whether `converse` fetches what URLs in a conversation point at. */
  readonly fetchesUrls: boolean;
  /** The estimate that the conversation's own turn would begin with. Kiro is not asked. */
  countTokens(conversation: Conversation): number;
  /** What the account may spend and has spent, as Kiro says it now. */
  usage(signal: AbortSignal): Promise<UsageLimits>;
};

export type Answer = {
  readonly turn: Turn;
  /** What did not travel as asked, for `x-kiro-gateway-notice`. */
  readonly notices: readonly string[];
  /** Kiro's id of the model that was asked. */
  readonly modelId: string;
};

/** What one turn cost, for the ledger. */
export type Spent = Pick<Completion, 'usage' | 'credits'> & {
  readonly modelId: string;
  readonly sessionId: string | undefined;
};

export type GatewayDependencies = CatalogueDependencies & {
  readonly session: ProfiledSession;
  readonly client: Pick<KiroClient, 'usageLimits'>;
  readonly asker: Asker;
  readonly randomId: () => string;
  readonly modelAliases: ModelAliases;
  readonly toolDescriptionMaxLength: number;
  readonly tags: RequestContext['tags'];
  readonly textToolCalls: boolean;
  readonly truncationRecovery: boolean;
  /** Undefined: nothing is fetched. */
  readonly fetchMedia?: FetchMedia | undefined;
  /** Is told what each turn cost, as soon as that is known. */
  readonly record?: ((spent: Spent) => void) | undefined;
};

export function createGateway(dependencies: GatewayDependencies): Gateway {
  const { session, asker, log, modelAliases, truncationRecovery } = dependencies;
  const cutCalls = createCutCalls();
  const catalogue = createCatalogue(dependencies);

  return {
    fetchesUrls: dependencies.fetchMedia !== undefined,

    models: catalogue.models,

    usage: (signal) => dependencies.client.usageLimits(signal),

    async model(name, signal) {
      const known = await catalogue.models(signal);
      const { id } = modelFor(name, known).model;
      const found = known.find((model) => model.id === id);
      if (found === undefined) throw modelNotFound(name, known);
      return found;
    },

    countTokens(conversation) {
      const { model } = modelFor(conversation.model, catalogue.known());
      return toKiroRequest(conversation, contextFor(model)).estimatedInputTokens;
    },

    async converse(given, signal) {
      const { conversation, notices } = await withMedia(given, signal);
      const access = await session.accessToken(signal);
      const known = await catalogue.modelsIfKnown(signal);
      const { model, wish } = modelFor(conversation.model, known);
      const situation = { access, known, model, signal };
      const reasoning = withWish(conversation.reasoning, wish);
      const wished = { ...conversation, reasoning };
      let asked: Repaired = model.inputs.includes('image')
        ? { conversation: wished, notices: [] }
        : withoutDocuments(wished);
      asked = { ...asked, notices: [...notices, ...asked.notices] };
      const tried = new Set<string>();
      for (;;) {
        try {
          const model = asked.withoutFields === true ? withoutFields(situation.model) : situation.model;
          const answer = await askWithSomeProfile(asked.conversation, { ...situation, model });
          return { ...answer, notices: [...asked.notices, ...answer.notices] };
        } catch (thrown) {
          const repair = repairFor(thrown);
          if (repair === undefined || tried.has(repair.reason)) throw thrown;
          tried.add(repair.reason);
          log.info(repair.told);
          const repaired = repair.apply(asked.conversation);
          asked = { ...asked, ...repaired, notices: [...asked.notices, ...repaired.notices] };
        }
      }
    },
  };

  async function withMedia(conversation: Conversation, signal: AbortSignal): Promise<WithMedia> {
    return (await dependencies.fetchMedia?.(conversation, signal)) ?? { conversation, notices: [] };
  }

  /** The model that a name means, and what the name wishes besides. */
  function modelFor(named: string, known: readonly Model[]) {
    const { name, wish } = readModelName(named, known, modelAliases);
    return { model: resolveModel(name, known), wish };
  }

  function contextFor(model: Model, profileArn?: string): RequestContext {
    return {
      model,
      profileArn,
      continuationId: dependencies.randomId(),
      toolDescriptionLimit: dependencies.toolDescriptionMaxLength,
      tags: dependencies.tags,
      readsWrittenCalls: dependencies.textToolCalls,
      wasCut: truncationRecovery ? (id) => cutCalls.has(id) : undefined,
    };
  }

  /** Once more with another profile, or without one, when the profile is what Kiro refused. */
  async function askWithSomeProfile(conversation: Conversation, situation: Situation): Promise<Answer> {
    try {
      return await ask(conversation, situation);
    } catch (thrown) {
      const other = await session.otherProfile(situation.access, thrown, situation.signal);
      if (other === undefined) throw thrown;
      log.info(other.told);
      const answer = await ask(conversation, { ...situation, access: other.access });
      other.keep();
      return answer;
    }
  }

  /** One question in one form, up to the first event of the answer. */
  async function ask(conversation: Conversation, { access, known, model, signal }: Situation): Promise<Answer> {
    const request = toKiroRequest(conversation, contextFor(model, access.profileArn));
    log.debug(`asking Kiro: model ${model.id}, ${request.body.length} characters`);
    const { estimatedInputTokens, restoreToolName, reading } = request;
    try {
      const asked = { estimatedInputTokens, restoreToolName, reading, windowTokens: model.maxInputTokens };
      const question = { body: request.body, access, asked, thinksLong: thinksLong(conversation.reasoning) };
      const turn = rememberCutCalls(asWished(await asker.ask(question, signal), conversation), cutCalls);
      const record = ({ usage, credits }: Completion): void =>
        dependencies.record?.({ usage, credits, modelId: model.id, sessionId: conversation.sessionId });
      return { turn: recorded(turn, record), notices: request.notices, modelId: model.id };
    } catch (thrown) {
      throw explain(thrown, { name: conversation.model, known, model, estimatedInputTokens });
    }
  }
}

/** What an attempt needs besides the conversation. */
type Situation = {
  readonly access: Access;
  readonly known: readonly Model[];
  readonly model: Model;
  readonly signal: AbortSignal;
};

/** As if its schema named nothing: Kiro has refused what it names. */
function withoutFields(model: Model): Model {
  return { ...model, requestFieldsSchema: undefined };
}

/** The turn in the form and the length that were asked for, which Kiro does not see to. */
function asWished(turn: Turn, { answerFormat, limits }: Conversation): Turn {
  const formed = answerFormat === undefined ? turn : unfenceTurn(turn);
  return limits === undefined ? formed : limitTurn(formed, limits);
}

/** Tells the sum before it passes it on: whoever waits for it may leave with it. */
async function* recorded(turn: Turn, record: (completion: Completion) => void): AsyncGenerator<Batch> {
  for await (const batch of turn) {
    const last = batch.at(-1);
    if (last?.type === 'finish') record(last.completion);
    yield batch;
  }
}

/** What only the gateway knows about a failure: the names near a wrong model, the numbers of an overflow. */
function explain(
  thrown: unknown,
  asked: { name: string; known: readonly Model[]; model: Model; estimatedInputTokens: number },
): unknown {
  if (!(thrown instanceof GatewayError)) return thrown;
  if (thrown.kind === 'model-not-found') return modelNotFound(asked.name, asked.known, thrown);
  if (thrown.kind !== 'context-overflow') return thrown;
  const limit = asked.model.maxInputTokens;
  // Kiro says that it was too much; an estimate below the limit would contradict it.
  const tokens = Math.max(asked.estimatedInputTokens, limit + 1);
  return new GatewayError('context-overflow', thrown.message, {
    ...thrown.facts,
    overflow: { tokens, limit },
    cause: thrown,
  });
}
