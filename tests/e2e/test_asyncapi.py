#!/usr/bin/python3
"""docs/asyncapi.yaml is what the server tells.

Goal: whoever reads the file understands every message. Method: each method of the WebSocket API is called as test_ws_api.py
calls it, orders of every kind are placed while their account and every market stream is listened to; all that comes is held
against the file. Parameters of a method are those that openapi.yaml has for its twin.
"""
import sys

import test_ws_api
from castle_client import Checks, Server, eq
from schema import document, part, resolved, wrong
from test_openapi import FAILS, LIMIT, LISTS, OPERATIONS, ORDERS, POOR
from ws_client import WebSocket

DOC = document("asyncapi.yaml")
MESSAGES = DOC["channels"]["api"]["messages"]
SIGNED = {"apiKey", "timestamp", "recvWindow", "signature"}
SYMBOL = {"symbol": "BTCUSDT"}
STREAMS = ["trade", "aggTrade", "bookTicker", "depth@100ms", "depth5@100ms", "kline_1s", "miniTicker", "ticker", "ticker_1h",
           "ticker_4h", "ticker_1d", "avgPrice"]
ALL = ["!miniTicker@arr", "!ticker_1h@arr", "!ticker_4h@arr", "!ticker_1d@arr"]
checks = Checks()


def hold(schema, value, what):
    eq(wrong(schema, value), "", f"{what}: {value}")


def payload(channel, message):
    return resolved(DOC["channels"][channel]["messages"][message])["payload"]


class Session(test_ws_api.Session):
    def call(self, ws, method, params=None, trader=None, status=200):
        """Asks, and holds the answer against the file; returns its result, or its error."""
        answer = ws.ask(method, params, trader)
        eq(answer["status"], status, f"status of {answer}")
        replies = [part(one["$ref"])["payload"] for one in DOC["operations"][method]["reply"]["messages"]]
        hold(replies[0] if status == 200 else replies[-1], answer, method)
        return answer.get("result", answer.get("error"))


@checks
def parameters_are_those_of_the_twin(s):
    for method, http, path, signed, _ in test_ws_api.TWINS:
        twin = OPERATIONS[http, "/api/v3/" + path]
        params = MESSAGES[method]["payload"]["properties"]["params"]
        eq(twin.signed, signed, f"{method}: signed")
        eq(set(params["properties"]), set(twin.parameters) | {"returnRateLimits"} | (SIGNED if signed else set()), method)
        eq(set(params.get("required", [])), {name for name, one in twin.parameters.items() if one.get("required")}, method)


@checks
def every_answer_is_as_described(s):
    test_ws_api.some_market(s)
    ws = s.connect()
    for method, _, _, signed, cases in test_ws_api.TWINS:
        for params in cases:
            answer = ws.ask(method, params, s.alice if signed else None)
            hold(MESSAGES[f"{method}.answer" if answer["status"] == 200 else "refusal"]["payload"], answer, method)
    for method in ("session.status", "session.logout"):
        s.call(ws, method)
    s.call(ws, "session.logon", {}, s.alice, 400)
    s.call(ws, "userDataStream.subscribe", {}, None, 401)
    s.call(ws, "userDataStream.subscribe.signature", {}, s.alice)
    s.call(ws, "session.subscriptions")
    s.call(ws, "userDataStream.unsubscribe")
    hold(MESSAGES["userEvent"]["payload"], ws.event(), "the end of a subscription")
    s.call(ws, "userDataStream.unsubscribe", {"subscriptionId": 0}, None, 400)


