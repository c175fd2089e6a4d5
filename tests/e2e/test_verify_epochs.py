#!/usr/bin/env python3
"""docs/examples/verify_epochs.py follows the ends of epochs to the set that has signed, and no other
way: over files of a real set that has changed twice (tests/vectors/epochs, recorded by
nightly_epochs.py), where `tenor proof verify`, which shares no code with it, must say the same; and
over ends made here, by another library's arithmetic, at the very border of a quorum.

usage: test_verify_epochs.py VERIFIER VECTORS TENOR
"""
import contextlib
import importlib.util
import io
import pathlib
import re
import subprocess
import sys
import tempfile

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from Cryptodome.Hash import keccak

verifier, vectors, tenor = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
sys.path.insert(0, str(pathlib.Path(verifier).parent))
spec = importlib.util.spec_from_file_location("verify_epochs", verifier)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
import verify_account

KNOWN = [line for line in (vectors / "known").read_text().splitlines() if line]
FILE = bytes.fromhex((vectors / "certificate.hex").read_text())
ORDER, HEADER = verify_account.ORDER, 229
passed = 0


def fail(what, said):
    sys.exit("FAILED: %s: %s" % (what, said))


def run(program, *paths):
    """What a program would do with these arguments; its start is most of a process of its own."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            program.main(*map(str, paths))
        except SystemExit as end:
            return 1, "%s\n" % end
    return 0, said.getvalue()


class Folder:
    """The files that a sceptic has."""

    def __init__(self, path):
        self.known, self.certificate = path / "known", path / "certificate"
        self.later, self.proof = path / "later", path / "proof"
        self.proof.write_bytes(bytes.fromhex((vectors / "account.hex").read_text()))

    def follow(self, data, lines=KNOWN):
        self.known.write_text("\n".join(lines) + "\n")
        self.certificate.write_bytes(data)
        return run(module, self.known, self.certificate)

    def accept(self, what, data, lines=KNOWN):
        global passed
        status, said = self.follow(data, lines)
        if status != 0:
            fail(what, said)
        passed += 1
        return said.splitlines()

    def refuse(self, what, pattern, data, lines=KNOWN):
        global passed
        status, said = self.follow(data, lines)
        if status != 1 or not re.fullmatch("bad proof: " + pattern + "\n", said):
            fail(what, "ended with %s: %s" % (status, said))
        passed += 1

    def tenor(self, sequencers):
        return subprocess.run([tenor, "proof", "verify", "--file", self.proof, "--certificate",
                               self.certificate, "--sequencers", sequencers], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


ANY_STEP = r"[A-Z]+(, at the end of epoch \d+)?"


# ---- A real set, whose first member has left, and another one has come -------------------------------


def parts_of(data):
    ends, certificate = module.split(data)
    return [len(end).to_bytes(4, "big") + end for end in ends], certificate


def address_of(line):
    """Of a line with a public key, by the other library."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), bytes.fromhex(line.split()[1]))
    return address(key)


def address(key):
    point = key.public_numbers()
    data = point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")
    return keccak.new(digest_bits=256, data=data).digest()[12:]


def what_is_real_is_followed(folder):
    said = folder.accept("the set of the genesis", FILE)
    addresses = [address_of(line).hex() for line in KNOWN[1:]]
    members = ["validator %s %d" % one for one in zip(addresses[1:], (3, 1, 2))]
    newcomer = said[5].split()
    if said[:5] != [KNOWN[0], "epoch 3", *members] or newcomer[2] != "1" or newcomer[1] in addresses:
        fail("another set than governance had made", said)
    folder.later.write_text("\n".join(said) + "\n")
    status, claim = run(verify_account, folder.later, folder.certificate, folder.proof)
    if status != 0 or said[6] not in claim.splitlines() or said[7] not in claim.splitlines():
        fail("the account under the set that was found", claim)
    if run(verify_account, folder.known, folder.certificate, folder.proof)[0] == 0:
        fail("the set of the genesis", "is believed to have signed itself")
    if folder.accept("the same set, by addresses", FILE, [KNOWN[0]] + [
            "validator 0x%s 1" % one.upper() for one in addresses]) != said:
        fail("the same set, by addresses", "leads elsewhere")
    if folder.accept("the set that was found, alone", parts_of(FILE)[1], said) != said:
        fail("the set that was found, alone", "leads elsewhere")
    for sequencers in (folder.known, folder.later):  # the last `known` is the later set as well
        done = folder.tenor(sequencers)
        if done.returncode != 0:
            fail("tenor proof verify", done.stdout)


