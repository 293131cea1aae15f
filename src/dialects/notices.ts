/** What was not done as the client asked, gathered while its request is read. */

export type Notices = Map<NoticeKey, Set<string>>;

export type NoticeKey = 'ignored' | 'tools-left-out' | 'unknown-block' | 'images-left-out' | 'documents-left-out';

export function createNotices(): Notices {
  return new Map();
}

/** Remembers one name under a key; repetitions and the flood of a hostile request do not make it longer. */
export function note(notices: Notices, key: NoticeKey, name: string): void {
  const names = notices.get(key) ?? new Set();
  if (names.size < MAX_NAMES) names.add(headerSafe(name));
  notices.set(key, names);
}

/** One entry per key: `ignored=temperature,top_p`. */
export function writeNotices(notices: Notices): string[] {
  return [...notices].map(([key, names]) => `${key}=${[...names].join(',')}`);
}

/** Names come from the client and go into a response header: nothing in them may end or split it. */
function headerSafe(name: string): string {
  return name.slice(0, MAX_NAME_LENGTH).replaceAll(/[^\w.+/:-]/g, '_');
}

const MAX_NAMES = 20;
const MAX_NAME_LENGTH = 60;
