#!/usr/bin/python3
"""The node's TOML reader against Python's tomllib: the same documents are taken, and mean the same.

usage: toml_twin.py TOML_SHOW [SEED [COUNT]]

Documents come from three places: a list of corners, a generator of good ones, and cuts, doublings
and exchanged bytes of both. Where the two differ the document is printed with the seed. Both tell
where a document breaks; the lines must agree, unless one says it of the whole document."""
import datetime
import json
import random
import re
import struct
import subprocess
import sys
import tomllib

CORNERS = r'''
a = 1
---
a.b.c = 1
a.b.d = 2
[x]
y.z = 1
[x.w]
---
[a.b.c]
z = 9
[a]
b.c.t = 1
---
[a.b.c]
z = 9
[a]
b.x = 1
---
[a.b]
[a]
x = 1
---
[a]
[a]
---
[fruit]
apple.color = 1
[fruit.apple]
---
[fruit]
apple.color = 1
[fruit.apple.taste]
sweet = true
---
[[a]]
b.c = 1
[[a]]
b.c = 2
[a.b.d]
[[a.e]]
[a.e.f]
[[a.e]]
---
[[a]]
[a]
---
[a]
[[a]]
---
a = []
[[a]]
---
a = [{}]
[[a.b]]
---
a = {b = 1}
[a.c]
---
a = {b.c = 1, b.d = 2}
a.b.e = 3
---
a = {b = {}, b.c = 1}
---
a = {b = 1, b = 2}
---
a = {b = 1,}
---
a = {b = 1
}
---
a = [1, 2, # said
 3,
]
---
a = [1 2]
---
a = [,]
---
[[b.a]]
[b]
a.x = 1
---
[b]
a.x = 1
[b]
---
[a]
b.c = 1
[a.b]
---
a = """
one\
   two
  three"""""
---
a = """\<blank>
 x"""
---
a = """\ x"""
---
a = """x""""""
---
a = \'\'\'
x\'\'\'\'\'
---
a = "\u00e9\U0001F600\t\\"
---
a = "\ud800"
---
a = "\U00110000"
---
a = "\x41"
---
a = "no end
---
a = 'C:\x'
---
"" = 1
---
'' = 1
"a b" . 'c' = 2
---
a = 0x1F
b = 0o17
c = 0b101
d = 0xdead_beef
---
a = 0x
---
a = 0X1
---
a = +0x1
---
a = 01
---
a = 1__0
---
a = 1_
---
a = _1
---
a = +1_000
b = -0
c = -0.0
d = +0
---
a = 9223372036854775807
b = -9223372036854775808
---
a = 1.
---
a = .5
---
a = 1.e5
---
a = 1e5
b = 1E-05
c = 6.626e-34
d = 1_0.0_1e+1_0
e = 1e400
---
a = inf
b = -inf
c = +nan
d = nan
---
a = infinity
---
a = truest
---
a = True
---
a = 1979-05-27T07:32:00Z
b = 1979-05-27 07:32:00.999999999-07:00
c = 1979-05-27
d = 07:32:00.5
e = 1979-05-27t07:32:00z
---
a = 1979-02-29
---
a = 2000-02-29
---
a = 1900-02-29
---
a = 1979-05-27T
---
a = 1979-05-27 # a day
---
a = 1979-05-27T24:00:00
---
a = 07:32
---
a = 1979-05-27T07:32:00+24:00
---
a = 1979-13-01
---
= 1
---
a
---
a =
---
a = 1 b = 2
---
[a
---
[a]]
---
[[a]
---
[ a . "b" ]
c = 1
---
[]
---
[a.]
---
[.a]
---
a. = 1
---
[[ a ]] # x
---
[ [a] ]
---
a = "x" # é
---
é = 1
---
a = [[1], ["x", {y = [2]}]]
---
a.b = 1
a = 2
---
a = 2
a.b = 1
---
[a]
b = 1
[a.b.c]
---
a = [
---
a = {
---
a = "
---
a = """
---
a = """a\
'''.replace(r"\'", "'").replace("<blank>", " ").strip("\n").split("\n---\n")

