/** The catalogue as a table for people and as JSON for scripts. */

import type { Model } from '../core/conversation.js';
import { writeTable, type Column } from '../terminal/table.js';
import type { Terminal } from '../terminal/terminal.js';

/** The default is marked with a star. On a narrow terminal the names, which say what the ids say, are left out. */
export function writeModels(models: readonly Model[], { columns, style }: Pick<Terminal, 'columns' | 'style'>): string {
  const whole = tableOf(models, COLUMNS);
  const isTooWide = columns !== undefined && whole.some((line) => line.length > columns);
  const [head = '', ...lines] = isTooWide ? tableOf(models, COLUMNS.toSpliced(1, 1)) : whole;
  const body = lines.map((line, at) => (models[at]?.isDefault === true ? style.bold(line) : line));
  return `${[style.dim(head), ...body].join('\n')}\n`;
}

/** Field names are part of the command's contract; what is not known is null. */
export function writeModelsJson(models: readonly Model[]): string {
  const list = models.map((model) => ({
    id: model.id,
    name: model.name,
    description: model.description ?? null,
    contextTokens: model.maxInputTokens,
    outputTokens: model.maxOutputTokens,
    inputs: model.inputs,
    efforts: model.efforts,
    creditRate: model.creditRate ?? null,
    isDefault: model.isDefault,
  }));
  return `${JSON.stringify(list, null, 2)}\n`;
}

type ModelColumn = Column & { readonly cell: (model: Model) => string };

function tableOf(models: readonly Model[], columns: readonly ModelColumn[]): readonly string[] {
  return writeTable(
    columns,
    models.map((model) => columns.map(({ cell }) => cell(model))),
  );
}

/** `1000k` reads better than `1M` beside `200k`: the numbers stand in a column. */
function thousands(tokens: number): string {
  return tokens < 1000 ? String(tokens) : `${Math.round(tokens / 1000)}k`;
}

const COLUMNS: readonly ModelColumn[] = [
  { title: '  MODEL', cell: ({ id, isDefault }) => `${isDefault ? '*' : ' '} ${id}` },
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'CONTEXT', align: 'right', cell: ({ maxInputTokens }) => thousands(maxInputTokens) },
  { title: 'OUTPUT', align: 'right', cell: ({ maxOutputTokens }) => thousands(maxOutputTokens) },
  { title: 'CREDITS', align: 'right', cell: ({ creditRate }) => (creditRate === undefined ? '–' : `×${creditRate}`) },
  { title: 'INPUTS', cell: ({ inputs }) => inputs.join(', ') },
  { title: 'EFFORTS', cell: ({ efforts }) => efforts.join(' ') || '–' },
];
