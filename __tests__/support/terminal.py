"""Runs a command in a pseudo-terminal: waits for texts, presses keys, and tells as JSON what was seen and how it ended.

argv: a JSON object {command, env, steps: [[text to wait for, keys to press], ...], columns (may be missing)}.
`marks` in what it tells says how long `raw` was when the keys of each step were pressed.
"""
import fcntl, json, os, pty, re, select, struct, sys, termios, time

plan = json.loads(sys.argv[1])
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, plan.get("columns", 120), 0, 0))
    os.execve(plan["command"][0], plan["command"], plan["env"])

seen, start, pressed, steps, marks = "", 0, 0, list(plan["steps"]), []
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    ready, _, _ = select.select([terminal], [], [], 1)
    if not ready:
        continue
    try:
        chunk = os.read(terminal, 65536)
    except OSError:
        break
    if not chunk:
        break
    seen += chunk.decode("utf-8", "replace")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen[start:])
    if steps and steps[0][0] in plain:
        keys = steps.pop(0)[1]
        start = len(seen)
        marks.append(start)
        # The program listens only after it has drawn.
        time.sleep(0.15)
        for key in keys:
            os.write(terminal, key.encode())
            time.sleep(0.05)
        pressed += len(keys)
else:
    os.kill(child, 9)
_, status = os.waitpid(child, 0)
screen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen).replace("\r", "")
print(json.dumps({"code": os.waitstatus_to_exitcode(status), "screen": screen, "raw": seen, "pressed": pressed, "left": len(steps), "marks": marks}))
