#!/usr/bin/python3
"""Self-trade prevention as its clients see it: DECREMENT, prevented matches, trade groups.

Goal: what is given up is told alike by answers, queries, events and prevented matches, holds are right to the last unit, and
all of it is there after kill -9. Method: two accounts whose orders meet each other's and their own.
usage: test_stp.py
"""
import sys

from castle_client import Checks, Server, Trading, check, conserved, eq, refusal, units
from test_ws_api import SUBSCRIBE, WsApi

checks = Checks()


class Session(Trading):
    def __init__(self, server):
        super().__init__(server, {"USDT": "1000000", "BTC": "100"}, ("alice", "bob"))
        self.alice, self.bob = self.traders



def decrement(trader, side, quantity, price, **params):
    return trader.limit("BTCUSDT", side, quantity, price, selfTradePreventionMode="DECREMENT", **params)


def state(trader, order):
    shown = trader.query("BTCUSDT", orderId=order["orderId"])
    return shown["status"], shown["origQty"], shown["executedQty"], shown.get("preventedQuantity")


@checks
def both_give_up_the_smaller_quantity(s):
    maker = s.alice.limit("BTCUSDT", "BUY", "0.006", "20000")
    taker = decrement(s.alice, "SELL", "0.002", "20000")
    eq((taker["status"], taker["executedQty"], taker["fills"], taker["preventedQuantity"]),
       ("EXPIRED_IN_MATCH", "0.00000000", [], "0.00200000"), "the taker's answer")
    eq(state(s.alice, maker), ("NEW", "0.00600000", "0.00000000", "0.00200000"), "the maker")
    eq(s.alice.query("BTCUSDT", orderId=maker["orderId"])["preventedMatchId"], taker["preventedMatchId"], "one match")
    eq((s.alice.locked("USDT"), s.alice.locked("BTC")), (units("80"), 0), "held")
    eq(s.alice.depth("BTCUSDT")["bids"], [["20000.00000000", "0.00400000"]], "depth")
    taker = decrement(s.alice, "SELL", "0.009", "20000")
    eq((taker["status"], taker["origQty"], taker["preventedQuantity"]), ("NEW", "0.00900000", "0.00400000"), "it goes on")
    eq(state(s.alice, maker), ("EXPIRED_IN_MATCH", "0.00600000", "0.00000000", "0.00600000"), "the maker's end")
    eq((s.alice.locked("USDT"), s.alice.locked("BTC")), (0, units("0.005")), "held")
    s.bob.limit("BTCUSDT", "BUY", "0.005", "20000")
    eq(state(s.alice, taker), ("FILLED", "0.00900000", "0.00500000", "0.00400000"), "filled with the rest")


@checks
def the_maker_keeps_its_place_and_others_are_traded_with(s):
    own = s.alice.limit("BTCUSDT", "SELL", "0.003", "21000")
    other = s.bob.limit("BTCUSDT", "SELL", "0.003", "21000")
    check("preventedMatches" not in other, "nothing was prevented")
    taker = decrement(s.alice, "BUY", "0.001", "21000", newOrderRespType="RESULT")
    check("preventedMatches" not in taker, "only FULL has them")
    eq(taker["status"], "EXPIRED_IN_MATCH", "the small one")
    taker = decrement(s.alice, "BUY", "0.004", "21000")
    eq((taker["status"], taker["executedQty"], taker["preventedQuantity"], len(taker["fills"])),
       ("FILLED", "0.00200000", "0.00200000", 1), "the big one")
    eq(state(s.alice, own), ("EXPIRED_IN_MATCH", "0.00300000", "0.00000000", "0.00300000"), "its own")
    eq(state(s.bob, other), ("PARTIALLY_FILLED", "0.00300000", "0.00200000", None), "the other's")


