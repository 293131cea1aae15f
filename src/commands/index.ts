/** The list of commands. Adding a command adds one line here. */

import { chat } from './chat.js';
import type { Command } from './command.js';
import { login } from './login.js';
import { logout } from './logout.js';
import { models } from './models.js';
import { serve } from './serve.js';
import { status } from './status.js';
import { usage } from './usage.js';

export const commands: readonly Command[] = [login, serve, chat, models, usage, status, logout];
