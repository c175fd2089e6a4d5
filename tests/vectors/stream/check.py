#!/usr/bin/env python3
"""Encodes and decodes the vectors beside it from the layouts that stand in docs/specs/stream.md,
frame.md and items.md, and payloads from proto/tenor/v1/trader.proto. Typed data is hashed by the text
of EIP-712, and checked by the example that stands there.

Nothing here is shared with src/stream: the layouts are parsed from the pages, signatures are
below.
usage: check.py        compares every vector
       check.py DIR    writes them to a directory instead, for a new version of the page
"""
import hashlib
import hmac
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, ".."))
from keccak import keccak256  # noqa: E402
ROOT = os.path.join(HERE, "..", "..", "..")
PROTO = os.path.join(ROOT, "proto", "tenor", "v1", "trader.proto")
CHAIN_ID = bytes(range(32))


# ---- The page's layouts ----

def parse(words, end=None):
    """A list of (name, type, inner); inner of a list, or of what a size counts."""
    fields = []
    while words and words[0] != end:
        name = words.pop(0)
        if name in ("COMMAND", "…"):
            fields.append((name, name, None))
            continue
        kind, inner = words.pop(0), None
        if words and words[0] in ("[", "{"):
            bracket = words.pop(0)
            inner = (bracket, parse(words, "]" if bracket == "[" else "}"))
            words.pop(0)
        fields.append((name, kind, inner))
    return fields


def read_page(page):
    layouts, kinds, sections = {}, {}, []
    text = open(os.path.join(ROOT, "docs", "specs", page), encoding="utf-8").read()
    for block in re.findall(r"```layout\n(.*?)```", text, re.S):
        names = []
        for line in block.strip().split("\n"):
            head, fields = line.split(":", 1)
            name, *number = head.split()
            assert name not in layouts, name
            layouts[name] = parse(fields.replace(",", " ").split())
            if number:
                kinds[name] = int(number[0])
                names.append(name)
        sections.append(names)
    counts = re.search(r"first (\d+), and of those that came later \((\d+) so far\)", text)
    return layouts, kinds, sections, sum(map(int, counts.groups())) if counts else None


LAYOUTS, KINDS, SECTIONS, PARAMETERS = read_page("stream.md")
ENTRIES, COMMANDS = SECTIONS[0], SECTIONS[1]
ITEMS = []
for page in ("frame.md", "items.md"):
    more, numbers, names, _ = read_page(page)
    assert not set(more) & set(LAYOUTS)
    LAYOUTS.update(more)
    KINDS.update(numbers)
    ITEMS = names[0]


