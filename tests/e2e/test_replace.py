#!/usr/bin/python3
"""An order in the place of another: POST order/cancelReplace, over HTTP/1.1 or HTTP/2.

Goal: every shape that Binance documents for the answer (200, 400, 409), and funds that go from the one order to the
other to the last unit.
Method: as test_session.py, whose session and checks it uses. usage: test_replace.py [--http1|--http2]
"""
import json
import sys

from castle_client import Checks, Server, Trader, atoms, castle, check, conserved, eq, fee_of, parse, refusal, units
from test_session import ACK, CANCEL, FILL, FULL, RESULT, Session, fills_of, has_keys, moves, refused

checks = Checks()

HALVES = {"cancelResult", "newOrderResult", "cancelResponse", "newOrderResponse"}
UNKNOWN = {"code": -2011, "msg": "Unknown order sent."}
NO_FUNDS = {"code": -2010, "msg": "Account has insufficient balance for requested action."}
RESTRICTED = {"code": -2011, "msg": "Order was not canceled due to cancel restrictions."}
WOULD_MATCH = {"code": -2010, "msg": "Order would immediately match and take."}
DUPLICATE = {"code": -2010, "msg": "Duplicate order sent."}
CLOSED = {"code": -2010, "msg": "Market is closed."}
PATH = "/api/v3/order/cancelReplace"


def build(trader, symbol, side, kind, mode="STOP_ON_FAILURE", **params):
    given = {"symbol": symbol, "side": side, "type": kind, "cancelReplaceMode": mode}
    return trader.build("POST", PATH, {**given, **params})


def limit(quantity, price, **params):
    return {"timeInForce": "GTC", "quantity": quantity, "price": price, **params}


def replace(trader, *args, **params):
    """Status and JSON, whatever they are."""
    reply = trader.http.request(*build(trader, *args, **params))
    return reply.status, json.loads(reply.body)


def replaced(trader, *args, **params):
    """Both halves of an answer that says yes twice."""
    status, answer = replace(trader, *args, **params)
    eq(status, 200, f"status of {answer}")
    eq(set(answer), HALVES, "keys")
    eq((answer["cancelResult"], answer["newOrderResult"]), ("SUCCESS", "SUCCESS"), "results")
    eq(has_keys(answer["cancelResponse"], CANCEL, "cancelResponse")["status"], "CANCELED", "the old order")
    return answer["cancelResponse"], answer["newOrderResponse"]


def halves(trader, status, results, *args, **params):
    """Both halves of an answer in which something failed."""
    got, answer = replace(trader, *args, **params)
    code, text = {400: (-2022, "failed"), 409: (-2021, "partially failed")}[status]
    eq((got, answer.get("code"), answer.get("msg")), (status, code, f"Order cancel-replace {text}."), "what failed")
    data = answer["data"]
    eq((set(answer), set(data)), ({"code", "msg", "data"}, HALVES), "keys")
    eq((data["cancelResult"], data["newOrderResult"]), results, "results")
    return data["cancelResponse"], data["newOrderResponse"]


class Replaces(Session):
    others = ()

    def clear(self):
        super().clear()
        for trader in self.others:
            for symbol in {order["symbol"] for order in trader.open_orders()}:
                trader.cancel_all(symbol)
        self.others = []

    def trader_with(self, **funds):
        self.others.append(Trader(self.admin, self.connect(), self.name(), funds))
        self.others[-1].turns = self.bob.turns
        return self.others[-1]


