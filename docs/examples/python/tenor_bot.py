"""A connection to a node, from the .proto files alone: what a bot in any language needs.

Made by:  protoc -I proto --python_out=DIR proto/tenor/v1/trader.proto proto/tenor/v1/client.proto
Needs:    python3-protobuf, python3-cryptography, python3-pycryptodome (Debian's names)
"""
import argparse
import glob
import os
import select
import socket
import ssl
import struct
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from Cryptodome.Hash import keccak

from tenor.v1 import client_pb2 as wire
from tenor.v1 import trader_pb2 as trader

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
TRADE, QUOTED = 3, 9  # kinds of events that bots look at; all of them are in docs/protocol.md §5
VALID_BLOCKS = 2000   # a frame may wait so many blocks, then it is void
STANDBY_AHEAD = 32    # the standby frame's nonce lies so far above those in use


def keccak256(data):
    return keccak.new(digest_bits=256, data=data).digest()


def sign(secret, digest):
    """r and s, 64 bytes, s in the lower half: the only one of the two spellings that is taken."""
    r, s = utils.decode_dss_signature(secret.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256()))))
    return r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")


class Net:
    """A folder made by `tenord testnet`: where the nodes are and which chain it is."""

    def __init__(self, folder):
        words = [line.split("#")[0].split() for line in open(os.path.join(folder, "client.conf"))]
        self.chain_id = next(bytes.fromhex(line[1]) for line in words if line[:1] == ["chain"])
        self.nodes = [(line[1].rsplit(":", 1), os.path.join(folder, line[2]))
                      for line in words if line[:1] == ["node"]]


class Session:
    """The session of a key as `tenor account open` and `tenor session new` leave it."""

    def __init__(self, chain_id, name, market):
        home = os.environ.get("TENOR_HOME") or os.path.expanduser("~/.tenor")
        files = glob.glob("%s/sessions/%s/%s-%d*" % (home, chain_id.hex()[:16], name, market))
        if not files:
            raise SystemExit("no session in %s; make one: tenor --key %s faucet" % (home, name))
        lines = dict(line.split() for line in open(files[0]))
        self.market, self.id = market, int(lines["session"])
        self.secret = ec.derive_private_key(int(lines["secret"], 16), ec.SECP256K1())


