"""Numbers of docs/errors.md that a client brings about from outside: by one
command each in frames of many, and by messages for those of the node. What is left is listed, with
what we suppose it would take."""
import contextlib
import struct
import time

from clients_lib import Client, Failed, check, closing, keccak256, sign, trader, wire
from tenor_errors import NodeError, Reject

QUERIES_BURST = 4000  # of the test's nodes
RESULT, QUOTED = 1, 9


def results(client, commands):
    """One frame: the rejects of each command, those of its quotes' sides as well."""
    final = client.trade(*commands)
    told = [set() for _ in commands]
    at = 0
    for event in final.events:
        if event.kind == QUOTED and event.reject:
            told[at].add(event.reject)
        elif event.kind == RESULT:
            told[at].add(event.reject)
            at += 1
    check(at == len(commands), "%d results for %d commands", at, len(commands))
    return told


class Walk:
    def __init__(self, world):
        self.world, self.found, self.missed = world, set(), []
        self.perp = world.perpetual
        self.step = max(one.step for one in self.perp.steps)
        self.far = int(95000e6 // self.perp.tick_micros // self.step * self.step)
        self.client = Client(world.nodes, world.alice, 0).logon()
        self.bob = Client(world.nodes, world.bob, 0).logon()
        self.listed = self.client.ask("instruments", get_instruments=wire.GetInstruments(
            market=1)).instruments
        self.client.request(subscribe=wire.Subscribe(market=1, channel=wire.TICKER,
                                                     series_id=[self.perp.series_id]))
        ticker = self.client.hear("ticker")
        self.best = (ticker.band_low + ticker.band_high) // 2 // self.step * self.step

    def expect(self, table):
        for (code, command), told in zip(table, results(self.client, [c for _, c in table])):
            if code in told:
                self.found.add(code)
            else:
                self.missed.append("%s: told %s by %s" % (Reject(code).name, told, command))

    def refused(self, client, code, **body):
        try:
            client.refused(code, **body)
            self.found.add(code)
        except Failed as why:
            self.missed.append("%d: %s" % (code, why))

    def place(self, **more):
        terms = dict(series_id=self.perp.series_id, side=trader.BUY, price=self.far, quantity=1,
                     fee_max_ppm=1000000)
        terms.update(more)
        return trader.Command(place=trader.Terms(**terms))

    def quotes(self, *quotes, **more):
        return trader.Command(mass_quote=trader.MassQuote(fee_max_ppm=1000000, quotes=[
            trader.Quote(series_id=self.perp.series_id, bid_price=bid, ask_price=ask,
                         bid_quantity=1, ask_quantity=1) for bid, ask in quotes], **more))

    def block(self, **more):
        fields = dict(counterparty=self.bob.account, counterparty_nonce=self.world.bob.nonce + 1,
                      expires_ms=int(time.time() * 1000) + 60000, fee_max_ppm=1000000,
                      legs=[self.block_leg()])
        fields.update(more)
        return fields

    def block_leg(self, quantity=1):
        return trader.BlockLeg(series_id=self.perp.series_id, price=self.far, quantity=quantity)

    # ---- Commands ------------------------------------------------------------------------------------

    def orders(self):
        best = self.best
        check(results(self.bob, [self.place(side=trader.SELL, price=best, quantity=2)]) == [{0}],
              "bob's order does not rest at %d", best)
        now = int(time.time() * 1000)
        coarse = [(one.series_id, (getattr(step, "from") // step.step + 1) * step.step + 1)
                  for one in self.listed for step in one.steps if step.step > 1]
        for series, off in coarse[:1]:  # the feed's markets may have none
            self.expect([(400, self.place(series_id=series, price=off))])
        self.expect([
            (103, trader.Command(cancel=trader.Cancel(order_id=10 ** 12))),
            (105, self.place(price=-5)),
            (106, self.place(quantity=-1)),
            (107, self.place(quantity=3, price=best, tif=trader.FOK)),
            (108, self.place(price=best, post=trader.POST_REJECT)),
            (300, self.place(series_id=self.perp.series_id ^ 1 << 60)),
            (401, self.place(price=self.best * 2)),
            (402, self.place(price=best, fee_max_ppm=0)),
            (403, self.place(reduce_only=True)),
            (405, self.place(quantity=2, display=3)),
            (406, self.place(tif=trader.GTT, until=now - 60000)),
            (407, self.place(type=trader.MARKET, post=trader.POST_REJECT)),
            (408, self.place(trigger=-1)),
        ])
        large = self.place(quantity=50 * self.perp.lots_per_unit)
        for _ in range(3):  # in all, more than a million pays for
            self.client.trade(*[large] * 8)
        self.expect([(700, large)])
        self.client.trade(self.world.cancel_all())
        self.bob.trade(self.world.cancel_all())

    def quoting(self):
        self.expect([
            (501, self.quotes((self.best, self.best))),
            (503, self.quotes((self.far, self.best), group=9)),
            (504, trader.Command(mmp_set=trader.MmpSet(group=1, interval_ms=-1))),
            (506, self.quotes((self.far, self.best),
                              (self.far, self.best))),
        ])

    def frozen(self):
        """A protection group that bob trips."""
        best = self.best
        self.client.trade(
            trader.Command(mmp_set=trader.MmpSet(group=2, interval_ms=60000, trades_limit=1)),
            self.quotes((self.far, best), group=2))
        self.bob.trade(self.place(price=best, tif=trader.IOC))
        self.expect([(502, self.quotes((self.far, best), group=2))])
        self.client.trade(trader.Command(mmp_reset=trader.MmpGroup(group=2)))

    def money(self):
        other = self.bob.account
        move = trader.Transfer
        self.expect([
            (200, trader.Command(transfer=move(to_account=4000, amount=1))),
            (208, trader.Command(transfer=move(to_account=other, amount=1))),
            (910, trader.Command(model=trader.Model(model=7))),
            (913, trader.Command(bid=trader.Bid(account=other, share_ppb=1, price_most=1))),
        ])

    def packages(self):
        series = self.perp.series_id
        leg = trader.PackageLeg(series_id=series, quantity=1)
        option = next(one.series_id for one in self.listed
                      if one.kind in (wire.CALL, wire.PUT) and one.status == 1)
        self.expect([
            (600, trader.Command(package=trader.Package(units=1, tif=trader.IOC, legs=[leg, leg]))),
            (601, trader.Command(package=trader.Package(
                units=1, tif=trader.IOC, fee_max_ppm=1000000, limit_micros=1,
                legs=[leg, trader.PackageLeg(series_id=option, quantity=1)]))),
        ])

    def blocks(self):
        """Agreements that bob has signed, all but one."""
        unsigned = trader.Command(block_trade=trader.BlockTrade(**self.block(
            counterparty_session=self.world.bob.session.id, counterparty_signature=b"\1" * 64)))
        self.refused(self.client, 1008, frame=self.client.signed(self.client.payload([unsigned])))
        for code, fields in ((602, {}), (603, dict(expires_ms=1)),
                             (607, dict(counterparty_nonce=1))):
            command = self.block(**fields)
            nonce = self.world.alice.nonce + 1
            agreed = struct.pack(">5s32sIIQIQqiB", b"TNBT1", self.client.net.chain_id, 1,
                                 self.client.account, nonce, command["counterparty"],
                                 command["counterparty_nonce"], command["expires_ms"], 1000000, 1)
            leg = command["legs"][0]
            agreed += struct.pack(">QBqq", leg.series_id, leg.side, leg.price, leg.quantity)
            command.update(counterparty_session=self.world.bob.session.id, counterparty_signature=sign(
                self.world.bob.session.secret, keccak256(agreed)))
            self.expect([(code, trader.Command(block_trade=trader.BlockTrade(**command)))])

    # ---- Messages ------------------------------------------------------------------------------------

    def frames(self):
        client = self.client
        frame = lambda **other: client.signed(client.payload([self.place()], **other))
        self.refused(client, 201, frame=frame(nonce=self.world.alice.nonce))
        self.refused(client, 203, frame=frame(valid_until_block=1))
        self.refused(client, 1000, frame=wire.SignedFrame(payload=client.payload([self.place()]),
                                                          signature=b"\1" * 64))
        self.refused(client, 204, frame=client.signed(client.payload([self.place()] * 256)))
        self.refused(client, 1004, frame=frame(term=client.term + 5))
        self.refused(client, 1103, frame=wire.SignedFrame(payload=b"\xff", signature=b"\1" * 64))
        self.refused(client, 20002, logon=client.logon_message())
        self.refused(client, 20011, frame=frame(market=2))
        self.refused(client, 40011, standby=wire.Standby(frame=frame()))
        self.world.alice.nonce += 200
        client.trade(self.place())
        self.refused(client, 202, frame=frame(nonce=self.world.alice.nonce - 100))
        client.trade(self.world.cancel_all())

    def fresh(self, code, raw=None, **body):
        client = Client(self.world.nodes, self.world.alice, 0)
        with closing(client):
            if raw is None:
                self.refused(client, code, **body)
            else:
                client.socket.sendall(raw)
                error = client.hear("error")
                check(error.code == code and error.closing, "%s is refused by %s", raw[:8], error)
                self.found.add(code)

    def logons(self):
        self.fresh(10001, raw=struct.pack(">I", 65537))
        self.fresh(10002, raw=struct.pack(">I", 2) + b"\xff\xff")
        self.fresh(10003, raw=struct.pack(">I", 2) + b"\x08\x01")
        self.fresh(20001, frame=self.client.signed(self.client.payload([self.place()])))
        self.fresh(20005, logon=self.client.logon_message())  # another connection's challenge
        client = Client(self.world.nodes, self.world.alice, 0)
        with closing(client):
            self.refused(client, 20006, logon=client.logon_message(heartbeat_ms=7))
            self.refused(client, 20008, logon=client.logon_message(
                resume_after=wire.Place(block=client.hello.height + 5000)))
            self.refused(client, 20007, logon=client.logon_message(resume_after=wire.Place(index=1)))
            unknown = wire.Logon(market=1, session=12345, signature=b"\1" * 64)
            self.refused(client, 20003, logon=unknown)
            codes = []
            with contextlib.suppress(OSError):  # once it is closed
                while 10012 not in codes and len(codes) < 100:
                    client.request(logon=unknown)
                    codes.append(client.hear("error").code)
            check(10012 in codes, "100 bad logons are answered by %s", set(codes))
            self.found.add(10012)
        many = [Client(self.world.nodes, self.world.alice, 3) for _ in range(17)]
        with closing(*many):
            for one in many[:16]:
                one.request(logon=one.logon_message())
            for one in many[:16]:
                one.hear("logon_ack", "error")
            self.refused(many[16], 20010, logon=many[16].logon_message())

    def silent(self):
        """Begun early, looked at last."""
        client = Client(self.world.nodes, self.world.alice, 0)
        return client.logon(heartbeat_ms=1000)

    def questions(self):
        client = self.client
        self.refused(client, 40001, get_instruments=wire.GetInstruments(market=77))
        self.refused(client, 40002, get_book=wire.GetBook(market=1, series_id=77))
        self.refused(client, 40003, get_margin=wire.GetMargin(market=1, account=99999))
        self.refused(client, 40005, subscribe=wire.Subscribe(market=1))
        self.refused(client, 40007, get_trades=wire.GetTrades(market=1, count=501))
        self.refused(client, 40008, get_chain=wire.GetChain(market=1, underlying=1, expiry_day=9))
        self.refused(client, 40009, get_chain=wire.GetChain(market=1, underlying=999))
        self.refused(client, 40010, item=wire.Item(bytes=b"\1"))

    def allowances(self):
        """Of bob, whose allowances nobody else needs."""
        client = self.bob
        requests = [client.request(get_cluster=wire.GetCluster()) for _ in range(QUERIES_BURST + 600)]
        codes = set()
        for request in requests:
            answer = client.hear("cluster", "error", request=request)
            if isinstance(answer, wire.Error):
                codes.add(answer.code)
        check(30003 in codes, "%d questions at once are refused by %s",
              len(requests), codes)
        self.found |= codes


# Not tried, and what we suppose that they would take. Nothing here proves it.
REASONS = (
    ("a full exchange (limits of the genesis)", (101, 102, 206, 209, 304, 309, 404, 410, 505, 608,
                                                 703, 704, 800, 911, 1006, 1101)),
    ("governance or feeds alone", (305, 306, 307, 308, 310, 311, 312, 313, 314, 316, 900, 901, 902,
                                   903, 904, 905, 906, 919, 1007)),
    ("a bug: the strict reader or the exchange's own numbers stand before it",
     (100, 104, 109, 110, 111, 207, 315, 409, 500, 605, 1005, 1009, 1010, 1104)),
    ("a failing set or a node that starts", (10009, 50001, 50002, 50003, 50004, 50006, 50007, 50008,
                                             1100, 1102, 30008)),
)


def walk(world):
    """Says what was reached and what was not."""
    walk = Walk(world)
    silent = walk.silent()
    try:
        for part in (walk.orders, walk.quoting, walk.frozen, walk.money, walk.packages, walk.blocks,
                     walk.frames, walk.logons, walk.questions, walk.allowances):
            part()
        try:
            while silent.hear("error", seconds=5).code != 10004:
                pass
            walk.found.add(10004)
        except OSError:
            check(False, "a silent connection ends without 10004")
    finally:
        for client in (walk.client, walk.bob, silent):
            client.cut()
    check(not walk.missed, "%s", "; ".join(walk.missed))
    known = {int(one) for table in (NodeError, Reject) for one in table} - {0}
    for why, codes in REASONS:
        left = sorted(set(codes) & known - walk.found)
        print("   not tried; supposed to take %s: %s" % (why, " ".join(map(str, left))))
    others = known - walk.found - {code for _, codes in REASONS for code in codes}
    print("   in other stories, or not tried: %s" % " ".join(map(str, sorted(others))))
    return "%d of %d numbers reached" % (len(walk.found), len(known))
