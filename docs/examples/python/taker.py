"""A taker: now and then it buys or sells a lot of an option at the best price that is quoted."""
import random

from tenor_bot import TRADE, Bot, main, trader, wire


class Taker(Bot):
    sent = fills = 0

    def on_ready(self):
        self.tickers = {}
        self.subscribe(wire.BLOCKS, wire.TICKER)

    def on_message(self, kind, message):
        if kind == "ticker":
            self.tickers[message.series_id] = message
        elif kind == "frame_final":
            self.fills += sum(event.kind == TRADE for event in message.events)

    def on_turn(self):
        self.turn_seconds = random.uniform(0.1, 0.5)
        quoted = [one for one in self.tickers.values() if one.bid_quantity and one.ask_quantity]
        if not quoted:
            return
        one = random.choice(quoted)
        side, price = random.choice([(trader.BUY, one.ask_price), (trader.SELL, one.bid_price)])
        self.trade(trader.Command(place=trader.Terms(
            series_id=one.series_id, side=side, price=price, quantity=1, tif=trader.IOC,
            fee_max_ppm=1000000)))
        self.sent += 1

    def summary(self):
        return "orders %d, fills %d" % (self.sent, self.fills)


if __name__ == "__main__":
    main(Taker, __doc__)
