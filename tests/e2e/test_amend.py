#!/usr/bin/python3
"""An order that gets smaller and keeps its place: PUT order/amend/keepPriority, GET order/amendments, and their methods.

Goal: the order of the book, the hold and the ids are right after any amendment, refused or made, also across kill -9.
Method: traders over REST and the WebSocket API; a depth, balances and what watchers are told beside each answer.
usage: test_amend.py
"""
import sys

from castle_client import Checks, Server, Trading, atoms, check, conserved, eq, refusal, units
from test_ws_api import SUBSCRIBE, WsApi

checks = Checks()

AMEND, AMENDMENTS = "/api/v3/order/amend/keepPriority", "order/amendments"
ANSWER = {"transactTime", "executionId", "amendedOrder"}
ORDER = {"symbol", "orderId", "orderListId", "origClientOrderId", "clientOrderId", "price", "qty", "executedQty",
         "preventedQty", "quoteOrderQty", "cumulativeQuoteQty", "status", "timeInForce", "type", "side", "workingTime",
         "selfTradePreventionMode"}
ROW = {"symbol", "orderId", "executionId", "origClientOrderId", "newClientOrderId", "origQty", "newQty", "time"}
INCREASE = "Order amend (quantity increase) is not supported."
NO_CHANGE = "The requested action would change no state; rejecting"


class Session(Trading):
    def __init__(self, server):
        super().__init__(server, {"USDT": "1000000", "BTC": "100"}, ("alice", "bob"))
        self.names = 0
        self.alice, self.bob = self.traders

    def name(self):
        self.names += 1
        return f"n{self.names}"


def amend(trader, qty, symbol="BTCUSDT", **params):
    return trader.call("PUT", AMEND, {"symbol": symbol, "newQty": qty, **params})


def amendments(trader, order, symbol="BTCUSDT", **params):
    return trader.get(AMENDMENTS, {"symbol": symbol, "orderId": order["orderId"], **params}, signed=True)


def refused(code, msg, function, *args, **named):
    error = refusal(function, *args, **named)
    eq((error.status, error.code, error.msg), (400, code, msg), "refused")


@checks
def the_order_gets_smaller_and_is_shown(s):
    old = s.alice.limit("BTCUSDT", "BUY", "0.005", "20000", newClientOrderId=s.name())
    eq(s.alice.locked("USDT"), units("100"), "held before")
    answer = amend(s.alice, "0.003", orderId=old["orderId"], newClientOrderId="smaller")
    eq((set(answer), set(answer["amendedOrder"])), (ANSWER, ORDER), "keys")
    order = answer["amendedOrder"]
    eq({name: order[name] for name in ORDER - {"workingTime"}},
       {"symbol": "BTCUSDT", "orderId": old["orderId"], "orderListId": -1, "origClientOrderId": old["clientOrderId"],
        "clientOrderId": "smaller", "price": "20000.00000000", "qty": "0.00300000", "executedQty": "0.00000000",
        "preventedQty": "0.00000000", "quoteOrderQty": "0.00000000", "cumulativeQuoteQty": "0.00000000",
        "status": "NEW", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "selfTradePreventionMode": "NONE"},
       "the order")
    eq(order["workingTime"], old["workingTime"], "it works since it came")
    eq(s.alice.locked("USDT"), units("60"), "held behind it")
    shown = s.alice.query("BTCUSDT", orderId=old["orderId"])
    eq((shown["clientOrderId"], shown["origQty"], shown["status"], shown["updateTime"], shown["time"]),
       ("smaller", "0.00300000", "NEW", answer["transactTime"], old["transactTime"]), "asked for")
    eq(s.alice.query("BTCUSDT", origClientOrderId="smaller"), shown, "by its new id")
    eq(refusal(s.alice.query, "BTCUSDT", origClientOrderId=old["clientOrderId"]).code, -2013, "by its old id")
    eq(s.alice.depth("BTCUSDT")["bids"], [["20000.00000000", "0.00300000"]], "depth")
    eq(amendments(s.alice, old), [{"symbol": "BTCUSDT", "orderId": old["orderId"], "executionId": answer["executionId"],
                                   "origClientOrderId": old["clientOrderId"], "newClientOrderId": "smaller",
                                   "origQty": "0.00500000", "newQty": "0.00300000", "time": answer["transactTime"]}],
       "amendments")


