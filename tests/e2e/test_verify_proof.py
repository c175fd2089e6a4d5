#!/usr/bin/env python3
"""docs/examples/verify_proof.py and verify_account.py, which share nothing with src/, say of every
vector what the C verifier says, and refuse each when a digit is changed, cut off or added; the
account's one believes a state root only when a quorum of known addresses has signed it.

usage: test_verify_proof.py VERIFIER VECTORS
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

verifier, vectors = sys.argv[1], pathlib.Path(sys.argv[2])
root = (vectors / "state.root").read_text().strip()
sys.path.insert(0, str(pathlib.Path(verifier).parent))
spec = importlib.util.spec_from_file_location("verify_proof", verifier)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
passed = 0


def fail(what, said):
    sys.exit("FAILED: %s: %s" % (what, said))


def verify(*arguments):
    """What the program would do with these arguments; its start is most of a process of its own."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            module.main(*map(str, arguments))
        except SystemExit as end:
            return 1, "%s\n" % end
    return 0, said.getvalue()


def as_program(*arguments):
    done = subprocess.run([sys.executable, "-B", verifier, *map(str, arguments)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def accept(how, name, *arguments):
    global passed
    status, said = how(root, vectors / (name + ".hex"), *arguments)
    if status != 0:
        fail(name, said)
    if said != (vectors / (name + ".claim")).read_text():
        fail(name + ": another claim than the C verifier's", said)
    passed += 1


def refuse(how, what, *arguments):
    """Ends with 1 and names a step."""
    global passed
    status, said = how(*arguments)
    if status != 1 or not re.fullmatch(r"bad proof: [A-Z_]+\n", said):
        fail(what, "ended with %s: %s" % (status, said))
    passed += 1


def try_vector(name, bad):
    proof = vectors / (name + ".hex")
    leaves = [path for path in [vectors / (name + ".leaves")] if path.exists()]
    accept(verify, name, *leaves)
    text = proof.read_text().strip()
    for part in (1, 4, 7):
        at = len(text) * part // 10
        bad.write_text("%s%s%s\n" % (text[:at], "1" if text[at] == "0" else "0", text[at + 1:]))
        refuse(verify, "%s with another digit at %d" % (name, at), root, bad, *leaves)
    bad.write_text(text[:-2] + "\n")
    refuse(verify, name + " cut", root, bad, *leaves)
    bad.write_text(text + "00\n")
    refuse(verify, name + " continued", root, bad, *leaves)
    refuse(verify, name + " under another root", root[:62] + "00", proof, *leaves)


# ---- An account under signatures: sequencers made here, by another library's arithmetic.
CHECKPOINT = bytes(16) + bytes.fromhex(root) + bytes(96)
CHAIN = "chain %s" % (vectors / "account.hex").read_text().strip()[12:76]
KEYS = [ec.derive_private_key(secret, ec.SECP256K1()) for secret in (11, 12, 13, 14)]


def names_of(keys):
    """Public keys of the even ones, addresses of the odd."""
    for i, key in enumerate(keys):
        numbers = key.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        address = keccak.new(digest_bits=256, data=x + y).hexdigest()[24:]
        yield "0x" + address if i % 2 else bytes([2 + numbers.y % 2]).hex() + x.hex()


def sign(key, high=False):
    digest = keccak.new(digest_bits=256, data=bytes(32) + CHECKPOINT).digest()
    made = key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    r, s = utils.decode_dss_signature(made)
    if (s > module.verify_account.ORDER // 2) != high:
        s = module.verify_account.ORDER - s
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def certificate(*signers, high=False):
    bits = sum(1 << i for i in signers)
    return b"\t" + CHECKPOINT + bytes([bits]) + b"".join(sign(KEYS[i], high) for i in signers)


def try_account(folder):
    global passed
    known, made, proof = folder / "known", folder / "made", vectors / "account.hex"
    (folder / "proof").write_bytes(bytes.fromhex(proof.read_text()))
    names = ["validator %s %d" % one for one in zip(names_of(KEYS), (1, 2, 3, 4))]

    def run(signed, lines=(CHAIN, *names), proof=folder / "proof"):
        known.write_text("# whom a reader trusts\n" + "\n".join(lines) + "\n")
        made.write_bytes(signed)
        done = subprocess.run([sys.executable, verifier.replace("_proof", "_account"), known, made,
                               proof], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    claim = (vectors / "account.claim").read_text() + "root %s\n" % root
    behind_an_end = bytes([0, 0, 0, 3]) + b"end" + certificate(2, 3)
    for what, signed in (("7 of 10", certificate(0, 1, 3)), ("all", certificate(0, 1, 2, 3)),
                         ("7 of 10, behind the end of an epoch", behind_an_end)):
        if run(signed) != (0, claim):
            fail("an account, signed by " + what, run(signed))
        passed += 1
    good = certificate(1, 2, 3)
    position = folder / "position"
    position.write_bytes(bytes.fromhex((vectors / "position.hex").read_text()))
    refuse(run, "6 of 10", certificate(1, 3))
    refuse(run, "another signer", good[:146] + sign(KEYS[0]) + good[210:])
    refuse(run, "another digit", good[:150] + bytes([good[150] ^ 1]) + good[151:])
    refuse(run, "the other s", certificate(1, 2, 3, high=True))
    refuse(run, "another root", good[:20] + bytes([good[20] ^ 1]) + good[21:])
    refuse(run, "cut", good[:-1])
    refuse(run, "a bit of nobody", good[:145] + bytes([0b11110]) + good[146:] + sign(KEYS[0]))
    refuse(run, "another set", good, (CHAIN, *names[::-1]))
    refuse(run, "a smaller set", good, (CHAIN, *names[:3]))
    refuse(run, "another chain", good, (CHAIN.replace("0", "1"), *names))
    refuse(run, "no chain", good, names)
    refuse(run, "not an account's", good, (CHAIN, *names), position)


names = sorted(path.stem for path in vectors.glob("*.hex"))
if len(names) < 12:
    fail("vectors", "only %s" % names)
with tempfile.TemporaryDirectory() as work:
    bad = pathlib.Path(work) / "bad"
    for name in names:
        try_vector(name, bad)
    lines = (vectors / "leaves.leaves").read_text().split("\n")
    lines[1] = lines[1][:-1] + ("77" if lines[1][-1] != "7" else "8")
    bad.write_text("\n".join(lines))
    refuse(verify, "leaves with another sum", root, vectors / "leaves.hex", bad)
    try_account(pathlib.Path(work))
    # and as a reader types it
    accept(as_program, "account")
    refuse(as_program, "account as a program", root[:62] + "00", vectors / "account.hex")
    refuse(as_program, "leaves as a program", root, vectors / "leaves.hex", bad)
print("%d passed, 0 failed" % passed)
