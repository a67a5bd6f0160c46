#!/usr/bin/python3
"""Books rebuilt from streams by clients of every temper, compared at every id with a book that nobody told.

Goal: whatever a client holds at an update id, by diff events, a snapshot, partial depth or best prices, is what the
orders up to that id have made, on every core: also for who reads slowly, who stops reading until events are joined for
it, and who is cut off at any moment and starts anew. Method: one trader places, takes and cancels by the WebSocket API,
many at a time; a naive book in Python is told each order before it is sent, and so knows the levels at each update id,
those in the middle of a sweep, too. Each client looks up there each id that it comes to. In the end all are read
dry and compared with REST.
usage: test_books.py [SEED]
"""
import contextlib
import random
import socket
import struct
import sys
import threading

from castle_client import Binance, Checks, Http1, Server, check, eq, show
from test_streams import Book, World, metric
from test_ws_api import WsApi
from ws_client import Closed, WebSocket

checks = Checks()
BUY, SELL = 0, 1
SIDES = ("BUY", "SELL")
MIDDLE, SPREAD = 1000000, 1500  # ticks of 0.01: where orders are placed
WINDOW, BATCH = 150, 30  # orders under way, and in one write
JOINED = 20  # events kept back in one pause: more than the server keeps apart (http/ws/diff.h)


# ---- what the book must be ----

class Naive:
    """A book of queues in dicts; tells nothing, but keeps each change of a level by its update id."""

    def __init__(self):
        self.sides, self.where = ({}, {}), {}  # price -> [[name, lots]...], oldest first; name -> side, price
        self.changes, self.tops = [], [self.top()]  # change i has the id i + 1; tops[i] is of id i

    def top(self):
        prices = [pick(side) if side else None for pick, side in zip((max, min), self.sides)]
        return [part for side, price in zip(self.sides, prices) for part in (
            (show(price * 10 ** 6), self.lots(side[price])) if price else (show(0), show(0)))]

    @staticmethod
    def lots(queue):
        return show(sum(lots for _, lots in queue) * 1000)

    def changed(self, side, price):
        queue = self.sides[side].get(price)
        if not queue:
            self.sides[side].pop(price, None)
        self.changes.append((side, show(price * 10 ** 6), self.lots(queue or [])))
        self.tops.append(self.top())

    def place(self, name, side, price, lots, rests):
        other = self.sides[1 - side]
        while lots and other:
            best = min(other) if side == BUY else max(other)
            if best > price if side == BUY else best < price:
                break
            queue = other[best]
            while lots and queue:
                fill = min(lots, queue[0][1])
                lots, queue[0][1] = lots - fill, queue[0][1] - fill
                if not queue[0][1]:
                    del self.where[queue.pop(0)[0]]
            self.changed(1 - side, best)
        if lots and rests:
            self.sides[side].setdefault(price, []).append([name, lots])
            self.where[name] = side, price
            self.changed(side, price)

    def cancel(self, name):
        """False when it does not rest any more."""
        if name not in self.where:
            return False
        side, price = self.where.pop(name)
        queue = self.sides[side][price]
        queue[:] = [order for order in queue if order[0] != name]
        self.changed(side, price)
        return True


class Levels:
    """The naive book's levels at one id after another."""

    def __init__(self, naive):
        self.naive, self.id, self.sides = naive, 0, ({}, {})

    def at(self, number):
        if number < self.id:
            self.__init__(self.naive)
        for side, price, quantity in self.naive.changes[self.id:number]:
            if quantity == show(0):
                del self.sides[side][price]
            else:
                self.sides[side][price] = quantity
        self.id = number
        return self.sides


