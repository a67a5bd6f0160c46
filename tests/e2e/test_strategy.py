#!/usr/bin/python3
"""What clients call an order's strategy: strategyId and strategyType.

Goal: they are shown and told where Binance shows them, with what was sent and only then, also behind a kill -9 and out of
the history.
Method: a trader over REST, a watcher over the WebSocket API; an exchange that keeps four done orders in memory.
usage: test_strategy.py
"""
import sys

from castle_client import Checks, Server, Trading, conserved, eq, refusal
from history_check import wait_for_history
from test_journal import records
from test_ws_api import SUBSCRIBE, WsApi

checks = Checks()

SYMBOL = "ETHUSDT"
WIDEST = {"strategyId": 2 ** 63 - 1, "strategyType": 2 ** 31 - 1}
LABELS = ({}, {"strategyId": 0}, {"strategyType": 1000000}, {"strategyId": 7, "strategyType": 1000001}, WIDEST)


class Session(Trading):
    def __init__(self, server):
        super().__init__(server, {"USDT": "10000000", "ETH": "1000"}, ("alice", "bob"))
        self.alice, self.bob = self.traders

    def buy(self, labels, price="1900", **params):
        return self.alice.limit(SYMBOL, "BUY", "0.1", price, newOrderRespType="RESULT", **labels, **params)

    def kept(self):
        """Of each order of the symbol, by id."""
        rows = self.alice.get("allOrders", {"symbol": SYMBOL, "limit": 1000}, signed=True)
        return {row["orderId"]: labels_of(row) for row in rows}


def labels_of(shown):
    return {name: shown[name] for name in ("strategyId", "strategyType") if name in shown}


def told(ws, count):
    """What the next reports say: the order's client id, what happened, its labels."""
    reports = []
    while len(reports) < count:
        event = ws.event()["event"]
        if event["e"] == "executionReport":
            labels = {name: event[key] for key, name in (("j", "strategyId"), ("J", "strategyType")) if key in event}
            reports.append((event["x"], labels))
    return reports


@checks
def an_order_is_shown_with_what_was_sent_and_nothing_else(s):
    for labels in LABELS:
        for resp in ("RESULT", "FULL"):
            order = s.alice.limit(SYMBOL, "BUY", "0.1", "1900", newOrderRespType=resp, **labels)
            eq(labels_of(order), labels, f"a {resp} answer")
        ack = s.alice.limit(SYMBOL, "BUY", "0.1", "1900", newOrderRespType="ACK", **labels)
        eq(labels_of(ack), {}, "an ACK")
        eq(labels_of(s.alice.query(SYMBOL, orderId=order["orderId"])), labels, "queried")
        eq([labels_of(row) for row in s.alice.open_orders()], [labels] * 3, "among the open ones")
        eq(labels_of(s.alice.cancel(SYMBOL, orderId=order["orderId"])), labels, "cancelled")
        eq([labels_of(row) for row in s.alice.cancel_all(SYMBOL)], [labels] * 2, "cancelled with all")
        eq(labels_of(s.alice.query(SYMBOL, orderId=order["orderId"])), labels, "queried when it is done")
    eq(s.alice.call("POST", "/api/v3/order/test", {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "1",
                                                   **WIDEST}), {}, "tested")


@checks
def what_no_label_can_be_is_refused(s):
    for name, value, code, text in (
            ("strategyType", 2 ** 31, -1108, "Parameter 'strategyType' overflowed."),
            ("strategyType", 999999, -1134, "strategyType was less than 1000000."),
            ("strategyId", 2 ** 63, -1108, "Parameter 'strategyId' overflowed."),
            ("strategyId", -1, -1100, "Illegal characters found in parameter 'strategyId'; legal range is '^[0-9]{1,20}$'.")):
        error = refusal(s.buy, {name: value})
        eq((error.status, error.code, error.msg), (400, code, text), f"{name} {value}")
    eq(s.alice.open_orders(), [], "nothing was placed")


