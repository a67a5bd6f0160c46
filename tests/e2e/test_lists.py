#!/usr/bin/python3
"""Lists of orders: OCO, OTO, OTOCO and the older order/oco.

Goal: a list is placed, shown, told, filled, cancelled and kept as on Binance; its money is held once; it lives and dies
as one, also with a kill -9 between any two steps.
Method: traders over REST, a watcher over the WebSocket API; a third trader makes the prices.
usage: test_lists.py
"""
import sys

from castle_client import Checks, Server, Trading, check, conserved, eq, refusal, units
from test_ws_api import SUBSCRIBE, WsApi

checks = Checks()

SYMBOL = "ETHUSDT"
OPEN = ("EXEC_STARTED", "EXECUTING")
DONE = ("ALL_DONE", "ALL_DONE")
PAIR = {"SELL": {"aboveType": "LIMIT_MAKER", "abovePrice": "2100", "belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "1900",
                 "belowPrice": "1890", "belowTimeInForce": "GTC"},
        "BUY": {"belowType": "LIMIT_MAKER", "belowPrice": "1900", "aboveType": "STOP_LOSS_LIMIT", "aboveStopPrice": "2100",
                "abovePrice": "2110", "aboveTimeInForce": "GTC"}}
PENDING_PAIR = {"pending" + name[0].upper() + name[1:]: value for name, value in PAIR["SELL"].items()}


class Session(Trading):
    def __init__(self, server):
        super().__init__(server, {"USDT": "10000000", "ETH": "1000"}, ("alice", "bob", "maker"))
        self.alice, self.bob, self.maker = self.traders

    def clear(self):
        super().clear()
        eq([trader.get("openOrderList", signed=True) for trader in self.traders], [[], [], []], "lists after cancelling all")
        eq((self.alice.locked("USDT"), self.alice.locked("ETH")), (0, 0), "held after cancelling all")
        self.trade("2000")

    def trade(self, price, quantity="0.01"):
        """One trade at the price, inside of the spread."""
        self.maker.limit(SYMBOL, "SELL", quantity, price)
        self.maker.limit(SYMBOL, "BUY", quantity, price, tif="IOC")

    def place(self, kind, trader=None, **params):
        return (trader or self.alice).call("POST", f"/api/v3/orderList/{kind}", {"symbol": SYMBOL, **params})

    def oco(self, side, trader=None, quantity="0.5", **params):
        return self.place("oco", trader, side=side, quantity=quantity, **{**PAIR[side], **params})

    def oto(self, trader=None, **params):
        return self.place("oto", trader, **{"workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "1950",
                                            "workingQuantity": "0.5", "workingTimeInForce": "GTC", "pendingType": "LIMIT",
                                            "pendingSide": "SELL", "pendingQuantity": "0.5", "pendingPrice": "2200",
                                            "pendingTimeInForce": "GTC", **params})

    def otoco(self, trader=None, **params):
        return self.place("otoco", trader, **{"workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "1950",
                                              "workingQuantity": "0.5", "workingTimeInForce": "GTC", "pendingSide": "SELL",
                                              "pendingQuantity": "0.5", **PENDING_PAIR, **params})

    def list(self, made):
        return self.alice.get("orderList", {"orderListId": made["orderListId"]}, signed=True)

    def states(self, made, *fields):
        """Of each order of the list, in order: the status, and what else is asked for."""
        shown = [self.alice.query(SYMBOL, orderId=order["orderId"]) for order in made["orders"]]
        eq({order["orderListId"] for order in shown}, {made["orderListId"]}, "orderListId of its orders")
        return [tuple(order.get(field) for field in ("status", *fields)) if fields else order["status"] for order in shown]

    def await_states(self, made, *wanted):
        """A second phase begins behind the answer that fills the working order."""
        for _ in range(1000):
            if self.states(made) == list(wanted):
                return
        eq(self.states(made), list(wanted), "states")


def status(made):
    return made["listStatusType"], made["listOrderStatus"]


def refused(code, msg, function, *args, **named):
    error = refusal(function, *args, **named)
    eq((error.status, error.code, error.msg), (400, code, msg), "refused")


# ---- OCO ----

