/** The log of what arrived: it forgets its oldest entries, by number and by size. */
import type { ReceivedRequest } from './exchange.js';

export type LogEntry = { -readonly [Key in keyof ReceivedRequest]: ReceivedRequest[Key] };

export type RequestLog = {
  readonly entries: readonly ReceivedRequest[];
  readonly add: (entry: LogEntry, bodyLength: number) => void;
  readonly clear: () => void;
};

export function createRequestLog(mostEntries: number): RequestLog {
  const entries: LogEntry[] = [];
  const lengths: number[] = [];
  let totalLength = 0;
  return {
    entries,
    add: (entry, bodyLength) => {
      entries.push(entry);
      lengths.push(bodyLength);
      totalLength += bodyLength;
      while (entries.length > mostEntries || (totalLength > MOST_BODY_CHARACTERS && entries.length > 1)) {
        entries.shift();
        totalLength -= lengths.shift() ?? 0;
      }
    },
    clear: () => {
      entries.length = 0;
      lengths.length = 0;
      totalLength = 0;
    },
  };
}

const MOST_BODY_CHARACTERS = 64 * 1024 * 1024;