@checks
def each_kind_of_order_has_them(s):
    for params in ({"type": "MARKET", "quantity": "0.1"}, {"type": "MARKET", "quoteOrderQty": "100"},
                   {"type": "LIMIT_MAKER", "quantity": "0.1", "price": "1900"},
                   {"type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "1900", "icebergQty": "0.05"},
                   {"type": "STOP_LOSS", "quantity": "0.1", "stopPrice": "2500"}):
        s.bob.limit(SYMBOL, "SELL", "1", "2000")
        order = s.alice.call("POST", "/api/v3/order", {"symbol": SYMBOL, "side": "BUY", "newOrderRespType": "RESULT",
                                                       **params, **WIDEST})
        eq(labels_of(order), WIDEST, f"answered: {params}")
        eq(labels_of(s.alice.query(SYMBOL, orderId=order["orderId"])), WIDEST, f"queried: {params}")
        s.clear()


@checks
def a_replacement_has_its_own(s):
    old = s.buy({"strategyId": 1})
    for mode in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
        answer = s.alice.call("POST", "/api/v3/order/cancelReplace",
                              {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1",
                               "price": "1901", "cancelReplaceMode": mode, "cancelOrderId": old["orderId"],
                               "newOrderRespType": "RESULT", "strategyType": 1000002})
        eq((labels_of(answer["cancelResponse"]), labels_of(answer["newOrderResponse"])),
           (labels_of(old), {"strategyType": 1000002}), mode)
        old = answer["newOrderResponse"]
    amended = s.alice.call("PUT", "/api/v3/order/amend/keepPriority",
                           {"symbol": SYMBOL, "orderId": old["orderId"], "newQty": "0.05"})
    eq(labels_of(amended["amendedOrder"]), {}, "Binance shows none of an amended order")
    eq(labels_of(s.alice.query(SYMBOL, orderId=old["orderId"])), {"strategyType": 1000002}, "it keeps them")


@checks
def each_order_of_a_list_has_its_own(s):
    made = s.alice.call("POST", "/api/v3/orderList/otoco", {
        "symbol": SYMBOL, "newOrderRespType": "RESULT", "workingType": "LIMIT", "workingSide": "BUY",
        "workingPrice": "1950", "workingQuantity": "0.5", "workingTimeInForce": "GTC", "workingStrategyId": 1,
        "pendingSide": "SELL", "pendingQuantity": "0.5", "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "2100",
        "pendingAboveStrategyId": 2, "pendingAboveStrategyType": 1000002, "pendingBelowType": "STOP_LOSS",
        "pendingBelowStopPrice": "1900", "pendingBelowStrategyType": 1000003})
    labels = [{"strategyId": 1}, {"strategyType": 1000003}, {"strategyId": 2, "strategyType": 1000002}]
    eq([labels_of(row) for row in made["orderReports"]], labels, "reports")
    s.restart()
    s.bob.limit(SYMBOL, "SELL", "0.5", "1950")  # its second phase begins
    for order, wanted in zip(made["orders"], labels):
        eq(labels_of(s.alice.query(SYMBOL, orderId=order["orderId"])), wanted, "queried")
    gone = s.alice.call("DELETE", "/api/v3/orderList", {"symbol": SYMBOL, "orderListId": made["orderListId"]})
    eq([labels_of(row) for row in gone["orderReports"]][1:], labels[1:], "cancelled")
    old = s.alice.call("POST", "/api/v3/order/oco", {
        "symbol": SYMBOL, "side": "BUY", "quantity": "0.1", "price": "1900", "stopPrice": "2500",
        "newOrderRespType": "FULL", "limitStrategyId": 4, "stopStrategyId": 5, "stopStrategyType": 1000005})
    eq([labels_of(row) for row in old["orderReports"]],
       [{"strategyId": 5, "strategyType": 1000005}, {"strategyId": 4}], "in the older form")


@checks
def a_watcher_is_told_of_them(s):
    ws = WsApi(s.server.public)
    try:
        ws.result(SUBSCRIBE, {}, s.alice)
        for labels in LABELS:
            s.buy(labels)
            s.bob.limit(SYMBOL, "SELL", "0.02", "1900", tif="IOC")
            s.alice.cancel_all(SYMBOL)
            eq(told(ws, 3), [(what, labels) for what in ("NEW", "TRADE", "CANCELED")], "told")
        old = s.buy({})
        error = refusal(s.alice.call, "POST", "/api/v3/order/cancelReplace",
                        {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "9000",
                         "price": "1901", "cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": old["orderId"], **WIDEST})
        eq(error.code, -2021, "the new order has no funds")
        eq(told(ws, 3), [("NEW", {}), ("CANCELED", {}), ("REJECTED", WIDEST)], "an order that was refused")
        order = ws.result("order.place", {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                                          "quantity": "0.1", "price": "1900", **WIDEST}, s.alice)
        eq(labels_of(order), WIDEST, "placed over the WebSocket API")
    finally:
        ws.close()


@checks
def they_outlive_kills_and_are_in_the_history(s):
    made = {}
    for round_ in range(2):
        for labels in LABELS:
            made[s.buy(labels)["orderId"]] = labels
        s.restart()
        eq({order: labels for order, labels in s.kept().items() if order in made}, made, "open, behind a kill")
    said = [labels_of(row) for row in records(s.server.data) if row["type"] == "NEW"]
    eq(said[-len(made):], list(made.values()), "in the journal")
    s.alice.cancel_all(SYMBOL)
    s.restart()
    store = wait_for_history(s.server)
    rows = store.execute("SELECT order_id, strategy_id, strategy_type FROM orders WHERE order_id >= ?", (min(made),))
    eq({row["order_id"]: {name: value for name, value in (("strategyId", row["strategy_id"]),
                                                          ("strategyType", row["strategy_type"])) if value is not None}
        for row in rows}, made, "rows")
    store.close()
    eq({order: labels for order, labels in s.kept().items() if order in made}, made, "done, out of the history")
    for order, labels in made.items():
        eq(labels_of(s.alice.query(SYMBOL, orderId=order)), labels, "one of them")


def main():
    with Server("--done-orders", "4") as server:
        session = Session(server)
        checks.run(session, before=session.clear)
        checks.one("money is conserved", lambda: conserved(session.admin.audit()))
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