@checks
def an_oco_is_placed_with_one_hold_and_shown(s):
    for side, asset, held in (("SELL", "ETH", units("0.5")), ("BUY", "USDT", units("1055"))):  # 2110 is the dearer one
        made = s.oco(side, listClientOrderId=f"list-{side}", aboveClientOrderId=f"a-{side}", belowClientOrderId=f"b-{side}")
        stop, other = ("b", "a") if side == "SELL" else ("a", "b")
        eq((made["contingencyType"], *status(made), made["listClientOrderId"], made["symbol"]),
           ("OCO", *OPEN, f"list-{side}", SYMBOL), "the list")
        eq([order["clientOrderId"] for order in made["orders"]], [f"{stop}-{side}", f"{other}-{side}"], "the stop-loss leg first")
        eq([(r["orderId"], r["type"], r["status"], r["side"], r["orderListId"]) for r in made["orderReports"]],
           [(made["orders"][0]["orderId"], "STOP_LOSS_LIMIT", "NEW", side, made["orderListId"]),
            (made["orders"][0]["orderId"] + 1, "LIMIT_MAKER", "NEW", side, made["orderListId"])], "reports")
        eq(s.alice.locked(asset), held, "one hold, of the leg that needs more")
        eq(s.states(made, "isWorking"), [("NEW", False), ("NEW", True)], "the stop waits, the other one works")
        eq([row["orderListId"] for row in s.alice.get("openOrderList", signed=True)], [made["orderListId"]], "open lists")
        shown = s.list(made)
        eq(shown, {key: made[key] for key in made if key != "orderReports"}, "queried by id")
        eq(s.alice.get("orderList", {"origClientOrderId": f"list-{side}"}, signed=True), shown, "queried by client id")
        gone = s.alice.call("DELETE", "/api/v3/orderList", {"symbol": SYMBOL, "orderListId": made["orderListId"]})
        eq((status(gone), {r["status"] for r in gone["orderReports"]}), (DONE, {"CANCELED"}), "cancelled")
        eq((s.alice.locked(asset), status(s.list(made))), (0, DONE), "behind it")
    conserved(s.admin.audit())


@checks
def the_first_trade_of_one_leg_ends_the_other(s):
    made = s.oco("SELL")
    s.bob.limit(SYMBOL, "BUY", "0.2", "2100")
    eq(s.states(made, "executedQty", "expiryReason"),
       [("EXPIRED", "0.00000000", "OCO_TRIGGER"), ("PARTIALLY_FILLED", "0.20000000", None)], "a part")
    eq((status(s.list(made)), s.alice.locked("ETH")), (OPEN, units("0.3")), "what is left works on")
    s.bob.limit(SYMBOL, "BUY", "0.3", "2100")
    eq((status(s.list(made)), s.alice.locked("ETH"), s.states(made)), (DONE, 0, ["EXPIRED", "FILLED"]), "filled")
    rows = s.alice.trades(SYMBOL, limit=2)
    eq({row["orderListId"] for row in rows}, {made["orderListId"]}, "orderListId of its trades")
    conserved(s.admin.audit())


@checks
def the_trigger_of_one_leg_ends_the_other(s):
    for side, price, held in (("SELL", "1900", ("ETH", units("0.5"))), ("BUY", "2100", ("USDT", units("1055")))):
        s.clear()
        made = s.oco(side, **({"belowPrice": "2050"} if side == "SELL" else {"abovePrice": "1950", "belowPrice": "1940"}))
        s.trade(price)
        eq(s.states(made, "isWorking"), [("NEW", True), ("EXPIRED", True)], f"{side}: triggered")
        eq(s.alice.locked(held[0]), held[1] if side == "SELL" else units("975"), "the hold is the triggered one's")
        eq(status(s.list(made)), OPEN, "one order is open")
    s.clear()
    made = s.oco("SELL", belowType="STOP_LOSS", belowPrice=None, belowTimeInForce=None, trader=s.bob)
    s.maker.limit(SYMBOL, "BUY", "1", "1880")
    s.trade("1900")
    shown = [s.bob.query(SYMBOL, orderId=order["orderId"])["status"] for order in made["orders"]]
    eq(shown, ["FILLED", "EXPIRED"], "a stop at market sells")
    conserved(s.admin.audit())


