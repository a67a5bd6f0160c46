#!/usr/bin/python3
"""docs/openapi.yaml is what the server does.

Goal: whoever reads the file calls the server right, and knows every answer. Method: each operation is called as
test_endpoints.py calls it, those of market data also with every value of an enumeration, orders of every kind are placed; each
is refused for each of its parameters, and for its key. Every answer is held against the schema of its status.
"""
import json
import sys

import test_endpoints
from castle_client import Checks, Server, check, eq
from schema import document, part, raw, resolved, wrong

DOC = document("openapi.yaml")
checks = Checks()


class Operation:
    """What the file says of one, and the calls of it that test_endpoints.py has."""

    def __init__(self, method, path, said):
        self.method, self.path, self.responses = method.upper(), path, said["responses"]
        self.parameters = {one["name"]: one for one in map(resolved, said.get("parameters", [])) if one["in"] == "query"}
        self.signed = bool(said.get("security"))
        self.calls = [e for e in test_endpoints.ENDPOINTS if (e.method, e.path) == (self.method, path)]

    def hold(self, reply, status, what):
        """The answer has this status, and is as the file says of it."""
        response = resolved(self.responses.get(str(status), {}))
        check("content" in response, f"{self.method} {self.path}: {status} is not described")
        eq((reply.status, wrong(response["content"]["application/json"]["schema"], json.loads(reply.body))), (status, ""),
           f"{self.method} {self.path} {what}")
        for name, header in response.get("headers", {}).items():
            check(name.lower() in reply.headers, f"{self.method} {self.path}: no {name}")


OPERATIONS = {(method.upper(), path): Operation(method, path, said)
              for path, methods in DOC["paths"].items() for method, said in methods.items()}


WINDOWS = ("/api/v3/ticker", "/api/v3/ticker/tradingDay")  # they want one of symbol and symbols
TYPED = {"timeInForce", "quantity", "price"}  # the type of an order says whether they must be there


def values_of(operation):
    """What must be there, and with it every value of an enumeration and the example of each other parameter."""
    e = operation.calls[0]
    must = e.mandatory or (["symbol"] if operation.path in WINDOWS else [])
    for name, one in operation.parameters.items():
        base = {key: e.values[key] for key in must if name != "symbols"}
        for value in resolved(one["schema"]).get("enum", [one["example"]]):
            if value not in ("HALT", "BREAK"):  # the symbols are in TRADING
                yield {**base, name: str(value)}