@checks
def it_keeps_its_place_and_a_replaced_one_does_not(s):
    first = s.alice.limit("BTCUSDT", "SELL", "0.005", "21000")
    second = s.bob.limit("BTCUSDT", "SELL", "0.005", "21000")
    amend(s.alice, "0.002", orderId=first["orderId"], newClientOrderId=first["clientOrderId"])
    s.bob.limit("BTCUSDT", "BUY", "0.001", "21000", selfTradePreventionMode="NONE")
    eq(s.alice.query("BTCUSDT", orderId=first["orderId"])["executedQty"], "0.00100000", "the older one traded")
    eq(s.bob.query("BTCUSDT", orderId=second["orderId"])["executedQty"], "0.00000000", "the younger one did not")
    eq(s.alice.locked("BTC"), units("0.001"), "held")
    s.bob.limit("BTCUSDT", "BUY", "0.001", "21000", selfTradePreventionMode="NONE")
    shown = s.alice.query("BTCUSDT", orderId=first["orderId"])
    eq((shown["status"], shown["origQty"], shown["clientOrderId"]), ("FILLED", "0.00200000", first["clientOrderId"]),
       "filled with what it was amended to")


@checks
def what_cannot_be_is_refused_and_changes_nothing(s):
    order = s.alice.limit("BTCUSDT", "BUY", "0.005", "20000", newClientOrderId="mine")
    other = s.alice.limit("BTCUSDT", "BUY", "0.005", "19000", newClientOrderId="other")
    before = s.alice.open_orders(), s.alice.balances()
    which = {"orderId": order["orderId"]}
    refused(-2038, INCREASE, amend, s.alice, "0.006", **which)
    refused(-2038, NO_CHANGE, amend, s.alice, "0.005", **which)
    refused(-2038, NO_CHANGE, amend, s.alice, "0.005", newClientOrderId="another", **which)
    refused(-2038, "Duplicate order sent.", amend, s.alice, "0.004", newClientOrderId="other", **which)
    refused(-2038, "Unknown order sent.", amend, s.alice, "0.004", orderId=987654321)
    refused(-2038, "Unknown order sent.", amend, s.bob, "0.004", **which)
    refused(-2038, "Unknown order sent.", amend, s.alice, "0.004", origClientOrderId="other", **which)
    refused(-1013, "Filter failure: LOT_SIZE", amend, s.alice, "0.00400001", **which)
    refused(-1013, "Filter failure: NOTIONAL", amend, s.alice, "0.0001", **which)
    refused(-1013, "Invalid quantity.", amend, s.alice, "0", **which)
    refused(-1102, "Mandatory parameter 'newQty' was not sent, was empty/null, or malformed.", s.alice.call, "PUT", AMEND,
            {"symbol": "BTCUSDT", **which})
    refused(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!", amend, s.alice, "0.004")
    s.admin.status("BTCUSDT", "CANCEL_ONLY")
    refused(-2038, "Market is closed.", amend, s.alice, "0.004", **which)
    s.admin.status("BTCUSDT", "TRADING")
    eq((s.alice.open_orders(), s.alice.balances()), before, "orders and balances")
    eq((amendments(s.alice, order), amendments(s.alice, other)), ([], []), "amendments")
    done = s.alice.cancel("BTCUSDT", orderId=order["orderId"])
    refused(-2038, "Unknown order sent.", amend, s.alice, "0.004", orderId=done["orderId"])


@checks
def an_open_order_is_found_by_the_name_it_was_given(s):
    """Also when a later order had it, which is over."""
    first = s.alice.limit("BTCUSDT", "BUY", "0.005", "20000", newClientOrderId="first")
    s.alice.limit("BTCUSDT", "BUY", "0.005", "19000", newClientOrderId="again")
    s.alice.cancel("BTCUSDT", origClientOrderId="again")
    amend(s.alice, "0.004", orderId=first["orderId"], newClientOrderId="again")
    shown = s.alice.query("BTCUSDT", origClientOrderId="again")
    eq((shown["orderId"], shown["status"]), (first["orderId"], "NEW"), "the open one")
    eq(s.alice.cancel("BTCUSDT", origClientOrderId="again")["orderId"], first["orderId"], "and it is cancelled")


@checks
def the_answer_has_what_a_stop_order_waits_for(s):
    stop = s.alice.order("BTCUSDT", "SELL", "STOP_LOSS_LIMIT", quantity="0.005", price="9000", stopPrice="9500", timeInForce="GTC")
    shown = amend(s.alice, "0.004", orderId=stop["orderId"])["amendedOrder"]
    eq((atoms(shown["stopPrice"]), "workingTime" in shown), (units("9500"), False), "stopPrice and workingTime")
    iceberg = s.alice.limit("BTCUSDT", "SELL", "0.005", "30000", icebergQty="0.001")
    shown = amend(s.alice, "0.004", orderId=iceberg["orderId"])["amendedOrder"]
    eq((atoms(shown["icebergQty"]), shown["workingTime"]), (units("0.001"), iceberg["workingTime"]), "icebergQty and workingTime")
    s.alice.cancel_all("BTCUSDT")


@checks
def an_order_is_amended_ten_times_at_most(s):
    order = s.alice.limit("BTCUSDT", "BUY", "0.020", "20000")
    for i in range(10):
        amend(s.alice, f"0.0{19 - i}", orderId=order["orderId"])
    refused(-2038, "Filter failure: MAX_NUM_ORDER_AMENDS", amend, s.alice, "0.009", orderId=order["orderId"])
    rows = amendments(s.alice, order)
    eq([(row["origQty"], row["newQty"]) for row in rows],
       [(f"0.0{20 - i}00000", f"0.0{19 - i}00000") for i in range(10)], "quantities")
    eq([row["newClientOrderId"] for row in rows[:-1]], [row["origClientOrderId"] for row in rows[1:]], "ids")
    check(all(set(row) == ROW for row in rows), "keys")
    eq(amendments(s.alice, order, limit=3), rows[:3], "a page")
    eq(amendments(s.alice, order, fromExecutionId=rows[2]["executionId"] + 1, limit=3), rows[3:6], "the next page")
    eq(amendments(s.bob, order), [], "another's")
    check(all(symbol["amendAllowed"] for symbol in s.alice.get("exchangeInfo")["symbols"]), "amendAllowed")


@checks
def with_nothing_left_it_expires(s):
    for executed, asked in (("0.00200000", "0.002"), ("0.00200000", "0.001")):
        order = s.alice.limit("BTCUSDT", "SELL", "0.005", "21000")
        s.bob.limit("BTCUSDT", "BUY", "0.002", "21000")
        reply = s.alice.http.request(*s.alice.build("PUT", AMEND, {"symbol": "BTCUSDT", "orderId": order["orderId"],
                                                                   "newQty": asked}))
        eq(reply.status, 200, f"status of {reply.body}")
        shown = s.alice.query("BTCUSDT", orderId=order["orderId"])
        eq((shown["status"], shown["origQty"], shown["executedQty"], "expiryReason" in shown),
           ("EXPIRED", executed, executed, False), "the order")
        eq(s.alice.locked("BTC"), 0, "held")
        eq(amendments(s.alice, order)[0]["newQty"], executed, "the amendment")


@checks
def it_weighs_four_unless_it_expires_the_order(s):
    def weight(**params):
        used = [int(reply.headers["x-mbx-used-weight"]) for reply in
                (s.alice.http.request(*s.alice.build("GET", "/api/v3/ping", {}, signed=False)),
                 s.alice.http.request(*s.alice.build("PUT", AMEND, {"symbol": "BTCUSDT", **params})))]
        return used[1] - used[0]

    order = s.alice.limit("BTCUSDT", "SELL", "0.005", "21000")
    weights = weight(orderId=order["orderId"], newQty="0.004"), weight(orderId=order["orderId"], newQty="0.007")
    s.bob.limit("BTCUSDT", "BUY", "0.002", "21000")
    weights += (weight(orderId=order["orderId"], newQty="0.002"),)
    check(weights == (4, 4, 0) or min(weights) < 0, f"weights {weights}")  # below zero: a minute began


@checks
def watchers_are_told_replaced_then_the_balance(s):
    ws = WsApi(s.server.public)
    ws.result(SUBSCRIBE, {}, s.alice)
    order = s.alice.limit("BTCUSDT", "BUY", "0.005", "20000", newClientOrderId="told")
    answer = amend(s.alice, "0.002", orderId=order["orderId"], newClientOrderId="told-2")
    told = [ws.event()["event"] for _ in range(4)][2:]
    eq([event["e"] for event in told], ["executionReport", "outboundAccountPosition"], "what is told")
    report = told[0]
    eq({name: report[name] for name in "xXcCqzilLtwr"},
       {"x": "REPLACED", "X": "NEW", "c": "told-2", "C": "told", "q": "0.00200000", "z": "0.00000000",
        "i": order["orderId"], "l": "0.00000000", "L": "0.00000000", "t": -1, "w": True, "r": "NONE"}, "the report")
    eq((report["I"], report["T"]), (answer["executionId"], answer["transactTime"]), "as the answer says")
    eq([row["l"] for row in told[1]["B"]], ["40.00000000"], "locked")
    s.bob.limit("BTCUSDT", "SELL", "0.001", "20000")
    amend(s.alice, "0.001", orderId=order["orderId"], newClientOrderId="told-3")
    told = [ws.event()["event"] for _ in range(4)][2:]
    eq({name: told[0].get(name) for name in ("x", "X", "c", "C", "q", "z", "w", "eR")},
       {"x": "EXPIRED", "X": "EXPIRED", "c": "told-3", "C": "told-2", "q": "0.00100000", "z": "0.00100000", "w": False,
        "eR": None}, "the end")
    ws.close()


@checks
def both_are_methods_too(s):
    ws = WsApi(s.server.public)
    order = s.alice.limit("BTCUSDT", "BUY", "0.005", "20000")
    answer = ws.result("order.amend.keepPriority", {"symbol": "BTCUSDT", "orderId": order["orderId"], "newQty": "0.004"},
                       s.alice)
    eq((set(answer), set(answer["amendedOrder"]), answer["amendedOrder"]["qty"]), (ANSWER, ORDER, "0.00400000"), "answer")
    eq(ws.result("order.amendments", {"symbol": "BTCUSDT", "orderId": order["orderId"]}, s.alice),
       amendments(s.alice, order), "amendments")
    ws.close()


@checks
def an_order_may_be_replaced_and_cancelled_behind_it(s):
    order = s.alice.limit("BTCUSDT", "BUY", "0.005", "20000")
    amend(s.alice, "0.004", orderId=order["orderId"], newClientOrderId="amended")
    answer = s.alice.call("POST", "/api/v3/order/cancelReplace",
                          {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                           "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": "amended",
                           "newClientOrderId": "amended", "quantity": "0.003", "price": "20000"})
    eq((answer["cancelResponse"]["origQty"], answer["newOrderResponse"]["origQty"]), ("0.00400000", "0.00300000"), "both")
    eq(s.alice.locked("USDT"), units("60"), "held")
    s.alice.cancel("BTCUSDT", origClientOrderId="amended")
    eq(s.alice.locked("USDT"), 0, "held behind the end")


@checks
def it_is_all_there_after_kill_9_between_any_two_steps(s):
    order = s.alice.limit("BTCUSDT", "SELL", "0.009", "21000", newClientOrderId="step-0")
    rows = []
    for step in range(1, 5):
        s.restart()
        answer = amend(s.alice, f"0.00{9 - step}", orderId=order["orderId"], newClientOrderId=f"step-{step}")
        s.restart()
        s.bob.limit("BTCUSDT", "BUY", "0.001", "21000")
        s.restart()
        shown = s.alice.query("BTCUSDT", origClientOrderId=f"step-{step}")
        eq((shown["origQty"], shown["executedQty"]), (f"0.00{9 - step}00000", f"0.00{step}00000"), f"step {step}")
        eq(s.alice.locked("BTC"), units(f"0.00{9 - 2 * step}"), "held")
        rows.append((answer["executionId"], f"step-{step - 1}", f"step-{step}"))
        eq([(row["executionId"], row["origClientOrderId"], row["newClientOrderId"]) for row in amendments(s.alice, order)],
           rows, "amendments")
    conserved(s.admin.audit())


def main():
    with Server("--rate-limits", "off") as server:
        session = Session(server)
        checks.run(session, before=session.clear)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
