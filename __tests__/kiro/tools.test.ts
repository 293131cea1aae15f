/** Tools as clients offer them, and as Kiro takes them: names, descriptions, tools of the past. */

import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Message, Tool } from '../../src/core/conversation.js';
import { toKiroTools } from '../../src/kiro/tools.js';
import { anyCharacter } from '../support/random.js';
import { assistant, call } from '../support/requests.js';

const tool = (name: string, description = 'd'): Tool => ({ name, description, inputSchema: undefined });
const spec = (name: string, description = 'd') => ({
  toolSpecification: { name, description, inputSchema: { json: { type: 'object', properties: {} } } },
});

type Expected = { specifications: object[]; instructions?: string[]; notices?: string[] };

function check(title: string, tools: readonly Tool[], messages: readonly Message[], expected: Expected): void {
  test(title, () => {
    const { specifications, instructions, notices } = toKiroTools(tools, messages, 60);
    expect({ specifications, instructions, notices }).toEqual({ instructions: [], notices: [], ...expected });
  });
}

check('no tools are none', [], [], { specifications: [] });
check('tools keep their order', [tool('b'), tool('a')], [], { specifications: [spec('b'), spec('a')] });
check('names that differ in case are two', [tool('f'), tool('F')], [], { specifications: [spec('f'), spec('F')] });
check('of two tools of one name the first counts', [tool('f', 'first'), tool('f', 'second')], [], {
  specifications: [spec('f', 'first')],
  notices: ['duplicate-tool=f'],
});
check(
  'names that are offered again and again are told once, and not without an end: clients refuse long headers',
  Array.from({ length: 90 }, (_, at) => tool(`f${at % 30}`)),
  [],
  {
    specifications: Array.from({ length: 30 }, (_, at) => spec(`f${at}`)),
    notices: [`duplicate-tool=${Array.from({ length: 20 }, (_, at) => `f${at}`).join(',')}`],
  },
);
check('a tool without a description gets its name', [tool('f', ''), tool('g', ' \n')], [], {
  specifications: [spec('f', 'Tool: f'), spec('g', 'Tool: g')],
});
check('a description of just the limit stays', [tool('f', 'x'.repeat(60))], [], {
  specifications: [spec('f', 'x'.repeat(60))],
});
check('a longer description moves to the system prompt whole', [tool('f', 'x'.repeat(61))], [], {
  specifications: [spec('f', 'See "## Tool: f" in the system prompt for the full description.')],
  instructions: [`## Tool: f\n\n${'x'.repeat(61)}`],
});
check('a moved description goes by the name that Kiro knows', [tool('f.g', 'x'.repeat(61))], [], {
  specifications: [spec('f_g_d2bb54fa', 'See "## Tool: f_g_d2bb54fa" in the system prompt for the full description.')],
  instructions: [`## Tool: f_g_d2bb54fa\n\n${'x'.repeat(61)}`],
});
check(
  'tools of the past are offered once, without a schema',
  [tool('f')],
  [assistant(call('1'), call('2', '{}', 'old'), call('3', '{}', 'old'))],
  {
    specifications: [spec('f'), spec('old', 'No longer offered; it appears only in the history.')],
  },
);
check('without tools, those of the past are offered', [], [assistant(call('1'))], {
  specifications: [spec('f', 'No longer offered; it appears only in the history.')],
});

/** A client's name and Kiro's. */
test.each([
  ['f', 'f'],
  ['get-weather_2', 'get-weather_2'],
  ['x'.repeat(64), 'x'.repeat(64)],
  ['constructor', 'constructor'],
  ['x'.repeat(65), `${'x'.repeat(55)}_9537c5fd`],
  ['srv.tool', 'srv_tool_19cdfb3e'],
  ['srv/tool', 'srv_tool_e42b5c1d'],
  ['1st', 't_1st_e01ddf65'],
  ['_', 't___d2e2adf7'],
  ['__proto__', 't___proto___30e2af38'],
  ['', 't__e3b0c442'],
  ['ünï', 't__n__e975a529'],
])('%j is %j for Kiro, and comes back as it was', (name, expected) => {
  const { nameFor, restoreName } = toKiroTools([tool(name)], [], 60);
  expect([nameFor(name), restoreName(nameFor(name))]).toEqual([expected, name]);
});

test('a name that Kiro invents stays as it is', () => {
  expect(toKiroTools([tool('f')], [], 60).restoreName('constructor')).toBe('constructor');
});

test('a name that another tool has as its alias is not taken from it', () => {
  const alias = toKiroTools([tool('f.g')], [], 60).nameFor('f.g');
  const { nameFor, restoreName } = toKiroTools([tool('f.g'), tool(alias)], [], 60);
  expect([nameFor('f.g'), nameFor(alias)]).toEqual([`${alias}_2`, alias]);
  expect([restoreName(`${alias}_2`), restoreName(alias)]).toEqual(['f.g', alias]);
});

test('any names become legal and different ones, and come back', () => {
  const name = fc.oneof(
    fc.string({ unit: anyCharacter, maxLength: 80 }),
    fc.constantFrom('a', 'a_', 'a.', 'a/', 'A', '_a'),
  );
  fc.assert(
    fc.property(fc.uniqueArray(name), (names) => {
      const { specifications, nameFor, restoreName } = toKiroTools(
        names.map((it) => tool(it)),
        [],
        60,
      );
      const aliases = names.map(nameFor);
      expect(specifications.map((it) => it.toolSpecification.name)).toEqual(aliases);
      expect(aliases.filter((it) => !/^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/.test(it))).toEqual([]);
      expect(new Set(aliases).size).toBe(names.length);
      expect(aliases.map(restoreName)).toEqual(names);
    }),
    { numRuns: 200 },
  );
});
