#!/usr/bin/python3
"""Market data by REST, computed again from what takers were told.

Goal: aggregate trades, candles, tickers and averages are exactly what was traded, at every moment and over kill -9; books and
tickers that many ask for are never of yesterday; a CDN may keep what is public and nothing else. Method: a maker's ladder and
takers that sweep it at random; each taker's fills are kept, and every answer is computed again from them. The market goes
on over a kill -9, and passes the 1,000 trades that are kept.
"""
import calendar
import json
import random
import sys
import time

from castle_client import (ATOM, Checks, Http1, Http2, Server, Trader, Turns, atoms, check, eq, parse, quote_of, show, units)
from history_check import wait_for_history

SYMBOL, KEPT, DAY = "ETHUSDT", 1000, 86400 * 10 ** 6
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
INTERVALS = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")
ZONES = {"0": 0, "05:45": 345, "-3:30": -210, "14": 840, "-12:00": -720}

checks = Checks()
rng = random.Random(7)


class World:
    def __init__(self, server):
        self.server, self.admin = server, server.admin()
        self.http = Http1(server.public)
        self.maker = Trader(self.admin, self.http, "maker", {"USDT": "90000000", "ETH": "90000"}, micro=True)
        self.taker = Trader(self.admin, self.http, "taker", {"USDT": "90000000", "ETH": "90000"}, micro=True)
        Turns(server, self.maker, self.taker)
        self.trades = []  # {id, price, qty, order, buyer: the buyer took, time}
        second = self.second()
        while len(self.trades) < 100:
            self.step()
        while self.second() == second:  # the rest comes in another one; far fewer in all than are kept
            pass
        while len(self.trades) < 200:
            self.step()

    def ladder(self):
        if self.maker.open_orders(SYMBOL):
            self.maker.cancel_all(SYMBOL)
        for i in range(6):
            for side, price in (("SELL", 2000 + i), ("BUY", 1999 - i)):
                for _ in range(rng.randint(1, 3)):
                    qty = show(rng.randint(30, 300) * 10 ** 4)
                    self.maker.limit(SYMBOL, side, qty, str(price), newOrderRespType="ACK")

    def crowd(self):
        """Many small orders at once, at two prices."""
        if self.maker.open_orders(SYMBOL):
            self.maker.cancel_all(SYMBOL)
        http = Http2(self.server.public)
        streams = []
        for i in range(160):
            order = {"symbol": SYMBOL, "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.003",
                     "price": str(2000 + i % 2), "newOrderRespType": "ACK"}
            streams.append(http.submit(*self.maker.build("POST", "/api/v3/order", order)))
            if len(streams) == 40:
                for stream in streams:
                    parse(http.wait(stream))
                streams = []
        http.close()

    def step(self):
        """One taker's order, after a look at the book; what it filled is noted."""
        book = self.taker.depth(SYMBOL, limit=5)
        if len(book["bids"]) < 3 or len(book["asks"]) < 3:
            self.ladder()
        self.take(rng.choice(("BUY", "SELL")), show(rng.randint(30, 900) * 10 ** 4))

    def take(self, side, qty):
        answer = self.taker.limit(SYMBOL, side, qty, "2010" if side == "BUY" else "1990", "IOC")
        for fill in answer["fills"]:
            self.trades.append({"id": fill["tradeId"], "price": atoms(fill["price"]), "qty": atoms(fill["qty"]),
                                "order": answer["orderId"], "buyer": side == "BUY"})

    def again(self):
        """After a kill -9, once the history has all: what it lacks is mended later, and figures are incomplete until then."""
        wait_for_history(self.server).close()
        self.server.kill9()
        self.server.start()
        self.http = self.maker.http = self.taker.http = Http1(self.server.public)
        self.admin = self.server.admin()

    def get(self, path, **params):
        return self.taker.get(path, params)

    def second(self):
        return self.get("time")["serverTime"] // 10 ** 6

    def timed(self):
        """The trades with their times, which a taker is not told."""
        newest = {row["id"]: row for row in self.get("trades", symbol=SYMBOL, limit=1000)}
        for trade in self.trades:
            if trade["id"] in newest:
                trade["time"] = newest[trade["id"]]["time"]
        check(all("time" in trade for trade in self.trades), "a trade whose time was never seen")
        return self.trades