class Market:
    """A symbol, the trader who makes its book, and what it must be."""

    def __init__(self, world, seed):
        self.world, self.symbol, self.random = world, world.symbol(), random.Random(seed)
        self.naive, self.names, self.end = Naive(), [], None
        self.api, self.under_way, self.sent = WsApi(world.server.public), [], 0
        self.news = threading.Condition()  # somebody came to an id, or it is the end

    def step(self):
        """One order or cancel: (method, parameters, whether it must succeed)."""
        common = {"symbol": self.symbol, "recvWindow": 60000}
        if self.names and self.random.random() < (0.4 if len(self.names) < 3000 else 0.7):
            name = self.names.pop(self.random.randrange(len(self.names)))
            return "order.cancel", common | {"origClientOrderId": name}, self.naive.cancel(name)
        self.sent += 1
        name, side = f"{self.symbol}-{self.sent}", self.random.randrange(2)
        crosses = self.random.random() < 0.2
        offset = -self.random.randrange(40) if crosses else self.random.randrange(1, SPREAD)
        price = MIDDLE + (offset if side == SELL else -offset)
        lots, rests = self.random.randrange(100, 2000 if crosses else 500), self.random.random() < 0.8
        self.naive.place(name, side, price, lots, rests)
        self.names.append(name)
        return "order.place", common | {
            "side": SIDES[side], "type": "LIMIT", "timeInForce": "GTC" if rests else "IOC", "newClientOrderId": name,
            "price": f"{price // 100}.{price % 100:02}", "quantity": f"{lots / 10 ** 5:.5f}", "newOrderRespType": "ACK",
            "selfTradePreventionMode": "NONE"}, True

    def drive(self, enough):
        """Batches of orders until enough() is true."""
        while not enough():
            texts = []
            for _ in range(BATCH):
                method, params, good = self.step()
                number = next(self.api.ids)
                texts.append(WsApi.text(number, method, params, self.world.alice))
                self.under_way.append((number, params, good))
            self.api.send(*texts)
            while len(self.under_way) > WINDOW - BATCH:
                self.answer()

    def answer(self):
        number, params, good = self.under_way.pop(0)
        answer = self.api.wait(number)
        told = answer["status"], answer.get("error", {}).get("code")
        eq(told, (200, None) if good else (400, -2011), f"{params}: {answer}")

    def finish(self):
        """All is answered: every client may come to the last id, and no farther."""
        while self.under_way:
            self.answer()
        self.api.close()
        with self.news:
            self.end = len(self.naive.changes)
            self.news.notify_all()


# ---- those who listen ----

def differs(told, expected):
    """What is on one side only; nothing, or it is told in a few words."""
    return sorted(set(told.items()) ^ set(expected.items()))[:6]


class Client(threading.Thread):
    """Listens until it is where the market ended, and looks up every id that it comes to."""

    stream = "depth@100ms"

    def __init__(self, market, **options):
        super().__init__(daemon=True)
        self.market, self.options = market, options
        self.at, self.symbol = market.world.server.public, market.symbol
        self.rest = Binance(Http1(self.at))
        self.levels, self.id, self.ids, self.error = Levels(market.naive), -1, 0, None

    def open(self):
        return contextlib.closing(WebSocket(self.at, f"/ws/{self.symbol.lower()}@{self.stream}", **self.options))

    def done(self):
        """Whether it may end: it knows what the market ended with."""
        return self.id == self.market.end

    def events(self, ws):
        while not self.done():
            with contextlib.suppress(TimeoutError):  # nothing changes: it may be the end
                yield ws.event(0.2)

    def comes_to(self, number):
        """Every id is looked up; returns the levels there."""
        check(number <= len(self.market.naive.changes), f"id {number} is of the future")
        levels = self.levels.at(number)
        with self.market.news:
            self.id, self.ids = number, self.ids + 1
            self.market.news.notify_all()
        return levels

    def same(self, sides, number, what):
        for side, told, expected in zip(SIDES, sides, self.comes_to(number)):
            eq(differs(told, expected), [], f"{what} at {number}, {side}")

    def snapshot(self):
        depth = self.rest.depth(self.symbol, limit=5000)
        self.same((dict(depth["bids"]), dict(depth["asks"])), depth["lastUpdateId"], "REST depth")
        return depth

    def begin(self, ws):
        """A book by the documented rule: an event first, then a snapshot that is not older, then what is newer."""
        book, first = Book(), None
        while not first and self.market.end is None:
            with contextlib.suppress(TimeoutError):
                first = ws.event(0.2)
                book.apply(first)
        newer_than = first["U"] if first else self.market.end  # nothing comes behind the end
        depth = self.snapshot()
        while depth["lastUpdateId"] < newer_than:
            depth = self.snapshot()  # another core may be a moment behind
        book.start(depth)
        self.same(book.sides, book.id, "the book from the start")
        return book, first["u"] if first else None

    def follow(self, ws, most=None):
        """Events behind each other, each of them with the right book."""
        book, last = self.begin(ws)
        for count, event in enumerate(self.events(ws)):
            check(last in (None, event["U"] - 1), f"U {event['U']} behind u {last}")
            last = event["u"]
            book.apply(event)
            self.same(book.sides, book.id, "the book")
            self.pause()
            if count == most:
                return

    def pause(self):
        """What it does between two events."""

    def listen(self):
        with self.open() as ws:
            self.follow(ws)

    def run(self):
        try:
            self.listen()
        except BaseException as error:
            self.error = error
        finally:
            self.rest.http.close()