class Writer:
    """Numbers that count, except those that are given by name."""

    def __init__(self, given=None, command=None):
        self.number, self.given, self.command = 0, given or {}, command
        self.values, self.named = [], {}

    def scalar(self, name, kind, known):
        data = self.encode(name, kind, known)
        if name not in self.named:
            self.named[name] = known.get(name) if kind[0] in "iu" else data
        return data

    def encode(self, name, kind, known):
        if name in self.given and isinstance(self.given[name], bytes):
            return self.given[name]
        uncounted = name in self.given and name != "feed"
        if not uncounted:
            self.number += 1
        value = self.given.get(name, -self.number if kind[0] == "i" else self.number)
        known[name] = value
        self.values.append(value)
        if kind.startswith("bytes"):
            return bytes((value + i) % 256 for i in range(int(kind[5:])))
        return value.to_bytes(int(kind[1:]) // 8, "big", signed=kind[0] == "i")

    def fields(self, layout):
        out, known = b"", {}
        for name, kind, inner in layout:
            kind, _, condition = kind.partition("?")
            if condition and known[condition.split("=")[0]] != int(condition.split("=")[1]):
                continue
            if kind == "…":
                out += self.given["payload"]
            elif kind == "COMMAND":
                out += self.fields([("client_id", "u64", None)]) + bytes([KINDS[self.command]])
                out += self.fields(LAYOUTS[self.command])
            elif kind.isupper():
                out += self.fields(LAYOUTS[kind])
            elif inner is None:
                out += self.scalar(name, kind, known)
            else:
                bracket, layout_inner = inner
                count = 1 if name == "commands" else PARAMETERS if name == "parameters" else 2
                body = b"".join(self.fields(layout_inner) for _ in range(count if bracket == "[" else 1))
                size = count if bracket == "[" else len(body)
                out += size.to_bytes(int(kind[1:]) // 8, "big") + body
        return out


class Reader:
    """The same walk over bytes: the numbers that are found."""

    def __init__(self, data, payload=b""):
        self.data, self.at, self.values, self.payload = data, 0, [], payload

    def integer(self, kind):
        size = int(kind[1:]) // 8
        piece = self.data[self.at:self.at + size]
        assert len(piece) == size, "cut"
        self.at += size
        return int.from_bytes(piece, "big", signed=kind[0] == "i")

    def fields(self, layout):
        known = {}
        for name, kind, inner in layout:
            kind, _, condition = kind.partition("?")
            if condition and known[condition.split("=")[0]] != int(condition.split("=")[1]):
                continue
            if kind == "…":
                self.at += len(self.payload)
            elif kind == "COMMAND":
                self.fields([("client_id", "u64", None)])
                number = self.integer("u8")
                self.fields(LAYOUTS[next(name for name in COMMANDS if KINDS[name] == number)])
            elif kind.isupper():
                self.fields(LAYOUTS[kind])
            elif inner is not None:
                count = self.integer(kind)
                end = self.at + count
                for _ in range(count if inner[0] == "[" else 1):
                    self.fields(inner[1])
                assert inner[0] == "[" or self.at == end, "size"
            elif kind.startswith("bytes"):
                self.values.append(self.data[self.at])
                self.at += int(kind[5:])
            else:
                known[name] = self.integer(kind)
                self.values.append(known[name])


# ---- The messages of the .proto file ----

def read_proto():
    """message -> [(number, name, type, is_repeated, is_kind)], and the names of enumerations."""
    text = re.sub(r"//.*", "", open(PROTO, encoding="utf-8").read())
    messages = {}
    for name, body in re.findall(r"message (\w+) \{((?:[^{}]|\{[^{}]*\})*)\}", text):
        kinds = re.search(r"oneof \w+ \{(.*?)\}", body, re.S)
        kinds = kinds.group(1) if kinds else ""
        fields = [(int(number), field, kind, bool(repeated), ("%s = %s;" % (field, number)) in kinds)
                  for repeated, kind, field, number
                  in re.findall(r"(repeated )?(\w+) (\w+) = (\d+);", body)]
        messages[name] = sorted(fields)
    return messages, set(re.findall(r"enum (\w+)", text))


MESSAGES, ENUMS = read_proto()


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


class Payload:
    """Messages whose numbers count."""

    def __init__(self):
        self.number = 0

    def scalar(self, kind):
        if kind == "bool":
            return 0, varint(1)
        self.number += 1
        if kind == "bytes":
            return 2, varint(64) + bytes((self.number + i) % 256 for i in range(64))
        if kind == "fixed64":
            return 1, self.number.to_bytes(8, "little")
        if kind.startswith("sint"):
            return 0, varint(2 * self.number - 1)
        assert kind.startswith("uint") or kind in ENUMS, kind
        return 0, varint(self.number)

    def message(self, name, kinds):
        """kinds: of the commands, one after the other."""
        out = b""
        for number, field, kind, repeated, is_kind in MESSAGES[name]:
            if is_kind and field != kinds[0].lower():
                continue
            count = len(kinds) if kind == "Command" else 2 if repeated else 1
            for i in range(count):
                if kind in MESSAGES:
                    inner = self.message(kind, kinds[i:] if kind == "Command" else None)
                    wire, value = 2, varint(len(inner)) + inner
                else:
                    wire, value = self.scalar(kind)
                out += varint(number << 3 | wire) + value
        return out


# ---- What the vectors are ----

def entry(name, command=None, given=None):
    writer = Writer(given, command)
    data = bytes([1, KINDS[name]]) + writer.fields(LAYOUTS[name])
    reader = Reader(data)
    reader.at = 2
    reader.fields(LAYOUTS[next(kind for kind in ENTRIES if KINDS[kind] == data[1])])
    assert reader.at == len(data) and reader.values == writer.values, name
    return data


def event(name, kind):
    return Writer({"kind": kind}).fields(LAYOUTS[name])


def root_of(kind, leaves):
    depth = max(0, len(leaves) - 1).bit_length()
    level = [keccak256(bytes([0, kind]) + i.to_bytes(4, "big") + leaf) for i, leaf in enumerate(leaves)]
    level += [bytes(32)] * ((1 << depth) - len(leaves))
    while len(level) > 1:
        level = [keccak256(b"\x01" + level[i] + level[i + 1]) for i in range(0, len(level), 2)]
    return keccak256(bytes([3, kind]) + len(leaves).to_bytes(8, "big") + level[0])


def batches(entries, events):
    header = Writer({"tag": b"TNBA1"}).fields(LAYOUTS["BATCH"])
    picked = [entries["BLOCK"], entries["FRAME_PLACE"], entries["SWEEP"]]
    results = [b"", events["RESULT"] + events["TRADE"], events["RESULT"]]
    digest = keccak256(b"".join((len(one) // 88).to_bytes(4, "big") + one for one in results))
    given = {"tag": b"TNBA1", "chain_id": bytes(range(32)), "market": 7, "term": 3, "sequence": 41,
             "prev_digest": b"\xaa" * 32, "entries_count": 3, "weight": 64 + 4 + 4 + 1 + 1,
             "first_block": 0, "last_block": 1, "entries_root": root_of(0x10, picked),
             "results_digest": digest}
    body = Writer(given).fields(LAYOUTS["BATCH"])
    body += b"".join(len(one).to_bytes(4, "big") + one for one in picked)
    return {"HEADER": header, "DIGEST": keccak256(header), "BODY": body}


def blocks():
    header = Writer({"version": 1, "flags": 2}).fields(LAYOUTS["BLOCK_HEADER"])
    digests = [bytes([i]) * 32 for i in (1, 2, 3)]
    return {"HEADER": header, "HASH": keccak256(b"TNSX1H" + bytes(range(32)) + header),
            "BODY": b"".join(digests), "BODY_ROOT": root_of(0x11, digests)}


def frames():
    made = {name: Payload().message("Payload", [name]) for name in COMMANDS}
    made["TWO"] = Payload().message("Payload", ["PLACE", "CANCEL"])
    made["DIGEST"] = keccak256(b"TNFRM1" + CHAIN_ID + made["PLACE"])
    made["FRAME_2"] = bytes([2, 1]) + Writer({"payload": made["PLACE"]}).fields(LAYOUTS["FRAME_2"])
    made["BLOCK_2"] = bytes([2, 2]) + Writer().fields(LAYOUTS["BLOCK_2"])
    return made


# ---- Typed data, as the text of EIP-712 has it ----

def read_types():
    """name -> [(type, member)], from the page."""
    text = open(os.path.join(ROOT, "docs", "specs", "items.md"), encoding="utf-8").read()
    block = re.search(r"```typed\n(.*?)```", text, re.S).group(1)
    return {name: [tuple(member.split()) for member in members.split(",")]
            for name, members in re.findall(r"(\w+)\((.*)\)", block)}


TYPES = read_types()


def encode_type(types, name):
    inner, queue = set(), [name]
    while queue:
        for kind, _ in types[queue.pop()]:
            if kind in types and kind not in inner | {name}:
                inner.add(kind)
                queue.append(kind)
    return "".join("%s(%s)" % (one, ",".join("%s %s" % member for member in types[one]))
                   for one in [name] + sorted(inner)).encode()


def encode_member(types, kind, value):
    if kind in types:
        return hash_struct(types, kind, value)
    if kind == "string":
        return keccak256(value.encode())
    if kind == "bytes":
        return keccak256(value)
    if kind.startswith("bytes"):
        return value.ljust(32, b"\0")
    if kind == "address":
        return value.rjust(32, b"\0")
    return (value % (1 << 256)).to_bytes(32, "big")


def hash_struct(types, name, message):
    parts = [encode_member(types, kind, message[member]) for kind, member in types[name]]
    return keccak256(keccak256(encode_type(types, name)) + b"".join(parts))


def typed_digest(types, domain, name, message):
    return keccak256(b"\x19\x01" + hash_struct(types, "EIP712Domain", domain) +
                     hash_struct(types, name, message))


# ---- Signatures: secp256k1, RFC 6979, low s, as wallets make them ----

P = 2 ** 256 - 2 ** 32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
     0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    slope = (3 * a[0] * a[0] * pow(2 * a[1], -1, P) if a == b
             else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(point, count):
    total = None
    while count:
        if count & 1:
            total = add(total, point)
        point, count = add(point, point), count >> 1
    return total


def address_of(secret):
    x, y = times(G, secret)
    return keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[12:]


def nonces(secret, digest):
    """RFC 6979 with SHA-256."""
    def mac(key, *parts):
        return hmac.new(key, b"".join(parts), hashlib.sha256).digest()
    seed = secret.to_bytes(32, "big") + (int.from_bytes(digest, "big") % N).to_bytes(32, "big")
    key, value = bytes(32), b"\1" * 32
    for byte in (b"\0", b"\1"):
        key = mac(key, value, byte, seed)
        value = mac(key, value)
    while True:
        value = mac(key, value)
        if 0 < int.from_bytes(value, "big") < N:
            yield int.from_bytes(value, "big")
        key = mac(key, value, b"\0")
        value = mac(key, value)


def sign(secret, digest):
    """r, s, and v of 27 or 28."""
    for nonce in nonces(secret, digest):
        x, y = times(G, nonce)
        s = pow(nonce, -1, N) * (int.from_bytes(digest, "big") + x * secret) % N
        if x >= N or s == 0:
            continue
        v = 27 + y % 2
        if s > N // 2:
            s, v = N - s, 55 - v
        return x.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])


COW = int.from_bytes(keccak256(b"cow"), "big")


def check_the_example():
    """The example of EIP-712: who can do this one can do ours."""
    types = {"EIP712Domain": [("string", "name"), ("string", "version"), ("uint256", "chainId"),
                              ("address", "verifyingContract")],
             "Person": [("string", "name"), ("address", "wallet")],
             "Mail": [("Person", "from"), ("Person", "to"), ("string", "contents")]}
    domain = {"name": "Ether Mail", "version": "1", "chainId": 1,
              "verifyingContract": bytes.fromhex("CcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC")}
    cow = address_of(COW)
    bob = bytes.fromhex("bBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB")
    digest = typed_digest(types, domain, "Mail", {
        "from": {"name": "Cow", "wallet": cow}, "to": {"name": "Bob", "wallet": bob},
        "contents": "Hello, Bob!"})
    assert cow.hex() == "cd2a3d9f938e13cd947ec05abc7fe734df8dd826"
    assert digest.hex() == "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"
    assert sign(COW, digest).hex() == (
        "4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d"
        "07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c")


check_the_example()

# What an owner sees: words for numbers.
MODELS = ["portfolio", "standard"]
SCOPES = ["trade", "quote", "cancel", "transfer", "model"]


def scope_words(scope):
    if scope == 0 or scope >> len(SCOPES):
        return "nothing" if scope == 0 else str(scope)
    return ", ".join(word for i, word in enumerate(SCOPES) if scope >> i & 1)


def operation_digest(kind, named, command="", entry=b"", changed=None):
    """named: the item's fields by name; `changed` of them."""
    message = dict(named, **(changed or {}))
    if "model" in message:
        model = message["model"]
        message["model"] = MODELS[model] if model < len(MODELS) else str(model)
    if "scope" in message:
        message["scope"] = scope_words(message["scope"])
    message.update(amount_micros=named.get("amount"), commands=command.lower(), entry=keccak256(entry))
    domain = {"name": "Tenor", "version": "1", "salt": CHAIN_ID}
    return typed_digest(TYPES, domain, kind, message)


def check_the_wallet(signed):
    """What the page hands to a wallet gives the signature of the vector, and has the page's type."""
    text = open(os.path.join(ROOT, "docs", "specs", "items.md"), encoding="utf-8").read()
    handed = json.loads(re.search(r"```json\n(.*?)```", text, re.S).group(1))
    types = {name: [(one["type"], one["name"]) for one in members]
             for name, members in handed["types"].items()}

    def values(name, given):
        return {member: bytes.fromhex(given[member][2:]) if kind in ("address", "bytes32")
                else given[member] if kind == "string" else int(given[member])
                for kind, member in types[name]}

    name = handed["primaryType"]
    assert all(TYPES[one] == types[one] for one in types)
    digest = typed_digest(types, values("EIP712Domain", handed["domain"]), name,
                          values(name, handed["message"]))
    assert signed[-65:] == sign(COW, digest), "the page's example for a wallet"


OPERATIONS = {"ITEM_OPEN": "OpenAccount", "ITEM_SESSION": "AddSession", "ITEM_REVOKE": "RevokeSession",
              "ITEM_OWNER_FRAME": "Commands"}


def operations():
    """What is signed of each, and each signed by a wallet."""
    made = {}
    cases = [(name, OPERATIONS[name], "CANCEL", name) for name in OPERATIONS]
    cases += [("ITEM_OWNER_" + command, command.capitalize(), command, "ITEM_OWNER_FRAME")
              for command in ("WITHDRAW", "TRANSFER", "REMIT")]
    for name, kind, command, layout in cases:
        for owner in (None, address_of(COW)):
            given = dict(GIVEN[layout]) if owner is None else dict(GIVEN[layout], owner=owner)
            writer = Writer(given, command)
            data = writer.fields(LAYOUTS[layout])
            digest = operation_digest(kind, writer.named, command, data[25:-65])
            if owner is None:
                made[name], made[name + "_DIGEST"] = bytes([4]) + data, digest
            else:
                made[name + "_SIGNED"] = bytes([4]) + data[:-65] + sign(COW, digest)
            if owner is None and layout == "ITEM_SESSION":
                for scope in (0, 5, 31, 32):
                    made["%s_SCOPE_%d" % (name, scope)] = operation_digest(
                        kind, writer.named, changed={"scope": scope})
            if owner is None and layout == "ITEM_OPEN":
                for model in (0, 1):
                    made["%s_MODEL_%d" % (name, model)] = operation_digest(
                        kind, writer.named, changed={"model": model})
    return made


# ---- Items ----

TAGS = {1: b"TNREP1", 2: b"TNDEP1", 3: b"TNFRM1", 5: b"TNGOV1"}
GIVEN = {
    "ITEM_REPORT": {"version": 1, "kind": 18, "feed": 4},
    "ITEM_DEPOSIT": {},
    "ITEM_FORCED": {"version": 2, "kind": 1},
    "ITEM_OPEN": {"operation": 1},
    "ITEM_SESSION": {"operation": 2},
    "ITEM_REVOKE": {"operation": 3},
    "ITEM_OWNER_FRAME": {"operation": 4, "version": 1, "kind": 1},
    "ITEM_GOVERNANCE": {"version": 1, "kind": 10},
    "ITEM_STALLED": {"cause": 1},
    "ITEM_RESIGNED": {"cause": 2},
    "ITEM_LAGGED": {"cause": 3},
}


def items(payload):
    made = {}
    for name in ITEMS:
        given = dict(GIVEN[name], payload=payload) if name == "ITEM_FORCED" else GIVEN[name]
        writer = Writer(given, "CANCEL")
        data = writer.fields(LAYOUTS[name])
        reader = Reader(data, payload)
        reader.fields(LAYOUTS[name])
        assert reader.at == len(data) and reader.values == writer.values, name
        made[name] = bytes([KINDS[name]]) + data
        if KINDS[name] not in TAGS:
            continue
        signed = payload if name == "ITEM_FORCED" else data[:-64]
        made[name + "_DIGEST"] = keccak256(TAGS[KINDS[name]] + CHAIN_ID + signed)
    digests = [bytes([1]) * 32, bytes([2]) * 32]
    picked = [made[name] for name in ("ITEM_REPORT", "ITEM_DEPOSIT", "ITEM_LAGGED")]
    made["BODY"] = b"".join(digests + [len(one).to_bytes(4, "big") + one for one in picked])
    made["BODY_ROOT"] = root_of(0x11, digests + picked)
    made.update(operations())
    check_the_wallet(made["ITEM_OWNER_WITHDRAW_SIGNED"])
    return made


def vectors():
    entries = {name: entry(name) for name in ENTRIES if name != "FRAME"}
    entries["REPORT_SURFACE"] = entry("REPORT", given={"feed": 2})
    entries.update({"FRAME_" + name: entry("FRAME", name) for name in COMMANDS})
    events = {"RESULT": event("EVENT", 1), "TRADE": event("EVENT_TRADE", 3)}
    trees = {"ROOT_%d" % count: root_of(0x10, [bytes([i]) for i in range(count)])
             for count in (0, 1, 2, 3, 5, 8)}
    payloads = frames()
    return {"entries": entries, "events": events, "trees": trees,
            "batches": batches(entries, events), "blocks": blocks(), "frames": payloads,
            "items": items(payloads["PLACE"])}


def main():
    count = 0
    for name, wanted in vectors().items():
        text = "".join("%s %s\n" % (key, value.hex()) for key, value in wanted.items())
        if len(sys.argv) > 1:
            open(os.path.join(sys.argv[1], name + ".hex"), "w").write(text)
        elif open(os.path.join(HERE, name + ".hex")).read() != text:
            sys.exit("%s.hex is not what the pages of docs/specs say" % name)
        count += len(wanted)
    print("%d vectors are what the pages say" % count)


if __name__ == "__main__":
    main()
