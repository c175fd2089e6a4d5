#!/usr/bin/python3
"""More frames than a set takes, through a node that does not lead: four real nodes, and a client that
sends mass quotes of some 64 sides to one that passes them on, four times as many a second as the set
is seen to take, and goes on while two nodes stand still and nothing becomes final. No frame may be
lost without a word: each is final, or refused by a reject that says to try again, and then was not
executed and used no nonce. What waits is bounded, the term stays what it was, and the nodes have one
state.

usage: test_overload.py TENORD TENOR TENOR_FEED SOURCE
"""
import atexit
import select
import shutil
import signal
import ssl
import struct
import subprocess
import sys
import tempfile
import time

TENORD, TENOR, FEED, SOURCE = sys.argv[1:5]
WORK = tempfile.mkdtemp(prefix="tenor-overload-")
atexit.register(shutil.rmtree, WORK, ignore_errors=True)  # also when an import fails
sys.dont_write_bytecode = True
subprocess.run(["protoc", "-I", SOURCE + "/proto", "--python_out=" + WORK,
                "tenor/v1/trader.proto", "tenor/v1/client.proto"], check=True)
sys.path[:0] = [WORK, SOURCE + "/docs/examples/python"]

from clients_lib import Client, Failed, Nodes, Trader, check, trader, wire, within

# A crowded machine makes a set slow, and here it is slow on purpose: nobody's term may end for that.
PATIENCE = 90  # seconds
SETTINGS = ("clients.limits.quotes_per_second=100000000", "clients.limits.hold=300ms",
            "clients.limits.quotes_burst=1000000000")
SIDES_LEAST = 32          # of a frame, that rest
IN_FLIGHT = 128           # while it is measured what the set takes
CALM_SECONDS = 2.0
TIMES = 4                 # so much above it is offered
RATE_LEAST = 400          # frames a second that are offered on the slowest machine
STAND_SECONDS = 60        # that two nodes may stand still: less than PATIENCE
FRAMES_MAX = 2800         # made ready for all of it
REFUSED_LEAST = 50        # before the flood may end
HELD_MAX = 256            # frames of one node that the leader holds: docs/protocol.md §9
RSS_GROWTH_MAX = 64 << 20
DESK_FULL, RESULT, QUOTED = 1101, 1, 9
ACCOUNT_MESSAGE = 12 << 3 | 2  # how such a FromNode begins


class Flood(Client):
    """Frames that were signed before, and what became of each, by its place in the list."""

    def make_ready(self, commands):
        written = [trader.Payload(commands=[one]).SerializeToString() for one in commands]
        self.nonces, self.frames = range(self.who.nonce + 1, self.who.nonce + 1 + FRAMES_MAX), []
        for i in range(FRAMES_MAX):  # the commands are a payload's last field
            frame = self.signed(self.payload([], valid_until_block=1 << 40) + written[i % 2])
            data = wire.ToNode(request=1000 + i, frame=frame).SerializeToString()
            self.frames.append(struct.pack(">I", len(data)) + data)
        self.sent, self.out, self.soft = 0, bytearray(), set()
        self.final, self.refused, self.executed = {}, {}, []
        self.socket.setblocking(False)

    def offer(self, count):
        for frame in self.frames[self.sent:self.sent + count]:
            self.out += frame
        self.sent = min(self.sent + count, len(self.frames))

    def answered(self):
        return len(self.final) + len(self.refused)

    def take(self, data):
        message = wire.FromNode.FromString(data)
        if data[0] == ACCOUNT_MESSAGE:  # most of what comes
            told = message.account_message
            if told.nonce >= self.nonces[0]:
                self.executed += [told.nonce for event in told.events if event.kind == RESULT]
            return
        at = message.request - 1000
        kind, body = self.note(message)
        if at < 0:
            return  # of what was asked before
        if kind == "frame_soft":
            check(at not in self.soft, "frame %d was soft twice", at)
            self.soft.add(at)
            return
        check(kind in ("frame_final", "error"), "frame %d was told: %s", at, body)
        check(at not in self.final and at not in self.refused, "frame %d has two last words", at)
        if kind == "frame_final":
            self.final[at] = body
        else:
            check(body.retriable, "frame %d was refused for good: %s", at, body)
            self.refused[at] = body

    def turn(self, seconds=0.01):
        """Sends and takes what goes at once; waits for the first of it."""
        if not self.socket.pending():
            select.select([self.socket], [self.socket] if self.out else [], [], seconds)
        try:
            while self.out:
                del self.out[:self.socket.send(self.out[:16384])]
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        try:
            for _ in range(64):
                more = self.socket.recv(1 << 16)
                check(more, "the node closed the connection")
                self.buffer += more
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        at = 0
        while len(self.buffer) - at >= 4:
            end = at + 4 + int.from_bytes(self.buffer[at:at + 4], "big")
            if len(self.buffer) < end:
                break
            self.take(bytes(self.buffer[at + 4:end]))
            at = end
        del self.buffer[:at]


