/** Finds a small sum in a sentence and works it out. */

/** The expression as written and its value, or nothing when the text holds no sum. */
export function findSum(text: string): { readonly expression: string; readonly value: number } | undefined {
  const plain = text.replaceAll(/[×✕]/g, '*').replaceAll('÷', '/').replaceAll('−', '-');
  const expression = /[\d(][\d\s.()+*/-]*[+*/-][\d\s.()+*/-]*[\d)]/.exec(plain)?.[0].trim();
  if (expression === undefined || looksLikeDate(expression)) return undefined;
  const tokens = expression.match(/\d+(?:\.\d+)?|[()+*/-]/g) ?? [];
  const reader = { tokens, position: 0 };
  const value = readTerms(reader);
  const isWhole = reader.position === tokens.length && Number.isFinite(value);
  return isWhole ? { expression, value: Number(value.toPrecision(12)) } : undefined;
}

type TokenReader = { readonly tokens: readonly string[]; position: number };

function readTerms(reader: TokenReader): number {
  let value = readFactors(reader);
  for (let sign = take(reader, '+', '-'); sign !== undefined; sign = take(reader, '+', '-')) {
    const term = readFactors(reader);
    value = sign === '+' ? value + term : value - term;
  }
  return value;
}

function readFactors(reader: TokenReader): number {
  let value = readFactor(reader);
  for (let sign = take(reader, '*', '/'); sign !== undefined; sign = take(reader, '*', '/')) {
    const factor = readFactor(reader);
    value = sign === '*' ? value * factor : value / factor;
  }
  return value;
}

function readFactor(reader: TokenReader): number {
  if (take(reader, '-') !== undefined) return -readFactor(reader);
  if (take(reader, '(') !== undefined) {
    const value = readTerms(reader);
    return take(reader, ')') === undefined ? Number.NaN : value;
  }
  const token = reader.tokens[reader.position];
  reader.position += 1;
  return token === undefined ? Number.NaN : Number(token);
}

function take(reader: TokenReader, ...wanted: readonly string[]): string | undefined {
  const token = reader.tokens[reader.position];
  if (token === undefined || !wanted.includes(token)) return undefined;
  reader.position += 1;
  return token;
}

/** 2026-01-31 and 10/11/2026 are dates, whatever a calculator says. */
function looksLikeDate(expression: string): boolean {
  return /^\d{1,4}([-/])\d{1,2}\1\d{1,4}$/.test(expression);
}
