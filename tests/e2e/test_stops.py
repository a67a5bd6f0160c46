#!/usr/bin/python3
"""Orders that wait for a price, trail it, or show a part: STOP_LOSS(_LIMIT), TAKE_PROFIT(_LIMIT), trailingDelta,
icebergQty.

Goal: each is taken, refused, shown, triggered and told as on Binance, its money held for the worst case, also with a
kill -9 between any two steps.
Method: traders over REST, and what a watcher is told over the WebSocket API; a third trader makes the prices.
usage: test_stops.py
"""
import sys

from castle_client import Checks, Server, Trading, check, conserved, eq, refusal, units
from test_ws_api import SUBSCRIBE, WsApi

checks = Checks()

SYMBOL = "ETHUSDT"
TRIGGERED = "Order would trigger immediately."
KINDS = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


class Session(Trading):
    def __init__(self, server):
        super().__init__(server, {"USDT": "10000000", "ETH": "1000"}, ("alice", "bob", "maker"))
        self.alice, self.bob, self.maker = self.traders

    def clear(self):
        super().clear()
        self.trade("2000")

    def trade(self, price, symbol=SYMBOL, quantity="0.01"):
        """One trade at the price, with an empty book or inside of its spread."""
        self.maker.limit(symbol, "SELL", quantity, price)
        self.maker.limit(symbol, "BUY", quantity, price, tif="IOC")

    def stop(self, trader, side, kind, quantity="0.1", **params):
        """Places one; a limit kind at a price that rests far away unless one is given."""
        if kind.endswith("LIMIT"):
            params = {"timeInForce": "GTC", "price": "1500" if side == "BUY" else "2500", **params}
        return trader.order(SYMBOL, side, kind, quantity=quantity, **params)


def above(side, kind):
    return kind.startswith("STOP_LOSS") == (side == "BUY")


def refused(code, msg, function, *args, **named):
    error = refusal(function, *args, **named)
    eq((error.status, error.code, error.msg), (400, code, msg), "refused")


def state(trader, order):
    shown = trader.query(SYMBOL, orderId=order["orderId"])
    return shown["status"], shown["isWorking"]


@checks
def every_kind_waits_and_is_shown(s):
    for side in ("BUY", "SELL"):
        for kind in KINDS:
            stop = "2100" if above(side, kind) else "1900"
            order = s.stop(s.alice, side, kind, stopPrice=stop, newOrderRespType="RESULT")
            eq((order["status"], order["stopPrice"], order["type"], "workingTime" in order, "icebergQty" in order),
               ("NEW", f"{stop}.00000000", kind, False, False), f"{side} {kind}")
            shown = s.alice.query(SYMBOL, orderId=order["orderId"])
            eq((shown["isWorking"], shown["stopPrice"], shown["timeInForce"]), (False, f"{stop}.00000000", "GTC"), "shown")
            check("workingTime" not in shown and "trailingDelta" not in shown, f"too much in {shown}")
            price = {"STOP_LOSS": stop, "TAKE_PROFIT": stop}.get(kind, "1500")
            margin = 100 if kind.endswith("LIMIT") else 105
            held = units(price) // 1000 * margin if side == "BUY" else units("0.1")
            eq(s.alice.locked("USDT" if side == "BUY" else "ETH"), held, f"held for {side} {kind}")
            gone = s.alice.cancel(SYMBOL, orderId=order["orderId"])
            eq((gone["status"], gone["stopPrice"]), ("CANCELED", f"{stop}.00000000"), "cancelled")
            eq((s.alice.locked("USDT"), s.alice.locked("ETH")), (0, 0), "held behind it")
    eq(s.alice.get("depth", {"symbol": SYMBOL})["bids"], [], "what waits is not in the book")
    ack = s.stop(s.alice, "SELL", "STOP_LOSS", stopPrice="1900")
    eq(set(ack), {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}, "an ACK unless asked")
    info = s.alice.get("exchangeInfo", {"symbol": SYMBOL})["symbols"][0]
    eq((set(KINDS) - set(info["orderTypes"]), info["icebergAllowed"], info["allowTrailingStop"]), (set(), True, True), "info")


@checks
def a_trade_at_the_price_triggers_it_and_no_other(s):
    for side in ("BUY", "SELL"):
        for kind in KINDS:
            up = above(side, kind)
            order = s.stop(s.alice, side, kind, stopPrice="2010" if up else "1990")
            s.trade("2009.99" if up else "1990.01")
            eq(state(s.alice, order), ("NEW", False), f"{side} {kind} before")
            s.trade("2010" if up else "1990")
            limit = kind.endswith("LIMIT")
            eq(state(s.alice, order)[0], "NEW" if limit else "EXPIRED", f"{side} {kind} behind it")
            shown = s.alice.query(SYMBOL, orderId=order["orderId"])
            eq(shown["isWorking"], True, "it worked")
            check(shown["workingTime"] > shown["time"], f"working time of {shown}")
            eq(shown.get("expiryReason"), None if limit else "INSUFFICIENT_LIQUIDITY", "why")
            if limit:
                eq(len(s.alice.get("depth", {"symbol": SYMBOL})["bids" if side == "BUY" else "asks"]), 1, "in the book")
            s.clear()