@checks
def an_account_is_told_what_is_described(s):
    ws, told = s.connect(), set()
    s.call(ws, "userDataStream.subscribe.signature", {}, s.alice)
    s.admin.group(s.alice.user, 7)
    s.admin.deposit(s.alice.user, "USDT", "1", "one more")
    s.alice.limit("ETHUSDT", "BUY", "1", "2000")
    s.bob.limit("ETHUSDT", "SELL", "1", "2000")
    for order in ORDERS:
        s.call(ws, "order.place", order, s.alice)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        s.call(ws, "openOrders.cancelAll", {"symbol": symbol}, s.alice)
    methods = {path: method for method, http, path, _, _ in test_ws_api.TWINS if http == "POST"}
    for path, params in LISTS:
        made = s.call(ws, methods[path], params, s.alice)
        s.call(ws, "openOrderLists.status", {}, s.alice)
        s.call(ws, "orderList.cancel", {"symbol": "ETHUSDT", "orderListId": made["orderListId"]}, s.alice)
    s.call(ws, "allOrderLists", {}, s.alice)
    which = SYMBOL | {"orderId": s.call(ws, "order.place", LIMIT, s.alice)["orderId"]}
    s.call(ws, "order.amend.keepPriority", which | {"newQty": "0.001"}, s.alice)
    eq(len(s.call(ws, "order.amendments", which, s.alice)), 1, "amendments")
    s.call(ws, "order.cancelReplace", {**POOR, **FAILS, "cancelOrderId": which["orderId"]}, s.alice, 409)
    s.call(ws, "order.cancelReplace", {**POOR, **FAILS}, s.alice, 400)
    which = SYMBOL | {"orderId": s.call(ws, "order.place", LIMIT, s.alice)["orderId"]}
    s.call(ws, "order.cancel", which, s.alice)
    s.admin.symbol("GONEUSDT", "GONE", "USDT")
    gone = {"symbol": "GONEUSDT", "orderId": s.call(ws, "order.place", LIMIT | {"symbol": "GONEUSDT"}, s.alice)["orderId"]}
    s.admin.delist("GONEUSDT")
    while {("CANCELED", which["orderId"]), ("EXPIRED", gone["orderId"])} - told:
        message = ws.event()
        hold(MESSAGES["userEvent"]["payload"], message, "an event")
        event = message["event"]
        told |= {event["e"], event.get("x"), (event.get("x"), event.get("i"))}
        told |= set(event if event["e"] == "executionReport" else ())
    wanted = {"executionReport", "listStatus", "balanceUpdate", "outboundAccountPosition", "NEW", "CANCELED", "REPLACED", "REJECTED", "TRADE",
              "EXPIRED", "TRADE_PREVENTION", "u", "d", "eR", "W"}
    eq(wanted - told, set(), "what was not told")
    eq(s.call(ws, "order.status", gone, s.alice)["expiryReason"], "EXCHANGE_CANCELED", "why it ended")


@checks
def every_stream_tells_what_is_described(s):
    names = [f"btcusdt@{name}" for name in STREAMS] + ALL
    raw, joined = WebSocket(s.server.public), WebSocket(s.server.public, "/stream")
    for ws, channel in ((raw, "raw"), (joined, "combined")):
        for method, params in (("SUBSCRIBE", names), ("LIST_SUBSCRIPTIONS", None), ("GET_PROPERTY", ["combined"]), ("NONE", []),
                               ("SET_PROPERTY", ["combined", 1]), ("SUBSCRIBE", [1]), ("GET_PROPERTY", ["x"])):
            hold(payload(channel, "answer"), ws.ask(method, params), method)
    left = set(names)
    for trader, side in ((s.alice, "BUY"), (s.bob, "SELL")):
        trader.limit("BTCUSDT", side, "0.02", "20000")
    while left:
        event = joined.event()
        hold(payload("combined", "event"), event, "an event")
        left.discard(event["stream"])
    kinds = {"trade", "aggTrade", "depthUpdate", "kline", "24hrMiniTicker", "24hrTicker", "1hTicker", "4hTicker", "1dTicker",
             "avgPrice"}
    while kinds:
        event = raw.event()
        hold(payload("raw", "event"), event, "an event")
        kinds.discard(event.get("e") if isinstance(event, dict) else None)
    raw.close()
    joined.close()


@checks
def who_listens_is_told_the_end(s):
    ws, raw, joined = s.connect(), WebSocket(s.server.public), WebSocket(s.server.public, "/stream")
    s.call(ws, "ping")
    for one in (raw, joined):
        one.ask("LIST_SUBSCRIPTIONS")
    eq(s.server.sigterm(), 0, "exit")
    hold(MESSAGES["shutdown"]["payload"], ws.event(), "the end")
    hold(payload("raw", "event"), raw.event(), "the end")
    hold(payload("combined", "event"), joined.event(), "the end")


def main():
    with Server() as server:
        checks.run(Session(server, None))
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
