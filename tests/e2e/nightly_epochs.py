#!/usr/bin/python3
"""A set that changes while it runs, and who follows it: four real nodes, and a fifth that wants to
join; governance ends three epochs, takes the first node out, the fifth in, and changes weights. Both
follow the blocks while they are outside. Whoever knows only the addresses of the genesis then checks
an account, by `tenor proof verify` and by docs/examples/verify_epochs.py, which share no code. With
--keep the files are written to FOLDER as test_verify_epochs.py reads them: so tests/vectors/epochs
was made. Some minutes; not in CI.

usage: nightly_epochs.py TENORD TENOR TENOR_FEED SOURCE [--keep FOLDER]
"""
import atexit
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

TENORD, TENOR, FEED, SOURCE = sys.argv[1:5]
WORK = tempfile.mkdtemp(prefix="tenor-epochs-")
atexit.register(shutil.rmtree, WORK, ignore_errors=True)  # also when an import fails
sys.dont_write_bytecode = True
subprocess.run(["protoc", "-I", SOURCE + "/proto", "--python_out=" + WORK,
                "tenor/v1/trader.proto", "tenor/v1/client.proto"], check=True)
sys.path[:0] = [WORK, SOURCE + "/docs/examples/python", SOURCE + "/docs/examples"]

from clients_lib import Client, Failed, Nodes, check, wire, within
from newcomer_lib import Newcomer
from owner_lib import Authority

VALIDATOR, WEIGHT, EPOCH = 1, 2, 7  # commands of the registry: docs/specs/registry.md §4
NOTICE_BLOCKS = 128      # the least between a command and the end of an epoch that it asks for
PATIENCE_SECONDS = 600   # an epoch's end takes 15 s on a machine with nothing else to do
# In which epoch governance says what of whom: validator, weight. It counts in the epoch after next.
# As the first one leaves, nobody who stays keeps his index; it follows from outside.
CHANGES = {0: ((0, 0), (1, 3)), 1: ((3, 2),)}
# The newcomer is registered in epoch 0, with weight 1.


class Set:
    def __init__(self, nodes):
        self.nodes, self.authority = nodes, Authority(nodes)
        self.client = Client(nodes, node=1)
        with open(nodes.folder + "/node-0/set.conf") as conf:
            words = [line.split() for line in conf]
        self.stakes = [int(one[3]) for one in words if one[:1] == ["validator"]]

    def cluster(self):
        return self.client.ask("cluster", get_cluster=wire.GetCluster())

    def register(self, newcomer):
        key, address = bytes.fromhex(newcomer.key), bytes.fromhex(newcomer.address)
        self.command(struct.pack(">B33s20sQq", VALIDATOR, key, address, 1, self.stakes[0]))

    def command(self, command):
        """An item of market 0; back when the state has it."""
        number = self.cluster().governance_number + 1
        body = struct.pack(">QI", number, 0) + command
        self.authority.give(self.client, wire.GOVERNANCE, b"TNGOV1", self.authority.governance, body)
        within(60, "governance is heard", lambda: self.cluster().governance_number >= number)

    def end_epoch(self):
        epoch = self.cluster().epoch
        for validator, weight in CHANGES.get(epoch, ()):
            self.command(struct.pack(">BHQq", WEIGHT, validator, weight, self.stakes[validator]))
        height = self.cluster().height + NOTICE_BLOCKS + 64  # a busy set makes blocks meanwhile
        self.command(struct.pack(">BQ", EPOCH, height))
        began = time.monotonic()
        within(PATIENCE_SECONDS, "epoch %d ends at block %d" % (epoch, height),
               lambda: self.cluster().epoch > epoch and self.cluster().height > height)
        print("   epoch %d has ended at block %d, %.1f s after it was said" % (
            epoch, height, time.monotonic() - began), flush=True)


def verify(known, proof):
    """As a sceptic does it who has these files and no program of the project; then by one."""
    later, certificate = proof + ".later", proof + ".certificate"

    def python(name, *words):
        return subprocess.run([sys.executable, "-B", SOURCE + "/docs/examples/" + name, *words],
                              stdout=subprocess.PIPE, check=True).stdout
    with open(later, "wb") as out:
        out.write(python("verify_epochs.py", known, certificate))
    check(b"type account" in python("verify_account.py", later, certificate, proof),
          "the account is not proved")
    for sequencers in (known, later):
        words = [TENOR, "proof", "verify", "--file", proof, "--certificate", certificate,
                     "--sequencers", sequencers]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def keep(folder, known, proof):
    os.makedirs(folder, exist_ok=True)
    shutil.copy(known, folder)
    for path, name in ((proof, "account.hex"), (proof + ".certificate", "certificate.hex")):
        with open(path, "rb") as file, open(os.path.join(folder, name), "w") as out:
            out.write(file.read().hex() + "\n")


def follows(nodes, index, height):
    try:
        return nodes.metric(index, "tenor_block_height") > height
    except (Failed, OSError):
        return False  # it does not listen yet


def prove(nodes):
    """The account's proof, and the set of the genesis in a file."""
    known, proof = os.path.join(WORK, "known"), os.path.join(WORK, "account.proof")
    subprocess.run([TENOR, "proof", "get", "--out", proof, "--timeout", str(PATIENCE_SECONDS), "--node",
                    "127.0.0.1:%d" % (nodes.base + 101)], check=True, stdout=subprocess.DEVNULL)
    with open(nodes.folder + "/client.conf") as conf, open(known, "w") as out:
        out.writelines(line for line in conf if line.split()[0] in ("chain", "validator"))
    verify(known, proof)
    return known, proof


def story(nodes, folder):
    newcomer = Newcomer(nodes)
    nodes.up()
    newcomer.start()
    nodes.tenor("faucet", "100000")
    present = Set(nodes)
    height = present.cluster().height
    within(PATIENCE_SECONDS, "a node that is in no set yet follows",
           lambda: follows(nodes, newcomer.index, height))
    present.register(newcomer)
    while present.cluster().epoch < 3:
        present.end_epoch()
    known, proof = prove(nodes)
    height = present.cluster().height
    for index in (0, newcomer.index):
        within(PATIENCE_SECONDS, "node-%d follows" % index, lambda: follows(nodes, index, height))
    if folder:
        keep(folder, known, proof)
    weights = [one.weight for one in present.cluster().nodes]
    nodes.stop()
    print("three epochs have ended, and an account is proved from the set of the genesis to one "
          "of weights %s" % weights)


def main():
    folder = sys.argv[6] if sys.argv[5:6] == ["--keep"] else None
    nodes = Nodes(WORK, TENORD, TENOR, FEED)
    try:
        story(nodes, folder)
    except (Failed, OSError, subprocess.CalledProcessError) as why:
        for index in range(nodes.count):
            print("-- node-%d\n%s" % (index, nodes.log("node-%d" % index)[-1500:]))
        raise SystemExit("FAILED: %s: %s" % (type(why).__name__, why))
    finally:
        nodes.clean_up()


if __name__ == "__main__":
    main()
