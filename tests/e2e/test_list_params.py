#!/usr/bin/python3
"""What the parameters of order lists may be: each type with each parameter, and each pair of types.

Goal: what an order of a list needs, and must not have, is as Binance documents it, wherever in a list the order stands.
Method: tables. What is wrong must be refused with its code and text. What is right is sent with one parameter more, which
nobody reads: it is refused with -1104 once all the others were read, and no list comes to be.
usage: test_list_params.py
"""
import sys

from castle_client import Checks, Http1, Server, Trader, check, eq, refusal
from test_ws_api import WsApi

checks = Checks()
TYPES = {  # type: (needs, may have)
    "LIMIT": (("Price", "TimeInForce"), ("IcebergQty",)),
    "LIMIT_MAKER": (("Price",), ("IcebergQty",)),
    "MARKET": ((), ()),
    "STOP_LOSS": (("StopPrice",), ("TrailingDelta",)),
    "STOP_LOSS_LIMIT": (("StopPrice", "Price", "TimeInForce"), ("TrailingDelta", "IcebergQty")),
    "TAKE_PROFIT": (("StopPrice",), ("TrailingDelta",)),
    "TAKE_PROFIT_LIMIT": (("StopPrice", "Price", "TimeInForce"), ("TrailingDelta", "IcebergQty")),
}
VALUES = {"Price": "2000", "StopPrice": "1500", "TrailingDelta": "100", "TimeInForce": "GTC", "IcebergQty": "0.05"}
LABELS = {"ClientOrderId": "mine", "StrategyId": "1", "StrategyType": "1000000"}
LOSS, PROFIT = ("STOP_LOSS", "STOP_LOSS_LIMIT"), ("LIMIT_MAKER", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
PATHS = {"oco": "orderList/oco", "old": "order/oco", "oto": "orderList/oto", "otoco": "orderList/otoco"}
METHODS = {"oco": "orderList.place.oco", "old": "orderList.place", "oto": "orderList.place.oto",
           "otoco": "orderList.place.otoco"}
COMMON = {"symbol": "ETHUSDT", "listClientOrderId": "list", "newOrderRespType": "FULL", "selfTradePreventionMode": "NONE"}

MISSING = (-1102, "Mandatory parameter '{}' was not sent, was empty/null, or malformed.")
EITHER = "Param '{}' or '{}' must be sent, but both were empty/null!"
EMPTY, UNWANTED = (-1105, "Parameter '{}' was empty."), (-1106, "Parameter '{}' sent when not required.")
INVALID = (-1130, "Data sent for parameter '{}' is not valid.")
PART = (-1160, "Parameter '{}' is not supported if aboveTimeInForce/belowTimeInForce is not GTC.")
NO_TYPE, NO_PAIR = (-1116, "Invalid orderType."), (-1158, "Order type not supported in OCO.")


def leg(word, kind):
    """An order under its prefix, with what its type needs."""
    return {f"{word}Type": kind} | {word + name: VALUES[name] for name in TYPES[kind][0]}


def pair(above, below, side, kinds, **more):
    return more | {side[0]: side[1]} | leg(above, kinds[0]) | leg(below, kinds[1])


def oco(above="LIMIT_MAKER", below="STOP_LOSS", side="SELL"):
    return COMMON | pair("above", "below", ("side", side), (above, below), quantity="0.1")


def working(kind="LIMIT"):
    return leg("working", kind) | {"workingSide": "BUY", "workingQuantity": "0.1"}


def oto(kind="LIMIT", first="LIMIT"):
    return COMMON | working(first) | leg("pending", kind) | {"pendingSide": "SELL", "pendingQuantity": "0.1"}


def otoco(above="LIMIT_MAKER", below="STOP_LOSS", side="SELL", first="LIMIT"):
    return COMMON | working(first) | pair("pendingAbove", "pendingBelow", ("pendingSide", side), (above, below),
                                          pendingQuantity="0.1")


OLD = COMMON | {"side": "SELL", "quantity": "0.1", "price": "2500", "stopPrice": "1500"}
OLD_LIMIT = OLD | {"stopLimitPrice": "1400", "stopLimitTimeInForce": "GTC"}


def orders_of_lists():
    """Each place of a list with each type that can be there: (form, prefix, type, a list with it)."""
    for kind in ("LIMIT", "LIMIT_MAKER"):
        yield "oto", "working", kind, oto(first=kind)
        yield "otoco", "working", kind, otoco(first=kind)
    for kind in TYPES:
        yield "oto", "pending", kind, oto(kind)
    for form, make, words in (("oco", oco, ("above", "below")), ("otoco", otoco, ("pendingAbove", "pendingBelow"))):
        for kind in LOSS:
            yield form, words[0], kind, make(kind, "LIMIT_MAKER", "BUY")
            yield form, words[1], kind, make("LIMIT_MAKER", kind, "SELL")
        for kind in PROFIT:
            yield form, words[0], kind, make(kind, "STOP_LOSS", "SELL")
            yield form, words[1], kind, make("STOP_LOSS", kind, "BUY")


class Session:
    def __init__(self, server):
        self.admin = server.admin()
        self.trader = Trader(self.admin, Http1(server.public), "lists", {"USDT": "1000000", "ETH": "100"})
        self.ws = WsApi(server.public)

    def call(self, form, params):
        """The code and the text of the refusal, which must be the same over both."""
        error = refusal(self.trader.call, "POST", "/api/v3/" + PATHS[form], params)
        eq(error.status, 400, "status")
        answer = self.ws.ask(METHODS[form], params, self.trader)
        eq(answer["error"], {"code": error.code, "msg": error.msg}, "over the WebSocket API")
        return error.code, error.msg

    def good(self, form, params, what):
        sent = len(params) + 2  # timestamp, signature
        eq(self.call(form, params | {"nosuch": "1"}),
           (-1104, f"Not all sent parameters were read; read '{sent}' parameter(s) but was sent '{sent + 1}'."), what)

    def bad(self, form, params, expected, *names):
        eq(self.call(form, params), (expected[0], expected[1].format(*names)), f"{form} {params}")


@checks
def every_type_needs_what_it_needs_wherever_it_stands(s):
    for form, word, kind, params in orders_of_lists():
        what = f"{form} {word} {kind}"
        needs, may = TYPES[kind]
        s.good(form, params, what)
        s.good(form, params | {word + name: value for name, value in LABELS.items()}, f"{what} with labels")
        for name in may:
            s.good(form, params | {word + name: VALUES[name]}, f"{what} with {name}")
        for name in needs:
            without = {key: value for key, value in params.items() if key != word + name}
            if name == "StopPrice":
                s.good(form, without | {word + "TrailingDelta": "100"}, f"{what} that trails alone")
                s.bad(form, without, (-1102, EITHER), word + "StopPrice", word + "TrailingDelta")
            else:
                s.bad(form, without, MISSING, word + name)
            s.bad(form, params | {word + name: ""}, EMPTY, word + name)


@checks
def no_type_has_what_is_another_s(s):
    for form, word, kind, params in orders_of_lists():
        needs, may = TYPES[kind]
        for name in set(VALUES) - set(needs) - set(may):
            if word == "working" and name in ("StopPrice", "TrailingDelta"):
                eq(s.call(form, params | {word + name: VALUES[name]})[0], -1104, "no such parameter")
            else:
                s.bad(form, params | {word + name: VALUES[name]}, UNWANTED, word + name)
        if "IcebergQty" not in may or "TimeInForce" not in needs:
            continue
        for tif in ("IOC", "FOK"):
            s.good(form, params | {word + "TimeInForce": tif}, f"{form} {word} {kind} {tif}")
            s.bad(form, params | {word + "TimeInForce": tif, word + "IcebergQty": "0.05"},
                  PART if form != "oto" and word != "working" else UNWANTED, word + "IcebergQty")


@checks
def every_order_is_read_to_the_last_digit(s):
    for form, word, kind, params in orders_of_lists():
        needs, may = TYPES[kind]
        labels = LABELS | {name: VALUES[name] for name in needs + may}
        for name in labels:
            if name in ("Price", "StopPrice", "IcebergQty"):
                s.bad(form, params | {word + name: "1.123456789"}, (-1111, "Parameter '{}' has too much precision."),
                      word + name)
                named = {"Price": "price", "StopPrice": "stopPrice", "IcebergQty": "icebergQty"}[name]
                s.bad(form, params | {word + name: "0"}, (-1013, "Invalid {}."), named)
            elif name == "TimeInForce":
                s.bad(form, params | {word + name: "GTD"}, (-1115, "Invalid timeInForce."))
            elif name == "TrailingDelta":
                s.bad(form, params | {word + name: "10000"}, (-1013, "Filter failure: TRAILING_DELTA"))
            elif name == "StrategyType":
                s.bad(form, params | {word + name: "999999"}, (-1134, "strategyType was less than 1000000."))
            else:
                eq(s.call(form, params | {word + name: "a b"})[0], -1100, word + name)
        if "IcebergQty" in may:
            s.bad(form, params | {word + "IcebergQty": "1"}, (-2010, "IcebergQty exceeds QTY."))
        s.bad(form, params | {word + "Type": "PEG"}, NO_TYPE)
        s.bad(form, params | {word + "PegOffsetType": "PRICE_LEVEL"}, UNWANTED, word + "PegOffsetType")
        s.bad(form, params | {word + "PegOffsetValue": "1"}, UNWANTED, word + "PegOffsetValue")
        s.bad(form, params | {word + "PegPriceType": "PRIMARY_PEG"},
              UNWANTED if kind in ("MARKET", "STOP_LOSS", "TAKE_PROFIT")
              else (-2010, "Pegged orders are not supported for this symbol."), word + "PegPriceType")


def no_pair(side, above, below):
    """What is told of two types on a side; None: they are a pair."""
    loss, profit = (above, below) if side == "BUY" else (below, above)
    here, there = ("below", "above") if side == "BUY" else ("above", "below")
    where = "buy" if side == "BUY" else "sell"
    if {above, below} & {"LIMIT", "MARKET"}:
        return NO_PAIR
    if above == below == "LIMIT_MAKER":
        return -1168, "At least one OCO order must be contingent."
    if loss == "LIMIT_MAKER":
        return -1165 if side == "BUY" else -1166, f"A limit order in a {where} OCO must be {here}."
    if profit in LOSS:
        return -1196 if side == "BUY" else -1197, f"A stop loss order in a {where} OCO must be {there}."
    if loss not in LOSS:
        return -1198 if side == "BUY" else -1199, f"A take profit order in a {where} OCO must be {here}."
    return None


@checks
def two_types_are_a_pair_or_it_is_told_why_not(s):
    pairs = 0
    for form, make in (("oco", oco), ("otoco", otoco)):
        for side in ("BUY", "SELL"):
            for above in TYPES:
                for below in TYPES:
                    params, why = make(above, below, side), no_pair(side, above, below)
                    pairs += why is None
                    if why:
                        s.bad(form, params, why)
                    else:
                        s.good(form, params, f"{form} {side} {above} {below}")
    eq(pairs, 2 * 2 * len(LOSS) * len(PROFIT), "pairs")


@checks
def the_older_form_is_a_limit_maker_and_a_stop_loss(s):
    s.good("old", OLD, "STOP_LOSS")
    s.good("old", OLD_LIMIT, "STOP_LOSS_LIMIT")
    s.good("old", OLD | {"trailingDelta": "100"}, "both triggers")
    s.good("old", {key: value for key, value in OLD.items() if key != "stopPrice"} | {"trailingDelta": "100"}, "it trails")
    s.good("old", OLD_LIMIT | {"limitIcebergQty": "0.05", "stopIcebergQty": "0.01"}, "both in parts")
    s.good("old", OLD_LIMIT | {"limitClientOrderId": "a", "limitStrategyId": "1", "limitStrategyType": "1000000",
                               "stopClientOrderId": "b", "stopStrategyId": "2", "stopStrategyType": "1000001"}, "labels")
    for name in ("symbol", "side", "quantity", "price"):
        s.bad("old", {key: value for key, value in OLD.items() if key != name}, MISSING, name)
    s.bad("old", {key: value for key, value in OLD.items() if key != "stopPrice"}, (-1102, EITHER), "stopPrice", "trailingDelta")
    s.bad("old", OLD | {"stopLimitPrice": "1400"}, MISSING, "stopLimitTimeInForce")
    s.bad("old", OLD | {"stopLimitTimeInForce": "GTC"}, UNWANTED, "stopLimitTimeInForce")
    s.bad("old", OLD | {"stopIcebergQty": "0.01"}, UNWANTED, "stopIcebergQty")
    s.bad("old", OLD_LIMIT | {"stopLimitTimeInForce": "IOC", "stopIcebergQty": "0.01"}, UNWANTED, "stopIcebergQty")
    s.bad("old", OLD_LIMIT | {"stopLimitTimeInForce": "GTD"}, (-1115, "Invalid timeInForce."))
    s.bad("old", OLD | {"limitStrategyType": "1"}, (-1134, "strategyType was less than 1000000."))


@checks
def what_all_orders_of_a_list_share_is_checked_once(s):
    for form, params in (("oco", oco()), ("old", OLD), ("oto", oto()), ("otoco", otoco())):
        s.good(form, {key: value for key, value in params.items() if key == "symbol" or key not in COMMON}, "no options")
        s.bad(form, params | {"newOrderRespType": "HUGE"}, INVALID, "newOrderRespType")
        s.bad(form, params | {"selfTradePreventionMode": "MAYBE"}, INVALID, "selfTradePreventionMode")
        s.bad(form, params | {"symbol": "NOSUCH"}, (-1121, "Invalid symbol."))
        s.bad(form, {key: value for key, value in params.items() if key != "symbol"}, MISSING, "symbol")
        eq(s.call(form, params | {"listClientOrderId": "a b"})[0], -1100, "listClientOrderId")
        for name in {"side", "workingSide", "pendingSide"} & set(params):
            s.bad(form, params | {name: "HOLD"}, (-1117, "Invalid side."))
            s.bad(form, {key: value for key, value in params.items() if key != name}, MISSING, name)
        for name in {"quantity", "workingQuantity", "pendingQuantity"} & set(params):
            s.bad(form, params | {name: "0"}, (-1013, "Invalid quantity."))
            s.bad(form, {key: value for key, value in params.items() if key != name}, MISSING, name)
        for name in [name for name in params if name.endswith("Type") and name[0] != "n"]:
            s.bad(form, {key: value for key, value in params.items() if key != name}, MISSING, name)
    for kind in sorted(set(TYPES) - {"LIMIT", "LIMIT_MAKER"}):
        s.bad("oto", oto() | {"workingType": kind}, INVALID, "workingType")
    s.good("oto", oto("MARKET"), "a pending MARKET order")
    s.good("oto", oto("MARKET") | {"pendingClientOrderId": "x"}, "with an id")
    eq(s.call("oto", oto("MARKET") | {"pendingQuoteOrderQty": "1"})[0], -1104, "it goes by quantity alone")
    s.bad("oto", {key: value for key, value in oto("MARKET").items() if key != "pendingQuantity"}, MISSING, "pendingQuantity")


@checks
def lists_are_named_by_either_id(s):
    def refused(method, path, name, params, code, text):
        error = refusal(s.trader.call, method, "/api/v3/" + path, params)
        eq((error.status, error.code, error.msg), (400, code, text), f"{method} {path} {params}")
        eq(s.ws.ask(name, params, s.trader)["error"], {"code": code, "msg": text}, f"{name} {params}")

    cancel, status = ("DELETE", "orderList", "orderList.cancel"), ("GET", "orderList", "orderList.status")
    every = "GET", "allOrderList", "allOrderLists"
    number = "Illegal characters found in parameter '{}'; legal range is '^[0-9]{{1,20}}$'."
    refused(*cancel, {"symbol": "ETHUSDT"}, -1102, EITHER.format("listClientOrderId", "orderListId"))
    refused(*cancel, {"orderListId": "1"}, -1102, MISSING[1].format("symbol"))
    refused(*cancel, {"symbol": "ETHUSDT", "orderListId": "x"}, -1100, number.format("orderListId"))
    refused(*cancel, {"symbol": "ETHUSDT", "orderListId": ""}, -1105, EMPTY[1].format("orderListId"))
    refused(*status, {}, -1102, EITHER.format("origClientOrderId", "orderListId"))
    refused(*status, {"orderListId": "-1"}, -1100, number.format("orderListId"))
    refused(*every, {"fromId": "1", "startTime": "1"}, -1128, "Combination of optional parameters invalid.")
    refused(*every, {"fromId": "1", "endTime": "1"}, -1128, "Combination of optional parameters invalid.")
    refused(*every, {"startTime": "2", "endTime": "1"}, -1128, "Combination of optional parameters invalid.")
    refused(*every, {"startTime": "1", "endTime": "90000000"}, -1127, "More than 24 hours between startTime and endTime.")
    refused(*every, {"limit": "0"}, -1130, INVALID[1].format("limit"))


@checks
def nothing_came_of_all_that(s):
    eq((s.trader.open_orders(), s.trader.locked("ETH"), s.trader.locked("USDT")), ([], 0, 0), "orders and funds")
    check(s.admin.audit()["stateHash"], "the audit")


def main():
    with Server() as server:
        checks.run(Session(server))
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
