#!/usr/bin/env python3
"""docs/examples/verify_proof.py, which shares nothing with src/, says of every vector what the C
verifier says, and refuses each when a digit is changed, cut off or added.

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

verifier, vectors = sys.argv[1], pathlib.Path(sys.argv[2])
root = (vectors / "state.root").read_text().strip()
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
        status = module.main(*map(str, arguments))
    return status or 0, said.getvalue()


def as_program(*arguments):
    done = subprocess.run([sys.executable, verifier, *map(str, arguments)], text=True,
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
    # and as a reader types it
    accept(as_program, "account")
    refuse(as_program, "account as a program", root[:62] + "00", vectors / "account.hex")
    refuse(as_program, "leaves as a program", root, vectors / "leaves.hex", bad)
print("%d passed, 0 failed" % passed)
