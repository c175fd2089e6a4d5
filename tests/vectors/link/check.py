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
PAGE = os.path.join(HERE, "..", "..", "..", "docs", "specs", "link.md")
FIELDS = ["chain_id", "class", "dialler_key", "listener_key", "dialler_fingerprint",
          "listener_fingerprint", "dialler_epoch", "listener_epoch", "dialler_nonce",
          "listener_nonce"]


def keccak256(message):
    mask = (1 << 64) - 1

    def rotate(value, by):
        return ((value << by) | (value >> (64 - by))) & mask if by else value

    padded = bytearray(message) + b"\x01" + b"\x00" * (135 - len(message) % 136)
    padded[-1] |= 0x80
    lanes = [[0] * 5 for _ in range(5)]
    for at in range(0, len(padded), 136):
        for i in range(17):
            lanes[i % 5][i // 5] ^= int.from_bytes(padded[at + 8 * i:at + 8 * i + 8], "little")
        shift = 1
        for _ in range(24):
            c = [lanes[x][0] ^ lanes[x][1] ^ lanes[x][2] ^ lanes[x][3] ^ lanes[x][4] for x in range(5)]
            d = [c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1) for x in range(5)]
            lanes = [[lanes[x][y] ^ d[x] for y in range(5)] for x in range(5)]
            x, y, current = 1, 0, lanes[1][0]
            for t in range(24):
                x, y = y, (2 * x + 3 * y) % 5
                current, lanes[x][y] = lanes[x][y], rotate(current, (t + 1) * (t + 2) // 2 % 64)
            lanes = [[lanes[x][y] ^ (~lanes[(x + 1) % 5][y] & lanes[(x + 2) % 5][y])
                      for y in range(5)] for x in range(5)]
            for j in range(7):
                if shift & 1:
                    lanes[0][0] ^= 1 << ((1 << j) - 1)
                shift = (shift << 1) ^ (0x171 if shift & 0x80 else 0)
    return b"".join(lanes[i][0].to_bytes(8, "little") for i in range(4))


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