@checks
def both_succeed_and_both_are_shown(s):
    old = s.bob.limit("BTCUSDT", "BUY", "0.002", "20000", newClientOrderId=s.name())
    with moves(s.bob, USDT=(units("40") - units("63"), units("63") - units("40"))):
        gone, new = replaced(s.bob, "BTCUSDT", "BUY", "LIMIT", cancelOrderId=old["orderId"],
                             cancelNewClientOrderId="the-cancel", newClientOrderId="the-new", **limit("0.003", "21000"))
    eq((gone["orderId"], gone["origClientOrderId"], gone["clientOrderId"], gone["origQty"], gone["executedQty"]),
       (old["orderId"], old["clientOrderId"], "the-cancel", "0.00200000", "0.00000000"), "the old order")
    has_keys(new, FULL, "newOrderResponse")
    eq((new["clientOrderId"], new["status"], new["price"], new["origQty"], new["fills"]),
       ("the-new", "NEW", "21000.00000000", "0.00300000", []), "the new order")
    check(new["orderId"] > old["orderId"], "order ids grow")
    eq(gone["transactTime"], new["transactTime"], "both happened at once")
    reply = s.bob.http.request(*build(s.bob, "BTCUSDT", "BUY", "LIMIT", cancelOrderId=new["orderId"],
                                      **limit("0.003", "21000")))
    eq((reply.headers["x-mbx-order-count-10s"].isdigit(), reply.headers["x-mbx-order-count-1d"]), (True, "3"),
       "order counts")
    new = parse(reply)["newOrderResponse"]
    eq(s.bob.query("BTCUSDT", orderId=old["orderId"])["status"], "CANCELED", "the old order, asked for")
    eq([order["orderId"] for order in s.bob.open_orders()], [new["orderId"]], "what rests")
    for symbol in s.bob.get("exchangeInfo")["symbols"]:
        eq(symbol["cancelReplaceAllowed"], True, "cancelReplaceAllowed")


@checks
def the_new_order_is_shown_as_asked(s):
    for kind, keys in (("ACK", ACK), ("RESULT", RESULT), ("FULL", FULL)):
        old = s.bob.limit("BTCUSDT", "BUY", "0.001", "20000")
        _, new = replaced(s.bob, "BTCUSDT", "BUY", "LIMIT", cancelOrderId=old["orderId"], newOrderRespType=kind,
                          **limit("0.001", "20001"))
        has_keys(new, keys, kind)
    _, new = replaced(s.bob, "BTCUSDT", "BUY", "LIMIT_MAKER", cancelOrderId=new["orderId"], quantity="0.001",
                      price="20002")
    has_keys(new, ACK, "ACK by default of LIMIT_MAKER")


@checks
def the_old_order_is_named_by_either_id(s):
    old = s.bob.limit("BTCUSDT", "BUY", "0.001", "20000", newClientOrderId=s.name())
    gone, new = replaced(s.bob, "BTCUSDT", "BUY", "LIMIT", cancelOrigClientOrderId=old["clientOrderId"],
                         newClientOrderId=s.name(), **limit("0.001", "20001"))
    eq(gone["orderId"], old["orderId"], "by client order id")
    check(gone["clientOrderId"] not in (old["clientOrderId"], ""), "an id is made for the cancel")
    gone, _ = replaced(s.bob, "BTCUSDT", "BUY", "LIMIT", cancelOrderId=new["orderId"],
                       cancelOrigClientOrderId=new["clientOrderId"], newClientOrderId=s.name(),
                       **limit("0.001", "20002"))
    eq(gone["orderId"], new["orderId"], "by both")
    old = s.bob.open_orders("BTCUSDT")[0]
    for ids in ({"cancelOrderId": old["orderId"], "cancelOrigClientOrderId": "another"}, {"cancelOrderId": 987654321},
                {"cancelOrigClientOrderId": "never-sent"}):
        gone, new = halves(s.bob, 400, ("FAILURE", "NOT_ATTEMPTED"), "BTCUSDT", "BUY", "LIMIT", **ids,
                           **limit("0.001", "20003"))
        eq((gone, new), (UNKNOWN, None), f"{ids}")
    gone, new = halves(s.alice, 400, ("FAILURE", "NOT_ATTEMPTED"), "BTCUSDT", "BUY", "LIMIT",
                       cancelOrderId=old["orderId"], **limit("0.001", "20003"))
    eq((gone, new), (UNKNOWN, None), "another user's order")
    eq(s.bob.open_orders("BTCUSDT"), [old], "it still rests")


