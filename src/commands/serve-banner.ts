/** What `serve` says at its start. */

import type { SessionFacts } from '../auth/session.js';

export type StartFacts = {
  readonly host: string;
  readonly port: number;
  readonly isSimulator: boolean;
  readonly version: string;
  /** Undefined where nobody but a person should see it. */
  readonly shownKey: string | undefined;
  /** Where the key is kept; undefined when the person set it. */
  readonly keyFile: string | undefined;
  readonly login: SessionFacts;
  /** How many models the account has; undefined when Kiro did not say. */
  readonly count: number | undefined;
};

type Style = Readonly<Record<'bold' | 'dim' | 'yellow', (text: string) => string>>;

/** A person gets lines to copy; a pipe gets the same facts without the key. */
export function describeStart(facts: StartFacts, style: Style): string {
  const url = `http://${urlHost(facts.host)}:${facts.port}`;
  const key = facts.shownKey ?? (facts.keyFile === undefined ? 'the value of PROXY_API_KEY' : `in ${facts.keyFile}`);
  const lines = [
    `${style.bold(`kiro-gateway ${facts.version}`)} listens on ${style.bold(url)}`,
    ...(facts.isSimulator ? [style.yellow('SIMULATOR: answers are made up, no Kiro account is used.')] : []),
    `login   ${facts.login.account}, from ${facts.login.source}`,
    `models  ${facts.count ?? 'unknown for now'}`,
    `key     ${key}`,
  ];
  if (facts.shownKey === undefined) return `${lines.join('\n')}\n`;
  return `${[...lines, '', ...clientLines(url, facts.shownKey, style)].join('\n')}\n\n`;
}

function clientLines(url: string, key: string, { dim }: Style): readonly string[] {
  return [
    dim('# curl'),
    `curl ${url}/v1/chat/completions -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' \\`,
    `  -d '{"model":"auto","messages":[{"role":"user","content":"hi"}]}'`,
    dim('# OpenAI SDK'),
    `export OPENAI_BASE_URL=${url}/v1 OPENAI_API_KEY=${key}`,
    dim('# Claude Code'),
    `export ANTHROPIC_BASE_URL=${url} ANTHROPIC_AUTH_TOKEN=${key} ANTHROPIC_MODEL=${MODELS.main} \\`,
    `  ANTHROPIC_DEFAULT_OPUS_MODEL=${MODELS.opus} ANTHROPIC_DEFAULT_SONNET_MODEL=${MODELS.main} \\`,
    `  ANTHROPIC_DEFAULT_HAIKU_MODEL=${MODELS.haiku}`,
  ];
}

/** Names that Kiro has; Claude Code's own defaults would be its first 404. */
const MODELS = { main: 'claude-sonnet-4.5', opus: 'claude-opus-4.5', haiku: 'claude-haiku-4.5' };

/** A client on this machine reaches an any-address through loopback. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
