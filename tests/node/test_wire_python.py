#!/usr/bin/env python3
"""The strict reader against python3-protobuf, which knows client.proto from protoc-c alone: messages
that Python makes are taken and come back as the same bytes; of mutated ones only those are taken that
Python reads and writes again as the same bytes. And the byte examples of docs/protocol.md.

usage: test_wire_python.py WIRE_ECHO PROTOC ROOT
"""
import importlib.util
import os
import random
import re
import subprocess
import sys
import tempfile

os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"  # the other one writes to stderr
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import DecodeError

ECHO, PROTOC, ROOT = sys.argv[1:]
SEED = int(os.environ.get("TENOR_SEED", "20260101"))
BYTES = {"payload": (1, 90), "signature": (64, 64), "chain_id": (32, 32), "challenge": (32, 32),
         "hash": (32, 32), "root": (32, 32)}
NEEDED = {("SignedFrame", "payload"), ("SignedFrame", "signature"), ("Logon", "signature"),
          ("Standby", "frame"), ("Item", "bytes"), ("GetOwner", "owner"), ("Hello", "chain_id"),
          ("Hello", "challenge"), ("Cluster", "chain_id"), ("Node", "key"),
          ("AccountMessage", "events")}
EXPECTED_NO = re.compile("is not one of the enumeration|has [0-9]+ (bytes|elements), not|"
                         "is needed, and not there|has no body|is not text")


def load_messages():
    with tempfile.NamedTemporaryFile(suffix=".bin") as made:
        subprocess.run([PROTOC, "--proto_path=" + os.path.join(ROOT, "proto"), "--include_imports",
                        "--descriptor_set_out=" + made.name, "tenor/v1/client.proto"], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(open(made.name, "rb").read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return {name: factory.GetPrototype(pool.FindMessageTypeByName("tenor.v1." + kind))
            for name, kind in (("to", "ToNode"), ("from", "FromNode"), ("payload", "Payload"))}


MESSAGES = load_messages()


def scalar(draw, field):
    if field.type in (Field.TYPE_BYTES, Field.TYPE_STRING):
        low, high = BYTES.get(field.name, (1, 30))
        if field.name == "owner":
            low = high = 20
        if field.name == "key":
            low = high = 33
        size = draw.randint(low, high)
        if field.type == Field.TYPE_STRING:
            return "".join(draw.choice("aZ5-_é€😀") for _ in range(max(1, size // 4)))
        return bytes(draw.randrange(256) for _ in range(size))
    if field.type == Field.TYPE_BOOL:
        return True
    if field.type == Field.TYPE_ENUM:
        return draw.choice(field.enum_type.values).number
    bits = draw.randint(1, 31 if field.cpp_type in (Field.CPPTYPE_INT32, Field.CPPTYPE_UINT32) else 63)
    value = draw.getrandbits(bits)
    return -value if field.type in (Field.TYPE_SINT32, Field.TYPE_SINT64) and draw.random() < .3 else value


def fill(draw, message):
    kind = message.DESCRIPTOR.name
    chosen = [draw.choice(one.fields).name for one in message.DESCRIPTOR.oneofs]
    for field in message.DESCRIPTOR.fields:
        needed = (kind, field.name) in NEEDED or field.name in chosen
        if (field.containing_oneof and field.name not in chosen) or (not needed and draw.random() < .5):
            continue
        if field.label == Field.LABEL_REPEATED:
            for _ in range(draw.randint(1, 3)):
                if field.type == Field.TYPE_MESSAGE:
                    fill(draw, getattr(message, field.name).add())
                else:
                    getattr(message, field.name).append(scalar(draw, field))
        elif field.type == Field.TYPE_MESSAGE:
            getattr(message, field.name).SetInParent()
            fill(draw, getattr(message, field.name))
        else:
            setattr(message, field.name, scalar(draw, field))


def mutate(draw, data):
    data = bytearray(data)
    at = draw.randrange(len(data))
    what = draw.randrange(4)
    if what == 0:
        data.insert(at, draw.choice((0, draw.randrange(256))))
    elif what == 1:
        del data[at]
    elif what == 2:
        data[at] ^= 1 << draw.randrange(8)
    else:
        data[at] = draw.randrange(256)
    return bytes(data)


def unknown_fields(message):
    return any(True for _ in message.UnknownFields()) or any(
        unknown_fields(inner) for field, value in message.ListFields()
        if field.type == Field.TYPE_MESSAGE
        for inner in (value if field.label == Field.LABEL_REPEATED else [value]))


def python_takes(which, data):
    try:
        message = MESSAGES[which].FromString(data)
    except (DecodeError, UnicodeDecodeError):
        return False
    return not unknown_fields(message) and message.SerializeToString() == data


def ask(lines):
    text = "".join("%s %s\n" % (which, data.hex()) for which, data in lines)
    done = subprocess.run([ECHO], input=text, capture_output=True, text=True, check=True)
    answers = done.stdout.splitlines()
    assert len(answers) == len(lines)
    return answers


def check_made():
    draw = random.Random(SEED)
    made = []
    for which in ("to", "from"):
        for _ in range(500):
            message = MESSAGES[which]()
            fill(draw, message)
            made.append((which, message.SerializeToString()))
    for (which, data), answer in zip(made, ask(made)):
        assert answer == "ok " + data.hex(), (which, data.hex(), answer)
    mutated = [(which, mutate(draw, data)) for which, data in made for _ in range(4) if data]
    taken = 0
    for (which, data), answer in zip(mutated, ask(mutated)):
        takes = python_takes(which, data)
        if answer.startswith("ok"):
            assert takes, (which, data.hex())
            taken += 1
        else:
            assert not takes or EXPECTED_NO.search(answer), (which, data.hex(), answer)
    assert taken > 300, taken
    print("%d messages made by Python, %d mutated, %d of those taken" % (len(made), len(mutated), taken))


# ---- The page ----

def load_keccak():
    path = os.path.join(ROOT, "tests", "vectors", "stream", "check.py")
    spec = importlib.util.spec_from_file_location("stream_check", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.keccak256


def check_page():
    """Blocks ```wire hold `to|from|payload|bytes|keccak NAME: HEX`. A message is taken; its bytes are
    those behind the length of the line before it when that is `sent`."""
    keccak256 = load_keccak()
    text = open(os.path.join(ROOT, "docs", "protocol.md"), encoding="utf-8").read()
    lines = [line for block in re.findall(r"```wire\n(.*?)```", text, re.S)
             for line in block.strip().split("\n")]
    last, found = b"", {"to": 0, "from": 0, "payload": 0, "keccak": 0}
    for line in lines:
        kind, rest = line.split(" ", 1)
        data = bytes.fromhex(rest.rsplit(":", 1)[1])
        if kind in ("to", "from"):
            assert int.from_bytes(data[:4], "big") == len(data) - 4, line
            assert ask([(kind, data[4:])])[0] == "ok " + data[4:].hex(), line
        elif kind == "payload":
            assert python_takes("payload", data), line
        elif kind == "keccak":
            assert keccak256(last).hex() == data.hex(), line
        last = data
        if kind in found:
            found[kind] += 1
    assert all(found.values()), found
    print("the page's examples are right:", found)


print("seed %d; to repeat: TENOR_SEED=%d" % (SEED, SEED))
check_made()
check_page()
