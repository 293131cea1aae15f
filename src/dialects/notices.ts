/** What was not done as the client asked, gathered while its request is read. */

export type Notices = {
  readonly names: Map<NoticeKey, Set<string>>;
  /** True when the gateway tries to fetch what a URL points at: then nothing is left out yet. */
  readonly fetchesUrls: boolean;
};

export type NoticeKey = 'ignored' | 'tools-left-out' | 'unknown-block' | 'images-left-out' | 'documents-left-out';

export function createNotices({ fetchesUrls = false }: { readonly fetchesUrls?: boolean } = {}): Notices {
  return { names: new Map(), fetchesUrls };
}

/** Remembers one name under a key; repetitions and the flood of a hostile request do not make it longer. */
export function note({ names: noted }: Notices, key: NoticeKey, name: string): void {
  const names = noted.get(key) ?? new Set();
  if (names.size < MAX_NAMES) names.add(headerSafe(name));
  noted.set(key, names);
}

/** One entry per key: `ignored=temperature,top_p`. */
export function writeNotices({ names: noted }: Notices): string[] {
  return [...noted].map(([key, names]) => `${key}=${[...names].join(',')}`);
}

/** Names come from the client and go into a response header: nothing in them may end or split it. */
function headerSafe(name: string): string {
  return name.slice(0, MAX_NAME_LENGTH).replaceAll(/[^\w.+/:-]/g, '_');
}

const MAX_NAMES = 20;
const MAX_NAME_LENGTH = 60;