@checks
def the_new_order_may_have_the_old_ones_id(s):
    name = s.name()
    ids = [s.bob.limit("BTCUSDT", "BUY", "0.001", "20000", newClientOrderId=name)["orderId"]]
    for price in ("20001", "20002"):
        gone, new = replaced(s.bob, "BTCUSDT", "BUY", "LIMIT", cancelOrigClientOrderId=name, newClientOrderId=name,
                             **limit("0.001", price))
        eq((gone["orderId"], gone["origClientOrderId"], new["clientOrderId"]), (ids[-1], name, name), "ids")
        ids.append(new["orderId"])
    eq(s.bob.query("BTCUSDT", origClientOrderId=name)["orderId"], ids[-1], "the newest has the name")
    eq([s.bob.query("BTCUSDT", orderId=one)["status"] for one in ids], ["CANCELED", "CANCELED", "NEW"], "all of them")


@checks
def funds_go_from_one_order_to_the_other(s):
    carol = s.trader_with(USDT="100", BTC="0.01")
    old = carol.limit("BTCUSDT", "BUY", "0.005", "20000")
    eq(carol.balances()["USDT"], (0, units("100")), "all of it is held")
    for quantity, price, held in (("0.004", "25000", "100"), ("0.00399", "25000", "99.75"),
                                  ("0.00333", "30000", "99.9"), ("0.00001", "600000", "6"), ("0.0025", "40000", "100")):
        _, old = replaced(carol, "BTCUSDT", "BUY", "LIMIT", cancelOrderId=old["orderId"], **limit(quantity, price))
        eq(carol.balances()["USDT"], (units("100") - units(held), units(held)), f"{quantity} at {price}")
    _, old = replaced(carol, "BTCUSDT", "SELL", "LIMIT", cancelOrderId=old["orderId"], **limit("0.01", "90000"))
    eq(carol.balances(), {"USDT": (units("100"), 0), "BTC": (0, units("0.01"))}, "the other side")
    replaced(carol, "BTCUSDT", "SELL", "LIMIT", cancelOrderId=old["orderId"], **limit("0.01", "91000"))
    eq(carol.balances(), {"USDT": (units("100"), 0), "BTC": (0, units("0.01"))}, "a sale for a sale")


@checks
def a_step_too_much_leaves_the_cancel_alone(s):
    for mode in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
        carol = s.trader_with(USDT="100")
        old = carol.limit("BTCUSDT", "BUY", "0.004", "20000")
        gone, new = halves(carol, 409, ("SUCCESS", "FAILURE"), "BTCUSDT", "BUY", "LIMIT", mode,
                           cancelOrderId=old["orderId"], **limit("0.00501", "20000"))
        eq((has_keys(gone, CANCEL, "cancelResponse")["status"], gone["orderId"], new),
           ("CANCELED", old["orderId"], NO_FUNDS), mode)
        eq((carol.balances(), carol.open_orders()), ({"USDT": (units("100"), 0)}, []), "the old order is gone")
        old = carol.limit("BTCUSDT", "BUY", "0.004", "20000")
        replaced(carol, "BTCUSDT", "BUY", "LIMIT", mode, cancelOrderId=old["orderId"], **limit("0.005", "20000"))
        eq(carol.balances(), {"USDT": (0, units("100"))}, f"exactly all, {mode}")


