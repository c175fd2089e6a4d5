#!/usr/bin/python3
"""What becomes of clients that break, lie, lag, flood or move, and of those beside them: stories
over four real nodes, told by connections that do what no library would do.

usage: test_clients.py TENORD TENOR TENOR_FEED CLIENT_GUARDED SOURCE [STORY...]
"""
import atexit
import contextlib
import os
import random
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings

TENORD, TENOR, FEED, GUARDED, SOURCE = sys.argv[1:6]
WORK = tempfile.mkdtemp(prefix="tenor-clients-")
atexit.register(shutil.rmtree, WORK, ignore_errors=True)  # also when an import fails
sys.dont_write_bytecode = True
subprocess.run(["protoc", "-I", SOURCE + "/proto", "--python_out=" + WORK,
                "tenor/v1/trader.proto", "tenor/v1/client.proto"], check=True)
sys.path[:0] = [WORK, SOURCE + "/docs/examples/python", SOURCE + "/docs/examples"]

from clients_lib import (Client, Failed, LINGER_RST, Nodes, Trader, check, closing, pump,
                         trader, wire, within)
from owner_lib import Owner
from standby_stories import (who_is_silent_for_so_many_blocks_is_taken_for_dead,
                             who_shares_an_account_loses_his_own_orders_alone)

# A sanitizer keeps what was freed for a while, so that its use is noticed: sizes mean nothing then.
SANITIZED = os.environ.get("TENOR_SANITIZED") == "1"
SESSION_BYTES_MAX = 128 << 10  # what one connection may cost a node
QUERIES_BURST = 4000           # of these nodes
OUT_MAX = 8 << 20              # and what may wait to be sent to one that is logged on
RESULT, ACCEPTED = 1, 2


