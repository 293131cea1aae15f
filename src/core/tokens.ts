/** The token estimate: linear, without a vocabulary, so that no text can stall the process. */

import type { Block } from './conversation.js';

/** Tokens of one character beyond ASCII, which differ from one family of models to the other. */
export type TokenRates = {
  readonly cyrillic: number;
  /** Of the other alphabets: Greek, Hebrew, Arabic, those of India, Thai and their neighbours. */
  readonly letter: number;
  /** Chinese, Japanese, Korean, accented Latin, symbols. */
  readonly other: number;
};

export function ratesFor(modelId: string): TokenRates {
  return /^(?:auto|claude)/i.test(modelId) ? CLAUDE_RATES : OTHER_RATES;
}

/**
 * Tokens of a text, estimated from its length: 3.8 characters a token for ASCII, all others by their rates. Long texts
 * are sampled at 64 places of 64 characters, so that the cost does not grow with the text.
 */
export function estimateTokens(text: string, rates = CLAUDE_RATES): number {
  if (text.length === 0) return 0;
  const tokens = text.length <= SAMPLED_FROM ? addTokens(text, 0, text.length, rates) : sampleTokens(text, rates);
  return Math.max(1, Math.round(tokens));
}

/** Tokens of what the model said, and how many of them were reasoning. */
export function estimateBlocks(blocks: readonly Block[], rates = CLAUDE_RATES) {
  let outputTokens = 0;
  let reasoningTokens = 0;
  for (const block of blocks) {
    const tokens = textsOf(block).reduce((sum, text) => sum + estimateTokens(text, rates), 0);
    outputTokens += tokens;
    if (block.type === 'reasoning' || block.type === 'redacted-reasoning') reasoningTokens += tokens;
  }
  return { outputTokens, reasoningTokens };
}

function textsOf(block: Block): readonly string[] {
  switch (block.type) {
    case 'text':
    case 'reasoning':
      return [block.text];
    case 'redacted-reasoning':
      return [block.data];
    case 'tool-call':
      return [block.name, block.input];
    case 'web-search':
      return [block.query];
  }
}

/**
 * A function that lets texts through, one after the other, until together they are `maxTokens` long by the measure of
 * `estimateTokens`; of the text that goes over it the beginning, of all later ones nothing.
 */
export function createTokenBudget(maxTokens: number, rates = CLAUDE_RATES): (text: string) => string {
  let left = maxTokens;
  return (text) => {
    for (let at = 0; at < text.length; at++) {
      // One character after the other, so that the place of the cut does not depend on how the text was split.
      left -= tokensOf(text.charCodeAt(at), rates);
      if (left < 0) return text.slice(0, wholeLength(text, at));
    }
    return text;
  };
}

/** The same length, or one less where it would cut a character in two. */
export function wholeLength(text: string, length: number): number {
  const code = text.charCodeAt(length - 1);
  return code >= 0xd800 && code <= 0xdbff ? length - 1 : length;
}

/** Tokens of an image of unknown size: Anthropic's documented width × height / 750 at its usual upper end. */
export const IMAGE_TOKENS = 1600;

/** A PDF or the like, whose pages nobody counts here: what Anthropic documents of a page, and its usual size. */
export function estimatePages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_TOKENS;
}

function sampleTokens(text: string, rates: TokenRates): number {
  const step = Math.floor((text.length - SAMPLE_LENGTH) / (SAMPLES - 1));
  let tokens = 0;
  for (let sample = 0; sample < SAMPLES; sample++) tokens += addTokens(text, sample * step, SAMPLE_LENGTH, rates);
  return (tokens / (SAMPLES * SAMPLE_LENGTH)) * text.length;
}

function addTokens(text: string, from: number, length: number, rates: TokenRates): number {
  let tokens = 0;
  for (let at = from; at < from + length; at++) tokens += tokensOf(text.charCodeAt(at), rates);
  return tokens;
}

function tokensOf(code: number, rates: TokenRates): number {
  if (code <= 0x7f) return 1 / ASCII_CHARACTERS_PER_TOKEN;
  if (code < 0x370 || code > 0x1fff) return rates.other;
  return code >= 0x400 && code <= 0x52f ? rates.cyrillic : rates.letter;
}

// Measured on prose in thirty languages and on code; Kiro's own numbers win wherever it sends them.
export const ASCII_CHARACTERS_PER_TOKEN = 3.8;
/** By the tokenizer that Anthropic has published. */
const CLAUDE_RATES: TokenRates = { cyrillic: 0.55, letter: 1.1, other: 1.1 };
/** By those of GPT, DeepSeek and Qwen. */
const OTHER_RATES: TokenRates = { cyrillic: 0.3, letter: 0.4, other: 0.85 };
const PAGE_BYTES = 50_000;
const PAGE_TOKENS = 2000;
const SAMPLES = 64;
const SAMPLE_LENGTH = 64;
const SAMPLED_FROM = SAMPLES * SAMPLE_LENGTH;
