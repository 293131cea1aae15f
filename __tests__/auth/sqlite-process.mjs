/** Writes databases with the SQLite of Node: one JSON command a line, one JSON answer a line. Twin of sqlite-process.py. */

import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';

const connections = new Map();

for await (const line of createInterface({ input: process.stdin })) say(answer(JSON.parse(line)));

function answer(command) {
  try {
    if (command.close !== undefined) return close(command.close);
    if (command.forever !== undefined) return runForever(command);
    return run(command.path, command.sql);
  } catch (thrown) {
    return { error: String(thrown) };
  }
}

function runForever({ path, forever, parent }) {
  say([]);
  for (let number = 1; process.ppid === parent; number++) {
    run(
      path,
      forever.map((it) => it.replaceAll('$n', String(number))),
    );
  }
  return [];
}

function run(path, statements) {
  if (!connections.has(path)) connections.set(path, new DatabaseSync(path));
  const database = connections.get(path);
  const results = statements.map((it) => database.prepare(it).all());
  return (results.at(-1) ?? []).map((row) => Object.values(row));
}

function close(path) {
  connections.get(path)?.close();
  connections.delete(path);
  return [];
}

function say(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