def a_later_set_is_a_place_to_begin(folder):
    """Of epoch 1 it was the set of the genesis still."""
    ends, certificate = parts_of(FILE)
    whole = folder.accept("the set of the genesis", FILE)
    for what, data in (("ends before it are passed over", FILE),
                       ("no end before it is needed", b"".join(ends[1:]) + certificate)):
        if folder.accept(what, data, [*KNOWN, "epoch 1"]) != whole:
            fail(what, "leads elsewhere")
    folder.refuse("a set later than what was signed", "EPOCH", FILE, [*KNOWN, "epoch 4"])
    folder.refuse("no chain", "CHAIN", FILE, KNOWN[1:])


def no_epoch_can_be_skipped(folder):
    ends, certificate = parts_of(FILE)
    lines = [*KNOWN, "epoch 0"]
    for missing in range(3):
        left = b"".join(ends[:missing] + ends[missing + 1:]) + certificate
        folder.refuse("without the end of epoch %d" % missing,
                      "MISSING, at the end of epoch %d" % missing, left, lines)
        if folder.tenor(folder.known).returncode == 0:
            fail("tenor proof verify", "skips epoch %d" % missing)
    folder.refuse("without any", "MISSING, at the end of epoch 0", certificate, lines)
    folder.refuse("two changed about", "MISSING, at the end of epoch 0",
                  ends[1] + ends[0] + ends[2] + certificate, lines)
    folder.refuse("the ends alone", "CERTIFICATE", b"".join(ends), lines)


def no_byte_is_idle(folder):
    """Of any part, more of the first; and no length but one is taken."""
    sizes = [len(end) for end in parts_of(FILE)[0]]
    places = {0, 3, 4, 7, 10, 50, 236, 290, len(FILE) - 1, *range(100, len(FILE), 307)}
    for at in sorted(places):
        bad = FILE[:at] + bytes([FILE[at] ^ 0x10]) + FILE[at + 1:]
        folder.refuse("byte %d changed" % at, ANY_STEP, bad)
        if folder.tenor(folder.known).returncode == 0:
            fail("tenor proof verify", "byte %d says nothing" % at)
    for size in (0, 1, 100, sizes[0] - 1, sizes[0], len(FILE) - 145, len(FILE) - 1):
        folder.refuse("%d bytes" % size, ANY_STEP, FILE[:size])
    folder.refuse("one byte more", ANY_STEP, FILE + b"\0")


# ---- Ends made here ------------------------------------------------------------------------------------

CHAIN = bytes(range(32))
KEYS = [ec.derive_private_key(secret, ec.SECP256K1()) for secret in range(21, 28)]


def hashed(data):
    return keccak.new(digest_bits=256, data=data).digest()


def sign(key, digest):
    r, s = utils.decode_dss_signature(key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256()))))
    return r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")