@checks
def with_nothing_to_cancel_the_mode_decides(s):
    with moves(s.bob):
        gone, new = halves(s.bob, 400, ("FAILURE", "NOT_ATTEMPTED"), "BTCUSDT", "BUY", "LIMIT", cancelOrderId=987654321,
                           **limit("0.001", "20000"))
        eq((gone, new), (UNKNOWN, None), "STOP_ON_FAILURE")
        gone, new = halves(s.bob, 400, ("FAILURE", "FAILURE"), "BTCUSDT", "BUY", "LIMIT", "ALLOW_FAILURE",
                           cancelOrderId=987654321, **limit("9000", "900000"))
        eq((gone, new), (UNKNOWN, NO_FUNDS), "ALLOW_FAILURE, and no funds")
    with moves(s.bob, USDT=(-units("20"), units("20"))):
        gone, new = halves(s.bob, 409, ("FAILURE", "SUCCESS"), "BTCUSDT", "BUY", "LIMIT", "ALLOW_FAILURE",
                           cancelOrderId=987654321, newClientOrderId=s.name(), **limit("0.001", "20000"))
    eq(gone, UNKNOWN, "ALLOW_FAILURE")
    eq((has_keys(new, FULL, "newOrderResponse")["status"], [order["orderId"] for order in s.bob.open_orders()]),
       ("NEW", [new["orderId"]]), "the new order")
    s.alice.limit("BTCUSDT", "SELL", "0.001", "30000")
    gone, new = halves(s.bob, 400, ("FAILURE", "FAILURE"), "BTCUSDT", "BUY", "LIMIT_MAKER", "ALLOW_FAILURE",
                       cancelOrderId=987654321, quantity="0.001", price="30000")
    eq((gone, new), (UNKNOWN, WOULD_MATCH), "refused by the book")


@checks
def what_the_book_or_the_ids_refuse_leaves_the_cancel_alone(s):
    s.alice.limit("BTCUSDT", "SELL", "0.001", "30000")
    old = s.bob.limit("BTCUSDT", "BUY", "0.001", "20000")
    with moves(s.bob, USDT=(units("20"), -units("20"))):
        gone, new = halves(s.bob, 409, ("SUCCESS", "FAILURE"), "BTCUSDT", "BUY", "LIMIT_MAKER",
                           cancelOrderId=old["orderId"], quantity="0.001", price="30000")
    eq((gone["status"], new), ("CANCELED", WOULD_MATCH), "post-only")
    other = s.bob.limit("BTCUSDT", "BUY", "0.001", "20000", newClientOrderId=s.name())
    old = s.bob.limit("BTCUSDT", "BUY", "0.001", "20000")
    gone, new = halves(s.bob, 409, ("SUCCESS", "FAILURE"), "BTCUSDT", "BUY", "LIMIT", cancelOrderId=old["orderId"],
                       newClientOrderId=other["clientOrderId"], **limit("0.001", "20001"))
    eq((gone["status"], new), ("CANCELED", DUPLICATE), "another order's id")
    eq([order["orderId"] for order in s.bob.open_orders()], [other["orderId"]], "what rests")