class Slow(Client):
    """Takes one event where another takes three."""

    def __init__(self, market, other):
        super().__init__(market)
        self.other = other

    def pause(self):
        with self.market.news:
            self.market.news.wait_for(lambda: self.other.ids >= 3 * self.ids or self.market.end is not None
                                      or self.other.error, 60)


class Pausing(Client):
    """Stops reading, again and again, until the server has joined events for it. Who is told too late that this has
    happened may have missed more than is kept, is closed with that reason, and begins anew."""

    def __init__(self, market, seed, pauses):
        super().__init__(market, receive_bytes=4096)
        self.random, self.left, self.admin = random.Random(seed), pauses, market.world.server.admin()
        self.reads = 3

    def listen(self):
        for _ in range(50):
            try:
                return super().listen()
            except Closed as error:
                check("more was missed than we keep" in str(error), f"closed: {error}")
        raise AssertionError("it is closed whenever it pauses")

    def pause(self):
        self.reads -= 1
        if self.reads or not self.left:
            return
        before = metric(self, "castle_ws_conflated_total")
        while metric(self, "castle_ws_conflated_total") < before + JOINED:
            check(self.market.end is None, "the market ended, and nothing was joined")
            with self.market.news:
                self.market.news.wait(1)
        self.left, self.reads = self.left - 1, self.random.randrange(5, 60)


class Reconnecting(Client):
    """Is cut off at any moment, by a FIN or a reset, and begins anew."""

    def __init__(self, market, seed):
        super().__init__(market)
        self.random, self.cuts = random.Random(seed), 0

    def listen(self):
        while not self.done():
            with self.open() as ws:
                if self.random.randrange(5):  # else it is cut before it has heard anything
                    self.follow(ws, self.random.randrange(5))
                if self.random.randrange(2):
                    ws.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.cuts += 1


class Best(Client):
    """Best prices, at each id that has others."""

    stream = "bookTicker"

    def done(self):
        end = self.market.end
        return end is not None and self.id >= 0 and self.market.naive.tops[self.id] == self.market.naive.tops[end]

    def listen(self):
        with self.open() as ws:
            for event in self.events(ws):
                check(event["u"] > self.id, f"{event} behind {self.id}")
                self.comes_to(event["u"])
                eq([event[key] for key in "bBaA"], self.market.naive.tops[event["u"]], f"best prices at {event['u']}")


class Top(Client):
    """The best 20 levels of each side."""

    stream = "depth20@100ms"

    def listen(self):
        with self.open() as ws:
            for event in self.events(ws):
                number = event["lastUpdateId"]
                bids, asks = self.comes_to(number)
                best = [[price, bids[price]] for price in sorted(bids, key=float, reverse=True)[:20]]
                eq(event["bids"], best, f"the best bids at {number}")
                best = [[price, asks[price]] for price in sorted(asks, key=float)[:20]]
                eq(event["asks"], best, f"the best asks at {number}")

    def done(self):
        return self.id == self.market.end


def played(market, clients, enough):
    """The market runs until enough() is true, then every client to its end; REST agrees."""
    for client in clients:
        client.start()

    def broken():
        return next((client.error for client in clients if client.error), None)

    market.drive(lambda: broken() or enough())
    market.finish()
    for client in clients:
        client.join(60)
        if client.error:
            raise client.error
        check(not client.is_alive(), f"{client.__class__.__name__} is at {client.id} of {market.end}")
    last = Client(market)
    eq(last.snapshot()["lastUpdateId"], market.end, "the last id")
    print(f"{market.end} changes by {market.sent} orders; ids looked up: "
          + ", ".join(f"{client.__class__.__name__} {client.ids}" for client in clients), flush=True)


@checks
def who_is_slow_or_cut_off_has_the_right_book_at_every_id(world, seed):
    market = Market(world, seed)
    quick, cut = Client(market), [Reconnecting(market, seed + i) for i in range(5)]
    played(market, [quick, Slow(market, quick), Best(market), Top(market), *cut],
           lambda: quick.ids >= 40 and sum(client.cuts for client in cut) >= 60)


@checks
def who_stops_reading_has_the_right_book_at_every_id(world, seed):
    market = Market(world, seed)
    quick, pausing = Client(market), Pausing(market, seed, 2)
    played(market, [quick, pausing], lambda: not pausing.left)
    check(pausing.ids + JOINED < quick.ids, f"events were joined: {pausing.ids} of {quick.ids}")


def main(args):
    seed = int(args[0]) if args else random.randrange(10 ** 6)
    print(f"seed {seed}", flush=True)
    with Server("--cores", "2") as server:
        checks.run(World(server), seed)
        eq(server.sigterm(), 0, "the server's exit")
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