class Bot:
    """One node at a time; when it is lost, `run` goes on at the next one.

    A bot fills in: on_ready(): logged on, here or at another node than before, so ask and subscribe;
    on_message(kind, message): what came, kind is the name of FromNode's field;
    on_turn(): each turn_seconds; summary(): what to print at the end.
    """
    turn_seconds, refused = 0.25, 0

    def __init__(self, net, session):
        self.net, self.session, self.at = net, session, 0
        self.socket, self.place, self.nonce, self.standby_nonce, self.term = None, None, 0, 0, 0

    def send(self, request=0, **body):
        data = wire.ToNode(request=request, **body).SerializeToString()
        self.socket.sendall(struct.pack(">I", len(data)) + data)
        self.last_sent = time.monotonic()

    def subscribe(self, *channels):
        for channel in channels:
            self.send(subscribe=wire.Subscribe(market=self.session.market, channel=channel))

    def receive(self, seconds):
        """A message, or None when none came in time."""
        until = time.monotonic() + seconds
        while len(self.buffer) < (end := 4 + int.from_bytes(self.buffer[:4], "big")):
            left = max(until - time.monotonic(), 0)
            if not self.socket.pending() and not select.select([self.socket], [], [], left)[0]:
                return None
            more = self.socket.recv(1 << 16)
            if not more:
                raise ConnectionError("the node closed the connection")
            self.buffer += more
        message = wire.FromNode.FromString(bytes(self.buffer[4:end]))
        del self.buffer[:end]
        return message

    def ask(self, kind, **body):
        """A question and its answer; what comes in between goes to on_message."""
        self.send(request=77, **body)
        while True:
            message = self.receive(10)
            if message is None:
                raise ConnectionError("no answer within 10 s")
            if message.request == 77 and message.WhichOneof("body") == "error":
                said = "%d: %s" % (message.error.code, message.error.text)  # see docs/errors.md
                raise ConnectionError(said) if message.error.retriable else SystemExit(said)
            if message.WhichOneof("body") == kind:
                return getattr(message, kind)
            self.handle(message)

    def connect(self):
        (host, port), certificate = self.net.nodes[self.at % len(self.net.nodes)]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # the certificate itself is pinned, not a name in it
        context.load_verify_locations(certificate)
        self.buffer = bytearray()
        plain = socket.create_connection((host, int(port)), timeout=5)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain)
        hello = self.receive(5)
        if hello is None or hello.hello.chain_id != self.net.chain_id:
            raise ConnectionError("this node is of another chain")
        self.handle(hello)
        s = self.session
        signed = keccak256(b"TNLOGON1" + self.net.chain_id + hello.hello.challenge
                           + struct.pack(">IQB", s.market, s.id, wire.RUN_STANDBY))
        logon = wire.Logon(market=s.market, session=s.id, on_disconnect=wire.RUN_STANDBY,
                           signature=sign(s.secret, signed), resume_after=self.place)
        ack = self.ask("logon_ack", logon=logon)
        self.nonce = max(self.nonce, ack.nonce_top)
        self.place = self.place or ack.at  # where the account's stream stands
        self.guard()
        self.on_ready()

    def sign_frame(self, commands, nonce):
        payload = trader.Payload(market=self.session.market, term=self.term, session=self.session.id,
                                 nonce=nonce, valid_until_block=self.height + VALID_BLOCKS,
                                 commands=commands).SerializeToString()
        digest = keccak256(b"TNFRM1" + self.net.chain_id + payload)
        return wire.SignedFrame(payload=payload, signature=sign(self.session.secret, digest))

    def trade(self, *commands):
        """1 to 256 commands under one signature."""
        self.nonce += 1
        if self.nonce + STANDBY_AHEAD // 4 > self.standby_nonce:
            self.guard()
        self.send(frame=self.sign_frame(commands, self.nonce))

    def guard(self):
        """Should this connection break, the node sends this frame for us: cancel everything."""
        self.standby_nonce = self.nonce + STANDBY_AHEAD
        self.guarded_height = self.height
        cancel = trader.Command(mass_cancel=trader.MassCancel())
        self.send(standby=wire.Standby(frame=self.sign_frame([cancel], self.standby_nonce)))

    def handle(self, message):
        kind = message.WhichOneof("body")
        body = getattr(message, kind)
        if kind in ("hello", "heartbeat", "block"):
            self.height = body.height
            for head in body.markets:  # none while the account's stream catches up
                if head.market == self.session.market:
                    self.term = head.term
        elif kind == "account_message":
            self.place = wire.Place(block=body.at.block, index=body.at.index + len(body.events) - 1)
        elif kind == "standby_void":  # of another term now, or its nonce was used
            self.term, self.nonce = body.term, self.standby_nonce
            self.guard()
        elif kind == "error":
            print("refused: %d %s" % (body.code, body.text), flush=True)
            self.refused += 1
        self.on_message(kind, body)

    def run(self, seconds):
        until, turn = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            try:
                if self.socket is None:
                    self.connect()
                if message := self.receive(0.05):
                    self.handle(message)
                if self.height > self.guarded_height + VALID_BLOCKS // 2:
                    self.guard()
                if time.monotonic() - self.last_sent > 3:
                    self.send(ping=wire.Ping(time_ms=int(time.time() * 1000)))
                if time.monotonic() >= turn:
                    turn = time.monotonic() + self.turn_seconds
                    self.on_turn()
            except OSError as lost:
                print("lost the node: %s; going to the next one" % lost, flush=True)
                self.socket, self.at = None, self.at + 1
                time.sleep(0.2)
        if self.socket is not None:
            self.trade(trader.Command(mass_cancel=trader.MassCancel()))
            self.send(logoff=wire.Logoff())


def main(bot, what):
    words = argparse.ArgumentParser(description=what)
    words.add_argument("--net", required=True, help="the folder of the test net")
    words.add_argument("--key", required=True, help="a key with a session: tenor --key NAME faucet")
    words.add_argument("--market", type=int, default=1)
    words.add_argument("--seconds", type=float, default=1e9)
    words = words.parse_args()
    net = Net(words.net)
    made = bot(net, Session(net.chain_id, words.key, words.market))
    made.run(words.seconds)
    print(made.summary(), flush=True)