RAW = [
    b"", b"\n", b"\r\n", b"\r", b"a=1\r", b"a=1\r\nb=2", b"# x\r\n", b"# \x00", b"# \x01", b"#\x7f",
    b"# \t", b"\xef\xbb\xbfa=1", b"a='\xff'", b"a='\xc0\x80'", b"a='\xed\xa0\x80'", b"a='\xf4\x90\x80\x80'",
    b"a='\xf0\x9f\x98\x80'", b"a='\x00'", b"a='\x0b'", b"a='\x7f'", b'a="\x1f"', b'a="""\r\nx\r\ny"""',
    b'a="""x\\\r\n  y"""', b"a='''\r\nx\r'''", b"a=1\x0cb=2", b"a=[1,\r\n2]", b"a=1\r\r\n", b"\x0b",
    b"a='x\r\n'", b'"\r\n"=1', b"a = {b = 1 # x\n}", b"a=\xc3", b'a="\\\r\n"', b'a = "\\u12"',
]


def value_of(rng, depth):
    kind = rng.randrange(14 if depth < 3 else 10)
    if kind == 0:
        return rng.choice(["true", "false"])
    if kind in (1, 2):
        return rng.choice(["0", "7", "-12", "+3", "1_000", "0xfF_0", "0o7_1", "0b1_0",
                           str(rng.randrange(-2**63, 2**63))])
    if kind == 3:
        return rng.choice(["0.5", "-1e3", "inf", "-nan", "1_2.5E-3", repr(rng.uniform(-1e9, 1e9)),
                           repr(rng.expovariate(1e-300))])
    if kind == 4:
        return "%04d-%02d-%02d%s" % (rng.randrange(1, 9999), rng.randrange(1, 14), rng.randrange(1, 32),
                                     rng.choice(["", "T01:02:03", " 23:59:59.12Z", "t00:00:00-11:30"]))
    if kind == 5:
        return rng.choice(["01:02:03", "23:59:60", "12:30:00.123456789"])
    if kind in (6, 7):
        return '"' + "".join(rng.choice(["a", "é", "\\n", "\\\"", "\\u00e9", "#", " ", "\\\\", "'", "\t"])
                             for _ in range(rng.randrange(6))) + '"'
    if kind == 8:
        return "'" + "".join(rng.choice(["a", "\\", '"', "#", "\U0001f600"])
                             for _ in range(rng.randrange(5))) + "'"
    if kind == 9:
        quote = rng.choice(['"""', "'''"])
        return quote + "".join(rng.choice(["a", "\n", "\r\n", " ", "\\\n ", quote[0], quote[:2] + "x"])
                               for _ in range(rng.randrange(6))) + quote
    if kind in (10, 11):
        gap = rng.choice(["", " ", "\n", " # x\n"])
        return "[" + gap + ("," + gap).join(value_of(rng, depth + 1)
                                            for _ in range(rng.randrange(4))) + gap + "]"
    return "{" + ", ".join(key_of(rng) + " = " + value_of(rng, depth + 1)
                           for _ in range(rng.randrange(4))) + "}"


def key_of(rng):
    parts = [rng.choice(["a", "b", "c", "d-1", "_", "2", '"a"', "'b c'", '"\\u0061"'])
             for _ in range(rng.choice([1, 1, 1, 2, 2, 3]))]
    return rng.choice([".", ".", " . "]).join(parts)


def document_of(rng):
    lines = []
    for _ in range(rng.randrange(1, 9)):
        shape = rng.randrange(10)
        if shape < 2:
            lines.append("[" + key_of(rng) + "]")
        elif shape < 4:
            lines.append("[[" + key_of(rng) + "]]")
        elif shape < 5:
            lines.append(rng.choice(["", "# said", "  \t"]))
        else:
            lines.append(rng.choice(["", " "]) + key_of(rng) + rng.choice(["=", " = "]) +
                         value_of(rng, 0) + rng.choice(["", "", " # x"]))
    return rng.choice(["\n", "\n", "\r\n"]).join(lines).encode()


