/** Any conversation whatsoever becomes a body that Kiro takes: the service's rules and AWS's own client are the judges. */

import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { obeyRules, toEntries, type Entry } from '../../src/kiro/history.js';
import { mediaWithinLimits } from '../../src/kiro/media.js';
import { cleanSchema } from '../../src/kiro/tools.js';
import { checkChatRequest } from '../support/rules.js';
import { findSchemaFault } from '../../src/simulator/schema.js';
import { serialiseOfficially } from '../support/official-client.js';
import {
  anyConversation,
  anyMessages,
  anyModel,
  anySchema,
  bodyFor,
  modelNamed,
  PROFILE,
} from '../support/requests.js';

const anyProfile = fc.constantFrom(PROFILE, undefined);

test('any conversation, for any model, obeys the rules of the service', () => {
  fc.assert(
    fc.property(anyConversation, anyModel, anyProfile, (conversation, model, profileArn) => {
      expect(checkChatRequest(bodyFor(conversation, { model, profileArn }))).toBe(undefined);
    }),
    { numRuns: 240 },
  );
});

test('AWS’s own client would send the same JSON', async () => {
  await fc.assert(
    fc.asyncProperty(anyConversation, anyModel, anyProfile, async (conversation, model, profileArn) => {
      const body = bodyFor(conversation, { model, profileArn });
      expect(await serialiseOfficially(body)).toEqual(body);
    }),
    { numRuns: 40 },
  );
});

test('the passes change nothing that they have made', () => {
  fc.assert(
    fc.property(anyMessages, (messages) => {
      const entries = toEntries(messages, mediaWithinLimits(messages, modelNamed('auto')).kept);
      expect(obeyRules(entries)).toEqual(entries);
    }),
    { numRuns: 200 },
  );
});

test('the passes change nothing that they have made, whatever they were given', () => {
  fc.assert(
    fc.property(anyEntries, (given) => {
      const entries = obeyRules(given);
      expect(obeyRules(entries)).toEqual(entries);
    }),
    { numRuns: 400 },
  );
});

test('any schema becomes one that the service takes, and cleaning it twice changes nothing', () => {
  fc.assert(
    fc.property(anySchema, (schema) => {
      const cleaned = cleanSchema(schema);
      expect(findSchemaFault(cleaned, 'schema')).toBe(undefined);
      expect(cleanSchema(cleaned)).toEqual(cleaned);
    }),
    { numRuns: 400 },
  );
});

const text = fc.constantFrom('', ' ', 'a', 'b');
const id = fc.constantFrom('t1', 't2', 'a b', '', 't1_2');
const none = fc.constant([]);
const NOTHING = { media: none, results: none, calls: none, reasonings: none };
const anyEntries: fc.Arbitrary<readonly Entry[]> = fc.array(
  fc.oneof(
    fc.record({
      role: fc.constant('user' as const),
      text,
      ...NOTHING,
      results: fc.array(
        fc.record({
          id,
          texts: fc.array(
            text.filter((it) => it.trim() !== ''),
            { maxLength: 2 },
          ),
          isError: fc.boolean(),
        }),
        { maxLength: 3 },
      ),
    }),
    fc.record({
      role: fc.constant('assistant' as const),
      text,
      ...NOTHING,
      calls: fc.array(fc.record({ id, name: fc.constant('f'), input: fc.constant({}), isCut: fc.boolean() }), {
        maxLength: 3,
      }),
      reasonings: fc.array(
        fc.record({ type: fc.constant('reasoning' as const), text: fc.constant('hm'), signature: fc.constant('s') }),
        { maxLength: 2 },
      ),
    }),
  ),
  { maxLength: 8 },
);
