#!/usr/bin/python3
"""Writes signatures.txt: keys, addresses and signatures of secp256k1.

The curve is spelled out from its equation, nonces are those of RFC 6979 with HMAC-SHA256, addresses
use the keccak of make_keccak.py; it shares nothing with src/crypto. The curve's order and generator
are checked against each other, or nothing is written.

usage: make_signatures.py > signatures.txt
"""
import hashlib
import hmac
import sys

from make_keccak import keccak

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def multiply(point, by):
    result = None
    while by:
        if by & 1:
            result = add(result, point)
        point = add(point, point)
        by >>= 1
    return result


def nonces(secret, digest):
    """RFC 6979 §3.2; digests are below the order, as they all but always are."""
    seed = secret.to_bytes(32, "big") + digest

    def mac(key, message):
        return hmac.new(key, message, hashlib.sha256).digest()

    key, value = bytes(32), b"\x01" * 32
    for step in (b"\x00", b"\x01"):
        key = mac(key, value + step + seed)
        value = mac(key, value)
    while True:
        value = mac(key, value)
        yield int.from_bytes(value, "big")
        key = mac(key, value + b"\x00")
        value = mac(key, value)


def sign(secret, digest):
    z = int.from_bytes(digest, "big")
    for k in nonces(secret, digest):
        if not 0 < k < N:
            continue
        point = multiply(G, k)
        r = point[0] % N
        s = pow(k, -1, N) * (z + r * secret) % N
        if r == 0 or s == 0:
            continue
        parity = point[1] & 1
        if s > N // 2:
            s, parity = N - s, 1 - parity
        return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + parity])
    raise AssertionError


def main():
    if multiply(G, N) is not None or (G[1] ** 2 - G[0] ** 3 - 7) % P != 0:
        sys.exit("make_signatures.py: the curve is wrong")
    print("# secret key, digest, public key, address, r s v; by make_signatures.py")
    secrets = [1, 2, N - 1, N // 2, 2**255]
    secrets += [int.from_bytes(keccak(b"secret %d" % i, 1), "big") % N for i in range(11)]
    for index, secret in enumerate(secrets):
        x, y = multiply(G, secret)
        public = bytes([2 + (y & 1)]) + x.to_bytes(32, "big")
        address = keccak(x.to_bytes(32, "big") + y.to_bytes(32, "big"), 1)[12:]
        for digest in (keccak(b"digest %d" % index, 1), b"\xff" * index + bytes(32 - index)):
            parts = (secret.to_bytes(32, "big"), digest, public, address, sign(secret, digest))
            print(" ".join(part.hex() for part in parts))


if __name__ == "__main__":
    main()
