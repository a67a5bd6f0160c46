"""Subscribers to a server that is killed, and what they were told beside what REST has after the restart.

Goal: what was told is durable, whatever the crash took; and who subscribes again sees by ids alone what was missed,
all of which REST has. Method: two connections to streams and one of user data listen from before a round's load until
the kill; what they heard is kept, and compared behind the restart: trades and reports with REST, best prices and books
where REST is at their id, and a book also with that of the journal at its id. Ids go on where they ended.
"""
import collections
import json
import threading

from castle_client import Binance, Http1, asked_again, atoms, castle, check, eq, parse, reply_of, show
from test_streams import Book
from test_user_events import ENDED, Fold
from test_ws_api import SUBSCRIBE, WsApi
from ws_client import Closed, WebSocket

STREAMS = ("trade", "aggTrade", "depth@100ms", "bookTicker")
WAIT_SECONDS, PAGE = 30, 1000


class Ear(threading.Thread):
    """Hears everything on one connection until it ends."""

    def __init__(self, ws, heard=()):
        super().__init__(daemon=True)
        self.ws, self.heard, self.news, self.error = ws, list(heard), threading.Condition(), None

    def run(self):
        try:
            while True:
                event = self.ws.event()
                with self.news:
                    self.heard.append(event)
                    self.news.notify_all()
        except TimeoutError as error:  # the server neither speaks nor dies
            self.error = error
        except (Closed, OSError):  # the server is gone
            pass
        finally:
            self.ws.close()

    def of(self, stream):
        return [event["data"] for event in list(self.heard) if event["stream"].endswith("@" + stream)]


def begins_with(rows, told, what):
    """What was told is the beginning of what REST has, and the first row that is not says so."""
    check(len(told) <= len(rows), f"{what}: {len(told)} were told, {len(rows)} are there, then {told[len(rows):][:1]}")
    for event, row in zip(told, rows):
        eq(event, row, what)


