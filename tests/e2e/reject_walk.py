"""The walk through the numbers of docs/errors.md: commands and messages that must be refused, each by
its own number. test_rejects.py tells it, and holds what nobody outside can provoke."""
import contextlib
import signal
import struct
import time

from clients_lib import Client, Failed, TOLD, Trader, check, closing, keccak256, sign, trader, wire, within
from owner_lib import ACTIVE, HALTED, TRADE, new_key
from tenor_errors import Reject

QUERIES_BURST = 4000  # of the nodes
SESSIONS_MAX = 8      # of an account
RESULT, QUOTED = 1, 9
AUCTION, INSOLVENT = 2, 3  # enum tn_liquidation


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


def agreement(client, block, nonce):
    """What the other side of a block trade signs (docs/specs/block-trade.md)."""
    legs = b"".join(struct.pack(">QBqq", one.series_id, one.side, one.price, one.quantity)
                    for one in block["legs"])
    return keccak256(struct.pack(
        ">5s32sIIQIQqiB", b"TNBT1", client.net.chain_id, 1, client.account, nonce,
        block["counterparty"], block["counterparty_nonce"], block["expires_ms"],
        block["fee_max_ppm"], len(block["legs"])) + legs)


class Walk:
    def __init__(self, world):
        self.world, self.nodes, self.missed = world, world.nodes, []
        self.perp = world.perpetual
        self.step = max(one.step for one in self.perp.steps)
        self.far = int(95000e6 // self.perp.tick_micros // self.step * self.step)
        self.client = Client(world.nodes, world.alice, world.leader).logon(heartbeat_ms=60000)
        self.bob = Client(world.nodes, world.bob, world.leader).logon(heartbeat_ms=60000)
        self.listed = self.client.ask("instruments", get_instruments=wire.GetInstruments(
            market=1)).instruments
        self.options = [one.series_id for one in self.listed
                        if one.kind in (wire.CALL, wire.PUT) and one.status == ACTIVE]
        self.client.request(subscribe=wire.Subscribe(market=1, channel=wire.TICKER,
                                                     series_id=[self.perp.series_id]))
        ticker = self.client.hear("ticker")
        self.best = (ticker.band_low + ticker.band_high) // 2 // self.step * self.step

    # ---- How it is said --------------------------------------------------------------------------

    def expect(self, table, client=None):
        """One frame of commands, each refused by its number; 0: it is done."""
        answers = results(client or self.client, [command for _, command in table])
        for (code, command), told in zip(table, answers):
            if code not in told:
                self.missed.append("%s: told %s by %s" % (Reject(code).name, told, command))

    def refused(self, client, code, **body):
        try:
            client.refused(code, **body)
        except Failed as why:
            self.missed.append("%d: %s" % (code, why))

    def hears(self, client, code, what):
        """In the account's stream, which tells what becomes of operations."""
        def heard():
            client.drain(0.05)
            return code in TOLD
        within(60, "%d: %s" % (code, what), heard)

    def place(self, **more):
        terms = dict(series_id=self.perp.series_id, side=trader.BUY, price=self.far, quantity=1,
                     fee_max_ppm=1000000)
        terms.update(more)
        return trader.Command(place=trader.Terms(**terms))

    def named(self, client_id, **more):
        command = self.place(**more)
        command.client_id = client_id
        return command

    def quotes(self, *quotes, **more):
        return trader.Command(mass_quote=trader.MassQuote(fee_max_ppm=1000000, quotes=[
            trader.Quote(series_id=self.perp.series_id, bid_price=bid, ask_price=ask,
                         bid_quantity=1, ask_quantity=1) for bid, ask in quotes], **more))

    def clear(self):
        for client in (self.client, self.bob):
            client.trade(trader.Command(mass_cancel=trader.MassCancel()))
            within(60, "no order rests", lambda: not client.orders(client.account))

    # ---- Commands --------------------------------------------------------------------------------

    def orders(self):
        best = self.best
        check(results(self.bob, [self.place(side=trader.SELL, price=best, quantity=2)]) == [{0}],
              "bob's order does not rest at %d", best)
        now = int(time.time() * 1000)
        self.expect([
            (103, trader.Command(cancel=trader.Cancel(order_id=10 ** 12))),
            (105, self.place(price=-5)),
            (106, self.place(quantity=-1)),
            (107, self.place(quantity=3, price=best, tif=trader.FOK)),
            (108, self.place(price=best, post=trader.POST_REJECT)),
            (300, self.place(series_id=self.perp.series_id ^ 1 << 50)),
            (401, self.place(price=self.best * 2)),
            (402, self.place(price=best, fee_max_ppm=0)),
            (403, self.place(reduce_only=True)),
            (405, self.place(quantity=2, display=3)),
            (406, self.place(tif=trader.GTT, until=now - 60000)),
            (407, self.place(type=trader.MARKET, post=trader.POST_REJECT)),
            (408, self.place(trigger=-1)),
            (110, self.place(side=7)),
            (111, self.place(tif=9)),
            (409, self.place(self_trade=9)),
        ])
        large = self.place(quantity=50 * self.perp.lots_per_unit)
        for _ in range(3):  # in all, more than a million pays for
            self.client.trade(*[large] * 8)
        self.expect([(700, large)])
        self.clear()
        self.expect([(0, self.place()), (317, self.place(quantity=10000))])
        self.clear()

    def ends_of_orders(self):
        """Orders that wait for a trigger, that reduce only, that reach too many."""
        best, trigger = self.best, self.best + 20000 * self.step
        self.expect([
            (0, self.named(901, price=best, trigger=trigger)),
            (411, trader.Command(replace=trader.Replace(client_id=901, price=best, quantity=1)))])
        self.bob.trade(self.place(side=trader.SELL, price=best, quantity=2))
        up = best + 10 * self.step
        self.expect([
            (0, self.place(price=best, quantity=2)),
            (0, self.place(side=trader.SELL, price=up, reduce_only=True)),
            (404, self.place(side=trader.SELL, price=up, reduce_only=True))])
        self.bob.trade(*[self.place(side=trader.SELL, price=best)] * 3)
        self.expect([(412, self.place(price=best, quantity=3, tif=trader.FOK))])
        self.clear()

    def quoting(self):
        best = self.best
        self.expect([
            (500, self.quotes()),
            (501, self.quotes((best, best))),
            (503, self.quotes((self.far, best), group=9)),
            (504, trader.Command(mmp_set=trader.MmpSet(group=1, interval_ms=-1))),
            (506, self.quotes((self.far, best), (self.far, best))),
        ])
        self.client.trade(  # a protection group that bob trips
            trader.Command(mmp_set=trader.MmpSet(group=2, interval_ms=60000, trades_limit=1)),
            self.quotes((self.far, best), group=2))
        self.bob.trade(self.place(price=best, tif=trader.IOC))
        self.expect([(502, self.quotes((self.far, best), group=2))])
        self.client.trade(trader.Command(mmp_reset=trader.MmpGroup(group=2)))
        self.clear()

    def packages(self):
        leg, option = trader.PackageLeg(series_id=self.perp.series_id, quantity=1), self.options[0]
        two = [leg, trader.PackageLeg(series_id=option, quantity=1)]

        def package(**more):
            terms = dict(units=1, tif=trader.IOC, fee_max_ppm=1000000, legs=two)
            terms.update(more)
            return trader.Command(package=trader.Package(**terms))
        self.expect([
            (600, package(legs=[leg, leg])),
            (601, package(limit_micros=1)),
            (210, package(limit_micros=1 << 60)),
            (111, package(tif=trader.GTC)),
        ])

    def owing(self):
        """A call and its hedge, on credit: another margin model gives none."""
        call = min((one for one in self.listed if one.kind == wire.CALL and one.status == ACTIVE),
                   key=lambda one: (one.strike_micros, -one.expiry_day))
        self.client.request(subscribe=wire.Subscribe(market=1, channel=wire.TICKER,
                                                     series_id=[call.series_id]))
        ticker = within(60, "the call's ticker", lambda: (
            lambda one: one if one.series_id == call.series_id else None)(
                self.client.hear("ticker")))
        mark = (ticker.band_low + ticker.band_high) // 2
        self.bob.trade(self.place(series_id=call.series_id, side=trader.SELL, price=mark),
                       self.place(price=self.best))
        premium = mark * call.tick_micros // call.lots_per_unit
        poor = Client(self.nodes, self.world.poor, self.world.leader).logon()
        with closing(poor):
            def cash():
                return poor.ask("account", get_account=wire.GetAccount(
                    market=1, account=poor.account)).cash_micros
            before = cash()
            self.world.authority.deposit(self.client, poor.account, premium * 9 // 10 - before)
            within(60, "a deposit", lambda: cash() > before)
            self.expect([(0, trader.Command(package=trader.Package(
                units=1, tif=trader.FOK, fee_max_ppm=1000000, limit_micros=1 << 40, legs=[
                    trader.PackageLeg(series_id=call.series_id, quantity=1),
                    trader.PackageLeg(series_id=self.perp.series_id, quantity=1,
                                      side=trader.SELL)]))),
                         (909, trader.Command(model=trader.Model(model=1)))], poor)
        self.clear()

    def statuses(self):
        """A series that governance halts."""
        series = self.options[-1]
        self.world.authority.set_status(self.client, series, HALTED)
        self.expect([(301, self.place(series_id=series, price=1))])
        self.world.authority.set_status(self.client, series, ACTIVE)

    def money(self):
        """Between accounts; alice has a second one."""
        world, move = self.world, trader.Transfer
        other = world.second
        self.expect([
            (200, trader.Command(transfer=move(to_account=4000, amount=1))),
            (208, trader.Command(transfer=move(to_account=self.bob.account, amount=1))),
            (210, trader.Command(transfer=move(to_account=other, amount=0))),
            (211, trader.Command(remit=trader.Remit(to_market=2, to_account=other, amount=1))),
            (701, trader.Command(transfer=move(to_account=other, amount=1 << 49))),
            (702, trader.Command(transfer=move(to_account=other, asset=5, amount=1))),
            (211, trader.Command(remit=trader.Remit(to_market=77, amount=1))),
            (910, trader.Command(model=trader.Model(model=7))),
            (913, trader.Command(bid=trader.Bid(account=self.bob.account, share_ppb=1,
                                                price_most=1))),
        ])

    def blocks(self):
        """Agreements, signed by the other side in all but one."""
        world, short = self.world, self.world.second_of_bob
        legs = [trader.BlockLeg(series_id=self.perp.series_id, price=self.best, quantity=100)]
        small = [trader.BlockLeg(series_id=self.perp.series_id, price=self.far, quantity=1)]
        bobs, alices, shorts = world.bob.session, world.second_session, world.short_session

        def block(**more):
            fields = dict(counterparty=self.bob.account, counterparty_nonce=world.bob.nonce + 1,
                          expires_ms=int(time.time() * 1000) + 60000, fee_max_ppm=1000000, legs=legs)
            fields.update(more)
            return fields
        unsigned = trader.Command(block_trade=trader.BlockTrade(**block(
            counterparty_session=bobs.id, counterparty_signature=b"\1" * 64)))
        self.refused(self.client, 1008, frame=self.client.signed(self.client.payload([unsigned])))
        for code, session, fields in (
                (602, bobs, dict(legs=small)), (603, bobs, dict(expires_ms=1)),
                (605, bobs, dict(legs=legs + legs)), (607, bobs, dict(counterparty_nonce=1)),
                (604, alices, dict(counterparty=world.second, counterparty_nonce=900)),
                (608, shorts, dict(counterparty=short, counterparty_nonce=900))):
            agreed = block(**fields)
            agreed.update(counterparty_session=session.id, counterparty_signature=sign(
                session.secret, agreement(self.client, agreed, world.alice.nonce + 1)))
            self.expect([(code, trader.Command(block_trade=trader.BlockTrade(**agreed)))])

    def full(self):
        """The exchange holds what its genesis says, and no more."""
        def at(price):
            return self.place(price=price)
        cents = [self.place(series_id=series, price=1) for series in self.options[:7]]
        self.client.trade(*cents[:6])
        self.expect([(410, cents[6])])
        self.clear()
        for group in (1, 2):  # 1 is new, 2 is there
            self.client.trade(trader.Command(mmp_set=trader.MmpSet(group=group, interval_ms=1000,
                                                                   trades_limit=1)))
        self.expect([(505, trader.Command(mmp_set=trader.MmpSet(group=3, interval_ms=1000,
                                                                trades_limit=1)))])
        for first in range(0, 24, 12):
            self.client.trade(*[at(self.far - (first + i) * self.step) for i in range(12)])
        self.expect([(102, at(self.far - 30 * self.step))])
        self.clear()
        for _ in range(4):
            self.client.trade(*[at(self.far)] * 16)
        self.expect([(101, at(self.far))])
        cancel = trader.Command(mass_cancel=trader.MassCancel())
        self.expect([(0, cancel), (800, cancel)])
        within(60, "no order rests", lambda: not self.client.orders(self.client.account))
        # Names of commands: 16 are remembered of an account, 40 of all.
        for first in range(1000, 1020, 10):
            self.client.trade(*[self.named(first + i) for i in range(10)])
            self.client.trade(cancel)
        self.expect([(205, self.named(1000))])
        self.bob.trade(*[self.named(2000 + i) for i in range(15)])
        self.bob.trade(self.named(2015))
        third = Client(self.nodes, self.world.poor, self.world.leader).logon()
        cheap = dict(series_id=self.options[0], price=1)
        with closing(third):
            third.trade(*[self.named(3000 + i, **cheap) for i in range(6)])
            self.expect([(0, self.named(3006, **cheap)), (0, self.named(3007, **cheap)),
                         (206, self.named(3008, **cheap))], third)
            third.trade(cancel)
        self.clear()

    # ---- Messages --------------------------------------------------------------------------------

    def frames(self):
        client, bad = self.client, b"\1" * 64

        def frame(**other):
            return client.signed(client.payload([self.place()], **other))
        self.refused(client, 201, frame=frame(nonce=self.world.alice.nonce))
        self.refused(client, 203, frame=frame(valid_until_block=1))
        self.refused(client, 1000, frame=wire.SignedFrame(payload=client.payload([self.place()]),
                                                          signature=bad))
        self.refused(client, 204, frame=client.signed(client.payload([self.place()] * 256)))
        self.refused(client, 1104, frame=client.signed(self.largest()))
        self.refused(client, 1004, frame=frame(term=client.term + 5))
        self.refused(client, 1103, frame=wire.SignedFrame(payload=b"\xff", signature=bad))
        self.refused(client, 20002, logon=client.logon_message())
        self.refused(client, 20011, frame=frame(market=2))
        self.refused(client, 40011, standby=wire.Standby(frame=frame()))
        self.world.alice.nonce += 200
        client.trade(self.place())
        self.refused(client, 202, frame=frame(nonce=self.world.alice.nonce - 100))
        self.clear()

    def largest(self):
        """A payload that a message has room for, and a batch, with its header, not."""
        def payload(*counts):
            return self.client.payload([self.quotes(*[(self.far, self.best)] * count)
                                        for count in counts], nonce=self.world.alice.nonce + 1)
        least, most = 65340, 65440
        quote = (len(payload(200)) - len(payload(100))) / 100
        many = [250] * int(least / 250 / quote)
        rest = payload(*many, int((most - 20 - len(payload(*many))) / quote))
        check(least < len(rest) < most, "the payload has %d bytes", len(rest))
        return rest

    def sessions(self):
        """Those of too small a scope, that are revoked, that are wrong, and one too many."""
        world, owner = self.world, self.world.owner
        cancel = trader.Command(mass_cancel=trader.MassCancel())
        with_session = Trader(self.nodes, "alice")
        with_session.session = owner.open_session(self.client, self.client.account,
                                                  world.alice.next_nonce(), 60000, TRADE)
        trading = Client(self.nodes, with_session, world.leader).logon()
        with closing(trading):
            with_session.nonce = world.alice.nonce
            self.refused(trading, 1003, frame=trading.signed(trading.payload([trader.Command(
                transfer=trader.Transfer(to_account=world.second, amount=1))])))
            owner.revoke(self.client, world.alice.next_nonce(), with_session.session.id)
            with_session.nonce = world.alice.nonce + 5
            codes = set()

            def is_over():
                with contextlib.suppress(OSError):
                    answer = trading.hear("error", "frame_final", request=trading.request(
                        frame=trading.signed(trading.payload([cancel]), wait=wire.FINAL)))
                    codes.add(getattr(answer, "code", 0))
                return 1001 in codes
            within(60, "a revoked session may do nothing, but told %s" % codes, is_over)
        world.alice.nonce = with_session.nonce + 1
        soon = int(time.time() * 1000) + 60000
        owner.ask_session(self.client, self.client.account, world.alice.next_nonce(), new_key()[1],
                          1000)
        self.hears(self.client, 1007, "a session that has expired before it begins")
        for _ in range(SESSIONS_MAX):
            owner.ask_session(self.client, self.client.account, world.alice.next_nonce(),
                              new_key()[1], soon)
        self.hears(self.client, 1006, "one session too many")

    def fresh(self, code, raw=None, **body):
        client = Client(self.nodes, self.world.alice, 0)
        with closing(client):
            if raw is None:
                self.refused(client, code, **body)
            else:
                client.socket.sendall(raw)
                error = client.hear("error")
                check(error.code == code and error.closing, "%s is refused by %s", raw[:8], error)

    def logons(self):
        self.fresh(10001, raw=struct.pack(">I", 65537))
        self.fresh(10002, raw=struct.pack(">I", 2) + b"\xff\xff")
        self.fresh(10003, raw=struct.pack(">I", 2) + b"\x08\x01")
        self.fresh(20001, frame=self.client.signed(self.client.payload([self.place()])))
        self.fresh(20005, logon=self.client.logon_message())  # another connection's challenge
        client = Client(self.nodes, self.world.alice, 0)
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
        many = [Client(self.nodes, self.world.alice, 0) for _ in range(17)]
        with closing(*many):
            for one in many[:16]:
                one.request(logon=one.logon_message())
            for one in many[:16]:
                one.hear("logon_ack", "error")
            self.refused(many[16], 20010, logon=many[16].logon_message())

    def questions(self):
        client = self.client
        self.refused(client, 40001, get_instruments=wire.GetInstruments(market=77))
        self.refused(client, 40002, get_book=wire.GetBook(market=1, series_id=77))
        self.refused(client, 40003, get_margin=wire.GetMargin(market=1, account=99999))
        if "40004 BLOCK_UNKNOWN" in self.nodes.tenor("block", "--height", "4000000000", end=3):
            TOLD.add(40004)  # of a node it is a block that does not `exist`; the library says this
        self.refused(client, 40005, subscribe=wire.Subscribe(market=1))
        self.refused(self.bob, 40006, unsubscribe=wire.Unsubscribe(market=1, channel=wire.BLOCKS))
        self.refused(client, 40007, get_trades=wire.GetTrades(market=1, count=501))
        self.refused(client, 40008, get_chain=wire.GetChain(market=1, underlying=1, expiry_day=9))
        self.refused(client, 40009, get_chain=wire.GetChain(market=1, underlying=999))
        self.refused(client, 40010, item=wire.Item(bytes=b"\1"))

    def allowances(self):
        """Of bob, whose allowances nobody else needs, at the node that is not the leader."""
        node = 1 - self.world.leader
        client = Client(self.nodes, self.world.bob, node).logon()
        with closing(client):
            self.refused(client, 40012, subscribe=wire.Subscribe(
                market=1, channel=wire.BOOK_SOFT, series_id=[self.perp.series_id]))
            asked = [client.request(get_cluster=wire.GetCluster())
                     for _ in range(QUERIES_BURST + 600)]
            codes = {getattr(client.hear("cluster", "error", request=request), "code", 0)
                     for request in asked}
            check(30003 in codes, "%d questions at once are refused by %s", len(asked), codes)
            self.nodes.set_limits(node, orders_per_second=1, orders_burst=4, quotes_per_second=1,
                                  quotes_burst=4, frames_max=2)
            orders = client.signed(client.payload([self.place()] * 5))
            self.refused(client, 30001, frame=orders)
            many = client.signed(client.payload([self.quotes(*[(self.far, self.best)] * 3)]))
            self.refused(client, 30002, frame=many)
            cancel = trader.Command(mass_cancel=trader.MassCancel())
            asked = [client.request(frame=client.signed(client.payload([cancel])))
                     for _ in range(30)]
            codes = {getattr(client.hear("frame_final", "error", request=request), "code", 0)
                     for request in asked}
            check(30006 in codes, "30 frames at once are refused by %s", codes)

    # ---- A second underlying, whose prices are this test's -----------------------------------------

    def prices(self):
        authority, client = self.world.authority, self.client
        authority.define(client, b"TST", [(0, 1), (1000, 5)])
        self.test, self.spot = self.perp.series_id & (1 << 53) - 1 | 2 << 53, 2000000000
        authority.list_series(client, self.test)
        trial = wire.Trial(series_id=self.test, position=1)

        def without_mark():  # its orders are refused by its status; a trial of them is not
            answer = client.hear("margin", "error", request=client.request(
                get_margin=wire.GetMargin(market=1, account=client.account, trials=[trial])))
            return "NO_MARK" in getattr(answer, "refused", "")
        within(60, "a series without a mark is not tried", without_mark)
        TOLD.add(303)
        authority.report_spot(client, 2, self.spot)
        within(60, "a price off its tick is refused", lambda: results(client, [self.place(
            series_id=self.test, price=1901)])[0] == {400})

    def stage(self):
        """Of spare's liquidation, while prices go on."""
        self.world.authority.report_spot(self.client, 2, self.spot)
        found = self.client.ask("liquidations", get_liquidations=wire.GetLiquidations(market=1))
        return next((row.state for row in found.liquidations
                     if row.account == self.world.spare.account), 0)

    def queue(self):
        """Where bob's short position stands among those that a bankrupt buyer is closed against."""
        told = self.client.ask("account", get_account=wire.GetAccount(
            market=1, account=self.bob.account))
        return next(((one.adl_rank, one.adl_place, one.adl_of) for one in told.positions
                     if one.series_id == self.test and one.quantity < 0), (0, 0, 0))

    def fall(self):
        """Spare buys from bob what a fall of prices takes him out of, which lasts some seconds. What
        bob gains by it brings him forward in the queue of deleveraging."""
        spare, price, quantity = self.world.spare, 2000, 1000
        sells = [self.place(series_id=self.test, side=trader.SELL, price=price, quantity=quantity)]
        within(60, "bob sells", lambda: (self.stage(), {0} in results(self.bob, sells))[1])

        def bought():
            self.stage()  # or the feed would be late
            return {0} in results(spare, [self.place(series_id=self.test, price=price,
                                                     quantity=quantity)])
        within(60, "spare buys", bought)
        within(60, "bob stands in the queue", lambda: (self.stage(), self.queue()[1:] == (1, 1))[1])
        rank = self.queue()[0]
        self.spot = 1700000000
        within(60, "bob's rank rises with his gain", lambda: (self.stage(), self.queue()[0] > rank)[1])
        within(60, "spare is liquidated", self.stage)
        self.expect([(908, self.place(series_id=self.test, price=1700, quantity=500))], spare)

    def bids(self):
        world = self.world

        def bid(state, share=10 ** 9, price_most=1 << 40):
            return trader.Command(bid=trader.Bid(account=world.spare.account, state=state,
                                                 share_ppb=share, price_most=price_most))
        state = within(60, "spare's auction", lambda: (
            self.stage() if self.stage() in (AUCTION, INSOLVENT) else 0))
        self.expect([
            (914, bid(AUCTION + INSOLVENT - state)),
            (915, bid(state, share=0)),
            (916, bid(state, price_most=-(1 << 40)))])
        poor = Client(self.nodes, world.poor, world.leader).logon()
        mine = Client(self.nodes, world.own, world.leader).logon()
        with closing(poor, mine):
            self.expect([(918, bid(state))], poor)
            self.expect([(917, bid(state))], mine)
        self.win()

    def win(self):
        """The program bids for a hundredth of what spare has, with alice's money, and gets it."""
        words = ("--key", "alice", "bid", "--account", str(self.world.spare.account),
                 "--share", "0.01", "--pay-most", "1000000", "--state")

        def taken():
            state = "auction" if self.stage() == AUCTION else "insolvent"
            with contextlib.suppress(Failed):  # a feed may be late where the machine is crowded
                return self.nodes.tenor(*words, state)
        said = within(60, "a bid is taken", taken)
        check('"event": "seized"' in said, "a bid that is taken says: %s", said)
        with closing(Client(self.nodes, self.world.alice, self.world.leader).logon()):
            pass  # the program's nonces are the account's too

    def insolvent(self):
        """Spare owes more than he has: nobody's money leaves."""
        self.spot = 1200000000
        within(60, "spare is insolvent", lambda: self.stage() == INSOLVENT)
        self.nodes.tenor("--key", "alice", "withdraw", "1", end=3)
        self.hears(self.client, 912, "a withdrawal")
        self.world.alice.nonce += 8  # the program's nonces are the account's too

    def late(self):
        """Of the test's own underlying nobody reports any more."""
        within(60, "a feed is late", lambda: results(self.client, [self.place(
            series_id=self.test, price=1100, quantity=100)])[0] == {907})
        self.clear()

    # ---- What ends, and what stops ---------------------------------------------------------------

    def begin_silence(self):
        """Looked at by `ends`."""
        self.silent = Client(self.nodes, self.world.alice, 0).logon(heartbeat_ms=1000)
        brief = Trader(self.nodes, "alice")
        brief.session = self.world.owner.open_session(
            self.client, self.client.account, self.world.alice.next_nonce(), 2500)
        self.brief = Client(self.nodes, brief, 0).logon()

    def ends(self):
        with closing(self.silent, self.brief):
            time.sleep(max(0.0, self.brief.session.expires - time.time()))
            cancel = trader.Command(mass_cancel=trader.MassCancel())

            def has_expired():  # by the time of blocks
                frame = self.brief.signed(self.brief.payload([cancel],
                                                             self.world.alice.next_nonce()))
                answer = self.brief.hear("error", "frame_final", request=self.brief.request(
                    frame=frame))
                return getattr(answer, "code", 0) == 1002
            within(60, "the session has expired", has_expired)
            late = Client(self.nodes, self.brief.who, 0)
            with closing(late):
                self.refused(late, 20004, logon=late.logon_message())
            with contextlib.suppress(OSError):
                while self.silent.hear("error", seconds=60).code != 10004:
                    pass

    def halts(self):
        """Without the other node nothing is final; then a node ends."""
        within(240, "a leader stands alone", self.stands_alone)
        away = Client(self.nodes, self.world.bob, 0).logon()
        with closing(away):
            self.nodes.signal(0, signal.SIGTERM)
            with contextlib.suppress(OSError):
                while away.hear("error", seconds=60).code != 10009:
                    pass

    def stands_alone(self):
        """False: on a crowded machine it was the leader that was stopped; once more."""
        leader, nodes = self.world.leader, self.nodes
        client = Client(nodes, self.world.alice, leader).logon(heartbeat_ms=60000)
        cancels = [trader.Command(mass_cancel=trader.MassCancel())] * 16

        def late():
            frame = client.signed(client.payload([self.place()]))
            answer = client.hear("error", "frame_soft", request=client.request(frame=frame))
            return getattr(answer, "code", 0) == 1102

        def full():
            asked = [client.request(frame=client.signed(client.payload(cancels), wait=wire.SOFT))
                     for _ in range(32)]
            return 1101 in {getattr(client.hear("error", "frame_soft", request=one), "code", 0)
                            for one in asked}
        with closing(client):
            nodes.signal(1 - leader, signal.SIGSTOP)
            try:
                within(60, "the desk takes cancels only", late)
                within(60, "of cancels too it takes so many ahead of blocks, and no more", full)
            except Failed:
                cluster = client.ask("cluster", get_cluster=wire.GetCluster())
                if cluster.markets[0].leader - 1 == leader:
                    raise
                return False
            finally:
                nodes.signal(1 - leader, signal.SIGCONT)
            within(120, "blocks go on", lambda: self.goes_on(client))
        return True

    def goes_on(self, client):
        client.ask("cluster", get_cluster=wire.GetCluster())  # another term, perhaps
        answer = client.hear("error", "frame_final", "frame_reverted", request=client.request(
            frame=client.signed(client.payload([trader.Command(mass_cancel=trader.MassCancel())]),
                                wait=wire.FINAL)))
        return isinstance(answer, wire.FrameFinal)