@checks
def whatever_cancels_one_order_cancels_the_list(s):
    cancels = (lambda made: s.alice.cancel(SYMBOL, orderId=made["orders"][0]["orderId"]),
               lambda made: s.alice.cancel(SYMBOL, origClientOrderId=made["orders"][1]["clientOrderId"]),
               lambda made: s.alice.cancel_all(SYMBOL)[0],
               lambda made: s.alice.call("DELETE", "/api/v3/orderList", {"symbol": SYMBOL,
                                                                         "listClientOrderId": made["listClientOrderId"]}))
    for place in (s.oco, s.oto, s.otoco):
        for cancel in cancels:
            made = place("SELL") if place == s.oco else place()
            gone = cancel(made)
            eq((gone["orderListId"], status(gone), {r["status"] for r in gone["orderReports"]}),
               (made["orderListId"], DONE, {"CANCELED"}), f"{place.__name__} cancelled")
            eq((s.states(made), s.alice.locked("ETH"), s.alice.locked("USDT")), (["CANCELED"] * len(made["orders"]), 0, 0), "all of it")
    single, made = s.alice.limit(SYMBOL, "BUY", "0.1", "1000"), s.oco("BUY")
    answer = s.alice.cancel_all(SYMBOL)
    eq(sorted((row.get("orderId", 0), row["orderListId"]) for row in answer), [(0, made["orderListId"]), (single["orderId"], -1)],
       "openOrders shows an order and a list")
    refused(-2011, "Unknown order list sent.", s.alice.call, "DELETE", "/api/v3/orderList",
            {"symbol": SYMBOL, "orderListId": made["orderListId"]})
    refused(-2018, "Order list does not exist.", s.bob.get, "orderList", {"orderListId": made["orderListId"]}, signed=True)


@checks
def an_order_of_a_list_is_replaced_by_another_one(s):
    made = s.oco("SELL")
    answer = s.alice.call("POST", "/api/v3/order/cancelReplace",
                          {"symbol": SYMBOL, "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "2300",
                           "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": made["orders"][1]["orderId"]})
    eq((answer["cancelResult"], answer["newOrderResult"]), ("SUCCESS", "SUCCESS"), "results")
    eq((answer["cancelResponse"]["orderListId"], answer["newOrderResponse"]["orderListId"]), (made["orderListId"], -1), "answers")
    eq((s.states(made), s.alice.locked("ETH")), (["CANCELED", "CANCELED"], units("0.1")), "the list is gone")


@checks
def the_hold_of_a_list_pays_for_what_takes_its_place(s):
    """All that the account has is in the list."""
    quantity = s.alice.account(omitZeroBalances="true")["balances"]
    quantity = {row["asset"]: row["free"] for row in quantity}["ETH"]
    for leg in (0, 1):
        made = s.oco("SELL", quantity=quantity)
        answer = s.alice.call("POST", "/api/v3/order/cancelReplace",
                              {"symbol": SYMBOL, "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": quantity,
                               "price": "2300", "cancelReplaceMode": "STOP_ON_FAILURE",
                               "cancelOrderId": made["orders"][leg]["orderId"]})
        eq((answer["cancelResult"], answer["newOrderResult"]), ("SUCCESS", "SUCCESS"), "results")
        eq((s.states(made), s.alice.locked("ETH")), (["CANCELED", "CANCELED"], units(quantity)), "the new order has it all")
        s.alice.cancel(SYMBOL, orderId=answer["newOrderResponse"]["orderId"])
        eq(s.alice.locked("ETH"), 0, "and gives it back")


@checks
def a_pending_order_is_not_partially_filled(s):
    made = s.oto()
    refused(-2011, "Order was not canceled due to cancel restrictions.", s.alice.cancel, SYMBOL,
            orderId=made["orders"][1]["orderId"], cancelRestrictions="ONLY_PARTIALLY_FILLED")
    eq(s.states(made), ["NEW", "PENDING_NEW"], "all of it stays")