@checks
def a_market_order_takes_what_is_there_within_its_hold(s):
    s.maker.limit(SYMBOL, "SELL", "0.04", "2020")
    s.maker.limit(SYMBOL, "SELL", "0.04", "2030")
    s.maker.limit(SYMBOL, "SELL", "1", "9000")
    order = s.stop(s.alice, "BUY", "STOP_LOSS", stopPrice="2010")  # holds 211.05
    s.trade("2010")
    shown = s.alice.query(SYMBOL, orderId=order["orderId"])
    eq((shown["status"], shown["executedQty"]), ("EXPIRED", "0.08540000"), "as far as the hold goes")
    eq(s.alice.locked("USDT"), 0, "held")
    done = s.stop(s.alice, "SELL", "STOP_LOSS", quantity="0.05", stopPrice="1900")
    s.maker.limit(SYMBOL, "BUY", "1", "1880")
    s.trade("1900")
    eq(state(s.alice, done)[0], "FILLED", "sold")


@checks
def a_stop_that_is_met_already_is_refused(s):
    before = s.alice.balances()
    for side in ("BUY", "SELL"):
        for kind in KINDS:
            for stop in ("2000", "1999.99" if above(side, kind) else "2000.01"):
                refused(-2010, TRIGGERED, s.stop, s.alice, side, kind, stopPrice=stop)
    eq((s.alice.balances(), s.alice.open_orders()), (before, []), "nothing is left of them")


@checks
def what_cannot_be_is_refused(s):
    unwanted = "Parameter '%s' sent when not required."
    neither = "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!"
    for kind in KINDS:
        refused(-1102, neither, s.stop, s.alice, "SELL", kind)
        refused(-1106, unwanted % "quoteOrderQty", s.stop, s.alice, "SELL", kind, stopPrice="1900", quoteOrderQty="10")
        refused(-1013, "Invalid stopPrice.", s.stop, s.alice, "SELL", kind, stopPrice="0")
        refused(-1013, "Filter failure: PRICE_FILTER", s.stop, s.alice, "SELL", kind, stopPrice="1900.001")
        for delta in ("0", "9", "2001", "10000", "70000"):
            refused(-1013, "Filter failure: TRAILING_DELTA", s.stop, s.alice, "SELL", kind, trailingDelta=delta)
        refused(-1100, "Illegal characters found in parameter 'trailingDelta'; legal range is '^[0-9]{1,20}$'.", s.stop,
                s.alice, "SELL", kind, trailingDelta="1.5")
    for name, value in (("price", "1"), ("timeInForce", "GTC"), ("icebergQty", "0.01")):
        refused(-1106, unwanted % name, s.stop, s.alice, "SELL", "STOP_LOSS", stopPrice="1900", **{name: value})
    refused(-2010, "Account has insufficient balance for requested action.", s.stop, s.alice, "BUY", "STOP_LOSS",
            quantity="5000", stopPrice="2001")
    refused(-2010, "IcebergQty exceeds QTY.", s.alice.limit, SYMBOL, "BUY", "1", "1900", icebergQty="1.1")
    refused(-1013, "Invalid icebergQty.", s.alice.limit, SYMBOL, "BUY", "1", "1900", icebergQty="0")
    refused(-1013, "Filter failure: LOT_SIZE", s.alice.limit, SYMBOL, "BUY", "1", "1900", icebergQty="0.10001")
    refused(-1013, "Filter failure: ICEBERG_PARTS", s.alice.limit, SYMBOL, "BUY", "1", "1900", icebergQty="0.0999")
    refused(-1106, unwanted % "icebergQty", s.alice.limit, SYMBOL, "BUY", "1", "1900", tif="IOC", icebergQty="0.5")
    for i in range(5):
        s.stop(s.alice, "SELL", "STOP_LOSS", stopPrice="1900")
    refused(-1013, "Filter failure: MAX_NUM_ALGO_ORDERS", s.stop, s.alice, "SELL", "STOP_LOSS", stopPrice="1900")
    s.alice.limit(SYMBOL, "BUY", "1", "1000")