@checks
def an_order_that_has_given_up_something_can_be_amended(s):
    order = s.alice.limit("BTCUSDT", "BUY", "0.010", "20000")
    decrement(s.alice, "SELL", "0.004", "20000")
    answer = s.alice.call("PUT", "/api/v3/order/amend/keepPriority",
                          {"symbol": "BTCUSDT", "orderId": order["orderId"], "newQty": "0.006"})["amendedOrder"]
    eq((answer["qty"], answer["preventedQty"], answer["status"]), ("0.00600000", "0.00400000", "NEW"), "amended")
    eq(s.alice.locked("USDT"), units("40"), "held")
    answer = s.alice.call("PUT", "/api/v3/order/amend/keepPriority",
                          {"symbol": "BTCUSDT", "orderId": order["orderId"], "newQty": "0.003"})["amendedOrder"]
    eq((answer["qty"], answer["status"], s.alice.locked("USDT")), ("0.00400000", "EXPIRED", 0), "nothing was left")


@checks
def market_orders_give_up_in_their_own_unit(s):
    s.alice.limit("BTCUSDT", "SELL", "0.002", "20000")
    s.bob.limit("BTCUSDT", "SELL", "0.005", "20000")
    before = s.alice.balances()["USDT"]
    taker = s.alice.order("BTCUSDT", "BUY", "MARKET", quoteOrderQty="60", selfTradePreventionMode="DECREMENT")
    eq((taker["status"], taker["executedQty"], taker["preventedQuantity"], taker["cummulativeQuoteQty"]),
       ("FILLED", "0.00100000", "0.00200000", "20.00000000"), "by amount")
    eq(s.alice.balances()["USDT"], (before[0] - units("20"), 0), "paid")
    s.alice.limit("BTCUSDT", "SELL", "0.002", "20000")
    taker = s.alice.order("BTCUSDT", "BUY", "MARKET", quantity="0.006", selfTradePreventionMode="DECREMENT")
    eq((taker["status"], taker["executedQty"], taker["preventedQuantity"]), ("EXPIRED_IN_MATCH", "0.00400000", "0.00200000"),
       "by quantity")
    eq(s.alice.locked("USDT"), 0, "held")


@checks
def watchers_of_both_orders_are_told(s):
    ws = WsApi(s.server.public)
    ws.result(SUBSCRIBE, {}, s.alice)
    maker = s.alice.limit("BTCUSDT", "BUY", "0.006", "20000")
    taker = decrement(s.alice, "SELL", "0.002", "20000")
    told = [ws.event()["event"] for _ in range(7)]
    reports = [event for event in told if event["e"] == "executionReport"]
    eq([(event["x"], event["X"], event["i"]) for event in reports],
       [("NEW", "NEW", maker["orderId"]), ("TRADE_PREVENTION", "NEW", maker["orderId"]),
        ("NEW", "NEW", taker["orderId"]), ("TRADE_PREVENTION", "EXPIRED_IN_MATCH", taker["orderId"])], "reports")
    for event, other in ((reports[1], taker), (reports[3], maker)):
        eq({name: event[name] for name in ("v", "A", "B", "U", "Cs", "pl", "pL", "pY")},
           {"v": taker["preventedMatchId"], "A": "0.00200000", "B": "0.00200000", "U": other["orderId"],
            "Cs": "BTCUSDT", "pl": "0.00200000", "pL": "20000.00000000", "pY": "40.00000000"}, "what was prevented")
    eq([row for event in told[-1:] for row in event["B"] if row["a"] == "BTC"][0]["l"], "0.00000000", "the balance")
    ws.close()


def matches(trader, **params):
    return trader.get("myPreventedMatches", {"symbol": "BTCUSDT", **params}, signed=True)