@checks
def what_an_oco_may_not_be(s):
    relation = "The relationship of the prices for the orders is not correct."
    refused(-2010, relation, s.oco, "SELL", abovePrice="1950")  # not above the last price
    refused(-2010, relation, s.oco, "SELL", belowStopPrice="2050")
    refused(-2010, relation, s.oco, "BUY", belowPrice="2050")
    refused(-2010, "Account has insufficient balance for requested action.", s.oco, "SELL", quantity="2000")
    kept = s.oco("SELL", listClientOrderId="once", aboveClientOrderId="leg")
    refused(-2010, "Duplicate order sent.", s.oco, "SELL", listClientOrderId="once")
    refused(-2010, "Duplicate order sent.", s.oco, "SELL", belowClientOrderId="leg")
    refused(-2010, "Duplicate order sent.", s.oco, "SELL", aboveClientOrderId="two", belowClientOrderId="two")
    refused(-2038, "Order amend is not supported for this order.", s.alice.call, "PUT", "/api/v3/order/amend/keepPriority",
            {"symbol": SYMBOL, "orderId": kept["orders"][1]["orderId"], "newQty": "0.1"})
    eq((s.alice.locked("ETH"), len(s.alice.open_orders())), (units("0.5"), 2), "nothing came of all that")
    s.clear()
    s.maker.limit(SYMBOL, "BUY", "0.1", "2150")
    refused(-2010, "Order would immediately match and take.", s.oco, "SELL", trader=s.bob)


@checks
def the_older_form_makes_the_same_list(s):
    made = s.alice.call("POST", "/api/v3/order/oco", {"symbol": SYMBOL, "side": "SELL", "quantity": "0.5", "price": "2100",
                                                     "stopPrice": "1900", "stopLimitPrice": "1890", "stopLimitTimeInForce": "GTC",
                                                     "limitClientOrderId": "l", "stopClientOrderId": "s"})
    eq([(r["clientOrderId"], r["type"], r["price"]) for r in made["orderReports"]],
       [("s", "STOP_LOSS_LIMIT", "1890.00000000"), ("l", "LIMIT_MAKER", "2100.00000000")], "its orders")