@checks
def one_that_trails_fires_when_the_price_turns(s):
    """The scenarios of Binance's FAQ, a twentieth as high."""
    for side, kind, params, quiet, fires in (
            ("BUY", "STOP_LOSS_LIMIT", {"stopPrice": "2200", "trailingDelta": "500"},
             ("1850", "2200", "2250", "2300", "2100", "2204.99"), "2205"),
            ("SELL", "STOP_LOSS_LIMIT", {"stopPrice": "1950", "trailingDelta": "1000"},
             ("2075", "1950", "1850", "2050", "1845.01"), "1845"),
            ("BUY", "TAKE_PROFIT_LIMIT", {"stopPrice": "1900", "trailingDelta": "850"},
             ("2100", "1900", "1850", "1950", "1900", "2007.24"), "2007.25"),
            ("SELL", "TAKE_PROFIT_LIMIT", {"stopPrice": "2100", "trailingDelta": "750"},
             ("2075", "1950", "2100", "2250", "2200", "2325", "2150.63"), "2150.62"),
            ("SELL", "STOP_LOSS_LIMIT", {"trailingDelta": "700"}, ("2100", "1975", "2275", "2115.76"), "2115.75")):
        s.trade("2000")
        order = s.stop(s.alice, side, kind, newOrderRespType="RESULT", **params)
        delta, since = order["trailingDelta"], order["trailingTime"]
        eq((delta, since == -1), (int(params["trailingDelta"]), "stopPrice" in params), "shown")
        for price in quiet:
            s.trade(price)
            eq(state(s.alice, order), ("NEW", False), f"{side} {kind} at {price}")
        s.restart()
        s.trade(fires)
        eq(state(s.alice, order), ("NEW", True), f"{side} {kind} at {fires}")
        s.clear()


@checks
def one_trade_fires_many_in_the_order_of_their_prices(s):
    orders = [s.stop(trader, "BUY", "STOP_LOSS", quantity="0.01", stopPrice=stop)
              for trader, stop in ((s.alice, "2030"), (s.bob, "2010"), (s.alice, "2010"), (s.bob, "2020"))]
    s.maker.limit(SYMBOL, "SELL", "0.01", "2050")
    s.maker.limit(SYMBOL, "SELL", "0.01", "2051")
    s.maker.limit(SYMBOL, "SELL", "0.01", "2052")
    s.maker.limit(SYMBOL, "SELL", "0.01", "2053")
    s.maker.limit(SYMBOL, "SELL", "0.01", "2054")
    s.maker.order(SYMBOL, "BUY", "MARKET", quantity="0.01")
    paid = [trader.query(SYMBOL, orderId=order["orderId"])["cummulativeQuoteQty"]
            for trader, order in zip((s.alice, s.bob, s.alice, s.bob), orders)]
    eq(paid, ["20.54000000", "20.51000000", "20.52000000", "20.53000000"], "who traded first")


@checks
def a_cascade_goes_on_until_nothing_fires(s):
    orders = []
    for price in range(1990, 1890, -10):
        s.maker.limit(SYMBOL, "BUY", "0.01", str(price - 10))
    for i, price in enumerate(range(1990, 1940, -10)):
        orders.append(s.stop(s.alice, "SELL", "STOP_LOSS", quantity="0.01", stopPrice=str(price)))
    s.bob.limit(SYMBOL, "BUY", "0.01", "1990")
    s.maker.order(SYMBOL, "SELL", "MARKET", quantity="0.01")
    eq([state(s.alice, order)[0] for order in orders], ["FILLED"] * 5, "all of them")
    eq(s.alice.get("ticker/price", {"symbol": SYMBOL})["price"], "1940.00000000", "the last one's price")


@checks
def an_iceberg_shows_a_part_at_a_time(s):
    order = s.alice.limit(SYMBOL, "SELL", "1", "2010", icebergQty="0.3", newOrderRespType="RESULT")
    eq((order["icebergQty"], order["origQty"], s.alice.locked("ETH")), ("0.30000000", "1.00000000", units("1")), "placed")
    s.bob.limit(SYMBOL, "SELL", "0.2", "2010")

    def asks():
        return [quantity for _, quantity in s.alice.get("depth", {"symbol": SYMBOL})["asks"]]

    eq(asks(), ["0.50000000"], "what shows")
    s.maker.order(SYMBOL, "BUY", "MARKET", quantity="0.4")  # 0.3 of the iceberg, then 0.1 of who is behind it
    eq(asks(), ["0.40000000"], "the next part")
    eq(s.alice.query(SYMBOL, orderId=order["orderId"])["executedQty"], "0.30000000", "executed")
    s.restart()
    eq(asks(), ["0.40000000"], "behind a kill")
    s.maker.order(SYMBOL, "BUY", "MARKET", quantity="0.2")  # 0.1 of bob's, 0.1 of the part
    eq((asks(), s.bob.open_orders()), (["0.20000000"], []), "it stood behind")
    fok = s.maker.limit(SYMBOL, "BUY", "0.6", "2010", tif="FOK")
    eq((fok["status"], len(fok["fills"])), ("FILLED", 3), "a FOK takes what does not show")
    eq(s.alice.query(SYMBOL, orderId=order["orderId"])["status"], "FILLED", "all of it")
    done = s.alice.limit(SYMBOL, "SELL", "1", "2010", icebergQty="0.5")
    s.maker.order(SYMBOL, "BUY", "MARKET", quantity="0.1")
    eq((s.alice.cancel(SYMBOL, orderId=done["orderId"])["executedQty"], asks(), s.alice.locked("ETH")),
       ("0.10000000", [], 0), "cancelled")


