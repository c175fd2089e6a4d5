#!/usr/bin/python3
"""A node whose key is in no set, and which the set's nodes name as their peer, follows: it executes
their blocks to their roots and votes on none.

usage: test_newcomer.py TENORD TENOR TENOR_FEED SOURCE
"""
import atexit
import shutil
import subprocess
import sys
import tempfile

TENORD, TENOR, FEED, SOURCE = sys.argv[1:5]
WORK = tempfile.mkdtemp(prefix="tenor-newcomer-")
atexit.register(shutil.rmtree, WORK, ignore_errors=True)  # also when an import fails
sys.dont_write_bytecode = True
subprocess.run(["protoc", "-I", SOURCE + "/proto", "--python_out=" + WORK,
                "tenor/v1/trader.proto", "tenor/v1/client.proto"], check=True)
sys.path[:0] = [WORK, SOURCE + "/docs/examples/python", SOURCE + "/docs/examples"]

from clients_lib import Failed, Nodes, check, within
from newcomer_lib import Newcomer

SECONDS = 120  # far more than any of it takes


def story(nodes):
    newcomer = Newcomer(nodes)
    nodes.up()
    newcomer.start()
    nodes.tenor("faucet", "100000")

    def height_of(index):
        try:
            return int(nodes.metric(index, "tenor_block_height"))
        except (Failed, OSError):
            return 0  # it does not listen yet
    height = within(SECONDS, "there is a block", lambda: height_of(0))
    within(SECONDS, "it follows", lambda: height_of(newcomer.index) >= height)

    def block(port, certificate):
        return nodes.tenor("block", "--height", str(height), "--node", "127.0.0.1:%d" % port,
                           "--trust", certificate, "--chain", nodes.net.chain_id.hex(), "-o", "json")
    told = [block(nodes.base + 100, nodes.folder + "/node-0.crt"),
            block(newcomer.port + 100, newcomer.home + "/identity.crt")]
    check(told[0] == told[1], "the nodes tell two blocks: %s", told)
    said = nodes.run([TENORD, "status", "--home", newcomer.home])
    check(" voice=observer " in said + " ", "it is no observer: %s", said)
    nodes.stop()
    print("a node that is in no set follows to the root of block %d" % height)


def main():
    nodes = Nodes(WORK, TENORD, TENOR, FEED, nodes=1)
    try:
        story(nodes)
    except (Failed, OSError, subprocess.SubprocessError) as why:
        for name in ("node-0", "node-1"):
            try:
                print("-- %s\n%s" % (name, nodes.log(name)[-1500:]))
            except OSError:
                pass  # it did not come to be
        raise SystemExit("FAILED: %s: %s" % (type(why).__name__, why))
    finally:
        nodes.clean_up()


if __name__ == "__main__":
    main()
