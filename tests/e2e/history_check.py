"""What DIR/history.db must be: exactly what the journal's records made, each row once, up to its cursor.

Nothing here writes; only the standard library.
"""
import collections
import contextlib
import sqlite3
import time

from checks import atoms, check, eq

WAIT_SECONDS = 300
TRADE, FEE = 3, 4  # kinds of ledger entries
FILLED, ENDED = 4, (4, 5, 6, 7)
OTOCO = 2  # a kind of order list
WIDTHS = (1, 60, 3600, 86400)


def open_history(data):
    store = sqlite3.connect(f"file:{data / 'history.db'}?mode=ro", uri=True)
    store.row_factory = sqlite3.Row
    return store


def wait_for_history(server):
    """The store, once it has what the server has."""
    lsn, end = int(server.admin().audit()["lsn"]), time.monotonic() + WAIT_SECONDS
    while True:
        with contextlib.suppress(sqlite3.OperationalError):  # not made yet
            store = open_history(server.data)
            with contextlib.suppress(sqlite3.OperationalError):
                if store.execute("SELECT lsn FROM source").fetchone()["lsn"] >= lsn:
                    return store
            store.close()
        check(time.monotonic() < end, f"the history did not reach LSN {lsn} in {WAIT_SECONDS} s")
        time.sleep(0.01)


def check_trades(store):
    """Ids are dense, aggregates are of one taker order and price; every trade has its two fills."""
    last = {}
    for row in store.execute("SELECT * FROM trade ORDER BY symbol, trade_id"):
        before = last.get(row["symbol"])
        eq(row["trade_id"], before["trade_id"] + 1 if before else 1, "trade ids are dense")
        same = before and (before["taker_order_id"], before["price"]) == (row["taker_order_id"], row["price"])
        eq(row["agg_id"], (before["agg_id"] if before else 0) + (not same), "aggregate id")
        check(not before or before["time_us"] <= row["time_us"], "time goes on")
        last[row["symbol"]] = row
    trades = store.execute("SELECT count(*), coalesce(sum(qty), 0), coalesce(sum(quote), 0) FROM trade").fetchone()
    for maker in 0, 1:
        fills = store.execute("SELECT count(*), coalesce(sum(qty), 0), coalesce(sum(quote), 0) FROM fill WHERE maker = ?",
                              (maker,)).fetchone()
        eq(tuple(fills), tuple(trades), f"fills with maker = {maker} beside the trades")
    return trades[0]


def check_candles(store):
    """Each candle against its trades."""
    want = {}
    for row in store.execute("SELECT * FROM trade ORDER BY symbol, trade_id"):
        for width in WIDTHS:
            open_us = row["time_us"] // (width * 10 ** 6) * width * 10 ** 6
            candle = want.setdefault((row["symbol"], width, open_us), {
                "open": row["price"], "high": row["price"], "low": row["price"], "base": 0, "quote": 0, "taker_base": 0,
                "taker_quote": 0, "first_trade": row["trade_id"], "trades": 0})
            candle |= {"high": max(candle["high"], row["price"]), "low": min(candle["low"], row["price"]),
                       "close": row["price"], "base": candle["base"] + row["qty"],
                       "quote": candle["quote"] + row["quote"], "last_trade": row["trade_id"],
                       "trades": candle["trades"] + 1}
            if not row["buyer_is_maker"]:
                candle |= {"taker_base": candle["taker_base"] + row["qty"],
                           "taker_quote": candle["taker_quote"] + row["quote"]}
    got = {}
    for row in store.execute("SELECT * FROM candle"):
        candle = {name: row[name] for name in row.keys() if name not in ("symbol", "width", "open_us")}
        sums = {name: int(candle[name]) for name in ("base", "quote", "taker_base", "taker_quote")}
        got[row["symbol"], row["width"], row["open_us"]] = candle | sums
    eq(got, want, "candles")


def check_orders(store):
    """An order that is done has the fills it says."""
    query = """SELECT o.*, (SELECT count(*) FROM fill f WHERE f.user = o.user AND f.symbol = o.symbol
        AND f.order_id = o.order_id) AS fills, (SELECT coalesce(sum(qty), 0) FROM fill f WHERE f.user = o.user
        AND f.symbol = o.symbol AND f.order_id = o.order_id) AS filled FROM orders o"""
    for row in store.execute(query):
        eq((row["fills"], row["filled"]), (row["trades"], row["executed"]), f"fills of order {row['order_id']}")
        check(row["executed"] <= row["qty"] or row["qty"] == 0, "not more than asked for")


def check_lists(store):
    """A list that is done has its orders, which are done; an order of a list is named by it, and its fills are of it, too."""
    named = set()
    for row in store.execute("SELECT * FROM list"):
        parts = [part for part in (1, 2, 3) if row[f"order_id_{part}"] is not None]
        eq(parts, [1, 2, 3] if row["kind"] == OTOCO else [1, 2], f"orders of list {row['list_id']}")
        for part in parts:
            order = store.execute("SELECT list_id, client_id FROM orders WHERE user = ? AND symbol = ? AND order_id = ?",
                                  (row["user"], row["symbol"], row[f"order_id_{part}"])).fetchone()
            check(order, f"order {part} of list {row['list_id']} is not there")
            eq(tuple(order), (row["list_id"], row[f"client_id_{part}"]), f"order {part} of list {row['list_id']}")
            named.add((row["user"], row["symbol"], row[f"order_id_{part}"]))
    done = "SELECT o.user, o.symbol, o.order_id FROM orders o JOIN list USING(user, list_id)"
    eq({tuple(row) for row in store.execute(done)}, named, "orders of lists that are done")
    others = """SELECT count(*) FROM fill f JOIN orders o USING(user, symbol, order_id) WHERE f.list_id != o.list_id"""
    eq(store.execute(others).fetchone()[0], 0, "fills of another list than their order's")


def check_balances(store, traders):
    """What a user owns is the sum of the user's ledger entries."""
    names = {row["number"]: row["name"] for row in store.execute("SELECT * FROM asset")}
    for trader in traders:
        sums = collections.Counter()
        for row in store.execute("SELECT asset, sum(amount) AS sum FROM entry WHERE user = ? GROUP BY asset", (trader.user,)):
            sums[names[row["asset"]]] = row["sum"]
        have = {row["asset"]: atoms(row["free"]) + atoms(row["locked"]) for row in trader.account()["balances"]}
        eq({asset: amount for asset, amount in sums.items() if amount},
           {asset: amount for asset, amount in have.items() if amount}, f"the entries of user {trader.user}")


def check_history(server, traders):
    """All of it, at rest. Returns the number of trades."""
    store = wait_for_history(server)
    try:
        trades = check_trades(store)
        check_candles(store)
        check_orders(store)
        check_lists(store)
        check_balances(store, traders)
    finally:
        store.close()
    return trades
