#!/usr/bin/python3
"""The history's file: exact after every end, rebuilt from the journal, and never in trading's way.

Goal: DESIGN §7. Method: real servers; users trade over sockets, the process is killed at random moments, the file is taken
away, spoilt, made read-only; each time it is compared with the API's answers and recomputed from its own trades (history_check.py).
usage: test_history.py [--rounds N]
"""
import argparse
import re
import shutil
import sys
import time

from castle_client import Checks, Http1, Server, Trader, check, conserved, eq, refusal, show, units
from history_check import check_history, wait_for_history
from test_kill import Kill

checks = Checks()
OPTIONS = "--segment-mib", "1", "--snapshot-seconds", "1", "--snapshot-records", "2000"


def metric(server, name):
    lines = [line for line in server.admin().metrics().splitlines() if line.split(" ")[0] == name]
    eq(len(lines), 1, f"lines of {name}")
    return float(lines[0].split(" ")[1])


def until(what, condition):
    end = time.monotonic() + 300
    while not condition():
        check(time.monotonic() < end, f"waited 300 s for {what}")
        time.sleep(0.01)


def content(server):
    """Every row of every table, to be compared."""
    store = wait_for_history(server)
    tables = "symbol", "asset", "trade", "fill", "orders", "amendment", "prevented", "list", "candle", "entry"
    rows = {table: sorted(tuple(row) for row in store.execute(f"SELECT * FROM {table}")) for table in tables}
    store.close()
    return rows


def killed_at_random(rounds):
    with Server(*OPTIONS) as server:
        kill = Kill(server, 300, 7)
        for number in range(rounds):
            kill.round(number)
            trades = check_history(server, kill.traders)
        check(trades > 100, f"only {trades} trades")
        before = content(server)
        check(before["orders"] and before["entry"] and before["candle"], "rows of every kind")
        eq(server.sigterm(), 0, "a clean end")
        server.restart()
        kill.connect()
        check_history(server, kill.traders)
        eq(content(server), before, "the history after a clean restart")


@checks
def a_history_that_is_gone_is_made_of_the_journal():
    with Server("--snapshot-seconds", "86400") as server:
        kill = Kill(server, 300, 8)
        kill.round(0)
        check_history(server, kill.traders)
        before = content(server)
        for spoil in "gone", "rotten", "of another directory":
            eq(server.sigterm(), 0, "a clean end")
            for path in server.data.glob("history.db*"):
                path.unlink()
            if spoil == "rotten":
                (server.data / "history.db").write_bytes(b"no database at all" * 1000)
            if spoil == "of another directory":
                with Server() as other:
                    wait_for_history(other).close()
                    eq(other.sigterm(), 0, "a clean end")
                    shutil.copy(other.data / "history.db", server.data / "history.db")
            server.restart()
            kill.connect()
            if spoil != "gone":
                until("a word about it", lambda: metric(server, "castle_history_failed") == 1)
                check("history_failed" in server.told("history_failed"), "the log says so")
                conserved(server.admin().audit())
                (server.data / "history.db").unlink()  # what the operator does; it is tried again by itself
                until("the next try", lambda: metric(server, "castle_history_failed") == 0)
            check_history(server, kill.traders)
            eq(content(server), before, f"the history after it was {spoil}")


@checks
def the_journal_is_kept_for_a_history_that_cannot_be_written():
    with Server(*OPTIONS) as server:
        kill = Kill(server, 400, 9)
        kill.round(0)
        check_history(server, kill.traders)
        before = content(server)
        eq(server.sigterm(), 0, "a clean end")
        for path in server.data.glob("history.db*"):
            path.rename(path.with_name("away-" + path.name))
        (server.data / "history.db").mkdir()
        server.restart()
        kill.connect()
        for number in range(1, 8):
            kill.round(number)
        until("snapshots without it", lambda: metric(server, "castle_snapshots_total") > 0)
        eq(metric(server, "castle_history_failed"), 1, "castle_history_failed")
        eq(server.sigterm(), 0, "a clean end")
        (server.data / "history.db").rmdir()
        (server.data / "away-history.db").rename(server.data / "history.db")
        server.restart()
        kill.connect()
        check_history(server, kill.traders)
        after = content(server)
        check(set(before["trade"]) < set(after["trade"]), "what was there is there, and more")
        check("history_gap" not in server.output(), "nothing was missing")


