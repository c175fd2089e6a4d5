#!/usr/bin/env python3
"""Makes the vectors of the links' handshake from the layouts in docs/specs/link.md alone.

Field i of the page's digest layout (chain_id first) is filled with bytes of i + 1; class is 1.
usage: check.py        compares handshake.hex
       check.py write  writes it
"""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, ".."))
from keccak import keccak256  # noqa: E402
PAGE = os.path.join(HERE, "..", "..", "..", "docs", "specs", "link.md")
FIELDS = ["chain_id", "class", "dialler_key", "listener_key", "dialler_fingerprint",
          "listener_fingerprint", "dialler_epoch", "listener_epoch", "dialler_nonce",
          "listener_nonce"]


def value_of(name, size, role, epoch):
    if name == "role":
        return bytes([role])
    if name == "class":
        return b"\x01"
    if name == "epoch":
        name = epoch
    return bytes([FIELDS.index(name) + 1]) * size


def fill(layout, role=0, epoch=""):
    out = b""
    for part in layout.split("‖"):
        part = part.strip()
        if part.startswith('"'):
            out += part.strip('"').encode()
        elif part.startswith("0x"):
            out += bytes([int(part, 16)])
        else:
            match = re.fullmatch(r"(\w+)(?:\[(\d+)\]| u(\d+))", part)
            size = int(match[2]) if match[2] else int(match[3]) // 8
            out += value_of(match[1], size, role, epoch)
    return out


def vectors():
    page = open(PAGE, encoding="utf-8").read()
    hello = re.search(r"HELLO = (.*)", page)[1]
    reply = re.search(r"REPLY = (.*)", page)[1]
    signed = re.sub(r"\s+", " ", re.search(r"keccak256\((.*?)\)\n```", page, re.S)[1])
    return {"HELLO": fill(hello, epoch="dialler_epoch"),
            "REPLY": fill(reply, epoch="listener_epoch"),
            "DIGEST_DIALLER": keccak256(fill(signed, role=1)),
            "DIGEST_LISTENER": keccak256(fill(signed, role=2))}


def main():
    path = os.path.join(HERE, "handshake.hex")
    text = "".join("%s %s\n" % (name, value.hex()) for name, value in vectors().items())
    if len(sys.argv) > 1:
        open(path, "w").write(text)
    elif open(path).read() != text:
        sys.exit("handshake.hex is not what docs/specs/link.md says")
    print("4 vectors are what the page says")


main()
