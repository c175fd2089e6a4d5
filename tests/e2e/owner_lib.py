"""What stands in blocks beside frames (docs/specs/items.md), signed as any library would do it: an
owner's operations by his wallet (EIP-712), governance, the faucet."""
import os
import struct
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from clients_lib import check, keccak256, sign, wire, within

SCOPES = ("trade", "quote", "cancel", "transfer", "model")
TRADE, ALL_SCOPES = 1, 31
OPEN, SESSION, REVOKE = 1, 2, 3
UNDERLYING_ENTRY, LIST_ENTRY, STATUS_ENTRY, REPORT_ENTRY = 8, 10, 12, 18  # docs/specs/stream.md
ACTIVE, HALTED, AUCTION = 1, 4, 5


class Made:
    """A session's key, as tenor_bot's Session."""

    def __init__(self, market, number, secret, expires):
        self.market, self.id, self.secret, self.expires = market, number, secret, expires


def word(number):
    return number.to_bytes(32, "big")


def text(words):
    return keccak256(words.encode())


def new_key():
    secret = ec.generate_private_key(ec.SECP256K1())
    return secret, secret.public_key().public_bytes(serialization.Encoding.X962,
                                                    serialization.PublicFormat.CompressedPoint)


def secret_of(path):
    with open(path) as file:
        return ec.derive_private_key(int(file.read().split()[0], 16), ec.SECP256K1())


def typed_digest(chain_id, kind, members):
    domain = keccak256(keccak256(b"EIP712Domain(string name,string version,bytes32 salt)")
                       + keccak256(b"Tenor") + keccak256(b"1") + chain_id)
    return keccak256(b"\x19\x01" + domain + keccak256(keccak256(kind) + b"".join(members)))


class Owner:
    def __init__(self, nodes, name):
        path = os.path.join(nodes.work, name + ".secret")
        with open(path, "w") as out:
            out.write(nodes.tenor("key", "export", name))
        self.secret = secret_of(path)
        os.remove(path)
        point = self.secret.public_key().public_numbers()
        self.address = keccak256(word(point.x) + word(point.y))[12:]
        self.chain_id = nodes.net.chain_id

    def operate(self, client, digest, body):
        signature = sign(self.secret, digest)
        answers = []
        for recovery in (27, 28):  # one of the two gives the owner's address
            item = wire.Item(kind=wire.OPERATION, bytes=body + signature + bytes([recovery]))
            answers.append(client.ask("item_taken", item=item).answer)
        check(sorted(answers) == [wire.TAKEN, wire.INVALID], "the operation is answered %s", answers)

    def ask_session(self, client, account, number, key, expires_ms, scope=ALL_SCOPES):
        """An operation; whether the exchange does it is told in the account's stream."""
        names = ", ".join(name for bit, name in enumerate(SCOPES) if scope >> bit & 1)
        digest = typed_digest(self.chain_id, b"AddSession(address owner,uint32 market,uint64 number,"
                              b"uint32 account,bytes key,string scope,int64 expires_ms)", (
                                  bytes(12) + self.address, word(1), word(number), word(account),
                                  keccak256(key), text(names), word(expires_ms)))
        self.operate(client, digest, struct.pack(
            ">B20sIQI33sIq", SESSION, self.address, 1, number, account, key, scope, expires_ms))

    def open_session(self, client, account, number, lives_ms, scope=ALL_SCOPES):
        """The session that this operation opens, when the state has it."""
        secret, key = new_key()
        expires_ms = int(time.time() * 1000) + lives_ms
        self.ask_session(client, account, number, key, expires_ms, scope)

        def made():
            state = client.ask("account", get_account=wire.GetAccount(market=1, account=account))
            return [one.session for one in state.sessions if one.key == key]
        return Made(1, within(60, "the session is there", made)[0], secret, expires_ms / 1000)

    def revoke(self, client, number, session):
        digest = typed_digest(self.chain_id, b"RevokeSession(address owner,uint32 market,"
                              b"uint64 number,uint64 session)", (
                                  bytes(12) + self.address, word(1), word(number), word(session)))
        self.operate(client, digest, struct.pack(">B20sIQQ", REVOKE, self.address, 1, number,
                                                 session))

    def accounts(self, client):
        return list(client.ask("owner", get_owner=wire.GetOwner(
            market=1, owner=self.address)).accounts)

    def open_account(self, client):
        """One more account of this owner."""
        before = self.accounts(client)
        number = len(before) + 1
        digest = typed_digest(self.chain_id, b"OpenAccount(address owner,uint32 market,"
                              b"uint64 number,string model)", (
                                  bytes(12) + self.address, word(1), word(number),
                                  text("portfolio")))
        self.operate(client, digest, struct.pack(">B20sIQB", OPEN, self.address, 1, number, 0))
        return within(60, "the account is there", lambda: sorted(
            set(self.accounts(client)) - set(before)))[0]