@checks
def without_a_history_there_is_no_file():
    with Server(*OPTIONS, "--history", "off") as server:
        kill = Kill(server, 300, 11)
        kill.round(0)
        eq(metric(server, "castle_history_lag_records"), 0, "its lag")
        check(not list(server.data.glob("history*")), "a file")


@checks
def a_gap_is_told_when_the_journal_no_longer_has_it():
    with Server(*OPTIONS, "--history", "off") as server:
        kill = Kill(server, 4000, 10)
        number = 0
        while any(path.name == "journal-00000001.seg" or path.name == "journal-00000001.seg.zst"
                  for path in server.data.iterdir()):
            check(number < 40, "the journal was never trimmed")
            made = server.output().count('"event":"snapshot_made"')
            kill.round(number)
            until("a snapshot, which no kill was too quick for",
                  lambda: server.output().count('"event":"snapshot_made"') > made)
            number += 1
        eq(server.sigterm(), 0, "a clean end")
        server.options = [*server.options[:-2]]
        server.restart()
        kill.connect()
        wait_for_history(server).close()
        server.told('"event":"history_gap"')
        kill.round(number)
        store = wait_for_history(server)
        check(store.execute("SELECT count(*) AS n FROM trade").fetchone()["n"] > 0, "what came later is there")
        store.close()


INTERVALS = "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M".split()
OLD = 1100  # trades: more than a market keeps


def trade_much(seller, buyer):
    """Orders of one, two and three fills; returns the orders as they were answered and every fill, oldest first."""
    orders, fills = [], []
    for i in range(OLD):
        price = str(20000 + i % 7)
        seller.limit("BTCUSDT", "SELL", "0.001", price, newClientOrderId=f"s{i}")
        if i % 3 == 0:  # two or three makers for one taker, at one or two prices
            for more in range(1 + i % 2):
                seller.limit("BTCUSDT", "SELL", "0.001", str(int(price) + more), newClientOrderId=f"s{i}-{more}")
        quantity = "0.001" if i % 3 else "0.002" if i % 2 == 0 else "0.003"
        orders.append(buyer.limit("BTCUSDT", "BUY", quantity, "20010", newClientOrderId=f"b{i}"))
        eq(orders[-1]["status"], "FILLED", f"order {i}")
        fills += [(fill["tradeId"], orders[-1]["orderId"], fill["price"], fill["qty"]) for fill in orders[-1]["fills"]]
    return orders, fills


def lookups(trader, end):
    """Answers that a restart must not change; no candles begin behind `end`, since there are more empty ones later."""
    market = {"symbol": "BTCUSDT", "limit": 1000}
    return {"agg": trader.get("aggTrades", market), "agg from 1": trader.get("aggTrades", {**market, "fromId": 1}),
            "agg at a time": trader.get("aggTrades", {**market, "startTime": 1, "limit": 7}),
            "old trades": trader.get("historicalTrades", {**market, "fromId": 1}),
            "trades": trader.get("historicalTrades", market),
            **{f"candles of {name}": trader.get("klines", {**market, "interval": name, "endTime": end}) for name in INTERVALS},
            "candles of another zone": trader.get("klines", {**market, "interval": "1d", "timeZone": "+05:45", "endTime": end}),
            "first candles": trader.get("klines", {**market, "interval": "1s", "startTime": 1, "endTime": end,
                                                  "limit": 3})}


