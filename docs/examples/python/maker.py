"""A market maker: quotes every active option around its mark, one mass quote for up to 64 of them."""
from tenor_bot import QUOTED, TRADE, Bot, main, trader, wire

ACTIVE, CALL, PUT = 1, 1, 2


class Maker(Bot):
    quantity, spread = 10, 0.04
    frames = sides = fills = 0

    def on_ready(self):
        self.series, self.marks, self.sent = {}, {}, {}
        self.subscribe(wire.BLOCKS, wire.INSTRUMENTS, wire.TICKER)

    def on_message(self, kind, message):
        if kind == "ticker":
            self.marks[message.series_id] = message.mark_micros
        elif kind == "instrument" and message.kind in (CALL, PUT):
            self.series[message.series_id] = message
        elif kind == "frame_soft":
            self.sides += sum(event.kind == QUOTED and not event.reject for event in message.events)
        elif kind == "account_message":
            self.fills += sum(event.kind == TRADE for event in message.events)

    def price(self, series, ticks, up):
        """Rounded away from the mark to a price that orders may have."""
        step = max((one.step for one in series.steps if getattr(one, "from") <= ticks), default=1)
        return max(step, (-(-ticks // step) if up else ticks // step) * step)

    def quote(self, series):
        mark = self.marks[series.series_id] // series.micros_per_tick
        half = max(1, int(mark * self.spread / 2))
        return trader.Quote(series_id=series.series_id, bid_quantity=self.quantity,
                            ask_quantity=self.quantity, bid_price=self.price(series, mark - half, False),
                            ask_price=self.price(series, mark + half, True))

    def on_turn(self):
        quoted = [self.quote(series) for series in self.series.values()
                  if series.status == ACTIVE and self.marks.get(series.series_id, 0) > 0]
        changed = [quote for quote in quoted if self.sent.get(quote.series_id) != quote]
        for at in range(0, len(changed), 64):
            self.trade(trader.Command(mass_quote=trader.MassQuote(
                fee_max_ppm=1000000, post_only=True, quotes=changed[at:at + 64])))
            self.frames += 1
        self.sent.update((quote.series_id, quote) for quote in changed)

    def summary(self):
        return "frames %d, sides quoted %d, fills %d, refused %d" % (
            self.frames, self.sides, self.fills, self.refused)


if __name__ == "__main__":
    main(Maker, __doc__)
