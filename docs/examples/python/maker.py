"""A market maker: quotes every active option around its mark, one mass quote for up to 64 of them."""
import time

from tenor_bot import QUOTED, TRADE, Bot, main, trader, wire

ACTIVE, CALL, PUT = 1, 1, 2


class Maker(Bot):
    quantity, spread = 10, 0.04
    frames = sides = refused = fills = 0

    def on_ready(self):
        market = self.session.market
        self.series = {one.series_id: one for one in
                       self.ask("instruments", get_instruments=wire.GetInstruments(market=market)).instruments
                       if one.kind in (CALL, PUT)}
        self.marks, self.sent, self.next = {}, {}, 0.0
        for channel in (wire.BLOCKS, wire.INSTRUMENTS, wire.TICKER):
            self.send(subscribe=wire.Subscribe(market=market, channel=channel))

    def on_message(self, kind, message):
        if kind == "ticker" and message.series_id in self.series:
            self.marks[message.series_id] = message
        elif kind == "instrument" and message.kind in (CALL, PUT):
            self.series[message.series_id] = message
        elif kind == "frame_soft":
            self.sides += sum(1 for event in message.events if event.kind == QUOTED and not event.reject)
        elif kind == "account_message" and message.event.kind == TRADE:
            self.fills += 1
        elif kind == "error":
            self.refused += 1

    def price(self, series, ticks, up):
        """Rounded away from the mark to a price that orders may have."""
        step = max((one.step for one in series.steps if getattr(one, "from") <= ticks), default=1)
        return max(step, (-(-ticks // step) if up else ticks // step) * step)

    def quote(self, series, ticker):
        mark = ticker.mark_micros // series.micros_per_tick
        half = max(1, int(mark * self.spread / 2))
        return trader.Quote(series_id=series.series_id, bid_quantity=self.quantity,
                            ask_quantity=self.quantity, bid_price=self.price(series, mark - half, False),
                            ask_price=self.price(series, mark + half, True))

    def on_idle(self):
        if time.monotonic() < self.next:
            return
        self.next = time.monotonic() + 0.25
        quotes = []
        for series_id, ticker in self.marks.items():
            series = self.series[series_id]
            if series.status != ACTIVE or series.micros_per_tick == 0 or ticker.mark_micros <= 0:
                continue
            quote = self.quote(series, ticker)
            if self.sent.get(series_id) != quote:
                self.sent[series_id] = quote
                quotes.append(quote)
        for at in range(0, len(quotes), 64):
            command = trader.Command(mass_quote=trader.MassQuote(
                fee_max_ppm=1000000, post_only=True, quotes=quotes[at:at + 64]))
            self.trade([command])
            self.frames += 1

    def summary(self):
        return "frames %d, sides quoted %d, fills %d, refused %d" % (
            self.frames, self.sides, self.fills, self.refused)


if __name__ == "__main__":
    main(Maker, __doc__)
