/** Identifiers made from texts: the same text always gives the same one. Not for secrets. */

/** 8 hex digits of a text (FNV-1a). */
export function shortHash(text: string, seed = 0): string {
  let hash = 0x811c9dc5 ^ seed;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** A UUID of version 8 ("made as the maker likes") from a text. */
export function uuidOf(text: string): string {
  const hex = [1, 2, 3, 4].map((seed) => shortHash(text, seed * 0x9e3779b9)).join('');
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
