/** Lines that stay at the bottom of a terminal and change, while others are written above them. */

import type { Writable } from 'node:stream';

export type Live = {
  /** Shows these lines from now on, and again when they have changed, until there are none. */
  readonly show: (draw: () => readonly string[]) => void;
  /** Takes them away at once, and gives the cursor back. */
  readonly hide: () => void;
};

export type LiveScreen = Live & {
  /** Writes the text, which ends a line, above the lines that are shown. */
  readonly above: (text: string) => void;
};

export type Screen = Writable & { readonly columns?: number };

/**
 * Nothing runs, and the cursor is where it was, while there are no lines to show. The first appear after a quarter of
 * a second: what is over by then was never worth a line.
 * @param style Of every line; without it they must not have escape sequences.
 */
export function createLive(screen: Screen, style: (line: string) => string): LiveScreen {
  let draw = NOTHING;
  let shown: readonly string[] = [];
  let shownColumns = columnsOf(screen);
  let timer: NodeJS.Timeout | undefined;

  function show(lines: () => readonly string[]): void {
    draw = lines;
    timer ??= setInterval(refresh, FRAME_MS).unref();
  }

  function refresh(): void {
    const lines = fitting();
    if (lines.length === 0) hide();
    else if (shownColumns !== columnsOf(screen) || lines.join('\n') !== shown.join('\n')) write('', lines);
  }

  function above(text: string): void {
    if (shown.length === 0) screen.write(text);
    else write(text, fitting());
    if (shown.length === 0 && draw().length === 0) rest();
  }

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