@checks
def filters_count_lists(s):
    s.admin.change_symbol(SYMBOL, {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 2})
    s.oco("SELL"), s.oto()
    refused(-1013, "Filter failure: MAX_NUM_ORDER_LISTS", s.oco, "SELL")
    s.clear()
    s.admin.change_symbol(SYMBOL, {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20})
    s.admin.exchange_filters({"filterType": "EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 1})
    s.oco("SELL")
    refused(-1013, "Filter failure: EXCHANGE_MAX_NUM_ORDER_LISTS", s.otoco)
    s.admin.exchange_filters({"filterType": "EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 0})
    s.admin.change_symbol(SYMBOL, {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 4})
    refused(-1013, "Filter failure: MAX_NUM_ORDERS", s.otoco)  # two are open, and it would be three more
    s.oto()
    s.admin.change_symbol(SYMBOL, {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200})


# ---- OTO, OTOCO ----

@checks
def what_is_pending_holds_nothing_until_the_working_order_is_filled(s):
    made = s.oto()
    eq((made["contingencyType"], status(made)), ("OTO", OPEN), "the list")
    eq([(r["status"], r["side"]) for r in made["orderReports"]], [("NEW", "BUY"), ("PENDING_NEW", "SELL")], "reports")
    eq((s.alice.locked("USDT"), s.alice.locked("ETH")), (units("975"), 0), "held")
    eq(s.states(made, "isWorking"), [("NEW", True), ("PENDING_NEW", False)], "shown")
    s.maker.limit(SYMBOL, "SELL", "0.2", "1950")
    eq((s.states(made), s.alice.locked("ETH")), (["PARTIALLY_FILLED", "PENDING_NEW"], 0), "a part does not place it")
    s.maker.limit(SYMBOL, "SELL", "0.3", "1950")
    s.await_states(made, "FILLED", "NEW")
    eq((s.alice.locked("USDT"), s.alice.locked("ETH")), (0, units("0.5")), "held in the second phase")
    working, pending = (s.alice.query(SYMBOL, orderId=order["orderId"]) for order in made["orders"])
    check(pending["isWorking"] and pending["workingTime"] >= working["updateTime"] >= pending["time"], "it works since then")
    s.bob.limit(SYMBOL, "BUY", "0.5", "2200")
    eq((s.states(made), status(s.list(made))), (["FILLED", "FILLED"], DONE), "both filled")
    conserved(s.admin.audit())


@checks
def a_working_order_that_fills_at_once_places_what_is_pending(s):
    for kind, place in (("LIMIT", {"pendingPrice": "2200", "pendingTimeInForce": "GTC"}),
                        ("LIMIT_MAKER", {"pendingPrice": "2200", "pendingTimeInForce": None}),
                        ("STOP_LOSS", {"pendingStopPrice": "1800", "pendingPrice": None, "pendingTimeInForce": None}),
                        ("TAKE_PROFIT_LIMIT", {"pendingStopPrice": "2300", "pendingPrice": "2290", "pendingTimeInForce": "GTC"}),
                        ("MARKET", {"pendingPrice": None, "pendingTimeInForce": None})):
        s.clear()
        s.maker.limit(SYMBOL, "SELL", "0.5", "1990")
        s.maker.limit(SYMBOL, "BUY", "1", "1000")
        made = s.oto(workingPrice="1990", pendingType=kind, newOrderRespType="FULL", **place)
        eq([(r["status"], [fill["qty"] for fill in r["fills"]]) for r in made["orderReports"]],
           [("FILLED", ["0.50000000"]), ("PENDING_NEW", [])], "the answer")
        s.await_states(made, "FILLED", "FILLED" if kind == "MARKET" else "NEW")
    conserved(s.admin.audit())


@checks
def what_is_pending_ends_with_its_working_order(s):
    for place in (s.oto, s.otoco):
        for tif in ("IOC", "FOK"):
            made = place(workingTimeInForce=tif)
            eq(status(made), DONE, "a list that ends at once")
            eq({(r["status"], r.get("expiryReason")) for r in made["orderReports"][1:]}, {("EXPIRED", "OTO_PHASE_ONE_EXPIRED")}, tif)
            reason = {"IOC": "UNFILLED_IOC_QUANTITY_EXPIRED", "FOK": "UNFILLED_FOK_ORDER_EXPIRED"}[tif]
            eq(made["orderReports"][0]["expiryReason"], reason, "the working order")
            eq(s.states(made), ["EXPIRED"] * len(made["orders"]), "shown")


@checks
def an_otoco_places_a_pair(s):
    made = s.otoco()
    eq(([r["status"] for r in made["orderReports"]], [r["type"] for r in made["orderReports"]], made["contingencyType"]),
       (["NEW", "PENDING_NEW", "PENDING_NEW"], ["LIMIT", "STOP_LOSS_LIMIT", "LIMIT_MAKER"], "OTO"), "reports")
    s.maker.limit(SYMBOL, "SELL", "0.5", "1950")
    s.await_states(made, "FILLED", "NEW", "NEW")
    eq(s.alice.locked("ETH"), units("0.5"), "one hold for both")
    s.bob.limit(SYMBOL, "BUY", "0.5", "2100")
    eq((s.states(made), status(s.list(made)), s.alice.locked("ETH")), (["FILLED", "EXPIRED", "FILLED"], DONE, 0), "the pair")
    conserved(s.admin.audit())


@checks
def what_cannot_be_placed_expires(s):
    s.maker.limit(SYMBOL, "SELL", "0.5", "1950")
    made = s.oto(workingPrice="1950", pendingQuantity="5000")  # more than she has
    s.await_states(made, "FILLED", "EXPIRED")
    eq((status(s.list(made)), s.states(made, "expiryReason")[1][1]), (DONE, "REJECTED"), "done")
    s.maker.limit(SYMBOL, "SELL", "0.5", "1950")
    s.maker.limit(SYMBOL, "BUY", "1", "1900")
    made = s.oto(workingPrice="1950", pendingType="LIMIT_MAKER", pendingPrice="1890", pendingTimeInForce=None)
    s.await_states(made, "FILLED", "EXPIRED")  # the market refuses it
    s.maker.limit(SYMBOL, "SELL", "0.5", "1950")
    made = s.otoco(workingPrice="1950", pendingAbovePrice="1940")  # below the last price
    s.await_states(made, "FILLED", "EXPIRED", "EXPIRED")
    eq((status(s.list(made)), s.alice.locked("ETH")), (DONE, 0), "done, and nothing held")
    conserved(s.admin.audit())


@checks
def a_pending_price_too_far_away_refuses_the_list(s):
    s.admin.change_symbol(SYMBOL, {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "2", "bidMultiplierDown": "0.5",
                                   "askMultiplierUp": "2", "askMultiplierDown": "0.5", "avgPriceMins": 5})
    refused(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", s.oto, pendingPrice="9000")
    refused(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", s.otoco, pendingAbovePrice="9000")
    refused(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", s.oto, workingPrice="100")
    eq((s.alice.open_orders(), s.alice.locked("USDT")), ([], 0), "nothing came of it")
    s.admin.change_symbol(SYMBOL, {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5", "bidMultiplierDown": "0.2",
                                   "askMultiplierUp": "5", "askMultiplierDown": "0.2", "avgPriceMins": 5})


# ---- kept, told, counted ----

@checks
def lists_are_kept_and_found(s):
    ids = [s.oco("SELL")["orderListId"] for _ in range(3)]
    s.alice.cancel_all(SYMBOL)
    rows = s.alice.get("allOrderList", {"fromId": ids[0]}, signed=True)
    eq([row["orderListId"] for row in rows], ids, "from an id")
    eq([row["orderListId"] for row in s.alice.get("allOrderList", {"limit": 2}, signed=True)], ids[1:], "the newest")
    check(all(status(row) == DONE and len(row["orders"]) == 2 for row in rows), f"done: {rows}")
    s.restart()
    eq(s.alice.get("allOrderList", {"fromId": ids[0]}, signed=True), rows, "behind a kill -9")
    eq(s.bob.get("allOrderList", {"fromId": ids[0]}, signed=True), [], "of nobody else")


@checks
def what_is_told(s):
    ws = WsApi(s.server.public)

    def told(count):
        """The next reports and lists."""
        events = []
        while len(events) < count:
            event = ws.event()["event"]
            if event["e"] == "executionReport":
                eq(event["g"], made["orderListId"], "the list of a report")
                events.append((event["c"], event["x"], event["X"], event["r"]))
            elif event["e"] == "listStatus":
                eq((event["s"], event["g"], event["C"], event["r"], [order["c"] for order in event["O"]]),
                   (SYMBOL, made["orderListId"], "list", "NONE", [order["clientOrderId"] for order in made["orders"]]), "listStatus")
                events.append((event["c"], event["l"], event["L"]))
        return events

    try:
        ws.result(SUBSCRIBE, {}, s.alice)
        made = s.oco("SELL", listClientOrderId="list", belowClientOrderId="stop", aboveClientOrderId="limit")
        eq(told(3), [("stop", "NEW", "NEW", "NONE"), ("limit", "NEW", "NEW", "NONE"), ("OCO", *OPEN)], "an OCO begins")
        s.bob.limit(SYMBOL, "BUY", "0.5", "2100")
        eq(told(3), [("limit", "TRADE", "FILLED", "NONE"), ("stop", "EXPIRED", "EXPIRED", "NONE"), ("OCO", *DONE)], "and is done")
        made = s.oto(listClientOrderId="list", workingClientOrderId="first", pendingClientOrderId="second", pendingQuantity="5000")
        eq(told(3), [("first", "NEW", "NEW", "NONE"), ("second", "NEW", "PENDING_NEW", "NONE"), ("OTO", *OPEN)], "an OTO begins")
        s.maker.limit(SYMBOL, "SELL", "0.5", "1950")
        eq(told(3), [("first", "TRADE", "FILLED", "NONE"), ("second", "EXPIRED", "EXPIRED", "INSUFFICIENT_BALANCES"),
                     ("OTO", *DONE)], "and cannot go on")
        made = s.otoco(listClientOrderId="list", workingClientOrderId="w", pendingAbovePrice="1940")
        eq(told(4)[3], ("OTO", *OPEN), "an OTOCO begins whose pair will be on one side of the last price")
        s.maker.limit(SYMBOL, "SELL", "0.5", "1950")
        eq([one[1:] for one in told(4)[1:]], [("EXPIRED", "EXPIRED", "OCO_BAD_PRICES")] * 2 + [DONE], "and cannot go on")
        made = s.otoco(listClientOrderId="list", workingClientOrderId="w", pendingBelowClientOrderId="b", pendingAboveClientOrderId="a")
        eq(told(4)[3], ("OTO", *OPEN), "an OTOCO begins")
        s.maker.limit(SYMBOL, "SELL", "0.5", "1950")
        eq(told(3), [("w", "TRADE", "FILLED", "NONE"), ("b", "NEW", "NEW", "NONE"), ("a", "NEW", "NEW", "NONE")], "and goes on")
        s.alice.call("DELETE", "/api/v3/orderList", {"symbol": SYMBOL, "listClientOrderId": "list", "newClientOrderId": "gone"})
        eq(told(3), [("gone", "CANCELED", "CANCELED", "NONE"), ("gone", "CANCELED", "CANCELED", "NONE"), ("OTO", *DONE)], "and is cancelled")
        made = s.otoco(listClientOrderId="list")
        eq(told(4)[3], ("OTO", *OPEN), "an OTOCO begins whose working order is replaced by one without funds")
        error = refusal(s.alice.call, "POST", "/api/v3/order/cancelReplace",
                        {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "8999", "price": "2000",
                         "cancelReplaceMode": "STOP_ON_FAILURE", "cancelNewClientOrderId": "gone", "newClientOrderId": "dear",
                         "cancelOrderId": made["orders"][0]["orderId"]})
        eq((error.status, error.code), (409, -2021), "its answer")
        gone, events = ("gone", "CANCELED", "CANCELED", "NONE"), []
        while len(events) < 5:
            event = ws.event()["event"]
            if event["e"] == "executionReport":
                events.append((event["c"], event["x"], event["X"], event["r"]))
            elif event["e"] == "listStatus":
                events.append((event["c"], event["l"], event["L"]))
        eq(events, [gone, ("dear", "REJECTED", "REJECTED", "INSUFFICIENT_BALANCES"), gone, gone, ("OTO", *DONE)], "told once each")
        made = s.oco("SELL", listClientOrderId="list", belowClientOrderId="stop", aboveClientOrderId="limit")
        eq(told(3)[2], ("OCO", *OPEN), "an OCO begins of which an order is replaced")
        s.alice.call("POST", "/api/v3/order/cancelReplace",
                     {"symbol": SYMBOL, "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "2300",
                      "cancelReplaceMode": "STOP_ON_FAILURE", "cancelNewClientOrderId": "gone", "cancelOrigClientOrderId": "limit"})
        eq(told(3), [gone, gone, ("OCO", *DONE)], "both tell the cancel's id")
    finally:
        ws.close()


@checks
def a_working_order_is_amended_and_its_list_told(s):
    ws = WsApi(s.server.public)
    try:
        ws.result(SUBSCRIBE, {}, s.alice)
        made = s.oto(listClientOrderId="list", workingClientOrderId="first", pendingClientOrderId="second")
        s.alice.call("PUT", "/api/v3/order/amend/keepPriority",
                     {"symbol": SYMBOL, "orderId": made["orders"][0]["orderId"], "newQty": "0.45", "newClientOrderId": "first"})
        while (event := ws.event()["event"]).get("x") != "REPLACED":
            pass
        eq(ws.event()["event"]["e"], "outboundAccountPosition", "the list's ids are the same: it is not told")
        answer = s.alice.call("PUT", "/api/v3/order/amend/keepPriority",
                              {"symbol": SYMBOL, "orderId": made["orders"][0]["orderId"], "newQty": "0.4", "newClientOrderId": "third"})
        shown = answer["listStatus"]
        eq((answer["amendedOrder"]["orderListId"], shown["orderListId"], shown["contingencyType"], shown["listOrderStatus"],
            [order["clientOrderId"] for order in shown["orders"]]),
           (made["orderListId"], made["orderListId"], "OTO", "EXECUTING", ["third", "second"]), "the answer")
        while (event := ws.event()["event"]).get("l") != "UPDATED":
            pass
        eq((event["e"], event["L"], [order["c"] for order in event["O"]]), ("listStatus", "EXECUTING", ["third", "second"]), "told")
        refused(-2038, "Order amend is not supported for this order.", s.alice.call, "PUT", "/api/v3/order/amend/keepPriority",
                {"symbol": SYMBOL, "orderId": made["orders"][1]["orderId"], "newQty": "0.1"})
        eq(s.list(made)["orders"][0]["clientOrderId"], "third", "queried")
        s.maker.limit(SYMBOL, "SELL", "0.4", "1950")
        s.await_states(made, "FILLED", "NEW")
    finally:
        ws.close()


@checks
def the_websocket_api_does_the_same(s):
    ws = WsApi(s.server.public)
    try:
        made = ws.result("orderList.place.oco", {"symbol": SYMBOL, "side": "SELL", "quantity": "0.5", **PAIR["SELL"]}, s.alice)
        eq(status(made), OPEN, "placed")
        shown = ws.result("orderList.status", {"orderListId": made["orderListId"]}, s.alice)
        eq(ws.result("orderList.status", {"origClientOrderId": made["listClientOrderId"], "recvWindow": "5000"}, s.alice), shown, "by its name")
        eq(ws.result("openOrderLists.status", {}, s.alice), [shown], "open")
        gone = ws.result("orderList.cancel", {"symbol": SYMBOL, "orderListId": made["orderListId"]}, s.alice)
        eq(status(gone), DONE, "cancelled")
        eq(ws.result("allOrderLists", {"fromId": made["orderListId"]}, s.alice)[0]["orderListId"], made["orderListId"], "all")
        made = ws.result("orderList.place.oto", {"symbol": SYMBOL, "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "1950",
                                                 "workingQuantity": "0.5", "workingTimeInForce": "GTC", "pendingType": "MARKET",
                                                 "pendingSide": "SELL", "pendingQuantity": "0.5"}, s.alice)
        eq(made["orderReports"][1]["status"], "PENDING_NEW", "an OTO")
        made = ws.result("orderList.place.otoco", {"symbol": SYMBOL, "workingType": "LIMIT", "workingSide": "BUY",
                                                   "workingPrice": "1950", "workingQuantity": "0.5", "workingTimeInForce": "GTC",
                                                   "pendingSide": "SELL", "pendingQuantity": "0.5", **PENDING_PAIR}, s.alice)
        eq(len(made["orders"]), 3, "an OTOCO")
        made = ws.result("orderList.place", {"symbol": SYMBOL, "side": "SELL", "quantity": "0.5", "price": "2100",
                                             "stopPrice": "1900"}, s.alice)
        eq(made["orderReports"][0]["type"], "STOP_LOSS", "the older form")
    finally:
        ws.close()


@checks
def lists_outlive_a_kill_between_any_two_steps(s):
    def step(made, wanted, what=None, *args, **named):
        if what:
            what(*args, **named)
        s.await_states(made, *wanted)
        before = s.list(made), s.alice.balances()
        s.restart()
        eq((s.states(made), s.list(made), s.alice.balances()), (list(wanted), *before), f"behind a kill at {wanted}")
        conserved(s.admin.audit())

    oco = s.oco("SELL")
    step(oco, ["NEW", "NEW"])
    step(oco, ["EXPIRED", "PARTIALLY_FILLED"], s.bob.limit, SYMBOL, "BUY", "0.2", "2100")
    step(oco, ["EXPIRED", "FILLED"], s.bob.limit, SYMBOL, "BUY", "0.3", "2100")
    s.trade("2000")
    oco = s.oco("SELL", belowPrice="2050")
    step(oco, ["NEW", "EXPIRED"], s.trade, "1900")
    step(oco, ["CANCELED", "EXPIRED"], s.alice.cancel, SYMBOL, orderId=oco["orders"][0]["orderId"])
    s.trade("2000")
    oto = s.otoco()
    step(oto, ["NEW", "PENDING_NEW", "PENDING_NEW"])
    step(oto, ["PARTIALLY_FILLED", "PENDING_NEW", "PENDING_NEW"], s.maker.limit, SYMBOL, "SELL", "0.2", "1950")
    step(oto, ["FILLED", "NEW", "NEW"], s.maker.limit, SYMBOL, "SELL", "0.3", "1950")
    step(oto, ["FILLED", "EXPIRED", "FILLED"], s.bob.limit, SYMBOL, "BUY", "0.5", "2100")
    oto = s.oto()
    step(oto, ["CANCELED", "CANCELED"], s.alice.cancel_all, SYMBOL)


def orders_kept_no_more_are_not_reported():
    """Of a list that ends an account that keeps one order reports that one; all of the list's ids are there."""
    with Server("--done-orders", "1") as server:
        s = Session(server)
        s.clear()
        for place in (s.oto, s.otoco):
            made = place()
            gone = s.alice.call("DELETE", "/api/v3/orderList", {"symbol": SYMBOL, "orderListId": made["orderListId"]})
            eq(gone["orders"], made["orders"], "its orders")
            eq([(row["status"], row["orderId"]) for row in gone["orderReports"]], [("CANCELED", made["orders"][-1]["orderId"])],
               "what is reported")


def main():
    with Server() as server:
        session = Session(server)
        checks.run(session, before=session.clear)
        checks.one("money is conserved", lambda: conserved(session.admin.audit()))
    checks.one("orders kept no more are not reported", orders_kept_no_more_are_not_reported)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