@checks
def filters_come_first_and_leave_both_alone(s):
    s.admin.symbol("FEWUSDT", "FEW", "USDT", tickSize="0.01", stepSize="0.001", minNotional="5",
                   filters=[{"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 1}])
    rows = [(limit("0.001", "20000.001"), "PRICE_FILTER"), (limit("0.0010001", "20000"), "LOT_SIZE"),
            (limit("0.00001", "20000"), "NOTIONAL")]
    for mode in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
        old = s.bob.limit("BTCUSDT", "BUY", "0.001", "20000")
        with moves(s.bob):
            for params, name in rows:
                eq(replace(s.bob, "BTCUSDT", "BUY", "LIMIT", mode, cancelOrderId=old["orderId"], **params),
                   (400, {"code": -1013, "msg": f"Filter failure: {name}"}), f"{name}, {mode}")
        few = s.bob.limit("FEWUSDT", "BUY", "1", "10") if mode == "STOP_ON_FAILURE" else few
        eq(replace(s.bob, "FEWUSDT", "BUY", "LIMIT", mode, cancelOrderId=few["orderId"], **limit("1", "11")),
           (400, {"code": -1013, "msg": "Filter failure: MAX_NUM_ORDERS"}), "the old order still counts")
        eq({order["orderId"] for order in s.bob.open_orders()} >= {old["orderId"], few["orderId"]}, True, "both rest")
    s.alice.limit("BTCUSDT", "SELL", "0.001", "20000")  # a last price for the next
    old = s.bob.limit("BTCUSDT", "BUY", "0.001", "20000")
    eq(replace(s.bob, "BTCUSDT", "BUY", "MARKET", cancelOrderId=old["orderId"], quantity="0.00001"),
       (400, {"code": -1013, "msg": "Filter failure: NOTIONAL"}), "the filter that only the market can check")
    eq(s.bob.query("BTCUSDT", orderId=old["orderId"])["status"], "NEW", "it still rests")


@checks
def a_restriction_asks_for_the_old_orders_state(s):
    def made(traded):
        old = s.bob.limit("BTCUSDT", "BUY", "0.003", "20000")
        if traded:
            s.alice.limit("BTCUSDT", "SELL", "0.001", "20000")
        return {"cancelOrderId": old["orderId"], **limit("0.001", "19000", newClientOrderId=s.name())}

    for traded, yes, no in ((False, "ONLY_NEW", "ONLY_PARTIALLY_FILLED"), (True, "ONLY_PARTIALLY_FILLED", "ONLY_NEW")):
        params = made(traded)
        gone, new = halves(s.bob, 400, ("FAILURE", "NOT_ATTEMPTED"), "BTCUSDT", "BUY", "LIMIT", cancelRestrictions=no,
                           **params)
        eq((gone, new), (RESTRICTED, None), f"{no}, traded: {traded}")
        gone, new = halves(s.bob, 409, ("FAILURE", "SUCCESS"), "BTCUSDT", "BUY", "LIMIT", "ALLOW_FAILURE",
                           cancelRestrictions=no, **params)
        eq((gone, new["status"], len(s.bob.open_orders())), (RESTRICTED, "NEW", 2), "ALLOW_FAILURE")
        gone, new = halves(s.bob, 400, ("FAILURE", "FAILURE"), "BTCUSDT", "BUY", "LIMIT", "ALLOW_FAILURE",
                           cancelRestrictions=no, **params)
        eq((gone, new), (RESTRICTED, DUPLICATE), "and the id is taken")
        params["newClientOrderId"] = s.name()
        gone, _ = replaced(s.bob, "BTCUSDT", "BUY", "LIMIT", cancelRestrictions=yes, **params)
        eq(gone["executedQty"], "0.00100000" if traded else "0.00000000", yes)
        s.clear()
        old = s.bob.limit("BTCUSDT", "BUY", "0.003", "20000", newClientOrderId=s.name())
        gone, new = halves(s.bob, 400, ("FAILURE", "FAILURE"), "BTCUSDT", "BUY", "LIMIT", "ALLOW_FAILURE",
                           cancelRestrictions="ONLY_PARTIALLY_FILLED", cancelOrderId=old["orderId"],
                           newClientOrderId=old["clientOrderId"], **limit("0.001", "19000"))
        eq((gone, new), (RESTRICTED, DUPLICATE), "the old one keeps its id")
        s.clear()


@checks
def a_cancel_has_restrictions_too(s):
    old = s.bob.limit("BTCUSDT", "BUY", "0.003", "20000")
    refused(refusal(s.bob.cancel, "BTCUSDT", orderId=old["orderId"], cancelRestrictions="ONLY_PARTIALLY_FILLED"), 400,
            *RESTRICTED.values())
    s.alice.limit("BTCUSDT", "SELL", "0.001", "20000")
    refused(refusal(s.bob.cancel, "BTCUSDT", orderId=old["orderId"], cancelRestrictions="ONLY_NEW"), 400,
            *RESTRICTED.values())
    refused(refusal(s.bob.cancel, "BTCUSDT", orderId=old["orderId"], cancelRestrictions="ONLY_OLD"), 400, -1145,
            "Invalid cancelRestrictions")
    answer = s.bob.cancel("BTCUSDT", orderId=old["orderId"], cancelRestrictions="ONLY_PARTIALLY_FILLED")
    eq((answer["status"], answer["executedQty"]), ("CANCELED", "0.00100000"), "partly filled")


@checks
def a_partly_filled_order_gives_what_is_left(s):
    carol = s.trader_with(USDT="100")
    old = carol.limit("BTCUSDT", "BUY", "0.005", "20000")
    s.alice.limit("BTCUSDT", "SELL", "0.002", "20000")
    gone, new = halves(carol, 409, ("SUCCESS", "FAILURE"), "BTCUSDT", "BUY", "LIMIT", cancelOrderId=old["orderId"],
                       **limit("0.00301", "20000"))
    eq((gone["executedQty"], gone["cummulativeQuoteQty"], new), ("0.00200000", "40.00000000", NO_FUNDS),
       "a step too much")
    old = carol.limit("BTCUSDT", "BUY", "0.003", "20000")
    s.alice.limit("BTCUSDT", "SELL", "0.001", "20000")
    gone, new = replaced(carol, "BTCUSDT", "BUY", "LIMIT", cancelOrderId=old["orderId"], **limit("0.002", "20000"))
    eq((gone["executedQty"], new["status"]), ("0.00100000", "NEW"), "what is left")
    got = units("0.002") + units("0.001")
    eq(carol.balances(), {"USDT": (0, units("40")), "BTC": (got - fee_of(units("0.002")) - fee_of(units("0.001")), 0)},
       "balances")


@checks
def the_new_order_may_trade_at_once(s):
    for price in (30000, 30010, 30020):
        s.alice.limit("BTCUSDT", "SELL", "0.001", str(price))
    old = s.bob.limit("BTCUSDT", "BUY", "0.004", "20000")
    got, paid = units("0.003"), units("30") + units("30.01") + units("30.02")
    with moves(s.bob, USDT=(units("80") - paid - units("30.02"), units("30.02") - units("80")),
               BTC=(got - 3 * fee_of(units("0.001")), 0)):
        _, new = replaced(s.bob, "BTCUSDT", "BUY", "LIMIT", cancelOrderId=old["orderId"], newOrderRespType="FULL",
                          **limit("0.004", "30020"))
    eq([fill[:2] for fill in fills_of(new)], [(f"{price}.00000000", "0.00100000") for price in (30000, 30010, 30020)],
       "fills")
    check(all(set(fill) == FILL for fill in new["fills"]), "keys of a fill")
    eq((new["status"], new["executedQty"], atoms(new["cummulativeQuoteQty"])), ("PARTIALLY_FILLED", "0.00300000", paid),
       "the new order")
    s.alice.limit("BTCUSDT", "SELL", "0.0005", "30020")
    gone, new = replaced(s.bob, "BTCUSDT", "BUY", "LIMIT", cancelOrderId=new["orderId"], timeInForce="IOC",
                         quantity="0.001", price="30030")
    eq((gone["executedQty"], new["status"]), ("0.00350000", "EXPIRED"), "an IOC order finds nothing")


@checks
def a_market_order_takes_the_place_of_a_limit_order(s):
    carol = s.trader_with(USDT="100")
    s.alice.limit("BTCUSDT", "SELL", "0.01", "20000")
    old = carol.limit("BTCUSDT", "BUY", "0.005", "19999")
    _, new = replaced(carol, "BTCUSDT", "BUY", "MARKET", cancelOrderId=old["orderId"], quantity="0.002")
    eq((new["status"], new["executedQty"], new["cummulativeQuoteQty"], len(new["fills"])),
       ("FILLED", "0.00200000", "40.00000000", 1), "by quantity, within the hold")
    eq(carol.balances()["USDT"], (units("60"), 0), "what it did not need is free")
    old = carol.limit("BTCUSDT", "BUY", "0.003", "19999")
    _, new = replaced(carol, "BTCUSDT", "BUY", "MARKET", cancelOrderId=old["orderId"], quoteOrderQty="60")
    eq((new["status"], new["executedQty"], new["cummulativeQuoteQty"]), ("FILLED", "0.00300000", "60.00000000"),
       "by amount, all there is")
    eq(carol.balances()["USDT"] if "USDT" in carol.balances() else (0, 0), (0, 0), "nothing is left")
    s.alice.limit("BTCUSDT", "BUY", "0.001", "10000")
    have = carol.balances()["BTC"][0] // 1000 * 1000
    old = carol.limit("BTCUSDT", "SELL", f"0.{have:08d}", "21000")
    _, new = replaced(carol, "BTCUSDT", "SELL", "MARKET", cancelOrderId=old["orderId"], quoteOrderQty="10")
    eq((new["status"], new["executedQty"], new["cummulativeQuoteQty"]), ("FILLED", "0.00100000", "10.00000000"),
       "a sale by amount")
    old = carol.limit("BTCUSDT", "BUY", "0.0004", "19999")
    gone, new = halves(carol, 409, ("SUCCESS", "FAILURE"), "BTCUSDT", "BUY", "MARKET", cancelOrderId=old["orderId"],
                       quoteOrderQty="11")
    eq((gone["status"], new), ("CANCELED", NO_FUNDS), "more than there is")


@checks
def a_closed_market_says_so_in_each_half(s):
    old = s.bob.limit("SOLUSDT", "BUY", "1", "100")
    closed = {**CLOSED, "code": -2011}
    try:
        s.admin.status("SOLUSDT", "HALT")
        gone, new = halves(s.bob, 400, ("FAILURE", "NOT_ATTEMPTED"), "SOLUSDT", "BUY", "LIMIT",
                           cancelOrderId=old["orderId"], **limit("1", "101"))
        eq((gone, new), (closed, None), "halted")
        gone, new = halves(s.bob, 400, ("FAILURE", "FAILURE"), "SOLUSDT", "BUY", "LIMIT", "ALLOW_FAILURE",
                           cancelOrderId=old["orderId"], **limit("1", "101"))
        eq((gone, new), (closed, CLOSED), "halted, ALLOW_FAILURE")
        eq(s.bob.query("SOLUSDT", orderId=old["orderId"])["status"], "NEW", "it still rests")
        s.admin.status("SOLUSDT", "CANCEL_ONLY")
        gone, new = halves(s.bob, 409, ("SUCCESS", "FAILURE"), "SOLUSDT", "BUY", "LIMIT", cancelOrderId=old["orderId"],
                           **limit("1", "101"))
        eq((gone["status"], new), ("CANCELED", CLOSED), "cancel only")
    finally:
        s.admin.status("SOLUSDT", "TRADING")


@checks
def what_is_not_well_formed_is_refused_before_anything(s):
    old = s.bob.limit("BTCUSDT", "BUY", "0.001", "20000")
    good = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "cancelReplaceMode": "STOP_ON_FAILURE",
            "cancelOrderId": old["orderId"], **limit("0.001", "20001")}
    missing = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
    both = "Param 'cancelOrigClientOrderId' or 'cancelOrderId' must be sent, but both were empty/null!"
    rows = [({"cancelReplaceMode": None}, -1102, missing.format("cancelReplaceMode")),
            ({"cancelReplaceMode": "MAYBE"}, -1130, "Data sent for parameter 'cancelReplaceMode' is not valid."),
            ({"cancelOrderId": None}, -1102, both),
            ({"cancelOrderId": "x"}, -1100, None), ({"cancelOrigClientOrderId": "%"}, -1100, None),
            ({"cancelNewClientOrderId": "a" * 37}, -1100, None),
            ({"cancelRestrictions": "ONLY_OLD"}, -1145, "Invalid cancelRestrictions"),
            ({"orderRateLimitExceededMode": "SOON"}, -1130,
             "Data sent for parameter 'orderRateLimitExceededMode' is not valid."),
            ({"symbol": "NOSUCH"}, -1121, "Invalid symbol."), ({"side": "UP"}, -1117, "Invalid side."),
            ({"type": "MAYBE"}, -1116, "Invalid orderType."),
            ({"timeInForce": None}, -1102, missing.format("timeInForce")),
            ({"quantity": None}, -1102, missing.format("quantity")), ({"price": "1e3"}, -1100, None),
            ({"price": "20001.123456789"}, -1111, None), ({"quantity": "0"}, -1013, None),
            ({"origClientOrderId": "x"}, -1104, None)]
    with moves(s.bob):
        for change, code, text in rows:
            reply = s.bob.http.request(*s.bob.build("POST", PATH, {**good, **change}))
            answer = json.loads(reply.body)
            eq((reply.status, answer["code"]), (400, code), f"{change}: {answer}")
            check(text in (None, answer["msg"]), f"{change}: {answer}")
    eq(s.bob.query("BTCUSDT", orderId=old["orderId"])["status"], "NEW", "it still rests")
    for mode in ("DO_NOTHING", "CANCEL_ONLY"):
        reply = s.bob.http.request(*s.bob.build("POST", PATH, {**good, "orderRateLimitExceededMode": mode}))
        good["cancelOrderId"] = parse(reply)["newOrderResponse"]["orderId"]
    status = s.bob.http.request(*s.bob.build("GET", PATH, good)).status
    eq(status, 405, "another method")


@checks
def a_pipeline_of_replaces_is_a_chain(s):
    pipe, names = s.pipeline(), [s.name() for _ in range(200)]
    carol = s.trader_with(USDT="100")
    carol.limit("ETHUSDT", "BUY", "0.1", "1000", newClientOrderId=names[0])
    tags = {}
    for i, name in enumerate(names[1:], 1):
        request = build(carol, "ETHUSDT", "BUY", "LIMIT", ("STOP_ON_FAILURE", "ALLOW_FAILURE")[i % 2],
                        cancelOrigClientOrderId=names[i - 1], newClientOrderId=name,
                        **limit("0.1", f"{1000 - i}", newOrderRespType="RESULT"))  # what is freed is not there yet
        tags[pipe.submit(*request)] = i
    ids = {}
    for _ in range(len(tags)):
        tag, reply = pipe.next_reply()
        answer, i = parse(reply), tags[tag]
        eq((answer["cancelResponse"]["origClientOrderId"], answer["newOrderResponse"]["clientOrderId"]),
           (names[i - 1], names[i]), "who replaced whom")
        ids[i] = answer["newOrderResponse"]["orderId"]
    eq(sorted(ids, key=ids.get), list(range(1, 200)), "order ids follow submission")
    eq([order["clientOrderId"] for order in carol.open_orders()], [names[-1]], "the last one rests")
    eq(carol.balances(), {"USDT": (units("19.9"), units("80.1"))}, "its hold")
    pipe.close()


@checks
def it_is_all_there_after_kill_9(s):
    for i in range(20):
        old = s.bob.limit("ETHUSDT", "BUY", "0.01", "1000")
        replace(s.bob, "ETHUSDT", "BUY", "LIMIT", ("STOP_ON_FAILURE", "ALLOW_FAILURE")[i % 2],
                cancelOrderId=old["orderId"] if i % 3 else 987654321, **limit("0.01", str(1000 + i)))
    before, open_orders, balances = conserved(s.admin.audit()), s.bob.open_orders(), s.bob.balances()
    s.server.kill9()
    s.server.restart()
    s.admin = s.server.admin()
    s.bob.http, s.alice.http = s.connect(), s.connect()
    after = conserved(s.admin.audit())
    eq({**after, "lsn": 0}, {**before, "lsn": 0}, "audit")
    eq((s.bob.open_orders(), s.bob.balances()), (open_orders, balances), "orders and balances")
    s.clear()
    s.server.sigterm()
    dump = castle("journal", "dump", "--data", s.server.data)
    eq(dump.returncode, 0, f"journal dump: {dump.stdout[-300:]}")
    lines = [json.loads(line) for line in dump.stdout.splitlines() if line.startswith("{")]
    parts = [[part["message"] for part in line["parts"]] for line in lines if line["type"] == "PARTS"]
    check(parts and all(part == ["REPLACE_OLD", "REPLACE_NEW"] for part in parts), f"parts in the journal: {parts[:3]}")
    check(any(line["type"] == "REPLACE" and line["cancelReplaceMode"] == "ALLOW_FAILURE" for line in lines), "requests")
    check(any(line.get("message") == "REPLACED" and line["moved"] == "10.00000000" for line in lines), "reports")
    eq(castle("journal", "verify", "--data", s.server.data).returncode, 0, "journal verify")


def main():
    version = 2 if "--http2" in sys.argv[1:] else 1
    with Server() as server:
        session = Replaces(server, version, None)
        checks.run(session, before=session.clear)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