@checks
def what_memory_no_longer_keeps_is_answered_from_history():
    with Server("--done-orders", "20") as server:
        admin = server.admin()
        admin.symbols()
        seller = Trader(admin, Http1(server.public), "seller", {"BTC": "100"})
        buyer = Trader(admin, Http1(server.public), "buyer", {"USDT": "1000000"})
        orders, fills = trade_much(seller, buyer)
        first, last = orders[0], orders[-1]
        for page in (buyer.all_orders("BTCUSDT", limit=1000),
                     buyer.all_orders("BTCUSDT", limit=1000, startTime=1, endTime=86400000)):
            check(len(page) <= 1000, "a page")
        eq([order["orderId"] for order in buyer.all_orders("BTCUSDT", limit=1000)],
           [order["orderId"] for order in orders[-1000:]], "the newest orders")
        seen = []
        while page := buyer.all_orders("BTCUSDT", limit=300, orderId=seen[-1] + 1 if seen else 1):
            seen += [order["orderId"] for order in page]
        eq(seen, [order["orderId"] for order in orders], "all orders, page by page")
        old = buyer.query("BTCUSDT", orderId=first["orderId"])
        eq((old["clientOrderId"], old["status"], old["executedQty"], old["cummulativeQuoteQty"]),
           ("b0", "FILLED", first["executedQty"], first["cummulativeQuoteQty"]), "an old order by its id")
        eq(buyer.query("BTCUSDT", origClientOrderId="b1"), buyer.query("BTCUSDT", orderId=orders[1]["orderId"]), "by client id")
        eq(refusal(buyer.query, "BTCUSDT", orderId=first["orderId"] + 10 ** 6).code, -2013, "an unknown order")
        eq(refusal(seller.query, "BTCUSDT", orderId=last["orderId"]).code, -2013, "another's order")
        mine, at = [], 1
        while page := buyer.trades("BTCUSDT", limit=500, fromId=at):
            mine += [(row["id"], row["orderId"], row["price"], row["qty"]) for row in page]
            at = page[-1]["id"] + 1
        eq(mine, fills, "all fills, page by page")
        eq([(row["id"], row["orderId"], row["price"], row["qty"])
            for row in buyer.trades("BTCUSDT", orderId=first["orderId"])],
           [fill for fill in fills if fill[1] == first["orderId"]], "fills of an old order")
        public = buyer.get("historicalTrades", {"symbol": "BTCUSDT", "fromId": 1, "limit": 1000})
        eq([(row["id"], row["price"], row["qty"]) for row in public],
           [(fill[0], fill[2], fill[3]) for fill in fills[:1000]], "public trades from the first on")
        agg = buyer.get("aggTrades", {"symbol": "BTCUSDT", "fromId": 1, "limit": 1000})
        eq([row["a"] for row in agg], list(range(1, 1001)), "aggregate ids")
        eq((agg[0]["f"], [row["f"] for row in agg[1:]]), (1, [row["l"] + 1 for row in agg[:-1]]), "each follows on the last")
        end = orders[-1]["transactTime"]
        before = lookups(buyer, end)
        eq(sum(int(candle[8]) for candle in before["candles of 1d"]), len(fills), "trades in the days' candles")
        eq(server.sigterm(), 0, "a clean end")
        server.restart()
        buyer.http = Http1(server.public)
        after = lookups(buyer, end)
        for name, answer in before.items():
            eq(after[name], answer, f"{name} after a restart")
        day = buyer.get("ticker/24hr", {"symbol": "BTCUSDT"})
        eq((day["count"], day["firstId"], day["lastId"]), (len(fills), 1, len(fills)), "the last day after a restart")


