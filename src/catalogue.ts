/** The account's models: asked for when they are needed, kept for a while, and for the day on which Kiro is away. */

import { join } from 'node:path';
import type { Model } from './core/conversation.js';
import { type ErrorKind, GatewayError } from './core/errors.js';
import { untilAborted, within } from './core/signals.js';
import type { KiroClient } from './kiro/client.js';
import { readModelPage, writeModelPage } from './kiro/models.js';
import type { Logger } from './logger.js';
import { readPrivateFile, sweep, writePrivateFile } from './auth/files.js';
import { Reader } from './core/reader.js';

export type CatalogueDependencies = {
  readonly client: Pick<KiroClient, 'listModels'>;
  readonly log: Logger;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  readonly modelCacheTtlSeconds: number;
  /** Aborted when nobody waits for anything any more. */
  readonly closing: AbortSignal;
  /** For how long a conversation waits for the first list: 5 s unless told otherwise. */
  readonly longestWaitMs?: number;
  /** Keeps the list for a later run. */
  readonly catalogueStore?: CatalogueStore | undefined;
};

/** The list of models, fetched once at a time and kept for the TTL; a stale list is better than none. */
export function createCatalogue(dependencies: CatalogueDependencies) {
  const { client, log, now, closing, modelCacheTtlSeconds, catalogueStore, longestWaitMs = 5000 } = dependencies;
  let kept: readonly Model[] | undefined;
  let triedAt = -Infinity;
  let restMs = 0;
  let fetching: Promise<readonly Model[]> | undefined;
  let isListed = false;

  // One caller's signal must not cancel what others wait for.
  async function fetchModels(): Promise<readonly Model[]> {
    try {
      kept = await client.listModels(closing);
      isListed = true;
      [triedAt, restMs] = [now(), modelCacheTtlSeconds * 1000];
      void catalogueStore?.write({ models: kept, listedAt: now() });
    } catch (thrown) {
      [triedAt, restMs] = [now(), RETRY_AFTER_FAILURE_MS];
      const stored = kept === undefined && isKiroAway(thrown) ? await catalogueStore?.read() : undefined;
      kept ??= stored?.models;
      if (kept === undefined) throw thrown;
      if (closing.aborted) return kept;
      const which = stored === undefined ? 'last known list' : `list of ${new Date(stored.listedAt).toUTCString()}`;
      log.warn(`Kiro did not list its models; the ${which} is used.`, thrown);
    } finally {
      fetching = undefined;
    }
    return kept;
  }

  /** False, too, when the clock was set back meanwhile. */
  const hasJustTried = (): boolean => Math.abs(now() - triedAt) < restMs;

  const fetchOnce = (): Promise<readonly Model[]> => (fetching ??= fetchModels());

  return {
    models: async (signal: AbortSignal): Promise<readonly Model[]> =>
      kept !== undefined && hasJustTried() ? kept : untilAborted(fetchOnce(), signal),
    /** As it was last listed; empty before the first time. */
    known: (): readonly Model[] => kept ?? [],
    /** True when Kiro itself has told a list, in this run. */
    isListed: (): boolean => isListed,
    /** For a conversation: it waits for the first list only, and goes on without one when there is none to be had. */
    async modelsIfKnown(signal: AbortSignal): Promise<readonly Model[]> {
      if (hasJustTried()) return kept ?? [];
      const listing = fetchOnce();
      // With a list at hand a failure to renew it is logged and never thrown.
      if (kept !== undefined) return kept;
      const limited = within(signal, longestWaitMs);
      try {
        return await untilAborted(listing, limited);
      } catch (thrown) {
        if (signal.aborted) throw thrown;
        if (limited.aborted) log.warn(`Kiro has not listed its models after ${longestWaitMs / 1000} s; ${ON_WITHOUT}`);
        else log.warn(`Kiro did not list its models; ${ON_WITHOUT}`, thrown);
        return [];
      }
    },
  };
}

/** A login that is refused is no reason to show what it once could do. */
function isKiroAway(thrown: unknown): boolean {
  return thrown instanceof GatewayError && AWAY.includes(thrown.kind);
}

/** What says that Kiro cannot answer now. */
export const AWAY: readonly ErrorKind[] = ['upstream-unavailable', 'upstream-protocol', 'overloaded', 'rate-limited'];
const RETRY_AFTER_FAILURE_MS = 30_000;
const ON_WITHOUT = 'the conversation goes on without known limits.';

export type CatalogueStore = ReturnType<typeof createCatalogueStore>;

export type KeptCatalogue = {
  readonly models: readonly Model[];
  /** When Kiro listed them, unix time in milliseconds. */
  readonly listedAt: number;
};

/**
 * @param account Names the account without telling it: accounts never share a list.
 * @param notice Is told, in a sentence and once, that nothing can be written.
 */
export function createCatalogueStore(stateFolder: string, account: string, notice?: (sentence: string) => void) {
  const folder = join(stateFolder, 'models');
  const path = join(folder, `${account}.json`);
  let isTold = false;
  return {
    /** Undefined when there is none, or none that can be read. Never throws. */
    async read(): Promise<KeptCatalogue | undefined> {
      try {
        const text = await readPrivateFile(path, MAX_BYTES);
        return text === undefined ? undefined : parseCatalogue(text);
      } catch {
        return undefined;
      }
    },
    /** Never throws: a disk that cannot be written is no reason not to answer. */
    async write(catalogue: KeptCatalogue): Promise<void> {
      try {
        await writePrivateFile(path, formatCatalogue(catalogue));
        // A login that was renewed elsewhere gets a new name, and its old list is never read again.
        await sweep(folder, (name) => name.endsWith('.json'), 0, MAX_FILES);
      } catch {
        if (!isTold) notice?.(`The list of models cannot be kept in ${folder}; it is asked for at each start.`);
        isTold = true;
      }
    },
  };
}

export function formatCatalogue({ models, listedAt }: KeptCatalogue): string {
  return JSON.stringify({ listedAt, ...writeModelPage(models) });
}

/** @throws when the text is no such catalogue. */
export function parseCatalogue(text: string): KeptCatalogue {
  const answer: unknown = JSON.parse(text);
  return { listedAt: new Reader(answer).get('listedAt').number(), models: readModelPage(answer).items };
}

const MAX_BYTES = 4_000_000;
const MAX_FILES = 10;