def damage(rng, source):
    source = bytearray(source)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(source) + 1)
        what = rng.randrange(4)
        if what == 0 and at < len(source):
            source[at] = rng.choice(b"[]{}=.,\"'\\#\n\r \t0_-+eEaT:\x00\x7f\xff\xc3")
        elif what == 1:
            del source[at:at + rng.randrange(1, 5)]
        elif what == 2:
            source[at:at] = rng.choice([b"[", b"]", b"=", b'"', b"'''", b'"""', b",", b"\n", b"\r", b".", b"_"])
        else:
            end = rng.randrange(at, len(source) + 1)
            source[at:at] = source[at:end]
    return bytes(source)


class TooLarge(Exception):
    """A whole number that the node's reader refuses and tomllib takes."""


def tagged(value):
    if isinstance(value, dict):
        return {key: tagged(each) for key, each in value.items()}
    if isinstance(value, list):
        return ["list"] + [tagged(each) for each in value]
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        if not -2**63 <= value < 2**63:
            raise TooLarge
        return ["integer", str(value)]
    if isinstance(value, float):
        bits = struct.unpack(">Q", struct.pack(">d", value))[0]
        return ["float", "%016x" % (0x7FF8000000000000 if value != value else bits)]
    if isinstance(value, datetime.datetime):
        text = value.strftime("T%H:%M:%S.%f")
        text = "%04d-%02d-%02d" % (value.year, value.month, value.day) + text
        if value.tzinfo is not None:
            text += "%+d" % (value.utcoffset().total_seconds() // 60)
        return ["date", text]
    if isinstance(value, datetime.date):
        return ["date", "%04d-%02d-%02d" % (value.year, value.month, value.day)]
    return ["date", value.strftime("%H:%M:%S.%f")]


def reference(source):
    """('taken', value) or ('refused', line or None)."""
    try:
        text = source.decode()
    except UnicodeDecodeError:
        return "refused", None
    try:
        return "taken", tagged(tomllib.loads(text))
    except TooLarge:
        return "refused", None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"\(at line (\d+),", str(error))
        return "refused", int(line.group(1)) if line else None
    except ValueError:  # a year of 0, more digits than Python converts
        return "refused", None


def ask(program, sources):
    packed = b"".join(struct.pack(">I", len(source)) + source for source in sources)
    done = subprocess.run([program], input=packed, stdout=subprocess.PIPE, check=True)
    lines = done.stdout.decode().split("\n")
    assert len(lines) == len(sources) + 1, "one answer a document"
    return lines[:-1]


def main():
    program = sys.argv[1]
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 4000
    rng = random.Random(seed)
    sources = [corner.encode() for corner in CORNERS] + RAW
    made = [document_of(rng) for _ in range(count)]
    sources += made
    sources += [damage(rng, rng.choice(sources)) for _ in range(2 * count)]
    taken = lines_agree = lines_told = 0
    for source, answer in zip(sources, ask(program, sources)):
        fate, value = reference(source)
        ours = ("refused", None) if answer.startswith("refused ") else ("taken", json.loads(answer))
        if fate != ours[0] or (fate == "taken" and value != ours[1]):
            sys.exit("seed %d: %r\n  tomllib: %s %s\n  node:    %s" % (seed, source, fate, value, answer))
        taken += fate == "taken"
        if fate == "refused" and value is not None:
            lines_told += 1
            lines_agree += int(answer.split()[1]) == value
    # A generator that makes only one sort of document would compare nothing.
    assert taken > len(sources) // 10 and taken < len(sources) * 9 // 10, (taken, len(sources))
    assert lines_agree * 100 >= lines_told * 80, (lines_agree, lines_told)
    print("%d documents, %d taken; the line of %d of %d refusals is the same" %
          (len(sources), taken, lines_agree, lines_told))


main()