@checks
def accounts_that_kept_fewer_orders_once_find_the_others_in_the_history():
    """Begun from snapshots that were made while they kept three, and from those that came of these."""
    pace = "--snapshot-seconds", "1"
    with Server("--done-orders", "3", *pace) as server:
        admin = server.admin()
        admin.symbols()
        trader = Trader(admin, Http1(server.public), "trader", {"BTC": "100", "USDT": "1000000"})
        for i in range(8):
            for side in "BUY", "SELL":
                trader.limit("BTCUSDT", side, "0.001", "20000", newClientOrderId=f"{side}{i}")
            oco = trader.call("POST", "/api/v3/orderList/oco", {
                "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.001", "aboveType": "LIMIT_MAKER", "abovePrice": "30000",
                "belowType": "STOP_LOSS", "belowStopPrice": "10000"})
            trader.call("DELETE", "/api/v3/orderList", {"symbol": "BTCUSDT", "orderListId": oco["orderListId"]})

        def found():
            return {"orders": [row["orderId"] for row in trader.all_orders("BTCUSDT")],
                    "trades": [row["id"] for row in trader.trades("BTCUSDT")],
                    "lists": [row["orderListId"] for row in trader.get("allOrderList", signed=True)],
                    "the first": trader.query("BTCUSDT", origClientOrderId="BUY0")["orderId"]}
        before = found()
        eq([len(before[what]) for what in ("orders", "trades", "lists")], [32, 16, 8], "all of them")
        for kept in "3", "1000", "1000", "500":
            trader.cancel("ETHUSDT", orderId=trader.limit("ETHUSDT", "BUY", "0.01", "1000")["orderId"])
            lsn = admin.audit()["lsn"]
            until("a snapshot of all that", lambda: any(
                int(at) >= lsn for at in re.findall(r'"event":"snapshot_made".*?"lsn":(\d+)', server.output())))
            eq(server.sigterm(), 0, "a clean end")
            server.options = ["--done-orders", kept, *pace]
            server.restart()
            admin, trader.http = server.admin(), Http1(server.public)
            eq(found(), before, f"the same, with {kept} kept")


@checks
def windows_that_began_without_a_history_get_what_it_has():
    """A life without a history; then more trades than a market keeps are missing at the start, until they have been read."""
    with Server("--history", "off") as server:
        admin = server.admin()
        admin.symbols()
        seller = Trader(admin, Http1(server.public), "seller", {"BTC": "100"})
        buyer = Trader(admin, Http1(server.public), "buyer", {"USDT": "1000000"})
        _, fills = trade_much(seller, buyer)
        eq(server.sigterm(), 0, "a clean end")
        server.options = []
        server.restart()
        seller.http = buyer.http = Http1(server.public)

        def windows():
            market = {"symbol": "BTCUSDT"}
            rows = [buyer.get("ticker/24hr", market),
                    *[buyer.get("ticker", {**market, "windowSize": width}) for width in ("1h", "1d", "7d")]]
            return [(row["count"], row["volume"]) for row in rows]
        base = sum(units(fill[3]) for fill in fills)
        for more in range(1, 4):  # it goes on meanwhile
            seller.limit("BTCUSDT", "SELL", "0.001", "20000")
            buyer.limit("BTCUSDT", "BUY", "0.001", "20000")
            base += units("0.001")
            until("all trades in every window", lambda: windows() == [(len(fills) + more, show(base))] * 4)


@checks
def one_who_trades_with_himself_has_each_fill_once_also_where_memory_meets_history():
    with Server() as server:
        admin = server.admin()
        admin.symbols()
        trader = Trader(admin, Http1(server.public), "both", {"BTC": "10", "USDT": "1000000"})
        rest = trader.limit("BTCUSDT", "SELL", "1.06", "10000")["orderId"]
        for _ in range(1060):  # two fills each, of which memory keeps 1,000 in all
            eq(trader.limit("BTCUSDT", "BUY", "0.001", "10000", tif="IOC")["status"], "FILLED", "a trade with himself")
        fills = trader.trades("BTCUSDT", limit=1000)
        eq([row["id"] for row in fills], [number for number in range(561, 1061) for _ in range(2)], "the newest trades, twice")
        eq([row["isBuyer"] for row in fills], [True, False] * 500, "both sides of each")
        for limit in (500, 1000):
            eq([row["id"] for row in trader.trades("BTCUSDT", orderId=rest, limit=limit)], list(range(1, limit + 1)),
               "the first fills of a long order")
        eq([row["a"] for row in trader.get("aggTrades", {"symbol": "BTCUSDT", "startTime": 0, "limit": 5})],
           [1, 2, 3, 4, 5], "aggregate trades since the beginning of time")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    checks.one(f"the history is exact after each of {options.rounds} kills", killed_at_random, options.rounds)
    checks.run()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
