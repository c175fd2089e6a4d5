#!/usr/bin/env python3
"""stranger: somebody who is no peer, at a node's port for peers.

usage: stranger.py HOST PORT SEED

Connects and says nothing, sends random bytes, begins TLS and stops in the middle, finishes TLS's
first flight without a certificate, and leaves in every way, until SIGTERM; then one JSON line says
how often. What it may cost: its own connections.
"""

import json
import random
import signal
import socket
import ssl
import struct
import sys
import time

OPEN_MAX = 64


class Stranger:
    def __init__(self, host, port, seed):
        self.address = (host, port)
        self.random = random.Random(seed)
        self.open, self.done, self.refused = [], {}, 0
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.tls.check_hostname = False
        self.tls.verify_mode = ssl.CERT_NONE
        self.ways = [self.half_open, self.noise, self.reset, self.hello, self.cut_hello, self.flood]

    def connect(self):
        try:
            return socket.create_connection(self.address, timeout=0.3)
        except OSError:
            self.refused += 1
            return None

    def keep(self, connected):
        self.open.append(connected)
        if len(self.open) > OPEN_MAX:
            self.open.pop(self.random.randrange(len(self.open))).close()

    def say(self, words):
        connected = self.connect()
        if connected is None:
            return None
        try:
            connected.sendall(words)
        except OSError:
            pass
        return connected

    def half_open(self):
        connected = self.connect()
        if connected is not None:
            self.keep(connected)

    def noise(self):
        connected = self.say(self.random.randbytes(self.random.randrange(1, 2000)))
        if connected is not None:
            self.keep(connected)

    def reset(self):
        connected = self.say(b"\x16\x03\x01")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connected.close()

    def first_flight(self):
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = self.tls.wrap_bio(into, out)
        try:
            session.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return out.read()

    def cut_hello(self):
        words = bytearray(self.first_flight())
        if self.random.random() < 0.5:
            words[self.random.randrange(len(words))] ^= 1 << self.random.randrange(8)
        connected = self.say(bytes(words[: self.random.randrange(1, len(words) + 1)]))
        if connected is not None:
            self.keep(connected)

    def hello(self):
        connected = self.connect()
        if connected is None:
            return
        try:
            with self.tls.wrap_socket(connected) as session:
                session.sendall(self.random.randbytes(300))
                session.recv(100)
        except (OSError, ValueError):
            connected.close()

    def flood(self):
        for _ in range(30):
            self.half_open()

    def turn(self):
        way = self.random.choice(self.ways)
        way()
        self.done[way.__name__] = self.done.get(way.__name__, 0) + 1


def main():
    stranger = Stranger(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    while not ended:
        stranger.turn()
        time.sleep(0.01)
    print(json.dumps({"stranger": stranger.done, "refused": stranger.refused}))
    return 0


sys.exit(main())