@checks
def one_takes_the_place_of_another(s):
    limit = s.alice.limit(SYMBOL, "BUY", "0.5", "1900")

    def replace(old, kind, **params):
        return s.alice.call("POST", "/api/v3/order/cancelReplace",
                            {"symbol": SYMBOL, "side": "BUY", "type": kind, "cancelReplaceMode": "STOP_ON_FAILURE",
                             "cancelOrderId": old["orderId"], "newOrderRespType": "RESULT", **params})["newOrderResponse"]

    stop = replace(limit, "STOP_LOSS", quantity="0.1", stopPrice="2100")
    eq((stop["status"], s.alice.locked("USDT")), ("NEW", units("220.5")), "a stop in place of a limit")
    other = replace(stop, "STOP_LOSS_LIMIT", timeInForce="GTC", quantity="0.1", price="2150", stopPrice="2100")
    eq((other["stopPrice"], s.alice.locked("USDT")), ("2100.00000000", units("215")), "another in its place")
    again = replace(other, "LIMIT", timeInForce="GTC", quantity="0.1", price="1500", icebergQty="0.05")
    eq((again["icebergQty"], s.alice.locked("USDT")), ("0.05000000", units("150")), "an iceberg in its place")
    s.trade("2100")
    eq(state(s.alice, again), ("NEW", True), "and nothing fires")


@checks
def a_watcher_is_told_that_it_waits_works_and_trades(s):
    ws = WsApi(s.server.public)

    def reports(count):
        told = []
        while len(told) < count:
            event = ws.event()["event"]
            if event["e"] == "executionReport":
                told.append(event)
        return told

    try:
        ws.result(SUBSCRIBE, {}, s.alice)
        s.maker.limit(SYMBOL, "SELL", "0.1", "2020")
        order = s.stop(s.alice, "BUY", "STOP_LOSS_LIMIT", price="2020", stopPrice="2010")
        s.trade("2010")
        told = reports(3)
        eq([(e["x"], e["X"], e["w"], e["P"], "W" in e) for e in told],
           [("NEW", "NEW", False, "2010.00000000", False), ("NEW", "NEW", True, "2010.00000000", True),
            ("TRADE", "FILLED", False, "2010.00000000", True)], "told")
        eq({e["i"] for e in told}, {order["orderId"]}, "of one order")
        s.alice.limit(SYMBOL, "SELL", "1", "2500", icebergQty="0.5")
        eq(reports(1)[0]["F"], "0.50000000", "an iceberg")
        s.stop(s.alice, "SELL", "STOP_LOSS", trailingDelta="100")
        event = reports(1)[0]
        eq((event["d"], event["D"] == event["O"]), (100, True), "one that trails")
    finally:
        ws.close()


@checks
def they_outlive_a_kill_between_any_two_steps(s):
    s.maker.limit(SYMBOL, "SELL", "0.2", "2020")
    order = s.stop(s.alice, "BUY", "STOP_LOSS_LIMIT", quantity="0.3", price="2020", stopPrice="2010")
    for step, wanted in ((None, ("NEW", False)), ("2010", ("PARTIALLY_FILLED", True))):
        if step:
            s.trade(step)
        s.restart()
        eq(state(s.alice, order), wanted, f"behind {step}")
        eq(s.alice.locked("USDT"), units("606") if not step else units("202"), "held")
    s.alice.cancel(SYMBOL, orderId=order["orderId"])
    s.restart()
    kept = [o for o in s.alice.get("allOrders", {"symbol": SYMBOL}, signed=True) if o["orderId"] == order["orderId"]]
    eq([(o["status"], o["stopPrice"], o["executedQty"], o["isWorking"]) for o in kept],
       [("CANCELED", "2010.00000000", "0.20000000", True)], "done")
    eq(s.alice.locked("USDT"), 0, "held")


def main():
    with Server() as server:
        session = Session(server)
        checks.run(session, before=session.clear)
        checks.one("money is conserved", lambda: conserved(session.admin.audit()))
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
