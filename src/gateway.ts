/** What the server and the commands share: one conversation in, one turn out; and the catalogue. */

import type { Conversation, Message, Model } from './core/conversation.js';
import { GatewayError } from './core/errors.js';
import { begin, type Turn } from './core/stream.js';
import type { Access, AccessProvider, KiroClient } from './kiro/client.js';
import { modelNotFound, resolveModel } from './kiro/models.js';
import { toKiroRequest } from './kiro/request.js';
import { toTurn } from './kiro/stream.js';
import type { Logger } from './logger.js';

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
};

export type Answer = {
  readonly turn: Turn;
  /** What did not travel as asked, for `x-kiro-gateway-notice`. */
  readonly notices: readonly string[];
};

export type GatewayDependencies = {
  readonly session: AccessProvider;
  readonly client: KiroClient;
  readonly log: Logger;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  readonly randomId: () => string;
  readonly modelCacheTtlSeconds: number;
  readonly toolDescriptionMaxLength: number;
};

export function createGateway(dependencies: GatewayDependencies): Gateway {
  const { session, client, log } = dependencies;
  const catalogue = createCatalogue(dependencies);

  return {
    models: catalogue.models,

    async converse(conversation, signal) {
      const access = await session.accessToken(signal);
      const known = await catalogue.modelsIfKnown(signal);
      const situation = { access, known, model: resolveModel(conversation.model, known), signal };
      try {
        return await ask(conversation, situation);
      } catch (thrown) {
        const repaired = repair(conversation, thrown);
        if (repaired === undefined) throw thrown;
        log.info('Kiro refused the reasoning in the history; asking once more without it.');
        return await ask(repaired, situation);
      }
    },
  };

  /** One attempt, up to the first event of the answer. */
  async function ask(conversation: Conversation, { access, known, model, signal }: Situation): Promise<Answer> {
    const request = toKiroRequest(conversation, {
      model,
      profileArn: access.profileArn,
      continuationId: dependencies.randomId(),
      toolDescriptionLimit: dependencies.toolDescriptionMaxLength,
    });
    log.debug(`asking Kiro: model ${model.id}, ${request.body.length} characters`);
    const { estimatedInputTokens, restoreToolName } = request;
    try {
      const bytes = await client.generate(request.body, access, signal);
      const asked = { estimatedInputTokens, restoreToolName, windowTokens: model.maxInputTokens };
      return { turn: await begin(toTurn(bytes, asked, signal)), notices: request.notices };
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

/** The conversation without what Kiro refused, if that can be left out and Kiro said so before its answer began. */
function repair(conversation: Conversation, thrown: unknown): Conversation | undefined {
  if (!(thrown instanceof GatewayError) || thrown.facts.reason !== 'THINKING_SIGNATURE_INVALID') return undefined;
  // A signature is bound to account and conversation; once one is refused, none of the others helps.
  const messages = conversation.messages.map((message): Message => {
    if (message.role === 'user') return message;
    return { role: 'assistant', blocks: message.blocks.filter((block) => !REASONING.has(block.type)) };
  });
  return { ...conversation, messages };
}

const REASONING: ReadonlySet<string> = new Set(['reasoning', 'redacted-reasoning']);

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

/** The list of models, fetched once at a time and kept for the TTL; a stale list is better than none. */
function createCatalogue({ client, log, now, modelCacheTtlSeconds }: GatewayDependencies) {
  let kept: readonly Model[] | undefined;
  let keptUntil = 0;
  let fetching: Promise<readonly Model[]> | undefined;

  // One caller's signal must not cancel what others wait for; the client limits the time.
  async function fetchModels(): Promise<readonly Model[]> {
    try {
      kept = await client.listModels(new AbortController().signal);
      keptUntil = now() + modelCacheTtlSeconds * 1000;
      return kept;
    } catch (thrown) {
      if (kept === undefined) throw thrown;
      log.warn('Kiro did not list its models; the last known list is used.', thrown);
      keptUntil = now() + RETRY_AFTER_FAILURE_MS;
      return kept;
    } finally {
      fetching = undefined;
    }
  }

  async function models(signal: AbortSignal): Promise<readonly Model[]> {
    if (kept !== undefined && now() < keptUntil) return kept;
    fetching ??= fetchModels();
    return untilAborted(fetching, signal);
  }

  return {
    models,
    /** For a conversation: it can go on without the list, so a failure is only logged. */
    async modelsIfKnown(signal: AbortSignal): Promise<readonly Model[]> {
      try {
        return await models(signal);
      } catch (thrown) {
        if (signal.aborted) throw thrown;
        log.warn('Kiro did not list its models; the conversation goes on without limits known.', thrown);
        return [];
      }
    },
  };
}

/** Waits for something shared, but no longer than one caller wants to. */
async function untilAborted<T>(shared: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw new GatewayError('cancelled', 'The request was cancelled.');
  let leave: (() => void) | undefined;
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(new GatewayError('cancelled', 'The request was cancelled.'));
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([shared, left]);
  } finally {
    if (leave !== undefined) signal.removeEventListener('abort', leave);
  }
}

const RETRY_AFTER_FAILURE_MS = 30_000;