@checks
def each_prevented_match_is_kept(s):
    makers = [s.alice.limit("BTCUSDT", "BUY", "0.002", price) for price in ("20003", "20002", "20001", "20000")]
    one = s.alice.limit("BTCUSDT", "SELL", "0.001", "20003", selfTradePreventionMode="EXPIRE_TAKER")
    two = s.alice.limit("BTCUSDT", "SELL", "0.001", "20003", selfTradePreventionMode="EXPIRE_BOTH")
    three = s.alice.limit("BTCUSDT", "SELL", "0.001", "20002", selfTradePreventionMode="EXPIRE_MAKER")
    s.alice.cancel("BTCUSDT", orderId=three["orderId"])
    four = decrement(s.alice, "SELL", "0.003", "20000")
    want = []
    for taker, maker, mode, price, gave, took in (
            (one, makers[0], "EXPIRE_TAKER", "20003", None, "0.001"),
            (two, makers[0], "EXPIRE_BOTH", "20003", "0.002", "0.001"),
            (three, makers[1], "EXPIRE_MAKER", "20002", "0.002", None),
            (four, makers[2], "DECREMENT", "20001", "0.002", "0.002"),
            (four, makers[3], "DECREMENT", "20000", "0.001", "0.001")):
        row = {"symbol": "BTCUSDT", "preventedMatchId": one["preventedMatchId"] + len(want),
               "takerOrderId": taker["orderId"], "makerSymbol": "BTCUSDT", "makerOrderId": maker["orderId"],
               "tradeGroupId": -1, "selfTradePreventionMode": mode, "price": price + ".00000000",
               "transactTime": taker["transactTime"]}
        if gave:
            row["makerPreventedQuantity"] = gave + "00000"
        if took:
            row["takerPreventedQuantity"] = took + "00000"
        want.append(row)
    shown = ("preventedMatchId", "makerSymbol", "makerOrderId", "price", "takerPreventedQuantity", "makerPreventedQuantity")
    for taker in (one, two, three, four):
        eq(taker["preventedMatches"], [{name: row[name] for name in shown if name in row} for row in want
                                       if row["takerOrderId"] == taker["orderId"]], "in the answer")
    eq(matches(s.alice, orderId=four["orderId"]), want[3:], "of a taker")
    eq(matches(s.alice, orderId=four["orderId"], limit=1), want[3:4], "a page")
    eq(matches(s.alice, orderId=four["orderId"], fromPreventedMatchId=want[4]["preventedMatchId"]), want[4:], "the next")
    eq(matches(s.alice, orderId=makers[0]["orderId"]), want[:2], "of a maker")
    for row in want:
        eq(matches(s.alice, preventedMatchId=row["preventedMatchId"]), [row], "one")
    eq(matches(s.bob, preventedMatchId=want[0]["preventedMatchId"]), [], "another's")
    eq(matches(s.bob, orderId=four["orderId"]), [], "another's order")
    s.restart()
    eq(matches(s.alice, orderId=four["orderId"]), want[3:], "after kill -9")


@checks
def a_replacement_is_a_taker_too(s):
    old = s.alice.limit("BTCUSDT", "SELL", "0.001", "21000")
    for mode, price, lost in (("EXPIRE_MAKER", "20000", None), ("EXPIRE_BOTH", "19990", "0.00100000")):
        maker = s.alice.limit("BTCUSDT", "BUY", "0.002", price)
        answer = s.alice.call("POST", "/api/v3/order/cancelReplace",
                              {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC",
                               "quantity": "0.001", "price": price, "cancelReplaceMode": "STOP_ON_FAILURE",
                               "cancelOrderId": old["orderId"], "selfTradePreventionMode": mode})["newOrderResponse"]
        eq([(row["makerOrderId"], row["makerPreventedQuantity"], row.get("takerPreventedQuantity"))
            for row in answer["preventedMatches"]], [(maker["orderId"], "0.00200000", lost)], mode)
        eq(answer.get("preventedQuantity"), lost, "what it has lost itself")
        old = answer


@checks
def so_is_the_working_order_of_a_list(s):
    maker = s.alice.limit("BTCUSDT", "BUY", "0.001", "20000")
    made = s.alice.call("POST", "/api/v3/orderList/oto", {
        "symbol": "BTCUSDT", "newOrderRespType": "FULL", "selfTradePreventionMode": "DECREMENT", "workingType": "LIMIT",
        "workingSide": "SELL", "workingPrice": "20000", "workingQuantity": "0.002", "workingTimeInForce": "GTC",
        "pendingType": "LIMIT", "pendingSide": "SELL", "pendingQuantity": "0.001", "pendingPrice": "22000",
        "pendingTimeInForce": "GTC"})
    first, second = made["orderReports"]
    eq([(row["makerOrderId"], row["takerPreventedQuantity"], row["makerPreventedQuantity"])
        for row in first["preventedMatches"]], [(maker["orderId"], "0.00100000", "0.00100000")], "of the working order")
    check("preventedMatches" not in second, "the pending one has met nothing")