def signed(head, digest, keys, who):
    bits = sum(1 << i for i in who).to_bytes((len(keys) + 7) // 8, "little")
    return head + bits + b"".join(sign(keys[i], digest) for i in who)


def members(keys, weights):
    return len(keys).to_bytes(2, "big") + b"".join(
        address(key.public_key()) + weight.to_bytes(8, "big") for key, weight in zip(keys, weights))


def end_of(epoch, keys, who, after, told=None, seals=1, flags=3, vote=3):
    """The last block of the epoch in view 8, seals above it, and who has made the last of them
    final; after: the next set, and told: the one that stands behind, if it is another."""
    named = hashed(b"TNSX1N" + (epoch + 1).to_bytes(8, "big") + after)
    headers, parent, view = b"", bytes(32), 7
    for i in range(1 + seals):
        header = (b"\0\1" + bytes([flags if i == 0 else 5]) + epoch.to_bytes(8, "big")
                  + (view + 1).to_bytes(8, "big") + (100).to_bytes(8, "big")
                  + view.to_bytes(8, "big") + parent + bytes(130) + named)
        headers, parent, view = header + headers, hashed(b"TNSX1H" + CHAIN + header), view + 1
    voted = epoch.to_bytes(8, "big") + bytes([vote]) + view.to_bytes(8, "big") + parent
    end = b"\5\3" + (1 + seals).to_bytes(2, "big") + headers + signed(
        b"\3" + voted, hashed(b"TNSX1V" + CHAIN + voted), keys, who) + (told or after)
    return len(end).to_bytes(4, "big") + end


def checkpoint_of(epoch, keys, who):
    body = epoch.to_bytes(8, "big") + bytes(136)
    return signed(b"\t" + body, hashed(bytes(32) + body), keys, who)


def only_a_quorum_of_each_set_leads_on(folder):
    """From four of weights 1 to 4 over a set of three to one of four others."""
    first, second, third = KEYS[:4], KEYS[2:5], KEYS[3:]
    lines = ["chain " + CHAIN.hex()] + [
        "validator %s %d" % (address(key.public_key()).hex(), 1 + i) for i, key in enumerate(first)]
    one, two = members(second, (1, 1, 2)), members(third, (5, 1, 1, 1))

    def way(who=(0, 1, 3), then=(0, 2), last=(0, 1), **first_end):
        return (end_of(0, first, who, one, **first_end) + end_of(1, second, then, two, seals=0)
                + checkpoint_of(2, third, last))

    said = folder.accept("7 of 10, 3 of 4, 6 of 8", way(), lines)
    if said[1] != "epoch 2" or said[2].split()[1:] != [address(third[0].public_key()).hex(), "5"]:
        fail("the third set", said)
    folder.accept("over three seals", way(seals=3), lines)
    folder.refuse("6 of 10", "QUORUM, at the end of epoch 0", way(who=(1, 3)), lines)
    folder.refuse("2 of 4", "QUORUM, at the end of epoch 1", way(then=(2,)), lines)
    folder.refuse("5 of 8", "QUORUM", way(last=(0,)), lines)
    folder.refuse("a set that nobody signed", "SET, at the end of epoch 0",
                  way(told=members(third, (1, 1, 1, 1))), lines)
    folder.refuse("a block that is not the last", "HEADERS, at the end of epoch 0",
                  way(flags=1), lines)
    folder.refuse("a block that is only notarized", "HANDOVER", way(vote=1), lines)
    folder.refuse("seals alone", "HEADERS, at the end of epoch 0", way(flags=5), lines)
    strangers = (end_of(0, third, (0, 1, 2, 3), two) + end_of(1, third, (0, 1, 2, 3), two)
                 + checkpoint_of(2, third, (0, 1, 2, 3)))
    folder.refuse("a way of somebody else's", "SIGNATURE, at the end of epoch 0", strangers, lines)
    folder.refuse("of another chain", "SIGNATURE, at the end of epoch 0", way(),
                  ["chain " + bytes(32).hex(), *lines[1:]])
    folder.refuse("at the set that has left", "SIGNATURE",
                  end_of(0, first, (0, 1, 3), one) + checkpoint_of(1, first, (0, 1)), lines)


with tempfile.TemporaryDirectory() as work:
    for part in (what_is_real_is_followed, a_later_set_is_a_place_to_begin, no_epoch_can_be_skipped,
                 no_byte_is_idle, only_a_quorum_of_each_set_leads_on):
        part(Folder(pathlib.Path(work)))
        print("ok: " + part.__name__, flush=True)
print("%d passed, 0 failed" % passed)