class Listeners:
    def __init__(self, server, traders, symbol):
        self.server, self.traders, self.symbol = server, traders, symbol
        self.ears, self.user, self.first = [], None, {}
        self.folds = [Fold() for _ in traders]
        self.last_order = [0] * len(traders)
        self.counts = collections.Counter()

    # ---- before the load: nothing happens, so what REST shows is where streams begin ----

    def listen(self):
        self.ears, self.user, known, self.first = [], None, self.first, {}
        names = "/".join(f"{self.symbol.lower()}@{stream}" for stream in STREAMS)
        sockets = [WebSocket(self.server.public, "/stream?streams=" + names) for _ in range(2)]
        for ws in sockets:
            eq(len(ws.ask("LIST_SUBSCRIPTIONS")["result"]), len(STREAMS), "subscriptions")
        user = WsApi(self.server.public)
        for number, trader in enumerate(self.traders):
            eq(user.result(SUBSCRIBE, {}, trader), {"subscriptionId": number}, "subscription")
        http = Http1(self.server.public)
        self.begin(Binance(http), known)
        self.lsn = int(self.server.admin().audit()["lsn"])
        for number, trader in enumerate(self.traders):
            def ask(path, trader=trader, **params):
                return parse(asked_again(lambda: reply_of(http.request(*trader.build(
                    "GET", "/api/v3/" + path, {"symbol": self.symbol, **params})))))
            self.folds[number].trades, self.folds[number].orders = {}, {
                order["orderId"]: {"X": order["status"], "z": order["executedQty"], "Z": order["cummulativeQuoteQty"]}
                for order in ask("openOrders")}
            self.last_order[number] = max((order["orderId"] for order in ask("allOrders", limit=1)), default=0)
        http.close()
        self.ears = [Ear(ws, ws.texts) for ws in sockets]
        self.user = Ear(user.ws, user.events)
        for ear in (*self.ears, self.user):
            ear.start()

    def begin(self, rest, known):
        """`known`: where ids went on when they were last looked at, or nothing."""
        depth = rest.depth(self.symbol, limit=5000)
        check(depth["lastUpdateId"] >= known.get("u", 0), "update ids never go back")
        last = {kind: rest.get(kind, {"symbol": self.symbol, "limit": 1}) for kind in ("trades", "aggTrades")}
        first = {"t": last["trades"][0]["id"] + 1 if last["trades"] else 1,
                 "a": last["aggTrades"][0]["a"] + 1 if last["aggTrades"] else 1, "u": depth["lastUpdateId"]}
        for key, goes_on in known.items():
            if key != "u":
                eq(first[key], goes_on, f"{key} goes on behind what REST had after the restart")
        self.first, self.depth = first, depth

    # ---- behind the restart ----

    def cut(self):
        """The server is gone: waits until every connection has noticed."""
        for ear in (*self.ears, self.user):
            ear.join(2 * WAIT_SECONDS)
            check(not ear.is_alive() and not ear.error, f"a connection outlived its server: {ear.error}")

    def pages(self, rest, path, first, key):
        """All rows from an id on."""
        rows = []
        while True:
            page = rest.get(path, {"symbol": self.symbol, "fromId": first + len(rows), "limit": PAGE})
            rows += page
            if len(page) < PAGE:
                eq([row[key] for row in rows], list(range(first, first + len(rows))), f"ids of {path} are dense")
                return rows

    def check_market(self, rest):
        trades = self.pages(rest, "historicalTrades", self.first["t"], "id")
        joined = self.pages(rest, "aggTrades", self.first["a"], "a")
        depth = rest.depth(self.symbol, limit=5000)
        for ear in self.ears:
            told, aggregates = ear.of("trade"), ear.of("aggTrade")
            begins_with([[row[key] for key in ("id", "price", "qty", "time", "isBuyerMaker")] for row in trades],
                        [[event[key] for key in "tpqTm"] for event in told], "trades")
            begins_with([[row[key] for key in "apqflTmM"] for row in joined],
                        [[event[key] for key in "apqflTmM"] for event in aggregates], "aggregate trades")
            self.check_book(ear, depth)
            self.counts.update({"trades": len(told), "missed": len(trades) - len(told), "aggregates": len(aggregates)})
        self.first = {"t": self.first["t"] + len(trades), "a": self.first["a"] + len(joined),
                      "u": depth["lastUpdateId"]}

    def book(self, ear):
        """A book by the documented rule, from the snapshot that came behind the subscription."""
        book, last = Book(), None
        book.start(self.depth)
        for event in ear.of("depth@100ms"):
            check(last in (None, event["U"] - 1), f"U {event['U']} behind u {last}")
            last = event["u"]
            book.apply(event)
        return book

    def check_book(self, ear, depth):
        book, best = self.book(ear), ear.of("bookTicker")
        ids = [event["u"] for event in best]
        eq(ids, sorted(set(ids)), "ids of best prices grow")
        self.counts.update({"depth": len(ear.of("depth@100ms")), "best": len(best)})
        check(max([book.id, *ids]) <= depth["lastUpdateId"], f"told up to {book.id} and {ids[-1:]}, then a crash, "
              f"and REST is at {depth['lastUpdateId']}")
        if book.id == depth["lastUpdateId"]:
            book.equals(depth)
            self.counts["same book"] += 1
        if best and ids[-1] == depth["lastUpdateId"]:
            now = [part for side in (depth["bids"], depth["asks"]) for part in (side[0] if side else (show(0), show(0)))]
            eq([best[-1][key] for key in "bBaA"], now, "best prices")

    def check_journal(self):
        """Between kill and restart: the book that each client has is that of the durable journal at the same id."""
        def state(until=None):
            """(LSN, book) as of a record; an old record may be trimmed by now: then it had no book at all."""
            limit = ["--until", until] if until else []
            result = castle("journal", "dump", "--state", "--data", self.server.data, *limit)
            if until and result.returncode == 4:
                return until, {"lastUpdateId": 0}
            eq(result.returncode, 0, f"journal dump: {result.stdout[:500]}")
            dump = json.loads(result.stdout)
            return dump["lsn"], next(row for row in dump["symbols"] if row["symbol"] == self.symbol)

        for ear in self.ears:
            book = self.book(ear)
            if book.id == self.first["u"]:
                continue  # killed before the first event
            low, high = self.lsn, state()[0]
            while low < high:  # the first record behind which the book has that id
                middle = (low + high) // 2
                if state(middle)[1]["lastUpdateId"] < book.id:
                    low = middle + 1
                else:
                    high = middle
            book.equals(state(low)[1])
            self.counts["journal"] += 1

    def settled(self):
        """At rest: each book is that of REST."""
        rest = Binance(Http1(self.server.public))
        depth = rest.depth(self.symbol, limit=5000)
        for ear in self.ears:
            with ear.news:
                ear.news.wait_for(lambda ear=ear: self.book(ear).id >= depth["lastUpdateId"], WAIT_SECONDS)
            self.book(ear).equals(depth)
        rest.http.close()

    def check_user(self, number, shown):
        """`shown`: the user's trades of this round by (id, is maker), all that REST has."""
        trader, fold = self.traders[number], self.folds[number]
        events = [message["event"] for message in self.user.heard if message["subscriptionId"] == number]
        for event in events:
            fold.take(event)
        reports = [event for event in events if event["e"] == "executionReport"]
        self.counts["reports"] += len(reports)
        mine = {}
        for event in reports:
            if event["x"] == "TRADE":
                row = shown.get((event["t"], event["m"]))
                check(row is not None, f"a fill that was told is gone: {event}")
                eq((event["i"], event["L"], event["l"], event["Y"], event["n"], event["N"], event["T"]),
                   tuple(row[key] for key in ("orderId", "price", "qty", "quoteQty", "commission", "commissionAsset",
                                              "time")), "a fill")
                mine[event["t"], event["m"]] = event
        newest = max((trade for trade, _ in mine), default=0)
        eq({key for key in shown if key[0] < newest} - set(mine), set(), "fills before one that was told")
        self.check_orders(trader, number, reports)

    def check_orders(self, trader, number, reports):
        """No order was made before one that was told, and was not; what was told of each is not undone."""
        rows = {}
        while page := trader.all_orders(self.symbol, orderId=self.last_order[number] + 1, limit=PAGE):
            rows.update((row["orderId"], row) for row in page)
            self.last_order[number] = page[-1]["orderId"]
        new = [event["i"] for event in reports if event["x"] == "NEW"]
        begins_with(sorted(rows), new, "orders")
        last = {event["i"]: event for event in reports if event["i"] > 0}
        old = [order for order in last if order not in rows]
        tags = [trader.http.submit(*trader.build("GET", "/api/v3/order", {"symbol": self.symbol, "orderId": order}))
                for order in old]
        rows.update(zip(old, [parse(trader.http.wait(tag)) for tag in tags]))
        for order, event in last.items():
            row = rows[order]
            eq((row["clientOrderId"], row["side"], row["type"], row["price"], row["origQty"]),
               (event["C"] or event["c"], event["S"], event["o"], event["p"], event["q"]), f"order {order}")
            check(atoms(row["executedQty"]) >= atoms(event["z"]), f"{row} was told as {event}")
            if event["X"] in ENDED:
                eq((row["status"], row["executedQty"], row["cummulativeQuoteQty"]),
                   (event["X"], event["z"], event["Z"]), f"ended order {order}")

    def check(self, trades):
        """`trades`: of each user, by (id, is maker), as REST has them now."""
        rest = Binance(Http1(self.server.public))
        first_trade = self.first["t"]
        self.check_market(rest)
        rest.http.close()
        for number, shown in enumerate(trades):
            self.check_user(number, {key: row for key, row in shown.items() if key[0] >= first_trade})

    def check_heard(self):
        for kind in ("trades", "aggregates", "depth", "best", "reports"):
            check(self.counts[kind] > 0, f"nothing was heard of {kind}: {self.counts}")
