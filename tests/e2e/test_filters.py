#!/usr/bin/python3
"""Filters, symbols that change while they trade, and commissions (API §1.3, docs/MATCHING.md).

Goal: every filter refuses one step beyond its edge and takes what is at it, also when it was set a moment ago on open
connections, and after a kill -9. Method: one server; the operator sets, two traders order, a WebSocket connection
hears what happens to them.
usage: test_filters.py
"""
import json
import sys

from castle_client import Checks, Http1, Http2, Server, Trader, Turns, atoms, check, conserved, eq, refusal
from test_ws_api import SUBSCRIBE, WsApi

checks = Checks()
NOTIONAL = {"filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": True, "maxNotional": "0",
            "applyMaxToMarket": True, "avgPriceMins": 5}


class World:
    """A symbol for each check, so that none meets another's orders."""

    def __init__(self, server):
        self.server, self.admin, self.made = server, server.admin(), 0
        self.admin.symbol("FUNDUSDT", "FUND", "USDT")
        self.alice, self.bob = (Trader(self.admin, Http1(server.public), name, {"USDT": "10000000"})
                                for name in ("alice", "bob"))
        Turns(server, self.alice, self.bob)

    def symbol(self, *filters, **more):
        self.made += 1
        self.base, name = f"C{self.made}", f"C{self.made}USDT"
        self.admin.symbol(name, self.base, "USDT", filters=list(filters), **more)
        for trader in (self.alice, self.bob):
            self.admin.deposit(trader.user, self.base, "1000", f"{trader.name} {self.base}")
        return name

    def info(self, name):
        return self.alice.get("exchangeInfo", {"symbol": name})["symbols"][0]

    def filter(self, name, kind):
        found = [row for row in self.info(name)["filters"] if row["filterType"] == kind]
        return {k: v for k, v in found[0].items() if k != "filterType"} if found else None

    def again(self):
        """After a kill -9, on the same connections' successors."""
        self.server.kill9()
        self.server.restart()
        self.admin = self.server.admin()
        for trader in (self.alice, self.bob):
            trader.http = Http1(self.server.public)


def refused(function, name, *args, **named):
    """By this filter, and by nothing else."""
    error = refusal(function, *args, **named)
    eq((error.status, error.code, error.msg), (400, -1013, f"Filter failure: {name}"), "the refusal")


def trade(world, name, price, quantity="1"):
    world.bob.limit(name, "SELL", quantity, price)
    eq(world.alice.limit(name, "BUY", quantity, price)["status"], "FILLED", "the trade")


