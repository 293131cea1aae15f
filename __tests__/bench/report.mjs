/** What a bench says: tables for the terminal and for docs/performance.md, a picture, and the top of a profile. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

/** The result with a verdict on each figure that the gateway has to reach. */
export function judge(result, it) {
  const { gateway, skeleton } = result.targets;
  return { ...result, verdicts: goalsOf(result, it).map((goal) => verdictOn(goal, gateway, skeleton, result)) };
}

function goalsOf({ kind }, it) {
  switch (kind) {
    case 'streams':
      return it.goals ?? [];
    case 'idle':
      return [
        { figure: 'heldKb', most: 'skeleton', times: it.most },
        { figure: 'backTo', most: 1.1 },
      ];
    case 'fit':
      return [{ figure: 'bend', most: 1.25 }];
    default:
      return [
        { figure: 'rssMb', most: 90 },
        { figure: 'helpMs', most: 40 },
        { figure: 'versionMs', most: 40 },
      ];
  }
}

function verdictOn({ figure, most, least, times = 1 }, gateway, skeleton, { parseMs }) {
  const value = gateway[figure];
  const limit = least ?? (most === 'skeleton' ? skeleton[figure] * times : most === 'parse' ? 3 * parseMs : most);
  const isMet = least === undefined ? value <= limit : value >= limit;
  const bound = `${least === undefined ? '≤' : '≥'} ${show(limit)}`;
  const basis =
    most === 'skeleton' ? `, ${times} × the skeleton's` : most === 'parse' ? ', 3 × parse and stringify' : '';
  return { figure: FIGURES[figure], value, bound: bound + basis, isMet };
}

export function printCase(result) {
  const rows = [['target', ...COLUMNS[result.kind].map(({ head }) => head)], ...rowsOf(result)];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (text, column) => (column === 0 ? text.padEnd(widths[column]) : text.padStart(widths[column]));
  const lines = rows.map((row) => `  ${row.map(pad).join('  ')}`);
  const sizes = result.kind === 'fit' ? ` at ${result.sizes.map(show).join(', ')} × ${result.unit}` : '';
  return [`\n${result.name}: ${result.title}${sizes}`, ...lines, ...result.verdicts.map(printVerdict)].join('\n');
}

function printVerdict({ figure, value, bound, isMet }) {
  return `  ${isMet ? 'met   ' : 'MISSED'}  ${figure}: ${show(value)}, goal ${bound}`;
}

export function printGoals(cases) {
  const all = cases.flatMap(({ name, verdicts }) => verdicts.map((it) => ({ name, ...it })));
  const missed = all.filter(({ isMet }) => !isMet);
  const lines = missed.map(({ name, ...it }) => `${printVerdict(it)} (${name})`);
  return [`\n${all.length - missed.length} of ${all.length} goals met.`, ...lines].join('\n');
}

function rowsOf({ kind, targets }) {
  return Object.entries(targets).map(([name, figures]) => [
    name,
    ...COLUMNS[kind].map(({ figure }) => [figures[figure]].flat().map(show).join(' ')),
  ]);
}

function show(value) {
  if (value === undefined || value === null || Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2).replace(/^-(0\.?0*)$/, '$1');
}

/** Replaces what stands between the marks. */
export async function rewriteMarkdown(path, report) {
  const { format, resolveConfig } = await import('prettier');
  const text = readFileSync(path, 'utf8');
  const marked = /(<!-- bench -->)[\s\S]*?(<!-- \/bench -->)/;
  if (!marked.test(text)) throw new Error(`${path} has no <!-- bench --> and <!-- /bench -->.`);
  const hasPicture = existsSync(join(dirname(path), PICTURE));
  const picture = hasPicture ? `![The gateway beside the skeleton and the pipe](${PICTURE})\n\n` : '';
  const section = `$1\n\n${picture}${writeSections(report)}\n\n$2`;
  writeFileSync(
    path,
    await format(text.replace(marked, section), { ...(await resolveConfig(path)), parser: 'markdown' }),
  );
}

function writeSections({ machine, node, commit, date, rounds, cases }) {
  const about = `${date}, commit ${commit}, Node ${node}, ${machine}; medians of ${rounds} rounds.`;
  const goals = cases.flatMap(({ title, verdicts }) =>
    verdicts.map(({ figure, value, bound, isMet }) => [
      title,
      figure,
      bound,
      show(value),
      isMet ? 'met' : '**missed**',
    ]),
  );
  const tables = Object.keys(COLUMNS).flatMap((kind) => {
    const some = cases.filter((it) => it.kind === kind);
    const rows = some.flatMap((it) => rowsOf(it).map((row) => [it.title, ...row]));
    const heads = ['case', 'target', ...COLUMNS[kind].map(({ head }) => head)];
    return some.length === 0 ? [] : [`### ${KINDS[kind]}`, writeTable(heads, rows)];
  });
  return [about, writeTable(['case', 'figure', 'goal', 'measured', ''], goals), ...tables].join('\n\n');
}

