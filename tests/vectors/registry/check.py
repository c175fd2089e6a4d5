#!/usr/bin/env python3
"""The vectors of docs/specs/registry.md, made from the page's layouts alone.

Nothing here is shared with src/.
usage: check.py        compares vectors.txt
       check.py DIR    writes it to a directory instead, for a new version of the page
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, ".."))
from keccak import keccak256  # noqa: E402


def be(value, size):
    return value.to_bytes(size, "big", signed=value < 0)


CHAIN = bytes(range(32))
ONE, TWO = b"\x11" * 32, b"\x22" * 32
SIGNATURES = b"\x44" * 64, b"\x55" * 64
KEYS = [
    bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
    bytes.fromhex("02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"),
]
ADDRESSES = [
    bytes.fromhex("7e5f4552091a69125d5dfcb7b8c2659029395bdf"),
    bytes.fromhex("2b5ad5c4795c026514f8317c7a215e218dccd6cf"),
]
WEIGHTS = [10, 20, 30, 40]


# ---- Section 1: sets ----

def set_hash(epoch, members):
    body = b"".join(address + be(weight, 8) for address, weight in members)
    return keccak256(b"TNSX1N" + be(epoch, 8) + be(len(members), 2) + body)


def order(weights):
    """By fractions: the slots of each with their first and last places, earliest end first."""
    from fractions import Fraction
    from math import ceil, floor, gcd
    total, divisor, out = sum(weights), gcd(*weights), []
    had = [0] * len(weights)
    for slot in range(min(total // divisor, 1024)):
        able = [i for i, w in enumerate(weights) if floor(Fraction(had[i] * total, w)) <= slot]
        best = min(able, key=lambda i: (ceil(Fraction((had[i] + 1) * total, weights[i])), i))
        had[best] += 1
        out.append(best)
    return out


# ---- Section 2: what is signed ----

def vote(kind, view, block):
    return keccak256(b"TNSX1V" + CHAIN + be(7, 8) + be(kind, 1) + be(view, 8) + block)


def head(tag):
    return keccak256(tag + CHAIN + be(7, 8) + be(3, 4) + be(4, 4) + be(5, 8) + TWO)


def checkpoint(root):
    return be(7, 8) + be(640, 8) + root + TWO + b"\x33" * 32 + bytes(32)


DOMAIN = keccak256(b"tenor-checkpoint-v1" + be(1, 32) + b"\x33" * 20)


def batch(root):
    return (b"TNBA1" + CHAIN + be(3, 4) + be(4, 4) + be(5, 8) + TWO + be(6, 4) + be(7, 8) + be(8, 8)
            + be(9, 8) + root + TWO)


# ---- Section 3: evidence ----

def evidence(kind, rest):
    return be(kind, 1) + be(7, 8) + be(2, 2) + rest


def pair(first, second):
    return first + SIGNATURES[0] + second + SIGNATURES[1]


EVIDENCE = {
    1: evidence(1, be(9, 8) + pair(ONE, TWO)),
    2: evidence(2, be(9, 8) + pair(ONE, TWO)),
    3: evidence(3, be(9, 8) + pair(b"", TWO)),
    4: evidence(4, pair(checkpoint(ONE), checkpoint(TWO))),
    5: evidence(5, pair(batch(ONE), batch(TWO))),
}


# ---- Section 4: governance ----

PARAMETERS = (16, 100000, 200000, 300000, 1000000, 1000000, 1000000, 1000000, 500000)
COMMANDS = {
    "validator": be(1, 1) + KEYS[1] + ADDRESSES[1] + be(5, 8) + be(1000000, 8),
    "weight": be(2, 1) + be(1, 2) + be(6, 8) + be(2000000, 8),
    "feeder": be(3, 1) + be(2, 2) + be(1, 1) + KEYS[0],
    "market": be(4, 1) + be(3, 4) + be(2, 2) + be(1, 2) + be(0, 2),
    "key": be(5, 1) + be(2, 1) + KEYS[0],
    "parameters": be(6, 1) + b"".join(be(number, 4) for number in PARAMETERS),
    "epoch": be(7, 1) + be(500, 8),
}


# ---- Section 5: records of a registry that has just started ----

def leaf(kind, index, body):
    return keccak256(b"\x00" + be(kind, 1) + be(index, 4) + body) if body else bytes(32)


def top(leaves):
    depth = max(len(leaves) - 1, 0).bit_length()
    row = leaves + [bytes(32)] * (2 ** depth - len(leaves))
    while len(row) > 1:
        row = [keccak256(b"\x01" + row[i] + row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def root(kind, leaves):
    return keccak256(b"\x03" + be(kind, 1) + be(len(leaves), 8) + top(leaves))


def record_heads():
    return (be(1, 1) + be(160, 4) + be(8, 4) + be(8, 4) + be(1, 4) + be(1, 4) + be(1, 1)
            + b"".join(be(number, 4) for number in PARAMETERS)
            + (bytes(33) + bytes(33) + be(0, 8)) * 2
            + be(0, 8) * 7 + be(2, 4) + be(0, 4) + be(1, 4) + be(0, 8) * 5)


def record_validator(i, weight):
    return (KEYS[i] + ADDRESSES[i] + be(weight, 8) * 3 + be(1000000, 8) + be(0, 8) * 7
            + (be(0, 8) + bytes(32)) * 5)


RECORDS = {
    18: [record_heads()],
    19: [record_validator(0, 2), record_validator(1, 1)],
    20: [],
    21: [be(1, 4) + be(1, 4) + be(0, 8) + (be(2, 2) + be(0, 2) + be(1, 2)) * 2],
    22: [be(0, 8) + be(0, 8) + be(2, 2) + be(0, 2) + be(2, 8) + be(1, 2) + be(1, 8), b"", b""],
}


def vectors():
    yield "set.hash", set_hash(7, [(be(i + 1, 1) * 20, w) for i, w in enumerate(WEIGHTS)])
    yield "set.order", b"".join(be(i, 2) for i in order(WEIGHTS))
    for kind in 1, 2, 3:
        yield "vote.%d" % kind, vote(kind, 9, bytes(32) if kind == 2 else ONE)
    yield "stall", head(b"TNSX1S")
    yield "resign", head(b"TNSX1R")
    yield "checkpoint", checkpoint(ONE)
    yield "checkpoint.domain", DOMAIN
    yield "checkpoint.digest", keccak256(DOMAIN + checkpoint(ONE))
    for kind, body in EVIDENCE.items():
        yield "evidence.%d" % kind, body
        yield "evidence.%d.digest" % kind, keccak256(body)
    for name, body in COMMANDS.items():
        yield "command." + name, body
    for kind, records in RECORDS.items():
        for index, body in enumerate(records):
            if body:
                yield "record.%d.%d" % (kind, index), body
    sections = [leaf(18, 0, RECORDS[18][0])] + [
        root(kind, [leaf(kind, i, body) for i, body in enumerate(RECORDS[kind])])
        for kind in (19, 20, 21, 22)]
    sections[0] = root(18, [sections[0]])
    yield "root", root(40, sections)


def main():
    text = "".join("%s %s\n" % (name, body.hex()) for name, body in vectors())
    if len(sys.argv) > 1:
        with open(os.path.join(sys.argv[1], "vectors.txt"), "w") as file:
            file.write(text)
        return 0
    with open(os.path.join(HERE, "vectors.txt")) as file:
        if file.read() != text:
            print("vectors.txt is not what the page's layouts make", file=sys.stderr)
            return 1
    print("%d vectors are what the page's layouts make" % text.count("\n"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
