#!/usr/bin/python3
"""Every number of docs/errors.md, provoked over TLS at two real nodes, or listed below with the reason
why nobody outside can have it told and the test that shows it from inside. A number that is neither
fails this test, and so does a reason that turns out to be wrong.

The nodes' genesis is small, so that an exchange can be filled; one of them has small allowances. A few
numbers need another net: reject_small.py.

usage: test_rejects.py TENORD TENOR TENOR_FEED SOURCE
"""
import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TENORD, TENOR, FEED, SOURCE = sys.argv[1:5]
WORK = tempfile.mkdtemp(prefix="tenor-rejects-")
atexit.register(shutil.rmtree, WORK, ignore_errors=True)  # also when an import fails
sys.dont_write_bytecode = True
subprocess.run(["protoc", "-I", SOURCE + "/proto", "--python_out=" + WORK,
                "tenor/v1/trader.proto", "tenor/v1/client.proto"], check=True)
sys.path[:0] = [WORK, SOURCE + "/docs/examples/python", SOURCE + "/docs/examples"]

from clients_lib import Client, Failed, Nodes, TOLD, Trader, check, closing, trader, wire, within
from owner_lib import ALL_SCOPES, Authority, Owner
import reject_small
from reject_walk import QUERIES_BURST, Walk
from tenor_errors import NodeError, Reject

GENESIS = {"orders_max": 64, "levels_max": 24, "exposures_max": 64, "exposures_per_account_max": 6,
           "results_max": 40, "results_per_account": 16, "groups_max": 2, "jobs_max": 1,
           "cancels_max": 2, "fills_max": 2, "reduce_only_max": 1, "underlyings_max": 2}

# Not tried: why nobody outside is told it, and where a test shows it from inside.
UNTOLD = (
    ("what governance and feeders do belongs to no account: no client hears what became of it",
     "tests/unit", (304, 305, 306, 307, 308, 309, 310, 311, 312, 313, 314, 316, 703, 901, 902, 903,
                    904, 905, 906, 911, 919)),
    ("an account that was not opened, and an item that is none, have no stream to be told in",
     "tests/unit", (209, 1009, 1010, 1011)),
    ("the exchange's own numbers: a client's commands cannot name them wrongly",
     "tests/unit", (100, 104, 109, 207, 315)),
    ("only in the seconds before 08:00 UTC, when a series expires", "tests/unit/exchange", (302,)),
    ("its session would not be of that account: COUNTERPARTY_UNSIGNED is told first",
     "tests/unit/exchange", (606,)),
    ("takes a thousand deposits of the most that one may be, and a block takes one of them",
     "tests/unit/exchange", (704,)),
    ("the node looks at a frame's market first: OTHER_SESSION is told", "tests/unit/market", (1005,)),
    ("only in the moment in which a leader changes", "tests", (1100,)),
    ("takes some ten thousand levels in one answer", "tests/node", (30007,)),
    ("takes hundreds of orders of one account, and here all have 64", "tests/unit/exchange", (920,)),
    ("takes more questions at once than the node's thread answers", "tests/node", (50007,)),
    ("only while a node takes its state from its peers", "tests/node", (50001,)),
    ("only while the node's disk is full: test_full_disk.py tells it too", "tests/node", (50009,)),
    ("only when the node's thread drowns the gateway's, or a leader dies at the wrong moment",
     "tests/node", (50003, 50004, 50006, 50008)),
)
# Of these chance may tell some: on a crowded machine, or shortly before 08:00 UTC.
BY_CHANCE = {302, 1100, 50001, 50003, 50004, 50007, 50008}


