#!/usr/bin/env python3
"""fuzz_clients: a hostile local client of a node, fed by an honest one.

usage: fuzz_clients.py LISTEN TARGET SEED

Passes an honest client's connections at LISTEN on to the node's socket TARGET, and remembers what
it asked. Beside that it attacks TARGET on connections of its own: random bytes, requests without
an end, sizes of nought and of gigabytes, unknown kinds, frames and items with bits turned over,
cut off, made longer, or sent again, clients that never read, and clients that say nothing. Nothing
of that may stop the node, or hold up the honest client. SIGTERM ends it: one JSON line says what
it did; 3 when the node was gone at any time.
"""

import collections
import json
import random
import select
import signal
import socket
import struct
import sys
import threading

KEPT_MAX = 4096
SILENT_MAX = 8
PAUSE_SECONDS = 0.004
IN_MAX = (1 << 17) + 1  # what a node takes as one request


class Pair:
    """An honest connection and the one to the node that it is passed on to: a thread each way, so
    that neither waits for the other."""

    def __init__(self, client, target, kept):
        self.client, self.kept = client, kept
        self.node = socket.socket(socket.AF_UNIX)
        self.node.connect(target)
        for ways in ((client, self.node), (self.node, client)):
            threading.Thread(target=self.pass_on, args=ways, daemon=True).start()

    def pass_on(self, source, sink):
        waiting = b""
        try:
            while got := source.recv(1 << 18):
                sink.sendall(got)
                if source is self.client:
                    waiting = self.keep(waiting + got)
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def keep(self, waiting):
        while len(waiting) >= 4:
            size = int.from_bytes(waiting[:4], "big")
            if len(waiting) - 4 < size:
                break
            request, waiting = waiting[4 : 4 + size], waiting[4 + size :]
            if request[0] in (1, 2):
                self.kept.append(request)
        return waiting


class Attack:
    def __init__(self, target, seed):
        self.target, self.kept = target, collections.deque(maxlen=KEPT_MAX)
        self.random = random.Random(seed)
        self.silent = []
        self.done = {}
        self.gone = 0
        self.ways = [
            self.noise, self.sizes, self.cut, self.flip, self.longer, self.again,
            self.kinds, self.items, self.deaf, self.mute,
        ]

    def connect(self):
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(0.05)
        try:
            connected.connect(self.target)
        except OSError:
            connected.close()
            self.gone += 1
            return None
        return connected

    def send(self, *pieces):
        """Sends each piece at once, reads a little, and leaves without a word."""
        connected = self.connect()
        if connected is None:
            return
        try:
            for piece in pieces:
                connected.sendall(piece)
            if self.random.random() < 0.5:
                connected.recv(4096)
        except OSError:
            pass
        connected.close()

    def ask(self, request):
        return struct.pack(">I", len(request)) + request

    def one(self):
        return self.random.choice(self.kept) if self.kept else b"\x03"

    def noise(self):
        self.send(self.random.randbytes(self.random.randrange(1, 4096)))

    def sizes(self):
        size = self.random.choice([0, 1, 5, IN_MAX - 1, IN_MAX, IN_MAX + 1, 1 << 31, (1 << 32) - 1])
        body = self.random.randbytes(min(size, IN_MAX + 1))
        self.send(struct.pack(">I", size), body)

    def cut(self):
        request = self.ask(self.one())
        self.send(request[: self.random.randrange(1, len(request))])
        shorter = self.one()
        self.send(self.ask(shorter[: self.random.randrange(1, len(shorter) + 1)]))

    def flip(self):
        requests = []
        for _ in range(self.random.randrange(1, 17)):
            request = bytearray(self.one())
            for _ in range(self.random.randrange(1, 5)):
                at = self.random.randrange(len(request))
                request[at] ^= 1 << self.random.randrange(8)
            requests.append(self.ask(bytes(request)))
        self.send(*requests)

    def longer(self):
        more = self.random.randbytes(self.random.randrange(1, 300))
        self.send(self.ask(self.one() + more))

    def again(self):
        self.send(*[self.ask(self.one()) for _ in range(self.random.randrange(1, 33))])

    def kinds(self):
        kind = bytes([self.random.randrange(256)])
        self.send(self.ask(kind + self.random.randbytes(self.random.randrange(200))))

    def items(self):
        kind = bytes([2, self.random.randrange(0, 10)])
        self.send(self.ask(kind + self.random.randbytes(self.random.randrange(400))))

    def deaf(self):
        """Asks for everything, some hundred times, and reads nothing."""
        watch = struct.pack(">IBB", 2, 4, 3)
        self.keep_silent(watch + 200 * self.ask(b"\x03"))

    def mute(self):
        self.keep_silent(self.ask(self.one())[:-1] or b"\x00")

    def keep_silent(self, first):
        connected = self.connect()
        if connected is None:
            return
        try:
            connected.sendall(first)
        except OSError:
            pass
        self.silent.append(connected)
        if len(self.silent) > SILENT_MAX:
            self.silent.pop(0).close()

    def turn(self):
        way = self.random.choice(self.ways)
        way()
        self.done[way.__name__] = self.done.get(way.__name__, 0) + 1


def accept(listener, attack):
    ready, _, _ = select.select([listener], [], [], PAUSE_SECONDS)
    if not ready:
        return
    client, _ = listener.accept()
    try:
        Pair(client, attack.target, attack.kept)
    except OSError:
        client.close()


def main():
    listen, target, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(listen)
    listener.listen(8)
    attack, ended = Attack(target, seed), []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    while not ended:
        accept(listener, attack)
        attack.turn()
    print(json.dumps({"fuzz": "clients", "seed": seed, "done": attack.done, "gone": attack.gone}))
    return 3 if attack.gone > 0 else 0


sys.exit(main())
