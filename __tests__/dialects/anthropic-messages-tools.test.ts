/** Tools of Anthropic's Messages API: the client's own and built-in ones, and the choice among them. */

import { expect, test } from '@jest/globals';
import { anthropicMessages } from '../../src/dialects/anthropic-messages.js';
import { factsOf, read, request } from './support.js';

const { conversation, notices, refused } = factsOf(anthropicMessages);

// Built-in tools
const toolOf = (tool: object): unknown => {
  const { conversation: read_, notices: told } = read(anthropicMessages, request({ tools: [tool] }));
  expect(told).toEqual([]);
  return read_.tools[0];
};

test('bash is a function with its own schema', () => {
  expect(toolOf({ type: 'bash_20250124', name: 'bash', cache_control: { type: 'ephemeral' } })).toEqual({
    name: 'bash',
    description: 'Runs a command in a persistent bash session. `restart` starts the session anew.',
    inputSchema: { type: 'object', properties: { command: { type: 'string' }, restart: { type: 'boolean' } } },
  });
});

test('examples of the input of a tool reach the model', () => {
  const tool = {
    name: 'look',
    description: 'Looks.',
    input_schema: { type: 'object' },
    input_examples: [{ at: 1 }, {}],
  };
  expect(toolOf(tool)).toEqual({
    name: 'look',
    description: 'Looks.\n\nExamples of its input:\n{"at":1}\n{}',
    inputSchema: { type: 'object' },
  });
});

/** The name, the enumeration that says what can be done, and the names of the other properties. */
const builtIn = (tool: object, expected: readonly [string, readonly string[], string]) =>
  test(`${JSON.stringify(tool)} is a function`, () => {
    const { name, inputSchema } = toolOf(tool) as { name: string; inputSchema: { properties: Properties } };
    const [[, first] = [], ...others] = Object.entries(inputSchema.properties);
    expect([name, first?.enum, others.map(([it]) => it).join(' ')]).toEqual(expected);
  });
type Properties = Readonly<Record<string, { readonly enum?: readonly string[] }>>;

const EDIT = ['view', 'create', 'str_replace', 'insert'];
builtIn({ type: 'text_editor_20250728', name: 'str_replace_based_edit_tool', max_characters: 100 }, [
  'str_replace_based_edit_tool',
  EDIT,
  'path view_range file_text old_str new_str insert_line insert_text',
]);
builtIn({ type: 'text_editor_20250429' }, [
  'str_replace_based_edit_tool',
  EDIT,
  'path view_range file_text old_str new_str insert_line',
]);
builtIn({ type: 'text_editor_20250124', name: 'str_replace_editor' }, [
  'str_replace_editor',
  [...EDIT, 'undo_edit'],
  'path view_range file_text old_str new_str insert_line',
]);
builtIn({ type: 'memory_20250818', name: 'memory' }, [
  'memory',
  [...EDIT, 'delete', 'rename'],
  'path view_range file_text old_str new_str insert_line insert_text old_path new_path',
]);
const CLICKS = ['left_click', 'left_click_drag', 'right_click', 'middle_click', 'double_click'];
const ACTIONS = ['key', 'type', 'mouse_move', ...CLICKS, 'screenshot', 'cursor_position'];
builtIn({ type: 'computer_20241022', name: 'computer', display_width_px: 800, display_height_px: 600 }, [
  'computer',
  ACTIONS,
  'coordinate start_coordinate text',
]);
builtIn({ type: 'computer_20251124', name: 'computer', enable_zoom: true }, [
  'computer',
  [...ACTIONS, 'left_mouse_down', 'left_mouse_up', 'triple_click', 'scroll', 'hold_key', 'wait', 'zoom'],
  'coordinate start_coordinate text scroll_direction scroll_amount duration region',
]);
test('the model is told the size of the display', () => {
  const tool = { type: 'computer_20250124', display_width_px: 800, display_height_px: 600 };
  expect(toolOf(tool)).toMatchObject({ description: expect.stringContaining('The display is 800 × 600 pixels.') });
});

