#!/usr/bin/env python3
"""The vectors of docs/specs/market.md, made from the page: items of inboxes, records, the root.

Nothing here is shared with src/market.
usage: check.py [FILE]   compares with FILE, vectors.txt beside it by default
       check.py --write  writes that file anew, for a new version of the page
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, ".."))
from keccak import keccak256  # noqa: E402


def number(value, size):
    return (value % (1 << (8 * size))).to_bytes(size, "big")


def item(kind, content):
    return number(len(content), 4) + bytes([kind]) + content


OWNER = bytes(range(1, 21))
KEY = bytes([2]) + bytes(range(100, 132))
CHAIN = bytes(range(32))
LIST = bytes([1, 10]) + number(0x0102030405060708, 8)
CANCEL = number(9, 8) + bytes([4]) + number(77, 8) + number(0, 8)
FRAME = number(3, 4) + number(41, 8) + number(1000, 8) + number(1, 2) + CANCEL
OWNER_FRAME = OWNER + bytes([1, 1]) + number(len(FRAME), 4) + FRAME
OPEN = OWNER + number(5, 8) + number(0, 4) + KEY + number(31, 4) + number(1800000000000, 8)
CLOSE = OWNER + number((7 << 32) | 3, 8)
ACCOUNT = OWNER + number(1, 8) + bytes([0])
REMIT = number(3, 4) + number(17, 4) + number(1 << 20, 4) + number(1 << 50, 8) + OWNER
REMIT_BACK = number(4, 4) + number(17, 4) + number(5, 4) + number(250500000, 8) + number(208, 2)
REMITS_ENDED = number(4, 4) + number(511, 4)


def inbox(height, time_ms, items):
    block_hash = bytes([height]) * 32
    return (number(height, 8) + number(time_ms, 8) + block_hash + number(len(items), 4) +
            b"".join(items))


def stream_record(number_last, seats_used, cursor, first, count):
    limits = b"".join(number(n, 4) for n in (64, 4, 128, 65536))
    return (number(1, 4) + number(7, 4) + CHAIN + limits + number(number_last, 4) +
            number(seats_used, 4) + number(cursor, 8) + number(first, 8) + number(count, 8))


def vectors():
    first = inbox(5, 1700000000000, [item(6, ACCOUNT), item(4, OPEN)])
    second = inbox(6, 1700000000100, [])
    waiting = stream_record(0, 0, 0, 5, 2)
    after = stream_record(1, 1, 5, 6, 1)
    session = (number(1 << 32, 8) + number(0, 4) + number(31, 4) + number(1800000000000, 8) + KEY)
    yield "item_entry", item(1, LIST)
    yield "item_owner_frame", item(3, OWNER_FRAME)
    yield "item_session_open", item(4, OPEN)
    yield "item_session_close", item(5, CLOSE)
    yield "item_account", item(6, ACCOUNT)
    yield "item_remit", item(7, REMIT)
    yield "item_remit_back", item(8, REMIT_BACK)
    yield "item_remits_ended", item(9, REMITS_ENDED)
    yield "inbox_first", first
    yield "inbox_second", second
    yield "stream_waiting", waiting
    yield "root_waiting", keccak256(
        waiting + keccak256(first) + keccak256(second))
    yield "stream_after", after
    yield "session_after", session
    yield "root_after", keccak256(after + keccak256(second))


def main():
    assert keccak256(b"").hex().startswith("c5d2460186f7233c927e7db2dcc703c0")
    path = os.path.join(HERE, "vectors.txt")
    lines = "".join("%s %s\n" % (name, value.hex()) for name, value in vectors())
    if len(sys.argv) > 1 and sys.argv[1] == "--write":
        with open(path, "w") as file:
            file.write(lines)
        return 0
    if len(sys.argv) > 1:
        path = sys.argv[1]
    with open(path) as file:
        same = file.read() == lines
    print("%d vectors%s" % (lines.count("\n"), "" if same else ": they differ"))
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