# ---- the plain answers ----

def runs(trades):
    """Aggregate trades: of one taker order at one price, in succession."""
    found = []
    for trade in trades:
        last = found[-1] if found else None
        if last and last["order"] == trade["order"] and last["price"] == trade["price"]:
            last["qty"] += trade["qty"]
            last["last"] = trade["id"]
        else:
            found.append({**trade, "agg": len(found) + 1, "last": trade["id"]})
    return [{"a": one["agg"], "p": show(one["price"]), "q": show(one["qty"]), "f": one["id"], "l": one["last"],
             "T": one["time"], "m": not one["buyer"], "M": True} for one in found]


def opening(interval, us, zone):
    """Where the candle that holds a moment begins, by the calendar."""
    local = us // 10 ** 6 + zone * 60
    if interval == "1M":
        at = time.gmtime(local)
        begin = calendar.timegm((at.tm_year, at.tm_mon, 1, 0, 0, 0))
    elif interval == "1w":
        begin = local - local % 86400 - 86400 * time.gmtime(local).tm_wday
    else:
        length = int(interval[:-1]) * SECONDS[interval[-1]]
        begin = local - local % length
    return (begin - zone * 60) * 10 ** 6


def ending(interval, begin, zone):
    if interval == "1M":
        return opening("1M", begin + 32 * DAY, zone)
    return begin + (7 * 86400 if interval == "1w" else int(interval[:-1]) * SECONDS[interval[-1]]) * 10 ** 6


def candle(interval, begin, zone, trades, close):
    end = ending(interval, begin, zone)
    inside = [trade for trade in trades if begin <= trade["time"] < end]
    prices = [trade["price"] for trade in inside] or [close]
    taken = [trade for trade in inside if trade["buyer"]]

    def quote(of):
        return show(sum(quote_of(trade["price"], trade["qty"]) for trade in of))
    return [begin, show(prices[0]), show(max(prices)), show(min(prices)), show(prices[-1]),
            show(sum(trade["qty"] for trade in inside)), end - 1, quote(inside), len(inside),
            show(sum(trade["qty"] for trade in taken)), quote(taken), "0"], prices[-1]


def candles(interval, zone, trades, until):
    rows, begin, close = [], opening(interval, trades[0]["time"], zone), 0
    while begin <= until:
        row, close = candle(interval, begin, zone, trades, close)
        rows.append(row)
        begin = ending(interval, begin, zone)
    return rows


# ---- checks: a market of fewer trades than are kept ----

@checks
def aggregate_trades_are_what_takers_traded(w):
    expected = runs(w.timed())
    check(len(expected) < len(w.trades) < KEPT, f"{len(w.trades)} trades, {len(expected)} aggregate ones")
    eq(w.get("aggTrades", symbol=SYMBOL, limit=1000), expected, "all")
    eq(w.get("aggTrades", symbol=SYMBOL, limit=5), expected[-5:], "the newest")
    for number in (0, 1, 7, len(expected), len(expected) + 1):
        eq(w.get("aggTrades", symbol=SYMBOL, fromId=number, limit=4), expected[max(0, number - 1):][:4 if number else 4],
           f"from {number}")


