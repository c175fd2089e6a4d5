#!/usr/bin/python3
"""Runs a program on a terminal of its own, types keys, and checks what it drew.

usage: pty_screen.py KEYS PATTERN... -- COMMAND...

KEYS are typed one by one, a second apart; the last one should end the program. Each PATTERN must
have been drawn by then (escape sequences apart, blanks joined). Ends with the program's own code,
or 1.
"""
import os
import pty
import re
import select
import struct
import sys
import fcntl
import termios
import time


def plain(drawn):
    """What was drawn, without what moves the cursor: each move is a blank."""
    text = drawn.decode("utf-8", "replace")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78MD]|[\x00-\x1f]", " ", text)
    return re.sub(r" +", " ", text)


def main():
    split = sys.argv.index("--")
    keys, patterns, command = sys.argv[1], sys.argv[2:split], sys.argv[split + 1:]
    process, terminal = pty.fork()
    if process == 0:
        os.environ["TERM"] = "vt100"
        os.execv(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
    drawn = b""
    waiting = list(keys)
    next_key = time.monotonic() + 2.0
    until = time.monotonic() + 30
    while time.monotonic() < until:
        ready, _, _ = select.select([terminal], [], [], 0.1)
        if ready:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                break
            if not data:
                break
            drawn += data
        if waiting and time.monotonic() >= next_key:
            os.write(terminal, waiting.pop(0).encode())
            next_key = time.monotonic() + 1.0
    else:
        os.kill(process, 9)
    _, status = os.waitpid(process, 0)
    code = os.waitstatus_to_exitcode(status)
    screen = plain(drawn)
    for pattern in patterns:
        if not re.search(pattern, screen):
            print(f"not drawn: {pattern}\n{screen[:4000]}", file=sys.stderr)
            code = code or 1
    sys.exit(code)


if __name__ == "__main__":
    main()
