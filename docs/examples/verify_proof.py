#!/usr/bin/env python3
"""Checks a Tenor proof of any kind against a state root.

    verify_proof.py STATE_ROOT PROOF [LEAVES]

STATE_ROOT is 64 hex digits that you trust, as verify_account.py prints them of what sequencers have
signed; that file beside this one is all it needs. PROOF is a file: the proof's bytes, or their hex
digits. LEAVES is for a proof of a run of leaves: a file with a line for each, its hash, and for
accounts its sum. Prints the claim, or the step that failed and ends with 1. The format is
docs/specs/state.md.
"""
import sys

import verify_account
from verify_account import join, keccak, need, number, put, root, show


def get(data, at, size):  # unsigned
    return number(data[at:at + size])


def money(data, at, size=8):  # signed
    return number(data[at:at + size], signed=True)


def leaf(kind, index, body, total=None):
    odd = len(body) == 58  # so that no preimage has 64 bytes
    preimage = bytes([5 if odd else 0, kind]) + put(index, 4) + body + bytes(odd)
    return (keccak(preimage) if body else bytes(32)), total


def depth(count):
    return max(count - 1, 0).bit_length()


SECTIONS = {5: 0, 7: 1, 8: 2, 2: 3, 4: 4, 9: 5, 1: 6, 3: 7, 10: 8}  # by kind of record


class Proof(verify_account.Proof):
    least = None  # that a sum beside the way may be

    def index(self, index, count):
        need(index < count, "INDEX")
        return index

    def waypoint(self, here, step):
        need(self.take(4) == here[0][:4], step)

    def sum(self, size):
        value = super().sum(size)
        need(self.least is None or value >= self.least, "SUM")
        return value

    def globals(self, here, place):
        here = self.way(here, place, 3, "GLOBALS")
        self.waypoint(here, "GLOBALS")
        whole = keccak(b"TNSR1" + self.head[6:46] + self.take(32) + here[0])
        need(whole == self.state_root, "STATE_ROOT")

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
        here, _ = self.tree(kind, count, leaf(kind, index, body), index)
        return {"kind": kind, "index": index, "count": count, "body": body,
                **self.market(here, SECTIONS[kind])}

    def series(self):
        part = self.record()
        body, series = part["body"], get(part["body"], 0, 8)
        need(part["kind"] == 2 and len(body) >= 48, "RECORD")
        day = series >> 36 & 0x7fff
        return {"slot": part["index"], "series": series, "underlying": series >> 53,
                "option_kind": series >> 51 & 3,
                "expiry_ms": day and 1577865600000 + day * 86400000,
                "strike_units": series & (1 << 36) - 1, "mark": money(body, 8),
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
        here, _ = self.tree(9, self.int(4), leaf(9, slot, body), slot)
        part = self.market(here, SECTIONS[9])
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
        part, record = self.market(here, SECTIONS[5]), self.record()
        need((record["kind"], record["index"], record["market"]) == (1, 0, part["market"]), "PARTS")
        house = [money(record["body"], 8 * i) for i in range(6)]
        need(len(record["body"]) >= 48, "RECORD")
        need(cash + sum(house) == 0, "CONSERVATION")
        return {"accounts": count, "accounts_cash": cash, "house": house, **part}

    def solvency(self, alone=True):
        market, body, count = self.int(4), self.take(76), self.int(4)
        here, _ = self.tree(35, count, leaf(35, market, body), self.int(4))
        self.globals(here, 4)
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
        self.least = 0  # a debt hidden beside it would make the whole look smaller
        top = self.way(here, index, depth(count), "TREE")
        here = root(36, count, top)[0]
        need(here == claim["equity_root"] and top[1] == claim["equity_sum"], "TREE")
        return {**claim, "account": index, "owner": body[:20], "equity": money(body, 20)}

    def leaves(self, lines):
        kind, total, first, levels = self.int(1), self.int(4), self.int(4), self.int(1)
        need(kind in SECTIONS, "RECORD")
        need(levels <= depth(total) and self.index(first, total) % (1 << levels) == 0, "INDEX")
        nodes = [(bytes.fromhex(line[0]), int(line[1]) if kind == 5 else None) for line in lines]
        need(len(nodes) == min(1 << levels, total - first), "LEAVES")
        empty = bytes(32), 0 if kind == 5 else None
        for _ in range(levels):
            nodes += [empty] * (len(nodes) % 2)
            nodes = [join(nodes[i], nodes[i + 1]) for i in range(0, len(nodes), 2)]
            empty = join(empty, empty)
        rest = depth(total) - levels
        here = root(kind, total, self.way(nodes[0], first >> levels, rest, "LEAVES", empty))
        self.waypoint(here, "LEAVES")
        return {"kind": kind, "first": first, "leaves": len(lines), "total": total,
                **self.market(here, SECTIONS[kind])}


TYPES = ["account", "position", "record", "series", "order", "block", "withdrawal", "conservation",
         "solvency", "exit", "leaves"]


def main(state_root, path, leaves=None):
    with open(path, "rb") as file:
        data = file.read()
    data = data if data[:4] == b"TNPF" else bytes.fromhex(data.decode("ascii"))
    proof = Proof(data, bytes.fromhex(state_root))
    need(1 <= proof.head[5] <= len(TYPES), "HEADER")
    name, lines = TYPES[proof.head[5] - 1], []
    if name == "leaves":
        with open(leaves, encoding="ascii") as file:
            lines = [[line.split() for line in file]]
    show(proof, name, getattr(proof, name)(*lines))


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
