/** The account's models: asked for when they are needed, kept for a while, and for the day on which Kiro is away. */

import type { CatalogueStore } from './catalogue-store.js';
import type { Model } from './core/conversation.js';
import { GatewayError, type ErrorKind } from './core/errors.js';
import { untilAborted } from './core/wait.js';
import type { KiroClient } from './kiro/client.js';
import type { Logger } from './logger.js';

export type CatalogueDependencies = {
  readonly client: Pick<KiroClient, 'listModels'>;
  readonly log: Logger;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  readonly modelCacheTtlSeconds: number;
  /** Keeps the list for a later run. */
  readonly catalogueStore?: CatalogueStore | undefined;
};

/** The list of models, fetched once at a time and kept for the TTL; a stale list is better than none. */
export function createCatalogue({ client, log, now, modelCacheTtlSeconds, catalogueStore }: CatalogueDependencies) {
  let kept: readonly Model[] | undefined;
  let keptUntil = 0;
  let fetching: Promise<readonly Model[]> | undefined;
  let failedUntil = 0;

  // One caller's signal must not cancel what others wait for; the client limits the time.
  async function fetchModels(): Promise<readonly Model[]> {
    try {
      kept = await client.listModels(new AbortController().signal);
      keptUntil = now() + modelCacheTtlSeconds * 1000;
      void catalogueStore?.write({ models: kept, listedAt: now() });
      return kept;
    } catch (thrown) {
      const stored = kept === undefined && isKiroAway(thrown) ? await catalogueStore?.read() : undefined;
      kept ??= stored?.models;
      if (kept === undefined) throw thrown;
      const which = stored === undefined ? 'last known list' : `list of ${new Date(stored.listedAt).toUTCString()}`;
      log.warn(`Kiro did not list its models; the ${which} is used.`, thrown);
      keptUntil = now() + RETRY_AFTER_FAILURE_MS;
      return kept;
    } finally {
      fetching = undefined;
    }
  }

  async function models(signal: AbortSignal): Promise<readonly Model[]> {
    if (kept !== undefined && now() < keptUntil) return kept;
    return untilAborted(fetchOnce(), signal);
  }

  function fetchOnce(): Promise<readonly Model[]> {
    fetching ??= fetchModels();
    return fetching;
  }

  return {
    models,
    /** As it was last listed; empty before the first time. */
    known: (): readonly Model[] => kept ?? [],
    /** For a conversation: it waits for the first list only, and goes on without one when there is none to be had. */
    async modelsIfKnown(signal: AbortSignal): Promise<readonly Model[]> {
      if (kept !== undefined) {
        // With a list at hand a failure to renew it is logged and never thrown.
        if (now() >= keptUntil) void fetchOnce();
        return kept;
      }
      if (now() < failedUntil) return [];
      try {
        return await models(signal);
      } catch (thrown) {
        if (signal.aborted) throw thrown;
        failedUntil = now() + RETRY_AFTER_FAILURE_MS;
        log.warn('Kiro did not list its models; the conversation goes on without limits known.', thrown);
        return [];
      }
    },
  };
}

/** A login that is refused is no reason to show what it once could do. */
function isKiroAway(thrown: unknown): boolean {
  return thrown instanceof GatewayError && AWAY.includes(thrown.kind);
}

const AWAY: readonly ErrorKind[] = ['upstream-unavailable', 'upstream-protocol', 'overloaded', 'rate-limited'];
const RETRY_AFTER_FAILURE_MS = 30_000;
