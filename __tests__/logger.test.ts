/** Lines of the log: their levels, their form, and what is never in them. */

import { expect, test } from '@jest/globals';

import { GatewayError } from '../src/core/errors.js';
import { Secret } from '../src/core/secret.js';
import { createLogger, redact, type LogFormat, type Logger, type LogLevel } from '../src/logger.js';

function logged(level: LogLevel, say: (log: Logger) => void, format?: LogFormat): string {
  let lines = '';
  const write = (line: string): void => void (lines += line);
  say(createLogger({ level, ...(format && { format }), write, now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678) }));
  return lines;
}

test('each level holds back what is below it', () => {
  const all = (log: Logger): void => {
    log.debug('d');
    log.info('i');
    log.warn('w');
    log.error('e');
  };
  expect(logged('DEBUG', all)).toBe('03:04:05 DEBUG d\n03:04:05 INFO  i\n03:04:05 WARN  w\n03:04:05 ERROR e\n');
  expect(logged('WARN', all)).toBe('03:04:05 WARN  w\n03:04:05 ERROR e\n');
});

test('an error is hushed of the secrets of the login, and a gateway key makes no holes in it', () => {
  const said: GatewayError[] = [];
  logged('INFO', (log) => {
    log.hide(new Secret('kiro-gateway'));
    log.hide(new Secret('token-of-kiro'), 'lately');
    said.push(
      log.hushed(new GatewayError('forbidden', 'No token-of-kiro; run `kiro-gateway login`.', { reason: 'R' })),
    );
  });
  const message = 'No [secret]; run `kiro-gateway login`.';
  expect(said).toEqual([expect.objectContaining({ kind: 'forbidden', message, facts: { reason: 'R' } })]);
});

test('a message is one line, and its cause is told without a stack', () => {
  const cause = new GatewayError('overloaded', 'Full.', { cause: new TypeError('deep') });
  expect(logged('INFO', (log) => log.warn('two\r\nlines', cause))).toBe(
    '03:04:05 WARN  two lines (overloaded: Full: TypeError: deep)\n',
  );
});

test('what a terminal would obey is not in a line, in none of its forms', () => {
  const hostile = 'model \u001b]0;title\u0007\u001b[2J\u009b31m\u0000\b\u007f\u2028\u202etxt.exe\n\tend';
  const say = (log: Logger): void => log.warn(hostile, new TypeError(hostile));
  const plain = 'model ?]0;title??[2J?31m?????txt.exe \tend';
  expect(logged('INFO', say)).toBe(`03:04:05 WARN  ${plain} (TypeError: ${plain})\n`);
  expect(logged('INFO', say, 'talk')).toBe(`${plain} (TypeError: ${plain})\n`);
  // oxlint-disable-next-line no-control-regex -- These are the characters that are meant.
  expect(logged('INFO', say, 'json').slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
});

test('in JSON each line is an object, with the facts beside the words and no secret in any of them', () => {
  const lines = logged(
    'INFO',
    (log) => {
      log.debug('d');
      log.info('GET /x', { status: 200, model: 'ksk_1234', left: undefined });
      log.warn('two\nlines', new TypeError('Bearer abc.def'));
    },
    'json',
  );
  expect(lines.split('\n')).toEqual([
    '{"time":"2026-01-02T03:04:05.678Z","level":"INFO","message":"GET /x","status":200,"model":"[secret]"}',
    '{"time":"2026-01-02T03:04:05.678Z","level":"WARN","message":"two lines","cause":"TypeError: Bearer [secret]"}',
    '',
  ]);
});

test('as talk a line is its words', () => {
  expect(logged('INFO', (log) => log.warn('Kiro is away.', new GatewayError('overloaded', 'Full.')), 'talk')).toBe(
    'Kiro is away. (overloaded: Full.)\n',
  );
});

test('a hidden value is unreadable whatever it looks like, from then on', () => {
  const lines = logged('INFO', (log) => {
    log.hide(new Secret('correct horse'));
    log.hide(undefined);
    log.info('GET /correct horse/correct horse');
  });
  expect(lines).toBe('03:04:05 INFO  GET /[secret]/[secret]\n');
});

test('of what is renewed again and again the latest values are unreadable, and what was hidden for good stays so', () => {
  const lines = logged('INFO', (log) => {
    log.hide(new Secret('correct horse'));
    for (let renewal = 0; renewal < 1000; renewal++) {
      log.hide(new Secret(`renewed-${renewal}.`), 'lately');
      log.hide(new Secret('client-of-all-renewals'), 'lately');
    }
    log.info('correct horse, renewed-0., renewed-800., renewed-999., client-of-all-renewals');
  });
  expect(lines).toBe('03:04:05 INFO  [secret], renewed-0., [secret], [secret], [secret]\n');
});

const secrets: readonly (readonly [string, string])[] = [
  ['authorization: Bearer abc.def', 'authorization: [secret] [secret]'],
  ['Bearer abc.def', 'Bearer [secret]'],
  ['Bearer token-abc', 'Bearer [secret]'],
  ['The bearer token included in the request is invalid.', 'The bearer token included in the request is invalid.'],
  ['the bearer tokenabc', 'the bearer [secret]'],
  ['token aoaAAAAAGbcdefghij_-:/+= end', 'token [secret] end'],
  ['aorAAAAAGbcdefghijkl', '[secret]'],
  ['ksk_1234', '[secret]'],
  ['ksk_12+34/5.6==', '[secret]'],
  ['kgw-1234_5', '[secret]'],
  ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.sig', '[secret]'],
  ['key AKIAIOSFODNN7EXAMPLE differs', 'key [secret] differs'],
  ['keys sk-ant-api03-abcdefgh_ijkl-mnop and sk-proj-0123456789abcdef.', 'keys [secret] and [secret].'],
  ['ghp_0123456789abcdefghij, github_pat_0123456789abcdefghij', '[secret], [secret]'],
  ['task-force-one-hundred-and-one, sk-learn', 'task-force-one-hundred-and-one, sk-learn'],
  ['"{\\"password\\":\\"abc\\"}"', '"{\\"password\\":\\"[secret]\\"}"'],
  ['{"refreshToken":"short"}', '{"refreshToken":"[secret]"}'],
  ['client_secret=abc&x=1', 'client_secret=[secret]&x=1'],
  ['plain words about aorta and keyboards', 'plain words about aorta and keyboards'],
];

for (const [text, redacted] of secrets) {
  test(`${text} becomes ${redacted}`, () => {
    expect(redact(text)).toBe(redacted);
  });
}