# ---- The set -----------------------------------------------------------------------------------------


def start(nodes):
    for index in range(nodes.count):
        nodes.start(index)
    nodes.start_feed()
    nodes.tenor("--key", "maker", "faucet", "1000000")


def price(one, ticks):
    step = max((s.step for s in one.steps if getattr(s, "from") <= ticks), default=1)
    return max(step, ticks // step * step)


def quotes(client):
    """Two commands that quote all options, both sides, some 64 of them: each replaces the other's."""
    instruments = client.ask("instruments", get_instruments=wire.GetInstruments(market=1)).instruments
    options = {one.series_id: one for one in instruments if one.kind in (1, 2) and one.status == 1}
    marks = {}

    def has_marks():
        client.drain(0.1)
        marks.update((body.series_id, body.mark_micros) for _, kind, body in client.heard
                     if kind == "ticker" and body.mark_micros > 0 and body.series_id in options)
        return len(marks) == len(options)
    client.request(subscribe=wire.Subscribe(market=1, channel=wire.TICKER))
    within(60, "options have marks", has_marks)
    client.request(unsubscribe=wire.Unsubscribe(market=1, channel=wire.TICKER))
    commands = []
    for lower in (0.80, 0.75):
        made = []
        for series_id, mark in marks.items():
            one, ticks = options[series_id], mark // options[series_id].micros_per_tick
            bid = price(one, int(ticks * lower))
            made.append(trader.Quote(series_id=series_id, bid_price=bid, bid_quantity=1,
                                     ask_price=price(one, int(ticks * 1.3) + 2 * bid), ask_quantity=1))
        commands.append(trader.Command(mass_quote=trader.MassQuote(fee_max_ppm=1000000,
                                                                   quotes=made)))
    return commands


def status(nodes, index):
    return nodes.run([TENORD, "status", "--home", "%s/node-%d" % (nodes.folder, index)])


def are_equal(nodes, seen):
    """All have told the same root of one height."""
    for index in range(nodes.count):
        words = dict(word.split("=") for word in status(nodes, index).split())
        seen.setdefault((words["height"], words["root"]), set()).add(index)
    return any(len(told) == nodes.count for told in seen.values())


class Bounds:
    """What waits at the nodes and what they have taken, looked at while it goes on."""

    def __init__(self, nodes, leader, at):
        self.nodes, self.leader, self.at = nodes, leader, at
        self.before = [nodes.rss_bytes(i) for i in range(nodes.count)]
        self.held = self.next = 0
        self.term = nodes.metric(leader, 'tenor_market_term{market="1"}')

    def look(self, now):
        if now < self.next:
            return
        self.next = now + 0.3
        held = self.nodes.metric(self.leader, "tenor_forwarded_held")
        self.held = max(self.held, held)
        check(held <= HELD_MAX, "the leader holds %d frames of one node", held)
        check(self.nodes.metric(self.at, "tenor_gateway_held") == 0, "the other node holds frames")

    def end(self):
        grown = [self.nodes.rss_bytes(i) - self.before[i] for i in range(self.nodes.count)]
        check(max(grown) <= RSS_GROWTH_MAX, "nodes have grown by %s bytes", grown)
        for i in range(self.nodes.count):
            term = self.nodes.metric(i, 'tenor_market_term{market="1"}')
            check(term == self.term, "the term was %d and is %d at node-%d", self.term, term, i)
        return max(grown)


# ---- The story ---------------------------------------------------------------------------------------


def calm(client):
    """What the set takes a second: some frames under way at a time."""
    begin = time.monotonic()
    while time.monotonic() < begin + CALM_SECONDS or client.answered() < IN_FLIGHT:
        client.offer(max(0, min(IN_FLIGHT - (client.sent - client.answered()),
                                FRAMES_MAX // 4 - client.sent)))
        client.turn()
        if client.answered() >= FRAMES_MAX // 4:
            break
        check(time.monotonic() < begin + 60, "not even %d frames are answered", IN_FLIGHT)
    check(not client.refused, "refused while few were under way: %s", client.refused)
    good = sum(event.kind == QUOTED and not event.reject for event in client.final[0].events)
    check(good >= SIDES_LEAST, "of the first frame %d sides are good: %s", good, client.final[0])
    return client.answered() / (time.monotonic() - begin)


def offer_until(client, rate, bounds, frames_max, is_enough):
    """Offers at that rate until it is enough, or so many frames have gone; back with the seconds."""
    begin, first = time.monotonic(), client.sent
    now = begin
    while client.sent < first + frames_max and not is_enough(now - begin):
        now = time.monotonic()
        due = min(frames_max, int((now - begin) * rate))
        client.offer(due - (client.sent - first))
        client.turn()
        bounds.look(now)
    return now - begin


def flood(client, nodes, rate, bounds, others):
    """Four times what the set takes; on a machine with time to spare it takes more when there is
    more, so for a while two nodes stand still, and then it takes nothing. Back with the frames that
    were offered a second."""
    first, seconds = client.sent, 0.0
    rate = max(TIMES * rate, RATE_LEAST)
    seconds += offer_until(client, rate, bounds, FRAMES_MAX // 4, lambda took: took > 1.5)
    for other in others:
        nodes.signal(other, signal.SIGSTOP)
    seconds += offer_until(client, rate, bounds, FRAMES_MAX // 2,
                           lambda took: len(client.refused) >= REFUSED_LEAST)
    within(STAND_SECONDS, "frames are refused while nothing becomes final", lambda: (
        client.turn(), bounds.look(time.monotonic())) and len(client.refused) >= REFUSED_LEAST)
    for other in others:
        nodes.signal(other, signal.SIGCONT)
    seconds += offer_until(client, rate, bounds, FRAMES_MAX - client.sent, lambda took: took > 1.0)
    within(60, "each frame has its last word", lambda: (
        client.turn(), bounds.look(time.monotonic())) and client.answered() == client.sent)
    return (client.sent - first) / seconds


def what_was_refused_can_be_sent_again(client, nodes, leader):
    """The same bytes, which were not executed: they are now. Of late ones only 63 may be."""
    top = max(client.final)
    late = [at for at in client.refused if at > top - 60]
    check(late or max(client.refused) < top, "refused, and neither before nor behind %d", top)
    if not late:
        return "none of the last 60 was"
    at = late[0]
    del client.refused[at]
    client.out += client.frames[at]
    within(60, "a frame that was refused is taken later", lambda: (
        client.turn(0.05), at in client.final)[1])
    return "frame %d was, and is final" % at


def story(nodes):
    start(nodes)
    who = Trader(nodes, "maker")
    leader = Client(nodes).ask("cluster", get_cluster=wire.GetCluster()).markets[0].leader - 1
    at = (leader + 1) % nodes.count
    client = Flood(nodes, who, at).logon(heartbeat_ms=60000)
    client.make_ready(quotes(client))
    rate = calm(client)
    bounds = Bounds(nodes, leader, at)
    refused = 'tenor_forwarded_total{what="refused"}'
    before = nodes.metric(leader, refused)
    begun = client.sent
    others = [i for i in range(nodes.count) if i not in (leader, at)]
    offered = flood(client, nodes, rate, bounds, others)
    check(client.refused, "nothing was refused: %d frames at %d a second", client.sent, offered)
    codes = sorted({body.code for body in client.refused.values()})
    check(DESK_FULL in codes, "refused, but by %s", codes)
    check(nodes.metric(leader, refused) > before, "the leader has refused nothing that was passed on")
    # A block may overtake the answer that comes from the leader's node: that is told no more then.
    overtaken = sorted(client.final.keys() - client.soft)
    check(len(overtaken) * 10 <= len(client.final), "%d of %d final frames were never soft: %s",
          len(overtaken), len(client.final), overtaken[:5])
    check(len(client.final) - begun > 0, "nothing was final during the flood")
    again = what_was_refused_can_be_sent_again(client, nodes, leader)
    check(sorted(client.executed) == sorted(client.nonces[at] for at in client.final),
          "%d frames are final, and %d were executed", len(client.final), len(client.executed))
    grown = bounds.end()
    client.cut()
    seen = {}
    within(60, "all nodes have one root", lambda: are_equal(nodes, seen))
    nodes.stop()
    print("overload: %d frames a second taken, %d offered; of %d frames %d final, %d refused by %s; "
          "%d were final before they were soft; the leader held up to %d; sent again: %s; nodes grew "
          "by up to %d KiB" % (
              rate, offered, client.sent, len(client.final), len(client.refused), codes,
              len(overtaken), bounds.held, again, grown >> 10))


def main():
    nodes = Nodes(WORK, TENORD, TENOR, FEED, nodes=4, settings=SETTINGS, patience=PATIENCE)
    try:
        story(nodes)
        return 0
    except (Failed, OSError, subprocess.TimeoutExpired) as failed:
        print("FAILED: %s" % failed)
        for index in range(nodes.count):
            print("-- node-%d" % index, *nodes.log("node-%d" % index).split("\n")[-12:], sep="\n")
        return 1
    finally:
        nodes.clean_up()


sys.exit(main())