@checks
def all_filters_are_shown_as_they_were_given(world):
    given = [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "500.00000000", "tickSize": "0.01000000"},
        {"filterType": "LOT_SIZE", "minQty": "0.00100000", "maxQty": "90.00000000", "stepSize": "0.00100000"},
        {"filterType": "ICEBERG_PARTS", "limit": 12},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.01000000", "maxQty": "9.00000000", "stepSize": "0.01000000"},
        {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000,
         "minTrailingBelowDelta": 20, "maxTrailingBelowDelta": 3000},
        {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5.0000", "bidMultiplierDown": "0.2000",
         "askMultiplierUp": "4.0000", "askMultiplierDown": "0.1500", "avgPriceMins": 1},
        {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": False,
         "maxNotional": "9000.00000000", "applyMaxToMarket": True, "avgPriceMins": 3},
        {"filterType": "MAX_POSITION", "maxPosition": "10.00000000"},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 17},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
        {"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 6},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10}]
    name = world.symbol(*given)
    eq(world.info(name)["filters"], given, "the filters")
    other = world.symbol(
        {"filterType": "MIN_NOTIONAL", "minNotional": "7.00000000", "applyToMarket": False, "avgPriceMins": 0},
        {"filterType": "PERCENT_PRICE", "multiplierUp": "1.3000", "multiplierDown": "0.7000", "avgPriceMins": 5})
    eq(world.filter(other, "MIN_NOTIONAL"),
       {"minNotional": "7.00000000", "applyToMarket": False, "avgPriceMins": 0}, "MIN_NOTIONAL")
    eq(world.filter(other, "NOTIONAL"), None, "one of the two")
    eq(world.filter(other, "PERCENT_PRICE"),
       {"multiplierUp": "1.3000", "multiplierDown": "0.7000", "avgPriceMins": 5}, "PERCENT_PRICE")
    eq(world.alice.get("myFilters", {"symbol": name}, signed=True),
       {"exchangeFilters": [], "symbolFilters": given, "assetFilters": []}, "myFilters")
    before = world.alice.get("exchangeInfo")["symbols"]
    world.again()
    eq(world.alice.get("exchangeInfo")["symbols"], before, "after a kill -9")


@checks
def what_is_no_filter_is_refused(world):
    name = world.symbol()
    for filters, says in (
            ([{"filterType": "MAX_ASSET"}], "'filterType' 'MAX_ASSET'"),
            ([{"filterType": "LOT_SIZE", "minPrice": "1"}], "minPrice"),
            ([{"filterType": "LOT_SIZE", "minQty": 1}], "minQty"),
            ([{"filterType": "LOT_SIZE", "minQty": "2", "maxQty": "1"}], "minQty of LOT_SIZE is above its maximum."),
            ([{"filterType": "MARKET_LOT_SIZE", "minQty": "2", "maxQty": "1"}], "minQty of MARKET_LOT_SIZE is above"),
            ([{"filterType": "PRICE_FILTER", "maxPrice": "92233720368.54775808"}], "'maxPrice' must be a decimal string from 0 to 92233"),
            ([{"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 0}], "maxNumOrders"),
            ([{"filterType": "ICEBERG_PARTS", "limit": "3"}], "limit"),
            ([{"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 255}], "maxNumOrderAmends"),
            ([{"filterType": "NOTIONAL", "applyMinToMarket": "yes"}], "applyMinToMarket"),
            ([{"filterType": "NOTIONAL", "avgPriceMins": 6}], "avgPriceMins"),
            ([{"filterType": "PERCENT_PRICE", "multiplierUp": "1.00001"}], "multiplierUp"),
            ([{"filterType": "PERCENT_PRICE", "multiplierUp": "1", "multiplierDown": "2"}], "multiplierDown is above"),
            ([1], "filterType"), ("no list", "filters")):
        for call in (lambda: world.admin.call("PUT", f"/admin/v1/symbols/{name}", {"filters": filters}),
                     lambda: world.admin.symbol("NEWUSDT", "NEW", "USDT", filters=filters)):
            error = refusal(call)
            eq((error.status, error.code), (400, -1130), f"{filters}")
            check(says in error.msg, f"{filters}: {error.msg}")
    error = refusal(world.admin.change_symbol, name, defaultSelfTradePreventionMode="TRANSFER")
    check("EXPIRE_BOTH or DECREMENT" in error.msg, error.msg)


@checks
def price_and_lot_filters_at_their_edges(world):
    name = world.symbol(
        {"filterType": "PRICE_FILTER", "minPrice": "1", "maxPrice": "200", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.1", "maxQty": "50", "stepSize": "0.001"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "1", "maxQty": "20", "stepSize": "0.5"},
        NOTIONAL | {"minNotional": "0"})
    alice, bob = world.alice, world.bob
    for price, good in (("0.99", False), ("1", True), ("1.001", False), ("200", True), ("200.01", False)):
        if good:
            alice.limit(name, "BUY", "1", price, tif="IOC")
        else:
            refused(alice.limit, "PRICE_FILTER", name, "BUY", "1", price)
    for quantity, good in (("0.099", False), ("0.1", True), ("0.1001", False), ("50", True), ("50.001", False)):
        if good:
            alice.limit(name, "BUY", quantity, "100", tif="IOC")
        else:
            refused(alice.limit, "LOT_SIZE", name, "BUY", quantity, "100")
    bob.limit(name, "SELL", "50", "100")
    for quantity, good in (("0.5", False), ("1", True), ("1.001", False), ("20", True), ("20.5", False)):
        if good:
            eq(alice.order(name, "BUY", "MARKET", quantity=quantity)["executedQty"][:3],
               quantity.ljust(3, ".")[:3] if "." in quantity else (quantity + ".0")[:3], "filled")
        else:
            refused(alice.order, "MARKET_LOT_SIZE", name, "BUY", "MARKET", quantity=quantity)


@checks
def notional_at_its_edges_and_what_it_applies_to(world):
    both = NOTIONAL | {"minNotional": "10", "maxNotional": "100"}
    name = world.symbol(both)
    alice, bob = world.alice, world.bob
    trade(world, name, "10")
    for _ in range(10):
        bob.limit(name, "SELL", "8", "10")
    for quantity, good in (("0.999", False), ("1", True), ("10", True), ("10.001", False)):
        for order in (lambda: alice.limit(name, "BUY", quantity, "10", tif="FOK"),
                      lambda: alice.order(name, "BUY", "MARKET", quantity=quantity)):
            if good:
                eq(order()["status"], "FILLED", quantity)
            else:
                refused(order, "NOTIONAL")
    for quote, good in (("9.99", False), ("10", True), ("100", True), ("100.01", False)):
        if good:
            alice.order(name, "BUY", "MARKET", quoteOrderQty=quote)
        else:
            refused(alice.order, "NOTIONAL", name, "BUY", "MARKET", quoteOrderQty=quote)
    world.admin.change_symbol(name, both | {"applyMinToMarket": False, "applyMaxToMarket": False})
    for quote in ("9.99", "100.01"):
        alice.order(name, "BUY", "MARKET", quoteOrderQty=quote)
    for quantity in ("0.5", "11"):
        eq(alice.order(name, "BUY", "MARKET", quantity=quantity)["status"], "FILLED", quantity)
    refused(alice.limit, "NOTIONAL", name, "BUY", "0.999", "10")
    world.admin.change_symbol(name, {"filterType": "MIN_NOTIONAL", "minNotional": "10", "applyToMarket": True})
    refused(alice.order, "MIN_NOTIONAL", name, "BUY", "MARKET", quoteOrderQty="9.99")
    refused(alice.order, "MIN_NOTIONAL", name, "BUY", "MARKET", quantity="0.999")
    alice.limit(name, "BUY", "11", "10", tif="IOC")  # it has no maximum


@checks
def percent_price_at_its_edges(world):
    name = world.symbol({"filterType": "PERCENT_PRICE", "multiplierUp": "1.3", "multiplierDown": "0.7",
                         "avgPriceMins": 0})
    alice, bob = world.alice, world.bob
    alice.limit(name, "BUY", "1", "900", tif="IOC")  # nothing was traded: nothing to compare with
    trade(world, name, "100")
    for price, good in (("69.99", False), ("70", True), ("130", True), ("130.01", False)):
        for trader, side in ((alice, "BUY"), (bob, "SELL")):
            if good:
                trader.limit(name, side, "1", price, tif="FOK")
            else:
                refused(trader.limit, "PERCENT_PRICE", name, side, "1", price)
    refused(alice.order, "PERCENT_PRICE", name, "BUY", "LIMIT_MAKER", quantity="1", price="69.99")
    world.admin.change_symbol(name, {
        "filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "1.1", "bidMultiplierDown": "0.9",
        "askMultiplierUp": "1.2", "askMultiplierDown": "0.8", "avgPriceMins": 0})
    world.again()
    for trader, side, edges in ((alice, "BUY", ("89.99", "90", "110", "110.01")),
                                (bob, "SELL", ("79.99", "80", "120", "120.01"))):
        for at, price in enumerate(edges):
            if at in (1, 2):
                trader.limit(name, side, "1", price, tif="FOK")
            else:
                refused(trader.limit, "PERCENT_PRICE_BY_SIDE", name, side, "1", price)
    world.admin.change_symbol(name, {"filterType": "PERCENT_PRICE", "multiplierUp": "1", "multiplierDown": "1",
                                     "avgPriceMins": 5})
    eq(alice.get("avgPrice", {"symbol": name})["price"], "100.00000000", "the mean price")
    refused(alice.limit, "PERCENT_PRICE", name, "BUY", "1", "100.01")
    world.admin.change_symbol(name, {"filterType": "PERCENT_PRICE", "multiplierUp": "0", "multiplierDown": "0"})
    alice.limit(name, "BUY", "1", "900", tif="FOK")


@checks
def position_at_its_edge(world):
    name = world.symbol({"filterType": "MAX_POSITION", "maxPosition": "1005"})  # 1000 are there
    alice = world.alice
    alice.limit(name, "SELL", "100", "900")  # held, and still had
    order = alice.limit(name, "BUY", "3", "10")
    refused(alice.limit, "MAX_POSITION", name, "BUY", "2.001", "10")
    world.again()
    refused(alice.limit, "MAX_POSITION", name, "BUY", "2.001", "10")
    alice.limit(name, "BUY", "2", "10")
    refused(alice.limit, "MAX_POSITION", name, "BUY", "0.5", "10")
    refused(alice.order, "MAX_POSITION", name, "BUY", "MARKET", quantity="1")
    alice.cancel(name, orderId=order["orderId"])
    alice.limit(name, "BUY", "3", "10")


@checks
def numbers_of_orders_at_their_edges(world):
    first, second = world.symbol({"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 2}), world.symbol()
    alice = world.alice
    for name in ("FUNDUSDT", first, second):
        eq(alice.get("openOrders", {"symbol": name}, signed=True), [], "nothing is open here")
    open_now = len(alice.open_orders())
    eq(alice.get("exchangeInfo")["exchangeFilters"], [], "no filters of the exchange")
    world.admin.exchange_filters({"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": open_now + 3},
                                 {"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 7},
                                 {"filterType": "EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 8},
                                 {"filterType": "EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 9})
    shown = [{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": open_now + 3},
             {"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 7},
             {"filterType": "EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 8},
             {"filterType": "EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 9}]
    eq(alice.get("exchangeInfo")["exchangeFilters"], shown, "the exchange's filters")
    eq(alice.get("myFilters", {"symbol": first}, signed=True)["exchangeFilters"], shown, "myFilters")
    for _ in range(2):
        alice.limit(first, "BUY", "1", "10")
    refused(alice.limit, "MAX_NUM_ORDERS", first, "BUY", "1", "10")
    last = alice.limit(second, "BUY", "1", "10")
    refused(alice.limit, "EXCHANGE_MAX_NUM_ORDERS", second, "BUY", "1", "10")
    alice.limit(second, "BUY", "1", "10", tif="IOC")
    world.again()
    eq(alice.get("exchangeInfo")["exchangeFilters"], shown, "after a kill -9")
    refused(alice.limit, "EXCHANGE_MAX_NUM_ORDERS", second, "BUY", "1", "10")
    alice.cancel(second, orderId=last["orderId"])
    alice.limit(second, "BUY", "1", "10")
    error = refusal(world.admin.exchange_filters, {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 1})
    eq((error.status, error.code), (400, -1130), "a symbol's filter")
    world.admin.exchange_filters({"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 0},
                                 {"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 0},
                                 {"filterType": "EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 0},
                                 {"filterType": "EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 0})
    eq(alice.get("exchangeInfo")["exchangeFilters"], [], "switched off")


@checks
def icebergs_and_orders_that_wait_at_their_edges(world):
    name = world.symbol({"filterType": "ICEBERG_PARTS", "limit": 4},
                        {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 20,
                         "minTrailingBelowDelta": 30, "maxTrailingBelowDelta": 40},
                        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 100},
                        {"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 100},
                        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 2})
    alice = world.alice
    trade(world, name, "10")
    world.admin.change_symbol(name, {"filterType": "LOT_SIZE", "minQty": "1", "maxQty": "9000", "stepSize": "0.5"})
    for iceberg in ("0.5", "1.25"):  # below the least, and between two steps
        refused(alice.limit, "LOT_SIZE", name, "BUY", "2", "9", icebergQty=iceberg)
    alice.cancel(name, orderId=alice.limit(name, "BUY", "2", "9", icebergQty="1.5")["orderId"])
    world.admin.change_symbol(name, {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9000", "stepSize": "0.001"})
    for iceberg, good in (("0.999", False), ("1", True)):
        if good:
            alice.limit(name, "BUY", "4", "9", icebergQty=iceberg)
        else:
            refused(alice.limit, "ICEBERG_PARTS", name, "BUY", "4", "9", icebergQty=iceberg)
    for side, edges in (("BUY", (9, 10, 20, 21)), ("SELL", (29, 30, 40, 41))):  # STOP_LOSS: a buy waits above
        for at, delta in enumerate(edges):
            order = {"quantity": "1", "trailingDelta": delta}
            if at in (1, 2):
                alice.order(name, side, "STOP_LOSS", **order)
            else:
                refused(alice.order, "TRAILING_DELTA", name, side, "STOP_LOSS", **order)

    def waits(**more):
        return alice.order(name, "SELL", "STOP_LOSS", quantity="1", stopPrice="5", **more)

    def iceberg():
        return alice.limit(name, "BUY", "4", "9", icebergQty="1")

    def amend(order, quantity):
        return alice.call("PUT", "/api/v3/order/amend/keepPriority",
                          {"symbol": name, "orderId": order["orderId"], "newQty": quantity})
    world.admin.change_symbol(name, {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 6},
                              {"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 3})
    for _ in range(2):  # four wait, one iceberg is there
        waits(), iceberg()
    world.again()
    refused(waits, "MAX_NUM_ALGO_ORDERS")
    refused(iceberg, "MAX_NUM_ICEBERG_ORDERS")
    world.admin.change_symbol(name, {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 0},
                              {"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 0})
    world.admin.exchange_filters({"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 7},
                                 {"filterType": "EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 4})
    waits(), iceberg()
    refused(waits, "EXCHANGE_MAX_NUM_ALGO_ORDERS")
    refused(iceberg, "EXCHANGE_MAX_NUM_ICEBERG_ORDERS")
    world.admin.exchange_filters({"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 0},
                                 {"filterType": "EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 0})
    waits(), iceberg()
    order = alice.limit(name, "BUY", "9", "9")
    amend(order, "8"), amend(order, "7")
    error = refusal(amend, order, "6")
    eq((error.status, error.code, error.msg), (400, -2038, "Filter failure: MAX_NUM_ORDER_AMENDS"), "an amendment too many")
    alice.cancel_all(name)


@checks
def a_tick_and_a_step_may_become_coarser_and_come_back(world):
    name = world.symbol(tickSize="0.01", stepSize="0.001")
    alice = world.alice
    rests = alice.limit(name, "BUY", "1.001", "10.01")
    world.admin.change_symbol(name, {"filterType": "PRICE_FILTER", "tickSize": "0.05"},
                              {"filterType": "LOT_SIZE", "stepSize": "0.01"})
    eq(world.filter(name, "PRICE_FILTER")["tickSize"], "0.05000000", "the tick")
    refused(alice.limit, "PRICE_FILTER", name, "BUY", "1", "10.01")
    refused(alice.limit, "LOT_SIZE", name, "BUY", "1.001", "10.05")
    eq(alice.limit(name, "BUY", "1.01", "10.05")["status"], "NEW", "on both")
    eq(alice.query(name, orderId=rests["orderId"])["status"], "NEW", "what rests stays")
    world.bob.order(name, "SELL", "MARKET", quantity="2.01")
    eq(alice.query(name, orderId=rests["orderId"])["executedQty"], "1.00000000", "what rested trades")
    for filters in ({"filterType": "PRICE_FILTER", "tickSize": "0.005"}, {"filterType": "PRICE_FILTER", "tickSize": "0"},
                    {"filterType": "PRICE_FILTER", "tickSize": "0.015"}, {"filterType": "LOT_SIZE", "stepSize": "0.0005"}):
        error = refusal(world.admin.change_symbol, name, filters)
        eq((error.status, error.code), (409, -1130), f"{filters}: {error.msg}")
    world.again()
    refused(alice.limit, "PRICE_FILTER", name, "BUY", "1", "10.01")
    world.admin.change_symbol(name, {"filterType": "PRICE_FILTER", "tickSize": "0.01"})
    alice.limit(name, "BUY", "1", "10.01")


@checks
def what_two_change_at_once_is_not_undone(world):
    """Two requests of one connection, both there before either is done: what was answered with 200 is so."""
    name = world.symbol()
    http = Http2(world.server.admin_at)

    def both(path, *bodies):
        sent = [http.submit("PUT", path, {"Authorization": f"Bearer {world.admin.token}"}, json.dumps(body).encode())
                for body in bodies]
        replies = [http.wait(stream) for stream in sent]
        check(replies[0].status == 200, f"the first: {replies[0]}")
        if replies[1].status != 200:
            eq((replies[1].status, json.loads(replies[1].body)["code"]), (409, -1130), "the second")
        return replies[1].status == 200

    for turn in range(1, 11):
        done = both(f"/admin/v1/symbols/{name}", {"filters": [{"filterType": "MAX_NUM_ORDERS", "maxNumOrders": turn}]},
                    {"makerCommission": f"0.01{turn:02}"})
        eq(world.filter(name, "MAX_NUM_ORDERS")["maxNumOrders"], turn, "of the symbol")
        fee = world.alice.get("account/commission", {"symbol": name}, signed=True)["standardCommission"]["maker"]
        eq(float(fee) == float(f"0.01{turn:02}"), done, "the other's commission")
        done = both("/admin/v1/filters", {"filters": [{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 1000 + turn}]},
                    {"filters": [{"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 1000 + turn}]})
        have = {row["filterType"]: row for row in world.admin.call("GET", "/admin/v1/filters")["filters"]}
        eq(have["EXCHANGE_MAX_NUM_ORDERS"]["maxNumOrders"], 1000 + turn, "of the exchange")
        eq(have.get("EXCHANGE_MAX_NUM_ALGO_ORDERS", {}).get("maxNumAlgoOrders") == 1000 + turn, done, "the other's filter")
    world.admin.exchange_filters({"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 0},
                                 {"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 0})
    http.close()


@checks
def commissions_change_from_one_trade_to_the_next(world):
    name = world.symbol(makerCommission="0.001", takerCommission="0.002")
    trade(world, name, "10")
    world.admin.change_symbol(name, takerCommission="0.01")
    trade(world, name, "10")
    fees = [row["commission"] for row in world.alice.trades(name)]
    eq(fees, ["0.00200000", "0.01000000"], "what the taker paid")
    eq([row["commission"] for row in world.bob.trades(name)], ["0.01000000", "0.01000000"], "what the maker paid")
    rates = world.alice.get("account/commission", {"symbol": name}, signed=True)["standardCommission"]
    eq((rates["maker"], rates["taker"]), ("0.00100000", "0.01000000"), "the rates")


@checks
def a_user_pays_their_own_commissions(world):
    name, other = world.symbol(makerCommission="0.001", takerCommission="0.002"), world.symbol()
    alice, bob = world.alice, world.bob

    def shown(trader, symbol):
        """What every place that tells rates says, which must be one thing."""
        commission = trader.get("account/commission", {"symbol": symbol}, signed=True)
        rates = commission["standardCommission"]["maker"], commission["standardCommission"]["taker"]
        eq(commission["symbol"], symbol, "whose")
        fees = {row["symbol"]: (row["makerCommission"], row["takerCommission"])
                for row in trader.call("GET", "/sapi/v1/asset/tradeFee")}
        eq(fees[symbol], rates, "tradeFee")
        eq([fees[symbol]], [(row["makerCommission"], row["takerCommission"]) for row in
                            trader.call("GET", "/sapi/v1/asset/tradeFee", {"symbol": symbol})], "tradeFee of one")
        test = {"symbol": symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "10"}
        eq(trader.call("POST", "/api/v3/order/test", test), {}, "a test")
        reply = trader.http.request(*trader.build("POST", "/api/v3/order/test", test | {"computeCommissionRates": "true"}))
        answer = json.loads(reply.body)
        eq(reply.headers["x-mbx-used-weight"] != "", True, "the weight header")
        eq(tuple(answer["standardCommissionForOrder"].values()), rates, "order/test")
        eq(set(answer), {"standardCommissionForOrder", "specialCommissionForOrder", "taxCommissionForOrder",
                         "discount"}, "its fields")
        return rates

    def general(trader):
        account = trader.account()
        rates = account["commissionRates"]
        eq((rates["buyer"], rates["seller"]), ("0.00000000", "0.00000000"), "by side")
        return account["makerCommission"], account["takerCommission"], rates["maker"], rates["taker"]

    eq((shown(alice, name), shown(alice, other)), (("0.00100000", "0.00200000"), ("0.00100000", "0.00100000")), "at first")
    eq(general(alice), (10, 10, "0.00100000", "0.00100000"), "the account")
    eq(world.admin.commission(alice.user, "0.0005", "0.0007"),
       {"userId": alice.user, "maker": "0.00050000", "taker": "0.00070000"}, "the answer")
    eq(general(alice), (5, 7, "0.00050000", "0.00070000"), "the account")
    eq((shown(alice, name), shown(alice, other)), (("0.00050000", "0.00070000"),) * 2, "in all symbols")
    eq(shown(bob, name), ("0.00100000", "0.00200000"), "another user")
    eq(world.admin.commission(alice.user, "0", "0.003", symbol=name),
       {"userId": alice.user, "symbol": name, "maker": "0.00000000", "taker": "0.00300000"}, "the answer")
    world.again()
    eq((shown(alice, name), shown(alice, other)), (("0.00000000", "0.00300000"), ("0.00050000", "0.00070000")), "in one")
    trade(world, name, "10")
    alice.limit(name, "BUY", "1", "10")
    bob.limit(name, "SELL", "1", "10")
    trade(world, other, "10")
    eq([row["commission"] for row in alice.trades(name)], ["0.00300000", "0.00000000"], "taken, made")
    eq([row["commission"] for row in bob.trades(name)], ["0.01000000", "0.02000000"], "what bob paid")
    eq([row["commission"] for row in alice.trades(other)], ["0.00070000"], "in the other")
    eq(world.admin.commission(alice.user, None, None, symbol=name),
       {"userId": alice.user, "symbol": name, "maker": None, "taker": None}, "the answer")
    eq(shown(alice, name), ("0.00050000", "0.00070000"), "those of all symbols")
    world.admin.commission(alice.user, None, None)
    eq(shown(alice, name), ("0.00100000", "0.00200000"), "the symbol's")
    eq(general(alice), (10, 10, "0.00100000", "0.00100000"), "the account")
    for content, status in (({"maker": "0.1"}, 400), ({"maker": "1", "taker": "0"}, 400), ({"maker": None, "taker": "0"}, 400),
                            ({"maker": "0", "taker": "0", "symbol": "NOSUCH"}, 404), ({"maker": 0, "taker": 0}, 400),
                            ({"maker": "0", "taker": "0", "symbol": 1}, 404)):
        eq(refusal(world.admin.call, "PUT", f"/admin/v1/users/{alice.user}/commission", content).status, status, str(content))
    eq(refusal(world.admin.commission, 999, "0", "0").status, 404, "no such user")
    ws = WsApi(world.server.public)
    answer = ws.result("order.test", {"symbol": name, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1",
                                      "price": "10", "computeCommissionRates": True}, alice)
    eq(answer["standardCommissionForOrder"]["taker"], "0.00200000", "order.test")
    ws.close()


@checks
def every_status_is_seen_by_every_operation(world):
    name = world.symbol()
    alice = world.alice
    def closed(code, function, *args, **named):
        error = refusal(function, *args, **named)
        eq((error.status, error.code, error.msg), (400, code, "Market is closed."), "the refusal")
    for status in ("HALT", "BREAK", "CANCEL_ONLY"):
        order = alice.limit(name, "BUY", "1", "10")
        world.admin.status(name, status)
        eq(world.info(name)["status"], status, "exchangeInfo")
        closed(-2010, alice.limit, name, "BUY", "1", "10")
        closed(-2010, alice.order, name, "SELL", "MARKET", quantity="1")
        if status == "CANCEL_ONLY":
            eq(alice.cancel(name, orderId=order["orderId"])["status"], "CANCELED", "the cancel")
        else:
            closed(-2011, alice.cancel, name, orderId=order["orderId"])
            closed(-2011, alice.cancel_all, name)
        eq(alice.get("depth", {"symbol": name})["bids"] == [], status == "CANCEL_ONLY", "the book")
        world.admin.status(name, "TRADING")
        if status != "CANCEL_ONLY":
            alice.cancel(name, orderId=order["orderId"])
    eq(world.info(name)["status"], "TRADING", "it trades again")


def delisting(world, before):
    """Delists a symbol with orders of both traders in it, after before(name) and an open connection's subscription."""
    name = world.symbol()
    alice, bob, base = world.alice, world.bob, world.base
    start = alice.balances()
    orders = [alice.limit(name, "BUY", "1", f"{10 + i}")["orderId"] for i in range(5)]
    part = bob.limit(name, "SELL", "3", "20")["orderId"]
    eq(alice.limit(name, "BUY", "1", "20")["status"], "FILLED", "the trade")
    orders += [alice.order(name, "BUY", "STOP_LOSS_LIMIT", timeInForce=tif, quantity="1", price="30",
                           stopPrice="25")["orderId"] for tif in ("GTC", "IOC")]
    orders.append(alice.order(name, "SELL", "STOP_LOSS", quantity="1", stopPrice="5")["orderId"])
    before(name)
    ws = WsApi(world.server.public)
    ws.result(SUBSCRIBE, {}, alice)
    eq(world.admin.delist(name), {"symbol": name, "status": "BREAK"}, "the answer")
    told, wanted = {}, set(orders)
    while wanted - set(told):
        event = ws.event()["event"]
        if event["e"] == "executionReport":
            told[event["i"]] = event
    for order in orders:
        event = told[order]
        eq((event["x"], event["X"], event.get("eR"), event["w"]), ("EXPIRED", "EXPIRED", "EXCHANGE_CANCELED", False),
           f"event: {event}")
        row = alice.query(name, orderId=order)
        eq((row["status"], row["expiryReason"]), ("EXPIRED", "EXCHANGE_CANCELED"), "the order")
    ws.close()
    eq(alice.open_orders(name), [], "alice's orders")
    eq(alice.balances()["USDT"], (start["USDT"][0] - atoms("20.00000000"), start["USDT"][1]), "nothing is held")
    return name, base, part


@checks
def a_delisted_symbol_gives_everything_back(world):
    for before in (lambda name: None, lambda name: world.admin.status(name, "HALT"), lambda name: world.again()):
        name, base, part = delisting(world, before)
        alice, bob = world.alice, world.bob
        row = bob.query(name, orderId=part)
        eq((row["status"], row["executedQty"]), ("EXPIRED", "1.00000000"), "what was left of bob's")
        eq(bob.balances()[base], (atoms("999.00000000"), 0), "his holds")
        for again in (False, True):
            if again:
                world.again()
            eq(world.info(name)["status"], "BREAK", "exchangeInfo")
            eq([listed["delisted"] for listed in world.admin.symbols() if listed["symbol"] == name], [True], "the operator's list")
            error = refusal(alice.limit, name, "BUY", "1", "10")
            eq((error.code, error.msg), (-2010, "Market is closed."), "a new order")
            eq(len(alice.trades(name)), 1, "its trades stay")
            for call in (lambda: world.admin.delist(name), lambda: world.admin.status(name, "TRADING"),
                         lambda: world.admin.change_symbol(name, takerCommission="0")):
                error = refusal(call)
                eq((error.status, error.code, error.msg), (409, -1130, "The symbol is delisted."), "the operator")
            error = refusal(world.admin.symbol, name, base, "USDT")
            eq(error.status, 409, "the name stays taken")
        conserved(world.admin.audit())
    eq(refusal(world.admin.delist, "NOSUCH").status, 404, "no such symbol")


def main():
    with Server() as server:
        world = World(server)
        checks.run(world)
        conserved(world.admin.audit())
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
