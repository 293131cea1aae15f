/** JSON as the data of a server-sent event: on one line, also for readers that know more line ends than the format. */

/** The JSON text of a value. Python's `splitlines`, with which clients read events, splits at these three as well. */
export function writeData(value: unknown): string {
  return JSON.stringify(value).replaceAll(LINE_ENDS, (it) => ESCAPES.get(it) ?? it);
}

const LINE_ENDS = /[\u0085\u2028\u2029]/g;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\u0085', '\\u0085'],
  ['\u2028', '\\u2028'],
  ['\u2029', '\\u2029'],
]);
