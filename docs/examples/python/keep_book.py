#!/usr/bin/python3
"""Keeps books from market data: the rules of docs/market-data.md, in some hundred lines.

As a module:  books = Books(); books.take(message) for each FromNode; books.levels, books.orders.
              Books(soft=True) keeps those of the soft channels, beside the others.
As a program: keep_book.py < what a connection brought; prints the books that it ends with.
Made by:      protoc -I proto --python_out=DIR proto/tenor/v1/trader.proto proto/tenor/v1/client.proto
"""
import struct
import sys

from tenor.v1 import client_pb2 as wire
from tenor.v1 import trader_pb2 as trader

BUY = trader.Side.Value("BUY")
SELL = trader.Side.Value("SELL")


class Gap(Exception):
    """Messages are missing, or the book is wrong: forget it and subscribe anew."""


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Series:
    def __init__(self):
        self.seq = {}                          # by channel: of the last message
        self.levels = {BUY: {}, SELL: {}}      # BOOK: price to quantity
        self.orders = {BUY: {}, SELL: {}}      # ORDERS: price to {id: quantity}, oldest first
        self.at = {}                           # ORDERS: id to (side, price)
        self.goes_on = False                   # ORDERS: the last message had `more`

    def follow(self, channel, message):
        """A message follows when nothing lies between it and what is kept."""
        mine = self.seq.get(channel)
        if not message.snapshot and (mine is None or not message.prev_seq <= mine < message.seq):
            raise Gap("%s: %s, then %d after %d" % (channel, mine, message.seq, message.prev_seq))
        self.seq[channel] = message.seq

    def best_first(self, side):
        return sorted(self.levels[side].items(), reverse=side == BUY)

    def take_book(self, book):
        self.follow("BOOK", book)
        if book.snapshot:
            self.levels = {BUY: {}, SELL: {}}
        for side, levels in ((BUY, book.bids), (SELL, book.asks)):
            for level in levels:
                if level.quantity:
                    self.levels[side][level.price] = level.quantity
                else:
                    self.levels[side].pop(level.price, None)
        if book.has_crc:
            kept = self.best_first(BUY) + self.best_first(SELL)
            if crc32c(b"".join(struct.pack("<qq", *level) for level in kept)) != book.crc:
                raise Gap("BOOK: the checksum differs")

    def remove(self, order_id):
        side, price = self.at.pop(order_id)
        queue = self.orders[side][price]
        del queue[order_id]
        if not queue:
            del self.orders[side][price]

    def take_orders(self, book):
        if not self.goes_on:  # else it belongs to the message before
            self.follow("ORDERS", book)
            if book.snapshot:
                self.orders, self.at = {BUY: {}, SELL: {}}, {}
        self.goes_on = book.more
        for order in book.orders:
            if order.order_id in self.at and (order.last or not order.quantity):
                self.remove(order.order_id)
            if order.quantity:  # a dict keeps the place of a key that it has
                self.orders[order.side].setdefault(order.price, {})[order.order_id] = order.quantity
                self.at[order.order_id] = (order.side, order.price)


class Books:
    def __init__(self, soft=False):
        self.series = {}
        self.soft = soft

    def take(self, message):
        """Takes a FromNode; others than BOOK's and ORDERS', soft or not, are left alone."""
        body = message.WhichOneof("body")
        if body == "soft_end" and self.soft:
            self.series.clear()  # what was told may never have been; snapshots follow
        if body in ("book", "order_book") and getattr(message, body).HasField("soft") != self.soft:
            return
        if body == "book":
            self.series.setdefault(message.book.series_id, Series()).take_book(message.book)
        elif body == "order_book":
            book = message.order_book
            self.series.setdefault(book.series_id, Series()).take_orders(book)


def messages(stream):
    """Length (4 bytes, big-endian) and bytes, until the stream ends."""
    while True:
        head = stream.read(4)
        if len(head) < 4:
            return
        yield wire.FromNode.FromString(stream.read(struct.unpack(">I", head)[0]))


def main(stream, out):
    books = Books()
    for message in messages(stream):
        books.take(message)
    for series_id, series in sorted(books.series.items()):
        for side, name in ((BUY, "bid"), (SELL, "ask")):
            for price, quantity in series.best_first(side):
                queue = series.orders[side].get(price, {})
                print(series_id, name, price, quantity,
                      *("%d:%d" % item for item in queue.items()), file=out)


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout)
