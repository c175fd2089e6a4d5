#!/usr/bin/env python3
"""The vectors of docs/specs/sequencer.md, made from the page's layouts alone.

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


# ---- What the page says ----

def u(value, size):
    return value.to_bytes(size, "big")


CHAIN = bytes(range(32))
DOMAIN = bytes([0xd0]) * 32
EPOCH, VIEW = 7, 9
ZERO = bytes(32)


def many(byte, size=32):
    return bytes([byte]) * size


HEADER = (u(1, 2) + u(1, 1) + u(EPOCH, 8) + u(VIEW, 8) + u(8, 8) + u(6, 8) + many(0x22)
          + u(1700000000000, 8) + u(2, 2) + u(0, 4) + u(0, 4) + ZERO + many(0x33) + ZERO
          + u(0, 8) + u(5, 8) + ZERO)
BLOCK_HASH = keccak256(b"TNSX1H" + CHAIN + HEADER)
CHECKPOINT = u(EPOCH, 8) + u(640, 8) + many(0x11) + many(0x12) + many(0x13) + ZERO


def vote_digest(kind, block):
    return keccak256(b"TNSX1V" + CHAIN + u(EPOCH, 8) + u(kind, 1) + u(VIEW, 8) + block)


def cert(kind, view, block):
    return (u(3, 1) + u(EPOCH, 8) + u(kind, 1) + u(view, 8) + block + u(0b1101, 1)
            + many(0x40, 64) + many(0x42, 64) + many(0x43, 64))


def fetch(what, at, count, block):
    return u(4, 1) + u(what, 1) + u(EPOCH, 8) + u(at, 8) + u(count, 4) + block


def vectors():
    yield "vote.1.digest", vote_digest(1, BLOCK_HASH)
    yield "vote.2.digest", vote_digest(2, ZERO)
    yield "vote.3.digest", vote_digest(3, BLOCK_HASH)
    yield "header", HEADER
    yield "header.hash", BLOCK_HASH
    yield "checkpoint.digest", keccak256(DOMAIN + CHECKPOINT)
    parent = cert(1, 6, many(0x22))
    yield "proposal", (u(1, 1) + many(0x44, 64) + u(1, 1) + HEADER + u(len(parent), 2) + parent)
    yield "vote", (u(2, 1) + u(EPOCH, 8) + u(3, 1) + u(VIEW, 8) + BLOCK_HASH + u(2, 2)
                   + many(0x44, 64))
    yield "cert", cert(3, VIEW, BLOCK_HASH)
    yield "fetch.1", fetch(1, VIEW, 0, BLOCK_HASH)
    yield "fetch.2", fetch(2, 100, 64, ZERO)
    yield "fetch.3", fetch(3, 100, 512, ZERO)
    yield "fetch.4", fetch(4, VIEW, 0, ZERO)
    yield "fetch.5", fetch(5, 0, 0, ZERO)
    yield "data.1", u(5, 1) + u(1, 1) + HEADER
    yield "data.2", u(5, 1) + u(2, 1) + u(8, 8) + u(1, 2) + HEADER
    yield "data.3", u(5, 1) + u(3, 1) + u(1, 2) + HEADER + cert(3, VIEW, BLOCK_HASH)
    yield "status", (u(6, 1) + u(EPOCH, 8) + u(VIEW, 8) + u(6, 8) + u(5, 8) + many(0x22)
                     + u(1, 8) + many(0x33) + u(3, 8))
    yield "ckpt_vote", u(7, 1) + CHECKPOINT + u(2, 2) + many(0x44, 64)
    yield "ckpt_cert", (u(9, 1) + CHECKPOINT + u(0b1101, 1) + many(0x40, 64) + many(0x42, 64)
                        + many(0x43, 64))
    yield "votes_ask", u(55, 1) + u(EPOCH, 8)
    yield "votes_held", (u(56, 1) + u(EPOCH, 8) + u(2, 2) + u(1, 2) + u(3, 1) + u(VIEW, 8)
                         + BLOCK_HASH + many(0x44, 64))
    yield "final", u(EPOCH, 8) + u(VIEW, 8) + u(8, 8) + BLOCK_HASH


def main():
    text = "".join(f"{name} {value.hex()}\n" for name, value in vectors())
    if len(sys.argv) > 1:
        with open(os.path.join(sys.argv[1], "vectors.txt"), "w", encoding="ascii") as out:
            out.write(text)
        return 0
    with open(os.path.join(HERE, "vectors.txt"), encoding="ascii") as kept:
        if kept.read() == text:
            return 0
    print("vectors.txt is not what the page says")
    return 1


sys.exit(main())
