#!/usr/bin/env python3
"""The keeper of books in docs/examples/python against what a node sends, and against damage: the
books that it ends with are the node's; a tape that lacks a message, or has a level changed, is found.

usage: test_feed_python.py FEED_TAPE PROTOC ROOT
"""
import io
import os
import subprocess
import sys
import tempfile
import types

os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"  # the other one writes to stderr
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

TAPE, PROTOC, ROOT = sys.argv[1:]
SEED = int(os.environ.get("TENOR_SEED", "20260101"))


def load_keeper():
    """The example, with what `protoc --python_out` would make, from what protoc-c can make."""
    with tempfile.NamedTemporaryFile(suffix=".bin") as made:
        subprocess.run([PROTOC, "--proto_path=" + os.path.join(ROOT, "proto"), "--include_imports",
                        "--descriptor_set_out=" + made.name, "tenor/v1/client.proto"], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(open(made.name, "rb").read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    client, trader = types.ModuleType("client_pb2"), types.ModuleType("trader_pb2")
    client.FromNode = message_factory.MessageFactory(pool).GetPrototype(
        pool.FindMessageTypeByName("tenor.v1.FromNode"))
    trader.Side = EnumTypeWrapper(pool.FindEnumTypeByName("tenor.v1.Side"))
    package = types.ModuleType("tenor.v1")
    package.client_pb2, package.trader_pb2 = client, trader
    sys.modules.update({"tenor": types.ModuleType("tenor"), "tenor.v1": package,
                        "tenor.v1.client_pb2": client, "tenor.v1.trader_pb2": trader})
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.join(ROOT, "docs", "examples", "python"))
    import keep_book
    return keep_book


def is_gap(keeper, messages):
    books = keeper.Books()
    try:
        for message in messages:
            books.take(message)
    except (keeper.Gap, KeyError):
        return True
    return False


def check_damage(keeper, tape):
    with open(tape, "rb") as file:
        messages = list(keeper.messages(file))
    deltas = [i for i, message in enumerate(messages)
              if message.WhichOneof("body") == "book" and not message.book.snapshot]
    assert len(deltas) > 100 and not is_gap(keeper, messages)
    assert is_gap(keeper, messages[:deltas[50]] + messages[deltas[50] + 1:]), "a lost message"
    changed = keeper.wire.FromNode.FromString(messages[deltas[5]].SerializeToString())
    levels = changed.book.bids or changed.book.asks
    levels.add(price=7, quantity=7)
    assert is_gap(keeper, messages[:deltas[5]] + [changed] + messages[deltas[5] + 1:]), "a level"


def check_soft(keeper, tape):
    """What is soft has books of its own, until the end of a term."""
    with open(tape, "rb") as file:
        messages = list(keeper.messages(file))
    final, soft, beside = keeper.Books(), keeper.Books(soft=True), keeper.Books()
    for message in messages:
        final.take(message)
        twin = keeper.wire.FromNode.FromString(message.SerializeToString())
        body = twin.WhichOneof("body")
        if body in ("book", "order_book"):
            getattr(twin, body).soft.term = 1
        soft.take(twin)
        soft.take(message)
        beside.take(twin)
    assert final.series and not beside.series, "what is soft is no part of the final books"
    for series_id, series in final.series.items():
        assert soft.series[series_id].levels == series.levels
        assert soft.series[series_id].orders == series.orders
    end = keeper.wire.FromNode()
    end.soft_end.market = 1
    final.take(end)
    soft.take(end)
    assert final.series and not soft.series, "the end of a term takes what is soft away"


def main():
    keeper = load_keeper()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(SEED, SEED + 3):
            tape, books = os.path.join(folder, "tape"), os.path.join(folder, "books")
            subprocess.run([TAPE, str(seed), tape, books], check=True)
            kept = io.StringIO()
            with open(tape, "rb") as stream:
                keeper.main(stream, kept)
            with open(books) as file:
                expected = file.read()
            assert expected.count("\n") > 10, "books of some depth"
            assert kept.getvalue() == expected, "seed %d:\n%s\nbut the node has:\n%s" % (
                seed, kept.getvalue(), expected)
            check_damage(keeper, tape)
            check_soft(keeper, tape)


main()
