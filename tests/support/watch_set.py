#!/usr/bin/env python3
"""watch_set: follows all nodes of a testnet for as long as a test lasts.

usage: watch_set.py NET NODES

Connects to every node's local socket, again and again when a node is gone, and asks to be told of
blocks. All nodes must tell one hash and one root at one height, also after a restart, and a node
that tells a height must have told, or skipped by being away, all below it. It shares no code with
the nodes nor with tenor-play. SIGTERM ends it: it prints what it saw as one JSON line and ends with
3 when something was wrong.
"""

import json
import os
import select
import signal
import socket
import struct
import sys
import time

WATCH_BLOCKS = struct.pack(">IBB", 2, 4, 1)
BLOCK = struct.Struct(">QQI32s32s")
AGAIN_SECONDS = 0.1


class Node:
    def __init__(self, index, path):
        self.index, self.path = index, path
        self.socket, self.bytes, self.next_try = None, b"", 0.0
        self.height, self.connections, self.blocks = 0, 0, 0
        self.connected_height = 0

    def connect(self, now):
        if self.socket is not None or now < self.next_try:
            return
        self.next_try = now + AGAIN_SECONDS
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(1.0)
        try:
            connected.connect(self.path)
            connected.sendall(WATCH_BLOCKS)
        except OSError:
            connected.close()
            return
        self.socket, self.bytes = connected, b""
        self.connections += 1
        self.connected_height = 0

    def drop(self):
        self.socket.close()
        self.socket = None


class Watch:
    def __init__(self, nodes):
        self.nodes = nodes
        self.told = {}  # height: (hash, root, node)
        self.wrong = []
        self.compared = 0
        self.last_time, self.longest_gap = None, 0.0

    def complain(self, text):
        self.wrong.append(text)
        print("watch_set: " + text, file=sys.stderr, flush=True)

    def take_block(self, node, body):
        height, _, _, digest, root = BLOCK.unpack(body)
        if node.connected_height not in (0, height - 1):
            self.complain(
                f"node {node.index} told height {height} after {node.connected_height}"
            )
        node.connected_height = height
        node.blocks += 1
        if height > max(other.height for other in self.nodes):
            now = time.monotonic()
            if self.last_time is not None:
                self.longest_gap = max(self.longest_gap, now - self.last_time)
            self.last_time = now
        node.height = max(node.height, height)
        known = self.told.setdefault(height, (digest, root, node.index))
        if known[2] == node.index:
            return
        self.compared += 1
        for what, mine, other in (("block", digest, known[0]), ("root", root, known[1])):
            if mine != other:
                self.complain(
                    f"at height {height} node {node.index} has the {what} {mine.hex()}, "
                    f"node {known[2]} {other.hex()}"
                )

    def receive(self, node):
        try:
            got = node.socket.recv(1 << 20)
        except OSError:
            got = b""
        if not got:
            node.drop()
            return
        node.bytes += got
        at = 0
        while len(node.bytes) - at >= 4:
            size = int.from_bytes(node.bytes[at : at + 4], "big")
            if len(node.bytes) - at - 4 < size:
                break
            if node.bytes[at + 4] == 4:
                self.take_block(node, node.bytes[at + 5 : at + 4 + size])
            at += 4 + size
        node.bytes = node.bytes[at:]

    def turn(self):
        now = time.monotonic()
        for node in self.nodes:
            node.connect(now)
        there = {node.socket: node for node in self.nodes if node.socket is not None}
        ready, _, _ = select.select(list(there), [], [], AGAIN_SECONDS)
        for connected in ready:
            self.receive(there[connected])

    def summary(self):
        return {
            "watch": "set",
            "heights": [node.height for node in self.nodes],
            "blocks": [node.blocks for node in self.nodes],
            "connections": [node.connections for node in self.nodes],
            "compared": self.compared,
            "longest_block_gap_ms": round(self.longest_gap * 1000),
            "wrong": len(self.wrong),
        }


def main():
    net, count = sys.argv[1], int(sys.argv[2])
    paths = [os.path.join(net, f"node-{i}", "clients.sock") for i in range(count)]
    watch = Watch([Node(i, path) for i, path in enumerate(paths)])
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    while not ended:
        watch.turn()
    print(json.dumps(watch.summary()), flush=True)
    return 3 if watch.wrong else 0


sys.exit(main())
