#!/usr/bin/python3
"""User data events, folded by clients, beside what REST says.

Goal: every change of an account's orders and money is told once, in order, on every connection that watches, and
nothing that a crash could take back. Method: two traders do everything that orders can do, at random, over REST, on a
server of two cores; WebSocket connections fold what they are told; a deposit of a known amount marks the end.
usage: test_user_events.py [SEED]
"""
import random
import sys

from castle_client import ApiError, Checks, Http1, Server, Trader, atoms, check, eq
from test_ws_api import SUBSCRIBE, WsApi

checks = Checks()
ENDED = ("FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH")
STATES = ("NEW", "PARTIALLY_FILLED") + ENDED


class Fold:
    """What a client knows of one account by listening."""

    def __init__(self):
        self.orders, self.trades, self.balances, self.last_id = {}, {}, {}, 0
        self.cancels, self.rejected, self.amended = {}, [], 0

    def take(self, event):
        getattr(self, "on_" + event["e"])(event)

    def on_executionReport(self, event):
        check(event["I"] > self.last_id, f"executions in order: {event}")
        self.last_id, order, kind = event["I"], event["i"], event["x"]
        if kind == "REJECTED":
            self.rejected.append(event["c"])
            return
        before = self.orders.get(order)
        eq(before is None, kind == "NEW", f"the first report of order {order} is NEW, and no other")
        check(before is None or before["X"] not in ENDED, f"nothing behind an order's end: {event}")
        done, paid = (atoms(before["z"]), atoms(before["Z"])) if before else (0, 0)
        eq((atoms(event["z"]), atoms(event["Z"])), (done + atoms(event["l"]), paid + atoms(event["Y"])),
           f"executions add up: {event}")
        eq(event["w"], event["X"] in STATES[:2], f"working: {event}")
        if atoms(event["Q"]):
            eq(event["q"], event["z"] if event["X"] in ENDED else "0.00000000", f"by amount: a quantity at its end: {event}")
        if kind == "TRADE":
            check((event["t"], event["i"]) not in self.trades, f"a trade is told twice: {event}")
            self.trades[event["t"], event["i"]] = event
        amended = kind == "REPLACED" or (kind == "EXPIRED" and event["C"] != "")
        if kind == "CANCELED":
            self.cancels[event["C"]] = event["c"]
        elif amended:
            self.amended += 1
            eq(event["C"], before["c"], f"the id before an amendment: {event}")
            check(atoms(event["q"]) < atoms(before["q"]), f"less than before: {event}")
        else:
            eq(event["C"], "", f"only a cancel and an amendment have C: {event}")
        self.orders[order] = event

    def on_outboundAccountPosition(self, event):
        for row in event["B"]:
            self.balances[row["a"]] = atoms(row["f"]), atoms(row["l"])

    def on_balanceUpdate(self, event):
        """Its total follows."""


class Session:
    def __init__(self, server, seed):
        self.server, self.random, self.names = server, random.Random(seed), 0
        self.admin = server.admin()
        funds = {"USDT": "1000000.00", "BTC": "100"}
        self.traders = [Trader(self.admin, Http1(server.public), name, funds) for name in ("alice", "bob")]
        self.cancelled = {}  # what cancels called themselves, by the order's id of its client
        self.refused = set()  # new orders of replaces whose cancel succeeded
        self.marks = 0

    def watch(self, count):
        """Connections that watch both; each gives a fold for each trader."""
        self.sockets = []
        for _ in range(count):
            ws = WsApi(self.server.public)
            for number, trader in enumerate(self.traders):
                eq(ws.result(SUBSCRIBE, {}, trader), {"subscriptionId": number}, "subscription")
            self.sockets.append((ws, [Fold(), Fold()]))

    def name(self):
        self.names += 1
        return f"o{self.names}"

    def new(self):
        """A new order's parameters: all types and times in force."""
        kind = self.random.randrange(10)
        side = self.random.choice(("BUY", "SELL"))
        price = str(19990 + self.random.randrange(20))
        quantity = f"0.00{self.random.randrange(1, 9)}"
        order = {"side": side, "newClientOrderId": self.name(),
                 "selfTradePreventionMode": self.random.choice(("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"))}
        if kind == 0:
            return order | {"type": "MARKET", "quantity": quantity}
        if kind == 1:
            return order | {"type": "MARKET", "quoteOrderQty": str(self.random.randrange(20, 200))}
        if kind == 2:
            return order | {"type": "LIMIT_MAKER", "quantity": quantity, "price": price}
        tif = {3: "IOC", 4: "FOK"}.get(kind, "GTC")
        return order | {"type": "LIMIT", "timeInForce": tif, "quantity": quantity, "price": price}

    def step(self):
        trader = self.random.choice(self.traders)
        open_orders = trader.open_orders("BTCUSDT")
        kind = self.random.randrange(10)
        try:
            if kind < 6 or not open_orders:
                trader.call("POST", "/api/v3/order", {"symbol": "BTCUSDT"} | self.new())
            elif kind < 8:
                order, own = self.random.choice(open_orders), self.name()
                answer = trader.cancel("BTCUSDT", orderId=order["orderId"], newClientOrderId=own)
                eq(answer["clientOrderId"], own, "the cancel's own id")
                self.cancelled[order["clientOrderId"]] = own
            elif kind < 9:
                old, own = self.random.choice(open_orders), self.name()
                new = self.new()
                if self.random.randrange(3) == 0:
                    new |= {"quantity": "9000"} if "quantity" in new else {}  # more than there are funds for
                self.cancelled[old["clientOrderId"]] = own  # also when the new order is refused
                self.replace(trader, old, own, new)
            elif self.random.randrange(2) == 0:
                order = self.random.choice(open_orders)
                trader.call("PUT", "/api/v3/order/amend/keepPriority",
                            {"symbol": "BTCUSDT", "orderId": order["orderId"], "newClientOrderId": self.name(),
                             "newQty": f"0.00{self.random.randrange(1, 9)}"})
            elif self.random.randrange(4) == 0:
                for answer in trader.cancel_all("BTCUSDT"):
                    self.cancelled[answer["origClientOrderId"]] = answer["clientOrderId"]
        except ApiError:
            pass  # a post-only order that would trade, a market order without a price

    def replace(self, trader, old, own, new):
        try:
            trader.call("POST", "/api/v3/order/cancelReplace",
                        {"symbol": "BTCUSDT", "cancelReplaceMode": "STOP_ON_FAILURE",
                         "cancelOrderId": old["orderId"], "cancelNewClientOrderId": own} | new)
        except ApiError as error:
            if error.code == -2021:
                self.refused.add(new["newClientOrderId"])

    def mark(self):
        """Deposits of a known amount end what every connection folds."""
        self.marks += 1
        amount = f"0.{self.marks:08}"
        for trader in self.traders:
            self.admin.deposit(trader.user, "USDT", amount, f"mark {self.marks} {trader.name}")
        for ws, folds in self.sockets:
            waited = {0, 1}
            while waited:
                told = ws.event()
                fold = folds[told["subscriptionId"]]
                fold.take(told["event"])
                if told["event"]["e"] == "balanceUpdate" and told["event"]["d"] == amount:
                    told = ws.event()
                    eq(told["event"]["e"], "outboundAccountPosition", "behind a deposit")
                    fold.take(told["event"])
                    waited.discard(told["subscriptionId"])