class World:
    """What the stories share: the nodes, two traders, the perpetual, and a stream that is never
    interrupted, heard at a node that nobody kills."""

    def __init__(self, nodes):
        self.nodes = nodes
        names = ("alice", "bob")
        for name in names:
            nodes.tenor("--key", name, "faucet", "1000000")
        self.alice, self.bob = (Trader(nodes, name) for name in names)
        self.probe = Client(nodes, self.bob, self.leader()).logon(heartbeat_ms=60000)
        listed = self.probe.ask("instruments", get_instruments=wire.GetInstruments(market=1))
        self.perpetual = next(one for one in listed.instruments if one.name == "BTC-PERP")
        self.witness_node = next(i for i in range(4) if i != self.leader())
        self.witness = Client(nodes, self.alice, self.witness_node).logon(heartbeat_ms=60000)
        self.account = self.witness.account
        self.said = time.monotonic()

    def stay(self):
        """Who hears all along says now and then that he is there, however long a story takes."""
        if time.monotonic() > self.said + 5:
            self.said = time.monotonic()
            for client in (self.probe, self.witness):
                with contextlib.suppress(OSError):  # its node was killed: the story's matter
                    client.send(ping=wire.Ping())

    def leader(self):
        """The node that leads the market now."""
        for index in range(self.nodes.count):
            if "node-%d" % index not in self.nodes.running:
                continue
            client = Client(self.nodes, node=index)
            with closing(client):
                cluster = client.ask("cluster", get_cluster=wire.GetCluster())
            place = next(m.leader for m in cluster.markets if m.market == 1)
            if place:
                port = int(cluster.nodes[place - 1].clients.rsplit(":", 1)[1])
                return port - self.nodes.base - 100
        raise Failed("no market is led")

    def others(self):
        return [i for i in range(4) if "node-%d" % i in self.nodes.running]

    def order(self, side=trader.BUY, quantity=1, price=None, **more):
        """Far from the mark: it rests."""
        step = max(one.step for one in self.perpetual.steps)
        ticks = price or int(95000e6 // self.perpetual.tick_micros // step * step)
        return trader.Command(place=trader.Terms(
            series_id=self.perpetual.series_id, side=side, price=ticks, quantity=quantity,
            fee_max_ppm=1000000, **more))

    def cancel_all(self):
        return trader.Command(mass_cancel=trader.MassCancel())

    def no_orders(self):
        self.stay()
        return not self.probe.orders(self.account)


# ---- Who gets in -----------------------------------------------------------------------------------


def only_tls_1_2_with_the_right_certificate_is_served(world):
    nodes = world.nodes
    (host, port), certificate = nodes.net.nodes[0]
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.load_verify_locations(certificate)
    old.set_ciphers("DEFAULT@SECLEVEL=0")  # else this side would refuse, not the node
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's word on TLS 1.1 is the node's
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        try:
            old.wrap_socket(plain)
            raise Failed("TLS 1.1 is served")
        except ssl.SSLError as no:
            check("PROTOCOL_VERSION" in str(no).upper(), "TLS 1.1 ends with: %s", no)
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        data = wire.ToNode(request=1, get_cluster=wire.GetCluster()).SerializeToString()
        plain.sendall(struct.pack(">I", len(data)) + data)
        heard = b""
        try:
            while more := plain.recv(4096):
                heard += more
        except ConnectionResetError:
            pass
        check(nodes.net.chain_id not in heard, "a plain connection is answered: %s", heard)
    # The library's programs, told to trust another node's certificate.
    wrong = os.path.join(WORK, "wrong")
    shutil.copytree(nodes.folder, wrong, ignore=shutil.ignore_patterns("node-?"))
    for name in ("node-%d.crt" % i for i in range(4)):
        os.remove(os.path.join(wrong, name))
    for i in range(4):
        shutil.copy(os.path.join(nodes.folder, "node-%d.crt" % ((i + 1) % 4)),
                    os.path.join(wrong, "node-%d.crt" % i))
    said = nodes.tenor("--net", wrong, "cluster", "--timeout", "2", end=4)
    check("not connected" in said, "of wrong certificates tenor says: %s", said)


def a_ticket_spares_who_comes_back_a_handshake_at_that_node(world):
    nodes = world.nodes
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # one context for two nodes, whose names are the same

    def connect(node, ticket=None):
        (host, port), _ = nodes.net.nodes[node]
        plain = socket.create_connection((host, int(port)), timeout=60)
        with context.wrap_socket(plain, session=ticket) as one:
            check(one.recv(4), "node %d does not say Hello", node)
            return one.session, one.session_reused
    before = nodes.metric(0, "tenor_gateway_handshakes_resumed_total")
    ticket, is_short = connect(0)
    check(ticket.has_ticket and not is_short, "the first handshake brings no ticket")
    check(connect(0, ticket)[1], "the ticket is worth nothing")
    check(not connect(1, ticket)[1], "another node takes the ticket")
    within(60, "the short handshake is counted", lambda: nodes.metric(
        0, "tenor_gateway_handshakes_resumed_total") > before)


def signatures_for_other_chains_and_markets_are_refused(world):
    other = bytes(32)
    client = Client(world.nodes, world.alice, 0)
    with closing(client):
        client.refused(20001, frame=client.signed(client.payload([world.order()])))
        client.refused(20005, logon=client.logon_message(chain_id=other))
        client.logon()
        payload = client.payload([world.order()])
        client.refused(1000, frame=client.signed(payload, chain_id=other))
        good = client.signed(payload)
        client.refused(1000, frame=wire.SignedFrame(
            payload=client.payload([world.order(quantity=2)], nonce=world.alice.nonce),
            signature=good.signature))
        client.refused(20011, frame=client.signed(client.payload([world.order()], market=2)))
        client.refused(20011, frame=client.signed(
            client.payload([world.order()], session=world.bob.session.id)))
        final = client.hear("frame_final", request=client.request(frame=good))
        check(final.nonce and not final.events[-1].reject, "the good one is refused: %s", final)
        client.trade(world.cancel_all())


def rest(world, client, count):
    """What is final at one node another one may have yet to execute."""
    within(60, "%d orders rest" % count, lambda: len(client.orders(world.account)) == count)


def a_frame_is_executed_once_however_often_it_is_sent(world):
    nodes = world.nodes
    clients = [Client(nodes, world.alice, i).logon() for i in world.others()]
    with closing(*clients):
        first = clients[0]
        frame = first.signed(first.payload([world.order()]), wait=wire.FINAL)
        nonce = world.alice.nonce
        for client in clients:  # all at once, by all nodes, and twice by each
            client.twice = [client.request(frame=frame), client.request(frame=frame)]
        words = []
        for client in clients:
            for request in client.twice:
                words.append(client.hear("frame_final", "error", request=request))
        finals = [word for word in words if isinstance(word, wire.FrameFinal)]
        check(finals, "none of them became final: %s", words)
        check(len({(f.block, f.sequence, f.index) for f in finals}) == 1,
              "it was executed in several places: %s", finals)
        check({word.code for word in words if isinstance(word, wire.Error)} <= {201, 202},
              "refused for another reason: %s", words)
        for client in clients:
            word = client.hear("frame_final", "error", request=client.request(frame=frame))
            if isinstance(word, wire.FrameFinal):  # a node that lags tells of the first one's
                check((word.block, word.sequence, word.index) == (
                    finals[0].block, finals[0].sequence, finals[0].index), "again: %s", word)
            else:
                check(word.code == 201, "refused for another reason: %s", word)
        rest(world, world.probe, 1)
        within(60, "the witness hears of it", lambda: pump([world.witness], 0.05) or [
            1 for _, data in world.witness.stream
            if wire.AccountMessage.FromString(data).nonce == nonce])
        accepted = [1 for _, data in world.witness.stream
                    for m in [wire.AccountMessage.FromString(data)]
                    if m.nonce == nonce and m.events[0].kind == ACCEPTED]
        check(len(accepted) == 1, "it was accepted %d times", len(accepted))
        first.trade(world.cancel_all())


def an_expired_session_may_do_nothing(world):
    owner = Owner(world.nodes, "alice")
    mine = Trader(world.nodes, "alice")
    mine.session = owner.open_session(world.probe, world.account, world.alice.next_nonce(), 4000)
    client = Client(world.nodes, mine, 1).logon()
    with closing(client):
        # One who holds the key of an account's other session shares its nonces.
        mine.nonce = world.alice.nonce
        client.trade(world.order())
        time.sleep(max(0.0, mine.session.expires - time.time()))

        def may_not_trade():  # by the time of blocks, which lags where the machine is crowded
            word = client.hear("frame_final", "frame_reverted", "error", request=client.request(
                frame=client.signed(client.payload([world.cancel_all()]), wait=wire.FINAL)))
            return getattr(word, "code", 0) == 1002

        def may_not_log_on():
            late = Client(world.nodes, mine, 2)
            with closing(late):
                word = late.hear("logon_ack", "error", request=late.request(
                    logon=late.logon_message()))
                return getattr(word, "code", 0) == 20004
        within(60, "it may not trade", may_not_trade)
        world.alice.nonce = mine.nonce
        client.refused(1002, frame=client.signed(client.payload([world.order()])))
        within(60, "it may not log on", may_not_log_on)
    again = Client(world.nodes, world.alice, 0).logon()
    with closing(again):
        again.trade(world.cancel_all())


def gone(client):
    """Hears the rest of a connection that the node closes."""
    try:
        client.drain(2)
    except OSError:
        return
    raise Failed("the node does not close the connection")


# ---- Who breaks ------------------------------------------------------------------------------------


def a_connection_cut_in_the_middle_of_a_frame_leaves_nothing(world):
    survivor = Client(world.nodes, world.alice, 0).logon()
    with closing(survivor):
        for at in range(8):
            client = Client(world.nodes, world.alice, at % 4).logon()
            body = wire.ToNode(request=1, frame=client.signed(client.payload([world.order()])))
            data = body.SerializeToString()
            data = struct.pack(">I", len(data)) + data
            client.socket.sendall(data[:1 + (len(data) - 2) * at // 7])
            if at % 2:  # in the middle of a TLS record as well
                raw = socket.socket(fileno=os.dup(client.socket.fileno()))
                raw.sendall(b"\x17\x03\x03\x01\x00" + bytes(100))
                raw.close()
            client.cut()
        # The same by small pieces arrives.
        client = Client(world.nodes, world.alice, 1).logon()
        frame = client.signed(client.payload([world.order()]), wait=wire.FINAL)
        data = wire.ToNode(request=5, frame=frame).SerializeToString()
        data = struct.pack(">I", len(data)) + data
        for at in range(0, len(data), 17):
            client.socket.sendall(data[at:at + 17])
        client.hear("frame_final", request=5)
        rest(world, survivor, 1)
        client.cut()
        survivor.trade(world.cancel_all())


def orders_go_with_a_cut_connection_and_stay_after_a_logoff(world):
    def leave(on_disconnect, how):
        client = Client(world.nodes, world.alice, 2).logon(on_disconnect=on_disconnect)
        client.trade(world.order(), world.order(), world.order())
        if on_disconnect:
            client.guard()
        how(client)
        client.cut()

    leave(wire.RUN_STANDBY, lambda client: None)
    within(60, "the orders are gone", world.no_orders)
    world.alice.nonce += 64  # past the standby's nonce
    leave(wire.NOTHING, lambda client: None)
    leave(wire.RUN_STANDBY, lambda client: (client.send(logoff=wire.Logoff()), gone(client)))
    time.sleep(0.5)  # those that should stay would have gone
    rest(world, world.probe, 6)
    client = Client(world.nodes, world.alice, 0).logon()
    client.trade(world.cancel_all())
    client.cut()


def the_stream_goes_on_at_another_node_without_gap_or_duplicate(world):
    nodes = world.nodes
    pump([world.witness], 0.2)
    writer = Client(nodes, world.alice, world.leader()).logon()
    mine = Client(nodes, world.alice, world.others()[0]).logon()
    place, stream, hops = mine.place, [], 0
    with closing(writer):
        draw = random.Random(int(os.environ.get("TENOR_SEED", "11")))
        until = time.monotonic() + 3
        while time.monotonic() < until:
            for _ in range(draw.randrange(1, 12)):
                commands = [world.order(), world.order()] + [world.cancel_all()] * draw.randrange(2)
                writer.send(frame=writer.signed(writer.payload(commands), wait=wire.NEITHER))
            pump([world.witness, writer, mine], draw.uniform(0.05, 0.25))
            if draw.random() < 0.6:
                stream += mine.stream
                place = mine.place or place  # a connection may end before it has heard a word
                mine.cut()
                hops += 1
                node = world.others()[hops % len(world.others())]
                mine = Client(nodes, world.alice, node).logon(resume_after=place)
        final = writer.trade(world.cancel_all())
        within(60, "all is heard", lambda: pump([world.witness, mine], 0.05) or all(
            one.stream and one.stream[-1][0][0] >= final.block for one in (world.witness, mine)))
    stream += mine.stream
    mine.cut()
    first = stream[0][0]
    whole = [one for one in world.witness.stream if one[0] >= first and one[0][0] <= final.block]
    stream = [one for one in stream if one[0][0] <= final.block]
    check(len({place for place, _ in stream}) == len(stream), "a message came twice")
    check(stream == whole, "the stream differs: %d messages, not %d", len(stream), len(whole))
    check(hops >= 4 and len(stream) > 100, "too little happened: %d, %d", hops, len(stream))
    return "%d messages over %d connections" % (len(stream), hops + 1)


def orders_of_one_label_go_and_others_stay(world):
    return who_shares_an_account_loses_his_own_orders_alone(world, GUARDED)


# ---- Who lags, who floods ----------------------------------------------------------------------------


def honest(world, seconds):
    """An honest client's orders become final meanwhile."""
    client = Client(world.nodes, world.bob, 0).logon()
    until, count = time.monotonic() + seconds, 0
    with closing(client):
        while time.monotonic() < until or count < 3:
            client.trade(world.order())
            client.ask("cluster", get_cluster=wire.GetCluster())
            count += 1
        client.trade(world.cancel_all())
    return count


def who_does_not_read_is_cut_and_holds_up_nobody(world):
    before, cut = world.nodes.rss_bytes(0), world.nodes.metric(0, "tenor_gateway_cut_slow_total")
    slow = []
    for _ in range(4):
        client = Client(world.nodes, node=0, receive_bytes=4096)
        for channel in range(wire.BLOCKS, wire.LIQUIDATIONS + 1):
            client.request(subscribe=wire.Subscribe(market=1, channel=channel))
        client.socket.settimeout(1)
        try:
            for _ in range(QUERIES_BURST):
                client.request(get_instruments=wire.GetInstruments(market=1))
        except OSError:
            pass  # the node reads no more from it
        slow.append(client)
    served = honest(world, 1)
    most = world.nodes.rss_bytes(0) - before
    if not SANITIZED:
        check(most <= len(slow) * (OUT_MAX + SESSION_BYTES_MAX), "the node grew by %d bytes", most)
    within(60, "they are cut", lambda: world.nodes.metric(
        0, "tenor_gateway_cut_slow_total") >= cut + len(slow))
    for client in slow:
        client.cut()
    return "%d orders beside them, the node grew by %d KiB" % (served, most >> 10)


def half_hello():
    return b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.randbytes(40)


def floods_cost_little_and_stop_nobody(world):
    (host, port), certificate = world.nodes.net.nodes[0]
    kept, draw = [], random.Random(5)
    before = world.nodes.rss_bytes(0)
    for i in range(400):  # silent, garbage, half a TLS hello
        one = socket.create_connection((host, int(port)), timeout=10)
        kept.append(one)
        try:
            if i % 4 == 1:
                one.sendall(draw.randbytes(600))
            elif i % 4 > 1:
                one.sendall(half_hello())
        except OSError:
            pass
    served = honest(world, 1)
    idle = [Client(world.nodes, node=0) for _ in range(60)]  # through TLS, and silent
    for client in idle[:30]:
        client.socket.sendall(struct.pack(">I", 65536) + draw.randbytes(3000))  # never the rest
    for client in idle[30:40]:
        client.socket.sendall(struct.pack(">I", 1 << 31))
        error = client.hear("error")
        check(error.code == 10001 and error.closing, "of 2 GiB the node says %s", error)
    for client in idle[40:50]:
        size = draw.randrange(8, 600)
        client.socket.sendall(struct.pack(">I", size) + b"\xff" + draw.randbytes(size - 1))
        error = client.hear("error")
        check(error.code == 10002 and error.closing, "of garbage the node says %s", error)
    served += honest(world, 0.5)
    grown = world.nodes.rss_bytes(0) - before
    count = len(kept) + len(idle)
    for one in kept:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RST)
        one.close()
    for client in idle:
        client.cut()
    if not SANITIZED:
        check(grown <= count * SESSION_BYTES_MAX, "%d connections cost %d bytes", count, grown)
    return "%d orders beside %d connections, %d KiB a connection" % (served, count,
                                                                     (grown >> 10) // count)


# ---- A leader dies ------------------------------------------------------------------------------------


def quotes_go_on_when_the_leader_is_killed(world):
    leader = world.leader()
    node = next(i for i in world.others() if i != leader)
    if leader == world.witness_node:
        raise Failed("the witness's node leads: nothing can be compared")
    client = Client(world.nodes, world.alice, node).logon()
    client.request(subscribe=wire.Subscribe(market=1, channel=wire.BLOCKS))
    step = max(one.step for one in world.perpetual.steps)
    low = int(95000e6 // world.perpetual.tick_micros // step * step)
    sent, term, killed_at = {}, client.term, None
    fates, softs = {}, set()
    begin = time.monotonic()

    def quote(i):
        quotes = [trader.Quote(series_id=world.perpetual.series_id, bid_price=low + i % 5 * step,
                               bid_quantity=1, ask_quantity=-1)]
        command = trader.Command(mass_quote=trader.MassQuote(fee_max_ppm=1000000, quotes=quotes))
        frame = client.signed(client.payload([command], valid_until_block=client.height + 100))
        sent[client.request(frame=frame)] = (world.alice.nonce, frame, client.term)

    def hear():
        client.drain()
        for request, kind, body in client.heard:
            if request not in sent:
                continue
            nonce, frame, _ = sent[request]
            if kind == "frame_soft":
                softs.add(nonce)
            elif kind == "error" and body.retriable and body.code in (50002, 30008, 1100, 1101):
                client.send(request=request, frame=frame)  # the very same bytes
            else:
                fates.setdefault(nonce, []).append((kind, getattr(body, "code", 0), body))
        client.heard = []

    i = 0
    while True:
        now = time.monotonic()
        if killed_at is None and now - begin > 0.5:
            for _ in range(40):  # some that are soft, or on their way, when it dies
                quote(i := i + 1)
            time.sleep(0.003)
            world.nodes.kill(leader)
            killed_at = now
        if len(sent) - len(fates) < 400:
            quote(i := i + 1)
        hear()
        pump([world.witness], 0.02)
        after = [n for n, _, t in sent.values() if t > term and any(
            f[0] == "frame_final" for f in fates.get(n, []))]
        if killed_at and len(after) >= 20:
            break
        check(time.monotonic() - begin < 60, "no quotes are final after the kill: term %d, %d sent, "
              "%d with a fate", client.term, len(sent), len(fates))
    going = time.monotonic() - killed_at
    within(60, "each frame has its last word", lambda: (hear(), pump([world.witness], 0.02)) and all(
        nonce in fates for nonce, _, _ in sent.values()))
    last = max(f[2].block for words in fates.values() for f in words if f[0] == "frame_final")
    within(60, "the witness has heard it", lambda: pump([world.witness], 0.05) or (
        world.witness.place.block >= last))
    counts = {"frame_final": 0, "frame_reverted": 0, "error": 0}
    executed = {}
    for _, data in world.witness.stream:
        message = wire.AccountMessage.FromString(data)
        if message.events[0].kind == RESULT:
            executed[message.nonce] = executed.get(message.nonce, 0) + 1
    for nonce, words in fates.items():
        check(len(words) == 1, "frame %d has several last words: %s", nonce, words)
        kind, code, _ = words[0]
        counts[kind] += 1
        times = executed.get(nonce, 0)
        check(times == (kind == "frame_final"), "frame %d was executed %d times, and told: %s %d",
              nonce, times, kind, code)
        check(nonce not in softs or kind != "error", "soft frame %d ends with error %d", nonce, code)
    client.trade(world.cancel_all())
    client.cut()
    return "%d final, %d reverted, %d refused; quoting again after %.1f s" % (
        counts["frame_final"], counts["frame_reverted"], counts["error"], going)


def a_node_that_starts_again_tells_what_it_executed_before(world):
    """Its memory begins at its last checkpoint; what is older comes from its store. On a crowded
    machine its first checkpoint may come late: then it is ended and begins once more."""
    nodes = world.nodes
    killed = [i for i in range(nodes.count) if "node-%d" % i not in nodes.running]
    node = killed[0] if killed else next(
        i for i in world.others() if i not in (world.leader(), world.witness_node))

    def height():
        try:
            return nodes.metric(node, "tenor_block_height")
        except (Failed, OSError):
            return 0  # it does not listen yet

    def told_by_store():
        if "node-%d" % node in nodes.running:
            nodes.kill(node)
        nodes.start(node)
        writer = Client(nodes, world.alice, world.witness_node).logon()
        with closing(writer):
            final = writer.trade(world.order(), world.cancel_all())
        within(60, "the node has caught up", lambda: height() >= final.block)
        within(60, "the witness has heard it", lambda: pump([world.witness], 0.05) or (
            world.witness.place.block >= final.block))
        whole = list(world.witness.stream)
        client = Client(nodes, world.alice, node).logon(
            resume_after=wire.Place(block=whole[0][0][0] - 1, index=4294967295))
        with closing(client):
            within(60, "all is told again",
                   lambda: pump([client], 0.05) or len(client.stream) >= len(whole))
            check(client.stream[:len(whole)] == whole, "the stream differs: %d messages, not %d",
                  len(client.stream), len(whole))
        within(60, "the node's metrics are of now",
               lambda: nodes.metric(node, "tenor_gateway_resumed_total") > 0)
        return len(whole), nodes.metric(node, "tenor_gateway_past_events_total")

    for _ in range(10):
        whole, stored = told_by_store()
        if stored > 0:
            return "%d messages, %d of them from the store" % (whole, stored)
        pump([world.witness], 2)
    raise Failed("nothing came from the store")


STORIES = [
    only_tls_1_2_with_the_right_certificate_is_served,
    a_ticket_spares_who_comes_back_a_handshake_at_that_node,
    signatures_for_other_chains_and_markets_are_refused,
    a_frame_is_executed_once_however_often_it_is_sent,
    an_expired_session_may_do_nothing,
    a_connection_cut_in_the_middle_of_a_frame_leaves_nothing,
    orders_go_with_a_cut_connection_and_stay_after_a_logoff,
    who_is_silent_for_so_many_blocks_is_taken_for_dead,
    orders_of_one_label_go_and_others_stay,
    the_stream_goes_on_at_another_node_without_gap_or_duplicate,
    who_does_not_read_is_cut_and_holds_up_nobody,
    floods_cost_little_and_stop_nobody,
    quotes_go_on_when_the_leader_is_killed,
    a_node_that_starts_again_tells_what_it_executed_before,
]


def main():
    nodes = Nodes(WORK, TENORD, TENOR, FEED,
                  settings=(
        "clients.limits.slow=2s", "store.checkpoint_blocks=32", "clients.limits.queries_burst=%d" % QUERIES_BURST))
    try:
        nodes.up()
        world = World(nodes)
        for story in STORIES:
            if len(sys.argv) > 6 and story.__name__ not in sys.argv[6:]:
                continue
            begin = time.monotonic()
            try:
                said = story(world)
            except (Failed, OSError, StopIteration) as why:
                traceback.print_exc(file=sys.stdout)
                for index in range(4):
                    print("-- node-%d\n%s" % (index, nodes.log("node-%d" % index)[-1500:]))
                raise SystemExit("FAILED: %s: %s: %s" % (story.__name__, type(why).__name__, why))
            pump([world.witness], 0.01)
            world.stay()
            print("ok: %s%s (%.1f s)" % (story.__name__, ": " + said if said else "",
                                         time.monotonic() - begin), flush=True)
        nodes.stop()
    finally:
        nodes.clean_up()


if __name__ == "__main__":
    main()
