#!/usr/bin/python3
"""Market streams: every one of them, told what REST tells, in order and without gaps.

Goal: who subscribes gets every trade and every change of a book, and figures that agree with the orders that made
them. Method: traders on REST, subscribers by hand-written frames; what streams say is compared with answers to
orders, with GET /depth at the same update id, and with sums made here.
usage: test_streams.py [WORD...]   only the checks whose name contains a word
"""
import contextlib
import json
import random
import sys
import threading
import time
import urllib.parse

from castle_client import Checks, Http1, Http2, Server, Trader, atoms, check, eq, parse, quote_of, show, units
from ws_client import TEXT, WebSocket

checks = Checks()


class World:
    """A server with two traders who have enough of everything."""

    def __init__(self, server):
        self.server, self.admin = server, server.admin()
        funds = {"BTC": "100000", "USDT": "900000000", "ETH": "100000"}
        self.alice = Trader(self.admin, Http1(server.public), "alice", funds)
        self.bob = Trader(self.admin, Http1(server.public), "bob", funds)
        self.symbols = 0

    def symbol(self, **more):
        """A new market, so that checks do not meet each other's orders."""
        self.symbols += 1
        name = f"T{self.symbols}USDT"
        self.admin.symbol(name, "BTC", "USDT", tickSize="0.01", stepSize="0.00001",
                          filters=[{"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 10000}], **more)
        return name

    def ws(self, target="/ws", **more):
        return contextlib.closing(WebSocket(self.server.public, target, **more))

    def trade(self, symbol, price, *quantities):
        """Bob sells each quantity into one buy of alice's: so many makers, one taker."""
        for quantity in quantities:
            self.bob.limit(symbol, "SELL", quantity, price)
        return self.alice.limit(symbol, "BUY", show(sum(map(units, quantities))), price)


def recent(event, key="E"):
    now = time.time() * 1000
    check(now - 60000 < event[key] < now + 1000, f"a time of now: {event}")


# ---- trades and best prices ----

@checks
def trades_are_told_as_they_were(world):
    symbol = world.symbol()
    with world.ws(f"/ws/{symbol.lower()}@trade") as ws:
        world.trade(symbol, "100.00", "1.5", "0.5")
        world.alice.limit(symbol, "BUY", "2", "99.00")
        world.bob.limit(symbol, "SELL", "2", "99.00")
        rest = world.alice.get("trades", {"symbol": symbol})
        for row in rest:
            event = ws.event()
            recent(event)
            eq(list(event), ["e", "E", "s", "t", "p", "q", "T", "m", "M"], "the fields")
            eq((event["e"], event["s"], event["M"]), ("trade", symbol, True), "what it is")
            eq((event["t"], event["p"], event["q"], event["T"], event["m"]),
               (row["id"], row["price"], row["qty"], row["time"], row["isBuyerMaker"]), "the trade")
        eq([row["isBuyerMaker"] for row in rest], [False, False, True], "who was the maker")


@checks
def best_prices_are_told_when_they_change(world):
    symbol = world.symbol()
    with world.ws(f"/ws/{symbol.lower()}@bookTicker") as ws:
        order = world.alice.limit(symbol, "BUY", "1", "100.00")
        event = ws.event()
        eq(list(event), ["u", "s", "b", "B", "a", "A"], "the fields")
        eq(event, {"u": 1, "s": symbol, "b": "100.00000000", "B": "1.00000000", "a": "0.00000000", "A": "0.00000000"},
           "one side")
        world.alice.limit(symbol, "BUY", "1", "99.00")  # not the best: nothing is told of it
        world.bob.limit(symbol, "SELL", "2", "101.00")
        event = ws.event()
        eq((event["u"], event["b"], event["a"], event["A"]), (3, "100.00000000", "101.00000000", "2.00000000"), "both")
        world.alice.cancel(symbol, orderId=order["orderId"])
        event = ws.event()
        eq((event["u"], event["b"], event["B"]), (4, "99.00000000", "1.00000000"), "the next best")
        check(ws.quiet(0.3), "nothing else")


@checks
def aggregate_trades_join_what_one_taker_took_at_one_price(world):
    symbol = world.symbol()
    with world.ws(f"/ws/{symbol.lower()}@aggTrade") as ws:
        for price, quantities in (("100.00", ["1", "2"]), ("101.00", ["3"])):
            for quantity in quantities:
                world.bob.limit(symbol, "SELL", quantity, price)
        world.alice.limit(symbol, "BUY", "6", "101.00")
        world.trade(symbol, "101.00", "1")
        many = [f"0.1{i:04}" for i in range(1, 41)]  # more than one slice of a match
        world.trade(symbol, "102.00", *many)
        seen = {}
        while not seen or max(event["l"] for event in seen.values()) < 44:
            event = ws.event()
            eq(list(event), ["e", "E", "s", "a", "p", "q", "f", "l", "T", "m", "M"], "the fields")
            check(event["a"] not in seen, f"told twice: {event}")
            seen[event["a"]] = event
        eq([(e["p"], e["q"], e["f"], e["l"]) for e in seen.values()],
           [("100.00000000", "3.00000000", 1, 2), ("101.00000000", "3.00000000", 3, 3),
            ("101.00000000", "1.00000000", 4, 4),
            ("102.00000000", show(sum(map(units, many))), 5, 44)], "price, quantity, first, last")
        eq(sorted(seen), list(range(min(seen), min(seen) + 4)), "ids without a gap")


# ---- books ----

class Book:
    """A local book, kept as the public documentation says."""

    def __init__(self):
        self.id, self.sides, self.early = None, ({}, {}), []

    def start(self, depth):
        self.id = depth["lastUpdateId"]
        for side, rows in zip(self.sides, (depth["bids"], depth["asks"])):
            side.update(rows)
        early, self.early = self.early, []
        for event in early:
            self.apply(event)

    def apply(self, event):
        if self.id is None:
            self.early.append(event)
            return
        if event["u"] <= self.id:
            return
        check(event["U"] <= self.id + 1, f"a gap: have {self.id}, got {event['U']}")
        for side, rows in zip(self.sides, (event["b"], event["a"])):
            for price, quantity in rows:
                if atoms(quantity):
                    side[price] = quantity
                else:
                    side.pop(price, None)
        self.id = event["u"]

    def rows(self):
        bids, asks = self.sides
        return (sorted(([p, q] for p, q in bids.items()), key=lambda row: -atoms(row[0])),
                sorted(([p, q] for p, q in asks.items()), key=lambda row: atoms(row[0])))

    def equals(self, depth):
        eq(self.id, depth["lastUpdateId"], "the update id")
        eq(self.rows(), (depth["bids"], depth["asks"]), f"the book at {self.id}")


class Storm(threading.Thread):
    """Two traders who place and take at random until told to stop."""

    def __init__(self, world, symbol, seed, levels=200):
        super().__init__(daemon=True)
        self.pair = [Trader(world.admin, Http2(world.server.public), f"{symbol}-{seed}-{side}",
                            {"BTC": "100000", "USDT": "900000000"}) for side in ("BUY", "SELL")]
        self.symbol, self.random, self.levels = symbol, random.Random(seed), levels
        self.stopping, self.orders, self.error = False, 0, None

    def send(self, trader, side):
        offset = self.random.randrange(-self.levels // 10, self.levels)
        price = 1000000 + (-offset if side == "BUY" else offset)
        trader.http.submit(*trader.build("POST", "/api/v3/order", {
            "symbol": self.symbol, "side": side, "type": "LIMIT", "timeInForce": self.random.choice(["GTC", "GTC", "IOC"]),
            "price": f"{price // 100}.{price % 100:02}", "quantity": f"0.{self.random.randrange(100, 9999):05}"}))

    def run(self):
        try:
            while not self.stopping:
                for trader, side in zip(self.pair, ("BUY", "SELL")):
                    for _ in range(40):
                        self.send(trader, side)
                for trader in self.pair:
                    for _ in range(40):
                        parse(trader.http.next_reply()[1])
                        self.orders += 1
        except BaseException as error:
            self.error = error

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.join(60)
        if self.error:
            raise self.error


@checks
def differences_follow_each_other_without_a_gap(world):
    for stream, events in (("depth@100ms", 30), ("depth", 4)):
        symbol = world.symbol()
        book, last = Book(), None
        with world.ws() as ws, Storm(world, symbol, 1):
            eq(ws.ask("SUBSCRIBE", [f"{symbol.lower()}@{stream}"]), {"result": None, "id": 1}, "the answer")
            for i in range(events):
                event = ws.event()
                eq(list(event), ["e", "E", "s", "U", "u", "b", "a"], "the fields")
                eq((event["e"], event["s"]), ("depthUpdate", symbol), "what it is")
                recent(event)
                check(last is None or event["U"] == last + 1, f"U {event['U']} behind u {last}")
                check(event["u"] >= event["U"] and len(event["b"]) + len(event["a"]) <= event["u"] - event["U"] + 1,
                      "no more levels than updates")
                last = event["u"]
                book.apply(event)
                if i == 2:  # its id lies on the same sequence: apply() sees a gap
                    book.start(world.alice.depth(symbol, limit=5000))


@checks
def a_book_under_fire_is_compared_at_the_same_id(world):
    symbol = world.symbol()
    rounds = []
    with world.ws(f"/ws/{symbol.lower()}@depth@100ms") as ws:
        book = Book()
        book.start(world.alice.depth(symbol, limit=5000))
        for seed in range(3):  # a storm, then calm: then both must be the same
            with Storm(world, symbol, 10 + seed) as storm:
                for _ in range(8):
                    book.apply(ws.event())
            depth = world.alice.depth(symbol, limit=5000)
            while book.id < depth["lastUpdateId"]:
                book.apply(ws.event())
            book.equals(depth)
            rounds.append(storm.orders)
    check(min(rounds) > 50, f"orders flew: {rounds}")


@checks
def partial_depth_is_the_top_of_the_book(world):
    symbol = world.symbol()
    names = [f"{symbol.lower()}@depth{n}{speed}" for n in (5, 10, 20) for speed in ("", "@100ms")]
    with world.ws("/stream?streams=" + "/".join(names)) as ws:
        first = {}
        while len(first) < 6:  # each is told how things are, though nothing changes
            event = ws.event()
            first[event["stream"]] = event["data"]
        eq(set(map(json.dumps, first.values())), {json.dumps({"lastUpdateId": 0, "bids": [], "asks": []})}, "an empty book")
        for i in range(30):
            world.bob.limit(symbol, "SELL", "1", f"{200 + i}.00")
            world.alice.limit(symbol, "BUY", "1", f"{190 - i}.00")
        last = {}
        while len(last) < 6 or min(data["lastUpdateId"] for data in last.values()) < 60:
            event = ws.event()
            last[event["stream"]] = event["data"]
        for name, data in last.items():
            limit = int(name.split("@")[1][5:])
            eq(data, world.alice.depth(symbol, limit=limit), name)


# ---- candles and tickers ----

@checks
def candles_are_the_sums_of_their_trades(world):
    symbol = world.symbol()
    name = symbol.lower()
    with world.ws("/stream") as ws:
        ws.ask("SUBSCRIBE", [f"{name}@kline_1s", f"{name}@kline_1m", f"{name}@trade"])
        for price, quantity in (("100.00", "1"), ("103.00", "2"), ("99.50", "0.5"), ("101.00", "0.25")):
            world.trade(symbol, price, quantity)
        trades, closed, minute = [], [], None
        while len(trades) < 4 or sum(k["n"] for k in closed) < 4 or not minute:
            event = ws.event()
            if event["stream"].endswith("@trade"):
                trades.append(event["data"])
            elif event["stream"].endswith("kline_1m"):
                minute = event["data"]
            elif event["data"]["k"]["x"] and event["data"]["k"]["i"] == "1s":
                closed.append(event["data"]["k"])
        for kline in closed:
            mine = [t for t in trades if kline["t"] <= t["T"] <= kline["T"]]
            eq(kline["T"] - kline["t"], 999, "a second")
            eq(kline["n"], len(mine), "its trades")
            if mine:
                eq((kline["f"], kline["L"], kline["o"], kline["c"]),
                   (mine[0]["t"], mine[-1]["t"], mine[0]["p"], mine[-1]["p"]), "first and last")
                eq((atoms(kline["h"]), atoms(kline["l"])), (max(atoms(t["p"]) for t in mine), min(atoms(t["p"]) for t in mine)),
                   "high and low")
                eq((atoms(kline["v"]), atoms(kline["q"])), (sum(atoms(t["q"]) for t in mine), sum(
                    quote_of(atoms(t["p"]), atoms(t["q"])) for t in mine)), "volumes")
                eq((kline["V"], kline["Q"]), (kline["v"], kline["q"]), "all takers bought")
        eq(list(minute), ["e", "E", "s", "k"], "the fields")
        eq(set(minute["k"]), set("t T s i f L o c h l v n x q V Q B".split()), "the candle's fields")
        eq((minute["e"], minute["s"], minute["k"]["s"], minute["k"]["i"]), ("kline", symbol, symbol, "1m"), "what it is")
        eq((minute["k"]["t"] % 60000, minute["k"]["T"] - minute["k"]["t"]), (0, 59999), "a minute")


@checks
def candles_have_time_zones(world):
    symbol = world.symbol()
    world.trade(symbol, "100.00", "1")
    with world.ws(f"/ws/{symbol.lower()}@kline_1d@+08:00") as ws:
        kline = ws.event()["k"]
        eq((kline["t"] % 86400000, kline["T"] - kline["t"]), (16 * 3600000, 86399999), "a day of UTC+8")


@checks
def tickers_agree_with_trades_and_the_book(world):
    symbol = world.symbol()
    name = symbol.lower()
    for price, quantity in (("100.00", "1"), ("120.00", "2"), ("90.00", "3")):
        world.trade(symbol, price, quantity)
    world.bob.limit(symbol, "SELL", "7", "95.00")
    with world.ws(f"/stream?streams={name}@ticker/{name}@miniTicker/{name}@avgPrice") as ws:
        events = {}
        while len(events) < 3:
            event = ws.event()
            events[event["stream"].split("@")[1]] = event["data"]
        quote = 100 + 240 + 270
        mean = show(quote * 10 ** 8 // 6)
        for event in events.values():
            recent(event)
        mini = {k: v for k, v in events["miniTicker"].items() if k != "E"}
        eq(mini, {"e": "24hrMiniTicker", "s": symbol, "c": "90.00000000", "o": "100.00000000", "h": "120.00000000",
                  "l": "90.00000000", "v": "6.00000000", "q": "610.00000000"}, "the mini ticker")
        full = events["ticker"]
        eq({k: full[k] for k in "e s p P w x c Q b B a A o h l v q F L n".split()},
           {"e": "24hrTicker", "s": symbol, "p": "-10.00000000", "P": "-10.000", "w": mean, "x": "100.00000000",
            "c": "90.00000000", "Q": "3.00000000", "b": "0.00000000", "B": "0.00000000", "a": "95.00000000",
            "A": "7.00000000", "o": "100.00000000", "h": "120.00000000", "l": "90.00000000", "v": "6.00000000",
            "q": "610.00000000", "F": 1, "L": 3, "n": 3}, "the ticker")
        recent(full, "C")
        eq(full["C"] - full["O"], 86400000, "its window")
        average = events["avgPrice"]
        eq((average["e"], average["i"], average["w"]), ("avgPrice", "5m", mean), "the average price")
        recent(average, "T")


@checks
def all_mini_tickers_tell_what_has_changed(world):
    one, other = world.symbol(), world.symbol()
    world.trade(other, "5.00", "1")
    with world.ws("/ws/!miniTicker@arr") as ws:
        world.trade(one, "100.00", "1")
        event = ws.until(lambda rows: one in [row["s"] for row in rows])
        check(other not in [row["s"] for row in event], "what did not change is not there")
        eq([row["c"] for row in event if row["s"] == one], ["100.00000000"], "its price")


WINDOWS = {"1h": 3600000, "4h": 4 * 3600000, "1d": 86400000}


@checks
def windows_agree_with_rest(world):
    symbol = world.symbol()
    for price, quantity in (("100.00", "1"), ("120.00", "2"), ("90.00", "3")):
        world.trade(symbol, price, quantity)
    names = [f"{symbol.lower()}@ticker_{width}" for width in WINDOWS]
    with world.ws(f"/stream?streams={'/'.join(names)}") as ws:
        events = {}
        while len(events) < len(WINDOWS):
            event = ws.event()
            events[event["stream"].split("_")[1]] = event["data"]
    for width, length in WINDOWS.items():
        event = events[width]
        rest = world.alice.get("ticker", {"symbol": symbol, "windowSize": width})
        eq(list(event), "e E s p P w c o h l v q O C F L n".split(), "the fields")
        eq((event["e"], event["s"]), (f"{width}Ticker", symbol), "what it is")
        recent(event)
        eq(event["C"], event["E"], "it ends now")
        eq((event["O"] % 60000, (event["C"] - event["O"]) // 60000), (0, length // 60000), "its width")
        eq([event[key] for key in "p P w c o h l v q F L n".split()],
           [rest[key] for key in ("priceChange", "priceChangePercent", "weightedAvgPrice", "lastPrice", "openPrice",
                                  "highPrice", "lowPrice", "volume", "quoteVolume", "firstId", "lastId", "count")], width)
        eq((event["q"], event["v"], event["p"]), ("610.00000000", "6.00000000", "-10.00000000"), "three trades")


@checks
def all_windows_tell_what_has_changed(world):
    one, other = world.symbol(), world.symbol()
    world.trade(other, "5.00", "1")
    with world.ws("/stream?streams=" + "/".join(f"!ticker_{width}@arr" for width in WINDOWS)) as ws:
        world.trade(one, "100.00", "1")
        missing = set(WINDOWS)
        while missing:
            event = ws.event()
            width = event["stream"].removeprefix("!ticker_").removesuffix("@arr")
            rows = {row["s"]: row for row in event["data"]}
            if one in rows:
                check(other not in rows, "what did not change is not there")
                eq((rows[one]["e"], rows[one]["c"], rows[one]["n"]), (f"{width}Ticker", "100.00000000", 1), "its row")
                missing.remove(width)


# ---- what clients ask ----

@checks
def subscriptions_come_go_and_are_listed(world):
    symbol = world.symbol()
    trade, depth = f"{symbol.lower()}@trade", f"{symbol.lower()}@depth@100ms"
    with world.ws() as ws:
        eq(ws.ask("SUBSCRIBE", [trade, depth, "nothing@trade", "0"]), {"result": None, "id": 1}, "SUBSCRIBE")
        eq(ws.ask("SUBSCRIBE", [trade]), {"result": None, "id": 2}, "again")
        eq(ws.ask("LIST_SUBSCRIPTIONS")["result"], [trade, depth, "nothing@trade", "0"], "the list")
        eq(ws.ask("UNSUBSCRIBE", [depth, "never"])["result"], None, "UNSUBSCRIBE")
        eq(ws.ask("LIST_SUBSCRIPTIONS")["result"], [trade, "nothing@trade", "0"], "the list then")
        world.trade(symbol, "10.00", "1")
        eq(ws.event()["e"], "trade", "what is subscribed to")
        check(ws.quiet(0.3), "and nothing else, not twice")
        ws.ask("UNSUBSCRIBE", [trade])
        world.trade(symbol, "10.00", "1")
        check(ws.quiet(0.3), "nothing any more")
    for target in ("/ws/0", "/ws/17", "/ws/", "/stream", "/stream?streams=", "/ws?streams=" + trade):
        with world.ws(target) as ws:
            eq(ws.answer.status, 101, target)


@checks
def combined_is_a_property_of_the_connection(world):
    symbol = world.symbol()
    name = f"{symbol.lower()}@trade"
    for target, combined in (("/ws", False), (f"/ws/{name}", False), ("/stream", True), (f"/stream?streams={name}", True)):
        with world.ws(target) as ws:
            eq(ws.ask("GET_PROPERTY", ["combined"]), {"result": combined, "id": 1}, target)
            ws.ask("SUBSCRIBE", [name])
            for want in (combined, not combined):
                eq(ws.ask("SET_PROPERTY", ["combined", want])["result"], None, "SET_PROPERTY")
                world.trade(symbol, "10.00", "1")
                event = ws.event()
                eq((event.get("stream"), "data" in event), (name, True) if want else (None, False), "the event's form")


@checks
def microseconds_are_told_to_who_asks(world):
    symbol = world.symbol()
    name = f"{symbol.lower()}@trade"
    with world.ws(f"/ws/{name}?timeUnit=MICROSECOND") as us, world.ws(f"/stream?streams={name}&timeUnit=microsecond") as both, \
            world.ws(f"/ws/{name}?timeUnit=MILLISECOND") as ms:
        world.trade(symbol, "10.00", "1")
        one, other, third = us.event(), ms.event(), both.event()["data"]
        eq(one["T"] // 1000, other["T"], "the same time")
        for event in one, third:  # E is when a core told it: the three connections may be on two
            check(one["T"] <= event["E"] < one["T"] + 60 * 10 ** 6, f"microseconds: {event}")
        check(other["T"] <= other["E"] < other["T"] + 60000, f"milliseconds: {other}")
        eq({**third, "E": 0}, {**one, "E": 0}, "combined")


@checks
def names_in_a_url_may_be_percent_encoded(world):
    """As urlencode, URLSearchParams, Go's url.Values and Rust's url write them."""
    symbol = world.symbol()
    trade, kline = f"{symbol.lower()}@trade", f"{symbol.lower()}@kline_1m@+08:00"
    both = urllib.parse.quote(f"{trade}/{kline}", safe="")
    for target in (f"/stream?streams={both}", f"/ws/{both}", f"/stream?timeUnit=MICROSECOND&streams={both.lower()}",
                   f"/stream?streams={urllib.parse.quote(trade)}/{urllib.parse.quote(kline, safe='+')}"):
        with world.ws(target) as ws:
            eq(ws.ask("LIST_SUBSCRIPTIONS")["result"], [trade, kline], target)
            world.trade(symbol, "10.00", "1")
            event = ws.event()
            eq((event.get("stream", trade), event.get("data", event)["e"]), (trade, "trade"), target)
    odd = ["a%", "b%4", "c%4g@trade", "d%00@trade", "e@f"]
    with world.ws("/stream?streams=" + "/".join([*odd[:-1], "e%40f"])) as ws:
        eq(ws.ask("LIST_SUBSCRIPTIONS")["result"], odd, "what is no escape stays as it is")


@checks
def ids_are_echoed_as_they_were_sent(world):
    with world.ws() as ws:
        for text in ("7", "-9223372036854775808", "9223372036854775807", '"abc"', '"' + "x" * 36 + '"', "null", '"a\\"b"'):
            ws.send(TEXT, b'{"method":"LIST_SUBSCRIPTIONS","id":%s}' % text.encode())
            eq(ws.text(), '{"result":[],"id":%s}' % text, "the answer")
        ws.send(TEXT, b'{"method":"LIST_SUBSCRIPTIONS"}')
        eq(ws.json(), {"result": [], "id": None}, "without one")


REFUSED = {  # message -> code, beginning of the text
    '{"method":"SET_PROPERTY","params":["speed",true],"id":1}': (0, "Unknown property"),
    '{"method":"GET_PROPERTY","params":["speed"],"id":1}': (0, "Unknown property"),
    '{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}': (1, "Invalid value type: expected Boolean"),
    '{"method":"SET_PROPERTY","params":["combined"],"id":1}': (1, "Invalid value type: expected Boolean"),
    '{"method":"GET_PROPERTY","params":[7],"id":1}': (2, "Invalid request: property name must be a string"),
    '{"method":"GET_PROPERTY","id":1}': (2, "Invalid request: property name must be a string"),
    '{"method":"GET_PROPERTY","params":["combined",true],"id":1}': (2, "Invalid request: too many parameters"),
    '{"method":"LIST_SUBSCRIPTIONS","params":["a"],"id":1}': (2, "Invalid request: too many parameters"),
    '{"method":"SUBSCRIBE","params":["a"],"id":1.5}': (2, "Invalid request: request ID must be"),
    '{"method":"SUBSCRIBE","params":["a"],"id":9223372036854775808}': (2, "Invalid request: request ID must be"),
    '{"method":"SUBSCRIBE","params":["a"],"id":{}}': (2, "Invalid request: request ID must be"),
    '{"method":"SUBSCRIBE","params":["a"],"id":"' + "x" * 37 + '"}': (2, "Invalid request: request ID must be"),
    '{"method":"SUBSCRIBE","params":[1],"id":1}': (2, "Invalid request: "),
    '{"method":"SUBSCRIBE","params":"a","id":1}': (2, "Invalid request: "),
    '{"method":"SUBSCRIBE","id":1}': (2, "Invalid request: "),
    '{"method":"SUBSCRIBE","params":["' + "x" * 65 + '"],"id":1}': (2, "Invalid request: "),
    '{"method":"subscribe","params":["a"],"id":1}': (2, "Invalid request: unknown variant `subscribe`, expected one of"),
    '{"method":7,"id":1}': (2, "Invalid request: unknown variant"),
    '{"params":["a"],"id":1}': (2, "Invalid request: missing field `method`"),
    '[]': (2, "Invalid request: "),
    '{"method":': (3, "Invalid JSON: "),
    '': (3, "Invalid JSON: "),
    '{"id":1,"id":2}': (3, "Invalid JSON: "),
}


@checks
def what_is_asked_wrongly_is_refused_and_nothing_changes(world):
    with world.ws() as ws:
        for message, (code, text) in REFUSED.items():
            ws.send(TEXT, message.encode())
            answer = ws.json()
            check(set(answer) == {"code", "msg", "id"} and answer["code"] == code and answer["msg"].startswith(text),
                  f"{message[:60]}: {answer}")
            check(answer["id"] in (1, None), f"{message[:60]}: {answer}")
        eq(ws.ask("LIST_SUBSCRIPTIONS", request_id=99), {"result": [], "id": 99}, "nothing was subscribed to")


@checks
def a_connection_has_1024_streams_at_most(world):
    names = [f"s{i}@trade" for i in range(1025)]
    with world.ws() as ws:
        eq(ws.ask("SUBSCRIBE", names)["code"], 2, "1025 at once")
        eq(len(ws.ask("LIST_SUBSCRIPTIONS")["result"]), 0, "none of them was taken")
        eq(ws.ask("SUBSCRIBE", names[:1024])["result"], None, "1024")
        answer = ws.ask("SUBSCRIBE", [names[1024]])
        eq((answer["code"], "1024" in answer["msg"]), (2, True), "the 1025th")
        eq(ws.ask("SUBSCRIBE", names[:5])["result"], None, "those that are there")
        eq(ws.ask("UNSUBSCRIBE", [names[0]])["result"], None, "one less")
        eq(ws.ask("SUBSCRIBE", [names[1024]])["result"], None, "one more")
        eq(ws.ask("LIST_SUBSCRIPTIONS")["result"], names[1:], "all of them")
    with world.ws("/ws/" + "/".join(names)) as ws:
        eq(ws.closed().code, 1008, "by the URL")


# ---- those who do not keep up ----

def flood(world, symbol, until):
    """Levels change in heaps until until() is true."""
    batch = 0
    pipe = Trader(world.admin, Http2(world.server.public), f"flood {symbol} {time.monotonic_ns()}",
                  {"BTC": "100000", "USDT": "900000000"})
    while not until():
        batch += 1
        for i in range(100):
            price = 50000 + (batch * 100 + i) % 4000
            pipe.http.submit(*pipe.build("POST", "/api/v3/order", {
                "symbol": symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
                "price": f"{price // 100}.{price % 100:02}"}))
        for _ in range(100):
            parse(pipe.http.next_reply()[1])
        pipe.http.submit(*pipe.build("DELETE", "/api/v3/openOrders", {"symbol": symbol}))
        parse(pipe.http.next_reply()[1])
    return batch


def metric(world, name):
    for line in world.admin.metrics().splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise AssertionError(f"no {name}")


@checks
def depth_is_conflated_for_who_is_slow_and_has_no_gap(world):
    symbol = world.symbol()
    name = f"{symbol.lower()}@depth@100ms"
    before = metric(world, "castle_ws_conflated_total")
    with world.ws(f"/ws/{name}", receive_bytes=4096) as slow, world.ws(f"/ws/{name}") as quick:
        book, twin = Book(), Book()
        book.start(world.alice.depth(symbol, limit=5000))
        twin.start({"lastUpdateId": book.id, "bids": [], "asks": []})
        # nobody reads the slow one until events were kept back for it; the quick one is read all the time
        state = {"stop": False}

        def read():
            while not state["stop"] or twin.id < state["last"]:
                with contextlib.suppress(TimeoutError):
                    twin.apply(quick.event(0.2))
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        flood(world, symbol, lambda: metric(world, "castle_ws_conflated_total") > before + 5)
        depth = world.alice.depth(symbol, limit=5000)
        state["last"], state["stop"] = depth["lastUpdateId"], True
        last, widest = book.id, 0
        while book.id < depth["lastUpdateId"]:
            event = slow.event()
            eq(event["U"], last + 1, "no gap for the slow one")
            last, widest = event["u"], max(widest, event["u"] - event["U"])
            book.apply(event)
        book.equals(depth)
        reader.join(60)
        twin.equals(depth)


@checks
def who_is_slow_with_trades_is_closed_and_told_why(world):
    symbol = world.symbol()
    before = metric(world, "castle_ws_slow_closed_total")
    with world.ws(f"/ws/{symbol.lower()}@trade", receive_bytes=4096) as slow, \
            world.ws(f"/ws/{symbol.lower()}@trade") as quick:
        ids, stop, most = [], [], {"waitingBytes": 0}

        def read():
            while not stop:
                with contextlib.suppress(TimeoutError):
                    ids.append(quick.event(0.2)["t"])
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        maker, taker = (Trader(world.admin, Http2(world.server.public), f"{symbol}-{side}",
                               {"BTC": "100000", "USDT": "900000000"}) for side in ("SELL", "BUY"))
        deadline = time.monotonic() + 240
        while metric(world, "castle_ws_slow_closed_total") == before:
            check(time.monotonic() < deadline, "nobody was closed")
            rows = world.admin.connections()["webSockets"]  # an operator sees it coming
            waiting = [row["waitingBytes"] for row in rows]
            check(waiting == sorted(waiting, reverse=True), f"the most first: {waiting}")
            most = max([most, *rows], key=lambda row: row["waitingBytes"])
            for _ in range(5):
                for _ in range(100):
                    maker.http.submit(*maker.build("POST", "/api/v3/order", {
                        "symbol": symbol, "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1",
                        "price": "100.00", "newOrderRespType": "ACK"}))
                for _ in range(100):
                    parse(maker.http.next_reply()[1])
            taker.limit(symbol, "BUY", "50", "100.00")
        stop.append(True)
        reader.join(30)
        end = slow.closed()
        eq((end.code, end.reason.startswith("Too slow")), (1008, True), "the end of the slow one")
        check(most["waitingBytes"] > 100000, f"it was seen: {most}")
        eq([most[key] for key in ("address", "kind", "subscriptions", "behind", "budgetBytes")],
           ["127.0.0.1", "streams", 1, True, 1 << 20], "as what")
        check(abs(most["openedAt"] - time.time() * 1000) < 3600e3, f"since when: {most}")
        eq(ids, list(range(1, len(ids) + 1)), "the quick one missed nothing")


def main():
    words = sys.argv[1:]
    if words:
        checks.functions = [f for f in checks.functions if any(word in f.__name__ for word in words)]
    with Server() as server:
        checks.run(World(server))
        eq(server.sigterm(), 0, "the server's exit")
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
