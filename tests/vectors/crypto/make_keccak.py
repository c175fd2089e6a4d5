#!/usr/bin/python3
"""Writes keccak.txt: keccak256 of one message of every size from 0 to 300.

The permutation is spelled out as FIPS 202 defines it, step by step, with the constants of rho and
iota computed, not copied; it shares nothing with src/crypto. With the padding of SHA3-256 it must
agree with Python's own hashlib, or nothing is written.

usage: make_keccak.py > keccak.txt
"""
import hashlib
import sys

RATE = 136
SIZES = 301
TOGETHER = 25  # sizes that share one line
ALONE = (0, 1, 7, 8, 32, 64, 65, 97, 126, 134, 135, 136, 137, 200, 271, 272, 273, 300)


def rotate(word, by):
    by %= 64
    return (word << by | word >> (64 - by)) & (2**64 - 1)


def theta(a):
    c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
    d = [c[(x - 1) % 5] ^ rotate(c[(x + 1) % 5], 1) for x in range(5)]
    return [[a[x][y] ^ d[x] for y in range(5)] for x in range(5)]


def rho(a):
    turned = [[a[x][y] for y in range(5)] for x in range(5)]
    x, y = 1, 0
    for t in range(24):
        turned[x][y] = rotate(a[x][y], (t + 1) * (t + 2) // 2)
        x, y = y, (2 * x + 3 * y) % 5
    return turned


def pi(a):
    return [[a[(x + 3 * y) % 5][x] for y in range(5)] for x in range(5)]


def chi(a):
    return [[a[x][y] ^ (~a[(x + 1) % 5][y] & a[(x + 2) % 5][y]) for y in range(5)] for x in range(5)]


def round_bit(t):
    register = 1
    for _ in range(t % 255):
        register <<= 1
        if register & 0x100:
            register ^= 0x171
    return register & 1


def iota(a, index):
    constant = sum(round_bit(j + 7 * index) << (2**j - 1) for j in range(7))
    a[0][0] ^= constant
    return a


def keccak(message, padding):
    padded = bytearray(message) + bytearray(RATE - len(message) % RATE)
    padded[len(message)] ^= padding
    padded[-1] ^= 0x80
    a = [[0] * 5 for _ in range(5)]
    for block in range(0, len(padded), RATE):
        for i in range(RATE // 8):
            word = padded[block + 8 * i : block + 8 * i + 8]
            a[i % 5][i // 5] ^= int.from_bytes(word, "little")
        for index in range(24):
            a = iota(chi(pi(rho(theta(a)))), index)
    return b"".join(a[i][0].to_bytes(8, "little") for i in range(4))


def message_of(size):
    return bytes((31 * i + 7 * size + i // 8) % 256 for i in range(size))


def main():
    for size in range(0, SIZES, 17):
        if keccak(message_of(size), 0x06) != hashlib.sha3_256(message_of(size)).digest():
            sys.exit(f"make_keccak.py: the permutation is wrong: SHA3-256 of {size} bytes differs")
    hashes = [keccak(message_of(size), 0x01) for size in range(SIZES)]
    print("# keccak256 by make_keccak.py; byte i of the message of n bytes is (31i + 7n + i/8) mod 256")
    print("# first size, last size, hash; a line of several sizes has the hash of their hashes in a row")
    for size in ALONE:
        print(size, size, hashes[size].hex())
    for first in range(0, SIZES, TOGETHER):
        last = min(first + TOGETHER, SIZES) - 1
        if last > first:
            print(first, last, keccak(b"".join(hashes[first : last + 1]), 0x01).hex())


if __name__ == "__main__":
    main()
