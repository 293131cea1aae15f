/** The last known list of models, kept in the state folder for the day on which Kiro does not answer. */

import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { readPrivateFile, writePrivateFile } from './auth/private-file.js';
import type { Model } from './core/conversation.js';
import { Reader } from './core/reader.js';

export type CatalogueStore = {
  /** Undefined when there is none, or none that can be read. Never throws. */
  read(): Promise<KeptCatalogue | undefined>;
  /** Never throws: a disk that cannot be written is no reason not to answer. */
  write(catalogue: KeptCatalogue): Promise<void>;
};

export type KeptCatalogue = {
  readonly models: readonly Model[];
  /** When Kiro listed them, unix time in milliseconds. */
  readonly listedAt: number;
};

/** @param account Names the account without telling it: accounts never share a list. */
export function createCatalogueStore(stateFolder: string, account: string): CatalogueStore {
  const folder = join(stateFolder, 'models');
  const path = join(folder, `${account}.json`);
  return {
    async read() {
      try {
        const text = await readPrivateFile(path, MAX_BYTES);
        return text === undefined ? undefined : parseCatalogue(text);
      } catch {
        return undefined;
      }
    },
    async write(catalogue) {
      try {
        await writePrivateFile(path, formatCatalogue(catalogue));
        await removeOldest(folder);
      } catch {
        return;
      }
    },
  };
}

export function formatCatalogue({ models, listedAt }: KeptCatalogue): string {
  return JSON.stringify({ listedAt, models });
}

/** @throws when the text is no such catalogue. */
export function parseCatalogue(text: string): KeptCatalogue {
  const reader = new Reader(JSON.parse(text), 'internal', 'catalogue');
  return { listedAt: reader.get('listedAt').number(), models: reader.get('models').array().map(readModel) };
}

function readModel(reader: Reader): Model {
  const texts = (name: string): readonly string[] =>
    reader
      .get(name)
      .array()
      .map((it) => it.string());
  return {
    id: reader.get('id').nonEmptyString(),
    name: reader.get('name').string(),
    description: reader.optional('description')?.string(),
    maxInputTokens: reader.get('maxInputTokens').number(),
    maxOutputTokens: reader.get('maxOutputTokens').number(),
    inputs: texts('inputs').includes('image') ? ['text', 'image'] : ['text'],
    efforts: texts('efforts'),
    creditRate: reader.optional('creditRate')?.number(),
    isDefault: reader.get('isDefault').boolean(),
    requestFieldsSchema: reader.optional('requestFieldsSchema')?.object(),
  };
}

/** A login that was renewed elsewhere gets a new name, and its old list is never read again. */
async function removeOldest(folder: string): Promise<void> {
  const paths = (await readdir(folder)).filter((name) => name.endsWith('.json')).map((name) => join(folder, name));
  if (paths.length <= MAX_FILES) return;
  const dated = await Promise.all(paths.map(async (path) => ({ path, time: (await stat(path)).mtimeMs })));
  const oldest = dated.toSorted((a, b) => b.time - a.time).slice(MAX_FILES);
  await Promise.all(oldest.map(({ path }) => rm(path, { force: true })));
}

const MAX_BYTES = 4_000_000;
const MAX_FILES = 10;
