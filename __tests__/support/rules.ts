/** The simulator's judge of chat requests, asked for a verdict. */

import { type CatalogueModel, listModels } from '../../src/simulator/control.js';
import { Refusal } from '../../src/simulator/exchange.js';
import { judgeChatRequest } from '../../src/simulator/rules.js';

type RuleOptions = {
  /** The models of the account; the ordinary catalogue unless told otherwise. */
  readonly models?: readonly CatalogueModel[];
  /** True for everyone but the bearer of an API key. */
  readonly isProfileRequired?: boolean;
};

/** The first rule that the body breaks; nothing when the service would take it. */
export function checkChatRequest(
  body: unknown,
  { models = listModels(), isProfileRequired = false }: RuleOptions = {},
) {
  try {
    judgeChatRequest(body, models, { usesApiKey: !isProfileRequired });
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    const { message, reason } = thrown.failure;
    return { message, reason, detail: thrown.detail ?? '' };
  }
}