@checks
def an_answer_has_the_first_hundred(s):
    makers = [s.alice.limit("BTCUSDT", "BUY", "0.001", str(20000 - i)) for i in range(130)]
    taker = s.alice.limit("BTCUSDT", "SELL", "0.001", "19000", selfTradePreventionMode="EXPIRE_MAKER")
    eq([row["makerOrderId"] for row in taker["preventedMatches"]], [maker["orderId"] for maker in makers[:100]], "in order")


@checks
def accounts_of_one_group_do_not_trade_with_each_other(s):
    def meet(mode="EXPIRE_TAKER"):
        maker = s.alice.limit("BTCUSDT", "BUY", "0.003", "20000")
        taker = s.bob.limit("BTCUSDT", "SELL", "0.001", "20000", selfTradePreventionMode=mode)
        return maker, taker

    early = s.alice.limit("BTCUSDT", "BUY", "0.001", "20000")
    for trader in s.traders:
        eq(s.admin.group(trader.user, 7), {"userId": trader.user, "tradeGroupId": 7}, "the operator's answer")
    eq([user.get("tradeGroupId") for user in s.admin.users()], [7, 7], "listed")
    eq([trader.account()["tradeGroupId"] for trader in s.traders], [7, 7], "accounts")
    taker = s.bob.limit("BTCUSDT", "SELL", "0.001", "20000", selfTradePreventionMode="EXPIRE_TAKER")
    eq((taker["status"], state(s.alice, early)[0]), ("FILLED", "FILLED"), "an order from before is of no group")
    s.restart()
    ws = WsApi(s.server.public)
    ws.result(SUBSCRIBE, {}, s.bob)
    maker, taker = meet()
    eq((taker["status"], taker["preventedQuantity"], taker["tradeGroupId"]), ("EXPIRED_IN_MATCH", "0.00100000", 7), "taker")
    eq(state(s.alice, maker), ("NEW", "0.00300000", "0.00000000", None), "the maker stays")
    told = [ws.event()["event"] for _ in range(2)][1]
    eq((told["x"], told["u"], told["U"]), ("TRADE_PREVENTION", 7, maker["orderId"]), "the event")
    ws.close()
    row = matches(s.bob, preventedMatchId=taker["preventedMatchId"])
    eq([(one["tradeGroupId"], one["makerOrderId"]) for one in row], [(7, maker["orderId"])], "the match")
    eq(matches(s.alice, orderId=maker["orderId"]), row, "both have it")
    s.clear()
    maker, taker = meet("DECREMENT")
    eq((taker["status"], state(s.alice, maker)), ("EXPIRED_IN_MATCH", ("NEW", "0.00300000", "0.00000000", "0.00100000")),
       "both give up")
    s.clear()
    eq(meet("NONE")[1]["status"], "FILLED", "NONE trades")
    s.clear()
    eq(s.admin.group(s.alice.user, 8)["tradeGroupId"], 8, "another group")
    eq(meet()[1]["status"], "FILLED", "two groups")
    for trader in s.traders:
        eq(s.admin.group(trader.user, -1)["tradeGroupId"], -1, "none")
    s.clear()
    s.restart()
    eq(meet()[1]["status"], "FILLED", "no group")
    check(all("tradeGroupId" not in trader.account() for trader in s.traders), "accounts of no group")
    for bad in (0, -2, 2 ** 32, "7", None, 1.5):
        eq(refusal(s.admin.group, s.alice.user, bad).status, 400, f"tradeGroupId {bad!r}")
    eq(refusal(s.admin.group, 999, 7).status, 404, "nobody")


@checks
def what_was_given_up_is_there_after_kill_9(s):
    maker = s.alice.limit("BTCUSDT", "BUY", "0.006", "20000")
    for step in range(1, 4):
        s.restart()
        taker = decrement(s.alice, "SELL", "0.001", "20000")
        s.restart()
        eq(state(s.alice, maker), ("NEW", "0.00600000", "0.00000000", f"0.00{step}00000"), f"the maker, step {step}")
        eq(state(s.alice, taker), ("EXPIRED_IN_MATCH", "0.00100000", "0.00000000", "0.00100000"), "the taker")
        eq(s.alice.locked("USDT"), units(str(20 * (6 - step))), "held")
    check(conserved(s.admin.audit()), "the audit")


def main():
    with Server("--rate-limits", "off") as server:
        session = Session(server)
        checks.run(session, before=session.clear)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