class Authority:
    """Who signs numbered items of a test net: governance and the faucet."""

    def __init__(self, nodes):
        self.chain_id = nodes.net.chain_id
        self.governance, self.faucet = (secret_of(os.path.join(nodes.folder, name + ".key"))
                                        for name in ("governance", "faucet"))
        self.feeders = [secret_of(os.path.join(nodes.folder, name))
                        for name in sorted(os.listdir(nodes.folder)) if name.startswith("feeder-")]

    def give(self, client, kind, tag, secret, body):
        signature = sign(secret, keccak256(tag + self.chain_id + body))
        answer = client.ask("item_taken", item=wire.Item(kind=kind, bytes=body + signature)).answer
        check(answer == wire.TAKEN, "the item is answered %s", answer)

    def number(self, client, field):
        return getattr(client.ask("cluster", get_cluster=wire.GetCluster()), field) + 1

    def govern(self, client, kind, entry):
        body = struct.pack(">QIBB", self.number(client, "governance_number"), 1, 1, kind) + entry
        self.give(client, wire.GOVERNANCE, b"TNGOV1", self.governance, body)
        before = struct.unpack(">Q", body[:8])[0]
        within(60, "what is governed is so", lambda: self.number(
            client, "governance_number") > before)

    def define(self, client, symbol, steps):
        """One more underlying; prices of its series are on steps of (from, step) in ticks."""
        contract = struct.pack(">qqqqqB", 1000000, 10000, 1, 1000000, 10000, len(steps)) + b"".join(
            struct.pack(">qq", *step) for step in steps)
        fee = struct.pack(">iii", 0, 300, 125000)
        self.govern(client, UNDERLYING_ENTRY, symbol.ljust(9, b"\0") + contract + contract + fee + fee
                    + struct.pack(">BBBBIIIIqq", 0, 0, 0, 0, 0, 0, 50000, 1000000, 10000, 1000000))

    def list_series(self, client, series_id):
        self.govern(client, LIST_ENTRY, struct.pack(">Q", series_id))

    def report_spot(self, client, underlying, price_micros):
        """By every feeder."""
        for signer, secret in enumerate(self.feeders):
            now_us = int(time.time() * 1000000)
            body = struct.pack(">IBBHHHBiQqq", 1, 1, REPORT_ENTRY, signer + 1, underlying, 0, 0,
                               1000000, now_us, now_us // 1000 - 20, price_micros)
            self.give(client, wire.REPORT, b"TNREP1", secret, body)

    def set_status(self, client, series_id, status):
        """Steps a series' status; the state has it when this returns."""
        self.govern(client, STATUS_ENTRY, struct.pack(">QB", series_id, status))

        def stepped():
            listed = client.ask("instruments", get_instruments=wire.GetInstruments(market=1))
            return [1 for one in listed.instruments
                    if one.series_id == series_id and one.status == status]
        within(60, "the status is %d" % status, stepped)

    def deposit(self, client, account, amount, asset=0):
        body = struct.pack(">QIIIq", self.number(client, "deposit_number"), 1, account, asset,
                           amount)
        self.give(client, wire.DEPOSIT, b"TNDEP1", self.faucet, body)
