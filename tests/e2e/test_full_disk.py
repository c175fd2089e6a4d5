#!/usr/bin/python3
"""A node whose disk is full is silent, to those too whose frames its gateway gives to the desk itself;
when there is room again it goes on, and nothing of what it was told or has said is lost.

usage: test_full_disk.py TENORD TENOR TENOR_FEED SOURCE FULL_DISK      the library of support/full_disk.c
"""
import os
import socket
import subprocess
import sys
import tempfile
import time

TENORD, TENOR, FEED, SOURCE, LIBRARY = sys.argv[1:6]
WORK = tempfile.mkdtemp(prefix="tenor-disk-")
sys.dont_write_bytecode = True
subprocess.run(["protoc", "-I", SOURCE + "/proto", "--python_out=" + WORK,
                "tenor/v1/trader.proto", "tenor/v1/client.proto"], check=True)
sys.path[:0] = [WORK, SOURCE + "/docs/examples/python", SOURCE + "/docs/examples"]

from clients_lib import Client, Nodes, Trader, check, closing, trader, wire, within

FULL = os.path.join(WORK, "full")
FRAMES_MAX = 4000  # some hundreds fill a segment of the log
WORDS = ("frame_soft", "frame_final", "frame_reverted", "error")


class Full(Nodes):
    """One node, with small segments, on a disk that can be full."""

    def start(self, index):
        self.spawn("node-%d" % index, [
            "env", "LD_PRELOAD=" + LIBRARY, "FULL_DISK=" + FULL, self.tenord, "start", "--home",
            os.path.join(self.folder, "node-%d" % index), "--segment-bytes", "1048576",
            "log.format=logfmt", "log.blocks=false"])

    def ready(self):
        with socket.create_connection(("127.0.0.1", self.base + 200), timeout=5) as one:
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


def send(client, command):
    frame = client.signed(client.payload([command]))
    return client.request(frame=frame)


def fill(nodes, client, order):
    """Sends orders, one after the other, until the disk is full: the requests that have a soft answer."""
    softs, place = [], True
    while nodes.metric(0, "tenor_disk_full") == 0:
        for _ in range(20):
            command = order if place else trader.Command(mass_cancel=trader.MassCancel())
            request = send(client, command)
            client.drain(0.02)
            words = [kind for about, kind, _ in client.heard if about == request]
            if "frame_soft" not in words:
                within(10, "the disk is full, for a frame has no answer",
                       lambda: nodes.metric(0, "tenor_disk_full") == 1)
                return softs, [request]
            softs.append(request)
            place = not place
        check(len(softs) < FRAMES_MAX, "the disk is not full after %d frames", len(softs))
    return softs, []


def silent(nodes, client, order, softs, waiting):
    """Orders and cancels wait while the disk is full: no word of them, and the node says why."""
    client.drain(0.3)
    direct = nodes.metric(0, "tenor_gateway_frames_direct_total")
    heard = len(client.heard)
    waiting += [send(client, order), send(client, order),
                send(client, trader.Command(mass_cancel=trader.MassCancel())), send(client, order)]
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        client.drain(0.1)
    said = [(about, kind) for about, kind, _ in client.heard[heard:] if kind in WORDS]
    check(not said, "a node whose disk is full says %s", said)
    check(nodes.metric(0, "tenor_gateway_frames_direct_total") == direct,
          "the desk is given frames while the disk is full")
    check("disk" in nodes.ready(), "it does not say why it is not ready: %s", nodes.ready())
    check("msg=full" in nodes.log("node-0"), "the log does not say it")


def main():
    nodes = Full(WORK, TENORD, TENOR, FEED, nodes=1)
    try:
        nodes.up()
        nodes.tenor("--key", "alice", "faucet", "1000000")
        client = Client(nodes, Trader(nodes, "alice")).logon()
        with closing(client):
            order = rests(client)
            client.trade(order)
            open(FULL, "w").close()
            softs, waiting = fill(nodes, client, order)
            silent(nodes, client, order, softs, waiting)
            os.remove(FULL)
            within(30, "there is room", lambda: nodes.metric(0, "tenor_disk_full") == 0)
            for request in softs + waiting:  # what was answered, and what was not
                client.hear("frame_final", request=request)
            account = client.account
            check(len(client.orders(account)) == 1, "not the last order alone: %s",
                  client.orders(account))
            direct = nodes.metric(0, "tenor_gateway_frames_direct_total")
            client.trade(trader.Command(mass_cancel=trader.MassCancel()))
            within(10, "frames go to the desk directly again",
                   lambda: nodes.metric(0, "tenor_gateway_frames_direct_total") > direct)
            check("msg=room" in nodes.log("node-0"), "the log does not say that there is room")
        nodes.stop()
        print("passed: %d frames until the disk was full, %d waited" % (len(softs), len(waiting)))
    finally:
        nodes.clean_up()


if __name__ == "__main__":
    main()
