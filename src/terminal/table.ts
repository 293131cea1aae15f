/** Columns of text, aligned; the same on a terminal and in a pipe. */

export type Column = { readonly title: string; readonly align?: 'left' | 'right' };

/** Lines of the same columns. The last column is not padded. */
export function writeTable(columns: readonly Column[], rows: readonly (readonly string[])[]): readonly string[] {
  const lines = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => (line[at] ?? '').length)));
  return lines.map((line) =>
    columns
      .map(({ align }, at) => pad(line[at] ?? '', widths[at] ?? 0, align))
      .join('  ')
      .trimEnd(),
  );
}

/** Some cells wide; a part that is not nothing shows at least a little. */
export function writeBar(part: number, whole: number, width: number): string {
  const share = whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0;
  const filled = share > 0 ? Math.max(1, Math.round(share * width)) : 0;
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}

function pad(text: string, width: number, align: Column['align']): string {
  return align === 'right' ? text.padStart(width) : text.padEnd(width);
}
