#!/usr/bin/python3
"""What of Binance's surface no other test shows: every kind of order, every parameter over the WebSocket API, rare words.

Goal: docs/CONFORMANCE.md names nothing as missing that is there. Method: orders of each kind that binance_surface.json names,
of both sides, are tested, placed and put in the place of others, by REST and over the WebSocket API; each query of the latter
is asked with the parameters that test_ws_api.py does not send, beside its twin.
"""
import itertools
import json
import pathlib
import sys
import time

from castle_client import Checks, Server, Trading, check, eq, refusal
from test_ws_api import TWINS, WsApi, still, twin_of
from ws_client import WebSocket

checks = Checks()
KINDS = json.loads((pathlib.Path(__file__).resolve().parent / "binance_surface.json").read_text())["orders"]
SYMBOL = {"symbol": "ETHUSDT"}
LABELS = {"strategyId": "5", "strategyType": "1000000", "newOrderRespType": "RESULT", "selfTradePreventionMode": "NONE",
          "recvWindow": "6000"}
REPLACE = {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelRestrictions": "ONLY_NEW", "orderRateLimitExceededMode": "DO_NOTHING"}


class Session(Trading):
    def __init__(self, server):
        super().__init__(server, {"USDT": "10000000", "ETH": "1000"}, ("alice", "maker"))
        self.alice, self.maker = self.traders
        self.names, self.ws = itertools.count(1), WsApi(server.public)
        for side, tif in (("SELL", "GTC"), ("BUY", "IOC")):  # the last price, which nothing below meets
            self.maker.limit("ETHUSDT", side, "0.01", "2000", tif=tif)

    def name(self):
        return f"name-{next(self.names)}"

    def by_rest(self, method, path, params):
        return self.alice.call(method, f"/api/v3/{path}", params)

    def by_ws(self, method, params):
        return self.ws.result(method, params, self.alice)


def parameters(kind, side):
    """A good order: `STOP_LOSS_LIMIT GTC trailingDelta` as binance_surface.json has it."""
    kind, *words = kind.split(" ")
    above = kind.startswith("STOP_LOSS") == (side == "BUY")
    order = {**SYMBOL, "side": side, "type": kind, **LABELS}
    order |= {"timeInForce": word for word in words if len(word) == 3}
    order |= {"quoteOrderQty": "100"} if "quoteOrderQty" in words else {"quantity": "0.1"}
    order |= {"price": "1500" if side == "BUY" else "2500"} if kind.startswith("LIMIT") or kind.endswith("LIMIT") else {}
    order |= {"trailingDelta": "100"} if "trailingDelta" in words else {}
    if kind.startswith(("STOP", "TAKE")) and ("trailingDelta" not in words or "stopPrice" in words):
        order["stopPrice"] = "2400" if above else "1600"
    return order | ({"icebergQty": "0.05"} if "icebergQty" in words else {})


def as_sent(s, answer, order):
    """The order is what was asked for, by its answer and by a query."""
    shown = s.alice.query("ETHUSDT", orderId=answer["orderId"])
    for name in ("side", "type", "timeInForce", "selfTradePreventionMode", "stopPrice", "trailingDelta", "icebergQty", "price"):
        for one in (answer, shown) if name in order else ():
            same = float(one[name]) == float(order[name]) if order[name][0].isdigit() else one[name] == order[name]
            check(same, f"{name}: {one[name]} for {order}")
    eq(shown["clientOrderId"], order["newClientOrderId"], "client order id")
    if shown["status"] == "NEW":
        s.alice.cancel("ETHUSDT", orderId=answer["orderId"])


def taken(s, kind):
    for side in ("BUY", "SELL"):
        order = parameters(kind, side)
        eq((s.by_rest("POST", "order/test", order), s.by_ws("order.test", order | {"newClientOrderId": s.name()})), ({}, {}),
           "tests")
        for place, replace in ((lambda one: s.by_rest("POST", "order", one),
                                lambda one: s.by_rest("POST", "order/cancelReplace", one)),
                               (lambda one: s.by_ws("order.place", one), lambda one: s.by_ws("order.cancelReplace", one))):
            named = order | {"newClientOrderId": s.name()}
            as_sent(s, place(named), named)
            s.alice.limit("ETHUSDT", "BUY", "0.1", "1000", newClientOrderId=s.name())
            old = s.alice.open_orders("ETHUSDT")[0]["clientOrderId"]
            named = order | {"newClientOrderId": s.name()}
            both = replace(named | REPLACE | {"cancelOrigClientOrderId": old, "cancelNewClientOrderId": s.name()})
            eq((both["cancelResult"], both["newOrderResult"], both["cancelResponse"]["origClientOrderId"]),
               ("SUCCESS", "SUCCESS", old), "halves")
            as_sent(s, both["newOrderResponse"], named)


LEG_FIELDS = ("type", "timeInForce", "price", "stopPrice", "trailingDelta", "icebergQty", "strategyId", "strategyType")
STOPS = [kind for kind in KINDS if kind.startswith("STOP_LOSS")]
GAINS = [kind for kind in KINDS if kind.startswith(("LIMIT_MAKER", "TAKE_PROFIT"))]
WORKING = [kind for kind in KINDS if kind.startswith("LIMIT")]
PENDING = [kind for kind in KINDS if "quoteOrderQty" not in kind]
COMMON = ("selfTradePreventionMode", "newOrderRespType", "recvWindow")


def leg(s, prefix, kind, side, *more):
    """An order of a list: parameters() under its prefix, and a client order id."""
    order = parameters(kind, side)
    named = {name: order[name] for name in (*LEG_FIELDS, *more) if name in order} | {"clientOrderId": s.name()}
    return {prefix + name[0].upper() + name[1:]: value for name, value in named.items()}


def pair(s, prefixes, kinds, side):
    """A stop loss and what gains, above and below as the side has them."""
    return {name: value for prefix, kind in zip(prefixes, kinds if side == "BUY" else reversed(kinds))
            for name, value in leg(s, prefix, kind, side).items()}


def lists(s):
    """Of every list each order of every kind: the route, and what is sent."""
    shared = {name: LABELS[name] for name in COMMON} | SYMBOL
    for side, other in (("BUY", "SELL"), ("SELL", "BUY")):
        for i in range(max(len(STOPS), len(GAINS))):
            kinds, working = (STOPS[i % len(STOPS)], GAINS[i % len(GAINS)]), WORKING[i % len(WORKING)]
            first = leg(s, "working", working, other, "side", "quantity")
            yield "oco", shared | {"side": side, "quantity": "0.1"} | pair(s, ("above", "below"), kinds, side)
            yield "otoco", shared | first | {"pendingSide": side, "pendingQuantity": "0.1"} | pair(
                s, ("pendingAbove", "pendingBelow"), kinds, side)
        for i, kind in enumerate(PENDING):
            yield "oto", shared | leg(s, "working", WORKING[i % len(WORKING)], other, "side", "quantity") | leg(
                s, "pending", kind, side, "side", "quantity")


@checks
def lists_of_every_kind_of_order(s):
    for kind, params in lists(s):
        for place, cancel in ((lambda one, kind=kind: s.by_rest("POST", f"orderList/{kind}", one),
                               lambda one: s.by_rest("DELETE", "orderList", one)),
                              (lambda one, kind=kind: s.by_ws(f"orderList.place.{kind}", one),
                               lambda one: s.by_ws("orderList.cancel", one))):
            name, ids = s.name(), {key: s.name() for key in params if key.endswith("ClientOrderId")}
            made = place(params | ids | {"listClientOrderId": name})
            eq((made["listClientOrderId"], {order["clientOrderId"] for order in made["orders"]}), (name, set(ids.values())), "ids")
            types = {value for key, value in params.items() if key.lower().endswith("type") and not key.endswith(("RespType", "strategyType", "StrategyType"))}
            eq({report["type"] for report in made["orderReports"]}, types, "types")
            if made["listOrderStatus"] == "EXECUTING":
                gone = cancel(SYMBOL | {"listClientOrderId": name, "newClientOrderId": s.name(), "recvWindow": "6000"})
                eq(gone["listOrderStatus"], "ALL_DONE", "cancelled")


@checks
def the_older_list_and_queries_take_every_parameter(s):
    shared = {name: LABELS[name] for name in COMMON} | SYMBOL | {"side": "SELL", "quantity": "0.1", "price": "2500"}
    limit = {"limitStrategyId": "5", "limitStrategyType": "1000000", "limitIcebergQty": "0.05"}
    stop = {"stopStrategyId": "5", "stopStrategyType": "1000000"}
    for more in ({"stopPrice": "1600", "stopLimitPrice": "1500", "stopLimitTimeInForce": "GTC", "stopIcebergQty": "0.05"},
                 {"trailingDelta": "100"}):
        for place in (lambda one: s.by_rest("POST", "order/oco", one), lambda one: s.by_ws("orderList.place", one)):
            ids = {name: s.name() for name in ("listClientOrderId", "limitClientOrderId", "stopClientOrderId")}
            made = place(shared | limit | stop | more | ids)
            eq(sorted(order["clientOrderId"] for order in made["orders"]), sorted(list(ids.values())[1:]), "ids")
            times = {"startTime": made["transactionTime"] - 1000, "endTime": made["transactionTime"] + 60000, "limit": 1000}
            for ask in (lambda path, method, params: s.alice.get(path, params, signed=True), lambda path, method, params: s.by_ws(method, params)):
                shown = ask("openOrderList", "openOrderLists.status", {"recvWindow": 6000})
                eq([one["listClientOrderId"] for one in shown], [ids["listClientOrderId"]], "open")
                check(shown[0] in ask("allOrderList", "allOrderLists", times | {"recvWindow": 6000}), "among all")
            eq(len(s.by_rest("DELETE", "openOrders", SYMBOL | {"recvWindow": "6000"})), 1, "cancelled")


@checks
def methods_take_every_parameter_of_their_twins(s):
    s.admin.symbol("BROKENUSDT", "BROKEN", "USDT")
    s.admin.status("BROKENUSDT", "BREAK")
    trade, order = s.maker.trades("ETHUSDT")[0], s.alice.limit("ETHUSDT", "BUY", "0.1", "1000")
    times = {"startTime": trade["time"] - 1000, "endTime": trade["time"] + 1000}
    trading, number, window = SYMBOL | {"symbolStatus": "TRADING"}, SYMBOL | {"orderId": order["orderId"]}, {"recvWindow": 6000}
    cases = {
        "depth": [trading], "exchangeInfo": [{"symbolStatus": "TRADING"}, {"symbolStatus": "BREAK"}],
        "klines": [SYMBOL | {"interval": "1m"} | times],
        "uiKlines": [SYMBOL | {"interval": "1m", "timeZone": "8", "limit": 5} | times],
        "ticker": [trading], "ticker.24hr": [trading, {"symbols": ["ETHUSDT"]}], "ticker.book": [trading], "ticker.price": [trading],
        "ticker.tradingDay": [trading | {"type": "MINI"}], "account.commission": [SYMBOL | window], "account.status": [window],
        "allOrders": [number | window, SYMBOL | times], "myFilters": [SYMBOL | window],
        "myPreventedMatches": [number | window | {"fromPreventedMatchId": 1, "limit": 5}],
        "myTrades": [number | window, SYMBOL | times], "openOrders.status": [window], "order.status": [number | window],
        "order.amendments": [number | window | {"fromExecutionId": 1, "limit": 5}]}
    for method, http, path, signed, _ in TWINS:
        for params in cases.get(method, []):
            answer = s.ws.ask(method, params, s.alice if signed else None)
            status, body, _ = twin_of(s, http, path, signed, params)
            eq((answer["status"], still(answer.get("result"))), (status, still(body)), f"{method} {params}")
            eq(status, 200, method)
    counts = s.by_ws("account.rateLimits.orders", window)
    eq([one["interval"] for one in counts], ["SECOND", "DAY"], "intervals of the counts")
    eq([one["symbol"] for one in s.ws.result("exchangeInfo", {"symbolStatus": "BREAK"})["symbols"]], ["BROKENUSDT"], "in BREAK")


@checks
def amendments_and_cancels_find_an_order_by_its_own_id(s):
    for ask in (lambda path, method, params: s.by_rest("PUT" if "amend" in path else "DELETE", path, params),
                lambda path, method, params: s.by_ws(method, params)):
        first, second, third = s.name(), s.name(), s.name()
        s.alice.limit("ETHUSDT", "BUY", "0.3", "1000", newClientOrderId=first)
        amended = ask("order/amend/keepPriority", "order.amend.keepPriority", SYMBOL | {
            "origClientOrderId": first, "newClientOrderId": second, "newQty": "0.2", "recvWindow": "6000"})["amendedOrder"]
        eq((amended["origClientOrderId"], amended["clientOrderId"], amended["qty"]), (first, second, "0.20000000"), "amended")
        ended = ask("order", "order.cancel", SYMBOL | {"origClientOrderId": second, "newClientOrderId": third,
                                                       "cancelRestrictions": "ONLY_NEW", "recvWindow": "6000"})
        eq((ended["origClientOrderId"], ended["clientOrderId"], ended["status"]), (second, third, "CANCELED"), "cancelled")
    s.alice.limit("ETHUSDT", "BUY", "0.3", "1000")
    eq(len(s.by_ws("openOrders.cancelAll", SYMBOL | {"recvWindow": 6000})), 1, "all")


@checks
def an_order_refused_in_the_place_of_another_is_told_with_its_reason(s):
    s.by_ws("userDataStream.subscribe.signature", {"recvWindow": 6000})
    s.maker.limit("ETHUSDT", "BUY", "0.1", "1900")
    for order, text, reason in (
            ({"type": "STOP_LOSS", "stopPrice": "2100"}, "Order would trigger immediately.", "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY"),
            ({"type": "LIMIT_MAKER", "price": "1800"}, "Order would immediately match and take.", "WOULD_MATCH_IMMEDIATELY"),
            ({"type": "LIMIT_MAKER", "price": "2500", "quantity": "5000"}, "Account has insufficient balance for requested action.",
             "INSUFFICIENT_BALANCES")):
        old = s.alice.limit("ETHUSDT", "BUY", "0.1", "1000")
        answer = s.ws.ask("order.cancelReplace", SYMBOL | {
            "side": "SELL", "quantity": "0.1", "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": old["orderId"]} | order,
            s.alice)
        eq((answer["status"], answer["error"]["data"]["newOrderResponse"]["msg"]), (409, text), "halves")
        while (event := s.ws.event()["event"]).get("x") != "REJECTED":
            pass
        eq((event["X"], event["r"], event["i"]), ("REJECTED", reason, -1), "the report")


@checks
def an_account_shows_every_asset(s):
    """Those that it never had, too, unless it is told to leave out what is zero."""
    assets = {row[name] for row in s.alice.get("exchangeInfo")["symbols"] for name in ("baseAsset", "quoteAsset")}
    check("BTC" in assets, f"assets: {assets}")
    for params in ({}, {"omitZeroBalances": "false"}):
        shown = s.alice.account(**params)["balances"]
        eq(sorted(row["asset"] for row in shown), sorted(assets), "assets shown")
        eq([row for row in shown if row["asset"] == "BTC"], [{"asset": "BTC", "free": "0.00000000", "locked": "0.00000000"}],
           "one that the account never had")
        eq(s.by_ws("account.status", params)["balances"], shown, "over the WebSocket API")
    eq({row["asset"] for row in s.alice.account(omitZeroBalances="true")["balances"]}, {"ETH", "USDT"}, "without zeros")


@checks
def a_start_time_of_zero_is_a_time(s):
    s.alice.limit("ETHUSDT", "BUY", "0.1", "1000")
    for ask in (s.alice.all_orders, s.alice.trades):
        eq(ask("ETHUSDT", startTime=0, limit=1), ask("ETHUSDT", startTime=1, limit=1), "the first")
        eq(refusal(ask, "ETHUSDT", startTime=0, endTime=int(time.time() * 1000)).code, -1127, "more than a day")


@checks
def an_unknown_method_is_not_supported(s):
    for name in ("order.placed", "v3/", "orderBook"):
        answer = s.ws.ask(name)
        eq((answer["status"], answer["error"]), (400, {"code": -1020, "msg": "This operation is not supported."}), name)


@checks
def a_value_that_is_an_object_is_not_valid(s):
    error = s.ws.ask("depth", {"symbol": {}})["error"]
    eq(error, {"code": -1135, "msg": "JSON sent for parameter 'symbol' is not valid"}, "refused")


@checks
def a_connection_that_subscribes_later_has_its_time_unit(s):
    ws = WebSocket(s.server.public, "/ws?timeUnit=MICROSECOND")
    ws.ask("SUBSCRIBE", ["ethusdt@depth@100ms"])
    s.alice.limit("ETHUSDT", "BUY", "0.1", "1000")
    check(ws.event()["E"] > 10 ** 15, "the time of the event")
    ws.close()


def main():
    with Server() as server:
        session = Session(server)
        for kind in KINDS:
            checks.one(f"{kind}: tested, taken, in another's place", taken, session, kind)
        checks.run(session, before=session.clear)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
