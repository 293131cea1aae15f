/** Tools to Kiro's specifications: legal unique names, clean schemas, descriptions of bearable length. */

import type { Message, Tool } from '../core/conversation.js';
import { cleanSchema, type JsonObject } from './schema.js';

export type ToolSpecification = {
  readonly toolSpecification: {
    readonly name: string;
    readonly description: string;
    readonly inputSchema: { readonly json: JsonObject };
  };
};

export type KiroTools = {
  readonly specifications: readonly ToolSpecification[];
  /** The client's name to Kiro's. Every name that the conversation uses has one. */
  readonly nameFor: (name: string) => string;
  /** Kiro's name back to the client's. */
  readonly restoreName: (name: string) => string;
  /** Descriptions too long for a specification, as text for the system prompt. */
  readonly instructions: readonly string[];
  readonly notices: readonly string[];
};

/**
 * @param descriptionLimit In characters; a longer description moves to the system prompt whole.
 */
export function toKiroTools(tools: readonly Tool[], messages: readonly Message[], descriptionLimit: number): KiroTools {
  const offered = new Map<string, Tool>();
  const notices: string[] = [];
  for (const tool of tools) {
    if (offered.has(tool.name)) notices.push(`duplicate-tool=${legalIdentifier(tool.name)}`);
    else offered.set(tool.name, tool);
  }
  // Kiro refuses tool traffic in the history without a specification of that name (protocol rule 12).
  for (const name of namesInHistory(messages)) if (!offered.has(name)) offered.set(name, formerTool(name));

  const aliases = aliasesFor([...offered.keys()]);
  const nameFor = (name: string): string => aliases.get(name) ?? name;
  const originals = new Map([...aliases].map(([original, alias]) => [alias, original]));
  const instructions: string[] = [];
  const specifications = [...offered.values()].map((tool) => {
    const name = nameFor(tool.name);
    const isLong = tool.description.length > descriptionLimit;
    if (isLong) instructions.push(`## Tool: ${name}\n\n${tool.description}`);
    const short = tool.description.trim() === '' ? `Tool: ${name}` : tool.description;
    const description = isLong ? `See "## Tool: ${name}" in the system prompt for the full description.` : short;
    return { toolSpecification: { name, description, inputSchema: { json: cleanSchema(tool.inputSchema) } } };
  });
  return { specifications, nameFor, restoreName: (name) => originals.get(name) ?? name, instructions, notices };
}

function namesInHistory(messages: readonly Message[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const block of messages.flatMap((message) => (message.role === 'assistant' ? message.blocks : []))) {
    if (block.type === 'tool-call') names.add(block.name);
  }
  return names;
}

function formerTool(name: string): Tool {
  return { name, description: 'No longer offered; it appears only in the history.', inputSchema: undefined };
}

/** One legal name each. A legal name keeps itself; others get a hash, and a number if two still meet. */
function aliasesFor(names: readonly string[]): ReadonlyMap<string, string> {
  const legal = new Map(names.map((name) => [name, legalIdentifier(name, { startsWithLetter: true })]));
  const taken = new Set(names.filter((name) => legal.get(name) === name));
  for (const [name, alias] of legal) {
    if (alias === name) continue;
    let free = alias;
    for (let count = 2; taken.has(free); count++) free = `${alias.slice(0, 60)}_${count}`;
    taken.add(free);
    legal.set(name, free);
  }
  return legal;
}

/** 8 hex digits of a text (FNV-1a). */
export function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** A UUID of version 8 ("made as the maker likes") from a text: four hashes with different seeds in one pass. */
export function uuidOf(text: string): string {
  const hashes = new Int32Array([1, 2, 3, 4].map((seed) => 0x811c9dc5 ^ (seed * 0x9e3779b9)));
  let [a = 0, b = 0, c = 0, d = 0] = hashes;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x01000193);
    c = Math.imul(c ^ code, 0x01000193);
    d = Math.imul(d ^ code, 0x01000193);
  }
  const hex = [a, b, c, d].map((hash) => (hash >>> 0).toString(16).padStart(8, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** A text as an identifier Kiro accepts: `[A-Za-z0-9_-]`, at most 64 characters; a hash keeps changed ones apart. */
export function legalIdentifier(text: string, { startsWithLetter } = { startsWithLetter: false }): string {
  let legal = text.replace(/[^A-Za-z0-9_-]/g, '_');
  if (startsWithLetter && !/^[A-Za-z]/.test(legal)) legal = `t_${legal}`;
  if (legal === text && legal.length <= MAX_LENGTH && legal !== '') return legal;
  return `${legal.slice(0, MAX_LENGTH - 9)}_${shortHash(text)}`;
}

const MAX_LENGTH = 64;