notices(
  'tools that run at Anthropic are left out and named',
  {
    tools: [
      { type: 'web_search_20250305', name: 'web_search' },
      { type: 'web_fetch_20250910', name: 'web_fetch' },
      { type: 'tool_search_tool_bm25_20251119', name: 'tool_search_tool_bm25' },
      { name: 'a' },
    ],
  },
  ['tools-left-out=web_search_20250305,web_fetch_20250910,tool_search_tool_bm25_20251119'],
);
refused(
  'a tool that would run code at Anthropic is refused by its type',
  request({ tools: [{ name: 'a' }, { type: 'code_execution_20250825', name: 'code_execution' }] }),
  'tools[1].type: code_execution_20250825 runs at Anthropic only; leave the tool out.',
  'tools[1].type',
);
refused(
  'so is one whose type is long, which neither the answer nor the log repeats',
  request({ tools: [{ type: `code_execution_${'x'.repeat(100_000)}`, name: 'a' }] }),
  `tools[0].type: code_execution_${'x'.repeat(45)} runs at Anthropic only; leave the tool out.`,
  'tools[0].type',
);

const ADDED = { type: 'tool_addition', tool: { type: 'tool_definition', definition: { name: 'late' } } };
conversation(
  'tools that are added in mid-conversation are offered, too, and those that are taken away no longer',
  {
    tools: [{ name: 'look' }, { name: 'stop' }],
    messages: [
      { role: 'user', content: 'hi' },
      { role: 'system', content: [ADDED, { type: 'tool_removal', tool: { type: 'tool_reference', name: 'stop' } }] },
      { role: 'system', content: [{ type: 'tool_addition', tool: { type: 'tool_reference', name: 'look' } }] },
    ],
  },
  {
    tools: ['look', 'late'].map((name) => ({ name, description: '', inputSchema: undefined })),
    messages: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }],
  },
);

// The choice
const TOOLS = [{ name: 'look' }, { name: 'stop' }];
const choice = (title: string, tool_choice: object, toolChoice: object | undefined, parallelToolCalls?: false) =>
  conversation(title, { tools: TOOLS, tool_choice }, { toolChoice, parallelToolCalls } as object);
choice('auto is no choice', { type: 'auto', disable_parallel_tool_use: false }, undefined);
choice('one call at a time', { type: 'auto', disable_parallel_tool_use: true }, undefined, false);
choice('any tool', { type: 'any', disable_parallel_tool_use: true }, { mode: 'required' }, false);
choice('one tool', { type: 'tool', name: 'stop' }, { mode: 'named', names: ['stop'] });
choice('no tool', { type: 'none' }, { mode: 'none' });
notices(
  'a tool that was left out cannot be chosen',
  {
    tools: [{ type: 'web_search_20250305', name: 'web_search' }],
    tool_choice: { type: 'tool', name: 'web_search' },
  },
  ['tools-left-out=web_search_20250305', 'ignored=tool_choice'],
);

// The form of the answer, and its limits
const SCHEMA = { type: 'object', properties: { answer: { type: 'string' } } };
const FORMAT = { type: 'json_schema', schema: SCHEMA };
conversation(
  'JSON with a schema',
  { output_config: { format: FORMAT, effort: 'low' } },
  { answerFormat: { schema: SCHEMA } },
);
conversation('the form of the beta', { output_format: FORMAT }, { answerFormat: { schema: SCHEMA } });
notices('an unknown form is ignored', { output_config: { format: { type: 'xml' } } }, ['ignored=output_config.format']);
conversation(
  'limits are for the gateway to keep',
  { max_tokens: 0, stop_sequences: ['a', 'b', 'c', 'd', 'e'] },
  { limits: { maxTokens: 0, stopSequences: ['a', 'b', 'c', 'd', 'e'] } },
);
