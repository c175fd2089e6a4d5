#!/usr/bin/python3
"""A node whose disk is full takes nothing, also of those whose frames its gateway gives to the desk itself:
clients are told, and what they send is refused. When there is room again it says so and goes on, and nothing
of what it took or has said is lost.

usage: test_full_disk.py TENORD TENOR TENOR_FEED SOURCE FULL_DISK      the library of support/full_disk.c
"""
import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

TENORD, TENOR, FEED, SOURCE, LIBRARY = sys.argv[1:6]
WORK = tempfile.mkdtemp(prefix="tenor-disk-")
atexit.register(shutil.rmtree, WORK, ignore_errors=True)  # also when an import fails
sys.dont_write_bytecode = True
subprocess.run(["protoc", "-I", SOURCE + "/proto", "--python_out=" + WORK,
                "tenor/v1/trader.proto", "tenor/v1/client.proto"], check=True)
sys.path[:0] = [WORK, SOURCE + "/docs/examples/python", SOURCE + "/docs/examples"]

from clients_lib import Client, Failed, Nodes, Trader, check, closing, trader, wire, within

FULL = os.path.join(WORK, "full")
FRAMES_MAX = 4000  # some hundreds fill a segment of the log
CANCELS_ONLY = 1102  # finality is late: what is refused then is not lost, it is told
DISK_FULL = 50009
WORDS = ("frame_soft", "frame_final", "frame_reverted")


class Full(Nodes):
    """One node, with small segments, on a disk that can be full."""

    def start(self, index):
        self.spawn("node-%d" % index, [
            "env", "LD_PRELOAD=" + LIBRARY, "FULL_DISK=" + FULL, self.tenord, "start", "--home",
            os.path.join(self.folder, "node-%d" % index), "--segment-bytes", "1048576",
            "log.format=logfmt", "log.blocks=false"])

    def ready(self):
        with socket.create_connection(("127.0.0.1", self.base + 200), timeout=30) as one:
            one.sendall(b"GET /readyz HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
            with one.makefile() as answer:
                return answer.read()


def rests(client):
    """An order far from the mark."""
    listed = client.ask("instruments", get_instruments=wire.GetInstruments(market=1))
    perpetual = next(one for one in listed.instruments if one.name == "BTC-PERP")
    step = max(one.step for one in perpetual.steps)
    return trader.Command(place=trader.Terms(
        series_id=perpetual.series_id, side=trader.BUY, quantity=1, fee_max_ppm=1000000,
        price=int(30000e6 // perpetual.tick_micros // step * step)))


class Frames:
    """Frames of one order, or of one cancel of all, in the order in which they were sent."""

    def __init__(self, client, order):
        self.client, self.order, self.sent, self.cancels = client, order, [], set()

    def send(self, is_order):
        command = self.order if is_order else trader.Command(mass_cancel=trader.MassCancel())
        request = self.client.request(frame=self.client.signed(self.client.payload([command])))
        self.sent.append(request)
        if not is_order:
            self.cancels.add(request)
        return request

    def softs(self):
        return {about for about, kind, _ in self.client.heard if kind == "frame_soft"}

    def ends(self):
        """Each has one last word: what was soft is final, and so is every cancel that was taken; an
        order that waited is final or refused for being late. How many orders rest then."""
        softs, resting, refused = self.softs(), 0, 0
        for request in self.sent:
            word = self.client.hear("frame_final", "frame_reverted", "error", request=request)
            if isinstance(word, wire.FrameFinal):
                resting = 0 if request in self.cancels else resting + 1
                continue
            check(isinstance(word, wire.Error) and word.code in (CANCELS_ONLY, DISK_FULL),
                  "told: %s", word)
            check(request not in self.cancels or word.code == DISK_FULL,
                  "a cancel is refused: %s", word)
            check(request not in softs, "what was soft is refused: %s", word)
            refused += 1
        return resting, refused


def fill(nodes, frames):
    """Sends frames, one after the other, until the disk is full and one has no answer."""
    is_order = True
    while nodes.metric(0, "tenor_disk_full") == 0:
        for _ in range(20):
            request = frames.send(is_order)
            frames.client.drain(0.02)
            if request not in frames.softs():
                break
            is_order = not is_order
        check(len(frames.sent) < FRAMES_MAX, "the disk is not full after %d", len(frames.sent))


def troubles(client):
    """What heartbeats said was the matter, in order."""
    client.request(ping=wire.Ping())
    client.drain(0.05)
    return [body.trouble for _, kind, body in client.heard if kind == "heartbeat"]


def full(nodes, frames, looker):
    """While the disk is full everybody is told, at once and again; orders and cancels are refused, and so
    is what only the node's thread could answer."""
    client = frames.client
    for one in (client, looker):
        within(60, "it says what is the matter", lambda: troubles(one)[-1:] == [DISK_FULL])
    within(60, "it says so again", lambda: troubles(client)[-2:] == [DISK_FULL] * 2)
    direct = nodes.metric(0, "tenor_gateway_frames_direct_total")
    heard = len(client.heard)
    refused = [frames.send(is_order) for is_order in (True, True, False, True)]
    refused.append(client.request(get_account=wire.GetAccount(market=1, account=client.account)))
    within(60, "all is refused", lambda: client.drain(0.05) or len(
        [1 for about, kind, _ in client.heard if about in refused]) == len(refused))
    for about, kind, body in client.heard[heard:]:
        check(kind not in WORDS, "a node whose disk is full says %s", kind)
        check(kind != "error" or (body.code == DISK_FULL and body.retriable), "refused by %s", body)
    check(nodes.metric(0, "tenor_gateway_frames_direct_total") == direct,
          "the desk is given frames while the disk is full")
    check("disk" in nodes.ready(), "it does not say why it is not ready: %s", nodes.ready())
    check("msg=full" in nodes.log("node-0"), "the log does not say it")


def main():
    nodes = Full(WORK, TENORD, TENOR, FEED, nodes=1)
    try:
        nodes.up()
        nodes.tenor("--key", "alice", "faucet", "1000000")
        client = Client(nodes, Trader(nodes, "alice")).logon(heartbeat_ms=3000)
        with closing(client):
            frames = Frames(client, rests(client))
            client.trade(frames.order)
            open(FULL, "w").close()
            fill(nodes, frames)
            filled = len(frames.sent)
            looker = Client(nodes)  # who comes when it is full hears it too
            full(nodes, frames, looker)
            os.remove(FULL)
            within(60, "there is room", lambda: nodes.metric(0, "tenor_disk_full") == 0)
            for one in (client, looker):
                within(60, "it says that it goes on", lambda: troubles(one)[-1:] == [0])
            looker.cut()
            resting, refused = frames.ends()
            orders = len(client.orders(client.account))
            check(orders == resting, "%d orders rest, not %d", orders, resting)
            direct = nodes.metric(0, "tenor_gateway_frames_direct_total")
            client.trade(trader.Command(mass_cancel=trader.MassCancel()))
            within(60, "frames go to the desk directly again",
                   lambda: nodes.metric(0, "tenor_gateway_frames_direct_total") > direct)
            check("msg=room" in nodes.log("node-0"), "the log does not say that there is room")
        nodes.stop()
        print("passed: %d frames until the disk was full, %d behind them, %d were late" % (
            filled, len(frames.sent) - filled, refused))
    except (Failed, OSError) as why:
        print("-- node-0\n%s" % nodes.log("node-0")[-2500:])
        raise SystemExit("FAILED: %s: %s" % (type(why).__name__, why))
    finally:
        nodes.clean_up()


if __name__ == "__main__":
    main()
