/** The two voices of the command line: results on stdout, talk on stderr, and there lines that stay at the bottom. */

import type { Writable } from 'node:stream';
import { Chalk } from 'chalk';
import { GatewayError } from '../core/errors.js';

export type Terminal = Readonly<ReturnType<typeof createTerminal>>;

type Screen = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export type TerminalStreams = {
  readonly stdout: Screen;
  readonly stderr: Screen;
  /** Is told how to leave the terminal as it was, for the end of the process. */
  readonly once: (event: 'exit', listener: () => void) => unknown;
};

export function createTerminal(streams: TerminalStreams, env: Readonly<Record<string, string | undefined>>) {
  const { stdout, stderr } = streams;
  const isInteractive = stdout.isTTY === true;
  const mayBeColoured = !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  const talkStyle = new Chalk({ level: stderr.isTTY === true && mayBeColoured ? 1 : 0 });
  const live = stderr.isTTY === true && env['TERM'] !== 'dumb' ? createLive(stderr, talkStyle.dim) : undefined;
  if (live !== undefined) streams.once('exit', live.hide);
  const say = live?.above ?? ((text: string): void => void stderr.write(text));
  let readerIsGone = false;
  // What becomes of a text, its own write is told.
  stdout.on('error', () => undefined);
  stderr.on('error', () => undefined);
  return {
    /** True when a person sees stdout as it is written. */
    isInteractive,
    /** Styles for results; without effect when nobody sees them or NO_COLOR is set. */
    style: new Chalk({ level: isInteractive && mayBeColoured ? 1 : 0 }),
    /** Columns of the terminal that stdout is; undefined when it is none. */
    columns: isInteractive ? stdout.columns : undefined,
    /**
     * Writes to stdout exactly this; waits when the reader is slow. False when the reader has gone.
     * @throws GatewayError `forbidden` when it cannot be written, as on a full disk.
     */
    result: async (text: string): Promise<boolean> => {
      if (readerIsGone) return false;
      const cause = await new Promise<NodeJS.ErrnoException | null | undefined>((done) => stdout.write(text, done));
      if (!cause) return true;
      // `| head` closes our stdout; that is the reader's right and no error of ours.
      readerIsGone = READER_IS_GONE.has(cause.code ?? '');
      if (readerIsGone) return false;
      const message = `The result cannot be written (${cause.code}); write it elsewhere.`;
      throw new GatewayError('forbidden', message, { cause });
    },
    /** Writes to stderr exactly this, dimmed where a person sees it. */
    aside: (text: string): void => void stderr.write(talkStyle.dim(text)),
    /** Writes one line to stderr. */
    note: (line: string): void => say(`${line}\n`),
    /** Writes to stderr exactly this. */
    log: say,
    /** Styles for talk; without effect when nobody sees it or NO_COLOR is set. */
    talkStyle,
    /** Columns of the terminal that stderr is, as it is now; undefined when it is none. */
    talkColumns: (): number | undefined => (stderr.isTTY === true ? stderr.columns : undefined),
    /** Lines at the bottom of the terminal that stderr is; undefined when it is none, or cannot do that. */
    live,
  };
}

/** `EOF` is what Windows says. */
const READER_IS_GONE: ReadonlySet<string> = new Set(['EPIPE', 'EOF', 'ECONNRESET', 'ERR_STREAM_DESTROYED']);

// --- lines that stay at the bottom and change, while others are written above them

export type Live = Readonly<ReturnType<typeof createLive>>;

/**
 * Nothing runs, and the cursor is where it was, while there are no lines to show. The first appear after a quarter of
 * a second: what is over by then was never worth a line.
 * @param style Of every line; without it they must not have escape sequences.
 */
export function createLive(screen: Screen, style: (line: string) => string) {
  let draw = NOTHING;
  let shown: readonly string[] = [];
  let shownColumns = columnsOf(screen);
  let timer: NodeJS.Timeout | undefined;

  /** Shows these lines from now on, and again when they have changed, until there are none. */
  function show(lines: () => readonly string[]): void {
    draw = lines;
    timer ??= setInterval(refresh, FRAME_MS).unref();
  }

  function refresh(): void {
    const lines = fitting();
    if (lines.length === 0) hide();
    else if (shownColumns !== columnsOf(screen) || lines.join('\n') !== shown.join('\n')) write('', lines);
  }

  /** Writes the text, which ends a line, above the lines that are shown. */
  function above(text: string): void {
    if (shown.length === 0) screen.write(text);
    else write(text, fitting());
    if (shown.length === 0 && draw().length === 0) rest();
  }

  /** Takes them away at once, and gives the cursor back. */
  function hide(): void {
    if (shown.length > 0) write('', []);
    rest();
  }

  function rest(): void {
    clearInterval(timer);
    timer = undefined;
  }

  /** One write: what is there is written over, so that nothing flickers. */
  function write(text: string, lines: readonly string[]): void {
    const columns = columnsOf(screen);
    // A terminal that became narrower has broken the lines anew.
    const rows = shown.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / columns)), 0);
    const isMoved = text !== '' || columns !== shownColumns || lines.length < shown.length;
    const back = rows === 0 ? HIDE_CURSOR : `\r\u001b[${rows}A${isMoved ? CLEAR_BELOW : ''}`;
    const body = lines.map((line) => `${style(line)}${CLEAR_LINE}\n`).join('');
    screen.write(back + text + body + (lines.length === 0 ? SHOW_CURSOR : ''));
    shown = lines;
    shownColumns = columns;
  }

  function fitting(): readonly string[] {
    const most = columnsOf(screen) - 1;
    return draw().map((line) => (line.length > most ? `${line.slice(0, Math.max(0, most - 1))}…` : line));
  }

  return { show, hide, above };
}

function columnsOf({ columns }: Screen): number {
  return columns !== undefined && columns > 0 ? columns : 80;
}

const NOTHING = (): readonly string[] => [];
const FRAME_MS = 250;
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

// --- tables

export type Column = { readonly title: string; readonly align?: 'left' | 'right' };

/** Lines of the same columns. The last column is not padded, and a terminal is told nothing by what is in them. */
export function writeTable(columns: readonly Column[], rows: readonly (readonly string[])[]): readonly string[] {
  const lines = [columns.map(({ title }) => title), ...rows.map((cells) => cells.map(printable))];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => (line[at] ?? '').length)));
  return lines.map((line) =>
    columns
      .map(({ align }, at) => (line[at] ?? '')[align === 'right' ? 'padStart' : 'padEnd'](widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Text from outside, such as a profile's name, on one line. */
export function printable(text: string): string {
  return harmless(text, '').replaceAll(/[\t\n]+/g, ' ');
}

/**
 * The only place that knows what a terminal would obey, now or when somebody reads a log there: names of models, paths
 * and all that Kiro says come from outside. Line breaks and tabs stay.
 * @param instead Empty for words that are read for their own sake.
 */
export function harmless(text: string, instead = '?'): string {
  return text.replaceAll(CONTROLS, instead);
}

/** Those of ASCII and of its older extension, other line breaks, and what turns the direction of writing around. */
// oxlint-disable-next-line no-control-regex -- These are the characters that are meant.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** Some cells wide; a part that is not nothing shows at least a little. */
export function writeBar(part: number, whole: number, width: number): string {
  const share = whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0;
  const filled = share > 0 ? Math.max(1, Math.round(share * width)) : 0;
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}