def same_orders(trader, fold):
    orders = {order["orderId"]: order for order in trader.all_orders("BTCUSDT", limit=1000)}
    eq(set(fold.orders), set(orders), "orders told")
    for number, order in orders.items():
        event = fold.orders[number]
        own = event["C"] if event["x"] == "CANCELED" else event["c"]
        eq((own, event["S"], event["o"], event["f"], event["q"], event["p"], event["X"], event["z"], event["Z"],
            event["Q"], event["O"], event["W"], event["T"], event["V"]),
           tuple(order[name] for name in ("clientOrderId", "side", "type", "timeInForce", "origQty", "price", "status",
                                          "executedQty", "cummulativeQuoteQty", "origQuoteOrderQty", "time",
                                          "workingTime", "updateTime", "selfTradePreventionMode")), f"order {number}")


def same_trades(trader, fold):
    trades = {(trade["id"], trade["orderId"]): trade for trade in trader.trades("BTCUSDT", limit=1000)}
    eq(set(fold.trades), set(trades), "trades told")
    for key, trade in trades.items():
        event = fold.trades[key]
        eq((event["L"], event["l"], event["Y"], event["n"], event["N"], event["T"], event["m"], event["S"] == "BUY"),
           tuple(trade[name] for name in ("price", "qty", "quoteQty", "commission", "commissionAsset", "time",
                                          "isMaker", "isBuyer")), f"trade {key}")


@checks
def what_is_told_is_what_rest_shows(s):
    s.watch(4)
    for _ in range(400):
        s.step()
    s.mark()
    for _, folds in s.sockets:
        for trader, fold in zip(s.traders, folds):
            same_orders(trader, fold)
            same_trades(trader, fold)
            eq(fold.balances, trader.balances(), "balances")
        eq(set(folds[0].rejected + folds[1].rejected), s.refused, "refused halves of replaces")
    check(s.refused, "no replace was refused")
    check(all(fold.amended for fold in s.sockets[0][1]), "nothing was amended")
    kinds = {event["X"] for fold in s.sockets[0][1] for event in fold.orders.values()}
    check(set(ENDED) <= kinds, f"not everything happened: {kinds}")


@checks
def a_cancel_tells_the_id_that_its_answer_told(s):
    told = {own: by for fold in s.sockets[0][1] for own, by in fold.cancels.items()}
    check(len(told) > 20, f"{len(told)} cancels")
    eq({own: by for own, by in told.items() if s.cancelled.get(own) != by}, {}, "cancels told otherwise")


@checks
def what_was_told_survives_a_crash(s):
    for _ in range(5):
        s.watch(2)
        for _ in range(40):
            s.step()
        ws, folds = s.sockets[0]
        for _ in range(20):  # as far as it came
            told = ws.event()
            if told["event"]["e"] == "executionReport" and told["event"]["x"] != "REJECTED":
                folds[told["subscriptionId"]].orders[told["event"]["i"]] = told["event"]
        s.server.kill9()
        s.server.restart()
        for trader in s.traders:
            trader.http = Http1(s.server.public)
        s.admin = s.server.admin()
        for trader, fold in zip(s.traders, folds):
            for number, event in fold.orders.items():
                order = trader.query("BTCUSDT", orderId=number)
                check(atoms(order["executedQty"]) >= atoms(event["z"]), f"{order} was told as {event}")
                check(STATES.index(order["status"]) >= STATES.index(event["X"]) or event["X"] in STATES[:2],
                      f"{order} was told as {event}")


def main(args):
    with Server("--cores", "2") as server:
        checks.run(Session(server, int(args[0]) if args else 1))
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
