"""A net of real nodes, and clients of it that can do what no library would: what the stories of
test_clients.py are told with. Clients are docs/examples/python's, with their hands untied."""
import contextlib
import os
import random
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import time

from tenor_bot import Bot, Net, Session, keccak256, sign, trader, wire

TERM_WRONG = 1004
TOLD = set()  # every number by which a node or the exchange has said no to any client
LINGER_RST = struct.pack("ii", 1, 0)  # close() cuts the connection instead of ending it


class Failed(Exception):
    """What a story says should be, and was not."""


def check(is_so, what, *about):
    if not is_so:
        raise Failed(what % about if about else what)


def within(seconds, what, question):
    """The first answer that is true."""
    until = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        check(time.monotonic() < until, "it did not come to be within %s s: %s", seconds, what)
        time.sleep(0.05)


def is_free(port):
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def free_base(nodes):
    """Ports for peers, clients and metrics of so many nodes, 100 apart."""
    while True:
        base = random.randrange(20000, 32000)
        if all(is_free(base + more + i) for more in (0, 100, 200)
               for i in range(nodes + 1)):  # and of a newcomer
            return base


class Nodes:
    """Four nodes and a feed, as processes of this one; nothing of them is left behind."""

    def __init__(self, work, tenord, tenor, feed, nodes=4, settings=(), genesis=None, patience=3,
                 markets=1):
        self.work, self.tenord, self.tenor_path, self.feed = work, tenord, tenor, feed
        self.folder, self.settings = os.path.join(work, "net"), settings
        self.running, self.count = {}, nodes
        self.base = free_base(nodes)
        words = [tenord, "testnet", "--out", self.folder, "--nodes", str(nodes), "--base-port",
                 str(self.base), "--patience", str(patience), "--markets", str(markets)]
        if genesis:
            path = os.path.join(work, "genesis.conf")
            with open(path, "w") as out:
                out.writelines("%s = %s\n" % one for one in genesis.items())
            words += ["--genesis", path]
        self.run(words)
        os.environ["TENOR_HOME"] = os.path.join(work, "keys")
        os.environ["TENOR_NET"] = self.folder
        os.environ["TENOR_TIMEOUT"] = "60"  # a machine may be crowded
        self.net = Net(self.folder)

    def run(self, words, end=0):
        """Runs a program to its end, which must be the one expected."""
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240)
        text = (done.stdout + done.stderr).decode(errors="replace")
        check(done.returncode == end, "%s ended with %d, not %d: %s", " ".join(words[1:]),
              done.returncode, end, text)
        return text

    def tenor(self, *words, end=0):
        return self.run([self.tenor_path, *words], end)

    def spawn(self, name, words):
        log = open(os.path.join(self.work, name + ".log"), "ab")
        with log:
            self.running[name] = subprocess.Popen(words, stdout=log, stderr=log)

    def start(self, index):
        self.spawn("node-%d" % index, [
            self.tenord, "start", "--home", os.path.join(self.folder, "node-%d" % index),
            "log.format=logfmt", "log.blocks=false", *self.settings])

    def log(self, name):
        with open(os.path.join(self.work, name + ".log"), errors="replace") as log:
            return log.read()

    def up(self):
        for index in range(self.count):
            self.start(index)
        self.start_feed()

    def start_feed(self):
        self.spawn("feed", [self.feed, "--net", self.folder, "--quiet"])
        within(60, "prices flow", lambda: "prices flow" in self.log("feed"))

    def set_limits(self, index, **limits):
        """Other limits for clients, taken up while the node runs."""
        path = os.path.join(self.folder, "node-%d" % index, "tenord.toml")
        with open(path) as settings:
            text = settings.read()
        lines = "".join("%s = %s\n" % one for one in limits.items())
        with open(path, "w") as settings:
            settings.write(text.replace("[clients.limits]\n", "[clients.limits]\n" + lines))
        before = self.metric(index, "tenor_reloads_total")
        self.signal(index, signal.SIGHUP)
        within(60, "the limits are taken up",
               lambda: self.metric(index, "tenor_reloads_total") > before)

    def signal(self, index, number):
        self.running["node-%d" % index].send_signal(number)

    def kill(self, index):
        process = self.running.pop("node-%d" % index)
        process.kill()
        process.wait()

    def rss_bytes(self, index):
        with open("/proc/%d/status" % self.running["node-%d" % index].pid) as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))

    def metric(self, index, name):
        with socket.create_connection(("127.0.0.1", self.base + 200 + index), timeout=30) as one:
            one.sendall(b"GET /metrics HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
            with one.makefile() as answer:
                for line in answer:
                    if line.startswith(name + " "):
                        return float(line.split()[1])
        raise Failed("there is no metric %s" % name)

    def secrets(self):
        """Whatever must stand in no log: keys in hex, and the lines of TLS keys."""
        found = set()
        for folder in (self.folder, os.environ["TENOR_HOME"]):
            for root, _, names in os.walk(folder):
                for name in names:
                    if not (name.endswith((".key", ".pem")) or "/sessions/" in root):
                        continue
                    with open(os.path.join(root, name)) as file:
                        text = file.read()
                    found.update(re.findall(r"^(?:secret )?([0-9a-f]{64})$", text, re.M))
                    for body in re.findall(r"PRIVATE KEY-----\n([^-]*)", text):
                        found.update(body.split())
        check(len(found) >= 3 * self.count, "only %d secrets are known", len(found))
        return found

    def tells_no_secret(self):
        logs = "".join(self.log(name[:-4]) for name in os.listdir(self.work)
                       if name.endswith(".log"))
        for secret in self.secrets():
            check(secret.lower() not in logs.lower(), "a log tells a secret")

    def stop(self):
        """All of them, by SIGTERM; what still runs must end with 0."""
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        ends = {name: process.wait(timeout=60) for name, process in self.running.items()}
        self.running = {}
        check(not any(ends.values()), "programs did not end well: %s", ends)
        for index in range(self.count):
            for word in ("bug at", "ERROR: ", "runtime error", "msg=diverged", "msg=results_wrong"):
                check(word not in self.log("node-%d" % index), "node-%d says '%s'", index, word)
        self.tells_no_secret()

    def clean_up(self):
        for process in self.running.values():
            process.kill()
            process.wait()
        shutil.rmtree(self.work, ignore_errors=True)


class Trader:
    """An account's session, its nonces counted once for all connections that use it."""

    def __init__(self, nodes, name, market=1):
        self.session = Session(nodes.net.chain_id, name, market)
        self.nonce = 0

    def next_nonce(self):
        self.nonce += 1
        return self.nonce


class Client(Bot):
    """One connection, by hand: nothing is sent, renewed or mended by itself."""

    def __init__(self, nodes, who=None, node=0, receive_bytes=None):
        super().__init__(nodes.net, who.session if who else None)
        self.who, self.node, self.heads = who, node, {}
        self.heard, self.stream, self.requests = [], [], 0
        self.open(receive_bytes)

    def context(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(certificate)
        return context

    def open(self, receive_bytes):
        (host, port), certificate = self.net.nodes[self.node]
        self.buffer, self.height, self.term = bytearray(), 0, 0
        plain = socket.socket()
        plain.settimeout(60)
        if receive_bytes:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        plain.connect((host, int(port)))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = self.context(certificate).wrap_socket(plain)
        self.hello = self.hear("hello")

    def cut(self):
        """The connection breaks: no Logoff, no goodbye of TLS, no FIN."""
        if self.socket is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RST)
            self.socket.close()
            self.socket = None

    def note(self, message):
        kind = message.WhichOneof("body")
        body = getattr(message, kind)
        if kind in ("hello", "heartbeat", "block", "cluster"):
            self.height = max(self.height, body.height)
            for head in body.markets:
                self.heads[head.market] = head
                if self.session and head.market == self.session.market:
                    self.term = head.term
        if kind == "error":
            TOLD.add(body.code)
        for event in getattr(body, "events", ()):
            TOLD.add(event.reject)
        if kind == "account_message":
            self.note_account(body)
        return kind, body

    def note_account(self, body):
        """Event by event: how many came in one message is not the same everywhere."""
        for index, event in enumerate(body.events, body.at.index):
            self.place = wire.Place(block=body.at.block, index=index)
            one = wire.AccountMessage(at=self.place, nonce=body.nonce, events=[event],
                                      time_ms=body.time_ms)
            self.stream.append(((body.at.block, index), one.SerializeToString()))

    def hear(self, *kinds, request=None, seconds=60):
        """The next message of these kinds, with this request; others are noted and kept."""
        until = time.monotonic() + seconds
        for at, (answers, kind, body) in enumerate(self.heard if request else ()):
            if answers == request and (not kinds or kind in kinds):
                del self.heard[at]
                return body
        while True:
            message = self.receive(max(0, until - time.monotonic()))
            check(message is not None, "%s s without %s, request %s; heard %s", seconds, kinds,
                  request, self.heard[-3:])
            kind, body = self.note(message)
            if (not kinds or kind in kinds) and request in (None, message.request):
                return body
            self.heard.append((message.request, kind, body))

    def drain(self, seconds=0.0):
        """Takes what has come."""
        while True:
            message = self.receive(seconds)
            if message is None:
                return
            self.heard.append((message.request, *self.note(message)))

    def request(self, **body):
        self.requests += 1
        self.send(request=self.requests, **body)
        return self.requests

    def ask(self, kind, **body):
        return self.hear(kind, request=self.request(**body))

    def refused(self, code, **body):
        """The node says no, by this number."""
        error = self.hear(request=self.request(**body))
        check(isinstance(error, wire.Error) and error.code == code, "not refused by %d, but told: %s",
              code, error)
        return error

    def logon_message(self, chain_id=None, session=None, **more):
        s = session or self.session
        flags = more.get("on_disconnect", wire.NOTHING)
        signed = keccak256(b"TNLOGON1" + (chain_id or self.net.chain_id) + self.hello.challenge
                           + struct.pack(">IQB", s.market, s.id, flags))
        return wire.Logon(market=s.market, session=s.id, signature=sign(s.secret, signed), **more)

    def logon(self, **more):
        ack = self.ask("logon_ack", logon=self.logon_message(**more))
        self.account = ack.account
        self.who.nonce = max(self.who.nonce, ack.nonce_top)
        return self

    def payload(self, commands, nonce=None, **other):
        fields = dict(market=self.session.market, term=self.term, session=self.session.id,
                      nonce=nonce or self.who.next_nonce(), valid_until_block=self.height + 2000)
        fields.update(other)
        return trader.Payload(commands=commands, **fields).SerializeToString()

    def signed(self, payload, chain_id=None, wait=wire.SOFT_AND_FINAL):
        digest = keccak256(b"TNFRM1" + (chain_id or self.net.chain_id) + payload)
        return wire.SignedFrame(payload=payload, signature=sign(self.session.secret, digest),
                                wait=wait)

    def trade(self, *commands, **other):
        """A frame, and its final word. When its term ends first it is signed anew, as one does."""
        until = time.monotonic() + 60
        while True:
            frame = self.signed(self.payload(commands, **other), wait=wire.FINAL)
            word = self.hear("frame_final", "frame_reverted", "error",
                             request=self.request(frame=frame))
            if isinstance(word, wire.FrameFinal):
                return word
            is_over = isinstance(word, wire.FrameReverted) or word.code == TERM_WRONG
            check(is_over or word.retriable, "refused: %s", word)
            check(time.monotonic() < until, "no term lasts: %s", word)
            time.sleep(0.05)
            self.ask("cluster", get_cluster=wire.GetCluster())

    def guard(self, ahead=40, dead_man_blocks=0):
        """A standby frame is held: cancel everything. Its nonce."""
        cancel, nonce = trader.Command(mass_cancel=trader.MassCancel()), self.who.nonce + ahead
        self.send(standby=wire.Standby(dead_man_blocks=dead_man_blocks, frame=self.signed(
            self.payload([cancel], nonce=nonce))))
        self.ask("pong", ping=wire.Ping())
        return nonce

    def orders(self, account):
        return self.ask("orders", get_orders=wire.GetOrders(
            market=1, account=account)).orders


def pump(clients, seconds):
    """Lets several clients hear at once."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ready = [c for c in clients if c.socket.pending()] or select.select(
            [c.socket for c in clients], [], [], 0.02)[0]
        for client in clients:
            if client in ready or client.socket in ready:
                client.drain()


@contextlib.contextmanager
def closing(*clients):
    try:
        yield
    finally:
        for client in clients:
            client.cut()