# Orders of all kinds.
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.002", "price": "20000"}
WAITS = {"symbol": "ETHUSDT", "side": "SELL", "quantity": "0.1", "stopPrice": "1500", "newOrderRespType": "FULL"}
ORDERS = [
    *({**LIMIT, "newOrderRespType": kind} for kind in ("ACK", "RESULT", "FULL")),
    {**LIMIT, "icebergQty": "0.001", "newOrderRespType": "FULL"},
    {**LIMIT, "timeInForce": "FOK"},
    {**WAITS, "type": "STOP_LOSS"}, {**WAITS, "type": "STOP_LOSS_LIMIT", "timeInForce": "GTC", "price": "1400"},
    {**WAITS, "type": "TAKE_PROFIT", "stopPrice": "2500", "trailingDelta": "100"},
    {**WAITS, "type": "TAKE_PROFIT_LIMIT", "stopPrice": "2500", "timeInForce": "IOC", "price": "2500"},
    {"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "100"},
    {"symbol": "ETHUSDT", "side": "SELL", "type": "LIMIT_MAKER", "quantity": "0.1", "price": "3000",
     "newOrderRespType": "RESULT"},
    *({**LIMIT, "side": "SELL", "selfTradePreventionMode": mode, "newOrderRespType": "FULL"}
      for mode in ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"))]
# Order lists of all kinds, around a last price of 2000.
ABOVE = {"Type": "LIMIT_MAKER", "Price": "2500"}
BELOW = {"Type": "STOP_LOSS_LIMIT", "StopPrice": "1500", "Price": "1400", "TimeInForce": "GTC"}
WORKING = {"workingType": "LIMIT", "workingSide": "BUY", "workingQuantity": "0.1", "workingPrice": "1500",
           "workingTimeInForce": "GTC"}


def legs(**legs_of):
    return {word + name: value for word, leg in legs_of.items() for name, value in leg.items()}


LISTS = [(path, {"symbol": "ETHUSDT", **params, **more}) for path, params in (
    ("orderList/oco", {"side": "SELL", "quantity": "0.1", **legs(above=ABOVE, below=BELOW)}),
    ("order/oco", {"side": "SELL", "quantity": "0.1", "price": "2500", "stopPrice": "1500"}),
    ("orderList/oto", {**WORKING, **legs(pending={"Type": "MARKET", "Side": "SELL", "Quantity": "0.1"})}),
    ("orderList/otoco", {**WORKING, "pendingSide": "SELL", "pendingQuantity": "0.1",
                         **legs(pendingAbove=ABOVE, pendingBelow={"Type": "STOP_LOSS", "TrailingDelta": "100"})}))
    for more in ({"newOrderRespType": "ACK"}, {}, {"newOrderRespType": "FULL"})]
FILTERS = {  # those that a symbol does not have anyway
    "ICEBERG_PARTS": {"limit": 12},
    "TRAILING_DELTA": {"minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000, "minTrailingBelowDelta": 20,
                       "maxTrailingBelowDelta": 3000},
    "PERCENT_PRICE": {"multiplierUp": "5", "multiplierDown": "0.2", "avgPriceMins": 1},
    "PERCENT_PRICE_BY_SIDE": {"bidMultiplierUp": "5", "bidMultiplierDown": "0.2", "askMultiplierUp": "4",
                              "askMultiplierDown": "0.15", "avgPriceMins": 1},
    "MIN_NOTIONAL": {"minNotional": "5", "applyToMarket": True, "avgPriceMins": 1},
    "MAX_POSITION": {"maxPosition": "10"},
    **{kind + name: {limit: 1000} for kind in ("", "EXCHANGE_") for name, limit in
       (("MAX_NUM_ORDERS", "maxNumOrders"), ("MAX_NUM_ORDER_LISTS", "maxNumOrderLists"),
        ("MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders"), ("MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders"))},
    "MAX_NUM_ORDER_AMENDS": {"maxNumOrderAmends": 10}}
INSTEAD = ("PERCENT_PRICE", "MIN_NOTIONAL")  # of others
FAILS = {"cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": "987654321"}
POOR = {**LIMIT, "quantity": "1000", "price": "25000"}


@checks
def the_server_gives_the_file_as_json(s):
    reply = s.http.request("GET", "/openapi.json")
    eq((reply.status, reply.headers["content-type"], reply.headers["cache-control"], reply.headers.get("vary")),
       (200, "application/json;charset=UTF-8", "public, max-age=60", None), "how")
    eq(json.loads(reply.body), raw("openapi.yaml"), "what")
    s.weigh()


@checks
def every_route_and_parameter_is_there(s):
    for e in test_endpoints.ENDPOINTS:
        operation = OPERATIONS[e.method, e.path]
        eq(operation.signed, bool(e.security), f"{e.name}: signed")
        eq(set(e.kinds) - set(operation.parameters), set(), f"{e.name}: parameters")
        always = set.intersection(*(set(call.mandatory) for call in operation.calls))
        always -= TYPED if "type" in e.kinds else set()
        required = {name for name, one in operation.parameters.items() if one.get("required")}
        eq(required, always | ({"timestamp"} if e.security else set()), f"{e.name}: required")


@checks
def orders_of_every_kind_are_as_described(s):
    def call(method, path, params, status=200):
        operation = OPERATIONS[method, path]
        reply = s.call(operation.calls[0], params)
        operation.hold(reply, status, params)
        return json.loads(reply.body)

    for order in ORDERS:
        made = call("POST", "/api/v3/order", order)
        which = {"symbol": order["symbol"], "orderId": str(made["orderId"])}
        if call("GET", "/api/v3/order", which)["isWorking"]:
            call("GET", "/api/v3/openOrders", {"symbol": order["symbol"]})
    call("GET", "/api/v3/allOrders", {"symbol": "ETHUSDT"})
    call("GET", "/api/v3/myTrades", {"symbol": "ETHUSDT"})
    for symbol in ("BTCUSDT", "ETHUSDT"):
        call("DELETE", "/api/v3/openOrders", {"symbol": symbol})
    for path, params in LISTS:
        made = call("POST", "/api/v3/" + path, params)
        call("GET", "/api/v3/order", {"symbol": "ETHUSDT", "orderId": str(made["orders"][1]["orderId"])})
        call("GET", "/api/v3/openOrderList", {})
        if "newOrderRespType" in params:
            call("DELETE", "/api/v3/orderList", {"symbol": "ETHUSDT", "orderListId": str(made["orderListId"])})
        else:
            call("DELETE", "/api/v3/openOrders", {"symbol": "ETHUSDT"})
    call("GET", "/api/v3/allOrderList", {})
    call("GET", "/api/v3/allOrders", {"symbol": "ETHUSDT"})
    order = call("POST", "/api/v3/order", LIMIT)
    which = {"symbol": "BTCUSDT", "orderId": str(order["orderId"])}
    call("PUT", "/api/v3/order/amend/keepPriority", {**which, "newQty": "0.001"})
    eq(len(call("GET", "/api/v3/order/amendments", which)), 1, "amendments")
    s.admin.group(s.trader.user, 7)
    made = call("POST", "/api/v3/order", {**LIMIT, "side": "SELL", "selfTradePreventionMode": "EXPIRE_TAKER"})
    matches = call("GET", "/api/v3/myPreventedMatches", {"symbol": "BTCUSDT", "orderId": str(made["orderId"])})
    eq((len(matches), matches[0]["tradeGroupId"], made["tradeGroupId"]), (1, 7, 7), "prevented matches")
    eq(call("GET", "/api/v3/account", {})["tradeGroupId"], 7, "the account")
    path = "/api/v3/order/cancelReplace"
    call("POST", path, {**LIMIT, **FAILS}, 409)
    call("POST", path, {**LIMIT, **FAILS, "cancelReplaceMode": "STOP_ON_FAILURE"}, 400)
    call("POST", path, {**POOR, **FAILS}, 400)
    call("POST", path, {**POOR, **FAILS, "cancelOrderId": which["orderId"]}, 409)
    s.tidy()


@checks
def every_answer_is_as_described(s):
    for operation in OPERATIONS.values():
        for e in operation.calls:
            operation.hold(s.call(e, {**e.values, **(e.good(s) if e.good else {})}), 200, e.name)
            if e.good:
                s.tidy()
        for values in [] if operation.signed else values_of(operation):
            operation.hold(s.call(operation.calls[0], values), 200, values)


@checks
def every_refusal_is_as_described(s):
    for operation in OPERATIONS.values():
        e = operation.calls[0]
        for name in e.mandatory:
            operation.hold(s.call(e, {key: value for key, value in e.values.items() if key != name}), 400, f"without {name}")
        for name in operation.parameters:
            reply = s.call(e, {key: value for key, value in e.values.items() if {key, name} != {"symbol", "symbols"}}
                           | {name: ""})
            if reply.status == 200 and "margin" in operation.path:
                continue  # it is not read: there is none of any symbol
            operation.hold(reply, 400, f"{name} empty")
            check(f"'{name}'" in json.loads(reply.body)["msg"], f"{operation.method} {operation.path} {name}: {reply.body}")
        if operation.signed:
            operation.hold(s.call(e, e.values, key="k" * 64), 401, "an unknown key")
            operation.hold(s.call(e, e.values, secret="wrong"), 400, "a wrong signature")


@checks
def filters_of_every_kind_are_as_described(s):
    """Last: there are two more symbols then."""
    filters = part("openapi.yaml#/components/schemas/Filter")["properties"]["filterType"]["enum"]
    given = [{"filterType": name, **FILTERS[name]} for name in filters if name in FILTERS]
    ours = [one for one in given if not one["filterType"].startswith("EXCHANGE_")]
    s.admin.symbol("FULLUSDT", "FULL", "USDT", filters=[one for one in ours if one["filterType"] not in INSTEAD])
    s.admin.symbol("LESSUSDT", "LESS", "USDT", filters=[one for one in ours if one["filterType"] in INSTEAD])
    s.admin.exchange_filters(*(one for one in given if one["filterType"].startswith("EXCHANGE_")))
    info = OPERATIONS["GET", "/api/v3/exchangeInfo"]
    reply = s.call(info.calls[0], {})
    info.hold(reply, 200, "all symbols")
    told = json.loads(reply.body)
    shown = told["exchangeFilters"] + [one for symbol in told["symbols"] for one in symbol["filters"]]
    eq({one["filterType"] for one in shown}, set(filters), "types of filters")
    mine = OPERATIONS["GET", "/api/v3/myFilters"]
    for symbol in ("FULLUSDT", "LESSUSDT"):
        mine.hold(s.call(mine.calls[0], {"symbol": symbol}), 200, symbol)


def main():
    with Server() as server:
        checks.run(test_endpoints.Session(server))
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