function writeTable(heads, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map((_, at) => (at < 2 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

/** Two panels of bars: what a stream costs, and what its first byte waits. */
export function drawSvg({ cases, commit, node }) {
  const streams = cases.filter(({ kind }) => kind === 'streams');
  const names = Object.keys(streams[0]?.targets ?? {}).filter((name) => name !== 'direct');
  const height = TOP + streams.length * (names.length * BAR + GAP) + 20;
  const panel = (x, title, figure) => {
    const most = Math.max(0.01, ...streams.flatMap((it) => names.map((name) => it.targets[name][figure] || 0)));
    const bars = streams.flatMap(({ targets }, row) =>
      names.map((name, at) => {
        const value = targets[name][figure];
        const y = TOP + row * (names.length * BAR + GAP) + at * BAR;
        // Squeezed, so that small ones can be seen beside the largest.
        const width = Math.sqrt(Math.max(0, value || 0) / most) * PANEL;
        const label = `<text x="${x + width + 4}" y="${y + 9}">${show(value)}</text>`;
        return `<rect x="${x}" y="${y}" width="${width.toFixed(1)}" height="${BAR - 2}" fill="${COLOURS[at % COLOURS.length]}"/>${label}`;
      }),
    );
    return [`<text x="${x}" y="44" font-weight="bold">${title}</text>`, ...bars];
  };
  const titles = streams.map(({ title }, row) => {
    const y = TOP + row * (names.length * BAR + GAP) + names.length * BAR * 0.5 + 4;
    return `<text x="210" y="${y}" text-anchor="end">${title}</text>`;
  });
  const legend = names.map((name, at) => {
    const swatch = `<rect x="${220 + at * 90}" y="12" width="10" height="10" fill="${COLOURS[at % COLOURS.length]}"/>`;
    return `${swatch}<text x="${234 + at * 90}" y="21">${name}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="960" height="${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="960" height="${height}" fill="#ffffff"/>`,
    ...legend,
    `<text x="950" y="21" text-anchor="end" fill="#666666">commit ${commit}, Node ${node}; bars grow as the square root</text>`,
    ...titles,
    ...panel(220, 'CPU of one stream, ms', 'cpuMs'),
    ...panel(600, 'first byte added, p50 ms', 'firstP50'),
    '</svg>\n',
  ].join('\n');
}

/**
 * Where the time went; waiting for work does not count. First by itself; then what the engine and Node did is added to
 * the nearest function of a program's own that wanted it.
 */
export function printProfile({ nodes, samples, timeDeltas }, root) {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const byId = new Map(nodes.map((node) => [node.id, describeFrame(node.callFrame, root)]));
  const alone = new Map();
  const withHelp = new Map();
  const folders = new Map();
  let busy = 0;
  const add = (times, key, time) => times.set(key, (times.get(key) ?? 0) + time);
  for (const [at, id] of samples.entries()) {
    const frame = byId.get(id);
    const time = timeDeltas[at];
    if (frame.name === '(idle)') continue;
    let asker = id;
    while (asker !== undefined && !byId.get(asker).isProgram) asker = parents.get(asker);
    add(alone, `${frame.name}  ${frame.place}`, time);
    const { name, place, folder } = byId.get(asker) ?? { name: NOBODY, place: '', folder: NOBODY };
    add(withHelp, `${name}  ${place}`, time);
    add(folders, folder, time);
    busy += time;
  }
  const print = (times, count) =>
    [...times]
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, count)
      .map(([key, time]) => `  ${((100 * time) / busy).toFixed(1).padStart(5)} %  ${key}`);
  const lists = [print(alone, 25), print(withHelp, 25), print(folders, 12)];
  return ['By itself:', ...lists[0], 'With what it had Node do:', ...lists[1], 'By place:', ...lists[2]].join('\n');
}

function describeFrame({ functionName, url, lineNumber }, root) {
  const path = url.replace('file://', '').replace(`${root}/`, '');
  const folder = /^(?:dist\/[\w-]+(?=\/)|dist|node_modules\/(?:@[\w-]+\/)?[\w-]+)/.exec(path)?.[0];
  const place = path === '' ? '' : `${path}:${lineNumber + 1}`;
  return { name: functionName || '(anonymous)', place, folder, isProgram: folder !== undefined };
}

const NOBODY = 'Node by itself';

const FIGURES = {
  cpu: 'CPU in those of the skeleton',
  rate: 'rate in that of the skeleton',
  firstP50: 'first byte added, p50 ms',
  firstP99: 'first byte added, p99 ms',
  delayP50: 'delay of a delta added, p50 ms',
  delayP99: 'delay of a delta added, p99 ms',
  heldKb: 'memory of an open stream, KB',
  backTo: 'memory afterwards in that before',
  bend: 'slope of the upper half in that of the lower',
  rssMb: 'RSS after start, MB',
  helpMs: '--help over an empty script, ms',
  versionMs: '--version over an empty script, ms',
};

const KINDS = { streams: 'Streams', idle: 'Open and silent', fit: 'Growth', start: 'Start' };

const COLUMNS = {
  streams: [
    { head: 'streams/s', figure: 'perSecond' },
    { head: 'CPU ms', figure: 'cpuMs' },
    { head: '× skeleton', figure: 'cpu' },
    { head: 'first p50', figure: 'firstP50' },
    { head: 'p99', figure: 'firstP99' },
    { head: 'delay p50', figure: 'delayP50' },
    { head: 'p99', figure: 'delayP99' },
    { head: 'RSS MB', figure: 'rssMb' },
  ],
  idle: [
    { head: 'KB a stream', figure: 'heldKb' },
    { head: 'RSS KB', figure: 'rssKb' },
    { head: 'after / before', figure: 'backTo' },
  ],
  fit: [
    { head: 'CPU ms', figure: 'cpuMs' },
    { head: 'slope, ms', figure: 'slope' },
    { head: 'bend', figure: 'bend' },
  ],
  start: [
    { head: 'empty ms', figure: 'emptyMs' },
    { head: '--help + ms', figure: 'helpMs' },
    { head: '--version + ms', figure: 'versionMs' },
    { head: 'RSS MB', figure: 'rssMb' },
  ],
};

const PICTURE = 'pictures/bench.svg';
const COLOURS = ['#b8c4ce', '#e0a458', '#2a6f97', '#7a5195', '#58508d'];
const TOP = 54;
const BAR = 13;
const GAP = 10;
const PANEL = 300;