class World:
    def __init__(self, nodes):
        self.nodes, self.authority = nodes, Authority(nodes)
        for name, dollars in (("alice", 1000000), ("bob", 1000000), ("carol", 5000), ("dave", 10)):
            nodes.tenor("--key", name, "faucet", str(dollars))
        self.alice, self.bob, carol, self.poor = (
            Trader(nodes, name) for name in ("alice", "bob", "carol", "dave"))
        probe = Client(nodes, self.alice, 0).logon()
        with closing(probe):
            listed = probe.ask("instruments", get_instruments=wire.GetInstruments(market=1))
            self.perpetual = next(one for one in listed.instruments if one.name == "BTC-PERP")
            self.owner, bobs, carols = (Owner(nodes, name) for name in ("alice", "bob", "carol"))

            def second(owner):
                account = owner.open_account(probe)
                return account, owner.open_session(probe, account, 1, 600000, ALL_SCOPES)
            self.second, self.second_session = second(self.owner)
            self.second_of_bob, self.short_session = second(bobs)
            self.own = Trader(nodes, "carol")
            _, self.own.session = second(carols)
        self.spare = Client(nodes, carol, self.leader).logon(heartbeat_ms=60000)

    @property
    def leader(self):
        """The node that leads now: on a crowded machine it is not always the same."""
        client = Client(self.nodes)
        with closing(client):
            return within(60, "somebody leads", lambda: client.ask(
                "cluster", get_cluster=wire.GetCluster()).markets[0].leader) - 1


def explained():
    """The numbers that are not tried; their reasons are held to what they say."""
    reasons = {}
    for why, folder, codes in UNTOLD:
        words = "".join(open(os.path.join(root, name)).read()
                        for root, _, names in os.walk(os.path.join(SOURCE, folder))
                        for name in names if name.endswith(".c"))
        for code in codes:
            name = (NodeError if code > 10000 else Reject)(code).name
            check("_%s" % name in words, "%d %s: no test in %s shows it", code, name, folder)
            reasons[code] = why
    return reasons


def judge(missed):
    reasons = explained()
    known = {int(one) for table in (NodeError, Reject) for one in table} - {0}
    told = TOLD - {0}
    for line in missed:
        print("  missed: %s" % line)
    for code in sorted(known - told - reasons.keys()):
        print("  %d is neither provoked nor explained" % code)
    refuted = sorted(told & reasons.keys() - BY_CHANCE)
    check(known <= told | reasons.keys() and not refuted and not missed, "some numbers are neither provoked nor "
          "explained; these were told although they are said not to be: %s", refuted)
    return "%d of %d numbers provoked, %d explained" % (len(told), len(known), len(reasons))


def main():
    nodes = Nodes(WORK, TENORD, TENOR, FEED, nodes=2, genesis=GENESIS,
                  settings=("clients.limits.queries_burst=%d" % QUERIES_BURST,))
    try:
        nodes.up()
        world = World(nodes)
        walk = Walk(world)
        for part in (walk.begin_silence, walk.prices, walk.fall, walk.orders, walk.ends_of_orders,
                     walk.quoting, walk.packages, walk.owing, walk.statuses, walk.money, walk.blocks,
                     walk.frames, walk.ends, walk.sessions, walk.logons, walk.questions,
                     walk.full, walk.allowances, walk.bids, walk.insolvent, walk.late, walk.halts):
            begin = time.monotonic()
            try:
                part()
            except (Failed, OSError) as why:  # the others are walked all the same
                walk.missed.append("%s: %s" % (part.__name__, why))
            print("   %s (%.1f s)" % (part.__name__, time.monotonic() - begin), flush=True)
        nodes.stop()
        begin = time.monotonic()
        walk.missed += reject_small.walk(os.path.join(WORK, "small"), TENORD, TENOR, FEED)
        print("   small (%.1f s)" % (time.monotonic() - begin), flush=True)
        print(judge(walk.missed))
    except (Failed, OSError, StopIteration) as why:
        for index in range(2):
            print("-- node-%d\n%s" % (index, nodes.log("node-%d" % index)[-1500:]))
        raise SystemExit("FAILED: %s: %s" % (type(why).__name__, why))
    finally:
        nodes.clean_up()


if __name__ == "__main__":
    main()
