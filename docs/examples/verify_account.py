#!/usr/bin/env python3
"""Checks what an account has, with nothing but this file and the addresses of the sequencers.

    verify_account.py SEQUENCERS CERTIFICATE PROOF

SEQUENCERS is a file that you trust: lines `chain ID` and, in the order of the set, `validator
ADDRESS WEIGHT`, as in a net's client.conf. CERTIFICATE and PROOF come from anybody (`tenor proof
get`): more than two thirds of the weight must have signed the state root that the proof leads to.
Formats: docs/specs/state.md. Sets that change: verify_epochs.py; other proofs: verify_proof.py.
"""
import sys

P = (1 << 256) - (1 << 32) - 977  # secp256k1: y² = x³ + 7 mod P; None is the point at infinity
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
BASE_X = 0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798


def need(condition, step):
    if not condition:
        sys.exit("bad proof: " + step)


def number(data, signed=False):
    return int.from_bytes(data, "big", signed=signed)


def put(value, size):
    return value.to_bytes(size, "big", signed=value < 0)


def keccak(message):
    """keccak256 as Ethereum uses it: FIPS 202, but padded with 0x01."""
    mask, a = (1 << 64) - 1, [0] * 25
    data = bytearray(message + b"\1" + bytes(135 - len(message) % 136))
    data[-1] ^= 0x80
    for at in range(0, len(data), 136):
        for i in range(17):
            a[i] ^= int.from_bytes(data[at + 8 * i:at + 8 * i + 8], "little")
        register = 1
        for _ in range(24):
            c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
            d = [c[x - 1] ^ ((c[(x + 1) % 5] << 1 | c[(x + 1) % 5] >> 63) & mask) for x in range(5)]
            a = [a[i] ^ d[i % 5] for i in range(25)]
            x, y, word = 1, 0, a[1]
            for t in range(24):
                x, y, turn = y, (2 * x + 3 * y) % 5, (t + 1) * (t + 2) // 2 % 64
                word, a[x + 5 * y] = a[x + 5 * y], (word << turn | word >> (64 - turn)) & mask
            a = [a[i] ^ ~a[i - i % 5 + (i + 1) % 5] & a[i - i % 5 + (i + 2) % 5] for i in range(25)]
            for j in range(7):
                a[0] ^= (register & 1) << ((1 << j) - 1)
                register = register << 1 ^ (0x171 if register & 0x80 else 0)
    return b"".join(word.to_bytes(8, "little") for word in a[:4])


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and a[1] != b[1]:
        return None
    rise, run = (3 * a[0] * a[0], 2 * a[1]) if a == b else (b[1] - a[1], b[0] - a[0])
    slope = rise * pow(run, -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(n, point):
    return add(times(n // 2, add(point, point)), point if n % 2 else None) if n else None


def point_at(x, is_odd):
    y = pow(x ** 3 + 7, (P + 1) // 4, P)
    need(x < P and (y * y - x ** 3 - 7) % P == 0, "SIGNATURE")
    return x, (y if y % 2 == is_odd else P - y)


def signers(digest, signature):
    """The two keys of which one has made it, no bit says which, each as public key and address."""
    r, s = number(signature[:32]), number(signature[32:])
    need(0 < r < ORDER and 0 < s <= ORDER // 2, "SIGNATURE")
    u, v = -number(digest) * pow(r, -1, ORDER) % ORDER, s * pow(r, -1, ORDER) % ORDER
    for is_odd in (0, 1):
        x, y = add(times(u, point_at(BASE_X, 0)), times(v, point_at(r, is_odd))) or (0, 0)
        yield (put(2 + y % 2, 1) + put(x, 32)).hex()
        yield keccak(put(x, 32) + put(y, 32))[12:].hex()


def quorum(words, tag, certificate, head):
    """What is behind the signatures, if a quorum of the validators of words has signed the head."""
    members = [one[1:3] for one in words if one[:1] == ["validator"]]
    digest, at = keccak(tag + certificate[1:head]), head + (len(members) + 7) // 8
    bits = int.from_bytes(certificate[head:at], "little")
    voters = [member for i, member in enumerate(members) if bits >> i & 1]
    need(bits >> len(members) == 0 and len(certificate) >= at + 64 * len(voters), "CERTIFICATE")
    for name, _ in voters:
        signature, at = certificate[at:at + 64], at + 64
        need(name.removeprefix("0x").lower() in signers(digest, signature), "SIGNATURE")
    need(3 * sum(int(one[1]) for one in voters) > 2 * sum(int(one[1]) for one in members), "QUORUM")
    return certificate[at:]


def signed_root(words, data):
    """The state root, if a quorum of the validators among the lines of words has signed it."""
    domain = next((bytes.fromhex(one[1]) for one in words if one[:1] == ["domain"]), bytes(32))
    while data[:1] == b"\0":  # the end of an epoch: verify_epochs.py follows it to the next set
        data = data[4 + number(data[:4]):]
    need({int(one[1]) for one in words if one[:1] == ["epoch"]} <= {number(data[1:9])}, "EPOCH")
    need(data[:1] == b"\t" and quorum(words, domain, data, 145) == b"", "CERTIFICATE")
    return data[17:49]


def join(left, right):  # nodes of trees are (hash, sum); the sum of plain trees is None
    if left[1] is None:
        return keccak(b"\1" + left[0] + right[0]), None
    total = left[1] + right[1]
    need(-1 << 127 <= total < 1 << 127, "SUM")
    return keccak(b"\2" + left[0] + put(left[1], 16) + right[0] + put(right[1], 16)), total


def root(kind, count, top):
    tail = b"" if top[1] is None else put(top[1], 16)
    return keccak(bytes([3, kind]) + put(count, 8) + top[0] + tail), None


class Proof:
    def __init__(self, data, state_root):
        self.data, self.at, self.state_root = data, 0, state_root
        self.head = self.take(46)
        need(self.head[:5] == b"TNPF1", "HEADER")

    def take(self, size):
        need(size <= len(self.data) - self.at, "SIZE")
        self.at += size
        return self.data[self.at - size:self.at]

    def int(self, size):
        return number(self.take(size))

    def sum(self, size):  # in as few bytes as can hold it
        value = number(self.take(size), signed=True)
        need(size == ((value + (value < 0)).bit_length() // 8 + 1 if value else 0) <= 16, "SUM")
        return value

    def way(self, here, index, levels, step, empty=None):
        empty = empty or (bytes(32), here[1] and 0)  # what no leaf is under, of this level
        for level in range(levels):
            size, beside = self.int(1), empty
            need(here[1] is not None or size in (0, 32), step)
            if size != (0 if here[1] is None else 0x80):
                beside = self.take(32), None if here[1] is None else self.sum(size)
            here = join(beside, here) if index >> level & 1 else join(here, beside)
            empty = join(empty, empty)
        return here

    def tree(self, kind, count, here, index, step="TREE"):
        need(index < count, "INDEX")
        top = self.way(here, index, (count - 1).bit_length(), step)
        here = root(kind, count, top)
        need(self.take(4) == here[0][:4], step)
        return here, top[1]

    def market(self, here, section):
        market = self.int(4)
        here = keccak(b"\4" + put(market, 4) + self.way(here, section, 4, "MARKET")[0]), None
        need(self.take(4) == here[0][:4], "MARKET")
        here, _ = self.tree(32, self.int(4), here, self.int(4), "MARKETS")
        whole = keccak(b"TNSR1" + self.head[6:46] + here[0] + self.take(32))
        need(whole == self.state_root, "STATE_ROOT")
        return {"market": market}

    def account(self, positions=b""):
        index, body = self.int(4), self.take(112)
        roots = (positions or self.take(32)) + self.take(32)
        cash, count = number(body[24:32], signed=True), self.int(4)
        leaf = keccak(b"\0\5" + put(index, 4) + body + roots), cash
        here, total = self.tree(5, count, leaf, index)
        return {"account": index, "accounts": count, "owner": body[:20], "cash": cash,
                "collateral": [number(body[at:at + 8], signed=True) for at in range(32, 88, 8)],
                "nonce_top": number(body[88:96]), "nonce_bits": number(body[96:104]),
                "client_floor": number(body[104:]), "positions_root": roots[:32],
                "session_keys_root": roots[32:], "accounts_cash": total, **self.market(here, 0)}


def show(proof, name, claim):
    need(proof.at == len(proof.data), "SIZE")
    claim = {"type": name, "chain_id": proof.head[6:38], "height": number(proof.head[38:]), **claim}
    for key, value in claim.items():
        values = value if isinstance(value, list) else [value]
        print(key, *((v.hex() or "-") if isinstance(v, bytes) else v for v in values))


def main(*paths):
    sequencers, certificate, data = (open(path, "rb").read() for path in paths)
    words = [line.split("#")[0].split() for line in sequencers.decode("ascii").splitlines()]
    proof = Proof(data, signed_root(words, certificate))
    need(["chain", proof.head[6:38].hex()] in words and proof.head[5] == 1, "HEADER")
    show(proof, "account", {**proof.account(), "root": proof.state_root})


if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) == 4 else sys.exit(__doc__)
