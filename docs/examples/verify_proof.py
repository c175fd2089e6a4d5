#!/usr/bin/env python3
"""Checks a Tenor proof against a state root, with nothing but this file.

    verify_proof.py STATE_ROOT PROOF [LEAVES]

STATE_ROOT is 64 hex digits that you trust; PROOF a file: the proof's bytes, or their hex digits.
LEAVES is for a proof of a run of leaves: a file with a line for each, its hash, and for accounts
its sum. Prints the claim, or the step that failed and ends with 1. The format is
docs/specs/state.md.
"""
import sys


def keccak(message):
    """keccak256 as Ethereum uses it: FIPS 202, but padded with 0x01."""
    mask, a = (1 << 64) - 1, [0] * 25
    data = bytearray(message) + bytes(136 - len(message) % 136)
    data[len(message)] ^= 1
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
            a = [a[i] ^ (~a[i // 5 * 5 + (i + 1) % 5] & a[i // 5 * 5 + (i + 2) % 5])
                 for i in range(25)]
            for j in range(7):
                if register & 1:
                    a[0] ^= 1 << ((1 << j) - 1)
                register = register << 1 ^ (0x171 if register & 0x80 else 0)
    return b"".join(word.to_bytes(8, "little") for word in a[:4])


class Bad(Exception):
    """The step that failed."""


def need(condition, step):
    if not condition:
        raise Bad(step)


def get(data, at, size):  # unsigned
    return int.from_bytes(data[at:at + size], "big")


def money(data, at, size=8):  # signed
    return int.from_bytes(data[at:at + size], "big", signed=True)


def put(value, size):
    return value.to_bytes(size, "big", signed=value < 0)


def leaf(kind, index, body, total=None):  # nodes are (hash, sum); the sum of plain trees is None
    odd = len(body) == 58  # so that no preimage has 64 bytes
    preimage = bytes([5 if odd else 0, kind]) + put(index, 4) + body + bytes(odd)
    return (keccak(preimage) if body else bytes(32)), total


def join(left, right):
    if left[1] is None:
        return keccak(b"\1" + left[0] + right[0]), None
    total = left[1] + right[1]
    need(-1 << 127 <= total < 1 << 127, "SUM")
    return keccak(b"\2" + left[0] + put(left[1], 16) + right[0] + put(right[1], 16)), total


def root(kind, count, top):
    tail = b"" if top[1] is None else put(top[1], 16)
    return keccak(bytes([3, kind]) + put(count, 8) + top[0] + tail), None


def depth(count):
    return max(count - 1, 0).bit_length()


ZEROS = {None: [(bytes(32), None)], 0: [(bytes(32), 0)]}
for zeros in ZEROS.values():
    for _ in range(32):
        zeros.append(join(zeros[-1], zeros[-1]))
SECTIONS = {5: 0, 7: 1, 8: 2, 2: 3, 4: 4, 9: 5, 1: 6, 3: 7, 10: 8}  # by kind of record


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
        return int.from_bytes(self.take(size), "big")

    def index(self, index, count):
        need(index < count, "INDEX")
        return index

    def sum(self, size):  # in as few bytes as can hold it
        need(size <= 16, "SUM")
        value = money(self.take(size), 0, size)
        need(size == ((value + (value < 0)).bit_length() // 8 + 1 if value else 0), "SUM")
        return value

    def way(self, here, index, levels, step, level=0, least=None):
        for at in range(level, level + levels):
            size, beside = self.int(1), ZEROS[None if here[1] is None else 0][at]
            if here[1] is None:
                need(size in (0, 32), step)
                beside = (self.take(32), None) if size else beside
            elif size != 0x80:
                beside = self.take(32), self.sum(size)
                need(least is None or beside[1] >= least, "SUM")
            here = join(beside, here) if index & 1 else join(here, beside)
            index >>= 1
        return here

    def waypoint(self, here, step):
        need(self.take(4) == here[0][:4], step)

    def tree(self, kind, count, here, index, step="TREE", **more):
        self.index(index, count)
        here = root(kind, count, self.way(here, index, depth(count), step, **more))
        self.waypoint(here, step)
        return here

    def finish(self, markets_root, globals_top):
        whole = keccak(b"TNSR1" + self.head[6:46] + markets_root + globals_top)
        need(whole == self.state_root, "STATE_ROOT")

    def market(self, here, kind):
        market = self.int(4)
        top = self.way(here, SECTIONS[kind], 4, "MARKET")[0]
        here = keccak(b"\4" + put(market, 4) + top), None
        self.waypoint(here, "MARKET")
        count = self.int(4)
        here = self.tree(32, count, here, self.int(4), "MARKETS")
        self.finish(here[0], self.take(32))
        return {"market": market}

    def globals(self, here, place):
        here = self.way(here, place, 3, "GLOBALS")
        self.waypoint(here, "GLOBALS")
        self.finish(self.take(32), here[0])

    def account(self, positions=b""):
        index, body = self.int(4), self.take(112)
        roots = (positions or self.take(32)) + self.take(32)
        here, count = leaf(5, index, body + roots, money(body, 24)), self.int(4)
        top = self.way(here, self.index(index, count), depth(count), "TREE")
        here = root(5, count, top)
        self.waypoint(here, "TREE")
        return {"account": index, "accounts": count, "owner": body[:20], "cash": money(body, 24),
                "collateral": [money(body, 32 + 8 * i) for i in range(7)],
                "nonce_top": get(body, 88, 8), "nonce_bits": get(body, 96, 8),
                "client_floor": get(body, 104, 8), "positions_root": roots[:32],
                "session_keys_root": roots[32:], "accounts_cash": top[1], **self.market(here, 5)}

    def position(self):
        rank, count, series = self.int(4), self.int(4), self.int(8)
        chunk = self.index(rank, count) // 3
        body = self.take(40 * min(3, count - 3 * chunk))
        mine = body[40 * (rank % 3):40 * (rank % 3 + 1)]
        need(get(mine, 0, 8) == series, "POSITIONS")
        here = self.way(leaf(6, chunk, body), chunk, depth((count + 2) // 3), "POSITIONS")
        here = root(6, count, here)
        self.waypoint(here, "POSITIONS")
        return {"rank": rank, "positions": count, "series": series, "quantity": money(mine, 8),
                "cost": money(mine, 16), **self.account(here[0])}

    def record(self):
        kind, index = self.int(1), self.int(4)
        need(kind in SECTIONS and kind != 5, "RECORD")
        body = self.take(self.int(4))
        count = self.int(4)
        here = self.tree(kind, count, leaf(kind, index, body), index)
        return {"kind": kind, "index": index, "count": count, "body": body,
                **self.market(here, kind)}

    def series(self):
        part = self.record()
        body, series = part["body"], get(part["body"], 0, 8)
        need(part["kind"] == 2 and len(body) >= 48, "RECORD")
        day = series >> 36 & 0x7fff
        return {"slot": part["index"], "series": series, "underlying": series >> 53,
                "option_kind": series >> 51 & 3,
                "expiry_ms": day and 1577865600000 + day * 86400000, "strike_units": series & (1 << 36) - 1, "mark": money(body, 8),
                "settlement": money(body, 16), "status": body[24], "market": part["market"]}

    def order(self):
        slot, which, rank = self.int(4), self.int(1), self.int(4)
        counts = [self.int(4) for _ in range(4)]
        need(which < 4, "INDEX")
        self.index(rank, counts[which])
        order = self.take(128)
        here = self.way(leaf(9, rank, order), rank, depth(counts[which]), "LIST")
        self.waypoint(here, "LIST")
        tops = [here[0] if i == which else self.take(32) for i in range(4)]
        body = b"".join(put(counts[i], 4) + tops[i] for i in range(4))
        part = self.market(self.tree(9, self.int(4), leaf(9, slot, body), slot), 9)
        series = self.series()
        need(series["slot"] == slot and series["market"] == part["market"], "PARTS")
        return {"slot": slot, "list": which, "rank": rank, "orders": counts[which],
                "order": get(order, 0, 8), "account": get(order, 8, 4), "price": money(order, 16),
                "open": money(order, 24), "series": series["series"], **part}

    def range(self, kind, place, size):
        index, body, count = self.int(8), self.take(size), self.int(8)
        here = keccak(bytes([6, kind]) + put(index, 8) + body), None
        at, last = self.index(index, count), count - 1
        while last:
            if at & 1 or at != last:
                beside = self.take(32), None
                here = join(beside, here) if at & 1 else join(here, beside)
            at, last = at >> 1, last >> 1
        here = root(kind, count, here)
        self.waypoint(here, "TREE")
        self.globals(here, place)
        return {"number": index, "count": count}, body

    def block(self):
        claim, body = self.range(33, 1, 32)
        return {**claim, "hash": body}

    def withdrawal(self):
        claim, body = self.range(34, 2, 48)
        return {**claim, "market": get(body, 0, 4), "account": get(body, 4, 4),
                "owner": body[8:28], "asset": get(body, 28, 4), "amount": money(body, 32),
                "at_height": get(body, 40, 8)}

    def conservation(self):
        count, top = self.int(4), self.take(32)
        cash = self.sum(self.int(1))
        here = root(5, count, (top, cash))
        self.waypoint(here, "TREE")
        part, record = self.market(here, 5), self.record()
        need((record["kind"], record["index"], record["market"]) == (1, 0, part["market"]), "PARTS")
        house = [money(record["body"], 8 * i) for i in range(6)]
        need(len(record["body"]) >= 48, "RECORD")
        need(cash + sum(house) == 0, "CONSERVATION")
        return {"accounts": count, "accounts_cash": cash, "house": house, **part}

    def solvency(self, alone=True):
        market, body, count = self.int(4), self.take(76), self.int(4)
        self.globals(self.tree(35, count, leaf(35, market, body), self.int(4)), 4)
        claim = {"exit_height": get(body, 0, 8), "accounts": get(body, 8, 4),
                 "equity_root": body[12:44], "equity_sum": money(body, 44, 16),
                 "vault": money(body, 60), "insurance": money(body, 68), "market": market}
        need(claim["exit_height"] <= get(self.head, 38, 8) and claim["equity_sum"] >= 0, "RECORD")
        need(not alone or claim["equity_sum"] <= claim["vault"] + claim["insurance"], "SOLVENCY")
        return claim

    def exit(self):
        claim = self.solvency(False)
        index, body = self.int(4), self.take(28)
        need(money(body, 20) >= 0, "SUM")
        count = claim["accounts"]
        here = leaf(36, self.index(index, count), body, money(body, 20))
        top = self.way(here, index, depth(count), "TREE", least=0)
        here = root(36, count, top)[0]
        need(here == claim["equity_root"] and top[1] == claim["equity_sum"], "TREE")
        return {**claim, "account": index, "owner": body[:20], "equity": money(body, 20)}

    def leaves(self, lines):
        kind, total, first, levels = self.int(1), self.int(4), self.int(4), self.int(1)
        need(kind in SECTIONS, "RECORD")
        need(levels <= depth(total) and self.index(first, total) % (1 << levels) == 0, "INDEX")
        nodes = [(bytes.fromhex(line[0]), int(line[1]) if kind == 5 else None) for line in lines]
        need(len(nodes) == min(1 << levels, total - first), "LEAVES")
        for level in range(levels):
            nodes += [ZEROS[0 if kind == 5 else None][level]] * (len(nodes) % 2)
            nodes = [join(nodes[i], nodes[i + 1]) for i in range(0, len(nodes), 2)]
        rest = depth(total) - levels
        here = root(kind, total, self.way(nodes[0], first >> levels, rest, "LEAVES", level=levels))
        self.waypoint(here, "LEAVES")
        return {"kind": kind, "first": first, "leaves": len(lines), "total": total,
                **self.market(here, kind)}


TYPES = ["account", "position", "record", "series", "order", "block", "withdrawal", "conservation",
         "solvency", "exit", "leaves"]


def main(state_root, path, leaves=None):
    try:
        with open(path, "rb") as file:
            data = file.read()
        data = data if data[:4] == b"TNPF" else bytes.fromhex(data.decode("ascii"))
        proof = Proof(data, bytes.fromhex(state_root))
        need(1 <= proof.head[5] <= len(TYPES), "HEADER")
        name, lines = TYPES[proof.head[5] - 1], []
        if name == "leaves":
            with open(leaves, encoding="ascii") as file:
                lines = [[line.split() for line in file]]
        claim = getattr(proof, name)(*lines)
        need(proof.at == len(proof.data), "SIZE")
    except Bad as bad:
        print("bad proof:", bad)
        return 1
    head = {"type": name, "chain_id": proof.head[6:38], "height": get(proof.head, 38, 8)}
    for key, value in {**head, **claim}.items():
        values = value if isinstance(value, list) else [value]
        print(key, *((v.hex() or "-") if isinstance(v, bytes) else v for v in values))
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
