"""Writes databases with the SQLite of Python: one JSON command a line, one JSON answer a line. Twin of sqlite-process.mjs."""

import json
import os
import sqlite3
import sys

connections = {}


def connect(path):
    if path not in connections:
        connections[path] = sqlite3.connect(path, isolation_level=None)
    return connections[path]


def run(path, statements):
    rows = []
    for statement in statements:
        rows = connect(path).execute(statement).fetchall()
    return rows


def answer(command):
    if "close" in command:
        connections.pop(command["close"]).close()
        return []
    if "forever" in command:
        print(json.dumps([]), flush=True)
        number = 0
        while os.getppid() == command["parent"]:
            number += 1
            run(command["path"], [it.replace("$n", str(number)) for it in command["forever"]])
        sys.exit()
    return run(command["path"], command["sql"])


for line in sys.stdin:
    try:
        print(json.dumps(answer(json.loads(line))), flush=True)
    except sqlite3.Error as error:
        print(json.dumps({"error": str(error)}), flush=True)
