/** Anthropic's toolsets: every member is a tool of its own, and its calls carry the names of both. */

import { expect, test } from '@jest/globals';
import type Anthropic from '@anthropic-ai/sdk';
import type { Block } from '../../src/core/conversation.js';
import { anthropicMessages } from '../../src/dialects/anthropic-messages.js';
import { readMessagesStream } from '../support/messages-automaton.js';
import { completionOf, eventsOf, factsOf, read, reply, request, writeStream } from './support.js';

const offered = (...tools: readonly object[]) => {
  const { conversation, notices } = read(anthropicMessages, request({ tools }));
  expect(notices).toEqual([]);
  return conversation.tools;
};
const namesOf = (tool: object) => offered(tool).map(({ name }) => name);

test('all of the computer is on offer', () => {
  const members: readonly Anthropic.Messages.ComputerMemberName[] = [
    ...(['key', 'hold_key', 'type', 'cursor_position', 'mouse_move', 'left_mouse_down', 'left_mouse_up'] as const),
    ...(['left_click', 'left_click_drag', 'right_click', 'middle_click', 'double_click', 'triple_click'] as const),
    ...(['scroll', 'wait', 'screenshot', 'zoom'] as const),
  ];
  expect(namesOf({ type: 'computer_toolset_20260801' })).toEqual(members.map((name) => `computer__${name}`));
});

test('of the browser, what is dangerous is on offer only when it is asked for', () => {
  const ON_REQUEST = ['read_console', 'read_network', 'file_upload', 'javascript_exec'];
  const enabled = Object.fromEntries(ON_REQUEST.map((name) => [name, { enabled: true }]));
  const usual = namesOf({ type: 'browser_toolset_20260801', configs: null });
  const all = namesOf({ type: 'browser_toolset_20260801', configs: { ...enabled, zoom: { defer_loading: false } } });
  expect([usual.length, all.length]).toEqual([27, 31]);
  expect(all.filter((name) => !usual.includes(name))).toEqual(ON_REQUEST.map((name) => `browser__${name}`));
});

test('what is turned off is not on offer', () => {
  const [wait, scroll, ...others] = offered({
    type: 'computer_toolset_20260801',
    configs: Object.fromEntries(
      namesOf({ type: 'computer_toolset_20260801' })
        .map((name) => name.replace('computer__', ''))
        .filter((name) => name !== 'wait' && name !== 'scroll')
        .map((name) => [name, { enabled: false }]),
    ),
  }).toReversed();
  expect(others).toEqual([]);
  expect(wait).toEqual({
    name: 'computer__wait',
    description: 'Waits.',
    inputSchema: {
      type: 'object',
      properties: { duration: { type: 'number', description: 'seconds' } },
      required: ['duration'],
    },
  });
  expect(scroll?.inputSchema).toMatchObject({ required: ['scroll_direction', 'scroll_amount'] });
});

const CALL: Block = { type: 'tool-call', id: 't1', name: 'browser__left_click', input: '{"target":{}}' };
const CALLED = { type: 'tool_use', input: { target: {} }, caller: { type: 'direct' } };
const WIRE = { ...CALLED, id: 't1', name: 'left_click', toolset_name: 'browser' };

test('a call carries both names, streamed or not, and comes back as it was', () => {
  const tools = [{ type: 'browser_toolset_20260801' }, { name: 'browser_left_click', input_schema: {} }];
  const { replyContext } = read(anthropicMessages, request({ tools }));
  const own = { ...CALL, id: 't2', name: 'browser_left_click' };
  const completion = completionOf([CALL, own], 'tool-calls');
  const content = [WIRE, { ...CALLED, id: 't2', name: 'browser_left_click' }];
  const whole = anthropicMessages.writeResponse(completion, { ...reply, replyContext });
  expect(whole).toMatchObject({ content });
  const streamed = writeStream(anthropicMessages, eventsOf(completion), { ...reply, replyContext });
  const begun = content.map((block) => ({ ...block, input: {} }));
  expect(readMessagesStream(streamed).message).toMatchObject({ content: begun });
  const messages = [{ role: 'assistant', content }];
  expect(read(anthropicMessages, request({ messages })).conversation.messages).toEqual([
    { role: 'assistant', blocks: [CALL, own] },
  ]);
});

factsOf(anthropicMessages).messages(
  'the state of the browser is told as it is',
  [
    {
      role: 'user',
      content: [
        {
          type: 'tool_result',
          tool_use_id: 't1',
          toolset_name: 'browser',
          content: [
            { type: 'text', text: 'Clicked.' },
            { type: 'browser_state', cache_control: null, tabs: [{ tab_id: '1', url: 'https://a', active: true }] },
          ],
        },
      ],
    },
  ],
  [
    {
      role: 'user',
      parts: [
        {
          type: 'tool-result',
          id: 't1',
          content: [
            { type: 'text', text: 'Clicked.' },
            { type: 'text', text: '{"tabs":[{"tab_id":"1","url":"https://a","active":true}]}' },
          ],
          isError: false,
        },
      ],
    },
  ],
);
