/** The list of commands. Adding a command adds one line here. */

import { chat } from './chat.js';
import type { Command } from './command.js';
import { models } from './models.js';
import { serve } from './serve.js';

export const commands: readonly Command[] = [serve, chat, models];