@checks
def aggregate_trades_by_time_are_inclusive(w):
    expected = runs(w.timed())
    for first, last in ((0, -1), (3, 9), (5, 5), (len(expected) - 3, -1)):
        start, end = expected[first]["T"], expected[last]["T"]
        between = [one for one in expected if start <= one["T"] <= end]
        eq(w.get("aggTrades", symbol=SYMBOL, startTime=start, endTime=end, limit=1000), between, f"{first} to {last}")
        eq(w.get("aggTrades", symbol=SYMBOL, startTime=start, endTime=end, limit=2), between[:2], "the first two")
    middle = expected[len(expected) // 2]["T"]
    after = [one for one in expected if one["T"] >= middle]
    before = [one for one in expected if one["T"] <= middle]
    eq(w.get("aggTrades", symbol=SYMBOL, startTime=middle, limit=1000), after, "only a start")
    eq(w.get("aggTrades", symbol=SYMBOL, endTime=middle, limit=3), before[-3:], "only an end")
    ms = [one for one in expected if middle // 1000 == one["T"] // 1000]
    eq(w.get("aggTrades", symbol=SYMBOL, startTime=middle // 1000, endTime=middle // 1000, limit=1000), ms,
       "a millisecond holds all of its microseconds")


@checks
def old_trades_by_id(w):
    rows = w.get("trades", symbol=SYMBOL, limit=1000)
    eq([(row["id"], row["price"], row["qty"], row["isBuyerMaker"]) for row in rows],
       [(one["id"], show(one["price"]), show(one["qty"]), not one["buyer"]) for one in w.trades], "trades")
    eq(w.get("historicalTrades", symbol=SYMBOL, limit=10), rows[-10:], "the newest")
    eq(w.get("historicalTrades", symbol=SYMBOL, fromId=5, limit=10), rows[4:14], "from 5")
    eq(w.get("historicalTrades", symbol=SYMBOL, fromId=len(rows) + 1), [], "from the next one")


@checks
def candles_of_every_interval_and_zone(w):
    trades = w.timed()
    for interval in INTERVALS:
        for zone, minutes in ZONES.items():
            rows = w.get("klines", symbol=SYMBOL, interval=interval, timeZone=zone, limit=1000)
            eq(rows, candles(interval, minutes, trades, rows[-1][0]), f"{interval} {zone}")
            check(rows[-1][6] + 1 >= time.time_ns() // 1000 - 5 * 10 ** 6, f"{interval} {zone} ends before now")
            eq(w.get("uiKlines", symbol=SYMBOL, interval=interval, timeZone=zone, startTime=rows[0][0],
                     endTime=rows[-1][0]), rows[:500], f"uiKlines {interval} {zone}")


@checks
def candles_by_time(w):
    rows = w.get("klines", symbol=SYMBOL, interval="1s", limit=1000)
    begins = [row[0] for row in rows]
    check(len(rows) >= 2, "a market of one second")
    eq(w.get("klines", symbol=SYMBOL, interval="1s", startTime=begins[0], limit=2), rows[:2], "from a start")
    eq(w.get("klines", symbol=SYMBOL, interval="1s", startTime=begins[0] + 1, limit=1), rows[1:2], "behind a beginning")
    eq(w.get("klines", symbol=SYMBOL, interval="1s", endTime=begins[1]), rows[:2], "up to an end")
    eq(w.get("klines", symbol=SYMBOL, interval="1s", endTime=begins[0] - 1), [], "before the first trade")
    eq(w.get("klines", symbol=SYMBOL, interval="1s", startTime=begins[-1] + 3600 * 10 ** 6), [], "after now")


@checks
def the_last_day(w):
    trades, book = w.timed(), w.taker.depth(SYMBOL, limit=5)
    full = w.get("ticker/24hr", symbol=SYMBOL)
    first, last = trades[0], trades[-1]
    base = sum(one["qty"] for one in trades)
    quote = sum(quote_of(one["price"], one["qty"]) for one in trades)
    change = last["price"] - first["price"]
    thousandths = (abs(change) * 200000 + first["price"]) // (2 * first["price"])
    sign = "-" if change < 0 and thousandths else ""
    close, begin = full.pop("closeTime"), full.pop("openTime")
    check(abs(close - time.time_ns() // 1000) < 60 * 10 ** 6, f"closeTime {close}")
    eq(begin, (close - DAY) // (60 * 10 ** 6) * 60 * 10 ** 6, "openTime")
    expected = {"symbol": SYMBOL, "priceChange": show(change),
                "priceChangePercent": f"{sign}{thousandths // 1000}.{thousandths % 1000:03d}",
                "weightedAvgPrice": show(quote * ATOM // base), "prevClosePrice": show(first["price"]),
                "lastPrice": show(last["price"]), "lastQty": show(last["qty"]),
                "bidPrice": book["bids"][0][0], "bidQty": book["bids"][0][1], "askPrice": book["asks"][0][0],
                "askQty": book["asks"][0][1], "openPrice": show(first["price"]),
                "highPrice": show(max(one["price"] for one in trades)),
                "lowPrice": show(min(one["price"] for one in trades)), "volume": show(base), "quoteVolume": show(quote),
                "firstId": 1, "lastId": last["id"], "count": len(trades)}
    eq(full, expected, "FULL")
    mini = w.get("ticker/24hr", symbol=SYMBOL, type="MINI")
    eq({key: value for key, value in mini.items() if not key.endswith("Time")},
       {key: expected[key] for key in mini if not key.endswith("Time")}, "MINI")


@checks
def the_last_day_of_what_never_traded(w):
    row = w.get("ticker/24hr", symbol="BNBUSDT")
    eq((row["lastPrice"], row["volume"], row["firstId"], row["lastId"], row["count"], row["priceChangePercent"]),
       ("0.00000000", "0.00000000", -1, -1, 0, "0.000"), "an empty day")
    average = w.get("avgPrice", symbol="BNBUSDT")
    eq(average, {"mins": 5, "price": "0.00000000", "closeTime": 0}, "average")
    eq(w.get("klines", symbol="BNBUSDT", interval="1m"), [], "candles")
    eq(w.get("aggTrades", symbol="BNBUSDT"), [], "aggregate trades")


def window_of(trades, begin, end):
    """FULL figures, but for closeTime, of the trades from begin on and before end."""
    inside = [trade for trade in trades if begin <= trade["time"] < end]
    prices = [trade["price"] for trade in inside] or [0]
    base = sum(trade["qty"] for trade in inside)
    quote = sum(quote_of(trade["price"], trade["qty"]) for trade in inside)
    change = prices[-1] - prices[0]
    thousandths = (abs(change) * 200000 + prices[0]) // (2 * prices[0]) if inside else 0
    return {"symbol": SYMBOL, "priceChange": show(change),
            "priceChangePercent": f"{'-' if change < 0 and thousandths else ''}{thousandths // 1000}.{thousandths % 1000:03d}",
            "weightedAvgPrice": show(quote * ATOM // base if base else 0), "openPrice": show(prices[0]),
            "highPrice": show(max(prices)), "lowPrice": show(min(prices)), "lastPrice": show(prices[-1]),
            "volume": show(base), "quoteVolume": show(quote), "openTime": begin,
            "firstId": inside[0]["id"] if inside else -1, "lastId": inside[-1]["id"] if inside else -1,
            "count": len(inside)}


def windows_are_right(w, windows):
    """FULL and MINI of each window, alone and in a list, against the trades."""
    trades = w.timed()
    for path, params, length in windows:
        row = w.get(path, symbol=SYMBOL, **params)
        close, begin = row.pop("closeTime"), row["openTime"]
        if length:
            eq(begin, (close - length) // (60 * 10 ** 6) * 60 * 10 ** 6, f"openTime of {params}")
            check(abs(close - time.time_ns() // 1000) < 60 * 10 ** 6, f"closeTime {close}")
        else:
            zone = ZONES[params["timeZone"]]
            eq((begin, close), (opening("1d", close, zone), begin + DAY - 1), f"the day of {params}")
            check(begin <= time.time_ns() // 1000, "a day to come")
        expected = window_of(trades, begin, close + 1)
        eq(row, expected, f"{path} {params}")
        mini, = w.get(path, symbols=json.dumps([SYMBOL]), type="MINI", **params)
        expected = window_of(trades, mini["openTime"], mini["closeTime"] + 1)
        eq({key: value for key, value in mini.items() if key != "closeTime"},
           {key: value for key, value in expected.items() if key in mini}, f"MINI of {path} {params}")


WINDOWS = [("ticker", {"windowSize": f"{number}{unit}"}, number * SECONDS[unit] * 10 ** 6)
           for number, unit in ((1, "m"), (2, "m"), (59, "m"), (1, "h"), (23, "h"), (1, "d"), (7, "d"))]
WINDOWS += [("ticker", {}, DAY)] + [("ticker/tradingDay", {"timeZone": zone}, None) for zone in ZONES]


@checks
def windows_and_days(w):
    windows_are_right(w, WINDOWS)


@checks
def the_mean_of_five_minutes(w):
    trades = w.timed()
    answer = w.get("avgPrice", symbol=SYMBOL)
    base = sum(one["qty"] for one in trades)
    quote = sum(quote_of(one["price"], one["qty"]) for one in trades)
    if time.time_ns() // 1000 - trades[0]["time"] < 240 * 10 ** 6:  # all of it: a slow machine would say less
        eq(answer, {"mins": 5, "price": show(quote * ATOM // base), "closeTime": trades[-1]["time"]}, "average")


@checks
def a_book_that_many_ask_for_is_never_of_yesterday(w):
    """The same requests between orders: every answer shows the order before it, at each limit that is kept or is not."""
    last = 0
    for i in range(60):
        price, side = (f"{1900 - i}.00", "BUY") if i % 2 else (f"{2100 + i}.00", "SELL")
        w.maker.limit(SYMBOL, side, "0.5", price, newOrderRespType="ACK")
        books = {limit: w.taker.depth(SYMBOL, limit=limit) for limit in (5, 100, 101, 5000, 5000, 100)}
        whole = books[101]
        key = "bids" if side == "BUY" else "asks"
        check([show(units(price)), "0.50000000"] in whole[key], f"{side} at {price} is not there")
        check(whole["lastUpdateId"] > last, "the update id stands still")
        last = whole["lastUpdateId"]
        for limit, book in books.items():
            check(len(whole["bids"]) <= 100 and len(whole["asks"]) <= 100, "the book is deeper than the check")
            eq(book, {"lastUpdateId": last, "bids": whole["bids"][:limit], "asks": whole["asks"][:limit]}, f"limit {limit}")
        top = w.get("ticker/bookTicker", symbol=SYMBOL)
        eq(top, {"symbol": SYMBOL, "bidPrice": whole["bids"][0][0], "bidQty": whole["bids"][0][1],
                 "askPrice": whole["asks"][0][0], "askQty": whole["asks"][0][1]}, "bookTicker")


@checks
def a_request_that_was_answered_before_is_still_checked(w):
    """Texts that were understood once keep their meaning, and only theirs."""
    for target, status in ((f"/api/v3/depth?symbol={SYMBOL}&limit=100", 200),
                           (f"/api/v3/depth?symbol={SYMBOL}&limit=100&symbolStatus=HALT", 400),
                           (f"/api/v3/depth?symbol={SYMBOL}&limit=0", 400),
                           (f"/api/v3/depth?limit=100&symbol={SYMBOL}", 200),
                           (f"/api/v3/ticker/bookTicker?symbol={SYMBOL}", 200)):
        for _ in range(3):
            eq(w.http.request("GET", target, {}, b"").status, status, target)
        eq(w.http.request("POST", target, {}, b"").status, 405, f"POST {target}")
    w.admin.status("SOLUSDT", "HALT")
    for _ in range(3):
        eq(w.http.request("GET", "/api/v3/depth?symbol=SOLUSDT&limit=5", {}, b"").status, 200, "a halted book")
    w.admin.status("SOLUSDT", "TRADING")


@checks
def what_a_cdn_may_keep(w):
    public = ("depth?symbol=ETHUSDT", "trades?symbol=ETHUSDT", "aggTrades?symbol=ETHUSDT", "ticker/24hr?symbol=ETHUSDT",
              "klines?symbol=ETHUSDT&interval=1m", "uiKlines?symbol=ETHUSDT&interval=1m", "avgPrice?symbol=ETHUSDT",
              "ticker/price", "ticker/bookTicker?symbol=ETHUSDT", "historicalTrades?symbol=ETHUSDT",
              "ticker?symbol=ETHUSDT", "ticker/tradingDay?symbol=ETHUSDT")
    no_times = ("depth", "ticker/price", "ticker/bookTicker")
    for path in (*public, *public):  # the second time around, from what is kept
        headers = w.http.request("GET", "/api/v3/" + path, {}, b"").headers
        eq(headers.get("cache-control"), "public, max-age=1", path)
        eq(headers.get("vary"), None if path.split("?")[0] in no_times else "x-mbx-time-unit", f"Vary of {path}")
    eq(w.http.request("GET", "/api/v3/exchangeInfo", {}, b"").headers["cache-control"], "public, max-age=60", "exchangeInfo")
    private = [w.taker.build("GET", "/api/v3/account"), w.taker.build("GET", "/api/v3/myTrades", {"symbol": SYMBOL}),
               w.taker.build("POST", "/api/v3/order/test", {"symbol": SYMBOL, "side": "BUY", "type": "MARKET",
                                                            "quantity": "1"}),
               ("GET", "/api/v3/time", {}, b""), ("GET", "/api/v3/ping", {}, b""), ("GET", "/api/v3/nosuch", {}, b""),
               ("GET", "/api/v3/depth?symbol=NOSUCH", {}, b""), ("GET", "/api/v3/account", {}, b"")]
    for request in private:
        kept = "no-store" if request[0] == "GET" else None  # nobody keeps another answer that does not ask for it
        eq(w.http.request(*request).headers.get("cache-control"), kept, f"{request[0]} {request[1][:40]}")


@checks
def what_tickers_of_many_symbols_cost(w):
    for i in range(120):
        w.admin.symbol(f"COIN{i}USDT", f"COIN{i}", "USDT", tickSize="0.01", stepSize="0.01", minNotional="1")

    def cost(target):
        for _ in range(2):  # a minute may begin between two answers
            before = int(w.http.request("GET", "/api/v3/ping", {}, b"").headers["x-mbx-used-weight-1m"])
            reply = w.http.request("GET", target, {}, b"")
            eq((reply.status, len(json.loads(reply.body)) > 1), (200, True), target[:60])
            used = int(reply.headers["x-mbx-used-weight-1m"]) - before
            if used > 0:
                return used
        return None
    for count, weight in ((20, 2), (21, 40), (100, 40), (101, 80)):
        listed = json.dumps([f"COIN{i}USDT" for i in range(count)], separators=(",", ":")).replace('"', "%22")
        eq(cost(f"/api/v3/ticker/24hr?type=MINI&symbols={listed}"), weight, f"weight of {count} symbols")
    eq(cost("/api/v3/ticker/24hr"), 80, "weight of all")


@checks
def what_windows_of_many_symbols_cost(w):
    """They are refused for what never traded, and cost the same."""
    for path in ("ticker", "ticker/tradingDay"):
        for count, weight, code in ((1, 4, -2016), (49, 196, -2016), (50, 200, -2016), (51, 200, -2016), (100, 200, -2016),
                                    (101, 200, -1101)):
            listed = json.dumps([f"COIN{i}USDT" for i in range(count)], separators=(",", ":")).replace('"', "%22")
            for _ in range(2):  # a minute may begin between two answers
                before = int(w.http.request("GET", "/api/v3/ping", {}, b"").headers["x-mbx-used-weight-1m"])
                reply = w.http.request("GET", f"/api/v3/{path}?symbols={listed}", {}, b"")
                used = int(reply.headers["x-mbx-used-weight-1m"]) - before
                if used > 0:
                    break
            eq((reply.status, json.loads(reply.body)["code"], used), (400, code, weight), f"{path} of {count} symbols")


# ---- checks: over a kill -9, and more trades than are kept ----

@checks
def a_kill_keeps_every_aggregate_id_and_candle(w):
    w.timed()
    before = {path: w.get(path, symbol=SYMBOL, limit=1000) for path in ("aggTrades", "historicalTrades")}
    minutes = w.get("klines", symbol=SYMBOL, interval="1m", startTime=w.trades[0]["time"] // DAY * DAY, limit=1000)
    w.again()
    for path, rows in before.items():
        eq(w.get(path, symbol=SYMBOL, limit=1000), rows, f"{path} after the restart")
    again = w.get("klines", symbol=SYMBOL, interval="1m", startTime=w.trades[0]["time"] // DAY * DAY, limit=1000)
    eq(again[:len(minutes) - 1], minutes[:-1], "candles after the restart")
    windows_are_right(w, WINDOWS)
    for _ in range(10):
        w.step()
    eq(w.get("aggTrades", symbol=SYMBOL, limit=1000), runs(w.timed()), "after more trades")


@checks
def ids_go_on_beyond_what_is_kept(w):
    while len(w.trades) < KEPT + 200:
        w.crowd()
        for _ in range(5):
            w.take("BUY", "0.09")
        w.timed()
    expected = runs(w.trades)
    for _ in range(2):
        rows = w.get("aggTrades", symbol=SYMBOL, limit=1000)
        check(len(rows) > 30, f"only {len(rows)} aggregate trades")
        eq(rows, expected[-len(rows):], "the newest aggregate trades")
        middle = rows[len(rows) // 2]["a"]
        eq(w.get("aggTrades", symbol=SYMBOL, fromId=middle, limit=7), expected[middle - 1:middle + 6], f"from {middle}")
        windows_are_right(w, WINDOWS)
        w.again()


def main():
    with Server() as server:
        checks.run(World(server))
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
