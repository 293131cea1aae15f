/** Figures over time, as letters for a terminal and as a picture. */

export type Curve = { readonly title: string; readonly unit: string; readonly values: readonly number[] };

const COLUMNS = 60;
const ROWS = 6;

/** The largest value of each column, from nothing at the bottom to the largest of all at the top. */
export function drawText({ title, unit, values }: Curve): string {
  const width = Math.min(COLUMNS, values.length);
  const columns = Array.from({ length: width }, (_, at) =>
    Math.max(...values.slice(Math.floor((at * values.length) / width), Math.ceil(((at + 1) * values.length) / width))),
  );
  const most = Math.max(...columns, Number.MIN_VALUE);
  const rows = Array.from({ length: ROWS }, (_, row) => {
    const level = ROWS - row;
    const label = row === 0 ? format(most) : row === ROWS - 1 ? '0' : '';
    return `${label.padStart(9)} ┤${columns.map((value) => blockAt((value / most) * ROWS, level)).join('')}`;
  });
  return [`${title} (${unit})`, ...rows].join('\n');
}

/** Eighths of a character's height. */
function blockAt(height: number, level: number): string {
  const part = Math.max(0, Math.min(8, Math.round((height - (level - 1)) * 8)));
  return ' ▁▂▃▄▅▆▇█'[part] ?? ' ';
}

const WIDTH = 720;
const PANEL = 120;
const LEFT = 80;

export function drawSvg(caption: string, minutes: number, curves: readonly Curve[]): string {
  const height = 60 + curves.length * (PANEL + 40);
  const panels = curves.map((curve, index) => panelOf(curve, 60 + index * (PANEL + 40)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" fill="#555">`,
    `<title>${escape(caption)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="${LEFT}" y="26" font-size="14" fill="#222">${escape(caption)}</text>`,
    ...panels,
    `<text x="${WIDTH - 20}" y="${height - 12}" text-anchor="end">${minutes} min</text>`,
    '</svg>',
    '',
  ].join('\n');
}

function panelOf({ title, unit, values }: Curve, top: number): string {
  const most = Math.max(...values, Number.MIN_VALUE);
  const right = WIDTH - 20;
  const points = values.map((value, index) => {
    const x = LEFT + ((right - LEFT) * index) / Math.max(1, values.length - 1);
    return `${x.toFixed(1)},${(top + PANEL - (PANEL * value) / most).toFixed(1)}`;
  });
  return [
    `<text x="${LEFT}" y="${top - 6}">${escape(title)} (${escape(unit)})</text>`,
    `<path d="M${LEFT} ${top}V${top + PANEL}H${right}" fill="none" stroke="#bbb"/>`,
    `<text x="${LEFT - 6}" y="${top + 10}" text-anchor="end">${format(most)}</text>`,
    `<text x="${LEFT - 6}" y="${top + PANEL}" text-anchor="end">0</text>`,
    `<polyline points="${points.join(' ')}" fill="none" stroke="#2a6" stroke-width="1.5"/>`,
  ].join('\n');
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
