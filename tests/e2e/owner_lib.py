"""An owner's wallet, as any EIP-712 library would do it: makes sessions (docs/specs/items.md)."""
import os
import struct
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from clients_lib import check, keccak256, sign, wire, within

TRADE_TO_MODEL = "trade, quote, cancel, transfer, model"


class Made:
    """A session's key, as tenor_bot's Session."""

    def __init__(self, market, number, secret, expires):
        self.market, self.id, self.secret, self.expires = market, number, secret, expires


def word(number):
    return number.to_bytes(32, "big")


def typed_digest(chain_id, kind, members):
    domain = keccak256(keccak256(b"EIP712Domain(string name,string version,bytes32 salt)")
                       + keccak256(b"Tenor") + keccak256(b"1") + chain_id)
    return keccak256(b"\x19\x01" + domain + keccak256(keccak256(kind) + b"".join(members)))


class Owner:
    def __init__(self, nodes, name):
        path = os.path.join(nodes.work, name + ".secret")
        with open(path, "w") as out:
            out.write(nodes.tenor("key", "export", name))
        with open(path) as secret:
            self.secret = ec.derive_private_key(int(secret.read().split()[0], 16), ec.SECP256K1())
        os.remove(path)
        point = self.secret.public_key().public_numbers()
        self.address = keccak256(word(point.x) + word(point.y))[12:]
        self.chain_id = nodes.net.chain_id

    def open_session(self, client, account, number, lives_ms):
        """The session that this operation opens, when the state has it."""
        secret = ec.generate_private_key(ec.SECP256K1())
        key = secret.public_key().public_bytes(serialization.Encoding.X962,
                                               serialization.PublicFormat.CompressedPoint)
        expires_ms = int(time.time() * 1000) + lives_ms
        digest = typed_digest(self.chain_id, b"AddSession(address owner,uint32 market,uint64 number,"
                              b"uint32 account,bytes key,string scope,int64 expires_ms)", (
                                  bytes(12) + self.address, word(1), word(number), word(account),
                                  keccak256(key), keccak256(TRADE_TO_MODEL.encode()),
                                  word(expires_ms)))
        body = struct.pack(">B20sIQI33sIq", 2, self.address, 1, number, account, key, 31, expires_ms)
        answers = []
        signature = sign(self.secret, digest)
        for recovery in (27, 28):  # one of the two gives the owner's address
            item = wire.Item(kind=wire.OPERATION, bytes=body + signature + bytes([recovery]))
            answers.append(client.ask("item_taken", item=item).answer)
        check(sorted(answers) == [wire.TAKEN, wire.INVALID], "the operation is answered %s", answers)

        def made():
            state = client.ask("account", get_account=wire.GetAccount(market=1, account=account))
            return [one.session for one in state.sessions if one.key == key]
        return Made(1, within(5, "the session is there", made)[0], secret, expires_ms / 1000)
